/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"

/* Linux 6.6; older UAPI headers do not have them. */
#define ATTACH_TYPE_TCX_INGRESS 46
#define ATTACH_TYPE_TCX_EGRESS 47
#define LINK_TYPE_TCX 11

#define PROGRAMS_MAX 64 /* at one hook: the kernel's own limit (BPF_MPROG_MAX) */

/* struct bpf_link_info of Linux 6.6, as far as it is read: the older headers lack `tcx`. */
struct link_info {
	__u32 type;
	__u32 id;
	__u32 prog_id;
	__u32 padding;
	union {
		struct {
			__u32 ifindex; /* 0: the device is gone */
			__u32 attach_type;
		} tcx;
		struct {
			__u64 cgroup_id; /* 0: the cgroup is gone */
			__u32 attach_type;
		} cgroup;
		char room[112]; /* more than any kernel fills */
	};
};

/* To detach can take 20 ms; thousands of links are left to the kernel, which does it after we have gone. */
#define DETACH_NS (3 * CLOCK_SECOND_NS)

/* How the pins of each side of an interface are called, and how it is attached to. */
static const struct {
	const char *pin; /* how its pins' names begin */
	uint32_t type;   /* enum bpf_attach_type */
} sides[ATTACH_SIDES] = {
	[ATTACH_EGRESS] = { "tcx", ATTACH_TYPE_TCX_EGRESS },
	[ATTACH_GATEWAY] = { "gateway", ATTACH_TYPE_TCX_INGRESS },
	[ATTACH_RESULTS] = { "results", ATTACH_TYPE_TCX_INGRESS },
};

uint32_t pins_attach_type(enum attach_side side)
{
	return sides[side].type;
}

/* A file descriptor of BPF says what it is of by the name of its file. */
static bool is_of_kind(int fd, enum pins_kind kind)
{
	static const char *const words[] = { [PINS_MAP] = "bpf-map", [PINS_PROGRAM] = "bpf-prog", [PINS_LINK] = "bpf_link" };
	char link[64], target[64] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, target, sizeof(target) - 1) > 0 && strstr(target, words[kind]);
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

static int get_link_info(int link_fd, struct link_info *ret_info)
{
	__u32 size = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	return bpf_obj_get_info_by_fd(link_fd, ret_info, &size) < 0 ? -errno : 0;
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

/* Anything else under that name was not pinned by us. */
static bool is_of_our_kind(const struct link_info *info, const struct pin *pin)
{
	if (pin->cgroup)
		return info->type == BPF_LINK_TYPE_CGROUP && info->cgroup.attach_type == BPF_CGROUP_INET_EGRESS;
	return info->type == LINK_TYPE_TCX && info->tcx.attach_type == sides[pin->side].type;
}

/* The device can have moved to another namespace, and another one have its number here: does that have the program? */
static bool is_at_device(const struct link_info *info, uint32_t ifindex)
{
	__u32 ids[PROGRAMS_MAX], count = PROGRAMS_MAX;

	if (info->tcx.ifindex != ifindex)
		return false;
	if (bpf_prog_query((int)ifindex, (enum bpf_attach_type)info->tcx.attach_type, 0, NULL, ids, &count) < 0)
		return errno == ENOSPC; /* more than we can read */
	for (__u32 i = 0; i < count; i++)
		if (ids[i] == info->prog_id)
			return true;
	return false;
}

int pins_adopt(const char *path, const struct pin *pin, int program)
{
	_cleanup_close_ int fd = bpf_obj_get(path);
	struct link_info info;
	bool is_live;

	if (fd < 0)
		return -errno;
	if (get_link_info(fd, &info) < 0)
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
	_cleanup_close_ int fd = bpf_obj_get(path);
	struct link_info info;

	if (fd < 0 && errno != ENOENT)
		return 0;
	if (fd >= 0 && (get_link_info(fd, &info) < 0 || !is_of_our_kind(&info, pin)))
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

bool pins_is_at_device(int link_fd, uint32_t ifindex)
{
	struct link_info info;

	return get_link_info(link_fd, &info) == 0 && is_at_device(&info, ifindex);
}

bool pins_is_at_cgroup(int link_fd, uint64_t id)
{
	struct link_info info;

	return get_link_info(link_fd, &info) == 0 && info.cgroup.cgroup_id == id;
}
