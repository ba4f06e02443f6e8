/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the packet to the DNS message: IPv4 with options, IPv6 with extension headers, UDP. Headers are
 * read by helpers relative to the network header, so that the link layer (Ethernet, lo, none) and
 * paged data need no thought.
 */
#ifndef STUBSIEVE_PACKET_H
#define STUBSIEVE_PACKET_H

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include "maps.h"

#define IPV4_FRAGMENT_OFFSET 0x1fff
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OPTIONS_SIZE 40
#define IPV4_OPTIONS_MAX 8 /* with the padding of NOP; more are as good as a source route */
#define IPV4_OPTION_END 0
#define IPV4_OPTION_NOOP 1
#define IPV4_OPTION_LSRR 131 /* loose and strict source route (RFC 791 section 3.1) */
#define IPV4_OPTION_SSRR 137
#define IPV6_EXTENSIONS_MAX 6
#define TCP_FLAGS_OFFSET 13
#define TCP_SYN 0x02
#define TCP_ACK 0x10

/* On which side of a device the packet is met. */
enum side {
	SIDE_EGRESS,  /* one of ours leaves */
	SIDE_INGRESS, /* one of somebody behind the device came */
};

/* Which messages are looked for: those to a DNS port, or those from one. */
enum direction {
	TO_SERVER,
	FROM_SERVER,
};

static __always_inline long load(struct __sk_buff *skb, __u32 offset, void *to, __u32 length)
{
	return bpf_skb_load_bytes_relative(skb, offset, to, length, BPF_HDR_START_NET);
}

static __always_inline bool is_dns_port(__be16 port)
{
	for (int i = 0; i < SIEVE_PORTS_MAX; i++)
		if (policy.ports[i] && port == bpf_htons(policy.ports[i]))
			return true;
	return false;
}

static __always_inline bool has_dns_port(const struct udphdr *udp, enum direction direction)
{
	return is_dns_port(direction == TO_SERVER ? udp->dest : udp->source);
}

/* Does a source route lead the packet elsewhere? Options that do not add up count as one. */
static __always_inline bool has_source_route(struct __sk_buff *skb, __u32 header_length)
{
	__u8 options[IPV4_OPTIONS_SIZE + 4] = {};
	__u32 end = header_length - sizeof(struct iphdr), at = 0;

	SIEVE_OPAQUE(end);
	if (end > IPV4_OPTIONS_SIZE || end < 4)
		return true;
	if (load(skb, sizeof(struct iphdr), options, end))
		return true;
	SIEVE_ROLLED
	for (__u32 i = 0; i < IPV4_OPTIONS_MAX; i++) {
		__u8 option, length;

		if (at >= end || at >= IPV4_OPTIONS_SIZE)
			break;
		option = options[at];
		length = options[at + 1];
		if (option == IPV4_OPTION_END)
			return false;
		if (option == IPV4_OPTION_LSRR || option == IPV4_OPTION_SSRR)
			return true;
		if (option != IPV4_OPTION_NOOP && length < 2)
			return true;
		at += option == IPV4_OPTION_NOOP ? 1 : length;
		SIEVE_OPAQUE(at);
	}
	return at != end;
}

/*
 * Take the work area for this packet, before the first write to it. At the cgroup hooks another packet of the
 * same CPU can come in between, in softirq or after preemption; it takes the area, and who was interrupted
 * sees that at the end (still_mine()). He may have written to it meanwhile, so neither may go on with it.
 */
static __always_inline struct sieve_packet *take(struct __sk_buff *skb, struct sieve_kernel_work **ret_work)
{
	struct sieve_kernel_work *work = get_work_area();

	if (!work)
		return NULL;
	*ret_work = work;
	work->packet.owner = (unsigned long)skb;
	return &work->packet;
}

static __always_inline bool still_mine(struct __sk_buff *skb, struct sieve_packet *packet)
{
	SIEVE_FORGET();
	if (packet->owner == (unsigned long)skb)
		return true;
	packet->owner = 0;
	return false;
}

static __always_inline enum sieve_kind find_ipv4(struct __sk_buff *skb, enum direction direction,
						 struct sieve_kernel_work **ret_work)
{
	struct {
		struct iphdr ip;
		struct udphdr udp;
	} head;
	struct sieve_packet *packet;
	__u32 header_length;

