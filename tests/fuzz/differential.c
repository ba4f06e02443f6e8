/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The question parser against ldns, which shares nothing with it: a message may be answered if and only if
 * tests/decoder.h, which says so in terms of ldns, agrees. The input is a message.
 */
#include "decoder.h"
#include "leaks.h"
#include "question.h"
#include "suffix.h"

/* The map `names` of bpf/facts.h, in the naive way. */
static bool is_listed(uint64_t key)
{
	static uint64_t keys[ARRAY_SIZE(exempt_names)];

	for (size_t i = 0; i < ARRAY_SIZE(exempt_names); i++) {
		if (!keys[i]) {
			struct message_plan plan = { .qname = exempt_names[i] };
			static struct sieve_work work;
			struct message message;

			make_message(&plan, &message);
			must(parse_query(message.octets, message.length, 0, &work) == SIEVE_REASON_NONE, "no name");
			keys[i] = sieve_suffix_hash(&work);
		}
		if (keys[i] == key)
			return true;
	}
	return false;
}

static bool is_exempt(const struct sieve_work *work)
{
	uint64_t key = 0;

	for (uint32_t label = work->question.labels; label > 0; label--) {
		key = sieve_hash(key, work->label_hash[label]);
		if (is_listed(key))
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sieve_work work;
	enum sieve_family family = SIEVE_FAMILIES;
	enum sieve_reason reason;
	const char *fault;

	if (size > SIEVE_MESSAGE_MAX)
		return -1;
	reason = parse_query(data, size, 0xa5, &work);
	if (!reason && work.question.dnssec)
		reason = SIEVE_REASON_dnssec;
	if (!reason && is_exempt(&work))
		reason = SIEVE_REASON_exempt_name;
	fault = query_fault(data, size, &family);
	must(!reason == !fault, "reason %u, ldns: %s", reason, fault ? fault : "may be answered");
	must(fault || family == work.question.family, "another family");
	return 0;
}
