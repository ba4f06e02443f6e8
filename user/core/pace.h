/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When to survey a network namespace after messages told of changes: at once, but under a storm with
 * pauses between, and once more shortly after the last message, because a message can precede the
 * change that it tells of. Times are CLOCK_MONOTONIC in nanoseconds, passed in.
 */
#ifndef STUBSIEVE_PACE_H
#define STUBSIEVE_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_GAP_NS (10 * 1000000ULL)   /* the least pause between two surveys */
#define PACE_TRAIL_NS (30 * 1000000ULL) /* from the last trigger to the survey that closes it */

/* One network namespace; all zero is a fresh one with nothing to do. */
struct pace {
	bool leading;  /* triggered since the last survey */
	bool trailing; /* a trigger still wants its closing survey */
	uint64_t triggered_at; /* the last trigger */
	uint64_t trailed_at;   /* the last one that wants a closing survey */
	uint64_t free_at;      /* no survey before */
};

void pace_trigger(struct pace *pace, uint64_t now);

/* By a message that is known to follow the change: one survey will do. */
void pace_trigger_once(struct pace *pace, uint64_t now);

/* When the next survey is due, perhaps in the past; 0: nothing to do. */
uint64_t pace_due(const struct pace *pace);

/*
 * A survey ran from `began` to `now`. The pause that follows is at least three times as long as the survey, so a
 * namespace with very many routes takes at most a quarter of the controller's time.
 */
void pace_done(struct pace *pace, uint64_t began, uint64_t now);

/* What belongs to that survey took until now. */
void pace_extend(struct pace *pace, uint64_t began, uint64_t now);

#endif
