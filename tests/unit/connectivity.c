/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "connectivity.h"
#include "message.h"

static const struct connectivity_policy by_routes = { .detect = CONNECTIVITY_DETECT_ROUTES };
static const struct connectivity_policy by_addresses = { .detect = CONNECTIVITY_DETECT_ADDRESSES };

/* A unicast route dev eth0 with that protocol, as message and taken in. */
static void route_message(struct message *message, const char *text, unsigned char length, unsigned char protocol)
{
	begin_route(message, text, length);
	route_header(message)->rtm_protocol = protocol;
	add_u32(message, RTA_OIF, ETH0);
}

static void add_route(struct connectivity *connectivity, const char *text, unsigned char length,
		      unsigned char protocol)
{
	struct message message;
	struct route route;

	route_message(&message, text, length, protocol);
	assert_int_equal(route_decode(&message.header, &test_devices, &route), 0);
	connectivity_add_route(connectivity, &route, &by_routes);
}

static void take_address(struct connectivity *connectivity, const char *text, uint32_t ifindex)
{
	struct message message;
	struct address address;

	begin_address(&message, text, ifindex);
	assert_int_equal(address_decode(&message.header, &address), 0);
	connectivity_add_address(connectivity, &address, &test_devices, &by_addresses);
}

static void assert_decides(const struct connectivity *connectivity, const struct connectivity_policy *policy,
			   enum sieve_connectivity ipv4, enum sieve_connectivity ipv6)
{
	enum sieve_connectivity decision[SIEVE_FAMILIES];

	connectivity_decide(connectivity, policy, decision);
	assert_int_equal(decision[SIEVE_IPV4], ipv4);
	assert_int_equal(decision[SIEVE_IPV6], ipv6);
}

static void words_are_parsed_and_others_refused(void **state)
{
	enum connectivity_detect detect = CONNECTIVITY_DETECT_ROUTES;
	enum connectivity_nat64 nat64 = CONNECTIVITY_NAT64_AUTO;

	(void)state;
	assert_int_equal(connectivity_detect_parse("addresses", &detect), 0);
	assert_int_equal(detect, CONNECTIVITY_DETECT_ADDRESSES);
	assert_int_equal(connectivity_detect_parse("route", &detect), -EINVAL);
	assert_int_equal(detect, CONNECTIVITY_DETECT_ADDRESSES);
	assert_int_equal(connectivity_nat64_parse("no", &nat64), 0);
	assert_int_equal(nat64, CONNECTIVITY_NAT64_NO);
	assert_int_equal(connectivity_nat64_parse("", &nat64), -EINVAL);
	assert_string_equal(connectivity_detect_name(detect), "addresses");
	assert_string_equal(connectivity_nat64_name(CONNECTIVITY_NAT64_AUTO), "auto");
	assert_null(connectivity_nat64_name((enum connectivity_nat64)3));
}

static void a_counting_route_gives_its_family_connectivity_and_a_witness(void **state)
{
	struct connectivity connectivity = {};

	(void)state;
	add_route(&connectivity, "192.0.2.0", 24, RTPROT_KERNEL);
	assert_true(connectivity.family[SIEVE_IPV4].route);
	assert_true(connectivity.family[SIEVE_IPV4].has_witness);
	assert_false(connectivity.family[SIEVE_IPV4].is_default);
	assert_false(connectivity.family[SIEVE_IPV4].address);
	assert_false(connectivity.family[SIEVE_IPV6].route);
	assert_false(connectivity.family[SIEVE_IPV6].has_witness);
}

static void a_route_that_does_not_count_changes_nothing(void **state)
{
	struct connectivity connectivity = {}, nothing = {};

	(void)state;
	add_route(&connectivity, "169.254.0.0", 16, RTPROT_KERNEL);
	add_route(&connectivity, "fe80::", 64, RTPROT_RA);
	assert_memory_equal(&connectivity, &nothing, sizeof(nothing));
}

static void the_default_route_is_the_preferred_witness_whatever_the_order(void **state)
{
	struct connectivity connectivity = {};

	(void)state;
	add_route(&connectivity, "192.0.2.0", 24, RTPROT_KERNEL);
	add_route(&connectivity, "0.0.0.0", 0, RTPROT_DHCP);
	add_route(&connectivity, "198.51.100.0", 24, RTPROT_STATIC);
	assert_true(route_is_default(&connectivity.family[SIEVE_IPV4].witness));
	assert_true(connectivity.family[SIEVE_IPV4].is_default);
}

