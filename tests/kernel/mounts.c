/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <bpf/bpf.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#define OURS "/sys/fs/bpf"

static int enter(void **state)
{
	if (enter_sandbox(state) < 0)
		return -1;
	make_cgroups("mounts");
	return 0;
}

static void assert_says(const struct error *error, enum error_kind kind, const char *text)
{
	if (error->kind != kind || !strstr(error->text, text))
		fail_msg("kind %d: %s", (int)error->kind, error->text);
}

/* The mount point of the test's cgroups. */
static void find_root(char root[PATH_MAX])
{
	struct error error = {};

	if (mounts_find_cgroup2(root, PATH_MAX, &error) != 0)
		fail_msg("%s", error.text);
}

static struct cgroup find_cgroup(const char *path)
{
	struct cgroup cgroup = {};
	struct error error = {};

	if (mounts_find_cgroup(path, &cgroup, NULL, &error) != 0)
		fail_msg("%s: %s", path, error.text);
	return cgroup;
}

static uint64_t inode_of(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return status.st_ino;
}

static void expect_no_cgroup(const char *path)
{
	struct cgroup cgroup = { .id = 99 };
	struct error error = {};
	int fd = -99;

	assert_true(mounts_find_cgroup(path, &cgroup, &fd, &error) < 0);
	assert_int_equal(cgroup.id, 99);
	assert_int_equal(fd, -99);
	if (error.kind != ERROR_USAGE || error.text[0] == '\0')
		fail_msg("%s: kind %d: %s", path, (int)error.kind, error.text);
}

/*
 * In a mount namespace of its own: this directory of cgroup2 is at these places below SANDBOX, and cgroup2 nowhere
 * else. Bind mounts, because a new mount sets the options of the whole hierarchy anew.
 */
static void show_cgroup2(const char *directory, const char *const *points, size_t count)
{
	char root[PATH_MAX];
	struct error error;

	CHILD_CHECK(unshare(CLONE_NEWNS) == 0);
	for (size_t i = 0; i < count; i++) {
		CHILD_CHECK(mkdir(points[i], 0755) == 0);
		CHILD_CHECK(mount(directory, points[i], NULL, MS_BIND, NULL) == 0);
	}
	for (int i = 0; i < 16 && mounts_find_cgroup2(root, sizeof(root), &error) == 0; i++) {
		if (strncmp(root, SANDBOX "/", strlen(SANDBOX "/")) == 0)
			break;
		CHILD_CHECK(umount2(root, MNT_DETACH) == 0);
	}
}

static void move_cgroup2(const char *const *points, size_t count)
{
	char root[PATH_MAX];
	struct error error;

	CHILD_CHECK(mounts_find_cgroup2(root, sizeof(root), &error) == 0);
	show_cgroup2(root, points, count);
}

static void cgroup2_is_found_wherever_it_is_mounted(void **state)
{
	struct statfs fs;
	char root[PATH_MAX];

	(void)state;
	find_root(root);
	assert_int_equal(statfs(root, &fs), 0);
	assert_int_equal(fs.f_type, CGROUP2_SUPER_MAGIC);
}

/* Beside hierarchies of cgroup 1 and file systems whose names and sources look like it. */
static void cgroup2_is_found_in_a_hybrid_layout(void **state)
{
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		static const char *const points[] = { SANDBOX "/hybrid/unified" };
		char found[PATH_MAX] = "";
		struct error error = {};

		CHILD_CHECK(mkdir(SANDBOX "/hybrid", 0755) == 0);
		CHILD_CHECK(mount("cgroup2", SANDBOX "/hybrid", "tmpfs", 0, NULL) == 0);
		CHILD_CHECK(mkdir(SANDBOX "/hybrid/cgroup2", 0755) == 0);
		CHILD_CHECK(mount("none", SANDBOX "/hybrid/cgroup2", "tmpfs", 0, NULL) == 0);
		move_cgroup2(points, ARRAY_COUNT(points));
		CHILD_CHECK(mounts_find_cgroup2(found, sizeof(found), &error) == 0);
		CHILD_CHECK(strcmp(found, SANDBOX "/hybrid/unified") == 0);
		_exit(0);
	}
	expect_exit(child, 0);
}

