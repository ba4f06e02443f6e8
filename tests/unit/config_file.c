/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_file.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What was told, as "LINE: TEXT\n". */
static char told[1 << 16];

static void note(unsigned int line, const char *text, void *data)
{
	size_t length = strlen(told);

	(void)data;
	snprintf(told + length, sizeof(told) - length, "%u: %s\n", line, text);
}

/* Without a NUL behind it, so that a reader beyond its end is seen by valgrind and the sanitizers. */
static int parse_octets(const char *octets, size_t length, struct config *config)
{
	char *copy = malloc(length ? length : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, octets, length);
	told[0] = '\0';
	config_init(config);
	r = config_file_parse(copy, length, config, note, NULL);
	free(copy);
	return r;
}

static int parse(const char *text, struct config *config)
{
	return parse_octets(text, strlen(text), config);
}

static void take(const char *text, struct config *config)
{
	if (parse(text, config) != 0)
		fail_msg("refused: %s", told);
	assert_string_equal(told, "");
}

/* It is refused in that line, with these words in what is told. */
static void refuse_octets(const char *octets, size_t length, unsigned int line, const char *words)
{
	struct config config;
	char number[16];

	if (parse_octets(octets, length, &config) != -EINVAL)
		fail_msg("taken: %s", octets);
	snprintf(number, sizeof(number), "%u: ", line);
	if (strncmp(told, number, strlen(number)) != 0 || !strstr(told, words))
		fail_msg("of line %u, with \"%s\", was told: %s", line, words, told);
	assert_ptr_equal(strchr(told, '\n'), told + strlen(told) - 1); /* and nothing else */
	config_free(&config);
}

static void refuse(const char *text, unsigned int line, const char *words)
{
	refuse_octets(text, strlen(text), line, words);
}

static void lines_are_keys_and_values(void **state)
{
	struct config config;

	(void)state;
	take("# a comment\n\n; another\naction = observe\nsettle=2.5\n  \t\n   \nexempt-name =   corp.example   \nport\t=\t53\nport = 54",
	     &config);
	assert_int_equal(config.action, SIEVE_ACTION_OBSERVE);
	assert_int_equal(config.settle_ns, 2500000000ULL);
	assert_int_equal(config.exempt_names.count, 1);
	assert_string_equal(config.exempt_names.words[0], "corp.example");
	assert_int_equal(config.port_count, 2);
	config_free(&config);
}

static void an_empty_file_says_nothing(void **state)
{
	static const char *const texts[] = { "", "\n", "\n\n\n", "# only this", "   ", "\r\n" };
	struct config config;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		take(texts[i], &config);
		assert_int_equal(config.action, SIEVE_ACTION_ANSWER);
		config_free(&config);
	}
}

static void lines_may_end_as_on_other_systems(void **state)
{
	struct config config;

	(void)state;
	take("action = drop\r\n# x\r\nsettle = 1\r\n", &config);
	assert_int_equal(config.action, SIEVE_ACTION_DROP);
	config_free(&config);
	refuse("action = dr\rop\n", 1, "control character");
}

/* A value can have all that keys take, and what else is in it is not taken for something. */
static void a_value_is_taken_as_it_stands(void **state)
{
	struct config config;

	(void)state;
	take("cgroup = /a b/c=d:e#f;g\nask = corp.example both\nignore-interface = br-[0-9]*\n", &config);
	assert_string_equal(config.cgroups[0], "/a b/c=d:e#f;g");
	assert_string_equal(config.asks.words[0], "corp.example both");
	assert_string_equal(config.ignored_interfaces[0], "br-[0-9]*");
	config_free(&config);
}

static void what_is_no_pair_is_told_with_its_line(void **state)
{
	(void)state;
	refuse("settle = 1\n[section]\n", 2, "no sections");
	refuse("[section] settle = 1\n", 1, "no sections");
	refuse("\n\naction\n", 3, "no `=`");
	refuse("action: answer\n", 1, "by `=`, not by `:`");
	refuse("action : answer = x\n", 1, "by `=`, not by `:`");
	refuse("= answer\n", 1, "there is no key \"\"");
	refuse("action =\n", 1, "action takes");
	refuse("cgroup =\n", 1, "cgroup takes");
	refuse("cgroup = \"system.slice\"\n", 1, "not quoted");
	refuse("cgroup = 'system.slice'\n", 1, "not quoted");
}

static void nothing_is_cut_or_joined(void **state)
{
	(void)state;
	refuse("settle = 5 ; seconds\n", 1, "a line of its own");
	refuse("settle = 5 # seconds\n", 1, "a line of its own");
	refuse("cgroup = a ;b\n", 1, "a line of its own");
	refuse("cgroup = a\n  b\n", 2, "no line continues");
	refuse("cgroup = a\n\tcgroup = b\n", 2, "no line continues");
	refuse("  # hidden\n", 1, "remove the blanks");
	refuse("\xef\xbb\xbf" "action = drop\n", 1, "byte order mark");
	refuse("settle = 1\n\xef\xbb\xbf" "action = drop\n", 2, "byte order mark");
}

