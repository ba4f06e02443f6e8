/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <poll.h>
#include <sys/socket.h>

#include "clock.h"
#include "namespace.h"

#define SETTLE_NS (300 * CLOCK_MILLISECOND_NS)
#define COOKIE_OPTION 71 /* SO_NETNS_COOKIE; 5.14 */

static char pin_dir[PATH_MAX];
static struct config config;
static struct programs *programs;
static struct namespace namespace;

/* An interface that is up, without IPv6 and so without a route of its own. */
static int enter(void **state)
{
	(void)state;
	fresh_netns();
	fresh_pin_dir(pin_dir);
	run("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	run("ip link add h0 type veth peer name h1 && ip link set dev h1 up && ip link set dev h0 up");
	run("echo 0 >/proc/sys/net/ipv6/conf/h0/disable_ipv6");
	config_init(&config);
	config.settle_ns = SETTLE_NS;
	strcpy(config.pin_dir, pin_dir);
	programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	namespace = (struct namespace){};
	return 0;
}

static int leave(void **state)
{
	(void)state;
	namespace_close(&namespace);
	programs_free(programs);
	programs = NULL;
	return 0;
}

static void open_namespace(void)
{
	struct error error = {};

	if (namespace_open(&namespace, &config, programs, true, &error) != 0)
		fail_msg("%s", error.text);
}

static uint32_t inum(void)
{
	struct stat status;

	assert_int_equal(stat("/proc/self/ns/net", &status), 0);
	return (uint32_t)status.st_ino;
}

/* What the programs are told. */
static struct sieve_netns read_map(uint32_t key)
{
	struct sieve_netns seen = {};
	char path[2 * PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/netns-%d", pin_dir, SIEVE_ABI_VERSION);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	if (bpf_map_lookup_elem(fd, &key, &seen) != 0)
		fail_msg("nothing is published of %u", key);
	close(fd);
	return seen;
}

static void assert_published(enum sieve_connectivity ipv4, enum sieve_connectivity ipv6)
{
	struct sieve_netns seen = read_map(namespace.inum);

	if (seen.connectivity[SIEVE_IPV4] != ipv4 || seen.connectivity[SIEVE_IPV6] != ipv6)
		fail_msg("published are %u and %u, not %d and %d", seen.connectivity[SIEVE_IPV4],
			 seen.connectivity[SIEVE_IPV6], (int)ipv4, (int)ipv6);
}

static void assert_generation_is_the_kernels(void)
{
	struct sieve_netns seen = read_map(namespace.inum);
	uint32_t now[SIEVE_FAMILIES], which;

	assert_int_equal(programs_generation(programs, &which, now), 0);
	assert_int_equal(which, namespace.inum);
	assert_memory_equal(seen.generation, now, sizeof(now));
}

/* What the controller's loop does, for so long. */
static void work_for(uint64_t ns)
{
	uint64_t end = clock_monotonic_ns() + ns, now;

	while ((now = clock_monotonic_ns()) < end) {
		struct pollfd ready = { .fd = rtnl_monitor_fd(namespace.monitor), .events = POLLIN };
		uint64_t due = namespace_due(&namespace);

		if (!due || due > end)
			due = end;
		poll(&ready, 1, due <= now ? 0 : (int)((due - now) / CLOCK_MILLISECOND_NS) + 1);
		if (ready.revents)
			namespace_read(&namespace, clock_monotonic_ns());
		namespace_work(&namespace, clock_monotonic_ns());
	}
}

/* Messages are there as soon as the command has ended; the rest is the pace. */
static void work_until_idle(void)
{
	work_for(100 * CLOCK_MILLISECOND_NS);
}

static void opening_publishes_and_attaches_nothing(void **state)
{
	__u32 ids[4], count = 4;

	(void)state;
	run("ip -4 route add 192.0.2.0/24 dev h0");
	open_namespace();
	assert_int_equal(namespace.inum, inum());
	assert_int_equal(namespace.surveys, 1);
	assert_true(namespace.is_clean);
	assert_published(SIEVE_CONNECTED, SIEVE_USELESS); /* the first survey acts at once */
	assert_generation_is_the_kernels();
	assert_int_equal(namespace.attachments.count, 0);
	if (bpf_prog_query(1, (enum bpf_attach_type)47, 0, NULL, ids, &count) == 0)
		assert_int_equal(count, 0);
}

static void with_neither_family_both_are_offline(void **state)
{
	(void)state;
	open_namespace();
	assert_published(SIEVE_OFFLINE, SIEVE_OFFLINE);
}

static void ipv4_is_useless_where_ipv6_alone_has_routes(void **state)
{
	(void)state;
	run("ip -6 route add 2001:db8::/32 dev h0 proto static");
	open_namespace();
	assert_published(SIEVE_USELESS, SIEVE_CONNECTED);
}

static void the_configured_nat64_is_heeded(void **state)
{
	(void)state;
	config.connectivity.nat64 = CONNECTIVITY_NAT64_YES;
	run("ip -6 route add 2001:db8::/32 dev h0 proto static");
	open_namespace();
	assert_published(SIEVE_NAT64, SIEVE_CONNECTED);
}

static void the_cookie_is_the_namespaces(void **state)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	(void)state;
	assert_true(fd >= 0);
	if (getsockopt(fd, SOL_SOCKET, COOKIE_OPTION, &cookie, &size) != 0)
		cookie = 0;
	close(fd);
	open_namespace();
	assert_int_equal(namespace.cookie, cookie);
	assert_int_equal(read_map(namespace.inum).cookie, cookie);
}

static void a_route_that_comes_acts_at_once(void **state)
{
	(void)state;
	run("ip -4 route add 192.0.2.0/24 dev h0");
	open_namespace();
	run("ip -6 route add 2001:db8::/32 dev h0");
	work_until_idle();
	assert_published(SIEVE_CONNECTED, SIEVE_CONNECTED);
	assert_generation_is_the_kernels();
	assert_true(namespace.seen.family[SIEVE_IPV6].route);
}

static void a_route_that_goes_acts_after_settling(void **state)
{
	uint64_t now;

	(void)state;
	run("ip -4 route add 192.0.2.0/24 dev h0 && ip -6 route add 2001:db8::/32 dev h0");
	open_namespace();
	assert_published(SIEVE_CONNECTED, SIEVE_CONNECTED);
	assert_true(namespace_due(&namespace) > clock_monotonic_ns() + 20 * CLOCK_SECOND_NS);
	run("ip -6 route del 2001:db8::/32 dev h0");
	work_until_idle();
	assert_published(SIEVE_CONNECTED, SIEVE_SETTLING);
	assert_false(namespace.seen.family[SIEVE_IPV6].route);
	now = clock_monotonic_ns();
	assert_in_range(namespace_due(&namespace), now, now + SETTLE_NS);
	work_for(SETTLE_NS);
	assert_published(SIEVE_CONNECTED, SIEVE_USELESS);
	assert_generation_is_the_kernels();
	assert_true(namespace_due(&namespace) > clock_monotonic_ns() + 20 * CLOCK_SECOND_NS);
}

/* Routes that vanish without a message of their own. */
static void a_link_that_goes_down_takes_its_routes_along(void **state)
{
	(void)state;
	config.settle_ns = 0;
	run("ip link add g0 type veth peer name g1 && ip link set dev g1 up && ip link set dev g0 up");
	run("ip -4 route add 192.0.2.0/24 dev h0 && ip -6 route add 2001:db8::/32 dev h0");
	run("ip -4 route add 198.51.100.0/24 dev g0");
	open_namespace();
	run("ip link set dev h0 down");
	work_until_idle();
	assert_published(SIEVE_CONNECTED, SIEVE_USELESS);
	run("ip link del dev g0");
	work_until_idle();
	assert_published(SIEVE_OFFLINE, SIEVE_OFFLINE);
}

static void a_change_is_looked_at_at_once_and_if_need_be_again(void **state)
{
	uint64_t before;

	(void)state;
	open_namespace();
	work_until_idle();
	before = namespace.surveys;
	work_until_idle();
	assert_int_equal(namespace.surveys, before); /* nothing happens without cause */
	run("ip -4 route add 192.0.2.0/24 dev h0");
	namespace_read(&namespace, clock_monotonic_ns());
	namespace_work(&namespace, clock_monotonic_ns());
	assert_int_equal(namespace.surveys, before + 1); /* at once */
	work_until_idle();
	assert_int_equal(namespace.surveys, before + 1); /* the message came behind the route */
	run("ip -4 route del 192.0.2.0/24 dev h0");
	namespace_read(&namespace, clock_monotonic_ns());
	namespace_work(&namespace, clock_monotonic_ns());
	assert_int_equal(namespace.surveys, before + 2); /* at once */
	assert_true(namespace_due(&namespace) < clock_monotonic_ns() + CLOCK_SECOND_NS);
	work_until_idle();
	assert_int_equal(namespace.surveys, before + 3); /* and behind it, for the message may have come before */
}

static void a_storm_is_looked_at_with_pauses(void **state)
{
	uint64_t before;

	(void)state;
	open_namespace();
	work_until_idle();
	before = namespace.surveys;
	for (uint64_t end = clock_monotonic_ns() + 200 * CLOCK_MILLISECOND_NS, now;
	     (now = clock_monotonic_ns()) < end;) {
		namespace_trigger(&namespace, now);
		namespace_work(&namespace, now);
	}
	assert_in_range(namespace.surveys - before, 2, 22); /* PACE_GAP_NS apart */
}

/* A route beside the witness changes nothing for the programs. */
static void a_route_beside_the_witness_needs_no_look(void **state)
{
	uint64_t before;

	(void)state;
	run("ip -4 route add 192.0.2.0/24 dev h0");
	open_namespace();
	work_until_idle();
	before = namespace.surveys;
	run("ip -4 route add 198.51.100.0/24 dev h0");
	work_until_idle();
	assert_int_equal(namespace.surveys, before);
}

static void lost_messages_let_everything_pass_until_the_next_look(void **state)
{
	uint64_t before;

	(void)state;
	config.settle_ns = 0;
	run("echo 1 >/proc/sys/net/ipv6/conf/h0/disable_ipv6"); /* or its addresses are a reason to look, too */
	run("ip -4 route add 192.0.2.0/24 dev h0");
	open_namespace();
	work_until_idle();
	assert_published(SIEVE_CONNECTED, SIEVE_USELESS);
	before = namespace.surveys;
	run("for n in $(seq 0 49999); do echo route add 127.$((n / 250)).$((n %% 250)).0/24 dev h0; done | ip -batch -");
	namespace_read(&namespace, clock_monotonic_ns());
	while (namespace.overflows == 0 && namespace.surveys == before)
		namespace_read(&namespace, clock_monotonic_ns());
	assert_true(namespace.overflows > 0);
	assert_int_equal(namespace.surveys, before);
	assert_published(SIEVE_CONNECTED, SIEVE_CONNECTED);
	work_for(500 * CLOCK_MILLISECOND_NS);
	assert_true(namespace.is_clean);
	assert_published(SIEVE_CONNECTED, SIEVE_USELESS);
	assert_generation_is_the_kernels();
}

/* Were the thread to be elsewhere, nothing it saw could be said of this namespace. */
static void what_is_seen_in_another_namespace_is_not_published(void **state)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(home >= 0);
	config.settle_ns = 0;
	run("ip -4 route add 192.0.2.0/24 dev h0");
	open_namespace();
	fresh_netns();
	namespace_trigger(&namespace, clock_monotonic_ns());
	work_until_idle();
	assert_false(namespace.is_clean);
	assert_published(SIEVE_CONNECTED, SIEVE_CONNECTED);
	assert_true(namespace_due(&namespace) > 0); /* it is tried again */
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	work_until_idle();
	assert_true(namespace.is_clean);
	assert_published(SIEVE_CONNECTED, SIEVE_USELESS);
	close(home);
}

