/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The corpus: the pairs of vectors.h, and messages made by rule, each with the reason why it passes. A rule makes
 * neighbours as well, which may be answered: beside the cookies that are not sound those that are.
 *
 *   for (size_t i = 0; make_corpus_entry(i, &entry); i++)
 */
#ifndef TESTS_CORPUS_H
#define TESTS_CORPUS_H

#include <stdio.h>

#include "vectors.h"

struct corpus_entry {
	char phrase[128];
	struct message_plan plan;
	enum sieve_reason reason; /* none: it may be answered */
	char octets[320];         /* what the plan points to, where a rule made it */
};

struct corpus_rule {
	size_t count;
	void (*make)(size_t number, struct corpus_entry *ret);
};

#define A_RECORD "\300\14\0\1\0\1\0\0\0\74\0\4\300\0\2\1"

/* Rarer ones than those of vectors.h. */
static const struct message_pair corpus_pairs[] = {
	{ "ANCOUNT 0 and an OPT record", { .edns = true },
	  "the OPT record in the answer section", { .edns = true, .ancount = 1, .arcount = -1 }, SIEVE_REASON_counts },
	{ "NSCOUNT 0 and an OPT record", { .edns = true },
	  "the OPT record in the authority section", { .edns = true, .nscount = 1, .arcount = -1 },
	  SIEVE_REASON_counts },
	{ "no answer in a query", {},
	  "an A record in the answer section, as a response has it",
	  { .ancount = 1, .arcount = -1, .more = OCTETS(A_RECORD) }, SIEVE_REASON_counts },
	{ "two labels of one octet", { .raw_qname = OCTETS("\1a\1b\0") },
	  "two compression pointers to each other", { .raw_qname = OCTETS("\300\16\300\14") }, SIEVE_REASON_name },
	{ "a label and the root", { .raw_qname = OCTETS("\1a\0") },
	  "a label and a pointer back to it, a loop", { .raw_qname = OCTETS("\1a\300\14") }, SIEVE_REASON_name },
	{ "the root", { .qname = "" },
	  "a pointer to the root of another name", { .raw_qname = OCTETS("\300\15\0") }, SIEVE_REASON_name },
	{ "a label of two octets", { .raw_qname = OCTETS("\2\300\14\0") },
	  "a pointer beyond the message", { .raw_qname = OCTETS("\377\377\0") }, SIEVE_REASON_name },
	{ "a label of nothing but dots", { .raw_qname = OCTETS("\3...\0") },
	  "the same without the root", { .raw_qname = OCTETS("\3..."), .cut = 4 }, SIEVE_REASON_name },
	{ "a label of nothing but NUL", { .raw_qname = OCTETS("\4\0\0\0\0\7example\0") },
	  "an empty label before others", { .raw_qname = OCTETS("\0\3www\7example\0") }, SIEVE_REASON_class },
	{ "a record of the root, OPT", { .edns = true },
	  "a record of the root, KEY", { .edns = true, .record_type = 25 }, SIEVE_REASON_additional },
	{ "an OPT record in the additional section", { .edns = true },
	  "an A record in the additional section", { .more = OCTETS(A_RECORD) }, SIEVE_REASON_additional },
	{ "one OPT record", { .edns = true },
	  "the same OPT record once more, uncounted", { .edns = true, .more = OCTETS(OPT_RECORD), .arcount = -1 },
	  SIEVE_REASON_trailing },
};

/* RFC 1035, and what came later: everything a stub resolver asks for, and more. A and AAAA are among them. */
static const __u16 corpus_types[] = {
	1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 15, 16, 17, 18, 24, 25, 26, 27, 28, 29, 30, 33, 35, 36, 37, 38, 39, 41, 42,
	43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 55, 59, 60, 61, 62, 63, 64, 65, 99, 104, 108, 249, 250, 251, 252,
	253, 254, 255, 256, 257, 258, 260, 0x1c00, 0x7fff, 0x8000, 0x8001, 0xff01, 0xffff,
};
/* IN, CS, CH, HS, NONE, ANY; mDNS' QU bit; local use */
static const __u16 corpus_classes[] = { 1, 2, 3, 4, 254, 255, 0x8001, 0xff01, 0x0100, 0xfffe, 0xffff };
/* The first octet of QNAME; the label it begins is whole where it is one. */
static const __u8 corpus_label_starts[] = {
	1, 2, 31, 62, 63, 64, 65, 66, 95, 127, 128, 129, 159, 191, 192, 193, 224, 254, 255,
};
static const int corpus_counts[] = { 0, 1, 2, 3, 127, 128, 255, 256, 257, 0x7fff, 0x8000, 0xfffe };
static const __u8 corpus_versions[] = { 0, 1, 2, 127, 128, 255 };
static const __u16 corpus_udp_sizes[] = { 1, 511, 512, 1220, 1232, 1452, 4095, 0x7fff, 0x8000, 0xffff };

