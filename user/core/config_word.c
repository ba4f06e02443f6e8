/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "config_word.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS 1000000000ULL
#define SECONDS_MAX (366 * 86400.0)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const boolean_names[] = { "no", "yes" };

int config_parse_choice(const char *word, const char *const *names, size_t count, unsigned int *ret_index)
{
	for (size_t i = 0; i < count; i++) {
		if (names[i] && strcmp(word, names[i]) == 0) {
			*ret_index = (unsigned int)i;
			return 0;
		}
	}
	return -EINVAL;
}

int config_parse_boolean(const char *word, bool *ret_value)
{
	unsigned int index;

	if (config_parse_choice(word, boolean_names, COUNT(boolean_names), &index) < 0)
		return -EINVAL;
	*ret_value = index == 1;
	return 0;
}

int config_parse_number(const char *word, unsigned long min, unsigned long max, unsigned long *ret_number)
{
	char *end;
	unsigned long number = strtoul(word, &end, 10);

	if (word[0] < '0' || word[0] > '9' || *end != '\0' || number < min || number > max)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

/* Seconds, with decimals if need be, as nanoseconds. */
int config_parse_seconds(const char *word, uint64_t *ret_ns)
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

int config_parse_path(const char *word, char path[CONFIG_PATH_MAX])
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
int config_add_word(const char *word, char **list, size_t *count, size_t max)
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

void config_free_word_list(struct config_words *list)
{
	while (list->count > 0)
		free(list->words[--list->count]);
	free(list->words);
	*list = (struct config_words){};
}

void config_free_words(char **list, size_t *count)
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

int config_add_to_words(const char *word, struct config_words *list, size_t max)
{
	if (list->count == list->room && list->count < max && grow_words(list) < 0)
		return -ENOMEM;
	return config_add_word(word, list->words, &list->count, max);
}

/* A name has neither a slash nor a blank in it (dev_valid_name() of the kernel). */
bool config_is_interface_pattern(const char *word)
{
	return word[0] != '\0' && word[strcspn(word, "/ \t\n\v\f\r")] == '\0';
}

bool config_format_text(const char *text, size_t index, char *word, size_t size)
{
	if (index > 0 || !text)
		return false;
	snprintf(word, size, "%s", text);
	return true;
}

bool config_format_boolean(bool value, size_t index, char *word, size_t size)
{
	return config_format_text(boolean_names[value], index, word, size);
}

bool config_format_number(unsigned long number, size_t index, char *word, size_t size)
{
	char text[24];

	snprintf(text, sizeof(text), "%lu", number);
	return config_format_text(text, index, word, size);
}

/* As config_parse_seconds() takes them: all nine decimals, without the zeros at their end. */
bool config_format_seconds(uint64_t ns, size_t index, char *word, size_t size)
{
	char text[32];
	size_t length = (size_t)snprintf(text, sizeof(text), "%llu.%09llu", ns / SECOND_NS, ns % SECOND_NS);

	while (text[length - 1] == '0')
		length--;
	if (text[length - 1] == '.')
		length--;
	text[length] = '\0';
	return config_format_text(text, index, word, size);
}
