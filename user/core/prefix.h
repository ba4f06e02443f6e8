/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Address prefixes: which ones say nothing about connectivity, and which cover a whole family. */
#ifndef STUBSIEVE_PREFIX_H
#define STUBSIEVE_PREFIX_H

#include <stdbool.h>
#include <stdint.h>
#include <stubsieve/abi.h>

#define PREFIX_ADDRESS_MAX 16 /* octets of the longest address */

struct prefix {
	uint8_t family;                      /* enum sieve_family */
	uint8_t length;                      /* bits */
	uint8_t address[PREFIX_ADDRESS_MAX]; /* network byte order; unused octets are 0 */
};

/* Octets of an address of that family. */
unsigned int prefix_address_size(enum sieve_family family);

/* An address family of the kernel (AF_INET, AF_INET6) as enum sieve_family, or -EAFNOSUPPORT. */
int prefix_family(unsigned int address_family);

bool prefix_equal(const struct prefix *one, const struct prefix *other);

/*
 * The prefix lies wholly inside a range that says nothing about connectivity: link-local, loopback,
 * multicast, broadcast, unspecified, IPv4-mapped. A shorter prefix that merely contains one of them,
 * such as the default route, does not.
 */
bool prefix_is_local(const struct prefix *prefix);

/*
 * Do the prefixes seen cover the whole family? Only prefixes of at most 8 bits are looked at, which
 * takes 32 octets and is exact for 0/0, 0/1 + 128/1 and every finer split down to /8; a cover that
 * needs longer ones (it would have to be a table of hundreds of routes) is not recognised.
 */
#define PREFIX_COVER_BITS 8

struct prefix_cover {
	uint8_t seen[(1 << PREFIX_COVER_BITS) / 8]; /* bit n: the prefix n/8 is covered */
};

void prefix_cover_add(struct prefix_cover *cover, const struct prefix *prefix);
bool prefix_cover_is_whole(const struct prefix_cover *cover);

#endif
