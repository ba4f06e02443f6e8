/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Domain names as people write them in the configuration, and what is said of a suffix. */
#ifndef STUBSIEVE_NAME_H
#define STUBSIEVE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_TEXT_MAX 254 /* 253 octets at the most without a final dot (RFC 1035 section 2.3.4), and NUL */

/*
 * A suffix that can be listed: labels of letters, digits, hyphens and underscores, at most 63 octets each and
 * SIEVE_SUFFIX_LABELS_MAX of them. A final dot makes no difference. Not the root, which would be every name, and
 * no wildcard: a suffix stands for itself and all names under it.
 */
bool name_is_suffix(const char *text, size_t length);

/* The value of the key `ask`: "SUFFIX FAMILIES", with blanks between. FAMILIES: a, aaaa, both. */
struct name_ask {
	char suffix[NAME_TEXT_MAX + 1]; /* as written, perhaps with a final dot */
	uint32_t flags;                 /* SIEVE_NAME_ASK_* */
};

int name_parse_ask(const char *text, struct name_ask *ret_ask); /* 0 or -EINVAL */

#endif
