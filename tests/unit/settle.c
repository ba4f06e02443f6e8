/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "settle.h"

#define SECOND 1000000000ULL
#define DELAY (5 * SECOND)
#define START (1000 * SECOND)

static void survey(struct settle *settle, enum sieve_connectivity ipv4, enum sieve_connectivity ipv6, uint64_t now)
{
	const enum sieve_connectivity decided[SIEVE_FAMILIES] = { ipv4, ipv6 };

	settle_clean(settle, decided, now);
}

static void assert_publishes(const struct settle *settle, uint64_t now, enum sieve_connectivity ipv4,
			     enum sieve_connectivity ipv6)
{
	enum sieve_connectivity publish[SIEVE_FAMILIES];

	settle_publish(settle, now, publish);
	assert_int_equal(publish[SIEVE_IPV4], ipv4);
	assert_int_equal(publish[SIEVE_IPV6], ipv6);
}

/* Past its first survey, dual stack at START. */
static struct settle running(void)
{
	struct settle settle;

	settle_init(&settle, DELAY);
	survey(&settle, SIEVE_CONNECTED, SIEVE_CONNECTED, START);
	return settle;
}

static void before_the_first_survey_everything_is_connected(void **state)
{
	struct settle settle;

	(void)state;
	settle_init(&settle, DELAY);
	assert_publishes(&settle, START, SIEVE_CONNECTED, SIEVE_CONNECTED);
	assert_int_equal(settle_due(&settle, START), 0);
}

static void the_first_clean_survey_acts_at_once(void **state)
{
	struct settle settle;

	(void)state;
	settle_init(&settle, DELAY);
	survey(&settle, SIEVE_CONNECTED, SIEVE_USELESS, START);
	assert_publishes(&settle, START, SIEVE_CONNECTED, SIEVE_USELESS);
	assert_int_equal(settle_due(&settle, START), 0);
}

static void the_first_clean_survey_acts_at_once_even_after_unclean_ones(void **state)
{
	struct settle settle;

	(void)state;
	settle_init(&settle, DELAY);
	settle_unclean(&settle);
	assert_publishes(&settle, START, SIEVE_CONNECTED, SIEVE_CONNECTED);
	survey(&settle, SIEVE_USELESS, SIEVE_CONNECTED, START);
	assert_publishes(&settle, START, SIEVE_USELESS, SIEVE_CONNECTED);
}

static void lost_connectivity_is_shown_at_once_and_acts_after_the_delay(void **state)
{
	struct settle settle = running();

	(void)state;
	survey(&settle, SIEVE_CONNECTED, SIEVE_USELESS, START + SECOND);
	assert_publishes(&settle, START + SECOND, SIEVE_CONNECTED, SIEVE_SETTLING);
	assert_int_equal(settle_due(&settle, START + SECOND), START + SECOND + DELAY);
	assert_publishes(&settle, START + SECOND + DELAY - 1, SIEVE_CONNECTED, SIEVE_SETTLING);
	assert_publishes(&settle, START + SECOND + DELAY, SIEVE_CONNECTED, SIEVE_USELESS);
	assert_int_equal(settle_due(&settle, START + SECOND + DELAY), 0);
}

static void the_same_again_does_not_start_the_delay_anew(void **state)
{
	struct settle settle = running();

	(void)state;
	survey(&settle, SIEVE_CONNECTED, SIEVE_USELESS, START);
	survey(&settle, SIEVE_CONNECTED, SIEVE_USELESS, START + 4 * SECOND);
	assert_int_equal(settle_due(&settle, START + 4 * SECOND), START + DELAY);
	assert_publishes(&settle, START + DELAY, SIEVE_CONNECTED, SIEVE_USELESS);
}

static void connectivity_that_comes_acts_at_once_and_starts_the_delay_anew(void **state)
{
	struct settle settle = running();

	(void)state;
	survey(&settle, SIEVE_CONNECTED, SIEVE_USELESS, START);
	survey(&settle, SIEVE_CONNECTED, SIEVE_CONNECTED, START + 2 * SECOND);
	assert_publishes(&settle, START + 2 * SECOND, SIEVE_CONNECTED, SIEVE_CONNECTED);
	assert_int_equal(settle_due(&settle, START + 2 * SECOND), 0);
	survey(&settle, SIEVE_CONNECTED, SIEVE_USELESS, START + 3 * SECOND);
	assert_publishes(&settle, START + DELAY, SIEVE_CONNECTED, SIEVE_SETTLING);
	assert_int_equal(settle_due(&settle, START + DELAY), START + 3 * SECOND + DELAY);
}

