/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One route as rtnetlink tells it (RTM_NEWROUTE, RTM_DELROUTE), and whether it counts. */
#ifndef STUBSIEVE_ROUTE_H
#define STUBSIEVE_ROUTE_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "prefix.h"

struct route {
	struct prefix destination; /* its family is the route's */
	uint32_t table;
	uint32_t priority; /* the metric; 0 if the message has none */
	uint32_t flags;    /* RTM_F_*, RTNH_F_* */
	uint8_t type;      /* RTN_* */
	uint8_t protocol;  /* RTPROT_* */
	uint8_t tos;
	uint8_t source_length; /* bits of the source prefix, 0 if any source */

	/*
	 * The first leg that is alive on a device that counts. Without such a leg, or where type and
	 * destination say already that the route does not count, `live` is false and the rest is 0. A route
	 * that names nothing but a nexthop object (sysctl net.ipv4.nexthop_compat_mode=0) is taken for alive,
	 * with ifindex 0: in doubt, pass.
	 */
	bool live;
	bool has_via;
	uint8_t via_family;              /* enum sieve_family; IPv4 routes can have an IPv6 router */
	uint8_t via[PREFIX_ADDRESS_MAX]; /* network byte order */
	uint32_t ifindex;
	uint32_t nexthop_id; /* the route's nexthop object, 0 if none */

	/* The first leg that would be such a one, if its device were not DEVICE_IGNORED; 0: none. */
	uint32_t ignored_ifindex;
};

/*
 * Decode an RTM_NEWROUTE or RTM_DELROUTE whose nlmsg_len the caller has checked against its buffer.
 * -EBADMSG: cut short, or of impossible content. -EAFNOSUPPORT: neither IPv4 nor IPv6.
 */
int route_decode(const struct nlmsghdr *message, const struct devices *devices, struct route *ret_route);

/*
 * The route is a sign of connectivity: unicast, not cloned, its destination not prefix_is_local(),
 * with a live leg on a device that counts. Any table, metric, TOS and source prefix will do.
 */
bool route_counts(const struct route *route);

/*
 * Its destination is the host's own, and may be an address of others' names: local or anycast, not cloned, not
 * prefix_is_local(). It is no sign of connectivity, but to connect there succeeds.
 */
bool route_is_own(const struct route *route);

/* It would count, if the device ignored_ifindex were not ignored. */
bool route_is_ignored(const struct route *route);

/*
 * Both name the same place in the kernel's tables: destination, table, TOS and metric. A new route
 * can replace, and a delete can remove, only one that is there (IPv6 source prefixes are not
 * compared: a false match costs one dump).
 */
bool route_same_key(const struct route *one, const struct route *other);

bool route_is_default(const struct route *route);

/* `candidate` explains better than `present` why a family has connectivity: shorter prefix, then table main. */
bool route_is_better_witness(const struct route *candidate, const struct route *present);

#endif
