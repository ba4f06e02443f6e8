/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lookup [--addrconfig] [--time] [--count N] NAME...: what getaddrinfo() says of each name, for either
 * family. Built for the C library of the system, and once more, statically, with musl. Output: client.h.
 */
#include <netdb.h>

#include "client.h"

/* Without AI_ADDRCONFIG, like most programs; with it glibc alone would leave out A where no IPv4 address is (and
 * no AAAA where IPv6 has but fe80::). */
static int flags;

static void look_up(const char *name, struct outcome *ret_outcome)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags };
	struct addrinfo *list = NULL;
	int error = getaddrinfo(name, NULL, &hints, &list);

	if (error) {
		ret_outcome->error = gai_strerror(error);
		return;
	}
	for (const struct addrinfo *info = list; info; info = info->ai_next)
		outcome_add(ret_outcome, info->ai_addr);
	freeaddrinfo(list);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--addrconfig") == 0) {
		flags = AI_ADDRCONFIG;
		argc--;
		argv++;
	}
	return client_main(argc, argv, look_up);
}