static void from_none_to_one_family_settles_too(void **state)
{
	struct settle settle;

	(void)state;
	settle_init(&settle, DELAY);
	survey(&settle, SIEVE_OFFLINE, SIEVE_OFFLINE, START);
	assert_publishes(&settle, START, SIEVE_OFFLINE, SIEVE_OFFLINE);
	survey(&settle, SIEVE_CONNECTED, SIEVE_USELESS, START + SECOND);
	assert_publishes(&settle, START + SECOND, SIEVE_CONNECTED, SIEVE_SETTLING);
	assert_publishes(&settle, START + SECOND + DELAY, SIEVE_CONNECTED, SIEVE_USELESS);
}

static void what_passes_anyway_is_published_at_once(void **state)
{
	struct settle settle = running();

	(void)state;
	survey(&settle, SIEVE_NAT64, SIEVE_CONNECTED, START);
	assert_publishes(&settle, START, SIEVE_NAT64, SIEVE_CONNECTED);
	survey(&settle, SIEVE_OFFLINE, SIEVE_OFFLINE, START);
	assert_publishes(&settle, START, SIEVE_OFFLINE, SIEVE_OFFLINE);
	assert_int_equal(settle_due(&settle, START), 0);
}

static void from_nat64_to_useless_settles_too(void **state)
{
	struct settle settle = running();

	(void)state;
	survey(&settle, SIEVE_NAT64, SIEVE_CONNECTED, START);
	survey(&settle, SIEVE_USELESS, SIEVE_CONNECTED, START + SECOND);
	assert_publishes(&settle, START + SECOND, SIEVE_SETTLING, SIEVE_CONNECTED);
}

static void the_families_settle_each_for_itself(void **state)
{
	struct settle settle = running();

	(void)state;
	survey(&settle, SIEVE_CONNECTED, SIEVE_USELESS, START);
	survey(&settle, SIEVE_USELESS, SIEVE_CONNECTED, START + DELAY);
	assert_publishes(&settle, START + DELAY, SIEVE_SETTLING, SIEVE_CONNECTED);
	assert_int_equal(settle_due(&settle, START + DELAY), START + 2 * DELAY);
}

static void the_earlier_of_two_delays_is_due_first(void **state)
{
	struct settle settle = running();

	(void)state;
	survey(&settle, SIEVE_USELESS, SIEVE_CONNECTED, START);
	survey(&settle, SIEVE_USELESS, SIEVE_USELESS, START + SECOND);
	assert_int_equal(settle_due(&settle, START + SECOND), START + DELAY);
	assert_int_equal(settle_due(&settle, START + DELAY), START + SECOND + DELAY);
}

static void an_unclean_survey_publishes_connected_and_starts_anew(void **state)
{
	struct settle settle = running();

	(void)state;
	survey(&settle, SIEVE_CONNECTED, SIEVE_USELESS, START);
	assert_publishes(&settle, START + DELAY, SIEVE_CONNECTED, SIEVE_USELESS);
	settle_unclean(&settle);
	assert_publishes(&settle, START + DELAY, SIEVE_CONNECTED, SIEVE_CONNECTED);
	assert_int_equal(settle_due(&settle, START + DELAY), 0);
	survey(&settle, SIEVE_CONNECTED, SIEVE_USELESS, START + DELAY);
	assert_publishes(&settle, START + DELAY, SIEVE_CONNECTED, SIEVE_SETTLING);
	assert_publishes(&settle, START + 2 * DELAY, SIEVE_CONNECTED, SIEVE_USELESS);
}

static void without_delay_everything_acts_at_once(void **state)
{
	struct settle settle;

	(void)state;
	settle_init(&settle, 0);
	survey(&settle, SIEVE_CONNECTED, SIEVE_CONNECTED, START);
	survey(&settle, SIEVE_CONNECTED, SIEVE_USELESS, START);
	assert_publishes(&settle, START, SIEVE_CONNECTED, SIEVE_USELESS);
	assert_int_equal(settle_due(&settle, START), 0);
}

/* Another configuration begins with a survey of its own. */
static struct settle carried(const struct settle *before, uint64_t delay_ns, enum sieve_connectivity ipv6, uint64_t now)
{
	struct settle settle;

