/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The few fields of the kernel's own structures that are read, by CO-RE: the loader finds where they
 * lie in the running kernel (5.10 to 6.18), whatever machine this was built on. Everything else comes
 * from the UAPI headers, so no vmlinux.h is needed.
 */
#ifndef STUBSIEVE_KERNEL_H
#define STUBSIEVE_KERNEL_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#include "portable.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

typedef struct {
	int counter;
} atomic_t;

struct netns_ipv4 {
	atomic_t rt_genid;
};

struct netns_ipv6 {
	atomic_t fib6_sernum;
};

struct net {
	struct ns_common ns;
	__u64 net_cookie; /* a plain number since 5.12 */
	struct netns_ipv4 ipv4;
	struct netns_ipv6 ipv6;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	possible_net_t nd_net;
	unsigned long priv_flags; /* of 32 or 64 bits; a bit-field since 6.12 */
};

struct sock_common {
	possible_net_t skc_net;
};

/* Starts with the address of a cgroup, which has flags in its lowest two bits before 5.15. */
struct sock_cgroup_data {
	__u64 val;
};

struct kernfs_node {
	__u64 id; /* of a cgroup's directory: the cgroup2 id */
};

struct cgroup {
	int level;
	struct kernfs_node *kn;
};

/* The cgroups from the root to itself: by their addresses since 6.1, by their ids before. */
struct cgroup___addresses {
	struct cgroup *ancestors[1];
};

struct cgroup___ids {
	__u64 ancestor_ids[1];
};

struct sock {
	struct sock_common __sk_common;
	struct sock_cgroup_data sk_cgrp_data;
};

struct dst_entry {
	struct net_device *dev;
};

struct rtable {
	struct dst_entry dst;
	unsigned int rt_flags;
};

struct nf_conn {
	unsigned long status;
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned long _skb_refdst;
	unsigned long _nfct;
	__u8 active_extensions;
	__u8 ip_summed : 2;
	__u16 network_header; /* octets from head */
	unsigned char *head, *data;
};

#pragma clang attribute pop

/* include/linux/netdevice.h */
enum netdev_priv_flags {
	IFF_BRIDGE_PORT = 1 << 9,
};

/* include/linux/skbuff.h */
enum skb_ext_id {
	SKB_EXT_SEC_PATH = 1,
};

#define CHECKSUM_PARTIAL 3       /* include/linux/skbuff.h */
#define SKB_DST_NOREF 1UL        /* include/linux/skbuff.h: flag in _skb_refdst */
#define NFCT_PTRMASK (~7UL)      /* include/linux/skbuff.h: _nfct holds ip_conntrack_info in its low bits */
#define IPS_SRC_NAT (1 << 4)     /* include/uapi/linux/netfilter/nf_conntrack_common.h */
#define IPS_DST_NAT (1 << 5)
#define RTCF_BROADCAST 0x10000000 /* include/uapi/linux/in_route.h */
#define RTCF_MULTICAST 0x20000000
#define LOOPBACK_IFINDEX 1       /* include/net/flow.h; lo has it in every namespace */

/*
 * One field of a structure of the kernel, from any address. Since Linux 6.2 the verifier takes a number for a pointer
 * that may be read through, so the read is one instruction; before, and where it is not known that it does, a call of
 * a helper that costs 6 ns. (tcx came with 6.6.) An address that leads nowhere reads as 0 either way.
 *
 * An address that is read like this is a pointer to the verifier, which then follows many ways twice: those are
 * better read by BPF_CORE_READ(), as a number.
 */
enum bpf_attach_type___tcx {
	BPF_TCX_INGRESS___tcx = 46,
};

#ifdef SIEVE_WITHOUT_KFUNCS /* user/io/skeleton.h */
#define READS_DIRECTLY false
#define KERNEL_POINTER(type, pointer) ((const type *)(const void *)(pointer))
#else
extern void *bpf_rdonly_cast(const void *pointer, __u32 type) __ksym __attribute__((weak));

#define READS_DIRECTLY bpf_core_enum_value_exists(enum bpf_attach_type___tcx, BPF_TCX_INGRESS___tcx)
#define KERNEL_POINTER(type, pointer) \
	((const type *)bpf_rdonly_cast((const void *)(pointer), bpf_core_type_id_kernel(type)))
#endif
#define READ_FIELD(type, pointer, field)                                                          \
	(READS_DIRECTLY ? KERNEL_POINTER(type, pointer)->field : BPF_CORE_READ((const type *)(const void *)(pointer), field))

/* At the hooks that are used here the context is the kernel's struct sk_buff itself. */
static __always_inline const struct sk_buff *kernel_skb(struct __sk_buff *skb)
{
	return (const struct sk_buff *)(const void *)skb;
}

static __always_inline struct net_device *packet_device(struct __sk_buff *skb)
{
	return BPF_CORE_READ(kernel_skb(skb), dev);
}

static __always_inline struct net *device_netns(const struct net_device *device)
{
	return BPF_CORE_READ(device, nd_net.net);
}

/* The same for less, in a program that is so short that the verifier may tell pointers from numbers. */
static __always_inline struct net_device *packet_device_directly(struct __sk_buff *skb)
{
	return READ_FIELD(struct sk_buff, skb, dev);
}

static __always_inline struct net *device_netns_directly(const struct net_device *device)
{
	return READ_FIELD(struct net_device, device, nd_net.net);
}

/* At cgroup/sock_create the context is the kernel's struct sock itself. */
static __always_inline struct net *new_socket_netns(struct bpf_sock *socket)
{
	return READ_FIELD(struct sock, socket, __sk_common.skc_net.net);
}

