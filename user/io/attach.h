/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attaching the programs, so that they stay when the controller goes: to interfaces by tcx links (Linux
 * 6.6) or clsact filters, to cgroups by links. Links are pinned in pin_dir by what they are attached to:
 * tcx-NETNS-IFINDEX, cgroup-ID. Foreign programs are left alone.
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
#include "programs.h"

enum attach_hook {
	ATTACH_NONE = 0, /* a device that an answer cannot be made on */
	ATTACH_TCX,
	ATTACH_CLSACT,
};

const char *attach_hook_name(enum attach_hook hook); /* "none", "tcx", "clsact" */

/* One interface of a network namespace and how the egress program is attached to it. */
struct attached {
	struct link link;
	enum attach_hook hook;
	int link_fd;   /* tcx; -1 otherwise */
	bool is_there; /* for the sweep of attach_reconcile() */
};

struct attachments {
	const char *pin_dir;
	uint32_t netns; /* inode number */
	enum config_order order;
	bool has_tcx;
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
 */
int attach_reconcile(struct attachments *attachments, const struct programs *programs, struct error *error);

/* Forget the attachments without detaching. */
void attach_release(struct attachments *attachments);

/* Attach the cgroup program, or replace it where an earlier controller pinned its link. */
int attach_cgroup(const char *pin_dir, const struct cgroup *cgroup, int cgroup_fd, const struct programs *programs,
		  struct error *error);

/* Is the pinned link of this cgroup attached to a living cgroup? */
bool attach_cgroup_is_live(const char *pin_dir, uint64_t id);

/* What the name of a link's pin says: of a tcx link netns and ifindex, of a cgroup's link the id. */
struct attach_pin {
	uint32_t netns, ifindex; /* 0 for a cgroup */
	uint64_t cgroup;         /* 0 for an interface */
};

/*
 * Detach and unpin the links in pin_dir that `keep` does not want; NULL keeps none. What is not a pin of
 * ours by its name is left alone.
 */
typedef bool (*attach_keep)(const struct attach_pin *pin, void *data);
int attach_sweep(const char *pin_dir, attach_keep keep, void *data, struct error *error);

/*
 * Detach our clsact filters from the interfaces of the calling thread's namespace, and remove each clsact
 * qdisc that we made and nothing else uses.
 */
int attach_remove_clsact(const char *pin_dir, struct error *error);

#endif
