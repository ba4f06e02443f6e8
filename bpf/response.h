/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Responses, where `results` is `covered`: which A and AAAA records of the answer section are to go, because no route
 * leads to their address, and the message without them. Pure but for what whoever includes this defines:
 *
 *   bool sieve_is_covered(void *context, struct sieve_work *work, __u32 family, __u32 offset)
 *        does the address at that offset of the message stay?
 *   int  sieve_move(void *context, struct sieve_work *work, __u32 to, __u32 from, __u32 length)
 *        copy octets of the message as it came to an earlier offset in work->message; 0 or -1
 *   int  sieve_walk_name(void *context, struct sieve_work *work)
 *   int  sieve_walk_records(void *context, struct sieve_work *work)
 *   int  sieve_walk_label(void *context, struct sieve_work *work)
 *        call sieve_take_name(), sieve_take_records() and sieve_hash_label(): in the kernel by functions of their own,
 *        so that the verifier goes through them once, and not for each record or label
 *
 * `context` is what they need beside it: the caller's own.
 *
 * The rest of the message stays octet for octet. Records in the authority and additional sections stay, too: no stub
 * resolver takes addresses from there.
 */
#ifndef STUBSIEVE_RESPONSE_H
#define STUBSIEVE_RESPONSE_H

#include "dns.h"

/* As many as a message of compressed A records can hold. The length of the message bounds the work, too. */
#define SIEVE_RECORDS_MAX 96
#define SIEVE_RECORDS_AT_ONCE 4 /* more take the verifier longer, and are hardly faster */
#define SIEVE_NAME_LABELS_MAX 64 /* of a record's name: a reverse name of IPv6 has 34 */
#define SIEVE_PARAMETERS_MAX 12 /* of HTTPS: more than there are */
#define SIEVE_HEADER_AD 0x20

#define SIEVE_TYPE_NS 2
#define SIEVE_TYPE_CNAME 5
#define SIEVE_TYPE_PTR 12
#define SIEVE_TYPE_TXT 16
#define SIEVE_TYPE_SIG 24
#define SIEVE_TYPE_DNAME 39
#define SIEVE_TYPE_RRSIG 46
#define SIEVE_TYPE_TSIG 250

#define SIEVE_PARAMETER_IPV4HINT 4 /* RFC 9460 section 14.3.2; 6 is that of IPv6 */

static int sieve_walk_name(void *context, struct sieve_work *work);
static int sieve_walk_records(void *context, struct sieve_work *work);
static int sieve_walk_label(void *context, struct sieve_work *work);

/*
 * A pointer in a name that began at `start`. It leads backwards (RFC 1035 section 4.1.4), and to where a label of a
 * name in front of all that goes begins: such a name ends in front of it, too. Elsewhere could be read as a name what
 * is none, the header's counts or an address, of which the length of a label may lead into what goes.
 */
SIEVE_INLINE enum sieve_response sieve_take_pointer(struct sieve_work *work, __u32 start, __u32 at)
{
	struct sieve_cut *cut = &work->cut;
	__u32 target = sieve_get_u16(work, at) & 0x3fff;

	if (work->message[at] < 0xc0 || target >= start || target > SIEVE_RESPONSE_MAX)
		return SIEVE_RESPONSE_malformed;
	if (cut->from && target >= cut->from)
		return SIEVE_RESPONSE_compression;
	if (!(cut->labels[target / 64] & 1ULL << target % 64))
		cut->astray = 1;
	work->cursor = at + 2;
	return SIEVE_RESPONSE_NONE;
}

/* The name at work->cursor, which is moved behind it. It may be longer than a name can be: that changes nothing. */
SIEVE_INLINE enum sieve_response sieve_take_name(struct sieve_work *work)
{
	__u32 start = work->cursor, at = start, label = 0;

	SIEVE_ROLLED
	for (__u32 i = 0; i < SIEVE_NAME_LABELS_MAX; i++) {
		__u32 octet;

		if (at >= work->length || at > SIEVE_RESPONSE_MAX)
			return SIEVE_RESPONSE_malformed;
		work->cut.labels[at / 64] |= 1ULL << at % 64;
		octet = work->message[at];
		if (octet > SIEVE_LABEL_MAX)
			return sieve_take_pointer(work, start, at);
		if (octet == 0) {
			work->cut.label = (__u16)label;
			work->cursor = at + 1;
			return SIEVE_RESPONSE_NONE;
		}
		label = at;
		at += 1 + octet;
	}
	return SIEVE_RESPONSE_records;
}

/*
 * Addresses to which a host comes without a route of those that count, or which are no destinations but a sign: of
 * this host and its links, groups, and what lists of blocked names and of senders of mail answer with (0.0.0.0, ::,
 * 127.0.0.2). Network byte order; IPv4 in the first four octets.
 */
