/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The question parser: from the octets of a DNS message to what the decision needs of it, or to the
 * reason why the message is not a query that may be answered. Pure; the kernel and the tests compile
 * the same source.
 *
 * Offsets are in octets from the start of the DNS message. What a loop computes is kept in the work
 * area, not in a register: the verifier forgets the exact value there, so all the ways out of the
 * loop look alike to it and what follows is verified once.
 */
#ifndef STUBSIEVE_DNS_H
#define STUBSIEVE_DNS_H

#include "hash.h"

#define SIEVE_HEADER_SIZE 12     /* RFC 1035 section 4.1.1 */
#define SIEVE_NAME_MAX 255       /* RFC 1035 section 2.3.4, with the root label */
#define SIEVE_LABEL_MAX 63
#define SIEVE_LABELS 128         /* more than a name can have (127) */
#define SIEVE_QUESTION_TAIL 4    /* QTYPE and QCLASS */
#define SIEVE_QUESTION_END_MAX (SIEVE_HEADER_SIZE + SIEVE_NAME_MAX + SIEVE_QUESTION_TAIL)
#define SIEVE_RECORD_SIZE 10 /* of a record behind its owner's name: TYPE, CLASS, TTL, RDLENGTH */
#define SIEVE_OPT_SIZE 11        /* root owner, TYPE, CLASS, TTL, RDLENGTH (RFC 6891 section 6.1.2) */
#define SIEVE_OPTIONS_MAX 16     /* more than any stub resolver sends */
#define SIEVE_COOKIE_OPTION_MAX 44 /* OPTION-CODE, OPTION-LENGTH, 8 + 32 octets (RFC 7873 section 4) */

#define SIEVE_RANGES_MAX 16
#define SIEVE_LABEL_WORDS (SIEVE_RESPONSE_MAX / 64 + 1)

#define SIEVE_TYPE_OPT 41
#define SIEVE_TYPE_SVCB 64 /* RFC 9460 section 14.1 */
#define SIEVE_TYPE_HTTPS 65
#define SIEVE_CLASS_IN 1
#define SIEVE_OPTION_COOKIE 10

/* What the parser found. */
struct sieve_question {
	__u16 end;           /* offset behind the question: QNAME, QTYPE, QCLASS */
	__u16 labels;        /* of QNAME, without the root */
	__u16 cookie;        /* offset of a COOKIE option that has a server part, 0 if there is none */
	__u16 cookie_length; /* of that option with its code and length, 0 if there is none */
	__u8 family;         /* enum sieve_family that is asked for */
	__u8 edns;           /* 1: the query has an OPT record */
	__u8 dnssec;         /* 1: DO=1 */
	__u8 recursion_bits; /* the fourth octet of the header, for CD */
	__u8 cookies;        /* COOKIE options seen */
	__u8 reserved[3];
};

/* What the walk over a response's records found (response.h). */
struct sieve_cut {
	__u32 records;    /* still to come, in all sections */
	__u32 answers;    /* of these in the answer section */
	__u16 record;     /* offset of the record at hand */
	__u16 record_end; /* behind it */
	__u16 from;       /* offset of the first record that is to go; 0: none is */
	__u16 kept;       /* behind the last one that is */
	__u16 ranges;     /* of octets between those two, and behind, that stay */
	__u8 stays;       /* 1: there is an A or AAAA record in the answer section that stays */
	__u8 hints;       /* 1: there is an address hint (RFC 9460 section 7.3) */
	__u8 astray;      /* 1: a pointer leads to where no label of a known name begins */
	__u8 reserved[1];
	__u16 label;      /* offset of the last label of the name gone through last that ended in the root; 0: it has none */
	__u16 last_label; /* likewise of QNAME */
	__u16 root;       /* offset of QNAME's root */
	__u16 removed[SIEVE_FAMILIES]; /* records that are to go */
	__u16 range_from[SIEVE_RANGES_MAX], range_to[SIEVE_RANGES_MAX];
	__u64 labels[SIEVE_LABEL_WORDS]; /* a bit for each octet at which a label or pointer begins */
};

