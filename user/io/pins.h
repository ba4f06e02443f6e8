/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The links that are pinned in pin_dir, so that the filter stays when the controller goes. They are called by what
 * they are attached to: tcx-NETNS-IFINDEX (the egress program), gateway-NETNS-IFINDEX, results-NETNS-IFINDEX,
 * cgroup-ID. Functions return 0, or a file descriptor, or -errno.
 */
#ifndef STUBSIEVE_PINS_H
#define STUBSIEVE_PINS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "error.h"

/* What is attached to an interface. */
enum attach_side {
	ATTACH_EGRESS = 0, /* the egress program, to what leaves */
	ATTACH_GATEWAY,    /* the gateway program, to what comes in */
	ATTACH_RESULTS,    /* the response program, likewise */
	ATTACH_SIDES,
};

uint32_t pins_attach_type(enum attach_side side); /* of a tcx link: enum bpf_attach_type */

/* What the name of a link's pin says: of a tcx link side, netns and ifindex, of a cgroup's link the id. */
struct pin {
	enum attach_side side;
	uint32_t netns, ifindex; /* 0 for a cgroup */
	uint64_t cgroup;         /* 0 for an interface */
};

/* What kind of thing is pinned. */
enum pins_kind { PINS_MAP, PINS_PROGRAM, PINS_LINK };

/* Open what is pinned there: -ENOENT if nothing is, -EEXIST if it is something else, or a symbolic link. */
int pins_open(const char *path, enum pins_kind kind);

void pins_format(char path[PATH_MAX], const char *pin_dir, const struct pin *pin);

/*
 * Take over the link that an earlier controller pinned: it is to hold our program now. Returns its fd; a
 * link whose device or cgroup is gone is unpinned: -ENOENT. -EEXIST: what is pinned there is not ours.
 */
int pins_adopt(const char *path, const struct pin *pin, int program);

/* Is this the program that such a link has to have? In doubt, for it takes CAP_SYS_ADMIN to look, it is. */
bool pins_is_named(uint32_t program, const struct pin *pin);

/* Unpin the link wherever it is pinned as one of ours. */
void pins_forget(const char *pin_dir, int link_fd);

/* A directory came in the place of the one that is open: pin there what is pinned in that, and make its marks. */
void pins_move(int from_fd, const char *pin_dir);

/* Pin a new link, or pass on the error in errno if `fd` is negative; if it cannot be pinned it is not left attached. */
int pins_pin(int fd, const char *path);

/* Is the link attached to that device, which can have gone, or to that living cgroup? */
bool pins_is_at_device(int link_fd, uint32_t ifindex);
bool pins_is_at_cgroup(int link_fd, uint64_t id);

/* Unpin a link, and detach it at once or when the kernel comes to it. What only has the name of a pin of ours stays. */
int pins_remove(const char *path, const struct pin *pin, bool at_once, struct error *error);

/*
 * Detach and unpin the links in pin_dir that `keep` does not want; NULL keeps none. What is not a pin of
 * ours by its name is left alone.
 */
typedef bool (*pins_keep)(const struct pin *pin, void *data);
int pins_sweep(const char *pin_dir, pins_keep keep, void *data, struct error *error);

#endif
