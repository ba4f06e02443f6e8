/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>

#include "exposition.h"
#include "metrics.h"

/* The reader above all text: it must be able to refuse. */
static void the_strict_reader_refuses(const char *text)
{
	struct exposition *it = exposition_read(text);

	if (!it->wrong[0])
		fail_msg("taken, and should not be: %s", text);
	exposition_free(it);
}

static void the_strict_reader_takes(const char *text)
{
	struct exposition *it = exposition_read(text);

	if (it->wrong[0])
		fail_msg("refused: %s", it->wrong);
	exposition_free(it);
}

#define HEAD "# HELP a_total Some.\n# TYPE a_total counter\n"

static void the_test_can_fail(void **state)
{
	(void)state;
	the_strict_reader_takes(HEAD "a_total 1\n");
	the_strict_reader_takes(HEAD "a_total{b=\"c\"} 1\na_total{b=\"d\",e=\"\\\"\\\\\\n\"} 18446744073709551615\n");
	the_strict_reader_refuses(HEAD "a_total 1");
	the_strict_reader_refuses(HEAD "a_total 1.5\n");
	the_strict_reader_refuses(HEAD "a_total -1\n");
	the_strict_reader_refuses(HEAD "a_total nan\n");
	the_strict_reader_refuses(HEAD "a_total 1\na_total 1\n");
	the_strict_reader_refuses(HEAD "a_total{b=\"c\"} 1\na_total{b=\"c\"} 2\n");
	the_strict_reader_refuses(HEAD "a_total{b=\"c\",} 1\n");
	the_strict_reader_refuses(HEAD "a_total{} 1\n");
	the_strict_reader_refuses(HEAD "a_total{b=\"\\t\"} 1\n");
	the_strict_reader_refuses(HEAD "a_total{b=\"c} 1\n");
	the_strict_reader_refuses(HEAD "a_total{b=c} 1\n");
	the_strict_reader_refuses(HEAD "other 1\n");
	the_strict_reader_refuses(HEAD "a_total 1\n" HEAD "a_total 2\n");
	the_strict_reader_refuses("a_total 1\n");
	the_strict_reader_refuses("# HELP a Some.\n# TYPE a counter\na 1\n");
	the_strict_reader_refuses("# HELP a_total Some.\n# TYPE a_total gauge\na_total 1\n");
	the_strict_reader_refuses("# HELP a Some.\na 1\n");
	the_strict_reader_refuses("# HELP a Some.\n");
}

/* Each counter has another value, so that one that is taken for another is found. */
static void fill_counters(uint64_t counters[SIEVE_COUNTERS])
{
	for (unsigned int i = 0; i < SIEVE_COUNTERS; i++)
		counters[i] = i ? 1000 + i : 0;
}

static struct metrics_controller some_controller(void)
{
	return (struct metrics_controller){
		.action = SIEVE_ACTION_OBSERVE,
		.start_time_seconds = 1700000000.25,
		.fail_open_seconds = 42.5,
		.is_last_reload_good = true,
		.reloads = 2,
		.loaded_time_seconds = 1700000001,
		.namespaces = 3,
		.namespaces_max = 4096,
		.namespaces_refused = 7,
		.namespaces_overrun = 1,
		.states = { [SIEVE_IPV4] = { [SIEVE_CONNECTED] = 3 },
			    [SIEVE_IPV6] = { [SIEVE_USELESS] = 2, [SIEVE_SETTLING] = 1 } },
		.hooks = { "none", "tcx" },
		.sides = { "egress", "gateway" },
		.interfaces = { { 1, 5 }, { 6, 0 } },
		.cgroups_scope = 4,
		.cgroups_exempt = 5,
		.cgroups_missing = 6,
		.servers_others = 8,
		.servers_loopback = 9,
	};
}

static char *format_all(void)
{
	static uint64_t counters[SIEVE_COUNTERS];
	struct metrics_controller controller = some_controller();
	const struct metrics metrics = {
		.version = "1.2.3",
		.controller = &controller,
		.counters = counters,
		.has_heartbeat = true,
		.now_seconds = 1700000010,
		.heartbeat_time_seconds = 1700000009.5,
	};

	fill_counters(counters);
	return metrics_format(&metrics);
}

