/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Real responses, of the captures of tools/captures.sh: every whole UDP datagram from the DNS port goes through
 * each of the programs below, and what came out is judged by the program's check.
 */
#include "harness.h"
#include "replay.h"
#include "decoder.h"

/* A response in a frame; `decoded.pkt` is NULL where ldns cannot read it. */
struct response {
	const struct frame *frame;
	size_t message, length; /* offset and octets of the DNS message */
	struct decoded decoded;
	unsigned int addresses[SIEVE_FAMILIES]; /* A and AAAA records in the answer section */
	unsigned int signatures;                /* RRSIG there */
};

/* A program, and what must come out of it. The check says what is wrong, or NULL. */
struct subject {
	const char *name;
	enum hook hook;
	const char *(*check)(const struct response *response, const struct run *run);
};

static struct filter filter;
static struct capture_sums sums;
static struct {
	unsigned int responses, with_addresses, with_family[SIEVE_FAMILIES], with_both, records[SIEVE_FAMILIES];
	unsigned int aliased, signed_ones, truncated, with_edns, unreadable, failed, wrong;
} results;

static const char *leaves_responses_alone(const struct response *response, const struct run *run)
{
	return is_untouched(response->frame, HOOK_EGRESS, run) ? NULL : "touched";
}

static const char *leaves_responses_alone_at_the_cgroup(const struct response *response, const struct run *run)
{
	return is_untouched(response->frame, HOOK_CGROUP, run) ? NULL : "touched";
}

static const struct subject subjects[] = {
	{ "egress", HOOK_EGRESS, leaves_responses_alone },
	{ "gateway", HOOK_GATEWAY, leaves_responses_alone },
	{ "cgroup", HOOK_CGROUP, leaves_responses_alone_at_the_cgroup },
};

static unsigned int count_records(const struct response *response, ldns_rr_type type)
{
	const ldns_rr_list *answers = ldns_pkt_answer(response->decoded.pkt);
	unsigned int count = 0;

	for (size_t i = 0; i < ldns_rr_list_rr_count(answers); i++)
		count += ldns_rr_get_type(ldns_rr_list_rr(answers, i)) == type;
	return count;
}

static void add_up(struct response *response)
{
	const ldns_pkt *pkt = response->decoded.pkt;

	response->addresses[SIEVE_IPV4] = count_records(response, LDNS_RR_TYPE_A);
	response->addresses[SIEVE_IPV6] = count_records(response, LDNS_RR_TYPE_AAAA);
	response->signatures = count_records(response, LDNS_RR_TYPE_RRSIG);
	results.responses++;
	results.truncated += ldns_pkt_tc(pkt);
	results.with_edns += ldns_pkt_edns(pkt);
	if (!response->addresses[SIEVE_IPV4] && !response->addresses[SIEVE_IPV6])
		return;
	results.with_addresses++;
	results.with_both += response->addresses[SIEVE_IPV4] && response->addresses[SIEVE_IPV6];
	results.aliased += count_records(response, LDNS_RR_TYPE_CNAME) > 0;
	results.signed_ones += response->signatures || ldns_pkt_ad(pkt) || ldns_pkt_edns_do(pkt);
	for (int family = 0; family < SIEVE_FAMILIES; family++) {
		results.with_family[family] += response->addresses[family] > 0;
		results.records[family] += response->addresses[family];
	}
}

static void replay_response(const struct response *response)
{
	struct run run;

	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++) {
		const char *wrong;

		run_frame(hook_fd(&filter, subjects[i].hook), response->frame, &run);
		wrong = run.error ? NULL : subjects[i].check(response, &run);
		if (run.error)
			disagree(&results.failed, response->frame, subjects[i].name, "the test run fails",
				 strerror(-run.error));
		else if (wrong)
			disagree(&results.wrong, response->frame, subjects[i].name, wrong, NULL);
	}
}

static void visit(const struct frame *frame, void *data)
{
	struct response response = { .frame = frame };
	struct datagram datagram;

	(void)data;
	if (!find_datagram(frame->octets, frame->length, &datagram) || datagram.source_port != DNS_PORT)
		return;
	if (datagram_fault(frame->octets, frame->length, &datagram))
		return;
	response.message = datagram.transport + UDP_SIZE;
	response.length = datagram.end - response.message;
	if (!decode(&frame->octets[response.message], response.length, &response.decoded))
		results.unreadable++;
	else if (ldns_pkt_qr(response.decoded.pkt))
		add_up(&response);
	replay_response(&response);
	free_decoded(&response.decoded);
	if (results.responses % 100 == 0)
		stamp_heartbeat(&filter, monotonic_ns());
}

static int replay_all(void **state)
{
	const struct sieve_policy policy = usual_policy();

	if (!find_captures())
		return 0;
	if (enter_namespace(state))
		return -1;
	load_filter(&filter, &policy);
	visit_captures(CAPTURES, &sums, visit, NULL);
	printf("%u responses, %u of them with EDNS, %u truncated; %u more that ldns cannot read\n", results.responses,
	       results.with_edns, results.truncated, results.unreadable);
	printf("%u have addresses: %u of A (%u records), %u of AAAA (%u), %u of both; %u behind a CNAME, %u signed\n",
	       results.with_addresses, results.with_family[SIEVE_IPV4], results.records[SIEVE_IPV4],
	       results.with_family[SIEVE_IPV6], results.records[SIEVE_IPV6], results.with_both, results.aliased,
	       results.signed_ones);
	return 0;
}

static int unload(void **state)
{
	(void)state;
	if (filter.skel)
		unload_filter(&filter);
	return 0;
}

static void there_are_responses_with_addresses_of_both_families(void **state)
{
	(void)state;
	need_captures();
	assert_in_range(results.with_family[SIEVE_IPV4], 200, UINT32_MAX);
	assert_in_range(results.with_family[SIEVE_IPV6], 10, UINT32_MAX);
	assert_int_equal(results.failed, 0);
}

static void each_program_does_with_them_what_it_has_to(void **state)
{
	(void)state;
	need_captures();
	assert_int_equal(results.wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_are_responses_with_addresses_of_both_families),
		cmocka_unit_test(each_program_does_with_them_what_it_has_to),
	};

	return cmocka_run_group_tests(tests, replay_all, unload);
}
