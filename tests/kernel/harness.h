/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For the tests in the kernel: the programs, loaded but attached to nothing, in a network namespace of
 * the test's own, and BPF_PROG_TEST_RUN, which hands them a packet as their hook would.
 *
 * A test run's packet has a socket of no protocol in the caller's cgroup, and no route; so the tests
 * set test_any_socket. Real sockets and devices are the business of tests/netns.
 */
#ifndef TESTS_KERNEL_HARNESS_H
#define TESTS_KERNEL_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stubsieve/abi.h>

#include "heartbeat.h"
#include "packets.h"
#include "suffix.h"
#include "vectors.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual" /* bpftool's code, not ours */
#include "stubsieve.skel.h"
#pragma GCC diagnostic pop

#define SECOND 1000000000ULL /* in nanoseconds */
#define LOOPBACK 1           /* the ifindex of lo, in every namespace */
#define UNCOUNTED -1         /* no counter moved */
#define SEVERAL -2           /* more than one moved, or by more than one */

/*
 * The device of the namespace that is not lo; it has Ethernet headers, and the MAC address to which the usual
 * packet goes. Set by enter_namespace().
 */
static int tap_ifindex;
static __u32 namespace_inum;

struct filter {
	struct stubsieve_bpf *skel;
	struct sieve_netns state;
};

enum hook {
	HOOK_EGRESS, /* tcx and clsact run the same program */
	HOOK_CGROUP,
	HOOKS_OF_OURS, /* those before are for the host's own packets */
	HOOK_GATEWAY = HOOKS_OF_OURS,
	HOOKS,
	HOOK_RESULTS = HOOKS, /* for responses alone */
};

/* What one test run did. No pointers: a child hands it to its parent as it is. */
struct outcome {
	int error; /* of the system call, -errno */
	int verdict;
	int counter;
	size_t length;
	__u8 octets[sizeof(((struct packet *)NULL)->octets)];
};

static inline void bring_up(const char *name)
{
	struct ifreq request = {};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &request), 0);
	request.ifr_flags |= IFF_UP;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
}

/* It stays down, so that nothing but the test changes the routes. It goes with the process. */
static inline int make_tap(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(request.ifr_hwaddr.sa_data, usual_mac, ETH_ALEN);
	assert_int_equal(ioctl(fd, SIOCSIFHWADDR, &request), 0);
	return (int)if_nametoindex(name);
}

static inline int enter_namespace(void **state)
{
	struct stat self;

	(void)state;
	if (geteuid() != 0) {
		fprintf(stderr, "these tests need root\n");
		return -1;
	}
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	bring_up("lo");
	tap_ifindex = make_tap("tap0");
	assert_int_equal(stat("/proc/self/ns/net", &self), 0);
	namespace_inum = (__u32)self.st_ino;
	return 0;
}

/* The whole host, the usual port, built-in names: what an operator who configures nothing has. */
static inline struct sieve_policy usual_policy(void)
{
	return (struct sieve_policy){
		.stale_after_ns = 30 * SECOND,
		.suffix_depths = EXEMPT_DEPTHS,
		.ports = { 53 },
		.families = 1 << SIEVE_IPV4 | 1 << SIEVE_IPV6,
		.whole_host = 1,
		.extended_error = 1,
		.gateway_answers_a = 1,
	};
}

static inline __u64 monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * SECOND + (__u64)now.tv_nsec;
}

static inline void set_heartbeat(const struct filter *filter, const struct sieve_heartbeat *heartbeat)
{
	__u32 zero = 0;

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(filter->skel->maps.heartbeat), &zero, heartbeat, BPF_ANY), 0);
}

static inline void stamp_heartbeat(const struct filter *filter, __u64 stamp_ns)
{
	const struct sieve_heartbeat stamp = { .stamp_ns = stamp_ns };

	set_heartbeat(filter, &stamp);
}

