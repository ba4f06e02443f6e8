/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the BPF programs and user space: what the maps hold, in which unit and byte
 * order, and who writes it. Everything is in host byte order unless a comment says otherwise.
 *
 * Included by both compilers; plain C with fixed-size types only.
 */
#ifndef STUBSIEVE_ABI_H
#define STUBSIEVE_ABI_H

#include <linux/types.h>

/*
 * To be raised with every change of what a map's keys and values mean, the order of reasons.def among them.
 * The maps are pinned as NAME-VERSION, so programs of two versions never share a map. What has been counted is carried
 * from one version to the other, up and down; see struct sieve_counter_name.
 */
#define SIEVE_ABI_VERSION 4

/* An address family as an array index; also the family whose address a query asks for. */
enum sieve_family {
	SIEVE_IPV4 = 0, /* A */
	SIEVE_IPV6 = 1, /* AAAA */
	SIEVE_FAMILIES = 2,
};

/* RFC 1035 section 3.2.2, RFC 3596 section 2.1 */
#define SIEVE_TYPE_A 1
#define SIEVE_TYPE_AAAA 28

/* The longest query, in octets (RFC 1035 section 4.2.1), and the longest response (an Ethernet frame's) looked at. */
#define SIEVE_MESSAGE_MAX 512
#define SIEVE_RESPONSE_MAX 1472

/* What is done with a useless query (configuration key `action`). */
enum sieve_action {
	SIEVE_ACTION_ANSWER = 0,
	SIEVE_ACTION_OBSERVE = 1,
	SIEVE_ACTION_DROP = 2,
	SIEVE_ACTION_REJECT = 3,
};

/* Why a query passes; SIEVE_REASON_NONE means that nothing speaks against answering it. */
enum sieve_reason {
	SIEVE_REASON_NONE = 0,
#define SIEVE_REASON(name, text) SIEVE_REASON_##name,
#include <stubsieve/reasons.def>
#undef SIEVE_REASON
	SIEVE_REASONS, /* one more than the last */
};

/* What became of a response, where `results` is `covered`. */
enum sieve_response {
	SIEVE_RESPONSE_NONE = 0, /* nothing speaks against removing addresses, or nothing is known yet */
#define SIEVE_RESPONSE(name, text) SIEVE_RESPONSE_##name,
#include <stubsieve/responses.def>
#undef SIEVE_RESPONSE
	SIEVE_RESPONSES, /* one more than the last */
};

/*
 * Counters: one __u64 each in the per-CPU array `counters`, written by BPF, never reset. Every DNS
 * query (UDP to a configured port) and every TCP connection attempt to one is counted exactly once at each hook that it
 * meets, which is one, but for what passes a gateway: where that leaves it is counted again, as not_local.
 * 0 .. SIEVE_REASONS - 1      passed, by enum sieve_reason (index 0 is never used)
 * SIEVE_COUNTER_ANSWERED + f  answered, by enum sieve_family; likewise the others.
 * Passes of action `observe` are counted in OBSERVED, by family, not under their reason.
 *
 * Every response that the response program sees (UDP from a configured port) is counted once in
 * SIEVE_COUNTER_RESPONSE + enum sieve_response, and each record that it removes in REMOVED, by family.
 */
#define SIEVE_COUNTER_ANSWERED 64
#define SIEVE_COUNTER_OBSERVED 66
#define SIEVE_COUNTER_DROPPED 68
#define SIEVE_COUNTER_REJECTED 70
#define SIEVE_COUNTER_REMOVED 72
#define SIEVE_COUNTER_RESPONSE 74
#define SIEVE_COUNTERS 106

/*
 * What versions tell each other. **None of this ever changes, whatever SIEVE_ABI_VERSION is**: that the maps are pinned as
 * NAME-VERSION after their own names, that `counters` is a per-CPU array of __u64 and `heartbeat` begins with the stamp,
 * the names of the programs, and the three maps below, which user space alone reads and writes.
 *
 * Map `counter_names` (array): what the entry of `counters` with the same index counts: "passed_" and the name of the
 * reason, "response_" and that of the response, "answered_a", "removed_aaaa" and so on; "" if it is not used. Zeros
 * follow the text. A name keeps its meaning for ever.
 *
 * Map `carried` (hash, pinned without a version): key struct sieve_counter_name, what other versions counted under this
 * name, also under names that this one does not know. A counter's value is the sum of both maps. `source` is the id of
 * the map `counters` that was added last, and `taken` how much of it is in the total: what is added twice counts once.
 *
 * Map `instance` (array of one, not pinned, bound to every program): whose programs these are. Links whose pins are
 * gone are found again by it; and by `heartbeat`, `counters`, `counter_names` and `carried`, which are bound to every
 * program as well, whether their controller is alive, and what they counted.
 */
