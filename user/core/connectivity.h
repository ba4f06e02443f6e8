/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What one network namespace has of each family, and what follows for queries, time left aside. */
#ifndef STUBSIEVE_CONNECTIVITY_H
#define STUBSIEVE_CONNECTIVITY_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stubsieve/abi.h>

#include "address.h"
#include "prefix.h"
#include "route.h"

enum connectivity_detect {
	CONNECTIVITY_DETECT_ROUTES = 0,
	CONNECTIVITY_DETECT_ADDRESSES = 1,
};

enum connectivity_nat64 {
	CONNECTIVITY_NAT64_AUTO = 0, /* there may be one where routes come from router advertisements */
	CONNECTIVITY_NAT64_YES = 1,  /* A is never useless */
	CONNECTIVITY_NAT64_NO = 2,   /* A is useless without IPv4: the operator's word */
};

/* The configuration keys of the same names; all zero is the default. */
struct connectivity_policy {
	enum connectivity_detect detect;
	enum connectivity_nat64 nat64;
};

/* The words of the configuration. -EINVAL for any other; the name of a value outside the enum is NULL. */
int connectivity_detect_parse(const char *word, enum connectivity_detect *ret_detect);
int connectivity_nat64_parse(const char *word, enum connectivity_nat64 *ret_nat64);
const char *connectivity_detect_name(enum connectivity_detect detect);
const char *connectivity_nat64_name(enum connectivity_nat64 nat64);

/* How `status` and the metrics call it; NULL outside the enum. */
const char *connectivity_name(enum sieve_connectivity connectivity);

struct connectivity_family {
	bool route;      /* a counting route was seen */
	bool address;    /* a counting address was seen */
	bool is_default; /* counting routes cover the whole family */
	bool ra_route;   /* a counting route came from a router advertisement (RTPROT_RA) */
	bool has_witness;
	struct route witness; /* a counting route, in case has_witness */
	struct prefix_cover cover;
	/*
	 * A device whose route, or address where addresses are what is detected, would have counted if it
	 * were not ignored; 0: none was seen.
	 */
	uint32_t ignored_ifindex;
};

/*
 * True is always sure. False means "there is none" only for what was looked for: a survey that
 * stopped at the first counting route (complete == false) cannot say that `is_default` or what was ignored, and
 * need not have looked for addresses or for `ra_route`, if the policy's verdict does not rest on them.
 */
struct connectivity {
	struct connectivity_family family[SIEVE_FAMILIES];
	bool complete; /* every route and address was looked at */
};

/* Take in one decoded route or address; what does not count changes nothing, or `ignored_ifindex` alone. */
void connectivity_add_route(struct connectivity *connectivity, const struct route *route,
			    const struct connectivity_policy *policy);
void connectivity_add_address(struct connectivity *connectivity, const struct address *address,
			      const struct devices *devices, const struct connectivity_policy *policy);

/* By the policy's way to detect. */
bool connectivity_has(const struct connectivity *connectivity, enum sieve_family family,
		      const struct connectivity_policy *policy);

/* IPv4 is missing and nat64 is `auto`: whether a counting IPv6 route is RTPROT_RA decides about A. */
bool connectivity_asks_for_ra(const struct connectivity *connectivity, const struct connectivity_policy *policy);

/* Per family CONNECTED, OFFLINE, NAT64 or USELESS; SETTLING is a matter of time (settle.h). */
void connectivity_decide(const struct connectivity *connectivity, const struct connectivity_policy *policy,
			 enum sieve_connectivity ret_decision[SIEVE_FAMILIES]);

/*
 * Must the namespace be surveyed again because of this message? Only route messages can be passed
 * over: those of a family that stands on a witness which is not the route in the message. A family
 * without connectivity is concerned by every one of its route messages, because each raises the
 * kernel's generation. In doubt (malformed, unknown type) yes.
 */
bool connectivity_concerns(const struct nlmsghdr *message, const struct connectivity *connectivity,
			   const struct connectivity_policy *policy);

#endif
