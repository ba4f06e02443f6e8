/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* bpf/heartbeat.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "heartbeat.h"
#include "vectors.h"

#define SECOND 1000000000ULL
#define START (7 * SECOND)
#define NAMES 4000

static const struct sieve_heartbeat minute = { .stamp_ns = 1, .ramp_start_ns = START, .ramp_ns = 60 * SECOND };

static __u64 key_of(const struct message_plan *plan)
{
	struct message message;
	struct sieve_work work;

	make_message(plan, &message);
	memset(&work, 0xa5, sizeof(work));
	work.length = (__u32)message.length;
	memcpy(work.message, message.octets, message.length);
	assert_int_equal(sieve_parse_query(&work), SIEVE_REASON_NONE);
	work.cursor = sieve_question_root(&work.question);
	return sieve_name_key(&work);
}

static __u64 key(const char *name)
{
	const struct message_plan plan = { .qname = name };

	return key_of(&plan);
}

static __u64 numbered_key(unsigned int number)
{
	char name[64];

	snprintf(name, sizeof(name), "host%u.example.net", number);
	return key(name);
}

static bool passes(__u64 name_key, __u64 seed, __u64 after_ns)
{
	return sieve_ramp_passes(&minute, seed, name_key, START + after_ns);
}

static void a_heartbeat_is_stale_when_it_is_older_than_that(void **state)
{
	const struct sieve_heartbeat last = { .stamp_ns = 100 }, first = { .stamp_ns = 1 }, none = {};

	(void)state;
	assert_false(sieve_is_stale(&last, 30, 130));
	assert_true(sieve_is_stale(&last, 30, 131));
	assert_false(sieve_is_stale(&last, 30, 90)); /* stamped meanwhile */
	assert_false(sieve_is_stale(&last, 0, 100));
	assert_true(sieve_is_stale(&last, 0, 101));
	assert_true(sieve_is_stale(&none, 30, 20)); /* soon after the start of the machine */
	assert_false(sieve_is_stale(&first, 30, 20));
}

/* Of every length, so that the name ends at every octet of a word. */
static void both_types_and_every_spelling_of_a_name_share_their_key(void **state)
{
	char name[100] = "", upper[100];

	(void)state;
	for (size_t length = 1; length < sizeof(name); length++) {
		struct message_plan plan = { .qname = name, .qtype = SIEVE_TYPE_AAAA };
		__u64 aaaa;

		name[length - 1] = length % 7 == 6 ? '.' : (char)('a' + length % 23);
		for (size_t i = 0; i <= length; i++)
			upper[i] = (char)toupper(name[i]);
		if (name[length - 1] == '.')
			continue;
		aaaa = key_of(&plan);
		plan.edns = true;
		assert_int_equal(key_of(&plan), aaaa);
		plan.qtype = SIEVE_TYPE_A;
		assert_int_equal(key_of(&plan), aaaa);
		plan.qname = upper;
		assert_int_equal(key_of(&plan), aaaa);
		/* and its twin that differs in the last letter, or in the first, does not */
		upper[length - 1] ^= 3;
		assert_int_not_equal(key_of(&plan), aaaa);
		upper[length - 1] ^= 3;
		upper[0] ^= 3;
		assert_int_not_equal(key_of(&plan), aaaa);
	}
}

static void the_longest_name_has_a_key_to_its_last_octet(void **state)
{
	char name[254], other[254];

	(void)state;
	memset(name, 'a', 253);
	for (size_t i = 63; i < 253; i += 64)
		name[i] = '.';
	name[253] = '\0';
	memcpy(other, name, sizeof(name));
	assert_int_equal(key(name), key(other));
	other[252] = 'b';
	assert_int_not_equal(key(name), key(other));
	assert_int_equal(key(""), key(""));
	assert_int_not_equal(key(""), key("a"));
}

static void names_have_keys_of_their_own(void **state)
{
	(void)state;
	assert_int_not_equal(key("www.example.com"), key("www.example.org"));
	assert_int_not_equal(key("a.b"), key("b.a"));
	assert_int_not_equal(key("ab"), key("a.b"));
	assert_int_not_equal(key("example"), key("www.example"));
	for (unsigned int i = 1; i < 100; i++)
		assert_int_not_equal(numbered_key(i), numbered_key(i - 1));
}

