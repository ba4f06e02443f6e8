/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "attribute.h"

#define LOOPBACK_IFINDEX 1 /* lo has it in every namespace */

static bool is_loopback(const struct inet_diag_msg *socket)
{
	struct in6_addr address;

	if (socket->id.idiag_if == LOOPBACK_IFINDEX)
		return true;
	if (socket->idiag_family == AF_INET)
		return ntohl(socket->id.idiag_src[0]) >> 24 == IN_LOOPBACKNET;
	memcpy(&address, socket->id.idiag_src, sizeof(address));
	if (IN6_IS_ADDR_V4MAPPED(&address))
		return address.s6_addr[12] == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&address);
}

int server_decode(const struct nlmsghdr *message, uint16_t port, struct server *ret_server)
{
	struct inet_diag_msg socket;
	struct server server = {};
	struct attributes attributes;
	struct attribute attribute;

	if (attributes_of(message, sizeof(socket), &attributes) < 0)
		return -EBADMSG;
	memcpy(&socket, message_payload(message), sizeof(socket));
	if (ntohs(socket.id.idiag_sport) != port || (socket.idiag_family != AF_INET && socket.idiag_family != AF_INET6))
		return 0;
	server.kinds = is_loopback(&socket) ? SIEVE_SERVER_LOOPBACK : SIEVE_SERVER_OTHERS;
	while (attribute_next(&attributes, &attribute)) {
		if (attribute.type != INET_DIAG_CGROUP_ID)
			continue;
		if (attribute.length != sizeof(server.cgroup))
			return -EBADMSG;
		memcpy(&server.cgroup, attribute.data, sizeof(server.cgroup));
	}
	if (!attributes_finished(&attributes))
		return -EBADMSG;
	if (server.cgroup == 0)
		return 0;
	*ret_server = server;
	return 1;
}

/* Where a cgroup is, or belongs. */
static size_t find_place(const struct server_set *set, uint64_t cgroup)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->servers[middle].cgroup < cgroup)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct server_set *set, size_t place, uint64_t cgroup)
{
	return place < set->count && set->servers[place].cgroup == cgroup;
}

int server_set_add(struct server_set *set, const struct server *server, size_t most)
{
	size_t place = find_place(set, server->cgroup);

	if (is_at(set, place, server->cgroup)) {
		set->servers[place].kinds |= server->kinds;
		return 0;
	}
	if (set->count >= most)
		return -ENOSPC;
	if (set->count == set->room) {
		size_t room = set->room ? 2 * set->room : 4;
		struct server *servers = reallocarray(set->servers, room, sizeof(*servers));

		if (!servers)
			return -ENOMEM;
		set->servers = servers;
		set->room = room;
	}
	memmove(&set->servers[place + 1], &set->servers[place], (set->count - place) * sizeof(*set->servers));
	set->servers[place] = *server;
	set->count++;
	return 0;
}

uint32_t server_set_find(const struct server_set *set, uint64_t cgroup)
{
	size_t place = find_place(set, cgroup);

	return is_at(set, place, cgroup) ? set->servers[place].kinds : 0;
}

bool server_set_equal(const struct server_set *one, const struct server_set *other)
{
	if (one->count != other->count)
		return false;
	for (size_t i = 0; i < one->count; i++) {
		const struct server *a = &one->servers[i], *b = &other->servers[i];

		if (a->cgroup != b->cgroup || a->kinds != b->kinds)
			return false;
	}
	return true;
}

void server_set_free(struct server_set *set)
{
	free(set->servers);
	*set = (struct server_set){};
}