static void halves_are_a_default_together(void **state)
{
	struct connectivity connectivity = {};

	(void)state;
	add_route(&connectivity, "::", 1, RTPROT_STATIC);
	assert_false(connectivity.family[SIEVE_IPV6].is_default);
	add_route(&connectivity, "8000::", 1, RTPROT_STATIC);
	assert_true(connectivity.family[SIEVE_IPV6].is_default);
	assert_false(connectivity.family[SIEVE_IPV4].is_default);
}

static void an_address_gives_its_family_an_address_if_it_counts(void **state)
{
	struct connectivity connectivity = {};

	(void)state;
	take_address(&connectivity, "192.0.2.1", DOWN0);
	assert_false(connectivity.family[SIEVE_IPV4].address);
	take_address(&connectivity, "192.0.2.1", ETH0);
	assert_true(connectivity.family[SIEVE_IPV4].address);
	assert_false(connectivity.family[SIEVE_IPV6].address);
}

/* A unicast route by an ignored device. */
static void add_ignored_route(struct connectivity *connectivity, const struct connectivity_policy *policy)
{
	struct message message;
	struct route route;

	begin_route(&message, "fd00::", 8);
	add_u32(&message, RTA_OIF, IGNORED0);
	assert_int_equal(route_decode(&message.header, &test_devices, &route), 0);
	connectivity_add_route(connectivity, &route, policy);
}

static void add_ignored_address(struct connectivity *connectivity, const struct connectivity_policy *policy)
{
	struct message message;
	struct address address;

	begin_address(&message, "172.17.0.1", IGNORED0);
	assert_int_equal(address_decode(&message.header, &address), 0);
	connectivity_add_address(connectivity, &address, &test_devices, policy);
}

static void what_an_ignored_device_has_is_told_and_gives_nothing(void **state)
{
	struct connectivity connectivity = {};

	(void)state;
	add_ignored_route(&connectivity, &by_routes);
	assert_int_equal(connectivity.family[SIEVE_IPV6].ignored_ifindex, IGNORED0);
	assert_int_equal(connectivity.family[SIEVE_IPV4].ignored_ifindex, 0);
	assert_false(connectivity.family[SIEVE_IPV6].route);
	assert_false(connectivity.family[SIEVE_IPV6].has_witness);
	add_ignored_address(&connectivity, &by_addresses);
	assert_int_equal(connectivity.family[SIEVE_IPV4].ignored_ifindex, IGNORED0);
	assert_false(connectivity.family[SIEVE_IPV4].address);
	add_route(&connectivity, "0.0.0.0", 0, RTPROT_DHCP);
	assert_decides(&connectivity, &by_routes, SIEVE_CONNECTED, SIEVE_USELESS);
}

static void what_is_not_detected_is_not_ignored_either(void **state)
{
	struct connectivity connectivity = {}, nothing = {};

	(void)state;
	add_ignored_route(&connectivity, &by_addresses);
	add_ignored_address(&connectivity, &by_routes);
	assert_memory_equal(&connectivity, &nothing, sizeof(nothing));
}

static void a_query_is_useless_only_if_the_other_family_is_there(void **state)
{
	struct connectivity connectivity = {};

	(void)state;
	assert_decides(&connectivity, &by_routes, SIEVE_OFFLINE, SIEVE_OFFLINE);
	add_route(&connectivity, "0.0.0.0", 0, RTPROT_DHCP);
	assert_decides(&connectivity, &by_routes, SIEVE_CONNECTED, SIEVE_USELESS);
	add_route(&connectivity, "2001:db8:dead::", 48, RTPROT_STATIC);
	assert_decides(&connectivity, &by_routes, SIEVE_CONNECTED, SIEVE_CONNECTED);
	connectivity.family[SIEVE_IPV4].route = false;
	assert_decides(&connectivity, &by_routes, SIEVE_USELESS, SIEVE_CONNECTED);
}

static void detection_looks_at_what_it_is_told_to(void **state)
{
	struct connectivity connectivity = {};

	(void)state;
	take_address(&connectivity, "192.0.2.1", ETH0);
	add_route(&connectivity, "2001:db8:dead::", 48, RTPROT_STATIC);
	assert_decides(&connectivity, &by_routes, SIEVE_USELESS, SIEVE_CONNECTED);
	assert_decides(&connectivity, &by_addresses, SIEVE_CONNECTED, SIEVE_USELESS);
}

