/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "name.h"

#include <errno.h>
#include <string.h>
#include <stubsieve/abi.h>

#define LABEL_MAX 63 /* RFC 1035 section 2.3.4 */
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
#define BLANKS " \t"

static const struct {
	const char *word;
	uint32_t flags;
} asks[] = {
	{ "a", SIEVE_NAME_ASK_A },
	{ "aaaa", SIEVE_NAME_ASK_AAAA },
	{ "both", SIEVE_NAME_ASK_A | SIEVE_NAME_ASK_AAAA },
};

bool name_is_suffix(const char *text, size_t length)
{
	unsigned int labels = 0;

	if (length > 0 && text[length - 1] == '.')
		length--;
	if (length == 0 || length >= NAME_TEXT_MAX)
		return false;
	for (size_t at = 0; at <= length; labels++) {
		size_t label = 0;

		while (at + label < length && text[at + label] != '.') {
			if (text[at + label] == '\0' || !strchr(LETTERS, text[at + label]))
				return false;
			label++;
		}
		if (label == 0 || label > LABEL_MAX)
			return false;
		at += label + 1;
	}
	return labels <= SIEVE_SUFFIX_LABELS_MAX;
}

int name_parse_ask(const char *text, struct name_ask *ret_ask)
{
	size_t length = strcspn(text, BLANKS);
	const char *families = text + length + strspn(text + length, BLANKS);

	if (!name_is_suffix(text, length))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		if (strcmp(families, asks[i].word) != 0)
			continue;
		memcpy(ret_ask->suffix, text, length);
		ret_ask->suffix[length] = '\0';
		ret_ask->flags = asks[i].flags;
		return 0;
	}
	return -EINVAL;
}
