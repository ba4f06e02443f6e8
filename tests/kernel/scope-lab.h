/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For the tests of scopes: cgroups all below one of the test's own, but for those of `stubsieve exec`, which are below the
 * root by the name of a run directory of the test's own. Nothing is ever attached to the root.
 */
#ifndef TESTS_KERNEL_SCOPE_LAB_H
#define TESTS_KERNEL_SCOPE_LAB_H

#include "sandbox.h"

#include <sys/inotify.h>

#include "exec_cgroup.h"
#include "scope.h"

#define CHILDREN_MAX 16
#define IDS_MAX 8

static char root[PATH_MAX];   /* of the hierarchy */
static char run_dir[64];
static char here[2 * PATH_MAX]; /* the cgroup of one test */
static char pin_dir[PATH_MAX];
static struct config config;
static struct programs *programs;
static struct scope scope;
static int watch_fd = -1;
static pid_t children[CHILDREN_MAX];
static size_t child_count;

/* An absolute path, good until a few calls later. */
static inline const char *at(const char *name)
{
	static char paths[8][3 * PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % ARRAY_COUNT(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", here, name);
	return path;
}

/* The same, relative to the root of the hierarchy. */
static inline const char *relative(const char *name)
{
	return at(name) + strlen(root) + 1;
}

static inline void make(const char *name)
{
	if (mkdir(at(name), 0755) < 0)
		fail_msg("%s: %s", at(name), strerror(errno));
}

/* A process that was killed leaves its cgroup a moment later. */
static inline void unmake(const char *name)
{
	for (int i = 0; i < 100 && rmdir(at(name)) < 0; i++)
		pause_ms(10);
	assert_int_equal(access(at(name), F_OK), -1);
}

static inline uint64_t inode_of(const char *path)
{
	struct stat status;

	if (stat(path, &status) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return status.st_ino;
}

static inline uint64_t id_of(const char *name)
{
	return inode_of(at(name));
}

static inline void configure(const char *key, const char *path)
{
	char text[CONFIG_ERROR_MAX];

	if (config_set(&config, key, path, text) < 0)
		fail_msg("%s", text);
}

static inline int enter(void **state)
{
	static unsigned int count;

	(void)state;
	snprintf(here, sizeof(here), "%s/%u", sandbox_cgroup, count++);
	assert_int_equal(mkdir(here, 0755), 0);
	fresh_pin_dir(pin_dir);
	config_init(&config);
	strcpy(config.pin_dir, pin_dir);
	strcpy(config.run_dir, run_dir);
	watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	assert_true(watch_fd >= 0);
	scope = (struct scope){};
	programs = NULL;
	return 0;
}

static inline int leave(void **state)
{
	struct error error;

	(void)state;
	while (child_count > 0)
		end_child(children[--child_count]);
	scope_close(&scope);
	pins_sweep(pin_dir, NULL, NULL, &error);
	programs_free(programs);
	config_free(&config);
	close(watch_fd);
	exec_cgroup_remove(run_dir);
	remove_cgroups(here);
	return 0;
}

/* As `stubsieve exec` does it. */
static inline int have_exec(bool exempt, char *ret_path, size_t size, struct error *error)
{
	int r = scope_find_exec(&scope, exempt, ret_path, size, error);

	if (r < 0)
		r = exec_cgroup_make(ret_path, error);
	return r < 0 ? r : scope_find_exec(&scope, exempt, ret_path, size, error);
}

static inline void open_scope_quietly(void *data)
{
	struct error *error = data;

	error->kind = ERROR_FAILED;
	error->text[0] = '\0';
	if (scope_open(&scope, &config, watch_fd, error) == 0)
		error->text[0] = '\0';
}

/* Returns what was told on stderr; the text is the caller's. */
static inline char *open_scope_and_tell(void)
{
	struct error error;
	char *text = stderr_while(open_scope_quietly, &error);

	if (error.text[0])
		fail_msg("%s", error.text);
	return text;
}

static inline void open_scope(void)
{
	free(open_scope_and_tell());
}

/* It does not open: what it says. */
static inline struct error expect_no_scope(enum error_kind kind)
{
	struct error error;

	free(stderr_while(open_scope_quietly, &error));
	if (!error.text[0])
		fail_msg("it opens");
	if (error.kind != kind)
		fail_msg("kind %d: %s", (int)error.kind, error.text);
	scope_close(&scope);
	return error;
}

static inline void load(enum sieve_action action)
{
	config.action = action;
	programs = load_programs_as(action, (struct programs_request){
		.pin_dir = pin_dir, .max_netns = SANDBOX_NETNS_MAX, .sensor = config.netns == CONFIG_NETNS_SCOPE });
}

/* As the controller does. */
static inline void start(enum sieve_action action)
{
	struct error error = {};

	load(action);
	open_scope();
	assert_false(scope.whole_host);
	scope.programs = programs;
	assert_int_equal(scope_publish(&scope, true), 0);
	if (scope_attach(&scope, programs, &error) != 0)
		fail_msg("%s", error.text);
	assert_int_equal(scope_publish(&scope, false), 0);
}

static inline int open_map(void)
{
	char path[2 * PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroups-%d", pin_dir, SIEVE_ABI_VERSION);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	return fd;
}

/* What the map says of a cgroup; 0: nothing. */
static inline uint32_t kind_of(uint64_t id)
{
	uint32_t kind = 0;
	int fd = open_map();

	if (bpf_map_lookup_elem(fd, &id, &kind) < 0)
		kind = 0;
	close(fd);
	return kind;
}

static inline unsigned int count_published(void)
{
	uint64_t key, next, *previous = NULL;
	unsigned int count = 0;
	int fd = open_map();

	while (bpf_map_get_next_key(fd, previous, &next) == 0) {
		key = next;
		previous = &key;
		count++;
	}
	close(fd);
	return count;
}

static inline __u32 count_at(const char *path, enum bpf_attach_type type, __u32 ids[IDS_MAX])
{
	__u32 count = IDS_MAX;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(bpf_prog_query(fd, type, 0, NULL, ids, &count), 0);
	close(fd);
	return count;
}

static inline void expect_attached(const char *path, enum bpf_attach_type type, int program, bool is_there)
{
	__u32 ids[IDS_MAX], count = count_at(path, type, ids);

	if (count != is_there || (is_there && ids[0] != program_id(program)))
		fail_msg("%s has %u programs of type %d, not %d of ours", path, count, (int)type, is_there);
}

static inline void expect_sensor_at(const char *path, bool is_there)
{
	expect_attached(path, BPF_CGROUP_INET_SOCK_CREATE, programs_sensor_fd(programs), is_there);
}

static inline void expect_sensor(const char *name, bool is_there)
{
	expect_sensor_at(at(name), is_there);
}

static inline void expect_program(const char *name, bool is_there)
{
	expect_attached(at(name), BPF_CGROUP_INET_EGRESS, programs_cgroup_fd(programs), is_there);
}

static inline bool is_pinned(uint64_t id)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/cgroup-%llu", pin_dir, (unsigned long long)id);
	return access(path, F_OK) == 0;
}

static inline __u32 pinned_link(uint64_t id)
{
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);
	char path[2 * PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup-%llu", pin_dir, (unsigned long long)id);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	close(fd);
	return info.id;
}

/*
 * Did it come or go since the last time? Of others it may be told as well: a directory above that is watched is the
 * machine's.
 */
static inline bool is_told_of(const char *name)
{
	_Alignas(struct inotify_event) char buffer[65536];
	const struct inotify_event *event;
	bool is = false;
	ssize_t length;

	while ((length = read(watch_fd, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at_octet = 0; at_octet < length; at_octet += (ssize_t)sizeof(*event) + event->len) {
			event = (const void *)&buffer[at_octet];
			is |= event->len && strcmp(event->name, name) == 0;
		}
	}
	return is;
}

static bool any_came; /* by the last refresh */

static inline void refresh_quietly(void *data)
{
	(void)data;
	any_came = scope_refresh(&scope);
}

static inline void expect_to_hear(const char *want)
{
	char *text = stderr_while(refresh_quietly, NULL);

	if (want ? !strstr(text, want) : text[0] != '\0')
		fail_msg("told is \"%s\", not \"%s\"", text, want ? want : "");
	free(text);
}

static inline void refresh(void)
{
	expect_to_hear(NULL);
}

/* A copy of a sensor's descriptor would keep it attached. */
static inline void join_without_sensors(void *path)
{
	scope_close(&scope);
	child_join_cgroup(path);
}

static inline pid_t start_at(const char *path)
{
	char copy[PATH_MAX];
	pid_t child;

	assert_true(strlen(path) < sizeof(copy) && child_count < CHILDREN_MAX);
	strcpy(copy, path);
	child = start_idle(join_without_sensors, copy);
	children[child_count++] = child;
	return child;
}

static inline pid_t start_in(const char *name)
{
	return start_at(at(name));
}

static inline void end_last(void)
{
	end_child(children[--child_count]);
}

/* In scope, in it exempt, and in that in scope again. */
static inline void make_nest(void)
{
	make("a");
	make("a/b");
	make("a/b/c");
	make("a/b/c/d");
	make("ab");
	configure("cgroup", at("a"));
	configure("exempt-cgroup", at("a/b"));
	configure("cgroup", at("a/b/c"));
}

static inline unsigned int count_lines(const char *text)
{
	unsigned int count = 0;

	for (; (text = strchr(text, '\n')); text++)
		count++;
	return count;
}

static inline char *make_exec(bool exempt)
{
	static char path[PATH_MAX];
	struct error error = {};

	if (have_exec(exempt, path, sizeof(path), &error) != 0)
		fail_msg("%s", error.text);
	return path;
}

/* By the keeper, should a test end before it comes to that. */
static inline bool remove_exec(void)
{
	for (int i = 0; i < 20; i++) {
		exec_cgroup_remove(run_dir);
		pause_ms(10);
	}
	return true;
}

static inline int enter_scope_group(void **state, const char *name)
{
	struct error error;

	if (enter_sandbox(state) < 0)
		return -1;
	assert_int_equal(mounts_find_cgroup2(root, sizeof(root), &error), 0);
	snprintf(run_dir, sizeof(run_dir), SANDBOX "/%s-%d", name, (int)getpid());
	sandbox_tidy = remove_exec;
	make_cgroups(name);
	return 0;
}

#endif
