/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A query as a stub resolver sends it, to be judged by the programs' own functions. For commands, never the controller. */
#ifndef STUBSIEVE_QUERY_H
#define STUBSIEVE_QUERY_H

#include <stdint.h>

#include "dns.h"

/*
 * Make in `work` the query that a stub resolver sends for the name: ID 0, RD=1, no OPT. A final dot
 * makes no difference; there are no escapes. -EINVAL: not a domain name (empty or long label, too long).
 */
int query_make(const char *name, uint16_t type, struct sieve_work *work);

#endif
