/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stubsieve status: what the controller does and has counted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "cli.h"
#include "clock.h"
#include "configuration.h"
#include "instance.h"
#include "options.h"
#include "pinned.h"

#define WORDS_SHOWN 10 /* of a key that can have thousands */

static void print_usage(void)
{
	fputs("usage: stubsieve status [--json] [--run-dir DIRECTORY]\n"
	      "\n"
	      "Tell what the running controller does, what it knows of the network, and what it has counted.\n"
	      "Exit status 3: none is running; whether the filter of an earlier one is still in place is told.\n"
	      "\n"
	      "  --json               print JSON\n"
	      "  --run-dir DIRECTORY  of the controller (default: what " CONFIG_FILE_USUAL "\n"
	      "                       says, or /run/stubsieve)\n",
	      stdout);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "?";
}

static void print_family(const char *title, const json_t *netns, const char *key, const char *type)
{
	const json_t *family = json_object_get(netns, key);

	printf("    %s  %s, %s; %s queries: %s (%s)\n", title,
	       json_is_true(json_object_get(family, "default")) ? "default route" :
	       json_is_true(json_object_get(family, "route"))   ? "routes to some places" :
								   "no route",
	       json_is_true(json_object_get(family, "address")) ? "an address" : "no address",
	       strcmp(type, "a") == 0 ? "A" : "AAAA", text_of(json_object_get(netns, "verdict"), type),
	       text_of(json_object_get(netns, "state"), type));
	if (json_is_string(json_object_get(family, "ignored")))
		printf("          what %s has of it does not count (ignore-interface)\n", text_of(family, "ignored"));
}

/* What `results = covered` removes. */
static void print_coverage(const char *title, const json_t *coverage)
{
	static const struct {
		const char *reason, *text;
	} reasons[] = {
		{ "unknown", "not looked at yet" },
		{ "covered", "what is found acts when it has settled" },
		{ "families", "the family is not to be touched" },
		{ "alone", "the other family is missing" },
		{ "both-partial", "the other family has no default route, either" },
		{ "nat64", "the network may translate them" },
		{ "default", "all have a route" },
		{ "unclean", "the routes could not be looked at" },
		{ "too-many", "too many prefixes" },
		{ "too-long", "too many routes to look through" },
		{ "map-full", "no room for the prefixes" },
	};
	const char *reason = text_of(coverage, "reason"), *text = reason;
	json_int_t prefixes = json_integer_value(json_object_get(coverage, "prefixes"));

	if (strcmp(text_of(coverage, "mode"), "listed") == 0) {
		printf("    %s addresses in responses: those in %" JSON_INTEGER_FORMAT " prefix%s stay%s\n", title, prefixes,
		       prefixes == 1 ? "" : "es",
		       json_is_true(json_object_get(coverage, "settling")) ? ", soon fewer" : "");
		return;
	}
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(reason, reasons[i].reason) == 0)
			text = reasons[i].text;
	printf("    %s addresses in responses: all stay (%s)\n", title, text);
}

static bool has_foreign(const json_t *programs)
{
	const json_t *program;
	size_t i;

	json_array_foreach(programs, i, program)
		if (strcmp(text_of(program, "owner"), "foreign") == 0)
			return true;
	return false;
}

/* A hook that others use, too: all in their order. */
static void print_hook(const char *place, const char *side, const json_t *programs)
{
	const json_t *program, *id;
	size_t i;

	if (!has_foreign(programs))
		return;
	printf("    programs at %s%s:", place, side);
	json_array_foreach(programs, i, program) {
		const char *name = json_string_value(json_object_get(program, "name"));

		id = json_object_get(program, "id");
		printf("%s %s", i ? "," : "", name ? name : "(its name takes CAP_SYS_ADMIN)");
		if (json_is_integer(id))
			printf(" [%" JSON_INTEGER_FORMAT "]", json_integer_value(id));
		printf(" %s", text_of(program, "owner"));
	}
	putchar('\n');
}

static void print_hooks(const char *device, const json_t *programs)
{
	print_hook(device, " egress", json_object_get(programs, "egress"));
	print_hook(device, " ingress", json_object_get(programs, "ingress"));
	if (json_is_true(json_object_get(programs, "more")))
		printf("    %s has more filters than are shown here: tc filter show dev %s egress (and ingress)\n", device, device);
}

