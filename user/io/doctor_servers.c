/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "doctor.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attribute.h"
#include "cleanup.h"
#include "clock.h"
#include "mounts.h"
#include "netlink.h"
#include "server.h"

#define SOCKETS_MAX 32 /* that are told of */
#define LOOK_NS (2 * CLOCK_SECOND_NS)

/* A UDP socket on a DNS port. */
struct found {
	char address[INET6_ADDRSTRLEN + 8]; /* with the port */
	unsigned int inode;
	struct server server;
	bool has_cgroup;
	pid_t pid; /* 0: not seen */
	char cgroup[CHECK_TEXT_MAX]; /* its path; "": it cannot be told */
};

struct found_list {
	struct found sockets[SOCKETS_MAX];
	size_t count, more;
	uint16_t port;
};

static void describe(const struct inet_diag_msg *socket, struct found *found)
{
	char address[INET6_ADDRSTRLEN];

	inet_ntop(socket->idiag_family, socket->id.idiag_src, address, sizeof(address));
	snprintf(found->address, sizeof(found->address), socket->idiag_family == AF_INET6 ? "[%s]:%u" : "%s:%u",
		 address, ntohs(socket->id.idiag_sport));
}

static int take_socket(const struct nlmsghdr *message, void *data)
{
	struct found_list *list = data;
	struct inet_diag_msg socket;
	struct found found = {};

	if (mnl_nlmsg_get_payload_len(message) < sizeof(socket))
		return -EBADMSG;
	memcpy(&socket, mnl_nlmsg_get_payload(message), sizeof(socket));
	if (ntohs(socket.id.idiag_sport) != list->port)
		return 0;
	found.has_cgroup = server_decode(message, list->port, &found.server) > 0;
	found.inode = socket.idiag_inode;
	describe(&socket, &found);
	if (list->count == SOCKETS_MAX)
		list->more++;
	else
		list->sockets[list->count++] = found;
	return 0;
}

static int find_sockets(const struct config *config, struct found_list *list)
{
	static const unsigned char families[] = { AF_INET, AF_INET6 };
	const size_t ports = config->port_count ? config->port_count : 1;
	struct netlink_dumps dumps;
	int r = netlink_dumps_open_as(&dumps, NETLINK_SOCK_DIAG, LOOK_NS);

	for (size_t i = 0; r == 0 && i < ports * 2; i++) {
		_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct inet_diag_req_v2))];
		struct nlmsghdr *request = netlink_dump_request(buffer, SOCK_DIAG_BY_FAMILY);
		struct inet_diag_req_v2 *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

		list->port = config->port_count ? config->ports[i / 2] : 53;
		header->sdiag_family = families[i % 2];
		header->sdiag_protocol = IPPROTO_UDP;
		header->idiag_states = UINT32_MAX;
		header->id.idiag_sport = htons(list->port);
		r = netlink_dumps_next(&dumps, request, SOCK_DIAG_BY_FAMILY, take_socket, list);
		if (r < 0 && i % 2 == 1)
			r = 0; /* a kernel without IPv6 */
	}
	netlink_dumps_close(&dumps);
	return r;
}

/* Whose descriptor it is; of several processes the first that is seen. */
static void take_descriptors(pid_t pid, struct found_list *list)
{
	char path[64];
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	_cleanup_closedir_ DIR *directory = opendir(path);

	while (directory && (entry = readdir(directory))) {
		char target[64];
		ssize_t length = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);
		unsigned int inode;

		target[length > 0 ? length : 0] = '\0';
		if (sscanf(target, "socket:[%u]", &inode) != 1)
			continue;
		for (size_t i = 0; i < list->count; i++)
			if (list->sockets[i].inode == inode && !list->sockets[i].pid)
				list->sockets[i].pid = pid;
	}
}

