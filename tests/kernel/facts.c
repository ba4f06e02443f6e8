/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the decision knows of the state and the policy, as the programs find it in maps and in the kernel. */
#include "error.h" /* before cmocka's macro of the name fail */
#include "harness.h"

#include <limits.h>
#include <net/route.h>

#include "mounts.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif

static struct filter filter;

static int load_usual(void **state)
{
	const struct sieve_policy policy = usual_policy();

	(void)state;
	load_filter(&filter, &policy);
	return 0;
}

static int unload(void **state)
{
	(void)state;
	unload_filter(&filter);
	return 0;
}

/* For one case: the same tests under another policy. */
static void reload(const struct sieve_policy *policy)
{
	unload_filter(&filter);
	load_filter(&filter, policy);
}

static void each_connectivity_has_its_reason_for_each_family(void **state)
{
	static const enum sieve_reason reasons[] = {
		[SIEVE_CONNECTED] = SIEVE_REASON_connected, [SIEVE_OFFLINE] = SIEVE_REASON_offline,
		[SIEVE_SETTLING] = SIEVE_REASON_settling,   [SIEVE_NAT64] = SIEVE_REASON_nat64,
		[SIEVE_USELESS] = SIEVE_REASON_NONE,	    [SIEVE_USELESS + 1] = SIEVE_REASON_connected,
	};

	(void)state;
	for (enum sieve_family family = 0; family < SIEVE_FAMILIES; family++)
		for (__u8 value = 0; value < ARRAY_SIZE(reasons); value++) {
			struct sieve_netns published = filter.state;

			published.connectivity[family] = value;
			published.connectivity[!family] = SIEVE_USELESS - value;
			publish(&filter, &published);
			if (reasons[value])
				expect_passed("connectivity", &filter, family, (int)reasons[value]);
			else
				expect_answered("connectivity", &filter, family);
		}
}

static void an_ipv4_only_host_answers_aaaa_and_an_ipv6_only_host_a(void **state)
{
	struct sieve_netns published = filter.state;

	(void)state;
	published.connectivity[SIEVE_IPV4] = SIEVE_CONNECTED;
	publish(&filter, &published);
	expect_answered("AAAA without IPv6", &filter, SIEVE_IPV6);
	expect_passed("A with IPv4", &filter, SIEVE_IPV4, SIEVE_REASON_connected);
	published.connectivity[SIEVE_IPV4] = SIEVE_USELESS;
	published.connectivity[SIEVE_IPV6] = SIEVE_CONNECTED;
	publish(&filter, &published);
	expect_answered("A without IPv4", &filter, SIEVE_IPV4);
	expect_passed("AAAA with IPv6", &filter, SIEVE_IPV6, SIEVE_REASON_connected);
}

static void an_unknown_namespace_passes(void **state)
{
	const __u32 other = namespace_inum + 1;

	(void)state;
	expect_answered("known", &filter, SIEVE_IPV6);
	forget_namespace(&filter);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(filter.skel->maps.netns), &other, &filter.state, BPF_ANY), 0);
	expect_passed("another one is known", &filter, SIEVE_IPV6, SIEVE_REASON_unknown_netns);
	publish(&filter, &filter.state);
	expect_answered("known again", &filter, SIEVE_IPV6);
}

static __u64 namespace_cookie(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	__u64 cookie = 0;
	socklen_t length = sizeof(cookie);

	assert_true(fd >= 0);
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length))
		cookie = 0;
	close(fd);
	return cookie;
}

/* Inode numbers of namespaces are reused at once. */
static void a_state_of_an_older_namespace_with_this_number_passes(void **state)
{
	struct sieve_netns published = filter.state;

	(void)state;
	published.cookie = namespace_cookie();
	if (!published.cookie)
		skip(); /* before 5.14 */
	publish(&filter, &published);
	expect_answered("its cookie", &filter, SIEVE_IPV6);
	published.cookie++;
	publish(&filter, &published);
	expect_passed("another cookie", &filter, SIEVE_IPV6, SIEVE_REASON_unknown_netns);
	published.cookie = 0;
	publish(&filter, &published);
	expect_answered("no cookie known", &filter, SIEVE_IPV6);
}

