/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <arpa/inet.h>

#include "clock.h"
#include "coverage_map.h"

#define NETNS 4026531840U
#define ROOM 2000

static int fd = -1;

static int fresh_map(void **state)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);

	(void)state;
	fd = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "coverage", sizeof(struct sieve_prefix), 1, ROOM, &options);
	return fd < 0 ? -1 : 0;
}

static int close_map(void **state)
{
	(void)state;
	close(fd);
	return 0;
}

/* Every second /24 from a number on, so that none join. */
static void make_set(unsigned int first, unsigned int count, struct prefix_set *ret_set)
{
	struct aggregate aggregate;

	aggregate_init(&aggregate, SIEVE_IPV4, count);
	for (unsigned int i = first; i < first + count; i++) {
		struct prefix it = { .family = SIEVE_IPV4, .length = 24 };
		__be32 word = htonl(i << 9);

		memcpy(it.address, &word, sizeof(word));
		assert_int_equal(aggregate_add(&aggregate, &it), 0);
	}
	assert_int_equal(aggregate_finish(&aggregate, ret_set), 0);
	assert_int_equal(ret_set->count, count);
}

static struct coverage_place place(uint32_t netns, uint64_t until)
{
	return (struct coverage_place){ .fd = fd, .netns = netns, .until = until };
}

static size_t count_entries(uint32_t netns)
{
	struct sieve_prefix key, next, *previous = NULL;
	size_t count = 0;

	while (bpf_map_get_next_key(fd, previous, &next) == 0) {
		key = next;
		previous = &key;
		count += key.netns == htonl(netns);
	}
	return count;
}

static void assert_holds(uint32_t netns, unsigned int first, unsigned int count)
{
	assert_int_equal(count_entries(netns), count);
	for (unsigned int i = first; i < first + count; i++) {
		struct sieve_prefix key = { .bits = SIEVE_PREFIX_BITS + 24, .netns = htonl(netns), .family = SIEVE_IPV4 };
		__be32 word = htonl(i << 9);
		__u8 value;

		memcpy(key.address, &word, sizeof(word));
		assert_int_equal(bpf_map_lookup_elem(fd, &key, &value), 0);
	}
}

static void aim(struct coverage_list *list, unsigned int first, unsigned int count)
{
	struct prefix_set set;

	make_set(first, count, &set);
	coverage_list_aim(list, &set);
	assert_null(set.entries); /* it is the list's now */
}

static void move_all(struct coverage_list *list, uint32_t netns)
{
	const struct coverage_place all = place(netns, UINT64_MAX);

	assert_int_equal(coverage_list_add(list, &all), 0);
	assert_int_equal(list->phase, COVERAGE_REMOVING);
	coverage_list_remove(list, &all);
	assert_int_equal(list->phase, COVERAGE_RESTING);
}

static void what_is_missing_comes_before_what_is_too_much_goes(void **state)
{
	const struct coverage_place all = place(NETNS, UINT64_MAX);
	struct coverage_list list;

	(void)state;
	coverage_list_init(&list, SIEVE_IPV4);
	aim(&list, 0, 600);
	move_all(&list, NETNS);
	assert_holds(NETNS, 0, 600);
	aim(&list, 100, 700);
	assert_int_equal(coverage_list_add(&list, &all), 0);
	assert_holds(NETNS, 0, 800);
	coverage_list_remove(&list, &all);
	assert_holds(NETNS, 100, 700);
	coverage_list_free(&list);
}

static void it_goes_on_where_the_time_was_over(void **state)
{
	const struct coverage_place none = place(NETNS, 0);
	struct coverage_list list;
	int parts = 0;

	(void)state;
	coverage_list_init(&list, SIEVE_IPV4);
	aim(&list, 0, 1000);
	while (coverage_list_add(&list, &none) == 1)
		parts++;
	assert_in_range(parts, 2, 10);
	assert_holds(NETNS, 0, 1000);
	coverage_list_remove(&list, &none);
	aim(&list, 0, 0);
	assert_int_equal(coverage_list_add(&list, &none), 0);
	for (parts = 0; list.phase != COVERAGE_RESTING; parts++)
		coverage_list_remove(&list, &none);
	assert_in_range(parts, 2, 10);
	assert_int_equal(count_entries(NETNS), 0);
	coverage_list_free(&list);
}

static void without_room_it_is_as_before(void **state)
{
	const struct coverage_place all = place(NETNS, UINT64_MAX);
	struct coverage_list list, other;

	(void)state;
	coverage_list_init(&list, SIEVE_IPV4);
	coverage_list_init(&other, SIEVE_IPV4);
	aim(&other, 0, 1000);
	move_all(&other, NETNS + 1);
	aim(&list, 0, 300);
	move_all(&list, NETNS);
	aim(&list, 200, 801);
	assert_int_equal(coverage_list_add(&list, &all), -ENOSPC);
	assert_int_equal(list.phase, COVERAGE_UNDOING);
	coverage_list_remove(&list, &all);
	assert_int_equal(list.phase, COVERAGE_RESTING);
	assert_holds(NETNS, 0, 300);
	assert_holds(NETNS + 1, 0, 1000);
	aim(&list, 200, 800); /* 300 that are there, 700 that fit: these go first */
	assert_int_equal(coverage_list_add(&list, &all), 0);
	coverage_list_free(&list);
	coverage_list_free(&other);
}

