/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>

ssize_t netlink_receive(int fd, void *buffer, size_t size)
{
	struct sockaddr_nl sender = {};
	struct iovec part = { .iov_base = buffer, .iov_len = size };
	struct msghdr header = {
		.msg_name = &sender,
		.msg_namelen = sizeof(sender),
		.msg_iov = &part,
		.msg_iovlen = 1,
	};
	ssize_t length;

	do
		length = recvmsg(fd, &header, 0);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return -errno;
	if (header.msg_namelen != sizeof(sender) || sender.nl_family != AF_NETLINK || sender.nl_pid != 0)
		return 0;
	if (header.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	return length;
}