static __always_inline struct net *socket_netns(struct __sk_buff *skb)
{
	return BPF_CORE_READ(kernel_skb(skb), sk, __sk_common.skc_net.net);
}

static __always_inline __u64 cgroup_id(const struct cgroup *cgroup)
{
	const struct kernfs_node *directory = READ_FIELD(struct cgroup, cgroup, kn);

	return READ_FIELD(struct kernfs_node, directory, id);
}

/* The id of a cgroup's ancestor at that level, at most its own; 0 if it cannot be read. */
static __always_inline __u64 ancestor_cgroup_id(const struct cgroup *cgroup, int level)
{
	const struct cgroup___addresses *newer = (const void *)cgroup;
	const struct cgroup___ids *older = (const void *)cgroup;
	const struct cgroup *ancestor = NULL;
	__u64 id = 0;

	if (bpf_core_field_exists(newer->ancestors)) {
		bpf_probe_read_kernel(&ancestor, sizeof(ancestor),
				      (const char *)cgroup + bpf_core_field_offset(newer->ancestors) + level * sizeof(ancestor));
		return cgroup_id(ancestor);
	}
	if (bpf_core_field_exists(older->ancestor_ids))
		bpf_probe_read_kernel(&id, sizeof(id),
				      (const char *)cgroup + bpf_core_field_offset(older->ancestor_ids) + level * sizeof(id));
	return id;
}

/* NULL where the packet has left the device it was routed to, and in BPF_PROG_TEST_RUN. */
static __always_inline struct dst_entry *packet_dst(struct __sk_buff *skb)
{
	return (struct dst_entry *)(READ_FIELD(struct sk_buff, skb, _skb_refdst) & ~SKB_DST_NOREF);
}

#define BRIDGE_PORT bpf_core_enum_value(enum netdev_priv_flags, IFF_BRIDGE_PORT)

/* Is the device a port of a Linux bridge? */
static __always_inline bool is_bridge_port(const struct net_device *device)
{
	return BPF_CORE_READ_BITFIELD_PROBED(device, priv_flags) & BRIDGE_PORT;
}

static __always_inline bool is_bridge_port_directly(const struct net_device *device)
{
	const struct net_device *direct;

	if (!READS_DIRECTLY)
		return is_bridge_port(device);
	direct = KERNEL_POINTER(struct net_device, device);
	return BPF_CORE_READ_BITFIELD(direct, priv_flags) & BRIDGE_PORT;
}

/* Did IPsec decrypt the packet? Then the same device has it a second time. */
static __always_inline bool was_encrypted(struct __sk_buff *skb)
{
	if (!bpf_core_field_exists(kernel_skb(skb)->active_extensions) ||
	    !bpf_core_enum_value_exists(enum skb_ext_id, SKB_EXT_SEC_PATH))
		return false; /* a kernel without IPsec */
	return BPF_CORE_READ(kernel_skb(skb), active_extensions) &
	       1 << bpf_core_enum_value(enum skb_ext_id, SKB_EXT_SEC_PATH);
}

/* Is there only the sum of the pseudo-header, and the device to make the rest? */
static __always_inline bool has_partial_sum(struct __sk_buff *skb)
{
	const struct sk_buff *direct;

	if (!READS_DIRECTLY)
		return BPF_CORE_READ_BITFIELD_PROBED(kernel_skb(skb), ip_summed) == CHECKSUM_PARTIAL;
	direct = KERNEL_POINTER(struct sk_buff, skb);
	return BPF_CORE_READ_BITFIELD(direct, ip_summed) == CHECKSUM_PARTIAL;
}

/* Octets from skb->data to the network header. */
static __always_inline __u32 network_offset(struct __sk_buff *skb)
{
	const struct sk_buff *kernel = kernel_skb(skb);

	return BPF_CORE_READ(kernel, head) + BPF_CORE_READ(kernel, network_header) - BPF_CORE_READ(kernel, data);
}

/* The same for less. Where the addresses are pointers to the verifier, it takes no arithmetic of 32 bits. */
static __always_inline __u32 network_offset_directly(struct __sk_buff *skb)
{
	const unsigned char *head = READ_FIELD(struct sk_buff, skb, head), *data = READ_FIELD(struct sk_buff, skb, data);
	__u64 offset;

	head += READ_FIELD(struct sk_buff, skb, network_header);
	SIEVE_OPAQUE(head);
	SIEVE_OPAQUE(data);
	offset = (__u64)head - (__u64)data;
	SIEVE_OPAQUE(offset);
	return offset;
}

/* CLOCK_MONOTONIC in ns; the coarse one (Linux 5.11) is exact to a tick, and a tenth of the price. */
static __always_inline __u64 monotonic_ns(void)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_ktime_get_coarse_ns))
		return bpf_ktime_get_coarse_ns();
	return bpf_ktime_get_ns();
}

/* What tells a namespace from an older one with its inode number; 0 where the kernel does not (before 5.12). */
static __always_inline __u64 netns_cookie(struct net *net)
{
	return bpf_core_field_exists(net->net_cookie) ? BPF_CORE_READ(net, net_cookie) : 0;
}

/*
 * The numbers that rise with every added route or address. A kernel without IPv6 has no second one:
 * 0, which never changes, is right.
 */
static __always_inline __u32 netns_generation(struct net *net, enum sieve_family family)
{
	if (family == SIEVE_IPV4)
		return READ_FIELD(struct net, net, ipv4.rt_genid.counter);
	if (bpf_core_field_exists(net->ipv6))
		return READ_FIELD(struct net, net, ipv6.fib6_sernum.counter);
	return 0;
}

#endif
