/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "coverage.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "coverage_decide.h"
#include "pace.h"

/* What one turn may take. */
#define SLICE_NS (2 * CLOCK_MILLISECOND_NS)

/* What one dump may take of a CPU, in the controller's own namespace and in one that any user can have made. */
#define OWN_BUDGET_NS (5 * CLOCK_SECOND_NS)
#define OTHER_BUDGET_NS (CLOCK_SECOND_NS / 2)

/* What takes longer has taken memory that is worth giving back. */
#define LARGE_NS (5 * SLICE_NS)

int coverage_open(const struct config *config, struct programs *programs, uint32_t netns, bool is_own,
		  struct coverage **ret_coverage)
{
	struct coverage *coverage = calloc(1, sizeof(*coverage));

	if (!coverage)
		return -ENOMEM;
	coverage->config = config;
	coverage->programs = programs;
	coverage->netns = netns;
	coverage->is_own = is_own;
	for (int family = 0; family < SIEVE_FAMILIES; family++) {
		struct coverage_family *it = &coverage->family[family];

		coverage_list_init(&it->list, (enum sieve_family)family);
		it->wanted.family = it->seen.family = (enum sieve_family)family;
	}
	coverage->worked_at = clock_monotonic_ns();
	*ret_coverage = coverage;
	return 0;
}

void coverage_close(struct coverage *coverage)
{
	if (!coverage)
		return;
	coverage_look_free(coverage->look);
	for (int family = 0; family < SIEVE_FAMILIES; family++) {
		coverage_list_free(&coverage->family[family].list);
		prefix_set_free(&coverage->family[family].wanted);
		prefix_set_free(&coverage->family[family].seen);
	}
	free(coverage);
}

static struct coverage_place place_of(const struct coverage *coverage, uint64_t until)
{
	return (struct coverage_place){
		.fd = programs_coverage_fd(coverage->programs),
		.netns = coverage->netns,
		.until = until,
		.vacancy = programs_vacancy(coverage->programs),
		.quota = coverage->is_own ? NULL : programs_coverage_quota(coverage->programs),
	};
}

static uint64_t later(uint64_t one, uint64_t other)
{
	return one > other ? one : other;
}

static uint64_t earlier(uint64_t one, uint64_t other) /* 0: never */
{
	return one && (!other || one < other) ? one : other;
}

/* When the family is to be looked at, 0: not. A survey comes first. */
static uint64_t look_due(const struct coverage *coverage, enum sieve_family family)
{
	const struct coverage_family *it = &coverage->family[family];
	uint64_t due = earlier(it->look_at, it->again_at);

	if (!due || !coverage->is_surveyed || !coverage_is_asked(coverage, family))
		return 0;
	return later(due, later(coverage->free_at, it->not_before));
}

static __u8 coverage_of(const struct coverage_family *it)
{
	if (it->is_listed)
		return SIEVE_COVERAGE_LISTED;
	return it->decided == LISTING_UNKNOWN ? SIEVE_COVERAGE_UNKNOWN : SIEVE_COVERAGE_ALL;
}

void coverage_fill(const struct coverage *coverage, struct sieve_netns *state)
{
	const struct coverage_family *ipv4 = &coverage->family[SIEVE_IPV4];

	for (int family = 0; family < SIEVE_FAMILIES; family++) {
		const struct coverage_family *it = &coverage->family[family];

		state->coverage[family] = coverage_of(it);
		state->coverage_generation[family] = it->is_listed ? it->generation[family] : coverage->generation[family];
	}
	/* That IPv4 is not translated rests on the routes of IPv6. */
	if (ipv4->is_listed && !coverage->family[SIEVE_IPV6].is_listed &&
	    listing_rests_on_ra(&coverage->config->connectivity, SIEVE_IPV4))
		state->coverage_generation[SIEVE_IPV6] = ipv4->generation[SIEVE_IPV6];
}

bool coverage_is_known(const struct coverage *coverage)
{
	for (int family = 0; family < SIEVE_FAMILIES; family++) {
		const struct coverage_family *it = &coverage->family[family];

		if (it->decided == LISTING_UNKNOWN || (it->decided == LISTING_COVERED && !it->is_listed))
			return false;
	}
	return true;
}

/* Of the map: all that is to be there is. */
static void is_there(struct coverage_family *it)
{
	if (it->decided != LISTING_COVERED)
		return;
	it->is_listed = true;
	memcpy(it->generation, it->wanted_generation, sizeof(it->generation));
}

