/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "clock.h"
#include "rtnl_dump.h"

struct rtnl_routes {
	struct rtnl_request request;
	enum sieve_family family;
	struct rtnl_route_filter filter;
	struct netlink_dumps dumps;
	struct device_cache devices;
	uint64_t left_ns; /* of what all reads together may take */
};

/* Of one call of rtnl_routes_read(). */
struct reading {
	struct rtnl_routes *routes;
	struct devices devices;
	rtnl_route_callback callback;
	void *data;
};

int rtnl_routes_open(const struct rtnl_request *request, enum sieve_family family,
		     const struct rtnl_route_filter *filter, struct rtnl_routes **ret_routes)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_SPACE(sizeof(struct rtmsg))];
	struct rtnl_routes *routes = calloc(1, sizeof(*routes));
	int r;

	if (!routes)
		return -ENOMEM;
	routes->request = *request;
	routes->family = family;
	routes->filter = *filter;
	routes->devices = (struct device_cache){ .dumps = &routes->dumps, .request = &routes->request };
	routes->left_ns = request->budget_ns ? request->budget_ns : NETLINK_DUMP_SECONDS * CLOCK_SECOND_NS;
	r = netlink_dumps_open(&routes->dumps, routes->left_ns);
	if (r < 0) {
		free(routes);
		return r;
	}
	r = netlink_dumps_begin(&routes->dumps, rtnl_route_request(buffer, family, filter));
	if (r < 0) {
		rtnl_routes_close(routes);
		return r;
	}
	*ret_routes = routes;
	return 0;
}

void rtnl_routes_close(struct rtnl_routes *routes)
{
	if (!routes)
		return;
	netlink_dumps_close(&routes->dumps);
	free(routes);
}

static int take_route(const struct nlmsghdr *message, void *data)
{
	const struct reading *reading = data;
	const struct rtnl_routes *routes = reading->routes;
	struct route route;
	int r = rtnl_route_decode(message, routes->family, &reading->devices, &route);

	if (r <= 0)
		return r;
	if (routes->filter.type != RTN_UNSPEC && route.type != routes->filter.type)
		return 0;
	if (routes->filter.protocol != RTPROT_UNSPEC && route.protocol != routes->filter.protocol)
		return 0;
	return reading->callback(&route, reading->data);
}

/* The thread's other work between two reads does not count. */
int rtnl_routes_read(struct rtnl_routes *routes, uint64_t slice_ns, rtnl_route_callback callback, void *data)
{
	struct reading reading = { routes, { device_cache_traits, &routes->devices }, callback, data };
	uint64_t began = clock_thread_cpu_ns(), took;
	int r;

	routes->dumps.deadline = began + routes->left_ns;
	r = netlink_dumps_take(&routes->dumps, RTM_NEWROUTE, take_route, &reading, began + slice_ns);
	took = clock_thread_cpu_ns() - began;
	routes->left_ns -= took < routes->left_ns ? took : routes->left_ns;
	return rtnl_dump_result(routes->family, r);
}
