/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ask [--connected] [--count N] [--type A|AAAA] [--wait MS] SERVER NAME [-- COMMAND...]
 *
 * Sends N plain queries over one UDP socket, one after another, and says what became of them. With a
 * COMMAND: opens the socket, runs COMMAND, and sends the first query as soon as that has ended; fails
 * if COMMAND does. SERVER may be a link-local address with a scope, as in fe80::53%h0.
 *
 *   sent=N server=N filter=N silent=N denied=N failed=N
 *
 * server: a response with a record or an SOA. filter: NOERROR without any record, which no real server
 * sends. silent: nothing within MS (1000). denied: EPERM. failed: another error, or a response that is
 * none to this query.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define HEADER_SIZE 12
#define MESSAGE_SIZE 512
#define CLASS_IN 1

struct question {
	uint8_t message[MESSAGE_SIZE];
	size_t length;
};

struct options {
	bool connected;
	long count;
	int wait_ms;
	uint16_t type;
	const char *server, *name;
	char **command; /* or NULL */
};

enum fate { FATE_SERVER, FATE_FILTER, FATE_SILENT, FATE_DENIED, FATE_FAILED, FATES };

static const char *const fate_names[FATES] = { "server", "filter", "silent", "denied", "failed" };

static void put16(uint8_t *place, uint16_t value)
{
	place[0] = (uint8_t)(value >> 8);
	place[1] = (uint8_t)value;
}

static uint16_t get16(const uint8_t *place)
{
	return (uint16_t)(place[0] << 8 | place[1]);
}

static int make_question(const char *name, uint16_t type, struct question *ret_question)
{
	uint8_t *end = ret_question->message + HEADER_SIZE;

	if (strlen(name) > 250)
		return -EINVAL;
	memset(ret_question->message, 0, HEADER_SIZE);
	ret_question->message[2] = 0x01; /* RD */
	put16(ret_question->message + 4, 1);
	while (*name) {
		size_t length = strcspn(name, ".");

		if (length == 0 || length > 63)
			return -EINVAL;
		*end++ = (uint8_t)length;
		memcpy(end, name, length);
		end += length;
		name += length + (name[length] == '.');
	}
	*end++ = 0;
	put16(end, type);
	put16(end + 2, CLASS_IN);
	ret_question->length = (size_t)(end + 4 - ret_question->message);
	return 0;
}

static bool same_address(const struct sockaddr_storage *left, const struct sockaddr *right)
{
	const struct sockaddr_in6 *left6 = (const void *)left, *right6 = (const void *)right;
	const struct sockaddr_in *left4 = (const void *)left, *right4 = (const void *)right;

	if (left->ss_family != right->sa_family)
		return false;
	if (left->ss_family == AF_INET6)
		return memcmp(&left6->sin6_addr, &right6->sin6_addr, sizeof(left6->sin6_addr)) == 0 &&
		       left6->sin6_port == right6->sin6_port;
	return left4->sin_addr.s_addr == right4->sin_addr.s_addr && left4->sin_port == right4->sin_port;
}

static enum fate judge(const struct question *question, const uint8_t *response, size_t length)
{
	if (length < question->length || memcmp(response, question->message, 2) != 0 ||
	    !(response[2] & 0x80) ||
	    memcmp(response + HEADER_SIZE, question->message + HEADER_SIZE, question->length - HEADER_SIZE) != 0)
		return FATE_FAILED;
	if ((response[3] & 0x0f) == 0 && get16(response + 6) == 0 && get16(response + 8) == 0)
		return FATE_FILTER;
	return FATE_SERVER;
}

static enum fate receive(int fd, const struct options *options, const struct addrinfo *server,
			 const struct question *question)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	struct sockaddr_storage source;
	socklen_t source_size = sizeof(source);
	uint8_t response[MESSAGE_SIZE];
	ssize_t length;

	if (poll(&readable, 1, options->wait_ms) == 0)
		return FATE_SILENT;
	length = recvfrom(fd, response, sizeof(response), 0, (struct sockaddr *)&source, &source_size);
	if (length < 0 || !same_address(&source, server->ai_addr))
		return FATE_FAILED;
	return judge(question, response, (size_t)length);
}

static enum fate ask_once(int fd, const struct options *options, const struct addrinfo *server,
			  struct question *question, uint16_t id)
{
	ssize_t sent;

	put16(question->message, id);
	sent = sendto(fd, question->message, question->length, 0,
		      options->connected ? NULL : server->ai_addr, options->connected ? 0 : server->ai_addrlen);
	if (sent < 0)
		return errno == EPERM ? FATE_DENIED : FATE_FAILED;
	return receive(fd, options, server, question);
}

static int run_command(char **command)
{
	pid_t pid;
	int status = posix_spawnp(&pid, command[0], NULL, NULL, command, environ);

	if (status == 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	fprintf(stderr, "ask: %s failed\n", command[0]);
	return -ECHILD;
}

static int open_socket(const struct options *options, struct addrinfo **ret_server)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM };
	struct addrinfo *server;
	int fd;

	if (getaddrinfo(options->server, "53", &hints, &server) != 0) {
		fprintf(stderr, "ask: not an address: %s\n", options->server);
		return -1;
	}
	fd = socket(server->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || (options->connected && connect(fd, server->ai_addr, server->ai_addrlen) != 0)) {
		perror("ask");
		return -1;
	}
	*ret_server = server;
	return fd;
}

static int ask(const struct options *options)
{
	long fates[FATES] = { 0 };
	struct question question;
	struct addrinfo *server;
	int fd = open_socket(options, &server);

	if (fd < 0)
		return 1;
	if (make_question(options->name, options->type, &question) != 0) {
		fprintf(stderr, "ask: not a name: %s\n", options->name);
		return 2;
	}
	if (options->command && run_command(options->command) != 0)
		return 1;
	for (long i = 0; i < options->count; i++)
		fates[ask_once(fd, options, server, &question, (uint16_t)(0x5000 + i))]++;

	printf("sent=%ld", options->count);
	for (int i = 0; i < FATES; i++)
		printf(" %s=%ld", fate_names[i], fates[i]);
	printf("\n");
	freeaddrinfo(server);
	close(fd);
	return 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: ask [--connected] [--count N] [--type A|AAAA] [--wait MS] SERVER NAME"
			" [-- COMMAND...]\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct options options = { .count = 1, .wait_ms = 1000, .type = 28 };
	int arg = 1;

	for (; arg < argc && strncmp(argv[arg], "--", 2) == 0; arg++) {
		if (strcmp(argv[arg], "--connected") == 0)
			options.connected = true;
		else if (strcmp(argv[arg], "--count") == 0 && arg + 1 < argc)
			options.count = strtol(argv[++arg], NULL, 10);
		else if (strcmp(argv[arg], "--wait") == 0 && arg + 1 < argc)
			options.wait_ms = (int)strtol(argv[++arg], NULL, 10);
		else if (strcmp(argv[arg], "--type") == 0 && arg + 1 < argc)
			options.type = strcmp(argv[++arg], "A") == 0 ? 1 : 28;
		else
			return usage();
	}
	if (argc - arg < 2)
		return usage();
	options.server = argv[arg++];
	options.name = argv[arg++];
	if (arg < argc) {
		if (strcmp(argv[arg], "--") != 0 || arg + 1 == argc)
			return usage();
		options.command = argv + arg + 1;
	}
	return ask(&options);
}
