/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What surveys, messages and looks come to, for coverage.c, which sees to it that it is done. */
#ifndef STUBSIEVE_COVERAGE_DECIDE_H
#define STUBSIEVE_COVERAGE_DECIDE_H

#include "clock.h"
#include "coverage.h"

/* After a look that came to nothing because there is too much of something. */
#define COVERAGE_RETRY_NS (30 * CLOCK_SECOND_NS)

/* Are the family's routes of interest: for itself, or because the other one is listed only if this one is whole? */
bool coverage_is_asked(const struct coverage *coverage, enum sieve_family family);

void coverage_want_look(struct coverage_family *it, bool is_after_the_fact, uint64_t now);

/* Every address stays, at once. Takes nothing out of the map yet. */
void coverage_decide_all(struct coverage *coverage, enum sieve_family family, enum listing why);

/* Likewise, because there is no room or no memory for what was found. It is tried again before long. */
void coverage_decide_none(struct coverage *coverage, enum sieve_family family, int number, uint64_t now);

/* From what was found last. Returns false where it cannot be, and every address stays. */
bool coverage_begin_window(struct coverage *coverage, enum sieve_family family, uint64_t now);

/* coverage->look is done; of coverage_look_work(). */
void coverage_take_look(struct coverage *coverage, int result, uint64_t now);

#endif
