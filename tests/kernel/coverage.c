/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the map `coverage` and the state of a namespace say of its routes, beside what a naive count makes of them. */
#include "sandbox.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include "clock.h"
#include "namespace.h"

#define SETTLE_NS (400 * CLOCK_MILLISECOND_NS)
#define LONG_SETTLE_NS (5 * SETTLE_NS) /* where something is to happen before that, on a busy machine, too */
#define LISTED_MAX 256

static char pin_dir[PATH_MAX];
static struct config config;
static struct programs *programs;
static struct namespace namespace;

/* Two interfaces that are up, without a route of their own; IPv4 has a default route, so AAAA is what it is about. */
static int enter(void **state)
{
	(void)state;
	fresh_netns();
	fresh_pin_dir(pin_dir);
	run("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	run("ip link add h0 type veth peer name h1 && ip link set dev h1 up && ip link set dev h0 up");
	run("echo 0 >/proc/sys/net/ipv6/conf/h0/disable_ipv6");
	run("ip -4 route add default dev h0");
	config_init(&config);
	config.settle_ns = SETTLE_NS;
	config.results = CONFIG_RESULTS_COVERED;
	strcpy(config.pin_dir, pin_dir);
	programs = load_programs_as(SIEVE_ACTION_ANSWER, (struct programs_request){
		.pin_dir = pin_dir, .max_netns = SANDBOX_NETNS_MAX, .results = true });
	namespace = (struct namespace){};
	return 0;
}

static int leave(void **state)
{
	(void)state;
	namespace_close(&namespace);
	programs_free(programs);
	programs = NULL;
	config_free(&config);
	return 0;
}

static void open_as(bool is_own)
{
	struct error error = {};

	if (namespace_open(&namespace, &config, programs, is_own, &error) != 0)
		fail_msg("%s", error.text);
}

/* What the controller's loop does, for so long. */
static void work_for(uint64_t ns)
{
	uint64_t end = clock_monotonic_ns() + ns, now;

	while ((now = clock_monotonic_ns()) < end) {
		struct pollfd ready = { .fd = rtnl_monitor_fd(namespace.monitor), .events = POLLIN };
		uint64_t due = namespace_due(&namespace), turn = coverage_due(namespace.coverage);

		if (turn && turn < due)
			due = turn;
		if (due > end)
			due = end;
		poll(&ready, 1, due <= now ? 0 : (int)((due - now) / CLOCK_MILLISECOND_NS) + 1);
		if (ready.revents)
			namespace_read(&namespace, clock_monotonic_ns());
		namespace_work(&namespace, clock_monotonic_ns());
		turn = coverage_due(namespace.coverage);
		if (turn && turn <= clock_monotonic_ns())
			namespace_cover(&namespace);
	}
}

static void work_until_idle(void)
{
	work_for(120 * CLOCK_MILLISECOND_NS);
}

static void work_until_settled(void)
{
	work_for(SETTLE_NS + 100 * CLOCK_MILLISECOND_NS);
}

static void open_namespace(void)
{
	open_as(true);
	work_until_idle();
}

static struct sieve_netns published(void)
{
	struct sieve_netns seen = {};
	char path[2 * PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/netns-%d", pin_dir, SIEVE_ABI_VERSION);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	if (bpf_map_lookup_elem(fd, &namespace.inum, &seen) != 0)
		fail_msg("nothing is published");
	close(fd);
	return seen;
}

static void assert_mode(enum sieve_family family, enum sieve_coverage coverage, enum listing reason)
{
	struct sieve_netns seen = published();

	if (seen.coverage[family] != coverage || namespace.coverage->family[family].decided != reason)
		fail_msg("published is %u (%s), not %d (%s)", seen.coverage[family],
			 listing_name(namespace.coverage->family[family].decided), (int)coverage, listing_name(reason));
}

/* Nothing was added since what is listed was looked at. */
static void assert_generation_is_the_kernels(enum sieve_family family)
{
	struct sieve_netns seen = published();
	uint32_t now[SIEVE_FAMILIES], which;

	assert_int_equal(programs_generation(programs, &which, now), 0);
	assert_int_equal(seen.coverage_generation[family], now[family]);
}

/* The oracle: what is inside another one goes, two halves become one, until nothing changes. */
struct list {
	struct prefix prefixes[LISTED_MAX];
	size_t count;
};

static struct prefix parse(const char *word)
{
	struct prefix it = { .family = strchr(word, ':') ? SIEVE_IPV6 : SIEVE_IPV4 };
	char address[64];
	unsigned int length;

	assert_int_equal(sscanf(word, "%63[^/]/%u", address, &length), 2);
	assert_int_equal(inet_pton(it.family == SIEVE_IPV6 ? AF_INET6 : AF_INET, address, it.address), 1);
	it.length = (uint8_t)length;
	return it;
}

static bool bit_of(const struct prefix *it, unsigned int bit)
{
	return it->address[bit / 8] >> (7 - bit % 8) & 1;
}

static bool same_until(const struct prefix *one, const struct prefix *other, unsigned int bits)
{
	for (unsigned int bit = 0; bit < bits; bit++)
		if (bit_of(one, bit) != bit_of(other, bit))
			return false;
	return one->family == other->family;
}

static bool reduce_once(struct list *list)
{
	for (size_t i = 0; i < list->count; i++)
		for (size_t k = 0; k < list->count; k++) {
			struct prefix *one = &list->prefixes[i], *other = &list->prefixes[k];
			bool inside = one->length <= other->length && same_until(one, other, one->length);
			bool halves = one->length == other->length && one->length > 0 &&
				      same_until(one, other, one->length - 1U) && !bit_of(one, one->length - 1U);

			if (i == k || !(inside || halves))
				continue;
			if (!inside)
				one->length--;
			*other = list->prefixes[--list->count];
			return true;
		}
	return false;
}

static void naive(const char *words, struct list *ret_list)
{
	char copy[8192], *rest = NULL;

	ret_list->count = 0;
	assert_true(snprintf(copy, sizeof(copy), "%s", words) < (int)sizeof(copy));
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		assert_true(ret_list->count < LISTED_MAX);
		ret_list->prefixes[ret_list->count++] = parse(word);
	}
	while (reduce_once(ret_list))
		;
}

static size_t read_listed(uint32_t netns, enum sieve_family family, struct prefix *ret_prefixes, size_t most)
{
	int fd = programs_coverage_fd(programs);
	struct sieve_prefix key, *previous = NULL, next;
	size_t count = 0;

	while (bpf_map_get_next_key(fd, previous, &next) == 0) {
		key = next;
		previous = &key;
		if (key.netns != htonl(netns) || key.family != family)
			continue;
		if (count < most) {
			ret_prefixes[count] = (struct prefix){ .family = key.family,
							       .length = (uint8_t)(key.bits - SIEVE_PREFIX_BITS) };
			memcpy(ret_prefixes[count].address, key.address, sizeof(key.address));
		}
		count++;
	}
	return count;
}

/* The map has exactly what these routes come to. */
static void assert_listed(enum sieve_family family, const char *routes)
{
	struct list want, have;

	naive(routes, &want);
	have.count = read_listed(namespace.inum, family, have.prefixes, LISTED_MAX);
	if (have.count != want.count)
		fail_msg("there are %zu prefixes, not %zu as of %s", have.count, want.count, routes);
	for (size_t i = 0; i < want.count; i++) {
		size_t k = 0;

		while (k < have.count && !prefix_equal(&want.prefixes[i], &have.prefixes[k]))
			k++;
		if (k == have.count)
			fail_msg("one of these is not there: %s", routes);
	}
}

static void assert_covered(enum sieve_family family, const char *routes)
{
	assert_mode(family, SIEVE_COVERAGE_LISTED, LISTING_COVERED);
	assert_listed(family, routes);
	assert_generation_is_the_kernels(family);
}

static void assert_all(enum sieve_family family, enum listing reason)
{
	assert_mode(family, SIEVE_COVERAGE_ALL, reason);
	assert_listed(family, "");
}

static void add(const char *routes)
{
	run("for route in %s; do ip route add $route dev h0 || exit; done", routes);
}

static void del(const char *routes)
{
	run("for route in %s; do ip route del $route || exit; done", routes);
}

static void nothing_is_known_before_the_first_look_and_that_acts_at_once(void **state)
{
	(void)state;
	add("2001:db8:1::/48 2001:db8:2::/48 2001:db8:3::/48");
	open_as(true);
	assert_mode(SIEVE_IPV6, SIEVE_COVERAGE_UNKNOWN, LISTING_UNKNOWN);
	assert_listed(SIEVE_IPV6, "");
	work_until_idle();
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48 2001:db8:2::/48 2001:db8:3::/48");
	assert_all(SIEVE_IPV4, LISTING_DEFAULT);
}

static void a_family_without_routes_has_an_empty_list(void **state)
{
	(void)state;
	open_namespace();
	assert_covered(SIEVE_IPV6, "");
	assert_all(SIEVE_IPV4, LISTING_ALONE);
}

static void routes_that_come_are_listed_at_once_and_join(void **state)
{
	(void)state;
	add("2001:db8::/49");
	open_namespace();
	assert_covered(SIEVE_IPV6, "2001:db8::/49");
	add("2001:db8:0:8000::/49");
	work_until_idle();
	assert_covered(SIEVE_IPV6, "2001:db8::/48");
	add("2001:db8:1::/48 2001:db8:0:1234::/64 2001:db8:77::1/128");
	work_until_idle();
	assert_covered(SIEVE_IPV6, "2001:db8::/47 2001:db8:77::1/128");
}

static void routes_that_go_leave_the_list_when_it_has_settled(void **state)
{
	(void)state;
	add("2001:db8::/49 2001:db8:0:8000::/49 2001:db8:77::/48");
	open_namespace();
	del("2001:db8:0:8000::/49");
	work_until_idle();
	assert_covered(SIEVE_IPV6, "2001:db8::/48 2001:db8:77::/48");
	assert_true(coverage_is_settling(namespace.coverage, SIEVE_IPV6));
	work_until_settled();
	assert_covered(SIEVE_IPV6, "2001:db8::/49 2001:db8:77::/48");
	assert_false(coverage_is_settling(namespace.coverage, SIEVE_IPV6));
}

/* The other half of what went is there again before it acted, and something else comes meanwhile. */
static void a_route_that_comes_back_in_time_never_left(void **state)
{
	(void)state;
	config.settle_ns = LONG_SETTLE_NS;
	add("2001:db8::/49 2001:db8:0:8000::/49");
	open_namespace();
	del("2001:db8:0:8000::/49");
	work_until_idle();
	add("2001:db8:99::/48");
	work_until_idle();
	assert_covered(SIEVE_IPV6, "2001:db8::/48 2001:db8:99::/48");
	add("2001:db8:0:8000::/49");
	work_for(LONG_SETTLE_NS + SETTLE_NS);
	assert_covered(SIEVE_IPV6, "2001:db8::/48 2001:db8:99::/48");
}

static bool is_listed(const char *word)
{
	struct prefix want = parse(word), have[LISTED_MAX];
	size_t count = read_listed(namespace.inum, SIEVE_IPV6, have, LISTED_MAX);

	while (count > 0)
		if (prefix_equal(&want, &have[--count]))
			return true;
	return false;
}

/* Every 20 ms another one comes, and the one before goes, until it is killed. */
static pid_t churn(void)
{
	pid_t child = fork_child();

	if (child == 0) {
		execlp("sh", "sh", "-c",
		       "i=0; while [ $i -lt 500 ]; do i=$((i + 1));"
		       " ip route add 2001:db8:ff:$i::/64 dev h0 && sleep 0.02 && ip route del 2001:db8:ff:$i::/64; done",
		       (char *)NULL);
		_exit(127);
	}
	return child;
}

/* How long it is still listed, ns. */
static uint64_t await_gone(const char *word, uint64_t most)
{
	uint64_t began = clock_monotonic_ns();

	while (is_listed(word) && clock_monotonic_ns() - began < most)
		work_for(5 * CLOCK_MILLISECOND_NS);
	return clock_monotonic_ns() - began;
}

/* Each goes when it has been gone for one window, which begins with the first, and within two. */
static void another_change_makes_only_itself_wait(void **state)
{
	(void)state;
	config.settle_ns = LONG_SETTLE_NS;
	add("2001:db8:1::/48 2001:db8:3::/48 2001:db8:5::/48");
	open_namespace();
	del("2001:db8:1::/48");
	work_for(LONG_SETTLE_NS / 2);
	del("2001:db8:3::/48");
	work_until_idle();
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48 2001:db8:3::/48 2001:db8:5::/48");
	await_gone("2001:db8:1::/48", 5 * LONG_SETTLE_NS);
	assert_covered(SIEVE_IPV6, "2001:db8:3::/48 2001:db8:5::/48");
	assert_true(coverage_is_settling(namespace.coverage, SIEVE_IPV6));
	await_gone("2001:db8:3::/48", 5 * LONG_SETTLE_NS);
	assert_covered(SIEVE_IPV6, "2001:db8:5::/48");
	assert_false(coverage_is_settling(namespace.coverage, SIEVE_IPV6));
}

static void what_goes_leaves_within_two_windows_though_others_come_and_go_without_end(void **state)
{
	uint64_t took;
	pid_t child;

	(void)state;
	add("2001:db8:1::/48 2001:db8:3::/48");
	open_namespace();
	child = churn();
	work_for(SETTLE_NS / 2);
	del("2001:db8:1::/48");
	took = await_gone("2001:db8:1::/48", 20 * SETTLE_NS);
	assert_true(took >= SETTLE_NS);
	if (took > 5 * SETTLE_NS) /* two, and what a busy machine adds */
		fail_msg("it took %llu ms", (unsigned long long)(took / CLOCK_MILLISECOND_NS));
	assert_true(is_listed("2001:db8:3::/48"));
	assert_true(coverage_is_settling(namespace.coverage, SIEVE_IPV6)); /* the others still do */
	end_child(child);
}

/* Away for less than a window, and again, it is always listed. */
static void what_comes_back_in_time_is_always_listed_though_others_come_and_go(void **state)
{
	pid_t child;

	(void)state;
	config.settle_ns = LONG_SETTLE_NS;
	add("2001:db8:1::/48 2001:db8:3::/48");
	open_namespace();
	child = churn();
	for (int round = 0; round < 6; round++) {
		del("2001:db8:1::/48");
		assert_in_range(await_gone("2001:db8:1::/48", SETTLE_NS), SETTLE_NS, UINT64_MAX);
		add("2001:db8:1::/48");
		assert_in_range(await_gone("2001:db8:1::/48", SETTLE_NS), SETTLE_NS, UINT64_MAX);
	}
	end_child(child);
}

static void a_default_route_takes_effect_at_once_and_its_loss_when_settled(void **state)
{
	static const char *const defaults[] = { "::/0", "::/1 8000::/1", "::/2 4000::/3 6000::/3 8000::/1" };

	(void)state;
	add("2001:db8:1::/48");
	open_namespace();
	for (size_t i = 0; i < ARRAY_COUNT(defaults); i++) {
		assert_covered(SIEVE_IPV6, "2001:db8:1::/48");
		add(defaults[i]);
		work_until_idle();
		assert_all(SIEVE_IPV6, LISTING_DEFAULT);
		del(defaults[i]);
		work_until_idle();
		assert_mode(SIEVE_IPV6, SIEVE_COVERAGE_ALL, LISTING_COVERED);
		work_until_settled();
	}
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48");
	add("::/1"); /* one half is none */
	work_until_idle();
	assert_covered(SIEVE_IPV6, "::/1");
}

/* A route that is none beside the default route is no reason for another look; the default route's end is. */
static void beside_a_default_route_other_routes_cost_nothing(void **state)
{
	uint64_t looks;

	(void)state;
	add("::/1 8000::/1");
	open_namespace();
	assert_all(SIEVE_IPV6, LISTING_DEFAULT);
	looks = namespace.coverage->looks;
	add("2001:db8:1::/48 2001:db8:2::/48");
	work_until_idle();
	assert_int_equal(namespace.coverage->looks, looks);
	del("8000::/1");
	work_until_idle();
	assert_true(namespace.coverage->looks > looks);
}

static void without_the_other_family_every_address_stays(void **state)
{
	(void)state;
	run("ip -4 route del default");
	add("2001:db8:1::/48");
	open_namespace();
	assert_all(SIEVE_IPV6, LISTING_ALONE);
	run("ip -4 route add default dev h0");
	work_until_idle();
	assert_mode(SIEVE_IPV6, SIEVE_COVERAGE_ALL, LISTING_COVERED);
	work_until_settled();
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48");
	assert_all(SIEVE_IPV4, LISTING_DEFAULT);
	run("ip -4 route del default");
	work_until_idle();
	assert_all(SIEVE_IPV6, LISTING_ALONE);
}

/* A public name would lose the addresses of both. Losing the default route acts at once, gaining it settles. */
static void where_neither_family_is_whole_every_address_stays(void **state)
{
	(void)state;
	run("ip -4 route del default");
	add("192.0.2.0/24 2001:db8:1::/48");
	open_namespace();
	assert_all(SIEVE_IPV6, LISTING_BOTH_PARTIAL);
	assert_all(SIEVE_IPV4, LISTING_BOTH_PARTIAL);
	run("ip -4 route add default dev h0");
	work_until_idle();
	assert_mode(SIEVE_IPV6, SIEVE_COVERAGE_ALL, LISTING_COVERED);
	work_until_settled();
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48");
	run("ip -4 route del default");
	work_until_idle();
	assert_all(SIEVE_IPV6, LISTING_BOTH_PARTIAL);
	assert_all(SIEVE_IPV4, LISTING_BOTH_PARTIAL);
}

/* The kernel tells of the default route of IPv6 behind others, where no survey comes. */
static void what_a_survey_does_not_see_makes_a_family_whole_too(void **state)
{
	static const char *const defaults[] = { "::/0", "::/1 8000::/1" };

	(void)state;
	run("ip -4 route del default");
	add("192.0.2.0/24 2001:db8:1::/48");
	open_namespace();
	for (size_t i = 0; i < ARRAY_COUNT(defaults); i++) {
		assert_all(SIEVE_IPV4, LISTING_BOTH_PARTIAL);
		add(defaults[i]);
		work_until_idle();
		assert_mode(SIEVE_IPV4, SIEVE_COVERAGE_ALL, LISTING_COVERED);
		work_until_settled();
		assert_covered(SIEVE_IPV4, "192.0.2.0/24");
		assert_all(SIEVE_IPV6, LISTING_DEFAULT);
		del(defaults[i]);
		work_until_idle();
	}
	assert_all(SIEVE_IPV4, LISTING_BOTH_PARTIAL);
	add("::/1"); /* one half is not whole */
	work_until_settled();
	assert_all(SIEVE_IPV4, LISTING_BOTH_PARTIAL);
}

/* A table before `main` is what a survey sees first; the default route is there all the same. */
static void a_default_route_behind_another_table_is_found(void **state)
{
	(void)state;
	run("ip -4 route add 203.0.113.0/24 dev h0 table 52");
	add("2001:db8:1::/48");
	open_namespace();
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48");
	run("ip -4 route del default");
	work_until_idle();
	assert_all(SIEVE_IPV6, LISTING_BOTH_PARTIAL);
}

static void without_messages_it_is_not_known_that_the_other_family_is_whole(void **state)
{
	(void)state;
	add("2001:db8:1::/48");
	open_namespace();
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48");
	coverage_doubt(namespace.coverage, clock_monotonic_ns());
	assert_false(namespace.coverage->family[SIEVE_IPV4].is_whole);
	namespace_trigger(&namespace, clock_monotonic_ns());
	work_until_settled();
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48");
}

/* Whether it is whole matters all the same. */
static void a_family_that_is_not_to_be_touched_is_not(void **state)
{
	(void)state;
	config.families = 1 << SIEVE_IPV6;
	run("ip -4 route add 203.0.113.0/24 dev h0 table 52");
	add("192.0.2.0/24 2001:db8:1::/48");
	open_namespace();
	assert_all(SIEVE_IPV4, LISTING_EXCLUDED);
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48");
	run("ip -4 route del default");
	work_until_idle();
	assert_all(SIEVE_IPV4, LISTING_EXCLUDED);
	assert_all(SIEVE_IPV6, LISTING_BOTH_PARTIAL);
	run("ip -4 route add default dev h0");
	work_until_settled();
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48");
}

static void a_nat64_keeps_ipv4_addresses(void **state)
{
	(void)state;
	run("ip -4 route del default");
	add("192.0.2.0/24 ::/0");
	open_namespace();
	assert_covered(SIEVE_IPV4, "192.0.2.0/24");
	run("ip route add 2001:db8:5::/48 dev h0 proto ra");
	work_until_idle();
	assert_all(SIEVE_IPV4, LISTING_NAT64);
	assert_all(SIEVE_IPV6, LISTING_DEFAULT);
	run("ip route del 2001:db8:5::/48 dev h0 proto ra");
	work_until_settled();
	assert_covered(SIEVE_IPV4, "192.0.2.0/24");
	assert_generation_is_the_kernels(SIEVE_IPV6);
}

static void what_is_known_of_the_nat64_decides(void **state)
{
	(void)state;
	run("ip -4 route del default");
	add("192.0.2.0/24 ::/0");
	run("ip route add 2001:db8:5::/48 dev h0 proto ra");
	config.connectivity.nat64 = CONNECTIVITY_NAT64_NO;
	open_namespace();
	assert_covered(SIEVE_IPV4, "192.0.2.0/24");
	assert_all(SIEVE_IPV6, LISTING_DEFAULT);
	namespace_close(&namespace);
	config.connectivity.nat64 = CONNECTIVITY_NAT64_YES;
	open_namespace();
	assert_mode(SIEVE_IPV4, SIEVE_COVERAGE_ALL, LISTING_NAT64);
}

static void only_routes_that_count_are_listed(void **state)
{
	char ignored[] = "h1";

	(void)state;
	run("echo 0 >/proc/sys/net/ipv6/conf/h1/disable_ipv6");
	config.ignored_interfaces[0] = strdup(ignored);
	config.ignored_interface_count = 1;
	add("2001:db8:1::/48");
	run("ip route add 2001:db8:2::/48 dev h0 table 77 metric 5");
	run("ip route add 2001:db8:3::/48 nexthop via fe80::1 dev h1 nexthop via fe80::2 dev h0");
	run("ip route add 2001:db8:a::/48 dev h1");
	run("ip route add 2001:db8:b::/48 dev lo");
	run("ip route add blackhole 2001:db8:c::/48");
	run("ip route add unreachable 2001:db8:d::/48");
	run("ip route add ff0e::/16 dev h0");
	run("ip route add local 2001:db8:e::/48 dev lo"); /* no sign of connectivity, but to connect there succeeds */
	open_namespace();
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48 2001:db8:2::/48 2001:db8:3::/48 2001:db8:e::/48");
	run("ip link set dev h0 down");
	work_until_settled();
	assert_listed(SIEVE_IPV6, ""); /* IPv4 is gone, too */
}

/* All of these can be connected to, whatever their table; those beside them cannot. */
static void what_is_the_hosts_own_is_listed(void **state)
{
	(void)state;
	run("ip link set dev lo up && echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6");
	run("ip addr add 2001:db8:1::1/128 dev lo nodad");
	run("ip -6 route add local 2001:db8:cafe::/48 dev lo");
	run("ip -6 route add local 2001:db8:7::/64 dev lo table 77");
	run("ip -6 route add anycast 2001:db8:8::/128 dev h0");
	run("ip -6 route add blackhole 2001:db8:9::/48");
	run("ip -6 route add local fe80::7/128 dev lo"); /* stays in any case */
	open_namespace();
	assert_covered(SIEVE_IPV6, "2001:db8:1::1/128 2001:db8:cafe::/48 2001:db8:7::/64 2001:db8:8::/128");
	run("ip addr add 2001:db8:2::1/128 dev lo nodad && ip -6 route add local 2001:db8:cafe:1::/64 dev lo");
	work_until_idle();
	assert_covered(SIEVE_IPV6, "2001:db8:1::1/128 2001:db8:2::1/128 2001:db8:cafe::/48 2001:db8:7::/64 2001:db8:8::/128");
	run("ip addr del 2001:db8:1::1/128 dev lo && ip -6 route del local 2001:db8:cafe::/48 dev lo");
	work_until_settled();
	assert_covered(SIEVE_IPV6, "2001:db8:2::1/128 2001:db8:cafe:1::/64 2001:db8:7::/64 2001:db8:8::/128");
}

/* As a transparent proxy has it: it is no default route, but covers all. */
static void what_is_the_hosts_own_makes_no_family_whole(void **state)
{
	(void)state;
	run("ip -4 route del default && ip -4 addr add 192.0.2.1/24 dev h0 && ip -4 addr add 203.0.113.9/32 dev lo");
	run("ip -4 route add local 0.0.0.0/0 dev lo table 100");
	run("ip -6 route add default dev h0");
	open_namespace();
	assert_covered(SIEVE_IPV4, "0.0.0.0/0");
	assert_false(namespace.coverage->family[SIEVE_IPV4].is_whole);
	run("ip -4 route del local 0.0.0.0/0 dev lo table 100");
	work_until_settled();
	assert_covered(SIEVE_IPV4, "192.0.2.0/24 203.0.113.9/32");
	run("ip -4 route del 192.0.2.0/24");
	work_until_settled();
	assert_covered(SIEVE_IPV4, "192.0.2.1/32 203.0.113.9/32");
}

/* The name decides whether an interface counts, and no route tells of a new one. */
static void a_link_message_is_a_reason_to_look(void **state)
{
	(void)state;
	config.ignored_interfaces[0] = strdup("vpn*");
	config.ignored_interface_count = 1;
	run("ip link set dev h1 down && ip link set dev h1 name vpn1 && ip link set dev vpn1 up");
	run("echo 0 >/proc/sys/net/ipv6/conf/vpn1/disable_ipv6 && ip route add 2001:db8:a::/48 dev vpn1");
	open_namespace();
	assert_covered(SIEVE_IPV6, "");
	run("ip link set dev vpn1 name h1 || { ip link set dev vpn1 down && ip link set dev vpn1 name h1 &&"
	    " ip link set dev h1 up && ip route add 2001:db8:a::/48 dev h1; }");
	work_until_idle();
	assert_covered(SIEVE_IPV6, "2001:db8:a::/48");
}

static void it_goes_by_routes_where_addresses_are_what_is_detected(void **state)
{
	(void)state;
	config.connectivity.detect = CONNECTIVITY_DETECT_ADDRESSES;
	run("ip -4 addr add 192.0.2.1/32 dev h0");
	add("2001:db8:1::/48");
	open_namespace();
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48");
}

/* Many that do not join, in no order of theirs, and as many that do. */
static void many_routes_become_what_the_oracle_says(void **state)
{
	char routes[8192] = "", word[64];
	FILE *batch = fopen(SANDBOX "/batch", "w");

	(void)state;
	assert_non_null(batch);
	for (unsigned int i = 0; i < 200; i++) {
		unsigned int n = i * 77 % 211;

		snprintf(word, sizeof(word), "2001:db8:%x:%x::/%u", n % 3, n / 3 << (n % 5), 64 - n % 5);
		fprintf(batch, "route add %s dev h0 metric %u\n", word, i + 1);
		strcat(strcat(routes, word), " ");
	}
	fclose(batch);
	run("ip -batch " SANDBOX "/batch");
	open_namespace();
	assert_covered(SIEVE_IPV6, routes);
	assert_in_range(coverage_count(namespace.coverage, SIEVE_IPV6), 20, 150);
}

static void add_many(unsigned int count)
{
	run("for n in $(seq %u); do"
	    " printf 'route add 2001:db8:%%x:%%x::/64 dev h0\\n' $((n / 1000)) $((2 * (n %% 1000))); done | ip -batch -",
	    count);
}

static void open_other(void *data)
{
	(void)data;
	open_as(false);
	work_for(600 * CLOCK_MILLISECOND_NS);
}

static void more_prefixes_than_may_be_listed_are_told_of_and_all_stay(void **state)
{
	char *text;

	(void)state;
	add_many(COVERAGE_OTHER_MAX + 1);
	text = stderr_while(open_other, NULL);
	assert_all(SIEVE_IPV6, LISTING_TOO_MANY);
	assert_non_null(strstr(text, "IPv6 addresses without a route stay"));
	assert_null(strstr(strstr(text, "without a route") + 1, "without a route"));
	free(text);
}

static void as_many_as_may_be_are_listed(void **state)
{
	char *text;

	(void)state;
	add_many(COVERAGE_OTHER_MAX);
	text = stderr_while(open_other, NULL);
	assert_mode(SIEVE_IPV6, SIEVE_COVERAGE_LISTED, LISTING_COVERED);
	assert_int_equal(read_listed(namespace.inum, SIEVE_IPV6, NULL, 0), COVERAGE_OTHER_MAX);
	assert_string_equal(text, "");
	free(text);
	add("2001:db8:ffff::/64"); /* one more than the union may have */
	work_for(600 * CLOCK_MILLISECOND_NS);
	assert_all(SIEVE_IPV6, LISTING_TOO_MANY);
}

static void put_foreign(uint32_t netns, const char *word)
{
	const struct prefix prefix = parse(word);
	struct sieve_prefix key = {
		.bits = SIEVE_PREFIX_BITS + prefix.length, .netns = htonl(netns), .family = prefix.family,
	};
	__u8 value = 0;

	memcpy(key.address, prefix.address, sizeof(key.address));
	assert_int_equal(bpf_map_update_elem(programs_coverage_fd(programs), &key, &value, BPF_ANY), 0);
}

static void a_namespace_that_goes_takes_its_prefixes_and_no_others(void **state)
{
	struct prefix left;

	(void)state;
	add("2001:db8:1::/48 2001:db8:3::/48");
	open_namespace();
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48 2001:db8:3::/48");
	put_foreign(namespace.inum + 1, "2001:db8:1::/48");
	namespace_remove(&namespace);
	assert_listed(SIEVE_IPV6, "");
	assert_int_equal(read_listed(namespace.inum + 1, SIEVE_IPV6, &left, 1), 1);
}

static void what_goes_while_it_is_on_its_way_leaves_nothing(void **state)
{
	(void)state;
	add_many(20000); /* more than one turn adds */
	open_as(true);
	while (namespace.coverage->family[SIEVE_IPV6].list.phase == COVERAGE_RESTING)
		namespace_cover(&namespace);
	assert_int_equal(namespace.coverage->family[SIEVE_IPV6].list.phase, COVERAGE_ADDING);
	namespace_cover(&namespace);
	assert_true(read_listed(namespace.inum, SIEVE_IPV6, NULL, 0) > 0);
	namespace_remove(&namespace);
	assert_listed(SIEVE_IPV6, "");
}

static bool keep_held(uint32_t netns, const struct prefix *prefix, void *data)
{
	(void)data;
	return netns == namespace.inum && coverage_holds(namespace.coverage, prefix);
}

/* What it left for this namespace, reused numbers among them, goes when the own look is done; what is right stays. */
static void a_later_controller_makes_it_exactly_right(void **state)
{
	struct coverage_map_sweep sweep = {};

	(void)state;
	add("2001:db8:1::/48 2001:db8:3::/48");
	open_namespace();
	put_foreign(namespace.inum, "2001:db8:bad::/48");
	put_foreign(namespace.inum, "203.0.113.0/24");
	put_foreign(namespace.inum + 1, "2001:db8:1::/48");
	namespace_close(&namespace);
	del("2001:db8:3::/48");
	open_as(true);
	assert_mode(SIEVE_IPV6, SIEVE_COVERAGE_UNKNOWN, LISTING_UNKNOWN);
	work_until_idle();
	assert_mode(SIEVE_IPV6, SIEVE_COVERAGE_LISTED, LISTING_COVERED);
	while (coverage_map_sweep(programs_coverage_fd(programs), &sweep, 2, keep_held, NULL) == 1)
		;
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48");
	assert_listed(SIEVE_IPV4, "");
	assert_int_equal(read_listed(namespace.inum + 1, SIEVE_IPV6, NULL, 0), 0);
}

static void lost_messages_keep_every_address_until_it_has_settled_again(void **state)
{
	(void)state;
	add("2001:db8:1::/48");
	open_as(false); /* its buffer is smaller */
	work_until_idle();
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48");
	run("for n in $(seq 0 4999); do echo route add 127.$((n / 250)).$((n %% 250)).0/24 dev h0; done | ip -batch -");
	for (int i = 0; i < 1000 && namespace.overflows == 0; i++)
		namespace_read(&namespace, clock_monotonic_ns());
	assert_true(namespace.overflows > 0);
	assert_mode(SIEVE_IPV6, SIEVE_COVERAGE_ALL, LISTING_UNCLEAN);
	assert_listed(SIEVE_IPV6, "2001:db8:1::/48"); /* it will be needed again */
	work_for(250 * CLOCK_MILLISECOND_NS);
	assert_mode(SIEVE_IPV6, SIEVE_COVERAGE_ALL, LISTING_COVERED);
	work_until_settled();
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48");
}

/* As any process with CAP_NET_ADMIN in the namespace can. */
static void forge(uint16_t type)
{
	struct {
		struct nlmsghdr header;
		struct rtmsg route;
	} message = {
		.header = { .nlmsg_len = sizeof(message), .nlmsg_type = type },
		.route = { .rtm_family = AF_INET6, .rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_UNICAST },
	};
	const struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_groups = 1U << (RTNLGRP_IPV6_ROUTE - 1) };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, &message, sizeof(message), 0, (const struct sockaddr *)&to, sizeof(to)), sizeof(message));
	close(fd);
}

