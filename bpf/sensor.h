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

/*
 * Tell of a namespace that is not known. It is noted only when the ring buffer had room, so the next socket
 * tells again of one that was lost.
 */
static __always_inline void announce_netns(struct net *net)
{
	struct sieve_announced now = { .cookie = netns_cookie(net), .when_ns = monotonic_ns() };
	struct sieve_event event = { .netns = BPF_CORE_READ(net, ns.inum) };
	const struct sieve_announced *last = bpf_map_lookup_elem(&announced, &event.netns);
	__u64 thread = bpf_get_current_pid_tgid();

	if (last && last->cookie == now.cookie && now.when_ns - last->when_ns < SIEVE_ANNOUNCE_EVERY_NS)
		return;
	event.tid = (__u32)thread;
	event.tgid = thread >> 32;
	if (bpf_ringbuf_output(&events, &event, sizeof(event), BPF_RB_FORCE_WAKEUP))
		return;
	bpf_map_update_elem(&announced, &event.netns, &now, BPF_ANY);
}

#endif
