/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "prefix.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

unsigned int prefix_address_size(enum sieve_family family)
{
	return family == SIEVE_IPV4 ? 4 : 16;
}

int prefix_family(unsigned int address_family)
{
	switch (address_family) {
	case AF_INET:
		return SIEVE_IPV4;
	case AF_INET6:
		return SIEVE_IPV6;
	default:
		return -EAFNOSUPPORT;
	}
}

bool prefix_equal(const struct prefix *one, const struct prefix *other)
{
	return one->family == other->family && one->length == other->length &&
	       memcmp(one->address, other->address, sizeof(one->address)) == 0;
}

static bool prefix_inside(const struct prefix *inner, const struct prefix *outer)
{
	unsigned int octets = outer->length / 8;
	unsigned int bits = outer->length % 8;

	if (inner->family != outer->family || inner->length < outer->length)
		return false;
	if (memcmp(inner->address, outer->address, octets) != 0)
		return false;
	return bits == 0 || ((inner->address[octets] ^ outer->address[octets]) >> (8 - bits)) == 0;
}

bool prefix_is_local(const struct prefix *prefix)
{
	static const struct prefix ranges[] = {
		{ SIEVE_IPV4, 32, { 0, 0, 0, 0 } },         /* unspecified, RFC 1122 section 3.2.1.3 */
		{ SIEVE_IPV4, 8, { 127 } },                 /* loopback, RFC 1122 section 3.2.1.3 */
		{ SIEVE_IPV4, 16, { 169, 254 } },           /* link-local, RFC 3927 */
		{ SIEVE_IPV4, 4, { 224 } },                 /* multicast, RFC 5771 */
		{ SIEVE_IPV4, 32, { 255, 255, 255, 255 } }, /* limited broadcast, RFC 919 */
		{ SIEVE_IPV6, 128, { 0 } },                 /* unspecified, RFC 4291 section 2.5.2 */
		{ SIEVE_IPV6, 128, { [15] = 1 } },          /* loopback, RFC 4291 section 2.5.3 */
		{ SIEVE_IPV6, 96, { [10] = 0xff, 0xff } },  /* IPv4-mapped, RFC 4291 section 2.5.5.2 */
		{ SIEVE_IPV6, 10, { 0xfe, 0x80 } },         /* link-local, RFC 4291 section 2.5.6 */
		{ SIEVE_IPV6, 8, { 0xff } },                /* multicast, RFC 4291 section 2.7 */
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (prefix_inside(prefix, &ranges[i]))
			return true;
	return false;
}

void prefix_cover_add(struct prefix_cover *cover, const struct prefix *prefix)
{
	unsigned int count;

	if (prefix->length > PREFIX_COVER_BITS)
		return;
	count = 1U << (PREFIX_COVER_BITS - prefix->length);
	for (unsigned int i = 0; i < count; i++) {
		unsigned int n = (prefix->address[0] & ~(count - 1)) + i;

		cover->seen[n / 8] |= (uint8_t)(1 << (n % 8));
	}
}

bool prefix_cover_is_whole(const struct prefix_cover *cover)
{
	for (size_t i = 0; i < sizeof(cover->seen); i++)
		if (cover->seen[i] != 0xff)
			return false;
	return true;
}
