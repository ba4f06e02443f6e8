/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Surveys and monitors in network namespaces of the test's own; needs root and ip(8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "rtnl.h"

/* Every test begins in a fresh namespace, which is gone with the next one. */
static int enter_fresh_netns(void **state)
{
	(void)state;
	return unshare(CLONE_NEWNET) < 0 ? -1 : 0;
}

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

/* dummy devices are a module of their own; a veth pair is what the other tests need, too */
static void make_link(void)
{
	run("ip link add h0 type veth peer name h1");
	run("echo 0 >/proc/sys/net/ipv6/conf/h0/accept_dad");
	run("ip link set h1 up");
	run("ip link set h0 up");
}

static struct connectivity survey(enum connectivity_detect detect, enum connectivity_nat64 nat64, bool detail)
{
	const struct rtnl_request request = { .policy = { detect, nat64 }, .detail = detail };
	struct connectivity connectivity;
	int r = -EINTR;

	for (int attempt = 0; r == -EINTR && attempt < 10; attempt++)
		r = rtnl_survey(&request, &connectivity);
	assert_int_equal(r, 0);
	assert_int_equal(connectivity.complete, detail);
	return connectivity;
}

static struct connectivity verdict(void)
{
	return survey(CONNECTIVITY_DETECT_ROUTES, CONNECTIVITY_NAT64_AUTO, false);
}

static struct connectivity detail(void)
{
	return survey(CONNECTIVITY_DETECT_ROUTES, CONNECTIVITY_NAT64_AUTO, true);
}

static void a_fresh_namespace_has_nothing(void **state)
{
	struct connectivity it = detail();

	(void)state;
	for (int family = 0; family < SIEVE_FAMILIES; family++) {
		assert_false(it.family[family].route);
		assert_false(it.family[family].address);
	}
}

static void a_verdict_and_a_detailed_survey_agree_on_routes(void **state)
{
	struct connectivity it;

	(void)state;
	make_link();
	run("ip addr add 192.0.2.10/24 dev h0");
	run("ip route add default via 192.0.2.1");
	it = detail();
	assert_true(it.family[SIEVE_IPV4].route);
	assert_true(it.family[SIEVE_IPV4].address);
	assert_true(it.family[SIEVE_IPV4].is_default);
	assert_true(route_is_default(&it.family[SIEVE_IPV4].witness));
	assert_false(it.family[SIEVE_IPV6].route);
	it = verdict();
	assert_true(it.family[SIEVE_IPV4].route);
	assert_true(it.family[SIEVE_IPV4].has_witness);
	assert_false(it.family[SIEVE_IPV6].route);
}

static void a_verdict_stops_at_the_first_counting_route(void **state)
{
	struct connectivity it;

	(void)state;
	make_link();
	run("ip -6 route add ::/1 dev h0");
	run("ip -6 route add 8000::/1 dev h0");
	run("ip -4 route add 192.0.2.0/24 dev h0");
	assert_true(detail().family[SIEVE_IPV6].is_default);
	it = verdict();
	assert_true(it.family[SIEVE_IPV6].route);
	assert_false(it.family[SIEVE_IPV6].is_default);
}

static void a_verdict_looks_on_for_router_advertisements_if_ipv4_is_missing(void **state)
{
	struct connectivity it;

	(void)state;
	make_link();
	run("ip -6 route add 2001:db8:1::/64 dev h0 proto static");
	assert_false(verdict().family[SIEVE_IPV6].ra_route);
	run("ip -6 route add 2001:db8:9::/64 dev h0 proto ra");
	run("ip -6 route add 2001:db8::/64 dev h0 proto static");
	assert_true(verdict().family[SIEVE_IPV6].ra_route);
	it = survey(CONNECTIVITY_DETECT_ROUTES, CONNECTIVITY_NAT64_NO, false);
	assert_true(it.family[SIEVE_IPV6].route);
	assert_false(it.family[SIEVE_IPV6].ra_route);
	run("ip -4 route add 192.0.2.0/24 dev h0");
	assert_false(verdict().family[SIEVE_IPV6].ra_route);
	assert_true(detail().family[SIEVE_IPV6].ra_route);
}

static uint64_t cpu_ns(bool with_detail)
{
	struct timespec begin, end;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
	survey(CONNECTIVITY_DETECT_ROUTES, CONNECTIVITY_NAT64_AUTO, with_detail);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	return (uint64_t)(end.tv_sec - begin.tv_sec) * 1000000000 + (uint64_t)end.tv_nsec - (uint64_t)begin.tv_nsec;
}

