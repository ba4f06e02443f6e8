/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "coverage_decide.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pace.h"

bool coverage_is_asked(const struct coverage *coverage, enum sieve_family family)
{
	const struct coverage_family *it = &coverage->family[family];

	if (it->barred == LISTING_UNKNOWN)
		return true;
	return coverage->family[listing_other(family)].barred == LISTING_UNKNOWN && !it->is_default;
}

void coverage_want_look(struct coverage_family *it, bool is_after_the_fact, uint64_t now)
{
	if (!it->look_at)
		it->look_at = now;
	if (!is_after_the_fact)
		it->again_at = now + PACE_TRAIL_NS;
}

static void tell(const struct coverage *coverage, struct coverage_family *it, enum sieve_family family)
{
	const char *trouble = listing_trouble(it->decided);

	if (!trouble || it->was_told)
		return;
	it->was_told = true;
	fprintf(stderr, "stubsieve: %s addresses without a route stay in responses in the network namespace %u: %s\n",
		family == SIEVE_IPV4 ? "IPv4" : "IPv6", coverage->netns, trouble);
}

void coverage_decide_all(struct coverage *coverage, enum sieve_family family, enum listing why)
{
	struct coverage_family *it = &coverage->family[family];

	it->decided = why;
	it->is_listed = false;
	it->has_wanted = it->is_widened = false;
	prefix_set_free(&it->wanted);
	prefix_set_free(&it->seen);
	tell(coverage, it, family);
}

void coverage_decide_none(struct coverage *coverage, enum sieve_family family, int number, uint64_t now)
{
	coverage_decide_all(coverage, family, number == E2BIG ? LISTING_TOO_MANY : LISTING_UNCLEAN);
	coverage->family[family].not_before = now + COVERAGE_RETRY_NS;
	coverage_want_look(&coverage->family[family], true, now);
}

/* What was found last was found in this window. */
static bool see(struct coverage *coverage, enum sieve_family family, uint64_t now)
{
	struct coverage_family *it = &coverage->family[family];
	struct prefix_set both;
	int r = prefix_set_union(&it->seen, &it->wanted, coverage_limit(coverage), &both);

	if (r < 0) {
		coverage_decide_none(coverage, family, -r, now);
		return false;
	}
	prefix_set_free(&it->seen);
	it->seen = both;
	return true;
}

bool coverage_begin_window(struct coverage *coverage, enum sieve_family family, uint64_t now)
{
	prefix_set_free(&coverage->family[family].seen);
	coverage->family[family].acts_at = now + coverage->config->settle_ns;
	return see(coverage, family, now);
}

/* What the last clean look found, listed or not. */
static const struct prefix_set *found_last(const struct coverage_family *it)
{
	return it->has_wanted ? &it->wanted : &it->list.listed;
}

/* Only the first thing that is known of a family acts at once. Takes over the set. */
static void decide_covered(struct coverage *coverage, enum sieve_family family, struct prefix_set *set,
			   const uint32_t generation[SIEVE_FAMILIES], uint64_t now)
{
	struct coverage_family *it = &coverage->family[family];
	bool is_first = it->decided == LISTING_UNKNOWN, was_losing = it->has_wanted && it->loses;
	bool is_same = it->decided == LISTING_COVERED && prefix_set_equal(set, found_last(it));

	memcpy(it->wanted_generation, generation, sizeof(it->wanted_generation));
	it->decided = LISTING_COVERED;
	if (is_same) {
		prefix_set_free(set);
		if (!it->has_wanted || it->is_widened) /* the map has all of it */
			memcpy(it->generation, generation, sizeof(it->generation));
		return;
	}
	it->loses = !is_first && !(it->is_listed && prefix_set_covers(set, &it->list.listed));
	prefix_set_free(&it->wanted);
	it->wanted = *set;
	*set = (struct prefix_set){ .family = family };
	it->has_wanted = true;
	it->is_widened = false;
	if (!it->loses)
		it->acts_at = now;
	else if (was_losing)
		see(coverage, family, now);
	else
		coverage_begin_window(coverage, family, now);
}

/* Was a route added since the last look at the family began? */
static bool has_moved(const struct coverage *coverage, enum sieve_family family, const uint32_t now[SIEVE_FAMILIES])
{
	const struct coverage_look *look = coverage->look;
	const uint32_t *then = coverage->family[family].wanted_generation;

	if (look && look->request.families & 1U << family)
		then = look->generation;
	if (listing_rests_on_ra(&coverage->config->connectivity, family) && now[SIEVE_IPV6] != then[SIEVE_IPV6])
		return true;
	return now[family] != then[family];
}

/* What is known of one family says whether what was found of the other may act. What speaks against it acts at once. */
static void weigh(struct coverage *coverage, enum sieve_family family, uint64_t now)
{
	struct coverage_family *it = &coverage->family[family];
	bool other_is_whole = coverage->family[listing_other(family)].is_whole;

	if (it->decided == LISTING_COVERED && !other_is_whole)
		coverage_decide_all(coverage, family, LISTING_BOTH_PARTIAL);
	else if (it->decided == LISTING_BOTH_PARTIAL && other_is_whole)
		coverage_want_look(it, true, now);
}

/* One that does not see the default route any more may have stopped before it: a look has to say. */
static void take_survey(const struct coverage *coverage, const struct connectivity *seen, enum sieve_family family,
			struct coverage_family *it)
{
	const struct config *config = coverage->config;
	bool was_default = it->is_default;

