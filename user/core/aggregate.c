/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "aggregate.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_MAX (PREFIX_ADDRESS_MAX + 1)

/* Octets of an address, and of an entry. With the length at the end entries sort as octets do. */
static size_t address_size(enum sieve_family family)
{
	return prefix_address_size(family);
}

static size_t entry_size(enum sieve_family family)
{
	return address_size(family) + 1;
}

static int compare(enum sieve_family family, const unsigned char *one, const unsigned char *other)
{
	/* sizes that the compiler knows */
	return family == SIEVE_IPV4 ? memcmp(one, other, 5) : memcmp(one, other, 17);
}

static int compare_ipv4(const void *one, const void *other)
{
	return compare(SIEVE_IPV4, one, other);
}

static int compare_ipv6(const void *one, const void *other)
{
	return compare(SIEVE_IPV6, one, other);
}

static uint64_t load_word(const unsigned char *octets)
{
	uint64_t word;

	memcpy(&word, octets, sizeof(word));
	return be64toh(word);
}

/* How many bits two addresses begin with that are the same. */
static unsigned int common_bits(enum sieve_family family, const unsigned char *one, const unsigned char *other)
{
	uint64_t high, low;
	uint32_t a, b;

	if (family == SIEVE_IPV4) {
		memcpy(&a, one, sizeof(a));
		memcpy(&b, other, sizeof(b));
		return a == b ? 32 : (unsigned int)__builtin_clz(be32toh(a ^ b));
	}
	high = load_word(one) ^ load_word(other);
	if (high)
		return (unsigned int)__builtin_clzll(high);
	low = load_word(one + 8) ^ load_word(other + 8);
	return low ? 64 + (unsigned int)__builtin_clzll(low) : 128;
}

/* What the second one is to the first. */
enum relation { RELATION_NONE, RELATION_INSIDE, RELATION_OTHER_HALF };

static enum relation relate(enum sieve_family family, const unsigned char *one, const unsigned char *other)
{
	size_t size = address_size(family);
	unsigned int common = common_bits(family, one, other);

	if (one[size] <= other[size] && common >= one[size])
		return RELATION_INSIDE;
	return one[size] == other[size] && common == one[size] - 1U ? RELATION_OTHER_HALF : RELATION_NONE;
}

static void copy_entry(enum sieve_family family, unsigned char *to, const unsigned char *from)
{
	if (family == SIEVE_IPV4)
		memmove(to, from, 5);
	else
		memmove(to, from, 17);
}

static void put_entry(unsigned char *entry, const struct prefix *prefix)
{
	size_t size = address_size(prefix->family), octets = prefix->length / 8;

	memset(entry, 0, size);
	memcpy(entry, prefix->address, octets);
	if (prefix->length % 8)
		entry[octets] = prefix->address[octets] & (unsigned char)(0xff00 >> prefix->length % 8);
	entry[size] = prefix->length;
}

static struct prefix get_entry(enum sieve_family family, const unsigned char *entry)
{
	struct prefix prefix = { .family = (uint8_t)family, .length = entry[address_size(family)] };

	memcpy(prefix.address, entry, address_size(family));
	return prefix;
}

void prefix_set_free(struct prefix_set *set)
{
	free(set->entries);
	*set = (struct prefix_set){ .family = set->family };
}

static const unsigned char *set_entry(const struct prefix_set *set, size_t index)
{
	return set->entries + index * entry_size(set->family);
}

struct prefix prefix_set_get(const struct prefix_set *set, size_t index)
{
	return get_entry(set->family, set_entry(set, index));
}

