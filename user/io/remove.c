/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "mounts.h"
#include "netns.h"
#include "orphans.h"
#include "programs.h"

/* The mark of a clsact filter or qdisc: in which namespace it is, 0 if the name is of something else. */
static uint32_t netns_of_mark(const char *name)
{
	static const char *const kinds[] = { "clsact", "ingress", "responses", "qdisc" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t length = strlen(kinds[i]);
		uint32_t netns, ifindex;
		int end = 0;

		if (strncmp(name, kinds[i], length) == 0 &&
		    sscanf(name + length, "-%" SCNu32 "-%" SCNu32 "%n", &netns, &ifindex, &end) == 2 &&
		    !name[length + (size_t)end])
			return netns;
	}
	return 0;
}

/* Any process that is in the namespace. -ENOENT: none can be seen. */
static int open_by_process(uint32_t inum, int *ret_fd)
{
	_cleanup_closedir_ DIR *directory = opendir("/proc");
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		pid_t pid = (pid_t)atoi(entry->d_name);
		uint32_t found;
		int fd;

		if (pid <= 0 || netns_of(pid) != inum || netns_open(pid, &fd, &found) < 0)
			continue;
		if (found == inum) {
			*ret_fd = fd;
			return 0;
		}
		close(fd);
	}
	return -ENOENT;
}

/* One that nobody is in and that has no name is gone, and its filters with it. */
static int remove_in(const char *pin_dir, uint32_t inum, struct attachments *keep, struct error *error)
{
	_cleanup_close_ int fd = -1, back = -1;
	uint32_t own;
	int r;

	r = netns_open(0, &back, &own);
	if (r < 0)
		return fail(error, -r, "cannot open the network namespace: %s", strerror(-r));
	if (own == inum)
		return attach_remove_clsact(pin_dir, keep, error);
	if (netns_open_named(inum, &fd) < 0 && open_by_process(inum, &fd) < 0)
		return 0;
	r = netns_enter(fd);
	if (r < 0)
		return fail(error, -r, "cannot enter the network namespace %" PRIu32 ", in which filters are left: %s; in it, run: tc qdisc del dev INTERFACE clsact",
			    inum, strerror(-r));
	r = attach_remove_clsact(pin_dir, keep, error);
	if (netns_enter(back) < 0)
		return fail(error, errno, "cannot go back to the network namespace %" PRIu32 ": %s; start again", own,
			    strerror(errno));
	return r;
}

/* The namespace is done with: what the marks say of it is no longer so. */
static void remove_marks(DIR *directory, uint32_t netns)
{
	struct dirent *entry;

	rewinddir(directory);
	while ((entry = readdir(directory)))
		if (netns_of_mark(entry->d_name) == netns)
			unlinkat(dirfd(directory), entry->d_name, AT_REMOVEDIR);
}

/* The namespaces of which there are marks. */
struct marked {
	uint32_t *inums;
	size_t count, room;
};

static int add_marked(struct marked *marked, uint32_t inum)
{
	for (size_t i = 0; i < marked->count; i++)
		if (marked->inums[i] == inum)
			return 0;
	if (marked->count == marked->room) {
		size_t room = marked->room ? 2 * marked->room : 16;
		uint32_t *inums = reallocarray(marked->inums, room, sizeof(*inums));

		if (!inums)
			return -ENOMEM;
		marked->inums = inums;
		marked->room = room;
	}
	marked->inums[marked->count++] = inum;
	return 0;
}

static int list_marked(DIR *directory, struct marked *marked)
{
	struct dirent *entry;
	int r = 0;

	while (r == 0 && (entry = readdir(directory))) {
		uint32_t inum = netns_of_mark(entry->d_name);

		if (inum)
			r = add_marked(marked, inum);
	}
	return r;
}

