/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "prefix.h"

static struct prefix prefix(const char *text, uint8_t length)
{
	struct prefix it = { .family = strchr(text, ':') ? SIEVE_IPV6 : SIEVE_IPV4, .length = length };

	assert_int_equal(inet_pton(it.family == SIEVE_IPV6 ? AF_INET6 : AF_INET, text, it.address), 1);
	return it;
}

static void only_ipv4_and_ipv6_are_families(void **state)
{
	(void)state;
	assert_int_equal(prefix_family(AF_INET), SIEVE_IPV4);
	assert_int_equal(prefix_family(AF_INET6), SIEVE_IPV6);
	assert_int_equal(prefix_family(AF_UNSPEC), -EAFNOSUPPORT);
	assert_int_equal(prefix_family(AF_BRIDGE), -EAFNOSUPPORT);
}

static void prefixes_inside_the_local_ranges_are_local_and_their_neighbours_are_not(void **state)
{
	static const struct {
		const char *text;
		uint8_t length;
		bool local;
	} cases[] = {
		{ "0.0.0.0", 32, true },          { "0.0.0.0", 31, false },        { "0.0.0.1", 32, false },
		{ "127.0.0.0", 8, true },         { "127.255.255.255", 32, true }, { "126.0.0.0", 7, false },
		{ "128.0.0.0", 8, false },        { "126.0.0.0", 8, false },       { "169.254.0.0", 16, true },
		{ "169.254.169.254", 32, true },  { "169.254.0.0", 15, false },    { "169.253.0.0", 16, false },
		{ "169.255.0.0", 16, false },     { "224.0.0.0", 4, true },        { "239.255.255.255", 32, true },
		{ "224.0.0.0", 3, false },        { "240.0.0.0", 4, false },       { "223.255.255.0", 24, false },
		{ "255.255.255.255", 32, true },  { "255.255.255.254", 32, false },
		{ "255.255.255.254", 31, false }, { "0.0.0.0", 0, false },         { "0.0.0.0", 1, false },
		{ "10.0.0.0", 8, false },         { "192.0.2.1", 32, false },      { "::", 0, false },
		{ "::", 128, true },              { "::", 127, false },            { "::1", 128, true },
		{ "::2", 128, false },            { "::ffff:0:0", 96, true },      { "::ffff:192.0.2.1", 128, true },
		{ "::ffff:0:0", 95, false },      { "::fffe:0:0", 96, false },     { "fe80::", 10, true },
		{ "febf::", 16, true },           { "fe80:1::", 32, true },        { "fe80::", 9, false },
		{ "fec0::", 10, false },          { "fe40::", 10, false },         { "ff00::", 8, true },
		{ "ff02::1", 128, true },         { "fe00::", 8, false },          { "fe00::", 7, false },
		{ "fd00::", 8, false },           { "2000::", 3, false },          { "64:ff9b::", 96, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prefix it = prefix(cases[i].text, cases[i].length);

		if (prefix_is_local(&it) != cases[i].local)
			fail_msg("%s/%u is%s taken for local", cases[i].text, cases[i].length,
				 cases[i].local ? " not" : "");
	}
}

static void prefixes_are_equal_only_in_family_length_and_address(void **state)
{
	struct prefix it = prefix("10.0.0.0", 8), same = it, longer = it, other = it, of_ipv6 = it;

	(void)state;
	longer.length = 9;
	other.address[0] = 11;
	of_ipv6.family = SIEVE_IPV6;
	assert_true(prefix_equal(&it, &same));
	assert_false(prefix_equal(&it, &longer));
	assert_false(prefix_equal(&it, &other));
	assert_false(prefix_equal(&it, &of_ipv6));
}

/* Prefixes with a blank between them. */
static bool covers(const char *words)
{
	struct prefix_cover cover = {};
	char copy[256], *rest = copy, *word;

	assert_in_range(snprintf(copy, sizeof(copy), "%s", words), 0, sizeof(copy) - 1);
	while ((word = strsep(&rest, " "))) {
		char *slash = strchr(word, '/');
		struct prefix it;

		if (!slash)
			continue;
		*slash = '\0';
		it = prefix(word, (uint8_t)atoi(slash + 1));
		prefix_cover_add(&cover, &it);
	}
	return prefix_cover_is_whole(&cover);
}

static void a_default_route_or_halves_cover_the_family(void **state)
{
	(void)state;
	assert_false(covers(""));
	assert_true(covers("0.0.0.0/0"));
	assert_true(covers("::/0"));
	assert_true(covers("0.0.0.0/1 128.0.0.0/1"));
	assert_true(covers("8000::/1 ::/1"));
	assert_false(covers("0.0.0.0/1"));
	assert_false(covers("0.0.0.0/1 0.0.0.0/1"));
	assert_false(covers("2000::/3"));
}

static void finer_splits_cover_if_nothing_is_left_out(void **state)
{
	(void)state;
	assert_true(covers("0.0.0.0/1 128.0.0.0/2 192.0.0.0/2"));
	assert_false(covers("0.0.0.0/1 128.0.0.0/2 192.0.0.0/3"));
	assert_true(covers("c000::/2 8000::/2 4000::/2 ::/2"));
	assert_false(covers("c000::/2 8000::/2 4000::/2"));
}

static void splits_are_exact_down_to_eight_bits_and_no_further(void **state)
{
	struct prefix_cover cover = {}, finer = {};

	(void)state;
	for (unsigned int n = 0; n < 256; n++) {
		struct prefix it = { .family = SIEVE_IPV4, .length = 8, .address = { (uint8_t)n } };
		struct prefix half = it;

		assert_false(prefix_cover_is_whole(&cover));
		prefix_cover_add(&cover, &it);
		half.length = 9;
		prefix_cover_add(&finer, &half);
		half.address[1] = 0x80;
		prefix_cover_add(&finer, &half);
	}
	assert_true(prefix_cover_is_whole(&cover));
	assert_false(prefix_cover_is_whole(&finer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_ipv4_and_ipv6_are_families),
		cmocka_unit_test(prefixes_inside_the_local_ranges_are_local_and_their_neighbours_are_not),
		cmocka_unit_test(prefixes_are_equal_only_in_family_length_and_address),
		cmocka_unit_test(a_default_route_or_halves_cover_the_family),
		cmocka_unit_test(finer_splits_cover_if_nothing_is_left_out),
		cmocka_unit_test(splits_are_exact_down_to_eight_bits_and_no_further),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
