/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All network namespaces under control: the controller's own, and each in which a process of the scope lives, from
 * the time when the sensor or the scan tells of it until its last process and its name are gone. What is open of a
 * namespace keeps it alive, so it is held no longer than that.
 */
#ifndef STUBSIEVE_NAMESPACES_H
#define STUBSIEVE_NAMESPACES_H

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

/* Open the controller's own, and publish it; attach nothing yet. */
int namespaces_open(struct namespaces *namespaces, const struct config *config, struct programs *programs,
		    const struct scope *scope, int epoll_fd, struct error *error);

/* The same namespaces were followed until now: go on from there (namespace_carry()). They have to be there until NULL. */
void namespaces_carry(struct namespaces *namespaces, const struct namespaces *before);

/* Find and open the others as namespaces_attach() does, but attach nothing yet. */
void namespaces_find_others(struct namespaces *namespaces);

/*
 * Attach to the interfaces of the own one, then find the others. namespaces_work() opens them one after the other,
 * because attaching to an interface can take the kernel 20 ms; `is_complete` says that it is done.
 */
int namespaces_attach(struct namespaces *namespaces, struct error *error);

/* Are those that were there at the start open and attached to? */
bool namespaces_are_attached(const struct namespaces *namespaces);

/* Is all known of those that are open (namespace_is_known())? */
bool namespaces_are_known(const struct namespaces *namespaces);

/* Others have put their programs in place of ours: namespaces_attach() attaches to everything once more. */
void namespaces_release(struct namespaces *namespaces);

/* Leave the filters in place. */
void namespaces_close(struct namespaces *namespaces);

/* One of the descriptors is readable. */
void namespaces_handle(struct namespaces *namespaces, uint64_t tag, uint64_t now);

/* The programs told of an unknown namespace, or of routes that changed. */
void namespaces_take_event(struct namespaces *namespaces, const struct sieve_event *event);

/* Look for namespaces of processes in scope that are not followed yet. */
void namespaces_scan(struct namespaces *namespaces);

/* A name, or a cgroup, came or went: what is held by its name may be no longer. */
void namespaces_names_changed(struct namespaces *namespaces);

/* Members can leave a namespace without ending. To be called every second. */
void namespaces_check_members(struct namespaces *namespaces);

/* Do what is due, a bounded share of it. The next time is namespaces_due(). */
void namespaces_work(struct namespaces *namespaces);
uint64_t namespaces_due(const struct namespaces *namespaces, uint64_t now);

/* The directory of the pins is another one: pin again, and look at all attachments anew. */
void namespaces_pin_again(struct namespaces *namespaces);

/* NULL: it is not followed. */
struct follower *namespaces_find(const struct namespaces *namespaces, uint32_t inum);

/* Move the thread there; the controller's own is where it has to be when it waits. 0 or -errno. */
int namespaces_enter(struct namespaces *namespaces, const struct follower *follower);
void namespaces_leave(struct namespaces *namespaces);

/* Is the pinned link one that hangs in a namespace that is followed? */
bool namespaces_want(const struct namespaces *namespaces, const struct pin *pin);

#endif
