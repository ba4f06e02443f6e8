/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "config.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "name.h"

#define SECOND_NS 1000000000ULL
#define SECONDS_MAX (366 * 86400.0)

static const char *const action_names[] = {
	[SIEVE_ACTION_ANSWER] = "answer",
	[SIEVE_ACTION_OBSERVE] = "observe",
	[SIEVE_ACTION_DROP] = "drop",
	[SIEVE_ACTION_REJECT] = "reject",
};

static const char *const netns_names[] = { [CONFIG_NETNS_SCOPE] = "scope", [CONFIG_NETNS_SELF] = "self" };

#define BOTH_FAMILIES (1 << SIEVE_IPV4 | 1 << SIEVE_IPV6)

static const char *const families_names[] = {
	[BOTH_FAMILIES] = "auto",
	[1 << SIEVE_IPV6] = "aaaa",
	[1 << SIEVE_IPV4] = "a",
};

static const char *const results_names[] = { [CONFIG_RESULTS_ALL] = "all", [CONFIG_RESULTS_COVERED] = "covered" };
static const char *const order_names[] = { [CONFIG_ORDER_FIRST] = "first", [CONFIG_ORDER_LAST] = "last" };
static const char *const boolean_names[] = { "no", "yes" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int parse_word(const char *word, const char *const *names, size_t count, unsigned int *ret_index)
{
	for (size_t i = 0; i < count; i++) {
		if (names[i] && strcmp(word, names[i]) == 0) {
			*ret_index = (unsigned int)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_boolean(const char *word, bool *ret_value)
{
	unsigned int index;

	if (parse_word(word, boolean_names, COUNT(boolean_names), &index) < 0)
		return -EINVAL;
	*ret_value = index == 1;
	return 0;
}

static int parse_number(const char *word, unsigned long min, unsigned long max, unsigned long *ret_number)
{
	char *end;
	unsigned long number = strtoul(word, &end, 10);

	if (word[0] < '0' || word[0] > '9' || *end != '\0' || number < min || number > max)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

/* Seconds, with decimals if need be, as nanoseconds. */
static int parse_seconds(const char *word, uint64_t *ret_ns)
{
	char *end;
	double seconds;

	if (word[0] < '0' || word[0] > '9')
		return -EINVAL;
	seconds = strtod(word, &end);
	if (*end != '\0' || !(seconds <= SECONDS_MAX) || strspn(word, "0123456789.") != strlen(word))
		return -EINVAL;
	*ret_ns = (uint64_t)(seconds * (double)SECOND_NS + 0.5);
	return 0;
}

static int parse_path(const char *word, char path[CONFIG_PATH_MAX])
{
	size_t length = strlen(word);

	if (word[0] != '/' || length >= CONFIG_PATH_MAX)
		return -EINVAL;
	memcpy(path, word, length + 1);
	while (length > 1 && path[length - 1] == '/')
		path[--length] = '\0';
	return 0;
}

/* -ENOSPC: the list is full. */
static int add_word(const char *word, char **list, size_t *count, size_t max)
{
	char *copy;

	if (*count == max)
		return -ENOSPC;
	copy = strdup(word);
	if (!copy)
		return -ENOMEM;
	list[(*count)++] = copy;
	return 0;
}

static void free_word_list(struct config_words *list)
{
	while (list->count > 0)
		free(list->words[--list->count]);
	free(list->words);
	*list = (struct config_words){};
}

static void free_words(char **list, size_t *count)
{
	while (*count > 0)
		free(list[--*count]);
}

static int grow_words(struct config_words *list)
{
	size_t room = list->room ? 2 * list->room : 16;
	char **words = realloc(list->words, room * sizeof(*words));

	if (!words)
		return -ENOMEM;
	list->words = words;
	list->room = room;
	return 0;
}

static int add_to_words(const char *word, struct config_words *list, size_t max)
{
	if (list->count == list->room && list->count < max && grow_words(list) < 0)
		return -ENOMEM;
	return add_word(word, list->words, &list->count, max);
}

/* A name has neither a slash nor a blank in it (dev_valid_name() of the kernel). */
static bool is_interface_pattern(const char *word)
{
	return word[0] != '\0' && word[strcspn(word, "/ \t\n\v\f\r")] == '\0';
}

static bool format_text(const char *text, size_t index, char *word, size_t size)
{
	if (index > 0 || !text)
		return false;
	snprintf(word, size, "%s", text);
	return true;
}

/* As parse_seconds() takes them: all nine decimals, without the zeros at their end. */
static bool format_seconds(uint64_t ns, size_t index, char *word, size_t size)
{
	char text[32];
	size_t length = (size_t)snprintf(text, sizeof(text), "%llu.%09llu", ns / SECOND_NS, ns % SECOND_NS);

	while (text[length - 1] == '0')
		length--;
	if (text[length - 1] == '.')
		length--;
	text[length] = '\0';
	return format_text(text, index, word, size);
}

static int parse_action(const char *word, struct config *config)
{
	unsigned int index;

	if (parse_word(word, action_names, COUNT(action_names), &index) < 0)
		return -EINVAL;
	config->action = (enum sieve_action)index;
	return 0;
}

static bool format_action(const struct config *config, size_t index, char *word, size_t size)
{
	return format_text(config_action_name(config->action), index, word, size);
}

#define LIST_KEY(name, field, is_valid, max)                                                              \
	static int parse_##name(const char *word, struct config *config)                                  \
	{                                                                                                 \
		if (!(is_valid))                                                                          \
			return -EINVAL;                                                                   \
		return add_word(word, config->field##s, &config->field##_count, max);                     \
	}                                                                                                 \
	static bool format_##name(const struct config *config, size_t index, char *word, size_t size)     \
	{                                                                                                 \
		return index < config->field##_count && format_text(config->field##s[index], 0, word, size); \
	}

LIST_KEY(cgroup, cgroup, word[0] != '\0', CONFIG_CGROUPS_MAX)
LIST_KEY(exempt_cgroup, exempt_cgroup, word[0] != '\0', CONFIG_CGROUPS_MAX)
LIST_KEY(ignore_interface, ignored_interface, is_interface_pattern(word), CONFIG_INTERFACES_MAX)
LIST_KEY(gateway, gateway, is_interface_pattern(word), CONFIG_INTERFACES_MAX)

#define NAMES_KEY(name, field, is_valid)                                                                  \
	static int parse_##name(const char *word, struct config *config)                                  \
	{                                                                                                 \
		return is_valid ? add_to_words(word, &config->field, CONFIG_NAMES_MAX) : -EINVAL;         \
	}                                                                                                 \
	static bool format_##name(const struct config *config, size_t index, char *word, size_t size)     \
	{                                                                                                 \
		return index < config->field.count && format_text(config->field.words[index], 0, word, size); \
	}

NAMES_KEY(exempt_name, exempt_names, name_is_suffix(word, strlen(word)))
NAMES_KEY(ask, asks, name_parse_ask(word, &(struct name_ask){}) == 0)

static int parse_netns(const char *word, struct config *config)
{
	unsigned int index;

	if (parse_word(word, netns_names, COUNT(netns_names), &index) < 0)
		return -EINVAL;
	config->netns = (enum config_netns)index;
	return 0;
}

static bool format_netns(const struct config *config, size_t index, char *word, size_t size)
{
	return format_text(netns_names[config->netns], index, word, size);
}

static int parse_detect(const char *word, struct config *config)
{
	return connectivity_detect_parse(word, &config->connectivity.detect);
}

static bool format_detect(const struct config *config, size_t index, char *word, size_t size)
{
	return format_text(connectivity_detect_name(config->connectivity.detect), index, word, size);
}

static int parse_families(const char *word, struct config *config)
{
	unsigned int set;

	if (parse_word(word, families_names, COUNT(families_names), &set) < 0)
		return -EINVAL;
	config->families = (uint8_t)set;
	return 0;
}

static bool format_families(const struct config *config, size_t index, char *word, size_t size)
{
	return format_text(families_names[config->families], index, word, size);
}

/* mDNS and LLMNR are asked on the link, not of a DNS server (RFC 6762, RFC 4795). */
static int parse_port(const char *word, struct config *config)
{
	unsigned long port;

	if (parse_number(word, 1, 65535, &port) < 0 || port == 5353 || port == 5355)
		return -EINVAL;
	if (config->port_count == SIEVE_PORTS_MAX)
		return -ENOSPC;
	config->ports[config->port_count++] = (uint16_t)port;
	return 0;
}

static bool format_port(const struct config *config, size_t index, char *word, size_t size)
{
	if (index == 0 && config->port_count == 0)
		return format_text("53", 0, word, size);
	if (index >= config->port_count)
		return false;
	snprintf(word, size, "%u", config->ports[index]);
	return true;
}

static int parse_ede(const char *word, struct config *config)
{
	return parse_boolean(word, &config->extended_error);
}

static bool format_ede(const struct config *config, size_t index, char *word, size_t size)
{
	return format_text(boolean_names[config->extended_error], index, word, size);
}

static int parse_filter_servers(const char *word, struct config *config)
{
	return parse_boolean(word, &config->filter_servers);
}

static bool format_filter_servers(const struct config *config, size_t index, char *word, size_t size)
{
	return format_text(boolean_names[config->filter_servers], index, word, size);
}

static int parse_nat64(const char *word, struct config *config)
{
	return connectivity_nat64_parse(word, &config->connectivity.nat64);
}

static bool format_nat64(const struct config *config, size_t index, char *word, size_t size)
{
	return format_text(connectivity_nat64_name(config->connectivity.nat64), index, word, size);
}

static int parse_results(const char *word, struct config *config)
{
	unsigned int index;

	if (parse_word(word, results_names, COUNT(results_names), &index) < 0)
		return -EINVAL;
	config->results = (enum config_results)index;
	return 0;
}

static bool format_results(const struct config *config, size_t index, char *word, size_t size)
{
	return format_text(results_names[config->results], index, word, size);
}

static int parse_order(const char *word, struct config *config)
{
	unsigned int index;

	if (parse_word(word, order_names, COUNT(order_names), &index) < 0)
		return -EINVAL;
	config->order = (enum config_order)index;
	return 0;
}

static bool format_order(const struct config *config, size_t index, char *word, size_t size)
{
	return format_text(order_names[config->order], index, word, size);
}

static int parse_max_netns(const char *word, struct config *config)
{
	unsigned long count;

	if (parse_number(word, 1, CONFIG_NETNS_MAX, &count) < 0)
		return -EINVAL;
	config->max_netns = (uint32_t)count;
	return 0;
}

static bool format_max_netns(const struct config *config, size_t index, char *word, size_t size)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", config->max_netns);
	return format_text(text, index, word, size);
}

#define SECONDS_KEY(field)                                                                                \
	static int parse_##field(const char *word, struct config *config)                                 \
	{                                                                                                 \
		return parse_seconds(word, &config->field##_ns);                                          \
	}                                                                                                 \
	static bool format_##field(const struct config *config, size_t index, char *word, size_t size)    \
	{                                                                                                 \
		return format_seconds(config->field##_ns, index, word, size);                             \
	}

#define PATH_KEY(field)                                                                                   \
	static int parse_##field(const char *word, struct config *config)                                 \
	{                                                                                                 \
		return parse_path(word, config->field);                                                   \
	}                                                                                                 \
	static bool format_##field(const struct config *config, size_t index, char *word, size_t size)    \
	{                                                                                                 \
		return format_text(config->field, index, word, size);                                     \
	}

static int parse_fail_open_after(const char *word, struct config *config)
{
	uint64_t ns;

	if (parse_seconds(word, &ns) < 0 || ns < SECOND_NS / 2) /* the controller beats every second, or thrice as often */
		return -EINVAL;
	config->fail_open_after_ns = ns;
	return 0;
}

static bool format_fail_open_after(const struct config *config, size_t index, char *word, size_t size)
{
	return format_seconds(config->fail_open_after_ns, index, word, size);
}

SECONDS_KEY(settle)
SECONDS_KEY(fail_open_spread)
PATH_KEY(pin_dir)
PATH_KEY(run_dir)

#define KEY(word, name, values, repeats, summary) { word, values, summary, repeats, parse_##name, format_##name }
#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define AT_MOST(limit) " (at most " TEXT(limit) ")"

static const struct config_key keys[] = {
	KEY("action", action, "answer, observe, drop or reject", 0, "what happens to a useless query"),
	KEY("cgroup", cgroup, "a path in the cgroup2 file system" AT_MOST(CONFIG_CGROUPS_MAX), CONFIG_CGROUPS_MAX,
	    "whose sockets are in scope; none: the whole host"),
	KEY("exempt-cgroup", exempt_cgroup, "a path in the cgroup2 file system" AT_MOST(CONFIG_CGROUPS_MAX),
	    CONFIG_CGROUPS_MAX, "whose sockets are out of scope"),
	KEY("netns", netns, "scope or self", 0, "every network namespace with a process in scope, or only this one"),
	KEY("detect", detect, "routes or addresses", 0, "what stands for connectivity"),
	KEY("families", families, "auto, aaaa or a", 0, "which queries may be answered at all (auto: both)"),
	KEY("ignore-interface", ignore_interface, "an interface's name or a glob" AT_MOST(CONFIG_INTERFACES_MAX),
	    CONFIG_INTERFACES_MAX, "whose routes and addresses do not count"),
	KEY("gateway", gateway, "an interface's name or a glob" AT_MOST(CONFIG_INTERFACES_MAX), CONFIG_INTERFACES_MAX,
	    "where what others ask through this host is answered"),
	KEY("port", port, "a port from 1 to 65535 but 5353 and 5355" AT_MOST(SIEVE_PORTS_MAX), SIEVE_PORTS_MAX,
	    "where DNS servers listen"),
	KEY("exempt-name", exempt_name,
	    "a domain name, of letters, digits, - and _, without wildcards (xn--... for other scripts)" AT_MOST(CONFIG_NAMES_MAX),
	    CONFIG_NAMES_MAX, "a suffix: neither it nor a name under it is ever answered"),
	KEY("ask", ask, "a domain name and `a`, `aaaa` or `both`, in one word: \"corp.example aaaa\"" AT_MOST(CONFIG_NAMES_MAX),
	    CONFIG_NAMES_MAX, "a suffix and the families that are always asked under it"),
	KEY("ede", ede, "yes or no", 0, "say `no IPv6 route` in the answer (Extended DNS Error)"),
	KEY("results", results, "all or covered", 0, "whether addresses without a route are removed from responses"),
	KEY("order", order, "first or last", 0, "the place among other tcx programs"),
	KEY("settle", settle, "seconds", 0, "how long a loss of connectivity must last before it acts"),
	KEY("nat64", nat64, "auto, yes or no", 0, "whether the network does NAT64 without DNS64"),
	KEY("filter-servers", filter_servers, "yes or no", 0, "answer what DNS servers on this host ask, too"),
	KEY("max-netns", max_netns, "a number from 1 to " TEXT(CONFIG_NETNS_MAX), 0,
	    "how many network namespaces are managed; queries in others pass"),
	KEY("fail-open-after", fail_open_after, "seconds, at least 0.5", 0,
	    "how long a controller may be silent before all queries pass"),
	KEY("fail-open-spread", fail_open_spread, "seconds", 0,
	    "over which time a fleet's hosts then begin to pass them"),
	KEY("pin-dir", pin_dir, "an absolute path on a bpffs", 0, "where links and maps are pinned"),
	KEY("run-dir", run_dir, "an absolute path", 0, "where the lock and the control socket are"),
};

const struct config_key *config_keys(size_t *ret_count)
{
	*ret_count = COUNT(keys);
	return keys;
}

void config_init(struct config *config)
{
	*config = (struct config){
		.families = BOTH_FAMILIES,
		.extended_error = true,
		.max_netns = 4096,
		.settle_ns = 5 * SECOND_NS,
		.fail_open_after_ns = 30 * SECOND_NS,
		.fail_open_spread_ns = 60 * SECOND_NS,
		.run_dir = "/run/stubsieve",
		.pin_dir = "/sys/fs/bpf/stubsieve",
	};
}

void config_free(struct config *config)
{
	free_words(config->cgroups, &config->cgroup_count);
	free_words(config->exempt_cgroups, &config->exempt_cgroup_count);
	free_words(config->ignored_interfaces, &config->ignored_interface_count);
	free_words(config->gateways, &config->gateway_count);
	free_word_list(&config->exempt_names);
	free_word_list(&config->asks);
}

static void explain_refusal(const struct config_key *key, const char *word, int error, char ret_error[CONFIG_ERROR_MAX])
{
	switch (error) {
	case -ENOSPC:
		snprintf(ret_error, CONFIG_ERROR_MAX, "%s: the limit of %u values is reached, no room for \"%.200s\"",
			 key->name, key->repeats, word);
		return;
	case -ENOMEM:
		snprintf(ret_error, CONFIG_ERROR_MAX, "%s: out of memory", key->name);
		return;
	default:
		snprintf(ret_error, CONFIG_ERROR_MAX, "%s takes %s, not \"%.200s\"", key->name, key->values, word);
	}
}

int config_set(struct config *config, const char *key, const char *word, char ret_error[CONFIG_ERROR_MAX])
{
	for (size_t i = 0; i < COUNT(keys); i++) {
		int r;

		if (strcmp(key, keys[i].name) != 0)
			continue;
		r = keys[i].parse(word, config);
		if (r == 0)
			return 0;
		explain_refusal(&keys[i], word, r, ret_error);
		return -EINVAL;
	}
	snprintf(ret_error, CONFIG_ERROR_MAX, "there is no key \"%.200s\"", key);
	return -EINVAL;
}

/* What a gateway's clients send cannot be made to fail with EPERM: they do not send it here. */
int config_check(const struct config *config, char ret_error[CONFIG_ERROR_MAX])
{
	if (config->gateway_count == 0 || config->action != SIEVE_ACTION_REJECT)
		return 0;
	snprintf(ret_error, CONFIG_ERROR_MAX,
		 "gateway \"%.200s\" cannot go with action reject: those who ask there have no socket on this host; "
		 "use action answer, observe or drop",
		 config->gateways[0]);
	return -EINVAL;
}

bool config_matches_interface(char *const *patterns, size_t count, const char *name, const char **ret_pattern)
{
	for (size_t i = 0; i < count; i++) {
		if (fnmatch(patterns[i], name, 0) != 0)
			continue;
		if (ret_pattern)
			*ret_pattern = patterns[i];
		return true;
	}
	return false;
}

const char *config_action_name(enum sieve_action action)
{
	return (size_t)action < COUNT(action_names) ? action_names[action] : NULL;
}

uint64_t config_jitter_ns(const void *id, size_t length, uint64_t spread_ns)
{
	const unsigned char *octets = id;
	uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a */

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ octets[i]) * 0x100000001b3ULL;
	/* The last octets have not come to its upper bits yet, and hosts often differ in these alone. */
	for (int round = 0; round < 3; round++)
		hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15ULL; /* odd, with no pattern: 2^64 by the golden ratio */
	/* The upper bits as a fraction of 2^32. */
	return (uint64_t)((double)spread_ns * ((double)(hash >> 32) / 4294967295.0));
}
