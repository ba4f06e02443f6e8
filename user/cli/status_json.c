/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "status_json.h"

#include <limits.h>
#include <string.h>

#include "capability.h"
#include "clock.h"
#include "configuration.h"
#include "connectivity_json.h"
#include "counter.h"
#include "hooks_json.h"
#include "netns.h"
#include "privilege.h"
#include "ramp_json.h"

#define TEXT_MAX 512

/* How long it may take to look at all routes of all namespaces: less than a command waits for its answer. */
#define LOOK_NS (2 * CLOCK_SECOND_NS)

static const struct {
	const char *name, *text;
} reasons[] = {
	[SIEVE_REASON_NONE] = { "none", "nothing speaks against answering it" },
#define SIEVE_REASON(name, text) [SIEVE_REASON_##name] = { #name, text },
#include <stubsieve/reasons.def>
#undef SIEVE_REASON
};

const char *reason_name(enum sieve_reason reason)
{
	return reason < SIEVE_REASONS ? reasons[reason].name : NULL;
}

const char *reason_text(enum sieve_reason reason)
{
	return reason < SIEVE_REASONS ? reasons[reason].text : NULL;
}

static const char *const responses[] = {
#define SIEVE_RESPONSE(name, text) [SIEVE_RESPONSE_##name] = #name,
#include <stubsieve/responses.def>
#undef SIEVE_RESPONSE
};

static double seconds(uint64_t ns)
{
	return (double)ns / (double)CLOCK_SECOND_NS;
}

/* Add to an object and take over the value's reference. Jansson refuses NULL values and objects. */
static int set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value);
}

/* What became of responses; where they are not looked at, nothing is counted. */
static json_t *responses_json(const uint64_t counters[SIEVE_COUNTERS])
{
	json_t *object = json_object(), *passed = json_object();
	uint64_t count = 0;

	for (enum sieve_response response = SIEVE_RESPONSE_NONE + 1; response < SIEVE_RESPONSES; response++) {
		uint64_t value = counters[SIEVE_COUNTER_RESPONSE + response];
		bool is_cut = response == SIEVE_RESPONSE_filtered || response == SIEVE_RESPONSE_emptied;

		count += value;
		set(is_cut ? object : passed, responses[response], json_integer((json_int_t)value));
	}
	set(object, "responses", json_integer((json_int_t)count));
	set(object, "removed_a", json_integer((json_int_t)counters[SIEVE_COUNTER_REMOVED + SIEVE_IPV4]));
	set(object, "removed_aaaa", json_integer((json_int_t)counters[SIEVE_COUNTER_REMOVED + SIEVE_IPV6]));
	set(object, "passed", passed);
	return object;
}

static json_t *counters_json(const uint64_t counters[SIEVE_COUNTERS])
{
	static const char *const groups[] = { "answered", "observed", "dropped", "rejected" };
	json_t *object = json_object(), *passed = json_object();
	uint64_t queries = 0, observed;
	char name[TEXT_MAX];

	for (size_t i = 0; i < SIEVE_COUNTER_REMOVED; i++)
		queries += counters[i];
	set(object, "queries", json_integer((json_int_t)queries));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		const uint64_t *group = &counters[SIEVE_COUNTER_ANSWERED + i * SIEVE_FAMILIES];

		snprintf(name, sizeof(name), "%s_a", groups[i]);
		set(object, name, json_integer((json_int_t)group[SIEVE_IPV4]));
		snprintf(name, sizeof(name), "%s_aaaa", groups[i]);
		set(object, name, json_integer((json_int_t)group[SIEVE_IPV6]));
	}
	observed = counters[SIEVE_COUNTER_OBSERVED] + counters[SIEVE_COUNTER_OBSERVED + 1];
	for (enum sieve_reason reason = SIEVE_REASON_NONE + 1; reason < SIEVE_REASONS; reason++) {
		uint64_t value = reason == SIEVE_REASON_observed ? observed : counters[reason];

		set(passed, reasons[reason].name, json_integer((json_int_t)value));
	}
	set(object, "passed", passed);
	return object;
}

