/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "aggregate.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NO_LIMIT 1000000
#define TEXT_MAX 1024

static struct prefix prefix(const char *text)
{
	struct prefix it = { .family = strchr(text, ':') ? SIEVE_IPV6 : SIEVE_IPV4 };
	char address[64];
	unsigned int length;

	assert_int_equal(sscanf(text, "%63[^/]/%u", address, &length), 2);
	assert_int_equal(inet_pton(it.family == SIEVE_IPV6 ? AF_INET6 : AF_INET, address, it.address), 1);
	it.length = (uint8_t)length;
	return it;
}

/* The words of a line, one a prefix. */
static void aggregate_line(const char *line, enum sieve_family family, struct prefix_set *ret_set)
{
	struct aggregate aggregate;
	char words[TEXT_MAX], *rest = NULL;

	snprintf(words, sizeof(words), "%s", line);
	aggregate_init(&aggregate, family, NO_LIMIT);
	for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		struct prefix it = prefix(word);

		assert_int_equal(aggregate_add(&aggregate, &it), 0);
	}
	assert_int_equal(aggregate_finish(&aggregate, ret_set), 0);
	aggregate_free(&aggregate);
}

static void format_set(const struct prefix_set *set, char text[TEXT_MAX])
{
	size_t length = 0;

	text[0] = '\0';
	for (size_t i = 0; i < set->count; i++) {
		struct prefix it = prefix_set_get(set, i);
		char address[64];

		inet_ntop(it.family == SIEVE_IPV6 ? AF_INET6 : AF_INET, it.address, address, sizeof(address));
		length += (size_t)snprintf(text + length, TEXT_MAX - length, "%s%s/%u", i ? " " : "", address, it.length);
		assert_true(length < TEXT_MAX);
	}
}

static void prefixes_become_the_fewest_that_cover_the_same(void **state)
{
	static const struct {
		enum sieve_family family;
		const char *from, *to;
	} cases[] = {
		{ SIEVE_IPV4, "", "" },
		{ SIEVE_IPV4, "192.0.2.0/24", "192.0.2.0/24" },
		{ SIEVE_IPV4, "192.0.2.0/24 192.0.2.0/24", "192.0.2.0/24" },
		{ SIEVE_IPV4, "192.0.2.0/25 192.0.2.128/25", "192.0.2.0/24" },
		{ SIEVE_IPV4, "192.0.2.128/25 192.0.2.0/25", "192.0.2.0/24" },
		/* neighbours, but no halves of one */
		{ SIEVE_IPV4, "192.0.2.128/25 192.0.3.0/25", "192.0.2.128/25 192.0.3.0/25" },
		{ SIEVE_IPV4, "192.0.1.0/24 192.0.2.0/24", "192.0.1.0/24 192.0.2.0/24" },
		{ SIEVE_IPV4, "192.0.2.0/24 192.0.3.0/24", "192.0.2.0/23" },
		{ SIEVE_IPV4, "192.0.2.0/24 192.0.2.77/32", "192.0.2.0/24" },
		{ SIEVE_IPV4, "192.0.2.77/32 192.0.2.0/24", "192.0.2.0/24" },
		{ SIEVE_IPV4, "192.0.2.77/32 192.0.3.0/24", "192.0.2.77/32 192.0.3.0/24" },
		/* one half comes in parts, which fill it only with the last */
		{ SIEVE_IPV4, "10.0.0.0/9 10.128.0.0/10 10.192.0.0/11 10.224.0.0/11", "10.0.0.0/8" },
		{ SIEVE_IPV4, "10.0.0.0/9 10.128.0.0/10 10.192.0.0/11", "10.0.0.0/9 10.128.0.0/10 10.192.0.0/11" },
		{ SIEVE_IPV4, "0.0.0.0/1 128.0.0.0/1", "0.0.0.0/0" },
		{ SIEVE_IPV4, "0.0.0.0/2 64.0.0.0/2 128.0.0.0/2 192.0.0.0/2", "0.0.0.0/0" },
		{ SIEVE_IPV4, "0.0.0.0/0 192.0.2.0/24 224.0.0.0/3", "0.0.0.0/0" },
		{ SIEVE_IPV4, "0.0.0.0/1", "0.0.0.0/1" },
		{ SIEVE_IPV4, "255.255.255.254/32 255.255.255.255/32", "255.255.255.254/31" },
		{ SIEVE_IPV4, "192.0.2.77/24", "192.0.2.0/24" }, /* what lies behind the length is not looked at */
		{ SIEVE_IPV6, "2001:db8::/33 2001:db8:8000::/33", "2001:db8::/32" },
		{ SIEVE_IPV6, "2001:db8::/64 2001:db8:0:1::/64 2001:db8:0:2::/63", "2001:db8::/62" },
		{ SIEVE_IPV6, "2001:db8::/64 2001:db8:1::/64", "2001:db8::/64 2001:db8:1::/64" },
		{ SIEVE_IPV6, "2001:db8::1/128 2001:db8::/128", "2001:db8::/127" },
		{ SIEVE_IPV6, "::/1 8000::/1", "::/0" },
		{ SIEVE_IPV6, "8000::/1 4000::/2 2000::/3 ::/3", "::/0" },
		{ SIEVE_IPV6, "8000::/1 4000::/2 2000::/3 ::/4", "::/4 2000::/3 4000::/2 8000::/1" },
	};
	char text[TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct prefix_set set;

		aggregate_line(cases[i].from, cases[i].family, &set);
		format_set(&set, text);
		if (strcmp(text, cases[i].to) != 0)
			fail_msg("%s became %s, not %s", cases[i].from, text, cases[i].to);
		assert_int_equal(prefix_set_is_whole(&set),
				 strcmp(cases[i].to, "0.0.0.0/0") == 0 || strcmp(cases[i].to, "::/0") == 0);
		prefix_set_free(&set);
	}
}

