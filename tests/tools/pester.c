/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A peer of the control socket that nobody wants: pester SOCKET MODE COUNT
 *
 *   idle      COUNT connections at once that say nothing, held until standard input ends; says "ready" first
 *   deaf      the same, each with the question `status`, whose answer is not read
 *   close     COUNT connections, one after another, closed at once
 *   part      ... with a part of a question
 *   garbage   ... with a megabyte of no question, as far as it is taken
 *   leave     ... with the question `status`, closed before the answer
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static char garbage[1 << 20];

static const struct mode {
	const char *name;
	const char *text;
	size_t length;
	int is_held;
} modes[] = {
	{ "idle", "", 0, 1 },
	{ "deaf", "status", 6, 1 },
	{ "close", "", 0, 0 },
	{ "part", "sta", 3, 0 },
	{ "garbage", garbage, sizeof(garbage), 0 },
	{ "leave", "status", 6, 0 },
};

static const struct mode *find_mode(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, name) == 0)
			return &modes[i];
	fprintf(stderr, "pester: no mode %s\n", name);
	exit(2);
}

static int connect_to(const char *path)
{
	const struct timeval limit = { .tv_sec = 2 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		fprintf(stderr, "pester: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

/* The controller may well hang up. */
static void say(int fd, const struct mode *mode)
{
	for (size_t sent = 0; sent < mode->length;) {
		ssize_t part = send(fd, mode->text + sent, mode->length - sent, MSG_NOSIGNAL);

		if (part <= 0)
			return;
		sent += (size_t)part;
	}
}

static void wait_for_end(void)
{
	char octet;

	puts("ready");
	fflush(stdout);
	while (read(0, &octet, 1) > 0)
		;
}

int main(int argc, char **argv)
{
	const struct rlimit files = { 4096, 4096 };
	const struct mode *mode;

	if (argc != 4)
		return 2;
	mode = find_mode(argv[2]);
	memset(garbage, 'x', sizeof(garbage));
	setrlimit(RLIMIT_NOFILE, &files);
	for (int i = 0; i < atoi(argv[3]); i++) {
		int fd = connect_to(argv[1]);

		say(fd, mode);
		if (!mode->is_held)
			close(fd);
	}
	if (mode->is_held)
		wait_for_end();
	return 0;
}