static void without_cgroup2_the_error_names_the_cure(void **state)
{
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		char found[PATH_MAX] = "untouched";
		struct cgroup cgroup;
		struct error error = {};

		move_cgroup2(NULL, 0);
		CHILD_CHECK(mounts_find_cgroup2(found, sizeof(found), &error) == -ENOENT);
		CHILD_CHECK(error.kind == ERROR_KERNEL && strstr(error.text, "mount -t cgroup2"));
		CHILD_CHECK(strcmp(found, "untouched") == 0);
		memset(&error, 0, sizeof(error));
		CHILD_CHECK(mounts_find_cgroup("/", &cgroup, NULL, &error) == -ENOENT);
		CHILD_CHECK(error.kind == ERROR_KERNEL);
		_exit(0);
	}
	expect_exit(child, 0);
}

static void a_mount_point_that_does_not_fit_is_passed_over(void **state)
{
	char root[PATH_MAX], small[2] = "x";
	struct error error = {};

	(void)state;
	find_root(root);
	assert_true(strlen(root) >= sizeof(small));
	assert_int_equal(mounts_find_cgroup2(small, sizeof(small), &error), -ENOENT);
	assert_string_equal(small, "x");
}

static void the_root_is_level_0(void **state)
{
	char root[PATH_MAX];
	struct cgroup cgroup;

	(void)state;
	find_root(root);
	cgroup = find_cgroup("/");
	assert_string_equal(cgroup.path, "/");
	assert_int_equal(cgroup.level, 0);
	assert_int_equal(cgroup.id, inode_of(root));
	assert_int_equal(find_cgroup(root).id, cgroup.id);
	assert_int_equal(find_cgroup(root).level, 0);
}

static void a_cgroup_is_found_by_every_way_to_write_its_path(void **state)
{
	char root[PATH_MAX], path[PATH_MAX], deep[PATH_MAX], way[2 * PATH_MAX];
	const char *name;
	uint64_t id;

	(void)state;
	find_root(root);
	make_cgroup("a", path);
	make_cgroup("a/b", deep);
	name = path + strlen(root) + 1;
	id = inode_of(path);
	assert_int_equal(find_cgroup(path).id, id);
	assert_int_equal(find_cgroup(path).level, 2);
	assert_string_equal(find_cgroup(path).path, path + strlen(root));
	assert_int_equal(find_cgroup(name).id, id);
	assert_int_equal(find_cgroup(name).level, 2);
	snprintf(way, sizeof(way), "/%s", name);
	assert_int_equal(find_cgroup(way).id, id);
	snprintf(way, sizeof(way), "%s//", path);
	assert_int_equal(find_cgroup(way).id, id);
	assert_int_equal(find_cgroup(way).level, 2);
	assert_string_equal(find_cgroup(way).path, path + strlen(root));
	snprintf(way, sizeof(way), "%s/b/../../a/./", path);
	assert_int_equal(find_cgroup(way).id, id);
	assert_int_equal(find_cgroup(way).level, 2);
	assert_int_equal(find_cgroup(deep).id, inode_of(deep));
	assert_int_equal(find_cgroup(deep).level, 3);
	assert_int_not_equal(find_cgroup(deep).id, id);
}

static void the_descriptor_is_that_cgroup_and_the_callers(void **state)
{
	struct cgroup cgroup;
	struct error error;
	struct stat status;
	unsigned int before = count_descriptors();
	int fd = -1;
	char path[PATH_MAX];

	(void)state;
	make_cgroup("fd", path);
	assert_int_equal(mounts_find_cgroup(path, &cgroup, &fd, &error), 0);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_ino, cgroup.id);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	find_cgroup(path);
	assert_int_equal(count_descriptors(), before);
}

