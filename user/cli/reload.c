/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stubsieve reload: have the controller read its configuration again, and tell what came of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "configuration.h"
#include "instance.h"
#include "options.h"
#include "reload.h"

#define ANSWER_SECONDS 150 /* with one that is under way already */

static void print_usage(void)
{
	fputs("usage: stubsieve reload [--run-dir DIRECTORY]\n"
	      "\n"
	      "Have the controller read its configuration file again, as SIGHUP does, and wait until it is in force, as a\n"
	      "whole. If anything is wrong with it, or it cannot be put in force, the one before it stays, and this command\n"
	      "says why. Exit status 2: the configuration cannot be used; 3: no controller runs.\n"
	      "\n"
	      "  --run-dir DIRECTORY  of the controller (default: what " CONFIG_FILE_USUAL "\n"
	      "                       says, or /run/stubsieve)\n",
	      stdout);
}

static int reload(const struct config *config)
{
	_cleanup_free_ char *answer = NULL;
	enum error_kind kind;
	struct error error;
	char *text;

	if (instance_ask_within(config->run_dir, "reload", ANSWER_SECONDS, &answer, &error) < 0)
		return complain_error(&error);
	if (strcmp(answer, RELOAD_DONE) == 0)
		return EXIT_DONE;
	kind = (enum error_kind)strtoul(answer, &text, 10);
	complain_lines(*text ? text + 1 : text);
	return exit_status(kind);
}

int command_reload(int argc, char **argv)
{
	static const char *const keys[] = { "run-dir", NULL };
	struct options options = { .command = "reload", .print_usage = print_usage, .keys = keys };
	int status;

	config_init(&options.config);
	status = options_parse(&options, argc, argv);
	if (status < 0) {
		configuration_take_places(&options.config, options.run_dir_given, true);
		status = reload(&options.config);
	}
	options_free(&options);
	return status;
}
