/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the rules of connectivity need to know of a network device. The caller answers, because only
 * the kernel knows; one answer serves routes and addresses, and interfaces that are configured not
 * to count.
 */
#ifndef STUBSIEVE_DEVICE_H
#define STUBSIEVE_DEVICE_H

#include <stdint.h>

enum device_traits {
	DEVICE_UP = 1 << 0,       /* IFF_UP: addresses count only here */
	DEVICE_LOOPBACK = 1 << 1, /* IFF_LOOPBACK: nexthops here do not count */
	DEVICE_IGNORED = 1 << 2,  /* neither nexthops nor addresses here count */
};

/* The device that a nexthop or an address names is unknown: let it count (in doubt, pass). */
#define DEVICE_UNKNOWN DEVICE_UP

struct devices {
	/* Returns enum device_traits, or-ed; DEVICE_UNKNOWN for a device that is not there. */
	unsigned int (*traits)(void *context, uint32_t ifindex);
	void *context;
};

static inline unsigned int device_traits(const struct devices *devices, uint32_t ifindex)
{
	return devices->traits(devices->context, ifindex);
}

#endif
