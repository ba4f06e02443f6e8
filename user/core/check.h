/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `stubsieve doctor` found: a list of checks, and what follows from all of them. Pure. */
#ifndef STUBSIEVE_CHECK_H
#define STUBSIEVE_CHECK_H

#include <stddef.h>

#define CHECKS_MAX 128
#define CHECK_TEXT_MAX 512

enum check_verdict {
	CHECK_OK = 0,
	CHECK_NOTE,    /* good to know, or it could not be seen */
	CHECK_WARNING, /* it runs, but does not do all that one may expect */
	CHECK_MISSING, /* it cannot run */
};

/* What is missing, in ascending order: of several the last one decides. */
enum check_lack {
	CHECK_LACKS_NOTHING = 0,
	CHECK_LACKS_PRIVILEGE,
	CHECK_LACKS_CONFIGURATION,
	CHECK_LACKS_KERNEL,
};

struct check {
	const char *name; /* a word that scripts may rely on; several checks can have the same */
	enum check_verdict verdict;
	enum check_lack lack;
	char seen[CHECK_TEXT_MAX];
	char cure[CHECK_TEXT_MAX]; /* "" if there is nothing to do */
};

struct checks {
	struct check list[CHECKS_MAX]; /* no more than that are kept */
	size_t count;
};

/* Add one, and say what to do. Control characters of what was seen become question marks: it goes to terminals. */
struct check *check_add(struct checks *checks, const char *name, enum check_verdict verdict, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
struct check *check_add_missing(struct checks *checks, const char *name, enum check_lack lack, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void check_set_cure(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

const char *check_verdict_name(enum check_verdict verdict); /* "ok", "note", "warning", "missing" */

/* What keeps it from running; CHECK_LACKS_NOTHING: it could. */
enum check_lack checks_lack(const struct checks *checks);

#endif