/* When within a ramp of `stop --ramp` this message's name begins to pass. */
static inline __u64 ramp_moment(const struct message *message, __u64 ramp_ns, __u64 seed)
{
	static struct sieve_work work;

	work.length = (__u32)message->length;
	memcpy(work.message, message->octets, message->length);
	sieve_parse_name(&work);
	work.cursor = sieve_question_root(&work.question);
	return sieve_ramp_moment(ramp_ns, seed, sieve_name_key(&work));
}

/* A ramp that began so long ago. */
static inline void begin_ramp(const struct filter *filter, __u64 elapsed_ns, __u64 ramp_ns)
{
	const __u64 now = monotonic_ns();
	const struct sieve_heartbeat ramp = { .stamp_ns = now, .ramp_start_ns = now - elapsed_ns, .ramp_ns = ramp_ns };

	set_heartbeat(filter, &ramp);
}

static inline __u64 suffix_key(const struct message_plan *plan)
{
	struct sieve_work work;
	struct message message;

	make_message(plan, &message);
	work.length = (__u32)message.length;
	memcpy(work.message, message.octets, message.length);
	assert_int_equal(sieve_parse_query(&work), SIEVE_REASON_NONE);
	return sieve_suffix_hash(&work);
}

static inline void add_name(const struct filter *filter, const char *suffix, __u32 kinds)
{
	const struct message_plan plan = { .qname = suffix };
	__u64 key = suffix_key(&plan);

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(filter->skel->maps.names), &key, &kinds, BPF_ANY), 0);
}

/* The kernel's generations in this namespace, by the program that the controller uses as well. */
static inline void read_generations(const struct filter *filter, __u32 ret[SIEVE_FAMILIES])
{
	__u8 packet[64] = {};
	struct __sk_buff context = {};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = sizeof(packet), .ctx_out = &context,
		    .ctx_size_out = sizeof(context), .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(filter->skel->progs.sieve_probe), &run), 0);
	assert_int_equal(context.cb[0], namespace_inum);
	ret[SIEVE_IPV4] = context.cb[1];
	ret[SIEVE_IPV6] = context.cb[2];
}

/* As the controller does. */
static inline void publish(const struct filter *filter, const struct sieve_netns *state)
{
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(filter->skel->maps.netns), &namespace_inum, state, BPF_ANY),
			 0);
}

static inline void forget_namespace(const struct filter *filter)
{
	assert_int_equal(bpf_map_delete_elem(bpf_map__fd(filter->skel->maps.netns), &namespace_inum), 0);
}

/* What stands in suffix_bits; NULL: every bit is set, for names are added when the programs are loaded. */
static const __u64 *suffix_summary;

/* The published state is that neither family is of use: so one setting shows A and AAAA. */
static inline void load_filter_as(struct filter *filter, const struct sieve_policy *policy, bool any_socket)
{
	memset(filter, 0, sizeof(*filter));
	filter->skel = stubsieve_bpf__open();
	assert_non_null(filter->skel);
	filter->skel->rodata->policy = *policy;
	filter->skel->rodata->test_any_socket = any_socket;
	for (size_t i = 0; i < SIEVE_SUFFIX_BITS / 64; i++)
		filter->skel->rodata->suffix_bits[i] = suffix_summary ? suffix_summary[i] : ~0ULL;
	if (stubsieve_bpf__load(filter->skel))
		fail_msg("the programs do not load");
	for (size_t i = 0; i < ARRAY_SIZE(exempt_names); i++)
		add_name(filter, exempt_names[i], SIEVE_NAME_EXEMPT);
	stamp_heartbeat(filter, monotonic_ns());
	filter->state.connectivity[SIEVE_IPV4] = SIEVE_USELESS;
	filter->state.connectivity[SIEVE_IPV6] = SIEVE_USELESS;
	read_generations(filter, filter->state.generation);
	publish(filter, &filter->state);
}

static inline void load_filter(struct filter *filter, const struct sieve_policy *policy)
{
	load_filter_as(filter, policy, true);
}

