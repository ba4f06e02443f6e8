/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps and the read-only data. What their values mean stands in stubsieve/abi.h. */
#ifndef STUBSIEVE_MAPS_H
#define STUBSIEVE_MAPS_H

#include <linux/udp.h>

#include "dns.h"
#include "kernel.h"

/*
 * Small tables of buckets are in the kernel's linear mapping, larger ones in vmalloc space, where each
 * look costs a TLB miss more: up to 2,048 entries they are small (32 KiB).
 */
#define SIEVE_NETNS_MAX 2048 /* what is used unless the loader sets another number */
#define SIEVE_CGROUPS_MAX 2048
#define SIEVE_SERVERS_MAX 1024
#define SIEVE_NAMES_MAX 16384
#define SIEVE_ANNOUNCED_MAX 4096

/*
 * A trie takes memory for the entries that it has, at most 192 octets for each, so the bound is no price but what all
 * namespaces together can make of the kernel's memory: 192 MiB.
 */
#define SIEVE_COVERAGE_MAX (1 << 20)

/* What the packet is to us. */
enum sieve_kind {
	SIEVE_KIND_OTHER, /* not DNS: pass, uncounted */
	SIEVE_KIND_UDP,   /* UDP to a DNS port */
	SIEVE_KIND_TCP,   /* the first segment of a connection to a DNS port */
};

/* Where the message lies, and between whom. */
struct sieve_packet {
	__u64 owner;          /* whose work area it is: the address of the packet; another one if it was lost */
	__u32 network;        /* octets from skb->data to the network header: 14 on Ethernet, 0 without a link layer */
	__u32 transport;      /* octets from the network header to the UDP header */
	__u32 ip_length;      /* of the whole datagram, as the IP header says */
	__be32 addresses[8];  /* source and destination as in the header: IPv4 in [0] and [1], IPv6 in [0..3] and [4..7] */
	struct udphdr udp;
	__be16 ipv4_head[6];  /* the IPv4 header up to its sum, of a message from a server */
	__u8 family;          /* enum sieve_family: of the transport, not of the question */
	__u8 protocol;        /* IPPROTO_UDP or IPPROTO_TCP */
	__u8 reason;          /* enum sieve_reason: the headers speak against an answer */
};

/*
 * For the look for a server beside the sender. Not on the stack, where the verifier tells what each branch left
 * there from what another did, and follows all that comes after once for each.
 */
struct sieve_lookup {
	struct bpf_sock_tuple tuple;
	void *socket;
	__u64 my_cgroup, their_cgroup; /* addresses */
	__u64 id;                      /* of my_cgroup */
};

/* What one run of a program works on. */
struct sieve_kernel_work {
	struct sieve_packet packet;
	struct sieve_lookup lookup;
	__u32 payload;                 /* of a response: octets from the network header to the message */
	__u32 inum;                    /* of the device's namespace */
	__u64 old_sum, new_sum;        /* of what changes of its message: the records, ANCOUNT */
	__u32 coverage_generation[SIEVE_FAMILIES]; /* as published of the namespace, and: */
	__u8 coverage[SIEVE_FAMILIES]; /* enum sieve_coverage */
	__u8 rests_on_routes;          /* 1: something goes because no route covers it */
	__u8 reserved[5];
	struct udphdr udp; /* as it lies before the message in the packet */
	struct sieve_work dns;
};

_Static_assert(__builtin_offsetof(struct sieve_kernel_work, dns) == __builtin_offsetof(struct sieve_kernel_work, udp) + sizeof(struct udphdr),
	       "the message follows the UDP header");
_Static_assert(__builtin_offsetof(struct sieve_work, message) == 0, "the message follows the UDP header");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SIEVE_NETNS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct sieve_netns);
} netns SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SIEVE_CGROUPS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u32);
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SIEVE_SERVERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u32);
} servers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SIEVE_NAMES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u32);
} names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sieve_heartbeat);
} heartbeat SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SIEVE_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

/* The programs have no use for these three: see struct sieve_counter_name. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SIEVE_COUNTERS);
	__type(key, __u32);
	__type(value, struct sieve_counter_name);
} counter_names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SIEVE_CARRIED_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sieve_counter_name);
	__type(value, struct sieve_carried);
} carried SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sieve_instance);
} instance SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} events SEC(".maps");

/* Made where `results` is `covered` alone. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SIEVE_COVERAGE_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sieve_prefix);
	__type(value, __u8);
} coverage SEC(".maps");

/* Beside it. */
struct sieve_vacant {
	__u64 bits[SIEVE_VACANT_BITS / 64];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct sieve_vacant);
} vacant SEC(".maps");

/* When the controller was told of an unknown namespace. */
struct sieve_announced {
	__u64 cookie; /* netns_cookie() */
	__u64 when_ns; /* CLOCK_MONOTONIC */
};

/* Key: the inode number. Not pinned: a later controller is told again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SIEVE_ANNOUNCED_MAX);
	__type(key, __u32);
	__type(value, struct sieve_announced);
} announced SEC(".maps");

/* Too large for the stack of 512 octets. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sieve_kernel_work);
} work_area SEC(".maps");

const volatile struct sieve_policy policy;
const volatile __u64 suffix_bits[SIEVE_SUFFIX_BITS / 64];

/* For tests only, 0 otherwise: what BPF_PROG_TEST_RUN and one kernel cannot show by themselves. */
const volatile __u8 test_any_socket;        /* a test run's packet has a socket of no protocol, and no route */
const volatile __u8 test_conntrack_unknown; /* as on a kernel whose BTF lacks nf_conn */

/*
 * The policy as the pure functions take it. Its address goes through an asm statement, so that the
 * compiler does not take the zeros it sees here for the values; the verifier knows the real ones.
 */
static __always_inline const struct sieve_policy *current_policy(void)
{
	const struct sieve_policy *pointer = (const struct sieve_policy *)&policy;

	SIEVE_OPAQUE(pointer);
	return pointer;
}

static __always_inline struct sieve_kernel_work *get_work_area(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&work_area, &zero);
}

static __always_inline void count_more(__u32 counter, __u64 more)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &counter);

	if (value)
		*value += more;
}

static __always_inline void count(__u32 counter)
{
	count_more(counter, 1);
}

#endif
