/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * play-negative ADDRESS
 *
 * A DNS server on port 53 (UDP) whose names say in their first label how the lack of an AAAA record is told:
 *
 *   none-ID      NODATA without SOA, as the filter does
 *   tTTLmMIN-ID  NODATA with an SOA record of that TTL and that MINIMUM, as in t60m0-1.example
 *   txt-ID       NODATA without SOA, but with a TXT record of TTL 0 in the additional section
 *
 * SIGUSR1 changes that: every name then has an AAAA record, until the next SIGUSR1. If ID begins with "six" there is no
 * A record. Records live 40 s. Says "ready", and then one line for each query: TYPE NAME, and DO if that is set.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER_SIZE 12
#define MESSAGE_SIZE 4096
#define UDP_SIZE 1232
#define NAME_SIZE 256
#define RECORD_TTL 40
#define OPT_FIXED_SIZE 11

enum { TYPE_A = 1, TYPE_SOA = 6, TYPE_TXT = 16, TYPE_AAAA = 28, TYPE_OPT = 41, CLASS_IN = 1 };

struct message {
	uint8_t octets[MESSAGE_SIZE];
	size_t length;
};

struct question {
	char name[NAME_SIZE];
	size_t end;
	uint16_t type;
	bool edns, dnssec;
};

static volatile sig_atomic_t connected;

static void take_signal(int number)
{
	(void)number;
	connected = !connected;
}

static uint16_t get16(const uint8_t *place)
{
	return (uint16_t)(place[0] << 8 | place[1]);
}

static void put8(struct message *message, uint8_t value)
{
	message->octets[message->length++] = value;
}

static void put16(struct message *message, uint16_t value)
{
	put8(message, (uint8_t)(value >> 8));
	put8(message, (uint8_t)value);
}

static void put32(struct message *message, uint32_t value)
{
	put16(message, (uint16_t)(value >> 16));
	put16(message, (uint16_t)value);
}

static void put(struct message *message, const void *octets, size_t length)
{
	memcpy(message->octets + message->length, octets, length);
	message->length += length;
}

static bool parse_name(const struct message *query, struct question *question)
{
	size_t at = HEADER_SIZE, length = 0;

	while (at < query->length && query->octets[at] > 0) {
		size_t label = query->octets[at++];

		if (label > 63 || at + label > query->length || length + label + 1 >= NAME_SIZE)
			return false;
		memcpy(question->name + length, query->octets + at, label);
		length += label;
		question->name[length++] = '.';
		at += label;
	}
	question->name[length] = '\0';
	question->end = at + 5;
	return question->end <= query->length;
}

/* An OPT record can only be the first one behind the question, as all stubs and forwarders write it. */
static bool parse(const struct message *query, struct question *ret_question)
{
	const uint8_t *opt;

	memset(ret_question, 0, sizeof(*ret_question));
	if (query->length < HEADER_SIZE || query->octets[2] & 0x80 || get16(query->octets + 4) != 1 ||
	    !parse_name(query, ret_question))
		return false;
	ret_question->type = get16(query->octets + ret_question->end - 4);
	opt = query->octets + ret_question->end;
	if (query->length >= ret_question->end + OPT_FIXED_SIZE && opt[0] == 0 && get16(opt + 1) == TYPE_OPT) {
		ret_question->edns = true;
		ret_question->dnssec = opt[7] & 0x80;
	}
	return true;
}

static void put_record(struct message *answer, uint16_t type, uint32_t ttl, const void *data, uint16_t length)
{
	put16(answer, 0xc000 | HEADER_SIZE);
	put16(answer, type);
	put16(answer, CLASS_IN);
	put32(answer, ttl);
	put16(answer, length);
	put(answer, data, length);
}