static void what_is_no_cgroup_is_refused(void **state)
{
	char path[PATH_MAX], way[2 * PATH_MAX], long_name[PATH_MAX + 10];

	(void)state;
	make_cgroup("file", path);
	expect_no_cgroup("not-there");
	expect_no_cgroup("/not-there");
	expect_no_cgroup(SANDBOX);
	expect_no_cgroup("..");
	expect_no_cgroup("../../../../../../" SANDBOX);
	snprintf(way, sizeof(way), "%s/cgroup.procs", path);
	expect_no_cgroup(way);
	snprintf(way, sizeof(way), "%s/not-there/..", path);
	expect_no_cgroup(way);
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	expect_no_cgroup(long_name);
}

/* Another cgroup2 mount whose path begins with the same octets, and a symlink out of the mount. */
static void a_neighbour_of_the_mount_is_not_inside(void **state)
{
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		static const char *const points[] = { SANDBOX "/c", SANDBOX "/cx" };
		struct cgroup cgroup;
		struct error error = {};

		move_cgroup2(points, ARRAY_COUNT(points));
		CHILD_CHECK(mounts_find_cgroup(SANDBOX "/c", &cgroup, NULL, &error) == 0);
		CHILD_CHECK(mounts_find_cgroup("../c", &cgroup, NULL, &error) == 0);
		CHILD_CHECK(mounts_find_cgroup("../cx", &cgroup, NULL, &error) == -ENOENT);
		CHILD_CHECK(error.kind == ERROR_USAGE);
		CHILD_CHECK(mounts_find_cgroup(SANDBOX "/cx", &cgroup, NULL, &error) == -ENOENT);
		_exit(0);
	}
	expect_exit(child, 0);
}

/* Something else is mounted inside the hierarchy. */
static void another_file_system_inside_is_no_cgroup(void **state)
{
	char path[PATH_MAX];
	pid_t child;

	(void)state;
	make_cgroup("covered", path);
	child = fork_child();
	if (child == 0) {
		struct cgroup cgroup;
		struct error error = {};

		CHILD_CHECK(unshare(CLONE_NEWNS) == 0);
		CHILD_CHECK(mounts_find_cgroup(path, &cgroup, NULL, &error) == 0);
		CHILD_CHECK(mount("none", path, "tmpfs", 0, NULL) == 0);
		CHILD_CHECK(mounts_find_cgroup(path, &cgroup, NULL, &error) == -EINVAL);
		CHILD_CHECK(error.kind == ERROR_USAGE && strstr(error.text, path));
		_exit(0);
	}
	expect_exit(child, 0);
}

static void the_whole_hierarchy_is_told_from_a_part_of_it(void **state)
{
	char root[PATH_MAX], found[PATH_MAX];
	struct error error = {};
	pid_t child;

	(void)state;
	find_root(root);
	assert_int_equal(mounts_find_hierarchy(found, sizeof(found), &error), 0);
	assert_string_equal(found, root);
	child = fork_child();
	if (child == 0) {
		static const char *const points[] = { SANDBOX "/part" };
		struct cgroup cgroup = { .id = 99 };
		int fd = -99;

		show_cgroup2(sandbox_cgroup, points, ARRAY_COUNT(points));
		CHILD_CHECK(mounts_find_cgroup2(found, sizeof(found), &error) == 0);
		CHILD_CHECK(strcmp(found, SANDBOX "/part") == 0);
		CHILD_CHECK(mounts_find_hierarchy(found, sizeof(found), &error) == -EINVAL);
		CHILD_CHECK(error.kind == ERROR_USAGE && strstr(error.text, SANDBOX "/part"));
		error.kind = ERROR_FAILED;
		CHILD_CHECK(mounts_find_cgroup("/", &cgroup, &fd, &error) == -EINVAL && error.kind == ERROR_USAGE);
		error.kind = ERROR_FAILED;
		CHILD_CHECK(mounts_place_cgroup("/a", &cgroup, &error) == -EINVAL && error.kind == ERROR_USAGE);
		CHILD_CHECK(cgroup.id == 99 && fd == -99);
		_exit(0);
	}
	expect_exit(child, 0);
}

