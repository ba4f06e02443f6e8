/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Just enough JSON to find a value in what stubsieve prints. A value is a pointer to its first
 * character, in a text that ends with NUL; NULL stands for a value that is not there.
 */
#ifndef STUBSIEVE_TESTS_JSON_H
#define STUBSIEVE_TESTS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static inline const char *json_blank(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

/* The first character behind a string. */
static inline const char *json_skip_string(const char *at)
{
	for (at++; *at && *at != '"'; at++)
		if (*at == '\\' && at[1])
			at++;
	return *at ? at + 1 : at;
}

/* The first character behind a value of any kind. */
static inline const char *json_skip(const char *at)
{
	int depth = 0;

	do {
		if (*at == '"') {
			at = json_skip_string(at);
			continue;
		}
		if (*at == '{' || *at == '[')
			depth++;
		if (*at == '}' || *at == ']')
			depth--;
		at++;
	} while (*at && (depth > 0 || !strchr(",}] \t\r\n", *at)));
	return at;
}

/* The next element behind a value, or NULL at the end of the object or array. */
static inline const char *json_next(const char *value)
{
	const char *at = json_blank(json_skip(value));

	return *at == ',' ? json_blank(at + 1) : NULL;
}

/* The first element of an array. */
static inline const char *json_first(const char *array)
{
	const char *at = array && *array == '[' ? json_blank(array + 1) : NULL;

	return at && *at != ']' ? at : NULL;
}

static inline const char *json_member(const char *object, const char *key)
{
	size_t length = strlen(key);
	const char *at = object && *object == '{' ? json_blank(object + 1) : NULL;

	while (at && *at == '"') {
		const char *end = json_skip_string(at), *value = json_blank(end);

		if (*value != ':')
			return NULL;
		value = json_blank(value + 1);
		if ((size_t)(end - at) == length + 2 && strncmp(at + 1, key, length) == 0)
			return value;
		at = json_next(value);
	}
	return NULL;
}

static inline bool json_is_true(const char *value)
{
	return value && strncmp(value, "true", 4) == 0;
}

static inline bool json_is_text(const char *value, const char *text)
{
	size_t length = strlen(text);

	return value && *value == '"' && strncmp(value + 1, text, length) == 0 && value[length + 1] == '"';
}

static inline unsigned long json_number(const char *value)
{
	return value ? strtoul(value, NULL, 10) : 0;
}

#endif
