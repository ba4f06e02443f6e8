/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "namespaces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admission.h"
#include "clock.h"
#include "coverage_turns.h"
#include "members.h"
#include "netns.h"
#include "server_turns.h"

/* A survey that took longer waits until those that are quick have had their turn. */
#define SLOW_NS (2 * CLOCK_MILLISECOND_NS)

int namespaces_open(struct namespaces *namespaces, const struct config *config, struct programs *programs,
		    const struct scope *scope, int epoll_fd, struct error *error)
{
	struct follower *own;
	int fd, r;

	*namespaces = (struct namespaces){ .config = config, .programs = programs, .scope = scope, .epoll_fd = epoll_fd };
	r = netns_open(0, &fd, &namespaces->own);
	if (r < 0)
		return fail(error, -r, "cannot open the network namespace: %s; is /proc mounted?", strerror(-r));
	namespaces->current = namespaces->own;
	return follower_open(namespaces, fd, &own, error);
}

void namespaces_carry(struct namespaces *namespaces, const struct namespaces *before)
{
	namespaces->before = before;
	for (size_t i = 0; before && i < namespaces->count; i++)
		follower_carry(namespaces, namespaces->followers[i]);
}

/* A gateway that is named, not by a glob, and is not there, or not fit: perhaps a typing error. */
static void check_gateways(const struct attachments *attachments)
{
	for (size_t i = 0; i < attachments->gateway_count; i++) {
		const char *pattern = attachments->gateways[i];
		bool is_there = strpbrk(pattern, "*?[");

		for (size_t k = 0; !is_there && k < attachments->count; k++)
			is_there = strcmp(attachments->entries[k].link.name, pattern) == 0 &&
				   attachments->entries[k].side[ATTACH_GATEWAY].hook != ATTACH_NONE;
		if (!is_there)
			fprintf(stderr, "stubsieve: there is no interface %s that can be a gateway yet; it is one as soon as it is made\n",
				pattern);
	}
}

void namespaces_find_others(struct namespaces *namespaces)
{
	namespaces->is_complete = namespaces->config->netns == CONFIG_NETNS_SELF;
	admission_scan(namespaces);
}

int namespaces_attach(struct namespaces *namespaces, struct error *error)
{
	struct follower *own = followers_find(namespaces, namespaces->own);
	int r;

	namespaces->has_tcx = attach_has_tcx(namespaces->programs);
	r = namespace_attach(&own->namespace, namespaces->has_tcx, error);
	if (r < 0)
		return r;
	own->is_attached = namespaces->attaches = true;
	check_gateways(&own->namespace.attachments);
	if (!namespaces->is_complete)
		namespaces_find_others(namespaces);
	return 0;
}

static bool is_waiting(const struct namespaces *namespaces, const struct follower *follower)
{
	return namespaces->attaches && !follower->is_attached;
}

bool namespaces_are_attached(const struct namespaces *namespaces)
{
	for (size_t i = 0; i < namespaces->count; i++)
		if (!namespaces->followers[i]->is_attached)
			return false;
	return namespaces->is_complete;
}

bool namespaces_are_known(const struct namespaces *namespaces)
{
	for (size_t i = 0; i < namespaces->count; i++)
		if (!namespace_is_known(&namespaces->followers[i]->namespace))
			return false;
	return true;
}

void namespaces_release(struct namespaces *namespaces)
{
	namespaces->attaches = false;
	for (size_t i = 0; i < namespaces->count; i++) {
		attach_release(&namespaces->followers[i]->namespace.attachments);
		namespaces->followers[i]->is_attached = false;
	}
}

void namespaces_close(struct namespaces *namespaces)
{
	for (size_t i = 0; i < namespaces->count; i++)
		follower_free(namespaces, namespaces->followers[i]);
	free(namespaces->followers);
	free(namespaces->announced);
	server_set_free(&namespaces->servers.all);
	*namespaces = (struct namespaces){};
}

void namespaces_handle(struct namespaces *namespaces, uint64_t tag, uint64_t now)
{
	struct follower *follower = followers_find(namespaces, (uint32_t)tag);

	if (!follower) /* let go since */
		return;
	if (tag >> 32 == NAMESPACES_ROUTES)
		namespace_read(&follower->namespace, now);
	else if (tag >> 32 == NAMESPACES_MEMBER)
		follower_lose_member(namespaces, follower);
}

