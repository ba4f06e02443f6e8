/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All that is received by netlink, from the system call upwards: surveys, routes in parts, links, sockets, and the
 * messages that come by themselves. The input is what is asked (an octet), a policy (another), and the datagrams of
 * netlink.h.
 */
#include "netlink.h"

#include <linux/rtnetlink.h>

#include "connectivity.h"
#include "links.h"
#include "listing.h"
#include "rtnl.h"
#include "server.h"
#include "servers.h"

static char *const ignored[] = { (char[]){ "veth*" } };

static void check_family(const struct connectivity_family *family, enum sieve_family number)
{
	if (!family->route)
		must(!family->has_witness && !family->ra_route && !family->is_default,
		     "something of a route without any");
	if (!family->has_witness)
		return;
	must(family->witness.destination.family == number, "a witness of the other family");
	must(family->witness.type == RTN_UNICAST && !prefix_is_local(&family->witness.destination),
	     "a witness that leads nowhere");
	must(family->witness.ifindex % 8 != 3, "a witness on an interface that does not count");
	must(family->witness.destination.length <= 8 * prefix_address_size(number), "a witness of %u bits",
	     family->witness.destination.length);
}

static int survey(const struct rtnl_request *request, const struct input *input, bool leaves_out_forged,
		  struct connectivity *ret)
{
	struct connectivity untouched;
	int r;

	memset(ret, 0xa5, sizeof(*ret));
	memcpy(&untouched, ret, sizeof(untouched));
	start_kernel(input, leaves_out_forged);
	r = rtnl_survey(request, ret);
	lift_poison();
	must(r <= 0, "the survey returns %d", r);
	if (r < 0)
		must(memcmp(&untouched, ret, sizeof(untouched)) == 0, "a failed survey leaves something behind");
	return r;
}

static bool same_family(const struct connectivity_family *one, const struct connectivity_family *other)
{
	return one->route == other->route && one->address == other->address && one->is_default == other->is_default &&
	       one->ra_route == other->ra_route && one->has_witness == other->has_witness &&
	       one->ignored_ifindex == other->ignored_ifindex &&
	       (!one->has_witness || route_same_key(&one->witness, &other->witness));
}

/* With and without the messages that no kernel sent. */
static void fuzz_survey(const struct input *input, uint8_t policy)
{
	const struct rtnl_request request = {
		.policy = { .detect = policy & 1, .nat64 = (policy >> 1) % 3 },
		.ignored = ignored,
		.ignored_count = policy >> 3 & 1,
		.detail = policy >> 4 & 1,
	};
	enum sieve_connectivity decision[SIEVE_FAMILIES];
	struct connectivity with, without;
	int r = survey(&request, input, false, &with), unforged;

	if (kernel.forged) {
		unforged = survey(&request, input, true, &without);
		must(unforged == r, "a forged message makes a difference: %d, not %d", r, unforged);
		for (int family = 0; r == 0 && family < SIEVE_FAMILIES; family++)
			must(same_family(&with.family[family], &without.family[family]), "a forged message counts");
	}
	if (r < 0)
		return;
	for (int family = 0; request.ignored_count && family < SIEVE_FAMILIES; family++)
		check_family(&with.family[family], family);
	connectivity_decide(&with, &request.policy, decision);
	for (int family = 0; family < SIEVE_FAMILIES; family++)
		if (decision[family] == SIEVE_USELESS)
			must(!connectivity_has(&with, family, &request.policy) &&
			     connectivity_has(&with, !family, &request.policy), "useless without the other family");
}

struct taken {
	const struct rtnl_route_filter *filter;
	enum sieve_family family;
	unsigned int count;
};

static int take_route(const struct route *route, void *data)
{
	struct taken *taken = data;

	must(route->destination.family == taken->family, "a route of the other family");
	must(!taken->filter->type || route->type == taken->filter->type, "a route of another type");
	must(!taken->filter->protocol || route->protocol == taken->filter->protocol, "a route of another protocol");
	return ++taken->count == 20;
}

