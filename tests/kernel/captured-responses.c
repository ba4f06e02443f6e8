/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Real responses, of the captures of tools/captures.sh: every whole UDP datagram from the DNS port goes through all
 * programs. Those of queries leave it alone. The one of responses gets it as sent to a socket of this host, first
 * with no route to any IPv4 address, then with none to any IPv6 address: as ldns reads what comes out, exactly the
 * records of that family are gone from the answer section.
 */
#include "harness.h"
#include "replay.h"
#include "decoder.h"

#define RECEIVER_PORT 40000

static const __u8 receiver4[4] = { 192, 0, 2, 10 };
static const __u8 receiver6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x10 };
static const char *const response_names[SIEVE_RESPONSES] = {
	[SIEVE_RESPONSE_NONE] = "nothing is counted",
#define SIEVE_RESPONSE(name, text) [SIEVE_RESPONSE_##name] = #name,
#include <stubsieve/responses.def>
#undef SIEVE_RESPONSE
};

/* A response in a frame; `decoded.pkt` is NULL where ldns cannot read it. */
struct response {
	const struct frame *frame;
	size_t message, length; /* offset and octets of the DNS message */
	struct decoded decoded;
	unsigned int addresses[SIEVE_FAMILIES]; /* A and AAAA records in the answer section */
	unsigned int signatures;                /* RRSIG there */
};

/* A program of queries, and what must come out of it. The check says what is wrong, or NULL. */
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
	unsigned int cut[SIEVE_FAMILIES], emptied, spared[SIEVE_RESPONSES], missed, touched, miscut;
} results;
static int receivers[2] = { -1, -1 }; /* sockets to which the responses are sent */

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

/* Where it is sent to: a socket of this host, which need not have the address. */
static int open_receiver(int family)
{
	struct sockaddr_in address4 = { .sin_family = AF_INET, .sin_port = htons(RECEIVER_PORT) };
	struct sockaddr_in6 address6 = { .sin6_family = AF_INET6, .sin6_port = htons(RECEIVER_PORT) };
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;

	assert_true(fd >= 0);
	memcpy(&address4.sin_addr, receiver4, sizeof(receiver4));
	memcpy(&address6.sin6_addr, receiver6, sizeof(receiver6));
	if (family == AF_INET) {
		assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one)), 0);
		assert_int_equal(bind(fd, (struct sockaddr *)&address4, sizeof(address4)), 0);
	} else {
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof(one)), 0);
		assert_int_equal(bind(fd, (struct sockaddr *)&address6, sizeof(address6)), 0);
	}
	return fd;
}

static bool is_ipv6(const struct frame *frame)
{
	return octets_u16(&frame->octets[12]) == ETH_P_IPV6;
}

/* The sum over the UDP datagram and its pseudo-header: 0 if the checksum is right. */
static __u16 udp_sum(const struct frame *frame, const struct datagram *datagram)
{
	size_t length = datagram->end - datagram->transport;
	const __u8 *addresses = &frame->octets[datagram->network + (is_ipv6(frame) ? 8 : 12)];
	__u32 sum = sum_octets(addresses, is_ipv6(frame) ? 32 : 8, IPPROTO_UDP + (__u32)length);

	return fold_sum(sum_octets(&frame->octets[datagram->transport], length, sum));
}

/* As sent to the receiver, with right checksums: what was captured may have had none yet. */
static void redirect(struct frame *frame, const struct datagram *datagram)
{
	__u8 *network = &frame->octets[datagram->network], *udp = &frame->octets[datagram->transport];
	__u16 sum;

	memcpy(is_ipv6(frame) ? &network[24] : &network[16], is_ipv6(frame) ? receiver6 : receiver4,
	       is_ipv6(frame) ? sizeof(receiver6) : sizeof(receiver4));
	udp[2] = RECEIVER_PORT >> 8;
	udp[3] = RECEIVER_PORT & 0xff;
	memset(&udp[6], 0, 2);
	sum = udp_sum(frame, datagram);
	udp[6] = (__u8)(sum >> 8);
	udp[7] = (__u8)sum;
	if (is_ipv6(frame))
		return;
	memset(&network[10], 0, 2);
	sum = fold_sum(sum_octets(network, datagram->transport - datagram->network, 0));
	network[10] = (__u8)(sum >> 8);
	network[11] = (__u8)sum;
}

