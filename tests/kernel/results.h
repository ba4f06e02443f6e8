/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For the tests of the response program: it is loaded, and published of the namespace that the prefixes of responses.h
 * have routes; packets with their responses come from port 53 of 192.0.2.53 or 2001:db8::53.
 */
#ifndef TESTS_KERNEL_RESULTS_H
#define TESTS_KERNEL_RESULTS_H

#include "sandbox.h"
#include "harness.h"
#include "responses.h"

#define OUR_PORT 40000

static struct filter filter;

static const struct packet_plan from_server[2] = {
	{ .version = 4, .source = "192.0.2.53", .destination = "192.0.2.10", .source_port = 53,
	    .destination_port = OUR_PORT },
	{ .version = 6, .source = "2001:db8::53", .destination = "2001:db8::10", .source_port = 53,
	    .destination_port = OUR_PORT },
};

static inline void list_prefix(const struct routed_prefix *prefix)
{
	struct sieve_prefix key = { .netns = htonl(namespace_inum) };
	__u8 value = 1;

	key.family = family_of(prefix->address) == AF_INET ? SIEVE_IPV4 : SIEVE_IPV6;
	key.bits = SIEVE_PREFIX_BITS + prefix->length;
	parse_address(prefix->address, key.address);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(filter.skel->maps.coverage), &key, &value, BPF_ANY), 0);
}

/* As the controller does, after addresses or routes were made. */
static inline void publish_coverage(enum sieve_coverage ipv4, enum sieve_coverage ipv6)
{
	read_generations(&filter, filter.state.coverage_generation);
	filter.state.coverage[SIEVE_IPV4] = (__u8)ipv4;
	filter.state.coverage[SIEVE_IPV6] = (__u8)ipv6;
	publish(&filter, &filter.state);
}

static inline void publish_listed(void)
{
	publish_coverage(SIEVE_COVERAGE_LISTED, SIEVE_COVERAGE_LISTED);
}

static inline void load_results(const struct sieve_policy *policy)
{
	if (filter.skel)
		unload_filter(&filter);
	load_filter_as(&filter, policy, false);
	for (size_t i = 0; i < ARRAY_SIZE(routed_prefixes); i++)
		list_prefix(&routed_prefixes[i]);
	publish_listed();
}

/* A name that holds for one setting of the policy. */
static inline struct sieve_policy policy_with_depths(__u32 depths)
{
	struct sieve_policy policy = usual_policy();

	policy.suffix_depths |= depths;
	return policy;
}

