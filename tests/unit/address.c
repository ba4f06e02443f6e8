/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "address.h"
#include "message.h"

static struct address decode(const struct message *message)
{
	struct address address;

	assert_int_equal(address_decode(&message->header, &address), 0);
	return address;
}

static bool counts(const struct message *message)
{
	struct address address = decode(message);

	return address_counts(&address, &test_devices);
}

static void every_field_is_decoded(void **state)
{
	static const unsigned char host[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x10 };
	struct message message;
	struct address address;

	(void)state;
	begin_address(&message, "2001:db8::10", ETH0);
	address_header(&message)->ifa_prefixlen = 64;
	add_u32(&message, IFA_FLAGS, IFA_F_MANAGETEMPADDR);
	address = decode(&message);
	assert_int_equal(address.host.family, SIEVE_IPV6);
	assert_int_equal(address.host.length, 128);
	assert_memory_equal(address.host.address, host, 16);
	assert_int_equal(address.ifindex, ETH0);
	assert_int_equal(address.flags, IFA_F_MANAGETEMPADDR);
}

static void ours_is_the_local_address_not_the_peers(void **state)
{
	static const unsigned char ours[4] = { 192, 0, 2, 1 };
	struct message message;

	(void)state;
	begin_address(&message, "192.0.2.2", ETH0);
	add_address(&message, IFA_LOCAL, "192.0.2.1");
	assert_memory_equal(decode(&message).host.address, ours, 4);
	begin_address(&message, "192.0.2.1", ETH0);
	assert_memory_equal(decode(&message).host.address, ours, 4);
	/* in either order */
	begin_address(&message, "192.0.2.1", ETH0);
	((struct nlattr *)(message.octets + NLMSG_SPACE(sizeof(struct ifaddrmsg))))->nla_type = IFA_LOCAL;
	add_address(&message, IFA_ADDRESS, "192.0.2.2");
	assert_memory_equal(decode(&message).host.address, ours, 4);
}

static void an_address_on_an_interface_that_is_up_counts_and_on_one_that_is_down_does_not(void **state)
{
	struct message message;

	(void)state;
	begin_address(&message, "192.0.2.1", ETH0);
	assert_true(counts(&message));
	begin_address(&message, "192.0.2.1", DOWN0);
	assert_false(counts(&message));
	begin_address(&message, "192.0.2.1", LO);
	assert_true(counts(&message));
	begin_address(&message, "192.0.2.1", IGNORED0);
	assert_false(counts(&message));
}

static void an_address_in_a_local_range_does_not_count(void **state)
{
	static const char *const local[] = { "127.0.0.1", "169.254.7.7", "::1", "fe80::1", "::ffff:192.0.2.1" };
	static const char *const global[] = { "192.0.0.1", "10.0.0.1", "fd00::1", "64:ff9b::1" };
	struct message message;

	(void)state;
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
		begin_address(&message, local[i], ETH0);
		assert_false(counts(&message));
	}
	for (size_t i = 0; i < sizeof(global) / sizeof(global[0]); i++) {
		begin_address(&message, global[i], ETH0);
		assert_true(counts(&message));
	}
}

static void duplicate_address_detection_must_be_over_or_optimistic(void **state)
{
	static const struct {
		uint32_t flags;
		bool counts;
	} cases[] = {
		{ 0, true },
		{ IFA_F_PERMANENT, true },
		{ IFA_F_DEPRECATED, true },
		{ IFA_F_TENTATIVE, false },
		{ IFA_F_OPTIMISTIC, true },
		{ IFA_F_TENTATIVE | IFA_F_OPTIMISTIC, true },
		{ IFA_F_DADFAILED, false },
		{ IFA_F_DADFAILED | IFA_F_TENTATIVE, false },
		{ IFA_F_DADFAILED | IFA_F_TENTATIVE | IFA_F_OPTIMISTIC, false },
	};
	struct message message;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin_address(&message, "2001:db8::1", ETH0);
		add_u32(&message, IFA_FLAGS, cases[i].flags);
		assert_int_equal(counts(&message), cases[i].counts);
	}
}

static void the_attribute_beats_the_flags_of_the_header(void **state)
{
	struct message message;

	(void)state;
	begin_address(&message, "2001:db8::1", ETH0);
	address_header(&message)->ifa_flags = IFA_F_TENTATIVE;
	assert_false(counts(&message));
	add_u32(&message, IFA_FLAGS, IFA_F_PERMANENT | IFA_F_NOPREFIXROUTE);
	assert_true(counts(&message));
}

static void other_families_and_impossible_contents_are_refused(void **state)
{
	struct ifaddrmsg header = { .ifa_family = AF_INET };
	struct address address = { .ifindex = 4711 };
	struct message message;

	(void)state;
	begin_address(&message, "192.0.2.1", ETH0);
	address_header(&message)->ifa_family = AF_PACKET;
	assert_int_equal(address_decode(&message.header, &address), -EAFNOSUPPORT);
	address_header(&message)->ifa_family = AF_INET6;
	assert_int_equal(address_decode(&message.header, &address), -EBADMSG);
	begin(&message, RTM_NEWADDR, &header, sizeof(header));
	assert_int_equal(address_decode(&message.header, &address), -EBADMSG);
	begin_address(&message, "192.0.2.1", ETH0);
	add(&message, IFA_FLAGS, "x", 1);
	assert_int_equal(address_decode(&message.header, &address), -EBADMSG);
	assert_int_equal(address.ifindex, 4711);
}

/* Each message in a buffer of its own size, so that a sanitizer or valgrind sees an octet too far. */
static void a_message_cut_anywhere_is_refused_or_is_a_shorter_whole(void **state)
{
	struct message message;

	(void)state;
	begin_address(&message, "2001:db8::1", ETH0);
	add_u32(&message, IFA_FLAGS, IFA_F_PERMANENT);
	for (uint32_t length = sizeof(struct nlmsghdr); length < message.header.nlmsg_len; length++) {
		struct nlmsghdr *cut = malloc(length);
		struct address address;
		int r;

		assert_non_null(cut);
		memcpy(cut, &message, length);
		cut->nlmsg_len = length;
		r = address_decode(cut, &address);
		/* Whole up to IFA_ADDRESS, and up to three octets of padding behind it. */
		if (length >= NLMSG_SPACE(sizeof(struct ifaddrmsg)) + NLA_HDRLEN + 16 &&
		    length < NLMSG_SPACE(sizeof(struct ifaddrmsg)) + NLA_HDRLEN + 16 + NLA_ALIGNTO)
			assert_int_equal(r, 0);
		else
			assert_int_equal(r, -EBADMSG);
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_decoded),
		cmocka_unit_test(ours_is_the_local_address_not_the_peers),
		cmocka_unit_test(an_address_on_an_interface_that_is_up_counts_and_on_one_that_is_down_does_not),
		cmocka_unit_test(an_address_in_a_local_range_does_not_count),
		cmocka_unit_test(duplicate_address_detection_must_be_over_or_optimistic),
		cmocka_unit_test(the_attribute_beats_the_flags_of_the_header),
		cmocka_unit_test(other_families_and_impossible_contents_are_refused),
		cmocka_unit_test(a_message_cut_anywhere_is_refused_or_is_a_shorter_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