static inline void copy_entry(const char *phrase, const struct message_plan *plan, enum sieve_reason reason,
			      struct corpus_entry *ret)
{
	snprintf(ret->phrase, sizeof(ret->phrase), "%s", phrase);
	ret->plan = *plan;
	ret->reason = reason;
}

static inline void copy_half(const struct message_pair *pair, bool is_twin, struct corpus_entry *ret)
{
	if (is_twin)
		copy_entry(pair->twin_phrase, &pair->twin, pair->reason, ret);
	else
		copy_entry(pair->phrase, &pair->plan, SIEVE_REASON_NONE, ret);
}

static inline void make_pair_entry(size_t number, struct corpus_entry *ret)
{
	copy_half(&message_pairs[number / 2], number % 2, ret);
}

static inline void make_rare_entry(size_t number, struct corpus_entry *ret)
{
	copy_half(&corpus_pairs[number / 2], number % 2, ret);
}

static inline void make_name_entry(size_t number, struct corpus_entry *ret)
{
	const struct name_pair *pair = &name_pairs[number / 2];

	if (number % 2)
		copy_entry(pair->exempt_phrase, &pair->exempt, SIEVE_REASON_exempt_name, ret);
	else
		copy_entry(pair->phrase, &pair->plan, SIEVE_REASON_NONE, ret);
}

/* A COOKIE of so many octets (RFC 7873 section 4). */
static inline void make_cookie_entry(size_t octets, struct corpus_entry *ret)
{
	bool has_server_part = octets >= 16 && octets <= 40;

	snprintf(ret->phrase, sizeof(ret->phrase), "a COOKIE of %zu octets", octets);
	memset(ret->octets, 0x5c, 4 + octets);
	ret->octets[0] = 0;
	ret->octets[1] = 10;
	ret->octets[2] = 0;
	ret->octets[3] = (char)octets;
	ret->plan.edns = true;
	ret->plan.options = (struct octets){ ret->octets, 4 + octets };
	if (has_server_part)
		ret->plan.cookie = ret->plan.options;
	ret->reason = has_server_part || octets == 8 ? SIEVE_REASON_NONE : SIEVE_REASON_edns;
}

static inline void make_opcode_entry(size_t opcode, struct corpus_entry *ret)
{
	snprintf(ret->phrase, sizeof(ret->phrase), "OPCODE %zu, with OPT", opcode);
	ret->plan.flags = (__u16)OPCODE(opcode);
	ret->plan.edns = true;
	ret->reason = opcode ? SIEVE_REASON_opcode : SIEVE_REASON_NONE;
}

/* One bit of the header's third and fourth octet is not as usual. */
static inline void make_flag_entry(size_t bit, struct corpus_entry *ret)
{
	static const enum sieve_reason reasons[16] = {
		[8] = SIEVE_REASON_no_recursion, [9] = SIEVE_REASON_truncated, [11] = SIEVE_REASON_opcode,
		[12] = SIEVE_REASON_opcode, [13] = SIEVE_REASON_opcode, [14] = SIEVE_REASON_opcode,
		[15] = SIEVE_REASON_not_query,
	};

	snprintf(ret->phrase, sizeof(ret->phrase), "bit %zu of the header's flags is the other", bit);
	ret->plan.flags = (__u16)(1 << bit);
	ret->reason = reasons[bit];
}

static inline void make_type_entry(size_t number, struct corpus_entry *ret)
{
	__u16 type = corpus_types[number];

	snprintf(ret->phrase, sizeof(ret->phrase), "QTYPE %u", type);
	ret->plan.qname = "type.example";
	ret->plan.qtype = type;
	if (type == 64 || type == 65) /* SVCB, HTTPS */
		ret->reason = SIEVE_REASON_service;
	else if (type != SIEVE_TYPE_A && type != SIEVE_TYPE_AAAA)
		ret->reason = SIEVE_REASON_type;
}

static inline void make_class_entry(size_t number, struct corpus_entry *ret)
{
	snprintf(ret->phrase, sizeof(ret->phrase), "QCLASS %u", corpus_classes[number]);
	ret->plan.qname = "class.example";
	ret->plan.qclass = corpus_classes[number];
	ret->reason = corpus_classes[number] == 1 ? SIEVE_REASON_NONE : SIEVE_REASON_class;
}

/* A first label of so many octets, and what else that octet can mean (RFC 1035 section 4.1.4, RFC 6891 section 5). */
static inline void make_label_entry(size_t number, struct corpus_entry *ret)
{
	__u8 octet = corpus_label_starts[number];

	snprintf(ret->phrase, sizeof(ret->phrase), "QNAME begins with octet %u", octet);
	memset(ret->octets, 'a', sizeof(ret->octets));
	ret->octets[0] = (char)octet;
	ret->octets[1 + octet] = 0;
	ret->plan.raw_qname = (struct octets){ ret->octets, 2 + (size_t)octet };
	ret->reason = octet <= 63 ? SIEVE_REASON_NONE : SIEVE_REASON_name;
}

