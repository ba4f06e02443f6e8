/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "clsact.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netlink.h"
#include "programs.h"

/* Our place among the filters of a qdisc; any other would do. */
#define FILTER_HANDLE 0x53
#define FILTER_PRIORITY 0x5353

static void format_mark(char path[PATH_MAX], const struct clsact *clsact)
{
	snprintf(path, PATH_MAX, "%s/clsact-%" PRIu32 "-%" PRIu32, clsact->pin_dir, clsact->netns, clsact->ifindex);
}

/* 1: our filter is there. 0: there is none. -EBUSY: a foreign one. */
static int find_filter(const struct clsact *clsact)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)clsact->ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
	uint32_t instance = programs_instance_id(clsact->pin_dir);
	int r = bpf_tc_query(&hook, &options);

	if (r == -ENOENT || r == -EINVAL) /* no filter, no qdisc */
		return 0;
	if (r < 0)
		return r;
	return instance && programs_is_of_instance(options.prog_id, instance) ? 1 : -EBUSY;
}

/*
 * An ingress qdisc takes a filter for egress without a word, and hands it what comes in: there is only one
 * list of filters, and it shows on either side.
 */
static bool is_on_ingress(const struct clsact *clsact, uint32_t program_id)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)clsact->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);

	return bpf_tc_query(&hook, &options) == 0 && options.prog_id == program_id;
}

int clsact_attach(const struct clsact *clsact, int program_fd)
{
	LIBBPF_OPTS(bpf_tc_opts, place, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)clsact->ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY, .prog_fd = program_fd);
	char mark[PATH_MAX];
	int r;

	r = find_filter(clsact);
	if (r < 0)
		return r;
	if (r == 1)
		options.flags = BPF_TC_F_REPLACE;
	r = bpf_tc_hook_create(&hook);
	if (r < 0 && r != -EEXIST)
		return r;
	if (r == 0) {
		format_mark(mark, clsact);
		mkdir(mark, 0700);
	}
	r = bpf_tc_attach(&hook, &options);
	if (r == 0 && is_on_ingress(clsact, options.prog_id)) {
		bpf_tc_detach(&hook, &place);
		return -EBUSY;
	}
	return r;
}

static int count_filter(const struct nlmsghdr *message, void *data)
{
	(void)message;
	++*(unsigned int *)data;
	return 1;
}

/* Is a filter of anybody on one side of the qdisc? In doubt yes. */
static bool has_filters(const struct clsact *clsact, uint32_t side)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct tcmsg))];
	struct nlmsghdr *request = netlink_dump_request(buffer, RTM_GETTFILTER);
	struct tcmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	unsigned int count = 0;

	header->tcm_family = AF_UNSPEC;
	header->tcm_ifindex = (int)clsact->ifindex;
	header->tcm_parent = TC_H_MAKE(TC_H_CLSACT, side);
	return netlink_dump(request, RTM_NEWTFILTER, count_filter, &count) < 0 || count > 0;
}

/* Remove the qdisc if the mark says that it is ours, and nobody else has come to use it. */
static void remove_qdisc(const struct clsact *clsact)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)clsact->ifindex,
		    .attach_point = (enum bpf_tc_attach_point)(BPF_TC_INGRESS | BPF_TC_EGRESS));
	char mark[PATH_MAX];

	format_mark(mark, clsact);
	if (rmdir(mark) < 0)
		return;
	if (!has_filters(clsact, TC_H_MIN_INGRESS) && !has_filters(clsact, TC_H_MIN_EGRESS))
		bpf_tc_hook_destroy(&hook);
}

int clsact_detach(const struct clsact *clsact)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)clsact->ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
	int r = find_filter(clsact);

	if (r == 1) {
		r = bpf_tc_detach(&hook, &options);
		if (r < 0)
			return r;
	}
	remove_qdisc(clsact);
	return r < 0 ? r : 0;
}
