/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets around the messages of vectors.h, planned as their difference from the usual one: Ethernet,
 * IPv4 or IPv6 without options, UDP from port 40000 to port 53. make_reply() builds what the filter
 * must make of one, with every checksum computed anew over all octets.
 */
#ifndef TESTS_KERNEL_PACKETS_H
#define TESTS_KERNEL_PACKETS_H

#include <arpa/inet.h>
#include <assert.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "vectors.h"

#define ETHERNET_SIZE 14
#define UDP_SIZE 8
#define PORT_ZERO -1

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

static const __u8 usual_mac[ETH_ALEN] = { 0x02, 0, 0, 0, 0, 0x53 };

struct packet_plan {
	const __u8 *mac;               /* the frame's destination; NULL: usual_mac */
	int version;                   /* 4 or 6; 0 in a table: both */
	const char *source, *destination;
	int source_port, destination_port; /* 0: 40000 and 53; PORT_ZERO */
	struct octets options;         /* IPv4 */
	__u8 ihl;                      /* 0: the true one; 16: 0 */
	__u8 ip_version;               /* 0: the true one */
	__u16 fragment;                /* IPv4: flags and offset, in units of 8 octets */
	struct octets extensions;      /* IPv6: headers whose last names UDP as the next */
	__u8 first_extension;          /* its number */
	__u8 protocol;                 /* 0: UDP, or TCP with `tcp_flags` */
	__u8 tcp_flags;                /* a TCP segment with them */
	int ip_length, udp_length;     /* added to the true ones */
	__u8 behind;                   /* octets in the frame behind the datagram */
	__u16 missing;                 /* octets that the frame lacks at its end */
	bool no_checksum;              /* the UDP checksum is 0 */
	__u16 ether_type;              /* 0: the true one */
	__u16 gso_segs, gso_size;      /* what the kernel keeps beside a packet of UDP_SEGMENT */
};

struct packet {
	__u8 octets[2048];
	size_t length;
	size_t network, transport; /* offsets of the IP and the UDP header */
	int version;
	__u16 gso_segs, gso_size;
};

static inline void add_octets(struct packet *packet, const void *octets, size_t length)
{
	assert(packet->length + length <= sizeof(packet->octets));
	if (length)
		memcpy(&packet->octets[packet->length], octets, length);
	packet->length += length;
}

static inline void set_u16(struct packet *packet, size_t offset, size_t value)
{
	packet->octets[offset] = (__u8)(value >> 8);
	packet->octets[offset + 1] = (__u8)value;
}

static inline void add_u16(struct packet *packet, size_t value)
{
	__u8 octets[2] = { (__u8)(value >> 8), (__u8)value };

	add_octets(packet, octets, sizeof(octets));
}

/* The Internet checksum's sum (RFC 1071) of octets from an even offset. */
static inline __u32 sum_octets(const __u8 *octets, size_t length, __u32 sum)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? octets[i] : (__u32)octets[i] << 8;
	return sum;
}

