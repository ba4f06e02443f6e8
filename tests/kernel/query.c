/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "query.h"

#define HEADER "\0\0\1\0\0\1\0\0\0\0\0\0" /* ID 0, RD=1, one question */

static void assert_query(const char *name, uint16_t type, const char *octets, size_t length)
{
	struct sieve_work work;

	memset(&work, 0xff, sizeof(work));
	if (query_make(name, type, &work) != 0)
		fail_msg("\"%s\" makes no query", name);
	assert_int_equal(work.length, length);
	assert_memory_equal(work.message, octets, length);
}

#define ASSERT_QUERY(name, type, octets) assert_query(name, type, octets, sizeof(octets) - 1)

static void assert_no_name(const char *name)
{
	struct sieve_work work;

	if (query_make(name, SIEVE_TYPE_A, &work) != -EINVAL)
		fail_msg("\"%s\" makes a query", name);
}

static void a_query_is_what_a_stub_resolver_sends(void **state)
{
	(void)state;
	ASSERT_QUERY("www.example.com", SIEVE_TYPE_A, HEADER "\3www\7example\3com\0" "\0\1\0\1");
	ASSERT_QUERY("www.example.com", SIEVE_TYPE_AAAA, HEADER "\3www\7example\3com\0" "\0\34\0\1");
	ASSERT_QUERY("a", 0xabcd, HEADER "\1a\0" "\xab\xcd\0\1");
}

static void the_case_of_a_name_is_kept(void **state)
{
	(void)state;
	ASSERT_QUERY("WwW.eXample", SIEVE_TYPE_A, HEADER "\3WwW\7eXample\0" "\0\1\0\1");
}

static void a_final_dot_makes_no_difference(void **state)
{
	(void)state;
	ASSERT_QUERY("example.com.", SIEVE_TYPE_A, HEADER "\7example\3com\0" "\0\1\0\1");
	assert_no_name("example.com..");
}

static void the_root_is_a_dot(void **state)
{
	(void)state;
	ASSERT_QUERY(".", SIEVE_TYPE_A, HEADER "\0" "\0\1\0\1");
}

static void empty_labels_make_no_name(void **state)
{
	(void)state;
	assert_no_name("..");
	assert_no_name(".a");
	assert_no_name("a..b");
	assert_no_name("a..");
	assert_no_name("...");
}

/* A name that somebody left empty is not a question about the root. */
static void an_empty_name_is_none(void **state)
{
	(void)state;
	assert_no_name("");
}

static void a_label_has_at_most_63_octets(void **state)
{
	char name[80] = "www.";
	struct sieve_work work;

	(void)state;
	memset(name + 4, 'x', 63);
	assert_int_equal(query_make(name, SIEVE_TYPE_A, &work), 0);
	assert_int_equal(work.message[SIEVE_HEADER_SIZE + 4], 63);
	assert_int_equal(work.length, 12 + 4 + 64 + 1 + 4);
	name[4 + 63] = 'x';
	assert_no_name(name);
	memcpy(name + 4 + 64, ".com", 5);
	assert_no_name(name);
}

/* 255 octets on the wire: length octets and the root's among them. */
static void make_long_name(char name[300], size_t wire)
{
	size_t left = wire - 1, at = 0;

	while (left > 0) {
		size_t label = left > 64 ? 64 : left;

		if (left - label == 1) /* no room for another label */
			label--;
		memset(&name[at], 'x', label - 1);
		name[at + label - 1] = '.';
		at += label;
		left -= label;
	}
	name[at - 1] = '\0';
}

static void a_name_has_at_most_255_octets(void **state)
{
	struct sieve_work work;
	char name[300];

	(void)state;
	make_long_name(name, 255);
	assert_int_equal(strlen(name), 253);
	assert_int_equal(query_make(name, SIEVE_TYPE_A, &work), 0);
	assert_int_equal(work.length, 12 + 255 + 4);
	assert_int_equal(sieve_parse_query(&work), SIEVE_REASON_NONE);
	strcat(name, ".");
	assert_int_equal(query_make(name, SIEVE_TYPE_A, &work), 0);
	make_long_name(name, 256);
	assert_int_equal(strlen(name), 254);
	assert_no_name(name);
	make_long_name(name, 290);
	assert_no_name(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_query_is_what_a_stub_resolver_sends),
		cmocka_unit_test(the_case_of_a_name_is_kept),
		cmocka_unit_test(a_final_dot_makes_no_difference),
		cmocka_unit_test(the_root_is_a_dot),
		cmocka_unit_test(empty_labels_make_no_name),
		cmocka_unit_test(an_empty_name_is_none),
		cmocka_unit_test(a_label_has_at_most_63_octets),
		cmocka_unit_test(a_name_has_at_most_255_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
