/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From prefixes of one family, in any order and as often as they come, to the fewest that cover the same addresses.
 * No library calls but for memory; functions return 0 or -errno.
 */
#ifndef STUBSIEVE_AGGREGATE_H
#define STUBSIEVE_AGGREGATE_H

#include <stdbool.h>
#include <stddef.h>

#include "prefix.h"

/*
 * The fewest prefixes for what they cover: none lies inside another, no two are halves of one. So two sets that
 * cover the same addresses are equal. An IPv4 prefix takes 5 octets, an IPv6 prefix 17. All zero is an empty set.
 */
struct prefix_set {
	enum sieve_family family;
	unsigned char *entries; /* sorted; each an address, network byte order, and its length in bits */
	size_t count;
};

void prefix_set_free(struct prefix_set *set);
struct prefix prefix_set_get(const struct prefix_set *set, size_t index);
bool prefix_set_has(const struct prefix_set *set, const struct prefix *prefix); /* exactly this one */
bool prefix_set_equal(const struct prefix_set *one, const struct prefix_set *other);
bool prefix_set_is_whole(const struct prefix_set *set); /* it covers the family */

/* How far a walk through what one set has and another has not has come; all zero is the beginning. */
struct prefix_walk {
	size_t one, other;
};

/*
 * The next prefixes, at most so many, that are in `one` and not in `other`: what has to be removed to come from one
 * to the other, or, with the sets exchanged, to be added. 0: there are no more.
 */
size_t prefix_set_missing(const struct prefix_set *one, const struct prefix_set *other, struct prefix_walk *walk,
			  struct prefix *ret_prefixes, size_t most);

/* Does the first one cover all that the second one does? */
bool prefix_set_covers(const struct prefix_set *outer, const struct prefix_set *inner);

/* All that one or the other covers. -E2BIG: that takes more prefixes than the limit; -ENOMEM. */
int prefix_set_union(const struct prefix_set *one, const struct prefix_set *other, size_t limit,
		     struct prefix_set *ret_set);

/*
 * Where a set grows. What comes is sorted in small portions, and these are merged with each other as they become as
 * many, so that no step takes longer than one pass over what is there, and what comes in order, as the kernel's
 * dumps mostly do, is next to nothing. Memory is that of the prefixes after merging; between two passes a quarter
 * of the limit more.
 */
#define AGGREGATE_PORTION 512
#define AGGREGATE_RUNS 40

struct aggregate {
	enum sieve_family family;
	size_t limit;
	unsigned char *entries;
	size_t count, room;
	size_t runs[AGGREGATE_RUNS]; /* where each sorted portion begins */
	size_t run_count;
	size_t sorted; /* so many entries are in portions */
};

/* `limit`: so many prefixes, after merging, may there be. */
void aggregate_init(struct aggregate *aggregate, enum sieve_family family, size_t limit);
void aggregate_free(struct aggregate *aggregate);

/*
 * Take in a prefix of the family. -E2BIG: there are too many, and those that would join them are not there yet;
 * -ENOMEM. It is of no use then but to be freed.
 */
int aggregate_add(struct aggregate *aggregate, const struct prefix *prefix);

/* The set of all; the aggregate is then empty. -E2BIG, -ENOMEM. */
int aggregate_finish(struct aggregate *aggregate, struct prefix_set *ret_set);

#endif
