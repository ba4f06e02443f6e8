/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "vacancy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vacant.h"

#define WORDS (SIEVE_VACANT_BITS / 64)
#define SIZE (SIEVE_VACANT_BITS / 8)

int vacancy_open(int fd, struct vacancy *ret_vacancy)
{
	void *bits = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (bits == MAP_FAILED)
		return -errno;
	*ret_vacancy = (struct vacancy){ .bits = bits, .is_stale = true };
	for (size_t i = 0; i < WORDS; i++) /* what an earlier controller left may be about another list */
		__atomic_store_n(&ret_vacancy->bits[i], 0, __ATOMIC_SEQ_CST);
	return 0;
}

void vacancy_close(struct vacancy *vacancy)
{
	if (vacancy->bits)
		munmap(vacancy->bits, SIZE);
	*vacancy = (struct vacancy){};
}

static uint32_t head_of(const struct prefix *prefix)
{
	return (uint32_t)prefix->address[0] << 24 | (uint32_t)prefix->address[1] << 16 |
	       (uint32_t)prefix->address[2] << 8 | prefix->address[3];
}

/* The next bit of the prefix, of which there are 65,536 at the most; `next` begins as 0. False: there are no more. */
static bool next_bit(uint32_t netns, const struct prefix *prefix, uint32_t *next, uint32_t *ret_bit)
{
	bool is_long = prefix->length >= SIEVE_VACANT_LONG(prefix->family);
	uint32_t length = is_long ? SIEVE_VACANT_LONG(prefix->family) : SIEVE_VACANT_SHORT(prefix->family);
	uint32_t heads = prefix->length < length ? 1U << (length - prefix->length) : 1;

	if (*next == heads)
		return false;
	*ret_bit = sieve_vacant_bit(netns, prefix->family, length, head_of(prefix) + (*next << (32 - length)));
	++*next;
	return true;
}

void vacancy_take(struct vacancy *vacancy, uint32_t netns, const struct prefix *prefix)
{
	for (uint32_t next = 0, bit; next_bit(netns, prefix, &next, &bit);)
		__atomic_and_fetch(&vacancy->bits[bit / 64], ~(1ULL << bit % 64), __ATOMIC_SEQ_CST);
}

uint64_t *vacancy_begin(void)
{
	return calloc(WORDS, sizeof(uint64_t));
}

void vacancy_mark(uint64_t *used, uint32_t netns, const struct prefix_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		struct prefix prefix = prefix_set_get(set, i);

		for (uint32_t next = 0, bit; next_bit(netns, &prefix, &next, &bit);)
			used[bit / 64] |= 1ULL << bit % 64;
	}
}

void vacancy_end(struct vacancy *vacancy, const uint64_t *used)
{
	for (size_t i = 0; i < WORDS; i++)
		__atomic_store_n(&vacancy->bits[i], ~used[i], __ATOMIC_SEQ_CST);
	vacancy->is_stale = false;
}
