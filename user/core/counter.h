/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What each counter counts, in the words that versions tell each other (struct sieve_counter_name). */
#ifndef STUBSIEVE_COUNTER_H
#define STUBSIEVE_COUNTER_H

#include <stdint.h>
#include <stubsieve/abi.h>

#define COUNTER_PASSED "passed_"     /* before the name of a reason */
#define COUNTER_RESPONSE "response_" /* before that of a response */

/* The name of the counter with this index; "" if it is not used. */
void counter_name(uint32_t index, struct sieve_counter_name *ret_name);

#endif
