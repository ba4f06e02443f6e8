/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "machine.h"

#include <stdio.h>
#include <string.h>

#define BLANKS " \t\r"

bool machine_is_at_least(const char *release, unsigned int major, unsigned int minor)
{
	unsigned int has_major, has_minor = 0;

	if (sscanf(release, "%u.%u", &has_major, &has_minor) < 1)
		return false;
	return has_major > major || (has_major == major && has_minor >= minor);
}

bool machine_is_confidential(const char *lockdown)
{
	return strstr(lockdown, "[confidentiality]");
}

/* The next line, without what ends it, cut to the buffer; false: there is none. */
static bool next_line(const char **text, char *line, size_t size)
{
	size_t length = strcspn(*text, "\n");

	if (!**text)
		return false;
	snprintf(line, size, "%.*s", (int)length, *text);
	*text += length + ((*text)[length] == '\n');
	return true;
}

/* name, hierarchy, number of cgroups, enabled */
unsigned int machine_cgroups_v1(const char *cgroups, const char *controller)
{
	char line[256], name[64];
	unsigned int hierarchy, count;

	while (next_line(&cgroups, line, sizeof(line)))
		if (sscanf(line, "%63s %u %u", name, &hierarchy, &count) == 3 && strcmp(name, controller) == 0)
			return hierarchy ? count : 0;
	return 0;
}

bool machine_is_initial_userns(const char *uid_map)
{
	unsigned long inside, outside, count;

	return sscanf(uid_map, "%lu %lu %lu", &inside, &outside, &count) == 3 && inside == 0 && outside == 0 &&
	       count == 4294967295UL;
}

static void strip_comment(char *line, const char *signs)
{
	line[strcspn(line, signs)] = '\0';
}

/* The next word of a line; NULL: there is none. */
static char *next_word(char **rest)
{
	char *word;

	do
		word = strsep(rest, BLANKS);
	while (word && !*word);
	return word;
}

bool machine_asks_before_dns(const char *nsswitch, const char *module)
{
	char line[1024];

	while (next_line(&nsswitch, line, sizeof(line))) {
		char *rest = line + strspn(line, BLANKS), *word;

		strip_comment(line, "#");
		if (strncmp(rest, "hosts:", 6) != 0)
			continue;
		rest += 6;
		while ((word = next_word(&rest)))
			if (strcmp(word, module) == 0 || strcmp(word, "dns") == 0)
				return strcmp(word, module) == 0;
	}
	return false;
}

bool machine_has_resolver_option(const char *resolv_conf, const char *option)
{
	char line[1024];

	while (next_line(&resolv_conf, line, sizeof(line))) {
		char *rest = line, *word;

		strip_comment(line, "#;");
		word = next_word(&rest);
		if (!word || strcmp(word, "options") != 0)
			continue;
		while ((word = next_word(&rest)))
			if (strcmp(word, option) == 0)
				return true;
	}
	return false;
}

static void strip(char **text)
{
	size_t length;

	*text += strspn(*text, BLANKS);
	length = strlen(*text);
	while (length > 0 && strchr(BLANKS, (*text)[length - 1]))
		(*text)[--length] = '\0';
}

bool machine_resolved_value(const char *resolved_conf, const char *key, char *value, size_t size)
{
	bool is_in_section = false, is_there = false;
	char line[1024];

	while (next_line(&resolved_conf, line, sizeof(line))) {
		char *rest = line, *name;

		strip(&rest);
		if (*rest == '#' || *rest == ';')
			continue;
		if (*rest == '[') {
			is_in_section = strcmp(rest, "[Resolve]") == 0;
			continue;
		}
		name = strsep(&rest, "=");
		if (!rest || !is_in_section)
			continue;
		strip(&name);
		strip(&rest);
		if (strcmp(name, key) != 0)
			continue;
		snprintf(value, size, "%s", rest);
		is_there = true;
	}
	return is_there;
}
