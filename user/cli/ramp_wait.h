/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The gentle part of `stop --ramp`: begin the ramp, and wait for its end. */
#ifndef STUBSIEVE_RAMP_WAIT_H
#define STUBSIEVE_RAMP_WAIT_H

#include <stdint.h>

#include "config.h"

/*
 * In the controller, or, where none runs, in what a dead one left. -1: it is over, or there is nothing to stop: what is
 * left is to be removed. Else the command's exit status, its reason told.
 */
int ramp_wait(const struct config *config, uint64_t ramp_ns);

#endif
