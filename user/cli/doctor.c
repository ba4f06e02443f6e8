/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stubsieve doctor: what this machine lacks, or has, that matters. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "clock.h"
#include "configuration.h"
#include "connectivity_json.h"
#include "doctor.h"
#include "instance.h"
#include "options.h"
#include "pinned.h"

#define STALE_SECONDS 3 /* the controller beats every second */

static void print_usage(void)
{
	fputs("usage: stubsieve doctor [--json] [--run-dir DIRECTORY] [--pin-dir DIRECTORY] [--KEY VALUE]...\n"
	      "\n"
	      "Look at this machine, and tell what the filter lacks here, or what is in its way. It changes nothing, and\n"
	      "needs no privilege, but sees more with it: as root it tries the programs in a network namespace that\n"
	      "goes with it. Each check is ok, a note, a warning (not all is filtered) or missing (it cannot run), with\n"
	      "what was seen and the cure. Exit status: 0 it could run, 6 the kernel lacks something, 2 the configuration\n"
	      "cannot be meant here, 5 only privilege is missing.\n"
	      "\n"
	      "  --json               print JSON\n"
	      "  --KEY VALUE          as for `run`, whose file is read, too: what would that one meet here?\n",
	      stdout);
}

/* A controller that left its filter, and has not been followed by another one. */
static void check_leftover(struct checks *checks, const char *pin_dir)
{
	uint64_t beat, now = clock_monotonic_ns();

	if (pinned_heartbeat(pin_dir, &beat) < 0 || beat == 0) {
		check_add(checks, "controller", CHECK_NOTE, "none runs");
		return;
	}
	check_set_cure(
		check_add(
			checks, "controller", CHECK_WARNING,
			"none runs, but the filter of an earlier one is in place; its last sign of life was %llu s ago",
			(unsigned long long)((now > beat ? now - beat : 0) / CLOCK_SECOND_NS)),
		"start it (stubsieve run), or take the filter away (stubsieve stop)");
}

static void check_beat(struct checks *checks, const char *answer)
{
	json_t *status = json_loads(answer, 0, NULL);
	double age = json_number_value(json_object_get(status, "heartbeat_age_seconds"));
	const char *version = json_string_value(json_object_get(status, "version"));
	long long pid = json_integer_value(json_object_get(status, "pid"));

	if (age > STALE_SECONDS)
		check_set_cure(check_add(checks, "controller", CHECK_WARNING,
					 "pid %lld, but its last beat was %.1f s ago", pid, age),
			       "see what keeps it: its log, the load of the machine");
	else
		check_add(checks, "controller", CHECK_OK, "runs: pid %lld, version %s", pid, version ? version : "?");
	json_decref(status);
}

static void check_controller(struct checks *checks, const struct config *config)
{
	_cleanup_free_ char *answer = NULL;
	struct error error;

	if (instance_ask(config->run_dir, "status", &answer, &error) == 0)
		check_beat(checks, answer);
	else if (error.kind == ERROR_NOT_RUNNING)
		check_leftover(checks, config->pin_dir);
	else if (error.kind == ERROR_PRIVILEGE)
		check_add(checks, "controller", CHECK_NOTE, "cannot be asked without privilege");
	else
		check_set_cure(check_add(checks, "controller", CHECK_WARNING, "%s", error.text),
			       "see its log, or restart it");
}

static void check_all(struct checks *checks, const struct config *config)
{
	doctor_check_kernel(checks);
	doctor_check_btf(checks);
	doctor_check_lockdown(checks);
	doctor_check_jit(checks);
	doctor_check_seccomp(checks);
	doctor_check_capabilities(checks, config);
	doctor_check_limits(checks, config);
	doctor_check_programs(checks);
	doctor_check_cgroups(checks);
	doctor_check_pin_dir(checks, config);
	doctor_check_run_dir(checks, config);
	doctor_check_textfile(checks, config);
	doctor_check_interfaces(checks, config);
	doctor_check_cgroup_hooks(checks, config);
	doctor_check_servers(checks, config);
	doctor_check_resolver(checks);
	check_controller(checks, config);
}

