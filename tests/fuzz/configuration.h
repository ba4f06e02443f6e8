/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A configuration as text, for the targets that take one apart. */
#ifndef TESTS_FUZZ_CONFIGURATION_H
#define TESTS_FUZZ_CONFIGURATION_H

#include "config.h"
#include "fuzz.h"

#define INPUT_MAX 4096
#define TEXT_MAX (2 * INPUT_MAX) /* all values, and the keys' names with the defaults */

/* All that is in force, a line each. */
static inline void format_all(const struct config *config, char ret[TEXT_MAX])
{
	const struct config_key *keys;
	size_t count, length = 0;
	static char word[INPUT_MAX];

	keys = config_keys(&count);
	for (size_t i = 0; i < count; i++)
		for (size_t index = 0; keys[i].format(config, index, word, sizeof(word)); index++)
			length += (size_t)snprintf(ret + length, TEXT_MAX - length, "%s %s\n",
						   keys[i].name, word);
	must(length < TEXT_MAX, "%zu octets", length);
	ret[length] = '\0';
}

#endif
