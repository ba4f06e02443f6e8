/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The DNS messages that the tests share, on the host and in the kernel. They come in pairs: a query
 * that may be answered, and its twin, which differs in one respect and must pass for the reason that
 * stands beside it.
 *
 * A message is planned as its difference from the usual query, AAAA of www.example without OPT, and
 * built by make_message(). What the filter must answer is built from the plan as well, by
 * make_answer(), which knows nothing of how the filter goes about it.
 */
#ifndef TESTS_VECTORS_H
#define TESTS_VECTORS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <stubsieve/abi.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* A literal without its closing zero, which the compiler adds. */
struct octets {
	const char *data;
	size_t length;
};
#define OCTETS(literal) { literal, sizeof(literal) - 1 }

enum {
	FLAG_QR = 0x8000,
	FLAG_AA = 0x0400,
	FLAG_TC = 0x0200,
	FLAG_RD = 0x0100,
	FLAG_RA = 0x0080,
	FLAG_Z = 0x0040,
	FLAG_AD = 0x0020,
	FLAG_CD = 0x0010,
	FLAG_DO = 0x8000, /* in the OPT record */
};
#define OPCODE(number) ((number) << 11)

enum {
	TYPE_SIG = 24,
	TYPE_OPT = 41,
	TYPE_TSIG = 250,
};

struct message_plan {
	const char *qname;         /* labels between dots; "" is the root; NULL is www.example */
	struct octets raw_qname;   /* instead: its octets */
	__u8 label_lengths[5];     /* instead: labels of so many octets, and the root */
	__u8 short_labels;         /* instead: so many labels of one octet, and the root */
	__u16 qtype, qclass;       /* 0: AAAA, IN */
	__u16 flags;               /* flipped; RD is set in the usual query */
	int qdcount, ancount, nscount, arcount; /* added to what the message truly holds */
	bool second_question;
	bool edns;                 /* one OPT record */
	struct octets owner;       /* of that record, the root without it */
	__u16 record_type;         /* of that record, OPT without it */
	__u8 extended_rcode, version;
	__u16 edns_flags;
	__u16 udp_size;            /* of the OPT record, 4096 without it */
	int rdlength;              /* added to the true RDLENGTH */
	struct octets options;
	__u8 empty_options;        /* so many options without data follow */
	__u16 padded;              /* a PADDING option makes the message so long */
	struct octets more;        /* records behind, counted as one in ARCOUNT */
	struct octets tail;        /* octets behind all, in no count */
	__u16 cut;                 /* so many octets are missing at the end */
	struct octets cookie;      /* the option that the answer must bring back */
};

struct message {
	__u8 octets[2048];
	size_t length;
	size_t question_end;
};

static inline void put_octets(struct message *message, const void *octets, size_t length)
{
	assert(message->length + length <= sizeof(message->octets));
	if (length)
		memcpy(&message->octets[message->length], octets, length);
	message->length += length;
}

static inline void put_u8(struct message *message, unsigned int value)
{
	__u8 octet = (__u8)value;

	put_octets(message, &octet, 1);
}

static inline void put_u16(struct message *message, unsigned int value)
{
	put_u8(message, value >> 8);
	put_u8(message, value & 0xff);
}

static inline void put_label(struct message *message, const char *label, size_t length)
{
	put_u8(message, (unsigned int)length);
	put_octets(message, label, length);
}

static inline void put_name(struct message *message, const char *name)
{
	while (*name) {
		size_t length = strcspn(name, ".");

		put_label(message, name, length);
		name += length + (name[length] == '.');
	}
	put_u8(message, 0);
}

static inline void put_qname(struct message *message, const struct message_plan *plan)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";

	if (plan->raw_qname.data) {
		put_octets(message, plan->raw_qname.data, plan->raw_qname.length);
	} else if (plan->label_lengths[0] || plan->short_labels) {
		for (size_t i = 0; i < ARRAY_SIZE(plan->label_lengths) && plan->label_lengths[i]; i++)
			put_label(message, letters, plan->label_lengths[i]);
		for (size_t i = 0; i < plan->short_labels; i++)
			put_label(message, &letters[i % 26], 1);
		put_u8(message, 0);
	} else {
		put_name(message, plan->qname ? plan->qname : "www.example");
	}
}

static inline unsigned int plan_type(const struct message_plan *plan)
{
	return plan->qtype ? plan->qtype : SIEVE_TYPE_AAAA;
}

