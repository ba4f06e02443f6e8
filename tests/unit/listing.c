/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "listing.h"

#define IPV4 (1 << SIEVE_IPV4)
#define IPV6 (1 << SIEVE_IPV6)
#define BOTH (IPV4 | IPV6)

/* What a survey saw of each family: "-" nothing, "r" a route, "d" a default route, "a" an address alone. */
static struct connectivity seen(char ipv4, char ipv6)
{
	const char words[SIEVE_FAMILIES] = { [SIEVE_IPV4] = ipv4, [SIEVE_IPV6] = ipv6 };
	struct connectivity it = {};

	for (int family = 0; family < SIEVE_FAMILIES; family++) {
		it.family[family].route = words[family] == 'r' || words[family] == 'd';
		it.family[family].is_default = words[family] == 'd';
		it.family[family].address = words[family] == 'a';
	}
	return it;
}

static void a_survey_says_where_no_look_is_needed(void **state)
{
	static const struct {
		char ipv4, ipv6;
		struct connectivity_policy policy;
		uint8_t families;
		enum sieve_family family;
		enum listing want;
	} cases[] = {
		{ 'd', 'r', {}, BOTH, SIEVE_IPV6, LISTING_UNKNOWN },
		{ 'd', '-', {}, BOTH, SIEVE_IPV6, LISTING_UNKNOWN }, /* no route: none is covered */
		{ 'd', 'd', {}, BOTH, SIEVE_IPV6, LISTING_DEFAULT },
		{ '-', 'r', {}, BOTH, SIEVE_IPV6, LISTING_ALONE },
		{ '-', '-', {}, BOTH, SIEVE_IPV6, LISTING_ALONE },
		{ 'd', 'r', {}, IPV4, SIEVE_IPV6, LISTING_EXCLUDED },
		{ 'd', 'r', {}, IPV6, SIEVE_IPV6, LISTING_UNKNOWN },
		{ 'd', 'r', {}, BOTH, SIEVE_IPV4, LISTING_DEFAULT },
		{ 'r', 'r', {}, BOTH, SIEVE_IPV4, LISTING_UNKNOWN },
		{ 'r', '-', {}, BOTH, SIEVE_IPV4, LISTING_ALONE },
		{ 'r', 'r', {}, IPV6, SIEVE_IPV4, LISTING_EXCLUDED },
		{ 'r', 'r', { .nat64 = CONNECTIVITY_NAT64_YES }, BOTH, SIEVE_IPV4, LISTING_NAT64 },
		{ 'r', 'r', { .nat64 = CONNECTIVITY_NAT64_YES }, BOTH, SIEVE_IPV6, LISTING_UNKNOWN },
		{ 'r', 'r', { .nat64 = CONNECTIVITY_NAT64_NO }, BOTH, SIEVE_IPV4, LISTING_UNKNOWN },
		/* the other family is there by the policy's way to detect */
		{ 'a', 'r', { .detect = CONNECTIVITY_DETECT_ADDRESSES }, BOTH, SIEVE_IPV6, LISTING_UNKNOWN },
		{ 'r', 'r', { .detect = CONNECTIVITY_DETECT_ADDRESSES }, BOTH, SIEVE_IPV6, LISTING_ALONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct connectivity connectivity = seen(cases[i].ipv4, cases[i].ipv6);
		enum listing got = listing_by_survey(&connectivity, &cases[i].policy, cases[i].families, cases[i].family);

		if (got != cases[i].want)
			fail_msg("case %zu: %s, not %s", i, listing_name(got), listing_name(cases[i].want));
	}
}

static void only_ipv4_rests_on_router_advertisements_where_nat64_is_auto(void **state)
{
	const struct connectivity_policy automatic = {}, no = { .nat64 = CONNECTIVITY_NAT64_NO };

	(void)state;
	assert_true(listing_rests_on_ra(&automatic, SIEVE_IPV4));
	assert_false(listing_rests_on_ra(&automatic, SIEVE_IPV6));
	assert_false(listing_rests_on_ra(&no, SIEVE_IPV4));
}

static void a_message_concerns_the_family_of_its_route_and_others_concern_both(void **state)
{
	static const struct {
		uint16_t type;
		unsigned char family, protocol, length;
		enum connectivity_nat64 nat64;
		uint8_t want, want_length;
	} cases[] = {
		{ RTM_NEWROUTE, AF_INET, RTPROT_STATIC, 24, CONNECTIVITY_NAT64_AUTO, IPV4, 24 },
		{ RTM_DELROUTE, AF_INET, RTPROT_STATIC, 24, CONNECTIVITY_NAT64_AUTO, IPV4, 24 },
		{ RTM_NEWROUTE, AF_INET6, RTPROT_STATIC, 64, CONNECTIVITY_NAT64_AUTO, IPV6, 64 },
		{ RTM_DELROUTE, AF_INET6, RTPROT_STATIC, 0, CONNECTIVITY_NAT64_AUTO, IPV6, 0 },
		{ RTM_NEWROUTE, AF_INET6, RTPROT_RA, 64, CONNECTIVITY_NAT64_AUTO, BOTH, 0 },
		{ RTM_NEWROUTE, AF_INET6, RTPROT_RA, 64, CONNECTIVITY_NAT64_NO, IPV6, 64 },
		{ RTM_NEWROUTE, AF_INET, RTPROT_RA, 24, CONNECTIVITY_NAT64_AUTO, IPV4, 24 },
		{ RTM_NEWROUTE, RTNL_FAMILY_IPMR, RTPROT_STATIC, 24, CONNECTIVITY_NAT64_AUTO, 0, 0 },
		{ RTM_NEWLINK, 0, 0, 0, CONNECTIVITY_NAT64_AUTO, BOTH, 0 },
		{ RTM_DELADDR, AF_INET, 0, 24, CONNECTIVITY_NAT64_AUTO, BOTH, 0 },
		{ RTM_NEWNEXTHOP, AF_INET6, 0, 0, CONNECTIVITY_NAT64_AUTO, BOTH, 0 },
	};
	uint8_t length;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct connectivity_policy policy = { .nat64 = cases[i].nat64 };
		struct {
			struct nlmsghdr header;
			struct rtmsg route;
		} message = {
			.header = { .nlmsg_len = sizeof(message), .nlmsg_type = cases[i].type },
			.route = { .rtm_family = cases[i].family, .rtm_protocol = cases[i].protocol, .rtm_dst_len = cases[i].length },
		};

		assert_int_equal(listing_concerned(&message.header, &policy, &length), cases[i].want);
		assert_int_equal(length, cases[i].want_length);
		message.header.nlmsg_len = sizeof(message) - 1; /* cut short: in doubt both */
		assert_int_equal(listing_concerned(&message.header, &policy, &length), BOTH);
		assert_int_equal(length, 0);
	}
}

static void every_listing_has_a_word_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < LISTING_COUNT; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(listing_name((enum listing)i), listing_name((enum listing)k));
	assert_null(listing_name(LISTING_COUNT));
	assert_non_null(listing_trouble(LISTING_TOO_MANY));
	assert_null(listing_trouble(LISTING_COVERED));
	assert_null(listing_trouble(LISTING_UNCLEAN)); /* the next look may be clean */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_survey_says_where_no_look_is_needed),
		cmocka_unit_test(only_ipv4_rests_on_router_advertisements_where_nat64_is_auto),
		cmocka_unit_test(a_message_concerns_the_family_of_its_route_and_others_concern_both),
		cmocka_unit_test(every_listing_has_a_word_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