static bool has_signature(const ldns_rr_list *records)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(records); i++) {
		ldns_rr_type type = ldns_rr_get_type(ldns_rr_list_rr(records, i));

		if (type == LDNS_RR_TYPE_RRSIG || type == LDNS_RR_TYPE_SIG || type == LDNS_RR_TYPE_TSIG)
			return true;
	}
	return false;
}

/* DESIGN section 6: whole, unsigned, and with an address of that family among the answers. */
static bool is_to_be_cut(const struct response *response, enum sieve_family family)
{
	const ldns_pkt *pkt = response->decoded.pkt;

	if (!pkt || !ldns_pkt_qr(pkt) || ldns_pkt_get_opcode(pkt) != LDNS_PACKET_QUERY || ldns_pkt_tc(pkt))
		return false;
	if (ldns_pkt_qdcount(pkt) != 1 || ldns_pkt_ad(pkt) || ldns_pkt_edns_do(pkt) || ldns_pkt_tsig(pkt))
		return false;
	if (has_signature(ldns_pkt_answer(pkt)) || has_signature(ldns_pkt_authority(pkt)) ||
	    has_signature(ldns_pkt_additional(pkt)) || name_fault(ldns_rr_owner(response->decoded.question)))
		return false;
	return response->addresses[family] > 0;
}

/* The same records in the same order, but for those of the type; 0: no type. */
static bool are_same(const ldns_rr_list *before, const ldns_rr_list *after, ldns_rr_type without)
{
	size_t at = 0, count = ldns_rr_list_rr_count(after);

	for (size_t i = 0; i < ldns_rr_list_rr_count(before); i++) {
		const ldns_rr *record = ldns_rr_list_rr(before, i);

		if (without && ldns_rr_get_type(record) == without)
			continue;
		if (at >= count || ldns_rr_compare(record, ldns_rr_list_rr(after, at)) != 0 ||
		    ldns_rr_ttl(record) != ldns_rr_ttl(ldns_rr_list_rr(after, at)))
			return false;
		at++;
	}
	return at == count;
}

static const char *cut_fault(const struct response *response, const struct frame *after, enum sieve_family family)
{
	ldns_rr_type type = family == SIEVE_IPV4 ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA;
	const ldns_pkt *before = response->decoded.pkt;
	const __u8 *message = &after->octets[response->message];
	const char *fault = NULL;
	struct datagram datagram;
	struct decoded decoded;

	if (!find_datagram(after->octets, after->length, &datagram) ||
	    datagram_fault(after->octets, after->length, &datagram))
		return "no whole datagram";
	if (datagram.end != after->length || udp_sum(after, &datagram) != 0)
		return "length or checksum";
	if (!decode(message, datagram.end - response->message, &decoded))
		fault = "no DNS message";
	else if (memcmp(message, &response->frame->octets[response->message], 6) != 0 ||
		 decoded.question_end != response->decoded.question_end)
		fault = "another header or question";
	else if (!are_same(ldns_pkt_answer(before), ldns_pkt_answer(decoded.pkt), type))
		fault = "other answers";
	else if (!are_same(ldns_pkt_authority(before), ldns_pkt_authority(decoded.pkt), 0) ||
		 !are_same(ldns_pkt_additional(before), ldns_pkt_additional(decoded.pkt), 0))
		fault = "other records behind the answers";
	results.emptied += !fault && ldns_pkt_ancount(decoded.pkt) == 0;
	free_decoded(&decoded);
	return fault;
}

static void uncover(enum sieve_family family)
{
	for (int other = 0; other < SIEVE_FAMILIES; other++)
		filter.state.coverage[other] = other == (int)family ? SIEVE_COVERAGE_LISTED : SIEVE_COVERAGE_ALL;
	memcpy(filter.state.coverage_generation, filter.state.generation, sizeof(filter.state.generation));
	publish(&filter, &filter.state);
}

static enum sieve_response counted_response(const __u64 before[SIEVE_COUNTERS], const __u64 after[SIEVE_COUNTERS])
{
	for (int response = 1; response < SIEVE_RESPONSES; response++)
		if (after[SIEVE_COUNTER_RESPONSE + response] != before[SIEVE_COUNTER_RESPONSE + response])
			return (enum sieve_response)response;
	return SIEVE_RESPONSE_NONE;
}

