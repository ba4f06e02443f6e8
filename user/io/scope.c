/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "scope.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "exec_cgroup.h"

#define EXEC_CGROUPS 2

bool scope_uses_cgroups(const struct config *config)
{
	enum sieve_action action = config_action(config);

	return action == SIEVE_ACTION_OBSERVE || action == SIEVE_ACTION_REJECT;
}

/* A cgroup that is not there has a place all the same. */
static int add_entry(struct scope *scope, const char *path, enum sieve_cgroup kind, bool is_for_exec, struct error *error)
{
	struct scope_entry *entry = &scope->entries[scope->count];
	int r;

	*entry = (struct scope_entry){ .kind = kind, .is_for_exec = is_for_exec, .sensor_fd = -1, .watch = -1 };
	r = mounts_find_cgroup(path, &entry->cgroup, NULL, error);
	if (r == -ENOENT && error->kind == ERROR_USAGE)
		r = mounts_place_cgroup(path, &entry->cgroup, error);
	if (r < 0)
		return r;
	if (entry->cgroup.level >= SIEVE_CGROUP_LEVELS)
		return fail_as(error, ERROR_USAGE, E2BIG, "the cgroup %s lies deeper than level %d; name one above it",
			       entry->cgroup.path, SIEVE_CGROUP_LEVELS - 1);
	if (entry->cgroup.id == 0 && !is_for_exec)
		fprintf(stderr, "stubsieve: the cgroup %s is not there yet; it is %s as soon as it is made\n",
			entry->cgroup.path, kind == SIEVE_CGROUP_EXEMPT ? "exempt" : "in scope");
	for (size_t i = 0; i < scope->count; i++)
		if (scope->entries[i].kind != kind && strcmp(scope->entries[i].cgroup.path, entry->cgroup.path) == 0)
			return fail_as(error, ERROR_USAGE, EINVAL, "the cgroup %s is both in scope and exempt; name it once",
				       entry->cgroup.path);
	scope->count++;
	return 0;
}

/*
 * Watch the directory in which the cgroup can come or go; above a missing one, the nearest that is there. What is
 * lost here the regular look finds. Returns the watch, -1 for none.
 */
static int watch_path(const struct scope *scope, const char *path)
{
	char joined[2 * PATH_MAX];
	char *slash;
	int watch = -1;

	snprintf(joined, sizeof(joined), "%s%s", scope->mount, path);
	while (watch < 0 && strlen(joined) > strlen(scope->mount) && (slash = strrchr(joined, '/'))) {
		*slash = '\0';
		watch = inotify_add_watch(scope->watch_fd, joined[0] ? joined : "/", IN_CREATE | IN_DELETE | IN_ONLYDIR);
	}
	return watch;
}

static bool is_watch_used(const struct scope *scope, int watch)
{
	for (size_t i = 0; i < scope->count; i++)
		if (scope->entries[i].watch == watch)
			return true;
	return false;
}

/* A watch of a cgroup that is gone stays until it is removed: the kernel does not do it. */
static void watch_all(struct scope *scope)
{
	for (size_t i = 0; scope->watch_fd >= 0 && i < scope->count; i++) {
		struct scope_entry *entry = &scope->entries[i];
		int before = entry->watch;

		entry->watch = watch_path(scope, entry->cgroup.path);
		if (before >= 0 && !is_watch_used(scope, before))
			inotify_rm_watch(scope->watch_fd, before);
	}
}

static int open_hierarchy(struct scope *scope, struct error *error)
{
	int r = mounts_find_hierarchy(scope->mount, sizeof(scope->mount), error);

	if (r < 0)
		return r;
	return mounts_find_cgroup("/", &scope->root.cgroup, &scope->mount_fd, error);
}

static int add_entries(struct scope *scope, struct error *error)
{
	const struct config *config = scope->config;
	char path[128];
	int r = 0;

	for (size_t i = 0; r == 0 && i < config->cgroup_count; i++)
		r = add_entry(scope, config->cgroups[i], SIEVE_CGROUP_SCOPE, false, error);
	for (size_t i = 0; r == 0 && i < config->exempt_cgroup_count; i++)
		r = add_entry(scope, config->exempt_cgroups[i], SIEVE_CGROUP_EXEMPT, false, error);
	for (enum sieve_cgroup kind = SIEVE_CGROUP_SCOPE; r == 0 && kind <= SIEVE_CGROUP_EXEMPT; kind++) {
		exec_cgroup_path(config->run_dir, kind, path);
		r = add_entry(scope, path, kind, true, error);
	}
	return r;
}

/* The sensor tells of processes by their numbers in the first pid namespace (PROC_PID_INIT_INO). */
static bool may_use_sensor(void)
{
	struct stat status;

	if (stat("/proc/self/ns/pid", &status) < 0 || status.st_ino == 0xEFFFFFFC)
		return true;
	fprintf(stderr, "stubsieve: in a pid namespace of its own it follows the network namespaces that are there at the start; run it outside, or with --netns self\n");
	return false;
}

