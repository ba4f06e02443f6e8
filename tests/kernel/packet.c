/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The conditions on the packet, by the pairs of packet-pairs.h, over IPv4 and IPv6 and on every hook. */
#include "harness.h"
#include "packet-pairs.h"

static const struct message_plan usual_message = { .edns = true };

static struct filter filter;
static __u64 counted; /* packets that some counter must have seen */

static int load_usual(void **state)
{
	const struct sieve_policy policy = usual_policy();

	if (enter_namespace(state))
		return -1;
	load_filter(&filter, &policy);
	return 0;
}

static int unload(void **state)
{
	(void)state;
	unload_filter(&filter);
	return 0;
}

static void make_usual(const struct packet_plan *plan, int version, struct packet *ret)
{
	struct packet_plan versioned = *plan;
	struct message message;

	versioned.version = version;
	make_message(&usual_message, &message);
	make_packet(&versioned, &message, ret);
}

/* The tap's MAC addresses are gone from a packet that was on lo, so lo comes last. */
static void check_answers_at(const char *phrase, enum hook hook, int ifindex, struct packet *packet)
{
	struct outcome outcome;
	struct message answer;

	make_answer(&usual_message, true, &answer);
	run_packet(&filter, hook, ifindex, packet, &outcome);
	check_answered(phrase, ifindex, packet, &answer, SIEVE_IPV6, &outcome);
	counted++;
}

static void check_answers(const char *phrase, struct packet *packet)
{
	struct outcome outcome;

	check_answers_at(phrase, HOOK_EGRESS, tap_ifindex, packet);
	check_answers_at(phrase, HOOK_GATEWAY, tap_ifindex, packet);
	run_packet(&filter, HOOK_CGROUP, tap_ifindex, packet, &outcome);
	check_passed(phrase, HOOK_CGROUP, packet, &outcome, SIEVE_COUNTER_OBSERVED + SIEVE_IPV6);
	counted++;
	check_answers_at(phrase, HOOK_EGRESS, LOOPBACK, packet);
}

static void check_passes_at(const char *phrase, enum hook hook, int ifindex, struct packet *packet, int counter)
{
	struct outcome outcome;

	run_packet(&filter, hook, ifindex, packet, &outcome);
	check_passed(phrase, hook, packet, &outcome, counter);
	counted += counter == UNCOUNTED ? 0 : 1;
}

/* As one of our own packets. */
static void check_passes_of_ours(const char *phrase, struct packet *packet, int counter)
{
	check_passes_at(phrase, HOOK_CGROUP, tap_ifindex, packet, counter);
	check_passes_at(phrase, HOOK_EGRESS, tap_ifindex, packet, counter);
	check_passes_at(phrase, HOOK_EGRESS, LOOPBACK, packet, counter);
}

static void check_passes(const char *phrase, struct packet *packet, int counter)
{
	check_passes_at(phrase, HOOK_GATEWAY, tap_ifindex, packet, counter);
	check_passes_of_ours(phrase, packet, counter);
}

static void packets_that_may_be_answered_are(void **state)
{
	struct packet packet;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(packet_pairs); i++)
		for (int version = 4; version <= 6; version += 2) {
			if (!is_of_version(&packet_pairs[i].plan, version))
				continue;
			make_usual(&packet_pairs[i].plan, version, &packet);
			check_answers(packet_pairs[i].phrase, &packet);
		}
}

static void their_twins_pass_untouched_under_their_reason(void **state)
{
	struct packet packet;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(packet_pairs); i++)
		for (int version = 4; version <= 6; version += 2) {
			if (!is_of_version(&packet_pairs[i].twin, version))
				continue;
			make_usual(&packet_pairs[i].twin, version, &packet);
			if (packet_pairs[i].twin.behind) { /* frames that come in may be padded */
				check_answers_at(packet_pairs[i].twin_phrase, HOOK_GATEWAY, tap_ifindex, &packet);
				check_passes_of_ours(packet_pairs[i].twin_phrase, &packet, packet_pairs[i].reason);
			} else {
				check_passes(packet_pairs[i].twin_phrase, &packet, packet_pairs[i].reason);
			}
		}
}