static inline void unload_filter(struct filter *filter)
{
	stubsieve_bpf__destroy(filter->skel);
	filter->skel = NULL;
}

static inline __u64 read_counter(const struct filter *filter, __u32 counter)
{
	static __u64 values[4096]; /* one for each possible CPU */
	int cpus = libbpf_num_possible_cpus();
	__u64 sum = 0;

	assert_in_range(cpus, 1, ARRAY_SIZE(values));
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(filter->skel->maps.counters), &counter, values), 0);
	for (int cpu = 0; cpu < cpus; cpu++)
		sum += values[cpu];
	return sum;
}

static inline void read_counters(const struct filter *filter, __u64 ret[SIEVE_COUNTERS])
{
	for (__u32 counter = 0; counter < SIEVE_COUNTERS; counter++)
		ret[counter] = read_counter(filter, counter);
}

static inline __u64 sum_counters(const struct filter *filter)
{
	__u64 sum = 0;

	for (__u32 counter = 0; counter < SIEVE_COUNTERS; counter++)
		sum += read_counter(filter, counter);
	return sum;
}

static inline int counter_that_moved(const __u64 before[SIEVE_COUNTERS], const __u64 after[SIEVE_COUNTERS])
{
	int moved = UNCOUNTED;

	for (int counter = 0; counter < SIEVE_COUNTERS; counter++) {
		if (after[counter] == before[counter])
			continue;
		if (moved != UNCOUNTED || after[counter] != before[counter] + 1)
			return SEVERAL;
		moved = counter;
	}
	return moved;
}

/* Frames on lo have no addresses. */
static inline void leave_by(struct packet *packet, int ifindex)
{
	if (ifindex == LOOPBACK)
		memset(packet->octets, 0, 2 * ETH_ALEN);
}

static inline int hook_fd(const struct filter *filter, enum hook hook)
{
	const struct bpf_program *programs[] = {
		[HOOK_EGRESS] = filter->skel->progs.sieve_egress,
		[HOOK_CGROUP] = filter->skel->progs.sieve_cgroup,
		[HOOK_GATEWAY] = filter->skel->progs.sieve_gateway,
		[HOOK_RESULTS] = filter->skel->progs.sieve_results,
	};

	return bpf_program__fd(programs[hook]);
}

/* Hand one packet to a program. Asserts nothing of what comes out, so a child process can do it. */
static inline void run_packet(const struct filter *filter, enum hook hook, int ifindex, struct packet *packet,
			      struct outcome *ret)
{
	struct __sk_buff context = { .ifindex = (__u32)ifindex, .gso_segs = packet->gso_segs,
				     .gso_size = packet->gso_size };
	__u64 before[SIEVE_COUNTERS], after[SIEVE_COUNTERS];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet->octets, .data_size_in = (__u32)packet->length,
		    .data_out = ret->octets, .data_size_out = sizeof(ret->octets), .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = 1);

	leave_by(packet, ifindex);
	read_counters(filter, before);
	ret->error = bpf_prog_test_run_opts(hook_fd(filter, hook), &run);
	read_counters(filter, after);
	ret->verdict = (int)run.retval;
	ret->length = run.data_size_out;
	ret->counter = counter_that_moved(before, after);
}

/* The packet is as it was. A cgroup program does not see the link layer; the test run shows zeros for it. */
static inline void check_untouched(const char *phrase, enum hook hook, const struct packet *packet,
				   const struct outcome *outcome)
{
	size_t from = hook == HOOK_CGROUP ? ETHERNET_SIZE : 0;

	if (outcome->length != packet->length ||
	    memcmp(&outcome->octets[from], &packet->octets[from], packet->length - from))
		fail_msg("%s: the packet was changed", phrase);
}

static inline void check_outcome(const char *phrase, const struct outcome *outcome, int verdict, int counter)
{
	if (outcome->error)
		fail_msg("%s: the test run fails with %d", phrase, outcome->error);
	if (outcome->counter != counter)
		fail_msg("%s: counter %d, not %d", phrase, outcome->counter, counter);
	if (outcome->verdict != verdict)
		fail_msg("%s: verdict %d, not %d", phrase, outcome->verdict, verdict);
}

