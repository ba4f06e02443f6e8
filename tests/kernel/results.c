/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The response program by BPF_PROG_TEST_RUN: messages, the datagrams they come in, and what is published. */
#include "results.h"

static void addresses_without_a_route_go(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(response_pairs); i++)
		cut(response_pairs[i].phrase, &response_pairs[i].plan);
}

static void their_twins_stay_under_their_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(response_pairs); i++)
		stay(response_pairs[i].twin_phrase, &response_pairs[i].twin, response_pairs[i].reason);
}

/* Lengths of every remainder, from one record that goes to all that fit: the sums take whole words. */
static void messages_of_every_length_have_the_right_sums(void **state)
{
	struct record_plan plans[RECORDS_MAX] = {};
	struct response_plan plan = { .records = plans };
	char text[] = "1234567890123456789012345678901234567";

	(void)state;
	for (size_t label = 1; label <= 9; label++)
		for (size_t tail = 1; tail <= 5; tail++)
			for (size_t records = 2; records < 90; records += 1 + records / 3) {
				plan.question.label_lengths[0] = (__u8)label;
				for (size_t i = 0; i < records; i++)
					plans[i] = (struct record_plan){ .address = i % 7 == 3 ? ROUTED4 : LOST4 };
				plans[records] = (struct record_plan){ .type = 16, .data = { text, tail } };
				plan.count = records + 1;
				cut("a length", &plan);
			}
}

static void messages_up_to_1472_octets_are_looked_at(void **state)
{
	struct record_plan plans[RECORDS_MAX] = {};
	struct response_plan plan = { .records = plans };

	(void)state;
	for (size_t i = 0; i < RECORDS_MAX; i++)
		plans[i].address = LOST4;
	plan.count = 90;
	plan.question.label_lengths[0] = 1472 - 12 - 3 - 4 - 90 * 16 + 1;
	cut("1,472 octets", &plan);
	plan.question.label_lengths[0]++;
	stay("1,473 octets", &plan, SIEVE_RESPONSE_oversized);
}

struct datagram_case {
	const char *phrase;
	struct packet_plan plan; /* beside from_server */
	enum sieve_response response; /* NONE: uncounted, or, with `is_cut`, cut */
	bool is_cut;
};

static const struct datagram_case datagram_cases[] = {
	{ "options of IPv4", { .version = 4, .options = OCTETS("\1\1\1\0") }, 0, true },
	{ "a source route", { .version = 4, .options = OCTETS("\203\3\4\0") }, SIEVE_RESPONSE_datagram, false },
	{ "hop-by-hop options", { .version = 6, .extensions = OCTETS("\21\0\1\4\0\0\0\0"),
	    .first_extension = IPPROTO_HOPOPTS }, 0, true },
	{ "a routing header", { .version = 6, .extensions = OCTETS("\21\0\0\0\0\0\0\0"),
	    .first_extension = IPPROTO_ROUTING },
	  SIEVE_RESPONSE_datagram, false },
	{ "a fragment header", { .version = 6, .extensions = OCTETS("\21\0\0\1\0\0\0\1"),
	    .first_extension = IPPROTO_FRAGMENT },
	  SIEVE_RESPONSE_datagram, false },
	{ "the first fragment", { .version = 4, .fragment = 0x2000 }, SIEVE_RESPONSE_datagram, false },
	{ "another fragment", { .version = 4, .fragment = 0x00b9 }, 0, false },
	{ "DF", { .version = 4, .fragment = 0x4000 }, 0, true },
	{ "no UDP checksum", { .version = 4, .no_checksum = true }, 0, true },
	{ "no UDP checksum in IPv6", { .version = 6, .no_checksum = true }, SIEVE_RESPONSE_failed, false },
	{ "padding behind", { .version = 4, .behind = 18 }, 0, true },
	{ "padding behind IPv6", { .version = 6, .behind = 7 }, 0, true },
	{ "a UDP length that is too short", { .version = 4, .udp_length = -1 }, SIEVE_RESPONSE_datagram, false },
	{ "a UDP length that is too long", { .version = 6, .udp_length = 1 }, SIEVE_RESPONSE_datagram, false },
	{ "a UDP length below its header", { .version = 4, .udp_length = -100 }, SIEVE_RESPONSE_datagram, false },
	{ "an IP length that is too long", { .version = 4, .ip_length = 4 }, SIEVE_RESPONSE_datagram, false },
	{ "an IP length that is too short", { .version = 6, .ip_length = -4 }, SIEVE_RESPONSE_datagram, false },
	{ "a frame that is cut short", { .version = 4, .missing = 1 }, SIEVE_RESPONSE_datagram, false },
	{ "a frame of IPv6 that is cut short", { .version = 6, .missing = 9 }, SIEVE_RESPONSE_datagram, false },
	{ "two in one buffer", { .version = 4, .gso_segs = 2, .gso_size = 60 }, SIEVE_RESPONSE_datagram, false },
	{ "TCP", { .version = 4, .tcp_flags = TCP_SYN }, 0, false },
	{ "TCP that accepts", { .version = 6, .tcp_flags = TCP_SYN | TCP_ACK }, 0, false },
	{ "from another port", { .version = 4, .source_port = 5353 }, 0, false },
	{ "from another port to 53", { .version = 6, .source_port = OUR_PORT, .destination_port = 53 }, 0, false },
	{ "another IP version in the header", { .version = 4, .ip_version = 5 }, 0, false },
	{ "another type of frame", { .version = 6, .ether_type = 0x88b5 }, 0, false },
};