static void expect_place(const char *path, const char *want, unsigned int level)
{
	struct cgroup cgroup = { .id = 99 };
	struct error error = {};

	if (mounts_place_cgroup(path, &cgroup, &error) != 0)
		fail_msg("%s: %s", path, error.text);
	assert_string_equal(cgroup.path, want);
	assert_int_equal(cgroup.level, level);
	assert_int_equal(cgroup.id, 0);
}

static void a_cgroup_that_is_not_there_has_a_place(void **state)
{
	char root[PATH_MAX], way[2 * PATH_MAX], path[PATH_MAX];
	struct cgroup found;

	(void)state;
	find_root(root);
	expect_place("a", "/a", 1);
	expect_place("/a/b.service", "/a/b.service", 2);
	expect_place("//a///b//", "/a/b", 2);
	expect_place("...", "/...", 1);
	expect_place("/.a/..b/c..", "/.a/..b/c..", 3);
	expect_place("/", "/", 0);
	expect_place("", "/", 0);
	expect_place(root, "/", 0);
	snprintf(way, sizeof(way), "%s/not/there", root);
	expect_place(way, "/not/there", 2);
	/* one that is there has the same place, whoever looks */
	make_cgroup("placed", path);
	found = find_cgroup(path);
	expect_place(path, found.path, found.level);
	expect_place(path + strlen(root), found.path, found.level);
}

static void expect_nowhere(const char *path)
{
	struct cgroup cgroup = { .id = 99 };
	struct error error = {};

	assert_int_equal(mounts_place_cgroup(path, &cgroup, &error), -EINVAL);
	assert_int_equal(cgroup.id, 99);
	if (error.kind != ERROR_USAGE || error.text[0] == '\0')
		fail_msg("%s: kind %d: %s", path, (int)error.kind, error.text);
}

static void a_path_that_leads_nowhere_has_no_place(void **state)
{
	char long_name[PATH_MAX + 10], many[PATH_MAX + 1];
	struct cgroup fits;
	struct error error;

	(void)state;
	expect_nowhere(".");
	expect_nowhere("..");
	expect_nowhere("/a/../b");
	expect_nowhere("a/./b");
	expect_nowhere("/a/b/..");
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	expect_nowhere(long_name);
	/* the longest path, and one octet more */
	for (size_t i = 0; i < PATH_MAX - 2; i += 2)
		memcpy(&many[i], "/x", 2);
	strcpy(&many[PATH_MAX - 2], "x");
	assert_int_equal(mounts_place_cgroup(many, &fits, &error), 0);
	assert_int_equal(fits.level, PATH_MAX / 2 - 1);
	assert_string_equal(fits.path, many);
	strcpy(&many[PATH_MAX - 2], "xx");
	expect_nowhere(many);
}

static void join(void *cgroup)
{
	child_join_cgroup(cgroup);
}

static void a_process_is_in_the_cgroup_that_it_went_to(void **state)
{
	char root[PATH_MAX], path[PATH_MAX], deep[PATH_MAX], of[PATH_MAX] = "untouched", small[3] = "..";
	pid_t child;

	(void)state;
	find_root(root);
	make_cgroup("process", path);
	make_cgroup("process/with blank", deep);
	child = start_idle(join, path);
	assert_true(mounts_cgroup_of(child, of, sizeof(of)));
	assert_string_equal(of, path + strlen(root));
	assert_true(mounts_cgroup_of(child, small, sizeof(small)));
	assert_int_equal(strlen(small), 2);
	end_child(child);
	child = start_idle(join, deep);
	assert_true(mounts_cgroup_of(child, of, sizeof(of)));
	assert_string_equal(of, deep + strlen(root));
	end_child(child);
	strcpy(of, "untouched");
	assert_false(mounts_cgroup_of(child, of, sizeof(of)));
	assert_string_equal(of, "untouched");
}

