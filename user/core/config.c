/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "config.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_word.h"

#define SECOND_NS 1000000000ULL

void config_init(struct config *config)
{
	*config = (struct config){
		.percent = 100,
		.families = CONFIG_FAMILIES_BOTH,
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
	size_t count;
	const struct config_key *keys = config_keys(&count);

	for (size_t i = 0; i < count; i++)
		if (keys[i].clear)
			keys[i].clear(config);
}

struct config *config_new(void)
{
	struct config *config = malloc(sizeof(*config));

	if (config)
		config_init(config);
	return config;
}

void config_delete(struct config *config)
{
	if (config)
		config_free(config);
	free(config);
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
	size_t count;
	const struct config_key *keys = config_keys(&count);

	for (size_t i = 0; i < count; i++) {
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

void config_clear(struct config *config, const char *key)
{
	size_t count;
	const struct config_key *keys = config_keys(&count);

	for (size_t i = 0; i < count; i++)
		if (keys[i].clear && strcmp(key, keys[i].name) == 0)
			keys[i].clear(config);
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
