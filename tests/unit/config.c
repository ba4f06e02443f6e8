/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define SECOND 1000000000ULL
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define WORD_MAX 512

static const struct config_key *find_key(const char *name)
{
	size_t count;
	const struct config_key *keys = config_keys(&count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	fail_msg("there is no key %s", name);
	return NULL;
}

static void take(struct config *config, const char *key, const char *word)
{
	char error[CONFIG_ERROR_MAX] = "";

	if (config_set(config, key, word, error) != 0)
		fail_msg("%s does not take \"%s\": %s", key, word, error);
	assert_string_equal(error, "");
}

/* Copies of all that is in force, words and all. */
static void print_config(const struct config *config, char *text, size_t size)
{
	size_t count, used = 0;
	const struct config_key *keys = config_keys(&count);

	for (size_t i = 0; i < count; i++) {
		char word[WORD_MAX];

		for (size_t n = 0; keys[i].format(config, n, word, sizeof(word)); n++) {
			used += (size_t)snprintf(text + used, size - used, "%s=%s\n", keys[i].name, word);
			assert_true(used < size);
		}
	}
}

/* The configuration is as it was, and the line names the key, what it got, and what is wrong with it. */
static void refuse_because(struct config *config, const char *key, const char *word, const char *why)
{
	static char before[1 << 20], after[1 << 20];
	char error[CONFIG_ERROR_MAX] = "";
	struct config copy = *config;

	before[0] = after[0] = '\0';
	print_config(config, before, sizeof(before));
	if (config_set(config, key, word, error) != -EINVAL)
		fail_msg("%s takes \"%s\"", key, word);
	print_config(config, after, sizeof(after));
	assert_string_equal(after, before);
	assert_memory_equal(config, &copy, sizeof(copy));
	if (strstr(error, key) != error || !strstr(error, why) || !strstr(error, word))
		fail_msg("not a line for people: %s", error);
}

static void refuse(struct config *config, const char *key, const char *word)
{
	refuse_because(config, key, word, find_key(key)->values);
}

static void refuse_beyond(struct config *config, const char *key, const char *word, unsigned int limit)
{
	char why[64];

	snprintf(why, sizeof(why), "the limit of %u values is reached", limit);
	refuse_because(config, key, word, why);
}

static void assert_in_force(const struct config *config, const char *key, size_t index, const char *want)
{
	char word[WORD_MAX] = "";

	if (!find_key(key)->format(config, index, word, sizeof(word)))
		fail_msg("%s has no value %zu", key, index);
	assert_string_equal(word, want);
}

static void assert_no_more(const struct config *config, const char *key, size_t index)
{
	char word[WORD_MAX] = "untouched";

	assert_false(find_key(key)->format(config, index, word, sizeof(word)));
	assert_string_equal(word, "untouched");
}

/* The keys that take a list of words, of which none is the default. */
static const struct {
	const char *key;
	unsigned int limit;
	const char *tail; /* of every word */
} lists[] = {
	{ "cgroup", CONFIG_CGROUPS_MAX, "" },
	{ "exempt-cgroup", CONFIG_CGROUPS_MAX, "" },
	{ "ignore-interface", CONFIG_INTERFACES_MAX, "" },
	{ "gateway", CONFIG_INTERFACES_MAX, "" },
	{ "exempt-name", CONFIG_NAMES_MAX, "" },
	{ "ask", CONFIG_NAMES_MAX, " aaaa" },
};

static void what_is_documented_is_in_force_by_default(void **state)
{
	static const struct {
		const char *key, *word;
	} defaults[] = {
		{ "action", "answer" },
		{ "netns", "scope" },
		{ "percent", "100" },
		{ "detect", "routes" },
		{ "families", "auto" },
		{ "port", "53" },
		{ "dnssec", "pass" },
		{ "ede", "yes" },
		{ "results", "all" },
		{ "order", "first" },
		{ "settle", "5" },
		{ "nat64", "auto" },
		{ "filter-servers", "no" },
		{ "max-netns", "4096" },
		{ "fail-open-after", "30" },
		{ "fail-open-spread", "60" },
		{ "pin-dir", "/sys/fs/bpf/stubsieve" },
		{ "run-dir", "/run/stubsieve" },
		{ "config", "/etc/stubsieve/stubsieve.conf" },
	};
	struct config config;
	size_t count;

	(void)state;
	config_init(&config);
	for (size_t i = 0; i < COUNT(defaults); i++) {
		assert_in_force(&config, defaults[i].key, 0, defaults[i].word);
		assert_no_more(&config, defaults[i].key, 1);
	}
	for (size_t i = 0; i < COUNT(lists); i++)
		assert_no_more(&config, lists[i].key, 0);
	assert_no_more(&config, "metrics-textfile", 0);
	config_keys(&count);
	assert_int_equal(count, COUNT(defaults) + COUNT(lists) + 1);
	assert_int_equal(config.connectivity.detect, CONNECTIVITY_DETECT_ROUTES);
	assert_int_equal(config.families, 1 << SIEVE_IPV4 | 1 << SIEVE_IPV6);
	assert_int_equal(config.settle_ns, 5 * SECOND);
}

static void every_word_of_every_key_is_taken_and_printed_again(void **state)
{
	static const struct {
		const char *key;
		const char *words[5];
	} table[] = {
		{ "action", { "answer", "observe", "drop", "reject" } },
		{ "netns", { "scope", "self" } },
		{ "detect", { "routes", "addresses" } },
		{ "families", { "auto", "aaaa", "a" } },
		{ "dnssec", { "pass", "answer" } },
		{ "ede", { "yes", "no" } },
		{ "filter-servers", { "yes", "no" } },
		{ "nat64", { "auto", "yes", "no" } },
		{ "results", { "all", "covered" } },
		{ "order", { "first", "last" } },
	};
	struct config config;

	(void)state;
	config_init(&config);
	for (size_t i = 0; i < COUNT(table); i++) {
		for (size_t n = 0; table[i].words[n]; n++) {
			take(&config, table[i].key, table[i].words[n]);
			assert_in_force(&config, table[i].key, 0, table[i].words[n]);
			assert_non_null(strstr(find_key(table[i].key)->values, table[i].words[n]));
		}
	}
	config_free(&config);
}

static void a_word_sets_its_own_field_and_no_other(void **state)
{
	struct config config, want;

	(void)state;
	config_init(&config);
	config_init(&want);
	take(&config, "action", "reject");
	want.action = SIEVE_ACTION_REJECT;
	assert_memory_equal(&config, &want, sizeof(want));
	take(&config, "netns", "self");
	want.netns = CONFIG_NETNS_SELF;
	assert_memory_equal(&config, &want, sizeof(want));
	take(&config, "detect", "addresses");
	want.connectivity.detect = CONNECTIVITY_DETECT_ADDRESSES;
	assert_memory_equal(&config, &want, sizeof(want));
	take(&config, "families", "aaaa");
	want.families = 1 << SIEVE_IPV6;
	assert_memory_equal(&config, &want, sizeof(want));
	take(&config, "families", "a");
	want.families = 1 << SIEVE_IPV4;
	assert_memory_equal(&config, &want, sizeof(want));
	take(&config, "max-netns", "7");
	want.max_netns = 7;
	assert_memory_equal(&config, &want, sizeof(want));
	take(&config, "ede", "no");
	want.extended_error = false;
	assert_memory_equal(&config, &want, sizeof(want));
	take(&config, "filter-servers", "yes");
	want.filter_servers = true;
	assert_memory_equal(&config, &want, sizeof(want));
	take(&config, "nat64", "no");
	want.connectivity.nat64 = CONNECTIVITY_NAT64_NO;
	assert_memory_equal(&config, &want, sizeof(want));
	take(&config, "results", "covered");
	want.results = CONFIG_RESULTS_COVERED;
	assert_memory_equal(&config, &want, sizeof(want));
	take(&config, "order", "last");
	want.order = CONFIG_ORDER_LAST;
	assert_memory_equal(&config, &want, sizeof(want));
	take(&config, "settle", "1");
	want.settle_ns = SECOND;
	assert_memory_equal(&config, &want, sizeof(want));
	take(&config, "fail-open-after", "2");
	want.fail_open_after_ns = 2 * SECOND;
	assert_memory_equal(&config, &want, sizeof(want));
	take(&config, "fail-open-spread", "3");
	want.fail_open_spread_ns = 3 * SECOND;
	assert_memory_equal(&config, &want, sizeof(want));
	take(&config, "port", "5300");
	want.ports[want.port_count++] = 5300;
	assert_memory_equal(&config, &want, sizeof(want));
}

static void words_that_a_key_does_not_take_are_refused(void **state)
{
	static const char *const keys[] = { "action", "netns", "detect", "families", "results",
					    "ede",    "order", "nat64",  "filter-servers" };
	static const char *const words[] = { "", "Yes", "yes ", " no", "ye", "yess", "1", "true", "answer,drop", "fir" };
	struct config config;

	(void)state;
	config_init(&config);
	for (size_t i = 0; i < COUNT(keys); i++)
		for (size_t n = 0; n < COUNT(words); n++)
			refuse(&config, keys[i], words[n]);
}

static void a_key_that_is_not_there_is_named(void **state)
{
	static const char *const keys[] = { "", "Action", "actio", "actions", "fail-open", "ignore", "--action" };
	struct config config, want;
	char error[CONFIG_ERROR_MAX];

	(void)state;
	config_init(&config);
	config_init(&want);
	for (size_t i = 0; i < COUNT(keys); i++) {
		char quoted[64];

		assert_int_equal(config_set(&config, keys[i], "answer", error), -EINVAL);
		snprintf(quoted, sizeof(quoted), "\"%s\"", keys[i]);
		assert_non_null(strstr(error, quoted));
		assert_memory_equal(&config, &want, sizeof(want));
	}
}

static void a_line_for_people_never_outgrows_its_buffer(void **state)
{
	struct config config;
	char word[4096], error[CONFIG_ERROR_MAX];

	(void)state;
	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	config_init(&config);
	assert_int_equal(config_set(&config, word, "answer", error), -EINVAL);
	assert_true(strlen(error) < sizeof(error));
	assert_int_equal(config_set(&config, "settle", word, error), -EINVAL);
	assert_non_null(strstr(error, "settle takes seconds, not \"xxx"));
	assert_true(strlen(error) < sizeof(error));
}

static void a_controller_may_be_silent_for_half_a_second_at_least(void **state)
{
	struct config config;
	char error[CONFIG_ERROR_MAX];

	(void)state;
	config_init(&config);
	take(&config, "fail-open-after", "0.5");
	assert_int_equal(config.fail_open_after_ns, SECOND / 2);
	assert_int_equal(config_set(&config, "fail-open-after", "0", error), -EINVAL);
	assert_int_equal(config_set(&config, "fail-open-after", "0.499", error), -EINVAL);
	assert_non_null(strstr(error, "at least 0.5"));
	assert_int_equal(config.fail_open_after_ns, SECOND / 2);
}

static void ports_are_numbers_but_those_of_multicast_dns(void **state)
{
	static const char *const good[] = { "1", "53", "5352", "5354", "5356", "65535" };
	static const char *const bad[] = {
		"", "0", "65536", "4294967349", "18446744073709551669", "-53", "+53", " 53", "53 ", "0x35", "5e1", "53.0",
		"5353", "05353", "5355", "domain",
	};
	struct config config;

	(void)state;
	config_init(&config);
	for (size_t i = 0; i < COUNT(bad); i++)
		refuse(&config, "port", bad[i]);
	for (size_t i = 0; i < COUNT(good); i++) {
		take(&config, "port", good[i]);
		assert_int_equal(config.port_count, i + 1);
		assert_int_equal(config.ports[i], strtoul(good[i], NULL, 10));
		assert_in_force(&config, "port", i, good[i]);
	}
	assert_no_more(&config, "port", COUNT(good));
}

static void as_many_ports_are_taken_as_the_policy_holds(void **state)
{
	struct config config;

	(void)state;
	config_init(&config);
	for (unsigned int i = 0; i < SIEVE_PORTS_MAX; i++) {
		char word[8];

		snprintf(word, sizeof(word), "%u", 1000 + i);
		take(&config, "port", word);
	}
	refuse_beyond(&config, "port", "2000", SIEVE_PORTS_MAX);
	refuse(&config, "port", "5353");
	assert_int_equal(config.port_count, SIEVE_PORTS_MAX);
	assert_int_equal(config.ports[SIEVE_PORTS_MAX - 1], 1000 + SIEVE_PORTS_MAX - 1);
}

static void as_many_words_are_taken_as_there_is_room_for(void **state)
{
	struct config config;
	char word[32];

	(void)state;
	config_init(&config);
	for (size_t list = 0; list < COUNT(lists); list++) {
		const char *key = lists[list].key;

		for (unsigned int i = 0; i < lists[list].limit; i++) {
			snprintf(word, sizeof(word), "%.4s-%u%s", key, i, lists[list].tail);
			take(&config, key, word);
			memset(word, 'x', sizeof(word)); /* the configuration has a copy of its own */
		}
		snprintf(word, sizeof(word), "one-more%s", lists[list].tail);
		refuse_beyond(&config, key, word, lists[list].limit);
		refuse(&config, key, "");
	}
	for (size_t list = 0; list < COUNT(lists); list++) {
		for (unsigned int i = 0; i < lists[list].limit; i++) {
			snprintf(word, sizeof(word), "%.4s-%u%s", lists[list].key, i, lists[list].tail);
			assert_in_force(&config, lists[list].key, i, word);
		}
		assert_no_more(&config, lists[list].key, lists[list].limit);
	}
	config_free(&config);
	for (size_t list = 0; list < COUNT(lists); list++)
		assert_no_more(&config, lists[list].key, 0);
}

static void a_cgroup_without_a_name_is_refused(void **state)
{
	struct config config;

	(void)state;
	config_init(&config);
	refuse(&config, "cgroup", "");
	take(&config, "cgroup", "/");
	take(&config, "cgroup", "system.slice/a b.service");
	assert_in_force(&config, "cgroup", 0, "/");
	assert_in_force(&config, "cgroup", 1, "system.slice/a b.service");
	config_free(&config);
}

static void names_and_globs_of_interfaces_are_taken(void **state)
{
	static const char *const keys[] = { "ignore-interface", "gateway" };
	static const char *const good[] = { "eth0", "docker*", "br-?", "[vw]eth[[:digit:]]*", "*", "eth0.100",
					    "\303\274" };
	static const char *const bad[] = { "", "/", "eth/0", "eth*/", "eth0 eth1", " eth0", "eth0\n", "a\tb" };
	struct config config;

	(void)state;
	config_init(&config);
	for (size_t key = 0; key < COUNT(keys); key++) {
		for (size_t i = 0; i < COUNT(bad); i++)
			refuse(&config, keys[key], bad[i]);
		for (size_t i = 0; i < COUNT(good); i++) {
			take(&config, keys[key], good[i]);
			assert_in_force(&config, keys[key], i, good[i]);
		}
	}
	config_free(&config);
}

static void an_interface_matches_a_name_or_a_glob(void **state)
{
	char exact[] = "eth0", star[] = "docker*", set[] = "[vw]g?", open[] = "[odd";
	char *const patterns[] = { exact, star, set, open };
	static const struct {
		const char *name;
		int pattern; /* -1: none */
	} table[] = {
		{ "eth0", 0 },   { "eth", -1 },    { "eth00", -1 }, { "Eth0", -1 }, { "docker0", 1 }, { "docker", 1 },
		{ "adocker", -1 }, { "wg0", 2 },   { "vgx", 2 },    { "wg", -1 },   { "wg00", -1 },   { "[odd", 3 },
		{ "odd", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		const char *pattern = NULL, *want = table[i].pattern < 0 ? NULL : patterns[table[i].pattern];
		const char *name = table[i].name;

		assert_int_equal(config_matches_interface(patterns, COUNT(patterns), name, &pattern), want != NULL);
		assert_ptr_equal(pattern, want);
		assert_int_equal(config_matches_interface(patterns, COUNT(patterns), name, NULL), want != NULL);
		assert_false(config_matches_interface(patterns, 0, name, &pattern));
	}
}

static void the_first_pattern_that_matches_is_told(void **state)
{
	char any[] = "*", exact[] = "eth0";
	char *const general[] = { any, exact }, *const special[] = { exact, any };
	const char *pattern;

	(void)state;
	assert_true(config_matches_interface(general, 2, "eth0", &pattern));
	assert_ptr_equal(pattern, any);
	assert_true(config_matches_interface(special, 2, "eth0", &pattern));
	assert_ptr_equal(pattern, exact);
}

static void what_is_no_suffix_is_refused(void **state)
{
	static const char *const bad[] = { "", ".", "*.corp.example", "corp..example", "corp example", "b\303\274cher.example" };
	static const char *const bad_asks[] = { "", "corp.example", "corp.example ", "corp.example all", "corp.example AAAA",
						"* aaaa", ". aaaa", "aaaa corp.example", "corp.example a aaaa" };
	struct config config;

	(void)state;
	config_init(&config);
	for (size_t i = 0; i < COUNT(bad); i++)
		refuse(&config, "exempt-name", bad[i]);
	for (size_t i = 0; i < COUNT(bad_asks); i++)
		refuse(&config, "ask", bad_asks[i]);
	take(&config, "exempt-name", "xn--bcher-kva.example");
	take(&config, "ask", "corp.example both");
	config_free(&config);
}

static void as_many_namespaces_are_managed_as_is_sensible(void **state)
{
	static const char *const good[] = { "1", "2", "4096", "65535", "65536" };
	static const char *const bad[] = { "", "0", "65537", "4294967297", "-1", "+1", " 1", "1 ", "1.0", "all" };
	struct config config;

	(void)state;
	config_init(&config);
	for (size_t i = 0; i < COUNT(bad); i++)
		refuse(&config, "max-netns", bad[i]);
	for (size_t i = 0; i < COUNT(good); i++) {
		take(&config, "max-netns", good[i]);
		assert_int_equal(config.max_netns, strtoul(good[i], NULL, 10));
		assert_in_force(&config, "max-netns", 0, good[i]);
	}
}

static void nobody_behind_a_gateway_can_be_told_of_a_rejection(void **state)
{
	static const char *const actions[] = { "answer", "observe", "drop", "reject" };
	struct config config;
	char error[CONFIG_ERROR_MAX] = "";

	(void)state;
	config_init(&config);
	for (size_t i = 0; i < COUNT(actions); i++) {
		take(&config, "action", actions[i]);
		assert_int_equal(config_check(&config, error), 0);
	}
	take(&config, "gateway", "veth*");
	assert_int_equal(config_check(&config, error), -EINVAL);
	assert_non_null(strstr(error, "gateway \"veth*\""));
	assert_non_null(strstr(error, "action reject"));
	error[0] = '\0';
	for (size_t i = 0; i < COUNT(actions) - 1; i++) {
		take(&config, "action", actions[i]);
		assert_int_equal(config_check(&config, error), 0);
	}
	assert_string_equal(error, "");
	config_free(&config);
}

static void limits_and_repeats_are_what_the_table_says(void **state)
{
	size_t count, repeats = 0;
	const struct config_key *keys = config_keys(&count);
	char limit[32];

	(void)state;
	for (size_t i = 0; i < count; i++)
		repeats += keys[i].repeats > 0;
	assert_int_equal(repeats, COUNT(lists) + 1);
	for (size_t i = 0; i < COUNT(lists); i++)
		assert_int_equal(find_key(lists[i].key)->repeats, lists[i].limit);
	assert_int_equal(find_key("port")->repeats, SIEVE_PORTS_MAX);
	for (size_t i = 0; i < count; i++) {
		snprintf(limit, sizeof(limit), "at most %u", keys[i].repeats);
		assert_int_equal(strstr(keys[i].values, limit) != NULL, keys[i].repeats > 0);
	}
}

static const struct {
	const char *key;
	size_t offset;
} seconds_keys[] = {
	{ "settle", offsetof(struct config, settle_ns) },
	{ "fail-open-spread", offsetof(struct config, fail_open_spread_ns) },
};

static uint64_t seconds_of(const struct config *config, size_t offset)
{
	uint64_t ns;

	memcpy(&ns, (const char *)config + offset, sizeof(ns));
	return ns;
}

static void seconds_may_have_decimals(void **state)
{
	static const struct {
		const char *word;
		uint64_t ns;
		const char *printed;
	} table[] = {
		{ "0", 0, "0" },
		{ "0.0", 0, "0" },
		{ "5", 5 * SECOND, "5" },
		{ "005", 5 * SECOND, "5" },
		{ "0.5", SECOND / 2, "0.5" },
		{ "1.", SECOND, "1" },
		{ "0.25", SECOND / 4, "0.25" },
		{ "1.001", 1001000000, "1.001" }, /* the double is a little less */
		{ "0.001", SECOND / 1000, "0.001" },
		{ "0.00001", 10000, "0.00001" },
		{ "0.000000001", 1, "0.000000001" },
		{ "2.718281828", 2718281828ULL, "2.718281828" },
		{ "86400.125", 86400 * SECOND + SECOND / 8, "86400.125" },
		{ "31622399.0625", 31622399 * SECOND + SECOND / 16, "31622399.0625" },
		{ "31622400", 366 * 86400 * SECOND, "31622400" },
	};
	struct config config;

	(void)state;
	config_init(&config);
	for (size_t key = 0; key < COUNT(seconds_keys); key++) {
		for (size_t i = 0; i < COUNT(table); i++) {
			take(&config, seconds_keys[key].key, table[i].word);
			assert_int_equal(seconds_of(&config, seconds_keys[key].offset), table[i].ns);
			assert_in_force(&config, seconds_keys[key].key, 0, table[i].printed);
			take(&config, seconds_keys[key].key, table[i].printed);
			assert_int_equal(seconds_of(&config, seconds_keys[key].offset), table[i].ns);
		}
	}
}

static void what_is_no_number_of_seconds_is_refused(void **state)
{
	static const char *const words[] = {
		"",    " 5",  "5 ",  "5s",  "-1", "+1", "-0", ".5",	"1,5",	    "1.2.3", "1e3",
		"0x5", "inf", "nan", "0 1", "1e", "five", "5\n", "31622401", "31622400.1", "99999999999999999999",
	};
	struct config config;

	(void)state;
	config_init(&config);
	for (size_t key = 0; key < COUNT(seconds_keys); key++)
		for (size_t i = 0; i < COUNT(words); i++)
			refuse(&config, seconds_keys[key].key, words[i]);
}

static void paths_are_absolute_and_lose_final_slashes(void **state)
{
	static const char *const keys[] = { "pin-dir", "run-dir", "metrics-textfile" };
	static const struct {
		const char *word, *path;
	} table[] = {
		{ "/a", "/a" }, { "/a/", "/a" }, { "/a/b///", "/a/b" }, { "/", "/" }, { "///", "/" }, { "/a b", "/a b" },
	};
	struct config config;

	(void)state;
	config_init(&config);
	for (size_t key = 0; key < COUNT(keys); key++) {
		for (size_t i = 0; i < COUNT(table); i++) {
			take(&config, keys[key], table[i].word);
			assert_in_force(&config, keys[key], 0, table[i].path);
		}
		refuse(&config, keys[key], "");
		refuse(&config, keys[key], "a");
		refuse(&config, keys[key], "./a");
		refuse(&config, keys[key], " /a");
	}
	take(&config, "pin-dir", "/pins");
	take(&config, "run-dir", "/runs");
	assert_string_equal(config.pin_dir, "/pins");
	assert_string_equal(config.run_dir, "/runs");
}

static void a_path_that_fits_is_taken_and_a_longer_one_is_not(void **state)
{
	struct config config;
	char path[CONFIG_PATH_MAX + 1];
	char error[CONFIG_ERROR_MAX];

	(void)state;
	config_init(&config);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[CONFIG_PATH_MAX] = '\0';
	assert_int_equal(config_set(&config, "pin-dir", path, error), -EINVAL);
	assert_string_equal(config.pin_dir, "/sys/fs/bpf/stubsieve");
	path[CONFIG_PATH_MAX - 1] = '\0';
	take(&config, "pin-dir", path);
	assert_string_equal(config.pin_dir, path);
	assert_in_force(&config, "pin-dir", 0, path);
}

/* A configuration that is printed, and read again, is the same. */
static void what_is_printed_can_be_read_again(void **state)
{
	struct config config, again;
	size_t count;
	const struct config_key *keys = config_keys(&count);
	char before[4096] = "", after[4096] = "";

	(void)state;
	config_init(&config);
	config_init(&again);
	take(&config, "action", "drop");
	take(&config, "cgroup", "a/b");
	take(&config, "cgroup", "/c");
	take(&config, "exempt-cgroup", "a/b/d");
	take(&config, "netns", "self");
	take(&config, "detect", "addresses");
	take(&config, "families", "a");
	take(&config, "ignore-interface", "docker*");
	take(&config, "ignore-interface", "wg0");
	take(&config, "gateway", "br-*");
	take(&config, "max-netns", "17");
	take(&config, "port", "5300");
	take(&config, "port", "53");
	take(&config, "exempt-name", "corp.example");
	take(&config, "exempt-name", "_tcp.Example.");
	take(&config, "ask", "corp.example aaaa");
	take(&config, "settle", "0.0001");
	take(&config, "nat64", "yes");
	take(&config, "pin-dir", "/sys/fs/bpf/other");
	for (size_t i = 0; i < count; i++) {
		char word[WORD_MAX];

		for (size_t n = 0; keys[i].format(&config, n, word, sizeof(word)); n++)
			take(&again, keys[i].name, word);
	}
	print_config(&config, before, sizeof(before));
	print_config(&again, after, sizeof(after));
	assert_string_equal(after, before);
	config_free(&config);
	config_free(&again);
}

static void actions_have_names_within_the_enum_only(void **state)
{
	(void)state;
	assert_string_equal(config_action_name(SIEVE_ACTION_ANSWER), "answer");
	assert_string_equal(config_action_name(SIEVE_ACTION_OBSERVE), "observe");
	assert_string_equal(config_action_name(SIEVE_ACTION_DROP), "drop");
	assert_string_equal(config_action_name(SIEVE_ACTION_REJECT), "reject");
	assert_null(config_action_name((enum sieve_action)(SIEVE_ACTION_REJECT + 1)));
	assert_null(config_action_name((enum sieve_action)-1));
}

static void a_list_that_is_cleared_is_as_if_it_had_never_been_given(void **state)
{
	static const char *const keys[][2] = {
		{ "cgroup", "a" }, { "exempt-cgroup", "a" }, { "ignore-interface", "docker*" }, { "gateway", "br0" },
		{ "port", "54" }, { "exempt-name", "a.example" }, { "ask", "a.example a" },
	};
	struct config config;
	size_t count, repeated = 0;
	const struct config_key *table = config_keys(&count);

	(void)state;
	for (size_t i = 0; i < count; i++)
		repeated += table[i].clear != NULL;
	assert_int_equal(repeated, COUNT(keys));
	config_init(&config);
	for (size_t i = 0; i < COUNT(keys); i++) {
		for (int n = 0; n < 3; n++)
			take(&config, keys[i][0], keys[i][1]);
		config_clear(&config, keys[i][0]);
		assert_no_more(&config, keys[i][0], strcmp(keys[i][0], "port") == 0 ? 1 : 0); /* 53 is there always */
		take(&config, keys[i][0], keys[i][1]);
		assert_in_force(&config, keys[i][0], 0, keys[i][1]);
		assert_no_more(&config, keys[i][0], 1);
	}
	take(&config, "action", "drop");
	config_clear(&config, "action");
	assert_in_force(&config, "action", 0, "drop");
	config_free(&config);
}

static void who_is_spared_observes_whatever_the_action_is(void **state)
{
	struct config config;

	(void)state;
	config_init(&config);
	take(&config, "action", "drop");
	assert_int_equal(config_action(&config), SIEVE_ACTION_DROP);
	config.is_spared = true;
	assert_int_equal(config_action(&config), SIEVE_ACTION_OBSERVE);
	assert_in_force(&config, "action", 0, "drop");
	config_free(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_documented_is_in_force_by_default),
		cmocka_unit_test(every_word_of_every_key_is_taken_and_printed_again),
		cmocka_unit_test(a_word_sets_its_own_field_and_no_other),
		cmocka_unit_test(words_that_a_key_does_not_take_are_refused),
		cmocka_unit_test(a_key_that_is_not_there_is_named),
		cmocka_unit_test(a_line_for_people_never_outgrows_its_buffer),
		cmocka_unit_test(ports_are_numbers_but_those_of_multicast_dns),
		cmocka_unit_test(as_many_ports_are_taken_as_the_policy_holds),
		cmocka_unit_test(as_many_words_are_taken_as_there_is_room_for),
		cmocka_unit_test(a_cgroup_without_a_name_is_refused),
		cmocka_unit_test(names_and_globs_of_interfaces_are_taken),
		cmocka_unit_test(an_interface_matches_a_name_or_a_glob),
		cmocka_unit_test(the_first_pattern_that_matches_is_told),
		cmocka_unit_test(as_many_namespaces_are_managed_as_is_sensible),
		cmocka_unit_test(nobody_behind_a_gateway_can_be_told_of_a_rejection),
		cmocka_unit_test(what_is_no_suffix_is_refused),
		cmocka_unit_test(limits_and_repeats_are_what_the_table_says),
		cmocka_unit_test(seconds_may_have_decimals),
		cmocka_unit_test(a_controller_may_be_silent_for_half_a_second_at_least),
		cmocka_unit_test(what_is_no_number_of_seconds_is_refused),
		cmocka_unit_test(paths_are_absolute_and_lose_final_slashes),
		cmocka_unit_test(a_path_that_fits_is_taken_and_a_longer_one_is_not),
		cmocka_unit_test(what_is_printed_can_be_read_again),
		cmocka_unit_test(actions_have_names_within_the_enum_only),
		cmocka_unit_test(a_list_that_is_cleared_is_as_if_it_had_never_been_given),
		cmocka_unit_test(who_is_spared_observes_whatever_the_action_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
