/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * first-answer [--enter NETNS-FILE] [--limit MS] SERVER NAME
 *
 * Opens a UDP socket and asks for AAAA of NAME, again and again, until the filter answers. With --enter a
 * thread of its own first enters that network namespace, as programs in Go do; the process stays where it is.
 *
 *   answered us=N passed=N     N µs after the socket was made, N queries were not answered before
 *   not answered passed=N      in MS (2000)
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEADER_SIZE 12
#define MESSAGE_SIZE 512
#define PATIENCE_MS 20 /* for one query: a server that is there has then answered, too */

static const char *netns, *server_text, *name;
static long limit_us = 2000000;
static int status = 1;

static long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static size_t make_question(uint8_t *message)
{
	static const uint8_t tail[] = { 0, 0, 28, 0, 1 };
	uint8_t *end = message + HEADER_SIZE;

	memset(message, 0, HEADER_SIZE);
	message[2] = 0x01; /* RD */
	message[5] = 1;
	for (const char *label = name; *label;) {
		size_t length = strcspn(label, ".");

		*end++ = (uint8_t)length;
		memcpy(end, label, length);
		end += length;
		label += length + (label[length] == '.');
	}
	memcpy(end, tail, sizeof(tail));
	return (size_t)(end - message) + sizeof(tail);
}

/* NOERROR without any record: no real server sends that. */
static bool is_by_filter(const uint8_t *response, ssize_t length)
{
	static const uint8_t none[4];

	return length >= HEADER_SIZE && (response[2] & 0x80) && (response[3] & 0x0f) == 0 &&
	       memcmp(response + 6, none, sizeof(none)) == 0;
}

/* Answers to earlier queries come late, and are no answers to this one. */
static bool is_answered(int fd, const uint8_t *question)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	uint8_t response[MESSAGE_SIZE];
	long long until = now_us() + PATIENCE_MS * 1000;
	long left;

	while ((left = (long)(until - now_us())) > 0 && poll(&readable, 1, (int)(left / 1000) + 1) > 0) {
		ssize_t length = recv(fd, response, sizeof(response), 0);

		if (length >= 2 && memcmp(response, question, 2) == 0)
			return is_by_filter(response, length);
	}
	return false;
}

static void ask_on(int fd, const struct addrinfo *server)
{
	uint8_t question[MESSAGE_SIZE];
	size_t length = make_question(question);
	long long made = now_us();
	uint16_t passed = 0;

	for (; now_us() - made < limit_us; passed++) {
		question[0] = (uint8_t)(passed >> 8);
		question[1] = (uint8_t)passed;
		if (sendto(fd, question, length, 0, server->ai_addr, server->ai_addrlen) < 0) {
			perror("first-answer: sendto");
			return;
		}
		if (is_answered(fd, question)) {
			printf("answered us=%lld passed=%u\n", now_us() - made, passed);
			status = 0;
			return;
		}
	}
	printf("not answered passed=%u\n", passed);
}

static void *ask(void *unused)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM };
	struct addrinfo *server;
	int fd = netns ? open(netns, O_RDONLY | O_CLOEXEC) : -1;

	if (netns && (fd < 0 || setns(fd, CLONE_NEWNET) != 0)) {
		perror("first-answer: setns");
		return unused;
	}
	if (fd >= 0)
		close(fd);
	if (getaddrinfo(server_text, "53", &hints, &server) != 0) {
		fprintf(stderr, "first-answer: not an address: %s\n", server_text);
		return unused;
	}
	fd = socket(server->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		perror("first-answer: socket");
	else
		ask_on(fd, server);
	close(fd);
	freeaddrinfo(server);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int arg = 1;

	for (; arg + 1 < argc && strncmp(argv[arg], "--", 2) == 0; arg += 2) {
		if (strcmp(argv[arg], "--enter") == 0)
			netns = argv[arg + 1];
		else if (strcmp(argv[arg], "--limit") == 0)
			limit_us = strtol(argv[arg + 1], NULL, 10) * 1000;
		else
			break;
	}
	if (argc - arg != 2 || strlen(argv[arg + 1]) > 250) {
		fputs("usage: first-answer [--enter NETNS-FILE] [--limit MS] SERVER NAME\n", stderr);
		return 2;
	}
	server_text = argv[arg];
	name = argv[arg + 1];
	if (!netns)
		ask(NULL);
	else if (pthread_create(&thread, NULL, ask, NULL) == 0)
		pthread_join(thread, NULL);
	return status;
}