/* The kernel walks over the others, which is cheaper than to have them told: 0.1 us each, and not 0.4. */
static void a_large_table_is_not_dumped_for_router_advertisements(void **state)
{
	uint64_t least[2] = { UINT64_MAX, UINT64_MAX };

	(void)state;
	make_link();
	run("for n in $(seq 0 49999); do printf 'route add 2001:db8:%x::/64 dev h0\n' $n; done | ip -6 -batch -");
	for (int i = 0; i < 10; i++) {
		for (int with_detail = 0; with_detail < 2; with_detail++) {
			uint64_t ns = cpu_ns(with_detail);

			least[with_detail] = ns < least[with_detail] ? ns : least[with_detail];
		}
	}
	printf("50000 routes: verdict %.1f ms, all %.1f ms\n", (double)least[0] / 1e6, (double)least[1] / 1e6);
	assert_true(least[0] < least[1] * 4 / 5);
	assert_false(verdict().family[SIEVE_IPV6].ra_route);
	run("ip -6 route add 3fff::/64 dev h0 proto ra");
	assert_true(verdict().family[SIEVE_IPV6].ra_route);
}

static void a_survey_keeps_to_its_budget(void **state)
{
	struct connectivity connectivity = { .complete = true };
	struct rtnl_request request = { .detail = true, .budget_ns = 1 };

	(void)state;
	make_link();
	assert_int_equal(rtnl_survey(&request, &connectivity), -ETIMEDOUT);
	assert_true(connectivity.complete);
	run("for n in $(seq 0 49999); do echo route add 10.$((n / 250)).$((n % 250)).0/24 dev h0; done | ip -batch -");
	request.budget_ns = 2000000;
	assert_int_equal(rtnl_survey(&request, &connectivity), -ETIMEDOUT);
	request.budget_ns = 0;
	assert_int_equal(rtnl_survey(&request, &connectivity), 0);
	/* not even a table of that size takes long until the first route */
	request.detail = false;
	request.budget_ns = 1000000000;
	assert_int_equal(rtnl_survey(&request, &connectivity), 0);
	assert_true(connectivity.family[SIEVE_IPV4].route);
}

static void a_verdict_by_addresses_needs_no_route(void **state)
{
	struct connectivity it;

	(void)state;
	make_link();
	run("ip addr add 2001:db8::10/128 dev h0 nodad noprefixroute");
	it = survey(CONNECTIVITY_DETECT_ADDRESSES, CONNECTIVITY_NAT64_AUTO, false);
	assert_true(it.family[SIEVE_IPV6].address);
	assert_false(it.family[SIEVE_IPV6].ra_route);
	assert_false(it.family[SIEVE_IPV4].address);
	run("ip -6 route add 2001:db8:9::/64 dev h0 proto ra");
	it = survey(CONNECTIVITY_DETECT_ADDRESSES, CONNECTIVITY_NAT64_AUTO, false);
	assert_true(it.family[SIEVE_IPV6].ra_route);
	run("ip link set h0 down");
	run("ip addr add 192.0.2.1/24 dev h0");
	it = survey(CONNECTIVITY_DETECT_ADDRESSES, CONNECTIVITY_NAT64_AUTO, false);
	assert_false(it.family[SIEVE_IPV4].address);
}

static struct connectivity survey_without(char *pattern, enum connectivity_detect detect)
{
	const struct rtnl_request request = {
		.policy.detect = detect,
		.ignored = &pattern,
		.ignored_count = 1,
		.detail = true,
	};
	struct connectivity connectivity;
	int r = -EINTR;

	for (int attempt = 0; r == -EINTR && attempt < 10; attempt++)
		r = rtnl_survey(&request, &connectivity);
	assert_int_equal(r, 0);
	return connectivity;
}

static void routes_by_ignored_interfaces_do_not_count(void **state)
{
	char ours[] = "h*", others[] = "docker0";
	struct connectivity it;

	(void)state;
	make_link();
	run("ip -6 route add 2001:db8:9::/64 dev h0");
	it = survey_without(others, CONNECTIVITY_DETECT_ROUTES);
	assert_true(it.family[SIEVE_IPV6].route);
	assert_int_equal(it.family[SIEVE_IPV6].ignored_ifindex, 0);
	it = survey_without(ours, CONNECTIVITY_DETECT_ROUTES);
	assert_false(it.family[SIEVE_IPV6].route);
	assert_int_equal(it.family[SIEVE_IPV6].ignored_ifindex, if_nametoindex("h0"));
	assert_int_equal(it.family[SIEVE_IPV4].ignored_ifindex, 0);
	run("ip link set h0 down && ip link set h0 name e0 && ip link set e0 up");
	run("ip -6 route replace 2001:db8:9::/64 dev e0");
	assert_true(survey_without(ours, CONNECTIVITY_DETECT_ROUTES).family[SIEVE_IPV6].route);
}

