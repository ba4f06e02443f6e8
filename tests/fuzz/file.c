/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Configuration files (user/core/config_file.c), against a naive reading: what is taken is what the lines say, and each
 * that is not taken is told of. The input is a file.
 */
#include "configuration.h"
#include "config_file.h"

struct complaints {
	unsigned int count, last, lines;
};

static void take_complaint(unsigned int line, const char *text, void *data)
{
	struct complaints *complaints = data;

	must(line >= 1 && line <= complaints->lines && line >= complaints->last, "line %u of %u, behind line %u", line,
	     complaints->lines, complaints->last);
	must(text[0], "no word about what is wrong");
	complaints->count++;
	complaints->last = line;
}

static unsigned int count_lines(const char *text, size_t length)
{
	unsigned int lines = 1;

	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	return lines;
}

/* Without the blanks around it. */
static char *trim(char *text)
{
	size_t length;

	text += strspn(text, " \t");
	length = strlen(text);
	while (length > 0 && strchr(" \t\r", text[length - 1]))
		text[--length] = '\0';
	return text;
}

/* Of a file in which nothing is wrong. */
static void set_naively(struct config *config, const char *text, size_t length)
{
	char *copy = malloc(length + 1), *rest = NULL, error[CONFIG_ERROR_MAX];

	for (size_t i = 0; i < length; i++)
		copy[i] = text[i] ? text[i] : '0'; /* in a comment */
	copy[length] = '\0';
	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *value = strchr(line, '=');

		if (line[0] == '#' || line[0] == ';' || !*trim(line))
			continue;
		must(value, "%s was taken", line);
		*value++ = '\0';
		must(config_set(config, trim(line), trim(value), error) == 0, "it was taken: %s", error);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char have[TEXT_MAX], want[TEXT_MAX];
	const char *text = (const char *)data;
	struct complaints complaints = { .lines = count_lines(text, size) };
	struct config config, naive;
	int r;

	if (size >= INPUT_MAX)
		return -1;
	config_init(&config);
	r = config_file_parse(text, size, &config, take_complaint, &complaints);
	must((r == 0) == (complaints.count == 0), "%d, and %u complaints", r, complaints.count);
	if (r == 0) {
		config_init(&naive);
		set_naively(&naive, text, size);
		format_all(&config, have);
		format_all(&naive, want);
		must(strcmp(have, want) == 0, "another configuration:\n%s\n%s", have, want);
		config_free(&naive);
	}
	config_free(&config);
	return 0;
}