/* What is on its way counts until it is gone; who has no quota is not held up by it. */
static void lists_with_a_quota_have_no_more_than_that(void **state)
{
	struct coverage_quota quota = { .most = 800 };
	struct coverage_place one = place(NETNS, UINT64_MAX), other = place(NETNS + 1, UINT64_MAX);
	struct coverage_list list, second, free;

	(void)state;
	one.quota = other.quota = &quota;
	coverage_list_init(&list, SIEVE_IPV4);
	coverage_list_init(&second, SIEVE_IPV4);
	coverage_list_init(&free, SIEVE_IPV4);
	aim(&list, 0, 500);
	assert_int_equal(coverage_list_add(&list, &one), 0);
	coverage_list_remove(&list, &one);
	assert_int_equal(quota.used, 500);
	aim(&second, 0, 301);
	assert_int_equal(coverage_list_add(&second, &other), -ENOSPC);
	coverage_list_remove(&second, &other);
	assert_int_equal(count_entries(NETNS + 1), 0);
	assert_int_equal(quota.used, 500);
	aim(&second, 0, 300); /* which just fits */
	assert_int_equal(coverage_list_add(&second, &other), 0);
	coverage_list_remove(&second, &other);
	assert_int_equal(quota.used, 800);
	aim(&free, 0, 1000);
	move_all(&free, NETNS + 2);
	aim(&list, 100, 400); /* what goes makes room, what stays needs none */
	assert_int_equal(coverage_list_add(&list, &one), 0);
	coverage_list_remove(&list, &one);
	assert_int_equal(quota.used, 700);
	coverage_list_withdraw(&list, &one);
	coverage_list_withdraw(&second, &other);
	assert_int_equal(quota.used, 0);
	assert_holds(NETNS + 2, 0, 1000);
	coverage_list_free(&free);
}

static void whatever_is_on_its_way_all_of_it_can_be_withdrawn(void **state)
{
	const struct coverage_place none = place(NETNS, 0);

	(void)state;
	for (int phase = COVERAGE_RESTING; phase <= COVERAGE_UNDOING; phase++) {
		struct coverage_list list;

		coverage_list_init(&list, SIEVE_IPV4);
		aim(&list, 0, 500);
		move_all(&list, NETNS);
		if (phase != COVERAGE_RESTING) {
			aim(&list, 300, 900);
			assert_int_equal(coverage_list_add(&list, &none), 1);
		}
		if (phase == COVERAGE_REMOVING) {
			while (coverage_list_add(&list, &none) == 1)
				;
			coverage_list_remove(&list, &none);
		}
		list.phase = (enum coverage_phase)phase;
		coverage_list_withdraw(&list, &none);
		assert_int_equal(count_entries(NETNS), 0);
		assert_int_equal(list.listed.count, 0);
		coverage_list_free(&list);
	}
}

static bool keep_even(uint32_t netns, const struct prefix *prefix, void *data)
{
	size_t *asked = data;

	(*asked)++;
	assert_int_equal(prefix->length, 24);
	return netns == NETNS && !(prefix->address[2] & 2);
}

static void a_sweep_takes_what_is_not_to_stay_and_nothing_else(void **state)
{
	struct coverage_map_sweep sweep = {};
	struct coverage_list list, other;
	size_t asked = 0;

	(void)state;
	coverage_list_init(&list, SIEVE_IPV4);
	coverage_list_init(&other, SIEVE_IPV4);
	aim(&list, 0, 500);
	move_all(&list, NETNS);
	aim(&other, 0, 300);
	move_all(&other, NETNS + 1);
	while (coverage_map_sweep(fd, &sweep, 7, keep_even, &asked) == 1)
		;
	assert_int_equal(asked, 800);
	assert_int_equal(count_entries(NETNS), 250);
	assert_int_equal(count_entries(NETNS + 1), 0);
	coverage_list_free(&list);
	coverage_list_free(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_missing_comes_before_what_is_too_much_goes, fresh_map, close_map),
		cmocka_unit_test_setup_teardown(it_goes_on_where_the_time_was_over, fresh_map, close_map),
		cmocka_unit_test_setup_teardown(without_room_it_is_as_before, fresh_map, close_map),
		cmocka_unit_test_setup_teardown(lists_with_a_quota_have_no_more_than_that, fresh_map, close_map),
		cmocka_unit_test_setup_teardown(whatever_is_on_its_way_all_of_it_can_be_withdrawn, fresh_map, close_map),
		cmocka_unit_test_setup_teardown(a_sweep_takes_what_is_not_to_stay_and_nothing_else, fresh_map, close_map),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
