/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

/* The kernel fills at most 32 KiB at once. */
#define DUMP_BUFFER (32 * 1024)

/* A socket of its own for every dump: no other sequence number is ever used on it. */
#define SEQUENCE 1

/* One dump under way. */
struct dump {
	struct mnl_socket *socket;
	uint16_t answer;
	netlink_handler handler;
	void *data;
	uint64_t deadline; /* CLOCK_MONOTONIC, ns */
};

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

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

static int error_of(const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*error) || error->error >= 0)
		return -EPROTO; /* a dump is not acknowledged */
	return error->error;
}

/* The last message of a dump carries the error that cut it short, if any. Returns 1 or -errno. */
static int end_of(const struct nlmsghdr *message)
{
	int error;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(error))
		return 1;
	memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	return error < 0 ? error : 1;
}

/* Returns 0 to go on, 1 when the dump is over or stopped, -errno. */
static int take_message(const struct nlmsghdr *message, const struct dump *dump)
{
	if (message->nlmsg_seq != SEQUENCE || message->nlmsg_pid != mnl_socket_get_portid(dump->socket))
		return -EPROTO;
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		return -EINTR;
	if (message->nlmsg_type == NLMSG_ERROR)
		return error_of(message);
	if (message->nlmsg_type == NLMSG_DONE)
		return end_of(message);
	if (message->nlmsg_type == NLMSG_OVERRUN)
		return -ENOBUFS;
	return message->nlmsg_type == dump->answer ? dump->handler(message, dump->data) : 0;
}

static int take_answers(const struct dump *dump)
{
	_Alignas(struct nlmsghdr) char buffer[DUMP_BUFFER];

	for (;;) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
		ssize_t length = netlink_receive(mnl_socket_get_fd(dump->socket), buffer, sizeof(buffer));
		int left = (int)length;

		if (length == -EAGAIN || monotonic_ns() > dump->deadline)
			return -ETIMEDOUT;
		if (length < 0)
			return (int)length;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
			int r = take_message(message, dump);

			if (r != 0)
				return r < 0 ? r : 0;
		}
		if (left != 0)
			return -EBADMSG;
	}
}

static int open_dump_socket(struct mnl_socket **ret_socket)
{
	__attribute__((cleanup(netlink_closep))) struct mnl_socket *socket = NULL;
	struct timeval timeout = { .tv_sec = NETLINK_DUMP_SECONDS };
	int on = 1;

	socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	if (mnl_socket_setsockopt(socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0)
		return -errno;
	if (setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	*ret_socket = socket;
	socket = NULL;
	return 0;
}

struct nlmsghdr *netlink_dump_request(void *buffer, uint16_t type)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = SEQUENCE;
	return request;
}

int netlink_dump(const struct nlmsghdr *request, uint16_t answer, netlink_handler handler, void *data)
{
	__attribute__((cleanup(netlink_closep))) struct mnl_socket *socket = NULL;
	struct dump dump = { .answer = answer, .handler = handler, .data = data };
	int r;

	r = open_dump_socket(&socket);
	if (r < 0)
		return r;
	if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return -errno;
	dump.socket = socket;
	dump.deadline = monotonic_ns() + NETLINK_DUMP_SECONDS * 1000000000ULL;
	return take_answers(&dump);
}
