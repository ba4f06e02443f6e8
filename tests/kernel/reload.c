/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "clock.h"
#include "reload.h" /* before cmocka's macro of the name fail */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define GIVEN_UP_NS (60 * CLOCK_SECOND_NS)

static void it_waits_for_what_settles_and_a_while_longer(void **state)
{
	(void)state;
	assert_int_equal(reload_patience_ns(0), 10 * CLOCK_SECOND_NS);
	assert_int_equal(reload_patience_ns(10 * CLOCK_SECOND_NS), 20 * CLOCK_SECOND_NS);
}

static void it_attaches_before_it_would_be_given_up_however_long_settle_is(void **state)
{
	(void)state;
	for (uint64_t settle = 0; settle < 400; settle++)
		assert_true(reload_patience_ns(settle * CLOCK_SECOND_NS) <= GIVEN_UP_NS - 15 * CLOCK_SECOND_NS);
	assert_true(reload_patience_ns(UINT64_MAX) < GIVEN_UP_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_waits_for_what_settles_and_a_while_longer),
		cmocka_unit_test(it_attaches_before_it_would_be_given_up_however_long_settle_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