static inline enum sieve_family plan_family(const struct message_plan *plan)
{
	return plan_type(plan) == SIEVE_TYPE_A ? SIEVE_IPV4 : SIEVE_IPV6;
}

static inline void put_question(struct message *message, const struct message_plan *plan)
{
	put_qname(message, plan);
	put_u16(message, plan_type(plan));
	put_u16(message, plan->qclass ? plan->qclass : 1);
}

static inline void put_options(struct message *message, const struct message_plan *plan)
{
	put_octets(message, plan->options.data, plan->options.length);
	for (size_t i = 0; i < plan->empty_options; i++) {
		put_u16(message, 65001 + (unsigned int)i); /* RFC 6891 section 9: local use */
		put_u16(message, 0);
	}
	if (plan->padded) {
		put_u16(message, 12);
		put_u16(message, plan->padded - (unsigned int)message->length - 2);
		while (message->length < plan->padded)
			put_u8(message, 0);
	}
}

static inline void put_opt(struct message *message, const struct message_plan *plan)
{
	size_t rdlength_at, rdlength;

	if (plan->owner.data)
		put_octets(message, plan->owner.data, plan->owner.length);
	else
		put_u8(message, 0);
	put_u16(message, plan->record_type ? plan->record_type : TYPE_OPT);
	put_u16(message, plan->udp_size ? plan->udp_size : 4096);
	put_u8(message, plan->extended_rcode);
	put_u8(message, plan->version);
	put_u16(message, plan->edns_flags);
	rdlength_at = message->length;
	put_u16(message, 0);
	put_options(message, plan);
	rdlength = message->length - rdlength_at - 2 + (size_t)plan->rdlength;
	message->octets[rdlength_at] = (__u8)(rdlength >> 8);
	message->octets[rdlength_at + 1] = (__u8)rdlength;
}

static inline void make_message(const struct message_plan *plan, struct message *ret)
{
	memset(ret, 0, sizeof(*ret));
	put_u16(ret, 0xbe1f);
	put_u16(ret, FLAG_RD ^ plan->flags);
	put_u16(ret, (unsigned int)(1 + plan->second_question + plan->qdcount));
	put_u16(ret, (unsigned int)plan->ancount);
	put_u16(ret, (unsigned int)plan->nscount);
	put_u16(ret, (unsigned int)(plan->edns + (plan->more.length > 0) + plan->arcount));
	put_question(ret, plan);
	ret->question_end = ret->length;
	if (plan->second_question)
		put_question(ret, plan);
	if (plan->edns)
		put_opt(ret, plan);
	put_octets(ret, plan->more.data, plan->more.length);
	put_octets(ret, plan->tail.data, plan->tail.length);
	ret->length -= plan->cut;
}

/* DESIGN, "The answer": what a sound query must get. */
static inline void make_answer(const struct message_plan *plan, bool extended_error, struct message *ret)
{
	const char *text = plan_family(plan) == SIEVE_IPV4 ? "no IPv4 route" : "no IPv6 route";
	size_t error_length = extended_error ? 4 + 2 + strlen(text) : 0;

	memset(ret, 0, sizeof(*ret));
	put_u16(ret, 0xbe1f);
	put_u16(ret, FLAG_QR | FLAG_RD | FLAG_RA | (plan->flags & FLAG_CD));
	put_u16(ret, 1);
	put_u16(ret, 0);
	put_u16(ret, 0);
	put_u16(ret, plan->edns);
	put_question(ret, plan);
	ret->question_end = ret->length;
	if (!plan->edns)
		return;
	put_u8(ret, 0);
	put_u16(ret, TYPE_OPT);
	put_u16(ret, 1232);
	put_u16(ret, 0);
	put_u16(ret, plan->edns_flags & FLAG_DO);
	put_u16(ret, (unsigned int)(plan->cookie.length + error_length));
	put_octets(ret, plan->cookie.data, plan->cookie.length);
	if (!extended_error)
		return;
	put_u16(ret, 15); /* RFC 8914 */
	put_u16(ret, (unsigned int)error_length - 4);
	put_u16(ret, 17);
	put_octets(ret, text, strlen(text));
}

