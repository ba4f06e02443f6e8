/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <bpf/libbpf.h>

#include "carry.h"
#include "counter.h"

static char pin_dir[PATH_MAX];

/* What a version has pinned. */
struct version {
	int counters_fd, names_fd;
};

static int carried_fd;

static int make_map(enum bpf_map_type type, const char *name, __u32 key, __u32 value, __u32 entries, __u32 flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
	int fd = bpf_map_create(type, name, key, value, entries, &options);

	assert_true(fd >= 0);
	return fd;
}

static int fresh_instance(void **state)
{
	(void)state;
	fresh_pin_dir(pin_dir);
	carried_fd = make_map(BPF_MAP_TYPE_HASH, "carried", sizeof(struct sieve_counter_name), sizeof(struct sieve_carried),
			      SIEVE_CARRIED_MAX, BPF_F_NO_PREALLOC);
	return 0;
}

static void pin_as(int fd, const char *name, int version)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s-%d", pin_dir, name, version);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
}

static struct version make_version(int version, __u32 entries)
{
	struct version it = {
		.counters_fd = make_map(BPF_MAP_TYPE_PERCPU_ARRAY, "counters", 4, sizeof(__u64), entries, 0),
		.names_fd = make_map(BPF_MAP_TYPE_ARRAY, "counter_names", 4, sizeof(struct sieve_counter_name), entries, 0),
	};

	pin_as(it.counters_fd, "counters", version);
	pin_as(it.names_fd, "counter_names", version);
	return it;
}

/* One more on each CPU than on the one before. */
static __u64 set_counter(const struct version *version, __u32 index, const char *name, __u64 first)
{
	int cpus = libbpf_num_possible_cpus();
	__u64 *values = calloc((size_t)cpus, sizeof(*values)), sum = 0;
	struct sieve_counter_name text = {};

	assert_non_null(values);
	for (int cpu = 0; cpu < cpus; cpu++)
		sum += values[cpu] = first + (__u64)cpu;
	strncpy(text.text, name, sizeof(text.text) - 1);
	assert_int_equal(bpf_map_update_elem(version->counters_fd, &index, values, BPF_ANY), 0);
	assert_int_equal(bpf_map_update_elem(version->names_fd, &index, &text, BPF_ANY), 0);
	free(values);
	return sum;
}

static struct carry open_carry(const struct version *own)
{
	struct carry carry;

	assert_int_equal(carry_open(pin_dir, own->counters_fd, carried_fd, &carry), 0);
	assert_int_equal(carry_begin(&carry, own->names_fd), 0);
	return carry;
}

static uint64_t total(const struct carry *carry, uint32_t index)
{
	uint64_t counters[SIEVE_COUNTERS];

	assert_int_equal(carry_totals(carry, counters), 0);
	return counters[index];
}

static void add_to_sum(const char *name, uint64_t value, void *data)
{
	uint64_t *sum = data;

	assert_string_equal(name, "passed_unheard_of");
	sum[0] += value;
	sum[1]++;
}

/* What was counted under the name that only other versions have, told of once. */
static uint64_t unheard_of(const struct carry *carry)
{
	uint64_t sum[2] = {};

	carry_each_unknown(carry, add_to_sum, sum);
	assert_in_range(sum[1], 0, 1);
	return sum[0];
}

static void our_counters_are_named(void **state)
{
	struct version own = make_version(SIEVE_ABI_VERSION, SIEVE_COUNTERS);
	struct carry carry = open_carry(&own);
	struct sieve_counter_name name, read;

	(void)state;
	for (uint32_t i = 0; i < SIEVE_COUNTERS; i++) {
		counter_name(i, &name);
		assert_int_equal(bpf_map_lookup_elem(own.names_fd, &i, &read), 0);
		assert_memory_equal(&read, &name, sizeof(name));
	}
	assert_int_equal(carry.count, 0);
	assert_int_equal(unheard_of(&carry), 0);
	carry_close(&carry);
}

