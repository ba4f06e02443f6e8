/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of commands and what belongs to none of them. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const struct command commands[] = {
	{ "run", "[--KEY VALUE]...", "run the controller in the foreground", command_run },
	{ "stop", "[--ramp SECONDS]", "detach the filter and remove everything it made", command_stop },
	{ "status", "[--json]", "tell what the controller does and has counted", command_status },
	{ "connectivity", "[--json]", "tell what this network namespace has of IPv4 and IPv6", command_connectivity },
	{ "explain", "NAME [--json]", "tell why a query would be answered or not", command_explain },
	{ "doctor", "[--json]", "tell what this machine lacks, or has in the way", command_doctor },
	{ "metrics", "[--textfile PATH]", "tell Prometheus what the controller has counted", command_metrics },
	{ "reload", "", "have the controller read its configuration again", command_reload },
	{ "check-config", "[FILE] [--json]", "tell whether a configuration file can be used", command_check_config },
	{ "exec", "[--exempt] -- CMD...", "run a command in the filter, or outside of it", command_exec },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

void complain(const char *format, ...)
{
	va_list arguments;

	fputs("stubsieve: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

void complain_lines(const char *text)
{
	for (const char *line = text; line;) {
		int length = (int)strcspn(line, "\n");

		complain("%.*s", length, line);
		line = line[length] ? line + length + 1 : NULL;
	}
}

enum exit_status exit_status(enum error_kind kind)
{
	static const enum exit_status statuses[] = {
		[ERROR_FAILED] = EXIT_FAILED,
		[ERROR_USAGE] = EXIT_USAGE,
		[ERROR_NOT_RUNNING] = EXIT_NOT_RUNNING,
		[ERROR_ALREADY_RUNNING] = EXIT_ALREADY_RUNNING,
		[ERROR_PRIVILEGE] = EXIT_PRIVILEGE,
		[ERROR_KERNEL] = EXIT_KERNEL,
	};

	return (size_t)kind < sizeof(statuses) / sizeof(statuses[0]) ? statuses[kind] : EXIT_FAILED;
}

int complain_error(const struct error *error)
{
	complain("%s", error->text);
	return exit_status(error->kind);
}

/* A short option may be one of several in a word; for a long one getopt leaves optopt 0. */
void complain_option(const char *command, int option, char **argv)
{
	if (option == ':')
		complain("%s wants a value; see stubsieve %s --help", argv[optind - 1], command);
	else if (optopt)
		complain("unknown option -%c; see stubsieve %s --help", optopt, command);
	else
		complain("unknown option %s; see stubsieve %s --help", argv[optind - 1], command);
}

int print_json(json_t *json)
{
	if (!json || json_dumpf(json, stdout, JSON_INDENT(2)) < 0) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	putchar('\n');
	json_decref(json);
	return EXIT_DONE;
}

static void print_help(FILE *stream)
{
	fputs("usage: stubsieve COMMAND [OPTION]...\n\n"
	      "Answers useless DNS queries in the kernel of the host that asks them.\n\n", stream);
	for (size_t i = 0; i < COMMANDS; i++) {
		int width = fprintf(stream, "  %s %s", commands[i].name, commands[i].arguments);

		fprintf(stream, "%*s%s\n", width < 28 ? 30 - width : 2, "", commands[i].summary);
	}
	fputs("\n`stubsieve COMMAND --help` tells more, `stubsieve --version` the version. Exit status: 0 done, 1 failed,\n"
	      "2 usage or configuration, 3 not running, 4 already running, 5 privilege missing, 6 the kernel lacks\n"
	      "something.\n", stream);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return EXIT_DONE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("stubsieve " STUBSIEVE_VERSION);
		return EXIT_DONE;
	}
	command = find_command(argv[1]);
	if (!command) {
		complain("unknown command \"%s\"; see stubsieve --help", argv[1]);
		return EXIT_USAGE;
	}
	return command->run(argc - 1, argv + 1);
}
