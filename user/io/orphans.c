/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "orphans.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "hooks.h"
#include "identity.h"
#include "link_info.h"
#include "map_pins.h"

/* A controller beats every second at the least; so long without a beat it may be busy, not longer. */
#define LIVING_NS (3 * CLOCK_SECOND_NS)

/* Returns other than 0 to end. */
typedef int (*link_callback)(int fd, const struct link_info *info, const struct identity *identity, void *data);

/* Every link that hangs by a program of this instance. Many links have one program in common. */
static int each_of_ours(const char *pin_dir, link_callback callback, void *data)
{
	struct identity identity = {};
	uint32_t id = 0, program = 0;
	int r = 0;

	while (r == 0 && bpf_link_get_next_id(id, &id) == 0) {
		_cleanup_close_ int fd = bpf_link_get_fd_by_id(id);
		struct link_info info;

		if (fd < 0 && errno == EPERM)
			return -EPERM;
		if (fd < 0 || link_info_get(fd, &info) < 0)
			continue;
		if (info.prog_id != program)
			identity = identity_of_program(info.prog_id, pin_dir);
		program = info.prog_id;
		if (identity.kind == IDENTITY_OURS)
			r = callback(fd, &info, &identity, data);
	}
	if (r == 0 && errno == EPERM)
		return -EPERM;
	return r;
}

static bool is_pinned_heartbeat(const char *pin_dir, const char *pin, uint32_t id)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	char path[PATH_MAX];
	int version = map_pins_version(pin, "heartbeat");

	if (version < 0)
		return false;
	map_pins_format(path, pin_dir, "heartbeat", version);
	_cleanup_close_ int fd = pins_open(path, PINS_MAP);

	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.id == id;
}

/* Then it is of a controller that is gone: we have its lock. */
static bool is_pinned_here(const char *pin_dir, uint32_t heartbeat)
{
	_cleanup_closedir_ DIR *directory = opendir(pin_dir);
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if (is_pinned_heartbeat(pin_dir, entry->d_name, heartbeat))
			return true;
	return false;
}

/* The stamp comes first, in every version. */
static uint64_t read_stamp(uint32_t heartbeat)
{
	_cleanup_close_ int fd = bpf_map_get_fd_by_id(heartbeat);
	struct bpf_map_info info = {};
	__u32 size = sizeof(info), zero = 0;
	uint64_t value[32] = {};

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0 || info.value_size > sizeof(value) ||
	    bpf_map_lookup_elem(fd, &zero, value) < 0)
		return 0;
	return value[0];
}