SIEVE_INLINE bool sieve_needs_no_route(const __u8 *address, __u32 family)
{
	__u32 others = 0;

	if (family == SIEVE_IPV4)
		return address[0] == 0 || address[0] == 127 || (address[0] == 169 && address[1] == 254) ||
		       address[0] >= 224;
	if (address[0] == 0xfe)
		return (address[1] & 0xc0) == 0x80; /* fe80::/10 */
	if (address[0] != 0)
		return address[0] == 0xff;
	SIEVE_UNROLLED
	for (__u32 i = 1; i < 15; i++)
		others |= address[i];
	return others == 0 && address[15] <= 1;
}

/* The record at hand goes. What lies between it and the one that went before stays. */
SIEVE_INLINE enum sieve_response sieve_remove_record(struct sieve_work *work, __u32 family)
{
	struct sieve_cut *cut = &work->cut;
	__u32 range = cut->ranges;

	if (!cut->from) {
		cut->from = cut->record;
	} else if (cut->kept < cut->record) {
		if (range >= SIEVE_RANGES_MAX - 1) /* one is left for what is behind the last */
			return SIEVE_RESPONSE_records;
		cut->range_from[range] = cut->kept;
		cut->range_to[range] = cut->record;
		cut->ranges = (__u16)(range + 1);
	}
	cut->kept = cut->record_end;
	cut->removed[family & 1]++;
	return SIEVE_RESPONSE_NONE;
}

/* An A or AAAA record of the answer section whose address is at `data`. */
SIEVE_INLINE enum sieve_response sieve_take_address(void *context, struct sieve_work *work, __u32 family, __u32 data)
{
	if (work->cut.record_end - data != (family == SIEVE_IPV4 ? 4 : 16))
		return SIEVE_RESPONSE_malformed;
	if (!sieve_is_covered(context, work, family, data) && !sieve_needs_no_route(&work->message[data], family))
		return sieve_remove_record(work, family);
	work->cut.stays = 1;
	return SIEVE_RESPONSE_NONE;
}

/* A name that is all of the data, or its beginning. */
SIEVE_INLINE enum sieve_response sieve_take_target(void *context, struct sieve_work *work, __u32 data)
{
	enum sieve_response response;

	work->cursor = data;
	response = sieve_walk_name(context, work);
	if (response)
		return response;
	return work->cursor == work->cut.record_end ? SIEVE_RESPONSE_NONE : SIEVE_RESPONSE_malformed;
}

/* HTTPS and SVCB (RFC 9460 section 2.2): SvcPriority, TargetName, parameters. */
SIEVE_INLINE enum sieve_response sieve_take_service(void *context, struct sieve_work *work, __u32 data)
{
	struct sieve_cut *cut = &work->cut;
	enum sieve_response response;

	work->cursor = data + 2;
	response = sieve_walk_name(context, work);
	if (response)
		return response;
	SIEVE_ROLLED
	for (__u32 i = 0; i < SIEVE_PARAMETERS_MAX; i++) {
		__u32 at, key;

		SIEVE_FORGET();
		at = work->cursor;
		if (at >= cut->record_end || at > SIEVE_RESPONSE_MAX)
			break;
		key = sieve_get_u16(work, at);
		cut->hints |= (key & ~2U) == SIEVE_PARAMETER_IPV4HINT; /* or of IPv6 */
		work->cursor = at + 4 + sieve_get_u16(work, at + 2);
	}
	SIEVE_FORGET();
	if (work->cursor < cut->record_end)
		return SIEVE_RESPONSE_records;
	return work->cursor == cut->record_end ? SIEVE_RESPONSE_NONE : SIEVE_RESPONSE_malformed;
}

/*
 * By the record's type: what its data may hold. Names in the data of other types than these could be compressed
 * (RFC 3597 section 4), so none may stand behind a record that goes. Nor may an A record of another class: CHAOS has
 * a name there.
 */