static inline void *address_of(int version, const char *text, int port, struct sockaddr_in6 *ret, socklen_t *ret_size)
{
	struct sockaddr_in *four = (struct sockaddr_in *)(void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (version == 6) {
		ret->sin6_family = AF_INET6;
		ret->sin6_port = htons((__u16)port);
		assert_int_equal(inet_pton(AF_INET6, text, &ret->sin6_addr), 1);
		*ret_size = sizeof(*ret);
	} else {
		four->sin_family = AF_INET;
		four->sin_port = htons((__u16)port);
		assert_int_equal(inet_pton(AF_INET, text, &four->sin_addr), 1);
		*ret_size = sizeof(*four);
	}
	return ret;
}

/* A UDP socket of that IP version, bound, and connected if there is a peer. */
static inline int open_receiver(int version, const char *address, int port, const char *peer)
{
	int fd = socket(version == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 room;
	socklen_t size;
	void *own;

	assert_true(fd >= 0);
	own = address_of(version, address, port, &room, &size);
	if (bind(fd, own, size))
		fail_msg("bind to %s: %s", address, strerror(errno));
	if (!peer)
		return fd;
	own = address_of(version, peer, 53, &room, &size);
	if (connect(fd, own, size))
		fail_msg("connect to %s: %s", peer, strerror(errno));
	return fd;
}

static inline void make_response_packet(const struct packet_plan *packet_plan, const struct response_plan *plan,
					struct packet *ret)
{
	struct message message;
	struct layout layout;

	make_response(plan, false, &message, &layout);
	make_packet(packet_plan, &message, ret);
}

static inline void make_cut_packet(const struct packet *packet, const struct response_plan *plan, struct packet *ret)
{
	struct message message;
	struct layout layout;

	make_response(plan, true, &message, &layout);
	replace_message(packet, &message, ret);
}

static int receiver4 = -1, receiver6 = -1;
static const struct response_plan lost = { RECORDS({ .address = LOST6 }, { .address = ROUTED6 }) };
static const struct response_plan routed = { RECORDS({ .address = ROUTED6 }, { .address = ROUTED4 }) };

/* What the counters must be after a run. */
static inline void expect_counts(__u64 counters[SIEVE_COUNTERS], enum sieve_response response,
	const struct response_plan *plan)
{
	if (!response)
		return;
	counters[SIEVE_COUNTER_RESPONSE + response]++;
	if (response != SIEVE_RESPONSE_filtered && response != SIEVE_RESPONSE_emptied)
		return;
	counters[SIEVE_COUNTER_REMOVED + SIEVE_IPV4] += count_removed(plan, AF_INET);
	counters[SIEVE_COUNTER_REMOVED + SIEVE_IPV6] += count_removed(plan, AF_INET6);
}

/* `plan`: of which `packet` becomes `want`. SIEVE_RESPONSE_NONE: it is not counted. */
static inline void check_run(const char *phrase, int ifindex, struct packet *packet, const struct packet *want,
		      const struct response_plan *plan, enum sieve_response response)
{
	__u64 before[SIEVE_COUNTERS], after[SIEVE_COUNTERS];
	struct outcome outcome;

	leave_by(packet, ifindex);
	read_counters(&filter, before);
	run_packet(&filter, HOOK_RESULTS, ifindex, packet, &outcome);
	read_counters(&filter, after);
	expect_counts(before, response, plan);
	if (outcome.error || outcome.verdict != TC_ACT_UNSPEC)
		fail_msg("%s: error %d, verdict %d", phrase, outcome.error, outcome.verdict);
	for (int i = 0; i < SIEVE_COUNTERS; i++)
		if (before[i] != after[i])
			fail_msg("%s: counter %d is %lld too high", phrase, i, (long long)(after[i] - before[i]));
	if (outcome.length != want->length)
		fail_msg("%s: %zu octets, not %zu", phrase, outcome.length, want->length);
	for (size_t i = ifindex == LOOPBACK ? 2 * ETH_ALEN : 0; i < want->length; i++)
		if (outcome.octets[i] != want->octets[i])
			fail_msg("%s: octet %zu is %#x, not %#x", phrase, i, outcome.octets[i], want->octets[i]);
}

/* By the tap and by lo: it is cut. */
static inline void cut_in(const char *phrase, const struct packet_plan *packet_plan, const struct response_plan *plan)
{
	struct packet packet, want;
	int devices[] = { tap_ifindex, LOOPBACK };

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		make_response_packet(packet_plan, plan, &packet);
		make_cut_packet(&packet, plan, &want);
		check_run(phrase, devices[i], &packet, &want, plan, wanted_response(plan));
	}
}

/* By the tap and by lo: it stays. */
static inline void stay_in(const char *phrase, const struct packet_plan *packet_plan, const struct response_plan *plan,
		    enum sieve_response response)
{
	struct packet packet, want;
	int devices[] = { tap_ifindex, LOOPBACK };

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		make_response_packet(packet_plan, plan, &packet);
		want = packet;
		check_run(phrase, devices[i], &packet, &want, plan, response);
	}
}

static inline void cut(const char *phrase, const struct response_plan *plan)
{
	for (size_t i = 0; i < 2; i++)
		cut_in(phrase, &from_server[i], plan);
}

static inline void stay(const char *phrase, const struct response_plan *plan, enum sieve_response response)
{
	for (size_t i = 0; i < 2; i++)
		stay_in(phrase, &from_server[i], plan, response);
}

static inline int make_host(void **state)
{
	struct sieve_policy policy = usual_policy();

	if (enter_sandbox(state))
		return -1;
	enter_namespace(state);
	run("ip addr add 192.0.2.10/32 dev lo && ip -6 addr add 2001:db8::10/128 dev lo nodad");
	run("ip route add 192.0.2.0/24 dev lo && ip -6 route add 2001:db8::/64 dev lo");
	load_results(&policy);
	return 0;
}

static inline int open_receivers(void **state)
{
	struct sieve_policy policy = usual_policy();

	(void)state;
	load_results(&policy);
	receiver4 = open_receiver(4, "192.0.2.10", OUR_PORT, "192.0.2.53");
	receiver6 = open_receiver(6, "2001:db8::10", OUR_PORT, "2001:db8::53");
	return 0;
}

static inline int close_receivers(void **state)
{
	(void)state;
	close(receiver4);
	close(receiver6);
	return 0;
}

#endif
