/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * coverage-map PIN-DIR NETNS COMMAND: what the programs would find in the pinned maps, of the network namespace with
 * that inode number.
 *
 *   covered ADDRESS...          for each "yes" or "no": is it under a prefix of the list?
 *   await ADDRESS MS            waits until it is: "us=N", or 1 when the time is over
 *   count                       "ipv4=N ipv6=N": prefixes of the list; "others=N": those of other namespaces
 *   state                       "ipv4=MODE ipv6=MODE": unknown, all or listed
 *   react FAMILY STATE MS -- COMMAND...   runs it, and waits until the verdict of 4 or 6 is STATE, a number of
 *                               enum sieve_connectivity: "us=N" since its start, or 1
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <stubsieve/abi.h>

#define POLL_US 200

struct maps {
	int coverage, netns;
	__u32 inum;
};

static long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static int open_pin(const char *directory, const char *name)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s-%d", directory, name, SIEVE_ABI_VERSION);
	fd = bpf_obj_get(path);
	if (fd < 0) {
		fprintf(stderr, "coverage-map: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

static bool is_covered(const struct maps *maps, const char *word)
{
	struct sieve_prefix key = { .netns = htonl(maps->inum) };
	__u8 value;

	key.family = strchr(word, ':') ? SIEVE_IPV6 : SIEVE_IPV4;
	key.bits = SIEVE_PREFIX_BITS + (key.family == SIEVE_IPV6 ? 128 : 32);
	if (inet_pton(key.family == SIEVE_IPV6 ? AF_INET6 : AF_INET, word, key.address) != 1) {
		fprintf(stderr, "coverage-map: %s is no address\n", word);
		exit(2);
	}
	return bpf_map_lookup_elem(maps->coverage, &key, &value) == 0;
}

static struct sieve_netns read_state(const struct maps *maps)
{
	struct sieve_netns state = {};

	bpf_map_lookup_elem(maps->netns, &maps->inum, &state);
	return state;
}

static int await(const struct maps *maps, const char *address, long limit_ms)
{
	long long began = now_us();

	while (!is_covered(maps, address) || read_state(maps).coverage[SIEVE_IPV6] != SIEVE_COVERAGE_LISTED) {
		if (now_us() > began + limit_ms * 1000)
			return 1;
		usleep(POLL_US);
	}
	printf("us=%lld\n", now_us() - began);
	return 0;
}

static int count(const struct maps *maps)
{
	struct sieve_prefix key, next, *previous = NULL;
	unsigned long counts[SIEVE_FAMILIES] = {}, others = 0;

	while (bpf_map_get_next_key(maps->coverage, previous, &next) == 0) {
		key = next;
		previous = &key;
		if (key.netns == htonl(maps->inum))
			counts[key.family]++;
		else
			others++;
	}
	printf("ipv4=%lu ipv6=%lu others=%lu\n", counts[SIEVE_IPV4], counts[SIEVE_IPV6], others);
	return 0;
}

/* The command may not have ended yet. */
static int react(const struct maps *maps, int family, int want, long limit_ms, char **command)
{
	long long began = now_us(), took;
	pid_t child = fork();
	int status;

	if (child == 0) {
		execvp(command[0], command);
		_exit(127);
	}
	if (child < 0)
		return 1;
	while (read_state(maps).connectivity[family] != want && now_us() < began + limit_ms * 1000)
		usleep(POLL_US);
	took = now_us() - began;
	if (waitpid(child, &status, 0) != child || status != 0 || took >= limit_ms * 1000)
		return 1;
	printf("us=%lld\n", took);
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const modes[] = { "unknown", "all", "listed" };
	struct maps maps;

	if (argc < 4)
		return 2;
	maps = (struct maps){ -1, open_pin(argv[1], "netns"), (__u32)strtoul(argv[2], NULL, 10) };
	if (strcmp(argv[3], "react") != 0) /* there is none with `results = all` */
		maps.coverage = open_pin(argv[1], "coverage");
	if (strcmp(argv[3], "covered") == 0) {
		for (int i = 4; i < argc; i++)
			puts(is_covered(&maps, argv[i]) ? "yes" : "no");
		return 0;
	}
	if (strcmp(argv[3], "await") == 0 && argc == 6)
		return await(&maps, argv[4], atol(argv[5]));
	if (strcmp(argv[3], "count") == 0)
		return count(&maps);
	if (strcmp(argv[3], "state") == 0) {
		struct sieve_netns state = read_state(&maps);

		printf("ipv4=%s ipv6=%s\n", modes[state.coverage[SIEVE_IPV4] % 3], modes[state.coverage[SIEVE_IPV6] % 3]);
		return 0;
	}
	if (strcmp(argv[3], "react") == 0 && argc > 8 && strcmp(argv[7], "--") == 0)
		return react(&maps, atoi(argv[4]) == 6 ? SIEVE_IPV6 : SIEVE_IPV4, atoi(argv[5]), atol(argv[6]), argv + 8);
	return 2;
}
