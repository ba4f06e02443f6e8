/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The older hook for interfaces, for kernels before 6.6: filters of a clsact qdisc.
 * It stays by itself until it is removed or the device goes. Ours is known by its place and its program's
 * name, which needs no capability and no pin, so on these kernels there is one instance for a namespace.
 *
 * Empty directories in pin_dir remember what was done: clsact-NETNS-IFINDEX, ingress-NETNS-IFINDEX and
 * responses-NETNS-IFINDEX that there is a filter of ours with the egress, the gateway and the response program,
 * qdisc-NETNS-IFINDEX that the qdisc was made by us and is to go with the last of them.
 */
#ifndef STUBSIEVE_CLSACT_H
#define STUBSIEVE_CLSACT_H

#include <stdbool.h>
#include <stdint.h>

#include "pins.h"

struct clsact {
	const char *pin_dir;
	uint32_t netns;   /* inode number of the calling thread's network namespace */
	uint32_t ifindex;
	enum attach_side side;
};

/*
 * Attach the program, or replace that of an earlier controller. -EBUSY: a foreign filter has our place, or an
 * ingress qdisc that of ours.
 */
int clsact_attach(const struct clsact *clsact, int program_fd);

/*
 * Remove our filter if there is one, and the qdisc if we made it and nothing else is on it. -EBUSY: a foreign
 * filter has our place.
 */
int clsact_detach(const struct clsact *clsact);

#endif
