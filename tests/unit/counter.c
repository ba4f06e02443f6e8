/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "counter.h"

static const char *name_of(uint32_t index)
{
	static struct sieve_counter_name name;

	memset(&name, 0xff, sizeof(name));
	counter_name(index, &name);
	assert_int_equal(name.text[sizeof(name.text) - 1], 0);
	return name.text;
}

static void counters_are_called_by_what_they_count(void **state)
{
	(void)state;
	assert_string_equal(name_of(SIEVE_REASON_connected), "passed_connected");
	assert_string_equal(name_of(SIEVE_COUNTER_ANSWERED + SIEVE_IPV4), "answered_a");
	assert_string_equal(name_of(SIEVE_COUNTER_ANSWERED + SIEVE_IPV6), "answered_aaaa");
	assert_string_equal(name_of(SIEVE_COUNTER_REMOVED + SIEVE_IPV6), "removed_aaaa");
	assert_string_equal(name_of(SIEVE_COUNTER_RESPONSE + SIEVE_RESPONSE_signed), "response_signed");
}

static void what_is_not_used_has_no_name(void **state)
{
	(void)state;
	assert_string_equal(name_of(SIEVE_REASON_NONE), "");
	assert_string_equal(name_of(SIEVE_REASONS), "");
	assert_string_equal(name_of(SIEVE_COUNTER_RESPONSE + SIEVE_RESPONSES), "");
	assert_string_equal(name_of(SIEVE_COUNTERS), "");
}

/* A name that was cut short could be that of another one. */
static void each_has_a_name_of_its_own_that_fits(void **state)
{
	struct sieve_counter_name one, other;

	(void)state;
	for (uint32_t i = 0; i < SIEVE_COUNTERS; i++) {
		counter_name(i, &one);
		assert_true(strlen(one.text) < sizeof(one.text) - 1);
		for (uint32_t k = 0; one.text[0] && k < i; k++) {
			counter_name(k, &other);
			assert_string_not_equal(one.text, other.text);
		}
	}
	for (uint32_t i = 1; i < SIEVE_REASONS; i++)
		assert_true(name_of(i)[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_are_called_by_what_they_count),
		cmocka_unit_test(what_is_not_used_has_no_name),
		cmocka_unit_test(each_has_a_name_of_its_own_that_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
