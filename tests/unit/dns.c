/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>

#include "dns.h"
#include "vectors.h"

/* Parse as the kernel does, in a work area that still holds something else. */
static enum sieve_reason parse(const struct message_plan *plan, struct sieve_work *work)
{
	struct message message;

	make_message(plan, &message);
	memset(work, 0xa5, sizeof(*work));
	work->length = (__u32)message.length;
	memcpy(work->message, message.octets, message.length);
	memset(&work->message[message.length], 0, 4);
	return sieve_parse_query(work);
}

/* DO=1 is the decision's business, and a message of more than 512 octets the packet's. */
static bool is_for_the_parser(enum sieve_reason reason)
{
	return reason != SIEVE_REASON_dnssec && reason != SIEVE_REASON_oversized;
}

static void check_question(const struct message_plan *plan, const struct sieve_question *question)
{
	struct message message;

	make_message(plan, &message);
	assert_int_equal(question->end, message.question_end);
	assert_int_equal(question->family, plan_family(plan));
	assert_int_equal(question->edns, plan->edns);
	assert_int_equal(question->dnssec, (plan->edns_flags & FLAG_DO) != 0);
	assert_int_equal(question->recursion_bits, plan->flags & 0xff);
	assert_int_equal(question->cookie_length, plan->cookie.length);
	if (plan->cookie.length)
		assert_memory_equal(&message.octets[question->cookie], plan->cookie.data, plan->cookie.length);
	else
		assert_int_equal(question->cookie, 0);
}

static void queries_that_may_be_answered_are_understood(void **state)
{
	struct sieve_work work;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(message_pairs); i++) {
		const struct message_pair *pair = &message_pairs[i];

		if (parse(&pair->plan, &work) != SIEVE_REASON_NONE)
			fail_msg("%s", pair->phrase);
		check_question(&pair->plan, &work.question);
	}
}

static void their_twins_are_turned_down_for_the_right_reason(void **state)
{
	struct sieve_work work;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(message_pairs); i++) {
		const struct message_pair *pair = &message_pairs[i];
		enum sieve_reason reason;

		if (!is_for_the_parser(pair->reason))
			continue;
		reason = parse(&pair->twin, &work);
		if (reason != pair->reason)
			fail_msg("%s: reason %u, not %u", pair->twin_phrase, reason, pair->reason);
	}
}

static void a_query_with_do_is_understood_and_says_so(void **state)
{
	struct message_plan plan = { .edns = true, .edns_flags = FLAG_DO };
	struct sieve_work work;

	(void)state;
	assert_int_equal(parse(&plan, &work), SIEVE_REASON_NONE);
	assert_int_equal(work.question.dnssec, 1);
	plan.edns_flags = 0x7fff;
	assert_int_equal(parse(&plan, &work), SIEVE_REASON_NONE);
	assert_int_equal(work.question.dnssec, 0);
}

static void every_reason_of_the_parser_has_a_vector(void **state)
{
	(void)state;
	for (unsigned int reason = SIEVE_REASON_oversized; reason <= SIEVE_REASON_dnssec; reason++) {
		size_t found = 0;

		for (size_t i = 0; i < ARRAY_SIZE(message_pairs); i++)
			found += message_pairs[i].reason == reason;
		if (!found)
			fail_msg("no vector has reason %u", reason);
	}
}

static void a_query_cut_at_any_octet_is_turned_down(void **state)
{
	struct message_plan plan = { .edns = true, .options = OCTETS(CLIENT_SUBNET COOKIE_24 PADDING_4) };
	struct sieve_work work;
	struct message whole;

	(void)state;
	make_message(&plan, &whole);
	for (plan.cut = 1; plan.cut <= whole.length; plan.cut++)
		assert_int_not_equal(parse(&plan, &work), SIEVE_REASON_NONE);
}

/* The octets behind a message are the previous query's; none of them may count. */
static void what_lies_behind_the_message_does_not_matter(void **state)
{
	struct sieve_work first, second;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(message_pairs); i++) {
		struct message message;
		__u32 reason;

		if (!is_for_the_parser(message_pairs[i].reason))
			continue;
		reason = parse(&message_pairs[i].twin, &first);
		make_message(&message_pairs[i].twin, &message);
		for (int fill = 0; fill < 256; fill += 51) {
			memset(&second, fill, sizeof(second));
			memcpy(second.message, message.octets, message.length);
			memset(&second.message[message.length], 0, 4);
			second.length = (__u32)message.length;
			assert_int_equal(sieve_parse_query(&second), reason);
		}
	}
}

