/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attaching the programs, so that they stay when the controller goes: to interfaces by tcx links (Linux
 * 6.6) or clsact filters (attach.c), to cgroups by links (attach_cgroup.c). Links are pinned (pins.h), but for the
 * sensor's: without a controller it is of no use. Foreign programs are left alone.
 */
#ifndef STUBSIEVE_ATTACH_H
#define STUBSIEVE_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "error.h"
#include "links.h"
#include "mounts.h"
#include "pins.h"
#include "programs.h"

enum attach_hook {
	ATTACH_NONE = 0, /* a device that an answer cannot be made on */
	ATTACH_TCX,
	ATTACH_CLSACT,
};

const char *attach_hook_name(enum attach_hook hook); /* "none", "tcx", "clsact" */

/* How one program is attached to one side of an interface. */
struct attached_side {
	enum attach_hook hook;
	int link_fd; /* tcx, where links are kept; -1 otherwise */
};

/* One interface of a network namespace. */
struct attached {
	struct link link;
	struct attached_side side[ATTACH_SIDES];
	bool is_there; /* for the sweep of attach_reconcile() */
};

struct attachments {
	const char *pin_dir;
	uint32_t netns; /* inode number */
	enum config_order order;
	bool has_tcx;
	bool filters; /* the egress program goes to every interface that is fit */
	bool results; /* and the response program */
	char *const *gateways; /* names or globs of the interfaces to which the gateway program goes */
	size_t gateway_count;
	size_t most;        /* more interfaces than that are left alone, and told of */
	uint64_t budget_ns; /* for one attach_reconcile(); 0: as long as it takes */
	uint32_t resume;    /* the interface at which the budget was used up; 0: none */
	int failed;         /* -errno of the first that failed before that */
	bool keeps_links;   /* hold the links open: quicker to look at, but a descriptor each */
	struct attached *entries;
	size_t count;
};

/*
 * Does the kernel have tcx? STUBSIEVE_HOOK=clsact in the environment says no, so that tests and operators
 * can try the older hook on a newer kernel.
 */
bool attach_has_tcx(const struct programs *programs);

/*
 * Make the attachments what the namespace of the calling thread asks for: attach to interfaces that came,
 * take over or replace what an earlier controller left on them, let go of those that went. An interface
 * that vanishes meanwhile is no error. `error` tells of the first that failed; the others are still done.
 * -EAGAIN: the budget is used up, and there is more to do. `error` is empty where nothing is to be told: then, unless
 * one failed, and at the end of what was begun with a -EAGAIN that told of it.
 */
int attach_reconcile(struct attachments *attachments, const struct programs *programs, struct error *error);

/* Pin again what is held open; what is not is found without a pin by the next attach_reconcile(). */
void attach_pin_again(const struct attachments *attachments);

/* Is this pin's link one of these? */
bool attach_holds(struct attachments *attachments, const struct pin *pin);

/* Is the interface attached to at all? */
bool attached_anywhere(const struct attached *entry);

/* Forget the attachments without detaching. */
void attach_release(struct attachments *attachments);

/* Unpin them all, in the namespace itself; the kernel detaches within milliseconds. */
void attach_remove(struct attachments *attachments);

/* Attach the sensor to a cgroup. Returns the link's fd, which it goes with, or -errno. */
int attach_sensor(int cgroup_fd, const struct programs *programs);

/* Attach the cgroup program, or replace it where an earlier controller pinned its link. */
int attach_cgroup(const char *pin_dir, const struct cgroup *cgroup, int cgroup_fd, const struct programs *programs,
		  struct error *error);

/* The kernel denied it: name the program that wants to be alone, and the cure. -EPERM. */
int attach_explain_denied(const struct cgroup *cgroup, uint32_t attach_type, const char *what, struct error *error);

/* Detach and unpin it; the cgroup may be gone. */
void attach_forget_cgroup(const char *pin_dir, uint64_t id);

/* Is the pinned link of this cgroup attached to a living cgroup? */
bool attach_cgroup_is_live(const char *pin_dir, uint64_t id);

/*
 * Detach our clsact filters from the interfaces of the calling thread's namespace, but those that are among `keep`
 * (NULL: none), and remove each clsact qdisc that we made and nothing else uses. An error tells of the first that
 * failed; the others are still done. -ETIMEDOUT: it would take more CPU time than the budget (0: as long as it takes).
 */
int attach_remove_clsact(const char *pin_dir, uint64_t budget_ns, struct attachments *keep, struct error *error);

#endif
