/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "followers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "netns.h"
#include "server_turns.h"

/* So often one namespace may take all the time that it has to be attached to. */
#define ATTACH_TURNS 25

void followers_tell(struct namespaces *namespaces, const char *text)
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

struct follower *followers_find(const struct namespaces *namespaces, uint32_t inum)
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

int followers_enter(struct namespaces *namespaces, const struct follower *follower)
{
	int r = 0;

	if (namespaces->current != follower->namespace.inum)
		r = netns_enter(follower->netns_fd);
	if (r == 0)
		namespaces->current = follower->namespace.inum;
	return r;
}

void followers_leave(struct namespaces *namespaces)
{
	const struct follower *own = followers_find(namespaces, namespaces->own);

	if (own && followers_enter(namespaces, own) < 0)
		followers_tell(namespaces, "cannot go back to the controller's own network namespace");
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

void follower_free(const struct namespaces *namespaces, struct follower *follower)
{
	drop_member(namespaces, follower);
	if (follower->namespace.monitor)
		unwatch(namespaces, rtnl_monitor_fd(follower->namespace.monitor));
	namespace_close(&follower->namespace);
	server_set_free(&follower->servers);
	cleanup_close(&follower->netns_fd);
	free(follower);
}

void follower_carry(struct namespaces *namespaces, struct follower *follower)
{
	const struct follower *before = NULL;

	if (namespaces->before)
		before = followers_find(namespaces->before, follower->namespace.inum);
	if (!before)
		return;
	namespace_carry(&follower->namespace, &before->namespace);
	server_turns_carry(namespaces, follower, before);
}

int follower_open(struct namespaces *namespaces, int netns_fd, struct follower **ret_follower, struct error *error)
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
		follower_free(namespaces, follower);
		return r;
	}
	namespaces->opened++;
	follower_carry(namespaces, follower);
	server_turns_open(namespaces, follower);
	*ret_follower = follower;
	return 0;
}

int follower_take_member(const struct namespaces *namespaces, struct follower *follower, pid_t tid, pid_t tgid)
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

void follower_lose_member(struct namespaces *namespaces, struct follower *follower)
{
	drop_member(namespaces, follower);
	follower->is_orphan = namespaces->has_orphans = true;
}

void follower_let_go(struct namespaces *namespaces, struct follower *follower)
{
	size_t place = find_place(namespaces, follower->namespace.inum);

	if (followers_enter(namespaces, follower) == 0)
		namespace_remove(&follower->namespace);
	else
		namespace_withdraw(&follower->namespace);
	remove_place(namespaces, place);
	namespaces->is_refusing = false; /* there is room again */
	server_turns_forget(namespaces, follower);
	followers_leave(namespaces);
	follower_free(namespaces, follower);
}

void follower_attach(const struct namespaces *namespaces, struct follower *follower)
{
	struct error error;
	int r = namespace_attach(&follower->namespace, namespaces->has_tcx, &error);

	follower->is_attached = r != -EAGAIN || ++follower->turns >= ATTACH_TURNS;
}
