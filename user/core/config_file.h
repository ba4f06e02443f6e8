/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The text of a configuration file: lines of `key = value`, comments in lines of their own, nothing else. Values are
 * taken as they stand, without the blanks around them; there are no sections, quotes, or continued lines. A key that
 * does not repeat is given once.
 */
#ifndef STUBSIEVE_CONFIG_FILE_H
#define STUBSIEVE_CONFIG_FILE_H

#include "config.h"

/* What is wrong in a line, counted from 1: the thing and the cure. */
typedef void (*config_file_complain)(unsigned int line, const char *text, void *data);

/*
 * Set what the text says. 0, or -EINVAL if anything is wrong with it: all of it is told of, and the configuration then
 * has what is right.
 */
int config_file_parse(const char *text, size_t length, struct config *config, config_file_complain complain, void *data);

#endif