static void print_netns(const json_t *netns)
{
	const json_t *coverage = json_object_get(netns, "coverage");
	const char *name = json_string_value(json_object_get(netns, "name"));
	const char *cgroup = json_string_value(json_object_get(netns, "cgroup"));
	const json_t *interface;
	size_t i;

	printf("  netns %" JSON_INTEGER_FORMAT "%s%s%s%s%s%s\n", json_integer_value(json_object_get(netns, "inum")),
	       name ? " " : "", name ? name : "", json_is_true(json_object_get(netns, "own")) ? " (the controller's own)" : "",
	       cgroup ? ", cgroup " : "", cgroup ? cgroup : "",
	       json_is_true(json_object_get(netns, "overrun")) ? ", overrun: too many routes to look through, so all queries pass" : "");
	print_family("IPv4", netns, "ipv4", "a");
	print_family("IPv6", netns, "ipv6", "aaaa");
	if (coverage) {
		print_coverage("IPv4", json_object_get(coverage, "ipv4"));
		print_coverage("IPv6", json_object_get(coverage, "ipv6"));
	}
	json_array_foreach(json_object_get(netns, "interfaces"), i, interface)
		printf("%s%s (%s%s%s)", i ? ", " : "    interfaces: ", text_of(interface, "name"), text_of(interface, "hook"),
		       json_is_true(json_object_get(interface, "gateway")) ? ", gateway" : "",
		       json_is_true(json_object_get(interface, "results")) ? ", results" : "");
	if (json_array_size(json_object_get(netns, "interfaces")) > 0)
		putchar('\n');
	json_array_foreach(json_object_get(netns, "interfaces"), i, interface)
		print_hooks(text_of(interface, "name"), json_object_get(interface, "programs"));
}

/* `total` is shown also where it is 0. */
static void print_counters(json_t *counters, const char *total)
{
	const char *key;
	json_t *value;

	json_object_foreach(counters, key, value)
		if (json_is_integer(value) && (json_integer_value(value) > 0 || strcmp(key, total) == 0))
			printf("  %-16s %12" JSON_INTEGER_FORMAT "\n", key, json_integer_value(value));
	json_object_foreach(json_object_get(counters, "passed"), key, value)
		if (json_integer_value(value) > 0)
			printf("  passed: %-16s %4" JSON_INTEGER_FORMAT "\n", key, json_integer_value(value));
}

/* Is the configured value, a word or a list, the one that holds where nothing is configured? */
static bool is_default(const struct config_key *key, const json_t *value)
{
	struct config defaults;
	char word[512];
	bool same;

	config_init(&defaults);
	same = key->format(&defaults, 0, word, sizeof(word)) ?
		       json_is_string(value) && strcmp(json_string_value(value), word) == 0 :
		       json_array_size(value) == 0;
	config_free(&defaults);
	return same;
}

/* What is configured, but for what is told anyway and where things lie. */
static void print_config(const json_t *config)
{
	static const char *const told[] = { "action", "cgroup", "exempt-cgroup", "port", "run-dir", "pin-dir", "config" };
	size_t count;
	const struct config_key *keys = config_keys(&count);

	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_object_get(config, keys[i].name), *word;
		bool is_told = false;
		size_t k;

		for (k = 0; k < sizeof(told) / sizeof(told[0]); k++)
			is_told |= strcmp(told[k], keys[i].name) == 0;
		if (is_told || !value || is_default(&keys[i], value))
			continue;
		if (json_is_string(value))
			printf("  %s: %s\n", keys[i].name, json_string_value(value));
		json_array_foreach(value, k, word)
			if (k < WORDS_SHOWN)
				printf("  %s: %s\n", keys[i].name, json_string_value(word));
		if (json_array_size(value) > WORDS_SHOWN)
			printf("  %s: ... %zu in all (--json shows them)\n", keys[i].name, json_array_size(value));
	}
}

static void print_cgroup(const json_t *entry)
{
	printf("  %s: cgroup %s%s\n", text_of(entry, "kind"), text_of(entry, "path"),
	       json_is_true(json_object_get(entry, "attached"))	    ? "" :
	       json_integer_value(json_object_get(entry, "id")) == 0 ? " (not there)" :
								       " (not attached)");
	print_hook(text_of(entry, "path"), "", json_object_get(entry, "programs"));
}

/* Where DNS servers are; not with `filter-servers`, which does not look for them. */
static void print_server(const json_t *entry)
{
	const char *path = json_string_value(json_object_get(entry, "path"));

	printf("  DNS server in cgroup ");
	if (path)
		printf("%s", path);
	else
		printf("%" JSON_INTEGER_FORMAT " (its id)", json_integer_value(json_object_get(entry, "id")));
	puts(json_is_true(json_object_get(entry, "others")) ? ": its queries pass" :
							      ", on loopback alone: what it is sent stays whole");
}

static void print_sandbox(const json_t *sandbox)
{
	const json_t *capabilities = json_object_get(sandbox, "capabilities"), *entry;
	size_t i;

	printf("  sandbox: %s; ", json_is_true(json_object_get(sandbox, "seccomp")) ? "seccomp" : "no seccomp");
	json_array_foreach(capabilities, i, entry)
		printf("%s%s", i ? ", " : "", json_string_value(entry) ? json_string_value(entry) : "?");
	puts(json_array_size(capabilities) > 0 ? "" : "no capabilities");
}

