/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What lets the pure headers (dns.h, decide.h, answer.h) be compiled for the kernel and for the host. */
#ifndef STUBSIEVE_PORTABLE_H
#define STUBSIEVE_PORTABLE_H

#include <stdbool.h>
#include <stubsieve/abi.h>

#ifdef __bpf__
#define SIEVE_INLINE static __attribute__((always_inline)) inline
#define SIEVE_ROLLED _Pragma("clang loop unroll(disable)")
#define SIEVE_TABLE const /* a static one has no place in the BTF of .rodata */
#define SIEVE_UNROLLED _Pragma("clang loop unroll(full)")
#else
#define SIEVE_INLINE static inline
#define SIEVE_TABLE static const
#define SIEVE_ROLLED
#define SIEVE_UNROLLED
#endif

/*
 * Words at any address, in network byte order. Where the processor takes them at once the kernel's verifier does, too
 * (the Makefile knows); the compiler makes octets of a copy whose alignment it does not know.
 */
#ifdef SIEVE_UNALIGNED
#define SIEVE_LOAD(type, from) (*(const type *)(const void *)(from))
#define SIEVE_STORE(type, to, value) (*(type *)(void *)(to) = (value))
#else
#define SIEVE_LOAD(type, from)                                \
	({                                                    \
		type sieve_word;                              \
		__builtin_memcpy(&sieve_word, from, sizeof(type)); \
		sieve_word;                                   \
	})
#define SIEVE_STORE(type, to, value)                          \
	({                                                    \
		type sieve_word = (value);                    \
		__builtin_memcpy(to, &sieve_word, sizeof(type)); \
	})
#endif

/*
 * Hide from the compiler what is known of a variable. It then keeps the mask or the comparison that
 * follows, from which the kernel's verifier learns the same.
 */
#define SIEVE_OPAQUE(variable) asm volatile("" : "+r"(variable))

/* Have the compiler read memory again, instead of carrying a value in a register the verifier tracks. */
#define SIEVE_FORGET() asm volatile("" : : : "memory")

#endif
