/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "namespaces.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "coverage_turns.h"
#include "netns.h"
#include "server_turns.h"

/* Namespaces are opened for so long before routes are read again, and then for half of the time at most. */
/* So often one namespace may take all the time that it has to be attached to. */
#define ATTACH_TURNS 25

#define ADMISSION_NS (5 * CLOCK_MILLISECOND_NS)

/* Descriptors that are left for what is open already. */
#define DESCRIPTORS_SPARE 128

/* A survey that took longer waits until those that are quick have had their turn. */
#define SLOW_NS (2 * CLOCK_MILLISECOND_NS)

/* The least pause between two searches for members, which look at every process of the scope. */
#define SEARCH_GAP_NS (50 * CLOCK_MILLISECOND_NS)

static void tell(struct namespaces *namespaces, const char *text)
{
	if (strcmp(text, namespaces->trouble) == 0)
		return;
	fprintf(stderr, "stubsieve: %s\n", text);
	snprintf(namespaces->trouble, sizeof(namespaces->trouble), "%s", text);
}

/* Where a namespace of that number is, or belongs. */
static size_t find_place(const struct namespaces *namespaces, uint32_t inum)
{
	size_t low = 0, high = namespaces->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (namespaces->followers[middle]->namespace.inum < inum)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct follower *namespaces_find(const struct namespaces *namespaces, uint32_t inum)
{
	size_t place = find_place(namespaces, inum);

	if (place == namespaces->count || namespaces->followers[place]->namespace.inum != inum)
		return NULL;
	return namespaces->followers[place];
}

static int insert(struct namespaces *namespaces, struct follower *follower)
{
	size_t place = find_place(namespaces, follower->namespace.inum);

	if (namespaces->count == namespaces->room) {
		size_t room = namespaces->room ? 2 * namespaces->room : 16;
		struct follower **followers = reallocarray(namespaces->followers, room, sizeof(struct follower *));

		if (!followers)
			return -ENOMEM;
		namespaces->followers = followers;
		namespaces->room = room;
	}
	memmove(&namespaces->followers[place + 1], &namespaces->followers[place],
		(namespaces->count - place) * sizeof(struct follower *));
	namespaces->followers[place] = follower;
	namespaces->count++;
	return 0;
}

static void remove_place(struct namespaces *namespaces, size_t place)
{
	namespaces->count--;
	memmove(&namespaces->followers[place], &namespaces->followers[place + 1],
		(namespaces->count - place) * sizeof(struct follower *));
}

int namespaces_enter(struct namespaces *namespaces, const struct follower *follower)
{
	int r = 0;

	if (namespaces->current != follower->namespace.inum)
		r = netns_enter(follower->netns_fd);
	if (r == 0)
		namespaces->current = follower->namespace.inum;
	return r;
}

/* A thread keeps the namespace alive that it is in. */
void namespaces_leave(struct namespaces *namespaces)
{
	const struct follower *own = namespaces_find(namespaces, namespaces->own);

	if (own && namespaces_enter(namespaces, own) < 0)
		tell(namespaces, "cannot go back to the controller's own network namespace");
}

static int watch(const struct namespaces *namespaces, int fd, enum namespaces_tag tag, uint32_t inum)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = namespaces_tag(tag, inum) };

	return epoll_ctl(namespaces->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* A child that answers a command may still hold the descriptor, so closing it is not enough. */
static void unwatch(const struct namespaces *namespaces, int fd)
{
	if (fd >= 0)
		epoll_ctl(namespaces->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static void drop_member(const struct namespaces *namespaces, struct follower *follower)
{
	unwatch(namespaces, follower->member_fd);
	cleanup_close(&follower->member_fd);
	follower->member_fd = -1;
	follower->member = 0;
}

static void free_follower(const struct namespaces *namespaces, struct follower *follower)
{
	drop_member(namespaces, follower);
	if (follower->namespace.monitor)
		unwatch(namespaces, rtnl_monitor_fd(follower->namespace.monitor));
	namespace_close(&follower->namespace);
	server_set_free(&follower->servers);
	cleanup_close(&follower->netns_fd);
	free(follower);
}

static void carry(struct namespaces *namespaces, struct follower *follower)
{
	const struct follower *before = NULL;

	if (namespaces->before)
		before = namespaces_find(namespaces->before, follower->namespace.inum);
	if (!before)
		return;
	namespace_carry(&follower->namespace, &before->namespace);
	server_turns_carry(namespaces, follower, before);
}

void namespaces_carry(struct namespaces *namespaces, const struct namespaces *before)
{
	namespaces->before = before;
	for (size_t i = 0; before && i < namespaces->count; i++)
		carry(namespaces, namespaces->followers[i]);
}

/* The calling thread is in the namespace. Takes over the descriptor. */
static int open_follower(struct namespaces *namespaces, int netns_fd, struct follower **ret_follower, struct error *error)
{
	struct follower *follower = calloc(1, sizeof(*follower));
	int r;

	if (!follower) {
		close(netns_fd);
		return fail(error, ENOMEM, "out of memory");
	}
	follower->netns_fd = netns_fd;
	follower->member_fd = -1;
	r = namespace_open(&follower->namespace, namespaces->config, namespaces->programs,
			   namespaces->current == namespaces->own, error);
	if (r == 0) {
		r = watch(namespaces, rtnl_monitor_fd(follower->namespace.monitor), NAMESPACES_ROUTES, follower->namespace.inum);
		if (r == 0)
			r = insert(namespaces, follower);
		if (r < 0) {
			fail(error, -r, "cannot follow the network namespace %u: %s", follower->namespace.inum, strerror(-r));
			namespace_withdraw(&follower->namespace);
		}
	}
	if (r < 0) {
		free_follower(namespaces, follower);
		return r;
	}
	namespaces->opened++;
	carry(namespaces, follower);
	server_turns_open(namespaces, follower);
	*ret_follower = follower;
	return 0;
}

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
	return open_follower(namespaces, fd, &own, error);
}

/* The member is another one now. -ESRCH: the thread is gone, or in another namespace. */
static int take_member(const struct namespaces *namespaces, struct follower *follower, pid_t tid, pid_t tgid)
{
	int fd = (int)syscall(SYS_pidfd_open, tgid, 0);
	int r;

	if (fd < 0)
		return -errno;
	/* Now the number cannot become another process'. */
	if (netns_of(tid) != follower->namespace.inum) {
		close(fd);
		return -ESRCH;
	}
	r = watch(namespaces, fd, NAMESPACES_MEMBER, follower->namespace.inum);
	if (r < 0) {
		close(fd);
		return r;
	}
	drop_member(namespaces, follower);
	follower->member_fd = fd;
	follower->member = tid;
	follower->is_orphan = false;
	return 0;
}

/* Nobody is left in it: let the kernel have it back. */
static void let_go(struct namespaces *namespaces, struct follower *follower)
{
	size_t place = find_place(namespaces, follower->namespace.inum);

	if (namespaces_enter(namespaces, follower) == 0)
		namespace_remove(&follower->namespace);
	else
		namespace_withdraw(&follower->namespace);
	remove_place(namespaces, place);
	namespaces->is_refusing = false; /* there is room again */
	server_turns_forget(namespaces, follower);
	namespaces_leave(namespaces);
	free_follower(namespaces, follower);
}

/*
 * The thread is in the namespace. What fails is told of. What an earlier controller attached there is swept when all is
 * attached, so there is another turn for what is left; the surveys do the rest of one that never ends.
 */
static void attach(const struct namespaces *namespaces, struct follower *follower)
{
	struct error error;
	int r = namespace_attach(&follower->namespace, namespaces->has_tcx, &error);

	follower->is_attached = r != -EAGAIN || ++follower->turns >= ATTACH_TURNS;
}

/* The thread is in the namespace when this is over, whatever happened. */
static int follow(struct namespaces *namespaces, int netns_fd, pid_t tid, pid_t tgid, struct error *error)
{
	struct follower *follower;
	uint32_t inum = netns_of(0);
	int r;

	namespaces->current = inum;
	r = open_follower(namespaces, netns_fd, &follower, error);
	if (r < 0)
		return r;
	r = take_member(namespaces, follower, tid, tgid);
	if (r == -ESRCH) { /* it may have left another one behind */
		follower->is_orphan = namespaces->has_orphans = true;
		r = 0;
	} else if (r < 0) {
		let_go(namespaces, follower);
		return fail(error, -r, "cannot watch the process %d: %s", (int)tgid, strerror(-r));
	}
	if (namespaces->attaches)
		attach(namespaces, follower);
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
		tell(namespaces, text);
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

	if (namespaces_find(namespaces, inum))
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
		tell(namespaces, text);
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
	namespaces_leave(namespaces);
}

static bool is_announced(const struct namespaces *namespaces, uint32_t inum)
{
	for (size_t i = 0; i < namespaces->announced_count; i++)
		if (namespaces->announced[i].netns == inum)
			return true;
	return false;
}

/* One that finds no room is announced again with the next socket that is made in it. */
static void announce(struct namespaces *namespaces, const struct sieve_event *event)
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
	if (event.netns && !namespaces_find(namespaces, event.netns))
		announce(namespaces, &event);
	return true;
}

void namespaces_scan(struct namespaces *namespaces)
{
	if (namespaces->config->netns == CONFIG_NETNS_SCOPE)
		scope_each_process(namespaces->scope, announce_process, namespaces);
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
	namespaces_scan(namespaces);
}

int namespaces_attach(struct namespaces *namespaces, struct error *error)
{
	struct follower *own = namespaces_find(namespaces, namespaces->own);
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
		free_follower(namespaces, namespaces->followers[i]);
	free(namespaces->followers);
	free(namespaces->announced);
	server_set_free(&namespaces->servers.all);
	*namespaces = (struct namespaces){};
}

static void lose_member(struct namespaces *namespaces, struct follower *follower)
{
	drop_member(namespaces, follower);
	follower->is_orphan = namespaces->has_orphans = true;
}

void namespaces_handle(struct namespaces *namespaces, uint64_t tag, uint64_t now)
{
	struct follower *follower = namespaces_find(namespaces, (uint32_t)tag);

	if (!follower) /* let go since */
		return;
	if (tag >> 32 == NAMESPACES_ROUTES)
		namespace_read(&follower->namespace, now);
	else if (tag >> 32 == NAMESPACES_MEMBER)
		lose_member(namespaces, follower);
}

void namespaces_take_event(struct namespaces *namespaces, const struct sieve_event *event)
{
	struct follower *follower = namespaces_find(namespaces, event->netns);

	if (follower)
		namespace_trigger(&follower->namespace, clock_monotonic_ns());
	else if (event->tid)
		announce(namespaces, event);
}

void namespaces_names_changed(struct namespaces *namespaces)
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

void namespaces_check_members(struct namespaces *namespaces)
{
	struct netns_names names;

	netns_names_read(&names);
	for (size_t i = 0; i < namespaces->count; i++) {
		struct follower *follower = namespaces->followers[i];

		if (follower->member ? netns_of(follower->member) != follower->namespace.inum
				     : is_nameless(namespaces, follower, &names))
			lose_member(namespaces, follower);
	}
	netns_names_free(&names);
}

static bool adopt_process(pid_t pid, void *data)
{
	struct namespaces *namespaces = data;
	struct follower *follower = namespaces_find(namespaces, netns_of(pid));

	if (follower && follower->is_orphan)
		take_member(namespaces, follower, pid, pid);
	return true;
}

/* One look at the processes for all that lost their member; who has neither another one nor a name is let go. */
static void search(struct namespaces *namespaces)
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
			let_go(namespaces, follower);
	}
	netns_names_free(&names);
	namespaces->has_orphans = false;
	took = clock_monotonic_ns() - began;
	namespaces->next_search = began + (9 * took > SEARCH_GAP_NS ? 10 * took : SEARCH_GAP_NS);
}

