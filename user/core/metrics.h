/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a controller has counted and does, as the text that Prometheus reads (exposition format 0.0.4). Pure: who calls
 * has gathered the figures. The number of lines does not depend on how many namespaces, names or interfaces there are.
 */
#ifndef STUBSIEVE_METRICS_H
#define STUBSIEVE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stubsieve/abi.h>

#define METRICS_STATES (SIEVE_USELESS + 1) /* enum sieve_connectivity */
#define METRICS_HOOKS_MAX 4
#define METRICS_SIDES_MAX 4

/* What a running controller knows beside what is in the maps. */
struct metrics_controller {
	enum sieve_action action;
	double start_time_seconds;  /* Unix time */
	double fail_open_seconds;
	bool is_spared;             /* it only observes, because of `percent` */
	bool is_last_reload_good;   /* or there was none */
	uint64_t reloads;           /* that came into force */
	double loaded_time_seconds; /* when what is in force was read, in Unix time */
	uint64_t namespaces, namespaces_max, namespaces_refused, namespaces_overrun;
	uint64_t states[SIEVE_FAMILIES][METRICS_STATES]; /* how many namespaces are in each */
	const char *hooks[METRICS_HOOKS_MAX], *sides[METRICS_SIDES_MAX]; /* their names; NULL: no more */
	uint64_t interfaces[METRICS_SIDES_MAX][METRICS_HOOKS_MAX];
	uint64_t cgroups_scope, cgroups_exempt, cgroups_missing; /* missing: configured, but not there */
	uint64_t servers_others, servers_loopback; /* cgroups with DNS servers for others, and for this host alone */
};

struct metrics {
	const char *version;
	const struct metrics_controller *controller; /* NULL: none runs */
	const uint64_t *counters; /* SIEVE_COUNTERS; NULL: there are none */
	bool has_heartbeat;
	double now_seconds, heartbeat_time_seconds; /* Unix time */
};

/* The text is the caller's to free. NULL: out of memory. */
char *metrics_format(const struct metrics *metrics);

/* A label's value as it stands between the quotes: `\`, `"` and the end of a line are escaped, what does not fit is cut. */
void metrics_escape(const char *value, char *ret_escaped, size_t size);

#endif
