/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beat.h"
#include "config.h"

#define SECOND 1000000000ULL
#define HOSTS 20000
#define CELLS 20

static void a_controller_beats_three_times_before_it_counts_as_dead(void **state)
{
	(void)state;
	assert_int_equal(beat_interval_ns(30 * SECOND), SECOND);
	assert_int_equal(beat_interval_ns(3 * SECOND), SECOND);
	assert_int_equal(beat_interval_ns(SECOND * 3 / 2), SECOND / 2);
}

static void a_spread_of_nothing_leaves_the_time_as_it_is(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(beat_stale_after_ns(30 * SECOND, 0, &i, sizeof(i)), 30 * SECOND);
	assert_int_equal(beat_stale_after_ns(30 * SECOND, 0, "", 0), 30 * SECOND);
}

static void the_spread_comes_on_top(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		uint64_t after = beat_stale_after_ns(30 * SECOND, 60 * SECOND, &i, sizeof(i));

		assert_in_range(after, 30 * SECOND, 90 * SECOND);
		assert_int_equal(after - 30 * SECOND, config_jitter_ns(&i, sizeof(i), 60 * SECOND));
	}
}

static int compare(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return (a > b) - (a < b);
}

/* The largest distance between their distribution and an even one (Kolmogorov-Smirnov). */
static double distance_from_even(double *shares, size_t count)
{
	double worst = 0;

	qsort(shares, count, sizeof(*shares), compare);
	for (size_t i = 0; i < count; i++) {
		double below = shares[i] - (double)i / (double)count, above = (double)(i + 1) / (double)count - shares[i];

		worst = below > worst ? below : worst;
		worst = above > worst ? above : worst;
	}
	return worst;
}

/* Machine ids as they are made, and as people make them for machines that are copies of one another. */
static const char *const formats[] = { "%032x\n", "%08x83e7567a1921a715000001fb\n", "%u", "%c", "host-%u\n" };

static size_t make_id(const char *format, unsigned int number, char id[64])
{
	if (strcmp(format, "%c") != 0)
		return (size_t)snprintf(id, 64, format, number);
	id[0] = (char)number; /* two octets */
	id[1] = (char)(number >> 8);
	return 2;
}

static void check_even(const char *what, double *shares)
{
	double worst = distance_from_even(shares, HOSTS);

	/* 1.95 / sqrt(n) is passed by one of a thousand such sets of random numbers. */
	if (worst > 1.95 / 141.4)
		fail_msg("%s: as far as %.4f from an even distribution", what, worst);
}

static void jitter_and_seed_are_spread_evenly_over_similar_ids(void **state)
{
	static double jitters[HOSTS], seeds[HOSTS];

	(void)state;
	for (size_t f = 0; f < sizeof(formats) / sizeof(formats[0]); f++) {
		for (unsigned int i = 0; i < HOSTS; i++) {
			char id[64];
			size_t length = make_id(formats[f], i, id);

			jitters[i] = (double)config_jitter_ns(id, length, 60 * SECOND) / (60.0 * (double)SECOND);
			seeds[i] = (double)beat_ramp_seed(id, length) / (double)UINT32_MAX;
		}
		check_even(formats[f], jitters);
		check_even(formats[f], seeds);
	}
}

/* Pairs of neighbours fill a square evenly: knowing one host's jitter tells nothing of the next one's. */
static void the_jitter_of_a_host_says_nothing_of_its_neighbour(void **state)
{
	const double expected = (double)HOSTS / (CELLS * CELLS);

	(void)state;
	for (size_t f = 0; f < sizeof(formats) / sizeof(formats[0]); f++) {
		static unsigned int cells[CELLS][CELLS];
		unsigned int before = 0;
		double chi_square = 0;

		memset(cells, 0, sizeof(cells));
		for (unsigned int i = 0; i <= HOSTS; i++) {
			char id[64];
			size_t length = make_id(formats[f], i, id);
			unsigned int cell = (unsigned int)(config_jitter_ns(id, length, CELLS * SECOND - 1) / SECOND);

			if (i > 0)
				cells[before][cell]++;
			before = cell;
		}
		for (size_t i = 0; i < CELLS * CELLS; i++) {
			double off = (double)cells[i / CELLS][i % CELLS] - expected;

			chi_square += off * off / expected;
		}
		/* 399 degrees of freedom: one of a thousand sets of random numbers is above 493. */
		if (chi_square > 493)
			fail_msg("%s: neighbours hang together (chi square %.0f)", formats[f], chi_square);
	}
}

static void the_seed_of_a_host_is_its_own_and_always_the_same(void **state)
{
	const char id[] = "b08dfa6083e7567a1921a715000001fb\n";
	char other[sizeof(id)];

	(void)state;
	memcpy(other, id, sizeof(id));
	assert_int_equal(beat_ramp_seed(id, strlen(id)), beat_ramp_seed(other, strlen(other)));
	other[31] ^= 1;
	assert_int_not_equal(beat_ramp_seed(id, strlen(id)), beat_ramp_seed(other, strlen(other)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_controller_beats_three_times_before_it_counts_as_dead),
		cmocka_unit_test(a_spread_of_nothing_leaves_the_time_as_it_is),
		cmocka_unit_test(the_spread_comes_on_top),
		cmocka_unit_test(jitter_and_seed_are_spread_evenly_over_similar_ids),
		cmocka_unit_test(the_jitter_of_a_host_says_nothing_of_its_neighbour),
		cmocka_unit_test(the_seed_of_a_host_is_its_own_and_always_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
