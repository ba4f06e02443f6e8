/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What `results = covered` costs: BPF_PROG_TEST_RUN of the response program and of an empty one, by turns, on a
 * response with six AAAA records to a socket here, of which some go, beside 0, 5 (a split tunnel's), 1,000 and 200,000
 * prefixes; and on packets that are no DNS. A response that is cut is another one then, so it is filled up again before
 * each run (refill.h). What a packet meets in life, cold caches, is what runs of single fresh ones show.
 *
 *   results PIN-DIR        in a network namespace of its own; PIN-DIR/0, PIN-DIR/1 are made
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/udp.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "names.h"
#include "programs.h"
#include "refill.h"
#include "vacancy.h"

#define ROUNDS 31
#define REPEAT 20000
#define FRESH 20000 /* runs of a fresh packet */
#define RECORDS 6
#define SERVER 0x7f000035 /* 127.0.0.53 */
#define CLIENT 0x7f000001
#define CLIENT_PORT 40000

struct packet {
	unsigned char data[1600];
	__u32 length;
};

static void die(const char *what)
{
	fprintf(stderr, "results: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int load_empty(void)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "empty", "GPL", program, 2, NULL);

	if (fd < 0)
		die("empty program");
	return fd;
}

static void put(struct packet *packet, const void *octets, size_t length)
{
	memcpy(&packet->data[packet->length], octets, length);
	packet->length += (__u32)length;
}

static void put_u16(struct packet *packet, unsigned int value)
{
	const unsigned char octets[2] = { (unsigned char)(value >> 8), (unsigned char)value };

	put(packet, octets, 2);
}

/* Somewhere among the prefixes, and under none of them; or where one is. */
static void put_address(struct packet *packet, int is_routed)
{
	unsigned char address[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0x0c };

	if (!is_routed) {
		address[0] = 0x2a;
		for (int i = 1; i < 16; i++)
			address[i] = (unsigned char)random();
	}
	address[15] = 7;
	put(packet, address, sizeof(address));
}

/* A response over IPv4 on lo, up to its question. */
static void begin_response(struct packet *packet)
{
	static const unsigned char header[] = { 0, 0, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0 };
	static const unsigned char question[] = "\3www\7example\3com\0\0\34\0\1";
	unsigned char ethernet[ETH_HLEN] = { [12] = 8 };
	unsigned char ip[20] = { 0x45, [8] = 64, [9] = 17 };
	__be32 addresses[2] = { htonl(SERVER), htonl(CLIENT) };

	packet->length = 0;
	memcpy(&ip[12], addresses, 8);
	put(packet, ethernet, sizeof(ethernet));
	put(packet, ip, sizeof(ip));
	put_u16(packet, 53);
	put_u16(packet, CLIENT_PORT);
	put_u16(packet, 0);
	put_u16(packet, 0x1234); /* a sum that nobody checks here, but that has to be kept up */
	put(packet, header, sizeof(header));
	put(packet, question, sizeof(question) - 1);
}

static void end_response(struct packet *packet, int records)
{
	unsigned char *ip = &packet->data[ETH_HLEN];
	__u32 length = packet->length - ETH_HLEN;

	ip[2] = (unsigned char)(length >> 8);
	ip[3] = (unsigned char)length;
	ip[24] = (unsigned char)((length - 20) >> 8);
	ip[25] = (unsigned char)(length - 20);
	ip[20 + 8 + 7] = (unsigned char)records;
}

/* AAAA records, the first `routed` of whose addresses have a route. */
static void make_response(struct packet *packet, int records, int routed)
{
	static const unsigned char record[] = { 0xc0, 12, 0, 28, 0, 1, 0, 0, 1, 44, 0, 16 };

	begin_response(packet);
	for (int i = 0; i < records; i++) {
		put(packet, record, sizeof(record));
		put_address(packet, i < routed);
	}
	end_response(packet, records);
}

/* As long a response as is looked at, of records that have names of so many labels and nothing else. */
static void make_names(struct packet *packet, int labels)
{
	static const unsigned char rest[] = { 0, 0, 16, 0, 1, 0, 0, 1, 44, 0, 0 }; /* the root, TXT */
	const __u32 size = 2 * (__u32)labels + sizeof(rest), most = ETH_HLEN + 28 + SIEVE_RESPONSE_MAX;
	int records;

	begin_response(packet);
	for (records = 0; packet->length + size <= most; records++) {
		for (int i = 0; i < labels; i++)
			put(packet, "\1a", 2);
		put(packet, rest, sizeof(rest));
	}
	end_response(packet, records);
}

static void make_other(struct packet *packet, int version, unsigned char protocol)
{
	unsigned char *ip = packet->data + ETH_HLEN;
	unsigned short ether_type = htons(version == 4 ? ETH_P_IP : ETH_P_IPV6), dest = htons(443);
	int header = version == 4 ? 20 : 40;

	memset(packet, 0, sizeof(*packet));
	packet->length = 128;
	memcpy(packet->data + 12, &ether_type, 2);
	ip[0] = version == 4 ? 0x45 : 0x60;
	ip[version == 4 ? 3 : 5] = (unsigned char)(128 - ETH_HLEN - (version == 4 ? 0 : header));
	ip[version == 4 ? 9 : 6] = protocol;
	memcpy(ip + header + 2, &dest, 2);
}

/* ns of one run, as the kernel measured it. */
static double run(int fd, const struct packet *packet, int repeat, __u32 expected_length)
{
	unsigned char out[sizeof(packet->data)];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet->data, .data_size_in = packet->length,
		.repeat = repeat,
		    .data_out = out, .data_size_out = sizeof(out));

	if (bpf_prog_test_run_opts(fd, &options) < 0)
		die("test run");
	if (options.data_size_out != expected_length) {
		fprintf(stderr, "results: %u octets, not %u\n", options.data_size_out, expected_length);
		exit(1);
	}
	return options.duration;
}

static int compare(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return a < b ? -1 : a > b;
}

static double median(double *samples, size_t count)
{
	qsort(samples, count, sizeof(double), compare);
	return samples[count / 2];
}

/* By turns; `left` of the records stay. */
static void compare_programs(const char *kind, const char *phrase, int fd, int empty_fd, const struct packet *packet,
	int left)
{
	int is_fresh = left < RECORDS, samples = is_fresh ? FRESH : ROUNDS, repeat = is_fresh ? 1 : REPEAT;
	double *ours = calloc((size_t)samples, sizeof(double)), *empty = calloc((size_t)samples, sizeof(double));
	__u32 length = packet->length - (__u32)(RECORDS - left) * 28;
	double one, other;

	if (!ours || !empty)
		die("memory");
	for (int i = 0; i < samples; i++) {
		empty[i] = run(empty_fd, packet, repeat, packet->length);
		ours[i] = run(fd, packet, repeat, length);
	}
	one = median(ours, (size_t)samples);
	other = median(empty, (size_t)samples);
	printf("%s %s %.0f %.0f %+.0f\n", kind, phrase, other, one, one - other);
	fflush(stdout);
	free(ours);
	free(empty);
}

/*
 * One that is cut, with warm caches: what refilling costs is taken off. A longer packet takes as long to be cut by the
 * kernel as a shorter one takes to grow, and the cut itself is part of what is measured.
 */
static void measure_cut(const char *phrase, int fd, const struct packet *packet, int left)
{
	double samples[REFILLS][ROUNDS], ns[REFILLS], resize;
	const __u32 cut = packet->length - (__u32)(RECORDS - left) * 28, zero = 0;
	int octets = make_map(BPF_MAP_TYPE_ARRAY, packet->length), programs = make_map(BPF_MAP_TYPE_PROG_ARRAY, 4);
	int refills[REFILLS];

	if (octets < 0 || programs < 0 || bpf_map_update_elem(octets, &zero, packet->data, BPF_ANY) < 0 ||
	    bpf_map_update_elem(programs, &zero, &fd, BPF_ANY) < 0)
		die("refill");
	for (int kind = 0; kind < REFILLS; kind++) {
		refills[kind] = load_refill((enum refill)kind, octets, programs, packet->length, cut);
		if (refills[kind] < 0)
			die("refill");
	}
	for (int i = 0; i < ROUNDS; i++)
		for (int kind = 0; kind < REFILLS; kind++)
			samples[kind][i] = run(refills[kind], packet, REPEAT, kind == REFILL_CALL ? cut : packet->length);
	for (int kind = 0; kind < REFILLS; kind++) {
		ns[kind] = median(samples[kind], ROUNDS);
		close(refills[kind]);
	}
	resize = (ns[REFILL_CUT] - ns[REFILL_SAME] + ns[REFILL_TWICE] - ns[REFILL_SAME]) / 2;
	printf("results %s %.0f %.0f %+.0f\n", phrase, ns[REFILL_CUT], ns[REFILL_CALL],
	       ns[REFILL_CALL] - ns[REFILL_CUT] + resize);
	fflush(stdout);
	close(octets);
	close(programs);
}

static void take(struct programs *programs, struct sieve_netns *state, __u32 *ret_inum)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (programs_beat(programs, (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec) < 0 ||
	    programs_generation(programs, ret_inum, state->coverage_generation) < 0)
		die("state");
	state->coverage[SIEVE_IPV4] = state->coverage[SIEVE_IPV6] = SIEVE_COVERAGE_LISTED;
	if (programs_set_netns(programs, *ret_inum, state) < 0)
		die("state");
}

static struct programs *load(enum sieve_action action, const char *pin_dir, __u32 *ret_inum)
{
	const struct sieve_policy policy = {
		.stale_after_ns = 3600000000000, .action = (__u8)action, .families = 3, .whole_host = 1,
			.ports = { 53 },
	};
	struct programs_request request = { .policy = &policy, .pin_dir = pin_dir, .max_netns = 16, .results = true };
	struct sieve_netns state = {};
	struct names_rule *rules; /* those built in */
	struct programs *programs;
	struct config config;
	struct error error;

	config_init(&config);
	if (names_list(&config, &rules, &request.name_count) < 0)
		die("names");
	request.names = rules;
	if (mkdir(pin_dir, 0700) < 0)
		die(pin_dir);
	if (programs_load(&request, &programs, &error) < 0) {
		fprintf(stderr, "results: %s\n", error.text);
		exit(1);
	}
	take(programs, &state, ret_inum);
	free(rules);
	config_free(&config);
	return programs;
}

/* Prefixes of 32 to 48 bits at random, as an Internet table has them, and one that is sought. */
static void list_prefixes(struct programs *programs, __u32 inum, int count)
{
	uint64_t *used = vacancy_begin();
	struct sieve_prefix key = { .netns = htonl(inum), .family = SIEVE_IPV6 };
	__u8 value = 1;

	for (int i = 0; i < count; i++) {
		unsigned char address[17] = { 0x2a, (unsigned char)random(), (unsigned char)random(), (unsigned char)random(),
					      (unsigned char)random(), (unsigned char)random() };

		if (i == 0)
			memcpy(address, "\x20\x01\x0d\xb8\x00\x0c", 6);
		memcpy(key.address, address, 16);
		key.bits = SIEVE_PREFIX_BITS + 48;
		if (bpf_map_update_elem(programs_coverage_fd(programs), &key, &value, BPF_ANY) < 0)
			die("prefix");
		address[16] = 48;
		vacancy_mark(used, inum, &(struct prefix_set){ .family = SIEVE_IPV6, .entries = address, .count = 1 });
	}
	vacancy_end(programs_vacancy(programs), used);
	free(used);
}

/* lo is up, and a stub waits for its response. */
static void enter_namespace(void)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(CLIENT),
		.sin_port = htons(CLIENT_PORT) };
	struct sockaddr_in server = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(SERVER), .sin_port = htons(53) };
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		die("unshare");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		die("lo");
	if (bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0 || connect(fd, (struct sockaddr *)&server,
		sizeof(server)) < 0)
		die("socket");
}