static struct packet_plan merge(const struct packet_plan *plan)
{
	struct packet_plan merged = *plan;
	const struct packet_plan *usual = &from_server[plan->version == 6];

	merged.source = usual->source;
	merged.destination = usual->destination;
	if (!merged.source_port)
		merged.source_port = usual->source_port;
	if (!merged.destination_port)
		merged.destination_port = usual->destination_port;
	return merged;
}

static void datagrams_are_taken_whole_or_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(datagram_cases); i++) {
		const struct datagram_case *one = &datagram_cases[i];
		struct packet_plan plan = merge(&one->plan);

		if (one->is_cut)
			cut_in(one->phrase, &plan, &lost);
		else
			stay_in(one->phrase, &plan, &lost, one->response);
	}
}

static void frames_to_others_are_not_counted(void **state)
{
	static const __u8 other[ETH_ALEN] = { 0x02, 0, 0, 0, 0, 0x54 };
	struct packet packet, want;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct packet_plan plan = from_server[i];

		plan.mac = other;
		make_response_packet(&plan, &lost, &packet);
		want = packet;
		check_run("to another MAC address", tap_ifindex, &packet, &want, &lost, SIEVE_RESPONSE_NONE);
	}
}

static void what_is_published_decides(void **state)
{
	const struct response_plan mapped = { RECORDS({ .address = MAPPED }, { .address = ROUTED6 }) };

	(void)state;
	cut("listed", &lost);
	publish_coverage(SIEVE_COVERAGE_ALL, SIEVE_COVERAGE_ALL);
	stay("all is covered", &lost, SIEVE_RESPONSE_covered);
	cut("mapped addresses go all the same", &mapped);
	publish_coverage(SIEVE_COVERAGE_LISTED, SIEVE_COVERAGE_ALL);
	stay("all of IPv6 is covered", &lost, SIEVE_RESPONSE_covered);
	publish_coverage(SIEVE_COVERAGE_ALL, SIEVE_COVERAGE_LISTED);
	cut("all of IPv4 is covered", &lost);
	publish_coverage(SIEVE_COVERAGE_UNKNOWN, SIEVE_COVERAGE_LISTED);
	stay("IPv4 is not known", &lost, SIEVE_RESPONSE_unknown_netns);
	publish_coverage(SIEVE_COVERAGE_LISTED, SIEVE_COVERAGE_UNKNOWN);
	stay("IPv6 is not known", &mapped, SIEVE_RESPONSE_unknown_netns);
	forget_namespace(&filter);
	stay("nothing is known", &lost, SIEVE_RESPONSE_unknown_netns);
	publish_listed();
	cut("again", &lost);
}

