/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The answer: NODATA, made of the query in place. Pure.
 *
 * Same ID and question, octet for octet. No SOA, so nothing may cache it (RFC 2308 section 5). OPT if
 * and only if the query had one (RFC 6891 section 6.1.1), with no option of the query but a COOKIE
 * that already knows the server, and with Extended DNS Error 17, Filtered (RFC 8914 section 4.18).
 */
#ifndef STUBSIEVE_ANSWER_H
#define STUBSIEVE_ANSWER_H

#include "dns.h"

#define SIEVE_UDP_SIZE 1232 /* our own, in the OPT record: no fragments on any link */
#define SIEVE_OPTION_EDE 15
#define SIEVE_EDE_FILTERED 17
#define SIEVE_EDE_TEXT "no IPv0 route" /* the family's digit is put in */
#define SIEVE_EDE_DIGIT 6
#define SIEVE_EDE_TEXT_LENGTH (sizeof(SIEVE_EDE_TEXT) - 1)
#define SIEVE_EDE_LENGTH (4 + 2 + SIEVE_EDE_TEXT_LENGTH)
#define SIEVE_ANSWER_MAX (SIEVE_QUESTION_END_MAX + SIEVE_OPT_SIZE + SIEVE_COOKIE_OPTION_MAX + SIEVE_EDE_LENGTH)

_Static_assert(SIEVE_ANSWER_MAX + 4 <= SIEVE_MESSAGE_MAX, "the longest answer fits where the query was");

SIEVE_INLINE void sieve_put_u16(struct sieve_work *work, __u32 offset, __u16 value)
{
	work->message[offset] = (__u8)(value >> 8);
	work->message[offset + 1] = (__u8)value;
}

SIEVE_INLINE void sieve_answer_header(struct sieve_work *work)
{
	work->message[2] = 0x80 | 0x01; /* QR, and RD, which every query here has */
	work->message[3] = 0x80 | (work->question.recursion_bits & 0x10); /* RA; AD=0; CD copied; NOERROR */
	sieve_put_u16(work, 10, work->question.edns);
}

/*
 * Move the COOKIE option to `offset`, which does not lie behind it. A fixed number of octets is copied,
 * so that the verifier has one way to follow; what is too much is overwritten.
 */
SIEVE_INLINE void sieve_answer_cookie(struct sieve_work *work, __u32 offset)
{
	__u32 cookie = work->question.cookie;

	if (cookie > SIEVE_MESSAGE_MAX)
		return;
	SIEVE_UNROLLED
	for (__u32 i = 0; i < SIEVE_COOKIE_OPTION_MAX; i++)
		work->message[offset + i] = work->message[cookie + i];
}

SIEVE_INLINE void sieve_answer_extended_error(struct sieve_work *work, __u32 offset)
{
	sieve_put_u16(work, offset, SIEVE_OPTION_EDE);
	sieve_put_u16(work, offset + 2, SIEVE_EDE_LENGTH - 4);
	sieve_put_u16(work, offset + 4, SIEVE_EDE_FILTERED);
	__builtin_memcpy(&work->message[offset + 6], SIEVE_EDE_TEXT, SIEVE_EDE_TEXT_LENGTH);
	work->message[offset + 6 + SIEVE_EDE_DIGIT] = work->question.family == SIEVE_IPV4 ? '4' : '6';
}

/* Everything of the OPT record but its options. */
SIEVE_INLINE void sieve_answer_opt(struct sieve_work *work, __u32 offset, __u16 options_length)
{
	work->message[offset] = 0;
	sieve_put_u16(work, offset + 1, SIEVE_TYPE_OPT);
	sieve_put_u16(work, offset + 3, SIEVE_UDP_SIZE);
	sieve_put_u16(work, offset + 5, 0); /* EXTENDED-RCODE, VERSION */
	sieve_put_u16(work, offset + 7, work->question.dnssec ? 0x8000 : 0);
	sieve_put_u16(work, offset + 9, options_length);
}

/*
 * Make the answer of the query in work->message, which sieve_parse_query() accepted. Sets and returns
 * work->length; four octets of zero follow the message.
 */
SIEVE_INLINE __u32 sieve_answer(struct sieve_work *work, const struct sieve_policy *policy)
{
	__u32 end = work->question.end, length = end;

	work->length = 0;
	if (end < SIEVE_HEADER_SIZE || end > SIEVE_QUESTION_END_MAX)
		return 0;
	if (work->question.edns) {
		__u32 cookie_length = work->question.cookie_length;

		length += SIEVE_OPT_SIZE;
		if (cookie_length > 0)
			sieve_answer_cookie(work, length);
		SIEVE_OPAQUE(cookie_length);
		length += cookie_length <= SIEVE_COOKIE_OPTION_MAX ? cookie_length : 0;
		if (policy->extended_error) {
			sieve_answer_extended_error(work, length);
			length += SIEVE_EDE_LENGTH;
		}
		sieve_answer_opt(work, end, (__u16)(length - end - SIEVE_OPT_SIZE));
	}
	sieve_answer_header(work);
	__builtin_memset(&work->message[length], 0, 4);
	work->length = length;
	return length;
}

#endif
