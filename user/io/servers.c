/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "servers.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "netlink.h"

struct scan {
	const struct servers_request *request;
	struct server_set *set;
	uint16_t port;
	bool is_short; /* there was no room */
};

static int take_socket(const struct nlmsghdr *message, void *data)
{
	struct scan *scan = data;
	struct server server;
	int r = server_decode(message, scan->port, &server);

	if (r > 0)
		r = server_set_add(scan->set, &server, scan->request->most);
	if (r == -ENOSPC) {
		scan->is_short = true;
		r = 0; /* of those that are there another kind may come */
	}
	return r;
}

static int dump_sockets(struct netlink_dumps *dumps, unsigned char family, struct scan *scan)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct inet_diag_req_v2))];
	struct nlmsghdr *request = netlink_dump_request(buffer, SOCK_DIAG_BY_FAMILY);
	struct inet_diag_req_v2 *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	header->sdiag_family = family;
	header->sdiag_protocol = IPPROTO_UDP;
	header->idiag_states = UINT32_MAX;
	header->id.idiag_sport = htons(scan->port);
	return netlink_dumps_next(dumps, request, SOCK_DIAG_BY_FAMILY, take_socket, scan);
}

/* A kernel without IPv6, without UDP's part of sock_diag, or without any of it. */
static bool is_unknown(int r)
{
	return r == -ENOENT || r == -EOPNOTSUPP || r == -EINVAL || r == -EPROTONOSUPPORT || r == -EAFNOSUPPORT;
}

static int scan_port(struct netlink_dumps *dumps, struct scan *scan)
{
	static const unsigned char families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < sizeof(families); i++) {
		int r = dump_sockets(dumps, families[i], scan);

		if (r < 0 && !is_unknown(r))
			return r;
	}
	return 0;
}

int servers_scan(const struct servers_request *request, struct server_set *set)
{
	struct scan scan = { .request = request, .set = set };
	struct netlink_dumps dumps;
	int r = netlink_dumps_open_as(&dumps, NETLINK_SOCK_DIAG, request->budget_ns);

	if (r < 0)
		return is_unknown(r) ? 0 : r;
	for (size_t i = 0; r == 0 && i < request->port_count; i++) {
		scan.port = request->ports[i];
		r = scan_port(&dumps, &scan);
	}
	netlink_dumps_close(&dumps);
	return r == 0 && scan.is_short ? -ENOSPC : r;
}

static int add(int map_fd, const struct server_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		if (bpf_map_update_elem(map_fd, &set->servers[i].cgroup, &set->servers[i].kinds, BPF_ANY) < 0)
			return -errno;
	return 0;
}

static int sweep(int map_fd, const struct server_set *set)
{
	uint64_t key, next, *previous = NULL;

	while (bpf_map_get_next_key(map_fd, previous, &next) == 0) {
		key = next;
		if (server_set_find(set, key))
			previous = &key;
		else if (bpf_map_delete_elem(map_fd, &key) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* What is added comes first, unless there is no room beside what is to go. */
int servers_publish(int map_fd, const struct server_set *set, bool only_add)
{
	int r = add(map_fd, set), swept;

	if (only_add)
		return r;
	swept = sweep(map_fd, set);
	if (swept < 0)
		return swept;
	return r < 0 ? add(map_fd, set) : 0;
}
