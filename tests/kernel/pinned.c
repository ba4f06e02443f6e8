/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <bpf/libbpf.h>

#include "pinned.h"

/* Another value in each of SIEVE_COUNTERS, on two CPUs where there are two. */
static void set_counters(const char *pin_dir, uint64_t base)
{
	int cpus = libbpf_num_possible_cpus(), fd;
	uint64_t *values = calloc((size_t)cpus, sizeof(*values));
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/counters-%d", pin_dir, SIEVE_ABI_VERSION);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	for (uint32_t i = 0; i < SIEVE_COUNTERS; i++) {
		values[0] = base + i;
		values[cpus - 1] += 5;
		assert_int_equal(bpf_map_update_elem(fd, &i, values, BPF_ANY), 0);
		values[cpus - 1] = 0;
	}
	close(fd);
	free(values);
}

static void what_was_left_is_read_without_its_controller(void **state)
{
	uint64_t counters[SIEVE_COUNTERS] = {}, beat = 0;
	char pin_dir[PATH_MAX];
	struct programs *programs;

	(void)state;
	fresh_pin_dir(pin_dir);
	programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	assert_int_equal(programs_beat(programs, 123456789), 0);
	set_counters(pin_dir, 1000);
	programs_free(programs);
	assert_int_equal(pinned_counters(pin_dir, counters), 0);
	for (uint64_t i = 0; i < SIEVE_COUNTERS; i++)
		assert_int_equal(counters[i], 1000 + i + 5);
	assert_int_equal(pinned_heartbeat(pin_dir, &beat), 0);
	assert_int_equal(beat, 123456789);
}

static void where_nothing_was_left_it_says_so(void **state)
{
	uint64_t counters[SIEVE_COUNTERS] = { 99 }, beat = 99;
	char pin_dir[PATH_MAX];

	(void)state;
	fresh_pin_dir(pin_dir);
	assert_int_equal(pinned_counters(pin_dir, counters), -ENOENT);
	assert_int_equal(pinned_heartbeat(pin_dir, &beat), -ENOENT);
	assert_int_equal(counters[0], 99);
	assert_int_equal(beat, 99);
}

/* A foreign map under the name of ours. */
static void pin_foreign(const char *pin_dir, const char *name, enum bpf_map_type type, __u32 value_size, __u32 entries)
{
	int fd = bpf_map_create(type, "foreign", sizeof(__u32), value_size, entries, NULL);
	char path[PATH_MAX + 32];

	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "%s/%s-%d", pin_dir, name, SIEVE_ABI_VERSION);
	unlink(path);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	close(fd);
}

static void what_is_not_ours_is_not_read(void **state)
{
	uint64_t counters[SIEVE_COUNTERS] = { 99 }, beat = 99;
	char pin_dir[PATH_MAX];

	(void)state;
	fresh_pin_dir(pin_dir);
	pin_foreign(pin_dir, "counters", BPF_MAP_TYPE_PERCPU_ARRAY, 64, SIEVE_COUNTERS);
	assert_int_equal(pinned_counters(pin_dir, counters), -EINVAL);
	pin_foreign(pin_dir, "counters", BPF_MAP_TYPE_ARRAY, 8, SIEVE_COUNTERS);
	assert_int_equal(pinned_counters(pin_dir, counters), -EINVAL);
	pin_foreign(pin_dir, "counters", BPF_MAP_TYPE_PERCPU_ARRAY, 8, SIEVE_COUNTERS - 1);
	assert_int_equal(pinned_counters(pin_dir, counters), -EINVAL);
	pin_foreign(pin_dir, "heartbeat", BPF_MAP_TYPE_ARRAY, 4096, 1);
	assert_int_equal(pinned_heartbeat(pin_dir, &beat), -EINVAL);
	assert_int_equal(counters[0], 99);
	assert_int_equal(beat, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_left_is_read_without_its_controller),
		cmocka_unit_test(where_nothing_was_left_it_says_so),
		cmocka_unit_test(what_is_not_ours_is_not_read),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