/* Names of 246 to 265 octets, with the root: four labels, the last ever longer. */
static inline void make_length_entry(size_t number, struct corpus_entry *ret)
{
	size_t last = 52 + number;

	snprintf(ret->phrase, sizeof(ret->phrase), "a QNAME of %zu octets", 3 * 64 + 1 + last + 1);
	ret->plan = (struct message_plan){ .label_lengths = { 63, 63, 63, (__u8)last } };
	ret->reason = 3 * 64 + 1 + last + 1 <= 255 ? SIEVE_REASON_NONE : SIEVE_REASON_name;
}

/* A count of the header that is larger than what follows; 0: it is not. */
static inline void make_count_entry(size_t number, struct corpus_entry *ret)
{
	static const char *const names[] = { "QDCOUNT", "ANCOUNT", "NSCOUNT", "ARCOUNT" };
	size_t field = number % ARRAY_SIZE(names);
	int more = corpus_counts[number / ARRAY_SIZE(names)];
	int *counts[] = { &ret->plan.qdcount, &ret->plan.ancount, &ret->plan.nscount, &ret->plan.arcount };

	snprintf(ret->phrase, sizeof(ret->phrase), "%s larger by %d", names[field], more);
	ret->plan.edns = true;
	*counts[field] = more;
	if (more)
		ret->reason = field == 3 ? SIEVE_REASON_additional : SIEVE_REASON_counts;
}

static inline void make_version_entry(size_t number, struct corpus_entry *ret)
{
	snprintf(ret->phrase, sizeof(ret->phrase), "EDNS version %u, with padding", corpus_versions[number]);
	ret->plan = (struct message_plan){ .edns = true, .version = corpus_versions[number], .padded = 128 };
	ret->reason = corpus_versions[number] ? SIEVE_REASON_edns : SIEVE_REASON_NONE;
}

static inline void make_udp_size_entry(size_t number, struct corpus_entry *ret)
{
	snprintf(ret->phrase, sizeof(ret->phrase), "EDNS with a UDP size of %u", corpus_udp_sizes[number]);
	ret->plan = (struct message_plan){ .edns = true, .udp_size = corpus_udp_sizes[number] };
}

/* An exempt suffix and what only looks like it. */
static inline void make_exempt_entry(size_t number, struct corpus_entry *ret)
{
	static const struct {
		const char *format;
		bool is_exempt;
	} looks[] = {
		{ "%s", true },        { "x%s", false }, { "www.%s", true },    { "%s.example", false },
		{ "_a.b-c.%s", true }, { "%sx", false }, { "%1$s.%1$s", true }, { "x%1$s.%1$sx", false },
	};
	const char *suffix = exempt_names[number / ARRAY_SIZE(looks)];
	size_t look = number % ARRAY_SIZE(looks);

	snprintf(ret->octets, sizeof(ret->octets), looks[look].format, suffix);
	snprintf(ret->phrase, sizeof(ret->phrase), "the name %.64s", ret->octets);
	ret->plan.qname = ret->octets;
	ret->reason = looks[look].is_exempt ? SIEVE_REASON_exempt_name : SIEVE_REASON_NONE;
}

static const struct corpus_rule corpus_rules[] = {
	{ 2 * ARRAY_SIZE(message_pairs), make_pair_entry },
	{ 2 * ARRAY_SIZE(corpus_pairs), make_rare_entry },
	{ 2 * ARRAY_SIZE(name_pairs), make_name_entry },
	{ 45, make_cookie_entry },
	{ 16, make_opcode_entry },
	{ 16, make_flag_entry },
	{ ARRAY_SIZE(corpus_types), make_type_entry },
	{ ARRAY_SIZE(corpus_classes), make_class_entry },
	{ ARRAY_SIZE(corpus_label_starts), make_label_entry },
	{ 20, make_length_entry },
	{ 4 * ARRAY_SIZE(corpus_counts), make_count_entry },
	{ ARRAY_SIZE(corpus_versions), make_version_entry },
	{ ARRAY_SIZE(corpus_udp_sizes), make_udp_size_entry },
	{ 8 * ARRAY_SIZE(exempt_names), make_exempt_entry },
};

/* Returns false behind the last one. An entry points into itself, so it must not be copied. */
static inline bool make_corpus_entry(size_t number, struct corpus_entry *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < ARRAY_SIZE(corpus_rules); i++) {
		if (number < corpus_rules[i].count) {
			corpus_rules[i].make(number, ret);
			return true;
		}
		number -= corpus_rules[i].count;
	}
	return false;
}

#endif