static void a_stale_heartbeat_lets_everything_pass(void **state)
{
	struct sieve_policy policy = usual_policy();

	(void)state;
	policy.stale_after_ns = 2 * SECOND; /* a machine that has just booted has no longer past */
	reload(&policy);
	stamp_heartbeat(&filter, monotonic_ns() - policy.stale_after_ns + SECOND);
	expect_answered("a second before it is stale", &filter, SIEVE_IPV6);
	stamp_heartbeat(&filter, monotonic_ns() - policy.stale_after_ns - SECOND / 10); /* the clock has ticks */
	expect_passed("a tenth of a second after it is stale", &filter, SIEVE_IPV6, SIEVE_REASON_stale);
	expect_passed("A as well", &filter, SIEVE_IPV4, SIEVE_REASON_stale);
	stamp_heartbeat(&filter, monotonic_ns() + SECOND);
	expect_answered("stamped while the program runs", &filter, SIEVE_IPV6);
}

static void a_heartbeat_that_was_never_stamped_is_stale(void **state)
{
	struct sieve_policy policy = usual_policy();

	(void)state;
	policy.stale_after_ns = SECOND;
	reload(&policy);
	stamp_heartbeat(&filter, 0);
	expect_passed("never stamped", &filter, SIEVE_IPV6, SIEVE_REASON_stale);
	stamp_heartbeat(&filter, monotonic_ns());
	expect_answered("stamped", &filter, SIEVE_IPV6);
}

/* The usual query of the expect_ functions, for names of several lengths: every hook knows the same moment as we do. */
static void a_ramp_lets_a_name_pass_from_its_moment_on(void **state)
{
	const __u64 ramp = 100 * SECOND; /* a machine that has just booted has no longer past */
	struct sieve_policy policy = usual_policy();
	struct outcome outcome;
	struct message answer;
	struct packet packet;
	__u64 moment;

	(void)state;
	policy.ramp_seed = 0x12345678;
	reload(&policy);
	for (__u16 type = SIEVE_TYPE_A; type <= SIEVE_TYPE_AAAA; type += SIEVE_TYPE_AAAA - SIEVE_TYPE_A) {
		const struct message_plan plan = { .qtype = type, .edns = true };
		struct message message;

		make_message(&plan, &message);
		moment = ramp_moment(&message, ramp, policy.ramp_seed);
		assert_in_range(moment, 10 * SECOND, 90 * SECOND); /* choose another seed */
		begin_ramp(&filter, moment - 2 * SECOND, ramp);
		expect_answered("before its moment", &filter, plan_family(&plan));
		begin_ramp(&filter, moment + SECOND / 10, ramp); /* the clock has ticks */
		expect_passed("from its moment on", &filter, plan_family(&plan), SIEVE_REASON_ramp);
		begin_ramp(&filter, ramp, ramp);
		expect_passed("at the end", &filter, plan_family(&plan), SIEVE_REASON_ramp);
	}
	stamp_heartbeat(&filter, monotonic_ns());
	usual_query(4, SIEVE_IPV6, &packet, &answer);
	run_packet(&filter, HOOK_EGRESS, tap_ifindex, &packet, &outcome);
	check_answered("without a ramp", tap_ifindex, &packet, &answer, SIEVE_IPV6, &outcome);
}

/* A query of each length of name, so that the name ends at every octet of a word. */
static void the_kernel_and_the_host_know_the_same_moment_of_every_name(void **state)
{
	const __u64 ramp = 60 * SECOND, elapsed = 30 * SECOND;
	struct sieve_policy policy = usual_policy();
	int passed = 0;

	(void)state;
	policy.ramp_seed = 99;
	reload(&policy);
	begin_ramp(&filter, elapsed, ramp);
	for (__u8 length = 1; length <= 4 * SIEVE_LABEL_MAX - 5; length++) {
		const struct packet_plan packet_plan = { .version = 4 };
		struct message_plan plan = { .label_lengths = { length } };
		struct message message;
		struct outcome outcome;
		struct packet packet;
		bool is_late;

		for (size_t i = 0; i < 3 && plan.label_lengths[i] > SIEVE_LABEL_MAX; i++) {
			plan.label_lengths[i + 1] = plan.label_lengths[i] - SIEVE_LABEL_MAX;
			plan.label_lengths[i] = SIEVE_LABEL_MAX;
		}
		make_message(&plan, &message);
		make_packet(&packet_plan, &message, &packet);
		is_late = ramp_moment(&message, ramp, policy.ramp_seed) > elapsed + SECOND; /* too near: either */
		run_packet(&filter, HOOK_EGRESS, tap_ifindex, &packet, &outcome);
		if (is_late)
			assert_int_equal(outcome.counter, SIEVE_COUNTER_ANSWERED + SIEVE_IPV6);
		else if (ramp_moment(&message, ramp, policy.ramp_seed) + SECOND / 10 <= elapsed)
			assert_int_equal(outcome.counter, SIEVE_REASON_ramp);
		passed += !is_late;
	}
	assert_in_range(passed, 80, 167); /* of 247 */
}