/* Of the last label of the question's name, so that it may be the name's own zone. */
static void put_soa(struct message *answer, uint32_t ttl, uint32_t minimum)
{
	const uint32_t times[] = { htonl(1), htonl(3600), htonl(600), htonl(86400), htonl(minimum) };
	size_t zone = HEADER_SIZE;

	while (answer->octets[zone] && answer->octets[zone + answer->octets[zone] + 1])
		zone += answer->octets[zone] + 1u;
	put16(answer, (uint16_t)(0xc000 | zone));
	put16(answer, TYPE_SOA);
	put16(answer, CLASS_IN);
	put32(answer, ttl);
	put16(answer, 4 + sizeof(times));
	put16(answer, (uint16_t)(0xc000 | zone));
	put16(answer, (uint16_t)(0xc000 | zone));
	put(answer, times, sizeof(times));
}

static bool has_ipv4(const struct question *question)
{
	const char *id = strchr(question->name, '-');

	return !id || strncasecmp(id, "-six", 4) != 0;
}

/* At most one record, counted in its section. */
static void put_answer(struct message *answer, const struct question *question)
{
	unsigned int ttl = 60, minimum = 60;
	uint8_t address[16];

	if (question->type == TYPE_A && has_ipv4(question)) {
		inet_pton(AF_INET, "198.51.100.10", address);
		put_record(answer, TYPE_A, RECORD_TTL, address, 4);
		answer->octets[7] = 1;
	} else if (question->type == TYPE_AAAA && connected) {
		inet_pton(AF_INET6, "2001:db8:77::10", address);
		put_record(answer, TYPE_AAAA, RECORD_TTL, address, 16);
		answer->octets[7] = 1;
	} else if (question->type == TYPE_AAAA && strncasecmp(question->name, "txt-", 4) == 0) {
		put_record(answer, TYPE_TXT, 0, "\0", 1);
		answer->octets[11]++;
	} else if (question->type != TYPE_AAAA || strncasecmp(question->name, "none-", 5) != 0) {
		if (question->type == TYPE_AAAA && sscanf(question->name, "t%um%u-", &ttl, &minimum) != 2)
			ttl = minimum = 60;
		put_soa(answer, ttl, minimum);
		answer->octets[9] = 1;
	}
}

static void make_answer(const struct message *query, const struct question *question, struct message *ret_answer)
{
	memset(ret_answer, 0, sizeof(*ret_answer));
	put(ret_answer, query->octets, question->end);
	ret_answer->octets[2] = 0x80 | (query->octets[2] & 0x01); /* QR, RD */
	ret_answer->octets[3] = 0x80 | (query->octets[3] & 0x10); /* RA, CD */
	memset(ret_answer->octets + 6, 0, 6);
	put_answer(ret_answer, question);
	if (!question->edns)
		return;
	put8(ret_answer, 0);
	put16(ret_answer, TYPE_OPT);
	put16(ret_answer, UDP_SIZE);
	put32(ret_answer, question->dnssec ? 0x8000 : 0);
	put16(ret_answer, 0);
	ret_answer->octets[11]++;
}

static const char *type_name(uint16_t type)
{
	switch (type) {
	case TYPE_A: return "A";
	case TYPE_AAAA: return "AAAA";
	default: return "other";
	}
}

static void serve(int socket)
{
	struct message query, answer;
	struct question question;
	struct sockaddr_in sender;

	for (;;) {
		socklen_t size = sizeof(sender);
		ssize_t length = recvfrom(socket, query.octets, MESSAGE_SIZE, 0, (void *)&sender, &size);

		if (length < 0 && errno != EINTR)
			return;
		query.length = length < 0 ? 0 : (size_t)length;
		if (!parse(&query, &question))
			continue;
		printf("%s %s%s\n", type_name(question.type), question.name, question.dnssec ? " DO" : "");
		make_answer(&query, &question, &answer);
		sendto(socket, answer.octets, answer.length, 0, (void *)&sender, size);
	}
}

int main(int argc, char **argv)
{
	const struct sigaction on_signal = { .sa_handler = take_signal };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(53) };
	int server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (argc != 2 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
		fprintf(stderr, "usage: %s ADDRESS\n", argv[0]);
		return 2;
	}
	sigaction(SIGUSR1, &on_signal, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (server < 0 || bind(server, (void *)&address, sizeof(address)) < 0) {
		perror(argv[1]);
		return 1;
	}
	puts("ready");
	serve(server);
	perror("recvfrom");
	return 1;
}