	settle_init(&settle, delay_ns);
	survey(&settle, SIEVE_CONNECTED, ipv6, now);
	settle_carry(&settle, before, now);
	return settle;
}

static void what_settles_acts_no_earlier_by_another_configuration(void **state)
{
	struct settle before = running(), settle;

	(void)state;
	survey(&before, SIEVE_CONNECTED, SIEVE_USELESS, START);
	settle = carried(&before, DELAY, SIEVE_USELESS, START + 2 * SECOND);
	assert_publishes(&settle, START + 2 * SECOND, SIEVE_CONNECTED, SIEVE_SETTLING);
	assert_int_equal(settle_due(&settle, START + 2 * SECOND), START + DELAY);
	assert_publishes(&settle, START + DELAY, SIEVE_CONNECTED, SIEVE_USELESS);
	/* with another delay, since the same moment */
	settle = carried(&before, 3 * DELAY, SIEVE_USELESS, START + 2 * SECOND);
	assert_int_equal(settle_due(&settle, START + 2 * SECOND), START + 3 * DELAY);
	settle = carried(&before, SECOND, SIEVE_USELESS, START + 2 * SECOND);
	assert_publishes(&settle, START + 2 * SECOND, SIEVE_CONNECTED, SIEVE_USELESS);
}

static void what_acts_goes_on_by_another_configuration(void **state)
{
	struct settle before = running(), settle;

	(void)state;
	survey(&before, SIEVE_CONNECTED, SIEVE_USELESS, START);
	settle = carried(&before, DELAY, SIEVE_USELESS, START + DELAY);
	assert_publishes(&settle, START + DELAY, SIEVE_CONNECTED, SIEVE_USELESS);
	settle = carried(&before, 10 * DELAY, SIEVE_USELESS, START + DELAY);
	assert_publishes(&settle, START + DELAY, SIEVE_CONNECTED, SIEVE_USELESS);
}

static void what_is_useless_by_another_configuration_alone_settles(void **state)
{
	struct settle before = running(), settle;

	(void)state;
	settle = carried(&before, DELAY, SIEVE_USELESS, START + SECOND);
	assert_publishes(&settle, START + SECOND, SIEVE_CONNECTED, SIEVE_SETTLING);
	assert_int_equal(settle_due(&settle, START + SECOND), START + SECOND + DELAY);
	/* and so does what nobody was sure of */
	survey(&before, SIEVE_CONNECTED, SIEVE_USELESS, START);
	settle_unclean(&before);
	settle = carried(&before, DELAY, SIEVE_USELESS, START + 2 * DELAY);
	assert_publishes(&settle, START + 2 * DELAY, SIEVE_CONNECTED, SIEVE_SETTLING);
}

static void what_was_never_surveyed_carries_nothing(void **state)
{
	struct settle before, settle;

	(void)state;
	settle_init(&before, DELAY);
	settle = carried(&before, DELAY, SIEVE_USELESS, START);
	assert_publishes(&settle, START, SIEVE_CONNECTED, SIEVE_USELESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_the_first_survey_everything_is_connected),
		cmocka_unit_test(the_first_clean_survey_acts_at_once),
		cmocka_unit_test(the_first_clean_survey_acts_at_once_even_after_unclean_ones),
		cmocka_unit_test(lost_connectivity_is_shown_at_once_and_acts_after_the_delay),
		cmocka_unit_test(the_same_again_does_not_start_the_delay_anew),
		cmocka_unit_test(connectivity_that_comes_acts_at_once_and_starts_the_delay_anew),
		cmocka_unit_test(from_none_to_one_family_settles_too),
		cmocka_unit_test(what_passes_anyway_is_published_at_once),
		cmocka_unit_test(from_nat64_to_useless_settles_too),
		cmocka_unit_test(the_families_settle_each_for_itself),
		cmocka_unit_test(the_earlier_of_two_delays_is_due_first),
		cmocka_unit_test(an_unclean_survey_publishes_connected_and_starts_anew),
		cmocka_unit_test(without_delay_everything_acts_at_once),
		cmocka_unit_test(what_settles_acts_no_earlier_by_another_configuration),
		cmocka_unit_test(what_acts_goes_on_by_another_configuration),
		cmocka_unit_test(what_is_useless_by_another_configuration_alone_settles),
		cmocka_unit_test(what_was_never_surveyed_carries_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
