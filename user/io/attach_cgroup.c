/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "attach.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "hooks.h"
#include "orphans.h"

int attach_sensor(int cgroup_fd, const struct programs *programs)
{
	int fd = bpf_link_create(programs_sensor_fd(programs), cgroup_fd, BPF_CGROUP_INET_SOCK_CREATE, NULL);

	return fd < 0 ? -errno : fd;
}

int attach_explain_denied(const struct cgroup *cgroup, uint32_t attach_type, const char *what, struct error *error)
{
	bool is_egress = attach_type == BPF_CGROUP_INET_EGRESS;
	struct hook_obstacle obstacle;
	char mount[PATH_MAX];

	if (mounts_find_cgroup2(mount, sizeof(mount), error) < 0 ||
	    hooks_find_obstacle(mount, cgroup->path, attach_type, &obstacle) < 0)
		return fail_as(error, ERROR_FAILED, EPERM,
			       "cannot attach %s to the cgroup %s: a program there, or above it, was attached as the only one; `bpftool cgroup tree` shows which",
			       what, cgroup->path);
	return fail_as(error, ERROR_FAILED, EPERM,
		       "cannot attach %s to the cgroup %s: the program %" PRIu32 " (%s) at the cgroup %s was attached as the only one; have its owner attach it with BPF_F_ALLOW_MULTI, or detach it: bpftool cgroup detach %s%s %s id %" PRIu32,
		       what, cgroup->path, obstacle.program,
		       obstacle.identity.name[0] ? obstacle.identity.name : "its name takes CAP_SYS_ADMIN", obstacle.path, mount,
		       obstacle.path, is_egress ? "cgroup_inet_egress" : "cgroup_inet_sock_create", obstacle.program);
}

int attach_cgroup(const char *pin_dir, const struct cgroup *cgroup, int cgroup_fd, const struct programs *programs,
		  struct error *error)
{
	const struct pin pin = { .cgroup = cgroup->id };
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];

	pins_format(path, pin_dir, &pin);
	fd = pins_adopt(path, &pin, programs_cgroup_fd(programs));
	if (fd == -ENOENT)
		fd = orphans_adopt(pin_dir, &pin, cgroup_fd, programs_cgroup_fd(programs));
	if (fd < 0 && fd != -EEXIST)
		fd = pins_pin(bpf_link_create(programs_cgroup_fd(programs), cgroup_fd, BPF_CGROUP_INET_EGRESS, NULL), path);
	if (fd == -EEXIST)
		return fail(error, EEXIST, "%s is not a pin of ours; remove it, or use another --pin-dir", path);
	if (fd == -EPERM)
		return attach_explain_denied(cgroup, BPF_CGROUP_INET_EGRESS, "the filter", error);
	if (fd < 0)
		return fail(error, -fd, "cannot attach to the cgroup %s: %s", cgroup->path, strerror(-fd));
	return 0;
}

bool attach_cgroup_is_live(const char *pin_dir, uint64_t id)
{
	const struct pin pin = { .cgroup = id };
	char path[PATH_MAX];

	pins_format(path, pin_dir, &pin);
	_cleanup_close_ int fd = bpf_obj_get(path);

	return fd >= 0 && pins_is_at_cgroup(fd, id);
}

void attach_forget_cgroup(const char *pin_dir, uint64_t id)
{
	const struct pin pin = { .cgroup = id };
	struct error error;
	char path[PATH_MAX];

	pins_format(path, pin_dir, &pin);
	pins_remove(path, &pin, true, &error);
}
