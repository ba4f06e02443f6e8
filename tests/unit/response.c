/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "dns.h"
#include "responses.h"

/* The message as it came, as the kernel has it in the packet. */
struct context {
	struct message message;
	bool nothing_is_routed;
};

static bool sieve_is_covered(void *context, struct sieve_work *work, __u32 family, __u32 offset)
{
	static const __u8 mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	const struct context *own = context;
	const __u8 *address = &own->message.octets[offset];
	size_t size = family == SIEVE_IPV4 ? 4 : 16;

	(void)work;
	assert_in_range(offset, QNAME_OFFSET, own->message.length - size);
	if (size == 16 && memcmp(address, mapped, sizeof(mapped)) == 0)
		return false;
	return is_routed(address, size);
}

static int sieve_move(void *context, struct sieve_work *work, __u32 to, __u32 from, __u32 length)
{
	const struct context *own = context;

	assert_in_range(from, to + 1, own->message.length);
	assert_in_range(length, 1, own->message.length - from);
	memcpy(&work->message[to], &own->message.octets[from], length);
	return 0;
}

#include "response.h"

static int sieve_walk_name(void *context, struct sieve_work *work)
{
	(void)context;
	return (int)sieve_take_name(work);
}

static int sieve_walk_records(void *context, struct sieve_work *work)
{
	return (int)sieve_take_records(context, work);
}

static int sieve_walk_label(void *context, struct sieve_work *work)
{
	(void)context;
	return sieve_hash_label(work);
}

#define STALE 0xa5 /* what an earlier message left behind, and zeros before it */

/* As the kernel does: find what goes and take it out. What is left is in `message`. */
static enum sieve_response filter_behind(struct message *message, struct sieve_work *work, int stale)
{
	static struct context context;
	enum sieve_response response;

	context.message = *message;
	memset(work, stale, sizeof(*work));
	work->length = (__u32)message->length;
	memcpy(work->message, message->octets, message->length);
	memset(&work->message[message->length], 0, 4);
	response = sieve_parse_response(&context, work);
	if (response)
		return response;
	assert_int_equal(sieve_cut_response(&context, work), 0);
	assert_in_range(work->length, QNAME_OFFSET, message->length - 1);
	memset(message, 0, sizeof(*message));
	message->length = work->length;
	memcpy(message->octets, work->message, work->length);
	assert_memory_equal(&work->message[work->length], "\0\0\0", 4); /* for the sum over whole words */
	return work->cut.stays ? SIEVE_RESPONSE_filtered : SIEVE_RESPONSE_emptied;
}

static enum sieve_response filter(struct message *message, struct sieve_work *work)
{
	return filter_behind(message, work, STALE);
}

static bool was_cut(enum sieve_response response)
{
	return response == SIEVE_RESPONSE_filtered || response == SIEVE_RESPONSE_emptied;
}

static void check_equal(const char *phrase, const struct message *got, const struct message *want)
{
	if (got->length != want->length)
		fail_msg("%s: %zu octets, not %zu", phrase, got->length, want->length);
	for (size_t i = 0; i < want->length; i++)
		if (got->octets[i] != want->octets[i])
			fail_msg("%s: octet %zu is %#x, not %#x", phrase, i, got->octets[i], want->octets[i]);
}

static void check_plan(const char *phrase, const struct response_plan *plan)
{
	struct message message, want;
	struct sieve_work work;
	enum sieve_response response;
	struct layout layout;

	make_response(plan, true, &want, &layout);
	make_response(plan, false, &message, &layout);
	response = filter(&message, &work);
	if (response != wanted_response(plan))
		fail_msg("%s: response %u, not %u", phrase, response, wanted_response(plan));
	check_equal(phrase, &message, &want);
	if (!was_cut(response))
		return;
	assert_int_equal(work.cut.removed[SIEVE_IPV4], count_removed(plan, AF_INET));
	assert_int_equal(work.cut.removed[SIEVE_IPV6], count_removed(plan, AF_INET6));
}

static void addresses_without_a_route_go(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(response_pairs); i++) {
		if (!was_cut(wanted_response(&response_pairs[i].plan)))
			fail_msg("%s: nothing would go", response_pairs[i].phrase);
		check_plan(response_pairs[i].phrase, &response_pairs[i].plan);
	}
}

