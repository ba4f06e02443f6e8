/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <stubsieve/abi.h>

#include "name.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define L63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

static bool is_suffix(const char *text)
{
	return name_is_suffix(text, strlen(text));
}

static void names_of_hosts_and_services_are_suffixes(void **state)
{
	static const char *const good[] = { "a", "example", "corp.example", "corp.example.", "CORP.Example", "_tcp.example", "1.2.3",
					    "xn--bcher-kva.example", "-.-", L63, "a." L63, L63 "." L63 "." L63 ".a" };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		if (!is_suffix(good[i]))
			fail_msg("%s", good[i]);
}

static void what_is_no_name_or_every_name_is_no_suffix(void **state)
{
	static const char *const bad[] = { "", ".", "..", ".a", "a..b", "a..", "*", "*.example", "a b", " a", "a ", "a\tb", "a/b", "a\\.b",
					   "\303\274.example", "a:53", L63 "x", "a." L63 "x", L63 "." L63 "." L63 "." L63 };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (is_suffix(bad[i]))
			fail_msg("%s", bad[i]);
	assert_false(name_is_suffix("a\0b", 3));
}

static void a_suffix_has_1_to_16_labels(void **state)
{
	(void)state;
	assert_true(is_suffix("1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16"));
	assert_true(is_suffix("1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16."));
	assert_false(is_suffix("0.1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16"));
}

/* 253 octets without the final dot are 255 on the wire. */
static void the_longest_suffix_has_253_octets(void **state)
{
	char text[300];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[63] = text[127] = text[191] = '.';
	assert_true(name_is_suffix(text, 253));
	assert_false(name_is_suffix(text, 254));
	text[253] = '.';
	assert_true(name_is_suffix(text, 254));
}

static void what_is_asked_is_a_suffix_and_families(void **state)
{
	static const struct {
		const char *text, *suffix;
		uint32_t flags;
	} table[] = {
		{ "corp.example a", "corp.example", SIEVE_NAME_ASK_A },
		{ "corp.example aaaa", "corp.example", SIEVE_NAME_ASK_AAAA },
		{ "corp.example. both", "corp.example.", SIEVE_NAME_ASK_A | SIEVE_NAME_ASK_AAAA },
		{ "a \t aaaa", "a", SIEVE_NAME_ASK_AAAA },
	};
	static const char *const bad[] = { "", " ", "a", "a ", "a b", "a A", "a aaaaa", "a a ", " a a", "a,a", "a a,aaaa", ". a", "*.b a" };
	struct name_ask ask;

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		assert_int_equal(name_parse_ask(table[i].text, &ask), 0);
		assert_string_equal(ask.suffix, table[i].suffix);
		assert_int_equal(ask.flags, table[i].flags);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (name_parse_ask(bad[i], &ask) != -EINVAL)
			fail_msg("%s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_hosts_and_services_are_suffixes),
		cmocka_unit_test(what_is_no_name_or_every_name_is_no_suffix),
		cmocka_unit_test(a_suffix_has_1_to_16_labels),
		cmocka_unit_test(the_longest_suffix_has_253_octets),
		cmocka_unit_test(what_is_asked_is_a_suffix_and_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
