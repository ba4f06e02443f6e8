/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "text.h"

#include <stdint.h>
#include <string.h>

#define CODE_POINT_MAX 0x10ffff

static bool is_surrogate(uint32_t code_point)
{
	return code_point >= 0xd800 && code_point <= 0xdfff;
}

/* The octets of the character that the text begins with (RFC 3629 section 3), or 0: it begins with none. */
static size_t take_character(const char *text, size_t length, uint32_t *ret_code_point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char first = (unsigned char)text[0];
	size_t octets = first < 0x80	       ? 1 :
			(first & 0xe0) == 0xc0 ? 2 :
			(first & 0xf0) == 0xe0 ? 3 :
			(first & 0xf8) == 0xf0 ? 4 :
						 0;
	uint32_t code_point = octets > 1 ? first & (0x7fU >> octets) : first;

	if (octets == 0 || octets > length)
		return 0;
	for (size_t i = 1; i < octets; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 0;
		code_point = code_point << 6 | ((unsigned char)text[i] & 0x3f);
	}
	if (code_point < least[octets] || code_point > CODE_POINT_MAX || is_surrogate(code_point))
		return 0;
	*ret_code_point = code_point;
	return octets;
}

static bool is_control(uint32_t code_point)
{
	return code_point < ' ' || (code_point >= 0x7f && code_point < 0xa0);
}

bool text_has_control(const char *text, size_t length)
{
	uint32_t code_point;

	for (size_t at = 0, octets; at < length; at += octets ? octets : 1) {
		octets = take_character(text + at, length - at, &code_point);
		if (octets && is_control(code_point) && code_point != '\t')
			return true;
	}
	return false;
}

void text_clean(char *text)
{
	size_t length = strlen(text), octets;
	uint32_t code_point;

	for (size_t at = 0; at < length; at += octets) {
		octets = take_character(text + at, length - at, &code_point);
		if (octets && !is_control(code_point))
			continue;
		octets = octets ? octets : 1;
		memset(text + at, '?', octets);
	}
}
