/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "answer.h"
#include "vectors.h"

static const struct sieve_policy with_error = { .extended_error = 1 };
static const struct sieve_policy without_error = { .extended_error = 0 };

static void answer(const struct message_plan *plan, const struct sieve_policy *policy, struct sieve_work *work)
{
	struct message query;
	__u32 length;

	make_message(plan, &query);
	memset(work, 0xa5, sizeof(*work));
	work->length = (__u32)query.length;
	memcpy(work->message, query.octets, query.length);
	assert_int_equal(sieve_parse_query(work), SIEVE_REASON_NONE);
	length = sieve_answer(work, policy);
	assert_int_equal(length, work->length);
}

static void check_octets(const struct sieve_work *work, const struct octets *want)
{
	assert_int_equal(work->length, want->length);
	assert_memory_equal(work->message, want->data, want->length);
}

static void a_plain_query_gets_its_header_changed_and_nothing_else(void **state)
{
	const struct message_plan plan = {};
	const struct octets want = OCTETS("\276\37" "\201\200" "\0\1\0\0\0\0\0\0" "\3www\7example\0" "\0\34\0\1");
	struct sieve_work work;

	(void)state;
	answer(&plan, &with_error, &work);
	check_octets(&work, &want);
}

static void a_query_with_opt_gets_opt_with_the_extended_error(void **state)
{
	const struct message_plan plan = { .edns = true, .edns_flags = 0x7fff, .extended_rcode = 7 };
	const struct octets want = OCTETS("\276\37" "\201\200" "\0\1\0\0\0\0\0\1" "\3www\7example\0" "\0\34\0\1"
					  "\0" "\0\51" "\4\320" "\0\0\0\0" "\0\23"
					  "\0\17" "\0\17" "\0\21" "no IPv6 route");
	struct sieve_work work;

	(void)state;
	answer(&plan, &with_error, &work);
	check_octets(&work, &want);
}

static void an_a_query_is_told_about_ipv4(void **state)
{
	const struct message_plan plan = { .qtype = SIEVE_TYPE_A, .edns = true };
	const struct octets want = OCTETS("\276\37" "\201\200" "\0\1\0\0\0\0\0\1" "\3www\7example\0" "\0\1\0\1"
					  "\0" "\0\51" "\4\320" "\0\0\0\0" "\0\23"
					  "\0\17" "\0\17" "\0\21" "no IPv4 route");
	struct sieve_work work;

	(void)state;
	answer(&plan, &with_error, &work);
	check_octets(&work, &want);
}

static void without_the_extended_error_opt_is_empty(void **state)
{
	const struct message_plan plan = { .edns = true, .options = OCTETS(CLIENT_SUBNET COOKIE_8 PADDING_4 NSID) };
	const struct octets want = OCTETS("\276\37" "\201\200" "\0\1\0\0\0\0\0\1" "\3www\7example\0" "\0\34\0\1"
					  "\0" "\0\51" "\4\320" "\0\0\0\0" "\0\0");
	struct sieve_work work;

	(void)state;
	answer(&plan, &without_error, &work);
	check_octets(&work, &want);
}

static void a_cookie_with_a_server_part_comes_back_alone(void **state)
{
	const struct message_plan plan = { .edns = true, .options = OCTETS(CLIENT_SUBNET COOKIE_24 PADDING_4 NSID) };
	const struct octets want = OCTETS("\276\37" "\201\200" "\0\1\0\0\0\0\0\1" "\3www\7example\0" "\0\34\0\1"
					  "\0" "\0\51" "\4\320" "\0\0\0\0" "\0\34" COOKIE_24);
	struct sieve_work work;

	(void)state;
	answer(&plan, &without_error, &work);
	check_octets(&work, &want);
}

static void the_question_keeps_its_case(void **state)
{
	const struct message_plan plan = { .qname = "wWw.ExAmPlE", .qtype = SIEVE_TYPE_A };
	const struct octets want = OCTETS("\276\37" "\201\200" "\0\1\0\0\0\0\0\0" "\3wWw\7ExAmPlE\0" "\0\1\0\1");
	struct sieve_work work;

	(void)state;
	answer(&plan, &with_error, &work);
	check_octets(&work, &want);
}

/* Of the query's flags only RD, which is always set, and CD come back; RA is ours. */
static void only_recursion_and_checking_disabled_are_copied_of_the_flags(void **state)
{
	static const __u16 queried[] = { 0, FLAG_AA, FLAG_RA, FLAG_Z, FLAG_AD, FLAG_CD, 0xf, FLAG_AD | FLAG_CD | 0xf };
	struct sieve_work work;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(queried); i++) {
		struct message_plan plan = { .flags = queried[i] };
		__u16 want = FLAG_QR | FLAG_RD | FLAG_RA | (queried[i] & FLAG_CD);

		answer(&plan, &with_error, &work);
		assert_int_equal(sieve_get_u16(&work, 2), want);
	}
}