	it->is_default = seen->family[family].is_default;
	it->is_whole = it->is_default || (it->is_whole && !was_default);
	it->barred = listing_by_survey(seen, &config->connectivity, config->families, family);
}

void coverage_surveyed(struct coverage *coverage, const struct connectivity *seen,
		       const uint32_t generation[SIEVE_FAMILIES], uint64_t now)
{
	bool is_fresh[SIEVE_FAMILIES], was_asked[SIEVE_FAMILIES];

	coverage->is_surveyed = true;
	memcpy(coverage->generation, generation, sizeof(coverage->generation));
	for (enum sieve_family family = 0; family < SIEVE_FAMILIES; family++) {
		const struct coverage_family *it = &coverage->family[family];

		is_fresh[family] = it->decided == LISTING_UNKNOWN || it->barred != LISTING_UNKNOWN;
		was_asked[family] = coverage_is_asked(coverage, family);
	}
	for (enum sieve_family family = 0; family < SIEVE_FAMILIES; family++)
		take_survey(coverage, seen, family, &coverage->family[family]);
	for (enum sieve_family family = 0; family < SIEVE_FAMILIES; family++) {
		struct coverage_family *it = &coverage->family[family];
		bool is_by_look = it->decided == LISTING_COVERED || it->decided == LISTING_NAT64;

		if (it->barred != LISTING_UNKNOWN)
			coverage_decide_all(coverage, family, it->barred);
		else if (is_fresh[family] || (is_by_look && has_moved(coverage, family, generation)))
			coverage_want_look(it, true, now);
		if (coverage_is_asked(coverage, family) && !was_asked[family])
			coverage_want_look(it, true, now);
		weigh(coverage, family, now);
	}
}

void coverage_doubt(struct coverage *coverage, uint64_t now)
{
	coverage->is_surveyed = false;
	coverage_look_free(coverage->look);
	coverage->look = NULL;
	for (enum sieve_family family = 0; family < SIEVE_FAMILIES; family++) {
		struct coverage_family *it = &coverage->family[family];

		it->is_default = it->is_whole = false;
		if (it->decided == LISTING_COVERED)
			coverage_decide_all(coverage, family, LISTING_UNCLEAN);
		coverage_want_look(it, false, now);
	}
}

void coverage_trigger(struct coverage *coverage, uint64_t now)
{
	for (int family = 0; family < SIEVE_FAMILIES; family++)
		coverage_want_look(&coverage->family[family], true, now);
}

void coverage_take_message(struct coverage *coverage, const struct nlmsghdr *message, bool is_after_the_fact,
			   uint64_t now)
{
	uint8_t length, concerned = listing_concerned(message, &coverage->config->connectivity, &length);

	for (enum sieve_family family = 0; family < SIEVE_FAMILIES; family++) {
		struct coverage_family *it = &coverage->family[family];

		if (!(concerned & 1U << family) || !coverage_is_asked(coverage, family))
			continue;
		if (it->is_whole && it->is_short && length > PREFIX_COVER_BITS)
			continue;
		coverage_want_look(it, is_after_the_fact, now);
	}
}

/* The dump of a family says whether it is whole even where something was added since. */
static void take_whole(struct coverage *coverage, enum sieve_family family)
{
	const struct coverage_finding *found = &coverage->look->found[family];
	struct coverage_family *it = &coverage->family[family];

	it->is_short = found->is_short;
	it->is_whole = it->is_default || found->listing == LISTING_DEFAULT;
}

static void take_finding(struct coverage *coverage, enum sieve_family family, uint64_t now)
{
	struct coverage_finding *found = &coverage->look->found[family];
	struct coverage_family *it = &coverage->family[family];

	if (found->listing == LISTING_TOO_MANY)
		it->not_before = now + COVERAGE_RETRY_NS;
	if (it->barred != LISTING_UNKNOWN)
		return;
	if (found->listing == LISTING_COVERED && coverage->family[listing_other(family)].is_whole) {
		decide_covered(coverage, family, &found->set, coverage->look->generation, now);
		return;
	}
	memcpy(it->wanted_generation, coverage->look->generation, sizeof(it->wanted_generation));
	coverage_decide_all(coverage, family,
			    found->listing == LISTING_COVERED ? LISTING_BOTH_PARTIAL : found->listing);
}

/* The look came to nothing. What was said stays if it is only older than the kernel's own generation by now. */
static void take_failure(struct coverage *coverage, enum sieve_family family, int number, uint64_t now)
{
	struct coverage_family *it = &coverage->family[family];

	if (number == ETIMEDOUT) /* that is tried again when something changes, and not before long */
		it->not_before = now + COVERAGE_RETRY_NS;
	else
		coverage_want_look(it, true, now);
	if (number != ESTALE && it->barred == LISTING_UNKNOWN)
		coverage_decide_all(coverage, family, number == ETIMEDOUT ? LISTING_TOO_LONG : LISTING_UNCLEAN);
}

void coverage_take_look(struct coverage *coverage, int result, uint64_t now)
{
	const struct coverage_look_request *request = &coverage->look->request;
	uint8_t families = request->families | request->whole_only;

	for (enum sieve_family family = 0; family < SIEVE_FAMILIES; family++)
		if (families & 1U << family)
			take_whole(coverage, family);
	for (enum sieve_family family = 0; family < SIEVE_FAMILIES; family++) {
		if (!(families & 1U << family))
			continue;
		if (result < 0)
			take_failure(coverage, family, -result, now);
		else
			take_finding(coverage, family, now);
	}
	for (enum sieve_family family = 0; family < SIEVE_FAMILIES; family++)
		weigh(coverage, family, now);
}
