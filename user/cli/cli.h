/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every command shares: the exit statuses, messages for people, the table of commands. */
#ifndef STUBSIEVE_CLI_H
#define STUBSIEVE_CLI_H

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>

#include "error.h"

enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,           /* a command line or configuration that cannot be meant */
	EXIT_NOT_RUNNING = 3,
	EXIT_ALREADY_RUNNING = 4,
	EXIT_PRIVILEGE = 5,       /* a capability is missing */
	EXIT_KERNEL = 6,          /* the kernel lacks something */
};

/* A command gets the words from its own name on and returns an exit status. */
struct command {
	const char *name;
	const char *arguments; /* for the synopsis, "" if none */
	const char *summary;   /* one line */
	int (*run)(int argc, char **argv);
};

int command_run(int argc, char **argv);
int command_stop(int argc, char **argv);
int command_status(int argc, char **argv);
int command_connectivity(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_exec(int argc, char **argv);
int command_metrics(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_reload(int argc, char **argv);
int command_check_config(int argc, char **argv);

/* Print "stubsieve: " and the message to stderr. The message names the thing and the cure. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* complain() about each line of the text. */
void complain_lines(const char *text);

/* What an error of this kind leaves. */
enum exit_status exit_status(enum error_kind kind);

/* complain() about the error, and the exit status that its kind asks for. */
int complain_error(const struct error *error);

/* Print what getopt_long() with a leading ':' found wrong: an unknown option or a missing value. */
void complain_option(const char *command, int option, char **argv);

/* Print to stdout, indented, with a final newline. Takes over the reference; NULL is "out of memory". */
int print_json(json_t *json);

#endif