int scope_open(struct scope *scope, const struct config *config, int watch_fd, struct error *error)
{
	int r;

	*scope = (struct scope){
		.config = config,
		.whole_host = config->cgroup_count == 0,
		.uses_sensor = config->netns == CONFIG_NETNS_SCOPE && may_use_sensor(),
		.mount_fd = -1,
		.root = { .kind = SIEVE_CGROUP_SCOPE, .sensor_fd = -1 },
		.watch_fd = watch_fd,
	};
	scope->entries = calloc(config->cgroup_count + config->exempt_cgroup_count + EXEC_CGROUPS, sizeof(*scope->entries));
	if (!scope->entries)
		return fail(error, ENOMEM, "out of memory");
	r = open_hierarchy(scope, error);
	if (r == 0)
		r = add_entries(scope, error);
	if (r == 0)
		watch_all(scope);
	return r;
}

void scope_close(struct scope *scope)
{
	if (!scope->entries) /* it was never opened */
		return;
	for (size_t i = 0; i < scope->count; i++)
		cleanup_close(&scope->entries[i].sensor_fd);
	cleanup_close(&scope->root.sensor_fd);
	cleanup_close(&scope->mount_fd);
	free(scope->entries);
	scope->entries = NULL;
	scope->count = 0;
}

uint32_t scope_levels(const struct scope *scope)
{
	uint32_t levels = 0;

	for (size_t i = 0; i < scope->count; i++)
		levels |= 1U << scope->entries[i].cgroup.level;
	return levels;
}

int scope_publish(struct scope *scope, bool only_add)
{
	_cleanup_free_ struct programs_cgroup *list = calloc(scope->count, sizeof(*list));
	size_t count = 0;
	int r;

	scope->is_published = false;
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < scope->count; i++)
		if (scope->entries[i].cgroup.id)
			list[count++] = (struct programs_cgroup){ scope->entries[i].cgroup.id, scope->entries[i].kind };
	r = programs_set_cgroups(scope->programs, list, count, only_add);
	scope->is_published = r == 0;
	return r;
}