static int count_event(void *seen, void *data, size_t size)
{
	const struct sieve_event *event = data;

	if (size != sizeof(*event) || event->netns != namespace_inum)
		return -EINVAL;
	++*(int *)seen;
	return 0;
}

static int read_events(void)
{
	int seen = 0, consumed;
	struct ring_buffer *ring = ring_buffer__new(bpf_map__fd(filter.skel->maps.events), count_event, &seen, NULL);

	assert_non_null(ring);
	consumed = ring_buffer__consume(ring);
	assert_int_equal(consumed, seen);
	ring_buffer__free(ring);
	return seen;
}

static struct sieve_netns read_state(void)
{
	struct sieve_netns published;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(filter.skel->maps.netns), &namespace_inum, &published), 0);
	return published;
}

/* `asked` passes once the routes of `changed` have another generation, and wakes the controller once. */
static void check_changed(enum sieve_family asked, enum sieve_family changed, __u32 difference)
{
	struct sieve_netns published = filter.state;

	published.generation[changed] += difference;
	publish(&filter, &published);
	expect_passed("the routes changed", &filter, asked, SIEVE_REASON_changed);
	assert_int_equal(read_state().wake, 1);
	assert_int_equal(read_events(), 1); /* for eight packets */
	expect_passed("still", &filter, asked, SIEVE_REASON_changed);
	assert_int_equal(read_events(), 0);
	publish(&filter, &published);
	expect_passed("the controller wrote, but the routes changed again", &filter, asked, SIEVE_REASON_changed);
	assert_int_equal(read_events(), 1);
	publish(&filter, &filter.state);
	expect_answered("the controller has looked", &filter, asked);
	assert_int_equal(read_events(), 0);
}

static void another_generation_of_the_asked_family_passes_and_wakes_the_controller_once(void **state)
{
	(void)state;
	check_changed(SIEVE_IPV4, SIEVE_IPV4, 1);
	check_changed(SIEVE_IPV6, SIEVE_IPV6, 1);
	check_changed(SIEVE_IPV4, SIEVE_IPV4, (__u32)-1);
	check_changed(SIEVE_IPV6, SIEVE_IPV6, 0x80000000);
}

/* Whether A may be answered depends on IPv6 as well: its routes tell whether there may be a NAT64. */
static void changed_ipv6_routes_let_a_pass_but_changed_ipv4_routes_do_not_let_aaaa(void **state)
{
	struct sieve_netns published = filter.state;

	(void)state;
	check_changed(SIEVE_IPV4, SIEVE_IPV6, 1);
	published.generation[SIEVE_IPV4]++;
	publish(&filter, &published);
	expect_answered("AAAA rests on IPv6 alone", &filter, SIEVE_IPV6);
	assert_int_equal(read_state().wake, 0);
	assert_int_equal(read_events(), 0);
}

/* A query that passes anyway costs no wake-up. */
static void a_query_of_a_connected_family_does_not_wake_the_controller(void **state)
{
	struct sieve_netns published = filter.state;

	(void)state;
	published.connectivity[SIEVE_IPV6] = SIEVE_CONNECTED;
	published.generation[SIEVE_IPV6]++;
	publish(&filter, &published);
	expect_passed("connected", &filter, SIEVE_IPV6, SIEVE_REASON_connected);
	assert_int_equal(read_state().wake, 0);
	assert_int_equal(read_events(), 0);
}

static void add_ipv6_route(void)
{
	struct in6_rtmsg route = { .rtmsg_dst_len = 32, .rtmsg_metric = 1024, .rtmsg_ifindex = LOOPBACK,
				   .rtmsg_flags = RTF_UP };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET6, "2001:db8::", &route.rtmsg_dst), 1);
	assert_int_equal(ioctl(fd, SIOCADDRT, &route), 0);
	close(fd);
}