static void a_route_of_a_router_advertisement_keeps_a_from_being_useless(void **state)
{
	const struct connectivity_policy no = { .nat64 = CONNECTIVITY_NAT64_NO };
	const struct connectivity_policy yes = { .nat64 = CONNECTIVITY_NAT64_YES };
	struct connectivity connectivity = {};

	(void)state;
	add_route(&connectivity, "::", 0, RTPROT_STATIC);
	assert_decides(&connectivity, &by_routes, SIEVE_USELESS, SIEVE_CONNECTED);
	assert_decides(&connectivity, &no, SIEVE_USELESS, SIEVE_CONNECTED);
	assert_decides(&connectivity, &yes, SIEVE_NAT64, SIEVE_CONNECTED);
	add_route(&connectivity, "2001:db8:1::", 64, RTPROT_RA);
	assert_decides(&connectivity, &by_routes, SIEVE_NAT64, SIEVE_CONNECTED);
	assert_decides(&connectivity, &no, SIEVE_USELESS, SIEVE_CONNECTED);
	assert_decides(&connectivity, &yes, SIEVE_NAT64, SIEVE_CONNECTED);
}

static void nat64_says_nothing_about_aaaa_or_an_offline_host(void **state)
{
	const struct connectivity_policy yes = { .nat64 = CONNECTIVITY_NAT64_YES };
	struct connectivity connectivity = {};

	(void)state;
	assert_decides(&connectivity, &yes, SIEVE_OFFLINE, SIEVE_OFFLINE);
	add_route(&connectivity, "0.0.0.0", 0, RTPROT_DHCP);
	assert_decides(&connectivity, &yes, SIEVE_CONNECTED, SIEVE_USELESS);
}

static void router_advertisements_matter_only_without_ipv4_and_in_auto(void **state)
{
	const struct connectivity_policy no = { .nat64 = CONNECTIVITY_NAT64_NO };
	struct connectivity connectivity = {};

	(void)state;
	assert_true(connectivity_asks_for_ra(&connectivity, &by_routes));
	assert_false(connectivity_asks_for_ra(&connectivity, &no));
	add_route(&connectivity, "0.0.0.0", 0, RTPROT_DHCP);
	assert_false(connectivity_asks_for_ra(&connectivity, &by_routes));
	assert_true(connectivity_asks_for_ra(&connectivity, &by_addresses));
}

static void links_addresses_nexthops_and_netconf_always_concern(void **state)
{
	static const uint16_t types[] = { RTM_NEWLINK, RTM_DELLINK,    RTM_NEWADDR,    RTM_DELADDR,    RTM_NEWNEXTHOP,
					  RTM_DELNEXTHOP, RTM_NEWNETCONF, RTM_DELNETCONF, 0xffff };
	struct connectivity connectivity = {};

	(void)state;
	add_route(&connectivity, "0.0.0.0", 0, RTPROT_DHCP);
	add_route(&connectivity, "::", 0, RTPROT_STATIC);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct message message;

		begin(&message, types[i], "", 0);
		assert_true(connectivity_concerns(&message.header, &connectivity, &by_routes));
	}
}

static void routes_concern_a_family_only_without_connectivity_or_if_they_are_its_witness(void **state)
{
	struct connectivity connectivity = {};
	struct message message;

	(void)state;
	add_route(&connectivity, "0.0.0.0", 0, RTPROT_DHCP);
	for (uint16_t type = RTM_NEWROUTE; type <= RTM_DELROUTE; type++) {
		route_message(&message, "198.51.100.0", 24, RTPROT_STATIC);
		message.header.nlmsg_type = type;
		assert_false(connectivity_concerns(&message.header, &connectivity, &by_routes));
		route_message(&message, "0.0.0.0", 0, RTPROT_DHCP);
		message.header.nlmsg_type = type;
		assert_true(connectivity_concerns(&message.header, &connectivity, &by_routes));
		route_message(&message, "2001:db8::", 32, RTPROT_STATIC);
		message.header.nlmsg_type = type;
		assert_true(connectivity_concerns(&message.header, &connectivity, &by_routes));
		/* even one that does not count: it raises the generation */
		route_message(&message, "ff00::", 8, RTPROT_KERNEL);
		message.header.nlmsg_type = type;
		assert_true(connectivity_concerns(&message.header, &connectivity, &by_routes));
	}
}

static void a_replaced_witness_concerns_whatever_its_new_nexthop(void **state)
{
	struct connectivity connectivity = {};
	struct message message;

	(void)state;
	add_route(&connectivity, "0.0.0.0", 0, RTPROT_DHCP);
	begin_route(&message, "0.0.0.0", 0);
	route_header(&message)->rtm_type = RTN_BLACKHOLE;
	assert_true(connectivity_concerns(&message.header, &connectivity, &by_routes));
	add_u32(&message, RTA_PRIORITY, 100);
	assert_false(connectivity_concerns(&message.header, &connectivity, &by_routes));
}

