/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * forge-netlink PORT DEVICE: what a local process with CAP_NET_ADMIN can make of rtnetlink. Sends messages that
 * look like the kernel's, about DEVICE and routes by it, to the socket with that port id, and to everybody who
 * subscribed to such messages. Says how many were delivered to the port, and how many were sent to subscribers:
 *
 *   delivered=N sent=N
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct forgery {
	unsigned short type;
	unsigned int group; /* RTNLGRP_*, who would be told by the kernel */
	unsigned char family;
};

static const struct forgery forgeries[] = {
	{ RTM_NEWROUTE, RTNLGRP_IPV4_ROUTE, AF_INET }, { RTM_NEWROUTE, RTNLGRP_IPV6_ROUTE, AF_INET6 },
	{ RTM_DELROUTE, RTNLGRP_IPV4_ROUTE, AF_INET }, { RTM_DELROUTE, RTNLGRP_IPV6_ROUTE, AF_INET6 },
	{ RTM_NEWLINK, RTNLGRP_LINK, AF_UNSPEC },      { RTM_DELLINK, RTNLGRP_LINK, AF_UNSPEC },
	{ RTM_NEWADDR, RTNLGRP_IPV4_IFADDR, AF_INET }, { RTM_DELADDR, RTNLGRP_IPV6_IFADDR, AF_INET6 },
};

/* Room for the largest header, which begins with the family in all of them, and for two attributes. */
struct message {
	struct nlmsghdr header;
	char payload[128];
};

static void put_attribute(struct message *message, unsigned short type, const void *data, size_t length)
{
	struct rtattr *attribute = (struct rtattr *)(void *)((char *)message + NLMSG_ALIGN(message->header.nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(length);
	memcpy(RTA_DATA(attribute), data, length);
	message->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(message->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
}

static void make_route(struct message *message, unsigned char family, uint32_t ifindex)
{
	uint32_t words[4] = { htonl(family == AF_INET6 ? 0x20010db8 : 0xc6336400), htonl(0x00660000), 0, 0 };
	struct rtmsg *route = (struct rtmsg *)(void *)message->payload;

	message->header.nlmsg_len = NLMSG_LENGTH(sizeof(*route));
	*route = (struct rtmsg){
		.rtm_family = family,
		.rtm_dst_len = family == AF_INET6 ? 48 : 24,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_type = RTN_UNICAST,
	};
	put_attribute(message, RTA_DST, words, family == AF_INET6 ? 16 : 4);
	put_attribute(message, RTA_OIF, &ifindex, sizeof(ifindex));
}

static void make_link(struct message *message, uint32_t ifindex)
{
	struct ifinfomsg *link = (struct ifinfomsg *)(void *)message->payload;

	message->header.nlmsg_len = NLMSG_LENGTH(sizeof(*link));
	*link = (struct ifinfomsg){ .ifi_index = (int)ifindex };
}

static void make_address(struct message *message, unsigned char family, uint32_t ifindex)
{
	struct ifaddrmsg *address = (struct ifaddrmsg *)(void *)message->payload;

	message->header.nlmsg_len = NLMSG_LENGTH(sizeof(*address));
	*address = (struct ifaddrmsg){ .ifa_family = family, .ifa_prefixlen = 24, .ifa_index = ifindex };
}

static void make(struct message *message, const struct forgery *forgery, uint32_t ifindex)
{
	*message = (struct message){ .header.nlmsg_len = 0 };
	if (forgery->type == RTM_NEWROUTE || forgery->type == RTM_DELROUTE)
		make_route(message, forgery->family, ifindex);
	else if (forgery->type == RTM_NEWLINK || forgery->type == RTM_DELLINK)
		make_link(message, ifindex);
	else
		make_address(message, forgery->family, ifindex);
	message->header.nlmsg_type = forgery->type;
}

static int send_to(int fd, const struct message *message, uint32_t port, unsigned int group)
{
	const struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_pid = port,
		.nl_groups = group ? 1U << (group - 1) : 0,
	};

	return sendto(fd, message, message->header.nlmsg_len, 0, (const struct sockaddr *)&address, sizeof(address)) < 0 ?
		       -errno : 0;
}

int main(int argc, char **argv)
{
	uint32_t port = argc == 3 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0, ifindex = 0;
	unsigned int delivered = 0, sent = 0;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (argc == 3)
		ifindex = if_nametoindex(argv[2]);
	if (port == 0 || ifindex == 0 || fd < 0) {
		fputs("usage: forge-netlink PORT DEVICE\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
		struct message message;

		make(&message, &forgeries[i], ifindex);
		delivered += send_to(fd, &message, port, 0) == 0;
		sent += send_to(fd, &message, 0, forgeries[i].group) == 0;
	}
	printf("delivered=%u sent=%u\n", delivered, sent);
	return 0;
}
