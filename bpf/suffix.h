/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Suffixes in the map `names`: the key is the hash of the suffix' label hashes, from the root
 * downwards. User space computes the keys of its list with sieve_suffix_hash(); the kernel computes
 * those of a QNAME as it goes through its labels from the right.
 */
#ifndef STUBSIEVE_SUFFIX_H
#define STUBSIEVE_SUFFIX_H

#include "dns.h"

/* The key of the whole QNAME in a work area that sieve_parse_name() has gone through. */
SIEVE_INLINE __u64 sieve_suffix_hash(const struct sieve_work *work)
{
	__u64 hash = 0;

	for (__u32 label = work->question.labels; label > 0; label--)
		hash = sieve_hash(hash, work->label_hash[label]);
	return hash;
}

#endif
