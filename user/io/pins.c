/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "hooks.h"
#include "identity.h"
#include "link_info.h"

/* To detach can take 20 ms; thousands of links are left to the kernel, which does it after we have gone. */
#define DETACH_NS (3 * CLOCK_SECOND_NS)

/* How the pins of each side of an interface are called, and how it is attached to. */
static const struct {
	const char *pin; /* how its pins' names begin */
	const char *program;
	uint32_t type; /* enum bpf_attach_type */
} sides[ATTACH_SIDES] = {
	[ATTACH_EGRESS] = { "tcx", "sieve_egress", LINK_ATTACH_TCX_EGRESS },
	[ATTACH_GATEWAY] = { "gateway", "sieve_gateway", LINK_ATTACH_TCX_INGRESS },
	[ATTACH_RESULTS] = { "results", "sieve_results", LINK_ATTACH_TCX_INGRESS },
};

#define CGROUP_PROGRAM "sieve_cgroup"

uint32_t pins_attach_type(enum attach_side side)
{
	return sides[side].type;
}

/* A file descriptor of BPF says what it is of by the name of its file: anon_inode:bpf-map, bpf-prog, bpf_link, bpf-link. */
static bool is_of_kind(int fd, enum pins_kind kind)
{
	static const char *const words[] = { [PINS_MAP] = "map", [PINS_PROGRAM] = "prog", [PINS_LINK] = "link" };
	char link[64], target[64] = "";
	const char *name;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, target, sizeof(target) - 1) <= 0)
		return false;
	name = strstr(target, "bpf");
	return name && strlen(name) > 4 && strcmp(name + 4, words[kind]) == 0;
}

