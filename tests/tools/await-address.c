/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * await-address [--for SECONDS] SERVER NAME [SERVER NAME]...
 *
 * Asks each SERVER (an IPv4 address) every 200 ms for the AAAA record of its NAME until that is there, and
 * prints for each, when it comes, or at the end (60 s):
 *
 *   SERVER NAME SECONDS    from the start until the address was there, with two decimals; "never"
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEADER_SIZE 12
#define MESSAGE_SIZE 1500
#define TARGETS_MAX 256
#define INTERVAL_MS 200

enum { TYPE_AAAA = 28, CLASS_IN = 1 };

struct target {
	const char *server, *name;
	bool there;
};

static struct target targets[TARGETS_MAX];
static struct pollfd sockets[TARGETS_MAX]; /* of the targets; fd -1: has its address */
static nfds_t target_count;

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void put16(uint8_t **place, uint16_t value)
{
	*(*place)++ = (uint8_t)(value >> 8);
	*(*place)++ = (uint8_t)value;
}

static size_t make_query(const char *name, uint16_t id, uint8_t *ret_message)
{
	uint8_t *end = ret_message;

	put16(&end, id);
	put16(&end, 0x0100); /* RD */
	put16(&end, 1);
	memset(end, 0, 6);
	end += 6;
	while (*name && strlen(name) < 250) {
		size_t label = strcspn(name, ".");

		*end++ = (uint8_t)label;
		memcpy(end, name, label);
		end += label;
		name += label + (name[label] == '.');
	}
	*end++ = 0;
	put16(&end, TYPE_AAAA);
	put16(&end, CLASS_IN);
	return (size_t)(end - ret_message);
}

/* 0, or past the end: no name */
static size_t skip_name(const uint8_t *message, size_t length, size_t at)
{
	while (at < length && message[at] > 0 && message[at] < 0xc0)
		at += message[at] + 1u;
	return at + (at < length && message[at] >= 0xc0 ? 2 : 1);
}

/* Is there an AAAA record among the answers? */
static bool has_address(const uint8_t *message, size_t length)
{
	size_t at = skip_name(message, length, HEADER_SIZE) + 4;

	for (unsigned int left = message[6] << 8 | message[7]; left > 0; left--) {
		at = skip_name(message, length, at);
		if (at + 10 > length)
			return false;
		if (message[at] == 0 && message[at + 1] == TYPE_AAAA)
			return true;
		at += 10 + (size_t)(message[at + 8] << 8 | message[at + 9]);
	}
	return false;
}

static int open_socket(const char *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || inet_pton(AF_INET, server, &address.sin_addr) != 1 ||
	    connect(fd, (void *)&address, sizeof(address)) < 0) {
		perror(server);
		exit(1);
	}
	return fd;
}

static void ask_all(void)
{
	static uint16_t id = 1;
	uint8_t message[MESSAGE_SIZE];

	for (nfds_t i = 0; i < target_count; i++)
		if (sockets[i].fd >= 0)
			(void)!write(sockets[i].fd, message, make_query(targets[i].name, id++, message));
}

static void say(struct target *target, long long ms)
{
	printf("%s %s %lld.%02lld\n", target->server, target->name, ms / 1000, ms % 1000 / 10);
	fflush(stdout);
}

/* Returns how many got their address. */
static nfds_t take_answers(long long started)
{
	uint8_t message[MESSAGE_SIZE];
	nfds_t there = 0;

	for (nfds_t i = 0; i < target_count; i++) {
		ssize_t length = sockets[i].fd >= 0 && sockets[i].revents ? read(sockets[i].fd, message, MESSAGE_SIZE) : 0;

		if (length < HEADER_SIZE || !has_address(message, (size_t)length))
			continue;
		say(&targets[i], now_ms() - started);
		targets[i].there = true;
		close(sockets[i].fd);
		sockets[i].fd = -1;
		there++;
	}
	return there;
}

static void await_all(long seconds)
{
	long long started = now_ms(), next = started;
	nfds_t left = target_count;

	while (left > 0 && now_ms() < started + seconds * 1000) {
		if (now_ms() >= next) {
			ask_all();
			next += INTERVAL_MS;
		}
		if (poll(sockets, target_count, (int)(next > now_ms() ? next - now_ms() : 0)) > 0)
			left -= take_answers(started);
	}
}

int main(int argc, char **argv)
{
	long seconds = 60;
	int arg = 1;

	if (argc > 2 && strcmp(argv[1], "--for") == 0) {
		seconds = strtol(argv[2], NULL, 10);
		arg = 3;
	}
	if (arg >= argc || (argc - arg) % 2 != 0 || (argc - arg) / 2 > TARGETS_MAX) {
		fprintf(stderr, "usage: %s [--for SECONDS] SERVER NAME...\n", argv[0]);
		return 2;
	}
	for (; arg < argc; arg += 2, target_count++) {
		targets[target_count] = (struct target){ .server = argv[arg], .name = argv[arg + 1] };
		sockets[target_count] = (struct pollfd){ .fd = open_socket(argv[arg]), .events = POLLIN };
	}
	await_all(seconds);
	for (nfds_t i = 0; i < target_count; i++)
		if (!targets[i].there)
			printf("%s %s never\n", targets[i].server, targets[i].name);
	return 0;
}
