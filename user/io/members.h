/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* By whom a network namespace is held: some process in it, or its name; when there is neither, it is let go. */
#ifndef STUBSIEVE_MEMBERS_H
#define STUBSIEVE_MEMBERS_H

#include "followers.h"

/* A name, or a cgroup, came or went: what is held by its name may be no longer. */
void members_names_changed(struct namespaces *namespaces);

/* Members can leave a namespace without ending. To be called every second. */
void members_check(struct namespaces *namespaces);

/* One look at the processes for all that lost their member; who has neither another one nor a name is let go. */
void members_search(struct namespaces *namespaces);

#endif
