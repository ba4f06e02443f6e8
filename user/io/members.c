/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "members.h"

#include "clock.h"
#include "netns.h"
#include "scope_walk.h"

/* The least pause between two searches for members, which look at every process of the scope. */
#define SEARCH_GAP_NS (50 * CLOCK_MILLISECOND_NS)

void members_names_changed(struct namespaces *namespaces)
{
	for (size_t i = 0; i < namespaces->count; i++) {
		struct follower *follower = namespaces->followers[i];

		if (follower->member == 0 && follower->namespace.inum != namespaces->own)
			follower->is_orphan = namespaces->has_orphans = true;
	}
}

/* Held by its name alone, which went without a word: watches can be lost. */
static bool is_nameless(const struct namespaces *namespaces, const struct follower *follower,
			const struct netns_names *names)
{
	return follower->namespace.inum != namespaces->own && !netns_names_find(names, follower->namespace.inum);
}

void members_check(struct namespaces *namespaces)
{
	struct netns_names names;

	netns_names_read(&names);
	for (size_t i = 0; i < namespaces->count; i++) {
		struct follower *follower = namespaces->followers[i];

		if (follower->member ? netns_of(follower->member) != follower->namespace.inum
				     : is_nameless(namespaces, follower, &names))
			follower_lose_member(namespaces, follower);
	}
	netns_names_free(&names);
}

static bool adopt_process(pid_t pid, void *data)
{
	struct namespaces *namespaces = data;
	struct follower *follower = followers_find(namespaces, netns_of(pid));

	if (follower && follower->is_orphan)
		follower_take_member(namespaces, follower, pid, pid);
	return true;
}

void members_search(struct namespaces *namespaces)
{
	uint64_t began = clock_monotonic_ns(), took;
	struct netns_names names;

	netns_names_read(&names); /* before the processes: who leaves a name behind is seen by one or the other */
	scope_each_process(namespaces->scope, adopt_process, namespaces);
	for (size_t i = namespaces->count; i-- > 0;) {
		struct follower *follower = namespaces->followers[i];

		if (!follower->is_orphan)
			continue;
		follower->is_orphan = false;
		if (!netns_names_find(&names, follower->namespace.inum))
			follower_let_go(namespaces, follower);
	}
	netns_names_free(&names);
	namespaces->has_orphans = false;
	took = clock_monotonic_ns() - began;
	namespaces->next_search = began + (9 * took > SEARCH_GAP_NS ? 10 * took : SEARCH_GAP_NS);
}
