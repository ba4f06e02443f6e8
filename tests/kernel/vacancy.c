/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the map `vacant` says of addresses, beside what a look at every prefix says. */
#include "sandbox.h"

#include <bpf/bpf.h>

#include "aggregate.h"
#include "vacancy.h"
#include "vacant.h"

#define NETNS 4026531840U
#define PREFIXES 300
#define TRIES 20000

static int map = -1;
static struct vacancy vacancy;

static int enter(void **state)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);

	(void)state;
	srandom(20);
	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "vacant", sizeof(__u32), SIEVE_VACANT_BITS / 8, 1, &options);
	assert_true(map >= 0);
	assert_int_equal(vacancy_open(map, &vacancy), 0);
	return 0;
}

static int leave(void **state)
{
	(void)state;
	vacancy_close(&vacancy);
	close(map);
	return 0;
}

static struct prefix random_prefix(enum sieve_family family, unsigned int shortest, unsigned int longest)
{
	struct prefix prefix = { .family = (uint8_t)family, .length = (uint8_t)(shortest + random() % (longest - shortest + 1)) };

	for (unsigned int bit = 0; bit < prefix.length; bit++)
		if (random() % 2)
			prefix.address[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return prefix;
}

/* An address under the prefix. */
static uint32_t random_head(const struct prefix *prefix)
{
	uint32_t head = (uint32_t)prefix->address[0] << 24 | (uint32_t)prefix->address[1] << 16 |
			(uint32_t)prefix->address[2] << 8 | prefix->address[3];

	return prefix->length >= 32 ? head : head | (((uint32_t)random() << 1 ^ (uint32_t)random()) >> prefix->length);
}

static bool is_vacant(uint32_t netns, enum sieve_family family, uint32_t head)
{
	return sieve_is_vacant((const __u64 *)(const void *)vacancy.bits, netns, family, head);
}

static void make_set(struct prefix_set *ret_set, enum sieve_family family, const struct prefix *prefixes, size_t count)
{
	struct aggregate aggregate;

	aggregate_init(&aggregate, family, PREFIXES);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(aggregate_add(&aggregate, &prefixes[i]), 0);
	assert_int_equal(aggregate_finish(&aggregate, ret_set), 0);
	aggregate_free(&aggregate);
}

/* What is listed is these prefixes. */
static void summarize(enum sieve_family family, const struct prefix *prefixes, size_t count)
{
	uint64_t *used = vacancy_begin();
	struct prefix_set set;

	assert_non_null(used);
	make_set(&set, family, prefixes, count);
	vacancy_mark(used, NETNS, &set);
	vacancy_end(&vacancy, used);
	prefix_set_free(&set);
	free(used);
}

static void nothing_is_vacant_at_the_start_whatever_was_there(void **state)
{
	struct vacancy later;

	(void)state;
	assert_false(is_vacant(NETNS, SIEVE_IPV6, 0x2a000000));
	summarize(SIEVE_IPV6, NULL, 0);
	assert_true(is_vacant(NETNS, SIEVE_IPV6, 0x2a000000));
	assert_int_equal(vacancy_open(map, &later), 0);
	assert_false(is_vacant(NETNS, SIEVE_IPV6, 0x2a000000));
	vacancy_close(&later);
}

static void no_address_under_a_prefix_is_vacant(void **state)
{
	static const unsigned int shortest[SIEVE_FAMILIES] = { 1, 1 }, longest[SIEVE_FAMILIES] = { 32, 128 };

	(void)state;
	for (enum sieve_family family = 0; family < SIEVE_FAMILIES; family++)
		for (int round = 0; round < PREFIXES; round++) {
			struct prefix prefix = random_prefix(family, shortest[family], longest[family]);

			summarize(family, NULL, 0);
			if (round % 2)
				summarize(family, &prefix, 1);
			else
				vacancy_take(&vacancy, NETNS, &prefix);
			for (int i = 0; i < 50; i++)
				if (is_vacant(NETNS, family, random_head(&prefix)))
					fail_msg("family %d, length %u", (int)family, prefix.length);
		}
}

/* Of all others nearly all are; also of the other family and of another namespace. */
static void other_addresses_are_vacant(void **state)
{
	struct prefix prefixes[PREFIXES];
	int vacant = 0, others = 0;

	(void)state;
	for (size_t i = 0; i < PREFIXES; i++) {
		prefixes[i] = random_prefix(SIEVE_IPV6, 32, 64);
		prefixes[i].address[0] = 0x2a;
	}
	summarize(SIEVE_IPV6, prefixes, PREFIXES);
	for (int i = 0; i < TRIES; i++) {
		uint32_t head = 0x2a000000 | ((uint32_t)random() & 0xffffff);

		vacant += is_vacant(NETNS, SIEVE_IPV6, head);
		others += is_vacant(NETNS + 1, SIEVE_IPV6, head);
	}
	assert_in_range(vacant, TRIES - TRIES / 100, TRIES);
	assert_in_range(others, TRIES - TRIES / 100, TRIES);
	assert_true(is_vacant(NETNS, SIEVE_IPV4, random_head(&prefixes[0])));
}

static void what_goes_is_vacant_when_all_is_summed_up_anew(void **state)
{
	struct prefix prefixes[] = {
		{ .family = SIEVE_IPV6, .address = { 0x20, 0x01, 0x0d, 0xb8, 0, 1 }, .length = 48 },
		{ .family = SIEVE_IPV6, .address = { 0xfc }, .length = 7 },
	};

	(void)state;
	summarize(SIEVE_IPV6, prefixes, 2);
	assert_false(is_vacant(NETNS, SIEVE_IPV6, 0x20010db8));
	assert_false(is_vacant(NETNS, SIEVE_IPV6, 0xfd123456));
	assert_true(is_vacant(NETNS, SIEVE_IPV6, 0x20010db9));
	summarize(SIEVE_IPV6, prefixes, 1);
	assert_false(is_vacant(NETNS, SIEVE_IPV6, 0x20010db8));
	assert_true(is_vacant(NETNS, SIEVE_IPV6, 0xfd123456));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)
		TEST(nothing_is_vacant_at_the_start_whatever_was_there),
		TEST(no_address_under_a_prefix_is_vacant),
		TEST(other_addresses_are_vacant),
		TEST(what_goes_is_vacant_when_all_is_summed_up_anew),
#undef TEST
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