/*
 * The oracle: all 65,536 addresses behind some bits that are the same for all. A prefix is then a range of them, and
 * the fewest that cover what is covered can be counted by halving.
 */
#define UNIVERSE_BITS 16
#define UNIVERSE (1U << UNIVERSE_BITS)

struct universe {
	enum sieve_family family;
	unsigned int before; /* bits that are the same for all */
	uint8_t base[PREFIX_ADDRESS_MAX];
};

static unsigned int random_state = 1;

static unsigned int any(unsigned int below)
{
	random_state = random_state * 1664525 + 1013904223;
	return (unsigned int)((uint64_t)random_state * below >> 32);
}

static struct universe any_universe(enum sieve_family family)
{
	struct universe it = { .family = family, .before = any(8 * prefix_address_size(family) - UNIVERSE_BITS + 1) };

	for (unsigned int bit = 0; bit < it.before; bit++)
		it.base[bit / 8] |= (uint8_t)(any(2) << (7 - bit % 8));
	return it;
}

static struct prefix prefix_in(const struct universe *universe, unsigned int address, unsigned int bits)
{
	struct prefix it = { .family = (uint8_t)universe->family, .length = (uint8_t)(universe->before + bits) };

	memcpy(it.address, universe->base, sizeof(it.address));
	for (unsigned int bit = 0; bit < bits; bit++)
		if (address & 1U << (UNIVERSE_BITS - 1 - bit))
			it.address[(universe->before + bit) / 8] |= (uint8_t)(1 << (7 - (universe->before + bit) % 8));
	return it;
}

/* Long ones mostly, else everything would soon be covered. */
static struct prefix any_prefix(const struct universe *universe)
{
	unsigned int bits = any(20) ? UNIVERSE_BITS - any(5) : any(UNIVERSE_BITS) + 1;

	return prefix_in(universe, any(UNIVERSE), bits);
}

static void cover(const struct universe *universe, const struct prefix *it, uint8_t covered[UNIVERSE])
{
	unsigned int bits = it->length - universe->before, first = 0;

	for (unsigned int bit = 0; bit < UNIVERSE_BITS; bit++) {
		unsigned int place = universe->before + bit;

		first = first << 1 | (it->address[place / 8] >> (7 - place % 8) & 1U);
	}
	memset(covered + first, 1, UNIVERSE >> bits);
}

