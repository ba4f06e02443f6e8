/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include "clock.h"
#include "coverage_look.h"
#include "netns.h"

#define BOTH (1 << SIEVE_IPV4 | 1 << SIEVE_IPV6)
#define WHOLE (10 * CLOCK_SECOND_NS)

static char pin_dir[PATH_MAX];
static struct config config;
static struct programs *programs;

static int enter(void **state)
{
	(void)state;
	fresh_netns();
	fresh_pin_dir(pin_dir);
	run("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	run("ip link add h0 type veth peer name h1 && ip link set dev h1 up && ip link set dev h0 up");
	run("echo 0 >/proc/sys/net/ipv6/conf/h0/disable_ipv6");
	config_init(&config);
	programs = load_programs_as(SIEVE_ACTION_ANSWER, (struct programs_request){
		.pin_dir = pin_dir, .max_netns = SANDBOX_NETNS_MAX, .results = true });
	return 0;
}

static int leave(void **state)
{
	(void)state;
	programs_free(programs);
	programs = NULL;
	config_free(&config);
	return 0;
}

static struct coverage_look *begin(uint8_t families, size_t limit, uint64_t budget_ns)
{
	const struct coverage_look_request request = {
		.config = &config,
		.programs = programs,
		.netns = netns_of(0),
		.families = families,
		.limit = limit,
		.budget_ns = budget_ns,
	};
	struct coverage_look *look = NULL;

	assert_int_equal(coverage_look_begin(&request, &look), 0);
	return look;
}

static void add_routes(unsigned int first, unsigned int count)
{
	run("for n in $(seq %u %u); do printf 'route add 2001:db8:%%x::/48 dev h0\\n' $((2 * n)); done | ip -batch -", first,
	    first + count - 1);
}

static void expect(uint8_t families, size_t limit, enum listing ipv4, size_t count4, enum listing ipv6, size_t count6)
{
	struct coverage_look *look = begin(families, limit, 0);

	assert_int_equal(coverage_look_work(look, WHOLE), 0);
	assert_int_equal(look->found[SIEVE_IPV4].listing, ipv4);
	assert_int_equal(look->found[SIEVE_IPV4].set.count, count4);
	assert_int_equal(look->found[SIEVE_IPV6].listing, ipv6);
	assert_int_equal(look->found[SIEVE_IPV6].set.count, count6);
	coverage_look_free(look);
}

static void each_family_is_found_if_it_was_asked_for(void **state)
{
	(void)state;
	expect(BOTH, 100, LISTING_COVERED, 0, LISTING_COVERED, 0);
	run("ip route add 192.0.2.0/24 dev h0 && ip route add 198.51.100.0/25 dev h0");
	add_routes(1, 20);
	expect(BOTH, 100, LISTING_COVERED, 2, LISTING_COVERED, 20);
	expect(1 << SIEVE_IPV4, 100, LISTING_COVERED, 2, LISTING_UNKNOWN, 0);
	expect(1 << SIEVE_IPV6, 100, LISTING_UNKNOWN, 0, LISTING_COVERED, 20);
}

static void the_limit_is_of_each_family_and_of_what_has_been_joined(void **state)
{
	(void)state;
	run("ip route add 192.0.2.0/25 dev h0 && ip route add 192.0.2.128/25 dev h0");
	add_routes(1, 20);
	expect(BOTH, 20, LISTING_COVERED, 1, LISTING_COVERED, 20);
	expect(BOTH, 19, LISTING_COVERED, 1, LISTING_TOO_MANY, 0);
	expect(BOTH, 1, LISTING_COVERED, 1, LISTING_TOO_MANY, 0);
}

static void what_is_the_hosts_own_counts_for_the_limit_and_nothing_else(void **state)
{
	(void)state;
	run("ip link set dev lo up && ip -6 route add local 2001:db8:101::/48 dev lo");
	run("for n in 1 2 3 4 5 6; do ip -4 addr add 192.0.2.$((2 * n))/32 dev lo || exit; done");
	add_routes(1, 20); /* of these, as of the addresses, none joins another */
	expect(BOTH, 21, LISTING_COVERED, 6, LISTING_COVERED, 21);
	expect(BOTH, 20, LISTING_COVERED, 6, LISTING_TOO_MANY, 0);
	expect(BOTH, 5, LISTING_TOO_MANY, 0, LISTING_TOO_MANY, 0);
	run("ip -6 route add default dev h0 && ip -4 route add local 0.0.0.0/0 dev lo table 100");
	expect(BOTH, 20, LISTING_COVERED, 1, LISTING_DEFAULT, 0);
}

/* The kernel tells of the default route of IPv6 last. */
static void a_default_route_is_found_behind_more_than_the_limit(void **state)
{
	(void)state;
	add_routes(1, 2000);
	expect(1 << SIEVE_IPV6, 10, LISTING_UNKNOWN, 0, LISTING_TOO_MANY, 0);
	run("ip -6 route add ::/1 dev h0");
	expect(1 << SIEVE_IPV6, 10, LISTING_UNKNOWN, 0, LISTING_TOO_MANY, 0);
	run("ip -6 route add 8000::/1 dev h0");
	expect(1 << SIEVE_IPV6, 10, LISTING_UNKNOWN, 0, LISTING_DEFAULT, 0);
}

static void a_route_of_router_advertisements_is_found_wherever_it_is(void **state)
{
	(void)state;
	run("ip route add 192.0.2.0/24 dev h0");
	expect(1 << SIEVE_IPV4, 10, LISTING_COVERED, 1, LISTING_UNKNOWN, 0);
	run("ip -6 route add default dev h0 proto ra metric 1");
	expect(1 << SIEVE_IPV4, 10, LISTING_NAT64, 1, LISTING_UNKNOWN, 0);
	expect(BOTH, 10, LISTING_NAT64, 1, LISTING_DEFAULT, 0);
	config.connectivity.nat64 = CONNECTIVITY_NAT64_NO;
	expect(BOTH, 10, LISTING_COVERED, 1, LISTING_DEFAULT, 0);
	config.connectivity.nat64 = CONNECTIVITY_NAT64_AUTO;
	run("ip -6 route del default && ip -6 route add default dev h0 proto static metric 1");
	expect(BOTH, 10, LISTING_COVERED, 1, LISTING_DEFAULT, 0);
	run("ip -4 route add default dev h0 && ip -6 route add 2001:db8::/48 dev h0 proto ra");
	expect(BOTH, 10, LISTING_DEFAULT, 0, LISTING_DEFAULT, 0); /* of IPv4, whatever is translated */
}

static void in_parts_it_finds_the_same_as_at_once(void **state)
{
	struct coverage_look *look;
	int parts = 0;

	(void)state;
	add_routes(1, 3000);
	look = begin(BOTH, 5000, 0);
	while (coverage_look_work(look, 0) == 1)
		parts++;
	assert_in_range(parts, 5, 100);
	assert_int_equal(look->found[SIEVE_IPV6].listing, LISTING_COVERED);
	assert_int_equal(look->found[SIEVE_IPV6].set.count, 3000);
	coverage_look_free(look);
}

/* What the thread does between two parts may take it to other namespaces. */
static void the_dump_stays_in_its_namespace(void **state)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct coverage_look *look;

	(void)state;
	add_routes(1, 3000);
	look = begin(1 << SIEVE_IPV6, 5000, 0);
	assert_int_equal(coverage_look_work(look, 0), 1);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(coverage_look_work(look, WHOLE), -ESTALE); /* it cannot see whether something was added */
	assert_int_equal(look->found[SIEVE_IPV6].set.count, 3000);
	coverage_look_free(look);
	assert_int_equal(netns_enter(home), 0);
	close(home);
}

