/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "rtnl_dump.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "config.h"

/* Two ioctls rather than a link dump, which is the dearest of all dumps where there are many links. */
static unsigned int ask_traits(const struct device_cache *cache, uint32_t ifindex)
{
	struct ifreq device = { .ifr_ifindex = (int)ifindex };
	unsigned int traits = 0;

	if (ioctl(cache->dumps->fd, SIOCGIFNAME, &device) < 0 || ioctl(cache->dumps->fd, SIOCGIFFLAGS, &device) < 0)
		return DEVICE_UNKNOWN; /* gone since: a link message will follow */
	if (device.ifr_flags & IFF_UP)
		traits |= DEVICE_UP;
	if (device.ifr_flags & IFF_LOOPBACK)
		traits |= DEVICE_LOOPBACK;
	if (config_matches_interface(cache->request->ignored, cache->request->ignored_count, device.ifr_name, NULL))
		traits |= DEVICE_IGNORED;
	return traits;
}

unsigned int device_cache_traits(void *context, uint32_t ifindex)
{
	struct device_cache *cache = context;
	unsigned int slot = ifindex % DEVICES_KNOWN;

	if (cache->known[slot].ifindex != ifindex) {
		cache->known[slot].traits = ask_traits(cache, ifindex);
		cache->known[slot].ifindex = ifindex;
	}
	return cache->known[slot].traits;
}

unsigned char rtnl_address_family(enum sieve_family family)
{
	return family == SIEVE_IPV4 ? AF_INET : AF_INET6;
}

struct nlmsghdr *rtnl_route_request(void *buffer, enum sieve_family family, const struct rtnl_route_filter *filter)
{
	struct nlmsghdr *request = netlink_dump_request(buffer, RTM_GETROUTE);
	struct rtmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	header->rtm_family = rtnl_address_family(family);
	header->rtm_type = filter->type;
	header->rtm_protocol = filter->protocol;
	return request;
}

int rtnl_route_decode(const struct nlmsghdr *message, enum sieve_family family, const struct devices *devices,
		      struct route *ret_route)
{
	int r = route_decode(message, devices, ret_route);

	if (r == -EAFNOSUPPORT)
		return 0;
	return r < 0 ? r : ret_route->destination.family == family;
}

int rtnl_dump_result(enum sieve_family family, int r)
{
	return family == SIEVE_IPV6 && (r == -EAFNOSUPPORT || r == -EOPNOTSUPP) ? 0 : r;
}
