/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A netlink socket whose kernel is the input: the linker puts the functions here in the place of the C library's and
 * libmnl's (-Wl,--wrap, in fuzz.mk), so that the code from the system call upwards is under test, and nothing of the
 * machine is touched. The input is a sequence of datagrams, each: how it comes (enum coming), its length (two octets,
 * the higher first), and its octets.
 */
#ifndef TESTS_FUZZ_NETLINK_H
#define TESTS_FUZZ_NETLINK_H

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sanitizer/asan_interface.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "fuzz.h"

#define FAKE_FD 0x7e57
#define DATAGRAM_MAX 4096
#define LOOK_MAX 32 /* a buffer that has room for the end of a dump alone */

enum coming {
	COMES_FORGED = 1 << 0,   /* a process sent it */
	COMES_CUT = 1 << 1,      /* it did not fit */
	COMES_LOST = 1 << 2,     /* instead of it ENOBUFS */
	COMES_FRIENDLY = 1 << 3, /* its octets are the payload of one message, whose header is as it should be */
	COMES_LAST = 1 << 4,     /* ... NLMSG_DONE */
	COMES_CHANGED = 1 << 5,  /* ... with NLM_F_DUMP_INTR */
};

/* The kernel's side. */
struct kernel {
	struct input input;
	bool leaves_out_forged;
	uint16_t answer; /* type of the messages that the last request asks for */
	char *poisoned;  /* what of a buffer was not written: nobody may read it */
	size_t poisoned_length;
	unsigned int requests, forged;
	bool ends_on_forged; /* what was received last is no more than a look whether a dump is over, and was forged */
};

static struct kernel kernel;

static void lift_poison(void)
{
	if (kernel.poisoned)
		ASAN_UNPOISON_MEMORY_REGION(kernel.poisoned, kernel.poisoned_length);
	kernel.poisoned = NULL;
}

static void start_kernel(const struct input *input, bool leaves_out_forged)
{
	kernel = (struct kernel){ .input = *input, .leaves_out_forged = leaves_out_forged };
}

static size_t make_friendly(unsigned int coming, const uint8_t *payload, size_t length, uint8_t *ret)
{
	struct nlmsghdr header = {
		.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + length),
		.nlmsg_type = coming & COMES_LAST ? NLMSG_DONE : kernel.answer,
		.nlmsg_flags = (uint16_t)(NLM_F_MULTI | (coming & COMES_CHANGED ? NLM_F_DUMP_INTR : 0)),
		.nlmsg_seq = 1,
	};

	memcpy(ret, &header, sizeof(header));
	if (length > 0)
		memcpy(ret + NLMSG_HDRLEN, payload, length);
	return NLMSG_HDRLEN + length;
}

/* The next datagram, how it comes in *ret_coming. False: there is no more. */
static bool next_datagram(uint8_t ret[DATAGRAM_MAX + NLMSG_HDRLEN], size_t *ret_length, unsigned int *ret_coming)
{
	static uint8_t octets[DATAGRAM_MAX];
	size_t length;

	do {
		if (kernel.input.size < 3)
			return false;
		*ret_coming = take_u8(&kernel.input);
		length = take_u16(&kernel.input) % DATAGRAM_MAX;
		if (length > kernel.input.size)
			length = kernel.input.size;
		take_octets(&kernel.input, octets, length);
		kernel.forged += *ret_coming & COMES_FORGED;
	} while (*ret_coming & COMES_FORGED && kernel.leaves_out_forged);
	if (*ret_coming & COMES_FRIENDLY) {
		*ret_length = make_friendly(*ret_coming, octets, length, ret);
	} else {
		memcpy(ret, octets, length);
		*ret_length = length;
	}
	return true;
}

/* Returns the length or -1 with errno. */
static ssize_t deliver(struct msghdr *header)
{
	static uint8_t datagram[DATAGRAM_MAX + NLMSG_HDRLEN];
	const struct iovec *part = header->msg_iov;
	struct sockaddr_nl sender = { .nl_family = AF_NETLINK };
	unsigned int coming;
	size_t length, end;

	lift_poison();
	if (!next_datagram(datagram, &length, &coming)) {
		errno = EAGAIN;
		return -1;
	}
	if (coming & COMES_LOST && !(coming & COMES_FORGED)) {
		errno = ENOBUFS;
		return -1;
	}
	sender.nl_pid = coming & COMES_FORGED;
	kernel.ends_on_forged = coming & COMES_FORGED && part->iov_len <= LOOK_MAX;
	memcpy(header->msg_name, &sender, sizeof(sender));
	header->msg_namelen = sizeof(sender);
	header->msg_flags = coming & COMES_CUT ? MSG_TRUNC : 0;
	if (length > part->iov_len) {
		length = part->iov_len;
		header->msg_flags |= MSG_TRUNC;
	}
	memcpy(part->iov_base, datagram, length);
	end = MNL_ALIGN(length) < part->iov_len ? MNL_ALIGN(length) : part->iov_len; /* up to there it is cleared */
	kernel.poisoned = (char *)part->iov_base + end;
	kernel.poisoned_length = part->iov_len - end;
	ASAN_POISON_MEMORY_REGION(kernel.poisoned, kernel.poisoned_length);
	return (ssize_t)length;
}

