/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A program that is measured changes its packet: so that it can run many times on the same one, another program makes
 * the packet what it was, and calls it. What that costs is measured by itself.
 */
#ifndef TOOLS_BENCH_REFILL_H
#define TOOLS_BENCH_REFILL_H

#include <bpf/bpf.h>
#include <linux/bpf.h>

enum refill {
	REFILL_SAME,   /* a length that the packet has, and its octets */
	REFILL_TWICE,  /* ... the length twice */
	REFILL_CUT,    /* the length after the cut, then the whole */
	REFILL_CALL,   /* the whole, and the program */
};
#define REFILLS 4

static inline size_t put_call(struct bpf_insn *program, size_t count, enum bpf_func_id function)
{
	program[count++] = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = function };
	program[count++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 6 };
	return count;
}

static inline size_t put_number(struct bpf_insn *program, size_t count, int which, __u32 number)
{
	program[count++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (__u8)(which & 15), .imm = (int)number };
	return count;
}

static inline size_t put_map(struct bpf_insn *program, size_t count, int which, int kind, int fd)
{
	program[count++] = (struct bpf_insn){ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = (__u8)(which & 15),
					      .src_reg = (__u8)(kind & 15), .imm = fd };
	program[count++] = (struct bpf_insn){};
	return count;
}

static inline size_t put_length(struct bpf_insn *program, size_t count, __u32 length)
{
	count = put_number(program, count, 2, length);
	count = put_number(program, count, 3, 0);
	return put_call(program, count, BPF_FUNC_skb_change_tail);
}

static inline int make_map(enum bpf_map_type type, __u32 size)
{
	return bpf_map_create(type, "refill", sizeof(__u32), size, 1, NULL);
}

/* `octets`: a map of one entry, the packet; `programs`: one whose entry is called. Returns a descriptor or -1. */
static inline int load_refill(enum refill kind, int octets, int programs, __u32 whole, __u32 cut)
{
	struct bpf_insn program[40] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1 },
	};
	size_t count = 1;

	if (kind == REFILL_TWICE || kind == REFILL_CUT)
		count = put_length(program, count, kind == REFILL_CUT ? cut : whole);
	count = put_length(program, count, whole);
	count = put_number(program, count, 2, 0);
	count = put_map(program, count, 3, BPF_PSEUDO_MAP_VALUE, octets);
	count = put_number(program, count, 4, whole);
	count = put_number(program, count, 5, 0);
	count = put_call(program, count, BPF_FUNC_skb_store_bytes);
	if (kind == REFILL_CALL) {
		count = put_map(program, count, 2, BPF_PSEUDO_MAP_FD, programs);
		count = put_number(program, count, 3, 0);
		count = put_call(program, count, BPF_FUNC_tail_call);
	}
	count = put_number(program, count, 0, (__u32)-1);
	program[count++] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "refill", "GPL", program, count, NULL);
}

#endif