static void a_look_clears_the_wake_up_call(void **state)
{
	struct sieve_netns seen;

	(void)state;
	open_namespace();
	seen = read_map(namespace.inum);
	seen.wake = 1; /* as a program does */
	assert_int_equal(programs_set_netns(programs, namespace.inum, &seen), 0);
	namespace_trigger(&namespace, clock_monotonic_ns());
	work_until_idle();
	assert_int_equal(read_map(namespace.inum).wake, 0);
}

static const struct connectivity_family *detail_of(enum sieve_family family)
{
	static struct connectivity detail;

	assert_int_equal(namespace_detail(&namespace, CLOCK_SECOND_NS, &detail), 0);
	assert_true(detail.complete);
	return &detail.family[family];
}

static void details_are_there_when_asked_for(void **state)
{
	(void)state;
	run("ip -4 route add 192.0.2.0/24 dev h0");
	open_namespace();
	assert_false(namespace.seen.complete);
	assert_false(detail_of(SIEVE_IPV4)->is_default);
	assert_false(detail_of(SIEVE_IPV4)->address);
	assert_false(namespace.seen.complete); /* what the verdict rests on is not touched */
	run("ip -4 addr add 198.51.100.1/24 dev h0");
	work_until_idle();
	assert_true(detail_of(SIEVE_IPV4)->address);
}

