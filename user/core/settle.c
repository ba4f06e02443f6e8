/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "settle.h"

void settle_init(struct settle *settle, uint64_t delay_ns)
{
	*settle = (struct settle){ .delay_ns = delay_ns };
}

void settle_clean(struct settle *settle, const enum sieve_connectivity decided[SIEVE_FAMILIES], uint64_t now)
{
	uint64_t delay_ns = settle->seen_clean ? settle->delay_ns : 0;

	for (int i = 0; i < SIEVE_FAMILIES; i++) {
		bool unchanged = settle->trusted && settle->family[i].decided == decided[i];

		if (!unchanged)
			settle->family[i].acts_at = now + delay_ns;
		settle->family[i].decided = decided[i];
	}
	settle->seen_clean = true;
	settle->trusted = true;
}

/* What acted does so still; what did not began to settle its own delay before it was to act. */
static uint64_t carried_time(const struct settle *settle, const struct settle *before, int family, uint64_t now)
{
	uint64_t acts_at = before->family[family].acts_at;

	return now >= acts_at ? acts_at : acts_at - before->delay_ns + settle->delay_ns;
}

void settle_carry(struct settle *settle, const struct settle *before, uint64_t now)
{
	if (!before->seen_clean)
		return;
	for (int i = 0; i < SIEVE_FAMILIES; i++) {
		bool unchanged = before->trusted && settle->family[i].decided == before->family[i].decided;

		settle->family[i].acts_at = unchanged ? carried_time(settle, before, i, now) : now + settle->delay_ns;
	}
	settle->seen_clean = true;
}

void settle_unclean(struct settle *settle)
{
	settle->trusted = false;
}

static bool is_settling(const struct settle *settle, int family, uint64_t now)
{
	return settle->trusted && settle->family[family].decided == SIEVE_USELESS &&
	       now < settle->family[family].acts_at;
}

void settle_publish(const struct settle *settle, uint64_t now, enum sieve_connectivity ret_publish[SIEVE_FAMILIES])
{
	for (int i = 0; i < SIEVE_FAMILIES; i++) {
		if (!settle->trusted)
			ret_publish[i] = SIEVE_CONNECTED;
		else if (is_settling(settle, i, now))
			ret_publish[i] = SIEVE_SETTLING;
		else
			ret_publish[i] = settle->family[i].decided;
	}
}

uint64_t settle_due(const struct settle *settle, uint64_t now)
{
	uint64_t due = 0;

	for (int i = 0; i < SIEVE_FAMILIES; i++) {
		uint64_t acts_at = settle->family[i].acts_at;

		if (is_settling(settle, i, now) && (due == 0 || acts_at < due))
			due = acts_at;
	}
	return due;
}