static void without_a_ramp_nothing_passes(void **state)
{
	struct sieve_heartbeat none = { .stamp_ns = START };

	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		assert_false(sieve_ramp_passes(&none, 0, numbered_key(i), ~0ULL));
	assert_false(sieve_ramp_runs(&none));
	/* what a reader could see while it is written */
	none.ramp_ns = SECOND;
	assert_false(sieve_ramp_passes(&none, 0, numbered_key(1), ~0ULL));
	none = (struct sieve_heartbeat){ .ramp_start_ns = START };
	assert_false(sieve_ramp_passes(&none, 0, numbered_key(1), ~0ULL));
	assert_true(sieve_ramp_runs(&minute));
}

static void a_name_that_passes_goes_on_passing(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 200; i++) {
		__u64 name_key = numbered_key(i);
		bool passed = false;

		assert_false(sieve_ramp_passes(&minute, 5, name_key, START - 1));
		for (__u64 after = 0; after <= 61 * SECOND; after += SECOND / 10) {
			bool now = passes(name_key, 5, after);

			assert_false(passed && !now);
			passed = now;
		}
		assert_true(passed);
		assert_true(sieve_ramp_passes(&minute, 5, name_key, ~0ULL));
	}
}

static void check_linear(const struct sieve_heartbeat *last, __u64 seed)
{
	for (unsigned int percent = 0; percent <= 100; percent += 5) {
		__u64 now = last->ramp_start_ns + last->ramp_ns / 100 * percent;
		int passed = 0;

		for (unsigned int i = 0; i < NAMES; i++)
			passed += sieve_ramp_passes(last, seed, numbered_key(i), now);
		/* five standard deviations */
		if (abs(passed - (int)percent * NAMES / 100) > 5 * 32)
			fail_msg("after %u %% of %llu ns: %d of %d names pass", percent,
				 (unsigned long long)last->ramp_ns, passed, NAMES);
	}
}

static void the_share_that_passes_rises_evenly_to_all(void **state)
{
	static const __u64 durations[] = { SECOND / 10, SECOND, 60 * SECOND, SIEVE_RAMP_MAX_NS };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
		struct sieve_heartbeat last = { .ramp_start_ns = START, .ramp_ns = durations[i] };

		check_linear(&last, 0);
		check_linear(&last, 0x1234567890abcdefULL);
	}
}

/* Of one name over many hosts, too: the fleet does not let go of a busy name at once. */
static void hosts_let_go_of_a_name_at_different_times(void **state)
{
	__u64 name_key = key("www.example.com");
	int passed = 0;

	(void)state;
	for (__u64 seed = 0; seed < NAMES; seed++)
		passed += passes(name_key, seed, 30 * SECOND);
	assert_in_range(passed, NAMES / 2 - 160, NAMES / 2 + 160);
}

/* Which names have passed by half-time on one host says nothing of another. */
static void the_order_on_one_host_says_nothing_of_that_on_another(void **state)
{
	int both = 0;

	(void)state;
	for (unsigned int i = 0; i < NAMES; i++)
		both += passes(numbered_key(i), 1, 30 * SECOND) && passes(numbered_key(i), 2, 30 * SECOND);
	assert_in_range(both, NAMES / 4 - 140, NAMES / 4 + 140);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_heartbeat_is_stale_when_it_is_older_than_that),
		cmocka_unit_test(both_types_and_every_spelling_of_a_name_share_their_key),
		cmocka_unit_test(the_longest_name_has_a_key_to_its_last_octet),
		cmocka_unit_test(names_have_keys_of_their_own),
		cmocka_unit_test(without_a_ramp_nothing_passes),
		cmocka_unit_test(a_name_that_passes_goes_on_passing),
		cmocka_unit_test(the_share_that_passes_rises_evenly_to_all),
		cmocka_unit_test(hosts_let_go_of_a_name_at_different_times),
		cmocka_unit_test(the_order_on_one_host_says_nothing_of_that_on_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
