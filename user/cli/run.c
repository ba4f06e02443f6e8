/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stubsieve run: the controller in the foreground. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"
#include "cli.h"
#include "clock.h"
#include "configuration.h"
#include "connectivity_json.h"
#include "controller.h"
#include "loading.h"
#include "metrics_gather.h"
#include "options.h"
#include "privilege.h"
#include "ramp_json.h"
#include "status_json.h"

static void print_usage(void)
{
	size_t count;
	const struct config_key *keys = config_keys(&count);
	struct config defaults;
	char word[512];

	config_init(&defaults);
	puts("usage: stubsieve run [--KEY VALUE]...\n\n"
	     "Run the controller in the foreground: attach the filter, follow the routes, and leave the filter in\n"
	     "place on SIGTERM (`stubsieve stop` removes it). Without --cgroup it filters the whole host.\n\n"
	     "The keys can stand in a file, too, as lines of `key = value`; of a key that is given here, a list too, all that\n"
	     "the file says does not count. SIGHUP, or `stubsieve reload`, reads the file again.\n");
	for (size_t i = 0; i < count; i++) {
		printf("  --%s VALUE%s\n      %s: %s", keys[i].name, keys[i].repeats ? " (may repeat)" : "",
		       keys[i].summary, keys[i].values);
		if (keys[i].format(&defaults, 0, word, sizeof(word)))
			printf(" (default: %s)", word);
		putchar('\n');
	}
	config_free(&defaults);
}

/* What the controller's callbacks need. */
struct running {
	const struct options *options;
	bool is_watched; /* the service manager wants to hear that it beats */
	bool had_file; /* so there has to be one again: without it the whole host would be in scope, perhaps */
};

/* Tell the service manager, as sd_notify(3) describes it. */
static void notify(const char *message)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	size_t length;

	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(address.sun_path))
		return;
	length = strlen(path);
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		sendto(fd, message, strlen(message), MSG_NOSIGNAL, (const struct sockaddr *)&address,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
}

/* Does it ask for WATCHDOG=1, and of this process (sd_watchdog_enabled(3))? */
static bool is_watched(void)
{
	const char *interval = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	return interval && strtoull(interval, NULL, 10) > 0 && (!pid || strtoull(pid, NULL, 10) == (unsigned long long)getpid());
}

static void notify_reading(void)
{
	char message[64];

	snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_monotonic_ns() / 1000);
	notify(message);
}

static void tell(const struct controller *controller, const char *what)
{
	const struct config *config = controller->filter->config;

	fprintf(stderr, "stubsieve: %s: action %s%s, %s, %zu network namespace%s\n", what,
		config_action_name(config_action(config)), config->is_spared ? " (because of `percent`)" : "",
		controller->filter->scope.whole_host ? "the whole host" : "some cgroups",
		controller->filter->namespaces.count, controller->filter->namespaces.count == 1 ? "" : "s");
}

static void changed(struct controller *controller, enum controller_change change, void *data)
{
	const struct running *running = data;

	if (change == CONTROLLER_BEATS) {
		if (running->is_watched)
			notify("WATCHDOG=1");
		return;
	}
	if (change == CONTROLLER_READY)
		tell(controller, "ready");
	else if (change == CONTROLLER_LOADED)
		tell(controller, "another configuration is in force");
	if (change == CONTROLLER_READS)
		notify_reading();
	else
		notify("READY=1");
}

static int read_configuration(struct config **ret_config, char **ret_text, void *data)
{
	_cleanup_free_ struct config_report *report = malloc(sizeof(*report));
	struct running *running = data;
	bool has_file;
	int r;

	if (!report)
		return -ENOMEM;
	r = configuration_read(running->options, running->had_file, ret_config, &has_file, report);
	if (r < 0)
		*ret_text = strdup(report->text);
	else
		running->had_file |= has_file;
	return r;
}

/*
 * Of a configuration that is on its way: it is to know the cgroup before it is in force. What it attaches for that it
 * attaches then, too.
 */
static int find_next_exec(struct controller *controller, bool exempt, struct error *error)
{
	struct filter *next = controller->reload.next;
	char path[PATH_MAX];

	if (!next)
		return 0;
	if (exempt || next->scope.attaches)
		return scope_find_exec(&next->scope, exempt, path, sizeof(path), error);
	scope_refresh(&next->scope);
	return 0;
}