static void what_is_no_text_is_told(void **state)
{
	static const char nul[] = "action = drop\0x\n", utf16[] = "\xff\xfe" "a\0c\0=\0b\0";

	(void)state;
	refuse_octets(nul, sizeof(nul) - 1, 1, "octet 0");
	refuse_octets(utf16, sizeof(utf16) - 1, 1, "octet 0");
	refuse("action = \x1b[31mdrop\n", 1, "control character");
	refuse("cgroup = a\x7f\n", 1, "control character");
	refuse("cgroup = a\xc2\x9b\n", 1, "control character");
}

/* To the octet, and a comment may be as long as it likes. */
static void a_line_that_is_too_long_is_told_and_not_cut(void **state)
{
	struct config config;
	char text[1000] = "cgroup = /";
	size_t room = 0;

	(void)state;
	for (size_t length = 100; length < 600 && !room; length++) {
		memset(text + 10, 'x', length - 10);
		text[length] = '\n';
		if (parse_octets(text, length + 1, &config) == 0) {
			assert_int_equal(strlen(config.cgroups[0]), length - 9);
		} else {
			assert_non_null(strstr(told, "give this on the command line"));
			assert_int_equal(config.cgroup_count, 0);
			room = length - 1;
		}
		config_free(&config);
	}
	assert_true(room >= 190);
	memset(text, 'x', sizeof(text));
	text[0] = '#';
	text[sizeof(text) - 1] = '\0';
	take(text, &config);
	config_free(&config);
}

static void values_that_a_key_does_not_take_are_told(void **state)
{
	(void)state;
	refuse("settle = 1\nactoin = drop\n", 2, "there is no key \"actoin\"; `stubsieve run --help` lists them");
	refuse("action = dropp\n", 1, "action takes answer, observe, drop or reject, not \"dropp\"");
	refuse("Action = drop\n", 1, "there is no key");
	refuse("settle = -1\n", 1, "settle takes");
	refuse("percent = 101\n", 1, "percent takes");
	refuse("config = /etc/x\n", 1, "command line only");
	refuse("port = 1\nport = 2\nport = 3\nport = 4\nport = 5\nport = 6\nport = 7\nport = 8\nport = 9\n", 9, "the limit of 8");
}

static void what_does_not_repeat_is_given_once(void **state)
{
	struct config config;

	(void)state;
	refuse("action = drop\n\naction = drop\n", 3, "action was given in line 1 already");
	refuse("settle = 1\nsettle = 2\n", 2, "settle was given in line 1 already");
	take("exempt-name = a.example\nexempt-name = a.example\n", &config);
	config_free(&config);
}

static void all_that_is_wrong_is_told_and_the_rest_is_taken(void **state)
{
	struct config config;

	(void)state;
	assert_int_equal(parse("foo = 1\nsettle = 2\n[x]\nbar\n", &config), -EINVAL);
	assert_string_equal(told, "1: there is no key \"foo\"; `stubsieve run --help` lists them\n"
				  "3: there are no sections: remove this line\n"
				  "4: a line is `key = value`, and this one has no `=`\n");
	assert_int_equal(config.settle_ns, 2000000000ULL);
	config_free(&config);
}

/* Whatever is in a file, it is taken or told of. */
static void random_octets_are_taken_or_told_of(void **state)
{
	static const char alphabet[] = "action=observe \t\n\r;#[]:=\"\xef\xbb\xbf\0x5.";
	uint32_t random = 1;
	char text[300];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct config config;
		size_t length;
		int r;

		random = random * 1664525 + 1013904223;
		length = (random >> 8) % sizeof(text);
		for (size_t i = 0; i < length; i++) {
			random = random * 1664525 + 1013904223;
			text[i] = alphabet[(random >> 8) % (sizeof(alphabet) - 1)];
		}
		r = parse_octets(text, length, &config);
		assert_int_equal(r == 0, told[0] == '\0');
		config_free(&config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_keys_and_values),
		cmocka_unit_test(an_empty_file_says_nothing),
		cmocka_unit_test(lines_may_end_as_on_other_systems),
		cmocka_unit_test(a_value_is_taken_as_it_stands),
		cmocka_unit_test(what_is_no_pair_is_told_with_its_line),
		cmocka_unit_test(nothing_is_cut_or_joined),
		cmocka_unit_test(what_is_no_text_is_told),
		cmocka_unit_test(a_line_that_is_too_long_is_told_and_not_cut),
		cmocka_unit_test(values_that_a_key_does_not_take_are_told),
		cmocka_unit_test(what_does_not_repeat_is_given_once),
		cmocka_unit_test(all_that_is_wrong_is_told_and_the_rest_is_taken),
		cmocka_unit_test(random_octets_are_taken_or_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