static void add_to(json_t *object, const char *key, uint64_t value)
{
	json_int_t before = json_integer_value(json_object_get(object, key));

	set(object, key, json_integer(before + (json_int_t)value));
}

/* What another version counted: under its own names, and in the sums. */
static void add_unknown(const char *name, uint64_t value, void *data)
{
	json_t *status = data, *counters = json_object_get(status, "counters"), *others = json_object_get(status, "responses");
	const size_t passed = strlen(COUNTER_PASSED), response = strlen(COUNTER_RESPONSE);

	if (strncmp(name, COUNTER_RESPONSE, response) == 0) {
		add_to(json_object_get(others, "passed"), name + response, value);
		add_to(others, "responses", value);
		return;
	}
	if (strncmp(name, COUNTER_PASSED, passed) == 0)
		add_to(json_object_get(counters, "passed"), name + passed, value);
	else
		add_to(counters, name, value);
	add_to(counters, "queries", value);
}

/* `own`: the thread is in that namespace, and looks at the hooks of its interfaces for as long as there is time; or NULL. */
static json_t *interfaces_json(const struct attachments *attachments, const struct own_programs *own, uint64_t deadline)
{
	json_t *array = json_array();

	for (size_t i = 0; i < attachments->count; i++) {
		const struct attached *entry = &attachments->entries[i];
		bool is_in_time = own && clock_monotonic_ns() < deadline;

		json_array_append_new(array, json_pack("{s:I, s:o, s:s, s:b, s:b, s:o}", "ifindex", (json_int_t)entry->link.ifindex,
						       "name", json_text(entry->link.name), "hook",
						       attach_hook_name(entry->side[ATTACH_EGRESS].hook), "gateway",
						       entry->side[ATTACH_GATEWAY].hook != ATTACH_NONE, "results",
						       entry->side[ATTACH_RESULTS].hook != ATTACH_NONE, "programs",
						       is_in_time ? hooks_json_device(entry->link.ifindex, own) : json_null()));
	}
	return array;
}

/* Why it is followed, and who is in it, for people: a name, a process, and the cgroup of that. */
static void set_names(json_t *object, const struct follower *follower, const struct netns_names *names)
{
	const char *name = netns_names_find(names, follower->namespace.inum);
	char cgroup[PATH_MAX];
	bool has_cgroup = follower->member && mounts_cgroup_of(follower->member, cgroup, sizeof(cgroup));

	set(object, "name", name ? json_text(name) : json_null());
	set(object, "pid", follower->member ? json_integer(follower->member) : json_null());
	set(object, "cgroup", has_cgroup ? json_text(cgroup) : json_null());
}

static void set_state(json_t *object, const struct namespace *namespace)
{
	const __u8 *published = namespace->published.connectivity;

	set(object, "known", json_boolean(namespace->is_clean));
	set(object, "settling", json_boolean(published[SIEVE_IPV4] == SIEVE_SETTLING || published[SIEVE_IPV6] == SIEVE_SETTLING));
	set(object, "overrun", json_boolean(namespace->is_overrun));
	set(object, "verdict", json_pack("{s:s, s:s}", "a", connectivity_verdict(published[SIEVE_IPV4]), "aaaa",
					 connectivity_verdict(published[SIEVE_IPV6])));
	set(object, "state", json_pack("{s:s, s:s}", "a", connectivity_name(published[SIEVE_IPV4]), "aaaa",
				       connectivity_name(published[SIEVE_IPV6])));
	set(object, "surveys", json_integer((json_int_t)namespace->surveys));
	set(object, "overflows", json_integer((json_int_t)namespace->overflows));
	set(object, "overruns", json_integer((json_int_t)namespace->overruns));
}

static json_t *coverage_json(const struct namespace *namespace, enum sieve_family family)
{
	static const char *const modes[] = {
		[SIEVE_COVERAGE_UNKNOWN] = "unknown", [SIEVE_COVERAGE_ALL] = "all", [SIEVE_COVERAGE_LISTED] = "listed",
	};
	const struct coverage *coverage = namespace->coverage;

	return json_pack("{s:s, s:I, s:s, s:b}", "mode", modes[namespace->published.coverage[family]], "prefixes",
			 (json_int_t)coverage_count(coverage, family), "reason",
			 listing_name(coverage->family[family].decided), "settling",
			 coverage_is_settling(coverage, family));
}