#define SIEVE_COUNTER_NAME_MAX 32
struct sieve_counter_name {
	char text[SIEVE_COUNTER_NAME_MAX];
};

struct sieve_carried {
	__u64 total;
	__u64 taken;
	__u32 source; /* 0: none */
	__u32 reserved;
};
#define SIEVE_CARRIED_MAX 1024

struct sieve_instance {
	char pin_dir[4096]; /* without a slash at the end, and zeros behind it */
};

/* What the controller says about the queries for one family in one network namespace. */
enum sieve_connectivity {
	SIEVE_CONNECTED = 0, /* the family has connectivity: its queries pass */
	SIEVE_OFFLINE = 1,   /* neither family has: both pass */
	SIEVE_SETTLING = 2,  /* useless, but only since less than `settle` */
	SIEVE_NAT64 = 3,     /* A only: useless unless the network does NAT64 without DNS64 */
	SIEVE_USELESS = 4,   /* no connectivity, and the other family has it: answer */
};

/* Which addresses of a family have a route, for `results = covered`: in one network namespace. */
enum sieve_coverage {
	SIEVE_COVERAGE_UNKNOWN = 0, /* not looked at, or not yet: every address stays */
	SIEVE_COVERAGE_ALL = 1,     /* a default route, or a reason not to remove any: every address stays */
	SIEVE_COVERAGE_LISTED = 2,  /* those under a prefix in the map `coverage` stay */
};

/*
 * Map `netns` (hash): key __u32, the inode number of the network namespace (/proc/PID/ns/net).
 * Written by the controller; `wake` is set by BPF when a query met a generation that differs, and
 * cleared with the next write of the controller.
 *
 * `generation` was read in the kernel before the dump that `connectivity` rests on: for IPv4
 * net->ipv4.rt_genid, for IPv6 net->ipv6.fib6_sernum. Both rise with every added route or address
 * (Linux 5.10 to 6.18), so a query that meets another value passes: AAAA of that of IPv6, A of either,
 * because an IPv6 route from a router advertisement makes a NAT64 possible.
 * `coverage_generation` is likewise that from before the dump that `coverage` and the prefixes rest on.
 * `cookie` is the namespace's SO_NETNS_COOKIE (Linux 5.14), 0 if unknown: inode numbers are reused.
 */
struct sieve_netns {
	__u64 cookie;
	__u32 generation[SIEVE_FAMILIES];
	__u8 connectivity[SIEVE_FAMILIES]; /* enum sieve_connectivity */
	__u8 wake;
	__u8 coverage[SIEVE_FAMILIES]; /* enum sieve_coverage; UNKNOWN unless `results` is `covered` */
	__u8 reserved[3];
	__u32 coverage_generation[SIEVE_FAMILIES];
};

/*
 * Key of the map `coverage` (LPM trie): the prefixes of all counting routes, and the host's own addresses, merged into
 * the fewest that cover the same. All of netns and family are significant, so `bits` is SIEVE_PREFIX_BITS + the
 * prefix' length. Written by the controller, which adds before it removes; present where `results` is `covered` alone.
 */
struct sieve_prefix {
	__u32 bits;
	__be32 netns; /* inode number, network byte order: tries compare from the first octet on */
	__u8 family;  /* enum sieve_family */
	__u8 address[16]; /* network byte order; IPv4 in the first four */
	__u8 reserved[3];
};
#define SIEVE_PREFIX_BITS 40

/*
 * Map `vacant` (array of one, mapped by the controller): bits of which one that is set says that nothing is listed in
 * the map `coverage` of what bpf/vacant.h has it stand for. Written by the controller, which clears a bit before it
 * adds a prefix, and sets it after it has removed all. All clear at the start; present where `coverage` is.
 */
#define SIEVE_VACANT_BITS 4194304

/*
 * Map `heartbeat` (array of one): CLOCK_MONOTONIC in nanoseconds, stamped by the controller.
 *
 * `stop --ramp`: from ramp_start_ns on the share of names that pass rises within ramp_ns, linearly, to all of them, and
 * stays there. Written once; both are 0 while there is no ramp. `run` ends one that it finds.
 */
struct sieve_heartbeat {
	__u64 stamp_ns;
	__u64 ramp_start_ns;
	__u64 ramp_ns; /* at most SIEVE_RAMP_MAX_NS */
};
#define SIEVE_RAMP_MAX_NS 86400000000000ULL /* a day; the arithmetic of bpf/heartbeat.h needs less than 2^48 */

