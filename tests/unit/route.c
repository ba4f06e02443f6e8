/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "message.h"
#include "route.h"

static struct route decode(const struct message *message)
{
	struct route route;

	assert_int_equal(route_decode(&message->header, &test_devices, &route), 0);
	return route;
}

/* In a buffer of the message's own size, so that a sanitizer or valgrind sees an octet too far. */
static int decode_tight(const struct message *message, struct route *ret_route)
{
	struct nlmsghdr *copy = malloc(message->header.nlmsg_len);
	int r;

	assert_non_null(copy);
	memcpy(copy, message, message->header.nlmsg_len);
	r = route_decode(copy, &test_devices, ret_route);
	free(copy);
	return r;
}

static bool counts(const struct message *message)
{
	struct route route = decode(message);

	return route_counts(&route);
}

/* 192.0.2.0/24 dev IFINDEX */
static void simple_route(struct message *message, uint32_t ifindex)
{
	begin_route(message, "192.0.2.0", 24);
	add_u32(message, RTA_OIF, ifindex);
}

struct test_leg {
	int ifindex;
	unsigned char flags;
	const char *gateway;
};

static void add_legs(struct message *message, size_t count, const struct test_leg *legs)
{
	struct message nested = { .header = { .nlmsg_len = NLMSG_HDRLEN } };

	for (size_t i = 0; i < count; i++) {
		size_t start = nested.header.nlmsg_len;
		struct rtnexthop header = { .rtnh_ifindex = legs[i].ifindex, .rtnh_flags = legs[i].flags };
		unsigned char gateway[4];

		append(&nested, &header, sizeof(header));
		if (legs[i].gateway) {
			assert_int_equal(inet_pton(AF_INET, legs[i].gateway, gateway), 1);
			add(&nested, RTA_GATEWAY, gateway, sizeof(gateway));
		}
		header.rtnh_len = (unsigned short)(nested.header.nlmsg_len - start);
		memcpy(nested.octets + start, &header, sizeof(header));
	}
	add(message, RTA_MULTIPATH, nested.octets + NLMSG_HDRLEN, nested.header.nlmsg_len - NLMSG_HDRLEN);
}

static void every_field_is_decoded(void **state)
{
	static const unsigned char destination[16] = { 0x20, 0x01, 0x0d, 0xb8 };
	static const unsigned char via[16] = { 0xfe, 0x80, [15] = 1 };
	struct message message;
	struct route route;

	(void)state;
	begin_route(&message, "2001:db8::", 32);
	route_header(&message)->rtm_protocol = RTPROT_RA;
	route_header(&message)->rtm_tos = 0x10;
	route_header(&message)->rtm_src_len = 64;
	route_header(&message)->rtm_flags = RTNH_F_LINKDOWN;
	add_address(&message, RTA_SRC, "2001:db8:5::");
	add_u32(&message, RTA_TABLE, 51820);
	add_u32(&message, RTA_PRIORITY, 1024);
	add_u32(&message, RTA_NH_ID, 10);
	add_address(&message, RTA_GATEWAY, "fe80::1");
	add_u32(&message, RTA_OIF, ETH0);
	route = decode(&message);
	assert_int_equal(route.destination.family, SIEVE_IPV6);
	assert_int_equal(route.destination.length, 32);
	assert_memory_equal(route.destination.address, destination, 16);
	assert_int_equal(route.table, 51820);
	assert_int_equal(route.priority, 1024);
	assert_int_equal(route.flags, RTNH_F_LINKDOWN);
	assert_int_equal(route.type, RTN_UNICAST);
	assert_int_equal(route.protocol, RTPROT_RA);
	assert_int_equal(route.tos, 0x10);
	assert_int_equal(route.source_length, 64);
	assert_true(route.live);
	assert_true(route.has_via);
	assert_int_equal(route.via_family, SIEVE_IPV6);
	assert_memory_equal(route.via, via, 16);
	assert_int_equal(route.ifindex, ETH0);
	assert_int_equal(route.nexthop_id, 10);
	assert_true(route_counts(&route));
}

static void the_table_of_the_header_holds_where_there_is_no_other(void **state)
{
	struct message message;

	(void)state;
	simple_route(&message, ETH0);
	assert_int_equal(decode(&message).table, RT_TABLE_MAIN);
	add_u32(&message, RTA_TABLE, 77);
	assert_int_equal(decode(&message).table, 77);
}

