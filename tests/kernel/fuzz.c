/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random and changed frames (mutate.h) through every program: what is touched has to be eligible by an independent
 * reading (datagram.h, and ldns in decoder.h, or reader.h), all else passes as it was; what is DNS is counted once,
 * under a reason that there is, and nothing else is; what comes out has right lengths, and right sums if they were.
 *
 *   SEED=N PACKETS=N build/tests/kernel/fuzz     the same again, or more of them
 *   SEED=N FIRST=N PACKETS=1 ...                 the one that a failure tells of
 */
#include "results.h"
#include "decoder.h"
#include "reader.h"

#include "mutate.h"

#define PACKETS 40000 /* of queries; and half as many responses */
#define ROUNDS_OF_A_STAMP 1000
#define SHOWN 10

enum expectation {
	IS_NO_DNS,   /* not counted */
	HAS_TO_PASS, /* counted once, under a reason */
	IS_USELESS,  /* may be answered, and is */
};

static __u64 seed, base; /* as it was given, and what frames are made of */
static size_t first, packets;
static struct {
	size_t runs, refused, answered, observed, cut, removed, reasons[SIEVE_REASONS], responses[SIEVE_RESPONSES];
	size_t touched, missed, changed, unsound, miscounted, failed;
} results;

static size_t number_from(const char *name, size_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

/* One more of what must not be, with what it takes to repeat it. */
static void complain(size_t *count, size_t number, const char *program, const char *what, const char *why,
		     const struct packet *packet)
{
	if ((*count)++ >= SHOWN)
		return;
	printf("%s: %s%s%s; SEED=%llu FIRST=%zu PACKETS=1\n  ", program, what, why ? ": " : "", why ? why : "",
	       (unsigned long long)seed, number);
	for (size_t i = 0; i < packet->length; i++)
		printf("%02x", packet->octets[i]);
	printf("\n");
}

/* All of them by one system call, where the kernel has it for this kind of map (Linux 5.13). */
static void read_all_counters(__u64 ret[SIEVE_COUNTERS])
{
	static __u64 values[SIEVE_COUNTERS * 512];
	static __u32 keys[SIEVE_COUNTERS];
	__u32 count = SIEVE_COUNTERS, next;
	int cpus = libbpf_num_possible_cpus();

	int fd = bpf_map__fd(filter.skel->maps.counters);

	/* ENOENT: that was the end of it. */
	if (cpus > 512 || (bpf_map_lookup_batch(fd, NULL, &next, keys, values, &count, NULL) < 0 && errno != ENOENT)) {
		read_counters(&filter, ret);
		return;
	}
	for (__u32 i = 0; i < count; i++) {
		ret[keys[i]] = 0;
		for (int cpu = 0; cpu < cpus; cpu++)
			ret[keys[i]] += values[i * (__u32)cpus + (__u32)cpu];
	}
}

/* The kernel refuses a test run with less than an IP header. */
static bool is_too_short(const struct packet *packet)
{
	__u16 type = (__u16)octets_to_u16(&packet->octets[12]);

	return packet->length < ETHERNET_SIZE + (type == ETH_P_IPV6 ? 40U : 20U);
}

/* Returns false if it is not run. */
static bool run_frame(enum hook hook, int ifindex, const struct packet *packet, struct outcome *ret,
		      __u64 ret_moved[SIEVE_COUNTERS])
{
	static __u64 before[SIEVE_COUNTERS], after[SIEVE_COUNTERS];
	struct __sk_buff context = { .ifindex = (__u32)ifindex, .gso_segs = packet->gso_segs,
				     .gso_size = packet->gso_size };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet->octets, .data_size_in = (__u32)packet->length,
		    .data_out = ret->octets, .data_size_out = sizeof(ret->octets), .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = 1);

	if (results.runs++ % ROUNDS_OF_A_STAMP == 0)
		stamp_heartbeat(&filter, monotonic_ns());
	read_all_counters(before);
	ret->error = bpf_prog_test_run_opts(hook_fd(&filter, hook), &run);
	read_all_counters(after);
	ret->verdict = (int)run.retval;
	ret->length = run.data_size_out;
	ret->counter = counter_that_moved(before, after);
	for (int i = 0; i < SIEVE_COUNTERS; i++)
		ret_moved[i] = after[i] - before[i];
	results.refused += ret->error && is_too_short(packet);
	return ret->error == 0;
}

