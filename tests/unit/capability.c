/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/capability.h>
#include <string.h>

#include "capability.h"

#define BIT(capability) (1ULL << (capability))
#define ADMIN BIT(CAP_NET_ADMIN)
#define PERFMON BIT(38)
#define BPF BIT(39)
#define SYS BIT(CAP_SYS_ADMIN)
#define PTRACE BIT(CAP_SYS_PTRACE)

static void the_rows_are_those_of_the_documentation(void **state)
{
	(void)state;
	assert_int_equal(capability_needed(false), BPF | ADMIN | PERFMON);
	assert_int_equal(capability_needed(true), BPF | ADMIN | PERFMON | SYS | PTRACE);
}

static void one_fewer_is_missing(void **state)
{
	(void)state;
	for (int others = 0; others < 2; others++) {
		uint64_t row = capability_needed(others);

		assert_int_equal(capability_missing(row, others), 0);
		assert_int_equal(capability_missing(UINT64_MAX, others), 0);
		for (unsigned int number = 0; number < 64; number++) {
			uint64_t missing = capability_missing(row & ~BIT(number), others);
			uint64_t expected = row & BIT(number);

			if (others && expected & (BPF | PERFMON)) /* CAP_SYS_ADMIN stands for it */
				expected = 0;
			assert_int_equal(missing, expected);
		}
	}
	assert_int_equal(capability_missing(0, true), capability_needed(true));
}

static void sys_admin_stands_for_what_was_split_from_it(void **state)
{
	(void)state;
	assert_int_equal(capability_missing(SYS | ADMIN, false), 0);
	assert_int_equal(capability_missing(SYS, false), ADMIN);
	assert_int_equal(capability_missing(SYS | ADMIN, true), PTRACE);
}

static void what_is_kept_is_the_row_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(capability_kept(UINT64_MAX, false), capability_needed(false));
	assert_int_equal(capability_kept(UINT64_MAX, true), capability_needed(true));
	assert_int_equal(capability_kept(capability_needed(true), false), capability_needed(false));
	assert_int_equal(capability_kept(BPF, true), BPF);
	assert_int_equal(capability_kept(0, true), 0);
}

static void a_stand_in_is_kept_where_it_is_one(void **state)
{
	(void)state;
	assert_int_equal(capability_kept(SYS | PTRACE | ADMIN, false), SYS | ADMIN);
	assert_int_equal(capability_kept(SYS | ADMIN | BPF, false), SYS | ADMIN | BPF);
	assert_int_equal(capability_kept(SYS | ADMIN | BPF | PERFMON, false), ADMIN | BPF | PERFMON);
}

static void only_who_has_neither_of_the_pair_means_the_own_namespace(void **state)
{
	(void)state;
	assert_true(capability_is_own_only(capability_needed(false)));
	assert_true(capability_is_own_only(0));
	assert_false(capability_is_own_only(SYS));
	assert_false(capability_is_own_only(PTRACE));
	assert_false(capability_is_own_only(UINT64_MAX));
}

static void assert_list(uint64_t mask, const char *expected)
{
	char text[CAPABILITY_TEXT_MAX];

	capability_list(mask, text);
	assert_string_equal(text, expected);
}

static void a_list_is_for_people(void **state)
{
	(void)state;
	assert_list(0, "none");
	assert_list(BPF, "CAP_BPF");
	assert_list(SYS | PTRACE, "CAP_SYS_PTRACE and CAP_SYS_ADMIN");
	assert_list(BPF | ADMIN | PERFMON, "CAP_NET_ADMIN, CAP_PERFMON and CAP_BPF");
	assert_list(1 | BIT(63), "CAP_CHOWN and capability 63");
}

/* The longest list does not fit, and is cut. */
static void a_list_of_all_ends_within_its_room(void **state)
{
	char text[CAPABILITY_TEXT_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	capability_list(UINT64_MAX, text);
	assert_int_equal(strlen(text), CAPABILITY_TEXT_MAX - 1);
	assert_int_equal(text[CAPABILITY_TEXT_MAX], 'x');
}

static void every_capability_up_to_the_last_has_its_name(void **state)
{
	(void)state;
	for (unsigned int number = 0; number <= 40; number++)
		assert_non_null(capability_name(number));
	assert_string_equal(capability_name(CAP_NET_ADMIN), "CAP_NET_ADMIN");
	assert_string_equal(capability_name(39), "CAP_BPF");
	assert_null(capability_name(41));
	assert_null(capability_name(UINT32_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rows_are_those_of_the_documentation),
		cmocka_unit_test(one_fewer_is_missing),
		cmocka_unit_test(sys_admin_stands_for_what_was_split_from_it),
		cmocka_unit_test(what_is_kept_is_the_row_and_no_more),
		cmocka_unit_test(a_stand_in_is_kept_where_it_is_one),
		cmocka_unit_test(only_who_has_neither_of_the_pair_means_the_own_namespace),
		cmocka_unit_test(a_list_is_for_people),
		cmocka_unit_test(a_list_of_all_ends_within_its_room),
		cmocka_unit_test(every_capability_up_to_the_last_has_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
