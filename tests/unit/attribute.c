/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "attribute.h"
#include "message.h"

static void walks_over_every_attribute_to_the_end(void **state)
{
	struct attributes attributes;
	struct attribute attribute;
	struct message message;

	(void)state;
	begin_route(&message, "0.0.0.0", 0);
	add_u32(&message, RTA_OIF, 7);
	add(&message, RTA_METRICS | NLA_F_NESTED, "abcde", 5);
	assert_int_equal(attributes_of(&message.header, sizeof(struct rtmsg), &attributes), 0);
	assert_true(attribute_next(&attributes, &attribute));
	assert_int_equal(attribute.type, RTA_OIF);
	assert_int_equal(attribute.length, 4);
	assert_true(attribute_next(&attributes, &attribute));
	assert_int_equal(attribute.type, RTA_METRICS);
	assert_memory_equal(attribute.data, "abcde", 5);
	assert_false(attribute_next(&attributes, &attribute));
	assert_true(attributes_finished(&attributes));
}

static void a_message_shorter_than_its_header_is_refused(void **state)
{
	struct attributes attributes;
	struct message message;

	(void)state;
	begin_route(&message, "0.0.0.0", 0);
	assert_int_equal(attributes_of(&message.header, sizeof(struct rtmsg), &attributes), 0);
	assert_int_equal(attributes.length, 0);
	message.header.nlmsg_len--;
	assert_int_equal(attributes_of(&message.header, sizeof(struct rtmsg), &attributes), -EBADMSG);
}

static void a_header_without_its_padding_has_no_attributes(void **state)
{
	struct attributes attributes;
	struct message message;

	(void)state;
	begin(&message, RTM_NEWROUTE, "abcde", 5);
	assert_int_equal(attributes_of(&message.header, 5, &attributes), 0);
	assert_int_equal(attributes.length, 0);
}

static void an_attribute_that_leaves_the_message_ends_the_walk_unfinished(void **state)
{
	struct attributes attributes;
	struct attribute attribute;
	struct message message;

	(void)state;
	begin_route(&message, "0.0.0.0", 0);
	add_u32(&message, RTA_OIF, 7);
	message.header.nlmsg_len--;
	assert_int_equal(attributes_of(&message.header, sizeof(struct rtmsg), &attributes), 0);
	assert_false(attribute_next(&attributes, &attribute));
	assert_false(attributes_finished(&attributes));
}

static void an_attribute_shorter_than_its_own_header_ends_the_walk_unfinished(void **state)
{
	struct nlattr header = { .nla_len = NLA_HDRLEN - 1, .nla_type = RTA_OIF };
	struct attributes attributes;
	struct attribute attribute;
	struct message message;

	(void)state;
	begin_route(&message, "0.0.0.0", 0);
	append(&message, &header, sizeof(header));
	assert_int_equal(attributes_of(&message.header, sizeof(struct rtmsg), &attributes), 0);
	assert_false(attribute_next(&attributes, &attribute));
	assert_false(attributes_finished(&attributes));
}

static void a_number_has_four_octets(void **state)
{
	static const unsigned char octets[8] = { 1, 1, 1, 1 };
	struct attribute attribute = { .data = octets, .length = 4 };
	uint32_t value = 0;

	(void)state;
	assert_int_equal(attribute_u32(&attribute, &value), 0);
	assert_int_equal(value, 0x01010101);
	value = 5;
	attribute.length = 3;
	assert_int_equal(attribute_u32(&attribute, &value), -EBADMSG);
	attribute.length = 8;
	assert_int_equal(attribute_u32(&attribute, &value), -EBADMSG);
	assert_int_equal(value, 5);
}

static void a_message_is_whole_where_its_length_says_so_and_it_is_there(void **state)
{
	static const struct {
		uint32_t length;
		int left;
		bool is_whole;
	} cases[] = {
		{ 16, 16, true },
		{ 16, 15, false },
		{ 16, 0, false },
		{ 16, -3, false }, /* behind one whose padding is missing */
		{ 15, 16, false },
		{ 17, 16, false },
		{ 17, 20, true },
		{ 0x7fffffff, 16, false },
		{ 0x80000000, 16, false }, /* negative to mnl_nlmsg_ok() */
		{ 0xffffffff, 0x7fffffff, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct nlmsghdr message = { .nlmsg_len = cases[i].length };

		if (message_is_whole(&message, cases[i].left) != cases[i].is_whole)
			fail_msg("a length of %#x in %d octets", cases[i].length, cases[i].left);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_whole_where_its_length_says_so_and_it_is_there),
		cmocka_unit_test(walks_over_every_attribute_to_the_end),
		cmocka_unit_test(a_message_shorter_than_its_header_is_refused),
		cmocka_unit_test(a_header_without_its_padding_has_no_attributes),
		cmocka_unit_test(an_attribute_that_leaves_the_message_ends_the_walk_unfinished),
		cmocka_unit_test(an_attribute_shorter_than_its_own_header_ends_the_walk_unfinished),
		cmocka_unit_test(a_number_has_four_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
