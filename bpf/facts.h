/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the decision needs to know beside the question: who sent it, under which name, in which state. */
#ifndef STUBSIEVE_FACTS_H
#define STUBSIEVE_FACTS_H

#include "decide.h"
#include "heartbeat.h"
#include "packet.h"
#include "suffix.h"

/* Address families as sockets have them; the UAPI headers leave them to the C library. */
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2

/* Does it have a full socket of this protocol? Forwarded, bridged and tapped packets have none. */
static __always_inline bool has_socket(struct __sk_buff *skb, const struct sieve_packet *packet)
{
	struct bpf_sock *socket = skb->sk;

	if (!socket)
		return false;
	socket = bpf_sk_fullsock(socket);
	if (!socket)
		return false;
	if (test_any_socket)
		return true;
	if (socket->family != AF_INET && socket->family != AF_INET6)
		return false;
	/* A raw socket can have the protocol number of UDP. */
	return socket->protocol == packet->protocol && (socket->type == SOCK_DGRAM || socket->type == SOCK_STREAM);
}

/*
 * Was the packet routed to this device? Then the route, and so the socket, are of the device's namespace.
 * Otherwise a device above this one has seen it: the bridge over this port, the VLAN over this link, or the
 * macvlan of a container, whose socket is of another namespace. Or that one let go of the route.
 */
static __always_inline bool is_routed_here(const struct net_device *device, struct dst_entry *dst)
{
	if (test_any_socket)
		return true;
	return dst && BPF_CORE_READ(dst, dev) == device;
}

/*
 * The sender's nearest cgroup that is a scope or exempt. Unrolled, because the verifier knows which levels are
 * in use, and takes the rest out.
 */
static __always_inline __u32 cgroup_facts(struct __sk_buff *skb)
{
	SIEVE_UNROLLED
	for (int level = SIEVE_CGROUP_LEVELS - 1; level >= 0; level--) {
		__u64 id;
		__u32 *kind;

		if (!(policy.cgroup_levels & 1U << level))
			continue;
		id = bpf_skb_ancestor_cgroup_id(skb, level);
		kind = id ? bpf_map_lookup_elem(&cgroups, &id) : NULL;
		if (kind)
			return *kind == SIEVE_CGROUP_EXEMPT ? SIEVE_FACT_EXEMPT_CGROUP : SIEVE_FACT_SCOPE;
	}
	return 0;
}

static __always_inline bool is_suffix_bit(__u32 bit)
{
	return suffix_bits[bit / 64] & 1ULL << bit % 64;
}

static __always_inline bool may_be_listed(__u64 suffix)
{
	return is_suffix_bit(sieve_suffix_bit(suffix));
}

/* What is said of any suffix of QNAME holds. */
static __always_inline __u32 name_facts(struct sieve_work *work)
{
	__u32 labels = work->question.labels, found;
	__u64 hash = 0;

	work->names = 0;
	SIEVE_ROLLED
	for (__u32 depth = 1; depth <= SIEVE_SUFFIX_LABELS_MAX; depth++) {
		__u32 label = labels + 1 - depth, *entry;

		if (depth > labels)
			break;
		SIEVE_OPAQUE(label);
		hash = sieve_hash(hash, work->label_hash[label & (SIEVE_LABELS - 1)]);
		if (!(policy.suffix_depths & 1U << depth) || !may_be_listed(hash))
			continue;
		entry = bpf_map_lookup_elem(&names, &hash);
		if (entry)
			work->names |= *entry;
		SIEVE_FORGET();
	}
	found = work->names;
	if (found & SIEVE_NAME_EXEMPT)
		return SIEVE_FACT_EXEMPT_NAME;
	return found & (SIEVE_NAME_ASK_A << (work->question.family & 1)) ? SIEVE_FACT_ASKED : 0;
}

static __always_inline const struct sieve_heartbeat *last_heartbeat(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&heartbeat, &zero);
}

static __always_inline __u32 heartbeat_facts(void)
{
	const struct sieve_heartbeat *last = last_heartbeat();

	return !last || sieve_is_stale(last, policy.stale_after_ns, monotonic_ns()) ? SIEVE_FACT_STALE : 0;
}

/*
 * Does `stop --ramp` let QNAME, the root of which is at work->cursor, pass already? A global function, through which
 * the verifier goes once.
 */
