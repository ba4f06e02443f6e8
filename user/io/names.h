/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Domain names as people write them, as the programs' map `names` has them, and those built in. This is the
 * controller's: it compares text, and knows nothing of DNS messages.
 */
#ifndef STUBSIEVE_NAMES_H
#define STUBSIEVE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stubsieve/abi.h>

#include "config.h"

/* Suffixes under which no query is ever answered; NULL at the end. */
extern const char *const names_exempt[];

/* The map's key of a suffix, and how many labels it has. -EINVAL: it is none that can be listed. */
int names_suffix(const char *name, uint64_t *ret_key, unsigned int *ret_labels);

/* One suffix of which something is said. */
struct names_rule {
	const char *key;    /* of the configuration; NULL: built in */
	const char *value;  /* as written there, with the families of `ask` */
	uint64_t suffix;    /* the map's key */
	uint32_t end;       /* sieve_suffix_end_bit() of it */
	unsigned int labels;
	uint32_t flags;     /* enum sieve_name */
};

/* All of them, those built in first. The array is the caller's to free; its words are the configuration's. */
int names_list(const struct config *config, struct names_rule **ret_rules, size_t *ret_count);

/* The keys of what a name ends in: its last label, the last two, ... */
struct names_tails {
	uint64_t keys[SIEVE_SUFFIX_LABELS_MAX];
	unsigned int count;
};

/* Of any text: where it is no domain name, they are those of none that is listed. A final dot makes no difference. */
void names_tails(const char *name, struct names_tails *ret_tails);

/* Is the name under the suffix? */
bool names_applies(const struct names_rule *rule, const struct names_tails *tails);

#endif