static void fuzz_routes(const struct input *input, uint8_t policy)
{
	const struct rtnl_request request = { .ignored = ignored, .ignored_count = policy >> 3 & 1 };
	const struct rtnl_route_filter filter = { .type = policy & 2 ? RTN_UNICAST : 0,
						  .protocol = policy & 4 ? RTPROT_RA : 0 };
	struct taken taken = { .filter = &filter, .family = policy & 1 };
	struct rtnl_routes *routes;
	int r;

	start_kernel(input, false);
	must(rtnl_routes_open(&request, taken.family, &filter, &routes) == 0, "no dump");
	do {
		r = rtnl_routes_read(routes, policy & 0x20 ? 0 : 1000000, take_route, &taken);
		lift_poison();
	} while (r == 1);
	must(r <= 0, "the dump returns %d", r);
	rtnl_routes_close(routes);
}

static void fuzz_links(const struct input *input, uint8_t policy)
{
	struct link *links = NULL;
	size_t count = 0;
	int r;

	(void)policy;
	start_kernel(input, false);
	r = links_list(1000000, &links, &count);
	lift_poison();
	must(r <= 0, "the list returns %d", r);
	if (r < 0) {
		must(!links && !count, "a failed list leaves something behind");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		must(memchr(links[i].name, '\0', sizeof(links[i].name)), "a name without an end");
		for (const char *octet = links[i].name; *octet; octet++)
			must((unsigned char)*octet >= ' ' && *octet != 0x7f, "a control character in a name");
		link_is_fit(&links[i]);
	}
	free(links);
}

static void fuzz_servers(const struct input *input, uint8_t policy)
{
	const uint16_t ports[] = { 53, 0 };
	const struct servers_request request = { ports, 1 + (policy & 1U), 1U + (policy >> 1 & 3), 0 };
	struct server_set set = {};
	int r;

	start_kernel(input, false);
	r = servers_scan(&request, &set);
	lift_poison();
	must(r <= 0, "the scan returns %d", r);
	must(set.count <= request.most, "%zu cgroups", set.count);
	for (size_t i = 0; i < set.count; i++) {
		const struct server *server = &set.servers[i];

		must(server->cgroup && server->kinds && !(server->kinds & ~3U), "a server of no kind");
		must(i == 0 || set.servers[i - 1].cgroup < server->cgroup, "cgroups out of order");
	}
	server_set_free(&set);
}

struct heard {
	struct connectivity connectivity;
	struct connectivity_policy policy;
	bool forged_alone;
};

/* In doubt a message concerns us. */
static void hear(const struct nlmsghdr *message, void *data)
{
	const struct heard *heard = data;
	uint8_t length, families = listing_concerned(message, &heard->policy, &length);
	bool concerns = connectivity_concerns(message, &heard->connectivity, &heard->policy);

	must(families <= 3, "families %#x", families);
	if (message->nlmsg_type != RTM_NEWROUTE && message->nlmsg_type != RTM_DELROUTE)
		must(concerns && families == 3, "message %u is of no concern", message->nlmsg_type);
	else if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtmsg)))
		must(concerns && families == 3, "a route message that is cut short is of no concern");
}

static void fuzz_monitor(const struct input *input, uint8_t policy)
{
	struct heard heard = { .policy = { .detect = policy & 1, .nat64 = (policy >> 1) % 3 } };
	struct rtnl_monitor *monitor;
	int r;

	heard.connectivity.family[SIEVE_IPV4].route = policy >> 3 & 1;
	heard.connectivity.family[SIEVE_IPV6].route = policy >> 4 & 1;
	must(rtnl_monitor_open(1 << 20, &monitor) == 0, "no monitor");
	start_kernel(input, false);
	kernel.answer = policy & 0x20 ? RTM_NEWROUTE : RTM_DELROUTE;
	do {
		r = rtnl_monitor_read(monitor, hear, &heard);
		lift_poison();
	} while (kernel.input.size >= 3);
	must(r <= 1, "reading returns %d", r);
	rtnl_monitor_close(monitor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const asks[])(const struct input *input, uint8_t policy) = {
		fuzz_survey, fuzz_routes, fuzz_links, fuzz_servers, fuzz_monitor,
	};
	struct input input = { data, size };
	uint8_t asked = take_u8(&input), policy = take_u8(&input);

	asks[asked % (sizeof(asks) / sizeof(asks[0]))](&input, policy);
	return 0;
}