static void set_coverage(json_t *object, const struct namespace *namespace)
{
	if (namespace->coverage)
		set(object, "coverage", json_pack("{s:o, s:o}", "ipv4", coverage_json(namespace, SIEVE_IPV4), "ipv6",
						  coverage_json(namespace, SIEVE_IPV6)));
}

/* What is there now; where that cannot be seen in time, what the last survey for the verdict saw. */
static struct connectivity look(struct namespaces *namespaces, const struct follower *follower, uint64_t deadline)
{
	uint64_t now = clock_monotonic_ns();
	struct connectivity detail;

	if (followers_enter(namespaces, follower) < 0 || now >= deadline ||
	    namespace_detail(&follower->namespace, deadline - now, &detail) < 0)
		return follower->namespace.seen;
	return detail;
}

static struct own_programs list_own(const struct programs *programs)
{
	struct own_programs own;

	own.count = programs_ids(programs, own.ids);
	return own;
}

static json_t *follower_json(struct namespaces *namespaces, const struct follower *follower,
			     const struct netns_names *names, uint64_t deadline)
{
	const struct namespace *namespace = &follower->namespace;
	const struct connectivity detail = look(namespaces, follower, deadline);
	const struct own_programs own = list_own(namespaces->programs);
	json_t *object = json_object();
	bool is_entered;

	set(object, "inum", json_integer(namespace->inum));
	set_names(object, follower, names);
	set(object, "own", json_boolean(namespace->is_own));
	set_state(object, namespace);
	set(object, "ipv4", connectivity_json_witnessed(&detail.family[SIEVE_IPV4]));
	set(object, "ipv6", connectivity_json_witnessed(&detail.family[SIEVE_IPV6]));
	set_coverage(object, namespace);
	is_entered = clock_monotonic_ns() < deadline && followers_enter(namespaces, follower) == 0;
	set(object, "interfaces", interfaces_json(&namespace->attachments, is_entered ? &own : NULL, deadline));
	return object;
}

/* The controller's own first. */
static json_t *namespaces_json(struct namespaces *namespaces)
{
	uint64_t deadline = clock_monotonic_ns() + LOOK_NS;
	json_t *array = json_array();
	struct netns_names names;

	netns_names_read(&names);
	for (size_t i = 0; i < namespaces->count; i++) {
		const struct follower *follower = namespaces->followers[i];
		json_t *object = follower_json(namespaces, follower, &names, deadline);

		if (follower->namespace.is_own)
			json_array_insert_new(array, 0, object);
		else
			json_array_append_new(array, object);
	}
	netns_names_free(&names);
	followers_leave(namespaces);
	return array;
}

/* Servers that are shown, and those of which the path is not known yet. */
struct server_paths {
	const struct server_set *all;
	json_t *array;
	size_t missing;
};

static bool name_server(uint64_t id, const char *path, void *data)
{
	struct server_paths *paths = data;

	for (size_t i = 0; i < paths->all->count; i++)
		if (paths->all->servers[i].cgroup == id) {
			json_object_set_new(json_array_get(paths->array, i), "path", json_text(path));
			paths->missing--;
		}
	return paths->missing > 0;
}

/* The cgroups that hold DNS servers. */
static json_t *servers_json(const struct controller *controller)
{
	const struct server_set *all = &controller->filter->namespaces.servers.all;
	struct server_paths paths = { all, json_array(), all->count };

	for (size_t i = 0; i < all->count; i++) {
		const struct server *server = &all->servers[i];

		json_array_append_new(paths.array, json_pack("{s:n, s:I, s:b, s:b}", "path", "id",
							     (json_int_t)server->cgroup, "others",
							     (server->kinds & SIEVE_SERVER_OTHERS) != 0, "loopback",
							     (server->kinds & SIEVE_SERVER_LOOPBACK) != 0));
	}
	if (paths.missing > 0)
		mounts_each_cgroup(controller->filter->scope.mount_fd, name_server, &paths);
	return paths.array;
}

