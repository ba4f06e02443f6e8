/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * on-hook egress|ingress DEVICE, on-hook cgroup|sensor PATH: the names of the programs there, in the order of the kernel, one
 * a line. tcx in the network namespace that it runs in; cgroups: egress, and new sockets.
 * on-hook attach egress|ingress DEVICE VERDICT: attach a program `foreign` that always says this, before all others, and
 * stay until the end of standard input. attach cgroup PATH VERDICT: as the only one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TCX_INGRESS 46
#define TCX_EGRESS 47
#define PROGRAMS_MAX 64

/* The beginning of union bpf_attr, as each command takes it. */
union request {
	struct {
		__u32 target, type, query_flags, attach_flags;
		__aligned_u64 ids;
		__u32 count;
	} query;
	struct {
		__u32 id, next, flags;
	} by_id;
	struct {
		__u32 fd, size;
		__aligned_u64 info;
	} info;
	struct {
		__u32 program, target, type, flags;
	} link;
	struct {
		__u32 target, program, type, flags;
	} attach;
	struct {
		__u32 type, count;
		__aligned_u64 code, license;
		__u32 log_level, log_size;
		__aligned_u64 log;
		__u32 version, flags;
		char name[16];
		__u32 ifindex, attach_type;
	} load;
	char room[128];
};

static int bpf(int command, union request *request)
{
	return (int)syscall(SYS_bpf, command, request, sizeof(*request));
}

static int fail(const char *what)
{
	fprintf(stderr, "on-hook: %s: %s\n", what, strerror(errno));
	return 1;
}

static void print_name(__u32 id)
{
	struct bpf_prog_info info = {};
	union request open_it = { .by_id = { .id = id } };
	int fd = bpf(BPF_PROG_GET_FD_BY_ID, &open_it);
	union request look = { .info = { .fd = (__u32)fd, .size = sizeof(info), .info = (uintptr_t)&info } };

	if (fd < 0 || bpf(BPF_OBJ_GET_INFO_BY_FD, &look) < 0)
		printf("?\n");
	else
		printf("%s\n", info.name);
	close(fd);
}

static __u32 find_target(const char *hook, const char *word)
{
	if (strcmp(hook, "egress") == 0 || strcmp(hook, "ingress") == 0)
		return if_nametoindex(word);
	return (__u32)open(word, O_RDONLY | O_DIRECTORY);
}

static __u32 find_type(const char *hook)
{
	if (strcmp(hook, "egress") == 0)
		return TCX_EGRESS;
	if (strcmp(hook, "ingress") == 0)
		return TCX_INGRESS;
	return strcmp(hook, "sensor") == 0 ? BPF_CGROUP_INET_SOCK_CREATE : BPF_CGROUP_INET_EGRESS;
}

static int show(const char *hook, const char *word)
{
	__u32 ids[PROGRAMS_MAX];
	union request request = { .query = { .target = find_target(hook, word), .type = find_type(hook),
					     .ids = (uintptr_t)ids, .count = PROGRAMS_MAX } };

	if (bpf(BPF_PROG_QUERY, &request) < 0)
		return fail(word);
	for (__u32 i = 0; i < request.query.count; i++)
		print_name(ids[i]);
	return 0;
}

/* r0 = verdict; exit */
static int load(const char *hook, int verdict)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int is_cgroup = strcmp(hook, "cgroup") == 0;
	union request request = { .load = {
		.type = is_cgroup ? BPF_PROG_TYPE_CGROUP_SKB : BPF_PROG_TYPE_SCHED_CLS,
		.count = 2,
		.code = (uintptr_t)code,
		.license = (uintptr_t)"GPL",
		.name = "foreign",
		.attach_type = is_cgroup ? BPF_CGROUP_INET_EGRESS : 0,
	} };

	return bpf(BPF_PROG_LOAD, &request);
}

static int attach(const char *hook, const char *word, int verdict)
{
	__u32 target = find_target(hook, word);
	int program = load(hook, verdict), r;
	union request link = { .link = { .program = (__u32)program, .target = target, .type = find_type(hook),
					 .flags = 1U << 3 /* BPF_F_BEFORE */ } };
	union request alone = { .attach = { .target = target, .program = (__u32)program, .type = find_type(hook) } };

	if (program < 0)
		return fail("cannot load");
	r = strcmp(hook, "cgroup") == 0 ? bpf(BPF_PROG_ATTACH, &alone) : bpf(BPF_LINK_CREATE, &link);
	if (r < 0)
		return fail("cannot attach");
	puts("attached");
	fflush(stdout);
	while (getchar() != EOF)
		;
	if (strcmp(hook, "cgroup") == 0)
		bpf(BPF_PROG_DETACH, &alone);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return show(argv[1], argv[2]);
	if (argc == 5 && strcmp(argv[1], "attach") == 0)
		return attach(argv[2], argv[3], atoi(argv[4]));
	fprintf(stderr, "usage: on-hook HOOK PLACE, or: on-hook attach HOOK PLACE VERDICT\n");
	return 2;
}
