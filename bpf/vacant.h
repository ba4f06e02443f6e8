/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The map `vacant`, a summary of the map `coverage`: which bits stand for an address, and for a prefix. A bit that is
 * set says that no prefix for which it stands is listed, so an address with all of its bits set needs no look into the
 * trie. Zeros say nothing.
 *
 * An address has a bit for its beginning at each of two lengths; a prefix has that of the longer one if it is as long,
 * else those of all beginnings of the shorter one that are in it.
 */
#ifndef STUBSIEVE_VACANT_H
#define STUBSIEVE_VACANT_H

#include "portable.h"

#define SIEVE_VACANT_LONG(family) ((family) == SIEVE_IPV4 ? 16U : 32U)
#define SIEVE_VACANT_SHORT(family) ((family) == SIEVE_IPV4 ? 8U : 16U)

/* `head`: the first 32 bits of an address, in host byte order, of which `length` count. */
SIEVE_INLINE __u32 sieve_vacant_bit(__u32 netns, __u32 family, __u32 length, __u32 head)
{
	__u64 key = ((__u64)netns << 32 | head >> (32 - length)) + (length << 1 | family) * 0xc2b2ae3d27d4eb4fULL;

	return (__u32)((key ^ key >> 32) * 0x9e3779b97f4a7c15ULL >> 32) % SIEVE_VACANT_BITS;
}

SIEVE_INLINE __u64 sieve_vacant_at(const __u64 *bits, __u32 bit)
{
	return bits[bit / 64] >> bit % 64;
}

/* Is no prefix of that namespace listed under which the address is? */
SIEVE_INLINE bool sieve_is_vacant(const __u64 *bits, __u32 netns, __u32 family, __u32 head)
{
	__u32 first = sieve_vacant_bit(netns, family, SIEVE_VACANT_LONG(family), head);
	__u32 second = sieve_vacant_bit(netns, family, SIEVE_VACANT_SHORT(family), head);

	return sieve_vacant_at(bits, first) & sieve_vacant_at(bits, second) & 1;
}

#endif