__attribute__((noinline)) int ramp_facts(struct __sk_buff *skb)
{
	const struct sieve_heartbeat *last = last_heartbeat();
	struct sieve_kernel_work *work = get_work_area();

	if (!skb || !last || !work || !sieve_ramp_runs(last))
		return 0;
	if (!sieve_ramp_passes(last, policy.ramp_seed, sieve_name_key(&work->dns), monotonic_ns()))
		return 0;
	return SIEVE_FACT_RAMP;
}

/* The state of the device's namespace; NULL if it is not known, or of an older one with its number. */
static __always_inline struct sieve_netns *find_netns(struct net *net)
{
	__u32 inum = BPF_CORE_READ(net, ns.inum);
	struct sieve_netns *state = bpf_map_lookup_elem(&netns, &inum);

	if (!state)
		return NULL;
	if (state->cookie && bpf_core_field_exists(net->net_cookie) && state->cookie != netns_cookie(net))
		return NULL;
	return state;
}

/*
 * Was it sent by a socket of a namespace that the controller follows? A packet keeps its socket on the way through a
 * veth pair. Then it was judged when it was sent, by the routes of its sender, and these alone are right.
 */
static __always_inline bool is_judged_by_sender(struct __sk_buff *skb)
{
	struct sock *socket = BPF_CORE_READ(kernel_skb(skb), sk);

	return socket && !test_any_socket && find_netns(BPF_CORE_READ(socket, __sk_common.skc_net.net));
}

/* For A both families' routes matter: one of IPv6 from a router advertisement makes a NAT64 possible. */
static __always_inline bool has_changed(struct net *net, const __u32 generation[SIEVE_FAMILIES],
					enum sieve_family family)
{
	if (generation[SIEVE_IPV6] != netns_generation(net, SIEVE_IPV6))
		return true;
	return family == SIEVE_IPV4 && generation[SIEVE_IPV4] != netns_generation(net, SIEVE_IPV4);
}

/* Once: until it has published anew. */
static __always_inline void wake_controller(struct net *net, struct sieve_netns *state)
{
	struct sieve_event event = {};

	if (state->wake)
		return;
	event.netns = READ_FIELD(struct net, net, ns.inum);
	if (!bpf_ringbuf_output(&events, &event, sizeof(event), BPF_RB_FORCE_WAKEUP))
		state->wake = 1; /* else the next one tries again */
}

/* Rule 0: did the routes that the verdict rests on change since the controller looked? */
static __always_inline __u32 generation_facts(struct net *net, struct sieve_netns *state, enum sieve_family family)
{
	if (!has_changed(net, state->generation, family))
		return 0;
	wake_controller(net, state);
	return SIEVE_FACT_CHANGED;
}

/* Does the socket's own destination stand in the packet? Without it, NAT cannot be excluded. */
static __always_inline bool is_connected_to(struct __sk_buff *skb, const struct sieve_packet *packet)
{
	struct bpf_sock *socket = skb->sk;

	if (!socket || (__be16)socket->dst_port != packet->udp.dest)
		return false;
	if (packet->family == SIEVE_IPV4)
		return socket->family == AF_INET && socket->dst_ip4 == packet->addresses[1];
	return socket->dst_ip6[0] == packet->addresses[4] && socket->dst_ip6[1] == packet->addresses[5] &&
	       socket->dst_ip6[2] == packet->addresses[6] && socket->dst_ip6[3] == packet->addresses[7];
}

/*
 * Was a packet on lo translated? The answer is made of the very packet, which conntrack takes for the
 * translated original, so nothing translates it back.
 */
static __always_inline __u32 nat_facts(struct __sk_buff *skb, const struct sieve_packet *packet)
{
	struct nf_conn *connection;

	if (skb->ifindex != LOOPBACK_IFINDEX || !bpf_core_field_exists(kernel_skb(skb)->_nfct))
		return 0;
	connection = (struct nf_conn *)(READ_FIELD(struct sk_buff, skb, _nfct) & NFCT_PTRMASK);
	if (!connection)
		return 0;
	if (bpf_core_field_exists(connection->status) && !test_conntrack_unknown)
		return BPF_CORE_READ(connection, status) & (IPS_SRC_NAT | IPS_DST_NAT) ? SIEVE_FACT_NAT : 0;
	return is_connected_to(skb, packet) ? 0 : SIEVE_FACT_NAT;
}

