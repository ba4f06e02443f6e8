/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>

#include "text.h"

static void print(char text[CHECK_TEXT_MAX], const char *format, va_list arguments)
{
	vsnprintf(text, CHECK_TEXT_MAX, format, arguments);
	text_clean(text);
}

/* Of too many the last is written over. */
static struct check *next(struct checks *checks, const char *name, enum check_verdict verdict, enum check_lack lack)
{
	struct check *check = &checks->list[checks->count < CHECKS_MAX ? checks->count++ : CHECKS_MAX - 1];

	*check = (struct check){ .name = name, .verdict = verdict, .lack = lack };
	return check;
}

struct check *check_add(struct checks *checks, const char *name, enum check_verdict verdict, const char *format, ...)
{
	struct check *check = next(checks, name, verdict, CHECK_LACKS_NOTHING);
	va_list arguments;

	va_start(arguments, format);
	print(check->seen, format, arguments);
	va_end(arguments);
	return check;
}

struct check *check_add_missing(struct checks *checks, const char *name, enum check_lack lack, const char *format, ...)
{
	struct check *check = next(checks, name, CHECK_MISSING, lack);
	va_list arguments;

	va_start(arguments, format);
	print(check->seen, format, arguments);
	va_end(arguments);
	return check;
}

void check_set_cure(struct check *check, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print(check->cure, format, arguments);
	va_end(arguments);
}

const char *check_verdict_name(enum check_verdict verdict)
{
	static const char *const names[] = {
		[CHECK_OK] = "ok", [CHECK_NOTE] = "note", [CHECK_WARNING] = "warning", [CHECK_MISSING] = "missing",
	};

	return names[verdict];
}

enum check_lack checks_lack(const struct checks *checks)
{
	enum check_lack lack = CHECK_LACKS_NOTHING;

	for (size_t i = 0; i < checks->count; i++)
		if (checks->list[i].lack > lack)
			lack = checks->list[i].lack;
	return lack;
}