static void measure_responses(int cutting_fd, int observing_fd, int empty_fd, int prefixes)
{
	static const char *const phrases[] = { "all-go", "3-go", "none-goes" };
	struct packet packet;
	char phrase[64];

	for (int routed = 0; routed <= RECORDS && (routed == 0 || prefixes); routed += 3) {
		make_response(&packet, RECORDS, routed);
		snprintf(phrase, sizeof(phrase), "%d %s%s", prefixes, phrases[routed / 3], routed == RECORDS ? "" : "-fresh");
		compare_programs("results", phrase, cutting_fd, empty_fd, &packet, routed);
		if (routed == RECORDS)
			continue;
		snprintf(phrase, sizeof(phrase), "%d %s", prefixes, phrases[routed / 3]);
		measure_cut(phrase, cutting_fd, &packet, routed);
		snprintf(phrase, sizeof(phrase), "%d %s-observed", prefixes, phrases[routed / 3]);
		compare_programs("results", phrase, observing_fd, empty_fd, &packet, RECORDS);
	}
}

/* What somebody sends who wants to take our time; beside 200,000 prefixes. */
static void measure_worst(int observing_fd, int empty_fd)
{
	struct packet packet;

	make_response(&packet, 51, 0);
	compare_programs("worst", "51-addresses-that-go", observing_fd, empty_fd, &packet, RECORDS);
	make_response(&packet, 51, 51);
	compare_programs("worst", "51-addresses-that-stay", observing_fd, empty_fd, &packet, RECORDS);
	make_names(&packet, 0);
	compare_programs("worst", "131-empty-records", observing_fd, empty_fd, &packet, RECORDS);
	make_names(&packet, 63);
	compare_programs("worst", "names-of-63-labels", observing_fd, empty_fd, &packet, RECORDS);
}

