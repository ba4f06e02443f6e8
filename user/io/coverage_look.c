/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "coverage_look.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "clock.h"
#include "route.h"

/* IPv6 first: what it has may answer for IPv4 whether there are router advertisements. */
enum step { STEP_IPV6, STEP_IPV4, STEP_RA, STEP_END };

static enum sieve_family family_of(enum step step)
{
	return step == STEP_IPV4 ? SIEVE_IPV4 : SIEVE_IPV6;
}

static int read_generation(const struct coverage_look *look, uint32_t ret_generation[SIEVE_FAMILIES])
{
	uint32_t inum;
	int r = programs_generation(look->request.programs, &inum, ret_generation);

	if (r < 0)
		return r;
	return inum == look->request.netns ? 0 : -ESTALE;
}

int coverage_look_begin(const struct coverage_look_request *request, struct coverage_look **ret_look)
{
	struct coverage_look *look = calloc(1, sizeof(*look));
	int r;

	if (!look)
		return -ENOMEM;
	look->request = *request;
	look->began = clock_monotonic_ns();
	r = read_generation(look, look->generation);
	if (r < 0) {
		free(look);
		return r;
	}
	*ret_look = look;
	return 0;
}

void coverage_look_free(struct coverage_look *look)
{
	if (!look)
		return;
	rtnl_routes_close(look->routes);
	aggregate_free(&look->aggregate);
	aggregate_free(&look->own);
	for (int family = 0; family < SIEVE_FAMILIES; family++)
		prefix_set_free(&look->found[family].set);
	free(look);
}

static bool asks_for(const struct coverage_look *look, enum sieve_family family)
{
	return look->request.families & 1U << family;
}

static bool is_needed(const struct coverage_look *look, enum step step)
{
	if (step != STEP_RA)
		return (look->request.families | look->request.whole_only) & 1U << family_of(step);
	return asks_for(look, SIEVE_IPV4) && look->found[SIEVE_IPV4].listing != LISTING_DEFAULT && !look->has_seen_ra &&
	       listing_rests_on_ra(&look->request.config->connectivity, SIEVE_IPV4);
}

/* Enough is known when everything is covered. Beyond the limit only that is still looked for. */
static int take_counting(struct coverage_look *look, const struct prefix *destination)
{
	struct coverage_finding *found = &look->found[destination->family];
	int r;

	if (destination->length <= PREFIX_COVER_BITS) {
		prefix_cover_add(&look->cover, destination);
		found->is_short = prefix_cover_is_whole(&look->cover);
		if (found->is_short)
			return 1;
	}
	if (found->listing == LISTING_TOO_MANY)
		return 0;
	r = aggregate_add(&look->aggregate, destination);
	if (r != -E2BIG)
		return r;
	aggregate_free(&look->aggregate);
	found->listing = LISTING_TOO_MANY;
	return 0;
}

/* What is the host's own makes no family whole. */
static int take_own(struct coverage_look *look, const struct prefix *destination)
{
	struct coverage_finding *found = &look->found[destination->family];
	int r;

	if (found->listing == LISTING_TOO_MANY)
		return 0;
	r = aggregate_add(&look->own, destination);
	if (r != -E2BIG)
		return r;
	aggregate_free(&look->own);
	found->listing = LISTING_TOO_MANY;
	return 0;
}

static int take_route(const struct route *route, void *data)
{
	struct coverage_look *look = data;

	if (route_is_own(route))
		return take_own(look, &route->destination);
	if (!route_counts(route))
		return 0;
	if (route->protocol == RTPROT_RA && route->destination.family == SIEVE_IPV6)
		look->has_ra_route = look->has_seen_ra = true;
	if (look->step == STEP_RA)
		return look->has_ra_route;
	return take_counting(look, &route->destination);
}

