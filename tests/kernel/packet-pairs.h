/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The packets that the tests share, planned as packets.h says: in pairs, as the messages of vectors.h, of one that
 * may be answered and a twin that must pass. The message in them is the usual one, with OPT.
 */
#ifndef TESTS_KERNEL_PACKET_PAIRS_H
#define TESTS_KERNEL_PACKET_PAIRS_H

#include "packets.h"

#define NO_DNS -1 /* passes, and no counter moves */

struct packet_pair {
	const char *phrase;
	struct packet_plan plan;
	const char *twin_phrase;
	struct packet_plan twin;
	int reason; /* enum sieve_reason, or NO_DNS */
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
	  { .version = 4, .destination = "192.0.0.53", .ihl = 4 }, NO_DNS },
	{ "IHL 5 again", { .version = 4, .source = "192.0.0.53" },
	  "IHL 3, where the source's address looks like the port",
	  { .version = 4, .source = "192.0.0.53", .ihl = 3 }, NO_DNS },
	{ "IHL 5 without checksum", { .version = 4, .no_checksum = true }, "IHL 0", { .version = 4, .ihl = 16 },
	  NO_DNS },
	{ "version 4 in IPv4", { .version = 4 }, "version 6 in IPv4", { .version = 4, .ip_version = 6 }, NO_DNS },
	{ "version 6 in IPv6", { .version = 6 }, "version 4 in IPv6", { .version = 6, .ip_version = 4 }, NO_DNS },
	{ "IPv4 in an Ethernet frame that says so", { .version = 4 },
	  "IPv4 in an Ethernet frame of another type", { .version = 4, .ether_type = ETH_P_ARP }, NO_DNS },
	{ "do not fragment", { .version = 4, .fragment = 0x4000 },
	  "more fragments", { .version = 4, .fragment = 0x2000 }, SIEVE_REASON_fragmented },
	{ "the reserved flag", { .version = 4, .fragment = 0x8000 },
	  "more fragments of a packet with options",
	  { .version = 4, .fragment = 0x2000, .options = OCTETS(NOP LOOSE_ROUTE) }, SIEVE_REASON_fragmented },
	{ "fragment offset 0", { .version = 4 },
	  "a later fragment", { .version = 4, .fragment = 1 }, NO_DNS },
	{ "not a fragment", { .version = 4 },
	  "the last fragment, far behind", { .version = 4, .fragment = 0x1fff }, NO_DNS },
	{ "UDP over IPv4", { .version = 4 }, "ICMP", { .version = 4, .protocol = IPPROTO_ICMP }, NO_DNS },
	{ "UDP over IPv4 again", { .version = 4 }, "SCTP to port 53", { .version = 4, .protocol = IPPROTO_SCTP },
	  NO_DNS },
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
					       DESTINATION_THEN("\21")), .first_extension = IPPROTO_DSTOPTS }, NO_DNS },
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
	  NO_DNS },
	{ "options before UDP", { .version = 6, .extensions = OCTETS(DESTINATION_THEN("\21")),
				  .first_extension = IPPROTO_DSTOPTS },
	  "options before no next header",
	  { .version = 6, .extensions = OCTETS(DESTINATION_THEN("\73")), .first_extension = IPPROTO_DSTOPTS }, NO_DNS },
	{ "UDP over IPv6", { .version = 6 }, "ESP", { .version = 6, .protocol = IPPROTO_ESP }, NO_DNS },
	{ "UDP over IPv6 again", { .version = 6 },
	  "an extension header longer than the packet",
	  { .version = 6, .extensions = OCTETS("\21\377" PAD_6), .first_extension = IPPROTO_DSTOPTS }, NO_DNS },

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

	{ "an IP length with a message, over IPv4", { .version = 4 },
	  "an IP length of 0 over IPv4", { .version = 4, .ip_length = -68 }, SIEVE_REASON_length },
	{ "an IP length of all", { .version = 4 },
	  "an IP length of 65,535", { .version = 4, .ip_length = 65535 - 68 }, SIEVE_REASON_length },
	{ "a UDP length of all", {},
	  "a UDP length of 65,535", { .udp_length = 65535 - 48 }, SIEVE_REASON_length },

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
	{ "port 53", {}, "port 5353, multicast DNS", { .destination_port = 5353 }, NO_DNS },
	{ "port 53 and no other", {}, "port 5355, LLMNR", { .destination_port = 5355 }, NO_DNS },
	{ "destination 53", {}, "source 53 alone: a response", { .source_port = 53, .destination_port = 40000 },
	  NO_DNS },
	{ "source and destination 53", { .source_port = 53 }, "port 54", { .destination_port = 54 }, NO_DNS },
	{ "port 0x0035", {}, "port 0x3500, the other octet order", { .destination_port = 0x3500 }, NO_DNS },
	{ "source port 1", { .source_port = 1 },
	  "port 0, which stands for no port in the policy", { .destination_port = PORT_ZERO }, NO_DNS },
	{ "source port 65535", { .source_port = 65535 }, "port 853, DNS over TLS", { .destination_port = 853 },
	  NO_DNS },

	/* TCP */
	{ "a query over UDP", {}, "a TCP connection attempt", { .tcp_flags = TCP_SYN }, SIEVE_REASON_tcp },
	{ "the same over UDP", {}, "a TCP connection attempt with ECN", { .tcp_flags = TCP_SYN | 0xc0 },
	  SIEVE_REASON_tcp },
	{ "UDP", {}, "a TCP segment of a connection", { .tcp_flags = TCP_ACK }, NO_DNS },
	{ "UDP, not TCP", {}, "a TCP connection that is accepted", { .tcp_flags = TCP_SYN | TCP_ACK }, NO_DNS },
	{ "UDP to a server", {}, "a TCP reset", { .tcp_flags = TCP_RST }, NO_DNS },
	{ "UDP to port 53", {}, "the end of a TCP connection", { .tcp_flags = TCP_FIN | TCP_ACK }, NO_DNS },
	{ "UDP to port 53, again", {}, "a TCP connection attempt to port 80",
	  { .tcp_flags = TCP_SYN, .destination_port = 80 }, NO_DNS },
	{ "UDP behind IPv4 options", { .version = 4, .options = OCTETS(NOP RECORD_ROUTE) },
	  "TCP behind IPv4 options", { .version = 4, .options = OCTETS(NOP RECORD_ROUTE), .tcp_flags = TCP_SYN },
	  SIEVE_REASON_tcp },
	{ "UDP behind an extension header",
	  { .version = 6, .extensions = OCTETS(DESTINATION_THEN("\21")), .first_extension = IPPROTO_DSTOPTS },
	  "TCP behind an extension header",
	  { .version = 6, .extensions = OCTETS(DESTINATION_THEN("\6")), .first_extension = IPPROTO_DSTOPTS,
	    .tcp_flags = TCP_SYN }, SIEVE_REASON_tcp },
	{ "a whole UDP header", {}, "a TCP header that is cut short", { .tcp_flags = TCP_SYN, .missing = 8 }, NO_DNS },

	/* Several datagrams in one buffer */
	{ "one datagram", { .gso_segs = 1, .gso_size = 100 },
	  "two datagrams", { .gso_segs = 2, .gso_size = 24 }, SIEVE_REASON_segmented },
	{ "no segments", { .gso_segs = 0 },
	  "many datagrams to a group", { .gso_segs = 64, .gso_size = 24, .udp_length = 1 }, SIEVE_REASON_segmented },
};

/* A plan is for one IP version, or for both. */
static inline bool is_of_version(const struct packet_plan *plan, int version)
{
	return !plan->version || plan->version == version;
}

#endif