static void their_twins_stay_under_their_reason(void **state)
{
	struct message message, want;
	struct sieve_work work;
	struct layout layout;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(response_pairs); i++) {
		const struct response_pair *pair = &response_pairs[i];
		enum sieve_response response;

		make_response(&pair->twin, false, &message, &layout);
		want = message;
		response = filter(&message, &work);
		if (response != pair->reason)
			fail_msg("%s: response %u, not %u", pair->twin_phrase, response, pair->reason);
		check_equal(pair->twin_phrase, &message, &want);
	}
}

static void every_reason_of_the_walk_has_a_twin(void **state)
{
	(void)state;
	for (unsigned int reason = SIEVE_RESPONSE_not_response; reason <= SIEVE_RESPONSE_covered; reason++) {
		size_t found = 0;

		for (size_t i = 0; i < ARRAY_SIZE(response_pairs); i++)
			found += response_pairs[i].reason == reason;
		if (!found)
			fail_msg("no twin has reason %u", reason);
	}
}

/* The chosen addresses among so many records go; OPT is behind them. */
static void check_pattern(size_t records, const bool *goes, bool is_mixed)
{
	struct record_plan plans[RECORDS_MAX] = {};
	struct response_plan plan = { .records = plans, .count = records + 1 };
	const struct record_plan opt = PLAIN_OPT;
	char phrase[64];

	for (size_t i = 0; i < records; i++) {
		bool is_ipv4 = is_mixed && i % 3 == 1;

		if (is_ipv4)
			plans[i].address = goes[i] ? LOST4 : ROUTED4;
		else
			plans[i].address = goes[i] ? LOST6 : ROUTED6;
	}
	plans[records] = opt;
	snprintf(phrase, sizeof(phrase), "a pattern of %zu records", records);
	check_plan(phrase, &plan);
}

static void every_pattern_of_up_to_ten_records_is_right(void **state)
{
	(void)state;
	for (size_t records = 1; records <= 10; records++)
		for (unsigned int pattern = 0; pattern < 1U << records; pattern++) {
			bool goes[10];

			for (size_t i = 0; i < records; i++)
				goes[i] = pattern & 1U << i;
			check_pattern(records, goes, pattern & 1);
		}
}

static void up_to_thirty_records_lose_the_first_the_last_all_and_every_other(void **state)
{
	(void)state;
	for (size_t records = 1; records <= 30; records++)
		for (int kind = 0; kind < 5; kind++) {
			bool goes[30] = {};

			for (size_t i = 0; i < records; i++)
				goes[i] = (kind == 0 && i == 0) || (kind == 1 && i == records - 1) || kind == 2 ||
					  (kind == 3 && i % 2 == 0) || (kind == 4 && i % 2 == 1);
			check_pattern(records, goes, false);
		}
}

/* One is left for what is behind the last that goes. */
static void as_many_gaps_as_there_is_room_for_and_no_more(void **state)
{
	struct record_plan plans[2 * SIEVE_RANGES_MAX + 1] = {};
	struct response_plan plan = { .records = plans };
	struct message message;
	struct sieve_work work;
	struct layout layout;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(plans); i++)
		plans[i].address = i % 2 ? ROUTED4 : LOST4;
	plan.count = 2 * SIEVE_RANGES_MAX - 1; /* SIEVE_RANGES_MAX that go */
	check_plan("fifteen gaps", &plan);
	plan.count = 2 * SIEVE_RANGES_MAX;
	check_plan("fifteen gaps and one behind", &plan);
	plan.count = 2 * SIEVE_RANGES_MAX + 1;
	make_response(&plan, false, &message, &layout);
	assert_int_equal(filter(&message, &work), SIEVE_RESPONSE_records);
}

static void as_many_records_as_are_looked_at_and_no_more(void **state)
{
	static const struct record_plan empty = { .owner = OWNER_RAW, .raw = OCTETS("\0"), .type = 16 };
	struct record_plan plans[SIEVE_RECORDS_MAX + 1] = { { .address = LOST6 } };
	struct response_plan plan = { .records = plans, .count = SIEVE_RECORDS_MAX };
	struct message message;
	struct sieve_work work;
	struct layout layout;

	(void)state;
	for (size_t i = 1; i < ARRAY_SIZE(plans); i++)
		plans[i] = empty;
	check_plan("96 records", &plan);
	plan.count++;
	make_response(&plan, false, &message, &layout);
	assert_int_equal(filter(&message, &work), SIEVE_RESPONSE_records);
}