bool prefix_set_has(const struct prefix_set *set, const struct prefix *prefix)
{
	size_t low = 0, high = set->count;
	unsigned char wanted[ENTRY_MAX];

	if (prefix->family != set->family)
		return false;
	put_entry(wanted, prefix);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(set->family, set_entry(set, middle), wanted);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool prefix_set_equal(const struct prefix_set *one, const struct prefix_set *other)
{
	if (one->count != other->count)
		return false;
	return one->count == 0 || (one->family == other->family &&
				   memcmp(one->entries, other->entries, one->count * entry_size(one->family)) == 0);
}

bool prefix_set_is_whole(const struct prefix_set *set)
{
	return set->count == 1 && set->entries[address_size(set->family)] == 0;
}

/* What is covered by several prefixes lies in one of them: they would have been joined. It sorts before, or there. */
bool prefix_set_covers(const struct prefix_set *outer, const struct prefix_set *inner)
{
	enum sieve_family family = outer->family;

	for (size_t i = 0, k = 0; i < inner->count; i++) {
		const unsigned char *entry = set_entry(inner, i);

		while (k + 1 < outer->count && compare(family, set_entry(outer, k + 1), entry) <= 0)
			k++;
		if (k == outer->count || relate(family, set_entry(outer, k), entry) != RELATION_INSIDE)
			return false;
	}
	return true;
}

size_t prefix_set_missing(const struct prefix_set *one, const struct prefix_set *other, struct prefix_walk *walk,
			  struct prefix *ret_prefixes, size_t most)
{
	size_t count = 0;

	while (count < most && walk->one < one->count) {
		const unsigned char *entry = set_entry(one, walk->one);
		int order = walk->other < other->count ? compare(one->family, entry, set_entry(other, walk->other)) : -1;

		if (order > 0) {
			walk->other++;
			continue;
		}
		walk->one++;
		if (order < 0)
			ret_prefixes[count++] = get_entry(one->family, entry);
		else
			walk->other++;
	}
	return count;
}

void aggregate_init(struct aggregate *aggregate, enum sieve_family family, size_t limit)
{
	*aggregate = (struct aggregate){ .family = family, .limit = limit };
}

void aggregate_free(struct aggregate *aggregate)
{
	free(aggregate->entries);
	aggregate_init(aggregate, aggregate->family, aggregate->limit);
}

static unsigned char *entry_at(const struct aggregate *aggregate, size_t index)
{
	return aggregate->entries + index * entry_size(aggregate->family);
}

/*
 * The sorted portion from `begin` to `end` takes in an entry that sorts behind all that came into it before. What
 * that makes whole is joined, and again. Returns the new end.
 */
static size_t append(const struct aggregate *aggregate, size_t begin, size_t end, const unsigned char *entry)
{
	enum sieve_family family = aggregate->family;
	enum relation relation = RELATION_NONE;

	if (end > begin)
		relation = relate(family, entry_at(aggregate, end - 1), entry);
	if (relation == RELATION_INSIDE)
		return end;
	copy_entry(family, entry_at(aggregate, end++), entry);
	while (relation == RELATION_OTHER_HALF) {
		end--;
		entry_at(aggregate, end - 1)[address_size(family)]--; /* the first half begins where the whole does */
		relation = RELATION_NONE;
		if (end - begin > 1)
			relation = relate(family, entry_at(aggregate, end - 2), entry_at(aggregate, end - 1));
	}
	return end;
}

/* The first of a sorted portion that does not sort before the entry. */
static size_t find_place(const struct aggregate *aggregate, size_t begin, size_t end, const unsigned char *entry)
{
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;

		if (compare(aggregate->family, entry_at(aggregate, middle), entry) < 0)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin;
}

/*
 * Join the last two portions. Only what sorts behind the first of the second one is moved: it is put aside, and what
 * is written never catches up with what is still to be read of the second.
 */
static int merge_last(struct aggregate *aggregate)
{
	size_t step = entry_size(aggregate->family);
	size_t begin = aggregate->runs[aggregate->run_count - 2], middle = aggregate->runs[aggregate->run_count - 1];
	size_t place = find_place(aggregate, begin, middle, entry_at(aggregate, middle));
	size_t aside = (middle - place) * step, next = 0, end = place;
	unsigned char *moved = NULL;

	if (aside > 0) {
		moved = malloc(aside);
		if (!moved)
			return -ENOMEM;
		memcpy(moved, entry_at(aggregate, place), aside);
	}
	while (next < aside || middle < aggregate->sorted) {
		if (middle == aggregate->sorted ||
		    (next < aside && compare(aggregate->family, moved + next, entry_at(aggregate, middle)) < 0)) {
			end = append(aggregate, begin, end, moved + next);
			next += step;
		} else {
			end = append(aggregate, begin, end, entry_at(aggregate, middle++));
		}
	}
	free(moved);
	aggregate->sorted = aggregate->count = end;
	aggregate->run_count--;
	return 0;
}

static size_t run_size(const struct aggregate *aggregate, size_t run)
{
	size_t end = run + 1 < aggregate->run_count ? aggregate->runs[run + 1] : aggregate->sorted;

	return end - aggregate->runs[run];
}

/* Does the last portion begin where the one before it ends? Then joining them costs nothing. */
static bool is_in_order(const struct aggregate *aggregate)
{
	size_t middle = aggregate->runs[aggregate->run_count - 1];

	return compare(aggregate->family, entry_at(aggregate, middle - 1), entry_at(aggregate, middle)) < 0;
}

/* What came since the last portion becomes one, and joins others so that each is at least twice the next one. */
static int sort_tail(struct aggregate *aggregate)
{
	size_t begin = aggregate->sorted, end = begin;

	if (begin == aggregate->count)
		return 0;
	qsort(entry_at(aggregate, begin), aggregate->count - begin, entry_size(aggregate->family),
	      aggregate->family == SIEVE_IPV4 ? compare_ipv4 : compare_ipv6);
	for (size_t i = begin; i < aggregate->count; i++)
		end = append(aggregate, begin, end, entry_at(aggregate, i));
	aggregate->runs[aggregate->run_count++] = begin;
	aggregate->sorted = aggregate->count = end;
	while (aggregate->run_count > 1 &&
	       (is_in_order(aggregate) || aggregate->run_count == AGGREGATE_RUNS ||
		run_size(aggregate, aggregate->run_count - 2) < 2 * run_size(aggregate, aggregate->run_count - 1))) {
		int r = merge_last(aggregate);

		if (r < 0)
			return r;
	}
	return 0;
}

static int merge_all(struct aggregate *aggregate)
{
	int r = sort_tail(aggregate);

	while (r == 0 && aggregate->run_count > 1)
		r = merge_last(aggregate);
	if (r < 0)
		return r;
	return aggregate->count > aggregate->limit ? -E2BIG : 0;
}

static int make_room(struct aggregate *aggregate, size_t more)
{
	size_t most = aggregate->limit + aggregate->limit / 4 + AGGREGATE_PORTION, room = aggregate->room;
	unsigned char *entries;

	if (aggregate->count + more > most) {
		int r = merge_all(aggregate);

		if (r < 0)
			return r;
		if (aggregate->count + more > most)
			return -E2BIG;
	}
	while (room < aggregate->count + more)
		room = room ? 2 * room : 64;
	if (room > most)
		room = most;
	if (room <= aggregate->room)
		return 0;
	entries = reallocarray(aggregate->entries, room, entry_size(aggregate->family));
	if (!entries)
		return -ENOMEM;
	aggregate->entries = entries;
	aggregate->room = room;
	return 0;
}

int aggregate_add(struct aggregate *aggregate, const struct prefix *prefix)
{
	int r = make_room(aggregate, 1);

	if (r < 0)
		return r;
	put_entry(entry_at(aggregate, aggregate->count++), prefix);
	return aggregate->count - aggregate->sorted < AGGREGATE_PORTION ? 0 : sort_tail(aggregate);
}

/* What was room for more goes back. */
static unsigned char *trim(unsigned char *entries, size_t size)
{
	unsigned char *trimmed;

	if (size == 0) {
		free(entries);
		return NULL;
	}
	trimmed = realloc(entries, size);
	return trimmed ? trimmed : entries;
}

int aggregate_finish(struct aggregate *aggregate, struct prefix_set *ret_set)
{
	int r = merge_all(aggregate);

	if (r < 0)
		return r;
	*ret_set = (struct prefix_set){
		.family = aggregate->family,
		.entries = trim(aggregate->entries, aggregate->count * entry_size(aggregate->family)),
		.count = aggregate->count,
	};
	aggregate_init(aggregate, aggregate->family, aggregate->limit);
	return 0;
}

int prefix_set_union(const struct prefix_set *one, const struct prefix_set *other, size_t limit,
		     struct prefix_set *ret_set)
{
	struct aggregate both;
	size_t first = 0, second = 0;
	int r;

	aggregate_init(&both, one->family, limit);
	both.room = one->count + other->count + 1;
	both.entries = reallocarray(NULL, both.room, entry_size(one->family));
	if (!both.entries)
		return -ENOMEM;
	while (first < one->count || second < other->count) {
		bool is_first = second == other->count ||
				(first < one->count &&
				 compare(one->family, set_entry(one, first), set_entry(other, second)) < 0);
		const unsigned char *entry = is_first ? set_entry(one, first++) : set_entry(other, second++);

		both.count = append(&both, 0, both.count, entry);
	}
	both.sorted = both.count;
	r = aggregate_finish(&both, ret_set);
	aggregate_free(&both);
	return r;
}
