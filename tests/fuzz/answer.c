/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The decision (bpf/decide.h) and the answer (bpf/answer.h). The input is a situation, SITUATION_SIZE octets, and a
 * message.
 */
#include "answer.h"
#include "decide.h"
#include "decoder.h"
#include "leaks.h"
#include "question.h"

struct situation {
	struct sieve_policy policy;
	struct sieve_netns netns;
	bool is_known;
	uint32_t facts;
};

static void take_situation(struct input *input, struct situation *ret)
{
	uint8_t policy = take_u8(input), state = take_u8(input);

	memset(ret, 0, sizeof(*ret));
	ret->policy.families = policy & 3;
	ret->policy.whole_host = policy >> 2 & 1;
	ret->policy.dnssec_answer = policy >> 3 & 1;
	ret->policy.extended_error = policy >> 4 & 1;
	ret->policy.filter_servers = policy >> 5 & 1;
	ret->is_known = policy >> 6 & 1;
	ret->netns.connectivity[SIEVE_IPV4] = state & 7;
	ret->netns.connectivity[SIEVE_IPV6] = state >> 3 & 7;
	ret->facts = take_u16(input);
}

/* All that DESIGN asks for, at once. */
static bool is_useless(const struct sieve_question *question, const struct situation *it)
{
	uint32_t doubts = SIEVE_FACT_EXEMPT_CGROUP | SIEVE_FACT_EXEMPT_NAME | SIEVE_FACT_ASKED | SIEVE_FACT_STALE |
			  SIEVE_FACT_RAMP | SIEVE_FACT_CHANGED | SIEVE_FACT_NAT;

	if (!it->policy.filter_servers)
		doubts |= SIEVE_FACT_SERVES_OTHERS;
	return (it->policy.whole_host || it->facts & SIEVE_FACT_SCOPE) && !(it->facts & doubts) && it->is_known &&
	       (!question->dnssec || it->policy.dnssec_answer) &&
	       it->policy.families & (question->family == SIEVE_IPV4 ? 1 : 2) &&
	       it->netns.connectivity[question->family] == SIEVE_USELESS;
}

static void check_decision(const struct sieve_question *question, const struct situation *it)
{
	enum sieve_reason reason = sieve_decide(question, &it->policy, it->is_known ? &it->netns : NULL, it->facts);

	must(reason < SIEVE_REASONS, "reason %u", reason);
	if (!reason)
		reason = sieve_confirm(&it->policy, it->facts);
	must(!reason == is_useless(question, it), "reason %u, facts %#x", reason, it->facts);
}

/* What the answer has to be, put together from the query's octets. */
struct wanted {
	uint8_t octets[SIEVE_MESSAGE_MAX];
	size_t length;
};

static void want(struct wanted *wanted, const void *octets, size_t length)
{
	memcpy(&wanted->octets[wanted->length], octets, length);
	wanted->length += length;
}

static void make_wanted(const uint8_t *query, const struct sieve_question *question, bool extended_error,
			struct wanted *ret)
{
	const uint8_t header[] = { query[0], query[1], 0x81, (uint8_t)(0x80 | (query[3] & 0x10)), 0, 1, 0, 0, 0, 0, 0,
				   question->edns };
	const uint8_t opt[] = { 0, 0, 41, 1232 >> 8, 1232 & 0xff, 0, 0, (uint8_t)(question->dnssec << 7), 0, 0,
				(uint8_t)(question->cookie_length + (extended_error ? 19 : 0)) };
	const char *error =
		question->family == SIEVE_IPV4 ? "\0\17\0\17\0\21no IPv4 route" : "\0\17\0\17\0\21no IPv6 route";

	ret->length = 0;
	want(ret, header, sizeof(header));
	want(ret, &query[sizeof(header)], question->end - sizeof(header));
	if (!question->edns)
		return;
	want(ret, opt, sizeof(opt));
	want(ret, &query[question->cookie], question->cookie_length);
	if (extended_error)
		want(ret, error, 19);
}

/* ldns reads it as what RFC 2308 calls NODATA, type 3, to this very query. */
static void check_with_ldns(const uint8_t *query, size_t length, const struct sieve_work *work,
			    const struct situation *it)
{
	const char *fault;
	struct decoded answer;

	must(decode(work->message, work->length, &answer), "ldns cannot read the answer");
	must(ldns_pkt_qr(answer.pkt) && ldns_pkt_get_rcode(answer.pkt) == LDNS_RCODE_NOERROR, "no answer");
	must(ldns_pkt_qdcount(answer.pkt) == 1 && !ldns_pkt_ancount(answer.pkt) && !ldns_pkt_nscount(answer.pkt) &&
	     answer.arcount == work->question.edns, "records");
	must(answer.end == work->length, "octets behind");
	free_decoded(&answer);
	if (!it->policy.extended_error || work->question.dnssec)
		return; /* the other reader asks for the one and for no DO */
	fault = answer_fault(query, length, work->message, work->length);
	must(!fault || strcmp(fault, "no DNS message") == 0, "%s", fault); /* of the query: see differential.c */
}

static void check_answer(const uint8_t *query, size_t length, struct sieve_work *work, const struct situation *it)
{
	static struct wanted wanted;

	make_wanted(query, &work->question, it->policy.extended_error, &wanted);
	must(sieve_answer(work, &it->policy) == work->length, "two lengths");
	must(work->length <= SIEVE_ANSWER_MAX, "%u octets", work->length);
	must(work->length == wanted.length && memcmp(work->message, wanted.octets, wanted.length) == 0,
	     "another answer");
	must(memcmp(&work->message[work->length], "\0\0\0", 4) == 0, "no zeros behind the answer");
	check_with_ldns(query, length, work, it);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sieve_work work;
	struct input input = { data, size };
	struct situation it;

	take_situation(&input, &it);
	if (input.size > SIEVE_MESSAGE_MAX)
		return -1;
	if (parse_query(input.data, input.size, 0xa5, &work) != SIEVE_REASON_NONE)
		return 0;
	check_decision(&work.question, &it);
	check_answer(input.data, input.size, &work, &it);
	return 0;
}
