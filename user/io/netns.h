/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Network namespaces: by a thread that is in one, by file descriptor, by name. */
#ifndef STUBSIEVE_NETNS_H
#define STUBSIEVE_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define NETNS_NAMES "/run/netns" /* where ip-netns(8) and others bind names; of our mount namespace */

/*
 * The namespace of a thread (0: the calling one), and its inode number, by which it is known everywhere. The
 * file descriptor keeps the namespace alive. 0 or -errno: -ENOENT and -ESRCH if the thread is gone, -EACCES without
 * CAP_SYS_PTRACE.
 */
int netns_open(pid_t tid, int *ret_fd, uint32_t *ret_inum);

/* The inode number alone; 0, with errno, if the thread is gone or (EACCES) may not be looked at. */
uint32_t netns_of(pid_t tid);

/* Move the calling thread. 0 or -errno: -EPERM without CAP_SYS_ADMIN. */
int netns_enter(int fd);

/* All that have a name, which keeps a namespace alive; sorted by inode number. */
struct netns_names {
	struct netns_name {
		uint32_t inum;
		char *name;
	} *entries;
	size_t count;
};

/* One look at the directory; none if it is not there. Out of memory: some may be missing. */
void netns_names_read(struct netns_names *ret_names);
void netns_names_free(struct netns_names *names);
const char *netns_names_find(const struct netns_names *names, uint32_t inum); /* NULL: it has none */

/* Open it by its name. -ENOENT: it has none. */
int netns_open_named(uint32_t inum, int *ret_fd);

#endif
