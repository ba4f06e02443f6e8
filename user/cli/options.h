/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The options of a command: keys of the configuration, --json, --help, and perhaps one word of its own. */
#ifndef STUBSIEVE_OPTIONS_H
#define STUBSIEVE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

struct options {
	/* Filled in by the command: */
	const char *command;
	void (*print_usage)(void);
	const char *const *keys; /* names of the keys it takes, NULL at the end; NULL: all */
	bool takes_json;
	const char *own;           /* name of an option of its own that takes a value, or NULL */
	const char *argument_name; /* of the one argument it takes, or NULL */
	/* Filled in by options_parse(); the configuration must be initialized before, and freed after. */
	struct config config;
	bool json;
	bool pin_dir_given;
	const char *own_value; /* NULL if it was not given */
	const char *argument;
};

/* -1 to go on; else the command's exit status: --help was served, or the error was told. */
int options_parse(struct options *options, int argc, char **argv);

#endif
