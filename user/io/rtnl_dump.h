/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every dump of routes or addresses needs: for rtnl_survey.c and rtnl_routes.c. */
#ifndef STUBSIEVE_RTNL_DUMP_H
#define STUBSIEVE_RTNL_DUMP_H

#include "device.h"
#include "netlink.h"
#include "route.h"
#include "rtnl.h"

/* Devices that are remembered. A power of two; more of them only cost more ioctls. */
#define DEVICES_KNOWN 64

/* The devices of a namespace, as a dump asks for them; the context of struct devices with device_cache_traits(). */
struct device_cache {
	const struct netlink_dumps *dumps;
	const struct rtnl_request *request; /* what is ignored */
	struct {
		uint32_t ifindex;
		unsigned int traits;
	} known[DEVICES_KNOWN];
};

unsigned int device_cache_traits(void *context, uint32_t ifindex);

unsigned char rtnl_address_family(enum sieve_family family);

/* For the routes of one family. The buffer has room for struct rtmsg. */
struct nlmsghdr *rtnl_route_request(void *buffer, enum sieve_family family, const struct rtnl_route_filter *filter);

/*
 * Decode what such a dump says. 1, or 0 for a route of another family, as a kernel without IPv6 answers with: those
 * of every other one. Which types and protocols come has to be looked at likewise.
 */
int rtnl_route_decode(const struct nlmsghdr *message, enum sieve_family family, const struct devices *devices,
		      struct route *ret_route);

/* What a dump came to: a kernel without IPv6 has no routes of it. */
int rtnl_dump_result(enum sieve_family family, int r);

#endif
