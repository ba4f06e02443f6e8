/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "attribute.h"
#include "netlink.h"
#include "rtnl.h"

/* Datagrams in one call: a millisecond's work, so that one namespace's storm does not keep the others waiting. */
#define READ_MAX (16 * NETLINK_BATCH)

struct rtnl_monitor {
	struct mnl_socket *socket;
};

static int join_groups(struct mnl_socket *socket)
{
	static const int groups[] = {
		RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR,  RTNLGRP_IPV6_IFADDR,  RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF, RTNLGRP_NEXTHOP,
	};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
			return -errno;
	}
	return 0;
}

/* Without CAP_NET_ADMIN the size is cut to net.core.rmem_max; overflow is noticed all the same. */
static int widen_receive_buffer(int fd, int size)
{
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == 0)
		return 0;
	return setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0 ? -errno : 0;
}

int rtnl_monitor_open(int receive_buffer, struct rtnl_monitor **ret_monitor)
{
	__attribute__((cleanup(rtnl_monitor_closep))) struct rtnl_monitor *monitor = NULL;
	int r;

	monitor = malloc(sizeof(*monitor));
	if (!monitor)
		return -ENOMEM;
	monitor->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!monitor->socket)
		return -errno;
	r = widen_receive_buffer(mnl_socket_get_fd(monitor->socket), receive_buffer);
	if (r < 0)
		return r;
	if (mnl_socket_bind(monitor->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	r = join_groups(monitor->socket);
	if (r < 0)
		return r;
	*ret_monitor = monitor;
	monitor = NULL;
	return 0;
}

void rtnl_monitor_close(struct rtnl_monitor *monitor)
{
	if (!monitor)
		return;
	if (monitor->socket)
		mnl_socket_close(monitor->socket);
	free(monitor);
}

int rtnl_monitor_fd(const struct rtnl_monitor *monitor)
{
	return mnl_socket_get_fd(monitor->socket);
}

static void pass_on(const void *datagram, size_t length, rtnl_message_callback callback, void *data)
{
	const struct nlmsghdr *message = datagram;
	int left = (int)length;

	for (; message_is_whole(message, left); message = mnl_nlmsg_next(message, &left))
		callback(message, data);
}

int rtnl_monitor_read(struct rtnl_monitor *monitor, rtnl_message_callback callback, void *data)
{
	static struct netlink_batch batch; /* half a megabyte of which a page or two of each are touched */
	int fd = mnl_socket_get_fd(monitor->socket), count = NETLINK_BATCH;
	bool lost = false;

	for (int read = 0; read < READ_MAX && count == NETLINK_BATCH; read += count) {
		count = netlink_receive_batch(fd, &batch);
		if (count == -ENOBUFS) {
			lost = true;
			count = NETLINK_BATCH; /* there is more behind what is missing */
			continue;
		}
		if (count < 0)
			return count == -EAGAIN && !lost ? 0 : count == -EAGAIN ? -ENOBUFS : count;
		for (int i = 0; i < count; i++) {
			if (batch.lengths[i] < 0)
				lost = true;
			else
				pass_on(batch.buffers[i], (size_t)batch.lengths[i], callback, data);
		}
	}
	if (lost)
		return -ENOBUFS;
	return count == NETLINK_BATCH;
}
