/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The answer's packet, for what tables of pairs do not reach: every length, every checksum's edge. */
#include "harness.h"

static struct filter filter;

static int load_usual(void **state)
{
	const struct sieve_policy policy = usual_policy();

	if (enter_namespace(state))
		return -1;
	load_filter(&filter, &policy);
	return 0;
}

static int unload(void **state)
{
	(void)state;
	unload_filter(&filter);
	return 0;
}

/* Any packet around any message: its answer, octet for octet, on a device with MAC addresses and on lo. */
static void check_reply(const char *phrase, const struct packet_plan *plan, const struct message_plan *message_plan,
			__u16 id)
{
	struct message message, answer;
	struct outcome outcome;
	struct packet packet;

	make_message(message_plan, &message);
	make_answer(message_plan, true, &answer);
	message.octets[0] = answer.octets[0] = (__u8)(id >> 8);
	message.octets[1] = answer.octets[1] = (__u8)id;
	make_packet(plan, &message, &packet);
	run_packet(&filter, HOOK_EGRESS, tap_ifindex, &packet, &outcome);
	check_answered(phrase, tap_ifindex, &packet, &answer, plan_family(message_plan), &outcome);
	run_packet(&filter, HOOK_GATEWAY, tap_ifindex, &packet, &outcome);
	check_answered(phrase, tap_ifindex, &packet, &answer, plan_family(message_plan), &outcome);
	run_packet(&filter, HOOK_EGRESS, LOOPBACK, &packet, &outcome);
	check_answered(phrase, LOOPBACK, &packet, &answer, plan_family(message_plan), &outcome);
}

/* Odd and even lengths, longer and shorter than the query. */
static void names_of_every_length_are_answered(void **state)
{
	(void)state;
	for (size_t octets = 1; octets <= 244; octets++)
		for (int kind = 0; kind < 4; kind++) {
			const struct packet_plan packet = { .version = kind & 1 ? 4 : 6 };
			struct message_plan plan = { .edns = kind & 2 };
			char phrase[64];

			for (size_t i = 0, left = octets; left > 0; i++) {
				plan.label_lengths[i] = (__u8)(left > 61 ? 61 : left);
				left -= plan.label_lengths[i];
			}
			snprintf(phrase, sizeof(phrase), "a name of %zu octets, kind %d", octets, kind);
			check_reply(phrase, &packet, &plan, 0x1234);
		}
}

static void cookies_of_every_length_are_brought_back(void **state)
{
	char option[45] = "\0\12\0\0";

	(void)state;
	memset(&option[4], 'c', 40);
	for (__u8 length = 16; length <= 40; length++) {
		struct message_plan plan = { .edns = true, .options = { option, 4U + length },
					     .cookie = { option, 4U + length } };

		option[3] = (char)length;
		check_reply("a cookie over IPv4", &(struct packet_plan){ .version = 4 }, &plan, length);
		check_reply("a cookie over IPv6", &(struct packet_plan){ .version = 6 }, &plan, length);
	}
}

static __u16 udp_checksum(const struct packet *packet)
{
	return (__u16)(packet->octets[packet->transport + 6] << 8 | packet->octets[packet->transport + 7]);
}

/* The one ID with which the query, or its answer, sums up to 0, which is sent as 0xffff. */
static int find_id(int version, const struct message_plan *plan, bool of_answer)
{
	const struct packet_plan packet_plan = { .version = version };
	struct message message, answer;
	struct packet query, reply;

	for (unsigned int id = 0; id < 0x10000; id++) {
		make_message(plan, &message);
		make_answer(plan, true, &answer);
		message.octets[0] = answer.octets[0] = (__u8)(id >> 8);
		message.octets[1] = answer.octets[1] = (__u8)id;
		make_packet(&packet_plan, &message, &query);
		make_reply(&query, &answer, &reply);
		if (udp_checksum(of_answer ? &reply : &query) == 0xffff)
			return (int)id;
	}
	return -1;
}

