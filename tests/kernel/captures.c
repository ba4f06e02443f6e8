/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Real traffic: the frames of capture files from distributions' source packages (tools/captures.sh) go through
 * every program, as queries of our own and as those of others, with AAAA useless, and with A. Which frames must
 * be touched says an independent reading of them: datagram.h, and ldns in decoder.h. Both sets are the same: none
 * is touched that may not be, none is missed. What passes stays as it was; an answer is what DESIGN section 5 says.
 */
#include "harness.h"
#include "replay.h"
#include "decoder.h"

static const char *const family_names[SIEVE_FAMILIES] = { "A", "AAAA" };
static const char *const reason_names[SIEVE_REASONS] = {
#define SIEVE_REASON(name, text) [SIEVE_REASON_##name] = #name,
#include <stubsieve/reasons.def>
#undef SIEVE_REASON
};

/* What the independent reading says of a frame. */
struct reading {
	bool is_dns;       /* UDP, or the start of a TCP connection, to the DNS port */
	const char *fault; /* NULL: it may be answered */
	enum sieve_family family;
	size_t message, message_length;
};

static struct filter filter;
static struct capture_sums sums;
static struct {
	unsigned int dns, eligible[SIEVE_FAMILIES];
	unsigned int runs, answers, touched, missed, changed, unsound, miscounted, failed;
	unsigned int counters[HOOKS][SIEVE_FAMILIES][SIEVE_COUNTERS]; /* by the family that is useless */
} results;

/* Our own packets have no padding: there the frame ends with the datagram. */
static void cut_padding(struct frame *frame)
{
	struct datagram datagram;

	if (find_datagram(frame->octets, frame->length, &datagram) && datagram.end < frame->length &&
	    datagram.end >= datagram.transport + UDP_SIZE)
		frame->length = datagram.end;
}

/*
 * What only the packet's surroundings tell is not in a capture, and not in a test run: its route (a subnet's
 * broadcast address), its socket, NAT. An answer to a datagram of IPv6 without checksum would have none either.
 */
static const char *frame_fault(const struct frame *frame, enum hook hook, const struct datagram *datagram)
{
	if (hook == HOOK_GATEWAY && frame->octets[0] & 1)
		return "a frame for a group";
	if (hook != HOOK_CGROUP && octets_u16(&frame->octets[12]) == ETH_P_IPV6 &&
	    octets_u16(&frame->octets[datagram->transport + 6]) == 0)
		return "IPv6 without UDP checksum";
	return NULL;
}

static void read_frame(const struct frame *frame, enum hook hook, struct reading *ret)
{
	struct datagram datagram;

	memset(ret, 0, sizeof(*ret));
	if (!find_datagram(frame->octets, frame->length, &datagram) || datagram.destination_port != DNS_PORT)
		return;
	if (datagram.protocol == IPPROTO_TCP && !is_connection_attempt(frame->octets, &datagram))
		return;
	ret->is_dns = true;
	ret->fault = datagram_fault(frame->octets, frame->length, &datagram);
	if (!ret->fault)
		ret->fault = frame_fault(frame, hook, &datagram);
	if (ret->fault)
		return;
	ret->message = datagram.transport + UDP_SIZE;
	ret->message_length = datagram.end - ret->message;
	ret->fault = query_fault(&frame->octets[ret->message], ret->message_length, &ret->family);
}

/* The answer is a whole datagram, for which the same reading holds but for its direction. */
static const char *answer_packet_fault(const struct frame *frame, const struct reading *query, const struct run *run)
{
	struct datagram datagram;
	const char *fault;

	if (run->verdict != TC_ACT_REDIRECT)
		return "not sent back";
	if (!find_datagram(run->octets, run->length, &datagram) || datagram.source_port != DNS_PORT)
		return "no datagram from the DNS port";
	fault = datagram_fault(run->octets, run->length, &datagram);
	if (fault || datagram.end != run->length)
		return fault ? fault : "padding";
	return answer_fault(&frame->octets[query->message], query->message_length,
			    &run->octets[datagram.transport + UDP_SIZE], datagram.end - datagram.transport - UDP_SIZE);
}

/* Frames that are no DNS: nothing is counted, which is looked at when all are through. */
static void replay_other(const struct frame *frame, enum hook hook)
{
	struct run run;

	run_frame(hook_fd(&filter, hook), frame, &run);
	results.runs++;
	if (run.error)
		disagree(&results.failed, frame, hook_names[hook], "the test run fails", strerror(-run.error));
	else if (!is_untouched(frame, hook, &run))
		disagree(&results.touched, frame, hook_names[hook], "touched, but it is no DNS query", NULL);
}

static const char *counter_name(int counter)
{
	return counter < SIEVE_REASONS ? reason_names[counter] : "the other family";
}

static void compare(const struct frame *frame, enum hook hook, enum sieve_family useless, const struct reading *reading,
		    const struct run *run)
{
	bool wanted = !reading->fault && reading->family == useless;
	int action = (hook == HOOK_CGROUP ? SIEVE_COUNTER_OBSERVED : SIEVE_COUNTER_ANSWERED) + (int)useless;
	const char *fault;

	if (run->counter < 0) {
		disagree(&results.miscounted, frame, hook_names[hook], "not counted, or more than once", NULL);
		return;
	}
	results.counters[hook][useless][run->counter]++;
	if (wanted != (run->counter == action)) {
		if (wanted)
			disagree(&results.missed, frame, hook_names[hook], "missed", counter_name(run->counter));
		else
			disagree(&results.touched, frame, hook_names[hook], "touched",
				 reading->fault ? reading->fault : "of use");
		return;
	}
	if (wanted && hook != HOOK_CGROUP) {
		results.answers++;
		fault = answer_packet_fault(frame, reading, run);
		if (fault)
			disagree(&results.unsound, frame, hook_names[hook], "the answer is not right", fault);
	} else if (!is_untouched(frame, hook, run)) {
		disagree(&results.changed, frame, hook_names[hook], "passes, but not as it was", NULL);
	}
}

