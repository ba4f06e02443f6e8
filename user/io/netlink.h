/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every netlink socket here needs. */
#ifndef STUBSIEVE_NETLINK_H
#define STUBSIEVE_NETLINK_H

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * One datagram of the kernel. Returns its length, 0 for one that a process sent (a local process with
 * CAP_NET_ADMIN in the namespace can forge messages): drop it. -EMSGSIZE: it did not fit, and is
 * lost. Else -errno of recvmsg(2), EINTR apart.
 */
ssize_t netlink_receive(int fd, void *buffer, size_t size);

/*
 * A dump on a socket of its own, with strict checking. Begin the request in a buffer with room for its
 * header, add the family's header, and send it off; `answer` is the type of the messages that are handed to
 * the handler, which returns 0 to go on, 1 to stop the dump (closing the socket stops it), or -errno.
 * -EINTR: the kernel's tables changed meanwhile (NLM_F_DUMP_INTR). -ETIMEDOUT: it took longer than
 * NETLINK_DUMP_SECONDS.
 */
#define NETLINK_DUMP_SECONDS 5

typedef int (*netlink_handler)(const struct nlmsghdr *message, void *data);
struct nlmsghdr *netlink_dump_request(void *buffer, uint16_t type);
int netlink_dump(const struct nlmsghdr *request, uint16_t answer, netlink_handler handler, void *data);

static inline void netlink_closep(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

#endif
