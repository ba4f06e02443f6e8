/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "scope_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

/* The deepest directory of cgroups that is searched for processes. */
#define DEPTH_MAX 64

/* A walk through the cgroups below one of the scope. */
struct walk {
	const struct scope *scope;
	scope_process_callback callback;
	void *data;
	bool is_over;
};

static const struct scope_entry *find_listed(const struct scope *scope, uint64_t id)
{
	for (size_t i = 0; i < scope->count; i++)
		if (scope->entries[i].cgroup.id == id)
			return &scope->entries[i];
	return NULL;
}

static void walk_processes(struct walk *walk, int directory_fd)
{
	_cleanup_close_ int fd = openat(directory_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	_cleanup_fclose_ FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	int pid;

	if (file)
		fd = -1;
	while (file && !walk->is_over && fscanf(file, "%d", &pid) == 1)
		if (pid > 0 && !walk->callback(pid, walk->data)) /* 0 is one of another pid namespace */
			walk->is_over = true;
}

/* `is_in_scope` is what holds above; a listed cgroup changes it for what is below. */
static void walk_cgroup(struct walk *walk, int fd, bool is_in_scope, unsigned int depth)
{
	_cleanup_closedir_ DIR *directory = NULL;
	const struct scope_entry *listed = NULL;
	struct dirent *entry;
	struct stat status;

	if (fstat(fd, &status) == 0)
		listed = find_listed(walk->scope, status.st_ino);
	if (listed)
		is_in_scope = listed->kind == SIEVE_CGROUP_SCOPE;
	directory = fdopendir(fd);
	if (!directory) {
		close(fd);
		return;
	}
	if (is_in_scope)
		walk_processes(walk, dirfd(directory));
	while (depth < DEPTH_MAX && !walk->is_over && (entry = readdir(directory))) {
		int below;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		below = openat(dirfd(directory), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (below >= 0)
			walk_cgroup(walk, below, is_in_scope, depth + 1);
	}
}

static void walk_from(struct walk *walk, const struct scope_entry *entry)
{
	int fd = scope_open_entry(walk->scope, entry);

	if (fd >= 0)
		walk_cgroup(walk, fd, true, 0);
}

void scope_each_process(const struct scope *scope, scope_process_callback callback, void *data)
{
	struct walk walk = { .scope = scope, .callback = callback, .data = data };

	if (scope->whole_host)
		walk_from(&walk, &scope->root);
	for (size_t i = 0; !scope->whole_host && i < scope->count; i++) {
		const struct scope_entry *entry = &scope->entries[i];

		if (entry->kind == SIEVE_CGROUP_SCOPE && entry->cgroup.id && !scope_is_covered(scope, entry))
			walk_from(&walk, entry);
	}
}
