/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "connectivity.h"

#define LABEL_MAX 128

static const char *const reasons[] = {
#define SIEVE_REASON(name, text) [SIEVE_REASON_##name] = #name,
#include <stubsieve/reasons.def>
#undef SIEVE_REASON
};

static const char *const responses[] = {
#define SIEVE_RESPONSE(name, text) [SIEVE_RESPONSE_##name] = #name,
#include <stubsieve/responses.def>
#undef SIEVE_RESPONSE
};

static const char *const types[] = { [SIEVE_IPV4] = "A", [SIEVE_IPV6] = "AAAA" };

/* A text that grows. */
struct text {
	char *octets;
	size_t length, room;
	bool is_short; /* of memory */
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0 || text->is_short)
		return;
	if (text->length + (size_t)length >= text->room) {
		size_t room = 2 * (text->room + (size_t)length) + 4096;
		char *grown = realloc(text->octets, room);

		if (!grown) {
			text->is_short = true;
			return;
		}
		text->octets = grown;
		text->room = room;
	}
	va_start(arguments, format);
	vsnprintf(text->octets + text->length, text->room - text->length, format, arguments);
	va_end(arguments);
	text->length += (size_t)length;
}

void metrics_escape(const char *value, char *ret_escaped, size_t size)
{
	size_t used = 0;

	for (; *value; value++) {
		char octet = *value == '\n' ? 'n' : *value;
		bool is_escaped = *value == '\n' || *value == '\\' || *value == '"';

		if (used + is_escaped + 1 >= size)
			break;
		if (is_escaped)
			ret_escaped[used++] = '\\';
		ret_escaped[used++] = octet;
	}
	ret_escaped[used] = '\0';
}

/* Once before all samples of a name. Our help texts have nothing to escape. */
static void family(struct text *text, const char *name, const char *type, const char *help)
{
	add(text, "# HELP stubsieve_%s %s\n# TYPE stubsieve_%s %s\n", name, help, name, type);
}

static void sample(struct text *text, const char *name, uint64_t value)
{
	add(text, "stubsieve_%s %" PRIu64 "\n", name, value);
}

static void labelled(struct text *text, const char *name, const char *label, const char *word, uint64_t value)
{
	char escaped[LABEL_MAX];

	metrics_escape(word, escaped, sizeof(escaped));
	add(text, "stubsieve_%s{%s=\"%s\"} %" PRIu64 "\n", name, label, escaped, value);
}

static void gauge(struct text *text, const char *name, const char *help, uint64_t value)
{
	family(text, name, "gauge", help);
	sample(text, name, value);
}

static void seconds(struct text *text, const char *name, const char *help, double value)
{
	family(text, name, "gauge", help);
	add(text, "stubsieve_%s %.3f\n", name, value);
}

/* Of a group of counters one for each type of query. */
static void by_type(struct text *text, const char *name, const char *help, const uint64_t group[SIEVE_FAMILIES])
{
	family(text, name, "counter", help);
	for (int i = 0; i < SIEVE_FAMILIES; i++)
		labelled(text, name, "type", types[i], group[i]);
}

/* As in `status --json`: what was observed passed, too, so that the parts add up to the queries. */
static uint64_t passed(const uint64_t *counters, enum sieve_reason reason)
{
	if (reason == SIEVE_REASON_observed)
		return counters[SIEVE_COUNTER_OBSERVED] + counters[SIEVE_COUNTER_OBSERVED + 1];
	return counters[reason];
}

static void add_queries(struct text *text, const uint64_t *counters)
{
	uint64_t all = 0;

	for (size_t i = 0; i < SIEVE_COUNTER_REMOVED; i++)
		all += counters[i];
	family(text, "queries_total", "counter", "DNS queries, and connections to a DNS port, that were looked at.");
	sample(text, "queries_total", all);
	by_type(text, "answered_total", "Useless queries that were answered on the host.",
		&counters[SIEVE_COUNTER_ANSWERED]);
	by_type(text, "observed_total",
		"Queries that would have been answered, but for action observe; they also count as passed.",
		&counters[SIEVE_COUNTER_OBSERVED]);
	by_type(text, "dropped_total", "Useless queries that were dropped (action drop).",
		&counters[SIEVE_COUNTER_DROPPED]);
	by_type(text, "rejected_total", "Useless queries whose sending was made to fail (action reject).",
		&counters[SIEVE_COUNTER_REJECTED]);
	family(text, "passed_total", "counter", "Queries that passed untouched, by the first reason that was found.");
	for (enum sieve_reason reason = SIEVE_REASON_NONE + 1; reason < SIEVE_REASONS; reason++)
		labelled(text, "passed_total", "reason", reasons[reason], passed(counters, reason));
}

static void add_responses(struct text *text, const uint64_t *counters)
{
	family(text, "responses_total", "counter",
	       "Responses that were looked at (results = covered), by what became of them.");
	for (enum sieve_response response = SIEVE_RESPONSE_NONE + 1; response < SIEVE_RESPONSES; response++)
		labelled(text, "responses_total", "result", responses[response],
			 counters[SIEVE_COUNTER_RESPONSE + response]);
	by_type(text, "removed_records_total",
		"Address records that were removed from responses, because no route leads to them.",
		&counters[SIEVE_COUNTER_REMOVED]);
}