/* The longest message, full of addresses. */
static void a_message_of_1472_octets_may_lose_all_its_addresses(void **state)
{
	struct record_plan plans[RECORDS_MAX] = {};
	struct response_plan plan = { .records = plans, .question = { .label_lengths = { 1 } } };
	struct message message;
	struct layout layout;

	(void)state;
	for (size_t i = 0; i < RECORDS_MAX; i++)
		plans[i].address = LOST4;
	plan.count = (SIEVE_RESPONSE_MAX - 12 - 3 - 4) / 16;
	plan.question.label_lengths[0] = (__u8)(1 + (SIEVE_RESPONSE_MAX - 12 - 3 - 4) % 16);
	make_response(&plan, false, &message, &layout);
	assert_int_equal(message.length, SIEVE_RESPONSE_MAX);
	check_plan("a full message", &plan);
	plans[0].address = ROUTED4;
	check_plan("a full message of which one stays", &plan);
}

static void a_message_cut_at_any_octet_stays(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(response_pairs); i++) {
		struct message whole, message;
		struct sieve_work work;
		struct layout layout;

		make_response(&response_pairs[i].plan, false, &whole, &layout);
		for (size_t length = SIEVE_HEADER_SIZE; length < whole.length; length++) {
			enum sieve_response response;

			message = whole;
			message.length = length;
			response = filter(&message, &work);
			/* What would refer to another record may come before the end is missed. */
			if (response != SIEVE_RESPONSE_malformed && response != SIEVE_RESPONSE_compression)
				fail_msg("%s, %zu octets: response %u", response_pairs[i].phrase, length, response);
		}
	}
}

static void what_lies_behind_the_message_does_not_matter(void **state)
{
	static const int stale[] = { 0, 1, 0x3f, 0xc0, 0xff };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(response_pairs); i++) {
		const struct response_pair *pair = &response_pairs[i / 2];
		struct message whole, want, message;
		struct sieve_work work;
		struct layout layout;

		make_response(i % 2 ? &pair->twin : &pair->plan, false, &whole, &layout);
		for (size_t length = SIEVE_HEADER_SIZE; length <= whole.length; length++) {
			enum sieve_response response;

			want = whole;
			want.length = length;
			memset(&want.octets[length], 0, sizeof(want.octets) - length);
			response = filter(&want, &work);
			for (size_t j = 0; j < ARRAY_SIZE(stale); j++) {
				message = whole;
				message.length = length;
				assert_int_equal(filter_behind(&message, &work, stale[j]), response);
				check_equal(pair->phrase, &message, &want);
			}
		}
	}
}

/* What stands in names of QNAME is looked up as for queries. */
static void labels_have_the_hashes_that_those_of_queries_have(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(response_pairs); i++) {
		struct sieve_work work, query;
		struct message message;
		struct layout layout;

		make_response(&response_pairs[i].plan, false, &message, &layout);
		filter(&message, &work);
		make_response(&response_pairs[i].plan, false, &message, &layout);
		memcpy(query.message, message.octets, message.length);
		assert_int_equal(sieve_parse_name(&query), SIEVE_REASON_NONE);
		sieve_hash_question(NULL, &work);
		assert_int_equal(work.question.labels, query.question.labels);
		for (__u32 label = 1; label <= query.question.labels; label++)
			assert_int_equal(work.label_hash[label], query.label_hash[label]);
	}
}

#include "response-random.h"

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_without_a_route_go),
		cmocka_unit_test(their_twins_stay_under_their_reason),
		cmocka_unit_test(every_reason_of_the_walk_has_a_twin),
		cmocka_unit_test(every_pattern_of_up_to_ten_records_is_right),
		cmocka_unit_test(up_to_thirty_records_lose_the_first_the_last_all_and_every_other),
		cmocka_unit_test(as_many_gaps_as_there_is_room_for_and_no_more),
		cmocka_unit_test(as_many_records_as_are_looked_at_and_no_more),
		cmocka_unit_test(a_message_of_1472_octets_may_lose_all_its_addresses),
		cmocka_unit_test(a_message_cut_at_any_octet_stays),
		cmocka_unit_test(what_lies_behind_the_message_does_not_matter),
		cmocka_unit_test(labels_have_the_hashes_that_those_of_queries_have),
		cmocka_unit_test(random_responses_lose_what_they_should),
		cmocka_unit_test(messages_changed_at_random_keep_their_other_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
