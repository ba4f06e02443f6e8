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
static __always_inline void rewrite_ip(struct __sk_buff *skb, const struct sieve_packet *packet, __u32 network,
				       __u32 ip_length)
{
	__be32 addresses[8];

	if (packet->family == SIEVE_IPV4) {
		__be16 old = bpf_htons(packet->ip_length), new = bpf_htons(ip_length);

		addresses[0] = packet->addresses[1];
		addresses[1] = packet->addresses[0];
		bpf_skb_store_bytes(skb, network + offsetof(struct iphdr, saddr), addresses, 8, 0);
		bpf_l3_csum_replace(skb, network + offsetof(struct iphdr, check), old, new, sizeof(new));
		bpf_skb_store_bytes(skb, network + offsetof(struct iphdr, tot_len), &new, sizeof(new), 0);
	} else {
		__be16 payload_length = bpf_htons(ip_length - sizeof(struct ipv6hdr));

		__builtin_memcpy(&addresses[0], &packet->addresses[4], 16);
		__builtin_memcpy(&addresses[4], &packet->addresses[0], 16);
		bpf_skb_store_bytes(skb, network + offsetof(struct ipv6hdr, saddr), addresses, 32, 0);
		bpf_skb_store_bytes(skb, network + offsetof(struct ipv6hdr, payload_len), &payload_length,
				    sizeof(payload_length), 0);
	}
}

/* `difference` is what bpf_csum_diff() says of the old and the new message. */
static __always_inline void rewrite_udp(struct __sk_buff *skb, const struct sieve_packet *packet, __u32 transport,
					__u32 message_length, __s64 difference)
{
	__u32 check = transport + offsetof(struct udphdr, check);
	__be16 length = bpf_htons(sizeof(struct udphdr) + message_length);
	__be16 fields[3] = { packet->udp.dest, packet->udp.source, length };

	bpf_l4_csum_replace(skb, check, 0, difference, BPF_F_MARK_MANGLED_0);
	/* The length is summed twice: in the pseudo-header and in the header (RFC 768). */
	bpf_l4_csum_replace(skb, check, packet->udp.len, length, BPF_F_MARK_MANGLED_0 | BPF_F_PSEUDO_HDR | 2);
	bpf_l4_csum_replace(skb, check, packet->udp.len, length, BPF_F_MARK_MANGLED_0 | 2);
	bpf_skb_store_bytes(skb, transport, fields, sizeof(fields), 0);
}

/*
 * Replace the query by its answer, in place, ready to be received. Returns 0, or -1 with the packet
 * untouched: everything that can fail comes first.
 */
static __always_inline int rewrite(struct __sk_buff *skb, struct sieve_packet *packet, struct sieve_work *work)
{
	__u32 network, transport, payload, old_length, length;
	__s64 difference;

	if (packet->family == SIEVE_IPV6 && !packet->udp.check) /* so the answer's would be: few sockets take it */
		return -1;
	packet->network = network_offset(skb);
	if (packet->network != 0 && packet->network != ETH_HLEN)
		return -1;
	SIEVE_FORGET();
	network = packet->network;
	transport = network + packet->transport;
	payload = transport + sizeof(struct udphdr);
	old_length = work->length;
	SIEVE_OPAQUE(old_length);
	if (old_length < 1 || old_length > SIEVE_MESSAGE_MAX)
		return -1;
	difference = bpf_csum_diff((__be32 *)work->message, (old_length + 3) & ~3U, NULL, 0, 0);
	length = sieve_answer(work, current_policy());
	SIEVE_OPAQUE(length);
	if (length < SIEVE_HEADER_SIZE || length > SIEVE_ANSWER_MAX)
		return -1;
	difference = bpf_csum_diff(NULL, 0, (__be32 *)work->message, (length + 3) & ~3U, difference);

	/* All of it linear and ours alone: no store fails after this. */
	if (bpf_skb_pull_data(skb, skb->len) || bpf_skb_change_tail(skb, payload + length, 0))
		return -1;
	if (bpf_skb_store_bytes(skb, payload, work->message, length, 0))
		return -1;
	rewrite_udp(skb, packet, transport, length, difference);
	rewrite_ip(skb, packet, network, packet->transport + sizeof(struct udphdr) + length);
	if (network == ETH_HLEN)
		swap_ethernet(skb);
	return 0;
}

#endif