/* Older and newer ones alike; the index is another one, and the last one is behind ours. */
static void counters_of_other_versions_count_by_their_names(void **state)
{
	struct version own = make_version(SIEVE_ABI_VERSION, SIEVE_COUNTERS), older = make_version(1, 8),
		       newer = make_version(99, SIEVE_COUNTERS + 20);
	__u64 want = set_counter(&own, SIEVE_REASON_connected, "passed_connected", 10), strange;
	struct carry carry;

	(void)state;
	want += set_counter(&older, 3, "passed_connected", 100);
	want += set_counter(&newer, SIEVE_COUNTERS + 19, "passed_connected", 1000);
	set_counter(&older, SIEVE_REASON_connected % 8 ? SIEVE_REASON_connected % 8 : 1, "passed_scope", 7);
	strange = set_counter(&older, 5, "passed_unheard_of", 3) + set_counter(&newer, 70, "passed_unheard_of", 4);
	carry = open_carry(&own);
	assert_int_equal(carry.count, 2);
	assert_int_equal(total(&carry, SIEVE_REASON_connected), want);
	assert_int_equal(unheard_of(&carry), strange);
	/* they go on counting */
	want += set_counter(&older, 3, "passed_connected", 101) - set_counter(&older, 3, "passed_connected", 100);
	set_counter(&older, 3, "passed_connected", 101);
	assert_int_equal(total(&carry, SIEVE_REASON_connected), want);
	assert_int_equal(carry_take(&carry, pin_dir), 0);
	assert_int_equal(carry.count, 0);
	assert_int_equal(total(&carry, SIEVE_REASON_connected), want);
	assert_int_equal(unheard_of(&carry), strange);
	run("test \"$(ls %s/counters-* | wc -l)\" = 1", pin_dir);
	carry_close(&carry);
	/* and for the next one */
	carry = open_carry(&own);
	assert_int_equal(total(&carry, SIEVE_REASON_connected), want);
	assert_int_equal(unheard_of(&carry), strange);
	carry_close(&carry);
}

/* Who looked for the sources before, and reads when they are taken, part of them or all. */
static void what_another_process_took_meanwhile_counts_once(void **state)
{
	struct version own = make_version(SIEVE_ABI_VERSION, SIEVE_COUNTERS), older = make_version(3, 8),
		       oldest = make_version(2, 8);
	__u64 want = set_counter(&older, 3, "passed_connected", 100) + set_counter(&oldest, 4, "passed_connected", 50);
	__u64 strange = set_counter(&older, 5, "passed_unheard_of", 3) + set_counter(&oldest, 5, "passed_unheard_of", 4);
	struct carry reader = open_carry(&own), first = open_carry(&own), second = open_carry(&own);

	(void)state;
	assert_int_equal(first.count, 2);
	first.count = 1; /* it dies when it is done with one of them */
	assert_int_equal(carry_take(&first, pin_dir), 0);
	assert_int_equal(total(&reader, SIEVE_REASON_connected), want);
	assert_int_equal(unheard_of(&reader), strange);
	assert_int_equal(carry_take(&second, pin_dir), 0);
	assert_int_equal(reader.count, 2);
	assert_int_equal(total(&reader, SIEVE_REASON_connected), want);
	assert_int_equal(unheard_of(&reader), strange);
	carry_close(&reader);
	carry_close(&second);
	first.sources[0] = first.sources[1];
	first.count = 1;
	carry_close(&first);
}

/* A controller that died on the way: as if it had written a part of the entries. */
static void what_is_taken_twice_counts_once(void **state)
{
	struct version own = make_version(SIEVE_ABI_VERSION, SIEVE_COUNTERS), older = make_version(3, 8),
		       oldest = make_version(2, 8);
	__u64 want = set_counter(&older, 3, "passed_connected", 100) + set_counter(&oldest, 3, "passed_connected", 50);
	__u64 scope = set_counter(&older, 4, "passed_scope", 9);
	struct carry carry = open_carry(&own);

	(void)state;
	/* the one that was begun, whichever comes first in the directory */
	for (size_t i = 0; i < carry.count; i++)
		if (carry.sources[i].version == 3) {
			struct sieve_counter_name name = { "passed_connected" };
			struct sieve_carried carried = { .taken = 70, .total = 70, .source = carry.sources[i].id };

			assert_int_equal(bpf_map_update_elem(carried_fd, &name, &carried, BPF_ANY), 0);
		}
	assert_int_equal(total(&carry, SIEVE_REASON_connected), want);
	assert_int_equal(total(&carry, SIEVE_REASON_scope), scope);
	assert_int_equal(carry_take(&carry, pin_dir), 0);
	assert_int_equal(total(&carry, SIEVE_REASON_connected), want);
	assert_int_equal(total(&carry, SIEVE_REASON_scope), scope);
	carry_close(&carry);
}

