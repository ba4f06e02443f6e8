/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "scope.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

#define EXEC_CGROUPS 2
#define DEFAULT_RUN_DIR "/run/stubsieve"

/* The deepest directory of cgroups that is searched for processes. */
#define DEPTH_MAX 64

bool scope_uses_cgroups(const struct config *config)
{
	enum sieve_action action = config_action(config);

	return action == SIEVE_ACTION_OBSERVE || action == SIEVE_ACTION_REJECT;
}

/* The cgroup above the two for commands, of its own for every run directory. */
static void exec_parent(const char *run_dir, char name[64])
{
	uint32_t hash = 0x811c9dc5; /* FNV-1a */

	for (const char *octet = run_dir; *octet; octet++)
		hash = (hash ^ (unsigned char)*octet) * 0x01000193;
	if (strcmp(run_dir, DEFAULT_RUN_DIR) == 0)
		strcpy(name, "/stubsieve");
	else
		snprintf(name, 64, "/stubsieve-%08" PRIx32, hash);
}

static void exec_path(const char *run_dir, enum sieve_cgroup kind, char path[128])
{
	char parent[64];

	exec_parent(run_dir, parent);
	snprintf(path, 128, "%s/%s", parent, kind == SIEVE_CGROUP_EXEMPT ? "exempt" : "scope");
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
		exec_path(config->run_dir, kind, path);
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

/* Below a scope already, or the same as one before it? One program is enough, or queries would be counted twice. */
static bool is_covered(const struct scope *scope, const struct scope_entry *entry)
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

static int open_entry(const struct scope *scope, const struct scope_entry *entry)
{
	const char *path = entry->cgroup.path[1] ? entry->cgroup.path + 1 : ".";

	return openat(scope->mount_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* What hangs at one cgroup of the scope: the sensor, and the program of actions that work on cgroups. */
static int attach_to(const struct scope *scope, struct scope_entry *entry, struct error *error)
{
	_cleanup_close_ int fd = open_entry(scope, entry);
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

		if (entry->kind == SIEVE_CGROUP_SCOPE && entry->cgroup.id && !is_covered(scope, entry))
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

		if (entry->cgroup.id == pin->cgroup && entry->kind == SIEVE_CGROUP_SCOPE && !is_covered(scope, entry))
			return true;
	}
	return false;
}

bool scope_is_attached(const struct scope *scope, const struct scope_entry *entry)
{
	if (!entry->cgroup.id || (entry->cgroup.path[1] && current_id(scope, entry) != entry->cgroup.id))
		return false;
	if (entry->kind == SIEVE_CGROUP_EXEMPT || !scope_uses_cgroups(scope->config) || is_covered(scope, entry))
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

	exec_path(scope->config->run_dir, exempt ? SIEVE_CGROUP_EXEMPT : SIEVE_CGROUP_SCOPE, path);
	snprintf(ret_path, size, "%s%s", scope->mount, path);
	scope_refresh(scope);
	if (!is_exec_in_force(scope, exempt))
		return fail_as(error, ERROR_FAILED, EIO, "the cgroup %s is not in force: %s", ret_path,
			       scope->trouble[0] ? scope->trouble : "it is not there");
	return 0;
}

int scope_make_exec(const char *path, struct error *error)
{
	char parent[PATH_MAX];
	char *slash;

	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (slash)
		*slash = '\0';
	if ((mkdir(parent, 0755) < 0 && errno != EEXIST) || (mkdir(path, 0755) < 0 && errno != EEXIST))
		return fail(error, errno, "cannot make the cgroup %s: %s", path, strerror(errno));
	return 0;
}

void scope_remove_exec(const char *run_dir)
{
	char mount[PATH_MAX], name[128], path[PATH_MAX + 128];
	struct error error;

	if (mounts_find_cgroup2(mount, sizeof(mount), &error) < 0)
		return;
	for (enum sieve_cgroup kind = SIEVE_CGROUP_SCOPE; kind <= SIEVE_CGROUP_EXEMPT; kind++) {
		exec_path(run_dir, kind, name);
		snprintf(path, sizeof(path), "%s%s", mount, name);
		if (rmdir(path) < 0 && errno == EBUSY)
			fprintf(stderr, "stubsieve: the cgroup %s stays, for commands of `stubsieve exec` run in it; `stubsieve stop` removes it when they have ended\n",
				path);
	}
	exec_parent(run_dir, name);
	snprintf(path, sizeof(path), "%s%s", mount, name);
	rmdir(path);
}

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
	int fd = open_entry(walk->scope, entry);

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

		if (entry->kind == SIEVE_CGROUP_SCOPE && entry->cgroup.id && !is_covered(scope, entry))
			walk_from(&walk, entry);
	}
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
