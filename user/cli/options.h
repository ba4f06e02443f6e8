/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The options of a command: keys of the configuration, --json, --help, and perhaps one word of its own. */
#ifndef STUBSIEVE_OPTIONS_H
#define STUBSIEVE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

/* A key on the command line. The words are those of argv. */
struct option_given {
	const char *key, *word;
};

struct options {
	/* Filled in by the command: */
	const char *command;
	void (*print_usage)(void);
	const char *const *keys; /* names of the keys it takes, NULL at the end; NULL: all */
	bool takes_json;
	const char *own;           /* name of an option of its own that takes a value, or NULL */
	const char *flag;          /* ... and of one that takes none */
	const char *argument_name; /* of the one argument it takes, or NULL */
	bool may_lack_argument;
	/* Filled in by options_parse(); the configuration must be initialized before, and freed after. */
	struct config config;
	bool json;
	bool flag_given;
	bool run_dir_given, pin_dir_given;
	struct option_given *given; /* in their order; options_free() frees them */
	size_t given_count;
	const char *own_value; /* NULL if it was not given */
	const char *argument;
};

/* -1 to go on; else the command's exit status: --help was served, or the error was told. */
int options_parse(struct options *options, int argc, char **argv);

/*
 * The configuration as the command line and a file together have it: of a key that both give, what the command line
 * says, and all of a list. An initialized configuration with what is read of the file is given. 0, or -ENOMEM.
 */
int options_apply(const struct options *options, struct config *config);

void options_free(struct options *options);

#endif
