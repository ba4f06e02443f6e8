/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config_word.h"
#include "name.h"

#define SECOND_NS 1000000000ULL
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const action_names[] = {
	[SIEVE_ACTION_ANSWER] = "answer",
	[SIEVE_ACTION_OBSERVE] = "observe",
	[SIEVE_ACTION_DROP] = "drop",
	[SIEVE_ACTION_REJECT] = "reject",
};

static const char *const netns_names[] = { [CONFIG_NETNS_SCOPE] = "scope", [CONFIG_NETNS_SELF] = "self" };

static const char *const families_names[] = {
	[CONFIG_FAMILIES_BOTH] = "auto",
	[1 << SIEVE_IPV6] = "aaaa",
	[1 << SIEVE_IPV4] = "a",
};

static const char *const dnssec_names[] = { "pass", "answer" };
static const char *const results_names[] = { [CONFIG_RESULTS_ALL] = "all", [CONFIG_RESULTS_COVERED] = "covered" };
static const char *const order_names[] = { [CONFIG_ORDER_FIRST] = "first", [CONFIG_ORDER_LAST] = "last" };

const char *config_action_name(enum sieve_action action)
{
	return (size_t)action < COUNT(action_names) ? action_names[action] : NULL;
}

/* One of some words, which are the names of numbers. */
#define CHOICE_KEY(name, field, type)                                                                     \
	static int parse_##name(const char *word, struct config *config)                                  \
	{                                                                                                 \
		unsigned int index;                                                                       \
                                                                                                          \
		if (config_parse_choice(word, name##_names, COUNT(name##_names), &index) < 0)             \
			return -EINVAL;                                                                   \
		config->field = (type)index;                                                              \
		return 0;                                                                                 \
	}                                                                                                 \
	static bool format_##name(const struct config *config, size_t index, char *word, size_t size)     \
	{                                                                                                 \
		return config_format_text(name##_names[config->field], index, word, size);                \
	}

CHOICE_KEY(action, action, enum sieve_action)
CHOICE_KEY(netns, netns, enum config_netns)
CHOICE_KEY(families, families, uint8_t)
CHOICE_KEY(dnssec, dnssec_answer, bool)
CHOICE_KEY(results, results, enum config_results)
CHOICE_KEY(order, order, enum config_order)

#define BOOLEAN_KEY(name, field)                                                                          \
	static int parse_##name(const char *word, struct config *config)                                  \
	{                                                                                                 \
		return config_parse_boolean(word, &config->field);                                        \
	}                                                                                                 \
	static bool format_##name(const struct config *config, size_t index, char *word, size_t size)     \
	{                                                                                                 \
		return config_format_boolean(config->field, index, word, size);                           \
	}

BOOLEAN_KEY(ede, extended_error)
BOOLEAN_KEY(filter_servers, filter_servers)

#define LIST_KEY(name, field, is_valid, max)                                                              \
	static int parse_##name(const char *word, struct config *config)                                  \
	{                                                                                                 \
		if (!(is_valid))                                                                          \
			return -EINVAL;                                                                   \
		return config_add_word(word, config->field##s, &config->field##_count, max);              \
	}                                                                                                 \
	static void clear_##name(struct config *config)                                                   \
	{                                                                                                 \
		config_free_words(config->field##s, &config->field##_count);                              \
	}                                                                                                 \
	static bool format_##name(const struct config *config, size_t index, char *word, size_t size)     \
	{                                                                                                 \
		return index < config->field##_count && config_format_text(config->field##s[index], 0, word, size); \
	}

LIST_KEY(cgroup, cgroup, word[0] != '\0', CONFIG_CGROUPS_MAX)
LIST_KEY(exempt_cgroup, exempt_cgroup, word[0] != '\0', CONFIG_CGROUPS_MAX)
LIST_KEY(ignore_interface, ignored_interface, config_is_interface_pattern(word), CONFIG_INTERFACES_MAX)
LIST_KEY(gateway, gateway, config_is_interface_pattern(word), CONFIG_INTERFACES_MAX)

#define NAMES_KEY(name, field, is_valid)                                                                  \
	static int parse_##name(const char *word, struct config *config)                                  \
	{                                                                                                 \
		return is_valid ? config_add_to_words(word, &config->field, CONFIG_NAMES_MAX) : -EINVAL;  \
	}                                                                                                 \
	static void clear_##name(struct config *config)                                                   \
	{                                                                                                 \
		config_free_word_list(&config->field);                                                    \
	}                                                                                                 \
	static bool format_##name(const struct config *config, size_t index, char *word, size_t size)     \
	{                                                                                                 \
		return index < config->field.count && config_format_text(config->field.words[index], 0, word, size); \
	}

NAMES_KEY(exempt_name, exempt_names, name_is_suffix(word, strlen(word)))
NAMES_KEY(ask, asks, name_parse_ask(word, &(struct name_ask){}) == 0)

static int parse_detect(const char *word, struct config *config)
{
	return connectivity_detect_parse(word, &config->connectivity.detect);
}

static bool format_detect(const struct config *config, size_t index, char *word, size_t size)
{
	return config_format_text(connectivity_detect_name(config->connectivity.detect), index, word, size);
}

static int parse_nat64(const char *word, struct config *config)
{
	return connectivity_nat64_parse(word, &config->connectivity.nat64);
}

static bool format_nat64(const struct config *config, size_t index, char *word, size_t size)
{
	return config_format_text(connectivity_nat64_name(config->connectivity.nat64), index, word, size);
}

/* mDNS and LLMNR are asked on the link, not of a DNS server (RFC 6762, RFC 4795). */
static int parse_port(const char *word, struct config *config)
{
	unsigned long port;

	if (config_parse_number(word, 1, 65535, &port) < 0 || port == 5353 || port == 5355)
		return -EINVAL;
	if (config->port_count == SIEVE_PORTS_MAX)
		return -ENOSPC;
	config->ports[config->port_count++] = (uint16_t)port;
	return 0;
}

static void clear_port(struct config *config)
{
	config->port_count = 0;
}

static bool format_port(const struct config *config, size_t index, char *word, size_t size)
{
	if (index == 0 && config->port_count == 0)
		return config_format_text("53", 0, word, size);
	if (index >= config->port_count)
		return false;
	snprintf(word, size, "%u", config->ports[index]);
	return true;
}

#define NUMBER_KEY(field, type, min, max)                                                                 \
	static int parse_##field(const char *word, struct config *config)                                 \
	{                                                                                                 \
		unsigned long number;                                                                     \
                                                                                                          \
		if (config_parse_number(word, min, max, &number) < 0)                                     \
			return -EINVAL;                                                                   \
		config->field = (type)number;                                                             \
		return 0;                                                                                 \
	}                                                                                                 \
	static bool format_##field(const struct config *config, size_t index, char *word, size_t size)    \
	{                                                                                                 \
		return config_format_number(config->field, index, word, size);                            \
	}

NUMBER_KEY(max_netns, uint32_t, 1, CONFIG_NETNS_MAX)
NUMBER_KEY(percent, unsigned int, 0, 100)

#define SECONDS_KEY(field)                                                                                \
	static int parse_##field(const char *word, struct config *config)                                 \
	{                                                                                                 \
		return config_parse_seconds(word, &config->field##_ns);                                   \
	}                                                                                                 \
	static bool format_##field(const struct config *config, size_t index, char *word, size_t size)    \
	{                                                                                                 \
		return config_format_seconds(config->field##_ns, index, word, size);                      \
	}

#define PATH_KEY(field)                                                                                   \
	static int parse_##field(const char *word, struct config *config)                                 \
	{                                                                                                 \
		return config_parse_path(word, config->field);                                            \
	}                                                                                                 \
	static bool format_##field(const struct config *config, size_t index, char *word, size_t size)    \
	{                                                                                                 \
		return config->field[0] && config_format_text(config->field, index, word, size);          \
	}

static int parse_fail_open_after(const char *word, struct config *config)
{
	uint64_t ns;

	if (config_parse_seconds(word, &ns) < 0 || ns < SECOND_NS / 2) /* the controller beats every second, or thrice as often */
		return -EINVAL;
	config->fail_open_after_ns = ns;
	return 0;
}

static bool format_fail_open_after(const struct config *config, size_t index, char *word, size_t size)
{
	return config_format_seconds(config->fail_open_after_ns, index, word, size);
}

SECONDS_KEY(settle)
SECONDS_KEY(fail_open_spread)
PATH_KEY(pin_dir)
PATH_KEY(run_dir)
PATH_KEY(metrics_textfile)

static int parse_file(const char *word, struct config *config)
{
	return config_parse_path(word, config->file);
}

static bool format_file(const struct config *config, size_t index, char *word, size_t size)
{
	return config_format_text(config->file[0] ? config->file : CONFIG_FILE_USUAL, index, word, size);
}

#define KEY(word, name, values, summary) { word, values, summary, 0, parse_##name, NULL, format_##name }
#define REPEATED_KEY(word, name, values, repeats, summary)                                                \
	{ word, values AT_MOST(repeats), summary, repeats, parse_##name, clear_##name, format_##name }
#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define AT_MOST(limit) " (at most " TEXT(limit) ")"

static const struct config_key keys[] = {
	KEY("action", action, "answer, observe, drop or reject", "what happens to a useless query"),
	KEY("percent", percent, "a number from 0 to 100",
	    "so many of all hosts act, by their machine ids; the others observe"),
	REPEATED_KEY("cgroup", cgroup, "a path in the cgroup2 file system", CONFIG_CGROUPS_MAX,
		     "whose sockets are in scope; none: the whole host"),
	REPEATED_KEY("exempt-cgroup", exempt_cgroup, "a path in the cgroup2 file system", CONFIG_CGROUPS_MAX,
		     "whose sockets are out of scope"),
	KEY("netns", netns, "scope or self", "every network namespace with a process in scope, or only this one"),
	KEY("detect", detect, "routes or addresses", "what stands for connectivity"),
	KEY("families", families, "auto, aaaa or a", "which queries may be answered at all (auto: both)"),
	REPEATED_KEY("ignore-interface", ignore_interface, "an interface's name or a glob", CONFIG_INTERFACES_MAX,
		     "whose routes and addresses do not count"),
	REPEATED_KEY("gateway", gateway, "an interface's name or a glob", CONFIG_INTERFACES_MAX,
		     "where what others ask through this host is answered"),
	REPEATED_KEY("port", port, "a port from 1 to 65535 but 5353 and 5355", SIEVE_PORTS_MAX,
		     "where DNS servers listen"),
	REPEATED_KEY("exempt-name", exempt_name,
		     "a domain name, of letters, digits, - and _, without wildcards (xn--... for other scripts)",
		     CONFIG_NAMES_MAX, "a suffix: neither it nor a name under it is ever answered"),
	REPEATED_KEY("ask", ask, "a domain name and `a`, `aaaa` or `both`, in one word: \"corp.example aaaa\"",
		     CONFIG_NAMES_MAX, "a suffix and the families that are always asked under it"),
	KEY("dnssec", dnssec, "pass or answer", "what happens to queries with DO=1, of which validators have to be sure"),
	KEY("ede", ede, "yes or no", "say `no IPv6 route` in the answer (Extended DNS Error)"),
	KEY("results", results, "all or covered", "whether addresses without a route are removed from responses"),
	KEY("order", order, "first or last", "the place among other tcx programs"),
	KEY("settle", settle, "seconds", "how long a loss of connectivity must last before it acts"),
	KEY("nat64", nat64, "auto, yes or no", "whether the network does NAT64 without DNS64"),
	KEY("filter-servers", filter_servers, "yes or no", "answer what DNS servers on this host ask, too"),
	KEY("max-netns", max_netns, "a number from 1 to " TEXT(CONFIG_NETNS_MAX),
	    "how many network namespaces are managed; queries in others pass"),
	KEY("fail-open-after", fail_open_after, "seconds, at least 0.5",
	    "how long a controller may be silent before all queries pass"),
	KEY("fail-open-spread", fail_open_spread, "seconds",
	    "over which time a fleet's hosts then begin to pass them"),
	KEY("pin-dir", pin_dir, "an absolute path on a bpffs", "where links and maps are pinned"),
	KEY("run-dir", run_dir, "an absolute path", "where the lock and the control socket are"),
	KEY("metrics-textfile", metrics_textfile, "an absolute path (of a file called *.prom)",
	    "a file for node_exporter's textfile collector, written every 15 s"),
	KEY("config", file, "an absolute path", "a file with these keys, as lines of `key = value`; the command line wins"),
};

const struct config_key *config_keys(size_t *ret_count)
{
	*ret_count = COUNT(keys);
	return keys;
}
