/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "pace.h"

static uint64_t later(uint64_t one, uint64_t other)
{
	return one > other ? one : other;
}

void pace_trigger_once(struct pace *pace, uint64_t now)
{
	pace->leading = true;
	pace->triggered_at = now;
}

void pace_trigger(struct pace *pace, uint64_t now)
{
	pace_trigger_once(pace, now);
	pace->trailing = true;
	pace->trailed_at = now;
}

uint64_t pace_due(const struct pace *pace)
{
	if (pace->leading)
		return later(pace->triggered_at, pace->free_at);
	if (pace->trailing)
		return later(pace->trailed_at + PACE_TRAIL_NS, pace->free_at);
	return 0;
}

void pace_done(struct pace *pace, uint64_t began, uint64_t now)
{
	pace->leading = pace->triggered_at > began;
	if (began >= pace->trailed_at + PACE_TRAIL_NS)
		pace->trailing = false;
	pace_extend(pace, began, now);
}

void pace_extend(struct pace *pace, uint64_t began, uint64_t now)
{
	pace->free_at = now + later(PACE_GAP_NS, 3 * (now - began));
}
