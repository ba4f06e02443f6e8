/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "listing.h"

#include <linux/rtnetlink.h>
#include <string.h>

#include "attribute.h"

#define BOTH (1 << SIEVE_IPV4 | 1 << SIEVE_IPV6)

const char *listing_name(enum listing listing)
{
	static const char *const names[LISTING_COUNT] = {
		[LISTING_UNKNOWN] = "unknown",   [LISTING_COVERED] = "covered",   [LISTING_EXCLUDED] = "families",
		[LISTING_ALONE] = "alone",       [LISTING_NAT64] = "nat64",       [LISTING_DEFAULT] = "default",
		[LISTING_UNCLEAN] = "unclean",   [LISTING_TOO_MANY] = "too-many", [LISTING_TOO_LONG] = "too-long",
		[LISTING_MAP_FULL] = "map-full", [LISTING_BOTH_PARTIAL] = "both-partial",
	};

	return listing < LISTING_COUNT ? names[listing] : NULL;
}

const char *listing_trouble(enum listing listing)
{
	switch (listing) {
	case LISTING_TOO_MANY:
		return "more prefixes have a route than can be listed";
	case LISTING_TOO_LONG:
		return "looking through the routes takes too long";
	case LISTING_MAP_FULL:
		return "the list of prefixes of all network namespaces is full";
	default:
		return NULL;
	}
}

enum listing listing_by_survey(const struct connectivity *seen, const struct connectivity_policy *policy,
			       uint8_t families, enum sieve_family family)
{
	if (!(families & 1U << family))
		return LISTING_EXCLUDED;
	if (!connectivity_has(seen, listing_other(family), policy))
		return LISTING_ALONE;
	if (family == SIEVE_IPV4 && policy->nat64 == CONNECTIVITY_NAT64_YES)
		return LISTING_NAT64;
	if (seen->family[family].is_default)
		return LISTING_DEFAULT;
	return LISTING_UNKNOWN;
}

bool listing_rests_on_ra(const struct connectivity_policy *policy, enum sieve_family family)
{
	return family == SIEVE_IPV4 && policy->nat64 == CONNECTIVITY_NAT64_AUTO;
}

uint8_t listing_concerned(const struct nlmsghdr *message, const struct connectivity_policy *policy,
			  uint8_t *ret_length)
{
	struct attributes attributes;
	struct rtmsg route;
	int family;

	*ret_length = 0;
	if (message->nlmsg_type != RTM_NEWROUTE && message->nlmsg_type != RTM_DELROUTE)
		return BOTH;
	if (attributes_of(message, sizeof(route), &attributes) < 0)
		return BOTH;
	memcpy(&route, message_payload(message), sizeof(route));
	family = prefix_family(route.rtm_family);
	if (family < 0)
		return 0;
	*ret_length = route.rtm_dst_len;
	if (family == SIEVE_IPV6 && route.rtm_protocol == RTPROT_RA && listing_rests_on_ra(policy, SIEVE_IPV4)) {
		*ret_length = 0;
		return BOTH;
	}
	return (uint8_t)(1 << family);
}
