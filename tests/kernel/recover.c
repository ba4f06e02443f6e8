/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <bpf/libbpf.h>

#include "identity.h"

#define TCX_EGRESS ((enum bpf_attach_type)47)
#define LOOPBACK 1

static char pin_dir[PATH_MAX], other_dir[PATH_MAX];

static int enter(void **state)
{
	(void)state;
	fresh_netns();
	fresh_pin_dir(pin_dir);
	fresh_pin_dir(other_dir);
	return 0;
}

static int open_map(const struct programs *programs, const char *name)
{
	int fd = identity_open_map(program_id(programs_egress_fd(programs)), name);

	if (fd < 0)
		fail_msg("no map %s", name);
	return fd;
}

/* Some that have counted seven, and were carried nine before. */
static struct programs *load_counted(void)
{
	struct programs *programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	int cpus = libbpf_num_possible_cpus(), counters = open_map(programs, "counters"), carried = open_map(programs, "carried");
	__u64 *values = calloc((size_t)cpus, sizeof(*values));
	struct sieve_counter_name name = { "passed_connected" };
	struct sieve_carried before = { .total = 9 };
	__u32 index = SIEVE_REASON_connected;

	assert_non_null(values);
	values[0] = 7;
	assert_int_equal(bpf_map_update_elem(counters, &index, values, BPF_ANY), 0);
	assert_int_equal(bpf_map_update_elem(carried, &name, &before, BPF_ANY), 0);
	free(values);
	close(counters);
	close(carried);
	return programs;
}

static void expect_counted(const char *phrase, const char *directory, uint64_t want)
{
	struct programs *programs = load_programs(SIEVE_ACTION_ANSWER, directory);
	uint64_t counters[SIEVE_COUNTERS];

	assert_int_equal(programs_counters(programs, counters), 0);
	if (counters[SIEVE_REASON_connected] != want)
		fail_msg("%s: %d, not %d", phrase, (int)counters[SIEVE_REASON_connected], (int)want);
	run("test -e %s/carried -a -e %s/counters-%d", directory, directory, SIEVE_ABI_VERSION);
	programs_free(programs);
}

static int attach(const struct programs *programs)
{
	int fd = bpf_link_create(programs_egress_fd(programs), LOOPBACK, TCX_EGRESS, NULL);

	assert_true(fd >= 0);
	return fd;
}

/* The controller died after its bpffs had gone; its link is held by somebody. */
static void what_programs_on_a_link_have_counted_goes_on(void **state)
{
	struct programs *programs = load_counted();
	int link = attach(programs);

	(void)state;
	programs_free(programs);
	run("rm %s/*", pin_dir);
	expect_counted("of another directory", other_dir, 0);
	expect_counted("all pins lost", pin_dir, 16);
	run("rm %s/carried", pin_dir);
	expect_counted("one pin lost", pin_dir, 16);
	close(link);
}

static void what_is_attached_nowhere_is_over(void **state)
{
	struct programs *programs = load_counted();
	int link = attach(programs);

	(void)state;
	assert_int_equal(bpf_link_detach(link), 0);
	run("rm %s/*", pin_dir);
	expect_counted("detached", pin_dir, 0);
	close(link);
	programs_free(programs);
}

/* The same index counts something else there. */
static void counters_with_other_names_are_left(void **state)
{
	struct programs *programs = load_counted();
	int link = attach(programs), names = open_map(programs, "counter_names");
	struct sieve_counter_name name = { "passed_unheard_of" };
	__u32 index = 0;

	(void)state;
	assert_int_equal(bpf_map_update_elem(names, &index, &name, BPF_ANY), 0);
	run("rm %s/*", pin_dir);
	expect_counted("other names", pin_dir, 0);
	close(names);
	close(link);
	programs_free(programs);
}

static void no_descriptor_is_left_open(void **state)
{
	struct programs *programs = load_counted();
	int link = attach(programs);
	unsigned int before;

	(void)state;
	programs_free(programs);
	before = count_descriptors();
	run("rm %s/*", pin_dir);
	expect_counted("all pins lost", pin_dir, 16);
	assert_int_equal(count_descriptors(), before);
	close(link);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, enter)
	const struct CMUnitTest tests[] = {
		TEST(what_programs_on_a_link_have_counted_goes_on),
		TEST(what_is_attached_nowhere_is_over),
		TEST(counters_with_other_names_are_left),
		TEST(no_descriptor_is_left_open),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