static void forged_messages_are_no_reason_to_look(void **state)
{
	uint64_t looks;

	(void)state;
	add("2001:db8:1::/48");
	open_namespace();
	looks = namespace.coverage->looks;
	forge(RTM_NEWROUTE);
	forge(RTM_DELROUTE);
	work_until_idle();
	assert_int_equal(namespace.coverage->looks, looks);
	add("2001:db8:1:2::/64"); /* covered already, but the kernel's generation has moved */
	work_until_idle();
	assert_true(namespace.coverage->looks > looks);
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48");
}

/* An event of the programs, or what no message tells of: the survey that follows sees another generation. */
static void a_generation_that_moved_without_a_message_is_caught_up_with(void **state)
{
	(void)state;
	run("ip -4 route del default && ip -4 route add 192.0.2.0/24 dev h0");
	add("::/0");
	open_namespace();
	run("ip -4 rule add from 198.51.100.1 table 77");
	work_until_idle();
	namespace_trigger(&namespace, clock_monotonic_ns());
	work_until_idle();
	assert_covered(SIEVE_IPV4, "192.0.2.0/24");
	assert_generation_is_the_kernels(SIEVE_IPV4);
}

/* What is asked of the kernel under a stream of routes is paced, and the end of it is seen. */
static void under_a_storm_looks_keep_their_distance(void **state)
{
	char routes[8192] = "", word[64];
	uint64_t looks;
	pid_t child;

	(void)state;
	for (int i = 1; i <= 120; i++) {
		snprintf(word, sizeof(word), "2001:db8:%d::/48 ", i);
		strcat(routes, word);
	}
	open_namespace();
	looks = namespace.coverage->looks;
	child = fork_child();
	if (child == 0)
		_exit(system("for i in $(seq 1 120); do ip route add 2001:db8:$i::/48 dev h0; done") != 0);
	work_for(1000 * CLOCK_MILLISECOND_NS);
	expect_exit(child, 0);
	work_until_idle();
	assert_true(namespace.coverage->looks - looks <= 1120 / 10 + 1);
	assert_covered(SIEVE_IPV6, routes);
}

