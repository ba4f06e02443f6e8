/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "decide.h"

#define ALL_FACTS ((SIEVE_FACT_SERVES_OTHERS << 1) - 1)
#define CONNECTIVITIES (SIEVE_USELESS + 2) /* and one that no header knows */

/* Everything that a decision rests on. */
struct situation {
	struct sieve_question question;
	struct sieve_policy policy;
	struct sieve_netns netns;
	bool netns_unknown;
	__u32 facts;
};

/* An AAAA query of a host without IPv6: it is answered. */
static const struct situation useless = {
	.question = { .family = SIEVE_IPV6 },
	.policy = { .families = 1 << SIEVE_IPV4 | 1 << SIEVE_IPV6, .whole_host = 1 },
	.netns = { .connectivity = { SIEVE_CONNECTED, SIEVE_USELESS } },
};

static enum sieve_reason decide(const struct situation *it)
{
	enum sieve_reason reason = sieve_decide(&it->question, &it->policy, it->netns_unknown ? NULL : &it->netns,
						it->facts);

	return reason ? reason : sieve_confirm(&it->policy, it->facts);
}

/* The condition of each reason, by itself, in the words of reasons.def. */
static bool speaks_against(enum sieve_reason reason, const struct situation *it)
{
	__u8 connectivity = it->netns_unknown ? SIEVE_CONNECTED : it->netns.connectivity[it->question.family];

	switch (reason) {
	case SIEVE_REASON_dnssec:
		return it->question.dnssec && !it->policy.dnssec_answer;
	case SIEVE_REASON_scope:
		return !it->policy.whole_host && !(it->facts & (SIEVE_FACT_SCOPE | SIEVE_FACT_EXEMPT_CGROUP));
	case SIEVE_REASON_exempt_cgroup:
		return it->facts & SIEVE_FACT_EXEMPT_CGROUP;
	case SIEVE_REASON_exempt_name:
		return it->facts & SIEVE_FACT_EXEMPT_NAME;
	case SIEVE_REASON_asked:
		return it->facts & SIEVE_FACT_ASKED;
	case SIEVE_REASON_family:
		return !(it->policy.families & (it->question.family == SIEVE_IPV4 ? 1 : 2));
	case SIEVE_REASON_unknown_netns:
		return it->netns_unknown;
	case SIEVE_REASON_stale:
		return it->facts & SIEVE_FACT_STALE;
	case SIEVE_REASON_connected:
		return connectivity == SIEVE_CONNECTED || connectivity > SIEVE_USELESS;
	case SIEVE_REASON_offline:
		return connectivity == SIEVE_OFFLINE;
	case SIEVE_REASON_settling:
		return connectivity == SIEVE_SETTLING;
	case SIEVE_REASON_nat64:
		return connectivity == SIEVE_NAT64;
	case SIEVE_REASON_ramp:
		return it->facts & SIEVE_FACT_RAMP;
	case SIEVE_REASON_changed:
		return it->facts & SIEVE_FACT_CHANGED;
	case SIEVE_REASON_nat:
		return it->facts & SIEVE_FACT_NAT;
	case SIEVE_REASON_serves_others:
		return it->facts & SIEVE_FACT_SERVES_OTHERS && !it->policy.filter_servers;
	default:
		return false;
	}
}

/* reasons.def: a query is counted under the first reason of the list that holds. */
static enum sieve_reason first_reason(const struct situation *it)
{
	for (unsigned int reason = SIEVE_REASON_NONE + 1; reason < SIEVE_REASONS; reason++)
		if (speaks_against(reason, it))
			return reason;
	return SIEVE_REASON_NONE;
}

static void check_every_policy(struct situation *it)
{
	for (unsigned int bits = 0; bits < 32; bits++) {
		it->policy.families = bits & 3;
		it->policy.whole_host = bits >> 2 & 1;
		it->policy.dnssec_answer = bits >> 3 & 1;
		it->policy.filter_servers = bits >> 4 & 1;
		if (decide(it) != first_reason(it))
			fail_msg("facts %#x, policy %#x, connectivity %u: reason %u, not %u", it->facts, bits,
				 it->netns.connectivity[it->question.family], decide(it), first_reason(it));
	}
}

