/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static void fill(struct error *error, enum error_kind kind, const char *format, va_list arguments)
{
	error->kind = kind;
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	text_clean(error->text);
}

int fail(struct error *error, int number, const char *format, ...)
{
	va_list arguments;

	bool is_denied = number == EPERM || number == EACCES;

	va_start(arguments, format);
	fill(error, is_denied ? ERROR_PRIVILEGE : ERROR_FAILED, format, arguments);
	va_end(arguments);
	if (is_denied && !strstr(error->text, "root"))
		strncat(error->text, "; run as root", sizeof(error->text) - strlen(error->text) - 1);
	return -number;
}

int fail_as(struct error *error, enum error_kind kind, int number, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fill(error, kind, format, arguments);
	va_end(arguments);
	return -number;
}
