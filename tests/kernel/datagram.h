/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DESIGN section 4, "Which query may be answered", of the packet: from a frame to its UDP datagram. Plain
 * code over whole frames, for the test of real captures.
 */
#ifndef TESTS_KERNEL_DATAGRAM_H
#define TESTS_KERNEL_DATAGRAM_H

#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdbool.h>

#include "packets.h"

#define EXTENSIONS_MAX 5 /* our own limits: further headers and options pass */
#define EXTENSIONS_SEEN 6
#define IP_OPTIONS_SEEN 8

/* Offsets are from the frame's first octet. */
struct datagram {
	__u8 protocol;
	size_t network, transport, end; /* `end` is that of the IP datagram, as its header says */
	bool is_fragment, is_rerouted, is_to_group;
	unsigned int source_port, destination_port;
};

static inline unsigned int octets_to_u16(const __u8 *octets)
{
	return (unsigned int)octets[0] << 8 | octets[1];
}

/* A source route, or options that do not add up or are too many. */
static inline bool reroutes(const __u8 *options, size_t length)
{
	size_t at = 0, count = 0;

	while (at < length) {
		if (++count > IP_OPTIONS_SEEN || options[at] == IPOPT_LSRR || options[at] == IPOPT_SSRR)
			return true;
		if (options[at] == IPOPT_EOL)
			return false;
		if (options[at] == IPOPT_NOP) {
			at++;
			continue;
		}
		if (at + 1 >= length || options[at + 1] < 2 || at + options[at + 1] > length)
			return true;
		at += options[at + 1];
	}
	return false;
}

static inline bool read_ipv4(const __u8 *frame, size_t length, struct datagram *datagram)
{
	const __u8 *ip = &frame[datagram->network];
	size_t left = length - datagram->network, header = (ip[0] & 0xfU) * 4;
	unsigned int fragment;

	if (left < 20 || ip[0] >> 4 != 4 || header < 20 || left < header)
		return false;
	fragment = octets_to_u16(&ip[6]);
	if (fragment & IP_OFFMASK) /* the ports are in another packet */
		return false;
	datagram->protocol = ip[9];
	datagram->is_fragment = fragment & IP_MF;
	datagram->is_rerouted = reroutes(&ip[20], header - 20);
	datagram->is_to_group = ip[16] >= 224; /* of other broadcasts only the routes know */
	datagram->transport = datagram->network + header;
	datagram->end = datagram->network + octets_to_u16(&ip[2]);
	return true;
}

/* Behind the extension headers (RFC 8200 section 4). False: no ports to be seen, or not by us. */
static inline bool skip_extensions(const __u8 *frame, size_t length, __u8 next, struct datagram *datagram)
{
	size_t count = 0;

	while (next != IPPROTO_UDP && next != IPPROTO_TCP) {
		const __u8 *header = &frame[datagram->transport];

		if (++count > EXTENSIONS_SEEN || datagram->transport + 8 > length)
			return false;
		switch (next) {
		case IPPROTO_FRAGMENT:
			if (octets_to_u16(&header[2]) & 0xfff8)
				return false;
			datagram->is_fragment = true;
			datagram->transport += 8;
			break;
		case IPPROTO_AH:
			datagram->is_rerouted = true;
			datagram->transport += (header[1] + 2U) * 4;
			break;
		case IPPROTO_ROUTING:
			datagram->is_rerouted = true;
			/* fall through */
		case IPPROTO_HOPOPTS:
		case IPPROTO_DSTOPTS:
			datagram->transport += (header[1] + 1U) * 8;
			break;
		default:
			return false;
		}
		next = header[0];
	}
	datagram->protocol = next;
	datagram->is_rerouted |= count > EXTENSIONS_MAX;
	return true;
}

static inline bool read_ipv6(const __u8 *frame, size_t length, struct datagram *datagram)
{
	const __u8 *ip = &frame[datagram->network];

	if (length - datagram->network < 40 || ip[0] >> 4 != 6)
		return false;
	datagram->transport = datagram->network + 40;
	datagram->end = datagram->transport + octets_to_u16(&ip[4]);
	datagram->is_to_group = ip[24] == 0xff;
	return skip_extensions(frame, length, ip[6], datagram);
}

/* Has the Ethernet frame the ports of UDP, or TCP? */
static inline bool find_datagram(const __u8 *frame, size_t length, struct datagram *ret)
{
	unsigned int ether_type = octets_to_u16(&frame[12]);

	memset(ret, 0, sizeof(*ret));
	ret->network = ETHERNET_SIZE;
	if (!(ether_type == ETH_P_IP && read_ipv4(frame, length, ret)) &&
	    !(ether_type == ETH_P_IPV6 && read_ipv6(frame, length, ret)))
		return false;
	if (ret->protocol != IPPROTO_UDP && ret->protocol != IPPROTO_TCP)
		return false;
	if (ret->transport + (ret->protocol == IPPROTO_UDP ? UDP_SIZE : 14) > length) /* with the flags of TCP */
		return false;
	ret->source_port = octets_to_u16(&frame[ret->transport]);
	ret->destination_port = octets_to_u16(&frame[ret->transport + 2]);
	return true;
}

static inline bool is_connection_attempt(const __u8 *frame, const struct datagram *datagram)
{
	return (frame[datagram->transport + 13] & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* A whole UDP datagram, and nothing but it. NULL: it is one. */
static inline const char *datagram_fault(const __u8 *frame, size_t length, const struct datagram *datagram)
{
	size_t udp_length = octets_to_u16(&frame[datagram->transport + 4]);

	if (datagram->protocol != IPPROTO_UDP)
		return "TCP";
	if (datagram->is_fragment)
		return "fragment";
	if (datagram->is_rerouted)
		return "source route, AH or too many headers";
	if (udp_length < UDP_SIZE || datagram->transport + udp_length != datagram->end || datagram->end > length)
		return "lengths";
	if (datagram->is_to_group)
		return "group";
	return NULL;
}

/* The sum over the UDP datagram and its pseudo-header: 0 if the checksum is right, or there is none. */
static inline __u16 datagram_sum(const __u8 *octets, const struct datagram *datagram)
{
	bool is_ipv6 = octets_to_u16(&octets[12]) == ETH_P_IPV6;
	size_t length = datagram->end - datagram->transport;
	__u32 sum = sum_octets(&octets[datagram->network + (is_ipv6 ? 8 : 12)], is_ipv6 ? 32 : 8,
			       IPPROTO_UDP + (__u32)length);

	if (octets_to_u16(&octets[datagram->transport + 6]) == 0)
		return 0;
	return fold_sum(sum_octets(&octets[datagram->transport], length, sum));
}

static inline __u16 ip_header_sum(const __u8 *octets, const struct datagram *datagram)
{
	if (octets_to_u16(&octets[12]) == ETH_P_IPV6)
		return 0;
	return fold_sum(sum_octets(&octets[datagram->network], datagram->transport - datagram->network, 0));
}

#endif
