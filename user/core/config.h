/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The configuration: a table of keys, each with the words it takes. Pure: no file is read here. */
#ifndef STUBSIEVE_CONFIG_H
#define STUBSIEVE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stubsieve/abi.h>

#include "connectivity.h"

#define CONFIG_PATH_MAX 256
#define CONFIG_CGROUPS_MAX 64
#define CONFIG_INTERFACES_MAX 64
#define CONFIG_NETNS_MAX 65536
#define CONFIG_NAMES_MAX 8000 /* of exempt-name, and as many of ask; with those built in the map `names` holds them */
#define CONFIG_ERROR_MAX 512

/* Which network namespaces are managed. */
enum config_netns {
	CONFIG_NETNS_SCOPE = 0, /* every one in which a process of the scope lives */
	CONFIG_NETNS_SELF = 1,  /* the controller's own */
};

/* What becomes of the addresses in responses. */
enum config_results {
	CONFIG_RESULTS_ALL = 0,
	CONFIG_RESULTS_COVERED = 1, /* those that no route covers are removed */
};

enum config_order {
	CONFIG_ORDER_FIRST = 0, /* before the tcx programs that are there */
	CONFIG_ORDER_LAST = 1,
};

/* A list that can become long. */
struct config_words {
	char **words;
	size_t count, room;
};

#define CONFIG_FAMILIES_BOTH (1 << SIEVE_IPV4 | 1 << SIEVE_IPV6)

/* Words are owned; config_free() frees them. Times are in nanoseconds. */
struct config {
	enum sieve_action action;
	char *cgroups[CONFIG_CGROUPS_MAX]; /* as written; none means the whole host */
	size_t cgroup_count;
	char *exempt_cgroups[CONFIG_CGROUPS_MAX];
	size_t exempt_cgroup_count;
	enum config_netns netns;
	uint8_t families; /* bit SIEVE_IPV4 / SIEVE_IPV6: A / AAAA may be answered */
	char *ignored_interfaces[CONFIG_INTERFACES_MAX]; /* names or globs, for config_matches_interface() */
	size_t ignored_interface_count;
	char *gateways[CONFIG_INTERFACES_MAX]; /* likewise */
	size_t gateway_count;
	uint16_t ports[SIEVE_PORTS_MAX]; /* host byte order */
	size_t port_count;
	struct config_words exempt_names; /* suffixes */
	struct config_words asks;         /* as name_parse_ask() takes them */
	bool extended_error;
	bool filter_servers;
	struct connectivity_policy connectivity;
	enum config_results results;
	enum config_order order;
	uint64_t settle_ns;
	uint32_t max_netns;
	uint64_t fail_open_after_ns;
	uint64_t fail_open_spread_ns;
	char run_dir[CONFIG_PATH_MAX];
	char pin_dir[CONFIG_PATH_MAX];
	char metrics_textfile[CONFIG_PATH_MAX]; /* "" for none */
};

/* One key, for parsing and for printing what is in force. */
struct config_key {
	const char *name;
	const char *values;  /* for people: "answer, observe, drop or reject" */
	const char *summary; /* one line */
	unsigned int repeats; /* the most values it takes; 0: one, the last that was given */
	int (*parse)(const char *word, struct config *config);
	/* Write the value in force; for a repeated key the one with that index. False: there is none. */
	bool (*format)(const struct config *config, size_t index, char *word, size_t size);
};

/* All keys, in the order in which they are documented. */
const struct config_key *config_keys(size_t *ret_count);

void config_init(struct config *config);
void config_free(struct config *config);

/*
 * Set one key. 0, or -EINVAL with a line for people in ret_error that names the key and what it takes, or
 * the limit that is reached; the configuration is then as it was.
 */
int config_set(struct config *config, const char *key, const char *word, char ret_error[CONFIG_ERROR_MAX]);

/* 0, or -EINVAL with a line for people in ret_error about keys that cannot be meant together. */
int config_check(const struct config *config, char ret_error[CONFIG_ERROR_MAX]);

/* One of the names or globs is that of the interface: the first such in ret_pattern, unless that is NULL. */
bool config_matches_interface(char *const *patterns, size_t count, const char *name, const char **ret_pattern);

/* The name of an action, NULL outside the enum. */
const char *config_action_name(enum sieve_action action);

/*
 * This host's share of the spread, 0 to spread_ns: the same after every start, another on another host,
 * so that a fleet that loses its controllers in one second does not ask again in one second. `id` is
 * the machine id, of any length.
 */
uint64_t config_jitter_ns(const void *id, size_t length, uint64_t spread_ns);

#endif
