/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "text.h"

static void assert_cleaned(const char *text, const char *want)
{
	char copy[64];

	snprintf(copy, sizeof(copy), "%s", text);
	text_clean(copy);
	assert_string_equal(copy, want);
}

static void text_stays(void **state)
{
	(void)state;
	assert_cleaned("", "");
	assert_cleaned("eth0 ~!", "eth0 ~!");
	assert_cleaned("\xc2\xa0\xc3\xa9\xdf\xbf\xe2\x82\xac\xed\x9f\xbf\xee\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf",
		       "\xc2\xa0\xc3\xa9\xdf\xbf\xe2\x82\xac\xed\x9f\xbf\xee\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf");
}

static void control_characters_become_question_marks(void **state)
{
	(void)state;
	assert_cleaned("a\x1b[31m\n\t\x7f\x01z", "a?[31m????z");
	assert_cleaned("\xc2\x80\xc2\x9b" "31m\xc2\x9f", "????31m??");
	assert_cleaned("\xc3\xa9\xc2\x9b", "\xc3\xa9??");
}

static void what_is_not_utf8_becomes_question_marks(void **state)
{
	(void)state;
	assert_cleaned("\x9b" "31m", "?31m");
	assert_cleaned("a\xff\xc3\xa9", "a?\xc3\xa9");
	assert_cleaned("\xc3", "?"); /* cut */
	assert_cleaned("\xe2\x82", "??");
	assert_cleaned("\xc0\x9b\xe0\x82\x9b", "?????"); /* longer than they need be */
	assert_cleaned("\xed\xa0\x80", "???");           /* a surrogate */
	assert_cleaned("\xf4\x90\x80\x80", "????");
}

static bool has_control(const char *text)
{
	return text_has_control(text, strlen(text));
}

static void control_characters_are_found(void **state)
{
	(void)state;
	assert_false(has_control("a\tb \xc2\xa0\xe2\x82\xac"));
	assert_false(has_control("latin 1: \xe9t\xe9"));
	assert_true(has_control("a\x1b"));
	assert_true(has_control("a\x7f"));
	assert_true(has_control("a\xc2\x80"));
	assert_true(has_control("a\xc2\x9f"));
	assert_true(text_has_control("a\0b", 3));
	assert_false(text_has_control("a\xc2\x9f", 2)); /* no further than told */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_stays),
		cmocka_unit_test(control_characters_become_question_marks),
		cmocka_unit_test(what_is_not_utf8_becomes_question_marks),
		cmocka_unit_test(control_characters_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
