/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "hooks.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "netlink.h"

/* What it may take to list the filters on one side of a device (CPU time). */
#define FILTERS_BUDGET_NS (100 * CLOCK_MILLISECOND_NS)

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

struct filter_words {
	uint32_t program;
	char name[64], kind[32];
};

static int take_option(const struct nlattr *attribute, void *data)
{
	struct filter_words *words = data;

	if (mnl_attr_get_type(attribute) == TCA_BPF_NAME && mnl_attr_validate(attribute, MNL_TYPE_STRING) == 0)
		snprintf(words->name, sizeof(words->name), "%s", mnl_attr_get_str(attribute));
	if (mnl_attr_get_type(attribute) == TCA_BPF_ID && mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
		words->program = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int take_attribute(const struct nlattr *attribute, void *data)
{
	struct filter_words *words = data;

	if (mnl_attr_get_type(attribute) == TCA_KIND && mnl_attr_validate(attribute, MNL_TYPE_STRING) == 0)
		snprintf(words->kind, sizeof(words->kind), "%s", mnl_attr_get_str(attribute));
	/* after the kind, in the kernel's order; the options of others have other numbers */
	if (mnl_attr_get_type(attribute) == TCA_OPTIONS && strcmp(words->kind, "bpf") == 0)
		mnl_attr_parse_nested(attribute, take_option, words);
	return MNL_CB_OK;
}

struct telling {
	hooks_filter_callback callback;
	void *data;
};

static int take_filter(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *header = mnl_nlmsg_get_payload(message);
	const struct telling *telling = data;
	struct filter_words words = {};

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return -EBADMSG;
	mnl_attr_parse(message, sizeof(*header), take_attribute, &words);
	if (header->tcm_handle == 0) /* the list that the filters are in */
		return 0;
	return telling->callback(words.program, words.name[0] ? words.name : words.kind, telling->data) ? 0 : 1;
}

int hooks_each_filter(uint32_t ifindex, bool is_egress, hooks_filter_callback callback, void *data)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct tcmsg))];
	struct nlmsghdr *request = netlink_dump_request(buffer, RTM_GETTFILTER);
	struct tcmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	struct telling telling = { callback, data };
	struct netlink_dumps dumps;
	int r;

	header->tcm_family = AF_UNSPEC;
	header->tcm_ifindex = (int)ifindex;
	header->tcm_parent = TC_H_MAKE(TC_H_CLSACT, is_egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
	r = netlink_dumps_open(&dumps, FILTERS_BUDGET_NS);
	if (r < 0)
		return r;
	r = netlink_dumps_next(&dumps, request, RTM_NEWTFILTER, take_filter, &telling);
	netlink_dumps_close(&dumps);
	return r;
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
