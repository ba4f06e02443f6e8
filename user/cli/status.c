/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stubsieve status: what the controller does and has counted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "instance.h"
#include "options.h"

static void print_usage(void)
{
	fputs("usage: stubsieve status [--json] [--run-dir DIRECTORY]\n"
	      "\n"
	      "Tell what the running controller does, what it knows of the network, and what it has counted.\n"
	      "Exit status 3: none is running.\n"
	      "\n"
	      "  --json               print JSON\n"
	      "  --run-dir DIRECTORY  of the controller (default: /run/stubsieve)\n",
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
}

static void print_netns(const json_t *netns)
{
	const char *name = json_string_value(json_object_get(netns, "name"));
	const json_t *interface;
	size_t i;

	printf("  netns %" JSON_INTEGER_FORMAT "%s%s\n", json_integer_value(json_object_get(netns, "inum")),
	       name ? " " : "", name ? name : "");
	print_family("IPv4", netns, "ipv4", "a");
	print_family("IPv6", netns, "ipv6", "aaaa");
	json_array_foreach(json_object_get(netns, "interfaces"), i, interface)
		printf("%s%s (%s)", i ? ", " : "    interfaces: ", text_of(interface, "name"), text_of(interface, "hook"));
	if (json_array_size(json_object_get(netns, "interfaces")) > 0)
		putchar('\n');
}

static void print_counters(json_t *counters)
{
	const char *key;
	json_t *value;

	json_object_foreach(counters, key, value)
		if (json_is_integer(value) && (json_integer_value(value) > 0 || strcmp(key, "queries") == 0))
			printf("  %-16s %12" JSON_INTEGER_FORMAT "\n", key, json_integer_value(value));
	json_object_foreach(json_object_get(counters, "passed"), key, value)
		if (json_integer_value(value) > 0)
			printf("  passed: %-16s %4" JSON_INTEGER_FORMAT "\n", key, json_integer_value(value));
}

static void print_text(const json_t *status)
{
	const json_t *cgroups = json_object_get(status, "cgroups"), *entry;
	size_t i;

	printf("stubsieve %s runs since %.0f s (pid %" JSON_INTEGER_FORMAT "), action %s\n", text_of(status, "version"),
	       json_real_value(json_object_get(status, "uptime_seconds")),
	       json_integer_value(json_object_get(status, "pid")), text_of(status, "action"));
	if (json_array_size(cgroups) == 0)
		puts("  scope: the whole host");
	json_array_foreach(cgroups, i, entry)
		printf("  scope: cgroup %s%s\n", text_of(entry, "path"),
		       json_is_true(json_object_get(entry, "attached")) ? "" : " (gone)");
	json_array_foreach(json_object_get(status, "netns"), i, entry)
		print_netns(entry);
	print_counters(json_object_get(status, "counters"));
}

static int show(const struct options *options)
{
	_cleanup_free_ char *answer = NULL;
	struct error error;
	json_t *status;

	if (instance_ask(options->config.run_dir, "status", &answer, &error) < 0) {
		if (options->json && error.kind == ERROR_NOT_RUNNING)
			print_json(json_pack("{s:b}", "running", 0));
		return complain_error(&error);
	}
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
	if (status < 0)
		status = show(&options);
	config_free(&options.config);
	return status;
}
