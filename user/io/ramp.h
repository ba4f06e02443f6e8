/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The ramp of `stop --ramp` in the pinned map `heartbeat`, which outlives its controller. */
#ifndef STUBSIEVE_RAMP_H
#define STUBSIEVE_RAMP_H

#include <stdint.h>

/* CLOCK_MONOTONIC; both are 0 where there is no ramp. */
struct ramp {
	uint64_t start_ns, ramp_ns;
};

/* Change the ramp that a map holds, and nothing else, or read it. 0 or -errno. */
int ramp_write(int heartbeat_fd, const struct ramp *ramp);
int ramp_read(int heartbeat_fd, struct ramp *ret_ramp);

/*
 * The map that a controller left in pin_dir; the caller closes *ret_fd. -ENOENT: none of this version is pinned there.
 * -EINVAL: what has its name is not that map.
 */
int ramp_open_pinned(const char *pin_dir, int *ret_fd);

#endif
