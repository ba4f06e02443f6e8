/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether the addresses that no route covers are told from others, per family: for `results = covered`. What is said
 * by the routes themselves is a matter of aggregate.h, time one of coverage.h.
 */
#ifndef STUBSIEVE_LISTING_H
#define STUBSIEVE_LISTING_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stubsieve/abi.h>

#include "connectivity.h"

enum listing {
	LISTING_UNKNOWN = 0, /* not looked at yet */
	LISTING_COVERED,     /* the prefixes of all counting routes are listed; none, if there is no route */
	/* Otherwise every address stays, because: */
	LISTING_EXCLUDED,  /* the family is not to be touched (`families`) */
	LISTING_ALONE,     /* the other family has no connectivity: nothing would be gained */
	LISTING_BOTH_PARTIAL, /* routes are not known to cover all of the other one: a name could lose both */
	LISTING_NAT64,     /* IPv4 may be translated */
	LISTING_DEFAULT,   /* routes cover all of it */
	LISTING_UNCLEAN,   /* what there is is not known until the next clean look */
	LISTING_TOO_MANY,  /* more prefixes than may be listed */
	LISTING_TOO_LONG,  /* more routes than can be looked through */
	LISTING_MAP_FULL,  /* no room is left for the prefixes */
	LISTING_COUNT,
};

static inline enum sieve_family listing_other(enum sieve_family family)
{
	return family == SIEVE_IPV4 ? SIEVE_IPV6 : SIEVE_IPV4;
}

/* A word for each, NULL outside the enum. */
const char *listing_name(enum listing listing);

/* What is worth telling people of, in words; NULL for what is as it should be. */
const char *listing_trouble(enum listing listing);

/*
 * What follows from a survey of the verdict alone; LISTING_UNKNOWN: the family's routes have to be looked at. Whether
 * IPv4 may be translated is a matter of these, too, where `nat64` is `auto`: see listing_rests_on_ra().
 */
enum listing listing_by_survey(const struct connectivity *seen, const struct connectivity_policy *policy,
			       uint8_t families, enum sieve_family family);

/* Is IPv4 LISTING_NAT64 as soon as a counting IPv6 route is RTPROT_RA? */
bool listing_rests_on_ra(const struct connectivity_policy *policy, enum sieve_family family);

/*
 * Which families a message of rtnetlink may concern, as bits 1 << SIEVE_IPV4 and 1 << SIEVE_IPV6; in doubt both.
 * `policy` is for the NAT64 that a route of IPv6 can tell of. ret_length: of the destination, if it is about a
 * route, else 0.
 */
uint8_t listing_concerned(const struct nlmsghdr *message, const struct connectivity_policy *policy,
			  uint8_t *ret_length);

#endif
