/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ramp_json.h"

#include <errno.h>

#include "clock.h"

static double seconds(uint64_t ns)
{
	return (double)ns / (double)CLOCK_SECOND_NS;
}

json_t *ramp_json(struct controller *controller)
{
	uint64_t elapsed_ns, now = clock_monotonic_ns();
	struct ramp ramp = {};

	ramp_read(programs_heartbeat_fd(controller->filter->programs), &ramp);
	if (!ramp.start_ns || !ramp.ramp_ns)
		return json_null();
	elapsed_ns = now > ramp.start_ns ? now - ramp.start_ns : 0;
	if (elapsed_ns > ramp.ramp_ns)
		elapsed_ns = ramp.ramp_ns;
	return json_pack("{s:I, s:I, s:I, s:f, s:f, s:f}", "start_ns", (json_int_t)ramp.start_ns, "ramp_ns",
			 (json_int_t)ramp.ramp_ns, "seed", (json_int_t)controller->filter->policy.ramp_seed, "seconds",
			 seconds(ramp.ramp_ns), "elapsed_seconds", seconds(elapsed_ns), "share",
			 (double)elapsed_ns / (double)ramp.ramp_ns);
}

int ramp_from_json(const json_t *json, struct ramp *ret_ramp)
{
	json_int_t start_ns, ramp_ns;

	if (json_is_null(json)) {
		*ret_ramp = (struct ramp){};
		return 0;
	}
	start_ns = json_integer_value(json_object_get(json, "start_ns"));
	ramp_ns = json_integer_value(json_object_get(json, "ramp_ns"));
	if (start_ns <= 0 || ramp_ns <= 0)
		return -EINVAL;
	*ret_ramp = (struct ramp){ .start_ns = (uint64_t)start_ns, .ramp_ns = (uint64_t)ramp_ns };
	return 0;
}