/* The family stands on a witness, so the verdict needs no look; what people are shown does. */
static void details_follow_routes_that_do_not_matter_to_the_verdict(void **state)
{
	(void)state;
	run("ip -4 route add 192.0.2.0/24 dev h0");
	open_namespace();
	assert_false(detail_of(SIEVE_IPV4)->is_default);
	run("ip -4 route add default dev h0 metric 50");
	work_until_idle();
	assert_true(detail_of(SIEVE_IPV4)->is_default);
}

static void interfaces_that_come_are_attached_to_from_then_on(void **state)
{
	struct error error = {};

	(void)state;
	open_namespace();
	run("ip link add early0 type veth peer name early1");
	work_until_idle();
	assert_int_equal(namespace.attachments.count, 0);
	assert_int_equal(namespace_attach(&namespace, false, &error), 0);
	assert_int_equal(namespace.attachments.count, 5);
	run("ip link add late0 type veth peer name late1");
	work_until_idle();
	assert_int_equal(namespace.attachments.count, 7);
	run("ip link del dev late0");
	work_until_idle();
	assert_int_equal(namespace.attachments.count, 5);
}

/* What goes to stderr meanwhile; the text is the caller's. */
static char *complaints_while(void (*action)(void))
{
	int file = open(SANDBOX, O_TMPFILE | O_RDWR, 0600), saved = dup(2);
	char *text = calloc(1, 65536);

	assert_true(file >= 0 && saved >= 0 && text);
	fflush(stderr);
	dup2(file, 2);
	action();
	dup2(saved, 2);
	assert_true(pread(file, text, 65535, 0) >= 0);
	close(saved);
	close(file);
	return text;
}