static size_t count_fewest(const uint8_t *covered, unsigned int size)
{
	if (memchr(covered, 1, size) == NULL)
		return 0;
	if (memchr(covered, 0, size) == NULL)
		return 1;
	return count_fewest(covered, size / 2) + count_fewest(covered + size / 2, size / 2);
}

static void assert_covers_exactly(const struct universe *universe, const struct prefix_set *set,
				  const uint8_t wanted[UNIVERSE])
{
	static uint8_t covered[UNIVERSE];

	memset(covered, 0, sizeof(covered));
	for (size_t i = 0; i < set->count; i++) {
		struct prefix it = prefix_set_get(set, i);

		assert_in_range(it.length, universe->before, universe->before + UNIVERSE_BITS);
		assert_memory_equal(it.address, universe->base, universe->before / 8);
		cover(universe, &it, covered);
	}
	assert_memory_equal(covered, wanted, sizeof(covered));
	assert_int_equal(set->count, count_fewest(wanted, UNIVERSE));
}

static int by_octets(const void *one, const void *other)
{
	const struct prefix *a = one, *b = other;
	int order = memcmp(a->address, b->address, sizeof(a->address));

	return order ? order : a->length - b->length;
}

static int against_octets(const void *one, const void *other)
{
	return by_octets(other, one);
}

static void aggregate_all(const struct prefix *prefixes, size_t count, size_t limit, struct prefix_set *ret_set)
{
	struct aggregate aggregate;

	aggregate_init(&aggregate, prefixes[0].family, limit);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(aggregate_add(&aggregate, &prefixes[i]), 0);
	assert_int_equal(aggregate_finish(&aggregate, ret_set), 0);
	aggregate_free(&aggregate);
}

/* As they come, in order, in the opposite order, and with a limit that they just meet. */
static void random_prefixes_become_what_an_oracle_says(void **state)
{
	static struct prefix prefixes[6000];
	static uint8_t wanted[UNIVERSE];

	(void)state;
	for (int round = 0; round < 150; round++) {
		struct universe universe = any_universe(round % 2 ? SIEVE_IPV4 : SIEVE_IPV6);
		size_t count = 1 + any(round % 3 ? COUNT(prefixes) : 50);
		struct prefix_set set, sorted, reversed, limited;

		memset(wanted, 0, sizeof(wanted));
		for (size_t i = 0; i < count; i++) {
			prefixes[i] = any_prefix(&universe);
			cover(&universe, &prefixes[i], wanted);
		}
		aggregate_all(prefixes, count, NO_LIMIT, &set);
		assert_covers_exactly(&universe, &set, wanted);
		qsort(prefixes, count, sizeof(prefixes[0]), by_octets);
		aggregate_all(prefixes, count, NO_LIMIT, &sorted);
		assert_true(prefix_set_equal(&set, &sorted));
		aggregate_all(prefixes, count, set.count + 32, &limited); /* parts of a whole that is not there yet */
		assert_true(prefix_set_equal(&set, &limited));
		qsort(prefixes, count, sizeof(prefixes[0]), against_octets);
		aggregate_all(prefixes, count, NO_LIMIT, &reversed);
		assert_true(prefix_set_equal(&set, &reversed));
		prefix_set_free(&set);
		prefix_set_free(&sorted);
		prefix_set_free(&limited);
		prefix_set_free(&reversed);
	}
}

/* Applies a difference to a list of prefixes as the map takes it. */
static size_t apply(struct prefix *list, size_t count, const struct prefix *changed, size_t changes, bool adds)
{
	for (size_t i = 0; i < changes; i++) {
		size_t place = 0;

		while (place < count && !prefix_equal(&list[place], &changed[i]))
			place++;
		assert_int_equal(place < count, !adds); /* nothing is added twice, or removed that is not there */
		if (adds)
			list[count++] = changed[i];
		else
			list[place] = list[--count];
	}
	return count;
}

