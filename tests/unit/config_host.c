/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config.h"

#define SECOND 1000000000ULL
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void the_jitter_of_a_host_is_always_the_same(void **state)
{
	const char id[] = "b08dfa6083e7567a1921a715000001fb\n";
	char other[sizeof(id)];
	uint64_t jitter = config_jitter_ns(id, strlen(id), 60 * SECOND);

	(void)state;
	memcpy(other, id, sizeof(id));
	assert_int_equal(config_jitter_ns(other, strlen(other), 60 * SECOND), jitter);
	other[3] ^= 1;
	assert_int_not_equal(config_jitter_ns(other, strlen(other), 60 * SECOND), jitter);
	assert_int_not_equal(config_jitter_ns(id, strlen(id) - 1, 60 * SECOND), jitter);
}

static void without_a_spread_there_is_no_jitter(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(config_jitter_ns(&i, sizeof(i), 0), 0);
	assert_true(config_jitter_ns("", 0, 60 * SECOND) <= 60 * SECOND);
}

#define HOSTS 10000
#define SLICES 10

/* Each tenth of the spread has about a tenth of the hosts. */
static void assert_spread_evenly(const char *format)
{
	const uint64_t spread = 60 * SECOND;
	unsigned int slices[SLICES] = {};

	for (unsigned int i = 0; i < HOSTS; i++) {
		char id[64];
		int length = snprintf(id, sizeof(id), format, i);
		uint64_t jitter = config_jitter_ns(id, (size_t)length, spread);

		assert_true(jitter <= spread);
		slices[jitter == spread ? SLICES - 1 : jitter * SLICES / spread]++;
	}
	for (unsigned int i = 0; i < SLICES; i++)
		if (slices[i] < HOSTS / SLICES * 8 / 10 || slices[i] > HOSTS / SLICES * 12 / 10)
			fail_msg("ids like %s: %u of %d hosts in slice %u of %d", format, slices[i], HOSTS, i, SLICES);
}

static void fleets_are_spread_evenly(void **state)
{
	(void)state;
	assert_spread_evenly("%032x\n");
	assert_spread_evenly("%08x83e7567a1921a715000001fb\n");
	assert_spread_evenly("node%05u.example.net\n");
	assert_spread_evenly("node-%u\n");
	assert_spread_evenly("%u");
}

/* A rack of ten, told apart by one digit: they must not all come within a second. */
static void neighbours_are_spread_as_well(void **state)
{
	static const char *const formats[] = { "node-%u\n", "node-%u", "%u.example.net\n",
					       "1234567890123456789012345678901%u\n" };
	const uint64_t spread = 60 * SECOND;

	(void)state;
	for (size_t f = 0; f < COUNT(formats); f++) {
		uint64_t least = spread, most = 0;

		for (unsigned int i = 0; i < 10; i++) {
			char id[64];
			int length = snprintf(id, sizeof(id), formats[f], i);
			uint64_t jitter = config_jitter_ns(id, (size_t)length, spread);

			least = jitter < least ? jitter : least;
			most = jitter > most ? jitter : most;
		}
		if (most - least < spread / 3)
			fail_msg("ten ids like %s lie within %.1f s of 60", formats[f], (double)(most - least) / (double)SECOND);
	}
}

#define FLEET 20000

/* As systemd writes them: 32 digits and a newline, of a number that is random. */
static int make_id(char id[64], unsigned int host)
{
	uint64_t random = (host + 1) * 0xd1342543de82ef95ULL;

	random ^= random >> 31;
	return snprintf(id, 64, "%016llx%016llx\n", (unsigned long long)(random * 0x9fb21c651e98df25ULL),
			(unsigned long long)(random ^ random << 21));
}

static int name_id(char id[64], unsigned int host)
{
	return snprintf(id, 64, "node-%u.fleet.example\n", host);
}

static unsigned int count_among(int (*make)(char id[64], unsigned int host), unsigned int percent)
{
	unsigned int among = 0;
	char id[64];

	for (unsigned int host = 0; host < FLEET; host++) {
		int length = make(id, host);

		among += config_is_among(id, (size_t)length, percent);
	}
	return among;
}

/* Five standard deviations of a fair draw are 1.8 percent of 20,000. */
static void so_many_percent_of_a_fleet_act(void **state)
{
	static const unsigned int percents[] = { 1, 5, 10, 25, 50, 75, 90, 99 };

	(void)state;
	for (size_t i = 0; i < COUNT(percents); i++) {
		unsigned int want = FLEET / 100 * percents[i];

		assert_in_range(count_among(make_id, percents[i]) + FLEET / 50, want, want + FLEET / 25);
		assert_in_range(count_among(name_id, percents[i]) + FLEET / 50, want, want + FLEET / 25);
	}
	assert_int_equal(count_among(make_id, 0), 0);
	assert_int_equal(count_among(make_id, 100), FLEET);
	/* and no percentage is all or none by mistake */
	assert_in_range(count_among(make_id, 1), FLEET / 200, FLEET / 50);
	assert_in_range(FLEET - count_among(make_id, 99), FLEET / 200, FLEET / 50);
}

static void more_percent_only_add_hosts(void **state)
{
	char id[64];

	(void)state;
	for (unsigned int host = 0; host < 500; host++) {
		int length = make_id(id, host);

		for (unsigned int percent = 0; percent < 100; percent++)
			if (config_is_among(id, (size_t)length, percent))
				assert_true(config_is_among(id, (size_t)length, percent + 1));
		assert_false(config_is_among(id, (size_t)length, 0));
	}
}

/* Of the hosts that act, as many have an early share of the spread as of the others. */
static void who_acts_says_nothing_about_when_it_fails_open(void **state)
{
	unsigned int early = 0, among = 0;
	char id[64];

	(void)state;
	for (unsigned int host = 0; host < FLEET; host++) {
		int length = make_id(id, host);

		if (!config_is_among(id, (size_t)length, 25))
			continue;
		among++;
		early += config_jitter_ns(id, (size_t)length, 100 * SECOND) < 25 * SECOND;
	}
	/* a quarter of a quarter, within five standard deviations */
	assert_in_range(early, among / 4 - 160, among / 4 + 160);
}

static void a_host_without_an_id_acts_only_where_all_do(void **state)
{
	(void)state;
	assert_false(config_is_among("", 0, 99));
	assert_true(config_is_among("", 0, 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_jitter_of_a_host_is_always_the_same),
		cmocka_unit_test(without_a_spread_there_is_no_jitter),
		cmocka_unit_test(fleets_are_spread_evenly),
		cmocka_unit_test(neighbours_are_spread_as_well),
		cmocka_unit_test(so_many_percent_of_a_fleet_act),
		cmocka_unit_test(more_percent_only_add_hosts),
		cmocka_unit_test(who_acts_says_nothing_about_when_it_fails_open),
		cmocka_unit_test(a_host_without_an_id_acts_only_where_all_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
