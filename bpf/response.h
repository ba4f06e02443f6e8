/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Responses, where `results` is `covered`: which A and AAAA records of the answer section are to go, because no route
 * leads to their address, and the message without them. Pure but for two functions that whoever includes this has
 * defined before:
 *
 *   bool sieve_is_covered(void *context, struct sieve_work *work, __u32 family, __u32 offset)
 *        does the address at that offset of the message stay?
 *   int  sieve_move(void *context, struct sieve_work *work, __u32 to, __u32 from, __u32 length)
 *        copy octets of the message as it came to an earlier offset in work->message; 0 or -1
 *
 * `context` is what they need beside it: the caller's own.
 *
 * The rest of the message stays octet for octet. Records in the authority and additional sections stay, too: no stub
 * resolver takes addresses from there.
 */
#ifndef STUBSIEVE_RESPONSE_H
#define STUBSIEVE_RESPONSE_H

#include "dns.h"

/* A step of the walk takes a label, the rest of a record, or a parameter of HTTPS. */
#define SIEVE_STEPS 80
#define SIEVE_HEADER_AD 0x20

#define SIEVE_TYPE_NS 2
#define SIEVE_TYPE_CNAME 5
#define SIEVE_TYPE_PTR 12
#define SIEVE_TYPE_TXT 16
#define SIEVE_TYPE_SIG 24
#define SIEVE_TYPE_DNAME 39
#define SIEVE_TYPE_RRSIG 46
#define SIEVE_TYPE_TSIG 250

#define SIEVE_PARAMETER_IPV4HINT 4 /* RFC 9460 section 14.3.2 */
#define SIEVE_PARAMETER_IPV6HINT 6

/* Where in a record the walk is. */
enum sieve_place {
	SIEVE_PLACE_OWNER = 0, /* in the owner's name */
	SIEVE_PLACE_NAME,      /* in a name that is all of RDATA */
	SIEVE_PLACE_TARGET,    /* in the TargetName of HTTPS or SVCB */
	SIEVE_PLACE_PARAMETER, /* at one of its parameters */
};

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
	if (sieve_get_u16(work, data - 8) != SIEVE_CLASS_IN)
		return SIEVE_RESPONSE_NONE;
	if (work->cut.record_end - data != (family == SIEVE_IPV4 ? 4 : 16))
		return SIEVE_RESPONSE_malformed;
	work->cut.addresses = 1;
	if (sieve_is_covered(context, work, family, data))
		return SIEVE_RESPONSE_NONE;
	return sieve_remove_record(work, family);
}

/*
 * By the record's type: what its data may hold. Names in the data of other types than these could be compressed
 * (RFC 3597 section 4), so none may stand behind a record that goes.
 */
SIEVE_INLINE enum sieve_response sieve_take_data(void *context, struct sieve_work *work, __u32 type, __u32 data,
						 __u32 is_answer)
{
	struct sieve_cut *cut = &work->cut;

	switch (type) {
	case SIEVE_TYPE_A:
		return is_answer ? sieve_take_address(context, work, SIEVE_IPV4, data) : SIEVE_RESPONSE_NONE;
	case SIEVE_TYPE_AAAA:
		return is_answer ? sieve_take_address(context, work, SIEVE_IPV6, data) : SIEVE_RESPONSE_NONE;
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
		cut->place = SIEVE_PLACE_NAME;
		work->cursor = data;
		return SIEVE_RESPONSE_NONE;
	case SIEVE_TYPE_HTTPS:
	case SIEVE_TYPE_SVCB:
		cut->place = SIEVE_PLACE_TARGET;
		work->cursor = data + 2; /* SvcPriority */
		return SIEVE_RESPONSE_NONE;
	case SIEVE_TYPE_TXT:
		return SIEVE_RESPONSE_NONE;
	default:
		return cut->from ? SIEVE_RESPONSE_compression : SIEVE_RESPONSE_NONE;
	}
}

/* The owner's name ends at `end`. */
SIEVE_INLINE enum sieve_response sieve_take_record(void *context, struct sieve_work *work, __u32 end)
{
	struct sieve_cut *cut = &work->cut;
	__u32 data = end + SIEVE_RECORD_SIZE, record_end, is_answer;

	if (data > work->length || end > SIEVE_RESPONSE_MAX)
		return SIEVE_RESPONSE_malformed;
	record_end = data + sieve_get_u16(work, end + 8);
	if (record_end > work->length)
		return SIEVE_RESPONSE_malformed;
	is_answer = cut->answers > 0;
	cut->answers -= is_answer;
	cut->records--;
	cut->record_end = (__u16)record_end;
	cut->place = SIEVE_PLACE_OWNER;
	work->cursor = record_end;
	return sieve_take_data(context, work, sieve_get_u16(work, end), data, is_answer);
}