/* What this process, and so the controller whose child it is, may still do. */
static json_t *sandbox_json(void)
{
	struct privilege privilege;
	json_t *capabilities = json_array();

	privilege_read(&privilege);
	for (unsigned int number = 0; number < 64; number++)
		if (privilege.effective & 1ULL << number)
			json_array_append_new(capabilities, capability_name(number) ? json_string(capability_name(number)) :
											json_integer(number));
	return json_pack("{s:b, s:b, s:o}", "seccomp", privilege.seccomp, "no_new_privileges",
			 privilege.no_new_privileges, "capabilities", capabilities);
}

static json_t *cgroups_json(const struct scope *scope)
{
	const struct own_programs own = list_own(scope->programs);
	json_t *array = json_array();

	for (size_t i = 0; i < scope->count; i++) {
		const struct scope_entry *entry = &scope->entries[i];

		if (entry->is_for_exec && !entry->cgroup.id)
			continue;
		json_array_append_new(array, json_pack("{s:o, s:I, s:b, s:s, s:o}", "path", json_text(entry->cgroup.path), "id",
						       (json_int_t)entry->cgroup.id, "attached",
						       scope_is_attached(scope, entry), "kind",
						       entry->kind == SIEVE_CGROUP_EXEMPT ? "exempt" : "scope", "programs",
						       hooks_json_cgroup(scope, entry->cgroup.path, &own)));
	}
	return array;
}

json_t *reload_json(const struct controller *controller, const char *file)
{
	const struct reload *reload = &controller->reload;
	json_t *object = json_object();

	set(object, "file", file ? json_text(file) : json_null());
	set(object, "loaded_at", json_integer((json_int_t)reload->loaded_at));
	set(object, "reloads", json_integer((json_int_t)reload->count));
	set(object, "error", reload->error ? json_lines(reload->error) : json_null());
	set(object, "spared", json_boolean(controller->filter->config->is_spared));
	return object;
}

/* What is at the root, where the program of the whole host is, if the action works on cgroups. */
static json_t *root_json(const struct scope *scope)
{
	const struct own_programs own = list_own(scope->programs);

	return hooks_json_cgroup(scope, "/", &own);
}

json_t *status_json(struct controller *controller)
{
	uint64_t now = clock_monotonic_ns(), beat = now, counters[SIEVE_COUNTERS] = {};
	json_t *object = json_object();

	programs_counters(controller->filter->programs, counters);
	programs_last_beat(controller->filter->programs, &beat);
	set(object, "running", json_true());
	set(object, "pid", json_integer(controller->pid));
	set(object, "version", json_string(STUBSIEVE_VERSION));
	set(object, "action", json_string(config_action_name(config_action(controller->filter->config))));
	set(object, "uptime_seconds", json_real(seconds(now - controller->started_ns)));
	set(object, "heartbeat_age_seconds", json_real(beat < now ? seconds(now - beat) : 0));
	set(object, "fail_open_seconds", json_real(seconds(controller->filter->policy.stale_after_ns)));
	set(object, "ramp", ramp_json(controller));
	set(object, "whole_host", json_boolean(controller->filter->scope.whole_host));
	set(object, "netns", namespaces_json(&controller->filter->namespaces));
	set(object, "netns_full", json_boolean(controller->filter->namespaces.is_refusing));
	set(object, "netns_refused", json_integer((json_int_t)controller->filter->namespaces.refused));
	set(object, "cgroups", cgroups_json(&controller->filter->scope));
	if (controller->filter->scope.whole_host)
		set(object, "root_programs", root_json(&controller->filter->scope));
	set(object, "servers", servers_json(controller));
	set(object, "counters", counters_json(counters));
	if (controller->filter->config->results == CONFIG_RESULTS_COVERED)
		set(object, "responses", responses_json(counters));
	programs_each_unknown_counter(controller->filter->programs, add_unknown, object);
	set(object, "sandbox", sandbox_json());
	set(object, "config", configuration_json(controller->filter->config));
	return object;
}
