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

#include "names.h"
#include "suffix.h"

#define HEADER "\0\0\1\0\0\1\0\0\0\0\0\0" /* ID 0, RD=1, one question */

static void assert_query(const char *name, uint16_t type, const char *octets, size_t length)
{
	struct sieve_work work;

	memset(&work, 0xff, sizeof(work));
	if (names_query(name, type, &work) != 0)
		fail_msg("\"%s\" makes no query", name);
	assert_int_equal(work.length, length);
	assert_memory_equal(work.message, octets, length);
}

#define ASSERT_QUERY(name, type, octets) assert_query(name, type, octets, sizeof(octets) - 1)

static void assert_no_name(const char *name)
{
	struct sieve_work work;
	unsigned int labels = 99;
	uint64_t key = 99;

	if (names_query(name, SIEVE_TYPE_A, &work) != -EINVAL)
		fail_msg("\"%s\" makes a query", name);
	assert_int_equal(names_suffix(name, &key, &labels), -EINVAL);
	assert_int_equal(key, 99);
	assert_int_equal(labels, 99);
}

static void a_query_is_what_a_stub_resolver_sends(void **state)
{
	(void)state;
	ASSERT_QUERY("www.example.com", SIEVE_TYPE_A, HEADER "\3www\7example\3com\0" "\0\1\0\1");
	ASSERT_QUERY("www.example.com", SIEVE_TYPE_AAAA, HEADER "\3www\7example\3com\0" "\0\34\0\1");
	ASSERT_QUERY("a", 0xabcd, HEADER "\1a\0" "\xab\xcd\0\1");
}

static void the_case_of_a_name_is_kept(void **state)
{
	(void)state;
	ASSERT_QUERY("WwW.eXample", SIEVE_TYPE_A, HEADER "\3WwW\7eXample\0" "\0\1\0\1");
}

static void a_final_dot_makes_no_difference(void **state)
{
	(void)state;
	ASSERT_QUERY("example.com.", SIEVE_TYPE_A, HEADER "\7example\3com\0" "\0\1\0\1");
	assert_no_name("example.com..");
}

static void the_root_is_a_dot(void **state)
{
	(void)state;
	ASSERT_QUERY(".", SIEVE_TYPE_A, HEADER "\0" "\0\1\0\1");
}

static void empty_labels_make_no_name(void **state)
{
	(void)state;
	assert_no_name("..");
	assert_no_name(".a");
	assert_no_name("a..b");
	assert_no_name("a..");
	assert_no_name("...");
}

/* A name that somebody left empty is not a question about the root. */
static void an_empty_name_is_none(void **state)
{
	(void)state;
	assert_no_name("");
}

static void a_label_has_at_most_63_octets(void **state)
{
	char name[80] = "www.";
	struct sieve_work work;

	(void)state;
	memset(name + 4, 'x', 63);
	assert_int_equal(names_query(name, SIEVE_TYPE_A, &work), 0);
	assert_int_equal(work.message[SIEVE_HEADER_SIZE + 4], 63);
	assert_int_equal(work.length, 12 + 4 + 64 + 1 + 4);
	name[4 + 63] = 'x';
	assert_no_name(name);
	memcpy(name + 4 + 64, ".com", 5);
	assert_no_name(name);
}

/* 255 octets on the wire: length octets and the root's among them. */
static void make_long_name(char name[300], size_t wire)
{
	size_t left = wire - 1, at = 0;

	while (left > 0) {
		size_t label = left > 64 ? 64 : left;

		if (left - label == 1) /* no room for another label */
			label--;
		memset(&name[at], 'x', label - 1);
		name[at + label - 1] = '.';
		at += label;
		left -= label;
	}
	name[at - 1] = '\0';
}

static void a_name_has_at_most_255_octets(void **state)
{
	struct sieve_work work;
	char name[300];

	(void)state;
	make_long_name(name, 255);
	assert_int_equal(strlen(name), 253);
	assert_int_equal(names_query(name, SIEVE_TYPE_A, &work), 0);
	assert_int_equal(work.length, 12 + 255 + 4);
	assert_int_equal(sieve_parse_query(&work), SIEVE_REASON_NONE);
	strcat(name, ".");
	assert_int_equal(names_query(name, SIEVE_TYPE_A, &work), 0);
	make_long_name(name, 256);
	assert_int_equal(strlen(name), 254);
	assert_no_name(name);
	make_long_name(name, 290);
	assert_no_name(name);
}

static void a_suffix_has_a_key_and_labels(void **state)
{
	uint64_t key, other;
	unsigned int labels;

	(void)state;
	assert_int_equal(names_suffix("example.com", &key, &labels), 0);
	assert_int_equal(labels, 2);
	assert_int_equal(names_suffix("EXAMPLE.Com.", &other, &labels), 0);
	assert_int_equal(other, key);
	assert_int_equal(labels, 2);
	assert_int_equal(names_suffix("com.example", &other, &labels), 0);
	assert_int_not_equal(other, key);
	assert_int_equal(names_suffix("examplecom", &other, &labels), 0);
	assert_int_equal(labels, 1);
	assert_int_not_equal(other, key);
	assert_int_equal(names_suffix("www.example.com", &other, &labels), 0);
	assert_int_equal(labels, 3);
	assert_int_not_equal(other, key);
}

