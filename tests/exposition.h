/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A strict reader of Prometheus' text format, version 0.0.4, and of how our metrics are to be called: for the tests.
 * A family is HELP, TYPE, and its samples, in one block; the counters among them end in _total.
 */
#ifndef TESTS_EXPOSITION_H
#define TESTS_EXPOSITION_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPOSITION_NAME_MAX 128
#define EXPOSITION_LINES_MAX 1024

struct exposition {
	char family[EXPOSITION_NAME_MAX]; /* of the block that is read */
	char helped[EXPOSITION_NAME_MAX]; /* HELP was read, and TYPE is to come */
	char families[EXPOSITION_LINES_MAX][EXPOSITION_NAME_MAX];
	size_t family_count;
	char *series[EXPOSITION_LINES_MAX]; /* name and labels */
	size_t series_count;
	bool is_counter;
	char wrong[512]; /* what is wrong; "" if nothing is */
};

static inline bool exposition_is_name(const char *name, size_t length)
{
	return length > 0 && length < EXPOSITION_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789") >= length &&
	       !(name[0] >= '0' && name[0] <= '9');
}

/* The length of `name="value",...` up to the closing brace; -1 if it is none. */
static inline int exposition_labels(const char *labels)
{
	const char *at = labels;

	while (*at != '}') {
		size_t length = strcspn(at, "=");

		if (!exposition_is_name(at, length) || strncmp(at + length, "=\"", 2) != 0)
			return -1;
		for (at += length + 2; *at && *at != '"'; at++)
			if ((unsigned char)*at < ' ' || (*at == '\\' && !strchr("\\\"n", *++at)))
				return -1;
		if (*at++ != '"' || (*at != ',' && *at != '}'))
			return -1;
		if (*at == ',' && *++at == '}')
			return -1;
	}
	return at == labels ? -1 : (int)(at - labels);
}

static inline bool exposition_is_new(char *const *list, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], word) == 0)
			return false;
	return true;
}

static inline bool exposition_take_help(struct exposition *it, const char *rest)
{
	size_t length = strcspn(rest, " ");

	if (!exposition_is_name(rest, length) || rest[length] != ' ' || !rest[length + 1] || it->helped[0])
		return false;
	snprintf(it->helped, sizeof(it->helped), "%.*s", (int)length, rest);
	for (size_t i = 0; i < it->family_count; i++)
		if (strcmp(it->families[i], it->helped) == 0)
			return false;
	return true;
}

static inline bool exposition_take_type(struct exposition *it, const char *rest)
{
	size_t length = strlen(it->helped);
	bool ends_in_total = length > 6 && strcmp(it->helped + length - 6, "_total") == 0;

	if (length == 0 || strncmp(rest, it->helped, length) != 0)
		return false;
	it->is_counter = strcmp(rest + length, " counter") == 0;
	if ((!it->is_counter && strcmp(rest + length, " gauge") != 0) || it->is_counter != ends_in_total)
		return false;
	strcpy(it->family, it->helped);
	strcpy(it->families[it->family_count++], it->helped);
	it->helped[0] = '\0';
	return true;
}

static inline bool exposition_take_sample(struct exposition *it, char *line)
{
	size_t length = strlen(it->family);
	char *value = line + length, *end;

	if (length == 0 || it->helped[0] || strncmp(line, it->family, length) != 0)
		return false;
	if (*value == '{') {
		int labels = exposition_labels(value + 1);

		if (labels < 0)
			return false;
		value += labels + 2;
	}
	if (*value != ' ' || !strchr("0123456789", value[1]))
		return false;
	*value++ = '\0';
	strtod(value, &end);
	if (end == value || *end || strspn(value, "0123456789.") != strlen(value) || (it->is_counter && strchr(value, '.')))
		return false;
	if (!exposition_is_new(it->series, it->series_count, line))
		return false;
	it->series[it->series_count++] = strdup(line);
	return true;
}

static inline bool exposition_take(struct exposition *it, char *line)
{
	if (it->series_count == EXPOSITION_LINES_MAX || it->family_count == EXPOSITION_LINES_MAX)
		return false;
	if (strncmp(line, "# HELP ", 7) == 0)
		return exposition_take_help(it, line + 7);
	if (strncmp(line, "# TYPE ", 7) == 0)
		return exposition_take_type(it, line + 7);
	return exposition_take_sample(it, line);
}

/* `wrong` quotes the first line that is, and is empty if none is. Free with exposition_free(). */
static inline struct exposition *exposition_read(const char *text)
{
	struct exposition *it = calloc(1, sizeof(*it));
	char *copy = strdup(text), *line = copy, *end;

	for (; it && copy && *line; line = end + 1) {
		char shown[256];

		end = strchr(line, '\n');
		if (!end) {
			snprintf(it->wrong, sizeof(it->wrong), "the last line does not end: %.100s", line);
			break;
		}
		*end = '\0';
		snprintf(shown, sizeof(shown), "%s", line);
		if (!exposition_take(it, line)) {
			snprintf(it->wrong, sizeof(it->wrong), "%s", shown);
			break;
		}
	}
	if (it && !it->wrong[0] && it->helped[0])
		snprintf(it->wrong, sizeof(it->wrong), "nothing after HELP of %s", it->helped);
	free(copy);
	return it;
}

static inline void exposition_free(struct exposition *it)
{
	for (size_t i = 0; i < it->series_count; i++)
		free(it->series[i]);
	free(it);
}

#endif