/* Where it fails the marks stay, for the next time. */
static int remove_each(const char *pin_dir, DIR *directory, const struct marked *marked, remove_keep keep, void *data,
		       struct error *error)
{
	struct error later;
	int first = 0;

	for (size_t i = 0; i < marked->count; i++) {
		struct attachments *kept = keep ? keep(marked->inums[i], data) : NULL;
		int r = remove_in(pin_dir, marked->inums[i], kept, first ? &later : error);

		if (r == 0 && !kept && directory)
			remove_marks(directory, marked->inums[i]);
		else if (first == 0)
			first = r;
	}
	return first;
}

/* Every namespace that a process or a name leads to. */
static int list_all(struct marked *marked)
{
	_cleanup_closedir_ DIR *directory = opendir("/proc");
	struct netns_names names;
	struct dirent *entry;
	int r = 0;

	while (r == 0 && directory && (entry = readdir(directory))) {
		pid_t pid = (pid_t)atoi(entry->d_name);
		uint32_t inum = pid > 0 ? netns_of(pid) : 0;

		if (inum)
			r = add_marked(marked, inum);
	}
	netns_names_read(&names);
	for (size_t i = 0; r == 0 && i < names.count; i++)
		r = add_marked(marked, names.entries[i].inum);
	netns_names_free(&names);
	return r;
}

int remove_clsact(const char *pin_dir, bool everywhere, remove_keep keep, void *data, struct error *error)
{
	_cleanup_closedir_ DIR *directory = mounts_is_bpffs(pin_dir) ? opendir(pin_dir) : NULL;
	struct marked marked = {};
	int r = 0;

	if (directory)
		r = list_marked(directory, &marked);
	if (r == 0 && everywhere)
		r = list_all(&marked);
	if (r < 0)
		fail(error, -r, "out of memory");
	else
		r = remove_each(pin_dir, directory, &marked, keep, data, error);
	free(marked.inums);
	return r;
}

/* What is found without a pin. Who may not look for it has no reason to think that there is any. */
static int remove_orphans(const char *pin_dir, struct error *error)
{
	size_t count;
	int r = orphans_detach(pin_dir, NULL, 0, &count);

	return r < 0 && r != -EPERM ? fail(error, -r, "cannot look for links without pins: %s", strerror(-r)) : 0;
}

int remove_all(const char *pin_dir, struct error *error)
{
	int r;

	r = pins_sweep(pin_dir, NULL, NULL, error);
	if (r == 0)
		r = remove_orphans(pin_dir, error);
	if (r == 0)
		r = attach_remove_clsact(pin_dir, NULL, error); /* also those whose marks went with their bpffs */
	if (r == 0)
		r = programs_unpin(pin_dir, error);
	if (r == 0)
		r = remove_clsact(pin_dir, false, NULL, NULL, error);
	if (rmdir(pin_dir) < 0 && errno == ENOTEMPTY)
		fprintf(stderr, "stubsieve: %s stays, for what is in it is not ours\n", pin_dir);
	return r;
}

int remove_leftovers(const char *pin_dir, struct error *error)
{
	_cleanup_close_ int lock_fd = -1;
	int r;

	if (access(pin_dir, F_OK) < 0 && errno == EACCES)
		return fail(error, EACCES, "cannot look into %s: %s", pin_dir, strerror(EACCES));
	programs_silence_libbpf();
	if (mounts_is_bpffs(pin_dir))
		r = mounts_lock_pin_dir(pin_dir, &lock_fd, error);
	else
		r = 0;
	if (r == 0)
		r = orphans_check(pin_dir, error);
	if (r == 0 && lock_fd >= 0)
		return remove_all(pin_dir, error);
	if (r == 0) /* nothing is pinned there, or no longer */
		r = remove_orphans(pin_dir, error);
	if (r == 0)
		r = remove_clsact(pin_dir, true, NULL, NULL, error);
	return r == -EPERM ? 0 : r; /* nothing says that there is any in a namespace that cannot be entered */
}