SIEVE_INLINE enum sieve_response sieve_take_data(void *context, struct sieve_work *work, __u32 type, __u32 data,
						 __u32 is_answer)
{
	switch (type) {
	case SIEVE_TYPE_A:
	case SIEVE_TYPE_AAAA:
		if (sieve_get_u16(work, data - 8) != SIEVE_CLASS_IN)
			break;
		if (!is_answer)
			return SIEVE_RESPONSE_NONE;
		return sieve_take_address(context, work, type == SIEVE_TYPE_A ? SIEVE_IPV4 : SIEVE_IPV6, data);
	case SIEVE_TYPE_RRSIG:
	case SIEVE_TYPE_SIG:
	case SIEVE_TYPE_TSIG:
		return SIEVE_RESPONSE_signed;
	case SIEVE_TYPE_OPT:
		return work->message[data - 4] & 0x80 ? SIEVE_RESPONSE_signed : SIEVE_RESPONSE_NONE; /* DO */
	case SIEVE_TYPE_NS:
	case SIEVE_TYPE_CNAME:
	case SIEVE_TYPE_PTR:
	case SIEVE_TYPE_DNAME:
		return sieve_take_target(context, work, data);
	case SIEVE_TYPE_HTTPS:
	case SIEVE_TYPE_SVCB:
		return sieve_take_service(context, work, data);
	case SIEVE_TYPE_TXT:
		return SIEVE_RESPONSE_NONE;
	}
	return work->cut.from ? SIEVE_RESPONSE_compression : SIEVE_RESPONSE_NONE;
}

/* The owner's name at work->cursor. That is a pointer mostly, for which there need not be another call. */
SIEVE_INLINE enum sieve_response sieve_take_owner(void *context, struct sieve_work *work)
{
	__u32 at = work->cursor;

	if (at >= work->length || at > SIEVE_RESPONSE_MAX)
		return SIEVE_RESPONSE_malformed;
	if (work->message[at] <= SIEVE_LABEL_MAX)
		return sieve_walk_name(context, work);
	work->cut.labels[at / 64] |= 1ULL << at % 64;
	return sieve_take_pointer(work, at, at);
}

/* The record at work->cursor, which is moved behind it. */
SIEVE_INLINE enum sieve_response sieve_take_record(void *context, struct sieve_work *work)
{
	struct sieve_cut *cut = &work->cut;
	__u32 end, data, record_end, is_answer;
	enum sieve_response response;

	cut->record = (__u16)work->cursor;
	response = sieve_take_owner(context, work);
	if (response)
		return response;
	end = work->cursor;
	data = end + SIEVE_RECORD_SIZE;
	if (data > work->length || end > SIEVE_RESPONSE_MAX)
		return SIEVE_RESPONSE_malformed;
	record_end = data + sieve_get_u16(work, end + 8);
	if (record_end > work->length)
		return SIEVE_RESPONSE_malformed;
	is_answer = cut->answers > 0;
	cut->answers -= is_answer;
	cut->records--;
	cut->record_end = (__u16)record_end;
	response = sieve_take_data(context, work, sieve_get_u16(work, end), data, is_answer);
	work->cursor = record_end;
	return response;
}

/* Some of the records that are left: a call for each would take a tenth of the time. */
SIEVE_INLINE enum sieve_response sieve_take_records(void *context, struct sieve_work *work)
{
	enum sieve_response response;

	SIEVE_ROLLED
	for (__u32 i = 0; i < SIEVE_RECORDS_AT_ONCE; i++) {
		SIEVE_FORGET();
		if (work->cut.records == 0)
			break;
		response = sieve_take_record(context, work);
		if (response)
			return response;
	}
	return SIEVE_RESPONSE_NONE;
}

/* The question: no name is before it, so a pointer in it leads nowhere. */
SIEVE_INLINE enum sieve_response sieve_take_question(void *context, struct sieve_work *work)
{
	enum sieve_response response;

	work->cursor = SIEVE_HEADER_SIZE;
	response = sieve_walk_name(context, work);
	if (response)
		return response;
	if (work->cut.astray || work->cursor > SIEVE_HEADER_SIZE + SIEVE_NAME_MAX)
		return SIEVE_RESPONSE_malformed;
	work->cut.last_label = work->cut.label;
	work->cut.root = (__u16)(work->cursor - 1);
	work->cursor += SIEVE_QUESTION_TAIL;
	return SIEVE_RESPONSE_NONE;
}

/* Walk over all records, from the end of the question to the end of the message. */
SIEVE_INLINE enum sieve_response sieve_walk(void *context, struct sieve_work *work)
{
	enum sieve_response response;

	SIEVE_ROLLED
	for (__u32 i = 0; i < SIEVE_RECORDS_MAX / SIEVE_RECORDS_AT_ONCE; i++) {
		SIEVE_FORGET();
		if (work->cut.records == 0)
			break;
		response = sieve_walk_records(context, work);
		if (response)
			return response;
	}
	SIEVE_FORGET();
	if (work->cut.records)
		return SIEVE_RESPONSE_records;
	return work->cursor == work->length ? SIEVE_RESPONSE_NONE : SIEVE_RESPONSE_malformed;
}

