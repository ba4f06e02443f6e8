/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the resolver clients have in common. A client is a look_up() and
 *   CLIENT [--time] [--count N] NAME...
 * which prints for each name
 *   result NAME OUTCOME   the sorted addresses, or the error; again only if a later lookup differs
 *   time NAME N           microseconds of one lookup, with --time
 */
#ifndef STUBSIEVE_TESTS_CLIENT_H
#define STUBSIEVE_TESTS_CLIENT_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define ADDRESSES_MAX 16

struct outcome {
	const char *error; /* or NULL */
	size_t count;
	char addresses[ADDRESSES_MAX][INET6_ADDRSTRLEN];
};

typedef void (*look_up_fn)(const char *name, struct outcome *ret_outcome);

static inline void outcome_add(struct outcome *outcome, const struct sockaddr *address)
{
	const void *bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;

	if (address->sa_family == AF_INET6)
		bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	if (outcome->count < ADDRESSES_MAX &&
	    inet_ntop(address->sa_family, bytes, outcome->addresses[outcome->count], INET6_ADDRSTRLEN))
		outcome->count++;
}

static inline int compare_addresses(const void *left, const void *right)
{
	return strcmp(left, right);
}

static inline void outcome_text(struct outcome *outcome, char *ret_text, size_t size)
{
	size_t length = 0;

	if (outcome->error) {
		snprintf(ret_text, size, " error: %s", outcome->error);
		return;
	}
	qsort(outcome->addresses, outcome->count, sizeof(outcome->addresses[0]), compare_addresses);
	ret_text[0] = '\0';
	for (size_t i = 0; i < outcome->count; i++)
		length += (size_t)snprintf(ret_text + length, size - length, " %s", outcome->addresses[i]);
}

static inline long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static inline void look_up_often(look_up_fn look_up, const char *name, long count, bool show_time)
{
	char first[ADDRESSES_MAX * (INET6_ADDRSTRLEN + 1)], text[sizeof(first)];

	for (long i = 0; i < count; i++) {
		struct outcome outcome = { .error = NULL };
		long long taken = now_us();

		look_up(name, &outcome);
		taken = now_us() - taken;
		outcome_text(&outcome, text, sizeof(text));
		if (i == 0 || strcmp(first, text) != 0) {
			printf("result %s%s\n", name, text);
			memcpy(first, text, sizeof(first));
		}
		if (show_time)
			printf("time %s %lld\n", name, taken);
	}
}

static inline int client_main(int argc, char **argv, look_up_fn look_up)
{
	bool show_time = false;
	long count = 1;
	int arg = 1;

	for (; arg < argc && argv[arg][0] == '-'; arg++) {
		if (strcmp(argv[arg], "--time") == 0) {
			show_time = true;
		} else if (strcmp(argv[arg], "--count") == 0 && arg + 1 < argc) {
			count = strtol(argv[++arg], NULL, 10);
		} else {
			fprintf(stderr, "usage: %s [--time] [--count N] NAME...\n", argv[0]);
			return 2;
		}
	}
	for (; arg < argc; arg++)
		look_up_often(look_up, argv[arg], count, show_time);
	return 0;
}

#endif
