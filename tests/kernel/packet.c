/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The conditions on the packet: in pairs, as the messages, over IPv4 and IPv6 and on every hook. */
#include "harness.h"

struct packet_pair {
	const char *phrase;
	struct packet_plan plan;
	const char *twin_phrase;
	struct packet_plan twin;
	int reason; /* enum sieve_reason, or UNCOUNTED */
};

/* IPv4 options (RFC 791 section 3.1) */
#define NOP "\1"
#define RECORD_ROUTE "\7\7\4\0\0\0\0"
#define ROUTER_ALERT "\224\4\0\0"
#define LOOSE_ROUTE "\203\7\4\300\0\2\1"
#define STRICT_ROUTE "\211\7\4\300\0\2\1"

/* IPv6 extension headers (RFC 8200 section 4): the first octet is the number of the next */
#define PAD_6 "\1\4\0\0\0\0"
#define PAD_14 "\1\14\0\0\0\0\0\0\0\0\0\0\0\0"
#define DESTINATION_THEN(next) next "\0" PAD_6
#define FOUR_DESTINATIONS DESTINATION_THEN("\74") DESTINATION_THEN("\74") DESTINATION_THEN("\74") \
	DESTINATION_THEN("\74")
#define ROUTING_THEN(next, left) next "\0\4" left "\0\0\0\0"
#define FRAGMENT_THEN(next, offset) next "\0" offset "\0\0\1\2"
#define AH_THEN(next) next "\4\0\0" "\0\0\0\1" "\0\0\0\1" "twelve octet"

