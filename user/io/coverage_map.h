/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What lies in the map `coverage` (its descriptor: programs.h), and how that becomes something else: first comes what
 * is missing, then goes what is too much.
 */
#ifndef STUBSIEVE_COVERAGE_MAP_H
#define STUBSIEVE_COVERAGE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aggregate.h"
#include "prefix.h"
#include "vacancy.h"

/* What is on its way. */
enum coverage_phase {
	COVERAGE_RESTING,
	COVERAGE_ADDING,   /* what is missing; what is to go is all still there */
	COVERAGE_REMOVING, /* what is to go; what was missing is there */
	COVERAGE_UNDOING,  /* what was added */
};

/* The prefixes of one family of one namespace in the map; all zero, but for the families of the sets, is none. */
struct coverage_list {
	enum coverage_phase phase;
	struct prefix_set listed, target; /* what is there when nothing is on its way, and what will be then */
	struct prefix_walk walk;
	size_t held; /* so many entries are counted in the quota for it: at least those that are there */
};

/* Entries of many lists together, and how many these may be. */
struct coverage_quota {
	size_t used, most;
};

/* Half of the map: so many of namespaces that any user can have made. The other half is the controller's own. */
#define COVERAGE_OTHERS_MAX 524288

void coverage_list_init(struct coverage_list *list, enum sieve_family family);
void coverage_list_free(struct coverage_list *list); /* what is in the map stays */

/* From rest to COVERAGE_ADDING: these are to be there, and no others. Takes over the set. */
void coverage_list_aim(struct coverage_list *list, struct prefix_set *target);

/* So much of it as `until` (CLOCK_THREAD_CPUTIME_ID, ns) allows. */
struct coverage_place {
	int fd;         /* of the map */
	uint32_t netns; /* inode number of the namespace */
	uint64_t until;
	struct vacancy *vacancy; /* NULL: none */
	struct coverage_quota *quota; /* NULL: none */
};

/*
 * In COVERAGE_ADDING. 1: there is more; 0: all is there, COVERAGE_REMOVING comes next; -ENOSPC: the map or the quota
 * is full, or another -errno: COVERAGE_UNDOING comes next.
 */
int coverage_list_add(struct coverage_list *list, const struct coverage_place *place);

/* In the other two; the end is COVERAGE_RESTING. What cannot be taken out leaves an address more in responses. */
void coverage_list_remove(struct coverage_list *list, const struct coverage_place *place);

/* Take out all, whatever is on its way, and however long it takes. */
void coverage_list_withdraw(struct coverage_list *list, const struct coverage_place *place);

/* For vacancy_end(): all that is there, or on its way. */
void coverage_list_mark(const struct coverage_list *list, uint32_t netns, uint64_t *used);

/* Is it there, or to be? */
bool coverage_list_has(const struct coverage_list *list, const struct prefix *prefix);

/* Is this prefix of that namespace to stay? */
typedef bool (*coverage_map_keep)(uint32_t netns, const struct prefix *prefix, void *data);

/* A look at all entries, in parts; all zero is the beginning. */
struct coverage_map_sweep {
	bool has_kept;
	struct sieve_prefix kept; /* the last one */
};

/*
 * Look at so many more and remove those that are not to stay. Returns 1 as long as there are more, 0 at the end.
 * Where the entry that it came to has gone since, it begins anew. Or -errno.
 */
int coverage_map_sweep(int fd, struct coverage_map_sweep *sweep, size_t most, coverage_map_keep keep, void *data);

#endif
