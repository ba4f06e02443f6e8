/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The programs on a hook, in their order, whoever attached them. */
#ifndef STUBSIEVE_HOOKS_H
#define STUBSIEVE_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identity.h"
#include "mounts.h"
#include "pins.h"

#define HOOKS_PROGRAMS_MAX 64 /* at one hook: the kernel's own limit (BPF_MPROG_MAX) */

struct hook_programs {
	uint32_t programs[HOOKS_PROGRAMS_MAX]; /* ids */
	uint32_t links[HOOKS_PROGRAMS_MAX];    /* ids; 0: not by a link, or it is not told */
	uint32_t flags; /* of a cgroup: BPF_F_ALLOW_MULTI, BPF_F_ALLOW_OVERRIDE, or 0 */
	size_t count;
};

/* On a tcx hook of a device in the calling thread's network namespace. 0 or -errno. */
int hooks_query_device(uint32_t ifindex, uint32_t attach_type, struct hook_programs *ret_programs);

/* Attached to this very cgroup. */
int hooks_query_cgroup(int cgroup_fd, uint32_t attach_type, struct hook_programs *ret_programs);

/*
 * The filters of a device's clsact (or ingress) qdisc, in the order of their turns; of BPF ones the program's id, and the name
 * that whoever attached them gave them. Of others the id is 0, and the name that of their kind. There can be any number:
 * the callback returns whether it wants more. 0, or -errno; -ETIMEDOUT: to list them takes too long.
 */
typedef bool (*hooks_filter_callback)(uint32_t program, const char *name, void *data);
int hooks_each_filter(uint32_t ifindex, bool is_egress, hooks_filter_callback callback, void *data);

/* A program beside which ours cannot be attached. */
struct hook_obstacle {
	char path[4096]; /* of the cgroup that has it: this one or one above it; relative to the hierarchy's root */
	uint32_t program;
	struct identity identity;
};

/* Find what the kernel refuses a program at this cgroup for. -ENOENT: it is not there, or not to be seen. */
int hooks_find_obstacle(const char *mount, const char *path, uint32_t attach_type, struct hook_obstacle *ret_obstacle);

#endif