static int begin_step(struct coverage_look *look)
{
	const struct config *config = look->request.config;
	const struct rtnl_request request = {
		.ignored = config->ignored_interfaces,
		.ignored_count = config->ignored_interface_count,
		.budget_ns = look->request.budget_ns,
	};
	enum sieve_family family = family_of((enum step)look->step);
	/* What is the host's own comes with the rest: to walk through all routes for a few of them is not interrupted. */
	const struct rtnl_route_filter filter = {
		.type = look->step != STEP_RA && asks_for(look, family) ? RTN_UNSPEC : RTN_UNICAST,
		.protocol = look->step == STEP_RA ? RTPROT_RA : RTPROT_UNSPEC,
	};

	look->cover = (struct prefix_cover){};
	aggregate_init(&look->aggregate, family, look->request.limit);
	aggregate_init(&look->own, family, look->request.limit);
	return rtnl_routes_open(&request, family, &filter, &look->routes);
}

/* Of the unicast routes. */
static int conclude_counting(struct coverage_look *look, struct coverage_finding *found)
{
	int r = 0;

	if (!found->is_short && found->listing != LISTING_TOO_MANY) {
		found->listing = LISTING_COVERED;
		r = aggregate_finish(&look->aggregate, &found->set);
	}
	if (r == -E2BIG)
		found->listing = LISTING_TOO_MANY;
	else if (r < 0)
		return r;
	if (found->is_short || prefix_set_is_whole(&found->set))
		found->listing = LISTING_DEFAULT;
	return 0;
}

/* Add what is the host's own to what was found. */
static int conclude_own(struct coverage_look *look, struct coverage_finding *found)
{
	struct prefix_set own = {}, both = {};
	int r = aggregate_finish(&look->own, &own);

	if (r == 0 && own.count > 0)
		r = prefix_set_union(&found->set, &own, look->request.limit, &both);
	if (r == 0 && own.count > 0) {
		prefix_set_free(&found->set);
		found->set = both;
	}
	prefix_set_free(&own);
	if (r != -E2BIG)
		return r;
	found->listing = LISTING_TOO_MANY;
	prefix_set_free(&found->set);
	return 0;
}

/* The dump is over. */
static int end_step(struct coverage_look *look)
{
	struct coverage_finding *found = &look->found[family_of((enum step)look->step)];
	int r;

	rtnl_routes_close(look->routes);
	look->routes = NULL;
	if (look->step == STEP_RA || (look->step == STEP_IPV6 && !found->is_short))
		look->has_seen_ra = true;
	if (look->step == STEP_RA)
		return 0;
	r = conclude_counting(look, found);
	if (r == 0 && found->listing == LISTING_COVERED)
		r = conclude_own(look, found);
	aggregate_free(&look->aggregate);
	aggregate_free(&look->own);
	return r;
}

/* Everything was looked at. */
static int conclude(struct coverage_look *look)
{
	struct coverage_finding *ipv4 = &look->found[SIEVE_IPV4];
	uint32_t now[SIEVE_FAMILIES];
	int r = read_generation(look, now);

	if (r < 0)
		return r;
	for (int family = 0; family < SIEVE_FAMILIES; family++)
		if (asks_for(look, (enum sieve_family)family) && now[family] != look->generation[family])
			return -ESTALE;
	if (!asks_for(look, SIEVE_IPV4) || !listing_rests_on_ra(&look->request.config->connectivity, SIEVE_IPV4))
		return 0;
	if (now[SIEVE_IPV6] != look->generation[SIEVE_IPV6])
		return -ESTALE;
	if (look->has_ra_route && ipv4->listing != LISTING_DEFAULT)
		ipv4->listing = LISTING_NAT64;
	return 0;
}

static int work(struct coverage_look *look, uint64_t until)
{
	for (; look->step < STEP_END; look->step++) {
		uint64_t now = clock_thread_cpu_ns();
		int r = 0;

		if (!is_needed(look, (enum step)look->step))
			continue;
		if (!look->routes)
			r = begin_step(look);
		if (r == 0)
			r = rtnl_routes_read(look->routes, until > now ? until - now : 0, take_route, look);
		if (r == 0)
			r = end_step(look);
		if (r != 0)
			return r;
	}
	return conclude(look);
}

int coverage_look_work(struct coverage_look *look, uint64_t slice_ns)
{
	uint64_t began = clock_thread_cpu_ns();
	int r = work(look, began + slice_ns);

	look->spent_ns += clock_thread_cpu_ns() - began;
	return r;
}
