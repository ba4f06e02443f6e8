/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the controller learns of network namespaces: by the sockets that are made in them. Packets pass, and
 * cost nothing, while it does not know one.
 */
#ifndef STUBSIEVE_SENSOR_H
#define STUBSIEVE_SENSOR_H

#include "maps.h"

/* Between two events for one namespace, unless two CPUs meet in it. */
#define SIEVE_ANNOUNCE_EVERY_NS 100000000ULL

/* The nearest cgroup of those listed, as in cgroup_facts(), but of the process that makes the socket. */
static __always_inline bool is_exempt_process(void)
{
	SIEVE_UNROLLED
	for (int level = SIEVE_CGROUP_LEVELS - 1; level >= 0; level--) {
		__u64 id;
		__u32 *kind;

		if (!(policy.cgroup_levels & 1U << level))
			continue;
		id = bpf_get_current_ancestor_cgroup_id(level);
		kind = id ? bpf_map_lookup_elem(&cgroups, &id) : NULL;
		if (kind)
			return *kind == SIEVE_CGROUP_EXEMPT;
	}
	return false;
}

/*
 * Tell of a namespace that is not known. It is noted only when the ring buffer had room, so the next socket
 * tells again of one that was lost.
 */
static __always_inline void announce_netns(struct net *net)
{
	struct sieve_announced now = { .cookie = netns_cookie(net), .when_ns = monotonic_ns() };
	struct sieve_event event = { .netns = READ_FIELD(struct net, net, ns.inum) };
	const struct sieve_announced *last = bpf_map_lookup_elem(&announced, &event.netns);
	__u64 thread = bpf_get_current_pid_tgid();

	if (last && last->cookie == now.cookie && now.when_ns - last->when_ns < SIEVE_ANNOUNCE_EVERY_NS)
		return;
	if (is_exempt_process()) /* it would only be in the way of one in scope */
		return;
	event.tid = (__u32)thread;
	event.tgid = thread >> 32;
	if (bpf_ringbuf_output(&events, &event, sizeof(event), BPF_RB_FORCE_WAKEUP))
		return;
	bpf_map_update_elem(&announced, &event.netns, &now, BPF_ANY);
}

#endif
