/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The network devices of the calling thread's network namespace. */
#ifndef STUBSIEVE_LINKS_H
#define STUBSIEVE_LINKS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link {
	uint32_t ifindex;
	char name[IF_NAMESIZE]; /* without control characters */
	uint16_t type; /* ARPHRD_* */
	bool is_indirect; /* its packets are seen again, or checked for what an answer has not */
};

/*
 * All of them; the array is the caller's to free. 0 or -errno: -EINTR or -ETIMEDOUT if no whole list came within the
 * budget of CPU time (0: NETLINK_DUMP_SECONDS), because devices came and went, or are too many.
 */
int links_list(uint64_t budget_ns, struct link **ret_links, size_t *ret_count);

/*
 * Can an answer be made on this device? Its packets must have an Ethernet header or none, and what is
 * redirected to its ingress must be taken as it is. A VRF device is passed over: the packet is seen again
 * on the device behind it. So are IPsec's devices (xfrm, vti), which take only what came in encrypted, and PPP,
 * whose ingress redirect depends on the kernel.
 */
bool link_is_fit(const struct link *link);

#endif