/* Map `cgroups` (hash): key __u64, the cgroup2 id (its inode number). Written by the controller. */
enum sieve_cgroup {
	SIEVE_CGROUP_SCOPE = 1,
	SIEVE_CGROUP_EXEMPT = 2,
};

/*
 * Map `servers` (hash): key __u64, the cgroup2 id of a cgroup in which a UDP socket is bound to a configured port;
 * value __u32, a set of enum sieve_server: on which addresses. Written by the controller, which looks at all sockets
 * from time to time. In what such a cgroup receives nothing is cut; what it asks passes where SIEVE_SERVER_OTHERS is set.
 */
enum sieve_server {
	SIEVE_SERVER_OTHERS = 1 << 0,   /* some address that is not loopback, or the wildcard: clients elsewhere */
	SIEVE_SERVER_LOOPBACK = 1 << 1, /* an address of loopback, or lo alone */
};

/*
 * Map `names` (hash): key __u64, the hash of a suffix (bpf/suffix.h); value __u32, a set of enum
 * sieve_name. Written by the controller.
 */
enum sieve_name {
	SIEVE_NAME_EXEMPT = 1 << 0,   /* never answered under this suffix */
	SIEVE_NAME_ASK_A = 1 << 1,    /* A is always asked under it */
	SIEVE_NAME_ASK_AAAA = 1 << 2,
};
#define SIEVE_SUFFIX_LABELS_MAX 16 /* the longest suffix, in labels */

/*
 * Ring buffer `events`: what the controller has to look at. With `tid` 0 it is the routes of a namespace
 * that it knows; otherwise a namespace of which the map `netns` has nothing, or only what was published of an
 * older one with its number, and in which this thread made an IPv4 or IPv6 socket. The thread may have ended,
 * or gone to another namespace, since.
 */
struct sieve_event {
	__u32 netns; /* inode number */
	__u32 tid;   /* as in the initial PID namespace; likewise its process */
	__u32 tgid;
};

#define SIEVE_PORTS_MAX 8
#define SIEVE_CGROUP_LEVELS 32 /* the deepest cgroup that can be a scope or exempt: level 31 */

/*
 * The policy: read-only data of the programs, set before they are loaded. A change loads the
 * programs again and swaps them on their links, so a packet meets the old or the new one, whole.
 */
struct sieve_policy {
	__u64 stale_after_ns; /* age of the heartbeat at which every query passes */
	__u64 ramp_seed;      /* this host's own: in which order names pass during `stop --ramp` */
	__u32 cgroup_levels;  /* bit n: a cgroup of level n is in the map `cgroups`; root is level 0 */
	__u32 suffix_depths;  /* bit n: a suffix of n labels is in the map `names` */
	__u16 ports[SIEVE_PORTS_MAX]; /* host order; unused ones are 0 */
	__u8 action;                  /* enum sieve_action */
	__u8 families;                /* bit SIEVE_IPV4 / SIEVE_IPV6: A / AAAA may be answered */
	__u8 whole_host;              /* 1: every cgroup is in scope but the exempt ones */
	__u8 dnssec_answer;           /* 1: queries with DO=1 are answered too */
	__u8 extended_error;          /* 1: answers carry RFC 8914 EDE 17 where the query had OPT */
	__u8 filter_servers;          /* 1: do not look for a DNS server in a socket's cgroup */
	__u8 gateway_answers_a;       /* 1: no client has a NAT64 prefix from this router's own advertisements */
	__u8 reserved[1];
};

/*
 * Beside the policy a summary of the map `names`, so that most names need no look into it: bit n of this is set if
 * the map has a key that sieve_suffix_bit() (bpf/suffix.h) maps to n. With 4,000 keys one in 33 is looked up in vain.
 */
#define SIEVE_SUFFIX_BITS 131072

_Static_assert(SIEVE_REASONS <= SIEVE_COUNTER_ANSWERED, "reasons overlap the other counters");
_Static_assert(SIEVE_COUNTER_RESPONSE + SIEVE_RESPONSES <= SIEVE_COUNTERS, "responses overlap what follows");
_Static_assert(sizeof(struct sieve_counter_name) == 32, "for ever: counter_names");
_Static_assert(sizeof(struct sieve_carried) == 24, "for ever: carried");
_Static_assert(sizeof(struct sieve_instance) == 4096, "for ever: instance");
_Static_assert(sizeof(struct sieve_netns) == 32, "map layout: netns");
_Static_assert(sizeof(struct sieve_prefix) == 28, "map layout: coverage");
_Static_assert(sizeof(struct sieve_heartbeat) == 24, "map layout: heartbeat");
_Static_assert(sizeof(struct sieve_event) == 12, "ring buffer layout: events");
_Static_assert(sizeof(struct sieve_policy) == 48, "layout of the policy");

#endif
