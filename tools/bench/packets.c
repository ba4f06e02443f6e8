/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet costs that is no DNS query: BPF_PROG_TEST_RUN of the filter's programs and of an empty
 * program on the same hook, by turns. And how many instructions the verifier went through for each.
 *
 *   packets PIN-DIR
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "programs.h"

#define ROUNDS 31
#define REPEAT 200000
#define PACKET_SIZE 128

struct packet {
	const char *name;
	unsigned char data[PACKET_SIZE];
};

static void die(const char *what)
{
	fprintf(stderr, "packets: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Pass: TC_ACT_UNSPEC on tc, 1 on a cgroup. */
static int load_empty(enum bpf_prog_type type, enum bpf_attach_type attach)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = type == BPF_PROG_TYPE_SCHED_CLS ? -1 : 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = attach);
	int fd = bpf_prog_load(type, "empty", "GPL", program, 2, &options);

	if (fd < 0)
		die("empty program");
	return fd;
}

static void put_packet(struct packet *packet, const char *name, int version, unsigned char protocol, uint16_t port)
{
	unsigned char *ip = packet->data + ETH_HLEN;
	uint16_t ether_type = htons(version == 4 ? ETH_P_IP : ETH_P_IPV6), dest = htons(port);
	int header = version == 4 ? 20 : 40;

	memset(packet, 0, sizeof(*packet));
	packet->name = name;
	memcpy(packet->data + 12, &ether_type, 2);
	ip[0] = version == 4 ? 0x45 : 0x60;
	ip[version == 4 ? 3 : 5] = (unsigned char)(PACKET_SIZE - ETH_HLEN - (version == 4 ? 0 : header));
	ip[version == 4 ? 9 : 6] = protocol;
	memcpy(ip + header + 2, &dest, 2);
}

/* ns of one run, as the kernel measured it. */
static double run(int fd, const struct packet *packet)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet->data, .data_size_in = PACKET_SIZE, .repeat = REPEAT);

	if (bpf_prog_test_run_opts(fd, &options) < 0)
		die("test run");
	return options.duration;
}

static int compare(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return a < b ? -1 : a > b;
}

static void compare_programs(const char *hook, int fd, int empty_fd, const struct packet *packet)
{
	double ours[ROUNDS], empty[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		empty[i] = run(empty_fd, packet);
		ours[i] = run(fd, packet);
	}
	qsort(ours, ROUNDS, sizeof(double), compare);
	qsort(empty, ROUNDS, sizeof(double), compare);
	printf("packet %s %s %.0f %.0f %+.0f\n", hook, packet->name, empty[ROUNDS / 2], ours[ROUNDS / 2],
	       ours[ROUNDS / 2] - empty[ROUNDS / 2]);
}

/* `verified_insns` came with Linux 5.16, 4 octets behind the end of what older headers know. */
static void print_verified(const char *name, int fd)
{
	union {
		struct bpf_prog_info info;
		char room[512];
	} info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info.info, &size) < 0)
		die("program info");
	printf("verified %s %u\n", name, info.info.verified_insns);
}

static struct programs *load(enum sieve_action action, const char *pin_dir)
{
	const struct sieve_policy policy = {
		.stale_after_ns = 1000000000, .action = (__u8)action, .families = 3, .whole_host = 1, .extended_error = 1, .ports = { 53 },
	};
	const struct programs_request request = { .policy = &policy, .pin_dir = pin_dir, .max_netns = 2048 };
	struct programs *programs;
	struct error error;

	if (programs_load(&request, &programs, &error) < 0) {
		fprintf(stderr, "packets: %s\n", error.text);
		exit(1);
	}
	return programs;
}

int main(int argc, char **argv)
{
	struct programs *egress, *cgroup;
	struct packet packets[4];
	int empty_tc, empty_cgroup;

	if (argc != 2) {
		fputs("usage: packets PIN-DIR\n", stderr);
		return 2;
	}
	egress = load(SIEVE_ACTION_ANSWER, argv[1]);
	cgroup = load(SIEVE_ACTION_OBSERVE, argv[1]);
	empty_tc = load_empty(BPF_PROG_TYPE_SCHED_CLS, 0);
	empty_cgroup = load_empty(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS);
	put_packet(&packets[0], "TCP/IPv4", 4, 6, 443);
	put_packet(&packets[1], "UDP/IPv4", 4, 17, 443);
	put_packet(&packets[2], "TCP/IPv6", 6, 6, 443);
	put_packet(&packets[3], "UDP/IPv6", 6, 17, 443);
	for (int i = 0; i < 4; i++)
		compare_programs("egress", programs_egress_fd(egress), empty_tc, &packets[i]);
	for (int i = 0; i < 4; i++)
		compare_programs("cgroup", programs_cgroup_fd(cgroup), empty_cgroup, &packets[i]);
	print_verified("egress", programs_egress_fd(egress));
	print_verified("cgroup", programs_cgroup_fd(cgroup));
	return 0;
}
