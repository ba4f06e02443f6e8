/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * route-reader: subscribes to what the controller subscribes to, with a receive buffer of the same size, says
 * "ready", and reads; nothing else. What reading alone costs. When standard input ends:
 *
 *   messages=N forged=N lost=N cpu_us=N
 *
 * forged: datagrams that did not come from the kernel, which are no messages. lost: how often the buffer had
 * overflowed.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define RECEIVE_BUFFER (8 * 1024 * 1024)

struct reader {
	int fd;
	unsigned long messages, forged, lost;
};

static int open_reader(struct reader *reader)
{
	static const int groups[] = {
		RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR,  RTNLGRP_IPV6_IFADDR,  RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF, RTNLGRP_NEXTHOP,
	};
	const struct sockaddr_nl own = { .nl_family = AF_NETLINK };
	int size = RECEIVE_BUFFER;

	reader->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (reader->fd < 0 || setsockopt(reader->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
	    bind(reader->fd, (const struct sockaddr *)&own, sizeof(own)) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (setsockopt(reader->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
			return -errno;
	return 0;
}

static void drain(struct reader *reader)
{
	static char buffer[65536];
	struct sockaddr_nl sender;
	struct iovec part = { .iov_base = buffer, .iov_len = sizeof(buffer) };
	struct msghdr header = { .msg_name = &sender, .msg_iov = &part, .msg_iovlen = 1 };

	for (;;) {
		header.msg_namelen = sizeof(sender);
		if (recvmsg(reader->fd, &header, 0) >= 0) {
			if (sender.nl_pid == 0)
				reader->messages++;
			else
				reader->forged++;
		} else if (errno == ENOBUFS) {
			reader->lost++;
		} else {
			return;
		}
	}
}

static long long cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

int main(void)
{
	struct reader reader = { .fd = -1 };
	int r = open_reader(&reader);
	struct pollfd polled[2] = { { .fd = reader.fd, .events = POLLIN }, { .fd = 0, .events = POLLIN } };

	if (r < 0) {
		fprintf(stderr, "route-reader: %s\n", strerror(-r));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (poll(polled, 2, -1) > 0 && !polled[1].revents)
		drain(&reader);
	drain(&reader);
	printf("messages=%lu forged=%lu lost=%lu cpu_us=%lld\n", reader.messages, reader.forged, reader.lost, cpu_us());
	return 0;
}