static void only_unicast_counts(void **state)
{
	static const unsigned char others[] = { RTN_LOCAL,     RTN_BROADCAST,   RTN_ANYCAST,  RTN_MULTICAST,
						RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT, RTN_THROW };
	struct message message;

	(void)state;
	simple_route(&message, ETH0);
	assert_true(counts(&message));
	for (size_t i = 0; i < sizeof(others); i++) {
		route_header(&message)->rtm_type = others[i];
		assert_false(counts(&message));
	}
}

static void the_hosts_own_addresses_are_those_of_local_and_anycast_routes(void **state)
{
	static const struct {
		unsigned char type;
		const char *destination;
		uint32_t flags;
		bool want;
	} cases[] = {
		{ RTN_LOCAL, "192.0.2.1", 0, true },      { RTN_ANYCAST, "2001:db8::", 0, true },
		{ RTN_LOCAL, "0.0.0.0", 0, false }, /* that address, not every one */
		{ RTN_LOCAL, "127.0.0.1", 0, false },     { RTN_LOCAL, "fe80::1", 0, false },
		{ RTN_LOCAL, "::1", 0, false },           { RTN_LOCAL, "192.0.2.1", RTM_F_CLONED, false },
		{ RTN_UNICAST, "192.0.2.1", 0, false },   { RTN_BROADCAST, "192.0.2.255", 0, false },
		{ RTN_BLACKHOLE, "192.0.2.1", 0, false }, { RTN_UNREACHABLE, "2001:db8::", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message message;
		struct route route;

		begin_route(&message, cases[i].destination, strchr(cases[i].destination, ':') ? 128 : 32);
		add_u32(&message, RTA_OIF, LO);
		route_header(&message)->rtm_type = cases[i].type;
		route_header(&message)->rtm_flags = cases[i].flags;
		route = decode(&message);
		assert_int_equal(route_is_own(&route), cases[i].want);
		assert_false(cases[i].want && route_counts(&route));
	}
}

static void a_cloned_route_does_not_count(void **state)
{
	struct message message;

	(void)state;
	simple_route(&message, ETH0);
	route_header(&message)->rtm_flags = RTM_F_CLONED;
	assert_false(counts(&message));
}

static void a_dead_nexthop_does_not_count_but_one_without_carrier_does(void **state)
{
	struct message message;

	(void)state;
	simple_route(&message, ETH0);
	route_header(&message)->rtm_flags = RTNH_F_DEAD | RTNH_F_LINKDOWN;
	assert_false(counts(&message));
	route_header(&message)->rtm_flags = RTNH_F_LINKDOWN;
	assert_true(counts(&message));
}

static void a_nexthop_on_a_loopback_or_ignored_device_does_not_count(void **state)
{
	struct message message;

	(void)state;
	simple_route(&message, LO);
	assert_false(counts(&message));
	simple_route(&message, IGNORED0);
	assert_false(counts(&message));
	simple_route(&message, DOWN0);
	assert_true(counts(&message));
}

static void what_an_ignored_device_keeps_from_counting_is_told(void **state)
{
	static const struct test_leg none_lives[] = {
		{ LO, 0, NULL }, { IGNORED0, RTNH_F_DEAD, NULL }, { ETH0, RTNH_F_DEAD, NULL },
	};
	static const struct test_leg ignored_lives[] = {
		{ LO, 0, NULL }, { ETH0, RTNH_F_DEAD, NULL }, { IGNORED0, 0, NULL },
	};
	static const struct test_leg another_lives[] = { { IGNORED0, 0, NULL }, { ETH0, 0, NULL } };
	static const struct {
		const struct test_leg *legs;
		size_t count;
		bool counts, is_ignored;
	} cases[] = {
		{ none_lives, 3, false, false }, { ignored_lives, 3, false, true }, { another_lives, 2, true, false },
	};
	struct message message;
	struct route route;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin_route(&message, "198.51.100.0", 24);
		add_legs(&message, cases[i].count, cases[i].legs);
		route = decode(&message);
		assert_int_equal(route_counts(&route), cases[i].counts);
		assert_int_equal(route_is_ignored(&route), cases[i].is_ignored);
	}
	simple_route(&message, IGNORED0);
	route = decode(&message);
	assert_true(route_is_ignored(&route));
	assert_int_equal(route.ignored_ifindex, IGNORED0);
	route_header(&message)->rtm_flags = RTNH_F_DEAD;
	route = decode(&message);
	assert_false(route_is_ignored(&route));
	simple_route(&message, IGNORED0);
	route_header(&message)->rtm_type = RTN_BLACKHOLE;
	route = decode(&message);
	assert_false(route_is_ignored(&route));
	begin_route(&message, "169.254.0.0", 16);
	add_u32(&message, RTA_OIF, IGNORED0);
	route = decode(&message);
	assert_false(route_is_ignored(&route));
}

