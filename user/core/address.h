/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One address as rtnetlink tells it (RTM_NEWADDR, RTM_DELADDR), and whether it counts. */
#ifndef STUBSIEVE_ADDRESS_H
#define STUBSIEVE_ADDRESS_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "prefix.h"

struct address {
	struct prefix host; /* the local address, as a prefix of full length */
	uint32_t ifindex;
	uint32_t flags; /* IFA_F_* */
};

/*
 * Decode an RTM_NEWADDR or RTM_DELADDR whose nlmsg_len the caller has checked against its buffer.
 * -EBADMSG: cut short, or of impossible content. -EAFNOSUPPORT: neither IPv4 nor IPv6.
 */
int address_decode(const struct nlmsghdr *message, struct address *ret_address);

/*
 * The address is a sign of connectivity: its interface is up and counts, the address is not
 * prefix_is_local(), and duplicate address detection has not failed and is over, unless the address
 * may be used meanwhile (RFC 4429). An address on lo counts.
 */
bool address_counts(const struct address *address, const struct devices *devices);

/* It would count, if its interface were not DEVICE_IGNORED. */
bool address_is_ignored(const struct address *address, const struct devices *devices);

#endif
