/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "hooks.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"

/* BPF_PROG_QUERY of Linux 6.6; older headers, and the libbpf of then, do not know of links. */
struct query {
	__u32 target;
	__u32 attach_type;
	__u32 query_flags;
	__u32 attach_flags;
	__aligned_u64 program_ids;
	__u32 count;
	__u32 padding;
	__aligned_u64 program_flags;
	__aligned_u64 link_ids;
	__aligned_u64 link_flags;
	__u64 revision;
};

int hooks_query_device(uint32_t ifindex, uint32_t attach_type, struct hook_programs *ret_programs)
{
	struct hook_programs programs = {};
	struct query query = {
		.target = ifindex,
		.attach_type = attach_type,
		.program_ids = (__u64)(uintptr_t)programs.programs,
		.link_ids = (__u64)(uintptr_t)programs.links,
		.count = HOOKS_PROGRAMS_MAX,
	};

	if (syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof(query)) < 0)
		return -errno;
	programs.count = query.count;
	*ret_programs = programs;
	return 0;
}

int hooks_query_cgroup(int cgroup_fd, uint32_t attach_type, struct hook_programs *ret_programs)
{
	struct hook_programs programs = {};
	__u32 count = HOOKS_PROGRAMS_MAX;

	if (bpf_prog_query(cgroup_fd, (enum bpf_attach_type)attach_type, 0, &programs.flags, programs.programs, &count) < 0)
		return -errno;
	programs.count = count;
	*ret_programs = programs;
	return 0;
}

/* Which of the programs there does not share: at the cgroup itself with anyone, above it with those below. */
static bool is_obstacle(const struct hook_programs *programs, bool is_above)
{
	if (programs->count == 0 || programs->flags & BPF_F_ALLOW_MULTI)
		return false;
	return !is_above || !(programs->flags & BPF_F_ALLOW_OVERRIDE);
}

int hooks_find_obstacle(const char *mount, const char *path, uint32_t attach_type, struct hook_obstacle *ret_obstacle)
{
	struct hook_obstacle obstacle = {};
	bool is_above = false;

	snprintf(obstacle.path, sizeof(obstacle.path), "%s", path);
	for (;;) {
		char joined[2 * PATH_MAX], *slash = strrchr(obstacle.path, '/');
		struct hook_programs programs;

		snprintf(joined, sizeof(joined), "%s%s", mount, obstacle.path);
		_cleanup_close_ int fd = open(joined, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0 && hooks_query_cgroup(fd, attach_type, &programs) == 0 && is_obstacle(&programs, is_above)) {
			obstacle.program = programs.programs[0];
			obstacle.identity = identity_of_program(obstacle.program, NULL);
			*ret_obstacle = obstacle;
			return 0;
		}
		if (!slash || strcmp(obstacle.path, "/") == 0)
			return -ENOENT;
		slash[slash == obstacle.path] = '\0'; /* up, and last to "/" */
		is_above = true;
	}
}
