/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which addresses have a route in one network namespace, for `results = covered`: kept in the map `coverage`, and
 * said in the namespace's own state. What becomes covered is in the map before anything rests on it, what is covered
 * no longer leaves it when nothing does. All work is in parts of a few milliseconds. Times are CLOCK_MONOTONIC, ns.
 */
#ifndef STUBSIEVE_COVERAGE_H
#define STUBSIEVE_COVERAGE_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "aggregate.h"
#include "config.h"
#include "connectivity.h"
#include "coverage_look.h"
#include "coverage_map.h"
#include "listing.h"
#include "programs.h"

/*
 * So many prefixes of a family are listed; where there are more, every address stays. Fewer in a namespace that any
 * user can have made; and all of these together have half of the map (COVERAGE_OTHERS_MAX).
 */
#define COVERAGE_OWN_MAX 262144
#define COVERAGE_OTHER_MAX 8192

struct coverage_family {
	enum listing decided; /* by the last survey or look */
	enum listing barred;  /* by the last survey; LISTING_UNKNOWN: nothing speaks against a look */
	bool is_default;      /* by the last survey: one route covers all of it */
	bool is_whole;        /* or the last look found as much; false as long as nothing is known */
	bool is_listed;       /* whoever is not in the map goes: SIEVE_COVERAGE_LISTED */
	bool is_short;        /* in case of is_whole, by a look: see struct coverage_finding */
	bool was_told;
	uint32_t generation[SIEVE_FAMILIES]; /* what is listed rests on: the kernel's, before that look */

	/* What the last clean look found, and is not listed yet. */
	struct prefix_set wanted;
	bool has_wanted;
	bool loses;      /* something that is covered is so no longer: that waits until a window ends */
	bool is_widened; /* what it covers is listed: only what it does not is still to leave the map */
	uint32_t wanted_generation[SIEVE_FAMILIES];
	uint64_t acts_at; /* likewise, the end of the window */

	/*
	 * While something settles, time is cut into windows of `settle`. What is listed is what was found in this one or
	 * in the one before; so what is found no longer stays for one window at least and two at the most, however
	 * often something else changes.
	 */
	struct prefix_set seen; /* in this window, all looks together */

	struct coverage_list list; /* in the map */
	uint64_t look_at, again_at, not_before; /* a look is wanted, and one later; none before */
};

struct coverage {
	const struct config *config;
	struct programs *programs;
	uint32_t netns;
	bool is_own;
	bool is_surveyed; /* the last survey was clean, and no message was lost since */
	uint32_t generation[SIEVE_FAMILIES]; /* before that survey */
	struct coverage_family family[SIEVE_FAMILIES];
	struct coverage_look *look; /* the one under way */
	uint64_t free_at;   /* no look before */
	uint64_t looked_at; /* the last one ended */
	uint64_t worked_at; /* when it last had a turn */
	uint64_t looks;
};

int coverage_open(const struct config *config, struct programs *programs, uint32_t netns, bool is_own,
		  struct coverage **ret_coverage);
void coverage_close(struct coverage *coverage); /* what is in the map stays; NULL is fine */

/* Take its prefixes out of the map; nothing rests on them any more. */
void coverage_withdraw(struct coverage *coverage);

static inline size_t coverage_limit(const struct coverage *coverage)
{
	return coverage->is_own ? COVERAGE_OWN_MAX : COVERAGE_OTHER_MAX;
}

/* Something was learnt. What is to be published may be another afterwards. */
void coverage_surveyed(struct coverage *coverage, const struct connectivity *seen,
		       const uint32_t generation[SIEVE_FAMILIES], uint64_t now);
void coverage_doubt(struct coverage *coverage, uint64_t now); /* the survey was not clean, or messages were lost */
void coverage_take_message(struct coverage *coverage, const struct nlmsghdr *message, bool is_after_the_fact,
			   uint64_t now);
void coverage_trigger(struct coverage *coverage, uint64_t now);

/* What is to be published, as far as it is said here. */
void coverage_fill(const struct coverage *coverage, struct sieve_netns *state);

/*
 * Do some of what is due, in the namespace; `published` is what the map `netns` has. Returns whether something else is
 * to be published, which is to be done before the next call. The next part is due at coverage_due(), 0: none is.
 */
bool coverage_work(struct coverage *coverage, const struct sieve_netns *published);
uint64_t coverage_due(const struct coverage *coverage);

/* Is there no look to come, nor anything to be listed, without which addresses stay that could go? */
bool coverage_is_known(const struct coverage *coverage);

/* Does the map have, or is it to have, this prefix of the namespace? */
bool coverage_holds(const struct coverage *coverage, const struct prefix *prefix);

/* For vacancy_end(): all prefixes for which coverage_holds() holds. */
void coverage_mark(const struct coverage *coverage, uint64_t *used);

/* For people: the prefixes in the map, and whether what is no longer covered is still to go. */
static inline size_t coverage_count(const struct coverage *coverage, enum sieve_family family)
{
	return coverage->family[family].list.listed.count;
}

static inline bool coverage_is_settling(const struct coverage *coverage, enum sieve_family family)
{
	return coverage->family[family].has_wanted;
}

#endif