static int judge(const struct checks *checks)
{
	static const int statuses[] = {
		[CHECK_LACKS_NOTHING] = EXIT_DONE,
		[CHECK_LACKS_PRIVILEGE] = EXIT_PRIVILEGE,
		[CHECK_LACKS_CONFIGURATION] = EXIT_USAGE,
		[CHECK_LACKS_KERNEL] = EXIT_KERNEL,
	};

	return statuses[checks_lack(checks)];
}

static json_t *to_json(const struct checks *checks)
{
	json_t *array = json_array();

	for (size_t i = 0; i < checks->count; i++) {
		const struct check *check = &checks->list[i];

		json_array_append_new(array,
				      json_pack("{s:s, s:s, s:o, s:o}", "name", check->name, "verdict",
						check_verdict_name(check->verdict), "seen", json_text(check->seen),
						"cure", check->cure[0] ? json_text(check->cure) : json_null()));
	}
	return json_pack("{s:b, s:o}", "can_run", checks_lack(checks) == CHECK_LACKS_NOTHING, "checks", array);
}

static void print_text(const struct checks *checks)
{
	static const char *const conclusions[] = {
		[CHECK_LACKS_NOTHING] = "It can run here.",
		[CHECK_LACKS_PRIVILEGE] = "It can run here with more privilege, as far as can be seen without.",
		[CHECK_LACKS_CONFIGURATION] = "It cannot run here so configured.",
		[CHECK_LACKS_KERNEL] = "It cannot run on this kernel.",
	};

	for (size_t i = 0; i < checks->count; i++) {
		const struct check *check = &checks->list[i];

		printf("%-8s %-18s  %s\n", check_verdict_name(check->verdict), check->name, check->seen);
		if (check->cure[0])
			printf("%-8s %-18s  -> %s\n", "", "", check->cure);
	}
	printf("\n%s\n", conclusions[checks_lack(checks)]);
}

/* Each line is a check of its own. */
static void tell_what_is_wrong(struct checks *checks, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		check_set_cure(check_add_missing(checks, "configuration", CHECK_LACKS_CONFIGURATION, "%.*s",
						 (int)length, text),
			       "correct it; until then run does not start, and reload keeps what is in force");
		text += length + (text[length] == '\n');
	}
}

/* What `run` would have with these options, NULL if it would refuse. */
static struct config *check_configuration(struct checks *checks, const struct options *options)
{
	_cleanup_free_ struct config_report *report = malloc(sizeof(*report));
	struct config *config = NULL;
	bool has_file;

	if (!report)
		return NULL;
	if (configuration_read(options, false, &config, &has_file, report) < 0)
		tell_what_is_wrong(checks, report->text);
	else
		check_add(checks, "configuration", CHECK_OK, has_file ? "%s is sound" : "no file (%s)",
			  configuration_file(options));
	if (config && has_file)
		doctor_check_configuration(checks, configuration_file(options));
	return config;
}

/* A controller that was told another pin-dir is looked at where it is. */
static void find_pin_dir(const struct options *options, struct config *config)
{
	struct config usual;

	config_init(&usual);
	if (!options->pin_dir_given && strcmp(config->pin_dir, usual.pin_dir) == 0)
		instance_read_pin_dir(config->run_dir, config->pin_dir, sizeof(config->pin_dir));
	config_free(&usual);
}

static int show(struct options *options)
{
	static struct checks checks;
	struct config *sound = check_configuration(&checks, options), *config = sound ? sound : &options->config;
	int status = EXIT_DONE;

	find_pin_dir(options, config);
	check_all(&checks, config);
	config_delete(sound);
	if (options->json)
		status = print_json(to_json(&checks));
	else
		print_text(&checks);
	return status == EXIT_DONE ? judge(&checks) : status;
}

int command_doctor(int argc, char **argv)
{
	struct options options = { .command = "doctor", .print_usage = print_usage, .takes_json = true };
	int status;

	config_init(&options.config);
	status = options_parse(&options, argc, argv);
	if (status < 0)
		status = show(&options);
	options_free(&options);
	return status;
}
