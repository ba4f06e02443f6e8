/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The response filter (bpf/response.h), judged by a reader of our own (tests/reader.h) and by ldns. The input is an
 * octet that says which addresses have a route, and a message.
 */
#include <ldns/ldns.h>

#include "fuzz.h"
#include "leaks.h"
#include "responses.h"
#include "reader.h"
#include "dns.h"

/* The message as it came, as the kernel has it in the packet. */
struct context {
	struct message message;
	uint8_t salt; /* 0: the routes of responses.h */
};

static bool has_route(const struct context *context, const uint8_t *address, size_t size)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	unsigned int mixed = context->salt;

	if (size == 16 && memcmp(address, mapped, sizeof(mapped)) == 0)
		return false;
	if (!context->salt)
		return is_routed(address, size);
	for (size_t i = 0; i < size; i++)
		mixed = mixed * 31 + address[i];
	return mixed >> 3 & 1;
}

static bool sieve_is_covered(void *data, struct sieve_work *work, __u32 family, __u32 offset)
{
	const struct context *context = data;
	size_t size = family == SIEVE_IPV4 ? 4 : 16;

	(void)work;
	must(offset >= 12 && offset + size <= context->message.length, "an address at %u", offset);
	return has_route(context, &context->message.octets[offset], size);
}

static int sieve_move(void *data, struct sieve_work *work, __u32 to, __u32 from, __u32 length)
{
	const struct context *context = data;

	must(from > to && length > 0 && from + length <= context->message.length, "move %u from %u to %u", length, from,
	     to);
	memcpy(&work->message[to], &context->message.octets[from], length);
	return 0;
}

#include "response.h"

static int sieve_walk_name(void *context, struct sieve_work *work)
{
	(void)context;
	return (int)sieve_take_name(work);
}

static int sieve_walk_records(void *context, struct sieve_work *work)
{
	return (int)sieve_take_records(context, work);
}

static int sieve_walk_label(void *context, struct sieve_work *work)
{
	(void)context;
	return sieve_hash_label(work);
}

/* As the kernel does: find what goes and take it out. What is left is in `ret_after`. */
static enum sieve_response filter(struct context *context, int stale, struct sieve_work *work,
				  struct message *ret_after)
{
	const struct message *message = &context->message;
	enum sieve_response response;

	memset(work, stale, sizeof(*work));
	work->length = (uint32_t)message->length;
	memcpy(work->message, message->octets, message->length);
	memset(&work->message[message->length], 0, 4);
	response = sieve_parse_response(context, work);
	must(response < SIEVE_RESPONSES, "response %u", response);
	if (response) {
		must(memcmp(work->message, message->octets, message->length) == 0, "what stays was changed");
		return response;
	}
	must(sieve_cut_response(context, work) == 0, "what was found cannot be cut");
	must(work->length >= 12 && work->length < message->length, "%u octets are left", work->length);
	must(memcmp(&work->message[work->length], "\0\0\0", 4) == 0, "no zeros behind what is left");
	ret_after->length = work->length;
	memset(ret_after->octets, 0, sizeof(ret_after->octets));
	memcpy(ret_after->octets, work->message, work->length);
	return SIEVE_RESPONSE_NONE;
}

static bool has_no_route(const uint8_t *address, size_t size, const void *context)
{
	return !has_route(context, address, size) && !is_needless(address, size);
}

static struct reading old, new;

/* All that must not go is there, in order, and nothing else. */
static void check_remains(const struct context *context, const struct message *after)
{
	const char *fault = remains_fault(&context->message, after, has_no_route, context, &old, &new);

	must(!fault, "%s", fault);
}

static bool goes_to_ldns(const struct context *context, ldns_rr *record)
{
	const ldns_rdf *address = ldns_rr_rdf(record, 0);
	ldns_rr_type type = ldns_rr_get_type(record);
	size_t size = type == LDNS_RR_TYPE_A ? 4 : 16;

	if ((type != LDNS_RR_TYPE_A && type != LDNS_RR_TYPE_AAAA) || ldns_rr_get_class(record) != LDNS_RR_CLASS_IN)
		return false;
	return ldns_rdf_size(address) == size && has_no_route(ldns_rdf_data(address), size, context);
}

/* Types in whose data the filter follows names. */
static bool is_looked_into(ldns_rr_type type)
{
	return type == LDNS_RR_TYPE_NS || type == LDNS_RR_TYPE_CNAME || type == LDNS_RR_TYPE_PTR ||
	       type == LDNS_RR_TYPE_DNAME || type == LDNS_RR_TYPE_HTTPS || type == LDNS_RR_TYPE_SVCB;
}

/* Data in which no name can be, too. */
static bool is_understood(unsigned int type)
{
	return is_looked_into(type) || type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_AAAA ||
	       type == LDNS_RR_TYPE_TXT || type == LDNS_RR_TYPE_OPT;
}

static bool all_are_understood(const struct reading *reading)
{
	for (size_t i = 0; i < reading->count; i++)
		if (!is_understood(reading->records[i].type) ||
		    (reading->records[i].class != 1 && reading->records[i].type != LDNS_RR_TYPE_OPT))
			return false;
	return true;
}

/*
 * Data of other types is compared by the other reader alone, octet by octet. There can be pointers in it that lead
 * forward, or into the header, whose ANCOUNT changes: neither is a name (RFC 1035 section 4.1.4), but ldns makes one of
 * it, and another one, or none, behind the cut.
 */
