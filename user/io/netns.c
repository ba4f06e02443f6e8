/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "cleanup.h"

#ifndef NSFS_MAGIC
#define NSFS_MAGIC 0x6e736673
#endif

static void format_path(char path[64], pid_t tid)
{
	if (tid == 0)
		strcpy(path, "/proc/thread-self/ns/net");
	else
		snprintf(path, 64, "/proc/%d/ns/net", (int)tid);
}

int netns_open(pid_t tid, int *ret_fd, uint32_t *ret_inum)
{
	_cleanup_close_ int fd = -1;
	struct stat status;
	char path[64];

	format_path(path, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	*ret_inum = (uint32_t)status.st_ino;
	*ret_fd = take_fd(&fd);
	return 0;
}

uint32_t netns_of(pid_t tid)
{
	struct stat status;
	char path[64];

	format_path(path, tid);
	return stat(path, &status) < 0 ? 0 : (uint32_t)status.st_ino;
}

int netns_enter(int fd)
{
	return setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
}

/* The entry of a directory of names that is bound to the namespace. */
static struct dirent *find_entry(DIR *directory, uint32_t inum)
{
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		struct stat status;

		if (entry->d_name[0] != '.' && fstatat(dirfd(directory), entry->d_name, &status, 0) == 0 &&
		    (uint32_t)status.st_ino == inum)
			return entry;
	}
	return NULL;
}

static int compare_names(const void *one, const void *other)
{
	const struct netns_name *a = one, *b = other;

	return a->inum < b->inum ? -1 : a->inum > b->inum;
}

static bool add_name(struct netns_names *names, uint32_t inum, const char *name)
{
	struct netns_name *entries = reallocarray(names->entries, names->count + 1, sizeof(*entries));

	if (!entries)
		return false;
	names->entries = entries;
	entries[names->count] = (struct netns_name){ .inum = inum, .name = strdup(name) };
	if (!entries[names->count].name)
		return false;
	names->count++;
	return true;
}

void netns_names_read(struct netns_names *ret_names)
{
	_cleanup_closedir_ DIR *directory = opendir(NETNS_NAMES);
	struct netns_names names = {};
	struct dirent *entry;
	struct stat status;

	while (directory && (entry = readdir(directory)))
		if (entry->d_name[0] != '.' && fstatat(dirfd(directory), entry->d_name, &status, 0) == 0 &&
		    !add_name(&names, (uint32_t)status.st_ino, entry->d_name))
			break;
	if (names.count > 0)
		qsort(names.entries, names.count, sizeof(*names.entries), compare_names);
	*ret_names = names;
}

void netns_names_free(struct netns_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->entries[i].name);
	free(names->entries);
	*names = (struct netns_names){};
}

const char *netns_names_find(const struct netns_names *names, uint32_t inum)
{
	const struct netns_name key = { .inum = inum }, *found = NULL;

	if (names->count > 0)
		found = bsearch(&key, names->entries, names->count, sizeof(key), compare_names);
	return found ? found->name : NULL;
}

/* A file that only has the number of a namespace is none. */
static bool is_netns(int fd, uint32_t inum)
{
	struct stat status;
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == NSFS_MAGIC && fstat(fd, &status) == 0 &&
	       (uint32_t)status.st_ino == inum;
}

int netns_open_named(uint32_t inum, int *ret_fd)
{
	_cleanup_closedir_ DIR *directory = opendir(NETNS_NAMES);
	const struct dirent *entry = find_entry(directory, inum);
	_cleanup_close_ int fd = entry ? openat(dirfd(directory), entry->d_name, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0 || !is_netns(fd, inum))
		return -ENOENT;
	*ret_fd = take_fd(&fd);
	return 0;
}