static inline __u16 fold_sum(__u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

static inline void set_ipv4_checksum(struct packet *packet)
{
	size_t length = (packet->octets[packet->network] & 0xf) * 4U;

	set_u16(packet, packet->network + 10, 0);
	set_u16(packet, packet->network + 10, fold_sum(sum_octets(&packet->octets[packet->network], length, 0)));
}

/* Over the pseudo-header, the UDP header and the data (RFC 768; RFC 8200 section 8.1). 0 is sent as 0xffff. */
static inline void set_udp_checksum(struct packet *packet)
{
	const __u8 *network = &packet->octets[packet->network];
	size_t length = packet->length - packet->transport;
	__u32 sum = IPPROTO_UDP + (__u32)length;
	__u16 checksum;

	set_u16(packet, packet->transport + 6, 0);
	if (packet->version == 4)
		sum = sum_octets(&network[12], 8, sum);
	else
		sum = sum_octets(&network[8], 32, sum);
	checksum = fold_sum(sum_octets(&packet->octets[packet->transport], length, sum));
	set_u16(packet, packet->transport + 6, checksum ? checksum : 0xffff);
}

static inline void add_address(struct packet *packet, const char *text, const char *usual)
{
	__u8 address[16];

	assert(inet_pton(packet->version == 4 ? AF_INET : AF_INET6, text ? text : usual, address) == 1);
	add_octets(packet, address, packet->version == 4 ? 4 : 16);
}

static inline __u8 plan_protocol(const struct packet_plan *plan)
{
	if (plan->protocol)
		return plan->protocol;
	return plan->tcp_flags ? IPPROTO_TCP : IPPROTO_UDP;
}

/* The total length is filled in when it is known. */
static inline void add_ipv4(struct packet *packet, const struct packet_plan *plan)
{
	size_t ihl = plan->ihl ? plan->ihl : 5 + plan->options.length / 4;
	__u8 start[] = { (__u8)((plan->ip_version ? plan->ip_version : 4) << 4 | (ihl & 0xf)), 0x02 /* ECN */, 0, 0, 0x12, 0x34 };
	__u8 lifetime[] = { 64, plan_protocol(plan), 0, 0 };

	add_octets(packet, start, sizeof(start));
	add_u16(packet, plan->fragment);
	add_octets(packet, lifetime, sizeof(lifetime));
	add_address(packet, plan->source, "192.0.2.10");
	add_address(packet, plan->destination, "192.0.2.53");
	add_octets(packet, plan->options.data, plan->options.length);
}

static inline void add_ipv6(struct packet *packet, const struct packet_plan *plan)
{
	__u8 start[] = { (__u8)((plan->ip_version ? plan->ip_version : 6) << 4), 0x2a, 0xbc, 0xde, 0, 0,
			 plan->extensions.length ? plan->first_extension : plan_protocol(plan), 64 };

	add_octets(packet, start, sizeof(start));
	add_address(packet, plan->source, "2001:db8::10");
	add_address(packet, plan->destination, "2001:db8::53");
	add_octets(packet, plan->extensions.data, plan->extensions.length);
}

static inline void add_ports(struct packet *packet, const struct packet_plan *plan)
{
	int source = plan->source_port ? plan->source_port : 40000;
	int destination = plan->destination_port ? plan->destination_port : 53;

	add_u16(packet, source == PORT_ZERO ? 0 : (size_t)source);
	add_u16(packet, destination == PORT_ZERO ? 0 : (size_t)destination);
}

static inline void add_tcp(struct packet *packet, const struct packet_plan *plan)
{
	__u8 rest[16] = { 0, 0, 0, 1, 0, 0, 0, 0, 5 << 4, plan->tcp_flags, 0xff };

	add_ports(packet, plan);
	add_octets(packet, rest, sizeof(rest));
}

static inline void add_udp(struct packet *packet, const struct packet_plan *plan, const struct message *message)
{
	add_ports(packet, plan);
	add_u16(packet, UDP_SIZE + message->length + (size_t)plan->udp_length);
	add_u16(packet, 0);
	add_octets(packet, message->octets, message->length);
	if (!plan->no_checksum)
		set_udp_checksum(packet);
}

static inline void set_ip_length(struct packet *packet, int more)
{
	size_t length = packet->length - packet->network + (size_t)more;

	if (packet->version == 6) {
		set_u16(packet, packet->network + 4, length - 40);
		return;
	}
	set_u16(packet, packet->network + 2, length);
	set_ipv4_checksum(packet);
}

static inline void make_packet(const struct packet_plan *plan, const struct message *message, struct packet *ret)
{
	const __u8 source[ETH_ALEN] = { 0x02, 0, 0, 0, 0, 0x10 };

	memset(ret, 0, sizeof(*ret));
	ret->version = plan->version;
	ret->gso_segs = plan->gso_segs;
	ret->gso_size = plan->gso_size;
	add_octets(ret, plan->mac ? plan->mac : usual_mac, ETH_ALEN);
	add_octets(ret, source, sizeof(source));
	add_u16(ret, plan->ether_type ? plan->ether_type : plan->version == 4 ? ETH_P_IP : ETH_P_IPV6);
	ret->network = ret->length;
	if (plan->version == 4)
		add_ipv4(ret, plan);
	else
		add_ipv6(ret, plan);
	ret->transport = ret->length;
	if (plan->tcp_flags)
		add_tcp(ret, plan);
	else
		add_udp(ret, plan, message);
	set_ip_length(ret, plan->ip_length);
	add_octets(ret, "padding that is no part of the datagram", plan->behind);
	ret->length -= plan->missing;
}

static inline void swap_octets(struct packet *packet, size_t one, size_t other, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		__u8 octet = packet->octets[one + i];

		packet->octets[one + i] = packet->octets[other + i];
		packet->octets[other + i] = octet;
	}
}

/* The same packet with another message: lengths and checksums right, nothing behind it. No UDP checksum stays none. */
static inline void replace_message(const struct packet *packet, const struct message *message, struct packet *ret)
{
	bool no_checksum = !packet->octets[packet->transport + 6] && !packet->octets[packet->transport + 7];

	*ret = *packet;
	ret->length = packet->transport + UDP_SIZE;
	add_octets(ret, message->octets, message->length);
	set_u16(ret, packet->transport + 4, UDP_SIZE + message->length);
	if (!no_checksum)
		set_udp_checksum(ret);
	set_ip_length(ret, 0);
}

/* The answer's packet: the query's headers with addresses and ports of both ends swapped, and another message. */
static inline void make_reply(const struct packet *query, const struct message *answer, struct packet *ret)
{
	struct packet reply = *query;

	swap_octets(&reply, 0, 6, 6);
	if (query->version == 4)
		swap_octets(&reply, query->network + 12, query->network + 16, 4);
	else
		swap_octets(&reply, query->network + 8, query->network + 24, 16);
	swap_octets(&reply, query->transport, query->transport + 2, 2);
	replace_message(&reply, answer, ret);
}

#endif