static void make_useless(enum sieve_family useless)
{
	for (int family = 0; family < SIEVE_FAMILIES; family++)
		filter.state.connectivity[family] = family == (int)useless ? SIEVE_USELESS : SIEVE_CONNECTED;
	publish(&filter, &filter.state);
}

static void replay_dns(const struct frame *frame, enum hook hook, const struct reading *reading)
{
	__u64 before[SIEVE_COUNTERS], after[SIEVE_COUNTERS];
	struct run run;

	for (enum sieve_family useless = 0; useless < SIEVE_FAMILIES; useless++) {
		make_useless(useless);
		read_counters(&filter, before);
		run_frame(hook_fd(&filter, hook), frame, &run);
		results.runs++;
		read_counters(&filter, after);
		run.counter = counter_that_moved(before, after);
		if (run.error)
			disagree(&results.failed, frame, hook_names[hook], "the test run fails", strerror(-run.error));
		else
			compare(frame, hook, useless, reading, &run);
	}
}

static void replay(const struct frame *captured, void *data)
{
	struct frame ours = *captured;

	(void)data;
	cut_padding(&ours);
	for (enum hook hook = 0; hook < HOOKS; hook++) {
		const struct frame *frame = hook == HOOK_GATEWAY ? captured : &ours;
		struct reading reading;

		read_frame(frame, hook, &reading);
		if (hook == HOOK_EGRESS) {
			results.dns += reading.is_dns;
			if (reading.is_dns && !reading.fault)
				results.eligible[reading.family]++;
		}
		if (reading.is_dns)
			replay_dns(frame, hook, &reading);
		else
			replay_other(frame, hook);
	}
	if (captured->number == 1)
		stamp_heartbeat(&filter, monotonic_ns());
}

static void print_results(void)
{
	print_capture_sums(&sums);
	printf("%u packets to the DNS port; %u A and %u AAAA queries that may be answered; %u runs, %u answers\n",
	       results.dns, results.eligible[SIEVE_IPV4], results.eligible[SIEVE_IPV6], results.runs, results.answers);
	for (int hook = 0; hook < HOOKS; hook++)
		for (int useless = 0; useless < SIEVE_FAMILIES; useless++) {
			const unsigned int *counters = results.counters[hook][useless];

			printf("%s, %s is useless: %u touched", hook_names[hook], family_names[useless],
			       counters[SIEVE_COUNTER_ANSWERED + useless] + counters[SIEVE_COUNTER_OBSERVED + useless]);
			for (int reason = 1; reason < SIEVE_REASONS; reason++)
				if (counters[reason])
					printf(", %s %u", reason_names[reason], counters[reason]);
			printf("\n");
		}
}

static int replay_all(void **state)
{
	const struct sieve_policy policy = usual_policy();

	if (!find_captures())
		return 0;
	if (enter_namespace(state))
		return -1;
	load_filter(&filter, &policy);
	visit_captures(CAPTURES, &sums, replay, NULL);
	print_results();
	return 0;
}

static int unload(void **state)
{
	(void)state;
	if (filter.skel)
		unload_filter(&filter);
	return 0;
}

static void there_are_captures_with_queries_of_both_families(void **state)
{
	(void)state;
	need_captures();
	assert_in_range(sums.files, 500, UINT32_MAX);
	assert_in_range(results.eligible[SIEVE_IPV4], 300, UINT32_MAX);
	assert_in_range(results.eligible[SIEVE_IPV6], 100, UINT32_MAX);
	assert_int_equal(results.failed, 0);
}

static void no_frame_is_touched_that_an_independent_decoder_does_not_call_eligible(void **state)
{
	(void)state;
	need_captures();
	assert_int_equal(results.touched, 0);
}

static void no_query_is_missed_that_it_calls_eligible(void **state)
{
	(void)state;
	need_captures();
	assert_int_equal(results.missed, 0);
}

static void what_passes_is_as_it_was(void **state)
{
	(void)state;
	need_captures();
	assert_int_equal(results.changed, 0);
}

static void the_answers_are_sound(void **state)
{
	(void)state;
	need_captures();
	assert_int_equal(results.unsound, 0);
	assert_int_equal(results.answers, 2 * (results.eligible[SIEVE_IPV4] + results.eligible[SIEVE_IPV6]));
}

static void what_is_dns_is_counted_once_and_nothing_else_is(void **state)
{
	(void)state;
	need_captures();
	assert_int_equal(results.miscounted, 0);
	assert_int_equal(sum_counters(&filter), (__u64)results.dns * HOOKS * SIEVE_FAMILIES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_are_captures_with_queries_of_both_families),
		cmocka_unit_test(no_frame_is_touched_that_an_independent_decoder_does_not_call_eligible),
		cmocka_unit_test(no_query_is_missed_that_it_calls_eligible),
		cmocka_unit_test(what_passes_is_as_it_was),
		cmocka_unit_test(the_answers_are_sound),
		cmocka_unit_test(what_is_dns_is_counted_once_and_nothing_else_is),
	};

	return cmocka_run_group_tests(tests, replay_all, unload);
}