static bool is_untouched(enum hook hook, const struct packet *packet, const struct outcome *outcome)
{
	size_t from = hook == HOOK_CGROUP ? ETHERNET_SIZE : 0;

	return outcome->verdict == (hook == HOOK_CGROUP ? 1 : TC_ACT_UNSPEC) && outcome->length == packet->length &&
	       memcmp(&outcome->octets[from], &packet->octets[from], packet->length - from) == 0;
}

/* What the surroundings of a packet say: our own end with the datagram, others' frames are for us or for a group. */
static const char *surroundings_fault(enum hook hook, const struct packet *packet, const struct datagram *datagram)
{
	if (packet->gso_segs > 1)
		return "several datagrams";
	if (hook != HOOK_GATEWAY && datagram->end != packet->length)
		return "octets behind the datagram";
	if (hook == HOOK_GATEWAY && packet->octets[0] & 1)
		return "a frame for a group";
	if (hook != HOOK_CGROUP && octets_to_u16(&packet->octets[12]) == ETH_P_IPV6 &&
	    octets_to_u16(&packet->octets[datagram->transport + 6]) == 0)
		return "IPv6 without a UDP checksum";
	return NULL;
}

static enum expectation read_query(enum hook hook, const struct packet *packet, struct datagram *datagram,
				   const char **ret_fault, enum sieve_family *ret_family)
{
	size_t message;

	if (!find_datagram(packet->octets, packet->length, datagram) || datagram->destination_port != 53)
		return IS_NO_DNS;
	if (datagram->protocol == IPPROTO_TCP && !is_connection_attempt(packet->octets, datagram))
		return IS_NO_DNS;
	if (hook == HOOK_GATEWAY && !(packet->octets[0] & 1) && memcmp(packet->octets, usual_mac, ETH_ALEN) != 0)
		return IS_NO_DNS; /* overheard */
	*ret_fault = datagram_fault(packet->octets, packet->length, datagram);
	if (!*ret_fault)
		*ret_fault = surroundings_fault(hook, packet, datagram);
	if (*ret_fault)
		return HAS_TO_PASS;
	message = datagram->transport + UDP_SIZE;
	*ret_fault = query_fault(&packet->octets[message], datagram->end - message, ret_family);
	return *ret_fault ? HAS_TO_PASS : IS_USELESS;
}

/* A sum that was wrong by something is so afterwards: sums are brought up to date, not made anew. */
static const char *packet_fault(const struct packet *packet, const struct datagram *before,
				const struct outcome *outcome, struct datagram *ret_after)
{
	const char *fault;

	if (!find_datagram(outcome->octets, outcome->length, ret_after))
		return "no datagram";
	ret_after->is_to_group = false; /* it goes to the source of the query, whatever that is */
	fault = datagram_fault(outcome->octets, outcome->length, ret_after);
	if (fault)
		return fault;
	if (ret_after->end != outcome->length)
		return "octets behind the datagram";
	if (datagram_sum(packet->octets, before) == 0 && datagram_sum(outcome->octets, ret_after) != 0)
		return "the UDP checksum";
	if (ip_header_sum(packet->octets, before) == 0 && ip_header_sum(outcome->octets, ret_after) != 0)
		return "the IPv4 checksum";
	return NULL;
}