static void a_destination_inside_a_local_range_does_not_count_but_one_around_it_does(void **state)
{
	struct message message;

	(void)state;
	begin_route(&message, "169.254.169.254", 32);
	add_u32(&message, RTA_OIF, ETH0);
	assert_false(counts(&message));
	begin_route(&message, "169.0.0.0", 8);
	add_u32(&message, RTA_OIF, ETH0);
	assert_true(counts(&message));
	begin_route(&message, "fe80:1::", 32);
	add_u32(&message, RTA_OIF, ETH0);
	assert_false(counts(&message));
	begin_route(&message, "::", 0);
	add_u32(&message, RTA_OIF, ETH0);
	assert_true(counts(&message));
}

static void one_live_leg_is_enough(void **state)
{
	const struct test_leg legs[] = {
		{ ETH0, RTNH_F_DEAD, "192.0.2.1" }, { LO, 0, NULL },           { IGNORED0, 0, NULL },
		{ ETH1, 0, "192.0.2.2" },           { ETH0, 0, "192.0.2.3" },
	};
	static const unsigned char via[4] = { 192, 0, 2, 2 };
	struct message message;
	struct route route;

	(void)state;
	begin_route(&message, "198.51.100.0", 24);
	add_legs(&message, 5, legs);
	route = decode(&message);
	assert_true(route_counts(&route));
	assert_int_equal(route.ifindex, ETH1);
	assert_true(route.has_via);
	assert_memory_equal(route.via, via, 4);

	begin_route(&message, "198.51.100.0", 24);
	add_legs(&message, 3, legs);
	route = decode(&message);
	assert_false(route_counts(&route));
	assert_int_equal(route.ifindex, 0);
	assert_false(route.has_via);
}

static void a_route_without_any_leg_of_several_does_not_count(void **state)
{
	struct message message;

	(void)state;
	begin_route(&message, "198.51.100.0", 24);
	add_legs(&message, 0, NULL);
	assert_false(counts(&message));
}

static void a_route_that_names_only_a_nexthop_object_counts_unless_it_is_dead(void **state)
{
	struct message message;
	struct route route;

	(void)state;
	begin_route(&message, "0.0.0.0", 0);
	add_u32(&message, RTA_NH_ID, 10);
	route = decode(&message);
	assert_true(route_counts(&route));
	assert_int_equal(route.nexthop_id, 10);
	assert_int_equal(route.ifindex, 0);
	route_header(&message)->rtm_flags = RTNH_F_DEAD;
	assert_false(counts(&message));
}

static void an_ipv4_route_can_have_an_ipv6_router(void **state)
{
	unsigned char via[2 + 16] = { [2] = 0xfe, 0x80, [17] = 1 };
	__kernel_sa_family_t family = AF_INET6;
	struct message message;
	struct route route;

	(void)state;
	memcpy(via, &family, sizeof(family));
	simple_route(&message, ETH0);
	add(&message, RTA_VIA, via, sizeof(via));
	route = decode(&message);
	assert_true(route_counts(&route));
	assert_true(route.has_via);
	assert_int_equal(route.via_family, SIEVE_IPV6);
	assert_memory_equal(route.via, via + 2, 16);
}

static void a_router_of_a_strange_family_is_left_out_but_one_of_a_wrong_length_is_refused(void **state)
{
	unsigned char via[2 + 6] = {};
	__kernel_sa_family_t family = AF_PACKET;
	struct message message;
	struct route route;

	(void)state;
	memcpy(via, &family, sizeof(family));
	simple_route(&message, ETH0);
	add(&message, RTA_VIA, via, sizeof(via));
	route = decode(&message);
	assert_true(route_counts(&route));
	assert_false(route.has_via);

	family = AF_INET6;
	memcpy(via, &family, sizeof(family));
	simple_route(&message, ETH0);
	add(&message, RTA_VIA, via, sizeof(via));
	assert_int_equal(route_decode(&message.header, &test_devices, &route), -EBADMSG);
	simple_route(&message, ETH0);
	add(&message, RTA_VIA, via, 1);
	assert_int_equal(decode_tight(&message, &route), -EBADMSG);
}