static void a_multipath_route_counts_by_the_leg_that_is_not_ignored(void **state)
{
	char ours[] = "h0", all[] = "[gh]*";
	struct connectivity it;

	(void)state;
	make_link();
	run("ip link add g0 type veth peer name g1");
	run("ip link set g0 up");
	run("ip route add 198.51.100.0/24 nexthop dev h0 nexthop dev g0");
	run("ip -6 route add 2001:db8:9::/64 nexthop via fe80::1 dev h0 nexthop via fe80::2 dev g0");
	it = survey_without(ours, CONNECTIVITY_DETECT_ROUTES);
	for (int family = 0; family < SIEVE_FAMILIES; family++) {
		assert_true(it.family[family].route);
		assert_int_equal(it.family[family].witness.ifindex, if_nametoindex("g0"));
		assert_int_equal(it.family[family].ignored_ifindex, 0);
	}
	it = survey_without(all, CONNECTIVITY_DETECT_ROUTES);
	for (int family = 0; family < SIEVE_FAMILIES; family++) {
		assert_false(it.family[family].route);
		assert_int_equal(it.family[family].ignored_ifindex, if_nametoindex("h0"));
	}
}

static void addresses_of_ignored_interfaces_do_not_count(void **state)
{
	char ours[] = "h0", others[] = "docker0";
	struct connectivity it;

	(void)state;
	make_link();
	run("ip addr add 192.0.2.10/24 dev h0");
	it = survey_without(others, CONNECTIVITY_DETECT_ADDRESSES);
	assert_true(it.family[SIEVE_IPV4].address);
	assert_int_equal(it.family[SIEVE_IPV4].ignored_ifindex, 0);
	it = survey_without(ours, CONNECTIVITY_DETECT_ADDRESSES);
	assert_false(it.family[SIEVE_IPV4].address);
	assert_int_equal(it.family[SIEVE_IPV4].ignored_ifindex, if_nametoindex("h0"));
	run("ip link add g0 type veth peer name g1 && ip link set g0 up && ip addr add 198.51.100.1/24 dev g0");
	it = survey_without(ours, CONNECTIVITY_DETECT_ADDRESSES);
	assert_true(it.family[SIEVE_IPV4].address);
	assert_int_equal(it.family[SIEVE_IPV4].ignored_ifindex, if_nametoindex("h0"));
}

static void a_route_known_only_by_its_nexthop_object_counts(void **state)
{
	(void)state;
	make_link();
	run("echo 0 >/proc/sys/net/ipv4/nexthop_compat_mode");
	run("ip -6 nexthop add id 10 dev h0");
	run("ip -6 route add 2001:db8::/32 nhid 10");
	assert_true(verdict().family[SIEVE_IPV6].route);
	run("ip nexthop del id 10");
	assert_false(verdict().family[SIEVE_IPV6].route);
}

static void a_nexthop_object_that_is_a_blackhole_does_not_count(void **state)
{
	(void)state;
	run("ip link set lo up");
	run("ip -6 nexthop add id 10 blackhole");
	run("ip -6 route add 2001:db8::/32 nhid 10");
	assert_false(verdict().family[SIEVE_IPV6].route);
	assert_false(detail().family[SIEVE_IPV6].route);
}

static void a_multipath_route_counts_as_long_as_one_leg_lives(void **state)
{
	(void)state;
	make_link();
	run("ip link add g0 type veth peer name g1");
	run("ip link set g0 up");
	run("ip route add 198.51.100.0/24 nexthop dev h0 nexthop dev g0");
	assert_true(verdict().family[SIEVE_IPV4].route);
	run("ip link set h0 down");
	assert_true(verdict().family[SIEVE_IPV4].route);
	run("ip link set g0 down");
	assert_false(verdict().family[SIEVE_IPV4].route);
}

