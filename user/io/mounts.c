/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cleanup.h"

#define BPFFS_PATH "/sys/fs/bpf"

static bool is_on(const char *path, unsigned long magic)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == magic;
}

/* The deepest directory of cgroups that is looked into. */
#define DEPTH_MAX 64

/* Below the directory that is `path`, of which `length` octets are used. Takes over the descriptor. */
static bool walk_cgroups(int fd, char path[PATH_MAX], size_t length, unsigned int depth, mounts_cgroup_callback callback,
			 void *data)
{
	_cleanup_closedir_ DIR *directory = fdopendir(fd);
	struct dirent *entry;
	bool goes_on = true;

	if (!directory)
		close(fd);
	while (directory && goes_on && depth < DEPTH_MAX && (entry = readdir(directory))) {
		int added, below;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		added = snprintf(path + length, PATH_MAX - length, "/%s", entry->d_name);
		if ((size_t)added >= PATH_MAX - length)
			continue;
		goes_on = callback(entry->d_ino, path, data);
		below = goes_on ? openat(dirfd(directory), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;
		if (below >= 0)
			goes_on = walk_cgroups(below, path, length + (size_t)added, depth + 1, callback, data);
	}
	return goes_on;
}

/* To open one by its id takes a capability that nothing else needs. */
void mounts_each_cgroup(int mount_fd, mounts_cgroup_callback callback, void *data)
{
	char path[PATH_MAX] = "/";
	struct stat status;
	int fd = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fstat(fd, &status) < 0 || !callback(status.st_ino, path, data)) {
		close(fd);
		return;
	}
	walk_cgroups(fd, path, 0, 0, callback, data);
}

bool mounts_is_bpffs(const char *path)
{
	return is_on(path, BPF_FS_MAGIC);
}

/* A line is: id parent major:minor root mount-point options [optional]... - type source options (proc(5)). */
int mounts_find_cgroup2(char *ret_path, size_t size, struct error *error)
{
	_cleanup_fclose_ FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t room = 0;

	if (!mountinfo)
		return fail(error, errno, "cannot read /proc/self/mountinfo: %s; is /proc mounted?", strerror(errno));
	while (getline(&line, &room, mountinfo) > 0) {
		char point[PATH_MAX];
		const char *type = strstr(line, " - ");

		if (!type || strncmp(type + 3, "cgroup2 ", 8) != 0)
			continue;
		if (sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1 || strlen(point) >= size)
			continue;
		strcpy(ret_path, point);
		return 0;
	}
	return fail_as(error, ERROR_KERNEL, ENOENT,
		       "no cgroup2 file system is mounted; mount one, for example: mount -t cgroup2 none /sys/fs/cgroup");
}

