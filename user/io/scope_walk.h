/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The processes of a scope, as the directories of its cgroups list them. */
#ifndef STUBSIEVE_SCOPE_WALK_H
#define STUBSIEVE_SCOPE_WALK_H

#include <stdbool.h>
#include <sys/types.h>

#include "scope.h"

/*
 * Every process in scope that can be seen, by the pid of its first thread. The callback returns false to end. Of
 * the threads only the first is shown: one that moved to a namespace of its own is found when it makes a socket.
 */
typedef bool (*scope_process_callback)(pid_t pid, void *data);
void scope_each_process(const struct scope *scope, scope_process_callback callback, void *data);

#endif
