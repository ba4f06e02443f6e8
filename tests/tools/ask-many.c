/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ask-many SERVER COUNT SUFFIX: asks for AAAA of n1.SUFFIX, n2.SUFFIX, ..., all over one UDP socket, and prints the
 * numbers of those that the server answered, one a line: with NXDOMAIN, as it does for names that are not there. The
 * filter's answers are NOERROR. Fails unless each is answered within 5 s.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT_MAX 1000
#define WAIT_MS 5000
#define RCODE_NXDOMAIN 3

static size_t put_name(uint8_t *message, const char *name)
{
	size_t at = 0;

	while (*name) {
		size_t length = strcspn(name, ".");

		message[at++] = (uint8_t)length;
		memcpy(&message[at], name, length);
		at += length;
		name += length + (name[length] == '.');
	}
	message[at++] = 0;
	return at;
}

static void send_query(int fd, unsigned int number, const char *suffix)
{
	uint8_t message[512] = { [2] = 1, [5] = 1 };
	char name[200];
	size_t length = 12;

	message[0] = (uint8_t)(number >> 8);
	message[1] = (uint8_t)number;
	snprintf(name, sizeof(name), "n%u.%s", number, suffix);
	length += put_name(&message[length], name);
	message[length + 1] = 28;
	message[length + 3] = 1;
	if (send(fd, message, length + 4, 0) < 0)
		perror("send");
}

int main(int argc, char **argv)
{
	struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(53) };
	unsigned int count, answered = 0;
	static uint8_t codes[COUNT_MAX + 1];
	struct pollfd readable = { .fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), .events = POLLIN };

	if (argc != 4 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1 ||
	    (count = (unsigned int)atoi(argv[2])) > COUNT_MAX) {
		fputs("usage: ask-many SERVER COUNT SUFFIX\n", stderr);
		return 2;
	}
	if (connect(readable.fd, (const struct sockaddr *)&server, sizeof(server)) != 0) {
		perror("connect");
		return 1;
	}
	for (unsigned int number = 1; number <= count; number++)
		send_query(readable.fd, number, argv[3]);
	while (answered < count && poll(&readable, 1, WAIT_MS) > 0) {
		uint8_t answer[512];
		ssize_t length = recv(readable.fd, answer, sizeof(answer), 0);
		unsigned int number = (unsigned int)(answer[0] << 8 | answer[1]);

		if (length < 12 || number < 1 || number > count)
			continue;
		codes[number] = answer[3] & 0xf;
		answered++;
	}
	for (unsigned int number = 1; number <= count; number++)
		if (codes[number] == RCODE_NXDOMAIN)
			printf("%u\n", number);
	return answered == count ? 0 : 1;
}