/*
 * The cgroup of a socket, as an address; the flags that older kernels keep in its lowest bits are taken off. A socket
 * that came from a lookup may not be dereferenced, but read back from memory the pointer is a mere number, with which
 * CO-RE may reckon.
 */
static __always_inline __u64 socket_cgroup(void *socket, struct sieve_lookup *lookup)
{
	const struct sock *number;

	if (READS_DIRECTLY) {
		const void *pointer = KERNEL_POINTER(struct sock, socket);

		pointer += bpf_core_field_offset(struct sock, sk_cgrp_data);
		SIEVE_OPAQUE(pointer); /* or the offset becomes that of the load, which is then held for one of the field */
		return *(const __u64 *)pointer;
	}
	lookup->socket = socket;
	SIEVE_FORGET();
	number = lookup->socket;
	bpf_core_read(&lookup->their_cgroup, sizeof(__u64), &number->sk_cgrp_data);
	SIEVE_FORGET();
	return lookup->their_cgroup & ~3ULL;
}

/* The cgroup of the socket that sent the packet. */
static __always_inline __u64 sender_cgroup(struct __sk_buff *skb, struct sieve_lookup *lookup)
{
	return socket_cgroup(READ_FIELD(struct sk_buff, skb, sk), lookup);
}

/*
 * Did the controller find a server in lookup->my_cgroup, on whatever address? One on loopback alone has its clients
 * here, where they are filtered themselves: so nothing is cut of what it may store, but its queries may be answered.
 */
static __always_inline bool is_listed_server(enum direction direction, struct sieve_lookup *lookup)
{
	const __u32 kinds = direction == TO_SERVER ? SIEVE_SERVER_OTHERS : SIEVE_SERVER_OTHERS | SIEVE_SERVER_LOOPBACK;
	const struct cgroup *cgroup = (const struct cgroup *)lookup->my_cgroup;
	const __u32 *found;

	lookup->id = cgroup_id(cgroup);
	SIEVE_FORGET();
	found = bpf_map_lookup_elem(&servers, &lookup->id);
	return found && *found & kinds;
}

/*
 * Does lookup->my_cgroup hold a socket that serves a DNS port on our address, which is the source of a query or the
 * destination of a response, or is it listed? Then the query may be asked for a client that has the family which this
 * host lacks. The look at the sockets themselves is up to date at any time; it finds those for all addresses.
 */
static __always_inline __u32 server_facts(struct __sk_buff *skb, const struct sieve_packet *packet,
					  enum direction direction, struct sieve_lookup *lookup)
{
	struct bpf_sock_tuple *tuple = &lookup->tuple;
	const __u32 ours = direction == TO_SERVER ? 0 : 1, theirs = 1 - ours;
	__u32 size, facts = is_listed_server(direction, lookup) ? SIEVE_FACT_SERVES_OTHERS : 0;

	SIEVE_FORGET();
	SIEVE_UNROLLED
	for (int i = 0; i < SIEVE_PORTS_MAX; i++) {
		struct bpf_sock *server;

		if (!policy.ports[i])
			continue;
		if (packet->family == SIEVE_IPV4) {
			tuple->ipv4.saddr = packet->addresses[theirs];
			tuple->ipv4.daddr = packet->addresses[ours];
			tuple->ipv4.sport = 0; /* that of IPv6 is never written to */
			tuple->ipv4.dport = bpf_htons(policy.ports[i]);
			size = sizeof(tuple->ipv4);
		} else {
			__builtin_memcpy(tuple->ipv6.saddr, &packet->addresses[4 * theirs], 16);
			__builtin_memcpy(tuple->ipv6.daddr, &packet->addresses[4 * ours], 16);
			tuple->ipv6.sport = 0;
			tuple->ipv6.dport = bpf_htons(policy.ports[i]);
			size = sizeof(tuple->ipv6);
		}
		server = bpf_sk_lookup_udp(skb, tuple, size, BPF_F_CURRENT_NETNS, 0);
		if (!server)
			continue;
		if (socket_cgroup(server, lookup) == lookup->my_cgroup)
			facts = SIEVE_FACT_SERVES_OTHERS;
		bpf_sk_release(server);
	}
	return facts;
}

#endif
