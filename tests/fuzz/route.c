/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Routes, addresses and sockets as messages (user/core/route.c, address.c, server.c): what they decode to, against a
 * second look by libmnl and the kernel's own macros. The input is one message, header and all.
 */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <errno.h>

#include "address.h"
#include "fuzz.h"
#include "route.h"
#include "server.h"

/* Devices of all kinds. */
static unsigned int traits(void *context, uint32_t ifindex)
{
	(void)context;
	return ifindex & (DEVICE_UP | DEVICE_LOOPBACK | DEVICE_IGNORED);
}

static const struct devices devices = { .traits = traits };

static bool is_within(const uint8_t *address, unsigned int length, const char *text, unsigned int bits, int family)
{
	uint8_t range[16];

	must(inet_pton(family, text, range) == 1, "%s", text);
	if (length < bits)
		return false;
	for (unsigned int bit = 0; bit < bits; bit++)
		if ((address[bit / 8] ^ range[bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	return true;
}

/* DESIGN section 8, word for word. */
static bool leads_nowhere(const uint8_t *address, unsigned int length, int family)
{
	if (family == AF_INET)
		return is_within(address, length, "169.254.0.0", 16, family) ||
		       is_within(address, length, "127.0.0.0", 8, family) ||
		       is_within(address, length, "224.0.0.0", 4, family) ||
		       is_within(address, length, "255.255.255.255", 32, family) ||
		       is_within(address, length, "0.0.0.0", 32, family);
	return is_within(address, length, "fe80::", 10, family) || is_within(address, length, "::1", 128, family) ||
	       is_within(address, length, "ff00::", 8, family) || is_within(address, length, "::", 128, family) ||
	       is_within(address, length, "::ffff:0:0", 96, family);
}

static bool is_alive(unsigned int flags, uint32_t ifindex)
{
	return !(flags & RTNH_F_DEAD) && !(ifindex && ifindex & (DEVICE_LOOPBACK | DEVICE_IGNORED));
}

/* A leg can say twice on which device it is; the last one counts. */
static uint32_t leg_ifindex(const struct rtnexthop *leg)
{
	uint32_t ifindex = (uint32_t)leg->rtnh_ifindex;
	int left = leg->rtnh_len - RTNH_LENGTH(0);

	for (const struct rtattr *attribute = RTNH_DATA(leg); RTA_OK(attribute, left);
	     attribute = RTA_NEXT(attribute, left))
		if ((attribute->rta_type & NLA_TYPE_MASK) == RTA_OIF)
			memcpy(&ifindex, RTA_DATA(attribute), sizeof(ifindex));
	return ifindex;
}

static bool has_live_leg(const struct nlattr *multipath)
{
	const struct rtnexthop *leg = mnl_attr_get_payload(multipath);
	int left = mnl_attr_get_payload_len(multipath);

	for (; left >= (int)sizeof(*leg) && RTNH_OK(leg, left); leg = RTNH_NEXT(leg)) {
		if (is_alive(leg->rtnh_flags, leg_ifindex(leg)))
			return true;
		left -= RTNH_ALIGN(leg->rtnh_len);
	}
	return false;
}

static void check_route(const struct nlmsghdr *message, const struct route *route)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	uint32_t ifindex = 0, table = header->rtm_table, priority = 0;
	const struct nlattr *attribute, *multipath = NULL;
	uint8_t destination[16] = {};
	bool counts;

	mnl_attr_for_each(attribute, message, sizeof(*header)) {
		const void *payload = mnl_attr_get_payload(attribute);

		switch (mnl_attr_get_type(attribute)) {
		case RTA_OIF:
			memcpy(&ifindex, payload, sizeof(ifindex));
			break;
		case RTA_TABLE:
			memcpy(&table, payload, sizeof(table));
			break;
		case RTA_PRIORITY:
			memcpy(&priority, payload, sizeof(priority));
			break;
		case RTA_DST:
			memcpy(destination, payload, header->rtm_family == AF_INET ? 4 : 16);
			break;
		case RTA_MULTIPATH:
			multipath = attribute;
			break;
		}
	}
	must(route->table == table && route->priority == priority && route->type == header->rtm_type &&
	     route->destination.length == header->rtm_dst_len, "another route");
	must(route->destination.length <= (header->rtm_family == AF_INET ? 32 : 128), "%u bits",
	     route->destination.length);
	must(memcmp(route->destination.address, destination, sizeof(destination)) == 0, "another destination");
	counts = header->rtm_type == RTN_UNICAST && !(header->rtm_flags & RTM_F_CLONED) &&
		 !leads_nowhere(destination, header->rtm_dst_len, header->rtm_family) &&
		 (multipath ? has_live_leg(multipath) : is_alive(header->rtm_flags, ifindex));
	must(route_counts(route) == counts, "it should%s count", counts ? "" : " not");
	must(!(route_counts(route) && route_is_ignored(route)), "it counts and is ignored");
	must(route_same_key(route, route), "it is not itself");
}

static void check_address(const struct nlmsghdr *message, const struct address *address)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	int family = header->ifa_family;
	const struct nlattr *attribute;
	const void *local = NULL, *peer = NULL;
	unsigned int flags = header->ifa_flags;
	bool counts;

	mnl_attr_for_each(attribute, message, sizeof(*header)) {
		if (mnl_attr_get_type(attribute) == IFA_LOCAL)
			local = mnl_attr_get_payload(attribute);
		else if (mnl_attr_get_type(attribute) == IFA_ADDRESS)
			peer = mnl_attr_get_payload(attribute);
		else if (mnl_attr_get_type(attribute) == IFA_FLAGS)
			flags = mnl_attr_get_u32(attribute);
	}
	if (!local)
		local = peer;
	must(local && memcmp(local, address->host.address, family == AF_INET ? 4 : 16) == 0, "another address");
	must(address->ifindex == header->ifa_index && address->flags == flags, "another interface, or other flags");
	counts = !leads_nowhere(local, family == AF_INET ? 32 : 128, family) && !(flags & IFA_F_DADFAILED) &&
		 (!(flags & IFA_F_TENTATIVE) || flags & IFA_F_OPTIMISTIC) &&
		 (header->ifa_index & (DEVICE_UP | DEVICE_IGNORED)) == DEVICE_UP;
	must(address_counts(address, &devices) == counts, "it should%s count", counts ? "" : " not");
	must(!(counts && address_is_ignored(address, &devices)), "it counts and is ignored");
}

static void check_server(const struct server *server)
{
	must(server->cgroup, "a server in no cgroup");
	must(server->kinds == SIEVE_SERVER_LOOPBACK || server->kinds == SIEVE_SERVER_OTHERS, "kinds %#x",
	     server->kinds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nlmsghdr *message;
	struct address address;
	struct server server;
	struct route route;
	bool can_compare;
	int r;

	if (size < sizeof(*message) || size > 8192)
		return -1;
	message = malloc(size); /* of just this size, so that an octet behind it is seen */
	memcpy(message, data, size);
	message->nlmsg_len = (uint32_t)size;
	can_compare = size % NLMSG_ALIGNTO == 0; /* libmnl takes the padding behind the message for a part of it */
	r = route_decode(message, &devices, &route);
	must(r == 0 || r == -EBADMSG || r == -EAFNOSUPPORT, "a route: %d", r);
	if (r == 0 && can_compare)
		check_route(message, &route);
	r = address_decode(message, &address);
	must(r == 0 || r == -EBADMSG || r == -EAFNOSUPPORT, "an address: %d", r);
	if (r == 0 && can_compare)
		check_address(message, &address);
	r = server_decode(message, 53, &server);
	must(r == 0 || r == 1 || r == -EBADMSG, "a socket: %d", r);
	if (r == 1)
		check_server(&server);
	free(message);
	return 0;
}
