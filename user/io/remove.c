/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "loading.h"
#include "mounts.h"
#include "netns.h"
#include "orphans.h"
#include "privilege.h"
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

/* By a process that was in the namespace. -ENOENT: it is gone, or elsewhere by now. */
static int open_of(pid_t pid, uint32_t inum, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	uint32_t found;

	if (netns_open(pid, &fd, &found) < 0 || found != inum)
		return -ENOENT;
	*ret_fd = take_fd(&fd);
	return 0;
}

/* With CAP_SYS_PTRACE all may be looked at but those that hold more capabilities, which no container does. */
static bool may_look_at_all(void)
{
	struct privilege privilege;

	privilege_read(&privilege);
	return privilege.effective & 1ULL << CAP_SYS_PTRACE;
}

/* Any process that is in the namespace. -ENOENT: there is none. -EACCES: none of those that may be looked at. */
static int open_by_process(uint32_t inum, int *ret_fd)
{
	_cleanup_closedir_ DIR *directory = opendir("/proc");
	struct dirent *entry;
	bool is_denied = false;

	while (directory && (entry = readdir(directory))) {
		pid_t pid = (pid_t)atoi(entry->d_name);
		uint32_t found = pid > 0 ? netns_of(pid) : 0;

		if (pid > 0 && !found && (errno == EACCES || errno == EPERM))
			is_denied = true;
		if (found == inum && open_of(pid, inum, ret_fd) == 0)
			return 0;
	}
	return is_denied && !may_look_at_all() ? -EACCES : -ENOENT;
}

/* One that nobody is in and that has no name is gone, and its filters with it. */
static int remove_in(const struct remove_sweep *sweep, const struct remove_place *place, struct attachments *keep,
		     struct error *error)
{
	const uint32_t inum = place->inum;
	_cleanup_close_ int fd = -1, back = -1;
	uint32_t own;
	int r;

	r = netns_open(0, &back, &own);
	if (r < 0)
		return fail(error, -r, "cannot open the network namespace: %s", strerror(-r));
	if (own == inum)
		return attach_remove_clsact(sweep->pin_dir, 0, keep, error);
	r = place->pid ? open_of(place->pid, inum, &fd) : -ENOENT;
	if (r < 0)
		r = netns_open_named(inum, &fd);
	if (r < 0)
		r = open_by_process(inum, &fd);
	if (r == -EACCES)
		return fail(error, EACCES, "cannot see whether the network namespace %" PRIu32 ", in which filters may be left, is gone: there are processes that may not be looked at without CAP_SYS_PTRACE",
			    inum);
	if (r < 0)
		return 0;
	r = netns_enter(fd);
	if (r < 0)
		return fail(error, -r, "cannot enter the network namespace %" PRIu32 ", in which filters are left: %s; in it, run: tc qdisc del dev INTERFACE clsact",
			    inum, strerror(-r));
	r = attach_remove_clsact(sweep->pin_dir, sweep->budget_ns, keep, error);
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

static int add_place(struct remove_sweep *sweep, uint32_t inum, pid_t pid)
{
	for (size_t i = 0; i < sweep->count; i++)
		if (sweep->places[i].inum == inum) {
			sweep->places[i].pid = pid;
			return 0;
		}
	if (sweep->count == sweep->room) {
		size_t room = sweep->room ? 2 * sweep->room : 16;
		struct remove_place *places = reallocarray(sweep->places, room, sizeof(*places));

		if (!places)
			return -ENOMEM;
		sweep->places = places;
		sweep->room = room;
	}
	sweep->places[sweep->count++] = (struct remove_place){ inum, pid };
	return 0;
}

/* The namespaces of which there are marks. */
static int list_marked(struct remove_sweep *sweep)
{
	struct dirent *entry;
	int r = 0;

	while (r == 0 && sweep->directory && (entry = readdir(sweep->directory))) {
		uint32_t inum = netns_of_mark(entry->d_name);

		if (inum)
			r = add_place(sweep, inum, 0);
	}
	return r;
}

/* Every namespace that a process or a name leads to. */
static int list_all(struct remove_sweep *sweep)
{
	_cleanup_closedir_ DIR *directory = opendir("/proc");
	struct netns_names names;
	struct dirent *entry;
	int r = 0;

	while (r == 0 && directory && (entry = readdir(directory))) {
		pid_t pid = (pid_t)atoi(entry->d_name);
		uint32_t inum = pid > 0 ? netns_of(pid) : 0;

		if (inum)
			r = add_place(sweep, inum, pid);
	}
	netns_names_read(&names);
	for (size_t i = 0; r == 0 && i < names.count; i++)
		r = add_place(sweep, names.entries[i].inum, 0);
	netns_names_free(&names);
	return r;
}

int remove_sweep_begin(struct remove_sweep *sweep, const char *pin_dir, bool everywhere, uint64_t budget_ns,
		       struct error *error)
{
	int r;

	*sweep = (struct remove_sweep){ .pin_dir = pin_dir, .budget_ns = budget_ns };
	sweep->directory = mounts_is_bpffs(pin_dir) ? opendir(pin_dir) : NULL;
	r = list_marked(sweep);
	if (r == 0 && everywhere)
		r = list_all(sweep);
	if (r == 0)
		return 0;
	remove_sweep_end(sweep);
	return fail(error, -r, "out of memory");
}

/* Where it fails the marks stay, for the next time. */
int remove_sweep_next(struct remove_sweep *sweep, remove_keep keep, void *data, struct error *error)
{
	const struct remove_place *place;
	struct attachments *kept;
	int r;

	if (sweep->next == sweep->count)
		return 0;
	place = &sweep->places[sweep->next++];
	kept = keep ? keep(place->inum, data) : NULL;
	r = remove_in(sweep, place, kept, error);
	if (r < 0)
		return r;
	if (!kept && sweep->directory)
		remove_marks(sweep->directory, place->inum);
	return 1;
}

void remove_sweep_end(struct remove_sweep *sweep)
{
	if (sweep->directory)
		closedir(sweep->directory);
	free(sweep->places);
	*sweep = (struct remove_sweep){};
}

int remove_clsact(const char *pin_dir, bool everywhere, remove_keep keep, void *data, struct error *error)
{
	struct remove_sweep sweep;
	struct error later;
	int r, first;

	first = remove_sweep_begin(&sweep, pin_dir, everywhere, 0, error);
	if (first < 0)
		return first;
	while ((r = remove_sweep_next(&sweep, keep, data, first ? &later : error)) != 0)
		if (r < 0 && first == 0)
			first = r;
	remove_sweep_end(&sweep);
	return first;
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
		r = attach_remove_clsact(pin_dir, 0, NULL, error); /* also those whose marks went with their bpffs */
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
	loading_silence_libbpf();
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