/* Prefixes of another namespace, or under another family, are others. */
static void prefixes_are_of_one_namespace_and_family(void **state)
{
	const struct response_plan other = { RECORDS({ .address = "2001:db8:e::7" }) };
	const struct routed_prefix prefix = { "2001:db8:e::", 48 }, same_octets = { "32.1.13.184", 32 };
	const struct response_plan four = { RECORDS({ .address = "32.1.13.184" }) };
	const struct sieve_policy policy = usual_policy();
	struct packet packet, want;

	(void)state;
	namespace_inum ^= 1;
	list_prefix(&prefix);
	namespace_inum ^= 1;
	cut("listed for another namespace", &other);
	list_prefix(&same_octets);
	cut("listed under the other family", &other);
	load_results(&policy); /* without it again */
	list_prefix(&prefix);
	cut("the other family's octets", &four);
	make_response_packet(&from_server[0], &other, &packet);
	want = packet;
	check_run("listed", tap_ifindex, &packet, &want, &other, SIEVE_RESPONSE_covered);
}

static void families_that_are_not_to_be_touched_stay(void **state)
{
	const struct response_plan six = { RECORDS({ .address = LOST6 }, { .address = MAPPED }) };
	const struct response_plan four = { RECORDS({ .address = LOST4 }) };
	struct sieve_policy policy = usual_policy();

	(void)state;
	policy.families = 1 << SIEVE_IPV4;
	load_results(&policy);
	stay("IPv4 alone", &six, SIEVE_RESPONSE_covered);
	cut("IPv4 alone", &four);
	policy.families = 1 << SIEVE_IPV6;
	load_results(&policy);
	stay("IPv6 alone", &four, SIEVE_RESPONSE_covered);
	cut("IPv6 alone", &six);
}

static void a_stale_heartbeat_lets_responses_stay(void **state)
{
	struct sieve_policy policy = usual_policy();

	(void)state;
	policy.stale_after_ns = 2 * SECOND;
	load_results(&policy);
	stamp_heartbeat(&filter, monotonic_ns() - SECOND);
	cut("fresh", &lost);
	stamp_heartbeat(&filter, monotonic_ns() - 3 * SECOND);
	stay("stale", &lost, SIEVE_RESPONSE_stale);
}

/* The name's queries and its responses are let go of in the same moment. */
static void a_ramp_lets_the_responses_of_a_name_stay_from_its_moment_on(void **state)
{
	const __u64 ramp = 30 * SECOND; /* a virtual machine may be up for not much longer */
	struct sieve_policy policy = usual_policy();
	struct message message;
	__u64 moment;

	(void)state;
	policy.ramp_seed = 0x12345678;
	load_results(&policy);
	make_message(&lost.question, &message);
	moment = ramp_moment(&message, ramp, policy.ramp_seed);
	assert_in_range(moment, 3 * SECOND, 27 * SECOND); /* choose another seed */
	begin_ramp(&filter, moment - 2 * SECOND, ramp);
	cut("before its moment", &lost);
	begin_ramp(&filter, moment + SECOND / 10, ramp); /* the clock has ticks */
	stay("from its moment on", &lost, SIEVE_RESPONSE_ramp);
	begin_ramp(&filter, ramp, ramp);
	stay("at the end", &lost, SIEVE_RESPONSE_ramp);
}

static void a_ramp_is_for_names_that_are_under_no_suffix_too(void **state)
{
	static const __u64 nothing[SIEVE_SUFFIX_BITS / 64];
	struct sieve_policy policy = usual_policy();
	const __u64 ramp = SECOND;

	(void)state;
	suffix_summary = nothing;
	load_results(&policy);
	cut("before the ramp", &lost);
	begin_ramp(&filter, ramp, ramp);
	stay("at its end", &lost, SIEVE_RESPONSE_ramp);
	suffix_summary = NULL;
}