static const char *answer_packet_fault(int ifindex, const struct packet *packet, const struct datagram *query,
				       const struct outcome *outcome)
{
	size_t address = octets_to_u16(&packet->octets[12]) == ETH_P_IPV6 ? 16 : 4;
	size_t addresses = query->network + (address == 16 ? 8 : 12), message = query->transport + UDP_SIZE;
	struct datagram answer;
	const char *fault;

	if (outcome->verdict != (ifindex == LOOPBACK ? TC_ACT_OK : TC_ACT_REDIRECT))
		return "it is not sent back";
	fault = packet_fault(packet, query, outcome, &answer);
	if (fault)
		return fault;
	if (answer.transport != query->transport || answer.source_port != query->destination_port ||
	    answer.destination_port != query->source_port ||
	    memcmp(&outcome->octets[addresses], &packet->octets[addresses + address], address) != 0 ||
	    memcmp(&outcome->octets[addresses + address], &packet->octets[addresses], address) != 0 ||
	    (ifindex != LOOPBACK && (memcmp(outcome->octets, &packet->octets[6], 6) != 0 ||
				     memcmp(&outcome->octets[6], packet->octets, 6) != 0)))
		return "addresses or ports";
	return answer_fault(&packet->octets[message], query->end - message, &outcome->octets[message],
			    answer.end - message);
}

/* Once under a reason, or as what was done. */
static bool is_counted_right(enum expectation expected, int counter, int action)
{
	switch (expected) {
	case IS_NO_DNS:
		return counter == UNCOUNTED;
	case HAS_TO_PASS:
		return counter > SIEVE_REASON_NONE && counter < SIEVE_REASONS;
	default:
		return counter == action;
	}
}

/* Of those of our own one in four leaves by lo. */
static void check_query(size_t number, enum hook hook, const struct packet *packet)
{
	int ifindex = hook == HOOK_EGRESS && number % 4 == 3 ? LOOPBACK : tap_ifindex;
	static const char *const names[HOOKS] = { "egress", "cgroup", "gateway" };
	static __u64 moved[SIEVE_COUNTERS];
	static struct outcome outcome;
	enum sieve_family family = 0;
	enum expectation expected;
	const char *fault = NULL;
	struct datagram datagram;
	bool untouched;
	int action;

	if (!run_frame(hook, ifindex, packet, &outcome, moved)) {
		if (!is_too_short(packet))
			complain(&results.failed, number, names[hook], "the test run fails", strerror(-outcome.error),
				 packet);
		return;
	}
	expected = read_query(hook, packet, &datagram, &fault, &family);
	action = (hook == HOOK_CGROUP ? SIEVE_COUNTER_OBSERVED : SIEVE_COUNTER_ANSWERED) + (int)family;
	untouched = is_untouched(hook, packet, &outcome);
	if (expected != IS_USELESS && (!untouched || outcome.counter >= SIEVE_COUNTER_ANSWERED))
		complain(&results.touched, number, names[hook], "touched", fault ? fault : "no DNS", packet);
	else if (expected == IS_USELESS && outcome.counter != action)
		complain(&results.missed, number, names[hook], "missed", NULL, packet);
	else if (!is_counted_right(expected, outcome.counter, action))
		complain(&results.miscounted, number, names[hook], "not counted right", fault, packet);
	if (outcome.counter > 0 && outcome.counter < SIEVE_REASONS)
		results.reasons[outcome.counter]++;
	if (expected != IS_USELESS || outcome.counter != action)
		return;
	results.answered += hook != HOOK_CGROUP;
	results.observed += hook == HOOK_CGROUP;
	if (hook == HOOK_CGROUP)
		fault = untouched ? NULL : "changed";
	else
		fault = answer_packet_fault(ifindex, packet, &datagram, &outcome);
	if (fault)
		complain(&results.unsound, number, names[hook], "not what it has to be", fault, packet);
}

static bool has_no_route(const __u8 *address, size_t size, const void *context)
{
	(void)context;
	return !is_routed(address, size) && !is_needless(address, size);
}

static void take_message(const __u8 *octets, const struct datagram *datagram, struct message *ret)
{
	memset(ret, 0, sizeof(*ret));
	put_octets(ret, &octets[datagram->transport + UDP_SIZE], datagram->end - datagram->transport - UDP_SIZE);
}

