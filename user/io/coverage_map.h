/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What lies in the map `coverage`. The descriptor is that of the map (programs.h); functions return 0 or -errno.
 */
#ifndef STUBSIEVE_COVERAGE_MAP_H
#define STUBSIEVE_COVERAGE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prefix.h"

#define COVERAGE_MAP_BATCH 256 /* at most so many in one call */

/*
 * Of the namespace with that inode number. To add what is there, or to remove what is not, is no error. -ENOSPC: the
 * map is full. Some of them may have been added when there is an error.
 */
int coverage_map_add(int fd, uint32_t netns, const struct prefix *prefixes, size_t count);
int coverage_map_remove(int fd, uint32_t netns, const struct prefix *prefixes, size_t count);

/* Is this prefix of that namespace to stay? */
typedef bool (*coverage_map_keep)(uint32_t netns, const struct prefix *prefix, void *data);

/* A look at all entries, in parts; all zero is the beginning. */
struct coverage_map_sweep {
	bool has_kept;
	struct sieve_prefix kept; /* the last one */
};

/*
 * Look at so many more and remove those that are not to stay. Returns 1 as long as there are more, 0 at the end.
 * Where the entry that it came to has gone since, it begins anew.
 */
int coverage_map_sweep(int fd, struct coverage_map_sweep *sweep, size_t most, coverage_map_keep keep, void *data);

#endif
