/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text from others that is shown to people: whoever wrote it may not write to their terminals. Pure. */
#ifndef STUBSIEVE_TEXT_H
#define STUBSIEVE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Is an octet 0x00 to 0x1f or 0x7f, or one of the characters U+0080 to U+009F as UTF-8, in it? A tab is none here. */
bool text_has_control(const char *text, size_t length);

/* Make each octet of control characters (a tab, too), and each that is not part of UTF-8, a question mark. */
void text_clean(char *text);

#endif
