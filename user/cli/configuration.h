/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The configuration of a command line and a file together. */
#ifndef STUBSIEVE_CONFIGURATION_H
#define STUBSIEVE_CONFIGURATION_H

#include <jansson.h>
#include <stdbool.h>

#include "config_read.h"
#include "options.h"

/*
 * Read the file that the options name, or the usual one, which need not be there unless it is asked for, and set what
 * the options say; then see whether all of it can be meant together. 0, with whether there was a file; or -errno and
 * all that is wrong. The configuration is new (config_new()), or NULL after an error.
 */
int configuration_read(const struct options *options, bool must_exist, struct config **ret_config, bool *ret_has_file,
		       struct config_report *report);

/*
 * Where the controller that a command talks to has its directories: what is not given (run-dir, pin-dir) is taken from
 * the usual file, if it is there, and nothing else of it. If the file cannot be read, or anything in it is wrong, that
 * is told in a line, and what can be read of the two counts: `stop` works with any file.
 */
void configuration_take_places(struct config *config, bool run_dir_given, bool pin_dir_given);

/* The name of the file that is read, if it is there. */
const char *configuration_file(const struct options *options);

/* All keys with their values, as words: {"KEY": "WORD", "REPEATED KEY": ["WORD", ...]}. The caller's reference. */
json_t *configuration_json(const struct config *config);

/* The lines of a text: ["LINE", ...]. Likewise. */
json_t *json_lines(const char *text);

#endif
