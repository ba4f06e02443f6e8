/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The map `vacant` (bpf/vacant.h): where nothing is listed in the map `coverage`. Bits are cleared before a prefix is
 * listed, one by one, and set again for all that is not listed any more, at once. In between some are clear in vain,
 * which costs a look into the trie.
 */
#ifndef STUBSIEVE_VACANCY_H
#define STUBSIEVE_VACANCY_H

#include <stdbool.h>
#include <stdint.h>

#include "aggregate.h"
#include "prefix.h"

struct vacancy {
	uint64_t *bits; /* the map's */
	bool is_stale;  /* some could be set */
};

/* `fd`: of the map. Nothing is vacant then. 0 or -errno. */
int vacancy_open(int fd, struct vacancy *ret_vacancy);
void vacancy_close(struct vacancy *vacancy);

/* The prefix is to be listed. */
void vacancy_take(struct vacancy *vacancy, uint32_t netns, const struct prefix *prefix);

/*
 * Set the bits of all that is not listed: begin, mark every set of prefixes that is listed or on its way, and end,
 * with nothing listed in between. `used` is as large as the map.
 */
uint64_t *vacancy_begin(void); /* NULL: out of memory; to be freed */
void vacancy_mark(uint64_t *used, uint32_t netns, const struct prefix_set *set);
void vacancy_end(struct vacancy *vacancy, const uint64_t *used);

#endif