static int after_a_change(const char *change, uint8_t families)
{
	struct coverage_look *look = begin(families, 10000, 0);
	int r;

	assert_int_equal(coverage_look_work(look, 0), 1);
	run("%s", change);
	while ((r = coverage_look_work(look, WHOLE)) == 1)
		;
	coverage_look_free(look);
	return r;
}

static void what_was_added_meanwhile_makes_it_worth_nothing(void **state)
{
	(void)state;
	config.connectivity.nat64 = CONNECTIVITY_NAT64_NO;
	run("ip -4 route add 192.0.2.0/24 dev h0");
	add_routes(1, 3000);
	assert_int_equal(after_a_change("true", 1 << SIEVE_IPV6), 0);
	assert_int_equal(after_a_change("ip -6 route add 2001:db8:ffff::/48 dev h0", 1 << SIEVE_IPV6), -ESTALE);
	assert_int_equal(after_a_change("ip -6 route del 2001:db8:ffff::/48 dev h0", 1 << SIEVE_IPV6), 0);
	assert_int_equal(after_a_change("ip -4 route add 198.51.100.0/24 dev h0", 1 << SIEVE_IPV6), 0);
	assert_int_equal(after_a_change("ip -4 route add 203.0.113.0/24 dev h0", BOTH), -ESTALE);
}

static void it_takes_no_longer_than_it_may(void **state)
{
	struct coverage_look *look;
	int r;

	(void)state;
	add_routes(1, 3000);
	look = begin(1 << SIEVE_IPV6, 10000, 1);
	while ((r = coverage_look_work(look, 0)) == 1)
		;
	assert_int_equal(r, -ETIMEDOUT);
	coverage_look_free(look);
}

static void nothing_is_left_open(void **state)
{
	unsigned int before = count_descriptors();
	struct coverage_look *look;

	(void)state;
	add_routes(1, 3000);
	look = begin(BOTH, 10000, 0);
	assert_int_equal(coverage_look_work(look, 0), 1);
	coverage_look_free(look);
	coverage_look_free(NULL);
	assert_int_equal(count_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)
		TEST(each_family_is_found_if_it_was_asked_for),
		TEST(the_limit_is_of_each_family_and_of_what_has_been_joined),
		TEST(what_is_the_hosts_own_counts_for_the_limit_and_nothing_else),
		TEST(a_default_route_is_found_behind_more_than_the_limit),
		TEST(a_route_of_router_advertisements_is_found_wherever_it_is),
		TEST(in_parts_it_finds_the_same_as_at_once),
		TEST(the_dump_stays_in_its_namespace),
		TEST(what_was_added_meanwhile_makes_it_worth_nothing),
		TEST(it_takes_no_longer_than_it_may),
		TEST(nothing_is_left_open),
#undef TEST
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
