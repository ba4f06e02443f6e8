/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "check.h"

static struct checks checks; /* large */

static int empty(void **state)
{
	(void)state;
	memset(&checks, 0, sizeof(checks));
	return 0;
}

static void what_is_added_is_kept_in_order(void **state)
{
	(void)state;
	check_add(&checks, "first", CHECK_OK, "%s %d", "seen", 1);
	check_set_cure(check_add(&checks, "second", CHECK_WARNING, "two"), "do %d things", 3);
	check_add_missing(&checks, "third", CHECK_LACKS_KERNEL, "%s", "nothing");
	assert_int_equal(checks.count, 3);
	assert_string_equal(checks.list[0].name, "first");
	assert_string_equal(checks.list[0].seen, "seen 1");
	assert_string_equal(checks.list[0].cure, "");
	assert_int_equal(checks.list[0].verdict, CHECK_OK);
	assert_string_equal(checks.list[1].cure, "do 3 things");
	assert_int_equal(checks.list[1].verdict, CHECK_WARNING);
	assert_int_equal(checks.list[2].verdict, CHECK_MISSING);
	assert_int_equal(checks.list[2].lack, CHECK_LACKS_KERNEL);
}

static void only_what_is_missing_keeps_it_from_running(void **state)
{
	(void)state;
	assert_int_equal(checks_lack(&checks), CHECK_LACKS_NOTHING);
	check_add(&checks, "a", CHECK_OK, "x");
	check_add(&checks, "b", CHECK_NOTE, "x");
	check_add(&checks, "c", CHECK_WARNING, "x");
	assert_int_equal(checks_lack(&checks), CHECK_LACKS_NOTHING);
}

/* Only privilege is missing if nothing else is; a kernel cannot be configured away. */
static void of_several_lacks_the_one_that_is_hardest_to_cure_decides(void **state)
{
	(void)state;
	check_add_missing(&checks, "a", CHECK_LACKS_PRIVILEGE, "x");
	assert_int_equal(checks_lack(&checks), CHECK_LACKS_PRIVILEGE);
	check_add_missing(&checks, "b", CHECK_LACKS_KERNEL, "x");
	check_add_missing(&checks, "c", CHECK_LACKS_CONFIGURATION, "x");
	check_add(&checks, "d", CHECK_OK, "x");
	assert_int_equal(checks_lack(&checks), CHECK_LACKS_KERNEL);
	checks.count = 1;
	check_add_missing(&checks, "c", CHECK_LACKS_CONFIGURATION, "x");
	assert_int_equal(checks_lack(&checks), CHECK_LACKS_CONFIGURATION);
}

static void control_characters_do_not_reach_a_terminal(void **state)
{
	(void)state;
	check_set_cure(check_add(&checks, "a", CHECK_OK, "%s", "x\x1b[31m\ny\x7f\xc2\x9b"), "%s", "\t");
	assert_string_equal(checks.list[0].seen, "x?[31m?y???");
	assert_string_equal(checks.list[0].cure, "?");
}

static void long_texts_are_cut_and_too_many_checks_are_not_kept(void **state)
{
	char text[2 * CHECK_TEXT_MAX];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < CHECKS_MAX + 5; i++)
		check_add(&checks, "a", CHECK_OK, "%s", text);
	assert_int_equal(checks.count, CHECKS_MAX);
	assert_int_equal(strlen(checks.list[0].seen), CHECK_TEXT_MAX - 1);
}

static void verdicts_have_names(void **state)
{
	(void)state;
	assert_string_equal(check_verdict_name(CHECK_OK), "ok");
	assert_string_equal(check_verdict_name(CHECK_NOTE), "note");
	assert_string_equal(check_verdict_name(CHECK_WARNING), "warning");
	assert_string_equal(check_verdict_name(CHECK_MISSING), "missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_added_is_kept_in_order, empty),
		cmocka_unit_test_setup(only_what_is_missing_keeps_it_from_running, empty),
		cmocka_unit_test_setup(of_several_lacks_the_one_that_is_hardest_to_cure_decides, empty),
		cmocka_unit_test_setup(control_characters_do_not_reach_a_terminal, empty),
		cmocka_unit_test_setup(long_texts_are_cut_and_too_many_checks_are_not_kept, empty),
		cmocka_unit_test(verdicts_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