static void set_ipv4_address(const char *name, const char *text)
{
	struct ifreq request = {};
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, text, &address.sin_addr), 1);
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	memcpy(&request.ifr_addr, &address, sizeof(address));
	assert_int_equal(ioctl(fd, SIOCSIFADDR, &request), 0);
	close(fd);
}

static void a_route_that_the_kernel_added_lets_the_next_query_pass(void **state)
{
	(void)state;
	expect_answered("A before", &filter, SIEVE_IPV4);
	set_ipv4_address("lo:1", "192.0.2.10");
	expect_passed("an IPv4 address was added", &filter, SIEVE_IPV4, SIEVE_REASON_changed);
	expect_answered("AAAA is not concerned", &filter, SIEVE_IPV6);
	add_ipv6_route();
	expect_passed("an IPv6 route was added", &filter, SIEVE_IPV6, SIEVE_REASON_changed);
	read_generations(&filter, filter.state.generation);
	publish(&filter, &filter.state);
	expect_answered("the controller has looked at IPv6", &filter, SIEVE_IPV6);
	expect_answered("and at IPv4", &filter, SIEVE_IPV4);
}

static void families_of_the_policy_leave_the_other_alone(void **state)
{
	struct sieve_policy policy = usual_policy();

	(void)state;
	policy.families = 1 << SIEVE_IPV6;
	reload(&policy);
	expect_answered("AAAA only", &filter, SIEVE_IPV6);
	expect_passed("AAAA only", &filter, SIEVE_IPV4, SIEVE_REASON_family);
	policy.families = 1 << SIEVE_IPV4;
	reload(&policy);
	expect_answered("A only", &filter, SIEVE_IPV4);
	expect_passed("A only", &filter, SIEVE_IPV6, SIEVE_REASON_family);
}

/* Run a message of one's own over both IP versions on the tap; `answer` NULL: it passes. */
static void check_message(const char *phrase, const struct message_plan *plan, const struct message *answer,
			  int reason)
{
	struct outcome outcome;
	struct message message;
	struct packet packet;

	make_message(plan, &message);
	for (int version = 4; version <= 6; version += 2) {
		make_packet(&(struct packet_plan){ .version = version }, &message, &packet);
		for (enum hook hook = 0; hook < HOOKS; hook++) {
			if (hook == HOOK_CGROUP)
				continue;
			run_packet(&filter, hook, tap_ifindex, &packet, &outcome);
			if (answer)
				check_answered(phrase, tap_ifindex, &packet, answer, plan_family(plan), &outcome);
			else
				check_passed(phrase, hook, &packet, &outcome, reason);
		}
		run_packet(&filter, HOOK_CGROUP, tap_ifindex, &packet, &outcome);
		check_passed(phrase, HOOK_CGROUP, &packet, &outcome,
			     answer ? SIEVE_COUNTER_OBSERVED + (int)plan_family(plan) : reason);
	}
}

static void do_is_answered_where_the_policy_says_so_and_copied(void **state)
{
	const struct message_plan plan = { .edns = true, .edns_flags = 0xffff, .options = OCTETS(COOKIE_24),
					   .cookie = OCTETS(COOKIE_24) };
	struct sieve_policy policy = usual_policy();
	struct message answer;

	(void)state;
	make_answer(&plan, true, &answer);
	check_message("dnssec = pass", &plan, NULL, SIEVE_REASON_dnssec);
	policy.dnssec_answer = 1;
	reload(&policy);
	check_message("dnssec = answer", &plan, &answer, 0);
}

static void without_extended_errors_the_answer_has_none(void **state)
{
	struct sieve_policy policy = usual_policy();
	struct message answer;

	(void)state;
	policy.extended_error = 0;
	reload(&policy);
	for (size_t i = 0; i < ARRAY_SIZE(message_pairs); i++) {
		make_answer(&message_pairs[i].plan, false, &answer);
		check_message(message_pairs[i].phrase, &message_pairs[i].plan, &answer, 0);
	}
}

