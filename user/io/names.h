/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Domain names as people write them, as the programs' map `names` has them, and those built in. */
#ifndef STUBSIEVE_NAMES_H
#define STUBSIEVE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "dns.h"

/* Suffixes under which no query is ever answered; NULL at the end. */
extern const char *const names_exempt[];

/*
 * Make in `work` the query that a stub resolver sends for the name: ID 0, RD=1, no OPT. A final dot
 * makes no difference; there are no escapes. -EINVAL: not a domain name (empty or long label, too long).
 */
int names_query(const char *name, uint16_t type, struct sieve_work *work);

/* The map's key of a suffix, and how many labels it has. */
int names_suffix(const char *name, uint64_t *ret_key, unsigned int *ret_labels);

/* One suffix of which something is said. */
struct names_rule {
	const char *key;    /* of the configuration; NULL: built in */
	const char *value;  /* as written there, with the families of `ask` */
	uint64_t suffix;    /* the map's key */
	unsigned int labels;
	uint32_t flags;     /* enum sieve_name */
};

/* All of them, those built in first. The array is the caller's to free; its words are the configuration's. */
int names_list(const struct config *config, struct names_rule **ret_rules, size_t *ret_count);

/* Is the parsed question in `work` under the suffix? */
bool names_applies(const struct names_rule *rule, const struct sieve_work *work);

#endif