static void admit_one(struct namespaces *namespaces, const struct sieve_event *event)
{
	pid_t tgid = (pid_t)event->tgid, tid = (pid_t)event->tid;

	if (netns_of(tid) != event->netns) /* the thread is gone; its process may well be there */
		tid = tgid;
	if (!scope_exempts(namespaces->scope, tgid))
		admit(namespaces, tid, tgid);
}

static void admit_announced(struct namespaces *namespaces)
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

/*
 * Was everything opened that was there at the start? A process by which one was known can have ended meanwhile, so
 * there is another look, until nothing comes of one: what is left then cannot be opened.
 */
static void check_completion(struct namespaces *namespaces)
{
	bool was_in_vain = namespaces->opened == namespaces->opened_before;

	namespaces->opened_before = namespaces->opened;
	if (!was_in_vain)
		scope_each_process(namespaces->scope, announce_process, namespaces);
	namespaces->is_complete = was_in_vain || namespaces->announced_count == 0 || is_full(namespaces);
}

static void work_in(struct namespaces *namespaces, struct follower *follower)
{
	if (namespaces_enter(namespaces, follower) < 0)
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
		if (namespaces_enter(namespaces, follower) == 0)
			attach(namespaces, follower);
		else
			follower->is_attached = true; /* it is let go soon */
	}
}

void namespaces_work(struct namespaces *namespaces)
{
	work_on_surveys(namespaces);
	attach_waiting(namespaces);
	if (namespaces->announced_count > 0 && clock_monotonic_ns() >= namespaces->next_admission)
		admit_announced(namespaces);
	if (!namespaces->is_complete && namespaces->announced_count == 0)
		check_completion(namespaces);
	if (namespaces->has_orphans && clock_monotonic_ns() >= namespaces->next_search)
		search(namespaces);
	coverage_turns_work(namespaces);
	namespaces_leave(namespaces);
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
	struct follower *follower = namespaces_find(namespaces, pin->netns);

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
