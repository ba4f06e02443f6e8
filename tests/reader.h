/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A reader that shares nothing with the filter: from a message to its records, with names in full. */
#ifndef TESTS_READER_H
#define TESTS_READER_H

#include <string.h>

#include "vectors.h"

struct text {
	__u8 octets[2048]; /* a name that pointers make longer than one can be is as long as its message */
	size_t length;
};

struct read_record {
	struct text owner, data;
	unsigned int type, class, ttl, section;
	const __u8 *rdata;
	size_t rdlength;
};

struct reading {
	struct text qname;
	unsigned int counts[4];
	struct read_record records[160];
	size_t count;
};

/* Returns the offset behind the name, 0 if there is none; a name that leads nowhere is that as well. */
static inline size_t read_name(const struct message *message, size_t at, struct text *ret)
{
	size_t end = 0;

	ret->length = 0;
	for (int steps = 0; steps < 300; steps++) {
		size_t length;

		if (at >= message->length)
			return 0;
		length = message->octets[at];
		if (length == 0)
			return end ? end : at + 1;
		if (length < 64) {
			if (at + 1 + length >= message->length || ret->length + length + 1 > sizeof(ret->octets))
				return 0;
			memcpy(&ret->octets[ret->length], &message->octets[at], length + 1);
			ret->length += length + 1;
			at += length + 1;
			continue;
		}
		if (length < 192 || at + 1 >= message->length)
			return 0;
		end = end ? end : at + 2;
		at = (length - 192) * 256 + message->octets[at + 1];
	}
	ret->length = 1; /* a loop: what is all alike, whatever it leads through */
	ret->octets[0] = 255;
	return end;
}

static inline unsigned int read_u16(const struct message *message, size_t at)
{
	return message->octets[at] * 256U + message->octets[at + 1];
}

static inline bool has_name(unsigned int type)
{
	return type == 2 || type == 5 || type == 12 || type == 39;
}

static inline size_t read_record(const struct message *message, size_t at, struct read_record *ret)
{
	size_t end = read_name(message, at, &ret->owner);

	if (end == 0 || end + 10 > message->length)
		return 0;
	ret->type = read_u16(message, end);
	ret->class = read_u16(message, end + 2);
	ret->ttl = read_u16(message, end + 4) << 16 | read_u16(message, end + 6);
	ret->rdlength = read_u16(message, end + 8);
	ret->rdata = &message->octets[end + 10];
	if (end + 10 + ret->rdlength > message->length)
		return 0;
	ret->data.length = 0;
	if (has_name(ret->type))
		read_name(message, end + 10, &ret->data);
	return end + 10 + ret->rdlength;
}

/* Returns false if it is no message. */
static inline bool read_message(const struct message *message, struct reading *ret)
{
	size_t at, left;

	ret->count = 0;
	if (message->length < 12)
		return false;
	for (size_t i = 0; i < 4; i++)
		ret->counts[i] = read_u16(message, 4 + 2 * i);
	if (ret->counts[0] != 1)
		return false;
	at = read_name(message, 12, &ret->qname);
	if (at == 0 || at + 4 > message->length)
		return false;
	at += 4;
	for (unsigned int section = 1; section < 4; section++)
		for (left = ret->counts[section]; left > 0; left--) {
			if (ret->count == ARRAY_SIZE(ret->records))
				return false;
			ret->records[ret->count].section = section;
			at = read_record(message, at, &ret->records[ret->count]);
			if (at == 0)
				return false;
			ret->count++;
		}
	return at == message->length;
}

static inline bool same_text(const struct text *one, const struct text *other)
{
	return one->length == other->length && memcmp(one->octets, other->octets, one->length) == 0;
}

static inline bool same_record(const struct read_record *one, const struct read_record *other)
{
	if (!same_text(&one->owner, &other->owner) || !same_text(&one->data, &other->data))
		return false;
	return one->type == other->type && one->class == other->class && one->ttl == other->ttl &&
	       one->section == other->section && one->rdlength == other->rdlength &&
	       memcmp(one->rdata, other->rdata, one->rdlength) == 0;
}

/* DESIGN section 6: signed responses are left alone. */
static inline bool is_signed(const struct message *message, const struct reading *reading)
{
	if (message->octets[3] & 0x20) /* AD */
		return true;
	for (size_t i = 0; i < reading->count; i++) {
		const struct read_record *record = &reading->records[i];

		if (record->type == 46 || record->type == 24 || record->type == 250 ||
		    (record->type == 41 && record->ttl & 0x8000))
			return true;
	}
	return false;
}

/* Is it an A or AAAA record among the answers, of whose address the caller says that it has no route? */
typedef bool address_judge(const __u8 *address, size_t size, const void *context);

static inline bool is_lost(const struct read_record *record, address_judge *has_no_route, const void *context)
{
	size_t size = record->type == 1 ? 4 : record->type == 28 ? 16 : 0;

	return record->section == 1 && record->class == 1 && size > 0 && record->rdlength == size &&
	       has_no_route(record->rdata, size, context);
}

/*
 * What is wrong with `after`, which is to be `before` without the records that are lost; NULL: nothing. That it was
 * `before` that should lose them, too. What was read of them is left in ret_before and ret_after.
 */
static inline const char *remains_fault(const struct message *before, const struct message *after,
					address_judge *has_no_route, const void *context, struct reading *ret_before,
					struct reading *ret_after)
{
	size_t next = 0, gone = 0;

	if (!read_message(before, ret_before) || (before->octets[2] & 0xfa) != 0x80)
		return "it was no whole response to a query";
	if (is_signed(before, ret_before))
		return "it was signed";
	if (!read_message(after, ret_after))
		return "what is left is no message";
	if (memcmp(before->octets, after->octets, 6) != 0 || !same_text(&ret_before->qname, &ret_after->qname) ||
	    ret_before->counts[2] != ret_after->counts[2] || ret_before->counts[3] != ret_after->counts[3])
		return "the header or the question is another";
	for (size_t i = 0; i < ret_before->count; i++) {
		if (is_lost(&ret_before->records[i], has_no_route, context)) {
			gone++;
			continue;
		}
		if (next == ret_after->count || !same_record(&ret_before->records[i], &ret_after->records[next++]))
			return "a record that has to stay is not there as it was";
	}
	if (next != ret_after->count || gone == 0 || ret_after->counts[1] + gone != ret_before->counts[1])
		return "records are there that have to go, or ANCOUNT is wrong";
	return NULL;
}

#endif
