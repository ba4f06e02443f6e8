/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * wire-flow RATE SECONDS SERVER NAME [LOG]: asks for AAAA of NAME so many times a second over one UDP socket,
 * until the time is over or SIGTERM comes, without waiting for answers. Then it says
 *
 *   sent=N filter=N server=N wrong=N lost=N
 *
 * filter: exactly what make_answer() says. server: an answer with records. wrong: anything else, also a
 * second answer. lost: nothing for 2 s. LOG gets a line "MS FATE" for each query, with the time when it was
 * sent in ms since 1970.
 */
#include "wire.h"

#include <signal.h>
#include <time.h>

#define IDS 65536

enum fate { FATE_LOST, FATE_FILTER, FATE_SERVER, FATE_WRONG, FATES };

struct asked {
	long long at_ms;
	enum fate fate;
};

static volatile sig_atomic_t is_over;
static struct asked asked[IDS];
static unsigned int sent, answered;

static void end(int number)
{
	(void)number;
	is_over = 1;
}

static long long clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static enum fate judge(const struct datagram *datagram, const struct message *query, struct message *answer,
		       unsigned int id)
{
	size_t question = query->length - 12;

	set_id(answer, id);
	if (datagram->length == answer->length && memcmp(datagram->octets, answer->octets, answer->length) == 0)
		return FATE_FILTER;
	if (datagram->length > query->length && datagram->octets[2] & 0x80 && (datagram->octets[3] & 0xf) == 0 &&
	    (datagram->octets[6] || datagram->octets[7]) &&
	    memcmp(&datagram->octets[12], &query->octets[12], question) == 0)
		return FATE_SERVER;
	return FATE_WRONG;
}

static void take_answers(int fd, const struct message *query, struct message *answer, long long until_us)
{
	long long left;

	while ((left = until_us - clock_us(CLOCK_MONOTONIC)) > 0 && (!is_over || answered < sent)) {
		struct datagram datagram;
		unsigned int id;

		if (!is_readable(fd, (int)(left / 1000)))
			continue;
		take_datagram(fd, &datagram);
		id = datagram.length < 2 ? IDS : (unsigned int)(datagram.octets[0] << 8 | datagram.octets[1]);
		if (id >= sent) {
			printf("an answer to nothing\n");
			continue;
		}
		answered += asked[id].fate == FATE_LOST;
		asked[id].fate = asked[id].fate == FATE_LOST ? judge(&datagram, query, answer, id) : FATE_WRONG;
	}
}

static void report(const char *path)
{
	static const char *const names[] = { "lost", "filter", "server", "wrong" };
	unsigned int sums[FATES] = { 0 };
	FILE *log = path ? fopen(path, "w") : NULL;

	for (unsigned int id = 0; id < sent; id++) {
		sums[asked[id].fate]++;
		if (log)
			fprintf(log, "%lld %s\n", asked[id].at_ms, names[asked[id].fate]);
	}
	if (log)
		fclose(log);
	printf("sent=%u filter=%u server=%u wrong=%u lost=%u\n", sent, sums[FATE_FILTER], sums[FATE_SERVER],
	       sums[FATE_WRONG], sums[FATE_LOST]);
}

int main(int argc, char **argv)
{
	const struct message_plan plan = { .qname = argc > 4 ? argv[4] : NULL };
	struct message query, answer;
	struct endpoint server;
	long long next, interval, last;
	int fd;

	if (argc < 5 || atoi(argv[1]) <= 0) {
		fputs("usage: wire-flow RATE SECONDS SERVER NAME [LOG]\n", stderr);
		return 2;
	}
	signal(SIGTERM, end);
	make_message(&plan, &query);
	make_answer(&plan, true, &answer);
	parse_endpoint(argv[3], DNS_PORT, "h0", &server);
	fd = socket(server.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* On a busy machine it can be a second late; all those answers are then read after the queries have been sent. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){ 8 << 20 }, sizeof(int));
	interval = 1000000 / atoi(argv[1]);
	next = clock_us(CLOCK_MONOTONIC);
	last = next + atoi(argv[2]) * 1000000LL;
	for (; !is_over && next < last && sent < IDS; next += interval) {
		take_answers(fd, &query, &answer, next);
		asked[sent].at_ms = clock_us(CLOCK_REALTIME) / 1000;
		set_id(&query, sent);
		if (sendto(fd, query.octets, query.length, 0, &server.any, server.length) < 0)
			die("sendto");
		sent++;
	}
	is_over = 1;
	take_answers(fd, &query, &answer, clock_us(CLOCK_MONOTONIC) + WAIT_MS * 1000);
	report(argc > 5 ? argv[5] : NULL);
	return 0;
}