/* Thousands of routes take several datagrams. */
static void routes_that_do_not_count_are_all_looked_through(void **state)
{
	struct connectivity it;

	(void)state;
	make_link();
	run("for n in $(seq 0 4999); do echo route add 127.$((n / 250)).$((n % 250)).0/24 dev h0; done | ip -batch -");
	it = verdict();
	assert_false(it.family[SIEVE_IPV4].route);
	run("ip route add 198.51.100.0/24 dev h0");
	it = verdict();
	assert_true(it.family[SIEVE_IPV4].route);
}

static void no_descriptor_is_left_open(void **state)
{
	struct rtnl_monitor *monitor;
	int before = dup(0), after;

	(void)state;
	close(before);
	verdict();
	detail();
	assert_int_equal(rtnl_monitor_open(8 * 1024 * 1024, &monitor), 0);
	rtnl_monitor_close(monitor);
	rtnl_monitor_close(NULL);
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

/* A link that comes up gets IPv6 routes from the kernel when it pleases: tests that count look at ipv4_routes. */
struct seen {
	unsigned int links, addresses, routes, ipv4_routes, nexthops, netconfs, others;
};

static void count(const struct nlmsghdr *message, void *data)
{
	struct seen *seen = data;

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		seen->links++;
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		seen->addresses++;
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		seen->routes++;
		seen->ipv4_routes += ((const struct rtmsg *)NLMSG_DATA(message))->rtm_family == AF_INET;
		break;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		seen->nexthops++;
		break;
	case RTM_NEWNETCONF:
	case RTM_DELNETCONF:
		seen->netconfs++;
		break;
	default:
		seen->others++;
	}
}

static struct seen seen_by(struct rtnl_monitor *monitor)
{
	struct seen seen = {};

	assert_int_equal(rtnl_monitor_read(monitor, count, &seen), 0);
	assert_int_equal(seen.others, 0);
	return seen;
}

/* Of an IPv6 address the kernel tells when its work queue comes to it. */
static struct seen seen_in_time(struct rtnl_monitor *monitor)
{
	struct seen seen = {};

	for (int i = 0; i < 200 && !(seen.addresses && seen.routes); i++) {
		usleep(10000);
		assert_int_equal(rtnl_monitor_read(monitor, count, &seen), 0);
	}
	return seen;
}

static void every_kind_of_change_is_told(void **state)
{
	__attribute__((cleanup(rtnl_monitor_closep))) struct rtnl_monitor *monitor = NULL;
	struct seen seen;

	(void)state;
	assert_int_equal(rtnl_monitor_open(8 * 1024 * 1024, &monitor), 0);
	assert_int_equal(seen_by(monitor).links, 0);
	make_link();
	seen = seen_by(monitor);
	assert_true(seen.links > 0 && seen.netconfs > 0);
	run("ip addr add 192.0.2.10/24 dev h0");
	seen = seen_by(monitor);
	assert_true(seen.addresses > 0 && seen.routes > 0);
	run("ip addr add 2001:db8::10/64 dev h0 nodad");
	seen = seen_in_time(monitor);
	assert_true(seen.addresses > 0 && seen.routes > 0);
	run("ip nexthop add id 10 dev h0");
	assert_true(seen_by(monitor).nexthops > 0);
	run("ip route add 198.51.100.0/24 nhid 10");
	assert_int_equal(seen_by(monitor).ipv4_routes, 1);
	run("echo 1 >/proc/sys/net/ipv4/conf/h0/ignore_routes_with_linkdown");
	assert_true(seen_by(monitor).netconfs > 0);
}

static void send_to(uint32_t portid, int fd)
{
	struct sockaddr_nl monitor = { .nl_family = AF_NETLINK, .nl_pid = portid };
	struct {
		struct nlmsghdr header;
		struct rtmsg route;
	} forged = {
		.header = { .nlmsg_len = sizeof(forged), .nlmsg_type = RTM_NEWROUTE },
		.route = { .rtm_family = AF_INET, .rtm_type = RTN_UNICAST },
	};

	assert_int_equal(sendto(fd, &forged, sizeof(forged), 0, (struct sockaddr *)&monitor, sizeof(monitor)),
			 sizeof(forged));
}

