/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The question parser (bpf/dns.h). The input is a message. */
#include "question.h"

static unsigned int u16_of(const uint8_t *octets)
{
	return octets[0] * 256U + octets[1];
}

/* What is behind the message is a query that came earlier. */
static void check_what_is_behind(const uint8_t *message, size_t length, enum sieve_reason reason,
				 const struct sieve_work *work)
{
	static const int stale[] = { 0, 0x3f, 0xff };
	static struct sieve_work other;

	for (size_t i = 0; i < sizeof(stale) / sizeof(stale[0]); i++) {
		must(parse_query(message, length, stale[i], &other) == reason, "what is behind the message matters");
		if (reason)
			continue;
		memcpy(other.question.reserved, work->question.reserved, sizeof(other.question.reserved));
		must(memcmp(&other.question, &work->question, sizeof(other.question)) == 0,
		     "what is behind the message is in the question");
		must(memcmp(&other.label_hash[1], &work->label_hash[1], work->question.labels * sizeof(uint64_t)) == 0,
		     "what is behind the message is in the name");
	}
	must(memcmp(work->message, message, length) == 0, "the message was changed");
}

static void check_name(const uint8_t *message, size_t length, const struct sieve_work *work)
{
	struct naive_name name;

	must(read_naive_name(message, length, SIEVE_HEADER_SIZE, &name), "QNAME is no name");
	must(work->question.end == name.end + 4 && work->question.end <= length, "the question ends elsewhere");
	must(work->question.labels == name.count, "%u labels, not %zu", work->question.labels, name.count);
	for (size_t i = 0; i < name.count; i++)
		must(work->label_hash[i + 1] == naive_label_hash(name.labels[i]), "the hash of label %zu", i + 1);
}

static void check_type(const uint8_t *message, const struct sieve_work *work)
{
	const uint8_t *tail = &message[work->question.end - 4];

	must(u16_of(tail) == (work->question.family == SIEVE_IPV4 ? 1 : 28), "type %u is family %u", u16_of(tail),
	     work->question.family);
	must(u16_of(tail + 2) == 1, "class %u", u16_of(tail + 2));
}

static void check_header(const uint8_t *message, const struct sieve_work *work)
{
	must((message[2] & 0xfb) == 1, "flags %#x", message[2]); /* AA is of no concern */
	must(message[3] == work->question.recursion_bits, "the fourth octet is another");
	must(u16_of(&message[4]) == 1 && u16_of(&message[6]) == 0 && u16_of(&message[8]) == 0, "counts");
	must(u16_of(&message[10]) == work->question.edns, "ARCOUNT %u, edns %u", u16_of(&message[10]),
	     work->question.edns);
}

/* The options one after the other; they end where the message does. */
static void check_options(const uint8_t *message, size_t at, size_t length, const struct sieve_question *question)
{
	size_t cookie = 0, cookie_length = 0;

	while (at + 4 <= length) {
		size_t next = at + 4 + u16_of(&message[at + 2]);

		if (u16_of(&message[at]) == 10) {
			must(!cookie, "two cookies");
			cookie = at;
			cookie_length = next - at;
		}
		at = next;
	}
	must(at == length, "the options end at %zu of %zu", at, length);
	must(!cookie || cookie_length == 12 || (cookie_length >= 20 && cookie_length <= 44), "a cookie of %zu octets",
	     cookie_length);
	if (cookie_length == 12)
		cookie = cookie_length = 0;
	must(question->cookie == cookie && question->cookie_length == cookie_length, "the cookie is elsewhere");
}

static void check_opt(const uint8_t *message, size_t length, const struct sieve_question *question)
{
	const uint8_t *opt = &message[question->end];

	if (!question->edns) {
		must(question->end == length, "octets behind the question");
		must(!question->dnssec && !question->cookie && !question->cookie_length, "OPT without OPT");
		return;
	}
	must(question->end + 11U <= length && opt[0] == 0 && u16_of(&opt[1]) == 41 && opt[6] == 0, "OPT");
	must(question->dnssec == opt[7] >> 7, "DO");
	must(question->end + 11U + u16_of(&opt[9]) == length, "octets behind OPT");
	check_options(message, question->end + 11U, length, question);
}

/* A message that may be answered is whole: with an octet less, or one more, it is none. */
static void check_ends(const uint8_t *message, size_t length)
{
	static struct sieve_work work;
	uint8_t longer[SIEVE_MESSAGE_MAX + 1];

	must(parse_query(message, length - 1, 0xa5, &work) != SIEVE_REASON_NONE, "it may lack its last octet");
	memcpy(longer, message, length);
	longer[length] = 0;
	must(parse_query(longer, length + 1, 0xa5, &work) != SIEVE_REASON_NONE, "it may have an octet more");
}

/* RFC 4343: names are the same in any case. */
static void check_case(const uint8_t *message, size_t length, const struct sieve_work *work)
{
	static struct sieve_work other;
	uint8_t changed[SIEVE_MESSAGE_MAX];
	struct naive_name name;

	memcpy(changed, message, length);
	read_naive_name(changed, length, SIEVE_HEADER_SIZE, &name);
	for (size_t label = 0; label < name.count; label++)
		for (size_t i = 1; i <= name.labels[label][0]; i++)
			changed[name.labels[label] + i - changed] = lower_case(name.labels[label][i]);
	must(parse_query(changed, length, 0xa5, &other) == SIEVE_REASON_NONE, "not in lower case");
	must(memcmp(other.label_hash, work->label_hash, sizeof(other.label_hash)) == 0, "another name in lower case");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sieve_work work;
	enum sieve_reason reason;

	if (size > SIEVE_MESSAGE_MAX)
		return -1;
	reason = parse_query(data, size, 0xa5, &work);
	must(reason < SIEVE_REASONS, "reason %u", reason);
	check_what_is_behind(data, size, reason, &work);
	if (reason)
		return 0;
	check_header(data, &work);
	check_name(data, size, &work);
	check_type(data, &work);
	check_opt(data, size, &work.question);
	check_ends(data, size);
	check_case(data, size, &work);
	return 0;
}
