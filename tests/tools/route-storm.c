/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * route-storm [--batch N] [--pause US] [--protocol N] [--stride N] [--distinct] [--until-ends]
 *             OPERATION FAMILY FIRST COUNT DEVICE
 *
 * Changes routes as fast as the kernel takes them, many in one system call. OPERATION:
 *   add, del   COUNT routes, from number FIRST on
 *   replace    the same; a route that is as it was is no change, so use another protocol than before
 *   flap       COUNT changes: a route is added, then deleted, then the next one, of 250 by turns
 * FAMILY is 4 or 6. Route number N leads to 16.0.0.0/24 plus N, or 2001:db8::/64 plus N, by DEVICE.
 * --batch: so many messages are acknowledged together (500); --pause: and then there is a pause.
 * --protocol: of the routes (200). --distinct: no two have the same metric, so the kernel has to look at each by itself.
 * --stride: only every Nth number (1), so that no two routes join.
 * --until-ends: begins anew until standard input ends.
 *
 *   changes=N refused=N us=N
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FLAPPING 250
#define MESSAGE_MAX 128
#define PROTOCOL 200 /* of no routing daemon */

enum operation { OPERATION_ADD, OPERATION_DEL, OPERATION_REPLACE, OPERATION_FLAP, OPERATIONS };

static const char *const operation_names[OPERATIONS] = { "add", "del", "replace", "flap" };

struct storm {
	enum operation operation;
	unsigned char family; /* AF_INET, AF_INET6 */
	uint32_t first, count, stride, ifindex;
	long batch, pause_us;
	bool distinct, until_ends;
	int fd;
	uint32_t sequence;
	unsigned char protocol;
	char *buffer;
	size_t length;
	unsigned long changes, refused;
};

static long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void put_attribute(struct nlmsghdr *message, unsigned short type, const void *data, size_t length)
{
	struct rtattr *attribute = (struct rtattr *)(void *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(length);
	memcpy(RTA_DATA(attribute), data, length);
	message->nlmsg_len = (uint32_t)(NLMSG_ALIGN(message->nlmsg_len) + RTA_ALIGN(attribute->rta_len));
}

static void put_destination(struct nlmsghdr *message, unsigned char family, uint32_t number)
{
	uint32_t words[4] = { htonl(0x20010db8), htonl(number), 0, 0 }, address = htonl(0x10000000 + (number << 8));

	if (family == AF_INET6)
		put_attribute(message, RTA_DST, words, sizeof(words));
	else
		put_attribute(message, RTA_DST, &address, sizeof(address));
}

/* One more message in the buffer. */
static void put_change(struct storm *storm, bool del, uint32_t number)
{
	struct nlmsghdr *message = (struct nlmsghdr *)(void *)(storm->buffer + storm->length);
	struct rtmsg *route = NLMSG_DATA(message);
	uint32_t priority = 1 + number;

	memset(message, 0, MESSAGE_MAX);
	message->nlmsg_len = NLMSG_LENGTH(sizeof(*route));
	message->nlmsg_type = del ? RTM_DELROUTE : RTM_NEWROUTE;
	message->nlmsg_flags = NLM_F_REQUEST;
	if (!del)
		message->nlmsg_flags |= NLM_F_CREATE | (storm->operation == OPERATION_REPLACE ? NLM_F_REPLACE : NLM_F_EXCL);
	message->nlmsg_seq = ++storm->sequence;
	route->rtm_family = storm->family;
	route->rtm_dst_len = storm->family == AF_INET6 ? 64 : 24;
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = del ? RTPROT_UNSPEC : storm->protocol;
	route->rtm_scope = storm->family == AF_INET6 || del ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	if (del)
		route->rtm_scope = RT_SCOPE_NOWHERE;
	route->rtm_type = del ? RTN_UNSPEC : RTN_UNICAST;
	put_destination(message, storm->family, number);
	put_attribute(message, RTA_OIF, &storm->ifindex, sizeof(storm->ifindex));
	if (storm->distinct)
		put_attribute(message, RTA_PRIORITY, &priority, sizeof(priority));
	storm->length += message->nlmsg_len;
	storm->changes++;
}

/* Every error comes back, and the acknowledgement of the last message. */
static int read_answers(struct storm *storm)
{
	_Alignas(struct nlmsghdr) char answers[65536];

	for (;;) {
		ssize_t length = recv(storm->fd, answers, sizeof(answers), 0);
		const struct nlmsghdr *message = (const struct nlmsghdr *)answers;
		unsigned int left = (unsigned int)length;

		if (length < 0)
			return -errno;
		for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
			const struct nlmsgerr *error = NLMSG_DATA(message);

			if (message->nlmsg_type != NLMSG_ERROR)
				continue;
			storm->refused += error->error != 0;
			if (message->nlmsg_seq == storm->sequence)
				return 0;
		}
	}
}