/* All processes that may be looked at; it stops after a while. */
static void find_processes(struct found_list *list)
{
	uint64_t deadline = clock_monotonic_ns() + LOOK_NS;
	_cleanup_closedir_ DIR *proc = opendir("/proc");
	struct dirent *entry;

	while (proc && (entry = readdir(proc)) && clock_monotonic_ns() < deadline) {
		int pid = atoi(entry->d_name);

		if (pid > 0)
			take_descriptors(pid, list);
	}
}

static void name_of(const struct found *found, char *name, size_t size)
{
	char path[64], text[64];

	snprintf(name, size, "a process that cannot be seen");
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)found->pid);
	if (!found->pid || !doctor_read(path, text, sizeof(text)))
		return;
	text[strcspn(text, "\n")] = '\0';
	snprintf(name, size, "%s (pid %d)", text, (int)found->pid);
}

static bool take_cgroup(uint64_t id, const char *path, void *data)
{
	struct found_list *list = data;

	for (size_t i = 0; i < list->count; i++)
		if (list->sockets[i].has_cgroup && list->sockets[i].server.cgroup == id)
			snprintf(list->sockets[i].cgroup, sizeof(list->sockets[i].cgroup), "%s", path);
	return true;
}

/* A socket's own; where the kernel does not tell, that of its process. */
static void find_cgroups(struct found_list *list)
{
	_cleanup_close_ int fd = -1;
	char mount[PATH_MAX];
	struct error error;

	if (mounts_find_hierarchy(mount, sizeof(mount), &error) < 0)
		return;
	fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		mounts_each_cgroup(fd, take_cgroup, list);
	for (size_t i = 0; i < list->count; i++) {
		struct found *found = &list->sockets[i];

		if (!found->cgroup[0] && !found->has_cgroup && found->pid)
			mounts_cgroup_of(found->pid, found->cgroup, sizeof(found->cgroup));
	}
}

/* What it means: no client of a server is to lose a family that it has. */
static void tell(struct checks *checks, const struct found *found, const struct config *config)
{
	const char *cgroup = found->cgroup;
	struct check *check;
	char name[128];

	name_of(found, name, sizeof(name));
	if (found->has_cgroup && !(found->server.kinds & SIEVE_SERVER_OTHERS)) {
		check_add(checks, "dns-server", CHECK_OK,
			  "%s, %s, for this host alone: what programs ask it is answered before it sees it",
			  found->address, name);
		return;
	}
	if (config->filter_servers) {
		check_add(checks, "dns-server", CHECK_NOTE,
			  "%s, %s: what it asks is answered, too (--filter-servers yes)", found->address, name);
		return;
	}
	if (strcmp(cgroup, "/") == 0) {
		check = check_add(
			checks, "dns-server", CHECK_WARNING,
			"%s, %s, can serve others, and is in the root cgroup: nothing is filtered of what that cgroup's processes ask",
			found->address, name);
		check_set_cure(check,
			       "start it in a cgroup of its own, bind it to loopback, or say --filter-servers yes");
		return;
	}
	check = check_add(checks, "dns-server", CHECK_NOTE, "%s, %s, can serve others: what %s%.200s asks passes",
			  found->address, name, cgroup[0] ? "the cgroup " : "its cgroup", cgroup);
	check_set_cure(
		check,
		"none is needed for a server; bind it to loopback if it serves this host alone, or say --filter-servers yes");
}

void doctor_check_servers(struct checks *checks, const struct config *config)
{
	_cleanup_free_ struct found_list *list = calloc(1, sizeof(*list));
	int r = list ? find_sockets(config, list) : -ENOMEM;

	if (r < 0) {
		check_add(checks, "dns-server", CHECK_NOTE, "the UDP sockets cannot be listed: %s", strerror(-r));
		return;
	}
	if (list->count == 0) {
		check_add(checks, "dns-server", CHECK_OK, "none in this network namespace");
		return;
	}
	find_processes(list);
	find_cgroups(list);
	for (size_t i = 0; i < list->count; i++)
		tell(checks, &list->sockets[i], config);
	if (list->more)
		check_add(checks, "dns-server", CHECK_NOTE, "%zu sockets more on a DNS port", list->more);
}
