/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "attach.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "cleanup.h"

int attach_sensor(int cgroup_fd, const struct programs *programs)
{
	int fd = bpf_link_create(programs_sensor_fd(programs), cgroup_fd, BPF_CGROUP_INET_SOCK_CREATE, NULL);

	return fd < 0 ? -errno : fd;
}

int attach_cgroup(const char *pin_dir, const struct cgroup *cgroup, int cgroup_fd, const struct programs *programs,
		  struct error *error)
{
	const struct pin pin = { .cgroup = cgroup->id };
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];

	pins_format(path, pin_dir, &pin);
	fd = pins_adopt(path, &pin, programs_cgroup_fd(programs));
	if (fd < 0 && fd != -EEXIST)
		fd = pins_pin(bpf_link_create(programs_cgroup_fd(programs), cgroup_fd, BPF_CGROUP_INET_EGRESS, NULL), path);
	if (fd == -EEXIST)
		return fail(error, EEXIST, "%s is not a pin of ours; remove it, or use another --pin-dir", path);
	if (fd == -EPERM)
		return fail_as(error, ERROR_FAILED, EPERM,
			       "cannot attach to the cgroup %s: a program there, or above it, was attached as the only one; `bpftool cgroup tree` shows which",
			       cgroup->path);
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
