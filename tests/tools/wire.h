/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Both ends of a wire in one process, so that what was sent can be compared with what arrived: it is
 * started where the server would be (network namespace, cgroup), opens its sockets there, and then moves
 * to where the client is.
 */
#ifndef STUBSIEVE_TESTS_WIRE_H
#define STUBSIEVE_TESTS_WIRE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/packets.h"
#include "vectors.h"

#define DNS_PORT 53
#define WAIT_MS 2000 /* after so long a datagram is lost */
#define DATAGRAM_MAX 8192

/* An address and a port, of either family; the one of IPv4 also as an IPv6 socket shows it. */
struct endpoint {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t length;
};

struct datagram {
	__u8 octets[DATAGRAM_MAX];
	size_t length;
	struct endpoint source;
};

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf(": %s\n", strerror(errno));
	exit(1);
}

/* An address without a scope; a link-local one is on `device` of this namespace. */
static inline void parse_endpoint(const char *text, int port, const char *device, struct endpoint *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->length = sizeof(ret->v4);
	} else if (inet_pton(AF_INET6, text, &ret->v6.sin6_addr) == 1) {
		ret->v6.sin6_family = AF_INET6;
		ret->length = sizeof(ret->v6);
		if (IN6_IS_ADDR_LINKLOCAL(&ret->v6.sin6_addr) || IN6_IS_ADDR_MC_LINKLOCAL(&ret->v6.sin6_addr))
			ret->v6.sin6_scope_id = if_nametoindex(device);
	} else {
		errno = EINVAL;
		die("%s", text);
	}
	ret->v4.sin_port = htons((uint16_t)port); /* IPv6 has it there as well */
}

/* As IPv6 has it: an IPv4 address is mapped. */
static inline void endpoint_octets(const struct endpoint *endpoint, __u8 ret[16])
{
	const __u8 prefix[12] = { [10] = 0xff, [11] = 0xff };

	if (endpoint->any.sa_family == AF_INET6) {
		memcpy(ret, &endpoint->v6.sin6_addr, 16);
		return;
	}
	memcpy(ret, prefix, sizeof(prefix));
	memcpy(ret + 12, &endpoint->v4.sin_addr, 4);
}

static inline bool is_same_endpoint(const struct endpoint *left, const struct endpoint *right)
{
	__u8 a[16], b[16];

	endpoint_octets(left, a);
	endpoint_octets(right, b);
	return memcmp(a, b, 16) == 0 && left->v4.sin_port == right->v4.sin_port;
}

static inline void enter_netns(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
		die("%s", path);
	close(fd);
}

static inline void enter_cgroup(const char *directory)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die("%s", path);
	close(fd);
}

static inline void set_option(int fd, int level, int option, const void *value, size_t length)
{
	if (setsockopt(fd, level, option, value, (socklen_t)length) != 0)
		die("socket option %d of level %d", option, level);
}

static inline void set_flag(int fd, int level, int option)
{
	const int one = 1;

	set_option(fd, level, option, &one, sizeof(one));
}

static inline int open_udp(const struct endpoint *local)
{
	int fd = socket(local->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
	if (bind(fd, &local->any, local->length) != 0)
		die("bind");
	return fd;
}

static inline void read_local(int fd, struct endpoint *ret)
{
	ret->length = sizeof(ret->v6);
	if (getsockname(fd, &ret->any, &ret->length) != 0)
		die("getsockname");
}

static inline bool is_readable(int fd, int milliseconds)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };

	return poll(&polled, 1, milliseconds) > 0;
}

static inline void take_datagram(int fd, struct datagram *ret)
{
	ssize_t length;

	ret->source.length = sizeof(ret->source.v6);
	length = recvfrom(fd, ret->octets, sizeof(ret->octets), 0, &ret->source.any, &ret->source.length);
	if (length < 0)
		die("recvfrom");
	ret->length = (size_t)length;
}

/* What arrived is what was sent, or what has to be answered. */
static inline bool is_datagram(const struct datagram *have, const void *octets, size_t length,
			       const struct endpoint *source)
{
	return have->length == length && memcmp(have->octets, octets, length) == 0 &&
	       is_same_endpoint(&have->source, source);
}

static inline void set_id(struct message *message, unsigned int id)
{
	for (size_t i = 0; i < 2 && i < message->length; i++)
		message->octets[i] = (__u8)(i ? id : id >> 8);
}

#endif