static void a_family_that_is_always_asked_under_a_suffix_passes(void **state)
{
	const struct message_plan aaaa = { .qname = "www.corp.example" },
				  a = { .qname = "www.corp.example", .qtype = SIEVE_TYPE_A },
				  outside = { .qname = "www.corpexample" };
	struct message answer;

	(void)state;
	add_name(&filter, "corp.example", SIEVE_NAME_ASK_AAAA);
	check_message("AAAA is asked", &aaaa, NULL, SIEVE_REASON_asked);
	make_answer(&a, true, &answer);
	check_message("A is not", &a, &answer, 0);
	make_answer(&outside, true, &answer);
	check_message("a name that looks so", &outside, &answer, 0);
	add_name(&filter, "corp.example", SIEVE_NAME_ASK_A);
	check_message("A is asked", &a, NULL, SIEVE_REASON_asked);
	make_answer(&aaaa, true, &answer);
	check_message("AAAA is not", &aaaa, &answer, 0);
	add_name(&filter, "corp.example", SIEVE_NAME_ASK_A | SIEVE_NAME_ASK_AAAA | SIEVE_NAME_EXEMPT);
	check_message("exempt comes first", &a, NULL, SIEVE_REASON_exempt_name);
}

/* Each of them says that something is never answered, so a longer one takes nothing back. */
static void what_is_said_of_any_suffix_of_a_name_holds(void **state)
{
	const struct message_plan aaaa = { .qname = "a.sub.corp.example" },
				  a = { .qname = "a.sub.corp.example", .qtype = SIEVE_TYPE_A },
				  exempt = { .qname = "a.printer.local" };

	(void)state;
	add_name(&filter, "corp.example", SIEVE_NAME_ASK_AAAA);
	add_name(&filter, "sub.corp.example", SIEVE_NAME_ASK_A);
	add_name(&filter, "printer.local", SIEVE_NAME_ASK_A);
	check_message("asked under the longer suffix", &a, NULL, SIEVE_REASON_asked);
	check_message("asked under the shorter suffix", &aaaa, NULL, SIEVE_REASON_asked);
	check_message("exempt under the shorter suffix", &exempt, NULL, SIEVE_REASON_exempt_name);
}

static void a_suffix_counts_only_at_a_depth_of_the_policy(void **state)
{
	const struct message_plan four = { .qname = "x.a.b.c.d" }, sixteen = { .qname = "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p" };
	struct sieve_policy policy = usual_policy();
	struct message answer;

	(void)state;
	add_name(&filter, "a.b.c.d", SIEVE_NAME_EXEMPT);
	make_answer(&four, true, &answer);
	check_message("four labels are not looked for", &four, &answer, 0);
	policy.suffix_depths = 1U << 4 | 1U << SIEVE_SUFFIX_LABELS_MAX; /* not 1 to 3 */
	reload(&policy);
	make_answer(&sixteen, true, &answer);
	check_message("sixteen labels", &sixteen, &answer, 0);
	add_name(&filter, "a.b.c.d", SIEVE_NAME_EXEMPT);
	add_name(&filter, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p", SIEVE_NAME_EXEMPT);
	check_message("four labels are looked for", &four, NULL, SIEVE_REASON_exempt_name);
	check_message("the longest suffix there is", &sixteen, NULL, SIEVE_REASON_exempt_name);
}

/* The bits spare most names the look into the map: those of the listed suffixes find all that is listed. */
static void suffixes_are_found_with_the_bits_of_their_keys_and_not_without(void **state)
{
	static __u64 summary[SIEVE_SUFFIX_BITS / 64];
	struct sieve_policy policy = usual_policy();
	struct message answer;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(exempt_names); i++) {
		const struct message_plan plan = { .qname = exempt_names[i] };
		__u32 bit = sieve_suffix_bit(suffix_key(&plan));

		summary[bit / 64] |= 1ULL << bit % 64;
	}
	suffix_summary = summary;
	reload(&policy);
	for (size_t i = 0; i < ARRAY_SIZE(name_pairs); i++) {
		make_answer(&name_pairs[i].plan, true, &answer);
		check_message(name_pairs[i].phrase, &name_pairs[i].plan, &answer, 0);
		check_message(name_pairs[i].exempt_phrase, &name_pairs[i].exempt, NULL, SIEVE_REASON_exempt_name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(summary); i++)
		summary[i] = ~summary[i];
	reload(&policy);
	suffix_summary = NULL;
	make_answer(&name_pairs[0].exempt, true, &answer);
	check_message("a key without its bit", &name_pairs[0].exempt, &answer, 0);
}

/* The cgroup of this process, in which the socket of a test run's packet is as well. */
static __u64 own_cgroup_id(void)
{
	char mount[PATH_MAX], path[PATH_MAX], whole[2 * PATH_MAX];
	struct error error;
	struct stat self;

	assert_int_equal(mounts_find_cgroup2(mount, sizeof(mount), &error), 0);
	assert_true(mounts_cgroup_of(getpid(), path, sizeof(path)));
	snprintf(whole, sizeof(whole), "%s%s", mount, path);
	assert_int_equal(stat(whole, &self), 0);
	return self.st_ino;
}

static void list_server(__u64 cgroup, __u32 kinds)
{
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(filter.skel->maps.servers), &cgroup, &kinds, BPF_ANY), 0);
}