static void where_all_results_stay_there_is_nothing_of_it(void **state)
{
	(void)state;
	programs_free(programs);
	programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	config.results = CONFIG_RESULTS_ALL;
	add("2001:db8:1::/48");
	open_as(true);
	assert_null(namespace.coverage);
	assert_true(programs_coverage_fd(programs) < 0);
	assert_int_equal(published().coverage[SIEVE_IPV6], SIEVE_COVERAGE_UNKNOWN);
}

/* In place of the map one with room for few. */
static void shrink_map(unsigned int entries)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
	int fd = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "small", sizeof(struct sieve_prefix), 1, entries, &options);

	assert_true(fd >= 0);
	assert_int_equal(dup2(fd, programs_coverage_fd(programs)), programs_coverage_fd(programs));
	close(fd);
}

static void without_room_in_the_map_every_address_stays(void **state)
{
	(void)state;
	shrink_map(5);
	put_foreign(1, "2001:db8:1::/48");
	put_foreign(2, "192.0.2.0/24");
	add("2001:db8:1::/48 2001:db8:3::/48");
	open_namespace();
	add("2001:db8:5::/48");
	work_until_idle();
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48 2001:db8:3::/48 2001:db8:5::/48"); /* which just fits */
	add("2001:db8:7::/48");
	work_until_idle();
	assert_all(SIEVE_IPV6, LISTING_MAP_FULL);
	assert_int_equal(read_listed(1, SIEVE_IPV6, NULL, 0), 1);
	assert_int_equal(read_listed(2, SIEVE_IPV4, NULL, 0), 1);
}

