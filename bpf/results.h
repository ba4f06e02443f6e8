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
#include "vacant.h"

/* IPv4-mapped: ::ffff:0:0/96. */
static __always_inline bool is_mapped(const __u8 *address)
{
	return SIEVE_LOAD(__u64, address) == 0 && SIEVE_LOAD(__u32, &address[8]) == bpf_htonl(0xffff);
}

static __always_inline bool is_listed(struct sieve_work *work, __u32 family, const __u8 *address)
{
	struct sieve_prefix *key = &work->address;
	struct sieve_kernel_work *kernel_work = (void *)((char *)work - offsetof(struct sieve_kernel_work, dns));
	const struct sieve_vacant *summary;
	__u32 zero = 0;

	summary = bpf_map_lookup_elem(&vacant, &zero);
	if (summary &&
	    sieve_is_vacant(summary->bits, kernel_work->inum, family, bpf_ntohl(SIEVE_LOAD(__u32, address))))
		return false;

	key->family = (__u8)family;
	if (family == SIEVE_IPV4) {
		key->bits = SIEVE_PREFIX_BITS + 32;
		SIEVE_STORE(__u32, key->address, SIEVE_LOAD(__u32, address));
	} else {
		key->bits = SIEVE_PREFIX_BITS + 128;
		SIEVE_STORE(__u64, key->address, SIEVE_LOAD(__u64, address));
		SIEVE_STORE(__u64, &key->address[8], SIEVE_LOAD(__u64, &address[8]));
	}
	return bpf_map_lookup_elem(&coverage, key);
}

/* Does the address at that offset stay? IPv4-mapped ones never do: they are no addresses of IPv6 hosts. */
static __always_inline bool sieve_is_covered(void *context, struct sieve_work *work, __u32 family, __u32 offset)
{
	struct sieve_kernel_work *kernel_work = (void *)((char *)work - offsetof(struct sieve_kernel_work, dns));
	const __u8 *address;

	(void)context;
	SIEVE_OPAQUE(offset);
	if (!(policy.families & 1 << family) || offset > SIEVE_RESPONSE_MAX)
		return true;
	address = &work->message[offset];
	if (family == SIEVE_IPV6 && is_mapped(address))
		return false;
	if (kernel_work->coverage[family] != SIEVE_COVERAGE_LISTED)
		return true;
	if (is_listed(work, family, address))
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

__attribute__((noinline)) int results_take_records(struct __sk_buff *skb)
{
	struct sieve_kernel_work *kernel_work = get_work_area();

	return kernel_work ? sieve_take_records(skb, &kernel_work->dns) : SIEVE_RESPONSE_failed;
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

static __always_inline int sieve_walk_records(void *context, struct sieve_work *work)
{
	(void)work;
	return results_take_records(context);
}

/* Not for a device above or beside this one, which sees it next, or was meant. */
static __always_inline bool is_received_here(struct __sk_buff *skb, const struct net_device *device)
{
	return skb->pkt_type != PACKET_OTHERHOST && !skb->vlan_present && !is_bridge_port_directly(device);
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

/* May a suffix be listed that ends as QNAME does? The root has no labels. */
static __always_inline bool may_be_under_suffix(const struct sieve_work *work)
{
	__u32 at = work->cut.last_label, length;

	SIEVE_OPAQUE(at);
	if (!policy.suffix_depths || at == 0 || at > SIEVE_QUESTION_END_MAX)
		return false;
	length = work->message[at];
	return is_suffix_bit(sieve_suffix_end_bit(length, work->message[at + 1], work->message[at + length]));
}

/* What the suffixes say of the name; `asked` is about the families of which something would go. */
static __always_inline enum sieve_response judge_suffixes(struct __sk_buff *skb, struct sieve_work *work)
{
	__u32 facts;

	if (!may_be_under_suffix(work))
		return SIEVE_RESPONSE_NONE;
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

static __always_inline enum sieve_response judge_name(struct __sk_buff *skb, struct sieve_work *work)
{
	enum sieve_response response = judge_suffixes(skb, work);

	if (response)
		return response;
	work->cursor = work->cut.root;
	SIEVE_FORGET();
	return ramp_facts(skb) ? SIEVE_RESPONSE_ramp : SIEVE_RESPONSE_NONE;
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
	int own = policy.cgroup_levels ? READ_FIELD(struct cgroup, cgroup, level) : 0;

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

/* As find_netns(), for less. */
static __always_inline struct sieve_netns *find_numbered_netns(struct net *net, const __u32 *inum)
{
	struct sieve_netns *state = bpf_map_lookup_elem(&netns, inum);

	if (state && state->cookie && bpf_core_field_exists(net->net_cookie) &&
	    state->cookie != READ_FIELD(struct net, net, net_cookie))
		return NULL;
	return state;
}

/* Why the response stays as it is, or none. */
static __always_inline enum sieve_response examine_response(struct __sk_buff *skb, struct net *net,
							    struct sieve_kernel_work *kernel_work)
{
	struct sieve_netns *state;
	enum sieve_response response;

	kernel_work->inum = READ_FIELD(struct net, net, ns.inum);
	state = find_numbered_netns(net, &kernel_work->inum);
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

#endif