static bool is_below(const char *path, const char *above)
{
	size_t length = strlen(above);

	if (strcmp(above, "/") == 0)
		return true;
	return strncmp(path, above, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

bool scope_is_covered(const struct scope *scope, const struct scope_entry *entry)
{
	if (scope->whole_host)
		return true;
	for (size_t i = 0; i < scope->count; i++) {
		const struct scope_entry *other = &scope->entries[i];

		if (other == entry || other->kind != SIEVE_CGROUP_SCOPE || !other->cgroup.id ||
		    !is_below(entry->cgroup.path, other->cgroup.path))
			continue;
		if (other->cgroup.level < entry->cgroup.level || other < entry)
			return true;
	}
	return false;
}

int scope_open_entry(const struct scope *scope, const struct scope_entry *entry)
{
	const char *path = entry->cgroup.path[1] ? entry->cgroup.path + 1 : ".";

	return openat(scope->mount_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* What hangs at one cgroup of the scope: the sensor, and the program of actions that work on cgroups. */
static int attach_to(const struct scope *scope, struct scope_entry *entry, struct error *error)
{
	_cleanup_close_ int fd = scope_open_entry(scope, entry);
	int r = 0;

	if (fd < 0) /* gone meanwhile */
		return 0;
	if (scope_uses_cgroups(scope->config))
		r = attach_cgroup(scope->config->pin_dir, &entry->cgroup, fd, scope->programs, error);
	if (r < 0 || !scope->uses_sensor || entry->sensor_fd >= 0)
		return r;
	r = attach_sensor(fd, scope->programs);
	if (r == -EPERM)
		return attach_explain_denied(&entry->cgroup, BPF_CGROUP_INET_SOCK_CREATE,
					     "the sensor (--netns self does without)", error);
	if (r < 0)
		return fail(error, -r, "cannot attach the sensor to the cgroup %s: %s; --netns self does without it",
			    entry->cgroup.path, strerror(-r));
	entry->sensor_fd = r;
	return 0;
}

/* `error` tells of the first that failed; the others are done all the same. */
static int attach_all(struct scope *scope, struct error *error)
{
	struct error later;
	int first = 0;

	if (scope->whole_host)
		return attach_to(scope, &scope->root, error);
	for (size_t i = 0; i < scope->count; i++) {
		struct scope_entry *entry = &scope->entries[i];
		int r = 0;

		if (entry->kind == SIEVE_CGROUP_SCOPE && entry->cgroup.id && !scope_is_covered(scope, entry))
			r = attach_to(scope, entry, first ? &later : error);
		if (first == 0)
			first = r;
	}
	return first;
}

int scope_attach(struct scope *scope, struct programs *programs, struct error *error)
{
	scope->programs = programs;
	scope->attaches = true;
	return attach_all(scope, error);
}

/* Its links are dead, though they still look attached. */
static void let_go(const struct scope *scope, struct scope_entry *entry)
{
	cleanup_close(&entry->sensor_fd);
	entry->sensor_fd = -1;
	attach_forget_cgroup(scope->config->pin_dir, entry->cgroup.id);
	entry->cgroup.id = 0;
}

/* Its id now, 0 if it is not there. In doubt it is what it was. */
static uint64_t current_id(const struct scope *scope, const struct scope_entry *entry)
{
	struct stat status;

	if (fstatat(scope->mount_fd, entry->cgroup.path + 1, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return status.st_ino;
	return errno == ENOENT || errno == ENODEV ? 0 : entry->cgroup.id;
}

/* Did the cgroup come, go, or become another? */
static bool look_for(const struct scope *scope, struct scope_entry *entry)
{
	uint64_t id = entry->cgroup.path[1] ? current_id(scope, entry) : scope->root.cgroup.id;

	if (id == entry->cgroup.id)
		return false;
	if (entry->cgroup.id)
		let_go(scope, entry);
	entry->cgroup.id = id;
	return true;
}

static void tell(struct scope *scope, const char *text)
{
	if (strcmp(text, scope->trouble) == 0)
		return;
	fprintf(stderr, "stubsieve: %s\n", text);
	snprintf(scope->trouble, sizeof(scope->trouble), "%s", text);
}

/* What came and went, in the map and attached to. What fails is tried again with the next look. */
static int follow(struct scope *scope, struct error *error)
{
	struct error later;
	int r = scope_publish(scope, false), attached;

	if (r < 0)
		fail(error, -r, "cannot write the cgroups to their map: %s", strerror(-r));
	attached = scope->attaches ? attach_all(scope, r < 0 ? &later : error) : 0;
	return r < 0 ? r : attached;
}

bool scope_refresh(struct scope *scope)
{
	struct error error;
	bool changed = false, came = false;

	watch_all(scope); /* before the look, so that nothing comes in between */
	for (size_t i = 0; i < scope->count; i++) {
		bool is_other = look_for(scope, &scope->entries[i]);

		changed |= is_other;
		came |= is_other && scope->entries[i].cgroup.id;
	}
	if (!changed && !scope->trouble[0])
		return false;
	if (follow(scope, &error) < 0)
		tell(scope, error.text);
	else
		scope->trouble[0] = '\0';
	return came;
}

bool scope_wants(const struct scope *scope, const struct pin *pin)
{
	if (!pin->cgroup || !scope_uses_cgroups(scope->config))
		return false;
	if (scope->whole_host)
		return pin->cgroup == scope->root.cgroup.id;
	for (size_t i = 0; i < scope->count; i++) {
		const struct scope_entry *entry = &scope->entries[i];

		if (entry->cgroup.id == pin->cgroup && entry->kind == SIEVE_CGROUP_SCOPE && !scope_is_covered(scope, entry))
			return true;
	}
	return false;
}

bool scope_is_attached(const struct scope *scope, const struct scope_entry *entry)
{
	if (!entry->cgroup.id || (entry->cgroup.path[1] && current_id(scope, entry) != entry->cgroup.id))
		return false;
	if (entry->kind == SIEVE_CGROUP_EXEMPT || !scope_uses_cgroups(scope->config) || scope_is_covered(scope, entry))
		return true;
	return attach_cgroup_is_live(scope->config->pin_dir, entry->cgroup.id);
}

/* Trouble with other cgroups does not matter. */
static bool is_exec_in_force(const struct scope *scope, bool exempt)
{
	const enum sieve_cgroup kind = exempt ? SIEVE_CGROUP_EXEMPT : SIEVE_CGROUP_SCOPE;

	for (size_t i = 0; i < scope->count; i++)
		if (scope->entries[i].is_for_exec && scope->entries[i].kind == kind)
			return scope->is_published && scope_is_attached(scope, &scope->entries[i]);
	return false;
}

int scope_find_exec(struct scope *scope, bool exempt, char *ret_path, size_t size, struct error *error)
{
	char path[128];

	exec_cgroup_path(scope->config->run_dir, exempt ? SIEVE_CGROUP_EXEMPT : SIEVE_CGROUP_SCOPE, path);
	snprintf(ret_path, size, "%s%s", scope->mount, path);
	scope_refresh(scope);
	if (!is_exec_in_force(scope, exempt))
		return fail_as(error, ERROR_FAILED, EIO, "the cgroup %s is not in force: %s", ret_path,
			       scope->trouble[0] ? scope->trouble : "it is not there");
	return 0;
}

bool scope_exempts(const struct scope *scope, pid_t pid)
{
	const struct scope_entry *nearest = NULL;
	char path[PATH_MAX];

	if (!mounts_cgroup_of(pid, path, sizeof(path)))
		return false;
	for (size_t i = 0; i < scope->count; i++) {
		const struct scope_entry *entry = &scope->entries[i];

		if (entry->cgroup.id && is_below(path, entry->cgroup.path) &&
		    (!nearest || entry->cgroup.level > nearest->cgroup.level))
			nearest = entry;
	}
	return nearest && nearest->kind == SIEVE_CGROUP_EXEMPT;
}