static void any_set(const struct universe *universe, size_t most, struct prefix_set *ret_set)
{
	static struct prefix prefixes[1000];
	size_t count = 1 + any((unsigned int)most);

	for (size_t i = 0; i < count; i++)
		prefixes[i] = any_prefix(universe);
	aggregate_all(prefixes, count, NO_LIMIT, ret_set);
}

static void what_is_added_and_removed_makes_the_new_set_of_the_old_one(void **state)
{
	static struct prefix list[2000], changed[7];

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct universe universe = any_universe(round % 2 ? SIEVE_IPV4 : SIEVE_IPV6);
		struct prefix_walk adding = {}, removing = {};
		struct prefix_set before, after;
		size_t count = 0, changes;

		any_set(&universe, round % 5 ? 300 : 3, &before);
		any_set(&universe, round % 7 ? 300 : 3, &after);
		for (size_t i = 0; i < before.count; i++)
			list[count++] = prefix_set_get(&before, i);
		while ((changes = prefix_set_missing(&after, &before, &adding, changed, COUNT(changed))) > 0)
			count = apply(list, count, changed, changes, true);
		while ((changes = prefix_set_missing(&before, &after, &removing, changed, COUNT(changed))) > 0)
			count = apply(list, count, changed, changes, false);
		assert_int_equal(count, after.count);
		for (size_t i = 0; i < count; i++)
			assert_true(prefix_set_has(&after, &list[i]));
		prefix_set_free(&before);
		prefix_set_free(&after);
	}
}

static void equal_sets_differ_in_nothing(void **state)
{
	struct prefix_set one, other, none = { .family = SIEVE_IPV4 };
	struct prefix_walk walk = {}, all = {};
	struct prefix changed[4];

	(void)state;
	aggregate_line("192.0.2.0/25 192.0.2.128/25 198.51.100.0/24", SIEVE_IPV4, &one);
	aggregate_line("198.51.100.0/24 192.0.2.0/24", SIEVE_IPV4, &other);
	assert_true(prefix_set_equal(&one, &other));
	assert_int_equal(prefix_set_missing(&one, &other, &walk, changed, COUNT(changed)), 0);
	assert_int_equal(prefix_set_missing(&one, &none, &all, changed, COUNT(changed)), 2);
	assert_false(prefix_set_equal(&one, &none));
	prefix_set_free(&other);
	aggregate_line("198.51.100.0/25 192.0.2.0/24", SIEVE_IPV4, &other);
	assert_false(prefix_set_equal(&one, &other));
	prefix_set_free(&one);
	prefix_set_free(&other);
}

static void a_set_has_its_prefixes_and_no_others(void **state)
{
	static const struct {
		const char *prefix;
		bool has;
	} cases[] = {
		{ "2001:db8::/64", true },    { "2001:db8::/65", false },  { "2001:db8::/63", false },
		{ "2001:db8:0:2::/64", true }, { "2001:db8:0:1::/64", false }, { "2001:db8:0:3::/64", false },
		{ "2001:db8:ffff::/48", true }, { "::/0", false },          { "192.0.2.0/24", false },
	};
	struct prefix_set set;

	(void)state;
	aggregate_line("2001:db8::/64 2001:db8:0:2::/64 2001:db8:ffff::/48", SIEVE_IPV6, &set);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct prefix it = prefix(cases[i].prefix);

		if (prefix_set_has(&set, &it) != cases[i].has)
			fail_msg("%s", cases[i].prefix);
	}
	prefix_set_free(&set);
}