/* What no driver would pass on, but nothing may go wrong for it either. */
static void a_packet_cut_at_any_octet_passes(void **state)
{
	struct packet whole, packet;

	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		make_usual(&(struct packet_plan){}, version, &whole);
		for (size_t length = whole.length - 1; length >= whole.transport; length--) {
			bool has_ports = length >= whole.transport + UDP_SIZE;

			packet = whole;
			packet.length = length;
			check_passes("a packet cut short", &packet, has_ports ? (int)SIEVE_REASON_length : UNCOUNTED);
		}
	}
}

/*
 * 14 octets, as many as an Ethernet header has, are behind the datagram, and so many behind its UDP header is that
 * header once more, as if all of the packet began so much later.
 */
static void a_packet_that_looks_right_an_ethernet_header_later_passes(void **state)
{
	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		struct packet packet;
		__u8 *message;

		make_usual(&(struct packet_plan){}, version, &packet);
		message = &packet.octets[packet.transport + UDP_SIZE];
		memmove(&message[ETHERNET_SIZE], message, packet.length - packet.transport - UDP_SIZE);
		memmove(&message[ETHERNET_SIZE - UDP_SIZE], &packet.octets[packet.transport], UDP_SIZE);
		packet.length += ETHERNET_SIZE;
		check_passes_of_ours("another packet behind the packet", &packet, SIEVE_REASON_length);
	}
}

static void the_counters_add_up_to_the_packets_sent(void **state)
{
	(void)state;
	printf("%llu counted packets\n", counted);
	assert_int_equal(sum_counters(&filter), counted);
}

static void the_configured_ports_are_looked_at_and_no_others(void **state)
{
	const struct {
		int port;
		bool configured;
	} cases[] = { { 53, false }, { 5300, true }, { 1053, true }, { 1, true }, { 65535, true }, { 5353, false },
		      { PORT_ZERO, false } };
	struct filter usual = filter;
	struct sieve_policy policy = usual_policy();

	(void)state;
	memcpy(policy.ports, (__u16[SIEVE_PORTS_MAX]){ 5300, 0, 1053, 1, 0, 0, 0, 65535 }, sizeof(policy.ports));
	load_filter(&filter, &policy);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (int version = 4; version <= 6; version += 2) {
			const struct packet_plan plan = { .destination_port = cases[i].port };
			struct packet packet;

			make_usual(&plan, version, &packet);
			if (cases[i].configured)
				check_answers("a configured port", &packet);
			else
				check_passes("another port", &packet, UNCOUNTED);
		}
	unload_filter(&filter);
	filter = usual;
}

/*
 * The socket of a test run has no protocol: without the switch for tests, it is not one of our own. At a gateway
 * it is one of a namespace that is followed, and so judged already.
 */
static void what_no_udp_socket_sent_passes(void **state)
{
	const struct packet_plan connect = { .tcp_flags = TCP_SYN }, group = { .tcp_flags = TCP_ACK };
	struct sieve_policy policy = usual_policy();
	struct filter usual = filter;
	struct packet packet;

	(void)state;
	load_filter_as(&filter, &policy, false);
	for (int version = 4; version <= 6; version += 2) {
		make_usual(&(struct packet_plan){}, version, &packet);
		check_passes_at("a query at a gateway", HOOK_GATEWAY, tap_ifindex, &packet, UNCOUNTED);
		check_passes_of_ours("a query", &packet, SIEVE_REASON_not_local);
		make_usual(&connect, version, &packet);
		check_passes_at("a TCP connection attempt at a gateway", HOOK_GATEWAY, tap_ifindex, &packet, UNCOUNTED);
		check_passes_of_ours("a TCP connection attempt", &packet, SIEVE_REASON_not_local);
		make_usual(&group, version, &packet);
		check_passes("a TCP segment", &packet, UNCOUNTED);
	}
	unload_filter(&filter);
	filter = usual;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_that_may_be_answered_are),
		cmocka_unit_test(their_twins_pass_untouched_under_their_reason),
		cmocka_unit_test(a_packet_cut_at_any_octet_passes),
		cmocka_unit_test(a_packet_that_looks_right_an_ethernet_header_later_passes),
		cmocka_unit_test(the_counters_add_up_to_the_packets_sent),
		cmocka_unit_test(the_configured_ports_are_looked_at_and_no_others),
		cmocka_unit_test(what_no_udp_socket_sent_passes),
	};

	return cmocka_run_group_tests(tests, load_usual, unload);
}
