/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Prefixes merged to the fewest (user/core/aggregate.c), against ranges of numbers. The input is how (an octet), and
 * prefixes: a length, and as many octets of an address as that length needs.
 */
#include <errno.h>

#include "aggregate.h"
#include "fuzz.h"

#define PREFIXES_MAX 3000

__extension__ typedef unsigned __int128 number;

/* From the first address to the last. */
struct range {
	number from, to;
};

struct ranges {
	struct range ranges[PREFIXES_MAX];
	size_t count;
};

static number number_of(const struct prefix *prefix, unsigned int size)
{
	number value = 0;

	for (unsigned int i = 0; i < size; i++)
		value = value << 8 | prefix->address[i];
	return value << (128 - 8 * size); /* IPv4 in the highest bits, so that a length is one of both */
}

/* What is within so many bits, as the highest ones. */
static number mask_of(unsigned int length)
{
	return length ? ~(number)0 << (128 - length) : 0;
}

static void add_range(struct ranges *ranges, const struct prefix *prefix, unsigned int size)
{
	number from = number_of(prefix, size) & mask_of(prefix->length);

	ranges->ranges[ranges->count++] = (struct range){ from, from | ~mask_of(prefix->length) };
}

static int by_number(const void *one, const void *other)
{
	const struct range *a = one, *b = other;

	return a->from < b->from ? -1 : a->from > b->from;
}

/* No two of them overlap or meet then. */
static void join_ranges(struct ranges *ranges)
{
	size_t last = 0;

	if (ranges->count == 0)
		return;
	qsort(ranges->ranges, ranges->count, sizeof(ranges->ranges[0]), by_number);
	for (size_t i = 1; i < ranges->count; i++) {
		struct range *before = &ranges->ranges[last], *it = &ranges->ranges[i];

		if (before->to == ~(number)0 || it->from <= before->to + 1) {
			if (it->to > before->to)
				before->to = it->to;
		} else {
			ranges->ranges[++last] = *it;
		}
	}
	ranges->count = last + 1;
}

/* The largest prefix that begins here and does not go beyond. */
static unsigned int widest(number from, number to)
{
	for (unsigned int length = 0; length < 128; length++)
		if ((from & mask_of(length)) == from && (from | ~mask_of(length)) <= to)
			return length;
	return 128;
}

/* The set is what a range comes to, cut greedily from its start: that gives the fewest. */
static void check_fewest(const struct prefix_set *set, struct ranges *ranges, unsigned int size)
{
	size_t next = 0;

	join_ranges(ranges);
	for (size_t i = 0; i < ranges->count; i++) {
		number from = ranges->ranges[i].from, to = ranges->ranges[i].to;

		for (;;) {
			unsigned int length = widest(from, to);
			number last = from | ~mask_of(length);
			struct prefix prefix;

			must(next < set->count, "there are fewer than %zu", next + 1);
			prefix = prefix_set_get(set, next++);
			must(prefix.length == length && number_of(&prefix, size) == from, "prefix %zu is another",
			     next);
			must(prefix_set_has(set, &prefix), "it has not what it has");
			if (last >= to)
				break;
			from = last + 1;
		}
	}
	must(next == set->count, "there are %zu, not %zu", set->count, next);
	must(prefix_set_is_whole(set) ==
		     (ranges->count == 1 && ranges->ranges[0].from == 0 && ranges->ranges[0].to == ~(number)0),
	     "whole or not");
}

static struct prefix take_prefix(struct input *input, enum sieve_family family)
{
	struct prefix prefix = { .family = (uint8_t)family };

	prefix.length = (uint8_t)(take_u8(input) % (8 * prefix_address_size(family) + 1));
	take_octets(input, prefix.address, (prefix.length + 7U) / 8);
	return prefix;
}

/* Returns what aggregate_finish() returns, or an earlier error. */
static int aggregate(struct input *input, enum sieve_family family, size_t limit, size_t most, struct ranges *ranges,
		     struct prefix_set *ret)
{
	struct aggregate all;
	int r = 0;

