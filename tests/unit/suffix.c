/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "suffix.h"
#include "vectors.h"

static void parse(const struct message_plan *plan, struct sieve_work *work)
{
	struct message message;

	make_message(plan, &message);
	memset(work, 0xa5, sizeof(*work));
	work->length = (__u32)message.length;
	memcpy(work->message, message.octets, message.length);
	assert_int_equal(sieve_parse_query(work), SIEVE_REASON_NONE);
}

static __u64 key(const char *suffix)
{
	struct message_plan plan = { .qname = suffix };
	struct sieve_work work;

	parse(&plan, &work);
	return sieve_suffix_hash(&work);
}

/* Is one of the name's suffixes exempt? The keys of all of them come up on the way to that of the whole. */
static bool is_exempt(const struct message_plan *plan)
{
	struct sieve_work work;
	__u64 hash = 0;

	parse(plan, &work);
	for (unsigned int label = work.question.labels; label > 0; label--) {
		hash = sieve_hash(hash, work.label_hash[label]);
		for (size_t i = 0; i < ARRAY_SIZE(exempt_names); i++)
			if (hash == key(exempt_names[i]))
				return true;
	}
	return false;
}

static void names_under_a_suffix_are_told_from_those_that_look_so(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(name_pairs); i++) {
		if (is_exempt(&name_pairs[i].plan))
			fail_msg("%s", name_pairs[i].phrase);
		if (!is_exempt(&name_pairs[i].exempt))
			fail_msg("%s", name_pairs[i].exempt_phrase);
	}
}

static void the_key_of_a_suffix_does_not_depend_on_case(void **state)
{
	(void)state;
	assert_true(key("corp.example") == key("CORP.eXaMpLe"));
	assert_true(key("corp.example") != key("corp2.example"));
}

static void the_key_depends_on_the_order_of_labels_and_on_each_of_them(void **state)
{
	static const char *const names[] = {
		"", "a", "b", "a.a", "a.b", "b.a", "ab", "a.a.a", "a.b.c", "c.b.a", "b.a.c", "abc", "a.bc", "ab.c",
	};

	(void)state;
	for (size_t one = 0; one < ARRAY_SIZE(names); one++)
		for (size_t other = one + 1; other < ARRAY_SIZE(names); other++)
			assert_true(key(names[one]) != key(names[other]));
}

static void the_key_of_the_root_is_zero(void **state)
{
	(void)state;
	assert_true(key("") == 0);
}

static void the_key_takes_every_label_of_the_longest_name(void **state)
{
	struct message_plan plan = { .short_labels = 127 }, other = { .short_labels = 126 };
	struct sieve_work work;
	__u64 hash;

	(void)state;
	parse(&plan, &work);
	hash = sieve_suffix_hash(&work);
	parse(&other, &work);
	assert_true(hash != sieve_suffix_hash(&work));
}

/* Names that look like each other must not find each other's bits, or all would be looked up in the map. */
static void few_names_have_the_bit_of_one_that_is_listed(void **state)
{
	static const char *const patterns[] = { "host-%u.corp.example", "%u.example.com", "s%u", "%u-svc.default.svc.cluster.local" };
	static __u8 summary[SIEVE_SUFFIX_BITS];
	unsigned int found = 0, asked = 0;
	char name[64];

	(void)state;
	for (unsigned int i = 0; i < 4000; i++) {
		snprintf(name, sizeof(name), patterns[i % 4], i);
		summary[sieve_suffix_bit(key(name))] = 1;
	}
	for (unsigned int i = 0; i < SIEVE_SUFFIX_BITS; i++)
		found += summary[i];
	assert_in_range(found, 3850, 4000); /* 3,939 if they fall at random */
	found = 0;
	for (unsigned int i = 100000; i < 140000; i++, asked++) {
		snprintf(name, sizeof(name), patterns[i % 4], i);
		found += summary[sieve_suffix_bit(key(name))];
	}
	assert_in_range(found, 1, asked / 25); /* one in 33 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_under_a_suffix_are_told_from_those_that_look_so),
		cmocka_unit_test(the_key_of_a_suffix_does_not_depend_on_case),
		cmocka_unit_test(the_key_depends_on_the_order_of_labels_and_on_each_of_them),
		cmocka_unit_test(the_key_of_the_root_is_zero),
		cmocka_unit_test(the_key_takes_every_label_of_the_longest_name),
		cmocka_unit_test(few_names_have_the_bit_of_one_that_is_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
