/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the controller may do: looked at before the start, and reduced to what it needs for the rest of its life. */
#ifndef STUBSIEVE_PRIVILEGE_H
#define STUBSIEVE_PRIVILEGE_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "error.h"

/* Of a process, as /proc/self/status has it. What cannot be read is 0. */
struct privilege {
	uint64_t permitted, effective, inheritable, bounding, ambient; /* masks with bit CAP_* */
	bool no_new_privileges;
	bool seccomp; /* a filter is in force */
};

void privilege_read(struct privilege *ret_privilege);

/* In a user namespace of its own a process has all capabilities, and none of them counts for BPF. */
bool privilege_is_in_user_namespace(void);

/* The maps and programs of usual configurations have less, in octets of locked memory. */
#define PRIVILEGE_MEMLOCK_ENOUGH (512UL << 20)

/* Before Linux 5.11 maps are locked memory, and libbpf raises the limit if it may: can they be made with these? */
bool privilege_is_short_of_locked_memory(uint64_t capabilities);

/*
 * Is what this configuration needs there? For a start, and for a configuration that is read later: what was given up
 * does not come back. 0, or -EPERM with the capability and the cure in `error`. 1: with netns = scope there is neither
 * of the capabilities that other network namespaces take, so netns is now `self`; what to say of it is in `error`.
 */
int privilege_check(struct config *config, struct error *error);

/*
 * Keep what this configuration needs, and give up all other capabilities, for good; then leave the process the system
 * calls that it makes (syscalls.h). -errno, and what failed: the process goes on with what it has.
 */
int privilege_confine(const struct config *config, struct error *error);

#endif