/* Does somebody stamp it? Who was killed just now left a fresh stamp as well, but it stays as it is. */
static bool is_living(uint32_t heartbeat)
{
	const struct timespec pause = { .tv_nsec = 100 * CLOCK_MILLISECOND_NS };
	uint64_t stamp = read_stamp(heartbeat);

	while (stamp && clock_monotonic_ns() < stamp + LIVING_NS) {
		if (read_stamp(heartbeat) != stamp)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

struct check {
	const char *pin_dir;
	uint32_t seen; /* the heartbeat that was looked at last */
};

static int check_link(int fd, const struct link_info *info, const struct identity *identity, void *data)
{
	struct check *check = data;

	(void)fd;
	(void)info;
	if (!identity->heartbeat || identity->heartbeat == check->seen)
		return 0;
	check->seen = identity->heartbeat;
	return !is_pinned_here(check->pin_dir, identity->heartbeat) && is_living(identity->heartbeat);
}

int orphans_check(const char *pin_dir, struct error *error)
{
	struct check check = { .pin_dir = pin_dir };

	if (each_of_ours(pin_dir, check_link, &check) <= 0)
		return 0;
	return fail_as(error, ERROR_ALREADY_RUNNING, EBUSY,
		       "a controller that pins in another directory of the name %s is alive, maybe in another mount namespace; stop it there, or use another --pin-dir",
		       pin_dir);
}

/* Said once: from then on it is known. */
static void tell_blind(void)
{
	static bool is_told;

	if (!is_told)
		fprintf(stderr, "stubsieve: without CAP_SYS_ADMIN it cannot tell whose the other programs on the hooks are; if links of its own are among them, `stubsieve stop` as root removes them\n");
	is_told = true;
}

static bool is_at(const struct link_info *info, const struct pin *pin)
{
	if (pin->cgroup)
		return info->type == BPF_LINK_TYPE_CGROUP && info->cgroup.cgroup_id == pin->cgroup &&
		       info->cgroup.attach_type == BPF_CGROUP_INET_EGRESS;
	return info->type == LINK_TYPE_TCX && info->tcx.ifindex == pin->ifindex &&
	       info->tcx.attach_type == pins_attach_type(pin->side);
}

struct adoption {
	const struct pin *pin;
	int program;
	int fd; /* of the link that was taken over */
};

/* The first is ours from now on; a second one would see each packet again. */
static int adopt_link(int fd, const struct link_info *info, const struct identity *identity, void *data)
{
	_cleanup_close_ int copy = -1;
	struct adoption *adoption = data;

	(void)identity;
	if (!is_at(info, adoption->pin) || !pins_is_named(info->prog_id, adoption->pin))
		return 0;
	if (adoption->fd >= 0) {
		bpf_link_detach(fd);
		return 0;
	}
	/* first, for one that has our program already and that we do not hold would be lost */
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy >= 0 && bpf_link_update(copy, adoption->program, NULL) == 0)
		adoption->fd = take_fd(&copy);
	return 0;
}

/* Of a device the kernel tells the links by the hook, so that one in another namespace is not taken for it. */
static void adopt_at_device(const char *pin_dir, const struct hook_programs *programs, struct adoption *adoption)
{
	for (size_t i = 0; i < programs->count; i++) {
		const struct identity identity = identity_of_program(programs->programs[i], pin_dir);
		_cleanup_close_ int fd = -1;
		struct link_info info;

		if (identity.kind == IDENTITY_UNKNOWN)
			tell_blind();
		if (identity.kind != IDENTITY_OURS || !programs->links[i])
			continue;
		fd = bpf_link_get_fd_by_id(programs->links[i]);
		if (fd >= 0 && link_info_get(fd, &info) == 0)
			adopt_link(fd, &info, &identity, adoption);
	}
}

static bool has_one_of_ours(const char *pin_dir, const struct hook_programs *programs)
{
	for (size_t i = 0; i < programs->count; i++) {
		const struct identity identity = identity_of_program(programs->programs[i], pin_dir);

		if (identity.kind == IDENTITY_UNKNOWN)
			tell_blind();
		if (identity.kind == IDENTITY_OURS)
			return true;
	}
	return false;
}

static void find(const char *pin_dir, int cgroup_fd, struct adoption *adoption)
{
	const struct pin *pin = adoption->pin;
	struct hook_programs programs;

	if (!pin->cgroup && hooks_query_device(pin->ifindex, pins_attach_type(pin->side), &programs) == 0)
		adopt_at_device(pin_dir, &programs, adoption);
	if (pin->cgroup && hooks_query_cgroup(cgroup_fd, BPF_CGROUP_INET_EGRESS, &programs) == 0 &&
	    has_one_of_ours(pin_dir, &programs))
		each_of_ours(pin_dir, adopt_link, adoption);
}

int orphans_adopt(const char *pin_dir, const struct pin *pin, int cgroup_fd, int program)
{
	struct adoption adoption = { .pin = pin, .program = program, .fd = -1 };
	char path[PATH_MAX];

	find(pin_dir, cgroup_fd, &adoption);
	if (adoption.fd < 0)
		return -ENOENT;
	pins_forget(pin_dir, adoption.fd); /* the device came from another namespace */
	pins_format(path, pin_dir, pin);
	return pins_pin(adoption.fd, path);
}

struct detachment {
	const uint32_t *programs;
	size_t count, done;
};

/* The device or cgroup is gone, or it was detached; something holds it all the same. */
static bool is_defunct(const struct link_info *info)
{
	return info->type == LINK_TYPE_TCX ? info->tcx.ifindex == 0 :
					     info->type == BPF_LINK_TYPE_CGROUP && info->cgroup.cgroup_id == 0;
}

static int detach_link(int fd, const struct link_info *info, const struct identity *identity, void *data)
{
	struct detachment *detachment = data;

	(void)identity;
	for (size_t i = 0; i < detachment->count; i++)
		if (detachment->programs[i] == info->prog_id)
			return 0;
	if (!is_defunct(info) && bpf_link_detach(fd) == 0)
		detachment->done++;
	return 0;
}

int orphans_detach(const char *pin_dir, const uint32_t *programs, size_t count, size_t *ret_count)
{
	struct detachment detachment = { .programs = programs, .count = count };
	int r = each_of_ours(pin_dir, detach_link, &detachment);

	if (r == 0)
		*ret_count = detachment.done;
	return r;
}

struct program_visit {
	orphans_callback callback;
	void *data;
	uint32_t last;
};

static int visit_program(int fd, const struct link_info *info, const struct identity *identity, void *data)
{
	struct program_visit *visit = data;

	(void)fd;
	(void)identity;
	if (is_defunct(info) || info->prog_id == visit->last)
		return 0;
	visit->last = info->prog_id;
	return visit->callback(info->prog_id, visit->data);
}

int orphans_each_program(const char *pin_dir, orphans_callback callback, void *data)
{
	struct program_visit visit = { callback, data, 0 };

	return each_of_ours(pin_dir, visit_program, &visit);
}
