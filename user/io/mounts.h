/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the cgroup2 file system and a bpffs are, and the directory of ours on the latter. */
#ifndef STUBSIEVE_MOUNTS_H
#define STUBSIEVE_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

/* The first cgroup2 mount of /proc/self/mountinfo (in a hybrid layout it is not /sys/fs/cgroup). */
int mounts_find_cgroup2(char *ret_path, size_t size, struct error *error);

/* The same, if it shows the whole hierarchy and not, as in a container, a part: else ERROR_USAGE. */
int mounts_find_hierarchy(char *ret_path, size_t size, struct error *error);

/* A cgroup of the cgroup2 hierarchy. */
struct cgroup {
	char path[4096]; /* relative to the hierarchy's root: "/" or "/system.slice" */
	uint64_t id;     /* as bpf_skb_cgroup_id() says it */
	unsigned int level; /* 0 is the root */
};

/* Where a cgroup is or will be, by its path alone; its id stays 0. ERROR_USAGE: it can be nowhere. */
int mounts_place_cgroup(const char *path, struct cgroup *ret_cgroup, struct error *error);

/*
 * Find a cgroup by its path in the file system or relative to the hierarchy's root. A path that is not
 * there (-ENOENT), or not on cgroup2, is ERROR_USAGE. `ret_fd`, if not NULL, is the caller's to close.
 */
int mounts_find_cgroup(const char *path, struct cgroup *ret_cgroup, int *ret_fd, struct error *error);

/* The path of a process' cgroup from the hierarchy's root, as /proc/PID/cgroup tells it. */
bool mounts_cgroup_of(pid_t pid, char *ret_path, size_t size);

/* Of every cgroup: its id, and its path from the hierarchy's root. False ends the walk. */
typedef bool (*mounts_cgroup_callback)(uint64_t id, const char *path, void *data);

/* `mount_fd` is of the hierarchy. Those above come first. */
void mounts_each_cgroup(int mount_fd, mounts_cgroup_callback callback, void *data);

/* Is there a bpffs at this path? */
bool mounts_is_bpffs(const char *path);

/* Could nobody else than root put another directory in the place of one above this? -EPERM: somebody could. */
int mounts_check_above(const char *path, struct error *error);

/*
 * Make our directory for pins, 0700, on a bpffs. Where there is none, and the directory is the default
 * one below /sys/fs/bpf, a bpffs is mounted there. A directory that uid 0 does not own, or that others
 * may enter, is refused.
 */
int mounts_make_pin_dir(const char *path, struct error *error);

/*
 * Let nobody else change what is pinned there, until *ret_fd is closed: two controllers with different run
 * directories could name the same one. ERROR_ALREADY_RUNNING if somebody does.
 */
int mounts_lock_pin_dir(const char *path, int *ret_fd, struct error *error);

/* Is this what the path leads to? Not if its file system was unmounted, or something was mounted over it. */
bool mounts_is_at(int fd, const char *path);

#endif
