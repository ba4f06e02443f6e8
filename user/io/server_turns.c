/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "server_turns.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "servers.h"

/* Cgroups of our own namespace, of another one, and of all others together: half of the map is for the change. */
#define OWN_MOST 256
#define OTHER_MOST 16
#define OTHERS_MOST 256

/* What one look may take: anybody can have made the other namespaces, and their sockets. */
#define OWN_BUDGET_NS (100 * CLOCK_MILLISECOND_NS)
#define OTHER_BUDGET_NS (5 * CLOCK_MILLISECOND_NS)

/* The least time between two looks: what a look took, so many times. */
#define OWN_SHARE 1000
#define OTHERS_SHARE 200

/* Between two looks at the same namespace, which are done with its surveys. */
#define OTHER_GAP_NS (10 * CLOCK_SECOND_NS)

static void add_all(struct server_set *all, const struct server_set *set, size_t most)
{
	for (size_t i = 0; i < set->count; i++)
		server_set_add(all, &set->servers[i], most);
}

/* Our own first: it has its room. */
static void unite(const struct namespaces *namespaces, struct server_set *ret_all)
{
	const struct follower *own = followers_find(namespaces, namespaces->own);
	size_t most;

	*ret_all = (struct server_set){};
	if (own)
		add_all(ret_all, &own->servers, OWN_MOST);
	most = ret_all->count + OTHERS_MOST;
	for (size_t i = 0; i < namespaces->count; i++)
		add_all(ret_all, &namespaces->followers[i]->servers, most);
}

void server_turns_publish(struct namespaces *namespaces)
{
	struct server_set *all = &namespaces->servers.all;

	server_set_free(all);
	unite(namespaces, all);
	namespaces->servers.is_published = servers_publish(programs_servers_fd(namespaces->programs), all,
							   !namespaces->is_complete) == 0;
}

/* Of other ports it was seen that sockets are on those. */
static bool has_ports(const struct config *config, const struct config *before)
{
	return config->port_count == before->port_count &&
	       memcmp(config->ports, before->ports, config->port_count * sizeof(*config->ports)) == 0;
}

void server_turns_carry(struct namespaces *namespaces, struct follower *follower, const struct follower *before)
{
	if (before->servers.count == 0 || namespaces->config->filter_servers ||
	    !has_ports(namespaces->config, namespaces->before->config))
		return;
	add_all(&follower->servers, &before->servers, follower->namespace.is_own ? OWN_MOST : OTHER_MOST);
	server_turns_publish(namespaces);
}

/* What was seen before still counts if the look did not come to its end. */
static void look(struct namespaces *namespaces, struct follower *follower)
{
	const struct config *config = namespaces->config;
	static const uint16_t usual_port = 53;
	bool is_own = follower->namespace.is_own;
	const struct servers_request request = {
		.ports = config->port_count ? config->ports : &usual_port,
		.port_count = config->port_count ? config->port_count : 1,
		.most = is_own ? OWN_MOST : OTHER_MOST,
		.budget_ns = is_own ? OWN_BUDGET_NS : OTHER_BUDGET_NS,
	};
	struct server_set found = {};
	int r = servers_scan(&request, &found);

	if (r < 0 && r != -ENOSPC)
		add_all(&found, &follower->servers, request.most);
	if (namespaces->servers.is_published && server_set_equal(&found, &follower->servers)) {
		server_set_free(&found);
		return;
	}
	server_set_free(&follower->servers);
	follower->servers = found;
	server_turns_publish(namespaces);
}

/* Look, and keep to the share of the time; sets when the next look may be. */
static void look_in_turn(struct namespaces *namespaces, struct follower *follower, uint64_t *next)
{
	uint64_t began = clock_thread_cpu_ns(), now = clock_monotonic_ns(), share;

	share = follower->namespace.is_own ? OWN_SHARE : OTHERS_SHARE;
	look(namespaces, follower);
	follower->servers_seen_at = now;
	*next = now + share * (clock_thread_cpu_ns() - began);
}

void server_turns_open(struct namespaces *namespaces, struct follower *follower)
{
	if (namespaces->config->filter_servers)
		return;
	look_in_turn(namespaces, follower,
		     follower->namespace.is_own ? &namespaces->servers.own_at : &namespaces->servers.others_at);
}

void server_turns_work(struct namespaces *namespaces, struct follower *follower)
{
	uint64_t now = clock_monotonic_ns();

	if (namespaces->config->filter_servers || follower->namespace.is_own || now < namespaces->servers.others_at ||
	    now < follower->servers_seen_at + OTHER_GAP_NS)
		return;
	look_in_turn(namespaces, follower, &namespaces->servers.others_at);
}

void server_turns_beat(struct namespaces *namespaces)
{
	struct follower *own = followers_find(namespaces, namespaces->own);

	if (!own || namespaces->config->filter_servers || clock_monotonic_ns() < namespaces->servers.own_at)
		return;
	look_in_turn(namespaces, own, &namespaces->servers.own_at);
}

void server_turns_forget(struct namespaces *namespaces, struct follower *follower)
{
	bool had_any = follower->servers.count > 0;

	server_set_free(&follower->servers);
	if (had_any)
		server_turns_publish(namespaces);
}