	aggregate_init(&all, family, limit);
	while (r == 0 && input->size > 0 && ranges->count < most) {
		struct prefix prefix = take_prefix(input, family);

		add_range(ranges, &prefix, prefix_address_size(family));
		r = aggregate_add(&all, &prefix);
	}
	if (r == 0)
		r = aggregate_finish(&all, ret);
	aggregate_free(&all);
	return r;
}

/* Each of `one` that is not in `other` comes once, in order. */
static void check_missing(const struct prefix_set *one, const struct prefix_set *other, size_t most)
{
	struct prefix_walk walk = {};
	struct prefix some[8];
	size_t count, index = 0;

	do {
		count = prefix_set_missing(one, other, &walk, some, most);
		must(count <= most, "%zu of %zu", count, most);
		for (size_t i = 0; i < count; i++, index++) {
			struct prefix want = {};

			while (index < one->count && (want = prefix_set_get(one, index), prefix_set_has(other, &want)))
				index++;
			must(index < one->count && prefix_equal(&want, &some[i]), "it is not missing");
		}
	} while (count > 0);
	for (; index < one->count; index++) {
		struct prefix prefix = prefix_set_get(one, index);

		must(prefix_set_has(other, &prefix), "one is missing, and was not told");
	}
}

/* A prefix of the inner set is within one of the outer set, or not. */
static bool covers(const struct prefix_set *outer, const struct prefix_set *inner, unsigned int size)
{
	for (size_t i = 0; i < inner->count; i++) {
		struct prefix it = prefix_set_get(inner, i);
		bool is_within = false;

		for (size_t j = 0; j < outer->count && !is_within; j++) {
			struct prefix wide = prefix_set_get(outer, j);

			is_within = wide.length <= it.length &&
				    ((number_of(&wide, size) ^ number_of(&it, size)) & mask_of(wide.length)) == 0;
		}
		if (!is_within)
			return false;
	}
	return true;
}

static void check_two(const struct prefix_set *one, const struct prefix_set *other, struct ranges *both, size_t limit,
		      uint8_t how)
{
	unsigned int size = prefix_address_size(one->family);
	struct prefix_set all;
	int r;

	check_missing(one, other, 1 + how % 8);
	check_missing(other, one, 8);
	must(prefix_set_covers(one, other) == covers(one, other, size), "one covers the other, or not");
	must(prefix_set_equal(one, other) == (covers(one, other, size) && covers(other, one, size)), "equal or not");
	r = prefix_set_union(one, other, limit, &all);
	must(r == 0 || r == -E2BIG, "the union: %d", r);
	if (r < 0)
		return;
	must(all.count <= limit, "%zu of %zu", all.count, limit);
	check_fewest(&all, both, size);
	prefix_set_free(&all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ranges first, second;
	struct input input = { data, size };
	uint8_t how = take_u8(&input);
	enum sieve_family family = how & 1;
	size_t limit = how & 2 ? 1 + take_u8(&input) : 2 * PREFIXES_MAX;
	size_t most = how & 4 ? take_u8(&input) : PREFIXES_MAX / 2;
	struct prefix_set one = {}, other = {};
	int r;

	if (size > 20000)
		return -1;
	first.count = second.count = 0;
	r = aggregate(&input, family, limit, most, &first, &one);
	must(r == 0 || r == -E2BIG, "to merge: %d", r);
	if (r == 0) {
		must(one.count <= limit, "%zu of %zu", one.count, limit);
		check_fewest(&one, &first, prefix_address_size(family));
		r = aggregate(&input, family, 2 * PREFIXES_MAX, PREFIXES_MAX / 2, &second, &other);
		must(r == 0, "to merge the second: %d", r);
		check_fewest(&other, &second, prefix_address_size(family));
		memcpy(&first.ranges[first.count], second.ranges, second.count * sizeof(second.ranges[0]));
		first.count += second.count;
		check_two(&one, &other, &first, limit, how >> 3);
	}
	prefix_set_free(&one);
	prefix_set_free(&other);
	return 0;
}
