/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cares [--time] [--count N] NAME...: what c-ares says of each name, asked for both families at once.
 * Output: tests/tools/client.h.
 */
#include <ares.h>
#include <netdb.h>
#include <sys/select.h>

#include "tools/client.h"

static ares_channel channel;

static void take_answer(void *data, int status, int timeouts, struct ares_addrinfo *answer)
{
	struct outcome *outcome = data;

	(void)timeouts;
	if (status != ARES_SUCCESS)
		outcome->error = ares_strerror(status);
	for (struct ares_addrinfo_node *node = answer ? answer->nodes : NULL; node; node = node->ai_next)
		outcome_add(outcome, node->ai_addr);
	if (answer)
		ares_freeaddrinfo(answer);
}

static void wait_for_answers(void)
{
	for (;;) {
		struct timeval longest = { .tv_sec = 1 }, buffer;
		fd_set readable, writable;
		int nfds;

		FD_ZERO(&readable);
		FD_ZERO(&writable);
		nfds = ares_fds(channel, &readable, &writable);
		if (nfds == 0)
			return;
		select(nfds, &readable, &writable, NULL, ares_timeout(channel, &longest, &buffer));
		ares_process(channel, &readable, &writable);
	}
}

static void look_up(const char *name, struct outcome *ret_outcome)
{
	const struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };

	ares_getaddrinfo(channel, name, NULL, &hints, take_answer, ret_outcome);
	wait_for_answers();
}

int main(int argc, char **argv)
{
	int status = ares_library_init(ARES_LIB_INIT_ALL);

	if (status == ARES_SUCCESS)
		status = ares_init(&channel);
	if (status != ARES_SUCCESS) {
		fprintf(stderr, "c-ares: %s\n", ares_strerror(status));
		return 1;
	}
	status = client_main(argc, argv, look_up);
	ares_destroy(channel);
	ares_library_cleanup();
	return status;
}
