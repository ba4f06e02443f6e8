/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * wire-count tcx|clsact DEVICE: a foreign program on a device's egress hook, which counts the UDP datagrams
 * to port 53 over IPv4 that it sees and lets the next program have its turn. Says "ready"; on SIGTERM it
 * prints their number and goes. A clsact qdisc that was not there stays.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TCX_EGRESS 47 /* Linux 6.6 */
#define PRIORITY 0xf000 /* one of the last among clsact filters */

#define INSN(CODE, DST, SRC, OFF, IMM) \
	((struct bpf_insn){ .code = (CODE), .dst_reg = (DST), .src_reg = (SRC), .off = (OFF), .imm = (IMM) })
#define UNLESS_EQUAL(VALUE, SKIPPED) INSN(BPF_JMP | BPF_JNE | BPF_K, 0, 0, SKIPPED, VALUE)

/* On Ethernet, and no IP options. */
static int load_counter(int map)
{
	const struct bpf_insn program[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0),
		INSN(BPF_LD | BPF_ABS | BPF_H, 0, 0, 0, 12),
		UNLESS_EQUAL(0x0800, 13),
		INSN(BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, 14 + 9),
		UNLESS_EQUAL(17, 11),
		INSN(BPF_LD | BPF_ABS | BPF_H, 0, 0, 0, 14 + 20 + 2),
		UNLESS_EQUAL(53, 9),
		INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 0, BPF_ADD),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, TC_ACT_UNSPEC),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "foreign", "GPL", program, sizeof(program) / sizeof(program[0]),
			     NULL);
}

static int attach(const char *how, int device, int program)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = device, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, filter, .priority = PRIORITY, .handle = 1, .prog_fd = program);
	int error;

	if (strcmp(how, "tcx") == 0)
		return bpf_link_create(program, device, (enum bpf_attach_type)TCX_EGRESS, NULL) < 0 ? -errno : 0;
	error = bpf_tc_hook_create(&hook);
	if (error < 0 && error != -EEXIST)
		return error;
	return bpf_tc_attach(&hook, &filter);
}

static void detach(const char *how, int device)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = device, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, filter, .priority = PRIORITY, .handle = 1);

	if (strcmp(how, "clsact") == 0)
		bpf_tc_detach(&hook, &filter);
}

int main(int argc, char **argv)
{
	unsigned long long count = 0;
	int map, program, error, device, got, zero = 0;
	sigset_t signals;

	if (argc != 3) {
		fputs("usage: wire-count tcx|clsact DEVICE\n", stderr);
		return 2;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	device = (int)if_nametoindex(argv[2]);
	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "foreign", sizeof(zero), sizeof(count), 1, NULL);
	program = load_counter(map);
	error = program < 0 ? -errno : attach(argv[1], device, program);
	if (error < 0) {
		fprintf(stderr, "wire-count: %s\n", strerror(-error));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	sigwait(&signals, &got);
	detach(argv[1], device);
	bpf_map_lookup_elem(map, &zero, &count);
	printf("%llu\n", count);
	return 0;
}
