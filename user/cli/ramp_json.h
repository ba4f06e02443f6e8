/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The ramp of `stop --ramp` as the controller tells it, and as commands read that. */
#ifndef STUBSIEVE_RAMP_JSON_H
#define STUBSIEVE_RAMP_JSON_H

#include <jansson.h>

#include "controller.h"
#include "ramp.h"

/*
 * {"start_ns", "ramp_ns", "seed", "seconds", "elapsed_seconds", "share"}; of times the first two on CLOCK_MONOTONIC. The
 * share is that of the names that pass. JSON null where there is no ramp. The caller's to release.
 */
json_t *ramp_json(struct controller *controller);

/* Of such an object: 0, and zeros for null, or -EINVAL. */
int ramp_from_json(const json_t *json, struct ramp *ret_ramp);

#endif
