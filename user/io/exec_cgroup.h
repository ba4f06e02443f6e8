/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The cgroups in which `stubsieve exec` runs commands, two for every run directory: one in scope, one exempt. */
#ifndef STUBSIEVE_EXEC_CGROUP_H
#define STUBSIEVE_EXEC_CGROUP_H

#include <stubsieve/abi.h>

#include "error.h"

/* Its path below the mount of the hierarchy. */
void exec_cgroup_path(const char *run_dir, enum sieve_cgroup kind, char path[128]);

/*
 * Make that cgroup, by its absolute path, unless it is there. Who runs a command in it does so, for nobody but
 * CAP_DAC_OVERRIDE may make one at the root of the hierarchy.
 */
int exec_cgroup_make(const char *path, struct error *error);

/* Remove those of the instance with this run directory; those in which some command still runs are told of. */
void exec_cgroup_remove(const char *run_dir);

#endif