/* The header (RFC 1035 section 4.1.1): a response, whole and unsigned, to one question. */
SIEVE_INLINE enum sieve_response sieve_check_response(struct sieve_work *work)
{
	if ((work->message[2] & 0xf8) != 0x80) /* QR, OPCODE */
		return SIEVE_RESPONSE_not_response;
	if (work->message[2] & 0x02) /* TC */
		return SIEVE_RESPONSE_truncated;
	if (work->message[3] & SIEVE_HEADER_AD)
		return SIEVE_RESPONSE_signed;
	if (sieve_get_u16(work, 4) != 1)
		return SIEVE_RESPONSE_malformed;
	return sieve_get_u16(work, 6) ? SIEVE_RESPONSE_NONE : SIEVE_RESPONSE_no_address;
}

/*
 * Find in work->message of work->length octets, at least 12, what is to go: work->cut. NONE: something is.
 */
SIEVE_INLINE enum sieve_response sieve_parse_response(void *context, struct sieve_work *work)
{
	struct sieve_cut *cut = &work->cut;
	enum sieve_response response = sieve_check_response(work);

	if (response)
		return response;
	/* Of `labels` nothing is read behind the message, of the ranges nothing that was not written. */
	__builtin_memset(cut, 0, __builtin_offsetof(struct sieve_cut, range_from));
	SIEVE_ROLLED
	for (__u32 i = 0; i < SIEVE_LABEL_WORDS && i <= work->length / 64; i++)
		cut->labels[i] = 0;
	response = sieve_take_question(context, work);
	if (response)
		return response;
	cut->answers = sieve_get_u16(work, 6);
	cut->records = cut->answers + sieve_get_u16(work, 8) + sieve_get_u16(work, 10);
	response = sieve_walk(context, work);
	if (response)
		return response;
	if (cut->from)
		return cut->astray ? SIEVE_RESPONSE_compression : SIEVE_RESPONSE_NONE;
	if (cut->hints)
		return SIEVE_RESPONSE_hints;
	return cut->stays ? SIEVE_RESPONSE_covered : SIEVE_RESPONSE_no_address;
}

/* The hash of the label at work->cursor, which is moved behind it, as sieve_parse_name() has it. */
SIEVE_INLINE int sieve_hash_label(struct sieve_work *work)
{
	__u32 at = work->cursor, length;
	__u64 hash = 0;

	if (at > SIEVE_QUESTION_END_MAX)
		return 0;
	length = work->message[at];
	if (length == 0)
		return 0;
	SIEVE_ROLLED
	for (__u32 i = 0; i <= SIEVE_LABEL_MAX; i++) {
		if (i > length)
			break;
		hash = sieve_hash(hash, sieve_lower(work->message[at + i]));
	}
	work->question.labels++;
	work->label_hash[work->question.labels & (SIEVE_LABELS - 1)] = hash;
	work->cursor = at + 1 + length;
	return 1;
}

/* The hashes of QNAME's labels, which sieve_parse_response() has gone through, for those who look it up. */
SIEVE_INLINE void sieve_hash_question(void *context, struct sieve_work *work)
{
	work->question.labels = 0;
	work->cursor = SIEVE_HEADER_SIZE;
	SIEVE_ROLLED
	for (__u32 i = 0; i < SIEVE_NAME_LABELS_MAX; i++)
		if (!sieve_walk_label(context, work))
			break;
}

/*
 * Take out what sieve_parse_response() found: sets work->length and ANCOUNT. Octets in front of cut.from stay, but for
 * ANCOUNT; four octets of zero follow the message. 0 or -1, with the message spoilt.
 */
SIEVE_INLINE int sieve_cut_response(void *context, struct sieve_work *work)
{
	struct sieve_cut *cut = &work->cut;
	__u32 answers = sieve_get_u16(work, 6) - cut->removed[SIEVE_IPV4] - cut->removed[SIEVE_IPV6];
	__u32 ranges = cut->ranges;

	if (ranges >= SIEVE_RANGES_MAX)
		return -1;
	cut->range_from[ranges] = cut->kept;
	cut->range_to[ranges] = (__u16)work->length;
	work->length = cut->from;
	SIEVE_ROLLED
	for (__u32 i = 0; i < SIEVE_RANGES_MAX; i++) {
		__u32 from, length;

		SIEVE_FORGET();
		if (i > cut->ranges)
			break;
		from = cut->range_from[i];
		length = cut->range_to[i] - from;
		if (length == 0) /* nothing is behind the last */
			break;
		if (sieve_move(context, work, work->length, from, length))
			return -1;
		work->length += length;
	}
	SIEVE_FORGET();
	if (work->length > SIEVE_RESPONSE_MAX)
		return -1;
	__builtin_memset(&work->message[work->length], 0, 4);
	work->message[6] = (__u8)(answers >> 8);
	work->message[7] = (__u8)answers;
	return 0;
}

#endif