/* Two reasons of the program's own: it gives up where pointers could be left dangling, or where there is too much. */
static bool may_be_spared(enum sieve_response response)
{
	return response == SIEVE_RESPONSE_compression || response == SIEVE_RESPONSE_records;
}

static void replay_results(const struct response *response, enum sieve_family family)
{
	__u64 before[SIEVE_COUNTERS], after[SIEVE_COUNTERS];
	bool wanted = is_to_be_cut(response, family), touched;
	struct frame cut = { .file = response->frame->file, .number = response->frame->number };
	enum sieve_response counted;
	const char *fault;
	struct run run;

	uncover(family);
	read_counters(&filter, before);
	run_frame(bpf_program__fd(filter.skel->progs.sieve_results), response->frame, &run);
	read_counters(&filter, after);
	counted = counted_response(before, after);
	touched = !is_untouched(response->frame, HOOK_EGRESS, &run);
	if (run.error) {
		disagree(&results.failed, response->frame, "results", "the test run fails", strerror(-run.error));
	} else if (touched && !wanted) {
		disagree(&results.touched, response->frame, "results", "touched", NULL);
	} else if (!touched && wanted && may_be_spared(counted)) {
		results.spared[counted]++;
	} else if (!touched && wanted) {
		disagree(&results.missed, response->frame, "results", "missed", response_names[counted]);
	} else if (touched && run.length <= sizeof(cut.octets)) {
		put_frame(&cut, run.octets, run.length);
		fault = run.verdict == TC_ACT_UNSPEC ? cut_fault(response, &cut, family) : "a verdict";
		results.cut[family]++;
		if (fault)
			disagree(&results.miscut, response->frame, "results", "not cut right", fault);
	}
}

static void visit(const struct frame *frame, void *data)
{
	struct frame redirected = *frame;
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
	redirect(&redirected, &datagram);
	redirected.length = datagram.end;
	response.frame = &redirected;
	for (enum sieve_family family = 0; family < SIEVE_FAMILIES; family++)
		replay_results(&response, family);
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
	receivers[0] = open_receiver(AF_INET);
	receivers[1] = open_receiver(AF_INET6);
	visit_captures(CAPTURES, &sums, visit, NULL);
	printf("%u responses, %u of them with EDNS, %u truncated; %u more that ldns cannot read\n", results.responses,
	       results.with_edns, results.truncated, results.unreadable);
	printf("%u have addresses: %u of A (%u records), %u of AAAA (%u), %u of both; %u behind a CNAME, %u signed\n",
	       results.with_addresses, results.with_family[SIEVE_IPV4], results.records[SIEVE_IPV4],
	       results.with_family[SIEVE_IPV6], results.records[SIEVE_IPV6], results.with_both, results.aliased,
	       results.signed_ones);
	printf("without routes: A taken out of %u, AAAA of %u, %u have no answer left; %u spared for compression, %u for"
	       " their records\n", results.cut[SIEVE_IPV4], results.cut[SIEVE_IPV6], results.emptied,
	       results.spared[SIEVE_RESPONSE_compression], results.spared[SIEVE_RESPONSE_records]);
	return 0;
}

static int unload(void **state)
{
	(void)state;
	if (filter.skel)
		unload_filter(&filter);
	for (size_t i = 0; i < ARRAY_SIZE(receivers); i++)
		if (receivers[i] >= 0)
			close(receivers[i]);
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

static void the_programs_of_queries_leave_them_alone(void **state)
{
	(void)state;
	need_captures();
	assert_int_equal(results.wrong, 0);
}

static void addresses_without_a_route_are_taken_out_and_nothing_else_is(void **state)
{
	(void)state;
	need_captures();
	assert_int_equal(results.touched, 0);
	assert_int_equal(results.missed, 0);
	assert_int_equal(results.miscut, 0);
	assert_in_range(results.cut[SIEVE_IPV4], 200, UINT32_MAX);
	assert_in_range(results.cut[SIEVE_IPV6], 5, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_are_responses_with_addresses_of_both_families),
		cmocka_unit_test(the_programs_of_queries_leave_them_alone),
		cmocka_unit_test(addresses_without_a_route_are_taken_out_and_nothing_else_is),
	};

	return cmocka_run_group_tests(tests, replay_all, unload);
}