static void add_namespaces(struct text *text, const struct metrics_controller *controller)
{
	gauge(text, "namespaces", "Network namespaces that are followed.", controller->namespaces);
	gauge(text, "namespaces_max", "How many of them may be followed (max-netns).", controller->namespaces_max);
	gauge(text, "namespaces_overrun", "Those with too many routes to look through, whose queries all pass.",
	      controller->namespaces_overrun);
	family(text, "namespaces_refused_total", "counter",
	       "Network namespaces that are not followed, because there are too many.");
	sample(text, "namespaces_refused_total", controller->namespaces_refused);
	family(text, "namespaces_by_state", "gauge",
	       "Network namespaces by what is said there of queries of the type; those in state useless are answered.");
	for (int type = 0; type < SIEVE_FAMILIES; type++)
		for (int state = 0; state < METRICS_STATES; state++)
			add(text, "stubsieve_namespaces_by_state{type=\"%s\",state=\"%s\"} %" PRIu64 "\n", types[type],
			    connectivity_name((enum sieve_connectivity)state), controller->states[type][state]);
}

static void add_interfaces(struct text *text, const struct metrics_controller *controller)
{
	family(text, "interfaces", "gauge",
	       "Network interfaces, in all namespaces, by program and the hook where it is attached.");
	for (int side = 0; side < METRICS_SIDES_MAX && controller->sides[side]; side++)
		for (int hook = 0; hook < METRICS_HOOKS_MAX && controller->hooks[hook]; hook++)
			add(text, "stubsieve_interfaces{program=\"%s\",hook=\"%s\"} %" PRIu64 "\n",
			    controller->sides[side], controller->hooks[hook], controller->interfaces[side][hook]);
}

static void add_cgroups(struct text *text, const struct metrics_controller *controller)
{
	family(text, "cgroups", "gauge", "Configured cgroups that are there.");
	labelled(text, "cgroups", "kind", "scope", controller->cgroups_scope);
	labelled(text, "cgroups", "kind", "exempt", controller->cgroups_exempt);
	gauge(text, "cgroups_missing", "Configured cgroups that are not there.", controller->cgroups_missing);
	family(text, "dns_server_cgroups", "gauge", "Cgroups that hold a DNS server, by whom it can serve.");
	labelled(text, "dns_server_cgroups", "clients", "others", controller->servers_others);
	labelled(text, "dns_server_cgroups", "clients", "loopback", controller->servers_loopback);
}

static void add_actions(struct text *text, const struct metrics_controller *controller)
{
	family(text, "action", "gauge", "What happens to useless queries: 1 for the configured action.");
	for (enum sieve_action action = 0; config_action_name(action); action++)
		labelled(text, "action", "action", config_action_name(action), action == controller->action);
}

static void add_configuration(struct text *text, const struct metrics_controller *controller)
{
	gauge(text, "config_last_reload_successful",
	      "0 if the last configuration that was read was refused: the one before it is in force.",
	      controller->is_last_reload_good);
	seconds(text, "config_loaded_timestamp_seconds", "When the configuration in force was read, in Unix time.",
		controller->loaded_time_seconds);
	family(text, "config_reloads_total", "counter", "Configurations that came into force after the start.");
	sample(text, "config_reloads_total", controller->reloads);
	gauge(text, "spared", "1 if this host only observes, because it is not among the percent that act.",
	      controller->is_spared);
}

static void add_controller(struct text *text, const struct metrics_controller *controller)
{
	seconds(text, "start_time_seconds", "When the controller started, in Unix time.",
		controller->start_time_seconds);
	seconds(text, "fail_open_seconds", "Age of the heartbeat at which every query passes.",
		controller->fail_open_seconds);
	add_configuration(text, controller);
	add_actions(text, controller);
	add_namespaces(text, controller);
	add_interfaces(text, controller);
	add_cgroups(text, controller);
}

static void add_heartbeat(struct text *text, const struct metrics *metrics)
{
	double age = metrics->now_seconds - metrics->heartbeat_time_seconds;

	seconds(text, "heartbeat_timestamp_seconds", "The controller's last sign of life, in Unix time.",
		metrics->heartbeat_time_seconds);
	seconds(text, "heartbeat_age_seconds", "How old that was when this was written.", age > 0 ? age : 0);
}

char *metrics_format(const struct metrics *metrics)
{
	char version[LABEL_MAX];
	struct text text = {};

	metrics_escape(metrics->version, version, sizeof(version));
	family(&text, "build_info", "gauge", "1, with the version of stubsieve and of its maps.");
	add(&text, "stubsieve_build_info{version=\"%s\",abi=\"%d\"} 1\n", version, SIEVE_ABI_VERSION);
	gauge(&text, "up", "Whether a controller runs and answers.", metrics->controller != NULL);
	if (metrics->has_heartbeat)
		add_heartbeat(&text, metrics);
	if (metrics->controller)
		add_controller(&text, metrics->controller);
	if (metrics->counters) {
		add_queries(&text, metrics->counters);
		add_responses(&text, metrics->counters);
	}
	if (text.is_short) {
		free(text.octets);
		return NULL;
	}
	return text.octets;
}
