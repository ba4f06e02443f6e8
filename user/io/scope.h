/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose sockets are looked at: the cgroups of the configuration, followed as they are removed and made again
 * (a service that is restarted has the same path and another id), and the two in which `stubsieve exec` runs
 * commands. Holds what is attached to cgroups, and keeps the programs' map of them.
 */
#ifndef STUBSIEVE_SCOPE_H
#define STUBSIEVE_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "attach.h"
#include "config.h"
#include "error.h"
#include "mounts.h"
#include "programs.h"

struct scope_entry {
	struct cgroup cgroup; /* id 0: it is not there */
	enum sieve_cgroup kind;
	bool is_for_exec;
	int sensor_fd; /* -1: none is attached, or none is needed */
	int watch;     /* of watch_fd, where it can come or go; -1: none */
};

struct scope {
	const struct config *config;
	struct programs *programs; /* NULL before scope_attach() */
	bool whole_host;           /* every cgroup but the exempt ones */
	bool uses_sensor;          /* other namespaces are followed */
	char mount[4096];          /* of the hierarchy */
	int mount_fd;
	struct scope_entry root;   /* what is attached to for the whole host; not among the entries */
	struct scope_entry *entries;
	size_t count;
	bool is_published; /* the map has them as they are here */
	bool attaches;     /* also to those that come */
	int watch_fd;      /* inotify(7), not ours: it becomes readable when cgroups come or go */
	char trouble[512]; /* what was told last, to tell it once */
};

/*
 * Find the cgroups of the configuration, which has to live as long. One that is not there is told of, and is in
 * scope as soon as it is made.
 */
int scope_open(struct scope *scope, const struct config *config, int watch_fd, struct error *error);
void scope_close(struct scope *scope);

/* The levels of the hierarchy at which there can be one of them, as struct sieve_policy has them. */
uint32_t scope_levels(const struct scope *scope);

/* Publish them, with `only_add` beside those of an earlier controller, whose programs are still in use. */
int scope_publish(struct scope *scope, bool only_add);

/* Attach what the action and the following of namespaces need, now and to those that come. */
int scope_attach(struct scope *scope, struct programs *programs, struct error *error);

/*
 * Look for them again: attach to those that came, forget those that went. What fails is told of on stderr. True if
 * any came: its processes may have made their sockets before the sensor was there.
 */
bool scope_refresh(struct scope *scope);

/* Is the pinned link of a cgroup one that the scope asks for? */
bool scope_wants(const struct scope *scope, const struct pin *pin);

/* Is the cgroup there, and does what the action needs hang at it, or at a scope above it? */
bool scope_is_attached(const struct scope *scope, const struct scope_entry *entry);

/*
 * The cgroup for commands that are to run in scope, or exempt (exec_cgroup.h): its absolute path, also on failure. 0: it
 * is in force.
 */
int scope_find_exec(struct scope *scope, bool exempt, char *ret_path, size_t size, struct error *error);

/* Below a scope already, or the same as one before it? One program is enough, or queries would be counted twice. */
bool scope_is_covered(const struct scope *scope, const struct scope_entry *entry);

/* Its directory, for the caller to close; negative, with errno: it is not there. */
int scope_open_entry(const struct scope *scope, const struct scope_entry *entry);

/* Does the process' nearest cgroup of those listed make it exempt? */
bool scope_exempts(const struct scope *scope, pid_t pid);

/* Does the action work on cgroups (observe, reject) or on interfaces (answer, drop)? */
bool scope_uses_cgroups(const struct config *config);

#endif