/* The line, whole, is in the text. */
static void assert_line(const char *text, const char *format, ...)
{
	char line[512];
	va_list arguments;
	const char *at = text;
	size_t length;

	va_start(arguments, format);
	length = (size_t)vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	for (; at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
		if (strncmp(at, line, length) == 0 && at[length] == '\n')
			return;
	fail_msg("no line \"%s\" in:\n%s", line, text);
}

static void what_is_written_is_what_prometheus_reads(void **state)
{
	char *text = format_all();
	struct exposition *it = exposition_read(text);

	(void)state;
	if (it->wrong[0])
		fail_msg("%s", it->wrong);
	for (size_t i = 0; i < it->family_count; i++)
		assert_int_equal(strncmp(it->families[i], "stubsieve_", 10), 0);
	/* All reasons and responses, and 60 beside them at most: no line per namespace, interface or name. */
	assert_in_range(it->series_count, SIEVE_REASONS + SIEVE_RESPONSES, SIEVE_REASONS + SIEVE_RESPONSES + 60);
	exposition_free(it);
	free(text);
}

static void every_reason_is_there_with_its_own_count(void **state)
{
	static const char *const names[] = {
#define SIEVE_REASON(name, text) [SIEVE_REASON_##name] = #name,
#include <stubsieve/reasons.def>
#undef SIEVE_REASON
	};
	char *text = format_all();

	(void)state;
	for (unsigned int reason = 1; reason < SIEVE_REASONS; reason++)
		assert_line(text, "stubsieve_passed_total{reason=\"%s\"} %u", names[reason],
			    reason == SIEVE_REASON_observed ? 2 * (1000 + SIEVE_COUNTER_OBSERVED) + 1 : 1000 + reason);
	assert_null(strstr(text, "reason=\"none\""));
	free(text);
}

static void every_response_is_there_with_its_own_count(void **state)
{
	static const char *const names[] = {
#define SIEVE_RESPONSE(name, text) [SIEVE_RESPONSE_##name] = #name,
#include <stubsieve/responses.def>
#undef SIEVE_RESPONSE
	};
	char *text = format_all();

	(void)state;
	for (unsigned int response = 1; response < SIEVE_RESPONSES; response++)
		assert_line(text, "stubsieve_responses_total{result=\"%s\"} %u", names[response],
			    1000 + SIEVE_COUNTER_RESPONSE + response);
	free(text);
}

static void what_is_done_is_counted_by_type(void **state)
{
	static const struct {
		const char *name;
		unsigned int counter;
	} groups[] = {
		{ "answered", SIEVE_COUNTER_ANSWERED }, { "observed", SIEVE_COUNTER_OBSERVED },
		{ "dropped", SIEVE_COUNTER_DROPPED },   { "rejected", SIEVE_COUNTER_REJECTED },
		{ "removed_records", SIEVE_COUNTER_REMOVED },
	};
	char *text = format_all();

	(void)state;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		assert_line(text, "stubsieve_%s_total{type=\"A\"} %u", groups[i].name, 1000 + groups[i].counter);
		assert_line(text, "stubsieve_%s_total{type=\"AAAA\"} %u", groups[i].name, 1001 + groups[i].counter);
	}
	free(text);
}

static uint64_t value_of(const char *line)
{
	return strtoull(strrchr(line, ' '), NULL, 10);
}

/* The sum of the samples whose lines begin so. */
static uint64_t sum_of(const char *text, const char *begin)
{
	char *copy = strdup(text), *rest = copy, *line;
	uint64_t sum = 0;

	while ((line = strsep(&rest, "\n")))
		if (strncmp(line, begin, strlen(begin)) == 0)
			sum += value_of(line);
	free(copy);
	return sum;
}

static void the_queries_are_the_sum_of_what_became_of_them(void **state)
{
	uint64_t counters[SIEVE_COUNTERS] = {};
	const struct metrics metrics = { .version = "1", .counters = counters };
	char *text;

	(void)state;
	counters[SIEVE_REASON_connected] = 5;
	counters[SIEVE_COUNTER_ANSWERED + SIEVE_IPV6] = 7;
	counters[SIEVE_COUNTER_OBSERVED + SIEVE_IPV4] = 11;
	counters[SIEVE_COUNTER_DROPPED + SIEVE_IPV6] = 13;
	counters[SIEVE_COUNTER_REJECTED + SIEVE_IPV4] = 17;
	counters[SIEVE_COUNTER_REMOVED + SIEVE_IPV4] = 1000;
	counters[SIEVE_COUNTER_RESPONSE + SIEVE_RESPONSE_covered] = 1000;
	text = metrics_format(&metrics);
	assert_line(text, "stubsieve_queries_total 53");
	assert_int_equal(sum_of(text, "stubsieve_answered_total{") + sum_of(text, "stubsieve_dropped_total{") +
				 sum_of(text, "stubsieve_rejected_total{") + sum_of(text, "stubsieve_passed_total{"),
			 53);
	free(text);
}

