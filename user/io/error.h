/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An error that a person can act on: what kind it is, and a line that names the thing and the cure.
 * Functions that fill one in return -errno as all others do. It is shown on terminals: of names that others gave to
 * things, control characters become question marks.
 */
#ifndef STUBSIEVE_ERROR_H
#define STUBSIEVE_ERROR_H

enum error_kind {
	ERROR_FAILED = 0,
	ERROR_USAGE,           /* the command line or configuration cannot be meant */
	ERROR_NOT_RUNNING,
	ERROR_ALREADY_RUNNING,
	ERROR_PRIVILEGE,       /* a capability is missing */
	ERROR_KERNEL,          /* the kernel lacks something */
};

struct error {
	enum error_kind kind;
	char text[512];
};

/*
 * Fill in the error and return -number, for `return fail(...)`. EPERM and EACCES are ERROR_PRIVILEGE, and the
 * text is made to name the cure: to be root.
 */
int fail(struct error *error, int number, const char *format, ...) __attribute__((format(printf, 3, 4)));
int fail_as(struct error *error, enum error_kind kind, int number, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
