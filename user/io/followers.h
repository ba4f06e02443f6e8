/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The network namespaces that are followed, and by what each of them is held. */
#ifndef STUBSIEVE_FOLLOWERS_H
#define STUBSIEVE_FOLLOWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config.h"
#include "error.h"
#include "namespace.h"
#include "programs.h"
#include "scope.h"
#include "server.h"

/* A namespace, and by what it is held. */
struct follower {
	struct namespace namespace;
	int netns_fd;
	pid_t member; /* a thread that is in it; 0: our own, or one that is held by its name alone */
	int member_fd; /* pidfd of the member's process, -1 if there is none */
	bool is_orphan; /* the member is gone: look for another */
	bool is_attached; /* to its interfaces, or that was tried */
	unsigned int turns; /* that it took, and was not done */
	struct server_set servers; /* server_turns.h: of the last look */
	uint64_t servers_seen_at;
};

struct namespaces {
	const struct config *config;
	struct programs *programs;
	const struct scope *scope;
	const struct namespaces *before; /* followed by another configuration until now; NULL: none were */
	bool has_tcx;
	int epoll_fd; /* not ours: gets the sockets, with the data of namespaces_tag() */
	uint32_t own; /* inode numbers: the controller's own, the one in which its thread is */
	uint32_t current;
	struct follower **followers; /* sorted by inode number */
	size_t count, room;
	struct sieve_event *announced; /* by the scan and the sensor, not opened yet */
	size_t announced_count, announced_room;
	bool attaches;           /* to the interfaces of each that is opened, and of those that were opened before */
	bool is_complete;        /* those that were there at the start are open, or cannot be */
	uint64_t opened;         /* in all, our own among them ... */
	uint64_t opened_before;  /* ... and before another look at the processes, 0 before the first such */
	bool is_barred;          /* the last that was to be opened could not be, which was told of */
	uint64_t next_admission; /* of one that was announced */
	bool has_orphans;
	uint64_t next_search; /* for members of orphans */
	uint64_t slow_at;     /* no namespace that takes long before */
	uint64_t refused;     /* how often a namespace was one too many */
	bool is_refusing;     /* ... and there was no room since */
	char trouble[512];    /* what was told last, to tell it once */
	struct {
		uint64_t free_at; /* nobody's before */
		bool is_sweeping;
		bool has_swept; /* all that is in the map is held by some namespace */
		struct coverage_map_sweep sweep;
	} turns; /* coverage_turns.h */
	struct {
		struct server_set all;      /* what is published */
		bool is_published;          /* ... without an error */
		uint64_t own_at, others_at; /* no look before */
	} servers; /* server_turns.h */
};

/* Which of its descriptors became readable, as data of epoll_event; anything else is not of namespaces. */
enum namespaces_tag {
	NAMESPACES_ROUTES = 1, /* the monitor of the namespace in the lower 32 bits */
	NAMESPACES_MEMBER = 2, /* its member ended */
};

static inline uint64_t namespaces_tag(enum namespaces_tag tag, uint32_t inum)
{
	return (uint64_t)tag << 32 | inum;
}

/* NULL: it is not followed. */
struct follower *followers_find(const struct namespaces *namespaces, uint32_t inum);

/* Move the thread there; the controller's own is where it has to be when it waits. 0 or -errno. */
int followers_enter(struct namespaces *namespaces, const struct follower *follower);
void followers_leave(struct namespaces *namespaces); /* a thread keeps the namespace alive that it is in */

/* On stderr, unless it is what was told last. */
void followers_tell(struct namespaces *namespaces, const char *text);

/* The calling thread is in the namespace. Takes over the descriptor, also when it fails. */
int follower_open(struct namespaces *namespaces, int netns_fd, struct follower **ret_follower, struct error *error);

/* Go on from what was known of it while another configuration was in force. */
void follower_carry(struct namespaces *namespaces, struct follower *follower);

/*
 * The thread is in the namespace. What fails is told of. What an earlier controller attached there is swept when all is
 * attached, so there is another turn for what is left; the surveys do the rest of one that never ends.
 */
void follower_attach(const struct namespaces *namespaces, struct follower *follower);

/* The member is another one now. -ESRCH: the thread is gone, or in another namespace. */
int follower_take_member(const struct namespaces *namespaces, struct follower *follower, pid_t tid, pid_t tgid);
void follower_lose_member(struct namespaces *namespaces, struct follower *follower); /* another one is to be found */

/* Nobody is left in it: let the kernel have it back. Frees the follower. */
void follower_let_go(struct namespaces *namespaces, struct follower *follower);
void follower_free(const struct namespaces *namespaces, struct follower *follower); /* what is attached stays */

#endif
