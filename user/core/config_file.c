/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "config_file.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

#define BLANKS " \t"

/*
 * libinih gets one line at a time, and only lines of which it can make no more than one thing: how it was built decides
 * whether it cuts what is behind a `;`, joins a line that begins with a blank to the one before it, drops a byte
 * order mark, or reads `key: value`. It has room for lines of some length (199 octets, as Debian builds it).
 */
struct parsing {
	struct config *config;
	config_file_complain complain;
	void *data;
	unsigned int line;
	unsigned int given[CONFIG_KEYS_MAX]; /* in which line, by the key's place among all; 0: not yet */
	bool is_wrong;

	/* What the library is to read: */
	const char *text;
	size_t length;
	bool is_read, is_too_long, is_taken;
	int room;
};

static void complain(struct parsing *parsing, const char *text)
{
	parsing->is_wrong = true;
	parsing->complain(parsing->line, text, parsing->data);
}

static bool is_comment(const char *text, size_t length)
{
	return length > 0 && (text[0] == '#' || text[0] == ';');
}

/* A blank and then a # or ; as if what follows were a comment. */
static bool has_late_comment(const char *text, size_t length)
{
	for (size_t i = 1; i < length; i++)
		if ((text[i] == '#' || text[i] == ';') && strchr(BLANKS, text[i - 1]))
			return true;
	return false;
}

/* What keeps the line from being one `key = value`; NULL: nothing. */
static const char *find_fault(const char *text, size_t length)
{
	const char *equals = memchr(text, '=', length), *colon = memchr(text, ':', length);

	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return "a byte order mark; save the file as UTF-8 without one";
	if (memchr(text, '\0', length))
		return "an octet 0; this is no text, or it is UTF-16: save it as UTF-8";
	if (text_has_control(text, length))
		return "a control character; remove it";
	if (strchr(BLANKS, text[0]))
		return "a line begins with its key: remove the blanks before it (no line continues the one above)";
	if (text[0] == '[')
		return "there are no sections: remove this line";
	if (colon && (!equals || colon < equals))
		return "a key is followed by `=`, not by `:`";
	if (!equals)
		return "a line is `key = value`, and this one has no `=`";
	if (has_late_comment(text, length))
		return "a comment has a line of its own: move it there";
	return NULL;
}

static char *give_line(char *buffer, int size, void *stream)
{
	struct parsing *parsing = stream;

	parsing->room = size - 1;
	if (parsing->is_read)
		return NULL;
	parsing->is_read = true;
	if (size < 1 || parsing->length > (size_t)size - 1) {
		parsing->is_too_long = true;
		return NULL;
	}
	memcpy(buffer, parsing->text, parsing->length);
	buffer[parsing->length] = '\0';
	return buffer;
}

/* Was a key given that may be given once? Notes that it was. */
static unsigned int given_before(struct parsing *parsing, const char *key)
{
	size_t count;
	const struct config_key *keys = config_keys(&count);
	unsigned int before = 0;

	for (size_t i = 0; i < count && i < CONFIG_KEYS_MAX; i++) {
		if (keys[i].repeats || strcmp(key, keys[i].name) != 0)
			continue;
		before = parsing->given[i];
		parsing->given[i] = parsing->line;
	}
	return before;
}

static int take_pair(void *data, const char *section, const char *key, const char *value)
{
	struct parsing *parsing = data;
	char text[CONFIG_ERROR_MAX + 64], error[CONFIG_ERROR_MAX];
	unsigned int before = given_before(parsing, key);

	(void)section;
	parsing->is_taken = true;
	if (before) {
		snprintf(text, sizeof(text), "%s was given in line %u already: remove one of both", key, before);
		complain(parsing, text);
	} else if (strcmp(key, "config") == 0) {
		complain(parsing, "config names the file itself, and is an option of the command line only: remove this line");
	} else if (value && (value[0] == '"' || value[0] == '\'')) {
		complain(parsing, "values are not quoted: remove the quotes");
	} else if (config_set(parsing->config, key, value ? value : "", error) < 0) {
		snprintf(text, sizeof(text), "%s%s", error,
			 strncmp(error, "there is no key", 15) == 0 ? "; `stubsieve run --help` lists them" : "");
		complain(parsing, text);
	}
	return 1;
}

static void parse_line(struct parsing *parsing)
{
	const char *fault = find_fault(parsing->text, parsing->length);
	char text[CONFIG_ERROR_MAX];

	if (fault) {
		complain(parsing, fault);
		return;
	}
	parsing->is_read = parsing->is_too_long = parsing->is_taken = false;
	ini_parse_stream(give_line, parsing, take_pair, parsing);
	if (parsing->is_too_long) {
		snprintf(text, sizeof(text), "a line of %zu octets: more than %d cannot be read; give this on the command line",
			 parsing->length, parsing->room);
		complain(parsing, text);
	} else if (!parsing->is_taken) {
		complain(parsing, "a line is `key = value`, and this one cannot be read as such");
	}
}

/* Without the blanks at the end, and the carriage return of other systems' files. */
static size_t trimmed(const char *text, size_t length)
{
	if (length > 0 && text[length - 1] == '\r')
		length--;
	while (length > 0 && strchr(BLANKS, text[length - 1]) && text[length - 1])
		length--;
	return length;
}

int config_file_parse(const char *text, size_t length, struct config *config, config_file_complain complain_to, void *data)
{
	struct parsing parsing = { .config = config, .complain = complain_to, .data = data };
	const char *end = text + length;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *next = newline ? newline + 1 : end;

		parsing.line++;
		parsing.text = text;
		parsing.length = trimmed(text, (size_t)((newline ? newline : end) - text));
		if (parsing.length > 0 && !is_comment(text, parsing.length))
			parse_line(&parsing);
		text = next;
	}
	return parsing.is_wrong ? -EINVAL : 0;
}
