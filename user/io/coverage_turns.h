/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose turn it is, of all namespaces, to look at routes for `results = covered`: the one that has waited longest, a
 * few milliseconds at a time, and all together have a quarter of the controller's time.
 */
#ifndef STUBSIEVE_COVERAGE_TURNS_H
#define STUBSIEVE_COVERAGE_TURNS_H

#include <stdint.h>

#include "followers.h"

/* Look through the map for what an earlier controller left, from now on. What is published rests on none of it. */
void coverage_turns_sweep(struct namespaces *namespaces);

/* One turn, if one is due. The next one is due at coverage_turns_due(), 0: none is. */
void coverage_turns_work(struct namespaces *namespaces);
uint64_t coverage_turns_due(const struct namespaces *namespaces);

#endif