/* What the linker puts in the place of others. They belong to no header. */
int __wrap_socket(int domain, int type, int protocol);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t length);
ssize_t __wrap_send(int fd, const void *octets, size_t length, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags);
int __wrap_recvmmsg(int fd, struct mmsghdr *headers, unsigned int count, int flags, struct timespec *timeout);
int __wrap_ioctl(int fd, unsigned long request, struct ifreq *device);
int __wrap_close(int fd);
int __real_close(int fd);
struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags);
int __wrap_mnl_socket_bind(struct mnl_socket *socket, unsigned int groups, pid_t pid);
int __wrap_mnl_socket_setsockopt(const struct mnl_socket *socket, int type, void *value, socklen_t length);
int __wrap_mnl_socket_get_fd(const struct mnl_socket *socket);
int __wrap_mnl_socket_close(struct mnl_socket *socket);

int __wrap_socket(int domain, int type, int protocol)
{
	(void)type;
	(void)protocol;
	must(domain == AF_NETLINK, "a socket of domain %d", domain);
	return FAKE_FD;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	(void)level;
	(void)name;
	(void)value;
	(void)length;
	must(fd == FAKE_FD, "fd %d", fd);
	return 0;
}

ssize_t __wrap_send(int fd, const void *octets, size_t length, int flags)
{
	struct nlmsghdr request;

	(void)flags;
	must(fd == FAKE_FD && length >= sizeof(request), "a request of %zu octets", length);
	memcpy(&request, octets, sizeof(request));
	must(request.nlmsg_len == length && request.nlmsg_seq == 1, "the request's header");
	/* Of sock_diag(7) both have the same number, of rtnetlink that of the answer is less by two. */
	kernel.answer = request.nlmsg_type == 20 ? 20 : (uint16_t)(request.nlmsg_type - 2);
	must(++kernel.requests < 100, "ever more requests");
	return (ssize_t)length;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags)
{
	(void)flags;
	must(fd == FAKE_FD, "fd %d", fd);
	return deliver(header);
}

/* One at a time: that is as good as several. */
int __wrap_recvmmsg(int fd, struct mmsghdr *headers, unsigned int count, int flags, struct timespec *timeout)
{
	ssize_t length;

	(void)flags;
	(void)timeout;
	must(fd == FAKE_FD && count > 0, "fd %d", fd);
	length = deliver(&headers[0].msg_hdr);
	if (length < 0)
		return -1;
	headers[0].msg_len = (unsigned int)length;
	return 1;
}

/* SIOCGIFNAME and SIOCGIFFLAGS: devices of every kind; some of them are gone. */
int __wrap_ioctl(int fd, unsigned long request, struct ifreq *device)
{
	must(fd == FAKE_FD, "fd %d", fd);
	if (request == SIOCGIFNAME) {
		if (device->ifr_ifindex % 8 == 7) {
			errno = ENODEV;
			return -1;
		}
		snprintf(device->ifr_name, sizeof(device->ifr_name), device->ifr_ifindex % 8 == 3 ? "veth%d" : "eth%d",
			 device->ifr_ifindex);
		return 0;
	}
	must(request == SIOCGIFFLAGS, "ioctl %#lx", request);
	device->ifr_flags = strchr(device->ifr_name, '5') ? IFF_UP | IFF_LOOPBACK : IFF_UP;
	return 0;
}

/* With a socket goes what it would have received next, which a forged message has stood before. */
int __wrap_close(int fd)
{
	static uint8_t datagram[DATAGRAM_MAX + NLMSG_HDRLEN];
	unsigned int coming = COMES_FORGED;
	size_t length;

	if (fd != FAKE_FD)
		return __real_close(fd);
	while (kernel.ends_on_forged && coming & COMES_FORGED && next_datagram(datagram, &length, &coming))
		;
	kernel.ends_on_forged = false;
	return 0;
}

static char mnl_socket_of_ours;

struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags)
{
	(void)bus;
	(void)flags;
	return (struct mnl_socket *)&mnl_socket_of_ours;
}

int __wrap_mnl_socket_bind(struct mnl_socket *socket, unsigned int groups, pid_t pid)
{
	(void)socket;
	(void)groups;
	(void)pid;
	return 0;
}

int __wrap_mnl_socket_setsockopt(const struct mnl_socket *socket, int type, void *value, socklen_t length)
{
	(void)socket;
	(void)type;
	(void)value;
	(void)length;
	return 0;
}

int __wrap_mnl_socket_get_fd(const struct mnl_socket *socket)
{
	(void)socket;
	return FAKE_FD;
}

int __wrap_mnl_socket_close(struct mnl_socket *socket)
{
	(void)socket;
	return 0;
}

#endif
