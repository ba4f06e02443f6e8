/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Captured frames through programs by BPF_PROG_TEST_RUN, for the tests of real traffic. Include harness.h first.
 * Without captures the tests are skipped; why there are none, tools/captures.sh wrote down.
 */
#ifndef TESTS_KERNEL_REPLAY_H
#define TESTS_KERNEL_REPLAY_H

#include "captures.h"
#include "datagram.h"

#define CAPTURES ".deps/captures"
#define DISAGREEMENTS_SHOWN 20
#define DNS_PORT 53

struct run {
	int error, verdict; /* the error is that of the system call, -errno */
	int counter;        /* for the caller's use */
	size_t length;
	__u8 octets[FRAME_MAX + 1000];
};

static const char *const hook_names[HOOKS] = { "egress", "cgroup", "gateway" };
static bool captures_missing;

static inline void run_frame(int program, const struct frame *frame, struct run *ret)
{
	struct __sk_buff context = { .ifindex = (__u32)tap_ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame->octets, .data_size_in = (__u32)frame->length,
		    .data_out = ret->octets, .data_size_out = sizeof(ret->octets), .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = 1);

	ret->error = bpf_prog_test_run_opts(program, &run);
	ret->verdict = (int)run.retval;
	ret->length = run.data_size_out;
	ret->counter = UNCOUNTED;
}

/* It passes, and is as it was. */
static inline bool is_untouched(const struct frame *frame, enum hook hook, const struct run *run)
{
	size_t from = hook == HOOK_CGROUP ? ETHERNET_SIZE : 0; /* the test run shows zeros there */

	return run->verdict == (hook == HOOK_CGROUP ? 1 : TC_ACT_UNSPEC) && run->length == frame->length &&
	       memcmp(&run->octets[from], &frame->octets[from], frame->length - from) == 0;
}

/* One more of a sort that must not be. */
static inline void disagree(unsigned int *count, const struct frame *frame, const char *program, const char *what,
			    const char *why)
{
	if ((*count)++ < DISAGREEMENTS_SHOWN)
		printf("%s, frame %u, %s: %s%s%s\n", frame->file, frame->number, program, what, why ? ": " : "",
		       why ? why : "");
}

static inline bool find_captures(void)
{
	FILE *file = fopen(CAPTURES "/packages", "re");
	char why[256] = "run make deps";

	if (file) {
		fclose(file);
		return true;
	}
	file = fopen(CAPTURES "/missing", "re");
	if (file && fgets(why, sizeof(why), file))
		why[strcspn(why, "\n")] = '\0';
	if (file)
		fclose(file);
	printf("skip    captures of real traffic (%s)\n", why);
	captures_missing = true;
	return false;
}

static inline void need_captures(void)
{
	if (captures_missing)
		skip();
}

#endif
