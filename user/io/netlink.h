/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every netlink socket here needs. */
#ifndef STUBSIEVE_NETLINK_H
#define STUBSIEVE_NETLINK_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * One datagram of the kernel. Returns its length, 0 for one that a process sent (a local process with
 * CAP_NET_ADMIN in the namespace can forge messages): drop it. -EMSGSIZE: it did not fit, and is
 * lost. Else -errno of recvmsg(2), EINTR apart.
 */
ssize_t netlink_receive(int fd, void *buffer, size_t size);

/* Several datagrams by one system call. */
#define NETLINK_BATCH 16
#define NETLINK_MESSAGE_MAX (32 * 1024) /* a link message with many virtual functions is the largest */

struct netlink_batch {
	_Alignas(struct nlmsghdr) char buffers[NETLINK_BATCH][NETLINK_MESSAGE_MAX];
	ssize_t lengths[NETLINK_BATCH]; /* of each as netlink_receive() returns it */
};

/* Returns how many there were, less than NETLINK_BATCH if these were the last; else -errno of recvmmsg(2). */
int netlink_receive_batch(int fd, struct netlink_batch *batch);

/* A handler returns 0 to go on, 1 to stop the dump, or -errno. */
typedef int (*netlink_handler)(const struct nlmsghdr *message, void *data);

/*
 * A socket for dumps, one after the other, with strict checking. None waits for anything: the kernel makes a
 * dump within the caller's own system calls.
 */
struct netlink_dumps {
	int fd;            /* for netdevice(7), too, as any socket is; a dump may put another in its place */
	int protocol;      /* NETLINK_ROUTE, or another one of netlink(7) */
	bool is_busy;      /* the last dump was left before its end */
	uint64_t deadline; /* of all dumps, CLOCK_THREAD_CPUTIME_ID, ns: a busy machine does not make them long */
};

/* What all dumps on one socket may take where the caller does not say. */
#define NETLINK_DUMP_SECONDS 5

int netlink_dumps_open(struct netlink_dumps *ret_dumps, uint64_t budget_ns); /* 0: NETLINK_DUMP_SECONDS */
int netlink_dumps_open_as(struct netlink_dumps *ret_dumps, int protocol, uint64_t budget_ns);
void netlink_dumps_close(struct netlink_dumps *dumps);

/*
 * Begin the request in a buffer with room for its header, add the family's header, and send it off; `answer`
 * is the type of the messages that are handed to the handler. -EINTR: the kernel's tables changed meanwhile
 * (NLM_F_DUMP_INTR). -ETIMEDOUT: the deadline is over.
 */
struct nlmsghdr *netlink_dump_request(void *buffer, uint16_t type);
int netlink_dumps_next(struct netlink_dumps *dumps, const struct nlmsghdr *request, uint16_t answer,
		       netlink_handler handler, void *data);

/*
 * The same in parts: begin a dump, and take what there is of it until the time is over (CLOCK_THREAD_CPUTIME_ID, ns).
 * Returns 1 as long as more is to come, 0 when the dump is over or was left by the handler. What comes later is what
 * is there then, so a dump in parts is none of a single moment.
 */
int netlink_dumps_begin(struct netlink_dumps *dumps, const struct nlmsghdr *request);
int netlink_dumps_take(struct netlink_dumps *dumps, uint16_t answer, netlink_handler handler, void *data,
		       uint64_t until_ns);

/* The only dump on a socket of its own. */
int netlink_dump(const struct nlmsghdr *request, uint16_t answer, netlink_handler handler, void *data);

#endif
