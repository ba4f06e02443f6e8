/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every netlink socket here needs. */
#ifndef STUBSIEVE_NETLINK_H
#define STUBSIEVE_NETLINK_H

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * One datagram of the kernel. Returns its length, 0 for one that a process sent (a local process with
 * CAP_NET_ADMIN in the namespace can forge messages): drop it. -EMSGSIZE: it did not fit, and is
 * lost. Else -errno of recvmsg(2), EINTR apart.
 */
ssize_t netlink_receive(int fd, void *buffer, size_t size);

static inline void netlink_closep(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

#endif