/* The work area of one packet: one in each CPU's map entry in the kernel, on the stack in a test. */
struct sieve_work {
	/*
	 * Behind the message there is room to read a field that is cut short, and for what the verifier holds possible
	 * of offsets and lengths.
	 */
	__u8 message[2 * SIEVE_RESPONSE_MAX + 64];
	__u32 length; /* of the message, at most SIEVE_MESSAGE_MAX; of a response SIEVE_RESPONSE_MAX */
	__u32 cursor; /* of the parser */
	__u32 facts;  /* enum sieve_fact, as far as they are known */
	__u32 names;  /* enum sieve_name of all suffixes of QNAME that are listed */
	struct sieve_question question;
	struct sieve_cut cut;
	struct sieve_prefix address; /* the address that is looked up in the map `coverage` */
	__u64 label_hash[SIEVE_LABELS]; /* of label 1, 2, ... of QNAME, from the left, in lower case */
};

SIEVE_INLINE __u16 sieve_get_u16(const struct sieve_work *work, __u32 offset)
{
#ifdef SIEVE_UNALIGNED
	return __builtin_bswap16(SIEVE_LOAD(__u16, &work->message[offset]));
#else
	return (__u16)(work->message[offset] << 8 | work->message[offset + 1]);
#endif
}

/*
 * Walk QNAME octet by octet: check its labels, remember the hash of each and where the question ends.
 * Compressed names and label types other than 00 end it (RFC 1035 section 4.1.4, RFC 6891 section 5).
 *
 * The body of the loop has one branch, its end: what differs between a length octet and the others is
 * chosen by a factor of 0 or 1. The verifier follows every branch of every turn, and with two it would give up.
 */
SIEVE_INLINE enum sieve_reason sieve_parse_name(struct sieve_work *work)
{
	__u64 hash = 0;
	__u32 left = 0; /* octets of the label that are still to come */
	__u32 labels = 0;

	work->question.end = 0;
	SIEVE_ROLLED
	for (__u32 i = 0; i < SIEVE_NAME_MAX; i++) {
		__u32 octet = work->message[SIEVE_HEADER_SIZE + i];
		__u32 starts = (left - 1) >> 31; /* 1 where the octet is a length, as left is 0; else 0 */

		if ((left | octet) == 0) {
			work->question.end = (__u16)(i + SIEVE_HEADER_SIZE + 1 + SIEVE_QUESTION_TAIL);
			break;
		}
		SIEVE_OPAQUE(starts); /* or the compiler makes branches of the factors */
		labels += starts;
		hash = sieve_hash(hash * (1 - starts), sieve_lower(octet));
		work->label_hash[labels & (SIEVE_LABELS - 1)] = hash;
		/* A length above 63 becomes one above 255, and no root label is found behind it. */
		left = left - 1 + (octet + 1 + ((octet & ~SIEVE_LABEL_MAX) << 2)) * starts;
	}
	SIEVE_FORGET();
	work->question.labels = (__u16)labels;
	return work->question.end ? SIEVE_REASON_NONE : SIEVE_REASON_name;
}

/* The 12 octets of the header (RFC 1035 section 4.1.1). */
SIEVE_INLINE enum sieve_reason sieve_parse_header(struct sieve_work *work)
{
	__u8 flags = work->message[2];

	if (work->length < SIEVE_HEADER_SIZE)
		return SIEVE_REASON_length;
	if (flags & 0x80) /* QR */
		return SIEVE_REASON_not_query;
	if (flags & 0x78) /* OPCODE */
		return SIEVE_REASON_opcode;
	if (flags & 0x02) /* TC */
		return SIEVE_REASON_truncated;
	if (!(flags & 0x01)) /* RD */
		return SIEVE_REASON_no_recursion;
	work->question.recursion_bits = work->message[3];

	if (sieve_get_u16(work, 4) != 1 || sieve_get_u16(work, 6) || sieve_get_u16(work, 8))
		return SIEVE_REASON_counts;
	if (sieve_get_u16(work, 10) > 1)
		return SIEVE_REASON_additional;
	return SIEVE_REASON_NONE;
}

/* One option at work->cursor, which is moved behind it. */
SIEVE_INLINE enum sieve_reason sieve_parse_option(struct sieve_work *work)
{
	__u32 offset = work->cursor;

	if (offset + 4 > work->length || offset > SIEVE_MESSAGE_MAX - 4)
		return SIEVE_REASON_edns;
	work->cursor = offset + 4 + sieve_get_u16(work, offset + 2);
	if (sieve_get_u16(work, offset) == SIEVE_OPTION_COOKIE) {
		work->question.cookie = (__u16)offset;
		work->question.cookies++;
	}
	return SIEVE_REASON_NONE;
}