static void the_id_is_copied_whatever_it_is(void **state)
{
	const struct message_plan plan = { .edns = true };
	struct sieve_work work;
	struct message query;

	(void)state;
	make_message(&plan, &query);
	for (unsigned int id = 0; id < 0x10000; id += 0x101) {
		memcpy(work.message, query.octets, query.length);
		work.length = (__u32)query.length;
		sieve_put_u16(&work, 0, (__u16)id);
		assert_int_equal(sieve_parse_query(&work), SIEVE_REASON_NONE);
		assert_int_not_equal(sieve_answer(&work, &with_error), 0);
		assert_int_equal(sieve_get_u16(&work, 0), id);
	}
}

/* Only a policy that answers such queries brings them here. */
static void do_is_copied(void **state)
{
	const struct message_plan plan = { .edns = true, .edns_flags = 0xffff };
	const struct octets want = OCTETS("\276\37" "\201\200" "\0\1\0\0\0\0\0\1" "\3www\7example\0" "\0\34\0\1"
					  "\0" "\0\51" "\4\320" "\0\0\200\0" "\0\0");
	struct sieve_work work;

	(void)state;
	answer(&plan, &without_error, &work);
	check_octets(&work, &want);
}

static void check_vector(const struct message_pair *pair, const struct sieve_policy *policy)
{
	struct sieve_work work;
	struct message want;

	answer(&pair->plan, policy, &work);
	make_answer(&pair->plan, policy->extended_error, &want);
	if (work.length != want.length || memcmp(work.message, want.octets, want.length))
		fail_msg("%s", pair->phrase);
}

static void every_query_that_may_be_answered_gets_its_answer_octet_for_octet(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(message_pairs); i++) {
		check_vector(&message_pairs[i], &with_error);
		check_vector(&message_pairs[i], &without_error);
	}
}

static void the_longest_answer_has_the_longest_name_and_the_longest_cookie(void **state)
{
	const struct message_plan plan = { .label_lengths = { 63, 63, 63, 61 }, .edns = true,
					   .options = OCTETS(COOKIE_40), .cookie = OCTETS(COOKIE_40) };
	struct sieve_work work;
	struct message want;

	(void)state;
	answer(&plan, &with_error, &work);
	make_answer(&plan, true, &want);
	assert_int_equal(work.length, SIEVE_ANSWER_MAX);
	assert_int_equal(want.length, SIEVE_ANSWER_MAX);
	assert_memory_equal(work.message, want.octets, want.length);
}

/* The kernel's checksum helper takes four octets at a time. */
static void zeros_follow_the_answer(void **state)
{
	const __u8 zeros[4] = {};
	struct sieve_work work;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(message_pairs); i++) {
		answer(&message_pairs[i].plan, &with_error, &work);
		assert_memory_equal(&work.message[work.length], zeros, sizeof(zeros));
	}
}

static void a_question_that_cannot_be_is_not_answered(void **state)
{
	const struct message_plan plan = {};
	struct sieve_work work;

	(void)state;
	answer(&plan, &with_error, &work);
	work.question.end = SIEVE_HEADER_SIZE - 1;
	assert_int_equal(sieve_answer(&work, &with_error), 0);
	work.question.end = SIEVE_QUESTION_END_MAX + 1;
	assert_int_equal(sieve_answer(&work, &with_error), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_query_gets_its_header_changed_and_nothing_else),
		cmocka_unit_test(a_query_with_opt_gets_opt_with_the_extended_error),
		cmocka_unit_test(an_a_query_is_told_about_ipv4),
		cmocka_unit_test(without_the_extended_error_opt_is_empty),
		cmocka_unit_test(a_cookie_with_a_server_part_comes_back_alone),
		cmocka_unit_test(the_question_keeps_its_case),
		cmocka_unit_test(only_recursion_and_checking_disabled_are_copied_of_the_flags),
		cmocka_unit_test(the_id_is_copied_whatever_it_is),
		cmocka_unit_test(do_is_copied),
		cmocka_unit_test(every_query_that_may_be_answered_gets_its_answer_octet_for_octet),
		cmocka_unit_test(the_longest_answer_has_the_longest_name_and_the_longest_cookie),
		cmocka_unit_test(zeros_follow_the_answer),
		cmocka_unit_test(a_question_that_cannot_be_is_not_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
