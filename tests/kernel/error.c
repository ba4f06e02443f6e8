/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

/* The function, not cmocka's macro. */
#undef fail

static void the_number_comes_back_negative(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(fail(&error, ENOENT, "x"), -ENOENT);
	assert_int_equal(fail_as(&error, ERROR_USAGE, EINVAL, "x"), -EINVAL);
}

static void the_line_is_as_printf_writes_it(void **state)
{
	struct error error;

	(void)state;
	fail(&error, ENOENT, "%s is at %d", "a", 5);
	assert_string_equal(error.text, "a is at 5");
	fail_as(&error, ERROR_KERNEL, ENOENT, "%d%s", 1, "%s");
	assert_string_equal(error.text, "1%s");
}

static void control_characters_do_not_reach_a_terminal(void **state)
{
	struct error error;

	(void)state;
	fail(&error, ENOENT, "cannot attach to %s", "m\x1b]0;x\x07\xc2\x9b\xc3\xa9\xff");
	assert_string_equal(error.text, "cannot attach to m?]0;x???\xc3\xa9?");
}

static void a_long_line_is_cut(void **state)
{
	struct {
		struct error error;
		char behind[4];
	} it = { .behind = "end" };
	char line[2000];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	fail(&it.error, ENOENT, "%s", line);
	assert_int_equal(strlen(it.error.text), sizeof(it.error.text) - 1);
	assert_string_equal(it.behind, "end");
}

static void what_is_forbidden_is_a_matter_of_privilege(void **state)
{
	struct error error;

	(void)state;
	fail(&error, EPERM, "x");
	assert_int_equal(error.kind, ERROR_PRIVILEGE);
	fail(&error, EACCES, "x");
	assert_int_equal(error.kind, ERROR_PRIVILEGE);
	fail(&error, ENOENT, "x");
	assert_int_equal(error.kind, ERROR_FAILED);
}

static void a_kind_that_is_named_is_kept(void **state)
{
	struct error error;

	(void)state;
	for (enum error_kind kind = ERROR_FAILED; kind <= ERROR_KERNEL; kind++) {
		fail_as(&error, kind, EPERM, "x");
		assert_int_equal(error.kind, kind);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_number_comes_back_negative),
		cmocka_unit_test(the_line_is_as_printf_writes_it),
		cmocka_unit_test(control_characters_do_not_reach_a_terminal),
		cmocka_unit_test(a_long_line_is_cut),
		cmocka_unit_test(what_is_forbidden_is_a_matter_of_privilege),
		cmocka_unit_test(a_kind_that_is_named_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