#define COOKIE_8 "\0\12\0\10" "client??"
#define COOKIE_16 "\0\12\0\20" "client??" "server??"
#define COOKIE_24 "\0\12\0\30" "client??" "server 16 octets"
#define COOKIE_40 "\0\12\0\50" "client??" "a server part of 32 octets, full"
#define CLIENT_SUBNET "\0\10\0\7" "\0\1\30\0\300\0\2"
#define NSID "\0\3\0\0"
#define KEEPALIVE "\0\13\0\0"
#define PADDING_4 "\0\14\0\4" "\0\0\0\0"
#define OPT_RECORD "\0\0\51\4\320\0\0\0\0\0\0"
#define TSIG_RECORD "\3key\0\0\372\0\377\0\0\0\0\0\0"

struct message_pair {
	const char *phrase;
	struct message_plan plan;
	const char *twin_phrase;
	struct message_plan twin;
	enum sieve_reason reason;
};

static const struct message_pair message_pairs[] = {
	/* The header */
	{ "a query of twelve octets and a question", {},
	  "a header of eleven octets", { .cut = 18 }, SIEVE_REASON_length },
	{ "a query for the root", { .qname = "" },
	  "one octet", { .qname = "", .cut = 16 }, SIEVE_REASON_length },
	{ "a query for a label of one octet", { .qname = "a" },
	  "no octet at all", { .qname = "a", .cut = 19 }, SIEVE_REASON_length },
	{ "QR=0", {}, "QR=1", { .flags = FLAG_QR }, SIEVE_REASON_not_query },
	{ "OPCODE 0", {}, "OPCODE 1", { .flags = OPCODE(1) }, SIEVE_REASON_opcode },
	{ "OPCODE 0, QUERY", {}, "OPCODE 2, STATUS", { .flags = OPCODE(2) }, SIEVE_REASON_opcode },
	{ "OPCODE 0, with AD", { .flags = FLAG_AD }, "OPCODE 4, NOTIFY", { .flags = FLAG_AD | OPCODE(4) },
	  SIEVE_REASON_opcode },
	{ "OPCODE 0, with CD", { .flags = FLAG_CD }, "OPCODE 8", { .flags = FLAG_CD | OPCODE(8) },
	  SIEVE_REASON_opcode },
	{ "AA=1, which means nothing in a query", { .flags = FLAG_AA },
	  "TC=1", { .flags = FLAG_TC }, SIEVE_REASON_truncated },
	{ "RD=1", {}, "RD=0", { .flags = FLAG_RD }, SIEVE_REASON_no_recursion },
	{ "AD, CD, Z, RA and an RCODE in the query", { .flags = FLAG_AD | FLAG_CD | FLAG_Z | FLAG_RA | 0xf },
	  "the same with RD=0", { .flags = FLAG_AD | FLAG_CD | FLAG_Z | FLAG_RA | 0xf | FLAG_RD },
	  SIEVE_REASON_no_recursion },
	{ "QDCOUNT 1", {}, "QDCOUNT 0", { .qdcount = -1 }, SIEVE_REASON_counts },
	{ "QDCOUNT 1 for the root", { .qname = "" },
	  "QDCOUNT 0 and no question", { .qname = "", .qdcount = -1, .cut = 5 }, SIEVE_REASON_counts },
	{ "one question", {}, "two questions", { .second_question = true }, SIEVE_REASON_counts },
	{ "QDCOUNT 0x0001", {}, "QDCOUNT 0x0101", { .qdcount = 0x100 }, SIEVE_REASON_counts },
	{ "ANCOUNT 0", {}, "ANCOUNT 1", { .ancount = 1 }, SIEVE_REASON_counts },
	{ "ANCOUNT 0x0000", {}, "ANCOUNT 0x0100", { .ancount = 0x100 }, SIEVE_REASON_counts },
	{ "NSCOUNT 0", {}, "NSCOUNT 1", { .nscount = 1 }, SIEVE_REASON_counts },
	{ "NSCOUNT 0x0000", {}, "NSCOUNT 0x0100", { .nscount = 0x100 }, SIEVE_REASON_counts },
	{ "ARCOUNT 1, an OPT record", { .edns = true },
	  "ARCOUNT 2, two OPT records", { .edns = true, .more = OCTETS(OPT_RECORD) }, SIEVE_REASON_additional },
	{ "ARCOUNT 0", {}, "ARCOUNT 1, but no record", { .arcount = 1 }, SIEVE_REASON_additional },
	{ "ARCOUNT 0x0001", { .edns = true },
	  "ARCOUNT 0x0101", { .edns = true, .arcount = 0x100 }, SIEVE_REASON_additional },


	/* QNAME */
	{ "a name of labels", {},
	  "a name that is a compression pointer", { .raw_qname = OCTETS("\300\14") }, SIEVE_REASON_name },
	{ "two labels and the root", { .qname = "www.example" },
	  "two labels and a compression pointer", { .raw_qname = OCTETS("\3www\7example\300\20") },
	  SIEVE_REASON_name },
	{ "a label of 63 octets", { .label_lengths = { 63 } },
	  "a label of 64 octets", { .label_lengths = { 64 } }, SIEVE_REASON_name },
	{ "a label of 63 octets behind another", { .label_lengths = { 3, 63 } },
	  "a label of 65 octets behind another: the extended type", { .label_lengths = { 3, 65 } },
	  SIEVE_REASON_name },
	{ "a label of 1 octet", { .raw_qname = OCTETS("\1a\0") },
	  "a label of type 10", { .raw_qname = OCTETS("\201a\0") }, SIEVE_REASON_name },
	{ "a name of 255 octets", { .label_lengths = { 63, 63, 63, 61 } },
	  "a name of 256 octets", { .label_lengths = { 63, 63, 63, 62 } }, SIEVE_REASON_name },
	{ "a name of 127 labels", { .short_labels = 127 },
	  "a name of 128 labels", { .short_labels = 128 }, SIEVE_REASON_name },
	{ "a name of 255 octets with OPT", { .label_lengths = { 63, 63, 63, 61 }, .edns = true },
	  "a name of 256 octets with OPT", { .label_lengths = { 63, 63, 63, 62 }, .edns = true }, SIEVE_REASON_name },
	{ "a whole name", { .qname = "www.example" },
	  "a name cut short within a label", { .qname = "www.example", .cut = 8 }, SIEVE_REASON_name },
	{ "a name with its root", {}, "a name cut short before its root", { .cut = 5 }, SIEVE_REASON_name },
	{ "a name with type and class", {}, "a question without type and class", { .cut = 4 }, SIEVE_REASON_name },
	{ "a whole QTYPE", {}, "a question cut short within its type", { .cut = 3 }, SIEVE_REASON_name },
	{ "a whole QCLASS", {}, "a question cut short within its class", { .cut = 1 }, SIEVE_REASON_name },
	{ "a question behind the header", { .qname = "" },
	  "a header and nothing behind", { .qname = "", .cut = 5 }, SIEVE_REASON_name },
	{ "labels of octets that are not letters", { .raw_qname = OCTETS("\5\0@[`\377\3a.b\0") },
	  "the same without a root", { .raw_qname = OCTETS("\5\0@[`\377\3a.b") , .cut = 4 }, SIEVE_REASON_name },
	{ "a name in mixed case", { .qname = "wWw.eXaMpLe" },
	  "a name in mixed case in a response", { .qname = "wWw.eXaMpLe", .flags = FLAG_QR }, SIEVE_REASON_not_query },

	/* QCLASS, QTYPE */
	{ "class IN", {}, "class CH", { .qclass = 3 }, SIEVE_REASON_class },
	{ "class IN, the root", { .qname = "" }, "class ANY, the root", { .qname = "", .qclass = 255 },
	  SIEVE_REASON_class },
	{ "class IN, an A query", { .qtype = SIEVE_TYPE_A },
	  "class 0x0101, an A query", { .qtype = SIEVE_TYPE_A, .qclass = 0x0101 }, SIEVE_REASON_class },
	{ "type A", { .qtype = SIEVE_TYPE_A }, "type NS", { .qtype = 2 }, SIEVE_REASON_type },
	{ "type AAAA", { .qtype = SIEVE_TYPE_AAAA }, "type MX", { .qtype = 15 }, SIEVE_REASON_type },
	{ "type AAAA with OPT", { .edns = true }, "type HTTPS with OPT", { .edns = true, .qtype = 65 },
	  SIEVE_REASON_service },
	{ "type A with OPT", { .qtype = SIEVE_TYPE_A, .edns = true },
	  "type SVCB with OPT", { .qtype = 64, .edns = true }, SIEVE_REASON_service },
	{ "type AAAA, the root", { .qname = "" }, "type ANY, the root", { .qname = "", .qtype = 255 },
	  SIEVE_REASON_type },
	{ "type 0x0001", { .qtype = 0x0001 }, "type 0x0101", { .qtype = 0x0101 }, SIEVE_REASON_type },
	{ "type 0x001c", { .qtype = 0x001c }, "type 0x011c", { .qtype = 0x011c }, SIEVE_REASON_type },

	/* The additional section */
	{ "OPT version 0", { .edns = true }, "OPT version 1", { .edns = true, .version = 1 }, SIEVE_REASON_edns },
	{ "OPT version 0 and an extended RCODE", { .edns = true, .extended_rcode = 1 },
	  "OPT version 255", { .edns = true, .version = 255 }, SIEVE_REASON_edns },
	{ "OPT of the root", { .edns = true },
	  "OPT of a name", { .edns = true, .owner = OCTETS("\1a\0") }, SIEVE_REASON_additional },
	{ "OPT of the root in one octet", { .edns = true },
	  "OPT of a pointer to the root", { .edns = true, .owner = OCTETS("\300\30") }, SIEVE_REASON_additional },
	{ "OPT alone", { .edns = true },
	  "OPT and TSIG", { .edns = true, .more = OCTETS(TSIG_RECORD) }, SIEVE_REASON_additional },
	{ "no record", {}, "TSIG alone", { .more = OCTETS(TSIG_RECORD) }, SIEVE_REASON_additional },
	{ "a record of the root of type OPT", { .edns = true, .record_type = TYPE_OPT },
	  "a record of the root of type SIG: SIG(0)", { .edns = true, .record_type = TYPE_SIG },
	  SIEVE_REASON_additional },
	{ "type 41", { .edns = true, .record_type = TYPE_OPT },
	  "type 0x0129", { .edns = true, .record_type = 0x0129 }, SIEVE_REASON_additional },
	{ "OPT of 11 octets", { .edns = true }, "OPT of 10 octets", { .edns = true, .cut = 1 }, SIEVE_REASON_additional },
	{ "OPT for the root", { .qname = "", .edns = true },
	  "OPT of which only the owner is there", { .qname = "", .edns = true, .cut = 10 }, SIEVE_REASON_additional },
	{ "options as long as RDLENGTH says", { .edns = true, .options = OCTETS(NSID) },
	  "RDLENGTH one too long", { .edns = true, .options = OCTETS(NSID), .rdlength = 1 }, SIEVE_REASON_edns },
	{ "options that end the message", { .edns = true, .options = OCTETS(PADDING_4) },
	  "RDLENGTH one too short", { .edns = true, .options = OCTETS(PADDING_4), .rdlength = -1 },
	  SIEVE_REASON_trailing },
	{ "RDLENGTH 0", { .edns = true }, "RDLENGTH 0xffff", { .edns = true, .rdlength = 0xffff }, SIEVE_REASON_edns },
	{ "an option whose length adds up", { .edns = true, .options = OCTETS("\0\14\0\4" "....") },
	  "an option longer than its record", { .edns = true, .options = OCTETS("\0\14\0\5" "....") },
	  SIEVE_REASON_edns },
	{ "two options that add up", { .edns = true, .options = OCTETS("\0\14\0\2" ".." "\0\14\0\2" "..") },
	  "an option that reaches into the next", { .edns = true, .options = OCTETS("\0\14\0\3" ".." "\0\14\0\2" "..") },
	  SIEVE_REASON_edns },
	{ "an option of length 0x0004", { .edns = true, .options = OCTETS("\0\14\0\4" "....") },
	  "an option of length 0xffff", { .edns = true, .options = OCTETS("\0\14\377\377" "....") }, SIEVE_REASON_edns },
	{ "an option of four octets", { .edns = true, .options = OCTETS(KEEPALIVE) },
	  "an option of three octets", { .edns = true, .options = OCTETS("\0\13\0") }, SIEVE_REASON_edns },
	{ "no option", { .edns = true },
	  "an option of one octet", { .edns = true, .options = OCTETS("\0") }, SIEVE_REASON_edns },
	{ "sixteen options", { .edns = true, .empty_options = 16 },
	  "seventeen options", { .edns = true, .empty_options = 17 }, SIEVE_REASON_edns },

	/* COOKIE: 8 octets are the client's alone, 16 to 40 hold the server's part */
	{ "a cookie of 8 octets", { .edns = true, .options = OCTETS(COOKIE_8) },
	  "a cookie of 7 octets", { .edns = true, .options = OCTETS("\0\12\0\7" "client?") }, SIEVE_REASON_edns },
	{ "a cookie of 8 octets behind NSID", { .edns = true, .options = OCTETS(NSID COOKIE_8) },
	  "a cookie of 9 octets", { .edns = true, .options = OCTETS(NSID "\0\12\0\11" "client??s") }, SIEVE_REASON_edns },
	{ "a cookie of 16 octets", { .edns = true, .options = OCTETS(COOKIE_16), .cookie = OCTETS(COOKIE_16) },
	  "a cookie of 15 octets", { .edns = true, .options = OCTETS("\0\12\0\17" "client??" "server?") },
	  SIEVE_REASON_edns },
	{ "a cookie of 24 octets", { .edns = true, .options = OCTETS(COOKIE_24), .cookie = OCTETS(COOKIE_24) },
	  "a cookie of 0 octets", { .edns = true, .options = OCTETS("\0\12\0\0") }, SIEVE_REASON_edns },
	{ "a cookie of 40 octets", { .edns = true, .options = OCTETS(COOKIE_40), .cookie = OCTETS(COOKIE_40) },
	  "a cookie of 41 octets",
	  { .edns = true, .options = OCTETS("\0\12\0\51" "client??" "a server part of 33 octets, over!") },
	  SIEVE_REASON_edns },
	{ "one cookie", { .edns = true, .options = OCTETS(COOKIE_16), .cookie = OCTETS(COOKIE_16) },
	  "two cookies", { .edns = true, .options = OCTETS(COOKIE_16 COOKIE_16) }, SIEVE_REASON_edns },
	{ "one cookie of 8 octets", { .edns = true, .options = OCTETS(COOKIE_8) },
	  "a cookie of 8 octets and one of 16", { .edns = true, .options = OCTETS(COOKIE_8 COOKIE_16) },
	  SIEVE_REASON_edns },
	{ "a cookie within its record", { .edns = true, .options = OCTETS(COOKIE_16), .cookie = OCTETS(COOKIE_16) },
	  "a cookie longer than its record", { .edns = true, .options = OCTETS("\0\12\0\20" "client??" "server?") },
	  SIEVE_REASON_edns },
	{ "option 10, a cookie, of 8 octets", { .edns = true, .options = OCTETS("\0\12\0\10" "client??") },
	  "option 10 of 5 octets", { .edns = true, .options = OCTETS("\0\12\0\5" "short") }, SIEVE_REASON_edns },
	{ "option 0x010a of 5 octets, which is no cookie", { .edns = true, .options = OCTETS("\1\12\0\5" "short") },
	  "option 0x000a of 5 octets", { .edns = true, .options = OCTETS("\0\12\0\5" "short") }, SIEVE_REASON_edns },
	{ "the longest name and the longest cookie",
	  { .label_lengths = { 63, 63, 63, 61 }, .edns = true, .options = OCTETS(COOKIE_40),
	    .cookie = OCTETS(COOKIE_40) },
	  "the longest name and a longer cookie",
	  { .label_lengths = { 63, 63, 63, 61 }, .edns = true,
	    .options = OCTETS("\0\12\0\51" "client??" "a server part of 33 octets, over!") }, SIEVE_REASON_edns },
	{ "the longest A query of mixed case with the longest cookie, padded to 512 octets",
	  { .label_lengths = { 63, 63, 63, 61 }, .qtype = SIEVE_TYPE_A, .edns = true, .options = OCTETS(COOKIE_40),
	    .cookie = OCTETS(COOKIE_40), .padded = 512 },
	  "the same, padded to 513 octets",
	  { .label_lengths = { 63, 63, 63, 61 }, .qtype = SIEVE_TYPE_A, .edns = true, .options = OCTETS(COOKIE_40),
	    .padded = 513 }, SIEVE_REASON_oversized },

	/* Options that do not come back */
	{ "client subnet and padding", { .edns = true, .options = OCTETS(CLIENT_SUBNET PADDING_4) },
	  "the same and an octet behind",
	  { .edns = true, .options = OCTETS(CLIENT_SUBNET PADDING_4), .tail = OCTETS("\0") }, SIEVE_REASON_trailing },
	{ "a cookie between other options",
	  { .edns = true, .options = OCTETS(CLIENT_SUBNET COOKIE_24 PADDING_4 NSID), .cookie = OCTETS(COOKIE_24) },
	  "the same and a second cookie",
	  { .edns = true, .options = OCTETS(CLIENT_SUBNET COOKIE_24 PADDING_4 COOKIE_8) }, SIEVE_REASON_edns },
	{ "a cookie behind 15 options' worth of others",
	  { .edns = true, .options = OCTETS(NSID NSID NSID NSID NSID NSID NSID NSID NSID NSID NSID NSID NSID NSID NSID
					    COOKIE_40), .cookie = OCTETS(COOKIE_40) },
	  "a cookie behind 16 options",
	  { .edns = true, .options = OCTETS(NSID NSID NSID NSID NSID NSID NSID NSID NSID NSID NSID NSID NSID NSID NSID
					    NSID COOKIE_40) }, SIEVE_REASON_edns },

	/* The end */
	{ "nothing behind the question", {}, "an octet behind the question", { .tail = OCTETS("\0") },
	  SIEVE_REASON_trailing },
	{ "an OPT record that is counted", { .edns = true },
	  "an OPT record that is not counted", { .edns = true, .arcount = -1 }, SIEVE_REASON_trailing },
	{ "nothing behind OPT", { .edns = true }, "an octet behind OPT", { .edns = true, .tail = OCTETS("\0") },
	  SIEVE_REASON_trailing },
	{ "512 octets", { .edns = true, .padded = 512 },
	  "513 octets", { .edns = true, .padded = 513 }, SIEVE_REASON_oversized },
	{ "511 octets", { .edns = true, .padded = 511 },
	  "600 octets", { .edns = true, .padded = 600 }, SIEVE_REASON_oversized },
	{ "DO=0", { .edns = true },
	  "DO=1", { .edns = true, .edns_flags = FLAG_DO }, SIEVE_REASON_dnssec },
	{ "every EDNS flag but DO", { .edns = true, .edns_flags = 0x7fff },
	  "every EDNS flag", { .edns = true, .edns_flags = 0xffff }, SIEVE_REASON_dnssec },
};

