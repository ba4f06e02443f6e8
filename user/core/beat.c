/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "beat.h"

#include "config.h"

#define SECOND_NS 1000000000ULL

uint64_t beat_interval_ns(uint64_t after_ns)
{
	uint64_t third = after_ns / 3;

	return third < SECOND_NS ? third : SECOND_NS;
}

uint64_t beat_stale_after_ns(uint64_t after_ns, uint64_t spread_ns, const void *id, size_t length)
{
	return after_ns + config_jitter_ns(id, length, spread_ns);
}

/* All bits that the jitter has. That both come from one number does no harm: no packet is subject to both. */
uint64_t beat_ramp_seed(const void *id, size_t length)
{
	return config_jitter_ns(id, length, UINT32_MAX);
}
