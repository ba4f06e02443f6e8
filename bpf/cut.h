/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A response's packet without what was found to go (results.h). Headers and message are made in the work area, sums
 * and all, and stored at once: each helper that touches a packet costs 10 ns and more.
 */
#ifndef STUBSIEVE_CUT_H
#define STUBSIEVE_CUT_H

#include "results.h"

#define SUM_OCTETS 512 /* the most that bpf_csum_diff() takes (before Linux 6.17) */

/* The sum of the message from what goes to its end, behind which are zeros. From a multiple of 4: those octets stay. */
static __always_inline __u32 sum_message(const struct sieve_work *work)
{
	__u32 from = work->cut.from & ~3U, end = work->length;
	__s64 sum = 0;

	SIEVE_ROLLED
	for (__u32 i = 0; i < (SIEVE_RESPONSE_MAX + SUM_OCTETS) / SUM_OCTETS; i++) {
		__u32 length = (end - from + 3) & ~3U;

		if (from >= end)
			break;
		SIEVE_OPAQUE(from);
		SIEVE_OPAQUE(length);
		if (from > SIEVE_RESPONSE_MAX)
			break;
		if (length > SUM_OCTETS)
			length = SUM_OCTETS;
		sum = bpf_csum_diff(NULL, 0, (__be32 *)&work->message[from], length, (__wsum)sum);
		from += length;
	}
	return (__u32)sum;
}

/* Fold a sum of 16-bit words (RFC 1071) to one. */
static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum >> 32) + (__u32)sum;
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (__u16)((sum >> 16) + (sum & 0xffff));
}

/* ANCOUNT, as it is summed. */
static __always_inline __u16 answer_count(const struct sieve_work *work)
{
	__u16 count;

	__builtin_memcpy(&count, &work->message[6], sizeof(count));
	return count;
}

/*
 * The length and the sum in the UDP header; `difference`: by how much the sum of the message rose. The length is in the
 * pseudo-header as well (RFC 768), whose sum alone is there where the device is to make the rest.
 */
static __always_inline void finish_udp(struct sieve_kernel_work *kernel_work, __u64 difference, bool is_partial)
{
	struct udphdr *udp = &kernel_work->udp;
	__be16 length = bpf_htons(sizeof(struct udphdr) + kernel_work->dns.length);
	__u64 longer = (__u64)length + (__u16)~udp->len;

	udp->len = length;
	if (!udp->check)
		return;
	udp->check = is_partial ? fold(udp->check + longer) : (__u16)~fold((__u16)~udp->check + 2 * longer + difference);
	if (!udp->check)
		udp->check = 0xffff;
}

/* The length in the IP header, and what has a sum of it. */
static __always_inline int store_ip_length(struct __sk_buff *skb, struct sieve_packet *packet, __u32 ip_length)
{
	__be16 length = bpf_htons(ip_length), *words = packet->ipv4_head;
	const __u32 total = offsetof(struct iphdr, tot_len), check = offsetof(struct iphdr, check);

	if (packet->family == SIEVE_IPV6) {
		length = bpf_htons(ip_length - sizeof(struct ipv6hdr));
		return bpf_skb_store_bytes(skb, packet->network + offsetof(struct ipv6hdr, payload_len), &length,
					   sizeof(length), 0) ? -1 : 0;
	}
	words[check / 2] = (__u16)~fold((__u64)(__u16)~words[check / 2] + (__u16)~words[total / 2] + length);
	words[total / 2] = length;
	return bpf_skb_store_bytes(skb, packet->network, words, sizeof(packet->ipv4_head), 0) ? -1 : 0;
}

/* UDP's header and the message. */
static __always_inline int store_datagram(struct __sk_buff *skb, const struct sieve_kernel_work *kernel_work)
{
	__u32 length = kernel_work->dns.length;

	SIEVE_OPAQUE(length);
	if (length > SIEVE_RESPONSE_MAX)
		return -1;
	SIEVE_OPAQUE(length);
	if (length < SIEVE_HEADER_SIZE)
		return -1;
	return bpf_skb_store_bytes(skb, kernel_work->packet.network + kernel_work->packet.transport, &kernel_work->udp,
				   sizeof(struct udphdr) + length, 0) ? -1 : 0;
}

/*
 * Take out of the message what was found. The sums are left in the work area, for the verifier to forget by how many
 * turns they were reckoned.
 */
static __always_inline int cut_message(struct __sk_buff *skb, struct sieve_kernel_work *kernel_work, bool is_partial)
{
	struct sieve_work *work = &kernel_work->dns;

	kernel_work->old_sum = is_partial ? 0 : sum_message(work);
	kernel_work->old_sum += answer_count(work);
	SIEVE_FORGET();
	if (sieve_cut_response(skb, work))
		return -1;
	kernel_work->new_sum = is_partial ? 0 : sum_message(work);
	kernel_work->new_sum += answer_count(work);
	SIEVE_FORGET();
	return 0;
}

/*
 * Take out of the packet what was found, and what is behind the datagram: the kernel lets go of a sum that the device
 * made over the whole frame (CHECKSUM_COMPLETE) when the frame is cut.
 */
static __always_inline enum sieve_response cut_packet(struct __sk_buff *skb, struct sieve_kernel_work *kernel_work)
{
	struct sieve_packet *packet = &kernel_work->packet;
	struct sieve_work *work = &kernel_work->dns;
	bool is_partial = has_partial_sum(skb);

	if (packet->family == SIEVE_IPV6 && !packet->udp.check)
		return SIEVE_RESPONSE_failed;
	packet->network = network_offset_directly(skb);
	if (cut_message(skb, kernel_work, is_partial))
		return SIEVE_RESPONSE_failed;
	finish_udp(kernel_work, kernel_work->new_sum + (__u16)~fold(kernel_work->old_sum), is_partial);
	/* All of it linear and ours alone: no store fails after this. */
	if (bpf_skb_change_tail(skb, packet->network + kernel_work->payload + work->length, 0) ||
	    store_datagram(skb, kernel_work) ||
	    store_ip_length(skb, packet, packet->transport + bpf_ntohs(kernel_work->udp.len)))
		return SIEVE_RESPONSE_failed;
	for (__u32 family = 0; family < SIEVE_FAMILIES; family++)
		if (work->cut.removed[family])
			count_more(SIEVE_COUNTER_REMOVED + family, work->cut.removed[family]);
	return work->cut.stays ? SIEVE_RESPONSE_filtered : SIEVE_RESPONSE_emptied;
}

__attribute__((noinline)) int results_cut_packet(struct __sk_buff *skb)
{
	struct sieve_kernel_work *kernel_work = get_work_area();

	return kernel_work ? cut_packet(skb, kernel_work) : SIEVE_RESPONSE_failed;
}

#endif