/* Any user can make namespaces with routes; the controller's own has its half of the map all the same. */
static void other_namespaces_share_what_the_own_one_leaves_them(void **state)
{
	struct coverage_quota *quota = programs_coverage_quota(programs);

	(void)state;
	assert_int_equal(quota->most, COVERAGE_OTHERS_MAX);
	quota->most = 5;
	quota->used = 3; /* of another one */
	add("2001:db8:1::/48 2001:db8:3::/48");
	open_as(false);
	work_until_idle();
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48 2001:db8:3::/48");
	assert_int_equal(quota->used, 5);
	add("2001:db8:5::/48");
	work_until_idle();
	assert_all(SIEVE_IPV6, LISTING_MAP_FULL);
	assert_int_equal(quota->used, 3);
	namespace_remove(&namespace);
	namespace_close(&namespace);
	open_namespace();
	assert_covered(SIEVE_IPV6, "2001:db8:1::/48 2001:db8:3::/48 2001:db8:5::/48");
	assert_int_equal(quota->used, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)
		TEST(nothing_is_known_before_the_first_look_and_that_acts_at_once),
		TEST(a_family_without_routes_has_an_empty_list),
		TEST(routes_that_come_are_listed_at_once_and_join),
		TEST(routes_that_go_leave_the_list_when_it_has_settled),
		TEST(a_route_that_comes_back_in_time_never_left),
		TEST(another_change_makes_only_itself_wait),
		TEST(what_goes_leaves_within_two_windows_though_others_come_and_go_without_end),
		TEST(what_comes_back_in_time_is_always_listed_though_others_come_and_go),
		TEST(a_default_route_takes_effect_at_once_and_its_loss_when_settled),
		TEST(beside_a_default_route_other_routes_cost_nothing),
		TEST(without_the_other_family_every_address_stays),
		TEST(where_neither_family_is_whole_every_address_stays),
		TEST(what_a_survey_does_not_see_makes_a_family_whole_too),
		TEST(a_default_route_behind_another_table_is_found),
		TEST(without_messages_it_is_not_known_that_the_other_family_is_whole),
		TEST(a_family_that_is_not_to_be_touched_is_not),
		TEST(a_nat64_keeps_ipv4_addresses),
		TEST(what_is_known_of_the_nat64_decides),
		TEST(only_routes_that_count_are_listed),
		TEST(what_is_the_hosts_own_is_listed),
		TEST(what_is_the_hosts_own_makes_no_family_whole),
		TEST(a_link_message_is_a_reason_to_look),
		TEST(it_goes_by_routes_where_addresses_are_what_is_detected),
		TEST(many_routes_become_what_the_oracle_says),
		TEST(more_prefixes_than_may_be_listed_are_told_of_and_all_stay),
		TEST(as_many_as_may_be_are_listed),
		TEST(a_namespace_that_goes_takes_its_prefixes_and_no_others),
		TEST(what_goes_while_it_is_on_its_way_leaves_nothing),
		TEST(a_later_controller_makes_it_exactly_right),
		TEST(lost_messages_keep_every_address_until_it_has_settled_again),
		TEST(forged_messages_are_no_reason_to_look),
		TEST(a_generation_that_moved_without_a_message_is_caught_up_with),
		TEST(under_a_storm_looks_keep_their_distance),
		TEST(where_all_results_stay_there_is_nothing_of_it),
		TEST(without_room_in_the_map_every_address_stays),
		TEST(other_namespaces_share_what_the_own_one_leaves_them),
#undef TEST
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
