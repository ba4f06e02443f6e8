/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "status_json.h"

#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "connectivity_json.h"

#define TEXT_MAX 512

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

const char *connectivity_name(enum sieve_connectivity connectivity)
{
	static const char *const names[] = {
		[SIEVE_CONNECTED] = "connected", [SIEVE_OFFLINE] = "offline", [SIEVE_SETTLING] = "settling",
		[SIEVE_NAT64] = "nat64",         [SIEVE_USELESS] = "useless",
	};

	return connectivity < sizeof(names) / sizeof(names[0]) ? names[connectivity] : NULL;
}

static double seconds(uint64_t ns)
{
	return (double)ns / (double)CLOCK_SECOND_NS;
}

/* Add to an object and take over the value's reference. Jansson refuses NULL values and objects. */
static int set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value);
}

static json_t *config_json(const struct config *config)
{
	json_t *object = json_object();
	size_t count;
	const struct config_key *keys = config_keys(&count);
	char word[TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		json_t *list = keys[i].repeats ? json_array() : NULL;

		for (size_t k = 0; keys[i].format(config, k, word, sizeof(word)); k++) {
			if (list)
				json_array_append_new(list, json_text(word));
			else
				set(object, keys[i].name, json_text(word));
		}
		if (list)
			set(object, keys[i].name, list);
	}
	return object;
}

static json_t *counters_json(struct controller *controller)
{
	static const char *const groups[] = { "answered", "observed", "dropped", "rejected" };
	uint64_t counters[SIEVE_COUNTERS] = {}, queries = 0, observed;
	json_t *object = json_object(), *passed = json_object();
	char name[TEXT_MAX];

	programs_counters(controller->programs, counters);
	for (size_t i = 0; i < SIEVE_COUNTERS; i++)
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

static json_t *interfaces_json(const struct attachments *attachments)
{
	json_t *array = json_array();

	for (size_t i = 0; i < attachments->count; i++) {
		const struct attached *entry = &attachments->entries[i];

		json_array_append_new(array, json_pack("{s:I, s:o, s:s}", "ifindex", (json_int_t)entry->link.ifindex,
						       "name", json_text(entry->link.name), "hook",
						       attach_hook_name(entry->hook)));
	}
	return array;
}

static json_t *namespace_json(struct namespace *namespace)
{
	const struct connectivity *seen = namespace_detail(namespace);
	const __u8 *published = namespace->published.connectivity;
	char name[TEXT_MAX];
	bool has_name = namespace_name(namespace->inum, name, sizeof(name));
	json_t *object;

	if (!seen)
		seen = &namespace->seen;
	object = json_pack("{s:I, s:o, s:b, s:b, s:o, s:o, s:o}", "inum", (json_int_t)namespace->inum, "name",
			   has_name ? json_text(name) : json_null(), "known", namespace->is_clean, "settling",
			   published[SIEVE_IPV4] == SIEVE_SETTLING || published[SIEVE_IPV6] == SIEVE_SETTLING, "ipv4",
			   connectivity_json_witnessed(&seen->family[SIEVE_IPV4]), "ipv6",
			   connectivity_json_witnessed(&seen->family[SIEVE_IPV6]), "interfaces",
			   interfaces_json(&namespace->attachments));
	if (!object)
		return NULL;
	set(object, "verdict", json_pack("{s:s, s:s}", "a", connectivity_verdict(published[SIEVE_IPV4]), "aaaa",
					 connectivity_verdict(published[SIEVE_IPV6])));
	set(object, "state", json_pack("{s:s, s:s}", "a", connectivity_name(published[SIEVE_IPV4]), "aaaa",
				       connectivity_name(published[SIEVE_IPV6])));
	set(object, "surveys", json_integer((json_int_t)namespace->surveys));
	set(object, "overflows", json_integer((json_int_t)namespace->overflows));
	return object;
}

/* Does the path still lead to the cgroup with that id, and is a program there if the action needs one? */
static bool cgroup_is_attached(const struct controller *controller, const struct cgroup *cgroup)
{
	struct cgroup now;
	struct error error;

	if (mounts_find_cgroup(cgroup->path, &now, NULL, &error) < 0 || now.id != cgroup->id)
		return false;
	return !controller_uses_cgroups(controller->config) || controller_covers_cgroup(controller, cgroup);
}

static json_t *cgroups_json(const struct controller *controller)
{
	json_t *array = json_array();

	for (size_t i = 0; i < controller->cgroup_count; i++) {
		const struct cgroup *cgroup = &controller->cgroups[i];

		json_array_append_new(array, json_pack("{s:o, s:I, s:b}", "path", json_text(cgroup->path), "id",
						       (json_int_t)cgroup->id, "attached",
						       cgroup_is_attached(controller, cgroup)));
	}
	return array;
}

json_t *status_json(struct controller *controller)
{
	uint64_t now = clock_monotonic_ns(), beat = now;
	json_t *object = json_object();

	programs_last_beat(controller->programs, &beat);
	set(object, "running", json_true());
	set(object, "pid", json_integer(getpid()));
	set(object, "version", json_string(STUBSIEVE_VERSION));
	set(object, "action", json_string(config_action_name(controller->config->action)));
	set(object, "uptime_seconds", json_real(seconds(now - controller->started_ns)));
	set(object, "heartbeat_age_seconds", json_real(beat < now ? seconds(now - beat) : 0));
	set(object, "fail_open_seconds", json_real(seconds(controller->policy.stale_after_ns)));
	set(object, "netns", json_pack("[o]", namespace_json(&controller->namespace)));
	set(object, "cgroups", cgroups_json(controller));
	set(object, "counters", counters_json(controller));
	set(object, "config", config_json(controller->config));
	return object;
}
