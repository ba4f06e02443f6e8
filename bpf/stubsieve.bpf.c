// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The entry points. The packet's way: packet.h (is it a DNS query?), dns.h (which one?), facts.h, heartbeat.h and
 * decide.h (is it useless?), answer.h and rewrite.h (what its sender gets). gateway.h is for packets that come in,
 * sensor.h for sockets that are made, results.h and cut.h for responses.
 */
#include "maps.h"
#include "packet.h"
#include "dns.h"
#include "facts.h"
#include "decide.h"
#include "answer.h"
#include "rewrite.h"
#include "gateway.h"
#include "sensor.h"
#include "results.h"
#include "cut.h"

#include <linux/pkt_cls.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define UNCOUNTED -1 /* not ours to judge: pass, and leave the counting to who is */

/* Add to the known facts, in memory: the verifier then has one case to follow instead of each. */
static __always_inline void learn(struct sieve_work *work, __u32 facts)
{
	work->facts |= facts;
	SIEVE_FORGET();
}

/* Is the query in work->message useless? The dear questions come last; those of the sender are for our own. */
static __always_inline enum sieve_reason judge(struct __sk_buff *skb, enum side side, struct net *net,
					       struct sieve_kernel_work *kernel_work)
{
	const struct sieve_packet *packet = &kernel_work->packet;
	struct sieve_work *work = &kernel_work->dns;
	struct sieve_netns *state;
	enum sieve_reason reason;

	work->facts = 0;
	learn(work, cgroup_facts(skb));
	if (side == SIDE_INGRESS) /* everybody is in scope but who is known to be exempt */
		learn(work, SIEVE_FACT_SCOPE);
	learn(work, name_facts(work));
	learn(work, heartbeat_facts());
	work->cursor = sieve_question_root(&work->question);
	learn(work, ramp_facts(skb));
	state = find_netns(net);
	reason = sieve_decide(&work->question, current_policy(), state, work->facts);
	if (reason || !state)
		return reason;
	learn(work, generation_facts(net, state, work->question.family & 1));
	/* Again, for the controller may have published meanwhile: what stands beside that generation counts. */
	reason = sieve_connectivity_reason(state->connectivity[work->question.family & 1]);
	if (reason)
		return reason;
	if (side == SIDE_INGRESS && !policy.gateway_answers_a && (work->question.family & 1) == SIEVE_IPV4)
		return SIEVE_REASON_nat64;
	if (side == SIDE_EGRESS)
		learn(work, nat_facts(skb, packet));
	if (side == SIDE_EGRESS && !policy.filter_servers) {
		kernel_work->lookup.my_cgroup = sender_cgroup(skb, &kernel_work->lookup);
		learn(work, server_facts(skb, packet, TO_SERVER, &kernel_work->lookup));
	}
	return sieve_confirm(current_policy(), work->facts);
}

/* Why the packet passes, or none, or UNCOUNTED. */
static __always_inline int examine(struct __sk_buff *skb, enum side side, struct sieve_kernel_work *kernel_work)
{
	struct sieve_packet *packet = &kernel_work->packet;
	struct sieve_work *work = &kernel_work->dns;
	const struct net_device *device = packet_device(skb);
	struct net *net = device_netns(device);
	struct dst_entry *dst = side == SIDE_EGRESS ? packet_dst(skb) : NULL;
	enum sieve_reason reason;

	if (side == SIDE_INGRESS && (!is_sent_here(skb, device) || is_judged_by_sender(skb)))
		return UNCOUNTED;
	if (side == SIDE_EGRESS && !has_socket(skb, packet))
		return SIEVE_REASON_not_local;
	if (side == SIDE_EGRESS && !is_routed_here(device, dst))
		return socket_netns(skb) == net ? UNCOUNTED : SIEVE_REASON_not_local;
	reason = check_datagram(skb, packet, side, dst, work);
	if (!reason && load_message(skb, kernel_work, SIEVE_MESSAGE_MAX))
		reason = SIEVE_REASON_length;
	if (!reason)
		reason = sieve_parse_query(work);
	if (!reason)
		reason = judge(skb, side, net, kernel_work);
	return reason;
}

/*
 * The body of all hooks: why the packet passes, or none, or UNCOUNTED. The packet's description is in
 * the work area, where the verifier forgets by which of the many ways through the headers it came.
 */
static __always_inline int filter(struct __sk_buff *skb, enum side side, struct sieve_kernel_work **ret_work)
{
	struct sieve_kernel_work *work = NULL;
	int reason;

	if (find_dns(skb, TO_SERVER, &work) == SIEVE_KIND_OTHER || !work)
		return UNCOUNTED;
	SIEVE_FORGET();
	*ret_work = work;
	reason = examine(skb, side, work);
	if (!reason && !still_mine(skb, &work->packet))
		return SIEVE_REASON_failed;
	return reason;
}

