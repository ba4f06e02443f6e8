/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <string.h>

#include "attribute.h"

/* One nexthop while it is read; the same attributes describe a route with one leg and each leg of several. */
struct leg {
	bool dead;
	bool has_via;
	uint32_t ifindex; /* 0: none is named */
	uint8_t via_family;
	uint8_t via[PREFIX_ADDRESS_MAX];
};

static int leg_take_gateway(struct leg *leg, enum sieve_family family, const unsigned char *address, size_t length)
{
	if (length != prefix_address_size(family))
		return -EBADMSG;
	leg->has_via = true;
	leg->via_family = family;
	memcpy(leg->via, address, length);
	return 0;
}

/* struct rtvia: the router is of another family than the route (RFC 5549, Linux 5.2). */
static int leg_take_via(struct leg *leg, const struct attribute *attribute)
{
	__kernel_sa_family_t address_family;
	size_t start = offsetof(struct rtvia, rtvia_addr);
	int family;

	if (attribute->length < start)
		return -EBADMSG;
	memcpy(&address_family, attribute->data, sizeof(address_family));
	family = prefix_family(address_family);
	if (family < 0)
		return 0; /* a router all the same, only of no family that we can show */
	return leg_take_gateway(leg, family, attribute->data + start, attribute->length - start);
}

static int leg_take(struct leg *leg, enum sieve_family family, const struct attribute *attribute)
{
	switch (attribute->type) {
	case RTA_OIF:
		return attribute_u32(attribute, &leg->ifindex);
	case RTA_GATEWAY:
		return leg_take_gateway(leg, family, attribute->data, attribute->length);
	case RTA_VIA:
		return leg_take_via(leg, attribute);
	default:
		return 0;
	}
}

/* As far as it can be said without a look at its legs. */
static bool leads_somewhere(const struct route *route)
{
	return route->type == RTN_UNICAST && !(route->flags & RTM_F_CLONED) && !prefix_is_local(&route->destination);
}

/* The first leg that counts is kept; later ones cannot take it away. */
static void route_offer_leg(struct route *route, const struct leg *leg, const struct devices *devices)
{
	unsigned int traits;

	if (route->live || leg->dead || !leads_somewhere(route))
		return;
	traits = leg->ifindex ? device_traits(devices, leg->ifindex) : 0;
	if (traits & DEVICE_LOOPBACK)
		return;
	if (traits & DEVICE_IGNORED) {
		if (!route->ignored_ifindex)
			route->ignored_ifindex = leg->ifindex;
		return;
	}
	route->live = true;
	route->ifindex = leg->ifindex;
	route->has_via = leg->has_via;
	route->via_family = leg->via_family;
	memcpy(route->via, leg->via, sizeof(route->via));
}

static int route_take_legs(struct route *route, const struct attribute *multipath, const struct devices *devices)
{
	const unsigned char *data = multipath->data;
	size_t length = multipath->length;

	while (length >= sizeof(struct rtnexthop)) {
		struct rtnexthop header;
		struct attributes attributes;
		struct attribute attribute;
		struct leg leg;
		size_t step;
		int r;

		memcpy(&header, data, sizeof(header));
		if (header.rtnh_len < sizeof(header) || header.rtnh_len > length)
			return -EBADMSG;
		leg = (struct leg){
			.dead = header.rtnh_flags & RTNH_F_DEAD,
			.ifindex = (uint32_t)header.rtnh_ifindex,
		};
		attributes = (struct attributes){ data + sizeof(header), header.rtnh_len - sizeof(header) };
		while (attribute_next(&attributes, &attribute)) {
			r = leg_take(&leg, route->destination.family, &attribute);
			if (r < 0)
				return r;
		}
		if (!attributes_finished(&attributes))
			return -EBADMSG;
		route_offer_leg(route, &leg, devices);

		step = RTNH_ALIGN(header.rtnh_len);
		if (step > length)
			step = length;
		data += step;
		length -= step;
	}
	return length == 0 ? 0 : -EBADMSG;
}