/* What a walk through all cgroups is to find, and how often it did. */
struct sought {
	const char *path;
	uint64_t id;
	unsigned int found, wrong, visited, most;
};

static bool seek(uint64_t id, const char *path, void *data)
{
	struct sought *sought = data;
	bool is_path = strcmp(path, sought->path) == 0, is_id = id == sought->id;

	sought->found += is_path && is_id;
	sought->wrong += is_path != is_id;
	return ++sought->visited < sought->most;
}

static struct sought walk_for(const char *path, uint64_t id, unsigned int most)
{
	struct sought sought = { .path = path, .id = id, .most = most };
	struct cgroup root;
	struct error error;
	int fd;

	assert_int_equal(mounts_find_cgroup("/", &root, &fd, &error), 0);
	mounts_each_cgroup(fd, seek, &sought);
	mounts_each_cgroup(fd, seek, &sought); /* the descriptor is where it was */
	close(fd);
	return sought;
}

static void every_cgroup_is_told_with_its_id_and_path(void **state)
{
	char root[PATH_MAX], path[PATH_MAX];
	unsigned int before = count_descriptors();
	struct cgroup cgroup;
	struct sought sought;
	struct error error;

	(void)state;
	find_root(root);
	make_cgroup("told", path);
	make_cgroup("told/with blank", path);
	assert_int_equal(mounts_find_cgroup(path, &cgroup, NULL, &error), 0);
	sought = walk_for(cgroup.path, cgroup.id, UINT_MAX);
	assert_int_equal(sought.found, 2);
	assert_int_equal(sought.wrong, 0);
	sought = walk_for("/", 1, UINT_MAX);
	assert_int_equal(sought.found, 2);
	assert_int_equal(sought.wrong, 0);
	assert_int_equal(walk_for("/", 1, 1).visited, 2);
	assert_int_equal(walk_for("/", 1, 2).visited, 3); /* the second walk ends at once */
	assert_int_equal(count_descriptors(), before);
}

static void looking_leaves_no_descriptor_open(void **state)
{
	unsigned int before = count_descriptors();
	char of[PATH_MAX];

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(mounts_cgroup_of(getpid(), of, sizeof(of)));
		assert_false(mounts_cgroup_of(INT_MAX, of, sizeof(of)));
		expect_place("a", "/a", 1);
		expect_nowhere("..");
	}
	assert_int_equal(count_descriptors(), before);
}

static void a_bpffs_is_told_from_other_file_systems(void **state)
{
	(void)state;
	assert_true(mounts_is_bpffs(SANDBOX_BPFFS));
	assert_false(mounts_is_bpffs(SANDBOX));
	assert_false(mounts_is_bpffs(SANDBOX_BPFFS "/not-there"));
}

static void expect_pin_dir(const char *path)
{
	struct stat status;
	struct error error = {};

	if (mounts_make_pin_dir(path, &error) != 0)
		fail_msg("%s", error.text);
	assert_int_equal(lstat(path, &status), 0);
	assert_int_equal(status.st_mode, S_IFDIR | 0700);
	assert_int_equal(status.st_uid, 0);
}

static void expect_refused(const char *path, enum error_kind kind, const char *text)
{
	struct error error = {};

	assert_true(mounts_make_pin_dir(path, &error) < 0);
	assert_says(&error, kind, text);
	assert_non_null(strstr(error.text, "--pin-dir"));
}