static void the_controller_tells_what_it_does(void **state)
{
	char *text = format_all();

	(void)state;
	assert_line(text, "stubsieve_build_info{version=\"1.2.3\",abi=\"%d\"} 1", SIEVE_ABI_VERSION);
	assert_line(text, "stubsieve_up 1");
	assert_line(text, "stubsieve_start_time_seconds 1700000000.250");
	assert_line(text, "stubsieve_fail_open_seconds 42.500");
	assert_line(text, "stubsieve_heartbeat_timestamp_seconds 1700000009.500");
	assert_line(text, "stubsieve_heartbeat_age_seconds 0.500");
	assert_line(text, "stubsieve_action{action=\"observe\"} 1");
	assert_line(text, "stubsieve_action{action=\"answer\"} 0");
	assert_line(text, "stubsieve_action{action=\"reject\"} 0");
	assert_line(text, "stubsieve_config_last_reload_successful 1");
	assert_line(text, "stubsieve_config_loaded_timestamp_seconds 1700000001.000");
	assert_line(text, "stubsieve_config_reloads_total 2");
	assert_line(text, "stubsieve_spared 0");
	assert_line(text, "stubsieve_namespaces 3");
	assert_line(text, "stubsieve_namespaces_max 4096");
	assert_line(text, "stubsieve_namespaces_refused_total 7");
	assert_line(text, "stubsieve_namespaces_overrun 1");
	assert_line(text, "stubsieve_namespaces_by_state{type=\"A\",state=\"connected\"} 3");
	assert_line(text, "stubsieve_namespaces_by_state{type=\"A\",state=\"useless\"} 0");
	assert_line(text, "stubsieve_namespaces_by_state{type=\"AAAA\",state=\"useless\"} 2");
	assert_line(text, "stubsieve_namespaces_by_state{type=\"AAAA\",state=\"settling\"} 1");
	assert_line(text, "stubsieve_interfaces{program=\"egress\",hook=\"none\"} 1");
	assert_line(text, "stubsieve_interfaces{program=\"egress\",hook=\"tcx\"} 5");
	assert_line(text, "stubsieve_interfaces{program=\"gateway\",hook=\"none\"} 6");
	assert_line(text, "stubsieve_cgroups{kind=\"scope\"} 4");
	assert_line(text, "stubsieve_cgroups{kind=\"exempt\"} 5");
	assert_line(text, "stubsieve_cgroups_missing 6");
	assert_line(text, "stubsieve_dns_server_cgroups{clients=\"others\"} 8");
	assert_line(text, "stubsieve_dns_server_cgroups{clients=\"loopback\"} 9");
	free(text);
}

/* Series that are not there are gaps in a graph; zeros would be a reset. */
static void without_a_controller_it_is_down_and_tells_no_more_than_it_knows(void **state)
{
	const struct metrics nothing = { .version = "1" };
	uint64_t counters[SIEVE_COUNTERS] = { [SIEVE_COUNTER_ANSWERED] = 5 };
	const struct metrics left = {
		.version = "1",
		.counters = counters,
		.has_heartbeat = true,
		.now_seconds = 100,
		.heartbeat_time_seconds = 30,
	};
	char *text = metrics_format(&nothing);
	struct exposition *it = exposition_read(text);

	(void)state;
	assert_string_equal(it->wrong, "");
	assert_int_equal(it->series_count, 2);
	assert_line(text, "stubsieve_up 0");
	exposition_free(it);
	free(text);
	text = metrics_format(&left);
	the_strict_reader_takes(text);
	assert_line(text, "stubsieve_up 0");
	assert_line(text, "stubsieve_answered_total{type=\"A\"} 5");
	assert_line(text, "stubsieve_heartbeat_age_seconds 70.000");
	assert_null(strstr(text, "stubsieve_namespaces"));
	free(text);
}

static void a_clock_that_was_set_back_makes_no_negative_age(void **state)
{
	const struct metrics metrics = {
		.version = "1", .has_heartbeat = true, .now_seconds = 30, .heartbeat_time_seconds = 100,
	};
	char *text = metrics_format(&metrics);

	(void)state;
	assert_line(text, "stubsieve_heartbeat_age_seconds 0.000");
	free(text);
}

static void assert_escaped(const char *value, const char *want)
{
	char escaped[16];

	metrics_escape(value, escaped, sizeof(escaped));
	assert_string_equal(escaped, want);
}

static void labels_are_escaped(void **state)
{
	const struct metrics metrics = { .version = "1\"2\\3\n4" };
	char *text = metrics_format(&metrics), cut[4];

	(void)state;
	assert_escaped("plain", "plain");
	assert_escaped("a\"b\\c\nd", "a\\\"b\\\\c\\nd");
	assert_escaped("", "");
	assert_escaped("0123456789abcde", "0123456789abcde");
	assert_escaped("0123456789abcdef", "0123456789abcde");
	metrics_escape("ab\"", cut, sizeof(cut)); /* an escaped one goes whole */
	assert_string_equal(cut, "ab");
	the_strict_reader_takes(text);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_test_can_fail),
		cmocka_unit_test(what_is_written_is_what_prometheus_reads),
		cmocka_unit_test(every_reason_is_there_with_its_own_count),
		cmocka_unit_test(every_response_is_there_with_its_own_count),
		cmocka_unit_test(what_is_done_is_counted_by_type),
		cmocka_unit_test(the_queries_are_the_sum_of_what_became_of_them),
		cmocka_unit_test(the_controller_tells_what_it_does),
		cmocka_unit_test(without_a_controller_it_is_down_and_tells_no_more_than_it_knows),
		cmocka_unit_test(a_clock_that_was_set_back_makes_no_negative_age),
		cmocka_unit_test(labels_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