static int send_batch(struct storm *storm, struct nlmsghdr *last)
{
	last->nlmsg_flags |= NLM_F_ACK;
	if (send(storm->fd, storm->buffer, storm->length, 0) < 0)
		return -errno;
	storm->length = 0;
	return read_answers(storm);
}

static void make_change(struct storm *storm, uint32_t index)
{
	if (storm->operation == OPERATION_FLAP)
		put_change(storm, index % 2 == 1, storm->first + index / 2 % FLAPPING);
	else
		put_change(storm, storm->operation == OPERATION_DEL, storm->first + index * storm->stride);
}

static int run_once(struct storm *storm)
{
	for (uint32_t index = 0; index < storm->count;) {
		struct nlmsghdr *last = NULL;
		int r;

		for (long i = 0; i < storm->batch && index < storm->count; i++, index++) {
			last = (struct nlmsghdr *)(void *)(storm->buffer + storm->length);
			make_change(storm, index);
		}
		r = send_batch(storm, last);
		if (r < 0)
			return r;
		if (storm->pause_us)
			usleep((useconds_t)storm->pause_us);
	}
	return 0;
}

static bool input_has_ended(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char octet;

	return poll(&input, 1, 0) > 0 && read(STDIN_FILENO, &octet, 1) <= 0;
}

static int run(struct storm *storm)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int size = 4 * 1024 * 1024, r;

	storm->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	storm->buffer = malloc((size_t)storm->batch * MESSAGE_MAX);
	if (storm->fd < 0 || !storm->buffer || connect(storm->fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	setsockopt(storm->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(storm->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	do
		r = run_once(storm);
	while (r == 0 && storm->until_ends && !input_has_ended());
	return r;
}

static int parse_operation(const char *word, enum operation *ret_operation)
{
	for (int i = 0; i < OPERATIONS; i++)
		if (strcmp(word, operation_names[i]) == 0) {
			*ret_operation = (enum operation)i;
			return 0;
		}
	return -EINVAL;
}

static int parse(int argc, char **argv, struct storm *storm)
{
	int arg = 1;

	for (; arg < argc && strncmp(argv[arg], "--", 2) == 0; arg++) {
		if (strcmp(argv[arg], "--until-ends") == 0)
			storm->until_ends = true;
		else if (strcmp(argv[arg], "--distinct") == 0)
			storm->distinct = true;
		else if (strcmp(argv[arg], "--batch") == 0 && arg + 1 < argc)
			storm->batch = strtol(argv[++arg], NULL, 10);
		else if (strcmp(argv[arg], "--pause") == 0 && arg + 1 < argc)
			storm->pause_us = strtol(argv[++arg], NULL, 10);
		else if (strcmp(argv[arg], "--protocol") == 0 && arg + 1 < argc)
			storm->protocol = (unsigned char)strtol(argv[++arg], NULL, 10);
		else if (strcmp(argv[arg], "--stride") == 0 && arg + 1 < argc)
			storm->stride = (uint32_t)strtoul(argv[++arg], NULL, 10);
		else
			return -EINVAL;
	}
	if (argc - arg != 5 || storm->batch < 1 || parse_operation(argv[arg], &storm->operation) < 0)
		return -EINVAL;
	storm->family = strcmp(argv[arg + 1], "6") == 0 ? AF_INET6 : AF_INET;
	storm->first = (uint32_t)strtoul(argv[arg + 2], NULL, 10);
	storm->count = (uint32_t)strtoul(argv[arg + 3], NULL, 10);
	storm->ifindex = if_nametoindex(argv[arg + 4]);
	return storm->ifindex ? 0 : -errno;
}

int main(int argc, char **argv)
{
	struct storm storm = { .batch = 500, .protocol = PROTOCOL, .stride = 1 };
	long long began = now_us();
	int r = parse(argc, argv, &storm);

	if (r == -EINVAL) {
		fputs("usage: route-storm [--batch N] [--pause US] [--protocol N] [--stride N] [--distinct] [--until-ends]"
		      " OPERATION FAMILY FIRST COUNT DEVICE\n", stderr);
		return 2;
	}
	if (r == 0)
		r = run(&storm);
	if (r < 0) {
		fprintf(stderr, "route-storm: %s\n", strerror(-r));
		return 1;
	}
	printf("changes=%lu refused=%lu us=%lld\n", storm.changes, storm.refused, now_us() - began);
	return 0;
}