/* A COOKIE is 8 octets, or 16 to 40 with the server's part (RFC 7873 section 4). */
SIEVE_INLINE bool sieve_cookie_is_sound(__u32 length)
{
	return length == 8 || (length >= 16 && length <= 40);
}

/* There is one COOKIE at the most; what is kept of it is one that knows the server. */
SIEVE_INLINE enum sieve_reason sieve_check_cookie(struct sieve_work *work)
{
	__u32 offset = work->question.cookie, length;

	if (work->question.cookies == 0)
		return SIEVE_REASON_NONE;
	if (work->question.cookies > 1 || offset > SIEVE_MESSAGE_MAX - 4)
		return SIEVE_REASON_edns;
	length = sieve_get_u16(work, offset + 2);
	if (!sieve_cookie_is_sound(length))
		return SIEVE_REASON_edns;
	if (length == 8)
		work->question.cookie = 0;
	else
		work->question.cookie_length = (__u16)(4 + length);
	return SIEVE_REASON_NONE;
}

/* The options of the OPT record: they must reach exactly to the message's end (RFC 6891 section 6.1.2). */
SIEVE_INLINE enum sieve_reason sieve_parse_options(struct sieve_work *work)
{
	SIEVE_ROLLED
	for (__u32 i = 0; i < SIEVE_OPTIONS_MAX; i++) {
		SIEVE_FORGET();
		if (work->cursor >= work->length)
			break;
		if (sieve_parse_option(work))
			return SIEVE_REASON_edns;
	}
	SIEVE_FORGET();
	return work->cursor == work->length ? sieve_check_cookie(work) : SIEVE_REASON_edns;
}

/* The only record a query may bring: OPT, version 0, owned by the root (RFC 6891 section 6.1). */
SIEVE_INLINE enum sieve_reason sieve_parse_opt(struct sieve_work *work, __u32 offset)
{
	__u32 end;

	if (offset + SIEVE_OPT_SIZE > work->length)
		return SIEVE_REASON_additional;
	if (work->message[offset] != 0 || sieve_get_u16(work, offset + 1) != SIEVE_TYPE_OPT)
		return SIEVE_REASON_additional;
	if (work->message[offset + 6] != 0) /* VERSION */
		return SIEVE_REASON_edns;
	work->question.edns = 1;
	work->question.dnssec = work->message[offset + 7] >> 7; /* DO (RFC 3225 section 3) */

	offset += SIEVE_OPT_SIZE;
	end = offset + sieve_get_u16(work, offset - 2);
	if (end > work->length)
		return SIEVE_REASON_edns;
	if (end < work->length)
		return SIEVE_REASON_trailing;
	work->cursor = offset;
	return sieve_parse_options(work);
}

/*
 * Parse work->message of work->length octets into work->question. SIEVE_REASON_NONE means: one
 * question for A or AAAA, well formed to the last octet. DO=1 is left to the decision.
 */
SIEVE_INLINE enum sieve_reason sieve_parse_query(struct sieve_work *work)
{
	struct sieve_question *question = &work->question;
	enum sieve_reason reason;
	__u32 end, type;

	reason = sieve_parse_header(work);
	if (reason)
		return reason;
	question->edns = 0;
	question->dnssec = 0;
	question->cookies = 0;
	question->cookie = 0;
	question->cookie_length = 0;

	reason = sieve_parse_name(work);
	if (reason)
		return reason;
	end = question->end;
	if (end > work->length || end > SIEVE_QUESTION_END_MAX || end < SIEVE_HEADER_SIZE)
		return SIEVE_REASON_name;
	if (sieve_get_u16(work, end - 2) != SIEVE_CLASS_IN)
		return SIEVE_REASON_class;
	type = sieve_get_u16(work, end - 4);
	if (type == SIEVE_TYPE_HTTPS || type == SIEVE_TYPE_SVCB)
		return SIEVE_REASON_service;
	if (type != SIEVE_TYPE_A && type != SIEVE_TYPE_AAAA)
		return SIEVE_REASON_type;
	question->family = type == SIEVE_TYPE_A ? SIEVE_IPV4 : SIEVE_IPV6;

	if (sieve_get_u16(work, 10) == 1)
		return sieve_parse_opt(work, end);
	return end == work->length ? SIEVE_REASON_NONE : SIEVE_REASON_trailing;
}

#endif