static void a_suffix_has_1_to_16_labels(void **state)
{
	unsigned int labels = 99;
	uint64_t key;

	(void)state;
	assert_int_equal(names_suffix(".", &key, &labels), -EINVAL);
	assert_int_equal(labels, 99);
	assert_int_equal(names_suffix("1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16", &key, &labels), 0);
	assert_int_equal(labels, SIEVE_SUFFIX_LABELS_MAX);
	assert_int_equal(names_suffix("0.1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16", &key, &labels), -EINVAL);
	assert_int_equal(labels, SIEVE_SUFFIX_LABELS_MAX);
}

static void parse(const char *name, struct sieve_work *work)
{
	assert_int_equal(names_query(name, SIEVE_TYPE_A, work), 0);
	assert_int_equal(sieve_parse_query(work), SIEVE_REASON_NONE);
}

static const char *exempt_suffix_of(const char *name)
{
	static const struct config no_config;
	struct names_rule *rules;
	const char *found = NULL;
	struct sieve_work work;
	size_t count;

	parse(name, &work);
	assert_int_equal(names_list(&no_config, &rules, &count), 0);
	for (size_t i = 0; i < count; i++) {
		assert_null(rules[i].key);
		assert_int_equal(rules[i].flags, SIEVE_NAME_EXEMPT);
		if (names_applies(&rules[i], &work))
			found = rules[i].value;
	}
	free(rules);
	return found;
}

static void every_built_in_suffix_is_found_as_is_and_under_labels(void **state)
{
	size_t count = 0;

	(void)state;
	for (; names_exempt[count]; count++) {
		char name[128];

		assert_string_equal(exempt_suffix_of(names_exempt[count]), names_exempt[count]);
		snprintf(name, sizeof(name), "a.b.%s.", names_exempt[count]);
		assert_string_equal(exempt_suffix_of(name), names_exempt[count]);
	}
	assert_int_equal(count, 7);
}

static void a_suffix_is_found_in_any_case(void **state)
{
	(void)state;
	assert_string_equal(exempt_suffix_of("Printer.LOCAL"), "local");
	assert_string_equal(exempt_suffix_of("mEtAdAtA.gOOgle.InternAL"), "metadata.google.internal");
}

static void a_suffix_ends_at_labels_alone(void **state)
{
	static const char *const others[] = {
		".", "com", "xlocal", "localx", "local.com", "www.nolocalhost", "arpa", "4only.arpa", "xipv4only.arpa",
		"google.internal", "internal", "metadatagoogle.internal", "metadata.google.internal.example",
		"xmetadata.google.internal", "loca.l",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (exempt_suffix_of(others[i]))
			fail_msg("%s is under %s", others[i], exempt_suffix_of(others[i]));
}

static void set(struct config *config, const char *key, const char *word)
{
	char error[CONFIG_ERROR_MAX] = "";

	if (config_set(config, key, word, error) != 0)
		fail_msg("%s", error);
}

/* The rules of the configuration that the name is under, as "KEY=VALUE;". */
static void rules_of(const struct config *config, const char *name, char *text, size_t size)
{
	struct names_rule *rules;
	struct sieve_work work;
	size_t count, used = 0;

	parse(name, &work);
	text[0] = '\0';
	assert_int_equal(names_list(config, &rules, &count), 0);
	for (size_t i = 0; i < count; i++)
		if (rules[i].key && names_applies(&rules[i], &work))
			used += (size_t)snprintf(text + used, size - used, "%s=%s;", rules[i].key, rules[i].value);
	free(rules);
}

static void the_configured_suffixes_of_a_name_are_found_in_order(void **state)
{
	static const struct {
		const char *name, *rules;
	} table[] = {
		{ "www.Corp.Example", "exempt-name=corp.example.;ask=example aaaa;" },
		{ "corp.example", "exempt-name=corp.example.;ask=example aaaa;" },
		{ "xcorp.example", "ask=example aaaa;" },
		{ "corp.example.org", "" },
		{ "a.b.c.test-1._tcp", "exempt-name=TEST-1._tcp;ask=c.test-1._tcp\tboth;" },
		{ "b.test-1._tcp", "exempt-name=TEST-1._tcp;" },
	};
	struct config config;
	char text[512];

	(void)state;
	config_init(&config);
	set(&config, "exempt-name", "corp.example.");
	set(&config, "ask", "example aaaa");
	set(&config, "exempt-name", "TEST-1._tcp");
	set(&config, "ask", "c.test-1._tcp\tboth");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		rules_of(&config, table[i].name, text, sizeof(text));
		assert_string_equal(text, table[i].rules);
	}
	config_free(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_query_is_what_a_stub_resolver_sends),
		cmocka_unit_test(the_case_of_a_name_is_kept),
		cmocka_unit_test(a_final_dot_makes_no_difference),
		cmocka_unit_test(the_root_is_a_dot),
		cmocka_unit_test(empty_labels_make_no_name),
		cmocka_unit_test(an_empty_name_is_none),
		cmocka_unit_test(a_label_has_at_most_63_octets),
		cmocka_unit_test(a_name_has_at_most_255_octets),
		cmocka_unit_test(a_suffix_has_a_key_and_labels),
		cmocka_unit_test(a_suffix_has_1_to_16_labels),
		cmocka_unit_test(every_built_in_suffix_is_found_as_is_and_under_labels),
		cmocka_unit_test(a_suffix_is_found_in_any_case),
		cmocka_unit_test(a_suffix_ends_at_labels_alone),
		cmocka_unit_test(the_configured_suffixes_of_a_name_are_found_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
