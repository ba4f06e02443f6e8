/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attribute.h"
#include "cleanup.h"
#include "clock.h"

/* The kernel fills at most 32 KiB at once. */
#define DUMP_BUFFER (32 * 1024)

/* Of every request: what was sent before on the same socket has been answered. */
#define SEQUENCE 1

/* libmnl goes through attributes up to where the next message would begin: nothing of an older one may stand there. */
static void clear_padding(char *buffer, size_t size, size_t length)
{
	size_t end = MNL_ALIGN(length) < size ? MNL_ALIGN(length) : size;

	if (length < end)
		memset(buffer + length, 0, end - length);
}

/* What netlink_receive() says of a datagram that was received. */
static ssize_t judge(const struct msghdr *header, size_t length)
{
	const struct sockaddr_nl *sender = header->msg_name;

	if (header->msg_namelen != sizeof(*sender) || sender->nl_family != AF_NETLINK || sender->nl_pid != 0)
		return 0;
	return header->msg_flags & MSG_TRUNC ? -EMSGSIZE : (ssize_t)length;
}

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
	clear_padding(buffer, size, (size_t)length);
	return judge(&header, (size_t)length);
}

int netlink_receive_batch(int fd, struct netlink_batch *batch)
{
	struct sockaddr_nl senders[NETLINK_BATCH];
	struct mmsghdr headers[NETLINK_BATCH];
	struct iovec parts[NETLINK_BATCH];
	int count;

	for (size_t i = 0; i < NETLINK_BATCH; i++) {
		parts[i] = (struct iovec){ .iov_base = batch->buffers[i], .iov_len = sizeof(batch->buffers[i]) };
		headers[i].msg_hdr = (struct msghdr){
			.msg_name = &senders[i], .msg_namelen = sizeof(senders[i]), .msg_iov = &parts[i], .msg_iovlen = 1,
		};
	}
	do
		count = recvmmsg(fd, headers, NETLINK_BATCH, MSG_DONTWAIT, NULL);
	while (count < 0 && errno == EINTR);
	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		clear_padding(batch->buffers[i], sizeof(batch->buffers[i]), headers[i].msg_len);
		batch->lengths[i] = judge(&headers[i].msg_hdr, headers[i].msg_len);
	}
	return count;
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

/* Who takes what of a dump. */
struct taker {
	uint16_t answer;
	netlink_handler handler;
	void *data;
};

/* Returns 0 to go on, 1 when the dump is over or stopped, -errno. */
static int take_message(struct netlink_dumps *dumps, const struct nlmsghdr *message, const struct taker *taker)
{
	if (message->nlmsg_seq != SEQUENCE)
		return -EPROTO;
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		return -EINTR;
	switch (message->nlmsg_type) {
	case NLMSG_ERROR:
		return error_of(message);
	case NLMSG_DONE:
		dumps->is_busy = false;
		return end_of(message);
	case NLMSG_OVERRUN:
		return -ENOBUFS;
	default:
		return message->nlmsg_type == taker->answer ? taker->handler(message, taker->data) : 0;
	}
}

/* Returns 0 when the dump is over or stopped, 1 when the time is. */
static int take_answers(struct netlink_dumps *dumps, const struct taker *taker, uint64_t until_ns)
{
	_Alignas(struct nlmsghdr) char buffer[DUMP_BUFFER];

	for (;;) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
		ssize_t length = netlink_receive(dumps->fd, buffer, sizeof(buffer));
		uint64_t now = clock_thread_cpu_ns();
		int left = (int)length;

		if (length < 0)
			return length == -EAGAIN ? -EPROTO : (int)length; /* no more comes, and it was not the end */
		if (now > dumps->deadline)
			return -ETIMEDOUT;
		for (; message_is_whole(message, left); message = mnl_nlmsg_next(message, &left)) {
			int r = take_message(dumps, message, taker);

			if (r != 0)
				return r < 0 ? r : 0;
		}
		if (left != 0)
			return -EBADMSG;
		if (now >= until_ns)
			return 1;
	}
}

static int open_socket(int protocol, int *ret_fd)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	int on = 1;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

/* A dump that was left has often nothing more to say but that it is over: all that there is room for here. */
static bool is_over(const struct netlink_dumps *dumps)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(int))];
	const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
	ssize_t length = netlink_receive(dumps->fd, buffer, sizeof(buffer));

	return length > 0 && message_is_whole(message, (int)length) && message->nlmsg_type == NLMSG_DONE;
}

/* The kernel makes one dump at a time on a socket, and nothing but closing it stops one. */
static int make_ready(struct netlink_dumps *dumps)
{
	if (!dumps->is_busy || is_over(dumps))
		return 0;
	close(take_fd(&dumps->fd));
	return open_socket(dumps->protocol, &dumps->fd);
}

int netlink_dumps_open(struct netlink_dumps *ret_dumps, uint64_t budget_ns)
{
	return netlink_dumps_open_as(ret_dumps, NETLINK_ROUTE, budget_ns);
}

int netlink_dumps_open_as(struct netlink_dumps *ret_dumps, int protocol, uint64_t budget_ns)
{
	struct netlink_dumps dumps = {
		.protocol = protocol,
		.deadline = clock_thread_cpu_ns() + (budget_ns ? budget_ns : NETLINK_DUMP_SECONDS * CLOCK_SECOND_NS),
	};
	int r = open_socket(protocol, &dumps.fd);

	if (r < 0)
		return r;
	*ret_dumps = dumps;
	return 0;
}

void netlink_dumps_close(struct netlink_dumps *dumps)
{
	if (dumps->fd >= 0)
		close(take_fd(&dumps->fd));
}

struct nlmsghdr *netlink_dump_request(void *buffer, uint16_t type)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = SEQUENCE;
	return request;
}

int netlink_dumps_begin(struct netlink_dumps *dumps, const struct nlmsghdr *request)
{
	int r = make_ready(dumps);

	if (r < 0)
		return r;
	if (send(dumps->fd, request, request->nlmsg_len, 0) < 0)
		return -errno;
	dumps->is_busy = true;
	return 0;
}

int netlink_dumps_take(struct netlink_dumps *dumps, uint16_t answer, netlink_handler handler, void *data,
		       uint64_t until_ns)
{
	const struct taker taker = { answer, handler, data };

	return take_answers(dumps, &taker, until_ns);
}

int netlink_dumps_next(struct netlink_dumps *dumps, const struct nlmsghdr *request, uint16_t answer,
		       netlink_handler handler, void *data)
{
	int r = netlink_dumps_begin(dumps, request);

	return r < 0 ? r : netlink_dumps_take(dumps, answer, handler, data, UINT64_MAX);
}

int netlink_dump(const struct nlmsghdr *request, uint16_t answer, netlink_handler handler, void *data)
{
	struct netlink_dumps dumps;
	int r = netlink_dumps_open(&dumps, 0);

	if (r < 0)
		return r;
	r = netlink_dumps_next(&dumps, request, answer, handler, data);
	netlink_dumps_close(&dumps);
	return r;
}
