/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "rtnl_dump.h"

struct survey {
	const struct rtnl_request *request;
	struct netlink_dumps dumps;
	/* Of the dump that is under way: */
	enum sieve_family family;
	uint8_t protocol; /* RTPROT_* of the routes that are looked for, 0: any */
	struct connectivity connectivity;
	struct device_cache cache;
	struct devices devices;
};

static bool routes_are_settled(const struct survey *survey)
{
	const struct connectivity_family *family = &survey->connectivity.family[survey->family];

	if (survey->request->detail)
		return false;
	return survey->protocol == RTPROT_RA ? family->ra_route : family->route;
}

/* Returns 0 to go on, 1 to stop the dump because the matter is settled, -errno. */
static int take_route(const struct nlmsghdr *message, void *data)
{
	struct survey *survey = data;
	struct route route;
	int r = rtnl_route_decode(message, survey->family, &survey->devices, &route);

	if (r <= 0)
		return r;
	connectivity_add_route(&survey->connectivity, &route, &survey->request->policy);
	return routes_are_settled(survey);
}

static int take_address(const struct nlmsghdr *message, void *data)
{
	struct survey *survey = data;
	struct address address;
	int r;

	r = address_decode(message, &address);
	if (r == -EAFNOSUPPORT)
		return 0;
	if (r < 0)
		return r;
	if (address.host.family != survey->family)
		return 0;
	connectivity_add_address(&survey->connectivity, &address, &survey->devices, &survey->request->policy);
	return !survey->request->detail && survey->connectivity.family[survey->family].address;
}

static int dump(const struct nlmsghdr *request, uint16_t answer, netlink_handler handler, struct survey *survey)
{
	return rtnl_dump_result(survey->family, netlink_dumps_next(&survey->dumps, request, answer, handler, survey));
}

/* A kernel that does not know the filter by protocol sends all: each route is looked at all the same. */
static int survey_routes(struct survey *survey, enum sieve_family family, uint8_t protocol)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct rtmsg))];
	const struct rtnl_route_filter filter = { .type = RTN_UNICAST, .protocol = protocol };

	survey->family = family;
	survey->protocol = protocol;
	return dump(rtnl_route_request(buffer, family, &filter), RTM_NEWROUTE, take_route, survey);
}

static int survey_addresses(struct survey *survey, enum sieve_family family)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct ifaddrmsg))];
	struct nlmsghdr *request = netlink_dump_request(buffer, RTM_GETADDR);
	struct ifaddrmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	header->ifa_family = rtnl_address_family(family);
	survey->family = family;
	return dump(request, RTM_NEWADDR, take_address, survey);
}

static bool needs_addresses(const struct survey *survey)
{
	return survey->request->detail || survey->request->policy.detect == CONNECTIVITY_DETECT_ADDRESSES;
}

static bool needs_routes(const struct survey *survey)
{
	return survey->request->detail || survey->request->policy.detect == CONNECTIVITY_DETECT_ROUTES;
}

/* The route that gave IPv6 its connectivity need not be the one of a router advertisement, if there is any. */
static bool needs_ra_route(const struct survey *survey)
{
	const struct connectivity_policy *policy = &survey->request->policy;

	return !survey->request->detail && !survey->connectivity.family[SIEVE_IPV6].ra_route &&
	       connectivity_has(&survey->connectivity, SIEVE_IPV6, policy) &&
	       connectivity_asks_for_ra(&survey->connectivity, policy);
}

static int survey_all(struct survey *survey)
{
	int r = 0;

	for (int family = 0; r == 0 && family < SIEVE_FAMILIES; family++)
		if (needs_addresses(survey))
			r = survey_addresses(survey, family);
	for (int family = 0; r == 0 && family < SIEVE_FAMILIES; family++)
		if (needs_routes(survey))
			r = survey_routes(survey, family, RTPROT_UNSPEC);
	if (r == 0 && needs_ra_route(survey))
		r = survey_routes(survey, SIEVE_IPV6, RTPROT_RA);
	return r;
}

int rtnl_survey(const struct rtnl_request *request, struct connectivity *ret_connectivity)
{
	struct survey survey = {
		.request = request,
		.cache = { .dumps = &survey.dumps, .request = request },
		.devices = { .traits = device_cache_traits, .context = &survey.cache },
		.connectivity = { .complete = request->detail },
	};
	int r = netlink_dumps_open(&survey.dumps, request->budget_ns);

	if (r < 0)
		return r;
	r = survey_all(&survey);
	netlink_dumps_close(&survey.dumps);
	if (r < 0)
		return r;
	*ret_connectivity = survey.connectivity;
	return 0;
}