static void a_message_that_a_process_sent_is_dropped(void **state)
{
	__attribute__((cleanup(rtnl_monitor_closep))) struct rtnl_monitor *monitor = NULL;
	struct pollfd waiting = { .events = POLLIN };
	struct sockaddr_nl name;
	socklen_t length = sizeof(name);
	struct seen seen;
	int fd;

	(void)state;
	make_link();
	assert_int_equal(rtnl_monitor_open(8 * 1024 * 1024, &monitor), 0);
	waiting.fd = rtnl_monitor_fd(monitor);
	assert_int_equal(getsockname(waiting.fd, (struct sockaddr *)&name, &length), 0);
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	assert_true(fd >= 0);
	send_to(name.nl_pid, fd);
	close(fd);
	assert_int_equal(poll(&waiting, 1, 0), 1);
	assert_int_equal(seen_by(monitor).ipv4_routes, 0);
	/* and one of the kernel behind it is not */
	run("ip route add 198.51.100.0/24 dev h0");
	seen = seen_by(monitor);
	assert_int_equal(seen.ipv4_routes, 1);
}

/* Reads until nothing is left; returns whether messages were lost. */
static bool drain(struct rtnl_monitor *monitor, struct seen *seen)
{
	bool lost = false;
	int r;

	do {
		r = rtnl_monitor_read(monitor, count, seen);
		lost |= r == -ENOBUFS;
	} while (r == 1);
	assert_true(r == 0 || r == -ENOBUFS);
	return lost;
}

static void lost_messages_are_told_once_and_a_storm_is_read_in_parts(void **state)
{
	__attribute__((cleanup(rtnl_monitor_closep))) struct rtnl_monitor *monitor = NULL;
	struct seen seen = {};

	(void)state;
	make_link();
	assert_int_equal(rtnl_monitor_open(8 * 1024 * 1024, &monitor), 0);
	run("for n in $(seq 0 9999); do echo route add 10.$((n / 250)).$((n % 250)).0/24 dev h0; done | ip -batch -");
	assert_int_equal(rtnl_monitor_read(monitor, count, &seen), 1);
	assert_false(drain(monitor, &seen));
	assert_int_equal(seen.ipv4_routes, 10000);
	run("for n in $(seq 0 49999); do echo route add 11.$((n / 250)).$((n % 250)).0/24 dev h0; done | ip -batch -");
	assert_true(drain(monitor, &seen));
	while (drain(monitor, &seen)) /* the bound of one call may have left some */
		;
	run("ip route add 198.51.100.0/24 dev h0");
	seen = (struct seen){};
	assert_false(drain(monitor, &seen));
	assert_int_equal(seen.ipv4_routes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_fresh_namespace_has_nothing, enter_fresh_netns),
		cmocka_unit_test_setup(a_verdict_and_a_detailed_survey_agree_on_routes, enter_fresh_netns),
		cmocka_unit_test_setup(a_verdict_stops_at_the_first_counting_route, enter_fresh_netns),
		cmocka_unit_test_setup(a_verdict_looks_on_for_router_advertisements_if_ipv4_is_missing,
				       enter_fresh_netns),
		cmocka_unit_test_setup(a_large_table_is_not_dumped_for_router_advertisements, enter_fresh_netns),
		cmocka_unit_test_setup(a_survey_keeps_to_its_budget, enter_fresh_netns),
		cmocka_unit_test_setup(a_verdict_by_addresses_needs_no_route, enter_fresh_netns),
		cmocka_unit_test_setup(routes_by_ignored_interfaces_do_not_count, enter_fresh_netns),
		cmocka_unit_test_setup(a_multipath_route_counts_by_the_leg_that_is_not_ignored, enter_fresh_netns),
		cmocka_unit_test_setup(addresses_of_ignored_interfaces_do_not_count, enter_fresh_netns),
		cmocka_unit_test_setup(a_route_known_only_by_its_nexthop_object_counts, enter_fresh_netns),
		cmocka_unit_test_setup(a_nexthop_object_that_is_a_blackhole_does_not_count, enter_fresh_netns),
		cmocka_unit_test_setup(a_multipath_route_counts_as_long_as_one_leg_lives, enter_fresh_netns),
		cmocka_unit_test_setup(routes_that_do_not_count_are_all_looked_through, enter_fresh_netns),
		cmocka_unit_test_setup(no_descriptor_is_left_open, enter_fresh_netns),
		cmocka_unit_test_setup(every_kind_of_change_is_told, enter_fresh_netns),
		cmocka_unit_test_setup(a_message_that_a_process_sent_is_dropped, enter_fresh_netns),
		cmocka_unit_test_setup(lost_messages_are_told_once_and_a_storm_is_read_in_parts, enter_fresh_netns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
