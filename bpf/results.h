/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Responses that come in, where `results` is `covered`: whose addresses have no route here, and is the receiver one
 * of ours? In doubt the response stays as it is. What goes is found by response.h.
 *
 * A response on a port of a bridge belongs to the bridge, which sees it next, and one with a VLAN tag to the VLAN's
 * device: they are not counted.
 */
#ifndef STUBSIEVE_RESULTS_H
#define STUBSIEVE_RESULTS_H

#include "facts.h"
#include "packet.h"
#include "rewrite.h"

/* Does the address at that offset stay? IPv4-mapped ones never do: they are no addresses of IPv6 hosts. */
static __always_inline bool sieve_is_covered(void *context, struct sieve_work *work, __u32 family, __u32 offset)
{
	struct sieve_kernel_work *kernel_work = (void *)((char *)work - offsetof(struct sieve_kernel_work, dns));
	struct sieve_prefix *key = &work->address;
	__u32 *words = (__u32 *)key->address;
	__u32 from = kernel_work->payload + offset;

	key->family = (__u8)family;
	key->bits = SIEVE_PREFIX_BITS + (family == SIEVE_IPV4 ? 32 : 128);
	if (load(context, from, key->address, family == SIEVE_IPV4 ? 4 : 16))
		return true;
	SIEVE_FORGET();
	if (!(policy.families & 1 << family))
		return true;
	if (family == SIEVE_IPV6 && (words[0] | words[1]) == 0 && words[2] == bpf_htonl(0xffff))
		return false;
	if (kernel_work->coverage[family] != SIEVE_COVERAGE_LISTED || bpf_map_lookup_elem(&coverage, key))
		return true;
	kernel_work->rests_on_routes = 1;
	return false;
}

static __always_inline int sieve_move(void *context, struct sieve_work *work, __u32 to, __u32 from, __u32 length)
{
	struct sieve_kernel_work *kernel_work = (void *)((char *)work - offsetof(struct sieve_kernel_work, dns));

	SIEVE_OPAQUE(to);
	SIEVE_OPAQUE(length);
	if (to > SIEVE_RESPONSE_MAX || length > SIEVE_RESPONSE_MAX)
		return -1;
	SIEVE_OPAQUE(length);
	if (length < SIEVE_RECORD_SIZE) /* no record is as short; the helpers want to know that it is not 0 */
		return -1;
	return load(context, kernel_work->payload + from, &work->message[to], length) ? -1 : 0;
}

#include "response.h"

/* Global functions, which the verifier goes through once. They take no pointers but the context (before 5.12). */
__attribute__((noinline)) int results_take_name(struct __sk_buff *skb)
{
	struct sieve_kernel_work *kernel_work = get_work_area();

	return skb && kernel_work ? sieve_take_name(&kernel_work->dns) : SIEVE_RESPONSE_failed;
}

__attribute__((noinline)) int results_take_record(struct __sk_buff *skb)
{
	struct sieve_kernel_work *kernel_work = get_work_area();

	return kernel_work ? sieve_take_record(skb, &kernel_work->dns) : SIEVE_RESPONSE_failed;
}

__attribute__((noinline)) int results_hash_label(struct __sk_buff *skb)
{
	struct sieve_kernel_work *kernel_work = get_work_area();

	return skb && kernel_work ? sieve_hash_label(&kernel_work->dns) : 0;
}

static __always_inline int sieve_walk_label(void *context, struct sieve_work *work)
{
	(void)work;
	return results_hash_label(context);
}

static __always_inline int sieve_walk_name(void *context, struct sieve_work *work)
{
	(void)work;
	return results_take_name(context);
}

static __always_inline int sieve_walk_record(void *context, struct sieve_work *work)
{
	(void)work;
	return results_take_record(context);
}

/* Not for a device above or beside this one, which sees it next, or was meant. */
static __always_inline bool is_received_here(struct __sk_buff *skb, const struct net_device *device)
{
	return skb->pkt_type != PACKET_OTHERHOST && !skb->vlan_present && !is_bridge_port(device);
}