static void make_two_in_the_way(void)
{
	for (int i = 0; i < 3; i++) {
		run("ip link add bad0 type veth peer name bad1 && tc qdisc add dev bad0 ingress");
		work_until_idle();
		run("ip link set dev bad0 up");
		work_until_idle();
		run("ip link del dev bad0");
		work_until_idle();
	}
}

static void what_cannot_be_attached_to_is_told_of_once(void **state)
{
	struct error error = {};
	char *text, *found;
	int times = 0;

	(void)state;
	open_namespace();
	assert_int_equal(namespace_attach(&namespace, false, &error), 0);
	text = complaints_while(make_two_in_the_way);
	for (found = text; (found = strstr(found, "cannot attach to bad0")); found++)
		times++;
	if (times != 1)
		fail_msg("told %d times: %s", times, text);
	free(text);
}

static void closing_leaves_attachments_and_no_descriptor(void **state)
{
	unsigned int before = count_descriptors();
	struct connectivity detail;
	struct error error = {};

	(void)state;
	for (int i = 0; i < 3; i++) {
		open_namespace();
		assert_int_equal(namespace_attach(&namespace, false, &error), 0);
		work_until_idle();
		namespace_detail(&namespace, CLOCK_SECOND_NS, &detail);
		namespace_close(&namespace);
	}
	assert_int_equal(count_descriptors(), before);
	run("test -n \"$(ls %s | grep tcx-)\" || tc filter show dev lo egress | grep -q sieve", pin_dir);
	assert_int_equal(pins_sweep(pin_dir, NULL, NULL, &error), 0);
}

static void what_is_removed_is_detached_and_withdrawn(void **state)
{
	char path[2 * PATH_MAX];
	struct sieve_netns seen;
	uint32_t key = inum();
	struct error error = {};
	int fd;

	(void)state;
	open_namespace();
	assert_int_equal(namespace_attach(&namespace, false, &error), 0);
	run("tc filter show dev h0 egress | grep -q sieve_egress");
	namespace_remove(&namespace);
	run("! tc filter show dev h0 egress | grep -q sieve_egress");
	snprintf(path, sizeof(path), "%s/netns-%d", pin_dir, SIEVE_ABI_VERSION);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	assert_int_not_equal(bpf_map_lookup_elem(fd, &key, &seen), 0);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opening_publishes_and_attaches_nothing),
		TEST(with_neither_family_both_are_offline),
		TEST(ipv4_is_useless_where_ipv6_alone_has_routes),
		TEST(the_configured_nat64_is_heeded),
		TEST(the_cookie_is_the_namespaces),
		TEST(a_route_that_comes_acts_at_once),
		TEST(a_route_that_goes_acts_after_settling),
		TEST(a_link_that_goes_down_takes_its_routes_along),
		TEST(a_change_is_looked_at_at_once_and_if_need_be_again),
		TEST(a_storm_is_looked_at_with_pauses),
		TEST(a_route_beside_the_witness_needs_no_look),
		TEST(lost_messages_let_everything_pass_until_the_next_look),
		TEST(what_is_seen_in_another_namespace_is_not_published),
		TEST(a_look_clears_the_wake_up_call),
		TEST(details_are_there_when_asked_for),
		TEST(details_follow_routes_that_do_not_matter_to_the_verdict),
		TEST(interfaces_that_come_are_attached_to_from_then_on),
		TEST(what_cannot_be_attached_to_is_told_of_once),
		TEST(what_is_removed_is_detached_and_withdrawn),
		TEST(closing_leaves_attachments_and_no_descriptor),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