/* The cgroup in which a command is to run, and if it is not in force what is wrong. */
static char *exec_answer(struct controller *controller, bool exempt)
{
	char path[PATH_MAX] = "";
	struct error error = {};
	json_t *json, *wrong = NULL;
	char *text;

	if (scope_find_exec(&controller->filter->scope, exempt, path, sizeof(path), &error) < 0 ||
	    find_next_exec(controller, exempt, &error) < 0)
		wrong = json_text(error.text);
	json = json_pack("{s:o, s:o?}", "cgroup", json_text(path), "error", wrong);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	return text;
}

/* What the configuration says of a name, in the order of `run --help`; [] if nothing. */
static char *names_answer(const struct config *config, const char *name)
{
	_cleanup_free_ struct names_rule *rules = NULL;
	json_t *json = json_array();
	struct names_tails tails;
	size_t count = 0;
	char *text;

	names_tails(name, &tails);
	names_list(config, &rules, &count);
	for (size_t i = 0; i < count; i++)
		if (names_applies(&rules[i], &tails))
			json_array_append_new(json, json_pack("{s:o?, s:s, s:i}", "key", rules[i].key ? json_string(rules[i].key) : NULL,
							      "value", rules[i].value, "flags", (int)rules[i].flags));
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	return text;
}

/* The ramp, if there is one; "ramp NS" begins one. */
static char *ramp_answer(struct controller *controller, const char *argument)
{
	uint64_t ramp_ns = strtoull(argument, NULL, 10);
	json_t *json;
	char *text;
	int r = 0;

	if (argument[0])
		r = ramp_ns > 0 && ramp_ns <= SIEVE_RAMP_MAX_NS ? controller_ramp(controller, ramp_ns) : -EINVAL;
	json = r < 0 ? json_pack("{s:s}", "error", strerror(-r)) : ramp_json(controller);
	text = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	json_decref(json);
	return text;
}

static char *status_answer(struct controller *controller, const struct running *running)
{
	json_t *json = status_json(controller);
	char *text;

	if (json)
		json_object_set_new(json, "configuration",
				    reload_json(controller, running->had_file ? configuration_file(running->options) : NULL));
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	return text;
}

static char *answer(const char *question, struct controller *controller, void *data)
{
	if (strcmp(question, "stop") == 0) {
		controller->is_to_remove = true;
		return strdup("stopping");
	}
	if (strcmp(question, "exec") == 0 || strcmp(question, "exec exempt") == 0)
		return exec_answer(controller, question[4] != '\0');
	if (strcmp(question, "ramp") == 0 || strncmp(question, "ramp ", 5) == 0)
		return ramp_answer(controller, question + (question[4] ? 5 : 4));
	if (strncmp(question, "names ", 6) == 0)
		return names_answer(controller->filter->config, question + 6);
	if (strcmp(question, "metrics") == 0)
		return metrics_of_controller(controller);
	return strcmp(question, "status") == 0 ? status_answer(controller, data) : NULL;
}

/* 0, or an exit status after the complaint. */
static int check_privilege(struct config *config)
{
	struct error error;
	int r = privilege_check(config, &error);

	if (r < 0)
		return complain_error(&error);
	if (r > 0)
		complain("%s", error.text);
	return 0;
}

static int run(const struct options *options)
{
	struct running running = { .options = options, .is_watched = is_watched() };
	struct controller controller = { .answer = answer, .changed = changed, .read = read_configuration, .data = &running };
	_cleanup_free_ char *text = NULL;
	struct config *config = NULL;
	struct error error;
	int status;

	if (read_configuration(&config, &text, &running) < 0) {
		complain_lines(text ? text : "out of memory");
		return EXIT_USAGE;
	}
	status = check_privilege(config);
	if (status) {
		config_delete(config);
		return status;
	}
	return controller_run(&controller, config, &error) < 0 ? complain_error(&error) : EXIT_DONE;
}

int command_run(int argc, char **argv)
{
	struct options options = { .command = "run", .print_usage = print_usage };
	int status;

	config_init(&options.config);
	status = options_parse(&options, argc, argv);
	if (status < 0)
		status = run(&options);
	options_free(&options);
	return status;
}
