/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Responses, for the host and for the kernel, planned as vectors.h plans queries: the usual one is that to AAAA of
 * www.example, with the records that its plan lists. They come in pairs: one from which addresses go, and its twin,
 * which stays octet for octet and is counted under the reason beside it.
 *
 * What has to be left of the first is built from its plan, without the records that go, by the same builder, which
 * knows nothing of how the filter goes about it.
 */
#ifndef TESTS_RESPONSES_H
#define TESTS_RESPONSES_H

#include <arpa/inet.h>
#include <sys/socket.h>

#include "vectors.h"

#define RECORDS_MAX 120
#define QNAME_OFFSET 12
#define RESPONSE_FLAGS (FLAG_QR | FLAG_RA) /* beside RD */

/* Addresses with and without a route: routed_prefixes. */
#define ROUTED4 "198.51.100.7"
#define ROUTED6 "2001:db8:c::7"
#define LOST4 "203.0.113.7"
#define LOST6 "2001:db8:bad::7"
#define MAPPED "::ffff:198.51.100.7"

enum owner {
	OWNER_QNAME,   /* a pointer to QNAME */
	OWNER_FULL,    /* `name` without compression */
	OWNER_LABEL,   /* one label, `name`, and a pointer to QNAME */
	OWNER_TARGET,  /* a pointer to the data of record `of`, counted from 1 */
	OWNER_OF,      /* a pointer to the owner of record `of` */
	OWNER_POINTER, /* a pointer to offset `of` */
	OWNER_RAW,     /* octets */
};

enum section {
	SECTION_ANSWER,
	SECTION_AUTHORITY,
	SECTION_ADDITIONAL,
	SECTIONS,
};

struct record_plan {
	enum owner owner;
	const char *name;
	__u16 of;
	struct octets raw;     /* the owner's */
	__u16 type;            /* 0: that of the address, or CNAME with a target */
	__u16 class;           /* 0: IN */
	__u32 ttl;             /* 0: 300 */
	const char *address;   /* the data: an address, */
	struct octets data;    /* or octets, */
	const char *target;    /* and a name behind them, */
	bool below_qname;      /* which ends with a pointer to QNAME */
	__u16 target_of;       /* or with one to the owner of that record, counted from 1 */
	struct octets more;    /* and octets behind it */
	int rdlength;          /* added to the true one */
	enum section section;
};

struct response_plan {
	struct message_plan question; /* its counts, tail and cut are the response's; flags are flipped */
	const struct record_plan *records;
	size_t count;
};

#define RECORDS(...)                                           \
	.records = (const struct record_plan[]){ __VA_ARGS__ }, \
	.count = sizeof((const struct record_plan[]){ __VA_ARGS__ }) / sizeof(struct record_plan)

/* Where the records of a message begin, and their data. */
struct layout {
	size_t record[RECORDS_MAX], data[RECORDS_MAX];
};

struct routed_prefix {
	const char *address;
	unsigned int length;
};

static const struct routed_prefix routed_prefixes[] = { { "198.51.100.0", 24 }, { "2001:db8:c::", 48 } };

/* No route leads there, yet the addresses stay: this host, its links, groups, and what is not assigned. */
static const struct routed_prefix needless_prefixes[] = {
	{ "0.0.0.0", 8 }, { "127.0.0.0", 8 }, { "169.254.0.0", 16 }, { "224.0.0.0", 3 },
	{ "::", 127 },    { "fe80::", 10 },   { "ff00::", 8 },
};

static inline int family_of(const char *text)
{
	return strchr(text, ':') ? AF_INET6 : AF_INET;
}

static inline size_t parse_address(const char *text, __u8 ret[16])
{
	assert(inet_pton(family_of(text), text, ret) == 1);
	return family_of(text) == AF_INET ? 4 : 16;
}