static int count_event(void *events, void *data, size_t size)
{
	const struct sieve_event *event = data;

	assert_int_equal(size, sizeof(*event));
	assert_int_equal(event->netns, namespace_inum);
	++*(int *)events;
	return 0;
}

static int count_events(void)
{
	int events = 0;
	struct ring_buffer *ring = ring_buffer__new(bpf_map__fd(filter.skel->maps.events), count_event, &events, NULL);

	assert_non_null(ring);
	ring_buffer__consume(ring);
	ring_buffer__free(ring);
	return events;
}

/* The generation beside the coverage counts, not that of the connectivity; and only where something would go. */
static void another_generation_lets_responses_stay_and_wakes_the_controller_once(void **state)
{
	const struct response_plan mapped = { RECORDS({ .address = MAPPED }, { .address = ROUTED6 }) };

	(void)state;
	for (int family = 0; family < SIEVE_FAMILIES; family++) {
		filter.state.generation[family]++;
		publish_listed();
		cut("the verdict's generation", &lost);
		filter.state.coverage_generation[family]++;
		publish(&filter, &filter.state);
		stay("the coverage's generation", &routed, SIEVE_RESPONSE_covered);
		assert_int_equal(count_events(), 0);
		cut("a mapped address rests on no route", &mapped);
		assert_int_equal(count_events(), 0);
		stay("the coverage's generation", &lost, SIEVE_RESPONSE_changed);
		assert_int_equal(count_events(), 1);
		publish_listed();
		cut("published anew", &lost);
	}
	run("ip -6 route add 2001:db8:1234::/48 dev lo");
	stay("a new route", &lost, SIEVE_RESPONSE_changed);
	run("ip -6 route del 2001:db8:1234::/48 dev lo");
}

/* What is said of a family that stays anyway does not count. */
static void exempt_and_asked_names_keep_their_addresses(void **state)
{
	const struct response_plan local = { .question.qname = "printer.LocaL", RECORDS({ .address = LOST6 }) };
	const struct response_plan beside = { .question.qname = "printer.localx", RECORDS({ .address = LOST6 }) };
	const struct response_plan four = { .question.qname = "a.b.asked.example", RECORDS({ .address = LOST4 },
		{ .address = ROUTED6 }) };
	const struct response_plan six = { .question.qname = "a.b.asked.example", RECORDS({ .address = ROUTED4 },
		{ .address = LOST6 }) };
	const struct response_plan both = { .question.qname = "asked.example", RECORDS({ .address = LOST4 },
		{ .address = LOST6 }) };
	const struct sieve_policy policy = policy_with_depths(1 << 2);

	(void)state;
	load_results(&policy);
	stay("an exempt name", &local, SIEVE_RESPONSE_exempt_name);
	cut("a name beside it", &beside);
	cut("not asked yet", &both);
	add_name(&filter, "asked.example", SIEVE_NAME_ASK_AAAA);
	stay("AAAA is asked", &six, SIEVE_RESPONSE_asked);
	cut("AAAA is asked, A goes", &four);
	stay("AAAA is asked, both would go", &both, SIEVE_RESPONSE_asked);
	add_name(&filter, "asked.example", SIEVE_NAME_ASK_A);
	stay("A is asked", &four, SIEVE_RESPONSE_asked);
	cut("A is asked, AAAA goes", &six);
	add_name(&filter, "asked.example", SIEVE_NAME_EXEMPT);
	stay("exempt", &four, SIEVE_RESPONSE_exempt_name);
}

#define LABELS_31 "\1a\1b\1c\1d\1e\1f\1g\1h\1i\1j\1k\1l\1m\1n\1o\1p\1q\1r\1s\1t\1u\1v\1w\1x\1y\1z\1A\1B\1C\1D\1E"
#define LABEL_63 "\77abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

