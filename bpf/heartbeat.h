/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the map `heartbeat` says: is the controller alive, and which names does `stop --ramp` let pass already? Pure;
 * the kernel, `stubsieve explain`, the simulator and the tests compile the same source.
 *
 * A ramp needs nobody who drives it: from its start and its duration each packet finds the share of names that pass,
 * which ends in all of them, also when the controller is gone.
 */
#ifndef STUBSIEVE_HEARTBEAT_H
#define STUBSIEVE_HEARTBEAT_H

#include "dns.h"

/*
 * 0 is what the controller stamps for programs that are to act no more, however short the machine is up. A stamp that is
 * newer than `now` was made while the packet was on its way.
 */
SIEVE_INLINE bool sieve_is_stale(const struct sieve_heartbeat *last, __u64 stale_after_ns, __u64 now_ns)
{
	return !last->stamp_ns || (now_ns > last->stamp_ns && now_ns - last->stamp_ns > stale_after_ns);
}

#define SIEVE_NAME_WORDS_MAX (SIEVE_NAME_MAX / 4)
#define SIEVE_LOWER_CASE 0x20202020U /* of four letters; what it makes of other octets does not matter here */

/* Four octets of QNAME, in the byte order of the machine. */
SIEVE_INLINE __u32 sieve_name_word(const struct sieve_work *work, __u32 index)
{
	return *(const __u32 *)(const void *)&work->message[SIEVE_HEADER_SIZE + 4 * index] | SIEVE_LOWER_CASE;
}

/* Where the root of QNAME is in a parsed query. */
SIEVE_INLINE __u32 sieve_question_root(const struct sieve_question *question)
{
	return question->end - SIEVE_QUESTION_TAIL - 1U;
}

/*
 * One number for QNAME, the root of which is at work->cursor, in whatever case it is written: a query for A and one for
 * AAAA have the same. Four octets at a time, and apart from the label hashes, because only a ramp needs it.
 */
SIEVE_INLINE __u64 sieve_name_key(const struct sieve_work *work)
{
	__u32 length = work->cursor - SIEVE_HEADER_SIZE, words = length / 4, at, last;
	__u64 key = 0;

	SIEVE_ROLLED
	for (__u32 i = 0; i < SIEVE_NAME_WORDS_MAX; i++) {
		if (i >= words)
			break;
		key = sieve_hash(key, sieve_name_word(work, i));
	}
	SIEVE_FORGET();
	/* What is behind the last whole word: at most three octets, and then zeros. */
	length = work->cursor - SIEVE_HEADER_SIZE;
	at = SIEVE_HEADER_SIZE + (length & 0xfc);
	last = ((__u32)sieve_get_u16(work, at) << 16 | sieve_get_u16(work, at + 2)) | SIEVE_LOWER_CASE;
	return sieve_hash(key, last & ~(~0U >> 8 * (length & 3)));
}

/* Every bit of the result depends on every bit of the key (the finalizer of MurmurHash3). */
SIEVE_INLINE __u64 sieve_mix(__u64 key)
{
	key = (key ^ key >> 33) * 0xff51afd7ed558ccdULL;
	key = (key ^ key >> 33) * 0xc4ceb9fe1a85ec53ULL;
	return key ^ key >> 33;
}

/*
 * When within a ramp the name begins to pass: names are spread evenly over it, on each host in an order of its own, so
 * that a fleet does not let go of the name that all of it asks for in one moment.
 */
SIEVE_INLINE __u64 sieve_ramp_moment(__u64 ramp_ns, __u64 seed, __u64 name_key)
{
	return (sieve_mix(name_key ^ seed) >> 32) * (ramp_ns >> 16) >> 16; /* of 2^48 ns at the most: no overflow */
}

SIEVE_INLINE bool sieve_ramp_runs(const struct sieve_heartbeat *last)
{
	return last->ramp_start_ns && last->ramp_ns;
}

/* Does the ramp let the name pass? Once it does, it does for good. */
SIEVE_INLINE bool sieve_ramp_passes(const struct sieve_heartbeat *last, __u64 seed, __u64 name_key, __u64 now_ns)
{
	__u64 start_ns = last->ramp_start_ns, ramp_ns = last->ramp_ns;

	if (!start_ns || !ramp_ns || now_ns < start_ns)
		return false;
	return now_ns - start_ns >= ramp_ns || now_ns - start_ns >= sieve_ramp_moment(ramp_ns, seed, name_key);
}

#endif
