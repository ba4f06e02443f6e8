/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every fuzz target needs. libFuzzer calls LLVMFuzzerTestOneInput() with octets of its own making; a target is
 * broken by what the sanitizers see, and by a must() that does not hold.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

__attribute__((format(printf, 3, 4), noreturn)) static inline void broken(const char *file, int line,
									  const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	abort();
}

/* What is said is what is wrong. */
#define must(condition, ...)                                  \
	do {                                                  \
		if (!(condition))                             \
			broken(__FILE__, __LINE__, __VA_ARGS__); \
	} while (0)

/* The input as a stream. Behind its end there are zeros. */
struct input {
	const uint8_t *data;
	size_t size;
};

static inline uint8_t take_u8(struct input *input)
{
	if (input->size == 0)
		return 0;
	input->size--;
	return *input->data++;
}

static inline uint16_t take_u16(struct input *input)
{
	uint8_t high = take_u8(input);

	return (uint16_t)(high << 8 | take_u8(input));
}

static inline void take_octets(struct input *input, void *ret, size_t length)
{
	size_t there = length < input->size ? length : input->size;

	memset(ret, 0, length);
	if (there > 0)
		memcpy(ret, input->data, there);
	input->data += there;
	input->size -= there;
}

#endif