static void has_no_room(struct coverage *coverage, enum sieve_family family, int number)
{
	struct coverage_family *it = &coverage->family[family];
	uint64_t now = clock_monotonic_ns();

	coverage_decide_all(coverage, family, number == ENOSPC ? LISTING_MAP_FULL : LISTING_UNCLEAN);
	it->not_before = now + COVERAGE_RETRY_NS;
	coverage_want_look(it, true, now);
}

/* Something of the map is on its way. Returns whether something is to be published. */
static bool move(struct coverage *coverage, enum sieve_family family, const struct sieve_netns *published,
		 uint64_t until)
{
	const struct coverage_place place = place_of(coverage, until);
	struct coverage_family *it = &coverage->family[family];
	int r;

	if (it->list.phase == COVERAGE_ADDING) {
		r = coverage_list_add(&it->list, &place);
		if (r == 0)
			is_there(it);
		else if (r < 0)
			has_no_room(coverage, family, -r);
		return r <= 0;
	}
	if (!it->is_listed && published->coverage[family] == SIEVE_COVERAGE_LISTED)
		return true; /* that could not be published: it still rests on what is in the map */
	coverage_list_remove(&it->list, &place);
	return false;
}

/*
 * When what was found acts, 0: not before the end of a look that is under way or due, because something else could be
 * found. That is waited for once: there is always one while routes come and go without end.
 */
static uint64_t acts_at(const struct coverage *coverage, enum sieve_family family)
{
	const struct coverage_family *it = &coverage->family[family];
	bool is_waiting = coverage->look || look_due(coverage, family);

	return it->loses && is_waiting && coverage->looked_at < it->acts_at ? 0 : it->acts_at;
}

/* Until it acts, the map covers what it did, and what was found. */
static bool widen(struct coverage *coverage, enum sieve_family family)
{
	struct coverage_family *it = &coverage->family[family];
	struct prefix_set both;
	int r = prefix_set_union(&it->list.listed, &it->wanted, coverage_limit(coverage), &both);

	it->is_widened = true;
	if (r < 0) {
		coverage_decide_none(coverage, family, -r, clock_monotonic_ns());
		return true;
	}
	if (prefix_set_equal(&both, &it->list.listed)) {
		prefix_set_free(&both);
		memcpy(it->generation, it->wanted_generation, sizeof(it->generation));
		return true;
	}
	coverage_list_aim(&it->list, &both);
	return false;
}

/* The map rests, but it is not what it is to be: when is that to change? 0: it is as it should be. */
static uint64_t map_due(const struct coverage *coverage, enum sieve_family family)
{
	const struct coverage_family *it = &coverage->family[family];

	if (it->list.phase != COVERAGE_RESTING)
		return coverage->worked_at;
	if (it->decided != LISTING_COVERED)
		return it->decided != LISTING_UNCLEAN && it->list.listed.count > 0 ? coverage->worked_at : 0;
	if (!it->has_wanted)
		return 0;
	if (it->is_listed && it->loses && !it->is_widened)
		return coverage->worked_at;
	return acts_at(coverage, family);
}

/* What was found last acts, or what was found in this window, as long as that is more: then the next one begins. */
static bool end_window(struct coverage *coverage, enum sieve_family family, uint64_t now)
{
	struct coverage_family *it = &coverage->family[family];
	struct prefix_set seen = it->seen;

	it->seen = (struct prefix_set){ .family = family };
	if (!it->loses || prefix_set_equal(&seen, &it->wanted)) {
		it->has_wanted = it->is_widened = false;
		coverage_list_aim(&it->list, &it->wanted);
		prefix_set_free(&seen);
		return false;
	}
	if (!coverage_begin_window(coverage, family, now)) {
		prefix_set_free(&seen);
		return true;
	}
	it->is_widened = true;
	coverage_list_aim(&it->list, &seen);
	return false;
}

static bool set_out(struct coverage *coverage, enum sieve_family family, uint64_t now)
{
	struct coverage_family *it = &coverage->family[family];
	struct prefix_set none = { .family = family };

	if (it->decided != LISTING_COVERED) {
		coverage_list_aim(&it->list, &none);
	} else if (acts_at(coverage, family) && now >= acts_at(coverage, family)) {
		return end_window(coverage, family, now);
	} else if (it->is_listed && it->loses && !it->is_widened) {
		return widen(coverage, family);
	}
	return false;
}

static void end_look(struct coverage *coverage)
{
	uint64_t spent_ns = coverage->look->spent_ns;

	coverage->looked_at = clock_monotonic_ns();
	coverage->free_at = coverage->looked_at + later(PACE_GAP_NS, spent_ns); /* there were pauses in it, too */
	coverage->looks++;
	coverage_look_free(coverage->look);
	coverage->look = NULL;
#ifdef __GLIBC__
	if (spent_ns > LARGE_NS)
		malloc_trim(0);
#endif
}

