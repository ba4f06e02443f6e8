/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a test on the wire predicts and finds: counters that grow as they must, and no others; what was not as it
 * must be; and how many different things were sent.
 */
#ifndef STUBSIEVE_TESTS_TALLY_H
#define STUBSIEVE_TESTS_TALLY_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire.h"

#define TROUBLES_MAX 10 /* more are not shown, and not waited for */
#define LINE_SIZE 256
#define DISTINCT_MAX 2000

struct tally {
	const char *command; /* prints the counters, as lines of NAME VALUE */
	const char *phrase;  /* what is being sent */
	unsigned int troubles, distinct;
	__u64 hashes[DISTINCT_MAX];
	long predicted[SIEVE_COUNTERS], seen[SIEVE_COUNTERS];
};

static const char *const counter_names[SIEVE_COUNTERS] = {
#define SIEVE_REASON(name, text) [SIEVE_REASON_##name] = #name,
#include <stubsieve/reasons.def>
#undef SIEVE_REASON
	[SIEVE_COUNTER_ANSWERED + SIEVE_IPV4] = "answered_a", [SIEVE_COUNTER_ANSWERED + SIEVE_IPV6] = "answered_aaaa",
	[SIEVE_COUNTER_OBSERVED + SIEVE_IPV4] = "observed_a", [SIEVE_COUNTER_OBSERVED + SIEVE_IPV6] = "observed_aaaa",
	[SIEVE_COUNTER_DROPPED + SIEVE_IPV4] = "dropped_a",   [SIEVE_COUNTER_DROPPED + SIEVE_IPV6] = "dropped_aaaa",
	[SIEVE_COUNTER_REJECTED + SIEVE_IPV4] = "rejected_a", [SIEVE_COUNTER_REJECTED + SIEVE_IPV6] = "rejected_aaaa",
};

__attribute__((format(printf, 2, 3))) static inline void trouble(struct tally *tally, const char *format, ...)
{
	va_list arguments;

	if (tally->troubles++ > TROUBLES_MAX)
		return;
	printf("%s: ", tally->phrase);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
}

static inline void read_counters(struct tally *tally, long ret[SIEVE_COUNTERS], long *ret_queries)
{
	FILE *pipe = popen(tally->command, "r");
	char line[LINE_SIZE], name[LINE_SIZE];
	int found = 0;
	long value;

	while (pipe && fgets(line, sizeof(line), pipe)) {
		if (sscanf(line, "%255s %ld", name, &value) != 2)
			continue;
		if (strcmp(name, "queries") == 0)
			*ret_queries = value;
		for (int i = 0; i < SIEVE_COUNTERS; i++)
			if (counter_names[i] && strcmp(name, counter_names[i]) == 0) {
				ret[i] = value;
				found++;
			}
	}
	if (!pipe || pclose(pipe) != 0 || found < SIEVE_REASONS - 1)
		die("no counters from %s", tally->command);
}

/* They grew as predicted since the last time, and no other did. */
static inline void check_counters(struct tally *tally)
{
	long now[SIEVE_COUNTERS] = { 0 }, queries = 0, sum = 0;

	read_counters(tally, now, &queries);
	for (int i = 0; i < SIEVE_COUNTERS; i++) {
		if (now[i] - tally->seen[i] != tally->predicted[i])
			trouble(tally, "the counter %s grew by %ld, not %ld", counter_names[i], now[i] - tally->seen[i],
				tally->predicted[i]);
		sum += now[i];
		tally->seen[i] = now[i];
		tally->predicted[i] = 0;
	}
	sum -= now[SIEVE_REASON_observed]; /* those are counted by family as well */
	if (queries != sum)
		trouble(tally, "%ld queries were counted, but by reason %ld", queries, sum);
}

static inline void start_counters(struct tally *tally, const char *command)
{
	long queries;

	tally->command = command;
	read_counters(tally, tally->seen, &queries);
}

/* FNV-1a: how many were different? */
static inline void remember(struct tally *tally, const __u8 *octets, size_t length)
{
	__u64 hash = 0xcbf29ce484222325 + length;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ octets[i]) * 0x100000001b3;
	for (unsigned int i = 0; i < tally->distinct; i++)
		if (tally->hashes[i] == hash)
			return;
	if (tally->distinct < DISTINCT_MAX)
		tally->hashes[tally->distinct++] = hash;
}

#endif
