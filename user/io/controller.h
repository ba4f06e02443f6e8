/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The controller: sets everything up, follows changes, beats, answers commands, until it is told to end. */
#ifndef STUBSIEVE_CONTROLLER_H
#define STUBSIEVE_CONTROLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "error.h"
#include "mounts.h"
#include "namespace.h"
#include "programs.h"

struct controller;

/* Answer a command's question; the text is freed by the controller. NULL: it is no question. */
typedef char *(*controller_answer)(const char *question, struct controller *controller, void *data);

/* Everything is attached; the loop begins. */
typedef void (*controller_ready)(struct controller *controller, void *data);

struct controller {
	const struct config *config;
	struct sieve_policy policy; /* as the programs have it */
	struct programs *programs;
	struct cgroup cgroups[CONFIG_CGROUPS_MAX];
	size_t cgroup_count;
	struct namespace namespace; /* our own */
	uint64_t started_ns;        /* CLOCK_MONOTONIC */
	bool is_to_remove;          /* a command asked to end and to remove the filter, too */
	controller_answer answer;
	controller_ready ready;
	void *data; /* for both */
};

/*
 * Run until SIGTERM or SIGINT, and leave the filter in place; or until is_to_remove is set, and remove it. 0 or -errno with `error`; what was attached
 * before an error stays, as an earlier controller's would.
 */
int controller_run(struct controller *controller, struct error *error);

/* Does the action work on cgroups (observe, reject) or on interfaces (answer, drop)? */
bool controller_uses_cgroups(const struct config *config);

/* Is a program attached to this cgroup of the scope, or to one above it? For actions that use cgroups. */
bool controller_covers_cgroup(const struct controller *controller, const struct cgroup *cgroup);

/*
 * Undo what the controllers of this pin directory and, for clsact filters, of this network namespace did.
 * Call it with the lock of run_dir held. What was not ours stays. ERROR_ALREADY_RUNNING if a controller with
 * another run directory pins there.
 */
int controller_remove(const char *pin_dir, struct error *error);

#endif
