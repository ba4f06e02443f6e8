/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "config.h"
#include "netlink.h"
#include "rtnl.h"

/* Devices that are remembered. A power of two; more of them only cost more ioctls. */
#define DEVICES_KNOWN 64

struct survey {
	const struct rtnl_request *request;
	struct netlink_dumps dumps;
	/* Of the dump that is under way: */
	enum sieve_family family;
	uint8_t protocol; /* RTPROT_* of the routes that are looked for, 0: any */
	struct connectivity connectivity;
	struct devices devices;
	struct {
		uint32_t ifindex;
		unsigned int traits;
	} known[DEVICES_KNOWN];
};

/* Two ioctls rather than a link dump, which is the dearest of all dumps where there are many links. */
static unsigned int ask_traits(const struct survey *survey, uint32_t ifindex)
{
	struct ifreq device = { .ifr_ifindex = (int)ifindex };
	unsigned int traits = 0;

	if (ioctl(survey->dumps.fd, SIOCGIFNAME, &device) < 0 || ioctl(survey->dumps.fd, SIOCGIFFLAGS, &device) < 0)
		return DEVICE_UNKNOWN; /* gone since: a link message will follow */
	if (device.ifr_flags & IFF_UP)
		traits |= DEVICE_UP;
	if (device.ifr_flags & IFF_LOOPBACK)
		traits |= DEVICE_LOOPBACK;
	if (config_matches_interface(survey->request->ignored, survey->request->ignored_count, device.ifr_name, NULL))
		traits |= DEVICE_IGNORED;
	return traits;
}

static unsigned int survey_traits(void *context, uint32_t ifindex)
{
	struct survey *survey = context;
	unsigned int slot = ifindex % DEVICES_KNOWN;

	if (survey->known[slot].ifindex != ifindex) {
		survey->known[slot].traits = ask_traits(survey, ifindex);
		survey->known[slot].ifindex = ifindex;
	}
	return survey->known[slot].traits;
}

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
	int r;

	r = route_decode(message, &survey->devices, &route);
	if (r == -EAFNOSUPPORT)
		return 0;
	if (r < 0)
		return r;
	/* A kernel without IPv6 answers the request for its routes with those of every other family. */
	if (route.destination.family != survey->family)
		return 0;
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

/* A kernel without IPv6 has none. */
static int dump(const struct nlmsghdr *request, uint16_t answer, netlink_handler handler, struct survey *survey)
{
	int r = netlink_dumps_next(&survey->dumps, request, answer, handler, survey);

	return survey->family == SIEVE_IPV6 && (r == -EAFNOSUPPORT || r == -EOPNOTSUPP) ? 0 : r;
}

static unsigned char address_family(enum sieve_family family)
{
	return family == SIEVE_IPV4 ? AF_INET : AF_INET6;
}

/* A kernel that does not know the filter by protocol sends all: each route is looked at all the same. */
static int survey_routes(struct survey *survey, enum sieve_family family, uint8_t protocol)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct rtmsg))];
	struct nlmsghdr *request = netlink_dump_request(buffer, RTM_GETROUTE);
	struct rtmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	header->rtm_family = address_family(family);
	header->rtm_type = RTN_UNICAST;
	header->rtm_protocol = protocol;
	survey->family = family;
	survey->protocol = protocol;
	return dump(request, RTM_NEWROUTE, take_route, survey);
}

static int survey_addresses(struct survey *survey, enum sieve_family family)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct ifaddrmsg))];
	struct nlmsghdr *request = netlink_dump_request(buffer, RTM_GETADDR);
	struct ifaddrmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	header->ifa_family = address_family(family);
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
		.devices = { .traits = survey_traits, .context = &survey },
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
