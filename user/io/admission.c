/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "admission.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "netns.h"
#include "scope_walk.h"

/* Descriptors that are left for what is open already. */
#define DESCRIPTORS_SPARE 128

/* The thread is in the namespace when this is over, whatever happened. */
static int follow(struct namespaces *namespaces, int netns_fd, pid_t tid, pid_t tgid, struct error *error)
{
	struct follower *follower;
	uint32_t inum = netns_of(0);
	int r;

	namespaces->current = inum;
	r = follower_open(namespaces, netns_fd, &follower, error);
	if (r < 0)
		return r;
	r = follower_take_member(namespaces, follower, tid, tgid);
	if (r == -ESRCH) { /* it may have left another one behind */
		follower->is_orphan = namespaces->has_orphans = true;
		r = 0;
	} else if (r < 0) {
		follower_let_go(namespaces, follower);
		return fail(error, -r, "cannot watch the process %d: %s", (int)tgid, strerror(-r));
	}
	if (namespaces->attaches)
		follower_attach(namespaces, follower);
	return 0;
}

static bool is_full(const struct namespaces *namespaces)
{
	return namespaces->count >= namespaces->config->max_netns;
}

/* What is open already must have descriptors to work with: every survey needs one, every command some. */
static bool is_short_of_descriptors(int next_fd)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && (rlim_t)next_fd + DESCRIPTORS_SPARE > limit.rlim_cur;
}

static void refuse(struct namespaces *namespaces, const char *limit, uint64_t value)
{
	char text[256];

	namespaces->refused++;
	snprintf(text, sizeof(text), "%zu network namespaces are followed, and no more because of %s = %" PRIu64 "; the queries of others pass",
		 namespaces->count, limit, value);
	if (!namespaces->is_refusing)
		followers_tell(namespaces, text);
	namespaces->is_refusing = true;
}

static int cannot_open(pid_t tid, int number, struct error *error)
{
	if (number == EACCES || number == EPERM)
		return fail_as(error, ERROR_PRIVILEGE, number,
			       "cannot enter the network namespace of process %d: %s; run with CAP_SYS_ADMIN and CAP_SYS_PTRACE, or with --netns self",
			       (int)tid, strerror(number));
	return fail(error, number, "cannot enter the network namespace of process %d: %s", (int)tid, strerror(number));
}

/* Not one that is followed already; one too many is told of. `fd` is what it was opened as. */
static bool is_to_be_followed(struct namespaces *namespaces, uint32_t inum, int fd)
{
	struct rlimit limit;

	if (followers_find(namespaces, inum))
		return false;
	if (is_full(namespaces)) {
		refuse(namespaces, "max-netns", namespaces->config->max_netns);
		return false;
	}
	if (is_short_of_descriptors(fd) && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		refuse(namespaces, "the limit of open files (LimitNOFILE)", limit.rlim_cur);
		return false;
	}
	return true;
}

/* Each namespace that cannot be opened is announced again and again: the first is told of until one can be. */
static void tell_of_failure(struct namespaces *namespaces, const char *text)
{
	if (!namespaces->is_barred)
		followers_tell(namespaces, text);
	namespaces->is_barred = true;
}

/* A thread in scope: its namespace is to be followed if it is not yet. It may go to another one at any time. */
static void admit(struct namespaces *namespaces, pid_t tid, pid_t tgid)
{
	struct error error;
	uint32_t inum;
	int fd, r = netns_open(tid, &fd, &inum);

	if (r == -ENOENT || r == -ESRCH)
		return; /* gone */
	if (r == 0 && !is_to_be_followed(namespaces, inum, fd)) {
		close(fd);
		return;
	}
	if (r == 0 && (r = netns_enter(fd)) < 0)
		close(fd);
	if (r < 0)
		cannot_open(tid, -r, &error);
	else
		r = follow(namespaces, fd, tid, tgid, &error);
	if (r < 0)
		tell_of_failure(namespaces, error.text);
	else
		namespaces->is_barred = false;
	followers_leave(namespaces);
}

static bool is_announced(const struct namespaces *namespaces, uint32_t inum)
{
	for (size_t i = 0; i < namespaces->announced_count; i++)
		if (namespaces->announced[i].netns == inum)
			return true;
	return false;
}

void admission_announce(struct namespaces *namespaces, const struct sieve_event *event)
{
	if (is_announced(namespaces, event->netns))
		return;
	if (namespaces->announced_count == namespaces->announced_room) {
		size_t room = namespaces->announced_room ? 2 * namespaces->announced_room : 64;
		struct sieve_event *announced;

		if (room > 2 * (size_t)namespaces->config->max_netns + 64)
			return;
		announced = reallocarray(namespaces->announced, room, sizeof(*announced));
		if (!announced)
			return;
		namespaces->announced = announced;
		namespaces->announced_room = room;
	}
	namespaces->announced[namespaces->announced_count++] = *event;
}

static bool announce_process(pid_t pid, void *data)
{
	const struct sieve_event event = { .netns = netns_of(pid), .tid = (uint32_t)pid, .tgid = (uint32_t)pid };
	struct namespaces *namespaces = data;
	struct error error;

	if (!event.netns && errno == EACCES) {
		cannot_open(pid, EACCES, &error);
		tell_of_failure(namespaces, error.text);
	}
	if (event.netns && !followers_find(namespaces, event.netns))
		admission_announce(namespaces, &event);
	return true;
}

void admission_scan(struct namespaces *namespaces)
{
	if (namespaces->config->netns == CONFIG_NETNS_SCOPE)
		scope_each_process(namespaces->scope, announce_process, namespaces);
}

static void admit_one(struct namespaces *namespaces, const struct sieve_event *event)
{
	pid_t tgid = (pid_t)event->tgid, tid = (pid_t)event->tid;

	if (netns_of(tid) != event->netns) /* the thread is gone; its process may well be there */
		tid = tgid;
	if (!scope_exempts(namespaces->scope, tgid))
		admit(namespaces, tid, tgid);
}

void admission_work(struct namespaces *namespaces)
{
	uint64_t began = clock_monotonic_ns(), now = began;
	size_t count = 0;

	while (count < namespaces->announced_count && now < began + ADMISSION_NS) {
		admit_one(namespaces, &namespaces->announced[count++]);
		now = clock_monotonic_ns();
	}
	namespaces->announced_count -= count;
	memmove(namespaces->announced, &namespaces->announced[count],
		namespaces->announced_count * sizeof(*namespaces->announced));
	namespaces->next_admission = namespaces->is_complete ? now + (now - began) : now;
}

void admission_check_completion(struct namespaces *namespaces)
{
	bool was_in_vain = namespaces->opened == namespaces->opened_before;

	namespaces->opened_before = namespaces->opened;
	if (!was_in_vain)
		scope_each_process(namespaces->scope, announce_process, namespaces);
	namespaces->is_complete = was_in_vain || namespaces->announced_count == 0 || is_full(namespaces);
}
