/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a host of a fleet does by its machine id, unlike others. */
#include "config.h"

/* A number that looks random, of the id, and of what it is for. */
static uint64_t hash_id(const void *id, size_t length, uint64_t hash)
{
	const unsigned char *octets = id;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ octets[i]) * 0x100000001b3ULL; /* FNV-1a */
	/* The last octets have not come to its upper bits yet, and hosts often differ in these alone. */
	for (int round = 0; round < 3; round++)
		hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15ULL; /* odd, with no pattern: 2^64 by the golden ratio */
	return hash;
}

uint64_t config_jitter_ns(const void *id, size_t length, uint64_t spread_ns)
{
	uint64_t hash = hash_id(id, length, 0xcbf29ce484222325ULL); /* the start that FNV has */

	/* The upper bits as a fraction of 2^32. */
	return (uint64_t)((double)spread_ns * ((double)(hash >> 32) / 4294967295.0));
}

bool config_is_among(const void *id, size_t length, unsigned int percent)
{
	uint64_t hash = hash_id(id, length, 0x84222325cbf29ce4ULL); /* another start: another order of hosts */

	if (percent == 0 || percent >= 100 || length == 0)
		return percent >= 100;
	return (hash >> 32) * 100 >> 32 < percent;
}