/* Copy the message to the work area, with zeros behind it. What lies in pages becomes linear: load() needs that. */
static __always_inline int load_linear(struct __sk_buff *skb, struct sieve_kernel_work *kernel_work)
{
	__u32 length = kernel_work->dns.length, from = kernel_work->packet.transport;

	SIEVE_OPAQUE(length);
	if (length > SIEVE_RESPONSE_MAX)
		return -1;
	SIEVE_OPAQUE(length); /* or the compiler makes one comparison of both, of a number beside it */
	if (length < SIEVE_HEADER_SIZE)
		return -1;
	if (load(skb, from, &kernel_work->udp, sizeof(kernel_work->udp) + length) &&
	    (bpf_skb_pull_data(skb, skb->len) || load(skb, from, &kernel_work->udp, sizeof(kernel_work->udp) + length)))
		return -1;
	__builtin_memset(&kernel_work->dns.message[length], 0, 4);
	return 0;
}

static __always_inline enum sieve_response load_response(struct __sk_buff *skb, struct sieve_kernel_work *kernel_work)
{
	struct sieve_packet *packet = &kernel_work->packet;
	__u32 udp_length = bpf_ntohs(packet->udp.len);

	if (skb->gso_segs > 1 || packet->reason || udp_length < sizeof(struct udphdr) ||
	    packet->transport + udp_length != packet->ip_length)
		return SIEVE_RESPONSE_datagram;
	kernel_work->dns.length = udp_length - sizeof(struct udphdr);
	if (kernel_work->dns.length > SIEVE_RESPONSE_MAX)
		return SIEVE_RESPONSE_oversized;
	kernel_work->payload = packet->transport + sizeof(struct udphdr);
	return load_linear(skb, kernel_work) ? SIEVE_RESPONSE_datagram : SIEVE_RESPONSE_NONE;
}

/*
 * What is published of the namespace's routes, before they are looked at. The generation, too: what is published
 * meanwhile may rest on routes that came after an address was looked up.
 */
static __always_inline enum sieve_response take_coverage(const struct sieve_netns *state,
							 struct sieve_kernel_work *kernel_work)
{
	if (!state)
		return SIEVE_RESPONSE_unknown_netns;
	kernel_work->coverage_generation[SIEVE_IPV4] = state->coverage_generation[SIEVE_IPV4];
	kernel_work->coverage_generation[SIEVE_IPV6] = state->coverage_generation[SIEVE_IPV6];
	kernel_work->coverage[SIEVE_IPV4] = state->coverage[SIEVE_IPV4];
	kernel_work->coverage[SIEVE_IPV6] = state->coverage[SIEVE_IPV6];
	if (kernel_work->coverage[SIEVE_IPV4] == SIEVE_COVERAGE_UNKNOWN ||
	    kernel_work->coverage[SIEVE_IPV6] == SIEVE_COVERAGE_UNKNOWN)
		return SIEVE_RESPONSE_unknown_netns;
	kernel_work->rests_on_routes = 0;
	kernel_work->dns.address.netns = bpf_htonl(kernel_work->inum);
	return heartbeat_facts() & SIEVE_FACT_STALE ? SIEVE_RESPONSE_stale : SIEVE_RESPONSE_NONE;
}

/* What is said of the name; `asked` is about the families of which something would go. */
static __always_inline enum sieve_response judge_name(struct __sk_buff *skb, struct sieve_work *work)
{
	__u32 facts;

	sieve_hash_question(skb, work);
	SIEVE_FORGET();
	work->question.family = SIEVE_IPV6;
	facts = name_facts(work);
	if (facts & SIEVE_FACT_EXEMPT_NAME)
		return SIEVE_RESPONSE_exempt_name;
	if (work->cut.removed[SIEVE_IPV4] && work->names & SIEVE_NAME_ASK_A)
		return SIEVE_RESPONSE_asked;
	if (work->cut.removed[SIEVE_IPV6] && work->names & SIEVE_NAME_ASK_AAAA)
		return SIEVE_RESPONSE_asked;
	return SIEVE_RESPONSE_NONE;
}

