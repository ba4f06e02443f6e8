/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DESIGN section 4, "Which query may be answered", of the message, and section 5, "The answer", said once more in
 * terms of ldns, an independent reader of DNS messages. Where our rules are stricter than those of a DNS
 * server they are spelled out here.
 */
#ifndef TESTS_DECODER_H
#define TESTS_DECODER_H

#include <ldns/ldns.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "vectors.h"

#define QUERY_MAX 512  /* our own limits: no stub resolver needs more */
#define OPTIONS_MAX 16
#define OPTION_COOKIE 10
#define OPTION_EXTENDED_ERROR 15

/* A message as ldns reads it, and what ldns does not tell: where its records end. */
struct decoded {
	ldns_pkt *pkt;
	ldns_rr *question, *record; /* the first question, and the record behind it */
	size_t question_end, end;   /* offsets behind them */
	unsigned int arcount;       /* as in the header: ldns leaves OPT out */
};

struct option {
	unsigned int code;
	const uint8_t *data;
	size_t length;
};

static inline unsigned int u16_at(const uint8_t *octets)
{
	return (unsigned int)octets[0] << 8 | octets[1];
}

static inline void free_decoded(struct decoded *decoded)
{
	ldns_pkt_free(decoded->pkt);
	ldns_rr_free(decoded->question);
	ldns_rr_free(decoded->record);
}

/* Returns false, and leaves `pkt` NULL, if ldns finds fault with the message. */
static inline bool decode(const uint8_t *wire, size_t length, struct decoded *ret)
{
	size_t at = LDNS_HEADER_SIZE;

	memset(ret, 0, sizeof(*ret));
	if (ldns_wire2pkt(&ret->pkt, wire, length) != LDNS_STATUS_OK)
		return false;
	ret->arcount = u16_at(&wire[10]);
	if (ldns_pkt_qdcount(ret->pkt) > 0)
		ldns_wire2rr(&ret->question, wire, length, &at, LDNS_SECTION_QUESTION);
	ret->question_end = at;
	if (ret->arcount > 0)
		ldns_wire2rr(&ret->record, wire, length, &at, LDNS_SECTION_ADDITIONAL);
	ret->end = at;
	return true;
}

/* The option at *at, which is moved behind it; false where there is no whole one. */
static inline bool next_option(const ldns_rdf *options, size_t *at, struct option *ret)
{
	const uint8_t *data = ldns_rdf_data(options);
	size_t size = ldns_rdf_size(options);

	if (*at + 4 > size || *at + 4 + u16_at(&data[*at + 2]) > size)
		return false;
	*ret = (struct option){ u16_at(&data[*at]), &data[*at + 4], u16_at(&data[*at + 2]) };
	*at += 4 + ret->length;
	return true;
}

/* The option of this number, the first; false if there is none. */
static inline bool find_option(const ldns_rdf *options, unsigned int code, struct option *ret)
{
	size_t at = 0;

	while (options && next_option(options, &at, ret))
		if (ret->code == code)
			return true;
	return false;
}

/* What follows says what is wrong, or NULL. */

static inline const char *header_fault(const struct decoded *decoded)
{
	const ldns_pkt *pkt = decoded->pkt;

	if (ldns_pkt_qr(pkt))
		return "a response";
	if (ldns_pkt_get_opcode(pkt) != LDNS_PACKET_QUERY)
		return "another OPCODE";
	if (ldns_pkt_tc(pkt))
		return "TC";
	if (!ldns_pkt_rd(pkt))
		return "no recursion desired";
	if (ldns_pkt_qdcount(pkt) != 1 || ldns_pkt_ancount(pkt) || ldns_pkt_nscount(pkt) || decoded->arcount > 1)
		return "counts";
	return NULL;
}

/* ldns takes a compressed QNAME. */
static inline const char *question_fault(const struct decoded *decoded)
{
	const ldns_rr *question = decoded->question;

	if (decoded->question_end != LDNS_HEADER_SIZE + ldns_rdf_size(ldns_rr_owner(question)) + 4)
		return "compressed QNAME";
	if (ldns_rr_get_class(question) != LDNS_RR_CLASS_IN)
		return "another class";
	if (ldns_rr_get_type(question) != LDNS_RR_TYPE_A && ldns_rr_get_type(question) != LDNS_RR_TYPE_AAAA)
		return "another type";
	return NULL;
}

static inline const char *options_fault(const ldns_rdf *options)
{
	struct option option;
	size_t at = 0, count = 0, cookies = 0;

	if (!options)
		return NULL;
	while (next_option(options, &at, &option)) {
		count++;
		if (option.code != OPTION_COOKIE)
			continue;
		if (cookies++ || (option.length != 8 && (option.length < 16 || option.length > 40)))
			return "COOKIE"; /* RFC 7873 section 5.2.2 */
	}
	return at != ldns_rdf_size(options) || count > OPTIONS_MAX ? "options" : NULL;
}

/* ldns takes an OPT record of any owner. */
static inline const char *additional_fault(const struct decoded *decoded, const uint8_t *wire)
{
	if (decoded->arcount == 0)
		return NULL;
	if (ldns_rr_get_type(decoded->record) != LDNS_RR_TYPE_OPT || wire[decoded->question_end] != 0)
		return "a record that is no OPT of the root";
	if (ldns_pkt_edns_version(decoded->pkt) != 0)
		return "EDNS version";
	if (ldns_pkt_edns_do(decoded->pkt))
		return "DO";
	return options_fault(ldns_pkt_edns_data(decoded->pkt));
}