static void the_pin_directory_is_made_for_root_alone(void **state)
{
	mode_t before = umask(0);

	(void)state;
	expect_pin_dir(SANDBOX_BPFFS "/made");
	umask(before);
	expect_pin_dir(SANDBOX_BPFFS "/made");
	expect_pin_dir(SANDBOX_BPFFS "/made/below");
}

static void a_directory_that_others_may_enter_is_refused(void **state)
{
	static const mode_t modes[] = { 0710, 0701, 0720, 0702, 0740, 0704, 0777, 01777 };
	const char *path = SANDBOX_BPFFS "/open";

	(void)state;
	expect_pin_dir(path);
	for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
		struct stat status;

		assert_int_equal(chmod(path, modes[i]), 0);
		expect_refused(path, ERROR_FAILED, path);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 07777, modes[i]);
	}
	assert_int_equal(chmod(path, 0700), 0);
	expect_pin_dir(path);
}

static void a_directory_of_another_user_is_refused(void **state)
{
	const char *path = SANDBOX_BPFFS "/foreign";

	(void)state;
	expect_pin_dir(path);
	assert_int_equal(chown(path, 1, 0), 0);
	expect_refused(path, ERROR_FAILED, path);
	assert_int_equal(chown(path, 0, 1), 0); /* its group may do nothing */
	expect_pin_dir(path);
}

static void a_symlink_is_refused_even_to_a_good_directory(void **state)
{
	(void)state;
	expect_pin_dir(SANDBOX_BPFFS "/good");
	assert_int_equal(symlink(SANDBOX_BPFFS "/good", SANDBOX_BPFFS "/link"), 0);
	expect_refused(SANDBOX_BPFFS "/link", ERROR_FAILED, "/link");
	assert_int_equal(symlink("nowhere", SANDBOX_BPFFS "/dangling"), 0);
	expect_refused(SANDBOX_BPFFS "/dangling", ERROR_FAILED, "/dangling");
}

static void a_file_is_refused(void **state)
{
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "test", 4, 4, 1, NULL);

	(void)state;
	assert_true(map >= 0);
	assert_int_equal(bpf_obj_pin(map, SANDBOX_BPFFS "/file"), 0);
	close(map);
	assert_int_equal(chmod(SANDBOX_BPFFS "/file", 0700), 0);
	expect_refused(SANDBOX_BPFFS "/file", ERROR_FAILED, "/file");
}

static void a_place_that_is_not_on_a_bpffs_is_refused_and_left_as_it_was(void **state)
{
	(void)state;
	expect_refused(SANDBOX "/pins", ERROR_USAGE, SANDBOX " is not on a bpffs");
	assert_int_equal(access(SANDBOX "/pins", F_OK), -1);
	expect_refused(SANDBOX_BPFFS "/missing/pins", ERROR_USAGE, "/missing is not on a bpffs");
	assert_int_equal(access(SANDBOX_BPFFS "/missing", F_OK), -1);
	expect_refused(SANDBOX_BPFFS, ERROR_USAGE, SANDBOX " is not on a bpffs");
}

static void a_directory_at_the_root_is_no_pin_directory(void **state)
{
	struct error error = {};

	(void)state;
	assert_int_equal(mounts_make_pin_dir("/pins-of-a-test", &error), -EINVAL);
	assert_says(&error, ERROR_USAGE, "must be a directory below a bpffs");
	assert_int_equal(access("/pins-of-a-test", F_OK), -1);
}

static void a_directory_that_something_else_covers_is_refused(void **state)
{
	struct error error = {};

	(void)state;
	expect_pin_dir(SANDBOX_BPFFS "/covered");
	assert_int_equal(mount("none", SANDBOX_BPFFS "/covered", "tmpfs", 0, "mode=0700"), 0);
	assert_int_equal(mounts_make_pin_dir(SANDBOX_BPFFS "/covered", &error), -EINVAL);
	assert_says(&error, ERROR_USAGE, "is not on a bpffs");
	umount2(SANDBOX_BPFFS "/covered", MNT_DETACH);
}