/* Is a packet to this address for this host, and not to be forwarded? A socket for all addresses takes either. */
static __always_inline bool is_for_us(struct __sk_buff *skb, const struct sieve_packet *packet)
{
	struct bpf_fib_lookup lookup = { .ifindex = skb->ifindex, .l4_protocol = IPPROTO_UDP };
	long r;

	if (packet->family == SIEVE_IPV4) {
		lookup.family = AF_INET;
		lookup.ipv4_src = packet->addresses[0];
		lookup.ipv4_dst = packet->addresses[1];
	} else {
		lookup.family = AF_INET6;
		__builtin_memcpy(lookup.ipv6_src, &packet->addresses[0], 16);
		__builtin_memcpy(lookup.ipv6_dst, &packet->addresses[4], 16);
	}
	r = bpf_fib_lookup(skb, &lookup, sizeof(lookup), 0);
	return r == BPF_FIB_LKUP_RET_NOT_FWDED || r == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

/* All is read at once: the verifier takes no pointer into a socket that the compiler made for one of several fields. */
static __always_inline bool is_bound_to(const struct bpf_sock *socket, const struct sieve_packet *packet)
{
	__u32 ipv4 = socket->src_ip4, one = socket->src_ip6[0], two = socket->src_ip6[1], three = socket->src_ip6[2],
	      four = socket->src_ip6[3];

	SIEVE_OPAQUE(ipv4);
	SIEVE_OPAQUE(one);
	if (packet->family == SIEVE_IPV4)
		return ipv4 == packet->addresses[1];
	return one == packet->addresses[4] && two == packet->addresses[5] && three == packet->addresses[6] &&
	       four == packet->addresses[7];
}

/* Find the receiving socket: its cgroup is then in lookup->my_cgroup. */
static __always_inline enum sieve_response find_receiver(struct __sk_buff *skb, const struct sieve_packet *packet,
							 struct sieve_lookup *lookup)
{
	struct bpf_sock_tuple *tuple = &lookup->tuple;
	struct bpf_sock *socket;
	bool is_bound;
	__u32 size;

	if (packet->family == SIEVE_IPV4) {
		tuple->ipv4.saddr = packet->addresses[0];
		tuple->ipv4.daddr = packet->addresses[1];
		tuple->ipv4.sport = packet->udp.source;
		tuple->ipv4.dport = packet->udp.dest;
		size = sizeof(tuple->ipv4);
	} else {
		__builtin_memcpy(tuple->ipv6.saddr, packet->addresses, 32);
		tuple->ipv6.sport = packet->udp.source;
		tuple->ipv6.dport = packet->udp.dest;
		size = sizeof(tuple->ipv6);
	}
	socket = bpf_sk_lookup_udp(skb, tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!socket)
		return SIEVE_RESPONSE_not_local;
	is_bound = is_bound_to(socket, packet);
	lookup->my_cgroup = socket_cgroup(socket, lookup);
	bpf_sk_release(socket);
	return is_bound || is_for_us(skb, packet) ? SIEVE_RESPONSE_NONE : SIEVE_RESPONSE_not_local;
}

/* The receiver's nearest cgroup that is a scope or exempt, as cgroup_facts() for a sender. */
static __always_inline enum sieve_response judge_cgroup(const struct sieve_lookup *lookup)
{
	const struct cgroup *cgroup = (const struct cgroup *)lookup->my_cgroup;
	int own = policy.cgroup_levels ? BPF_CORE_READ(cgroup, level) : 0;

	SIEVE_UNROLLED
	for (int level = SIEVE_CGROUP_LEVELS - 1; level >= 0; level--) {
		__u64 id;
		__u32 *kind;

		if (!(policy.cgroup_levels & 1U << level) || level > own)
			continue;
		id = ancestor_cgroup_id(cgroup, level);
		kind = bpf_map_lookup_elem(&cgroups, &id);
		if (kind)
			return *kind == SIEVE_CGROUP_EXEMPT ? SIEVE_RESPONSE_exempt_cgroup : SIEVE_RESPONSE_NONE;
	}
	return policy.whole_host ? SIEVE_RESPONSE_NONE : SIEVE_RESPONSE_scope;
}

static __always_inline enum sieve_response judge_receiver(struct __sk_buff *skb, struct sieve_kernel_work *kernel_work)
{
	enum sieve_response response = find_receiver(skb, &kernel_work->packet, &kernel_work->lookup);

	if (!response)
		response = judge_cgroup(&kernel_work->lookup);
	if (!response && !policy.filter_servers &&
	    server_facts(skb, &kernel_work->packet, FROM_SERVER, &kernel_work->lookup))
		response = SIEVE_RESPONSE_serves_others;
	return response;
}

/* Why the response stays as it is, or none. */
static __always_inline enum sieve_response examine_response(struct __sk_buff *skb, struct net *net,
							    struct sieve_kernel_work *kernel_work)
{
	struct sieve_netns *state;
	enum sieve_response response;

	kernel_work->inum = BPF_CORE_READ(net, ns.inum);
	state = find_netns(net);
	response = load_response(skb, kernel_work);
	if (!response)
		response = take_coverage(state, kernel_work);
	if (!response)
		response = sieve_parse_response(skb, &kernel_work->dns);
	if (!response)
		response = judge_name(skb, &kernel_work->dns);
	if (!response && state && kernel_work->rests_on_routes &&
	    has_changed(net, kernel_work->coverage_generation, SIEVE_IPV4)) {
		wake_controller(net, state);
		response = SIEVE_RESPONSE_changed;
	}
	if (!response)
		response = judge_receiver(skb, kernel_work);
	if (!response && policy.action == SIEVE_ACTION_OBSERVE)
		response = SIEVE_RESPONSE_observed;
	if (!response && !still_mine(skb, &kernel_work->packet))
		response = SIEVE_RESPONSE_failed;
	return response;
}

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

/* Store the message from the first octet that changes, and ANCOUNT; `payload` is where it begins in the packet. */
static __always_inline int store_message(struct __sk_buff *skb, const struct sieve_work *work, __u32 payload)
{
	__u32 from = work->cut.from, length = work->length - from;

	if (bpf_skb_store_bytes(skb, payload + 6, &work->message[6], 2, 0))
		return -1;
	if (length == 0) /* the last records went, and nothing is behind them */
		return 0;
	SIEVE_OPAQUE(from);
	SIEVE_OPAQUE(length);
	if (from > SIEVE_RESPONSE_MAX || length > SIEVE_RESPONSE_MAX)
		return -1;
	SIEVE_OPAQUE(length);
	if (length < SIEVE_RECORD_SIZE)
		return -1;
	return bpf_skb_store_bytes(skb, payload + from, &work->message[from], length, 0) ? -1 : 0;
}

/* ANCOUNT and the length in the UDP header, as they are summed. */
static __always_inline __u32 count_and_length(const struct sieve_work *work, __be16 udp_length)
{
	__be16 count;

	__builtin_memcpy(&count, &work->message[6], sizeof(count));
	return (__u32)count << 16 | udp_length;
}

/* The lengths in the headers, and all sums: the length in UDP's is in that of the pseudo-header as well (RFC 768). */
static __always_inline void finish_headers(struct __sk_buff *skb, struct sieve_kernel_work *kernel_work,
					   __be16 udp_length)
{
	const struct sieve_packet *packet = &kernel_work->packet;
	__u32 udp = packet->network + packet->transport, check = udp + offsetof(struct udphdr, check);
	__s64 difference = bpf_csum_diff(kernel_work->old_sums, sizeof(kernel_work->old_sums), kernel_work->new_sums,
					 sizeof(kernel_work->new_sums), 0);

	bpf_l4_csum_replace(skb, check, 0, difference, BPF_F_MARK_MANGLED_0);
	bpf_l4_csum_replace(skb, check, packet->udp.len, udp_length, BPF_F_MARK_MANGLED_0 | BPF_F_PSEUDO_HDR | 2);
	bpf_skb_store_bytes(skb, udp + offsetof(struct udphdr, len), &udp_length, sizeof(udp_length), 0);
	set_ip_length(skb, packet, packet->transport + bpf_ntohs(udp_length));
}

/*
 * Take out of the packet what was found, and what is behind the datagram: the kernel lets go of a sum that the device
 * made over the whole frame (CHECKSUM_COMPLETE) when the frame is cut. What is reckoned is left in the work area, for
 * the verifier to forget by how many turns.
 */
static __always_inline enum sieve_response cut_packet(struct __sk_buff *skb, struct sieve_kernel_work *kernel_work)
{
	struct sieve_packet *packet = &kernel_work->packet;
	struct sieve_work *work = &kernel_work->dns;
	__be16 udp_length;

	if (packet->family == SIEVE_IPV6 && !packet->udp.check)
		return SIEVE_RESPONSE_failed;
	packet->network = network_offset(skb);
	kernel_work->old_sums[1] = count_and_length(work, packet->udp.len);
	kernel_work->old_sums[0] = sum_message(work);
	SIEVE_FORGET();
	if (sieve_cut_response(skb, work))
		return SIEVE_RESPONSE_failed;
	udp_length = bpf_htons(sizeof(struct udphdr) + work->length);
	kernel_work->new_sums[1] = count_and_length(work, udp_length);
	kernel_work->new_sums[0] = sum_message(work);
	SIEVE_FORGET();
	/* All of it linear and ours alone: no store fails after this. */
	if (bpf_skb_change_tail(skb, packet->network + kernel_work->payload + work->length, 0) ||
	    store_message(skb, work, packet->network + kernel_work->payload))
		return SIEVE_RESPONSE_failed;
	finish_headers(skb, kernel_work, bpf_htons(sizeof(struct udphdr) + work->length));
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
