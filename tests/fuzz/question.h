/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The question parser as the kernel calls it, and what it has to say of a message, found in a naive way. */
#ifndef TESTS_FUZZ_QUESTION_H
#define TESTS_FUZZ_QUESTION_H

#include <string.h>

#include "dns.h"
#include "fuzz.h"

/* In a work area that holds something else; four octets of zero are behind the message (bpf/packet.h). */
static inline enum sieve_reason parse_query(const uint8_t *message, size_t length, int stale,
					    struct sieve_work *ret_work)
{
	memset(ret_work, stale, sizeof(*ret_work));
	if (length > 0)
		memcpy(ret_work->message, message, length);
	memset(&ret_work->message[length], 0, 4);
	ret_work->length = (uint32_t)length;
	return sieve_parse_query(ret_work);
}

static inline uint8_t lower_case(uint8_t octet)
{
	return octet >= 'A' && octet <= 'Z' ? (uint8_t)(octet + 'a' - 'A') : octet;
}

/* Of a label with its length. */
static inline uint64_t naive_label_hash(const uint8_t *label)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < 1U + label[0]; i++)
		hash = (hash ^ lower_case(label[i])) * 0x5bd1e995;
	return hash;
}

struct naive_name {
	const uint8_t *labels[128];
	size_t count;
	size_t end; /* behind the root */
};

/* The name at an offset, whole, uncompressed and of at most 255 octets; false: it is none. */
static inline bool read_naive_name(const uint8_t *message, size_t length, size_t at, struct naive_name *ret)
{
	size_t start = at;

	memset(ret, 0, sizeof(*ret));
	while (at < length && message[at] > 0) {
		if (message[at] > 63 || ret->count == 127)
			return false;
		ret->labels[ret->count++] = &message[at];
		at += 1U + message[at];
	}
	ret->end = at + 1;
	return at < length && ret->end - start <= 255;
}

#endif