static void a_union_covers_what_either_does(void **state)
{
	static uint8_t wanted[UNIVERSE];

	(void)state;
	for (int round = 0; round < 100; round++) {
		struct universe universe = any_universe(round % 2 ? SIEVE_IPV4 : SIEVE_IPV6);
		struct prefix_set one, other, both, none = { .family = universe.family };

		memset(wanted, 0, sizeof(wanted));
		any_set(&universe, 1000, &one);
		any_set(&universe, round % 3 ? 30 : 1, &other);
		for (size_t i = 0; i < one.count + other.count; i++) {
			struct prefix it = i < one.count ? prefix_set_get(&one, i) : prefix_set_get(&other, i - one.count);

			cover(&universe, &it, wanted);
		}
		assert_int_equal(prefix_set_union(&one, &other, NO_LIMIT, &both), 0);
		assert_covers_exactly(&universe, &both, wanted);
		assert_true(prefix_set_covers(&both, &one) && prefix_set_covers(&both, &other));
		assert_int_equal(prefix_set_covers(&one, &other), prefix_set_equal(&both, &one));
		assert_int_equal(prefix_set_covers(&other, &one), prefix_set_equal(&both, &other));
		assert_true(prefix_set_covers(&one, &none));
		assert_false(prefix_set_covers(&none, &one));
		assert_int_equal(prefix_set_union(&one, &other, both.count - 1, &none), -E2BIG);
		assert_int_equal(none.count, 0);
		prefix_set_free(&both);
		assert_int_equal(prefix_set_union(&none, &one, one.count, &both), 0);
		assert_true(prefix_set_equal(&both, &one));
		prefix_set_free(&both);
		prefix_set_free(&one);
		prefix_set_free(&other);
	}
}

/* Every second /64 of a /32: nothing joins. */
static struct prefix distinct(unsigned int number)
{
	struct prefix it = prefix("2001:db8::/64");
	uint32_t word = htonl(2 * number);

	memcpy(it.address + 4, &word, sizeof(word));
	return it;
}

static int aggregate_distinct(unsigned int count, size_t limit, struct prefix_set *ret_set)
{
	struct aggregate aggregate;
	int r = 0;

	aggregate_init(&aggregate, SIEVE_IPV6, limit);
	for (unsigned int i = 0; r == 0 && i < count; i++) {
		struct prefix it = distinct(i * 7919 % count); /* in no order, each once: 7919 is a prime */

		r = aggregate_add(&aggregate, &it);
	}
	if (r == 0)
		r = aggregate_finish(&aggregate, ret_set);
	aggregate_free(&aggregate);
	return r;
}

static void the_limit_is_met_and_not_passed(void **state)
{
	struct prefix_set set = {};

	(void)state;
	assert_int_equal(aggregate_distinct(5000, 5000, &set), 0);
	assert_int_equal(set.count, 5000);
	prefix_set_free(&set);
	assert_int_equal(aggregate_distinct(5001, 5000, &set), -E2BIG);
	assert_int_equal(aggregate_distinct(100000, 5000, &set), -E2BIG);
	assert_int_equal(set.count, 0);
	assert_int_equal(aggregate_distinct(1, 0, &set), -E2BIG);
}

/* What comes again, or joins, does not count. */
static void many_that_become_few_pass_a_small_limit(void **state)
{
	struct aggregate aggregate;
	struct prefix_set set;

	(void)state;
	aggregate_init(&aggregate, SIEVE_IPV6, 100);
	for (unsigned int i = 0; i < 200000; i++) {
		struct prefix it = prefix("2001:db8::/64");
		uint32_t word = htonl(i);

		memcpy(it.address + 4, &word, sizeof(word));
		assert_int_equal(aggregate_add(&aggregate, &it), 0);
		assert_true(aggregate.room <= 100 + 25 + AGGREGATE_PORTION);
	}
	assert_int_equal(aggregate_finish(&aggregate, &set), 0);
	assert_in_range(set.count, 1, 18); /* bits of 200,000 */
	prefix_set_free(&set);
	aggregate_free(&aggregate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes_become_the_fewest_that_cover_the_same),
		cmocka_unit_test(random_prefixes_become_what_an_oracle_says),
		cmocka_unit_test(what_is_added_and_removed_makes_the_new_set_of_the_old_one),
		cmocka_unit_test(equal_sets_differ_in_nothing),
		cmocka_unit_test(a_set_has_its_prefixes_and_no_others),
		cmocka_unit_test(a_union_covers_what_either_does),
		cmocka_unit_test(the_limit_is_met_and_not_passed),
		cmocka_unit_test(many_that_become_few_pass_a_small_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
