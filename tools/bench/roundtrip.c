/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Round trips of one AAAA query, by turns over several ways, so that all of them meet the same noise:
 *
 *   roundtrip ROUNDS TRIPS floor|ADDRESS:PORT...
 *
 * `floor` is a UDP socket on lo that is connected to itself: what the kernel takes for one datagram there
 * and a wake-up, answer or not. Prints for each way: the median over the rounds in ns, and its ratio to
 * the median of the first way.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define WAYS_MAX 8

/* AAAA of www.both.example: ID 0x1234, RD=1. */
static const unsigned char query[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
				     "\x03www\x04" "both\x07" "example\x00\x00\x1c\x00\x01";

struct way {
	const char *name;
	int fd;
	double *samples; /* one a round, ns */
};

static void die(const char *what)
{
	fprintf(stderr, "roundtrip: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

static struct sockaddr_in parse_address(char *word)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	char *colon = strchr(word, ':');

	if (!colon)
		die(word);
	*colon = '\0';
	address.sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, word, &address.sin_addr) != 1)
		die(word);
	*colon = ':';
	return address;
}

static int open_way(char *name)
{
	struct timeval limit = { .tv_sec = 2 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (strcmp(name, "floor") == 0) {
		if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
			die("bind");
		getsockname(fd, (struct sockaddr *)&address, &size);
	} else {
		address = parse_address(name);
	}
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die(name);
	return fd;
}

static void trip(const struct way *way)
{
	unsigned char answer[512];

	if (send(way->fd, query, sizeof(query) - 1, 0) != (ssize_t)sizeof(query) - 1)
		die(way->name);
	if (recv(way->fd, answer, sizeof(answer), 0) < 12 || memcmp(answer, query, 2) != 0)
		die(way->name);
}

static double measure(const struct way *way, int trips)
{
	uint64_t began = now_ns();

	for (int i = 0; i < trips; i++)
		trip(way);
	return (double)(now_ns() - began) / trips;
}

static int compare(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return a < b ? -1 : a > b;
}

int main(int argc, char **argv)
{
	int rounds = argc > 3 ? atoi(argv[1]) : 0, trips = argc > 3 ? atoi(argv[2]) : 0, count = argc - 3;
	struct way ways[WAYS_MAX];

	if (rounds < 1 || trips < 1 || count > WAYS_MAX) {
		fputs("usage: roundtrip ROUNDS TRIPS floor|ADDRESS:PORT...\n", stderr);
		return 2;
	}
	for (int i = 0; i < count; i++)
		ways[i] = (struct way){ argv[3 + i], open_way(argv[3 + i]), calloc((size_t)rounds, sizeof(double)) };
	for (int i = 0; i < count; i++)
		measure(&ways[i], trips);
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < count; i++)
			ways[i].samples[round] = measure(&ways[i], trips);
	for (int i = 0; i < count; i++)
		qsort(ways[i].samples, (size_t)rounds, sizeof(double), compare);
	for (int i = 0; i < count; i++)
		printf("%s %.0f %.3f\n", ways[i].name, ways[i].samples[rounds / 2],
		       ways[i].samples[rounds / 2] / ways[0].samples[rounds / 2]);
	return 0;
}
