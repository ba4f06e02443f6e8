/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading the configuration file, and telling all that is wrong with it, for people: "FILE:LINE: what and the cure". */
#ifndef STUBSIEVE_CONFIG_READ_H
#define STUBSIEVE_CONFIG_READ_H

#include "config.h"

#define CONFIG_REPORT_MAX 8192

struct config_report {
	unsigned int count;           /* of what is wrong */
	char text[CONFIG_REPORT_MAX]; /* lines with a newline between two; of many the first ones */
};

void config_report_add(struct config_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Set what the file says. 0, or -errno with what is wrong in the report: -ENOENT if there is no such file, and no other. */
int config_read(const char *path, struct config *config, struct config_report *report);

#endif
