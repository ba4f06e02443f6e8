/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The least that the controller needs of capabilities(7), as masks with bit CAP_*. Pure. */
#ifndef STUBSIEVE_CAPABILITY_H
#define STUBSIEVE_CAPABILITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPABILITY_TEXT_MAX 512

/* To load and attach the programs and to follow the routes; for network namespaces of others also to find and enter them. */
uint64_t capability_needed(bool other_netns);

/*
 * Of what is wanted that which is not in the mask. CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON, which were split from
 * it in Linux 5.8.
 */
uint64_t capability_lacking(uint64_t mask, uint64_t wanted);

/* The same of the row. */
uint64_t capability_missing(uint64_t mask, bool other_netns);

/*
 * Those of the row to be kept for life by who has `mask`: that of an unused stand-in is not, one that is used is.
 */
uint64_t capability_kept(uint64_t mask, bool other_netns);

/* Neither of the two that other network namespaces take: then the own one alone can have been meant. */
bool capability_is_own_only(uint64_t mask);

/* "CAP_BPF", or NULL beyond those that this source knows. */
const char *capability_name(unsigned int number);

/* "CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"; "none" of an empty mask. Unknown ones by number. */
void capability_list(uint64_t mask, char text[CAPABILITY_TEXT_MAX]);

#endif
