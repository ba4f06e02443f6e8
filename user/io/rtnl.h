/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rtnetlink: hints that something changed, and surveys of what is there. Both work in the network
 * namespace of the calling thread and need no privilege. Functions return 0 or -errno.
 */
#ifndef STUBSIEVE_RTNL_H
#define STUBSIEVE_RTNL_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connectivity.h"

/* A subscription to LINK, IPv4/IPv6 address, route and netconf, and NEXTHOP messages. */
struct rtnl_monitor;

/* The kernel charges a message with the memory it takes, at least 832 bytes (Linux 6.18), and doubles the size. */
int rtnl_monitor_open(int receive_buffer, struct rtnl_monitor **ret_monitor);
void rtnl_monitor_close(struct rtnl_monitor *monitor); /* NULL is fine */
int rtnl_monitor_fd(const struct rtnl_monitor *monitor); /* non-blocking; for poll */

static inline void rtnl_monitor_closep(struct rtnl_monitor **monitor)
{
	rtnl_monitor_close(*monitor);
}

/* The message lives until the callback returns. */
typedef void (*rtnl_message_callback)(const struct nlmsghdr *message, void *data);

/*
 * Drain the socket. Messages that did not come from the kernel are dropped. Returns 0 when it is
 * empty, 1 when the bound of one call was reached and more is waiting, -ENOBUFS when messages were
 * lost (those that are left have been read and passed on as far as the bound allows), else -errno.
 */
int rtnl_monitor_read(struct rtnl_monitor *monitor, rtnl_message_callback callback, void *data);

/* A field that a caller does not know is 0. */
struct rtnl_request {
	/* What the verdict rests on. With detail == false nothing else is looked for. */
	struct connectivity_policy policy;
	/* Interfaces that do not count: names or globs, for config_matches_interface(). */
	char *const *ignored;
	size_t ignored_count;
	/*
	 * Look at every route and address: for `default`, `address` beside `route`, the best
	 * witness, what was ignored. 0.5 s beside a million routes, where the verdict alone takes 0.2 ms.
	 */
	bool detail;
	/* How long the dumps may take, all together; 0: NETLINK_DUMP_SECONDS. */
	uint64_t budget_ns;
};

/*
 * Survey the namespace. Success means a clean survey: every dump that it rests on came whole, or was
 * left at a route or address that settles the matter. -EINTR: the kernel's tables changed meanwhile
 * (NLM_F_DUMP_INTR), -ETIMEDOUT: its dumps took longer than they may.
 */
int rtnl_survey(const struct rtnl_request *request, struct connectivity *ret_connectivity);

/* Which routes a dump is to tell of. */
struct rtnl_route_filter {
	uint8_t type;     /* RTN_*, RTN_UNSPEC: any */
	uint8_t protocol; /* RTPROT_*, RTPROT_UNSPEC: any */
};

/*
 * All routes of one family that the filter is for, counting or not, in parts: the dump stays open between two reads,
 * on a socket of its own that belongs to the namespace in which it was opened, wherever the thread is then. What the
 * request points to has to stay; of its policy nothing matters here.
 */
struct rtnl_routes;

int rtnl_routes_open(const struct rtnl_request *request, enum sieve_family family,
		     const struct rtnl_route_filter *filter, struct rtnl_routes **ret_routes);
void rtnl_routes_close(struct rtnl_routes *routes); /* NULL is fine */

/* Returns 0 to go on, 1 to leave the dump, or -errno. */
typedef int (*rtnl_route_callback)(const struct route *route, void *data);

/*
 * Read for about so long (CPU time). 1: there is more; 0: that was all, or the callback left it; -errno as of
 * rtnl_survey(). A change in the kernel's tables between two reads need not be an error.
 */
int rtnl_routes_read(struct rtnl_routes *routes, uint64_t slice_ns, rtnl_route_callback callback, void *data);

#endif
