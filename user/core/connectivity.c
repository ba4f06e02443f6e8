/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "connectivity.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <string.h>

static const char *const detect_names[] = {
	[CONNECTIVITY_DETECT_ROUTES] = "routes",
	[CONNECTIVITY_DETECT_ADDRESSES] = "addresses",
};

static const char *const nat64_names[] = {
	[CONNECTIVITY_NAT64_AUTO] = "auto",
	[CONNECTIVITY_NAT64_YES] = "yes",
	[CONNECTIVITY_NAT64_NO] = "no",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int word_index(const char *word, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, names[i]) == 0)
			return (int)i;
	return -EINVAL;
}

int connectivity_detect_parse(const char *word, enum connectivity_detect *ret_detect)
{
	int index = word_index(word, detect_names, COUNT(detect_names));

	if (index < 0)
		return index;
	*ret_detect = (enum connectivity_detect)index;
	return 0;
}

int connectivity_nat64_parse(const char *word, enum connectivity_nat64 *ret_nat64)
{
	int index = word_index(word, nat64_names, COUNT(nat64_names));

	if (index < 0)
		return index;
	*ret_nat64 = (enum connectivity_nat64)index;
	return 0;
}

const char *connectivity_detect_name(enum connectivity_detect detect)
{
	return (size_t)detect < COUNT(detect_names) ? detect_names[detect] : NULL;
}

const char *connectivity_nat64_name(enum connectivity_nat64 nat64)
{
	return (size_t)nat64 < COUNT(nat64_names) ? nat64_names[nat64] : NULL;
}

/* The first one will do. */
static void note_ignored(struct connectivity_family *family, uint32_t ifindex)
{
	if (!family->ignored_ifindex)
		family->ignored_ifindex = ifindex;
}

void connectivity_add_route(struct connectivity *connectivity, const struct route *route,
			    const struct connectivity_policy *policy)
{
	struct connectivity_family *family = &connectivity->family[route->destination.family];

	if (policy->detect == CONNECTIVITY_DETECT_ROUTES && route_is_ignored(route))
		note_ignored(family, route->ignored_ifindex);
	if (!route_counts(route))
		return;
	family->route = true;
	if (route->protocol == RTPROT_RA)
		family->ra_route = true;
	prefix_cover_add(&family->cover, &route->destination);
	if (prefix_cover_is_whole(&family->cover))
		family->is_default = true;
	if (!family->has_witness || route_is_better_witness(route, &family->witness)) {
		family->has_witness = true;
		family->witness = *route;
	}
}

void connectivity_add_address(struct connectivity *connectivity, const struct address *address,
			      const struct devices *devices, const struct connectivity_policy *policy)
{
	struct connectivity_family *family = &connectivity->family[address->host.family];

	if (policy->detect == CONNECTIVITY_DETECT_ADDRESSES && address_is_ignored(address, devices))
		note_ignored(family, address->ifindex);
	if (address_counts(address, devices))
		family->address = true;
}

bool connectivity_has(const struct connectivity *connectivity, enum sieve_family family,
		      const struct connectivity_policy *policy)
{
	const struct connectivity_family *it = &connectivity->family[family];

	return policy->detect == CONNECTIVITY_DETECT_ADDRESSES ? it->address : it->route;
}

bool connectivity_asks_for_ra(const struct connectivity *connectivity, const struct connectivity_policy *policy)
{
	return policy->nat64 == CONNECTIVITY_NAT64_AUTO && !connectivity_has(connectivity, SIEVE_IPV4, policy);
}

static bool may_be_translated(const struct connectivity *connectivity, const struct connectivity_policy *policy)
{
	switch (policy->nat64) {
	case CONNECTIVITY_NAT64_NO:
		return false;
	case CONNECTIVITY_NAT64_AUTO:
		return connectivity->family[SIEVE_IPV6].ra_route;
	default:
		return true;
	}
}

static enum sieve_connectivity decide_family(const struct connectivity *connectivity, enum sieve_family family,
					     const struct connectivity_policy *policy)
{
	enum sieve_family other = family == SIEVE_IPV4 ? SIEVE_IPV6 : SIEVE_IPV4;

	if (connectivity_has(connectivity, family, policy))
		return SIEVE_CONNECTED;
	if (!connectivity_has(connectivity, other, policy))
		return SIEVE_OFFLINE;
	if (family == SIEVE_IPV4 && may_be_translated(connectivity, policy))
		return SIEVE_NAT64;
	return SIEVE_USELESS;
}

void connectivity_decide(const struct connectivity *connectivity, const struct connectivity_policy *policy,
			 enum sieve_connectivity ret_decision[SIEVE_FAMILIES])
{
	ret_decision[SIEVE_IPV4] = decide_family(connectivity, SIEVE_IPV4, policy);
	ret_decision[SIEVE_IPV6] = decide_family(connectivity, SIEVE_IPV6, policy);
}

/* Only the key and the protocol of a message's route are looked at, so no device need be known. */
static unsigned int traits_unknown(void *context, uint32_t ifindex)
{
	(void)context;
	(void)ifindex;
	return DEVICE_UNKNOWN;
}

bool connectivity_concerns(const struct nlmsghdr *message, const struct connectivity *connectivity,
			   const struct connectivity_policy *policy)
{
	static const struct devices unknown = { .traits = traits_unknown };
	const struct connectivity_family *family;
	struct route route;
	int r;

	if (message->nlmsg_type != RTM_NEWROUTE && message->nlmsg_type != RTM_DELROUTE)
		return true;
	r = route_decode(message, &unknown, &route);
	if (r < 0)
		return r != -EAFNOSUPPORT;
	if (!connectivity_has(connectivity, route.destination.family, policy))
		return true;
	/* The generation of IPv4 does not move with an IPv6 route that makes A a matter of NAT64. */
	if (route.destination.family == SIEVE_IPV6 && route.protocol == RTPROT_RA &&
	    connectivity_asks_for_ra(connectivity, policy))
		return true;
	if (policy->detect == CONNECTIVITY_DETECT_ADDRESSES)
		return false;
	family = &connectivity->family[route.destination.family];
	return !family->has_witness || route_same_key(&route, &family->witness);
}

const char *connectivity_name(enum sieve_connectivity connectivity)
{
	static const char *const names[] = {
		[SIEVE_CONNECTED] = "connected", [SIEVE_OFFLINE] = "offline", [SIEVE_SETTLING] = "settling",
		[SIEVE_NAT64] = "nat64",         [SIEVE_USELESS] = "useless",
	};

	return connectivity < sizeof(names) / sizeof(names[0]) ? names[connectivity] : NULL;
}
