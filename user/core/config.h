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
#define CONFIG_FILE_USUAL "/etc/stubsieve/stubsieve.conf"
#define CONFIG_KEYS_MAX 48

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
	enum sieve_action action; /* as written; what holds is config_action() */
	unsigned int percent;     /* of hosts act, the others observe */
	bool is_spared;           /* this host is one of the others: not a key, see config_is_among() */
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
	bool dnssec_answer; /* queries with DO=1 are answered, too */
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
	char file[CONFIG_PATH_MAX]; /* to be read, "" for the usual one, if it exists */
};

/* One key, for parsing and for printing what is in force. */
struct config_key {
	const char *name;
	const char *values;  /* for people: "answer, observe, drop or reject" */
	const char *summary; /* one line */
	unsigned int repeats; /* the most values it takes; 0: one, the last that was given */
	int (*parse)(const char *word, struct config *config);
	void (*clear)(struct config *config); /* of a key that repeats: as if it had never been given; NULL for others */
	/* Write the value in force; for a repeated key the one with that index. False: there is none. */
	bool (*format)(const struct config *config, size_t index, char *word, size_t size);
};

/* All keys, in the order in which they are documented. */
const struct config_key *config_keys(size_t *ret_count);

void config_init(struct config *config);
void config_free(struct config *config);

/* One on the heap, with the defaults; NULL: no memory. config_delete() frees it; NULL is fine. */
struct config *config_new(void);
void config_delete(struct config *config);

/*
 * Set one key. 0, or -EINVAL with a line for people in ret_error that names the key and what it takes, or
 * the limit that is reached; the configuration is then as it was.
 */
int config_set(struct config *config, const char *key, const char *word, char ret_error[CONFIG_ERROR_MAX]);

/* The values of a key that repeats go: those that follow are all. Nothing happens to another key. */
void config_clear(struct config *config, const char *key);

/* 0, or -EINVAL with a line for people in ret_error about keys that cannot be meant together. */
int config_check(const struct config *config, char ret_error[CONFIG_ERROR_MAX]);

/* One of the names or globs is that of the interface: the first such in ret_pattern, unless that is NULL. */
bool config_matches_interface(char *const *patterns, size_t count, const char *name, const char **ret_pattern);

/* What becomes of a useless query on this host. */
static inline enum sieve_action config_action(const struct config *config)
{
	return config->is_spared ? SIEVE_ACTION_OBSERVE : config->action;
}

/* The name of an action, NULL outside the enum. */
const char *config_action_name(enum sieve_action action);

/*
 * This host's share of the spread, 0 to spread_ns: the same after every start, another on another host,
 * so that a fleet that loses its controllers in one second does not ask again in one second. `id` is
 * the machine id, of any length.
 */
uint64_t config_jitter_ns(const void *id, size_t length, uint64_t spread_ns);

/*
 * Is this host among so many percent of all? By the same id, and yet not tied to its share of the spread. Who is among
 * some is among more. Without an id (length 0) it is among all, or none.
 */
bool config_is_among(const void *id, size_t length, unsigned int percent);

#endif
