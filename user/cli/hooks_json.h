/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The programs on our hooks, ours and those of others, in the order in which a packet meets them. */
#ifndef STUBSIEVE_CLI_HOOKS_JSON_H
#define STUBSIEVE_CLI_HOOKS_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "scope.h"

struct own_programs {
	uint32_t ids[PROGRAMS_COUNT];
	size_t count;
};

/*
 * {"egress": [{"id", "name", "owner", "hook"}, ...], "ingress": [...]} of a device in the calling thread's network
 * namespace: first tcx, then clsact. "owner" is "stubsieve" for the programs of this controller, otherwise "foreign";
 * "more" is true if a side has more filters than are listed. "name" is null where it cannot be told, and "id" for filters that are no programs.
 */
json_t *hooks_json_device(uint32_t ifindex, const struct own_programs *own);

/* Likewise the list of those at a cgroup's egress; null if it cannot be looked at. */
json_t *hooks_json_cgroup(const struct scope *scope, const char *path, const struct own_programs *own);

#endif