/* What is wrong with a response that was changed. */
static const char *cut_fault(const struct packet *packet, const struct outcome *outcome, const __u64 *moved)
{
	static struct message before_message, after_message;
	static struct reading old, new;
	struct datagram before, after;
	const char *fault;

	if (outcome->verdict != TC_ACT_UNSPEC)
		return "a verdict";
	if (!find_datagram(packet->octets, packet->length, &before) || before.source_port != 53)
		return "it is no DNS";
	fault = datagram_fault(packet->octets, packet->length, &before);
	if (!fault)
		fault = packet_fault(packet, &before, outcome, &after);
	if (fault)
		return fault;
	if (after.transport != before.transport ||
	    memcmp(&packet->octets[before.transport], &outcome->octets[after.transport], 4) != 0)
		return "other headers";
	take_message(packet->octets, &before, &before_message);
	take_message(outcome->octets, &after, &after_message);
	fault = remains_fault(&before_message, &after_message, has_no_route, NULL, &old, &new);
	if (fault)
		return fault;
	if (moved[SIEVE_COUNTER_REMOVED] + moved[SIEVE_COUNTER_REMOVED + 1] != old.count - new.count)
		return "records are miscounted";
	results.removed += old.count - new.count;
	return NULL;
}

/* Which one; NONE where not exactly one was counted, or something that is not for responses. */
static enum sieve_response counted_response(const __u64 moved[SIEVE_COUNTERS])
{
	enum sieve_response response = SIEVE_RESPONSE_NONE;
	__u64 sum = 0, all = 0;

	for (int i = 1; i < SIEVE_RESPONSES; i++) {
		sum += moved[SIEVE_COUNTER_RESPONSE + i];
		if (moved[SIEVE_COUNTER_RESPONSE + i])
			response = (enum sieve_response)i;
	}
	for (int i = 0; i < SIEVE_COUNTERS; i++)
		all += moved[i];
	all -= moved[SIEVE_COUNTER_REMOVED] + moved[SIEVE_COUNTER_REMOVED + 1];
	return sum == 1 && all == 1 ? response : SIEVE_RESPONSE_NONE;
}

static bool is_from_server(const struct packet *packet)
{
	struct datagram datagram;

	return find_datagram(packet->octets, packet->length, &datagram) && datagram.protocol == IPPROTO_UDP &&
	       datagram.source_port == 53 &&
	       (packet->octets[0] & 1 || memcmp(packet->octets, usual_mac, ETH_ALEN) == 0);
}

static void check_response(size_t number, const struct packet *packet)
{
	static __u64 moved[SIEVE_COUNTERS];
	static struct outcome outcome;
	enum sieve_response response;
	bool untouched, was_cut;
	const char *fault;

	if (!run_frame(HOOK_RESULTS, tap_ifindex, packet, &outcome, moved)) {
		if (!is_too_short(packet))
			complain(&results.failed, number, "results", "the test run fails", strerror(-outcome.error),
				 packet);
		return;
	}
	response = counted_response(moved);
	was_cut = response == SIEVE_RESPONSE_filtered || response == SIEVE_RESPONSE_emptied;
	untouched = is_untouched(HOOK_EGRESS, packet, &outcome);
	if (response ? !is_from_server(packet) : outcome.counter != UNCOUNTED || is_from_server(packet))
		complain(&results.miscounted, number, "results", "not counted right", NULL, packet);
	else if (was_cut == untouched)
		complain(&results.changed, number, "results", was_cut ? "not cut" : "changed", NULL, packet);
	results.responses[response]++;
	if (!was_cut || untouched)
		return;
	results.cut++;
	fault = cut_fault(packet, &outcome, moved);
	if (fault)
		complain(&results.unsound, number, "results", "not cut right", fault, packet);
}

static void fuzz_queries(void)
{
	for (size_t number = first; number < first + packets; number++) {
		struct random random = { base + number * 2 };
		struct packet packet;

		random_query_packet(&random, &packet);
		mutate(&random, &packet);
		for (enum hook hook = 0; hook < HOOKS; hook++)
			check_query(number, hook, &packet);
	}
}

static void fuzz_responses(void)
{
	for (size_t number = first; number < first + (packets + 1) / 2; number++) {
		struct random random = { base + number * 2 + 1 };
		struct packet packet;

		random_response_packet(&random, from_server, &packet);
		mutate(&random, &packet);
		check_response(number, &packet);
	}
}

