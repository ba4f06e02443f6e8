/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A host's own numbers: how often its controller beats, when its silence counts, in which order a ramp goes. */
#ifndef STUBSIEVE_BEAT_H
#define STUBSIEVE_BEAT_H

#include <stddef.h>
#include <stdint.h>

/* Between two beats: a third of the time after which the programs would take the controller for dead, or a second. */
uint64_t beat_interval_ns(uint64_t after_ns);

/* The age of the heartbeat at which every query passes: with this host's share of the spread. */
uint64_t beat_stale_after_ns(uint64_t after_ns, uint64_t spread_ns, const void *id, size_t length);

/* For bpf/heartbeat.h: in which order names pass during `stop --ramp`. */
uint64_t beat_ramp_seed(const void *id, size_t length);

#endif
