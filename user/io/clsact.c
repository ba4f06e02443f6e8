/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "clsact.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "identity.h"
#include "netlink.h"

/* Our place among the filters of a qdisc; any other would do. */
#define FILTER_PRIORITY 0x5353

/* What the sides differ in: how our program is called there, what marks that it is, and its place. */
struct side {
	const char *program, *mark;
	uint32_t handle, minor;
	enum bpf_tc_attach_point point;
};

static const struct side sides[ATTACH_SIDES] = {
	[ATTACH_EGRESS] = { "sieve_egress:", "clsact", 0x53, TC_H_MIN_EGRESS, BPF_TC_EGRESS },
	[ATTACH_GATEWAY] = { "sieve_gateway:", "ingress", 0x53, TC_H_MIN_INGRESS, BPF_TC_INGRESS },
	[ATTACH_RESULTS] = { "sieve_results:", "responses", 0x54, TC_H_MIN_INGRESS, BPF_TC_INGRESS },
};

static const struct side *side_of(const struct clsact *clsact)
{
	return &sides[clsact->side];
}

/* `what`: of a side, that it has a filter of ours; "qdisc": that we made the qdisc. */
static void format_mark(char path[PATH_MAX], const struct clsact *clsact, const char *what)
{
	snprintf(path, PATH_MAX, "%s/%s-%" PRIu32 "-%" PRIu32, clsact->pin_dir, what, clsact->netns, clsact->ifindex);
}

/* What is in our place on one side. */
struct filter_there {
	const struct side *side;
	bool is_ours;     /* it has our program's name */
	uint32_t program; /* its id, if it is told */
};

/* libbpf calls a filter "PROGRAM:[ID]". The name needs no capability, as the program's map ids would. */
static int take_option(const struct nlattr *attribute, void *data)
{
	struct filter_there *there = data;

	if (mnl_attr_get_type(attribute) == TCA_BPF_NAME && mnl_attr_validate(attribute, MNL_TYPE_STRING) == 0 &&
	    strncmp(mnl_attr_get_str(attribute), there->side->program, strlen(there->side->program)) == 0)
		there->is_ours = true;
	if (mnl_attr_get_type(attribute) == TCA_BPF_ID && mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
		there->program = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int take_attribute(const struct nlattr *attribute, void *data)
{
	if (mnl_attr_get_type(attribute) == TCA_OPTIONS)
		mnl_attr_parse_nested(attribute, take_option, data);
	return MNL_CB_OK;
}

static int take_filter(const struct nlmsghdr *message, void *data)
{
	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct tcmsg))
		return -EBADMSG;
	mnl_attr_parse(message, sizeof(struct tcmsg), take_attribute, data);
	return 1;
}

/* A request for the filters on one side of the interface's qdisc. */
static struct nlmsghdr *make_request(void *buffer, const struct clsact *clsact, const struct side *side)
{
	struct nlmsghdr *request = netlink_dump_request(buffer, RTM_GETTFILTER);
	struct tcmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	header->tcm_family = AF_UNSPEC;
	header->tcm_ifindex = (int)clsact->ifindex;
	header->tcm_parent = TC_H_MAKE(TC_H_CLSACT, side->minor);
	return request;
}

/*
 * 1: our filter is there. 0: there is none. -EBUSY: a foreign one. -EOPNOTSUPP: a block that qdiscs share, of which the
 * kernel tells nothing by the interface. We ask for the one place alone, of whatever protocol: anyone who has a network
 * namespace can have a million filters beside it.
 */
static int find_filter(const struct clsact *clsact)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct tcmsg))];
	struct filter_there there = { .side = side_of(clsact) };
	struct nlmsghdr *request = make_request(buffer, clsact, there.side);
	struct tcmsg *header = mnl_nlmsg_get_payload(request);
	int r;

	request->nlmsg_flags = NLM_F_REQUEST;
	header->tcm_handle = there.side->handle;
	header->tcm_info = TC_H_MAKE(FILTER_PRIORITY << 16, 0);
	r = netlink_dump(request, RTM_NEWTFILTER, take_filter, &there);
	if (r == -EINVAL || r == -ENOENT || r == -ENODEV) /* no qdisc, no filter, no device */
		return 0;
	if (r < 0)
		return r;
	if (!there.is_ours || identity_of_program(there.program, clsact->pin_dir).kind == IDENTITY_OTHER)
		return -EBUSY;
	return 1;
}