/* What this host's own sockets ask; what is asked by clients behind a gateway has nothing to do with it. */
static void expect_serves_others(const char *phrase)
{
	struct outcome outcome;
	struct message answer;
	struct packet packet;

	for (int version = 4; version <= 6; version += 2)
		for (enum hook hook = 0; hook < HOOKS; hook++) {
			usual_query(version, SIEVE_IPV6, &packet, &answer);
			run_packet(&filter, hook, tap_ifindex, &packet, &outcome);
			if (hook == HOOK_GATEWAY)
				check_answered(phrase, tap_ifindex, &packet, &answer, SIEVE_IPV6, &outcome);
			else
				check_passed(phrase, hook, &packet, &outcome, SIEVE_REASON_serves_others);
		}
}

static void what_a_listed_server_asks_passes_unless_it_serves_loopback_alone(void **state)
{
	struct sieve_policy policy = usual_policy();
	__u64 own = own_cgroup_id();

	(void)state;
	list_server(own + 1, SIEVE_SERVER_OTHERS);
	list_server(own - 1, SIEVE_SERVER_OTHERS);
	expect_answered("servers in other cgroups", &filter, SIEVE_IPV6);
	list_server(own, SIEVE_SERVER_OTHERS);
	expect_serves_others("a server for others");
	list_server(own, SIEVE_SERVER_LOOPBACK);
	expect_answered("a server on loopback", &filter, SIEVE_IPV6);
	list_server(own, SIEVE_SERVER_OTHERS | SIEVE_SERVER_LOOPBACK);
	expect_serves_others("a server on loopback, and for others");
	policy.filter_servers = 1;
	reload(&policy);
	list_server(own, SIEVE_SERVER_OTHERS);
	expect_answered("filter-servers", &filter, SIEVE_IPV6);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, load_usual, unload)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_connectivity_has_its_reason_for_each_family),
		TEST(an_ipv4_only_host_answers_aaaa_and_an_ipv6_only_host_a),
		TEST(an_unknown_namespace_passes),
		TEST(a_state_of_an_older_namespace_with_this_number_passes),
		TEST(a_stale_heartbeat_lets_everything_pass),
		TEST(a_heartbeat_that_was_never_stamped_is_stale),
		TEST(a_ramp_lets_a_name_pass_from_its_moment_on),
		TEST(the_kernel_and_the_host_know_the_same_moment_of_every_name),
		TEST(another_generation_of_the_asked_family_passes_and_wakes_the_controller_once),
		TEST(changed_ipv6_routes_let_a_pass_but_changed_ipv4_routes_do_not_let_aaaa),
		TEST(a_query_of_a_connected_family_does_not_wake_the_controller),
		TEST(a_route_that_the_kernel_added_lets_the_next_query_pass),
		TEST(families_of_the_policy_leave_the_other_alone),
		TEST(do_is_answered_where_the_policy_says_so_and_copied),
		TEST(without_extended_errors_the_answer_has_none),
		TEST(a_family_that_is_always_asked_under_a_suffix_passes),
		TEST(what_is_said_of_any_suffix_of_a_name_holds),
		TEST(a_suffix_counts_only_at_a_depth_of_the_policy),
		TEST(suffixes_are_found_with_the_bits_of_their_keys_and_not_without),
		TEST(what_a_listed_server_asks_passes_unless_it_serves_loopback_alone),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
