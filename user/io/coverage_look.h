/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One look at all routes of a network namespace, in parts, for coverage.c: which addresses they cover, those that are
 * the host's own among them. The thread is in that namespace.
 */
#ifndef STUBSIEVE_COVERAGE_LOOK_H
#define STUBSIEVE_COVERAGE_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aggregate.h"
#include "config.h"
#include "listing.h"
#include "programs.h"
#include "rtnl.h"

struct coverage_look_request {
	const struct config *config;
	struct programs *programs;
	uint32_t netns;
	uint8_t families;   /* bits */
	uint8_t whole_only; /* bits of those of which nothing but DEFAULT, or not, is of interest */
	size_t limit;       /* prefixes of each */
	uint64_t budget_ns; /* of CPU, for each dump */
};

/*
 * What was found of one family that was asked for; UNKNOWN: it has not come so far. Whether it is DEFAULT holds as well
 * where something was added meanwhile.
 */
struct coverage_finding {
	enum listing listing; /* COVERED, DEFAULT, NAT64 or TOO_MANY */
	struct prefix_set set; /* in case COVERED; whoever takes it empties this */
	bool is_short;        /* in case DEFAULT: prefixes of at most PREFIX_COVER_BITS do it */
};

struct coverage_look {
	struct coverage_look_request request;
	uint32_t generation[SIEVE_FAMILIES]; /* the kernel's, from before */
	struct coverage_finding found[SIEVE_FAMILIES];
	uint64_t began, spent_ns; /* CLOCK_MONOTONIC; CPU time */

	/* How far it has come. */
	int step;
	struct rtnl_routes *routes; /* of the dump that is under way */
	struct aggregate aggregate, own; /* of counting routes; of the host's own addresses */
	struct prefix_cover cover;
	bool has_ra_route, has_seen_ra; /* there is a counting route of router advertisements; all routes were asked */
};

int coverage_look_begin(const struct coverage_look_request *request, struct coverage_look **ret_look);
void coverage_look_free(struct coverage_look *look); /* NULL is fine */

/*
 * Go on for about so long. 1: there is more; 0: it is done and holds, for nothing was added meanwhile. -ESTALE:
 * something was, so look again; -ETIMEDOUT: the budget is spent; else -errno.
 */
int coverage_look_work(struct coverage_look *look, uint64_t slice_ns);

#endif