void namespaces_take_event(struct namespaces *namespaces, const struct sieve_event *event)
{
	struct follower *follower = followers_find(namespaces, event->netns);

	if (follower)
		namespace_trigger(&follower->namespace, clock_monotonic_ns());
	else if (event->tid)
		admission_announce(namespaces, event);
}

static void work_in(struct namespaces *namespaces, struct follower *follower)
{
	if (followers_enter(namespaces, follower) < 0)
		return;
	namespace_work(&follower->namespace, clock_monotonic_ns());
	server_turns_work(namespaces, follower);
}

/*
 * The quick ones all have their turn; of the slow ones the one that has waited longest, and all slow ones together
 * have a quarter of the time.
 */
static void work_on_surveys(struct namespaces *namespaces)
{
	struct follower *slow = NULL;
	uint64_t now = clock_monotonic_ns(), slow_due = 0;

	for (size_t i = 0; i < namespaces->count; i++) {
		struct follower *follower = namespaces->followers[i];
		uint64_t due = namespace_due(&follower->namespace);

		if (due > now)
			continue;
		if (follower->namespace.work_ns < SLOW_NS) {
			work_in(namespaces, follower);
		} else if (!slow || due < slow_due) {
			slow = follower;
			slow_due = due;
		}
	}
	if (slow && now >= namespaces->slow_at) {
		work_in(namespaces, slow);
		namespaces->slow_at = clock_monotonic_ns() + 3 * slow->namespace.work_ns;
	}
}

/* Those that were opened before there was anything to be attached. */
static void attach_waiting(struct namespaces *namespaces)
{
	uint64_t began = clock_monotonic_ns();

	for (size_t i = 0; i < namespaces->count && clock_monotonic_ns() < began + ADMISSION_NS; i++) {
		struct follower *follower = namespaces->followers[i];

		if (!is_waiting(namespaces, follower))
			continue;
		if (followers_enter(namespaces, follower) == 0)
			follower_attach(namespaces, follower);
		else
			follower->is_attached = true; /* it is let go soon */
	}
}

void namespaces_work(struct namespaces *namespaces)
{
	work_on_surveys(namespaces);
	attach_waiting(namespaces);
	if (namespaces->announced_count > 0 && clock_monotonic_ns() >= namespaces->next_admission)
		admission_work(namespaces);
	if (!namespaces->is_complete && namespaces->announced_count == 0)
		admission_check_completion(namespaces);
	if (namespaces->has_orphans && clock_monotonic_ns() >= namespaces->next_search)
		members_search(namespaces);
	coverage_turns_work(namespaces);
	followers_leave(namespaces);
}

uint64_t namespaces_due(const struct namespaces *namespaces, uint64_t now)
{
	uint64_t due = now + CLOCK_SECOND_NS, turn = coverage_turns_due(namespaces);

	if (!namespaces->is_complete)
		return now;
	if (turn && turn < due)
		due = turn;
	if (namespaces->announced_count > 0 && namespaces->next_admission < due)
		due = namespaces->next_admission;
	if (namespaces->has_orphans && namespaces->next_search < due)
		due = namespaces->next_search;
	for (size_t i = 0; i < namespaces->count; i++) {
		const struct namespace *namespace = &namespaces->followers[i]->namespace;
		uint64_t next = namespace_due(namespace);

		if (is_waiting(namespaces, namespaces->followers[i]))
			return now;
		if (namespace->work_ns >= SLOW_NS && next < namespaces->slow_at)
			next = namespaces->slow_at;
		if (next < due)
			due = next;
	}
	return due;
}

bool namespaces_want(const struct namespaces *namespaces, const struct pin *pin)
{
	struct follower *follower = followers_find(namespaces, pin->netns);

	return follower && attach_holds(&follower->namespace.attachments, pin);
}

void namespaces_pin_again(struct namespaces *namespaces)
{
	for (size_t i = 0; i < namespaces->count; i++) {
		struct namespace *namespace = &namespaces->followers[i]->namespace;

		attach_pin_again(&namespace->attachments);
		namespace->links_changed = true;
		namespace_trigger(namespace, clock_monotonic_ns());
	}
}