/* Which file, since when, and what the last attempt at another one came to. */
static void print_configuration(const json_t *configuration)
{
	time_t loaded_at = (time_t)json_integer_value(json_object_get(configuration, "loaded_at"));
	const json_t *errors = json_object_get(configuration, "error"), *line;
	const char *file = json_string_value(json_object_get(configuration, "file"));
	char when[64] = "?";
	struct tm local;
	size_t i;

	if (localtime_r(&loaded_at, &local))
		strftime(when, sizeof(when), "%F %T", &local);
	printf("  configuration: %s, in force since %s\n", file ? file : "the command line alone", when);
	if (json_array_size(errors) > 0)
		puts("  the last reload failed, and changed nothing:");
	json_array_foreach(errors, i, line)
		printf("    %s\n", json_string_value(line));
	if (json_is_true(json_object_get(configuration, "spared")))
		puts("  this host is not among the share that acts (percent): it observes");
}

static void print_text(const json_t *status)
{
	const json_t *cgroups = json_object_get(status, "cgroups"), *ramp = json_object_get(status, "ramp"), *entry;
	size_t i;

	printf("stubsieve %s runs since %.0f s (pid %" JSON_INTEGER_FORMAT "), action %s\n", text_of(status, "version"),
	       json_real_value(json_object_get(status, "uptime_seconds")),
	       json_integer_value(json_object_get(status, "pid")), text_of(status, "action"));
	print_configuration(json_object_get(status, "configuration"));
	if (json_is_object(ramp))
		printf("  it is being stopped gently: %.0f %% of the names pass, the filter goes in %.0f s\n",
		       100 * json_real_value(json_object_get(ramp, "share")),
		       json_real_value(json_object_get(ramp, "seconds")) -
			       json_real_value(json_object_get(ramp, "elapsed_seconds")));
	if (json_is_true(json_object_get(status, "whole_host")))
		puts("  scope: the whole host");
	print_hook("the root cgroup", "", json_object_get(status, "root_programs"));
	json_array_foreach(cgroups, i, entry)
		print_cgroup(entry);
	print_config(json_object_get(status, "config"));
	print_sandbox(json_object_get(status, "sandbox"));
	if (json_is_true(json_object_get(status, "netns_full")))
		puts("  no more network namespaces are followed: the queries of others pass (max-netns, or the limit of open files)");
	json_array_foreach(json_object_get(status, "servers"), i, entry)
		print_server(entry);
	json_array_foreach(json_object_get(status, "netns"), i, entry)
		print_netns(entry);
	print_counters(json_object_get(status, "counters"), "queries");
	print_counters(json_object_get(status, "responses"), "responses");
}

/* Of an earlier controller: it answers until it has been silent for `fail-open-after`, and it is there until `stop`. */
static bool find_leftover(struct options *options, double *ret_silent_seconds)
{
	struct config *config = &options->config;
	int r = instance_read_pin_dir(config->run_dir, config->pin_dir, sizeof(config->pin_dir));
	uint64_t beat, now;

	if (r < 0 && options->run_dir_given) /* what is pinned at the usual place need not be its */
		return false;
	if (pinned_heartbeat(config->pin_dir, &beat) < 0)
		return false;
	now = clock_monotonic_ns();
	*ret_silent_seconds = beat < now ? (double)(now - beat) / (double)CLOCK_SECOND_NS : 0;
	return true;
}

static int show_not_running(struct options *options, const struct error *error)
{
	json_t *status = json_pack("{s:b}", "running", 0);
	double silent_seconds = 0;
	bool is_left = find_leftover(options, &silent_seconds);

	if (is_left) {
		json_object_set_new(status, "leftover", json_true());
		json_object_set_new(status, "heartbeat_age_seconds", json_real(silent_seconds));
	}
	if (options->json)
		print_json(status);
	else
		json_decref(status);
	complain("%s", error->text);
	if (is_left)
		complain("the filter of an earlier controller is in place (silent for %.0f s); `stubsieve stop%s%s` takes it away",
			 silent_seconds, options->run_dir_given ? " --run-dir " : "",
			 options->run_dir_given ? options->config.run_dir : "");
	return exit_status(error->kind);
}

static int show(struct options *options)
{
	_cleanup_free_ char *answer = NULL;
	struct error error;
	json_t *status;

	if (instance_ask(options->config.run_dir, "status", &answer, &error) < 0)
		return error.kind == ERROR_NOT_RUNNING ? show_not_running(options, &error) : complain_error(&error);
	status = json_loads(answer, 0, NULL);
	if (!status) {
		complain("the controller's answer is not JSON; is it of another version?");
		return EXIT_FAILED;
	}
	if (options->json)
		return print_json(status);
	print_text(status);
	json_decref(status);
	return EXIT_DONE;
}

int command_status(int argc, char **argv)
{
	static const char *const keys[] = { "run-dir", NULL };
	struct options options = { .command = "status", .print_usage = print_usage, .keys = keys, .takes_json = true };
	int status;

	config_init(&options.config);
	status = options_parse(&options, argc, argv);
	if (status < 0) {
		configuration_take_places(&options.config, options.run_dir_given, options.run_dir_given);
		status = show(&options);
	}
	options_free(&options);
	return status;
}