static int route_take_destination(struct route *route, const struct attribute *attribute)
{
	if (attribute->length != prefix_address_size(route->destination.family))
		return -EBADMSG;
	memcpy(route->destination.address, attribute->data, attribute->length);
	return 0;
}

/* Attributes that describe the whole route; those of its only leg go to `leg`. */
static int route_take(struct route *route, struct leg *leg, const struct attribute *attribute)
{
	switch (attribute->type) {
	case RTA_DST:
		return route_take_destination(route, attribute);
	case RTA_TABLE:
		return attribute_u32(attribute, &route->table);
	case RTA_PRIORITY:
		return attribute_u32(attribute, &route->priority);
	case RTA_NH_ID:
		return attribute_u32(attribute, &route->nexthop_id);
	default:
		return leg_take(leg, route->destination.family, attribute);
	}
}

static int route_read_header(const struct nlmsghdr *message, struct route *ret_route, struct attributes *ret_attributes)
{
	struct rtmsg header;
	int family;
	int r;

	r = attributes_of(message, sizeof(header), ret_attributes);
	if (r < 0)
		return r;
	memcpy(&header, message_payload(message), sizeof(header));
	family = prefix_family(header.rtm_family);
	if (family < 0)
		return family;
	if (header.rtm_dst_len > 8 * prefix_address_size(family))
		return -EBADMSG;
	*ret_route = (struct route){
		.destination = { .family = family, .length = header.rtm_dst_len },
		.table = header.rtm_table,
		.flags = header.rtm_flags,
		.type = header.rtm_type,
		.protocol = header.rtm_protocol,
		.tos = header.rtm_tos,
		.source_length = header.rtm_src_len,
	};
	return 0;
}

int route_decode(const struct nlmsghdr *message, const struct devices *devices, struct route *ret_route)
{
	struct attribute multipath = {};
	struct attributes attributes;
	struct attribute attribute;
	bool has_destination = false;
	struct leg leg = {};
	struct route route;
	int r;

	r = route_read_header(message, &route, &attributes);
	if (r < 0)
		return r;
	while (attribute_next(&attributes, &attribute)) {
		if (attribute.type == RTA_MULTIPATH) {
			multipath = attribute;
			continue;
		}
		has_destination |= attribute.type == RTA_DST;
		r = route_take(&route, &leg, &attribute);
		if (r < 0)
			return r;
	}
	if (!attributes_finished(&attributes) || (route.destination.length > 0 && !has_destination))
		return -EBADMSG;
	if (multipath.data) {
		r = route_take_legs(&route, &multipath, devices);
		if (r < 0)
			return r;
	} else {
		leg.dead = route.flags & RTNH_F_DEAD;
		route_offer_leg(&route, &leg, devices);
	}
	*ret_route = route;
	return 0;
}

bool route_counts(const struct route *route)
{
	return route->live;
}

bool route_is_own(const struct route *route)
{
	return (route->type == RTN_LOCAL || route->type == RTN_ANYCAST) && !(route->flags & RTM_F_CLONED) &&
	       !prefix_is_local(&route->destination);
}

bool route_is_ignored(const struct route *route)
{
	return !route->live && route->ignored_ifindex;
}

bool route_same_key(const struct route *one, const struct route *other)
{
	return one->table == other->table && one->tos == other->tos && one->priority == other->priority &&
	       prefix_equal(&one->destination, &other->destination);
}

bool route_is_default(const struct route *route)
{
	return route->destination.length == 0;
}

bool route_is_better_witness(const struct route *candidate, const struct route *present)
{
	if (candidate->destination.length != present->destination.length)
		return candidate->destination.length < present->destination.length;
	return candidate->table == RT_TABLE_MAIN && present->table != RT_TABLE_MAIN;
}
