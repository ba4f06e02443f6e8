/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a controller left pinned, read without it and without loading anything. 0 or -errno: -ENOENT if it is not there,
 * -EINVAL if it is not of this version.
 */
#ifndef STUBSIEVE_PINNED_H
#define STUBSIEVE_PINNED_H

#include <stdint.h>
#include <stubsieve/abi.h>

int pinned_counters(const char *pin_dir, uint64_t ret_counters[SIEVE_COUNTERS]); /* sums over all CPUs and versions */
int pinned_heartbeat(const char *pin_dir, uint64_t *ret_stamp_ns);               /* CLOCK_MONOTONIC */

#endif
