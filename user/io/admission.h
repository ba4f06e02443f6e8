/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which network namespaces are to be followed: those that the sensor or a scan tells of, as far as there is room. */
#ifndef STUBSIEVE_ADMISSION_H
#define STUBSIEVE_ADMISSION_H

#include "clock.h"
#include "followers.h"

/* Namespaces are opened for so long before routes are read again, and then for half of the time at most. */
#define ADMISSION_NS (5 * CLOCK_MILLISECOND_NS)

/* One that finds no room is announced again with the next socket that is made in it. */
void admission_announce(struct namespaces *namespaces, const struct sieve_event *event);

/* Look for namespaces of processes in scope that are not followed yet. */
void admission_scan(struct namespaces *namespaces);

/* Open those that were announced, for a while. */
void admission_work(struct namespaces *namespaces);

/*
 * Was everything opened that was there at the start? A process by which one was known can have ended meanwhile, so
 * there is another look, until nothing comes of one: what is left then cannot be opened.
 */
void admission_check_completion(struct namespaces *namespaces);

#endif