static const struct packet_pair packet_pairs[] = {
	/* IPv4 */
	{ "IPv4 without options", { .version = 4 },
	  "a loose source route", { .version = 4, .options = OCTETS(NOP LOOSE_ROUTE) }, SIEVE_REASON_headers },
	{ "a recorded route", { .version = 4, .options = OCTETS(NOP RECORD_ROUTE) },
	  "a strict source route", { .version = 4, .options = OCTETS(NOP STRICT_ROUTE) }, SIEVE_REASON_headers },
	{ "four options of one octet", { .version = 4, .options = OCTETS(NOP NOP NOP NOP) },
	  "a source route behind other options",
	  { .version = 4, .options = OCTETS(RECORD_ROUTE NOP ROUTER_ALERT LOOSE_ROUTE NOP) }, SIEVE_REASON_headers },
	{ "an end of options", { .version = 4, .options = OCTETS("\0\0\0\0") },
	  "an option of length 0", { .version = 4, .options = OCTETS("\104\0\0\0") }, SIEVE_REASON_headers },
	{ "a source route behind the end of options", { .version = 4, .options = OCTETS("\0" LOOSE_ROUTE) },
	  "an option of length 1", { .version = 4, .options = OCTETS("\104\1\0\0") }, SIEVE_REASON_headers },
	{ "an option that fills the header", { .version = 4, .options = OCTETS(ROUTER_ALERT) },
	  "an option longer than the header", { .version = 4, .options = OCTETS("\224\5\0\0") }, SIEVE_REASON_headers },
	{ "40 octets of options", { .version = 4, .options = OCTETS("\7\50\4" "0123456789012345678901234567890123456") },
	  "an option of 41 octets", { .version = 4, .options = OCTETS("\7\51\4" "0123456789012345678901234567890123456") },
	  SIEVE_REASON_headers },
	{ "an option's length in the header's last octet",
	  { .version = 4, .options = OCTETS(NOP NOP "\104\2") },
	  "an option without a length at the header's end", { .version = 4, .options = OCTETS(NOP NOP NOP "\104") },
	  SIEVE_REASON_headers },
	{ "eight options", { .version = 4, .options = OCTETS(NOP NOP NOP NOP NOP NOP NOP NOP) },
	  "nine options", { .version = 4, .options = OCTETS(NOP NOP NOP NOP NOP NOP NOP NOP "\104\4\5\0") },
	  SIEVE_REASON_headers },
	{ "seven options", { .version = 4, .options = OCTETS(NOP NOP NOP NOP NOP NOP "\104\2") },
	  "twelve options", { .version = 4, .options = OCTETS(NOP NOP NOP NOP NOP NOP NOP NOP NOP NOP NOP NOP) },
	  SIEVE_REASON_headers },
	{ "IHL 5", { .version = 4, .destination = "192.0.0.53" },
	  "IHL 4, where the destination's address looks like the port",
	  { .version = 4, .destination = "192.0.0.53", .ihl = 4 }, UNCOUNTED },
	{ "IHL 5 again", { .version = 4, .source = "192.0.0.53" },
	  "IHL 3, where the source's address looks like the port",
	  { .version = 4, .source = "192.0.0.53", .ihl = 3 }, UNCOUNTED },
	{ "IHL 5 without checksum", { .version = 4, .no_checksum = true }, "IHL 0", { .version = 4, .ihl = 16 },
	  UNCOUNTED },
	{ "version 4 in IPv4", { .version = 4 }, "version 6 in IPv4", { .version = 4, .ip_version = 6 }, UNCOUNTED },
	{ "version 6 in IPv6", { .version = 6 }, "version 4 in IPv6", { .version = 6, .ip_version = 4 }, UNCOUNTED },
	{ "IPv4 in an Ethernet frame that says so", { .version = 4 },
	  "IPv4 in an Ethernet frame of another type", { .version = 4, .ether_type = ETH_P_ARP }, UNCOUNTED },
	{ "do not fragment", { .version = 4, .fragment = 0x4000 },
	  "more fragments", { .version = 4, .fragment = 0x2000 }, SIEVE_REASON_fragmented },
	{ "the reserved flag", { .version = 4, .fragment = 0x8000 },
	  "more fragments of a packet with options",
	  { .version = 4, .fragment = 0x2000, .options = OCTETS(NOP LOOSE_ROUTE) }, SIEVE_REASON_fragmented },
	{ "fragment offset 0", { .version = 4 },
	  "a later fragment", { .version = 4, .fragment = 1 }, UNCOUNTED },
	{ "not a fragment", { .version = 4 },
	  "the last fragment, far behind", { .version = 4, .fragment = 0x1fff }, UNCOUNTED },
	{ "UDP over IPv4", { .version = 4 }, "ICMP", { .version = 4, .protocol = IPPROTO_ICMP }, UNCOUNTED },
	{ "UDP over IPv4 again", { .version = 4 }, "SCTP to port 53", { .version = 4, .protocol = IPPROTO_SCTP },
	  UNCOUNTED },
	{ "no UDP checksum over IPv4", { .version = 4, .no_checksum = true },
	  "no UDP checksum in a fragment", { .version = 4, .no_checksum = true, .fragment = 0x2000 },
	  SIEVE_REASON_fragmented },

	/* IPv6 */
	{ "a hop-by-hop header", { .version = 6, .extensions = OCTETS("\21\0" PAD_6), .first_extension = IPPROTO_HOPOPTS },
	  "a routing header",
	  { .version = 6, .extensions = OCTETS(ROUTING_THEN("\21", "\1")), .first_extension = IPPROTO_ROUTING },
	  SIEVE_REASON_headers },
	{ "a hop-by-hop header of 16 octets",
	  { .version = 6, .extensions = OCTETS("\21\1" PAD_14), .first_extension = IPPROTO_HOPOPTS },
	  "a routing header that has done its work",
	  { .version = 6, .extensions = OCTETS(ROUTING_THEN("\21", "\0")), .first_extension = IPPROTO_ROUTING },
	  SIEVE_REASON_headers },
	{ "destination options", { .version = 6, .extensions = OCTETS(DESTINATION_THEN("\21")),
				   .first_extension = IPPROTO_DSTOPTS },
	  "an authentication header",
	  { .version = 6, .extensions = OCTETS(AH_THEN("\21")), .first_extension = IPPROTO_AH }, SIEVE_REASON_headers },
	{ "hop-by-hop and destination options",
	  { .version = 6, .extensions = OCTETS(DESTINATION_THEN("\74") DESTINATION_THEN("\21")),
	    .first_extension = IPPROTO_HOPOPTS },
	  "a routing header between them",
	  { .version = 6, .extensions = OCTETS(DESTINATION_THEN("\53") ROUTING_THEN("\74", "\1") DESTINATION_THEN("\21")),
	    .first_extension = IPPROTO_HOPOPTS }, SIEVE_REASON_headers },
	{ "five extension headers", { .version = 6, .extensions = OCTETS(FOUR_DESTINATIONS DESTINATION_THEN("\21")),
				      .first_extension = IPPROTO_DSTOPTS },
	  "six extension headers",
	  { .version = 6, .extensions = OCTETS(FOUR_DESTINATIONS DESTINATION_THEN("\74") DESTINATION_THEN("\21")),
	    .first_extension = IPPROTO_DSTOPTS }, SIEVE_REASON_headers },
	{ "no extension header", { .version = 6 },
	  "seven extension headers: the ports are too far away",
	  { .version = 6, .extensions = OCTETS(FOUR_DESTINATIONS DESTINATION_THEN("\74") DESTINATION_THEN("\74")
					       DESTINATION_THEN("\21")), .first_extension = IPPROTO_DSTOPTS }, UNCOUNTED },
	{ "a whole datagram", { .version = 6 },
	  "the first fragment",
	  { .version = 6, .extensions = OCTETS(FRAGMENT_THEN("\21", "\0\1")), .first_extension = IPPROTO_FRAGMENT },
	  SIEVE_REASON_fragmented },
	{ "a whole datagram behind options",
	  { .version = 6, .extensions = OCTETS(DESTINATION_THEN("\21")), .first_extension = IPPROTO_DSTOPTS },
	  "an atomic fragment behind options",
	  { .version = 6, .extensions = OCTETS(DESTINATION_THEN("\54") FRAGMENT_THEN("\21", "\0\0")),
	    .first_extension = IPPROTO_DSTOPTS }, SIEVE_REASON_fragmented },
	{ "not a fragment, over IPv6", { .version = 6 },
	  "a later fragment over IPv6",
	  { .version = 6, .extensions = OCTETS(FRAGMENT_THEN("\21", "\0\10")), .first_extension = IPPROTO_FRAGMENT },
	  UNCOUNTED },
	{ "options before UDP", { .version = 6, .extensions = OCTETS(DESTINATION_THEN("\21")),
				  .first_extension = IPPROTO_DSTOPTS },
	  "options before no next header",
	  { .version = 6, .extensions = OCTETS(DESTINATION_THEN("\73")), .first_extension = IPPROTO_DSTOPTS }, UNCOUNTED },
	{ "UDP over IPv6", { .version = 6 }, "ESP", { .version = 6, .protocol = IPPROTO_ESP }, UNCOUNTED },
	{ "UDP over IPv6 again", { .version = 6 },
	  "an extension header longer than the packet",
	  { .version = 6, .extensions = OCTETS("\21\377" PAD_6), .first_extension = IPPROTO_DSTOPTS }, UNCOUNTED },

	/* Lengths */
	{ "UDP and IP lengths that agree", {}, "a UDP length one too long", { .udp_length = 1 }, SIEVE_REASON_length },
	{ "lengths that agree", {}, "a UDP length one too short", { .udp_length = -1 }, SIEVE_REASON_length },
	{ "an IP length that agrees", {}, "an IP length one too long", { .ip_length = 1 }, SIEVE_REASON_length },
	{ "an IP length as the UDP header's", {}, "an IP length one too short", { .ip_length = -1 }, SIEVE_REASON_length },
	{ "a frame that ends with the datagram", {},
	  "lengths that go beyond the frame", { .ip_length = 1, .udp_length = 1 }, SIEVE_REASON_length },
	{ "nothing behind the datagram", {}, "one octet behind the datagram", { .behind = 1 }, SIEVE_REASON_length },
	{ "no padding", {}, "padding behind the datagram", { .behind = 20 }, SIEVE_REASON_length },
	{ "a whole frame", {}, "a frame that lacks its last octet", { .missing = 1 }, SIEVE_REASON_length },
	{ "a whole frame with the query", {}, "a frame that lacks the message", { .missing = 40 - 12 },
	  SIEVE_REASON_length },
	{ "a UDP length of more than 8", {}, "a UDP length of 7, less than its header",
	  { .udp_length = 7 - 48, .ip_length = 7 - 48 }, SIEVE_REASON_length },
	{ "a UDP length with a message", {}, "a UDP length of 0", { .udp_length = -48 }, SIEVE_REASON_length },
	{ "an IP length with a message", {}, "a jumbogram's IP length of 0 over IPv6",
	  { .version = 6, .ip_length = -48 }, SIEVE_REASON_length },

	/* Destinations */
	{ "a server's address", { .version = 4, .destination = "192.0.2.53" },
	  "multicast DNS' group at port 53", { .version = 4, .destination = "224.0.0.251" }, SIEVE_REASON_destination },
	{ "the last address below 224/4", { .version = 4, .destination = "223.255.255.255" },
	  "the first of 224/4", { .version = 4, .destination = "224.0.0.0" }, SIEVE_REASON_destination },
	{ "127.0.0.53", { .version = 4, .destination = "127.0.0.53" },
	  "239.255.255.255", { .version = 4, .destination = "239.255.255.255" }, SIEVE_REASON_destination },
	{ "the highest octet in the wrong place", { .version = 4, .destination = "1.2.3.255" },
	  "the limited broadcast", { .version = 4, .destination = "255.255.255.255" }, SIEVE_REASON_destination },
	{ "a link-local server", { .version = 6, .source = "fe80::10", .destination = "fe80::53" },
	  "a link-local group", { .version = 6, .source = "fe80::10", .destination = "ff02::fb" },
	  SIEVE_REASON_destination },
	{ "the last octet ff in the wrong place", { .version = 6, .destination = "2001:ff::ff" },
	  "a global group", { .version = 6, .destination = "ff0e::53" }, SIEVE_REASON_destination },
	{ "an address of fe00::/8", { .version = 6, .destination = "feff::1" },
	  "a reserved group", { .version = 6, .destination = "ffff::1" }, SIEVE_REASON_destination },
	{ "a source that is a group: only the destination counts", { .version = 4, .source = "224.0.0.1" },
	  "the same addresses the other way round",
	  { .version = 4, .source = "192.0.2.53", .destination = "224.0.0.1" }, SIEVE_REASON_destination },

	/* Ports */
	{ "port 53", {}, "port 5353, multicast DNS", { .destination_port = 5353 }, UNCOUNTED },
	{ "port 53 and no other", {}, "port 5355, LLMNR", { .destination_port = 5355 }, UNCOUNTED },
	{ "destination 53", {}, "source 53 alone: a response", { .source_port = 53, .destination_port = 40000 },
	  UNCOUNTED },
	{ "source and destination 53", { .source_port = 53 }, "port 54", { .destination_port = 54 }, UNCOUNTED },
	{ "port 0x0035", {}, "port 0x3500, the other octet order", { .destination_port = 0x3500 }, UNCOUNTED },
	{ "source port 1", { .source_port = 1 },
	  "port 0, which stands for no port in the policy", { .destination_port = PORT_ZERO }, UNCOUNTED },
	{ "source port 65535", { .source_port = 65535 }, "port 853, DNS over TLS", { .destination_port = 853 },
	  UNCOUNTED },

	/* TCP */
	{ "a query over UDP", {}, "a TCP connection attempt", { .tcp_flags = TCP_SYN }, SIEVE_REASON_tcp },
	{ "the same over UDP", {}, "a TCP connection attempt with ECN", { .tcp_flags = TCP_SYN | 0xc0 },
	  SIEVE_REASON_tcp },
	{ "UDP", {}, "a TCP segment of a connection", { .tcp_flags = TCP_ACK }, UNCOUNTED },
	{ "UDP, not TCP", {}, "a TCP connection that is accepted", { .tcp_flags = TCP_SYN | TCP_ACK }, UNCOUNTED },
	{ "UDP to a server", {}, "a TCP reset", { .tcp_flags = TCP_RST }, UNCOUNTED },
	{ "UDP to port 53", {}, "the end of a TCP connection", { .tcp_flags = TCP_FIN | TCP_ACK }, UNCOUNTED },
	{ "UDP to port 53, again", {}, "a TCP connection attempt to port 80",
	  { .tcp_flags = TCP_SYN, .destination_port = 80 }, UNCOUNTED },
	{ "UDP behind IPv4 options", { .version = 4, .options = OCTETS(NOP RECORD_ROUTE) },
	  "TCP behind IPv4 options", { .version = 4, .options = OCTETS(NOP RECORD_ROUTE), .tcp_flags = TCP_SYN },
	  SIEVE_REASON_tcp },
	{ "UDP behind an extension header",
	  { .version = 6, .extensions = OCTETS(DESTINATION_THEN("\21")), .first_extension = IPPROTO_DSTOPTS },
	  "TCP behind an extension header",
	  { .version = 6, .extensions = OCTETS(DESTINATION_THEN("\6")), .first_extension = IPPROTO_DSTOPTS,
	    .tcp_flags = TCP_SYN }, SIEVE_REASON_tcp },
	{ "a whole UDP header", {}, "a TCP header that is cut short", { .tcp_flags = TCP_SYN, .missing = 8 }, UNCOUNTED },

	/* Several datagrams in one buffer */
	{ "one datagram", { .gso_segs = 1, .gso_size = 100 },
	  "two datagrams", { .gso_segs = 2, .gso_size = 24 }, SIEVE_REASON_segmented },
	{ "no segments", { .gso_segs = 0 },
	  "many datagrams to a group", { .gso_segs = 64, .gso_size = 24, .udp_length = 1 }, SIEVE_REASON_segmented },
};

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

static bool is_of_version(const struct packet_plan *plan, int version)
{
	return !plan->version || plan->version == version;
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
		cmocka_unit_test(the_counters_add_up_to_the_packets_sent),
		cmocka_unit_test(the_configured_ports_are_looked_at_and_no_others),
		cmocka_unit_test(what_no_udp_socket_sent_passes),
	};

	return cmocka_run_group_tests(tests, load_usual, unload);
}
