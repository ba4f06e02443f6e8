/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "metrics_gather.h"

#include <time.h>

#include "clock.h"
#include "metrics.h"
#include "pinned.h"

static double unix_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / (double)CLOCK_SECOND_NS;
}

/* When it was that time of CLOCK_MONOTONIC, as this clock is set now. */
static double unix_seconds_of(uint64_t monotonic_ns)
{
	return unix_seconds() - ((double)clock_monotonic_ns() - (double)monotonic_ns) / (double)CLOCK_SECOND_NS;
}

static void add_interfaces(const struct attachments *attachments, struct metrics_controller *it)
{
	for (size_t i = 0; i < attachments->count; i++)
		for (int side = 0; side < ATTACH_SIDES; side++)
			it->interfaces[side][attachments->entries[i].side[side].hook]++;
}

static void gather_namespaces(const struct namespaces *namespaces, struct metrics_controller *it)
{
	static const char *const sides[ATTACH_SIDES] = {
		[ATTACH_EGRESS] = "egress", [ATTACH_GATEWAY] = "gateway", [ATTACH_RESULTS] = "results",
	};

	_Static_assert(ATTACH_SIDES <= METRICS_SIDES_MAX && ATTACH_CLSACT < METRICS_HOOKS_MAX,
		       "too many programs or hooks");
	for (int side = 0; side < ATTACH_SIDES; side++)
		it->sides[side] = sides[side];
	for (enum attach_hook hook = ATTACH_NONE; hook <= ATTACH_CLSACT; hook++)
		it->hooks[hook] = attach_hook_name(hook);
	it->namespaces = namespaces->count;
	it->namespaces_refused = namespaces->refused;
	for (size_t i = 0; i < namespaces->count; i++) {
		const struct namespace *namespace = &namespaces->followers[i]->namespace;

		it->namespaces_overrun += namespace->is_overrun;
		for (int family = 0; family < SIEVE_FAMILIES; family++)
			it->states[family][namespace->published.connectivity[family]]++;
		add_interfaces(&namespace->attachments, it);
	}
}

/* Those for commands are no part of the configuration. */
static void gather_cgroups(const struct scope *scope, struct metrics_controller *it)
{
	for (size_t i = 0; i < scope->count; i++) {
		const struct scope_entry *entry = &scope->entries[i];

		if (entry->is_for_exec)
			continue;
		if (!entry->cgroup.id)
			it->cgroups_missing++;
		else if (entry->kind == SIEVE_CGROUP_EXEMPT)
			it->cgroups_exempt++;
		else
			it->cgroups_scope++;
	}
}

static void gather_servers(const struct server_set *servers, struct metrics_controller *it)
{
	for (size_t i = 0; i < servers->count; i++) {
		if (servers->servers[i].kinds & SIEVE_SERVER_OTHERS)
			it->servers_others++;
		else
			it->servers_loopback++;
	}
}

char *metrics_of_controller(const struct controller *controller)
{
	struct metrics_controller it = {
		.action = config_action(controller->filter->config),
		.start_time_seconds = unix_seconds_of(controller->started_ns),
		.fail_open_seconds = (double)controller->filter->policy.stale_after_ns / (double)CLOCK_SECOND_NS,
		.is_spared = controller->filter->config->is_spared,
		.is_last_reload_good = !controller->reload.error,
		.reloads = controller->reload.count,
		.loaded_time_seconds = (double)controller->reload.loaded_at,
		.namespaces_max = controller->filter->config->max_netns,
	};
	struct metrics metrics = {
		.version = STUBSIEVE_VERSION, .controller = &it, .now_seconds = unix_seconds(),
	};
	uint64_t counters[SIEVE_COUNTERS], beat;

	gather_namespaces(&controller->filter->namespaces, &it);
	gather_cgroups(&controller->filter->scope, &it);
	gather_servers(&controller->filter->namespaces.servers.all, &it);
	if (programs_counters(controller->filter->programs, counters) == 0)
		metrics.counters = counters;
	metrics.has_heartbeat = programs_last_beat(controller->filter->programs, &beat) == 0;
	if (metrics.has_heartbeat)
		metrics.heartbeat_time_seconds = unix_seconds_of(beat);
	return metrics_format(&metrics);
}

char *metrics_of_pins(const char *pin_dir)
{
	struct metrics metrics = { .version = STUBSIEVE_VERSION, .now_seconds = unix_seconds() };
	uint64_t counters[SIEVE_COUNTERS], beat;

	if (pinned_counters(pin_dir, counters) == 0)
		metrics.counters = counters;
	metrics.has_heartbeat = pinned_heartbeat(pin_dir, &beat) == 0;
	if (metrics.has_heartbeat)
		metrics.heartbeat_time_seconds = unix_seconds_of(beat);
	return metrics_format(&metrics);
}
