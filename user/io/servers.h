/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which cgroups hold a DNS server: all UDP sockets on its ports, by sock_diag(7), and the map `servers` that says so to
 * the programs (its descriptor: programs.h). Functions return 0 or -errno.
 */
#ifndef STUBSIEVE_SERVERS_H
#define STUBSIEVE_SERVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server.h"

struct servers_request {
	const uint16_t *ports;
	size_t port_count;
	size_t most;        /* cgroups */
	uint64_t budget_ns; /* what it may take (CPU time) */
};

/*
 * Look at all sockets of the calling thread's network namespace, and add to the set. A kernel that has no such view, or
 * does not tell the cgroups, has none. -ENOSPC: there were more; -ETIMEDOUT: it took too long. What was found until
 * then is in the set in any case.
 */
int servers_scan(const struct servers_request *request, struct server_set *set);

/* Let the map hold exactly these; with `only_add`, leave others in. */
int servers_publish(int map_fd, const struct server_set *set, bool only_add);

#endif
