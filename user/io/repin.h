/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The directory with the pins can go from under a running controller: its bpffs is unmounted, another one is mounted over
 * it, somebody removes what is in it. Then a controller that is killed takes the filter along, unless all is pinned anew.
 */
#ifndef STUBSIEVE_REPIN_H
#define STUBSIEVE_REPIN_H

#include "namespaces.h"
#include "programs.h"
#include "scope.h"

struct repin {
	const char *pin_dir;
	int *lock_fd; /* of the directory; it becomes that of the new one */
	struct programs *programs;
	struct scope *scope;
	struct namespaces *namespaces;
	char trouble[512]; /* what was told last, to tell it once */
};

/* A quick look, and what follows from it, with every beat. Tells of it on stderr. */
void repin_watch(struct repin *repin);

#endif