/* A name of 63 labels is the longest of which labels are counted. */
static void names_of_many_labels_are_looked_up_as_well(void **state)
{
	struct response_plan plan = { .question.raw_qname = OCTETS(LABELS_31 LABELS_31 "\5local\0"),
				      RECORDS({ .address = LOST6 }) };

	(void)state;
	stay("63 labels, an exempt one", &plan, SIEVE_RESPONSE_exempt_name);
	plan.question.raw_qname = (struct octets)OCTETS(LABEL_63 LABEL_63 LABEL_63 "\3a.b" "\5local\0");
	stay("long labels, an exempt one", &plan, SIEVE_RESPONSE_exempt_name);
	plan.question.raw_qname = (struct octets)OCTETS(LABEL_63 LABEL_63 LABEL_63 "\3a.b" "\5locak\0");
	cut("another one", &plan);
}

static void observe_counts_and_lets_stay_and_the_other_actions_cut(void **state)
{
	struct sieve_policy policy = usual_policy();

	(void)state;
	for (__u8 action = SIEVE_ACTION_ANSWER; action <= SIEVE_ACTION_REJECT; action++) {
		policy.action = action;
		load_results(&policy);
		if (action == SIEVE_ACTION_OBSERVE)
			stay("observe", &lost, SIEVE_RESPONSE_observed);
		else
			cut("another action", &lost);
		stay("another response", &routed, SIEVE_RESPONSE_covered);
	}
}

static void other_ports_are_those_of_the_policy(void **state)
{
	struct sieve_policy policy = usual_policy();

	(void)state;
	close_receivers(NULL);
	for (size_t i = 0; i < 2; i++) {
		struct packet_plan plan = from_server[i];
		int fd = i ? open_receiver(6, "2001:db8::10", OUR_PORT, NULL) : open_receiver(4, "192.0.2.10", OUR_PORT,
			NULL);

		plan.source_port = 5300;
		policy.ports[1] = 0;
		load_results(&policy);
		stay_in("not a port of DNS", &plan, &lost, SIEVE_RESPONSE_NONE);
		policy.ports[1] = 5300;
		load_results(&policy);
		cut_in("another port", &plan, &lost);
		cut_in("port 53", &from_server[i], &lost);
		close(fd);
	}
	receiver4 = receiver6 = -1;
}

static void without_a_summary_bit_names_are_not_looked_up(void **state)
{
	static const __u64 nothing[SIEVE_SUFFIX_BITS / 64];
	const struct response_plan local = { .question.qname = "printer.local", RECORDS({ .address = LOST6 }) };
	struct sieve_policy policy = usual_policy();

	(void)state;
	suffix_summary = nothing;
	load_results(&policy);
	cut("no bit", &local);
	suffix_summary = NULL;
	load_results(&policy);
	stay("every bit", &local, SIEVE_RESPONSE_exempt_name);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_receivers, close_receivers)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(addresses_without_a_route_go),
		TEST(their_twins_stay_under_their_reason),
		TEST(messages_of_every_length_have_the_right_sums),
		TEST(messages_up_to_1472_octets_are_looked_at),
		TEST(datagrams_are_taken_whole_or_not),
		TEST(frames_to_others_are_not_counted),
		TEST(what_is_published_decides),
		TEST(prefixes_are_of_one_namespace_and_family),
		TEST(families_that_are_not_to_be_touched_stay),
		TEST(a_stale_heartbeat_lets_responses_stay),
		TEST(a_ramp_lets_the_responses_of_a_name_stay_from_its_moment_on),
		TEST(a_ramp_is_for_names_that_are_under_no_suffix_too),
		TEST(another_generation_lets_responses_stay_and_wakes_the_controller_once),
		TEST(exempt_and_asked_names_keep_their_addresses),
		TEST(names_of_many_labels_are_looked_up_as_well),
		TEST(observe_counts_and_lets_stay_and_the_other_actions_cut),
		TEST(other_ports_are_those_of_the_policy),
		TEST(without_a_summary_bit_names_are_not_looked_up),
	};

	return cmocka_run_group_tests(tests, make_host, leave_sandbox);
}
