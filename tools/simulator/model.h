/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When a host of the fleet lets a name's useless queries pass: by the product's own functions for the jitter, the
 * staleness of the heartbeat, the ramp and the share of hosts. For the simulator and for what it is held against.
 */
#ifndef STUBSIEVE_SIMULATOR_MODEL_H
#define STUBSIEVE_SIMULATOR_MODEL_H

#include <stdio.h>
#include <string.h>

#include "beat.h"
#include "config.h"
#include "heartbeat.h"

#define MODEL_SECOND 1000000000ULL
#define MODEL_ALWAYS ~0ULL /* a stamp of one that beats on */

struct model_host {
	uint64_t stale_after_ns, seed;
	struct sieve_heartbeat last;
};

/* Sequential machine ids, as a file has them. */
static inline size_t model_id(unsigned int number, char ret_id[64])
{
	return (size_t)snprintf(ret_id, 64, "%032x\n", number);
}

static inline struct model_host model_host(const char *id, size_t length, uint64_t after_ns, uint64_t spread_ns)
{
	return (struct model_host){
		.stale_after_ns = beat_stale_after_ns(after_ns, spread_ns, id, length),
		.seed = beat_ramp_seed(id, length),
		.last = { .stamp_ns = MODEL_ALWAYS },
	};
}

static inline bool model_passes(const struct model_host *host, uint64_t name_key, uint64_t now_ns)
{
	return sieve_is_stale(&host->last, host->stale_after_ns, now_ns) ||
	       sieve_ramp_passes(&host->last, host->seed, name_key, now_ns);
}

/* A query for AAAA of n<number>.example, with its root at work->cursor. */
static inline void model_query(unsigned int number, struct sieve_work *work)
{
	char label[16];
	int length = snprintf(label, sizeof(label), "n%u", number);
	__u8 *at = &work->message[SIEVE_HEADER_SIZE];

	memset(work->message, 0, 64);
	work->message[2] = 0x01; /* RD=1 */
	work->message[5] = 1;    /* QDCOUNT */
	*at++ = (__u8)length;
	memcpy(at, label, (size_t)length);
	at += length;
	memcpy(at, "\7example", 9);
	work->cursor = (__u32)(at + 8 - work->message);
	work->length = work->cursor + 1 + SIEVE_QUESTION_TAIL;
	work->message[work->cursor + 2] = SIEVE_TYPE_AAAA;
	work->message[work->cursor + 4] = SIEVE_CLASS_IN;
}

static inline uint64_t model_name_key(unsigned int number)
{
	static struct sieve_work work;

	model_query(number, &work);
	return sieve_name_key(&work);
}

#endif