static bool is_inside(const char *path, const char *mount)
{
	size_t length = strlen(mount);

	return strncmp(path, mount, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* The path from the hierarchy's root and the depth below it. -EINVAL: it has `.` or `..` in it. */
static int place_cgroup(const char *path, struct cgroup *cgroup)
{
	size_t used = 0;

	cgroup->level = 0;
	strcpy(cgroup->path, "/");
	while (*(path += strspn(path, "/"))) {
		size_t length = strcspn(path, "/");

		if ((length == 1 && path[0] == '.') || (length == 2 && path[0] == '.' && path[1] == '.') ||
		    used + length + 2 > sizeof(cgroup->path))
			return -EINVAL;
		cgroup->path[used] = '/';
		memcpy(&cgroup->path[used + 1], path, length);
		used += length + 1;
		cgroup->path[used] = '\0';
		cgroup->level++;
		path += length;
	}
	return 0;
}

/* The root of the hierarchy is inode 1; another one is a part of it, whose depth nobody here can tell. */
static int check_whole(const char *mount, struct error *error)
{
	struct stat status;

	if (stat(mount, &status) < 0)
		return fail(error, errno, "cannot look at %s: %s", mount, strerror(errno));
	if (status.st_ino != 1)
		return fail_as(error, ERROR_USAGE, EINVAL,
			       "%s shows only a part of the cgroup2 hierarchy (a container's?); run outside of the cgroup namespace",
			       mount);
	return 0;
}

int mounts_find_hierarchy(char *ret_path, size_t size, struct error *error)
{
	int r = mounts_find_cgroup2(ret_path, size, error);

	return r < 0 ? r : check_whole(ret_path, error);
}

int mounts_place_cgroup(const char *path, struct cgroup *ret_cgroup, struct error *error)
{
	struct cgroup cgroup = {};
	char mount[PATH_MAX];
	int r;

	r = mounts_find_hierarchy(mount, sizeof(mount), error);
	if (r < 0)
		return r;
	if (place_cgroup(is_inside(path, mount) ? path + strlen(mount) : path, &cgroup) < 0)
		return fail_as(error, ERROR_USAGE, EINVAL, "\"%s\" is no path of a cgroup; name one below %s without `.` and `..`",
			       path, mount);
	*ret_cgroup = cgroup;
	return 0;
}

int mounts_find_cgroup(const char *path, struct cgroup *ret_cgroup, int *ret_fd, struct error *error)
{
	char mount[PATH_MAX], joined[2 * PATH_MAX], real[PATH_MAX];
	_cleanup_close_ int fd = -1;
	struct cgroup cgroup = {};
	struct stat status;
	int r;

	r = mounts_find_hierarchy(mount, sizeof(mount), error);
	if (r < 0)
		return r;
	if (is_inside(path, mount))
		snprintf(joined, sizeof(joined), "%s", path);
	else
		snprintf(joined, sizeof(joined), "%s/%s", mount, path);
	if (!realpath(joined, real) || !is_inside(real, mount))
		return fail_as(error, ERROR_USAGE, ENOENT,
			       "there is no cgroup \"%s\" below %s; create it first, or name one that `ls` shows there",
			       path, mount);
	fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 ? errno != ENOTDIR : fstat(fd, &status) < 0)
		return fail(error, errno, "cannot open the cgroup %s: %s", real, strerror(errno));
	if (fd < 0 || !is_on(real, CGROUP2_SUPER_MAGIC))
		return fail_as(error, ERROR_USAGE, EINVAL, "%s is not a cgroup of cgroup2", real);
	place_cgroup(real + strlen(mount), &cgroup);
	cgroup.id = status.st_ino; /* 64 bit kernels have no other id */
	*ret_cgroup = cgroup;
	if (ret_fd)
		*ret_fd = take_fd(&fd);
	return 0;
}

bool mounts_cgroup_of(pid_t pid, char *ret_path, size_t size)
{
	_cleanup_free_ char *line = NULL;
	char path[64];
	size_t room = 0;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	while (file && getline(&line, &room, file) > 0) {
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(ret_path, size, "%s", line + 3);
		return true;
	}
	return false;
}

static int mount_bpffs(struct error *error)
{
	if (mkdir(BPFFS_PATH, 0755) < 0 && errno != EEXIST)
		return fail(error, errno, "cannot make " BPFFS_PATH ": %s", strerror(errno));
	if (mount("bpf", BPFFS_PATH, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
		return fail(error, errno,
			    "cannot mount a bpffs at " BPFFS_PATH ": %s; mount one, or name another with --pin-dir",
			    strerror(errno));
	return 0;
}

/* The directory that is to hold ours: is a bpffs, or can be made one. */
static int check_parent(const char *path, struct error *error)
{
	char parent[PATH_MAX];
	char *slash;

	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return fail_as(error, ERROR_USAGE, EINVAL, "pin-dir %s must be a directory below a bpffs", path);
	*slash = '\0';
	if (mounts_is_bpffs(parent))
		return 0;
	if (strcmp(parent, BPFFS_PATH) == 0)
		return mount_bpffs(error);
	return fail_as(error, ERROR_USAGE, EINVAL,
		       "%s is not on a bpffs; mount one (mount -t bpf none DIRECTORY) and name a directory below it with --pin-dir",
		       parent);
}

/*
 * Could somebody else than root put another directory in the place of this one? In one with the sticky bit nobody removes
 * or renames what is not theirs.
 */
static int check_component(const char *path, const char *pin_dir, struct error *error)
{
	struct stat status;

	if (lstat(path, &status) < 0)
		return errno == ENOENT ? 0 : fail(error, errno, "cannot look at %s: %s", path, strerror(errno));
	if (S_ISLNK(status.st_mode))
		return fail_as(error, ERROR_FAILED, EPERM, "%s, in pin-dir %s, is a symbolic link; name the directory itself with --pin-dir",
			       path, pin_dir);
	if (status.st_uid != 0)
		return fail_as(error, ERROR_FAILED, EPERM, "%s, in pin-dir %s, belongs to the user %u; name a directory below root's alone with --pin-dir",
			       path, pin_dir, status.st_uid);
	if ((status.st_mode & 022) && !(status.st_mode & S_ISVTX))
		return fail_as(error, ERROR_FAILED, EPERM, "%s, in pin-dir %s, can be written to by others than root (mode %03o); chmod go-w %s, or name another with --pin-dir",
			       path, pin_dir, status.st_mode & 0777, path);
	return 0;
}

int mounts_check_above(const char *path, struct error *error)
{
	char above[PATH_MAX];
	int r = 0;

	for (const char *slash = strchr(path + 1, '/'); r == 0 && slash; slash = strchr(slash + 1, '/')) {
		snprintf(above, sizeof(above), "%.*s", (int)(slash - path), path);
		r = check_component(above, path, error);
	}
	return r;
}

/* Ours, as nobody else can have made it. */
static int check_own(const char *path, struct error *error)
{
	static const char cure[] = "remove it, or name another with --pin-dir";
	struct stat status;

	if (lstat(path, &status) < 0)
		return fail(error, errno, "cannot look at %s: %s", path, strerror(errno));
	if (!S_ISDIR(status.st_mode))
		return fail_as(error, ERROR_FAILED, EPERM, "%s is not a directory; %s", path, cure);
	if (status.st_uid != 0)
		return fail_as(error, ERROR_FAILED, EPERM,
			       "%s belongs to the user %u, so it is not a directory that only root may enter; %s", path,
			       status.st_uid, cure);
	if (status.st_mode & 077)
		return fail_as(error, ERROR_FAILED, EPERM, "%s is not a directory that only root may enter (mode %03o); %s",
			       path, status.st_mode & 0777, cure);
	return 0;
}

int mounts_make_pin_dir(const char *path, struct error *error)
{
	int r = mounts_check_above(path, error);

	if (r == 0)
		r = check_parent(path, error);
	if (r < 0)
		return r;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return fail(error, errno, "cannot make %s: %s", path, strerror(errno));
	r = check_own(path, error);
	if (r < 0)
		return r;
	if (!mounts_is_bpffs(path))
		return fail_as(error, ERROR_USAGE, EINVAL, "pin-dir %s is not on a bpffs", path);
	return 0;
}

int mounts_lock_pin_dir(const char *path, int *ret_fd, struct error *error)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return fail(error, errno, "cannot open %s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return fail_as(error, ERROR_ALREADY_RUNNING, EBUSY,
			       "another controller pins in %s; stop it by its own --run-dir, or use another --pin-dir", path);
	*ret_fd = take_fd(&fd);
	return 0;
}

bool mounts_is_at(int fd, const char *path)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}