	if (load(skb, 0, &head, sizeof(head)))
		return SIEVE_KIND_OTHER;
	if (head.ip.protocol != IPPROTO_UDP && head.ip.protocol != IPPROTO_TCP)
		return SIEVE_KIND_OTHER;
	header_length = head.ip.ihl * 4;
	if (head.ip.version != 4 || header_length < sizeof(head.ip))
		return SIEVE_KIND_OTHER;
	if (head.ip.frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET)) /* the ports are in the first one */
		return SIEVE_KIND_OTHER;
	if (header_length != sizeof(head.ip) && load(skb, header_length, &head.udp, sizeof(head.udp)))
		return SIEVE_KIND_OTHER;
	if (!has_dns_port(&head.udp, direction))
		return SIEVE_KIND_OTHER;

	packet = take(skb, ret_work);
	if (!packet)
		return SIEVE_KIND_OTHER;
	packet->family = SIEVE_IPV4;
	packet->protocol = head.ip.protocol;
	packet->transport = header_length;
	packet->ip_length = bpf_ntohs(head.ip.tot_len);
	if (direction == FROM_SERVER)
		__builtin_memcpy(packet->ipv4_head, &head.ip, sizeof(packet->ipv4_head));
	packet->addresses[0] = head.ip.saddr;
	packet->addresses[1] = head.ip.daddr;
	packet->udp = head.udp;
	packet->reason = SIEVE_REASON_NONE;
	if (head.ip.frag_off & bpf_htons(IPV4_MORE_FRAGMENTS))
		packet->reason = SIEVE_REASON_fragmented;
	else if (header_length != sizeof(head.ip) && has_source_route(skb, header_length))
		packet->reason = SIEVE_REASON_headers;
	return head.ip.protocol == IPPROTO_UDP ? SIEVE_KIND_UDP : SIEVE_KIND_TCP;
}

/* Where a walk over extension headers has come to. */
struct walk {
	__u32 offset; /* from the network header */
	__u8 reason;  /* enum sieve_reason: a header on the way speaks against an answer */
};

/*
 * Walk the extension headers from `next` at walk->offset to UDP or TCP (RFC 8200 section 4). Returns the
 * protocol, or 0 where no ports can be seen.
 */
static __always_inline __u8 walk_extensions(struct __sk_buff *skb, __u8 next, struct walk *walk)
{
	SIEVE_ROLLED
	for (int i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
		struct {
			__u8 next;
			__u8 length; /* in units of 8 octets, without the first; AH: of 4, without the first two */
			__be16 fragment;
		} extension;

		if (next == IPPROTO_UDP || next == IPPROTO_TCP)
			return next;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS && next != IPPROTO_ROUTING &&
		    next != IPPROTO_FRAGMENT && next != IPPROTO_AH)
			return 0;
		if (load(skb, walk->offset, &extension, sizeof(extension)))
			return 0;
		if (next == IPPROTO_FRAGMENT) {
			if (extension.fragment & bpf_htons(0xfff8)) /* the ports are in the first one */
				return 0;
			walk->reason = SIEVE_REASON_fragmented;
			walk->offset += 8;
		} else if (next == IPPROTO_AH) {
			walk->reason = SIEVE_REASON_headers;
			walk->offset += (extension.length + 2) * 4;
		} else {
			if (next == IPPROTO_ROUTING)
				walk->reason = SIEVE_REASON_headers;
			walk->offset += (extension.length + 1) * 8;
		}
		next = extension.next;
	}
	if (next == IPPROTO_UDP || next == IPPROTO_TCP) {
		walk->reason = SIEVE_REASON_headers; /* longer than we care to rewrite */
		return next;
	}
	return 0;
}

static __always_inline enum sieve_kind find_ipv6(struct __sk_buff *skb, enum direction direction,
						 struct sieve_kernel_work **ret_work)
{
	struct {
		struct ipv6hdr ip;
		struct udphdr udp;
	} head;
	struct walk walk = { .offset = sizeof(head.ip) };
	struct sieve_packet *packet;
	__u8 protocol;

	if (load(skb, 0, &head, sizeof(head)))
		return SIEVE_KIND_OTHER;
	protocol = head.ip.nexthdr;
	if (protocol != IPPROTO_UDP && protocol != IPPROTO_TCP) {
		protocol = walk_extensions(skb, protocol, &walk);
		if (!protocol || load(skb, walk.offset, &head.udp, sizeof(head.udp)))
			return SIEVE_KIND_OTHER;
	}
	if (!has_dns_port(&head.udp, direction) || head.ip.version != 6)
		return SIEVE_KIND_OTHER;

	packet = take(skb, ret_work);
	if (!packet)
		return SIEVE_KIND_OTHER;
	packet->family = SIEVE_IPV6;
	packet->protocol = protocol;
	packet->transport = walk.offset;
	packet->reason = walk.reason;
	packet->ip_length = sizeof(head.ip) + bpf_ntohs(head.ip.payload_len);
	__builtin_memcpy(packet->addresses, &head.ip.saddr, sizeof(packet->addresses));
	packet->udp = head.udp;
	return protocol == IPPROTO_UDP ? SIEVE_KIND_UDP : SIEVE_KIND_TCP;
}

