/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* UDP sockets on a DNS port as sock_diag(7) tells of them, and the cgroups that they are in. */
#ifndef STUBSIEVE_SERVER_H
#define STUBSIEVE_SERVER_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stubsieve/abi.h>

struct server {
	uint64_t cgroup; /* cgroup2 id */
	uint32_t kinds;  /* a set of enum sieve_server */
};

/*
 * Decode a message of the type SOCK_DIAG_BY_FAMILY about a socket of IPv4 or IPv6. 1; 0 if it does not tell the cgroup
 * (before Linux 5.8), or is about another port; -EBADMSG if it does not add up.
 */
int server_decode(const struct nlmsghdr *message, uint16_t port, struct server *ret_server);

/* Cgroups, each once, in order; all zero is empty. */
struct server_set {
	struct server *servers;
	size_t count, room;
};

/* One more, or one more kind of one that is there. 0, -ENOSPC: there are `most` already, -ENOMEM. */
int server_set_add(struct server_set *set, const struct server *server, size_t most);

/* The kinds of a cgroup; 0: it is not there. */
uint32_t server_set_find(const struct server_set *set, uint64_t cgroup);

bool server_set_equal(const struct server_set *one, const struct server_set *other);
void server_set_free(struct server_set *set); /* empty again */

#endif
