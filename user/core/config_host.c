/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a host of a fleet does by its machine id, unlike others. */
#include "config.h"

uint64_t config_jitter_ns(const void *id, size_t length, uint64_t spread_ns)
{
	const unsigned char *octets = id;
	uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a */

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ octets[i]) * 0x100000001b3ULL;
	/* The last octets have not come to its upper bits yet, and hosts often differ in these alone. */
	for (int round = 0; round < 3; round++)
		hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15ULL; /* odd, with no pattern: 2^64 by the golden ratio */
	/* The upper bits as a fraction of 2^32. */
	return (uint64_t)((double)spread_ns * ((double)(hash >> 32) / 4294967295.0));
}