/* A name ends at `end`: that of the owner, or one in the data. */
SIEVE_INLINE enum sieve_response sieve_end_name(void *context, struct sieve_work *work, __u32 end)
{
	struct sieve_cut *cut = &work->cut;

	if (cut->place == SIEVE_PLACE_OWNER)
		return sieve_take_record(context, work, end);
	if (cut->place == SIEVE_PLACE_NAME) {
		cut->place = SIEVE_PLACE_OWNER;
		work->cursor = cut->record_end;
		return end == cut->record_end ? SIEVE_RESPONSE_NONE : SIEVE_RESPONSE_malformed;
	}
	cut->place = SIEVE_PLACE_PARAMETER;
	work->cursor = end;
	return SIEVE_RESPONSE_NONE;
}

/* A parameter of HTTPS or SVCB (RFC 9460 section 2.2), or the end of the record. */
SIEVE_INLINE enum sieve_response sieve_step_parameter(struct sieve_work *work, __u32 at)
{
	__u32 key = sieve_get_u16(work, at);

	if (at == work->cut.record_end) {
		work->cut.place = SIEVE_PLACE_OWNER;
		return SIEVE_RESPONSE_NONE;
	}
	if (key == SIEVE_PARAMETER_IPV4HINT || key == SIEVE_PARAMETER_IPV6HINT)
		work->cut.hints = 1;
	work->cursor = at + 4 + sieve_get_u16(work, at + 2);
	return work->cursor > work->cut.record_end ? SIEVE_RESPONSE_malformed : SIEVE_RESPONSE_NONE;
}

/* A label, a pointer or the root label of a name. Pointers lead backwards, and not behind a record that goes. */
SIEVE_INLINE enum sieve_response sieve_step_name(void *context, struct sieve_work *work, __u32 at)
{
	__u32 octet = work->message[at], target;

	if (octet == 0)
		return sieve_end_name(context, work, at + 1);
	if (octet <= SIEVE_LABEL_MAX) {
		work->cursor = at + 1 + octet;
		return SIEVE_RESPONSE_NONE;
	}
	if (octet < 0xc0)
		return SIEVE_RESPONSE_malformed;
	target = sieve_get_u16(work, at) & 0x3fff;
	if (target >= at)
		return SIEVE_RESPONSE_malformed;
	if (work->cut.from && target >= work->cut.from)
		return SIEVE_RESPONSE_compression;
	return sieve_end_name(context, work, at + 2);
}

SIEVE_INLINE enum sieve_response sieve_step(void *context, struct sieve_work *work)
{
	__u32 at = work->cursor;

	if (at > work->length || at > SIEVE_RESPONSE_MAX)
		return SIEVE_RESPONSE_malformed;
	if (work->cut.place == SIEVE_PLACE_PARAMETER)
		return sieve_step_parameter(work, at);
	return sieve_step_name(context, work, at);
}

/* Walk over all records, from the end of the question to the end of the message. */
SIEVE_INLINE enum sieve_response sieve_walk(void *context, struct sieve_work *work)
{
	struct sieve_cut *cut = &work->cut;
	enum sieve_response response;

	SIEVE_ROLLED
	for (__u32 i = 0; i < SIEVE_STEPS; i++) {
		SIEVE_FORGET();
		if (cut->place == SIEVE_PLACE_OWNER && work->cursor >= cut->record_end) { /* between two records */
			if (cut->records == 0)
				break;
			cut->record = (__u16)work->cursor;
			cut->record_end = 0xffff;
		}
		response = sieve_step(context, work);
		if (response)
			return response;
	}
	SIEVE_FORGET();
	if (cut->records || cut->place != SIEVE_PLACE_OWNER)
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
	if (sieve_parse_name(work))
		return SIEVE_RESPONSE_malformed;
	cut->answers = sieve_get_u16(work, 6);
	cut->records = cut->answers + sieve_get_u16(work, 8) + sieve_get_u16(work, 10);
	cut->record_end = 0;
	cut->from = cut->ranges = 0;
	cut->place = SIEVE_PLACE_OWNER;
	cut->addresses = cut->hints = 0;
	cut->removed[SIEVE_IPV4] = cut->removed[SIEVE_IPV6] = 0;
	work->cursor = work->question.end;
	response = sieve_walk(context, work);
	if (response)
		return response;
	if (cut->from)
		return SIEVE_RESPONSE_NONE;
	if (cut->hints)
		return SIEVE_RESPONSE_hints;
	return cut->addresses ? SIEVE_RESPONSE_covered : SIEVE_RESPONSE_no_address;
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
