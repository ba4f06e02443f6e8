/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When a decision may act. Connectivity that comes acts at once; connectivity that is missing acts
 * after it was so for a while, because a link that flaps, a host that boots or roams must not make
 * resolvers say "no such address". Times are CLOCK_MONOTONIC in nanoseconds, passed in.
 */
#ifndef STUBSIEVE_SETTLE_H
#define STUBSIEVE_SETTLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stubsieve/abi.h>

/* One network namespace. */
struct settle {
	uint64_t delay_ns; /* configuration key `settle`; 0 acts at once */
	bool seen_clean;   /* a clean survey was taken in: only the first acts at once */
	bool trusted;      /* the last survey was clean */
	struct {
		enum sieve_connectivity decided;
		uint64_t acts_at; /* valid while decided is USELESS */
	} family[SIEVE_FAMILIES];
};

void settle_init(struct settle *settle, uint64_t delay_ns);

/* A clean survey: what connectivity_decide() made of it. */
void settle_clean(struct settle *settle, const enum sieve_connectivity decided[SIEVE_FAMILIES], uint64_t now);

/* A survey failed or was interrupted, or messages were lost: nothing is known until the next clean one. */
void settle_unclean(struct settle *settle);

/*
 * Go on where another one was that followed the same namespace, with the first clean survey taken in already: what
 * did not act yet does not act earlier than it would have, and not before the delay, if that is another one now. What
 * is useless only by the new decision acts after the delay, too.
 */
void settle_carry(struct settle *settle, const struct settle *before, uint64_t now);

/* What to publish now; SIEVE_SETTLING stands for USELESS that does not act yet. */
void settle_publish(const struct settle *settle, uint64_t now, enum sieve_connectivity ret_publish[SIEVE_FAMILIES]);

/* When settle_publish() will next say something else by itself; 0: never. */
uint64_t settle_due(const struct settle *settle, uint64_t now);

#endif