static inline const char *name_fault(const ldns_rdf *qname)
{
	bool is_exempt = false;

	for (size_t i = 0; i < ARRAY_SIZE(exempt_names); i++) {
		ldns_rdf *suffix = ldns_dname_new_frm_str(exempt_names[i]);

		is_exempt |= ldns_dname_compare(qname, suffix) == 0 || ldns_dname_is_subdomain(qname, suffix);
		ldns_rdf_deep_free(suffix);
	}
	return is_exempt ? "exempt name" : NULL;
}

static inline const char *decoded_query_fault(const struct decoded *decoded, const uint8_t *wire, size_t length)
{
	const char *fault = header_fault(decoded);

	if (!fault)
		fault = question_fault(decoded);
	if (!fault)
		fault = additional_fault(decoded, wire);
	if (!fault && decoded->end != length)
		fault = "octets behind";
	return fault ? fault : name_fault(ldns_rr_owner(decoded->question));
}

/* Why the message is none that may be answered. NULL: it is one, which asks for the family. */
static inline const char *query_fault(const uint8_t *wire, size_t length, enum sieve_family *ret_family)
{
	struct decoded decoded;
	const char *fault;

	if (length > QUERY_MAX)
		return "oversized";
	if (!decode(wire, length, &decoded))
		fault = "no DNS message";
	else
		fault = decoded_query_fault(&decoded, wire, length);
	if (!fault)
		*ret_family = ldns_rr_get_type(decoded.question) == LDNS_RR_TYPE_A ? SIEVE_IPV4 : SIEVE_IPV6;
	free_decoded(&decoded);
	return fault;
}

static inline const char *answer_header_fault(const ldns_pkt *query, const ldns_pkt *answer)
{
	if (ldns_pkt_id(answer) != ldns_pkt_id(query) || !ldns_pkt_qr(answer))
		return "not a response to this query";
	if (ldns_pkt_get_opcode(answer) != LDNS_PACKET_QUERY || ldns_pkt_get_rcode(answer) != LDNS_RCODE_NOERROR)
		return "OPCODE or RCODE";
	if (ldns_pkt_aa(answer) || ldns_pkt_tc(answer) || ldns_pkt_ad(answer) || !ldns_pkt_ra(answer))
		return "AA, TC, AD or RA";
	if (ldns_pkt_rd(answer) != ldns_pkt_rd(query) || ldns_pkt_cd(answer) != ldns_pkt_cd(query))
		return "RD or CD";
	if (ldns_pkt_qdcount(answer) != 1 || ldns_pkt_ancount(answer) || ldns_pkt_nscount(answer))
		return "counts";
	return NULL;
}

/* The query's COOKIE if the server had a part in it, Extended DNS Error 17, and nothing else. */
static inline const char *answer_options_fault(const struct decoded *query, const ldns_rdf *options)
{
	bool is_a = ldns_rr_get_type(query->question) == LDNS_RR_TYPE_A;
	const char *text = is_a ? "\0\21no IPv4 route" : "\0\21no IPv6 route";
	struct option asked = { 0 }, cookie, error;
	bool wants_cookie = find_option(ldns_pkt_edns_data(query->pkt), OPTION_COOKIE, &asked) && asked.length > 8;
	bool has_cookie = find_option(options, OPTION_COOKIE, &cookie);

	if (has_cookie != wants_cookie)
		return "COOKIE";
	if (has_cookie && (cookie.length != asked.length || memcmp(cookie.data, asked.data, asked.length) != 0))
		return "another COOKIE";
	if (!find_option(options, OPTION_EXTENDED_ERROR, &error) || error.length != 15 ||
	    memcmp(error.data, text, 15) != 0)
		return "extended error";
	if (ldns_rdf_size(options) != 4 + error.length + (has_cookie ? 4 + asked.length : 0))
		return "further options";
	return NULL;
}

static inline const char *answer_opt_fault(const struct decoded *query, const struct decoded *answer)
{
	const ldns_pkt *pkt = answer->pkt;

	if (answer->arcount != query->arcount)
		return "OPT if and only if the query had one";
	if (!answer->arcount)
		return NULL;
	if (ldns_rr_get_type(answer->record) != LDNS_RR_TYPE_OPT || ldns_rdf_size(ldns_rr_owner(answer->record)) != 1)
		return "a record that is no OPT of the root";
	if (ldns_pkt_edns_udp_size(pkt) != 1232 || ldns_pkt_edns_version(pkt) || ldns_pkt_edns_extended_rcode(pkt) ||
	    ldns_pkt_edns_z(pkt))
		return "OPT";
	return answer_options_fault(query, ldns_pkt_edns_data(pkt));
}

static inline const char *decoded_answer_fault(const struct decoded *query, const struct decoded *answer,
					       const uint8_t *query_wire, const uint8_t *answer_wire, size_t length)
{
	const char *fault = answer_header_fault(query->pkt, answer->pkt);
	const size_t start = LDNS_HEADER_SIZE, end = query->question_end;

	if (fault)
		return fault;
	if (answer->question_end != end || memcmp(&answer_wire[start], &query_wire[start], end - start) != 0)
		return "another question";
	if (answer->end != length)
		return "octets behind";
	return answer_opt_fault(query, answer);
}

/* What is wrong with an answer of ours to this query, which may be answered. */
static inline const char *answer_fault(const uint8_t *query_wire, size_t query_length, const uint8_t *answer_wire,
				       size_t answer_length)
{
	struct decoded query, answer = { NULL };
	const char *fault = "no DNS message";

	if (decode(query_wire, query_length, &query) && decode(answer_wire, answer_length, &answer))
		fault = decoded_answer_fault(&query, &answer, query_wire, answer_wire, answer_length);
	free_decoded(&query);
	free_decoded(&answer);
	return fault;
}

#endif