int pins_open(const char *path, enum pins_kind kind)
{
	_cleanup_close_ int fd = -1;
	struct stat status;

	if (lstat(path, &status) < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	if (!S_ISREG(status.st_mode))
		return -EEXIST;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	return is_of_kind(fd, kind) ? take_fd(&fd) : -EEXIST;
}

void pins_format(char path[PATH_MAX], const char *pin_dir, const struct pin *pin)
{
	if (pin->cgroup)
		snprintf(path, PATH_MAX, "%s/cgroup-%" PRIu64, pin_dir, pin->cgroup);
	else
		snprintf(path, PATH_MAX, "%s/%s-%" PRIu32 "-%" PRIu32, pin_dir, sides[pin->side].pin, pin->netns,
			 pin->ifindex);
}

static bool parse_pin(const char *name, struct pin *ret_pin)
{
	struct pin pin = {};
	int end = 0;

	for (int side = 0; side < ATTACH_SIDES; side++) {
		size_t length = strlen(sides[side].pin);

		if (strncmp(name, sides[side].pin, length) != 0 ||
		    sscanf(name + length, "-%" SCNu32 "-%" SCNu32 "%n", &pin.netns, &pin.ifindex, &end) != 2 ||
		    name[length + (size_t)end])
			continue;
		pin.side = (enum attach_side)side;
		*ret_pin = pin;
		return true;
	}
	end = 0;
	if (sscanf(name, "cgroup-%" SCNu64 "%n", &pin.cgroup, &end) == 1 && !name[end]) {
		*ret_pin = (struct pin){ .cgroup = pin.cgroup };
		return true;
	}
	return false;
}

bool pins_is_named(uint32_t program, const struct pin *pin)
{
	const struct identity identity = identity_of_program(program, NULL);

	if (identity.kind == IDENTITY_UNKNOWN)
		return true;
	return strcmp(identity.name, pin->cgroup ? CGROUP_PROGRAM : sides[pin->side].program) == 0;
}

/* Anything else under that name was not pinned by us. */
static bool is_of_our_kind(const struct link_info *info, const struct pin *pin)
{
	bool is_so = pin->cgroup ?
			     info->type == BPF_LINK_TYPE_CGROUP && info->cgroup.attach_type == BPF_CGROUP_INET_EGRESS :
			     info->type == LINK_TYPE_TCX && info->tcx.attach_type == sides[pin->side].type;

	return is_so && pins_is_named(info->prog_id, pin);
}

/* The device can have moved to another namespace, and another one have its number here: does that have the program? */
static bool is_at_device(const struct link_info *info, uint32_t ifindex)
{
	struct hook_programs programs;
	int r;

	if (info->tcx.ifindex != ifindex)
		return false;
	r = hooks_query_device(ifindex, info->tcx.attach_type, &programs);
	if (r < 0)
		return r == -ENOSPC; /* more than we can read */
	for (size_t i = 0; i < programs.count; i++)
		if (programs.programs[i] == info->prog_id)
			return true;
	return false;
}

int pins_adopt(const char *path, const struct pin *pin, int program)
{
	_cleanup_close_ int fd = pins_open(path, PINS_LINK);
	struct link_info info;
	bool is_live;

	if (fd < 0)
		return fd;
	if (link_info_get(fd, &info) < 0)
		return -EINVAL;
	if (!is_of_our_kind(&info, pin))
		return -EEXIST;
	is_live = pin->cgroup ? info.cgroup.cgroup_id == pin->cgroup : is_at_device(&info, pin->ifindex);
	if (!is_live || bpf_link_update(fd, program, NULL) < 0) {
		unlink(path);
		return -ENOENT;
	}
	return take_fd(&fd);
}

int pins_pin(int fd, const char *path)
{
	int r;

	if (fd < 0)
		return -errno;
	if (bpf_obj_pin(fd, path) == 0)
		return fd;
	r = -errno;
	bpf_link_detach(fd);
	close(fd);
	return r;
}

int pins_remove(const char *path, const struct pin *pin, bool at_once, struct error *error)
{
	_cleanup_close_ int fd = pins_open(path, PINS_LINK);
	struct link_info info;

	if (fd < 0 && fd != -ENOENT)
		return 0;
	if (fd >= 0 && (link_info_get(fd, &info) < 0 || !is_of_our_kind(&info, pin)))
		return 0;
	if (fd >= 0 && at_once)
		bpf_link_detach(fd); /* not when the kernel comes to it, after the last reference has gone */
	if (unlink(path) < 0 && errno != ENOENT)
		return fail(error, errno, "cannot remove %s: %s", path, strerror(errno));
	return 0;
}

int pins_sweep(const char *pin_dir, pins_keep keep, void *data, struct error *error)
{
	uint64_t deadline = clock_monotonic_ns() + DETACH_NS;
	_cleanup_closedir_ DIR *directory = opendir(pin_dir);
	struct dirent *entry;

	if (!directory)
		return errno == ENOENT ? 0 : fail(error, errno, "cannot read %s: %s", pin_dir, strerror(errno));
	while ((entry = readdir(directory))) {
		struct pin pin;
		char path[PATH_MAX];
		int r;

		if (!parse_pin(entry->d_name, &pin) || (keep && keep(&pin, data)))
			continue;
		snprintf(path, sizeof(path), "%s/%s", pin_dir, entry->d_name);
		r = pins_remove(path, &pin, clock_monotonic_ns() < deadline, error);
		if (r < 0)
			return r;
	}
	return 0;
}

static void forget_at(const char *path, uint32_t link_id)
{
	_cleanup_close_ int fd = pins_open(path, PINS_LINK);
	struct link_info info;

	if (fd >= 0 && link_info_get(fd, &info) == 0 && info.id == link_id)
		unlink(path);
}

void pins_forget(const char *pin_dir, int link_fd)
{
	_cleanup_closedir_ DIR *directory = opendir(pin_dir);
	struct dirent *entry;
	struct link_info info;

	if (!directory || link_info_get(link_fd, &info) < 0)
		return;
	while ((entry = readdir(directory))) {
		struct pin pin;
		char path[PATH_MAX];

		if (!parse_pin(entry->d_name, &pin))
			continue;
		snprintf(path, sizeof(path), "%s/%s", pin_dir, entry->d_name);
		forget_at(path, info.id);
	}
}

/* A mark, or a pin of whatever kind. */
static void move_entry(const char *from, const char *to, bool is_directory)
{
	_cleanup_close_ int fd = is_directory ? -1 : bpf_obj_get(from);

	if (is_directory)
		mkdir(to, 0700);
	else if (fd >= 0)
		bpf_obj_pin(fd, to);
}

void pins_move(int from_fd, const char *pin_dir)
{
	int fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		char from[PATH_MAX], to[PATH_MAX];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(from, sizeof(from), "/proc/self/fd/%d/%s", fd, entry->d_name);
		snprintf(to, sizeof(to), "%s/%s", pin_dir, entry->d_name);
		move_entry(from, to, entry->d_type == DT_DIR);
	}
}

bool pins_is_at_device(int link_fd, uint32_t ifindex)
{
	struct link_info info;

	return link_info_get(link_fd, &info) == 0 && is_at_device(&info, ifindex);
}

bool pins_is_at_cgroup(int link_fd, uint64_t id)
{
	struct link_info info;

	return link_info_get(link_fd, &info) == 0 && info.cgroup.cgroup_id == id;
}
