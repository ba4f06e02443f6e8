/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The configuration (user/core/config.c), key by key. The input is lines: a key, a blank, a value. */
#include <errno.h>

#include "configuration.h"
#include "name.h"

/* A list begins empty, and so does one whose default is shown as its only value. */
static bool is_default_port(const struct config *config, const char *line)
{
	return config->port_count == 0 && strcmp(line, "port 53") == 0;
}

/* What is printed makes the same configuration again. */
static void check_round_trip(const struct config *config)
{
	static char text[TEXT_MAX], again[TEXT_MAX], lines[TEXT_MAX];
	char error[CONFIG_ERROR_MAX], *rest = NULL;
	struct config other;

	format_all(config, text);
	memcpy(lines, text, sizeof(lines));
	config_init(&other);
	for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *word = strchr(line, ' ');

		if (is_default_port(config, line))
			continue;
		*word++ = '\0';
		must(config_set(&other, line, word, error) == 0, "%s is not taken again: %s", line, error);
	}
	format_all(&other, again);
	must(strcmp(text, again) == 0, "another configuration:\n%s\n%s", text, again);
	config_free(&other);
}

static void check_ranges(const struct config *config)
{
	must(config->action <= SIEVE_ACTION_REJECT && config->netns <= CONFIG_NETNS_SELF &&
		     config->results <= CONFIG_RESULTS_COVERED && config->order <= CONFIG_ORDER_LAST,
	     "a value outside its enum");
	must(config->families >= 1 && config->families <= 3, "families %u", config->families);
	must(config->max_netns >= 1 && config->max_netns <= CONFIG_NETNS_MAX, "max-netns %u", config->max_netns);
	must(config->fail_open_after_ns >= 500000000, "fail-open-after %llu",
	     (unsigned long long)config->fail_open_after_ns);
	must(config->run_dir[0] == '/' && config->pin_dir[0] == '/', "a directory that is no absolute path");
	must(config->cgroup_count <= CONFIG_CGROUPS_MAX && config->exempt_cgroup_count <= CONFIG_CGROUPS_MAX &&
		     config->ignored_interface_count <= CONFIG_INTERFACES_MAX &&
		     config->gateway_count <= CONFIG_INTERFACES_MAX && config->port_count <= SIEVE_PORTS_MAX,
	     "too many of something");
	for (size_t i = 0; i < config->port_count; i++)
		must(config->ports[i] && config->ports[i] != 5353 && config->ports[i] != 5355, "port %u",
		     config->ports[i]);
	for (size_t i = 0; i < config->exempt_names.count; i++)
		must(name_is_suffix(config->exempt_names.words[i], strlen(config->exempt_names.words[i])),
		     "exempt-name");
}

/* What is refused says what is wrong. */
static void check_refusal(const char *key, const char error[CONFIG_ERROR_MAX])
{
	must(memchr(error, '\0', CONFIG_ERROR_MAX) && error[0], "no word about what is wrong");
	must(strncmp(error, key, strlen(key)) == 0 || strstr(error, "no key"), "it does not name the key");
}

/* One line, in a copy of its own. The last one, if it is refused, changes nothing. */
static void set_line(struct config *config, const char *start, size_t length, bool is_last)
{
	static char before[TEXT_MAX], after[TEXT_MAX];
	char *line = strndup(start, length), *word = strchr(line, ' '), error[CONFIG_ERROR_MAX];

	if (word) {
		*word++ = '\0';
		memset(error, 0xa5, sizeof(error));
		if (is_last)
			format_all(config, before);
		if (config_set(config, line, word, error) < 0) {
			check_refusal(line, error);
			if (is_last)
				format_all(config, after);
			must(!is_last || strcmp(before, after) == 0, "what was refused changed the configuration");
		}
	}
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	char error[CONFIG_ERROR_MAX] = "";
	struct config config;
	const char *pattern;
	int r;

	if (size >= INPUT_MAX)
		return -1;
	config_init(&config);
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		if (!stop)
			stop = end;
		set_line(&config, at, (size_t)(stop - at), stop + 1 >= end);
		at = stop + 1;
	}
	check_ranges(&config);
	r = config_check(&config, error);
	must(r == 0 || (r == -EINVAL && error[0]), "the check says %d", r);
	config_matches_interface(config.gateways, config.gateway_count, "eth0", &pattern);
	must(config_jitter_ns(data, size, config.fail_open_spread_ns) <= config.fail_open_spread_ns,
	     "jitter beyond the spread");
	check_round_trip(&config);
	config_free(&config);
	return 0;
}