/* Returns whether something is to be published. */
static bool look_on(struct coverage *coverage)
{
	struct coverage_look *look = coverage->look;
	int r = coverage_look_work(look, SLICE_NS);

	if (r == 1)
		return false;
	coverage_take_look(coverage, r, clock_monotonic_ns());
	end_look(coverage);
	return true;
}

static void ask(struct coverage *coverage, enum sieve_family family, uint64_t now,
		struct coverage_look_request *request)
{
	struct coverage_family *it = &coverage->family[family];

	if (it->barred == LISTING_UNKNOWN)
		request->families |= (uint8_t)(1 << family);
	else
		request->whole_only |= (uint8_t)(1 << family);
	it->look_at = 0;
	if (now >= it->again_at)
		it->again_at = 0;
}

/* What is found of the family is of no use unless the other one is known to be whole. */
static bool needs_other(const struct coverage *coverage, enum sieve_family family, uint64_t now,
			const struct coverage_look_request *request)
{
	enum sieve_family other = listing_other(family);

	return request->families & 1U << family && !((request->families | request->whole_only) & 1U << other) &&
	       !coverage->family[other].is_whole && coverage_is_asked(coverage, other) &&
	       now >= coverage->family[other].not_before;
}

static void begin_look(struct coverage *coverage, uint64_t now)
{
	struct coverage_look_request request = {
		.config = coverage->config,
		.programs = coverage->programs,
		.netns = coverage->netns,
		.limit = coverage_limit(coverage),
		.budget_ns = coverage->is_own ? OWN_BUDGET_NS : OTHER_BUDGET_NS,
	};

	for (enum sieve_family family = 0; family < SIEVE_FAMILIES; family++) {
		uint64_t due = look_due(coverage, family);

		if (due && due <= now)
			ask(coverage, family, now, &request);
	}
	for (enum sieve_family family = 0; family < SIEVE_FAMILIES; family++)
		if (needs_other(coverage, family, now, &request))
			ask(coverage, listing_other(family), now, &request);
	if (coverage_look_begin(&request, &coverage->look) < 0) /* out of memory */
		coverage_doubt(coverage, now);
}

static bool is_resting(const struct coverage *coverage)
{
	return coverage->family[SIEVE_IPV4].list.phase == COVERAGE_RESTING &&
	       coverage->family[SIEVE_IPV6].list.phase == COVERAGE_RESTING;
}

/* When the next look is due to begin, 0: none is. */
static uint64_t next_look(const struct coverage *coverage)
{
	return earlier(look_due(coverage, SIEVE_IPV4), look_due(coverage, SIEVE_IPV6));
}

static bool work(struct coverage *coverage, const struct sieve_netns *published, uint64_t now)
{
	uint64_t until = clock_thread_cpu_ns() + SLICE_NS, due;
	bool is_news = false;

	for (enum sieve_family family = 0; family < SIEVE_FAMILIES; family++) {
		struct coverage_family *it = &coverage->family[family];

		due = map_due(coverage, family);
		if (!due || due > now)
			continue;
		if (it->list.phase == COVERAGE_RESTING)
			is_news |= set_out(coverage, family, now);
		if (it->list.phase != COVERAGE_RESTING)
			is_news |= move(coverage, family, published, until);
	}
	if (is_news || !is_resting(coverage))
		return is_news;
	due = next_look(coverage);
	if (!coverage->look && due && due <= now)
		begin_look(coverage, now);
	return coverage->look ? look_on(coverage) : false;
}

bool coverage_work(struct coverage *coverage, const struct sieve_netns *published)
{
	bool is_news = work(coverage, published, clock_monotonic_ns());

	coverage->worked_at = clock_monotonic_ns();
	return is_news;
}

uint64_t coverage_due(const struct coverage *coverage)
{
	uint64_t due = earlier(map_due(coverage, SIEVE_IPV4), map_due(coverage, SIEVE_IPV6));

	if (coverage->look)
		return coverage->worked_at;
	return is_resting(coverage) ? earlier(due, next_look(coverage)) : due;
}

void coverage_withdraw(struct coverage *coverage)
{
	const struct coverage_place place = place_of(coverage, 0);

	for (int family = 0; family < SIEVE_FAMILIES; family++)
		coverage_list_withdraw(&coverage->family[family].list, &place);
}

void coverage_mark(const struct coverage *coverage, uint64_t *used)
{
	for (int family = 0; family < SIEVE_FAMILIES; family++)
		coverage_list_mark(&coverage->family[family].list, coverage->netns, used);
}

bool coverage_holds(const struct coverage *coverage, const struct prefix *prefix)
{
	return coverage_list_has(&coverage->family[prefix->family].list, prefix);
}
