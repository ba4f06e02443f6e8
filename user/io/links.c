/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "links.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "netlink.h"
#include "text.h"

#ifndef ARPHRD_RAWIP
#define ARPHRD_RAWIP 519
#endif

struct list {
	struct link *links;
	size_t count, room;
};

static int take_kind(const struct nlattr *attribute, void *data)
{
	struct link *link = data;

	static const char *const kinds[] = { "vrf", "xfrm", "vti", "vti6" };

	if (mnl_attr_get_type(attribute) != IFLA_INFO_KIND || mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0)
		return MNL_CB_OK;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(mnl_attr_get_str(attribute), kinds[i]) == 0)
			link->is_indirect = true;
	return MNL_CB_OK;
}

/* Whoever named it may not write to the terminal of who reads it. */
static void take_name(struct link *link, const char *name)
{
	strncpy(link->name, name, sizeof(link->name) - 1);
	text_clean(link->name);
}

static int take_attribute(const struct nlattr *attribute, void *data)
{
	struct link *link = data;

	switch (mnl_attr_get_type(attribute)) {
	case IFLA_IFNAME:
		if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0)
			take_name(link, mnl_attr_get_str(attribute));
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(attribute, take_kind, link);
		break;
	}
	return MNL_CB_OK;
}

static int take_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	struct list *list = data;
	struct link link = {};

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return -EBADMSG;
	link.ifindex = (uint32_t)header->ifi_index;
	link.type = header->ifi_type;
	mnl_attr_parse(message, sizeof(*header), take_attribute, &link);
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 16;
		struct link *links = reallocarray(list->links, room, sizeof(*links));

		if (!links)
			return -ENOMEM;
		list->links = links;
		list->room = room;
	}
	list->links[list->count++] = link;
	return 0;
}

static int dump_links(struct netlink_dumps *dumps, struct list *ret_list)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct ifinfomsg))];
	struct nlmsghdr *request = netlink_dump_request(buffer, RTM_GETLINK);
	struct list list = {};
	int r;

	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	r = netlink_dumps_next(dumps, request, RTM_NEWLINK, take_link, &list);
	if (r < 0) {
		free(list.links);
		return r;
	}
	*ret_list = list;
	return 0;
}

int links_list(uint64_t budget_ns, struct link **ret_links, size_t *ret_count)
{
	struct netlink_dumps dumps;
	struct list list;
	int r = netlink_dumps_open(&dumps, budget_ns);

	if (r < 0)
		return r;
	/* A device that comes or goes meanwhile spoils a dump: on a host with many containers, again and again. */
	do
		r = dump_links(&dumps, &list);
	while (r == -EINTR && clock_thread_cpu_ns() < dumps.deadline);
	netlink_dumps_close(&dumps);
	if (r < 0)
		return r;
	*ret_links = list.links;
	*ret_count = list.count;
	return 0;
}

bool link_is_fit(const struct link *link)
{
	if (link->is_indirect)
		return false;
	switch (link->type) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
	case ARPHRD_NONE: /* TUN, WireGuard */
	case ARPHRD_RAWIP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
		return true;
	default:
		return false;
	}
}