/* `counter`: the reason, or UNCOUNTED */
static inline void check_passed(const char *phrase, enum hook hook, const struct packet *packet,
				const struct outcome *outcome, int counter)
{
	check_outcome(phrase, outcome, hook == HOOK_CGROUP ? 1 : TC_ACT_UNSPEC, counter);
	check_untouched(phrase, hook, packet, outcome);
}

/* `answer`: the message that must stand in the packet, all else as the rules of packets.h say. */
static inline void check_answered(const char *phrase, int ifindex, const struct packet *query,
				  const struct message *answer, enum sieve_family family,
				  const struct outcome *outcome)
{
	struct packet want;

	check_outcome(phrase, outcome, ifindex == LOOPBACK ? TC_ACT_OK : TC_ACT_REDIRECT,
		      SIEVE_COUNTER_ANSWERED + family);
	make_reply(query, answer, &want);
	if (outcome->length != want.length)
		fail_msg("%s: the answer's packet has %zu octets, not %zu", phrase, outcome->length, want.length);
	for (size_t i = 0; i < want.length; i++)
		if (outcome->octets[i] != want.octets[i])
			fail_msg("%s: octet %zu of the answer's packet is %#x, not %#x", phrase, i, outcome->octets[i],
				 want.octets[i]);
}

/* Shorthands for the many tests with the usual query of one family over one IP version. */

static inline void usual_query(int version, enum sieve_family family, struct packet *ret, struct message *ret_answer)
{
	const struct message_plan plan = { .qtype = family == SIEVE_IPV4 ? SIEVE_TYPE_A : SIEVE_TYPE_AAAA,
					   .edns = true };
	const struct packet_plan packet = { .version = version };
	struct message message;

	make_message(&plan, &message);
	make_packet(&packet, &message, ret);
	make_answer(&plan, true, ret_answer);
}

/* On every hook and over both IP versions: the query passes for this reason. */
static inline void expect_passed(const char *phrase, const struct filter *filter, enum sieve_family family,
				 int counter)
{
	struct outcome outcome;
	struct message answer;
	struct packet packet;

	for (int version = 4; version <= 6; version += 2) {
		usual_query(version, family, &packet, &answer);
		for (enum hook hook = 0; hook < HOOKS; hook++) {
			run_packet(filter, hook, tap_ifindex, &packet, &outcome);
			check_passed(phrase, hook, &packet, &outcome, counter);
		}
		run_packet(filter, HOOK_EGRESS, LOOPBACK, &packet, &outcome);
		check_passed(phrase, HOOK_EGRESS, &packet, &outcome, counter);
	}
}

/* On every hook and over both IP versions: the query is answered, and observed by the cgroup's program. */
static inline void expect_answered(const char *phrase, const struct filter *filter, enum sieve_family family)
{
	struct outcome outcome;
	struct message answer;
	struct packet packet;

	for (int version = 4; version <= 6; version += 2) {
		usual_query(version, family, &packet, &answer);
		run_packet(filter, HOOK_EGRESS, tap_ifindex, &packet, &outcome);
		check_answered(phrase, tap_ifindex, &packet, &answer, family, &outcome);
		run_packet(filter, HOOK_EGRESS, LOOPBACK, &packet, &outcome);
		check_answered(phrase, LOOPBACK, &packet, &answer, family, &outcome);
		usual_query(version, family, &packet, &answer); /* with MAC addresses again */
		run_packet(filter, HOOK_GATEWAY, tap_ifindex, &packet, &outcome);
		check_answered(phrase, tap_ifindex, &packet, &answer, family, &outcome);
		run_packet(filter, HOOK_CGROUP, tap_ifindex, &packet, &outcome);
		check_passed(phrase, HOOK_CGROUP, &packet, &outcome, SIEVE_COUNTER_OBSERVED + (int)family);
	}
}

#endif