/* An answer in the packet's place goes back to who asked. */
static __always_inline int send_back(struct __sk_buff *skb, enum side side)
{
	if (side == SIDE_INGRESS)
		return bpf_redirect(skb->ifindex, 0); /* out by the device by which the query came */
	if (skb->ifindex == LOOPBACK_IFINDEX)
		return TC_ACT_OK; /* it loops back as the answer */
	return bpf_redirect(skb->ifindex, BPF_F_INGRESS);
}

/* What a useless query meets at a device. Without an answer the action says what is counted, and the verdict. */
static __always_inline int act(struct __sk_buff *skb, enum side side, struct sieve_kernel_work *work)
{
	__u32 family = work->dns.question.family & 1;

	if (policy.action == SIEVE_ACTION_OBSERVE) {
		count(SIEVE_COUNTER_OBSERVED + family);
		return TC_ACT_UNSPEC;
	}
	if (policy.action == SIEVE_ACTION_DROP) {
		count(SIEVE_COUNTER_DROPPED + family);
		return TC_ACT_SHOT;
	}
	if (!has_checksum(&work->packet) || (side == SIDE_INGRESS && cut_padding(skb, &work->packet)) ||
	    rewrite(skb, &work->packet, &work->dns)) {
		count(SIEVE_REASON_failed);
		return TC_ACT_UNSPEC;
	}
	count(SIEVE_COUNTER_ANSWERED + family);
	return send_back(skb, side);
}

/* The body of the hooks of a device. TC_ACT_UNSPEC lets the next program have its turn. */
static __always_inline int filter_device(struct __sk_buff *skb, enum side side)
{
	struct sieve_kernel_work *work = NULL;
	int reason = filter(skb, side, &work);

	if (reason == UNCOUNTED || !work)
		return TC_ACT_UNSPEC;
	if (!reason)
		return act(skb, side, work);
	count(reason);
	return TC_ACT_UNSPEC;
}

/* tcx or clsact egress of every device. */
SEC("tc")
int sieve_egress(struct __sk_buff *skb)
{
	return filter_device(skb, SIDE_EGRESS);
}

/* tcx or clsact ingress of a gateway's device. */
SEC("tc")
int sieve_gateway(struct __sk_buff *skb)
{
	pull_headers(skb);
	return filter_device(skb, SIDE_INGRESS);
}

/* tcx or clsact ingress of every device, where `results` is `covered`. Never a verdict: all go on their way. */
SEC("tc")
int sieve_results(struct __sk_buff *skb)
{
	struct sieve_kernel_work *work = NULL;
	const struct net_device *device;
	enum sieve_response response;

	pull_headers(skb);
	if (find_dns(skb, FROM_SERVER, &work) != SIEVE_KIND_UDP || !work)
		return TC_ACT_UNSPEC;
	device = packet_device_directly(skb);
	if (!is_received_here(skb, device))
		return TC_ACT_UNSPEC;
	SIEVE_FORGET();
	response = examine_response(skb, device_netns_directly(device), work);
	if (!response)
		response = results_cut_packet(skb);
	count(SIEVE_COUNTER_RESPONSE + response);
	return TC_ACT_UNSPEC;
}

/* cgroup egress: `observe` and `reject`. 1 lets the packet pass, 0 is EPERM for its sender. */
SEC("cgroup_skb/egress")
int sieve_cgroup(struct __sk_buff *skb)
{
	struct sieve_kernel_work *work = NULL;
	int reason = filter(skb, SIDE_EGRESS, &work);
	__u32 family;

	if (reason == UNCOUNTED || !work)
		return 1;
	if (reason) {
		count(reason);
		return 1;
	}
	family = work->dns.question.family & 1;
	if (policy.action == SIEVE_ACTION_REJECT) {
		count(SIEVE_COUNTER_REJECTED + family);
		return 0;
	}
	count(SIEVE_COUNTER_OBSERVED + family);
	return 1;
}

/* A process of the cgroup made an IPv4 or IPv6 socket. 1 lets it have it, always. */
SEC("cgroup/sock_create")
int sieve_sensor(struct bpf_sock *socket)
{
	struct net *net = new_socket_netns(socket);

	if (!find_netns(net))
		announce_netns(net);
	return 1;
}

/*
 * For BPF_PROG_TEST_RUN by user space: the generations of the namespace it runs in, in the octets of
 * the control buffer: inode number, IPv4, IPv6. The packet's device is that namespace's lo.
 */
SEC("tc")
int sieve_probe(struct __sk_buff *skb)
{
	struct net *net = device_netns(packet_device(skb));

	skb->cb[0] = READ_FIELD(struct net, net, ns.inum);
	skb->cb[1] = netns_generation(net, SIEVE_IPV4);
	skb->cb[2] = netns_generation(net, SIEVE_IPV6);
	return TC_ACT_OK;
}