static void check_every_state(struct situation *it)
{
	for (__u8 connectivity = 0; connectivity < CONNECTIVITIES; connectivity++)
		for (unsigned int bits = 0; bits < 8; bits++) {
			it->question.family = bits & 1;
			it->question.dnssec = bits >> 1 & 1;
			it->netns_unknown = bits >> 2 & 1;
			it->netns.connectivity[it->question.family] = connectivity;
			it->netns.connectivity[!it->question.family] = SIEVE_USELESS - connectivity;
			check_every_policy(it);
		}
}

static void every_combination_gives_the_first_reason_of_the_list(void **state)
{
	struct situation it = useless;

	(void)state;
	for (it.facts = 0; it.facts <= ALL_FACTS; it.facts++)
		check_every_state(&it);
}

/* A situation in which every reason but those of one switch holds; taking away the first shows the next. */
static void reasons_show_one_after_another_as_they_are_taken_away(void **state)
{
	struct situation it = useless;

	(void)state;
	it.question.dnssec = 1;
	it.policy.families = 0;
	it.netns_unknown = true;
	it.netns.connectivity[SIEVE_IPV6] = SIEVE_OFFLINE;
	it.facts = ALL_FACTS;
	assert_int_equal(decide(&it), SIEVE_REASON_dnssec);
	it.question.dnssec = 0;
	assert_int_equal(decide(&it), SIEVE_REASON_exempt_cgroup);
	it.facts &= ~(__u32)SIEVE_FACT_EXEMPT_CGROUP;
	assert_int_equal(decide(&it), SIEVE_REASON_exempt_name);
	it.facts &= ~(__u32)SIEVE_FACT_EXEMPT_NAME;
	assert_int_equal(decide(&it), SIEVE_REASON_asked);
	it.facts &= ~(__u32)SIEVE_FACT_ASKED;
	assert_int_equal(decide(&it), SIEVE_REASON_family);
	it.policy.families = 2;
	assert_int_equal(decide(&it), SIEVE_REASON_unknown_netns);
	it.netns_unknown = false;
	assert_int_equal(decide(&it), SIEVE_REASON_stale);
	it.facts &= ~(__u32)SIEVE_FACT_STALE;
	assert_int_equal(decide(&it), SIEVE_REASON_offline);
	it.netns.connectivity[SIEVE_IPV6] = SIEVE_USELESS;
	assert_int_equal(decide(&it), SIEVE_REASON_ramp);
	it.facts &= ~(__u32)SIEVE_FACT_RAMP;
	assert_int_equal(decide(&it), SIEVE_REASON_changed);
	it.facts &= ~(__u32)SIEVE_FACT_CHANGED;
	assert_int_equal(decide(&it), SIEVE_REASON_nat);
	it.facts &= ~(__u32)SIEVE_FACT_NAT;
	assert_int_equal(decide(&it), SIEVE_REASON_serves_others);
	it.policy.filter_servers = 1;
	assert_int_equal(decide(&it), SIEVE_REASON_NONE);
}

static void a_useless_query_is_answered_and_each_fact_against_it_lets_it_pass(void **state)
{
	static const struct {
		__u32 fact;
		enum sieve_reason reason;
	} facts[] = {
		{ 0, SIEVE_REASON_NONE },
		{ SIEVE_FACT_SCOPE, SIEVE_REASON_NONE },
		{ SIEVE_FACT_EXEMPT_CGROUP, SIEVE_REASON_exempt_cgroup },
		{ SIEVE_FACT_EXEMPT_NAME, SIEVE_REASON_exempt_name },
		{ SIEVE_FACT_ASKED, SIEVE_REASON_asked },
		{ SIEVE_FACT_STALE, SIEVE_REASON_stale },
		{ SIEVE_FACT_RAMP, SIEVE_REASON_ramp },
		{ SIEVE_FACT_CHANGED, SIEVE_REASON_changed },
		{ SIEVE_FACT_NAT, SIEVE_REASON_nat },
		{ SIEVE_FACT_SERVES_OTHERS, SIEVE_REASON_serves_others },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		struct situation it = useless;

		it.facts = facts[i].fact;
		assert_int_equal(decide(&it), facts[i].reason);
	}
}

