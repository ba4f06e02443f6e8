/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The controller: sets everything up, follows changes, beats, answers commands, until it is told to end. */
#ifndef STUBSIEVE_CONTROLLER_H
#define STUBSIEVE_CONTROLLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "config.h"
#include "error.h"
#include "filter.h"
#include "textfile.h"

struct controller;

/*
 * Answer a command's question; the text is freed by the controller. NULL: it is no question. What only looks is
 * called in a child, so that a look at large tables does not keep the controller from its work.
 */
typedef char *(*controller_answer)(const char *question, struct controller *controller, void *data);

/* Everything is attached, or still being so after a while. */
typedef void (*controller_ready)(struct controller *controller, void *data);

struct controller {
	const struct config *config;
	struct filter filter;
	struct textfile metrics;
	int epoll_fd;
	pid_t pid;
	uint64_t started_ns;    /* CLOCK_MONOTONIC */
	uint64_t next_beat;     /* likewise */
	unsigned int clients, answering; /* commands that have not asked yet; children that answer one */
	bool is_ready;          /* `ready` was called */
	bool is_to_end;
	bool is_to_remove;      /* a command asked to end and to remove the filter, too */
	controller_answer answer;
	controller_ready ready;
	void *data; /* for both */
};

/*
 * Run until SIGTERM or SIGINT, and leave the filter in place; or until is_to_remove is set, and remove it. 0 or
 * -errno with `error`; what was attached before an error stays, as an earlier controller's would.
 */
int controller_run(struct controller *controller, struct error *error);

#endif