/* DESIGN, "Which query may be answered": exempt without configuration. */
static const char *const exempt_names[] = {
	"local", "localhost", "test", "ipv4only.arpa", "resolver.arpa", "metadata.google.internal",
	"instance-data.ec2.internal",
};

/* Labels of the longest of them, and the bits of all for struct sieve_policy. */
#define EXEMPT_DEPTHS ((1U << 1) | (1U << 2) | (1U << 3))

/* Names under a suffix, and their twins, which only look so. */
struct name_pair {
	const char *phrase;
	struct message_plan plan;
	const char *exempt_phrase;
	struct message_plan exempt;
};

static const struct name_pair name_pairs[] = {
	{ "a name that ends with the letters of a suffix", { .qname = "foolocal" },
	  "a name under it", { .qname = "foo.local" } },
	{ "a longer last label", { .qname = "foo.locale" }, "the suffix in capitals", { .qname = "foo.LOCAL" } },
	{ "the suffix in front", { .qname = "local.example" }, "the suffix itself", { .qname = "local" } },
	{ "one label that has a dot in it", { .raw_qname = OCTETS("\11foo.local\0") },
	  "two labels", { .raw_qname = OCTETS("\3foo\5local\0") } },
	{ "the root", { .qname = "" }, "one octet under a suffix", { .qname = "a.test" } },
	{ "the parent of a suffix", { .qname = "arpa" }, "a suffix of two labels", { .qname = "ipv4only.arpa" } },
	{ "another name under that parent", { .qname = "xipv4only.arpa" },
	  "a name under a suffix of two labels", { .qname = "x.ipv4only.arpa" } },
	{ "the labels in the other order", { .qname = "arpa.resolver" },
	  "the labels in mixed case", { .qname = "_dns.ReSoLvEr.ArPa" } },
	{ "a suffix of three labels without its first", { .qname = "google.internal" },
	  "a suffix of three labels", { .qname = "metadata.google.internal" } },
	{ "a suffix of three labels, drawn together", { .qname = "instance-dataec2.internal" },
	  "a name of sixteen labels under a suffix of three",
	  { .qname = "a.b.c.d.e.f.g.h.i.j.k.l.m.instance-data.ec2.internal" } },
	{ "a name of 127 labels", { .short_labels = 127 },
	  "a name of twenty labels under a suffix of one", { .qname = "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.localhost" } },
	{ "octets 32 apart that are not letters", { .raw_qname = OCTETS("\1a\4te[t\0") },
	  "letters 32 apart", { .raw_qname = OCTETS("\1a\4tEsT\0") } },
};

#endif