static void each_connectivity_has_its_reason_and_only_a_useless_family_is_answered(void **state)
{
	static const enum sieve_reason reasons[] = {
		[SIEVE_CONNECTED] = SIEVE_REASON_connected,
		[SIEVE_OFFLINE] = SIEVE_REASON_offline,
		[SIEVE_SETTLING] = SIEVE_REASON_settling,
		[SIEVE_NAT64] = SIEVE_REASON_nat64,
		[SIEVE_USELESS] = SIEVE_REASON_NONE,
	};

	(void)state;
	for (unsigned int value = 0; value < 256; value++)
		assert_int_equal(sieve_connectivity_reason((__u8)value),
				 value <= SIEVE_USELESS ? reasons[value] : SIEVE_REASON_connected);
}

static void the_family_of_the_question_is_looked_at_and_not_the_other(void **state)
{
	struct situation it = useless;

	(void)state;
	assert_int_equal(decide(&it), SIEVE_REASON_NONE);
	it.question.family = SIEVE_IPV4;
	assert_int_equal(decide(&it), SIEVE_REASON_connected);
	it.netns.connectivity[SIEVE_IPV4] = SIEVE_USELESS;
	it.netns.connectivity[SIEVE_IPV6] = SIEVE_CONNECTED;
	assert_int_equal(decide(&it), SIEVE_REASON_NONE);
	it.question.family = SIEVE_IPV6;
	assert_int_equal(decide(&it), SIEVE_REASON_connected);
}

static void families_of_the_configuration_leave_the_other_alone(void **state)
{
	struct situation it = useless;

	(void)state;
	it.netns.connectivity[SIEVE_IPV4] = SIEVE_USELESS; /* to see that `families` alone decides */
	it.policy.families = 1 << SIEVE_IPV6;
	assert_int_equal(decide(&it), SIEVE_REASON_NONE);
	it.question.family = SIEVE_IPV4;
	assert_int_equal(decide(&it), SIEVE_REASON_family);
	it.policy.families = 1 << SIEVE_IPV4;
	assert_int_equal(decide(&it), SIEVE_REASON_NONE);
	it.question.family = SIEVE_IPV6;
	assert_int_equal(decide(&it), SIEVE_REASON_family);
}

static void do_passes_unless_the_configuration_answers_it(void **state)
{
	struct situation it = useless;

	(void)state;
	it.question.dnssec = 1;
	assert_int_equal(decide(&it), SIEVE_REASON_dnssec);
	it.policy.dnssec_answer = 1;
	assert_int_equal(decide(&it), SIEVE_REASON_NONE);
}

static void without_the_whole_host_only_a_scope_is_answered(void **state)
{
	struct situation it = useless;

	(void)state;
	it.policy.whole_host = 0;
	assert_int_equal(decide(&it), SIEVE_REASON_scope);
	it.facts = SIEVE_FACT_SCOPE;
	assert_int_equal(decide(&it), SIEVE_REASON_NONE);
	it.facts = SIEVE_FACT_EXEMPT_CGROUP;
	assert_int_equal(decide(&it), SIEVE_REASON_exempt_cgroup);
}

static void an_unknown_namespace_passes(void **state)
{
	struct situation it = useless;

	(void)state;
	it.netns_unknown = true;
	assert_int_equal(decide(&it), SIEVE_REASON_unknown_netns);
	it.netns_unknown = false;
	assert_int_equal(decide(&it), SIEVE_REASON_NONE);
}

static void a_server_is_filtered_only_if_the_configuration_says_so(void **state)
{
	struct situation it = useless;

	(void)state;
	it.facts = SIEVE_FACT_SERVES_OTHERS;
	assert_int_equal(decide(&it), SIEVE_REASON_serves_others);
	it.policy.filter_servers = 1;
	assert_int_equal(decide(&it), SIEVE_REASON_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_combination_gives_the_first_reason_of_the_list),
		cmocka_unit_test(reasons_show_one_after_another_as_they_are_taken_away),
		cmocka_unit_test(a_useless_query_is_answered_and_each_fact_against_it_lets_it_pass),
		cmocka_unit_test(each_connectivity_has_its_reason_and_only_a_useless_family_is_answered),
		cmocka_unit_test(the_family_of_the_question_is_looked_at_and_not_the_other),
		cmocka_unit_test(families_of_the_configuration_leave_the_other_alone),
		cmocka_unit_test(do_passes_unless_the_configuration_answers_it),
		cmocka_unit_test(without_the_whole_host_only_a_scope_is_answered),
		cmocka_unit_test(an_unknown_namespace_passes),
		cmocka_unit_test(a_server_is_filtered_only_if_the_configuration_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