static void other_families_are_refused(void **state)
{
	struct message message;
	struct route route = { .table = 4711 };

	(void)state;
	simple_route(&message, ETH0);
	route_header(&message)->rtm_family = 28; /* AF_MPLS */
	assert_int_equal(route_decode(&message.header, &test_devices, &route), -EAFNOSUPPORT);
	assert_int_equal(route.table, 4711);
}

static void impossible_contents_are_refused(void **state)
{
	struct message message;
	struct route route;

	(void)state;
	simple_route(&message, ETH0);
	route_header(&message)->rtm_dst_len = 33;
	assert_int_equal(route_decode(&message.header, &test_devices, &route), -EBADMSG);
	route_header(&message)->rtm_dst_len = 32;
	assert_int_equal(route_decode(&message.header, &test_devices, &route), 0);

	begin_route(&message, "0.0.0.0", 0);
	route_header(&message)->rtm_dst_len = 24; /* without RTA_DST */
	assert_int_equal(route_decode(&message.header, &test_devices, &route), -EBADMSG);

	begin_route(&message, "0.0.0.0", 0);
	add_address(&message, RTA_DST, "2001:db8::");
	assert_int_equal(route_decode(&message.header, &test_devices, &route), -EBADMSG);

	simple_route(&message, ETH0);
	add(&message, RTA_TABLE, "xy", 2);
	assert_int_equal(route_decode(&message.header, &test_devices, &route), -EBADMSG);

	simple_route(&message, ETH0);
	add_address(&message, RTA_GATEWAY, "fe80::1");
	assert_int_equal(route_decode(&message.header, &test_devices, &route), -EBADMSG);
}

static void legs_that_do_not_add_up_are_refused(void **state)
{
	struct rtnexthop leg = { .rtnh_len = sizeof(leg), .rtnh_ifindex = ETH0 };
	struct {
		struct rtnexthop leg;
		struct nlattr attribute; /* longer than the leg */
	} torn = {
		.leg = { .rtnh_len = sizeof(torn), .rtnh_ifindex = ETH0 },
		.attribute = { .nla_len = NLA_HDRLEN + 4, .nla_type = RTA_GATEWAY },
	};
	struct message message;
	struct route route;

	(void)state;
	begin_route(&message, "198.51.100.0", 24);
	add(&message, RTA_MULTIPATH, &leg, sizeof(leg));
	assert_int_equal(route_decode(&message.header, &test_devices, &route), 0);

	for (unsigned short length = 0; length <= 2 * sizeof(leg); length++) {
		if (length == sizeof(leg))
			continue;
		leg.rtnh_len = length;
		begin_route(&message, "198.51.100.0", 24);
		add(&message, RTA_MULTIPATH, &leg, sizeof(leg));
		assert_int_equal(route_decode(&message.header, &test_devices, &route), -EBADMSG);
	}
	leg.rtnh_len = sizeof(leg);
	begin_route(&message, "198.51.100.0", 24);
	add(&message, RTA_MULTIPATH, &leg, sizeof(leg) - 1);
	assert_int_equal(route_decode(&message.header, &test_devices, &route), -EBADMSG);
	begin_route(&message, "198.51.100.0", 24);
	add(&message, RTA_MULTIPATH, &torn, sizeof(torn));
	assert_int_equal(route_decode(&message.header, &test_devices, &route), -EBADMSG);
}

static void a_message_cut_anywhere_is_refused_or_is_a_shorter_whole(void **state)
{
	const struct test_leg legs[] = { { ETH0, RTNH_F_DEAD, "192.0.2.1" }, { ETH1, 0, "192.0.2.2" } };
	struct message message;

	(void)state;
	begin_route(&message, "198.51.100.0", 24);
	add_u32(&message, RTA_TABLE, 77);
	add_legs(&message, 2, legs);
	for (uint32_t length = sizeof(struct nlmsghdr); length < message.header.nlmsg_len; length++) {
		struct route route = { .table = 4711 };
		struct message cut = message;
		int r;

		cut.header.nlmsg_len = length;
		r = decode_tight(&cut, &route);
		if (r < 0) {
			assert_int_equal(r, -EBADMSG);
			assert_int_equal(route.table, 4711);
		} else {
			assert_int_not_equal(route.table, 4711);
		}
	}
}

