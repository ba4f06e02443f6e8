/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "counter.h"

#include <string.h>

static const char *const names[SIEVE_COUNTERS] = {
#define SIEVE_REASON(name, text) [SIEVE_REASON_##name] = COUNTER_PASSED #name,
#include <stubsieve/reasons.def>
#undef SIEVE_REASON
	[SIEVE_COUNTER_ANSWERED + SIEVE_IPV4] = "answered_a",
	[SIEVE_COUNTER_ANSWERED + SIEVE_IPV6] = "answered_aaaa",
	[SIEVE_COUNTER_OBSERVED + SIEVE_IPV4] = "observed_a",
	[SIEVE_COUNTER_OBSERVED + SIEVE_IPV6] = "observed_aaaa",
	[SIEVE_COUNTER_DROPPED + SIEVE_IPV4] = "dropped_a",
	[SIEVE_COUNTER_DROPPED + SIEVE_IPV6] = "dropped_aaaa",
	[SIEVE_COUNTER_REJECTED + SIEVE_IPV4] = "rejected_a",
	[SIEVE_COUNTER_REJECTED + SIEVE_IPV6] = "rejected_aaaa",
	[SIEVE_COUNTER_REMOVED + SIEVE_IPV4] = "removed_a",
	[SIEVE_COUNTER_REMOVED + SIEVE_IPV6] = "removed_aaaa",
#define SIEVE_RESPONSE(name, text) [SIEVE_COUNTER_RESPONSE + SIEVE_RESPONSE_##name] = COUNTER_RESPONSE #name,
#include <stubsieve/responses.def>
#undef SIEVE_RESPONSE
};

void counter_name(uint32_t index, struct sieve_counter_name *ret_name)
{
	const char *name = index < SIEVE_COUNTERS ? names[index] : NULL;

	memset(ret_name, 0, sizeof(*ret_name));
	if (name)
		strncpy(ret_name->text, name, sizeof(ret_name->text) - 1);
}
