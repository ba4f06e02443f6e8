/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <string.h>
#include <sys/socket.h>

#include "server.h"

#define CGROUP 0x123456789aULL

struct message {
	struct nlmsghdr header;
	struct inet_diag_msg socket;
	struct nlattr shutdown; /* another attribute before it, of one octet */
	uint8_t value, padding[3];
	struct nlattr attribute;
	uint32_t cgroup[2]; /* at a multiple of 4 octets alone */
};

static struct message message_of(int family, const char *address, uint16_t port, uint32_t ifindex)
{
	struct message message = {
		.header = { .nlmsg_len = sizeof(message) },
		.socket = { .idiag_family = (uint8_t)family,
			    .id = { .idiag_sport = htons(port), .idiag_if = ifindex } },
		.shutdown = { NLA_HDRLEN + 1, INET_DIAG_SHUTDOWN },
		.attribute = { NLA_HDRLEN + sizeof(message.cgroup), INET_DIAG_CGROUP_ID },
	};
	const uint64_t cgroup = CGROUP;
	struct in6_addr binary = {};

	assert_int_equal(inet_pton(family, address, &binary), 1);
	memcpy(message.socket.id.idiag_src, &binary, sizeof(binary));
	memcpy(message.cgroup, &cgroup, sizeof(cgroup));
	return message;
}

static int decode(const struct message *message, struct server *ret)
{
	return server_decode(&message->header, 53, ret);
}

static void the_address_and_the_device_say_whom_it_can_serve(void **state)
{
	static const struct {
		const char *address;
		int family;
		uint32_t ifindex, want;
	} cases[] = {
		{ "0.0.0.0", AF_INET, 0, SIEVE_SERVER_OTHERS },
		{ "192.168.50.1", AF_INET, 0, SIEVE_SERVER_OTHERS },
		{ "192.168.50.1", AF_INET, 2, SIEVE_SERVER_OTHERS },
		{ "126.255.255.255", AF_INET, 0, SIEVE_SERVER_OTHERS },
		{ "128.0.0.1", AF_INET, 0, SIEVE_SERVER_OTHERS },
		{ "127.0.0.1", AF_INET, 0, SIEVE_SERVER_LOOPBACK },
		{ "127.0.0.53", AF_INET, 1, SIEVE_SERVER_LOOPBACK },
		{ "0.0.0.0", AF_INET, 1, SIEVE_SERVER_LOOPBACK },
		{ "::", AF_INET6, 0, SIEVE_SERVER_OTHERS },
		{ "::", AF_INET6, 1, SIEVE_SERVER_LOOPBACK },
		{ "fe80::1", AF_INET6, 3, SIEVE_SERVER_OTHERS },
		{ "2001:db8::1", AF_INET6, 0, SIEVE_SERVER_OTHERS },
		{ "::2", AF_INET6, 0, SIEVE_SERVER_OTHERS },
		{ "::1", AF_INET6, 0, SIEVE_SERVER_LOOPBACK },
		{ "::ffff:127.0.0.1", AF_INET6, 0, SIEVE_SERVER_LOOPBACK },
		{ "::ffff:192.0.2.1", AF_INET6, 0, SIEVE_SERVER_OTHERS },
		{ "7f00::", AF_INET6, 0, SIEVE_SERVER_OTHERS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message message = message_of(cases[i].family, cases[i].address, 53, cases[i].ifindex);
		struct server server = {};

		assert_int_equal(decode(&message, &server), 1);
		assert_true(server.cgroup == CGROUP);
		if (server.kinds != cases[i].want)
			fail_msg("%s on %u: %u, not %u", cases[i].address, cases[i].ifindex, server.kinds,
				 cases[i].want);
	}
}

static void other_ports_families_and_sockets_without_a_cgroup_are_left_out(void **state)
{
	struct message message = message_of(AF_INET, "0.0.0.0", 5353, 0);
	struct server server = {};

	(void)state;
	assert_int_equal(decode(&message, &server), 0);
	message = message_of(AF_INET, "0.0.0.0", 53, 0);
	message.socket.idiag_family = AF_UNIX;
	assert_int_equal(decode(&message, &server), 0);
	message = message_of(AF_INET, "0.0.0.0", 53, 0);
	message.attribute.nla_type = INET_DIAG_MARK; /* before Linux 5.8 */
	assert_int_equal(decode(&message, &server), 0);
	message = message_of(AF_INET, "0.0.0.0", 53, 0);
	memset(message.cgroup, 0, sizeof(message.cgroup));
	assert_int_equal(decode(&message, &server), 0);
	assert_true(server.cgroup == 0 && server.kinds == 0);
}

static void a_message_that_is_cut_is_no_socket(void **state)
{
	struct message message = message_of(AF_INET, "0.0.0.0", 53, 0);
	struct server server = {};

	(void)state;
	for (uint32_t length = NLMSG_HDRLEN; length < sizeof(message); length++) {
		message.header.nlmsg_len = length;
		assert_int_not_equal(decode(&message, &server), 1);
		if (length < NLMSG_HDRLEN + sizeof(message.socket))
			assert_int_equal(decode(&message, &server), -EBADMSG);
	}
	message.header.nlmsg_len = sizeof(message);
	message.attribute.nla_len--;
	assert_int_equal(decode(&message, &server), -EBADMSG);
	message.attribute.nla_len++;
	assert_int_equal(decode(&message, &server), 1);
}

static void a_set_has_each_cgroup_once_with_all_its_kinds_and_no_more_than_it_may(void **state)
{
	struct server_set set = {}, other = {};

	(void)state;
	for (uint64_t i = 0; i < 300; i++) {
		const struct server server = { .cgroup = 1 + i * 7 % 50, .kinds = SIEVE_SERVER_OTHERS };

		assert_int_equal(server_set_add(&set, &server, 50), 0);
	}
	assert_int_equal(set.count, 50);
	for (uint64_t i = 0; i < 50; i++)
		assert_int_equal(server_set_find(&set, 1 + i), SIEVE_SERVER_OTHERS);
	assert_int_equal(server_set_find(&set, 51), 0);
	assert_int_equal(server_set_add(&set, &(struct server){ 51, SIEVE_SERVER_OTHERS }, 50), -ENOSPC);
	assert_int_equal(server_set_find(&set, 51), 0);
	assert_int_equal(server_set_add(&set, &(struct server){ 50, SIEVE_SERVER_LOOPBACK }, 50), 0);
	assert_int_equal(server_set_find(&set, 50), SIEVE_SERVER_OTHERS | SIEVE_SERVER_LOOPBACK);
	for (uint64_t i = 50; i > 0; i--)
		assert_int_equal(server_set_add(&other, &(struct server){ i, SIEVE_SERVER_OTHERS }, 50), 0);
	assert_false(server_set_equal(&set, &other)); /* by one kind */
	assert_int_equal(server_set_add(&other, &(struct server){ 50, SIEVE_SERVER_LOOPBACK }, 50), 0);
	assert_true(server_set_equal(&set, &other));
	assert_int_equal(server_set_add(&other, &(struct server){ 51, SIEVE_SERVER_OTHERS }, 51), 0);
	assert_false(server_set_equal(&set, &other));
	server_set_free(&set);
	server_set_free(&other);
	assert_true(server_set_equal(&set, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_address_and_the_device_say_whom_it_can_serve),
		cmocka_unit_test(other_ports_families_and_sockets_without_a_cgroup_are_left_out),
		cmocka_unit_test(a_message_that_is_cut_is_no_socket),
		cmocka_unit_test(a_set_has_each_cgroup_once_with_all_its_kinds_and_no_more_than_it_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