static void routes_of_router_advertisements_concern_while_ipv4_is_missing(void **state)
{
	const struct connectivity_policy no = { .nat64 = CONNECTIVITY_NAT64_NO };
	struct connectivity connectivity = {};
	struct message message, other;

	(void)state;
	route_message(&message, "2001:db8:1::", 64, RTPROT_RA);
	route_message(&other, "2001:db8:2::", 64, RTPROT_STATIC);
	add_route(&connectivity, "::", 0, RTPROT_STATIC);
	assert_true(connectivity_concerns(&message.header, &connectivity, &by_routes));
	assert_false(connectivity_concerns(&other.header, &connectivity, &by_routes));
	assert_false(connectivity_concerns(&message.header, &connectivity, &no));
	add_route(&connectivity, "0.0.0.0", 0, RTPROT_STATIC);
	assert_false(connectivity_concerns(&message.header, &connectivity, &by_routes));
}

static void where_addresses_decide_routes_concern_only_a_family_without_one(void **state)
{
	struct connectivity connectivity = {};
	struct message ipv4, ipv6;

	(void)state;
	route_message(&ipv4, "0.0.0.0", 0, RTPROT_DHCP);
	route_message(&ipv6, "::", 0, RTPROT_STATIC);
	add_route(&connectivity, "0.0.0.0", 0, RTPROT_DHCP);
	add_route(&connectivity, "::", 0, RTPROT_STATIC);
	take_address(&connectivity, "192.0.2.1", ETH0);
	assert_false(connectivity_concerns(&ipv4.header, &connectivity, &by_addresses));
	assert_true(connectivity_concerns(&ipv6.header, &connectivity, &by_addresses));
}

static void a_malformed_route_concerns_and_one_of_another_family_does_not(void **state)
{
	struct connectivity connectivity = {};
	struct message message;

	(void)state;
	add_route(&connectivity, "0.0.0.0", 0, RTPROT_DHCP);
	route_message(&message, "198.51.100.0", 24, RTPROT_STATIC);
	message.header.nlmsg_len--;
	assert_true(connectivity_concerns(&message.header, &connectivity, &by_routes));
	message.header.nlmsg_len = NLMSG_HDRLEN;
	assert_true(connectivity_concerns(&message.header, &connectivity, &by_routes));
	route_message(&message, "198.51.100.0", 24, RTPROT_STATIC);
	route_header(&message)->rtm_family = 28; /* AF_MPLS */
	assert_false(connectivity_concerns(&message.header, &connectivity, &by_routes));
}

static void every_state_has_a_name(void **state)
{
	(void)state;
	for (enum sieve_connectivity one = SIEVE_CONNECTED; one <= SIEVE_USELESS; one++) {
		assert_non_null(connectivity_name(one));
		for (enum sieve_connectivity other = SIEVE_CONNECTED; other < one; other++)
			assert_string_not_equal(connectivity_name(one), connectivity_name(other));
	}
	assert_null(connectivity_name(SIEVE_USELESS + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_parsed_and_others_refused),
		cmocka_unit_test(a_counting_route_gives_its_family_connectivity_and_a_witness),
		cmocka_unit_test(a_route_that_does_not_count_changes_nothing),
		cmocka_unit_test(the_default_route_is_the_preferred_witness_whatever_the_order),
		cmocka_unit_test(halves_are_a_default_together),
		cmocka_unit_test(an_address_gives_its_family_an_address_if_it_counts),
		cmocka_unit_test(what_an_ignored_device_has_is_told_and_gives_nothing),
		cmocka_unit_test(what_is_not_detected_is_not_ignored_either),
		cmocka_unit_test(a_query_is_useless_only_if_the_other_family_is_there),
		cmocka_unit_test(detection_looks_at_what_it_is_told_to),
		cmocka_unit_test(a_route_of_a_router_advertisement_keeps_a_from_being_useless),
		cmocka_unit_test(nat64_says_nothing_about_aaaa_or_an_offline_host),
		cmocka_unit_test(router_advertisements_matter_only_without_ipv4_and_in_auto),
		cmocka_unit_test(links_addresses_nexthops_and_netconf_always_concern),
		cmocka_unit_test(routes_concern_a_family_only_without_connectivity_or_if_they_are_its_witness),
		cmocka_unit_test(a_replaced_witness_concerns_whatever_its_new_nexthop),
		cmocka_unit_test(routes_of_router_advertisements_concern_while_ipv4_is_missing),
		cmocka_unit_test(where_addresses_decide_routes_concern_only_a_family_without_one),
		cmocka_unit_test(a_malformed_route_concerns_and_one_of_another_family_does_not),
		cmocka_unit_test(every_state_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