static void only_capital_letters_are_lowered(void **state)
{
	(void)state;
	for (unsigned int octet = 0; octet < 256; octet++)
		assert_int_equal(sieve_lower(octet), octet < 128 ? (unsigned int)tolower((int)octet) : octet);
}

static void a_cookie_has_8_or_16_to_40_octets(void **state)
{
	(void)state;
	for (__u32 length = 0; length < 70000; length++)
		assert_int_equal(sieve_cookie_is_sound(length), length == 8 || (length >= 16 && length <= 40));
}

static void labels_are_hashed_without_regard_to_case(void **state)
{
	struct message_plan lower = { .qname = "www.sub-domain.example" }, upper = { .qname = "WWW.Sub-DOMAIN.eXample" };
	struct sieve_work one, other;

	(void)state;
	assert_int_equal(parse(&lower, &one), SIEVE_REASON_NONE);
	assert_int_equal(parse(&upper, &other), SIEVE_REASON_NONE);
	assert_int_equal(one.question.labels, 3);
	assert_int_equal(other.question.labels, 3);
	for (int label = 1; label <= 3; label++)
		assert_true(one.label_hash[label] == other.label_hash[label]);
}

static void a_label_has_the_same_hash_wherever_it_stands(void **state)
{
	struct message_plan plan = { .qname = "example.www.example.example" };
	struct sieve_work work;

	(void)state;
	assert_int_equal(parse(&plan, &work), SIEVE_REASON_NONE);
	assert_int_equal(work.question.labels, 4);
	assert_true(work.label_hash[1] == work.label_hash[3]);
	assert_true(work.label_hash[1] == work.label_hash[4]);
	assert_true(work.label_hash[1] != work.label_hash[2]);
}

static void labels_that_differ_in_one_octet_have_different_hashes(void **state)
{
	struct message_plan plan = { .raw_qname = OCTETS("\2aa\2ab\2ba\1a\3aaa\2a\0\2\0a\2a@\2a`\0") };
	struct sieve_work work;

	(void)state;
	assert_int_equal(parse(&plan, &work), SIEVE_REASON_NONE);
	assert_int_equal(work.question.labels, 9);
	for (int one = 1; one <= 9; one++)
		for (int other = one + 1; other <= 9; other++)
			assert_true(work.label_hash[one] != work.label_hash[other]);
}

static void labels_are_counted_without_the_root(void **state)
{
	static const struct {
		struct message_plan plan;
		unsigned int labels;
	} cases[] = {
		{ { .qname = "" }, 0 },
		{ { .qname = "a" }, 1 },
		{ { .qname = "www.example" }, 2 },
		{ { .label_lengths = { 63, 63, 63, 61 } }, 4 },
		{ { .short_labels = 127 }, 127 },
	};
	struct sieve_work work;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse(&cases[i].plan, &work), SIEVE_REASON_NONE);
		assert_int_equal(work.question.labels, cases[i].labels);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queries_that_may_be_answered_are_understood),
		cmocka_unit_test(their_twins_are_turned_down_for_the_right_reason),
		cmocka_unit_test(a_query_with_do_is_understood_and_says_so),
		cmocka_unit_test(every_reason_of_the_parser_has_a_vector),
		cmocka_unit_test(a_query_cut_at_any_octet_is_turned_down),
		cmocka_unit_test(what_lies_behind_the_message_does_not_matter),
		cmocka_unit_test(only_capital_letters_are_lowered),
		cmocka_unit_test(a_cookie_has_8_or_16_to_40_octets),
		cmocka_unit_test(labels_are_hashed_without_regard_to_case),
		cmocka_unit_test(a_label_has_the_same_hash_wherever_it_stands),
		cmocka_unit_test(labels_that_differ_in_one_octet_have_different_hashes),
		cmocka_unit_test(labels_are_counted_without_the_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