static inline bool is_within(const __u8 *address, size_t size, const struct routed_prefix *prefix)
{
	__u8 other[16];

	if (parse_address(prefix->address, other) != size)
		return false;
	for (unsigned int bit = 0; bit < prefix->length; bit++)
		if ((address[bit / 8] ^ other[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

static inline bool is_routed(const __u8 *address, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(routed_prefixes); i++)
		if (is_within(address, size, &routed_prefixes[i]))
			return true;
	return false;
}

static inline bool is_needless(const __u8 *address, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(needless_prefixes); i++)
		if (is_within(address, size, &needless_prefixes[i]))
			return true;
	return false;
}

static inline __u16 record_type(const struct record_plan *record)
{
	if (record->type)
		return record->type;
	if (record->address)
		return family_of(record->address) == AF_INET ? 1 : 28;
	return 5;
}

static inline bool is_address(const struct record_plan *record)
{
	return record->section == SECTION_ANSWER && record->address && (!record->class || record->class == 1) &&
	       (record_type(record) == 1 || record_type(record) == 28);
}

static inline bool record_goes(const struct record_plan *record)
{
	__u8 address[16];
	size_t size;

	if (!is_address(record))
		return false;
	size = parse_address(record->address, address);
	return !is_routed(address, size) && !is_needless(address, size);
}

static inline void put_pointer(struct message *message, size_t offset)
{
	put_u16(message, 0xc000 | (unsigned int)offset);
}

/* Labels without the root. */
static inline void put_labels(struct message *message, const char *name)
{
	put_name(message, name);
	message->length--;
}

static inline void put_owner(struct message *message, const struct record_plan *record, const struct layout *layout)
{
	switch (record->owner) {
	case OWNER_QNAME:
		put_pointer(message, QNAME_OFFSET);
		break;
	case OWNER_FULL:
		put_name(message, record->name);
		break;
	case OWNER_LABEL:
		put_labels(message, record->name);
		put_pointer(message, QNAME_OFFSET);
		break;
	case OWNER_TARGET:
		put_pointer(message, layout->data[record->of - 1]);
		break;
	case OWNER_OF:
		put_pointer(message, layout->record[record->of - 1]);
		break;
	case OWNER_POINTER:
		put_pointer(message, record->of);
		break;
	case OWNER_RAW:
		put_octets(message, record->raw.data, record->raw.length);
		break;
	}
}

static inline void put_data(struct message *message, const struct record_plan *record, const struct layout *layout)
{
	__u8 address[16];

	if (record->address) {
		put_octets(message, address, parse_address(record->address, address));
		return;
	}
	put_octets(message, record->data.data, record->data.length);
	if (record->target && !record->below_qname && !record->target_of) {
		put_name(message, record->target);
	} else if (record->target) {
		put_labels(message, record->target);
		put_pointer(message, record->below_qname ? QNAME_OFFSET : layout->record[record->target_of - 1]);
	}
	put_octets(message, record->more.data, record->more.length);
}

static inline void put_record(struct message *message, const struct record_plan *record, size_t index,
			      struct layout *layout)
{
	__u32 ttl = record->ttl ? record->ttl : 300;
	size_t rdlength;

	layout->record[index] = message->length;
	put_owner(message, record, layout);
	put_u16(message, record_type(record));
	put_u16(message, record->class ? record->class : 1);
	put_u16(message, ttl >> 16);
	put_u16(message, ttl & 0xffff);
	put_u16(message, 0);
	layout->data[index] = message->length;
	put_data(message, record, layout);
	rdlength = message->length - layout->data[index] + (size_t)record->rdlength;
	message->octets[layout->data[index] - 2] = (__u8)(rdlength >> 8);
	message->octets[layout->data[index] - 1] = (__u8)rdlength;
}

/* The message of a plan, or what is left of it `without` the addresses that go. Not all of a layout may be set. */
static inline void make_response(const struct response_plan *plan, bool without, struct message *ret,
				 struct layout *ret_layout)
{
	const struct message_plan *question = &plan->question;
	int counts[SECTIONS] = { question->ancount, question->nscount, question->arcount };

	memset(ret, 0, sizeof(*ret));
	put_u16(ret, 0xbe1f);
	put_u16(ret, (FLAG_RD | RESPONSE_FLAGS) ^ question->flags);
	put_u16(ret, (unsigned int)(1 + question->second_question + question->qdcount));
	ret->length = QNAME_OFFSET;
	put_question(ret, question);
	ret->question_end = ret->length;
	if (question->second_question)
		put_question(ret, question);
	for (size_t i = 0; i < plan->count; i++) {
		if (without && record_goes(&plan->records[i]))
			continue;
		put_record(ret, &plan->records[i], i, ret_layout);
		counts[plan->records[i].section]++;
	}
	for (int section = 0; section < SECTIONS; section++) {
		ret->octets[6 + 2 * section] = (__u8)(counts[section] >> 8);
		ret->octets[7 + 2 * section] = (__u8)counts[section];
	}
	put_octets(ret, question->tail.data, question->tail.length);
	ret->length -= question->cut;
}

/* What a plan from which something goes is counted as. */
static inline enum sieve_response wanted_response(const struct response_plan *plan)
{
	bool stays = false, goes = false;

	for (size_t i = 0; i < plan->count; i++) {
		goes |= record_goes(&plan->records[i]);
		stays |= is_address(&plan->records[i]) && !record_goes(&plan->records[i]);
	}
	if (!goes)
		return stays ? SIEVE_RESPONSE_covered : SIEVE_RESPONSE_no_address;
	return stays ? SIEVE_RESPONSE_filtered : SIEVE_RESPONSE_emptied;
}

static inline size_t count_removed(const struct response_plan *plan, int family)
{
	size_t removed = 0;

	for (size_t i = 0; i < plan->count; i++)
		removed += record_goes(&plan->records[i]) && family_of(plan->records[i].address) == family;
	return removed;
}

#define OPT_OF(flags, ...)                                                                                  \
	{ .owner = OWNER_RAW, .raw = OCTETS("\0"), .type = 41, .class = 1232, .ttl = (flags), \
	  .section = SECTION_ADDITIONAL, __VA_ARGS__ }
#define PLAIN_OPT OPT_OF(0x10000000, ) /* an extended RCODE, for the sake of a TTL */
#define TYPE_OF(number, ...) { .type = (number), .data = OCTETS("data of a type"), __VA_ARGS__ }
#define ALPN "\0\1\0\3\2h3"
#define IPV4HINT "\0\4\0\4\306\63\144\7"
#define IPV6HINT "\0\6\0\20\40\1\15\270\0\14\0\0\0\0\0\0\0\0\0\7"
#define NO_ALPN "\0\2\0\0"

struct response_pair {
	const char *phrase;
	struct response_plan plan;
	const char *twin_phrase;
	struct response_plan twin;
	enum sieve_response reason;
};

#include "response-pairs.h"

#endif
