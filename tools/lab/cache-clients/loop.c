/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * loop NAME: looks NAME up every 500 ms, as one process, until it has an IPv6 address. Says "asked" after the first
 * lookup, and at the end the time (ms since the epoch). The other files here do the same in other languages.
 */
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int has_ipv6(const char *name)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	int found = 0;

	if (getaddrinfo(name, NULL, &hints, &list) != 0)
		return 0;
	for (const struct addrinfo *info = list; info; info = info->ai_next)
		found |= info->ai_family == AF_INET6;
	freeaddrinfo(list);
	return found;
}

int main(int argc, char **argv)
{
	struct timespec now;

	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int asked = 0; !has_ipv6(argv[1]); asked = 1) {
		if (!asked)
			puts("asked");
		usleep(500000);
	}
	clock_gettime(CLOCK_REALTIME, &now);
	printf("%lld\n", now.tv_sec * 1000LL + now.tv_nsec / 1000000);
	return 0;
}
