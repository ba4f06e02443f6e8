/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The messages of vectors.h in packets: every hook and action, over IPv4 and IPv6, on lo and elsewhere. */
#include "corpus.h"
#include "harness.h"

/* One way to run a packet. */
struct way {
	const char *name;
	enum hook hook;
	bool loopback;
	__u8 action;
	struct filter filter;
	__u64 packets; /* that must have been counted */
};

static struct way ways[] = {
	{ .name = "answer", .hook = HOOK_EGRESS, .action = SIEVE_ACTION_ANSWER },
	{ .name = "answer on lo", .hook = HOOK_EGRESS, .loopback = true, .action = SIEVE_ACTION_ANSWER },
	{ .name = "drop", .hook = HOOK_EGRESS, .action = SIEVE_ACTION_DROP },
	{ .name = "observe", .hook = HOOK_CGROUP, .action = SIEVE_ACTION_OBSERVE },
	{ .name = "answer at a gateway", .hook = HOOK_GATEWAY, .action = SIEVE_ACTION_ANSWER },
	{ .name = "drop at a gateway", .hook = HOOK_GATEWAY, .action = SIEVE_ACTION_DROP },
	{ .name = "observe at a gateway", .hook = HOOK_GATEWAY, .action = SIEVE_ACTION_OBSERVE },
	{ .name = "reject", .hook = HOOK_CGROUP, .action = SIEVE_ACTION_REJECT },
};

static int load_ways(void **state)
{
	if (enter_namespace(state))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct sieve_policy policy = usual_policy();

		policy.action = ways[i].action;
		load_filter(&ways[i].filter, &policy);
	}
	return 0;
}

static int unload_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		unload_filter(&ways[i].filter);
	return 0;
}

static int way_ifindex(const struct way *way)
{
	return way->loopback ? LOOPBACK : tap_ifindex;
}

static void run_message(struct way *way, int version, const struct message_plan *plan, struct packet *ret_packet,
			struct outcome *ret)
{
	const struct packet_plan packet = { .version = version };
	struct message message;

	make_message(plan, &message);
	make_packet(&packet, &message, ret_packet);
	run_packet(&way->filter, way->hook, way_ifindex(way), ret_packet, ret);
	way->packets++;
}

/* A useless query meets the way's action. */
static void check_acted(const struct way *way, const char *phrase, const struct message_plan *plan,
			const struct packet *packet, const struct outcome *outcome)
{
	int family = (int)plan_family(plan);
	struct message answer;

	switch (way->action) {
	case SIEVE_ACTION_ANSWER:
		make_answer(plan, true, &answer);
		check_answered(phrase, way_ifindex(way), packet, &answer, plan_family(plan), outcome);
		break;
	case SIEVE_ACTION_DROP:
		check_outcome(phrase, outcome, TC_ACT_SHOT, SIEVE_COUNTER_DROPPED + family);
		check_untouched(phrase, way->hook, packet, outcome);
		break;
	case SIEVE_ACTION_OBSERVE:
		check_passed(phrase, way->hook, packet, outcome, SIEVE_COUNTER_OBSERVED + family);
		break;
	default:
		check_outcome(phrase, outcome, 0, SIEVE_COUNTER_REJECTED + family);
		check_untouched(phrase, way->hook, packet, outcome);
	}
}

static void check_useless(const char *phrase, const struct message_plan *plan)
{
	struct outcome outcome;
	struct packet packet;
	char where[256];

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		for (int version = 4; version <= 6; version += 2) {
			snprintf(where, sizeof(where), "%s (IPv%d, %s)", phrase, version, ways[i].name);
			run_message(&ways[i], version, plan, &packet, &outcome);
			check_acted(&ways[i], where, plan, &packet, &outcome);
		}
}

static void check_passes(const char *phrase, const struct message_plan *plan, enum sieve_reason reason)
{
	struct outcome outcome;
	struct packet packet;
	char where[256];

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		for (int version = 4; version <= 6; version += 2) {
			snprintf(where, sizeof(where), "%s (IPv%d, %s)", phrase, version, ways[i].name);
			run_message(&ways[i], version, plan, &packet, &outcome);
			check_passed(where, ways[i].hook, &packet, &outcome, (int)reason);
		}
}

static void queries_that_may_be_answered_meet_the_action(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(message_pairs); i++)
		check_useless(message_pairs[i].phrase, &message_pairs[i].plan);
}

static void their_twins_pass_untouched_under_their_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(message_pairs); i++)
		check_passes(message_pairs[i].twin_phrase, &message_pairs[i].twin, message_pairs[i].reason);
}

/* In turn with other messages, so that what a message leaves in the work area shows. */
static void pairs_do_not_disturb_each_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(message_pairs); i++) {
		const struct message_pair *other = &message_pairs[ARRAY_SIZE(message_pairs) - 1 - i];

		check_useless(message_pairs[i].phrase, &message_pairs[i].plan);
		check_passes(other->twin_phrase, &other->twin, other->reason);
	}
}

static void names_under_an_exempt_suffix_pass_and_those_that_look_so_do_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(name_pairs); i++) {
		check_useless(name_pairs[i].phrase, &name_pairs[i].plan);
		check_passes(name_pairs[i].exempt_phrase, &name_pairs[i].exempt, SIEVE_REASON_exempt_name);
	}
}

static void the_corpus_meets_the_action_or_passes_under_its_reason(void **state)
{
	struct corpus_entry entry;

	(void)state;
	for (size_t i = 0; make_corpus_entry(i, &entry); i++)
		if (entry.reason)
			check_passes(entry.phrase, &entry.plan, entry.reason);
		else
			check_useless(entry.phrase, &entry.plan);
}

static void a_query_cut_at_any_octet_passes(void **state)
{
	struct message_plan plan = { .edns = true, .options = OCTETS(CLIENT_SUBNET COOKIE_24 PADDING_4) };
	struct outcome outcome;
	struct message whole;
	struct packet packet;

	(void)state;
	make_message(&plan, &whole);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		for (plan.cut = 1; plan.cut <= whole.length; plan.cut++) {
			run_message(&ways[i], 4, &plan, &packet, &outcome);
			assert_in_range(outcome.counter, SIEVE_REASON_NONE + 1, SIEVE_REASONS - 1);
			check_passed("a query cut short", ways[i].hook, &packet, &outcome, outcome.counter);
		}
}

static void the_counters_add_up_to_the_packets_sent(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		printf("%s: %llu packets\n", ways[i].name, ways[i].packets);
		assert_int_equal(sum_counters(&ways[i].filter), ways[i].packets);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queries_that_may_be_answered_meet_the_action),
		cmocka_unit_test(their_twins_pass_untouched_under_their_reason),
		cmocka_unit_test(pairs_do_not_disturb_each_other),
		cmocka_unit_test(names_under_an_exempt_suffix_pass_and_those_that_look_so_do_not),
		cmocka_unit_test(the_corpus_meets_the_action_or_passes_under_its_reason),
		cmocka_unit_test(a_query_cut_at_any_octet_passes),
		cmocka_unit_test(the_counters_add_up_to_the_packets_sent),
	};

	return cmocka_run_group_tests(tests, load_ways, unload_ways);
}