/*
 * An ingress qdisc takes a filter for egress without a word, and hands it what comes in: there is only one
 * list of filters, and it shows on either side.
 */
static bool is_on_ingress(const struct clsact *clsact, uint32_t program_id)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)clsact->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = side_of(clsact)->handle, .priority = FILTER_PRIORITY);

	return bpf_tc_query(&hook, &options) == 0 && options.prog_id == program_id;
}

int clsact_attach(const struct clsact *clsact, int program_fd)
{
	LIBBPF_OPTS(bpf_tc_opts, place, .handle = side_of(clsact)->handle, .priority = FILTER_PRIORITY);
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)clsact->ifindex, .attach_point = side_of(clsact)->point);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = side_of(clsact)->handle, .priority = FILTER_PRIORITY, .prog_fd = program_fd);
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
		format_mark(mark, clsact, "qdisc");
		mkdir(mark, 0700);
	}
	r = bpf_tc_attach(&hook, &options);
	if (r < 0)
		return r;
	if (clsact->side == ATTACH_EGRESS && is_on_ingress(clsact, options.prog_id)) {
		bpf_tc_detach(&hook, &place);
		return -EBUSY;
	}
	format_mark(mark, clsact, side_of(clsact)->mark);
	mkdir(mark, 0700);
	return 0;
}

static int see_filter(const struct nlmsghdr *message, void *data)
{
	(void)message;
	*(bool *)data = true;
	return 1;
}

/* In doubt there are filters of others. */
static bool is_unused(const struct clsact *clsact)
{
	static const enum attach_side both[] = { ATTACH_GATEWAY, ATTACH_EGRESS };
	bool is_used = false;

	for (size_t i = 0; !is_used && i < sizeof(both) / sizeof(both[0]); i++) {
		_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct tcmsg))];
		const struct nlmsghdr *request = make_request(buffer, clsact, &sides[both[i]]);

		if (netlink_dump(request, RTM_NEWTFILTER, see_filter, &is_used) < 0)
			return false;
	}
	return !is_used;
}

static bool has_another_filter_of_ours(const struct clsact *clsact)
{
	char mark[PATH_MAX];

	for (enum attach_side side = 0; side < ATTACH_SIDES; side++) {
		format_mark(mark, clsact, sides[side].mark);
		if (side != clsact->side && access(mark, F_OK) == 0)
			return true;
	}
	return false;
}

/* Remove the qdisc if the mark says that it is ours, and nobody uses it any more. */
static void remove_qdisc(const struct clsact *clsact)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)clsact->ifindex,
		    .attach_point = (enum bpf_tc_attach_point)(BPF_TC_INGRESS | BPF_TC_EGRESS));
	char mark[PATH_MAX];

	format_mark(mark, clsact, "qdisc");
	if (has_another_filter_of_ours(clsact) || rmdir(mark) < 0 || !is_unused(clsact))
		return;
	bpf_tc_hook_destroy(&hook);
}

int clsact_detach(const struct clsact *clsact)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)clsact->ifindex, .attach_point = side_of(clsact)->point);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = side_of(clsact)->handle, .priority = FILTER_PRIORITY);
	char mark[PATH_MAX];
	int r = find_filter(clsact);

	format_mark(mark, clsact, side_of(clsact)->mark);
	if (r == -EOPNOTSUPP && access(mark, F_OK) < 0) /* nothing says that ours is there */
		return 0;
	if (r == 1)
		r = bpf_tc_detach(&hook, &options);
	if (r < 0)
		return r;
	rmdir(mark);
	remove_qdisc(clsact);
	return 0;
}
