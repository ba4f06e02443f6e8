/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ldns 1.8.3 forgets the first of two TSIG records of a message. It is our witness, and not under test. */
#ifndef TESTS_FUZZ_LEAKS_H
#define TESTS_FUZZ_LEAKS_H

const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libldns";
}

#endif