/* The look that every packet gets; what is not SIEVE_KIND_OTHER has the work area, and is described in it. */
static __always_inline enum sieve_kind find_dns(struct __sk_buff *skb, enum direction direction,
						struct sieve_kernel_work **ret_work)
{
	enum sieve_kind kind = SIEVE_KIND_OTHER;
	__u8 flags;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		kind = find_ipv4(skb, direction, ret_work);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		kind = find_ipv6(skb, direction, ret_work);
	if (kind != SIEVE_KIND_TCP)
		return kind;
	if (load(skb, (*ret_work)->packet.transport + TCP_FLAGS_OFFSET, &flags, sizeof(flags)))
		return SIEVE_KIND_OTHER;
	return (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN ? SIEVE_KIND_TCP : SIEVE_KIND_OTHER;
}

static __always_inline bool is_group_address(const struct sieve_packet *packet)
{
	if (packet->family == SIEVE_IPV4)
		return bpf_ntohl(packet->addresses[1]) >= 0xe0000000; /* 224/4, 240/4, 255.255.255.255 */
	return (bpf_ntohl(packet->addresses[4]) >> 24) == 0xff;
}

/* Did the route make it a broadcast or multicast, such as to 192.0.2.255? */
static __always_inline bool is_group_route(const struct sieve_packet *packet, struct dst_entry *dst)
{
	if (packet->family != SIEVE_IPV4 || !dst)
		return false;
	return READ_FIELD(struct rtable, dst, rt_flags) & (RTCF_BROADCAST | RTCF_MULTICAST);
}

/* Is the frame for several? The route knows of a packet that leaves, the link layer of one that came. */
static __always_inline bool is_group_frame(struct __sk_buff *skb, const struct sieve_packet *packet,
					   enum side side, struct dst_entry *dst)
{
	if (side == SIDE_EGRESS)
		return is_group_route(packet, dst);
	return skb->pkt_type == PACKET_BROADCAST || skb->pkt_type == PACKET_MULTICAST;
}

/* The lengths in the headers describe one whole message: its own is in work->length, its place in packet->network. */
static __always_inline int locate_message(struct __sk_buff *skb, struct sieve_packet *packet, enum side side,
					  struct sieve_work *work)
{
	__u32 udp_length = bpf_ntohs(packet->udp.len);

	if (udp_length < sizeof(struct udphdr) || packet->transport + udp_length != packet->ip_length)
		return -1;
	work->length = udp_length - sizeof(struct udphdr);
	packet->network = network_offset(skb);
	/* Our own packets end with the datagram. Those that came may have padding behind it; load_message() checks. */
	if (side == SIDE_EGRESS && packet->network + packet->ip_length != skb->len)
		return -1;
	/* Last, and with nothing after it in a register: of two values the verifier would follow what comes after twice. */
	if (packet->network != 0 && packet->network != ETH_HLEN)
		return -1;
	return 0;
}

/*
 * The conditions on a query's datagram. On success the message's length is in work->length. `dst` is that of a
 * packet which leaves.
 */
static __always_inline enum sieve_reason check_datagram(struct __sk_buff *skb, struct sieve_packet *packet,
							enum side side, struct dst_entry *dst,
							struct sieve_work *work)
{
	if (packet->protocol == IPPROTO_TCP)
		return SIEVE_REASON_tcp;
	if (skb->gso_segs > 1)
		return SIEVE_REASON_segmented;
	if (packet->reason)
		return packet->reason;
	if (side == SIDE_INGRESS && was_encrypted(skb))
		return SIEVE_REASON_headers;
	if (locate_message(skb, packet, side, work))
		return SIEVE_REASON_length;
	if (is_group_address(packet) || is_group_frame(skb, packet, side, dst))
		return SIEVE_REASON_destination;
	return work->length > SIEVE_MESSAGE_MAX ? SIEVE_REASON_oversized : SIEVE_REASON_NONE;
}

/*
 * Copy the message, of at most `most` octets, to the work area, with zeros behind it. It may lie in pages
 * (MSG_ZEROCOPY, sendfile), of which load() knows nothing, so it is read at its offset from skb->data; that the UDP
 * header before it is the one that was found from the network header shows that the offset is right.
 */
static __always_inline int load_message(struct __sk_buff *skb, struct sieve_kernel_work *work, __u32 most)
{
	const struct sieve_packet *packet = &work->packet;
	__u32 length = work->dns.length;

	if (length < SIEVE_HEADER_SIZE)
		return -1;
	SIEVE_OPAQUE(length); /* or the compiler makes one comparison of both, of a number beside it */
	if (length > most)
		return -1;
	if (bpf_skb_load_bytes(skb, packet->network + packet->transport, &work->udp, sizeof(work->udp) + length))
		return -1;
	if (work->udp.source != packet->udp.source || work->udp.dest != packet->udp.dest ||
	    work->udp.len != packet->udp.len || work->udp.check != packet->udp.check)
		return -1;
	__builtin_memset(&work->dns.message[length], 0, 4);
	return 0;
}

#endif