/* A controller of another version died on the way, and this one came back. */
static void what_another_version_began_to_take_of_ours_is_given_back(void **state)
{
	struct version own = make_version(SIEVE_ABI_VERSION, SIEVE_COUNTERS);
	struct sieve_counter_name name = { "passed_connected" };
	struct sieve_carried carried = { .taken = 70, .total = 1070 };
	struct carry carry = open_carry(&own);
	__u64 want = 1000 + set_counter(&own, SIEVE_REASON_connected, "passed_connected", 100);

	(void)state;
	carried.source = carry.id;
	carry_close(&carry);
	assert_int_equal(bpf_map_update_elem(carried_fd, &name, &carried, BPF_ANY), 0);
	assert_int_equal(carry_open(pin_dir, own.counters_fd, carried_fd, &carry), 0); /* who only reads */
	assert_int_equal(total(&carry, SIEVE_REASON_connected), want);
	carry_close(&carry);
	carry = open_carry(&own);
	assert_int_equal(total(&carry, SIEVE_REASON_connected), want);
	carry_close(&carry);
	assert_int_equal(bpf_map_lookup_elem(carried_fd, &name, &carried), 0);
	assert_int_equal(carried.total, 1000);
	assert_int_equal(carried.source, 0);
}

static void a_record_that_is_not_as_agreed_is_not_believed(void **state)
{
	struct version own = make_version(SIEVE_ABI_VERSION, SIEVE_COUNTERS);
	struct carry carry;

	(void)state;
	pin_as(make_map(BPF_MAP_TYPE_PERCPU_ARRAY, "counters", 4, 8, 4, 0), "counters", 1); /* without names */
	pin_as(make_map(BPF_MAP_TYPE_ARRAY, "counters", 4, 8, 4, 0), "counters", 2);
	pin_as(make_map(BPF_MAP_TYPE_ARRAY, "counter_names", 4, 32, 4, 0), "counter_names", 2);
	pin_as(make_map(BPF_MAP_TYPE_PERCPU_ARRAY, "counters", 4, 8, 4, 0), "counters", 98);
	pin_as(make_map(BPF_MAP_TYPE_ARRAY, "counter_names", 4, 16, 4, 0), "counter_names", 98);
	run("mkdir %s/counters-97", pin_dir);
	carry = open_carry(&own);
	assert_int_equal(carry.count, 0);
	carry_close(&carry);
}

static void no_descriptor_is_left_open(void **state)
{
	struct version own = make_version(SIEVE_ABI_VERSION, SIEVE_COUNTERS), older = make_version(1, 8);
	unsigned int before = count_descriptors();
	struct carry carry = open_carry(&own);

	(void)state;
	(void)older;
	carry_close(&carry);
	assert_int_equal(count_descriptors(), before);
	carry = open_carry(&own);
	assert_int_equal(carry_take(&carry, pin_dir), 0);
	carry_close(&carry);
	assert_int_equal(count_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(our_counters_are_named, fresh_instance),
		cmocka_unit_test_setup(counters_of_other_versions_count_by_their_names, fresh_instance),
		cmocka_unit_test_setup(what_is_taken_twice_counts_once, fresh_instance),
		cmocka_unit_test_setup(what_another_process_took_meanwhile_counts_once, fresh_instance),
		cmocka_unit_test_setup(what_another_version_began_to_take_of_ours_is_given_back, fresh_instance),
		cmocka_unit_test_setup(a_record_that_is_not_as_agreed_is_not_believed, fresh_instance),
		cmocka_unit_test_setup(no_descriptor_is_left_open, fresh_instance),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