/* Whatever the octets are, the decoder stays inside and does not crash. */
static void any_octets_are_decoded_or_refused(void **state)
{
	unsigned int seed = 1;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		struct message message;
		struct route route;

		simple_route(&message, ETH0);
		add_legs(&message, 2, (const struct test_leg[]){ { ETH0, 0, "192.0.2.1" }, { LO, 0, NULL } });
		for (int i = 0; i < 4; i++) {
			uint32_t body = message.header.nlmsg_len - NLMSG_HDRLEN;

			message.octets[NLMSG_HDRLEN + (uint32_t)rand_r(&seed) % body] = (unsigned char)rand_r(&seed);
		}
		if (decode_tight(&message, &route) == 0)
			assert_true(route.destination.length <= 128);
	}
}

static void the_key_is_destination_table_tos_and_metric(void **state)
{
	struct message message;
	struct route one, other;

	(void)state;
	simple_route(&message, ETH0);
	one = decode(&message);
	simple_route(&message, ETH1);
	route_header(&message)->rtm_protocol = RTPROT_DHCP;
	other = decode(&message);
	assert_true(route_same_key(&one, &other));

	other = one;
	other.destination.length = 25;
	assert_false(route_same_key(&one, &other));
	other = one;
	other.table = RT_TABLE_LOCAL;
	assert_false(route_same_key(&one, &other));
	other = one;
	other.tos = 0x10;
	assert_false(route_same_key(&one, &other));
	other = one;
	other.priority = 100;
	assert_false(route_same_key(&one, &other));
}

static void a_shorter_prefix_then_table_main_is_the_better_witness(void **state)
{
	struct route long_main = { .destination.length = 24, .table = RT_TABLE_MAIN };
	struct route default_main = { .table = RT_TABLE_MAIN };
	struct route default_other = { .table = 51820 };

	(void)state;
	assert_true(route_is_better_witness(&default_other, &long_main));
	assert_false(route_is_better_witness(&long_main, &default_other));
	assert_true(route_is_better_witness(&default_main, &default_other));
	assert_false(route_is_better_witness(&default_other, &default_main));
	assert_false(route_is_better_witness(&default_main, &default_main));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_decoded),
		cmocka_unit_test(the_table_of_the_header_holds_where_there_is_no_other),
		cmocka_unit_test(only_unicast_counts),
		cmocka_unit_test(the_hosts_own_addresses_are_those_of_local_and_anycast_routes),
		cmocka_unit_test(a_cloned_route_does_not_count),
		cmocka_unit_test(a_dead_nexthop_does_not_count_but_one_without_carrier_does),
		cmocka_unit_test(a_nexthop_on_a_loopback_or_ignored_device_does_not_count),
		cmocka_unit_test(what_an_ignored_device_keeps_from_counting_is_told),
		cmocka_unit_test(a_destination_inside_a_local_range_does_not_count_but_one_around_it_does),
		cmocka_unit_test(one_live_leg_is_enough),
		cmocka_unit_test(a_route_without_any_leg_of_several_does_not_count),
		cmocka_unit_test(a_route_that_names_only_a_nexthop_object_counts_unless_it_is_dead),
		cmocka_unit_test(an_ipv4_route_can_have_an_ipv6_router),
		cmocka_unit_test(a_router_of_a_strange_family_is_left_out_but_one_of_a_wrong_length_is_refused),
		cmocka_unit_test(other_families_are_refused),
		cmocka_unit_test(impossible_contents_are_refused),
		cmocka_unit_test(legs_that_do_not_add_up_are_refused),
		cmocka_unit_test(a_message_cut_anywhere_is_refused_or_is_a_shorter_whole),
		cmocka_unit_test(any_octets_are_decoded_or_refused),
		cmocka_unit_test(the_key_is_destination_table_tos_and_metric),
		cmocka_unit_test(a_shorter_prefix_then_table_main_is_the_better_witness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
