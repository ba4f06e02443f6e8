/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Turn the query's packet into the answer's: message, lengths, ports, addresses, checksums. The sums
 * are updated for each octet that changes, so they stay right where the kernel has already computed
 * them (no transmit offload) and where the device was to do it (CHECKSUM_PARTIAL).
 */
#ifndef STUBSIEVE_REWRITE_H
#define STUBSIEVE_REWRITE_H

#include "answer.h"
#include "packet.h"

struct ethernet_addresses {
	__u8 destination[ETH_ALEN];
	__u8 source[ETH_ALEN];
};

static __always_inline void swap_ethernet(struct __sk_buff *skb)
{
	struct ethernet_addresses old, new;

	if (bpf_skb_load_bytes(skb, 0, &old, sizeof(old)))
		return;
	__builtin_memcpy(new.destination, old.source, ETH_ALEN);
	__builtin_memcpy(new.source, old.destination, ETH_ALEN);
	bpf_skb_store_bytes(skb, 0, &new, sizeof(new), 0);
}

/* Swapped addresses leave every sum as it was. */
static __always_inline void swap_addresses(struct __sk_buff *skb, const struct sieve_packet *packet)
{
	__be32 swapped[8];

	if (packet->family == SIEVE_IPV4) {
		swapped[0] = packet->addresses[1];
		swapped[1] = packet->addresses[0];
		bpf_skb_store_bytes(skb, packet->network + offsetof(struct iphdr, saddr), swapped, 8, 0);
	} else {
		__builtin_memcpy(&swapped[0], &packet->addresses[4], 16);
		__builtin_memcpy(&swapped[4], &packet->addresses[0], 16);
		bpf_skb_store_bytes(skb, packet->network + offsetof(struct ipv6hdr, saddr), swapped, 32, 0);
	}
}

/* Swapped ports, too. */
static __always_inline void swap_ports(struct __sk_buff *skb, const struct sieve_packet *packet)
{
	__be16 swapped[2] = { packet->udp.dest, packet->udp.source };

	bpf_skb_store_bytes(skb, packet->network + packet->transport, swapped, sizeof(swapped), 0);
}

/* The length of the datagram in the IP header. */
static __always_inline void set_ip_length(struct __sk_buff *skb, const struct sieve_packet *packet, __u32 ip_length)
{
	if (packet->family == SIEVE_IPV4) {
		__be16 old = bpf_htons(packet->ip_length), new = bpf_htons(ip_length);

		bpf_l3_csum_replace(skb, packet->network + offsetof(struct iphdr, check), old, new, sizeof(new));
		bpf_skb_store_bytes(skb, packet->network + offsetof(struct iphdr, tot_len), &new, sizeof(new), 0);
	} else {
		__be16 payload_length = bpf_htons(ip_length - sizeof(struct ipv6hdr));

		bpf_skb_store_bytes(skb, packet->network + offsetof(struct ipv6hdr, payload_len), &payload_length,
				    sizeof(payload_length), 0);
	}
}

/* The lengths in the IP and UDP headers, for a message of that length. */
static __always_inline void set_lengths(struct __sk_buff *skb, const struct sieve_packet *packet, __u32 message_length)
{
	__u32 udp = packet->network + packet->transport, check = udp + offsetof(struct udphdr, check);
	__be16 udp_length = bpf_htons(sizeof(struct udphdr) + message_length);

	/* It is summed twice: in the pseudo-header and in the header (RFC 768). */
	bpf_l4_csum_replace(skb, check, packet->udp.len, udp_length, BPF_F_MARK_MANGLED_0 | BPF_F_PSEUDO_HDR | 2);
	bpf_l4_csum_replace(skb, check, packet->udp.len, udp_length, BPF_F_MARK_MANGLED_0 | 2);
	bpf_skb_store_bytes(skb, udp + offsetof(struct udphdr, len), &udp_length, sizeof(udp_length), 0);
	set_ip_length(skb, packet, packet->transport + sizeof(struct udphdr) + message_length);
}

/* Without OPT the answer differs from the query in the header's two octets of flags alone. */
static __always_inline int replace_flags(struct __sk_buff *skb, const struct sieve_packet *packet,
					 struct sieve_work *work)
{
	__u32 udp = packet->network + packet->transport, flags = udp + sizeof(struct udphdr) + 2;
	__be16 old, new;

	__builtin_memcpy(&old, &work->message[2], sizeof(old));
	sieve_answer_header(work);
	__builtin_memcpy(&new, &work->message[2], sizeof(new));
	if (bpf_skb_store_bytes(skb, flags, &new, sizeof(new), 0))
		return -1;
	bpf_l4_csum_replace(skb, udp + offsetof(struct udphdr, check), old, new, BPF_F_MARK_MANGLED_0 | 2);
	return 0;
}

/* With OPT all of the message is replaced, by one of another length. */
static __always_inline int replace_message(struct __sk_buff *skb, const struct sieve_packet *packet,
					   struct sieve_work *work)
{
	__u32 udp = packet->network + packet->transport, payload = udp + sizeof(struct udphdr);
	__u32 old_length = work->length, length;
	__s64 difference;

	SIEVE_OPAQUE(old_length);
	if (old_length < SIEVE_HEADER_SIZE || old_length > SIEVE_MESSAGE_MAX)
		return -1;
	difference = bpf_csum_diff((__be32 *)work->message, (old_length + 3) & ~3U, NULL, 0, 0);
	sieve_answer(work, current_policy());
	SIEVE_FORGET();
	length = work->length;
	if (length < SIEVE_HEADER_SIZE)
		return -1;
	SIEVE_OPAQUE(length); /* or the compiler makes one comparison of both, of a number beside it */
	if (length > SIEVE_ANSWER_MAX)
		return -1;
	difference = bpf_csum_diff(NULL, 0, (__be32 *)work->message, (length + 3) & ~3U, difference);

	/* All of it linear and ours alone: no store fails after this. */
	if (bpf_skb_pull_data(skb, skb->len) || bpf_skb_change_tail(skb, payload + length, 0))
		return -1;
	if (bpf_skb_store_bytes(skb, payload, work->message, length, 0))
		return -1;
	bpf_l4_csum_replace(skb, udp + offsetof(struct udphdr, check), 0, difference, BPF_F_MARK_MANGLED_0);
	set_lengths(skb, packet, length);
	return 0;
}

/* Without a checksum over IPv6 the answer's would be none either: few sockets take it. */
static __always_inline bool has_checksum(const struct sieve_packet *packet)
{
	return packet->family == SIEVE_IPV4 || packet->udp.check;
}

/*
 * Replace the query, which has_checksum(), by its answer, in place, ready to be received. Returns 0, or -1 with the
 * packet untouched: everything that can fail comes first.
 */
static __always_inline int rewrite(struct __sk_buff *skb, const struct sieve_packet *packet, struct sieve_work *work)
{
	SIEVE_FORGET();
	if (work->question.edns ? replace_message(skb, packet, work) : replace_flags(skb, packet, work))
		return -1;
	swap_ports(skb, packet);
	swap_addresses(skb, packet);
	if (packet->network == ETH_HLEN && skb->ifindex != LOOPBACK_IFINDEX) /* on lo all of them are zero */
		swap_ethernet(skb);
	return 0;
}

#endif