static bool is_same_to_ldns(ldns_rr *one, ldns_rr *other)
{
	if (is_looked_into(ldns_rr_get_type(one)))
		return ldns_rr_compare(one, other) == 0 && ldns_rr_ttl(one) == ldns_rr_ttl(other);
	return ldns_rr_get_type(one) == ldns_rr_get_type(other) && ldns_rr_get_class(one) == ldns_rr_get_class(other) &&
	       ldns_rr_ttl(one) == ldns_rr_ttl(other) &&
	       ldns_rdf_compare(ldns_rr_owner(one), ldns_rr_owner(other)) == 0;
}

static void check_answers_with_ldns(const struct context *context, const ldns_rr_list *before,
				    const ldns_rr_list *behind)
{
	size_t next = 0;

	for (size_t i = 0; i < ldns_rr_list_rr_count(before); i++) {
		ldns_rr *record = ldns_rr_list_rr(before, i);

		if (goes_to_ldns(context, record))
			continue;
		must(next < ldns_rr_list_rr_count(behind) && is_same_to_ldns(record, ldns_rr_list_rr(behind, next)),
		     "ldns: answer %zu", i);
		next++;
	}
	must(next == ldns_rr_list_rr_count(behind), "ldns: %zu answers, not %zu", ldns_rr_list_rr_count(behind), next);
}

static void check_same_with_ldns(const char *section, const ldns_rr_list *before, const ldns_rr_list *behind)
{
	must(ldns_rr_list_rr_count(before) == ldns_rr_list_rr_count(behind), "ldns: %s", section);
	for (size_t i = 0; i < ldns_rr_list_rr_count(before); i++)
		must(is_same_to_ldns(ldns_rr_list_rr(before, i), ldns_rr_list_rr(behind, i)), "ldns: %s, record %zu",
		     section, i);
}

/*
 * Where the data of a type that ldns knows is longer than what it understands of it, its next record begins within this
 * one, and not where RDLENGTH says (1.8.3): of such a message it has no opinion.
 */
static bool ldns_keeps_step(const struct message *message)
{
	size_t at = 12;
	ldns_rr *record;

	if (ldns_wire2rr(&record, message->octets, message->length, &at, LDNS_SECTION_QUESTION) != LDNS_STATUS_OK)
		return false;
	ldns_rr_free(record);
	for (size_t i = 0; i < old.count; i++) {
		if (ldns_wire2rr(&record, message->octets, message->length, &at, LDNS_SECTION_ANSWER) != LDNS_STATUS_OK)
			return false;
		ldns_rr_free(record);
		if (&message->octets[at] != old.records[i].rdata + old.records[i].rdlength)
			return false;
	}
	return true;
}

/*
 * ldns looks into the data of more types than the filter, and refuses what is not sound there. What it takes before
 * the cut it must take behind it.
 */
static void check_with_ldns(const struct context *context, const struct message *after)
{
	ldns_pkt *before = NULL, *behind = NULL;

	if (ldns_wire2pkt(&before, context->message.octets, context->message.length) != LDNS_STATUS_OK)
		return;
	if (!ldns_keeps_step(&context->message)) {
		ldns_pkt_free(before);
		return;
	}
	if (ldns_wire2pkt(&behind, after->octets, after->length) != LDNS_STATUS_OK) {
		must(!all_are_understood(&old), "ldns cannot read what is left");
		ldns_pkt_free(before);
		return;
	}
	must(ldns_pkt_id(before) == ldns_pkt_id(behind) && ldns_pkt_get_rcode(before) == ldns_pkt_get_rcode(behind) &&
	     ldns_pkt_edns_do(before) == ldns_pkt_edns_do(behind) && ldns_pkt_edns(before) == ldns_pkt_edns(behind) &&
	     ldns_pkt_edns_udp_size(before) == ldns_pkt_edns_udp_size(behind), "ldns: header or OPT");
	check_same_with_ldns("question", ldns_pkt_question(before), ldns_pkt_question(behind));
	check_answers_with_ldns(context, ldns_pkt_answer(before), ldns_pkt_answer(behind));
	check_same_with_ldns("authority", ldns_pkt_authority(before), ldns_pkt_authority(behind));
	check_same_with_ldns("additional", ldns_pkt_additional(before), ldns_pkt_additional(behind));
	ldns_pkt_free(before);
	ldns_pkt_free(behind);
}

/* What stands in names of QNAME is looked up as for queries. */
static void check_hashes(const struct message *message, struct sieve_work *work)
{
	static struct sieve_work query;

	memset(&query, 0x5a, sizeof(query));
	memcpy(query.message, message->octets, message->length);
	must(sieve_parse_name(&query) == SIEVE_REASON_NONE, "QNAME is no name");
	sieve_hash_question(NULL, work);
	if (query.question.labels > SIEVE_NAME_LABELS_MAX)
		return;
	must(work->question.labels == query.question.labels, "%u labels, not %u", work->question.labels,
	     query.question.labels);
	must(memcmp(&work->label_hash[1], &query.label_hash[1], query.question.labels * sizeof(uint64_t)) == 0,
	     "the hash of a label");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct message after, again;
	static struct sieve_work work;
	static struct context context;
	struct input input = { data, size };
	enum sieve_response response;

	context.salt = take_u8(&input);
	if (input.size < SIEVE_HEADER_SIZE || input.size > SIEVE_RESPONSE_MAX)
		return -1;
	memset(&context.message, 0, sizeof(context.message));
	put_octets(&context.message, input.data, input.size);
	response = filter(&context, 0xff, &work, &again);
	must(filter(&context, 0, &work, &after) == response, "what is behind the message matters");
	if (response)
		return 0;
	must(after.length == again.length && memcmp(after.octets, again.octets, after.length) == 0,
	     "what is behind the message is in it");
	check_remains(&context, &after);
	check_with_ldns(&context, &after);
	check_hashes(&context.message, &work);
	return 0;
}