static void a_checksum_of_zero_is_sent_as_all_ones(void **state)
{
	const struct message_plan plans[] = { { .edns = false }, { .edns = true }, { .edns = true, .padded = 111 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(plans); i++)
		for (int version = 4; version <= 6; version += 2)
			for (int of_answer = 0; of_answer < 2; of_answer++) {
				const struct packet_plan packet = { .version = version };
				int id = find_id(version, &plans[i], of_answer);

				assert_true(id >= 0);
				for (int near = id - 2; near <= id + 2; near++)
					check_reply("a checksum near zero", &packet, &plans[i], (__u16)near);
			}
}

static void checksums_are_right_for_many_ids(void **state)
{
	const struct message_plan plan = { .edns = true };

	(void)state;
	for (unsigned int id = 0; id < 0x10000; id += 0x1ff) {
		check_reply("IPv4", &(struct packet_plan){ .version = 4 }, &plan, (__u16)id);
		check_reply("IPv6", &(struct packet_plan){ .version = 6 }, &plan, (__u16)id);
	}
}

/* The header's sum passes every carry as the last part of the source address runs. */
static void ipv4_header_checksums_are_right_for_many_addresses(void **state)
{
	const struct message_plan plans[] = { { .edns = false }, { .edns = true } };
	char source[16];

	(void)state;
	for (unsigned int i = 0; i < 512; i++) {
		const struct packet_plan packet = { .version = 4, .source = source };

		snprintf(source, sizeof(source), "10.0.%u.%u", (i * 37) & 0xff, i & 0xff);
		check_reply(source, &packet, &plans[i & 1], 0xffff);
	}
}

static void no_checksum_stays_none_over_ipv4(void **state)
{
	const struct packet_plan packet = { .version = 4, .no_checksum = true };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(message_pairs); i++)
		check_reply(message_pairs[i].phrase, &packet, &message_pairs[i].plan, 1);
}

/* Few sockets take a datagram without checksum over IPv6, and the server's answer would have one. */
static void a_query_without_checksum_over_ipv6_passes(void **state)
{
	const struct packet_plan without = { .version = 6, .no_checksum = true };
	const struct message_plan plan = {};
	struct outcome outcome;
	struct message message;
	struct packet packet;

	(void)state;
	make_message(&plan, &message);
	make_packet(&without, &message, &packet);
	run_packet(&filter, HOOK_EGRESS, tap_ifindex, &packet, &outcome);
	check_passed("no checksum", HOOK_EGRESS, &packet, &outcome, SIEVE_REASON_failed);
	run_packet(&filter, HOOK_GATEWAY, tap_ifindex, &packet, &outcome);
	check_passed("no checksum at a gateway", HOOK_GATEWAY, &packet, &outcome, SIEVE_REASON_failed);
	run_packet(&filter, HOOK_EGRESS, LOOPBACK, &packet, &outcome);
	check_passed("no checksum on lo", HOOK_EGRESS, &packet, &outcome, SIEVE_REASON_failed);
	check_reply("with checksum", &(struct packet_plan){ .version = 6 }, &plan, 1);
}

/* What is behind it in the frame is cut off only of what is answered. */
static void a_query_that_cannot_be_answered_at_a_gateway_keeps_its_padding(void **state)
{
	const struct packet_plan without = { .version = 6, .no_checksum = true, .behind = 6 };
	const struct message_plan plans[] = { { .edns = false }, { .edns = true } };
	struct outcome outcome;
	struct message message;
	struct packet packet;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(plans); i++) {
		make_message(&plans[i], &message);
		make_packet(&without, &message, &packet);
		run_packet(&filter, HOOK_GATEWAY, tap_ifindex, &packet, &outcome);
		check_passed("no checksum, but padding", HOOK_GATEWAY, &packet, &outcome, SIEVE_REASON_failed);
	}
}

/* Of the headers nothing changes but addresses, ports, lengths and sums: ECN, ID, flow label, options stay. */
static void headers_with_options_keep_them(void **state)
{
	const struct message_plan plan = { .edns = true, .options = OCTETS(COOKIE_40), .cookie = OCTETS(COOKIE_40) };
	const struct packet_plan ipv4 = { .version = 4, .options = OCTETS("\7\47\4" "012345678901234567890123456789012345\0") };
	const struct packet_plan ipv6 = { .version = 6, .first_extension = IPPROTO_HOPOPTS,
					  .extensions = OCTETS("\74\0\5\2\0\0\1\0" "\21\0\1\4\0\0\0\0") };

	(void)state;
	check_reply("a recorded route of nine hops", &ipv4, &plan, 0xabcd);
	check_reply("hop-by-hop and destination options", &ipv6, &plan, 0xabcd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_every_length_are_answered),
		cmocka_unit_test(cookies_of_every_length_are_brought_back),
		cmocka_unit_test(a_checksum_of_zero_is_sent_as_all_ones),
		cmocka_unit_test(checksums_are_right_for_many_ids),
		cmocka_unit_test(ipv4_header_checksums_are_right_for_many_addresses),
		cmocka_unit_test(no_checksum_stays_none_over_ipv4),
		cmocka_unit_test(a_query_without_checksum_over_ipv6_passes),
		cmocka_unit_test(a_query_that_cannot_be_answered_at_a_gateway_keeps_its_padding),
		cmocka_unit_test(headers_with_options_keep_them),
	};

	return cmocka_run_group_tests(tests, load_usual, unload);
}