static int count_mounts(const char *point)
{
	FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
	char line[8192], pattern[PATH_MAX];
	int count = 0;

	snprintf(pattern, sizeof(pattern), " %s ", point);
	while (mountinfo && fgets(line, sizeof(line), mountinfo))
		count += strstr(line, pattern) != NULL;
	if (mountinfo)
		fclose(mountinfo);
	return count;
}

/* In a mount namespace of its own, so the machine's /sys/fs/bpf stays as it is. */
static void the_default_place_gets_a_bpffs(void **state)
{
	int before = count_mounts(OURS);
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		struct error error = {};
		struct stat status;

		CHILD_CHECK(unshare(CLONE_NEWNS) == 0);
		for (int i = 0; i < 16 && mounts_is_bpffs(OURS); i++)
			CHILD_CHECK(umount2(OURS, MNT_DETACH) == 0);
		CHILD_CHECK(mounts_make_pin_dir(OURS "/deeper/stubsieve", &error) == -EINVAL);
		CHILD_CHECK(!mounts_is_bpffs(OURS));
		child_check(mounts_make_pin_dir(OURS "/stubsieve", &error) == 0, error.text);
		CHILD_CHECK(mounts_is_bpffs(OURS "/stubsieve"));
		CHILD_CHECK(stat(OURS "/stubsieve", &status) == 0 && (status.st_mode & 07777) == 0700);
		CHILD_CHECK(mounts_make_pin_dir(OURS "/other", &error) == 0);
		CHILD_CHECK(mounts_make_pin_dir(OURS "/stubsieve", &error) == 0);
		CHILD_CHECK(count_mounts(OURS) == 1);
		_exit(0);
	}
	expect_exit(child, 0);
	assert_int_equal(count_mounts(OURS), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cgroup2_is_found_wherever_it_is_mounted),
		cmocka_unit_test(cgroup2_is_found_in_a_hybrid_layout),
		cmocka_unit_test(without_cgroup2_the_error_names_the_cure),
		cmocka_unit_test(a_mount_point_that_does_not_fit_is_passed_over),
		cmocka_unit_test(the_root_is_level_0),
		cmocka_unit_test(a_cgroup_is_found_by_every_way_to_write_its_path),
		cmocka_unit_test(the_descriptor_is_that_cgroup_and_the_callers),
		cmocka_unit_test(what_is_no_cgroup_is_refused),
		cmocka_unit_test(a_neighbour_of_the_mount_is_not_inside),
		cmocka_unit_test(another_file_system_inside_is_no_cgroup),
		cmocka_unit_test(the_whole_hierarchy_is_told_from_a_part_of_it),
		cmocka_unit_test(a_cgroup_that_is_not_there_has_a_place),
		cmocka_unit_test(a_path_that_leads_nowhere_has_no_place),
		cmocka_unit_test(a_process_is_in_the_cgroup_that_it_went_to),
		cmocka_unit_test(every_cgroup_is_told_with_its_id_and_path),
		cmocka_unit_test(looking_leaves_no_descriptor_open),
		cmocka_unit_test(a_bpffs_is_told_from_other_file_systems),
		cmocka_unit_test(the_pin_directory_is_made_for_root_alone),
		cmocka_unit_test(a_directory_that_others_may_enter_is_refused),
		cmocka_unit_test(a_directory_of_another_user_is_refused),
		cmocka_unit_test(a_symlink_is_refused_even_to_a_good_directory),
		cmocka_unit_test(a_file_is_refused),
		cmocka_unit_test(a_place_that_is_not_on_a_bpffs_is_refused_and_left_as_it_was),
		cmocka_unit_test(a_directory_at_the_root_is_no_pin_directory),
		cmocka_unit_test(a_directory_that_something_else_covers_is_refused),
		cmocka_unit_test(the_default_place_gets_a_bpffs),
	};

	return cmocka_run_group_tests(tests, enter, leave_sandbox);
}
