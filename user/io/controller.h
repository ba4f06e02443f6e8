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
#include "reload.h"
#include "repin.h"
#include "textfile.h"

struct controller;

/*
 * Answer a command's question; the text is freed by the controller. NULL: it is no question. What only looks is
 * called in a child, so that a look at large tables does not keep the controller from its work.
 */
typedef char *(*controller_answer)(const char *question, struct controller *controller, void *data);

/* What the service manager and people are told of. */
enum controller_change {
	CONTROLLER_READY,  /* everything is attached, or still being so after a while */
	CONTROLLER_READS,  /* the configuration is read again */
	CONTROLLER_LOADED, /* ... and in force */
	CONTROLLER_KEPT,   /* ... or not, which was told of: the one before it is in force */
	CONTROLLER_BEATS,  /* every second, or more often */
};
typedef void (*controller_changed)(struct controller *controller, enum controller_change change, void *data);

/*
 * Read the configuration. 0, with one of config_new(), which is the caller's; or -errno and, unless there is no memory,
 * all that is wrong with it: lines, each of which names the thing and the cure. The caller frees them.
 */
typedef int (*controller_read)(struct config **ret_config, char **ret_text, void *data);

/* The data of epoll_event for the descriptors of filters. */
enum { CONTROLLER_SIGNAL, CONTROLLER_CONTROL, CONTROLLER_FILTER, CONTROLLER_NEXT };

struct controller {
	struct filter *filter; /* in force */
	struct reload reload;
	struct textfile metrics;
	int pin_lock; /* of pin_dir; -1: not taken */
	struct repin repin;
	int epoll_fd;
	pid_t pid;
	uint64_t started_ns;    /* CLOCK_MONOTONIC */
	uint64_t next_beat;     /* likewise */
	uint64_t ramp_end_ns;   /* likewise; 0: there is no ramp */
	int control_fd;         /* on which commands are heard; -1: none yet */
	unsigned int clients;   /* commands that have not asked yet */
	bool is_ready;          /* CONTROLLER_READY was told */
	bool rests;             /* no command is heard until the next beat: there was no room for another */
	bool is_to_end;
	bool is_to_remove;      /* a command asked to end and to remove the filter, too */
	controller_answer answer;
	controller_changed changed;
	controller_read read;
	void *data; /* for all three */
};

/*
 * Run until SIGTERM or SIGINT, and leave the filter in place; or until is_to_remove is set, and remove it. 0 or
 * -errno with `error`; the configuration, of config_new(), is taken over; what was attached before an error stays, as an earlier controller's would.
 */
int controller_run(struct controller *controller, struct config *config, struct error *error);

/* Let more and more names pass, then remove the filter and end. It takes an earlier ramp's place. 0 or -errno. */
int controller_ramp(struct controller *controller, uint64_t ramp_ns);

#endif