int main(int argc, char **argv)
{
	static const int prefixes[] = { 0, 5, 1000, 200000 };
	static const char *const names[] = { "TCP/IPv4", "UDP/IPv4", "TCP/IPv6", "UDP/IPv6" };
	struct programs *cutting, *observing;
	char dirs[2][256];
	struct packet packet;
	__u32 inum;
	int empty;

	if (argc != 2) {
		fputs("usage: results PIN-DIR\n", stderr);
		return 2;
	}
	enter_namespace();
	for (int i = 0; i < 2; i++)
		snprintf(dirs[i], sizeof(dirs[i]), "%s/%d", argv[1], i);
	cutting = load(SIEVE_ACTION_ANSWER, dirs[0], &inum);
	observing = load(SIEVE_ACTION_OBSERVE, dirs[1], &inum);
	empty = load_empty();
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		list_prefixes(cutting, inum, prefixes[i]);
		list_prefixes(observing, inum, prefixes[i]);
		measure_responses(programs_results_fd(cutting), programs_results_fd(observing), empty, prefixes[i]);
	}
	measure_worst(programs_results_fd(observing), empty);
	for (int i = 0; i < 4; i++) {
		make_other(&packet, i < 2 ? 4 : 6, i % 2 ? 17 : 6);
		compare_programs("other", names[i], programs_results_fd(cutting), empty, &packet, RECORDS);
	}
	return 0;
}