static void print_results(void)
{
	static const char *const reason_names[] = {
#define SIEVE_REASON(name, text) [SIEVE_REASON_##name] = #name,
#include <stubsieve/reasons.def>
#undef SIEVE_REASON
	};
	static const char *const response_names[] = {
		[SIEVE_RESPONSE_NONE] = "uncounted",
#define SIEVE_RESPONSE(name, text) [SIEVE_RESPONSE_##name] = #name,
#include <stubsieve/responses.def>
#undef SIEVE_RESPONSE
	};

	printf("SEED=%llu: %zu queries and %zu responses at random, %zu runs (%zu refused by the kernel)\n",
	       (unsigned long long)seed, packets, (packets + 1) / 2, results.runs, results.refused);
	printf("%zu answered, %zu observed, %zu responses cut, of %zu records\n", results.answered, results.observed,
	       results.cut, results.removed);
	printf("passed:");
	for (int i = 1; i < SIEVE_REASONS; i++)
		if (results.reasons[i])
			printf(" %s %zu", reason_names[i], results.reasons[i]);
	printf("\nresponses:");
	for (int i = 0; i < SIEVE_RESPONSES; i++)
		if (results.responses[i])
			printf(" %s %zu", response_names[i], results.responses[i]);
	printf("\n");
}

/* Queries as from any socket; responses as they come to the sockets of results.h. */
static int fuzz_all(void **state)
{
	struct sieve_policy policy = usual_policy();

	seed = number_from("SEED", (size_t)time(NULL));
	base = random_next(&(struct random){ seed });
	first = number_from("FIRST", 0);
	packets = number_from("PACKETS", PACKETS);
	if (make_host(state))
		return -1;
	unload_filter(&filter);
	load_filter(&filter, &policy);
	fuzz_queries();
	open_receivers(state);
	fuzz_responses();
	close_receivers(state);
	print_results();
	return 0;
}

static int unload(void **state)
{
	if (filter.skel)
		unload_filter(&filter);
	return leave_sandbox(state);
}

static void nothing_is_touched_that_an_independent_reading_does_not_call_eligible(void **state)
{
	(void)state;
	assert_int_equal(results.touched, 0);
	assert_int_equal(results.changed, 0);
	assert_int_equal(results.failed, 0);
}

static void no_query_is_missed_that_it_calls_eligible(void **state)
{
	(void)state;
	assert_int_equal(results.missed, 0);
}

static void what_is_dns_is_counted_once_by_a_known_reason_and_nothing_else_is(void **state)
{
	(void)state;
	assert_int_equal(results.miscounted, 0);
}

static void answers_and_what_is_left_of_responses_are_sound_to_the_last_checksum(void **state)
{
	(void)state;
	assert_int_equal(results.unsound, 0);
}

static void many_are_answered_and_cut_and_the_others_pass_for_many_reasons(void **state)
{
	size_t reasons = 0, responses = 0;

	(void)state;
	if (packets < PACKETS)
		skip();
	for (int i = 1; i < SIEVE_REASONS; i++)
		reasons += results.reasons[i] > 0;
	for (int i = 1; i < SIEVE_RESPONSES; i++)
		responses += results.responses[i] > 0;
	assert_in_range(results.answered, packets / 10, 2 * packets);
	assert_in_range(results.cut, packets / 20, packets);
	assert_in_range(reasons, 18, SIEVE_REASONS);
	assert_in_range(responses, 10, SIEVE_RESPONSES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_touched_that_an_independent_reading_does_not_call_eligible),
		cmocka_unit_test(no_query_is_missed_that_it_calls_eligible),
		cmocka_unit_test(what_is_dns_is_counted_once_by_a_known_reason_and_nothing_else_is),
		cmocka_unit_test(answers_and_what_is_left_of_responses_are_sound_to_the_last_checksum),
		cmocka_unit_test(many_are_answered_and_cut_and_the_others_pass_for_many_reasons),
	};

	return cmocka_run_group_tests(tests, fuzz_all, unload);
}
