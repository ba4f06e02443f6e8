/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Undoing what controllers did, also those that are gone. What was not ours stays. */
#ifndef STUBSIEVE_REMOVE_H
#define STUBSIEVE_REMOVE_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "attach.h"
#include "error.h"

/* Everything pinned in this directory, links that lost their pins, and the clsact filters of every namespace it tells of. */
int remove_all(const char *pin_dir, struct error *error);

/*
 * The same for a controller that does not run. Call it with the lock of run_dir held. ERROR_ALREADY_RUNNING if a
 * controller with another run directory pins there.
 */
int remove_leftovers(const char *pin_dir, struct error *error);

/*
 * The clsact filters of every network namespace that the marks tell of, but those of the attachments that `keep` names
 * there (NULL: of none), and the marks that go with them. An error tells of the first namespace that could not be
 * entered, or, where not every process may be looked at, not be found; its marks stay, and the others are done.
 * `everywhere`: the marks may be lost, so look into every namespace.
 */
typedef struct attachments *(*remove_keep)(uint32_t netns, void *data);
int remove_clsact(const char *pin_dir, bool everywhere, remove_keep keep, void *data, struct error *error);

/* The same one namespace after the other, for who has other things to do meanwhile. */
struct remove_sweep {
	const char *pin_dir;
	uint64_t budget_ns; /* of CPU time for each namespace but our own; 0: as long as it takes */
	DIR *directory;     /* NULL: there are no marks */
	struct remove_place {
		uint32_t inum;
		pid_t pid; /* a process that was in it, or 0 */
	} *places;
	size_t count, room, next;
};

int remove_sweep_begin(struct remove_sweep *sweep, const char *pin_dir, bool everywhere, uint64_t budget_ns,
		       struct error *error);

/* 1: one more is done. 0: there is none. -errno: one failed; go on with the others. */
int remove_sweep_next(struct remove_sweep *sweep, remove_keep keep, void *data, struct error *error);

void remove_sweep_end(struct remove_sweep *sweep); /* also of one that was never begun, all zero */

#endif
