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

#include "hash.h"
#include "names.h"
#include "query.h"

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

/* The key that the programs compute of the last labels of a QNAME (bpf/facts.h). */
static uint64_t key_of_programs(const char *name, unsigned int labels)
{
	struct sieve_work work;
	uint64_t hash = 0;

	assert_int_equal(query_make(name, SIEVE_TYPE_A, &work), 0);
	assert_int_equal(sieve_parse_query(&work), SIEVE_REASON_NONE);
	assert_in_range(labels, 1, work.question.labels);
	for (unsigned int depth = 1; depth <= labels; depth++)
		hash = sieve_hash(hash, work.label_hash[work.question.labels + 1 - depth]);
	return hash;
}

static void the_keys_are_those_that_the_programs_compute(void **state)
{
	static const char *const names[] = {
		"com", "www.Example.COM", "_dns._udp.x-1.example.", "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p",
		"0.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q", "sp ace.\xff\x01.[example]",
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.example",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct names_tails tails;
		uint64_t key;
		unsigned int labels;

		names_tails(names[i], &tails);
		assert_in_range(tails.count, 1, SIEVE_SUFFIX_LABELS_MAX);
		for (unsigned int depth = 1; depth <= tails.count; depth++)
			assert_int_equal(tails.keys[depth - 1], key_of_programs(names[i], depth));
		if (names_suffix(names[i], &key, &labels) == 0)
			assert_int_equal(key, key_of_programs(names[i], labels));
	}
}

/* What a command asks of need not be a name: it is under no suffix then, and nothing is read beyond it. */
static void text_that_is_no_name_is_under_no_suffix(void **state)
{
	static const char *const texts[] = { "", ".", "..", "local..", ".local..", "com..x", "a..local.x" };
	static const struct config no_config;
	struct names_rule *rules;
	size_t count;

	(void)state;
	assert_int_equal(names_list(&no_config, &rules, &count), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct names_tails tails;

		names_tails(texts[i], &tails);
		for (size_t k = 0; k < count; k++)
			if (names_applies(&rules[k], &tails))
				fail_msg("\"%s\" is under %s", texts[i], rules[k].value);
	}
	free(rules);
}

static void what_cannot_be_listed_has_no_key(void **state)
{
	static const char *const texts[] = { "", "..", ".a", "a..b", "a..", "sp ace", "*.example" };
	unsigned int labels = 99;
	uint64_t key = 99;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(names_suffix(texts[i], &key, &labels), -EINVAL);
	assert_int_equal(key, 99);
	assert_int_equal(labels, 99);
}

static const char *exempt_suffix_of(const char *name)
{
	static const struct config no_config;
	struct names_rule *rules;
	const char *found = NULL;
	struct names_tails tails;
	size_t count;

	names_tails(name, &tails);
	assert_int_equal(names_list(&no_config, &rules, &count), 0);
	for (size_t i = 0; i < count; i++) {
		assert_null(rules[i].key);
		assert_int_equal(rules[i].flags, SIEVE_NAME_EXEMPT);
		if (names_applies(&rules[i], &tails))
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
	struct names_tails tails;
	size_t count, used = 0;

	names_tails(name, &tails);
	text[0] = '\0';
	assert_int_equal(names_list(config, &rules, &count), 0);
	for (size_t i = 0; i < count; i++)
		if (rules[i].key && names_applies(&rules[i], &tails))
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
		cmocka_unit_test(a_suffix_has_a_key_and_labels),
		cmocka_unit_test(a_suffix_has_1_to_16_labels),
		cmocka_unit_test(the_keys_are_those_that_the_programs_compute),
		cmocka_unit_test(text_that_is_no_name_is_under_no_suffix),
		cmocka_unit_test(what_cannot_be_listed_has_no_key),
		cmocka_unit_test(every_built_in_suffix_is_found_as_is_and_under_labels),
		cmocka_unit_test(a_suffix_is_found_in_any_case),
		cmocka_unit_test(a_suffix_ends_at_labels_alone),
		cmocka_unit_test(the_configured_suffixes_of_a_name_are_found_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
