/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "query.h"

#include <errno.h>
#include <string.h>

/* Append the labels of `name` and the root to the message. */
static int append_name(const char *name, struct sieve_work *work)
{
	__u32 at = SIEVE_HEADER_SIZE;

	if (name[0] == '\0')
		return -EINVAL;
	if (strcmp(name, ".") == 0)
		name = "";
	while (*name) {
		size_t length = strcspn(name, ".");

		if (length == 0 || length > SIEVE_LABEL_MAX || at + length + 2 > SIEVE_HEADER_SIZE + SIEVE_NAME_MAX)
			return -EINVAL;
		work->message[at] = (__u8)length;
		memcpy(&work->message[at + 1], name, length);
		at += 1 + (__u32)length;
		name += length;
		if (*name == '.')
			name++;
	}
	work->message[at] = 0;
	work->length = at + 1;
	return 0;
}

int query_make(const char *name, uint16_t type, struct sieve_work *work)
{
	static const __u8 header[SIEVE_HEADER_SIZE] = { [2] = 0x01, [5] = 1 }; /* RD=1, QDCOUNT=1 */
	int r;

	memset(work, 0, sizeof(*work));
	memcpy(work->message, header, sizeof(header));
	r = append_name(name, work);
	if (r < 0)
		return r;
	work->message[work->length] = (__u8)(type >> 8);
	work->message[work->length + 1] = (__u8)type;
	work->message[work->length + 3] = SIEVE_CLASS_IN;
	work->length += SIEVE_QUESTION_TAIL;
	return 0;
}
