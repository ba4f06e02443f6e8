/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pace.h"

#define MS 1000000ULL
#define START (1000000 * MS)

static void without_a_trigger_nothing_is_due(void **state)
{
	struct pace pace = {};

	(void)state;
	assert_int_equal(pace_due(&pace), 0);
	pace_done(&pace, START, START);
	assert_int_equal(pace_due(&pace), 0);
}

static void the_first_reaction_is_at_once_and_one_survey_trails(void **state)
{
	struct pace pace = {};

	(void)state;
	pace_trigger(&pace, START);
	assert_int_equal(pace_due(&pace), START);
	pace_done(&pace, START, START + MS);
	assert_int_equal(pace_due(&pace), START + PACE_TRAIL_NS);
	pace_done(&pace, START + PACE_TRAIL_NS, START + PACE_TRAIL_NS + MS);
	assert_int_equal(pace_due(&pace), 0);
}

static void the_trailing_survey_comes_10_to_50_ms_after_the_last_trigger(void **state)
{
	(void)state;
	assert_in_range(PACE_TRAIL_NS, 10 * MS, 50 * MS);
}

static void a_trigger_soon_after_a_survey_waits_for_the_pause(void **state)
{
	struct pace pace = {};

	(void)state;
	pace_trigger(&pace, START);
	pace_done(&pace, START, START + MS);
	pace_trigger(&pace, START + 2 * MS);
	assert_int_equal(pace_due(&pace), START + MS + PACE_GAP_NS);
	/* and one that comes after the pause does not */
	pace_trigger(&pace, START + 20 * MS);
	assert_int_equal(pace_due(&pace), START + 20 * MS);
}

static void a_trigger_puts_the_trailing_survey_off(void **state)
{
	struct pace pace = {};

	(void)state;
	pace_trigger(&pace, START);
	pace_done(&pace, START, START);
	pace_trigger(&pace, START + 25 * MS);
	pace_done(&pace, START + 25 * MS, START + 25 * MS);
	assert_int_equal(pace_due(&pace), START + 25 * MS + PACE_TRAIL_NS);
}

static void a_trigger_while_a_survey_runs_is_not_forgotten(void **state)
{
	struct pace pace = {};

	(void)state;
	pace_trigger(&pace, START);
	pace_trigger(&pace, START + 2 * MS);
	pace_done(&pace, START, START + 3 * MS);
	assert_int_equal(pace_due(&pace), START + 3 * MS + PACE_GAP_NS);
}

static void a_storm_gets_one_survey_in_10_ms_and_one_behind_it(void **state)
{
	struct pace pace = {};
	uint64_t last = 0;
	int surveys = 0;

	(void)state;
	for (uint64_t now = START; now < START + 2000 * MS; now += MS / 10) {
		if (now < START + 1000 * MS)
			pace_trigger(&pace, now);
		if (pace_due(&pace) == 0 || pace_due(&pace) > now)
			continue;
		assert_true(last == 0 || now - last >= PACE_GAP_NS);
		pace_done(&pace, now, now);
		last = now;
		surveys++;
	}
	assert_in_range(surveys, 95, 103);
	assert_in_range(last, START + 1000 * MS + 10 * MS, START + 1000 * MS + 50 * MS);
	assert_int_equal(pace_due(&pace), 0);
}

static void one_survey_is_enough_where_the_message_follows_the_change(void **state)
{
	struct pace pace = {};

	(void)state;
	pace_trigger_once(&pace, START);
	assert_int_equal(pace_due(&pace), START);
	pace_done(&pace, START, START + MS);
	assert_int_equal(pace_due(&pace), 0);
	/* and it neither takes the closing survey of another trigger nor puts it off */
	pace_trigger(&pace, START + 20 * MS);
	pace_done(&pace, START + 20 * MS, START + 20 * MS);
	pace_trigger_once(&pace, START + 40 * MS);
	pace_done(&pace, START + 40 * MS, START + 40 * MS);
	assert_int_equal(pace_due(&pace), START + 20 * MS + PACE_TRAIL_NS);
}

static void the_pause_is_three_times_as_long_as_the_survey(void **state)
{
	struct pace pace = {};

	(void)state;
	pace_trigger(&pace, START);
	pace_done(&pace, START, START + 500 * MS);
	pace_trigger(&pace, START + 501 * MS);
	assert_int_equal(pace_due(&pace), START + 2000 * MS);
	pace_extend(&pace, START, START + 600 * MS);
	assert_int_equal(pace_due(&pace), START + 2400 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_trigger_nothing_is_due),
		cmocka_unit_test(the_first_reaction_is_at_once_and_one_survey_trails),
		cmocka_unit_test(the_trailing_survey_comes_10_to_50_ms_after_the_last_trigger),
		cmocka_unit_test(a_trigger_soon_after_a_survey_waits_for_the_pause),
		cmocka_unit_test(a_trigger_puts_the_trailing_survey_off),
		cmocka_unit_test(a_trigger_while_a_survey_runs_is_not_forgotten),
		cmocka_unit_test(a_storm_gets_one_survey_in_10_ms_and_one_behind_it),
		cmocka_unit_test(one_survey_is_enough_where_the_message_follows_the_change),
		cmocka_unit_test(the_pause_is_three_times_as_long_as_the_survey),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
