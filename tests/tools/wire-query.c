/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * wire-query [--near NETNS-FILE CGROUP] [--device NEAR] [--far-device FAR] [--type A|AAAA]
 *            [--octets N] WAY SOURCE DESTINATION
 *
 * Sends two queries, one without and one with OPT, from SOURCE to port 53 of DESTINATION in one of the
 * WAYs below, and says what became of them:
 *
 *   answered=N passed=N wrong=N lost=N
 *
 * answered: the sender got what make_answer() says. passed: it arrived octet for octet, from the sender's
 * address and port. wrong: something else came, at either end. Started at the far end (wire.h).
 * --octets: the queries with OPT are padded to so many; from 1,025 on they are no DNS messages any more.
 *
 *   plain, connected           a UDP socket
 *   device                     bound to NEAR alone (SO_BINDTODEVICE)
 *   nocheck                    without UDP checksum
 *   pktinfo                    bound to nothing; SOURCE is in a control message
 *   mapped                     an AF_INET6 socket to ::ffff:DESTINATION
 *   nop, record, source-route  IPv4 options; the last by way of 192.0.2.1
 *   hopopts, dstopts, rthdr    IPv6 extension headers
 *   broadcast                  SO_BROADCAST
 *   segment                    both in one send (UDP_SEGMENT)
 *   zerocopy, sendfile, splice the data stays in pages of ours, which have to stay as they are
 *   raw, header                SOCK_RAW with IPPROTO_UDP; with the IP header (IPPROTO_RAW)
 *   packet                     AF_PACKET on NEAR
 *   tap                        written to the TAP device NEAR, which is there already
 *   threads                    2,000 queries, by four threads at once
 */
#include "wire.h"

#include <linux/if_tun.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_NO_CHECK6_TX
#define UDP_NO_CHECK6_TX 101
#define UDP_NO_CHECK6_RX 102
#endif
#define QUERIES 2
#define RAW_PORT 40000
#define GRACE_MS 30
#define THREADS 4
#define THREAD_QUERIES 500
#define PAGE 4096

struct query {
	__u8 octets[DATAGRAM_MAX];
	size_t length;
	struct message answer;
};

struct wire {
	const char *near_netns, *near_cgroup, *near_device, *far_device, *way, *source_text, *destination_text;
	size_t octets;
	__u16 type;
	struct endpoint source, destination;
	__u8 far_mac[ETH_ALEN];
	int near, far;
	struct query queries[QUERIES];
	unsigned int answered, passed, wrong, lost;
};

struct way {
	const char *name;
	void (*send)(struct wire *wire);
};

static void make_query(struct wire *wire, size_t number, unsigned int id)
{
	struct message_plan plan = { .qtype = wire->type, .edns = number > 0 || wire->octets };
	struct query *query = &wire->queries[number];
	struct message message;

	if (wire->octets && wire->octets <= sizeof(message.octets))
		plan.padded = (__u16)wire->octets;
	make_message(&plan, &message);
	make_answer(&plan, true, &query->answer);
	set_id(&message, id);
	set_id(&query->answer, id);
	memset(query->octets, 'x', sizeof(query->octets));
	memcpy(query->octets, message.octets, message.length);
	query->length = wire->octets ? wire->octets : message.length;
}

static bool is_ipv4(const struct wire *wire)
{
	return wire->destination.any.sa_family == AF_INET;
}

static void must(ssize_t done, const char *what)
{
	if (done < 0)
		die("%s", what);
}

static void send_one(struct wire *wire, int flags)
{
	for (size_t i = 0; i < QUERIES; i++)
		must(sendto(wire->near, wire->queries[i].octets, wire->queries[i].length, flags, &wire->destination.any,
			    wire->destination.length), "sendto");
}

static void connect_near(struct wire *wire)
{
	must(connect(wire->near, &wire->destination.any, wire->destination.length), "connect");
}

static void send_plain(struct wire *wire)
{
	send_one(wire, 0);
}

static void send_connected(struct wire *wire)
{
	connect_near(wire);
	for (size_t i = 0; i < QUERIES; i++)
		must(send(wire->near, wire->queries[i].octets, wire->queries[i].length, 0), "send");
}

static void send_device(struct wire *wire)
{
	close(wire->near);
	wire->near = socket(wire->destination.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	set_option(wire->near, SOL_SOCKET, SO_BINDTODEVICE, wire->near_device, strlen(wire->near_device));
	send_one(wire, 0);
}

static void send_nocheck(struct wire *wire)
{
	if (is_ipv4(wire)) {
		set_flag(wire->near, SOL_SOCKET, SO_NO_CHECK);
	} else {
		set_flag(wire->near, IPPROTO_UDP, UDP_NO_CHECK6_TX);
		set_flag(wire->far, IPPROTO_UDP, UDP_NO_CHECK6_RX);
	}
	send_one(wire, 0);
}

static void put_control(struct msghdr *message, int level, int type, const void *value, size_t length)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);

	control->cmsg_level = level;
	control->cmsg_type = type;
	control->cmsg_len = CMSG_LEN(length);
	memcpy(CMSG_DATA(control), value, length);
	message->msg_controllen = CMSG_SPACE(length);
}

static void send_pktinfo(struct wire *wire)
{
	const struct in_pktinfo info4 = { .ipi_spec_dst = wire->source.v4.sin_addr };
	const struct in6_pktinfo info6 = { .ipi6_addr = wire->source.v6.sin6_addr };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(info6))];

	close(wire->near);
	wire->near = socket(wire->destination.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (size_t i = 0; i < QUERIES; i++) {
		struct iovec vector = { wire->queries[i].octets, wire->queries[i].length };
		struct msghdr message = { .msg_name = &wire->destination, .msg_namelen = wire->destination.length,
					  .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control,
					  .msg_controllen = sizeof(control) };

		memset(control, 0, sizeof(control));
		if (is_ipv4(wire))
			put_control(&message, IPPROTO_IP, IP_PKTINFO, &info4, sizeof(info4));
		else
			put_control(&message, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
		must(sendmsg(wire->near, &message, 0), "sendmsg");
	}
}

static void send_mapped(struct wire *wire)
{
	struct endpoint mapped = { .length = sizeof(mapped.v6) };

	mapped.v6.sin6_family = AF_INET6;
	mapped.v6.sin6_port = wire->destination.v4.sin_port;
	endpoint_octets(&wire->destination, mapped.v6.sin6_addr.s6_addr);
	close(wire->near);
	wire->near = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (size_t i = 0; i < QUERIES; i++)
		must(sendto(wire->near, wire->queries[i].octets, wire->queries[i].length, 0, &mapped.any, mapped.length),
		     "sendto");
}

static void send_with_option(struct wire *wire, int level, int option, const void *value, size_t length)
{
	set_option(wire->near, level, option, value, length);
	send_one(wire, 0);
}

static void send_nop(struct wire *wire)
{
	send_with_option(wire, IPPROTO_IP, IP_OPTIONS, "\1\1\1\0", 4);
}

static void send_record(struct wire *wire)
{
	send_with_option(wire, IPPROTO_IP, IP_OPTIONS, "\1\7\13\4\0\0\0\0\0\0\0\0", 12);
}

static void send_source_route(struct wire *wire)
{
	send_with_option(wire, IPPROTO_IP, IP_OPTIONS, "\1\203\7\4\300\0\2\1", 8);
}

static void send_hopopts(struct wire *wire)
{
	send_with_option(wire, IPPROTO_IPV6, IPV6_HOPOPTS, "\0\0\1\4\0\0\0\0", 8);
}

static void send_dstopts(struct wire *wire)
{
	send_with_option(wire, IPPROTO_IPV6, IPV6_DSTOPTS, "\0\0\1\4\0\0\0\0", 8);
}

/* A segment routing header (RFC 8754) whose only segment is the destination. */
static void send_rthdr(struct wire *wire)
{
	__u8 header[8 + 16] = { 0, 2, 4, 0, 0, 0, 0, 0 };

	memcpy(&header[8], &wire->destination.v6.sin6_addr, 16);
	send_with_option(wire, IPPROTO_IPV6, IPV6_RTHDR, header, sizeof(header));
}

static void send_broadcast(struct wire *wire)
{
	set_flag(wire->near, SOL_SOCKET, SO_BROADCAST);
	send_one(wire, 0);
}

/* Segments are of one length. */
static void send_segment(struct wire *wire)
{
	__u8 both[2 * DATAGRAM_MAX];
	int size;

	wire->octets = 64;
	make_query(wire, 0, 1);
	make_query(wire, 1, 2);
	size = (int)wire->queries[0].length;
	memcpy(both, wire->queries[0].octets, (size_t)size);
	memcpy(both + size, wire->queries[1].octets, (size_t)size);
	set_option(wire->near, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
	must(sendto(wire->near, both, 2 * (size_t)size, 0, &wire->destination.any, wire->destination.length), "sendto");
}

/* One page for each query, in a file of memory, and a copy of what is in it. */
static int make_pages(struct wire *wire, __u8 **ret_pages)
{
	int fd = memfd_create("queries", MFD_CLOEXEC);

	must(ftruncate(fd, QUERIES * PAGE), "ftruncate");
	*ret_pages = mmap(NULL, QUERIES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*ret_pages == MAP_FAILED)
		die("mmap");
	for (size_t i = 0; i < QUERIES; i++)
		memcpy(*ret_pages + i * PAGE, wire->queries[i].octets, PAGE);
	return fd;
}

static void check_pages(struct wire *wire, const __u8 *pages)
{
	for (size_t i = 0; i < QUERIES; i++)
		if (memcmp(pages + i * PAGE, wire->queries[i].octets, PAGE) != 0)
			wire->wrong++;
}

static void send_zerocopy(struct wire *wire)
{
	__u8 *pages;
	int fd = make_pages(wire, &pages);

	set_flag(wire->near, SOL_SOCKET, SO_ZEROCOPY);
	for (size_t i = 0; i < QUERIES; i++)
		must(sendto(wire->near, pages + i * PAGE, wire->queries[i].length, MSG_ZEROCOPY, &wire->destination.any,
			    wire->destination.length), "sendto");
	is_readable(wire->near, GRACE_MS);
	check_pages(wire, pages);
	close(fd);
}

static void send_sendfile(struct wire *wire)
{
	__u8 *pages;
	int fd = make_pages(wire, &pages);

	connect_near(wire);
	for (size_t i = 0; i < QUERIES; i++) {
		off_t offset = (off_t)i * PAGE;

		must(sendfile(wire->near, fd, &offset, wire->queries[i].length), "sendfile");
	}
	is_readable(wire->near, GRACE_MS);
	check_pages(wire, pages);
	close(fd);
}

static void send_splice(struct wire *wire)
{
	__u8 *pages;
	int fd = make_pages(wire, &pages), ends[2];

	connect_near(wire);
	must(pipe2(ends, O_CLOEXEC), "pipe2");
	for (size_t i = 0; i < QUERIES; i++) {
		struct iovec vector = { pages + i * PAGE, wire->queries[i].length };

		must(vmsplice(ends[1], &vector, 1, 0), "vmsplice");
		must(splice(ends[0], NULL, wire->near, NULL, vector.iov_len, 0), "splice");
	}
	is_readable(wire->near, GRACE_MS);
	check_pages(wire, pages);
	close(fd);
}

/* The frame of a query, from RAW_PORT, built by the test. */
static void make_frame(struct wire *wire, size_t number, struct packet *ret)
{
	const struct packet_plan plan = { .version = is_ipv4(wire) ? 4 : 6, .source = wire->source_text,
					  .destination = wire->destination_text, .source_port = RAW_PORT };
	struct message message = { .length = wire->queries[number].length };

	memcpy(message.octets, wire->queries[number].octets, sizeof(message.octets));
	make_packet(&plan, &message, ret);
	memcpy(ret->octets, wire->far_mac, ETH_ALEN);
	ret->octets[ETHERNET_SIZE + 1] = 0; /* no ECN: the far end might care */
	if (plan.version == 4)
		set_ipv4_checksum(ret);
	else
		ret->octets[ETHERNET_SIZE] = 0x60;
	wire->source.v4.sin_port = htons(RAW_PORT);
}

/* Raw sockets of IPv6 take no port. */
static void send_from(struct wire *wire, int fd, bool with_ip_header)
{
	struct endpoint destination = wire->destination;

	destination.v4.sin_port = 0;
	for (size_t i = 0; i < QUERIES; i++) {
		struct packet packet;
		size_t from;

		make_frame(wire, i, &packet);
		from = with_ip_header ? packet.network : packet.transport;
		must(sendto(fd, &packet.octets[from], packet.length - from, 0, &destination.any, destination.length),
		     "sendto");
	}
}

static void send_raw(struct wire *wire)
{
	int fd = socket(wire->destination.any.sa_family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);

	must(bind(fd, &wire->source.any, wire->source.length), "bind");
	send_from(wire, fd, false);
	close(fd);
}

static void send_header(struct wire *wire)
{
	int fd = socket(wire->destination.any.sa_family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

	must(fd, "socket");
	send_from(wire, fd, true);
	close(fd);
}

static void send_packet(struct wire *wire)
{
	struct sockaddr_ll device = { .sll_family = AF_PACKET,
				      .sll_protocol = htons(is_ipv4(wire) ? ETH_P_IP : ETH_P_IPV6),
				      .sll_ifindex = (int)if_nametoindex(wire->near_device) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	for (size_t i = 0; i < QUERIES; i++) {
		struct packet packet;

		make_frame(wire, i, &packet);
		must(sendto(fd, packet.octets, packet.length, 0, (struct sockaddr *)&device, sizeof(device)), "sendto");
	}
	close(fd);
}

static void send_tap(struct wire *wire)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	strncpy(request.ifr_name, wire->near_device, sizeof(request.ifr_name) - 1);
	must(ioctl(fd, TUNSETIFF, &request), "TUNSETIFF");
	usleep(50000); /* until the bridge knows that its port has a carrier */
	for (size_t i = 0; i < QUERIES; i++) {
		struct packet packet;

		make_frame(wire, i, &packet);
		must(write(fd, packet.octets, packet.length), "write");
	}
	usleep(50000);
	close(fd);
}

/* Does this thread's share, one after another. Each query has an ID that no other has. */
static void *ask_many(void *data)
{
	struct wire *shared = data, *mine = calloc(1, sizeof(*mine));
	static unsigned int next;
	unsigned int first = __atomic_fetch_add(&next, THREAD_QUERIES, __ATOMIC_RELAXED);
	struct datagram datagram;

	mine->type = shared->type;
	mine->near = socket(shared->destination.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (unsigned int id = first; id < first + THREAD_QUERIES; id++) {
		const struct query *query = &mine->queries[id % QUERIES];

		make_query(mine, id % QUERIES, id);
		must(sendto(mine->near, query->octets, query->length, 0, &shared->destination.any,
			    shared->destination.length), "sendto");
		if (!is_readable(mine->near, WAIT_MS)) {
			mine->lost++;
			continue;
		}
		take_datagram(mine->near, &datagram);
		if (is_datagram(&datagram, query->answer.octets, query->answer.length, &shared->destination))
			mine->answered++;
		else
			mine->wrong++;
	}
	__atomic_fetch_add(&shared->answered, mine->answered, __ATOMIC_RELAXED);
	__atomic_fetch_add(&shared->wrong, mine->wrong, __ATOMIC_RELAXED);
	__atomic_fetch_add(&shared->lost, mine->lost, __ATOMIC_RELAXED);
	free(mine);
	return NULL;
}

static void send_threads(struct wire *wire)
{
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, ask_many, wire) != 0)
			die("pthread_create");
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	wire->lost -= QUERIES; /* there are none of the usual ones */
}

static const struct way ways[] = {
	{ "plain", send_plain },         { "connected", send_connected },
	{ "device", send_device },       { "nocheck", send_nocheck },
	{ "pktinfo", send_pktinfo },     { "mapped", send_mapped },
	{ "nop", send_nop },             { "record", send_record },
	{ "source-route", send_source_route }, { "hopopts", send_hopopts },
	{ "dstopts", send_dstopts },     { "rthdr", send_rthdr },
	{ "broadcast", send_broadcast }, { "segment", send_segment },
	{ "zerocopy", send_zerocopy },   { "sendfile", send_sendfile },
	{ "splice", send_splice },       { "raw", send_raw },
	{ "header", send_header },       { "packet", send_packet },
	{ "tap", send_tap },             { "threads", send_threads },
};

static const struct query *find_query(const struct wire *wire, const struct datagram *datagram, bool answered)
{
	const struct endpoint *source = answered ? &wire->destination : &wire->source;

	for (size_t i = 0; i < QUERIES; i++) {
		const struct query *query = &wire->queries[i];

		if (answered && is_datagram(datagram, query->answer.octets, query->answer.length, source))
			return query;
		if (!answered && is_datagram(datagram, query->octets, query->length, source))
			return query;
	}
	return NULL;
}

/* Every datagram that comes at one of the ends is one of those; each query has one fate. */
static void receive(struct wire *wire)
{
	struct pollfd ends[2] = { { .fd = wire->near, .events = POLLIN }, { .fd = wire->far, .events = POLLIN } };
	bool had[QUERIES] = { false };
	struct datagram datagram;
	size_t count = 0;

	while (poll(ends, 2, count < QUERIES ? WAIT_MS : GRACE_MS) > 0) {
		bool answered = ends[0].revents & POLLIN;
		const struct query *query;
		size_t number;

		if (!answered && !(ends[1].revents & POLLIN)) { /* the news of MSG_ZEROCOPY */
			struct msghdr message = { .msg_name = NULL };

			must(recvmsg(wire->near, &message, MSG_ERRQUEUE), "recvmsg");
			continue;
		}
		take_datagram(answered ? wire->near : wire->far, &datagram);
		query = find_query(wire, &datagram, answered);
		number = query ? (size_t)(query - wire->queries) : 0;
		if (!query || had[number]) {
			wire->wrong++;
			continue;
		}
		had[number] = true;
		count++;
		if (answered)
			wire->answered++;
		else
			wire->passed++;
	}
	wire->lost += (unsigned int)(QUERIES - count);
}

static bool is_multicast(const struct endpoint *endpoint)
{
	if (endpoint->any.sa_family == AF_INET)
		return IN_MULTICAST(ntohl(endpoint->v4.sin_addr.s_addr));
	return IN6_IS_ADDR_MULTICAST(&endpoint->v6.sin6_addr);
}

static void join(int fd, const struct endpoint *group, const char *device)
{
	struct group_req request = { .gr_interface = if_nametoindex(device) };

	memcpy(&request.gr_group, &group->any, group->length);
	set_option(fd, group->any.sa_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, MCAST_JOIN_GROUP, &request,
		   sizeof(request));
}

static void read_mac(struct wire *wire)
{
	struct ifreq request = { .ifr_flags = 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strncpy(request.ifr_name, wire->far_device, sizeof(request.ifr_name) - 1);
	must(ioctl(fd, SIOCGIFHWADDR, &request), wire->far_device);
	memcpy(wire->far_mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
	close(fd);
}

/* At the far end a socket of any address: who sends to a group or a broadcast address is heard, too. */
static void open_wire(struct wire *wire)
{
	struct endpoint any;

	parse_endpoint(wire->destination_text, DNS_PORT, wire->far_device, &wire->destination);
	parse_endpoint(is_ipv4(wire) ? "0.0.0.0" : "::", DNS_PORT, wire->far_device, &any);
	wire->far = open_udp(&any);
	if (is_multicast(&wire->destination))
		join(wire->far, &wire->destination, wire->far_device);
	read_mac(wire);
	if (wire->near_netns) {
		enter_netns(wire->near_netns);
		enter_cgroup(wire->near_cgroup);
	}
	parse_endpoint(wire->destination_text, DNS_PORT, wire->near_device, &wire->destination);
	parse_endpoint(wire->source_text, 0, wire->near_device, &wire->source);
	wire->near = socket(wire->destination.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (strcmp(wire->way, "tap") != 0)
		must(bind(wire->near, &wire->source.any, wire->source.length), wire->source_text);
}

/* Raw sockets and frames have set the port already. */
static void run(struct wire *wire, const struct way *way)
{
	struct endpoint local;

	open_wire(wire);
	make_query(wire, 0, 1);
	make_query(wire, 1, 2);
	way->send(wire);
	read_local(wire->near, &local);
	if (!wire->source.v4.sin_port)
		wire->source.v4.sin_port = local.v4.sin_port;
	receive(wire);
	printf("answered=%u passed=%u wrong=%u lost=%u\n", wire->answered, wire->passed, wire->wrong, wire->lost);
}

static int usage(void)
{
	fputs("usage: wire-query [--near NETNS-FILE CGROUP] [--device NEAR] [--far-device FAR] [--type A|AAAA]"
	      " [--octets N] WAY SOURCE DESTINATION\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static struct wire wire = { .near_device = "h0", .far_device = "s0", .type = SIEVE_TYPE_AAAA };
	int arg = 1;

	for (; arg + 1 < argc && strncmp(argv[arg], "--", 2) == 0; arg += 2) {
		if (strcmp(argv[arg], "--near") == 0 && arg + 2 < argc) {
			wire.near_netns = argv[arg + 1];
			wire.near_cgroup = argv[++arg + 1];
		} else if (strcmp(argv[arg], "--device") == 0) {
			wire.near_device = argv[arg + 1];
		} else if (strcmp(argv[arg], "--far-device") == 0) {
			wire.far_device = argv[arg + 1];
		} else if (strcmp(argv[arg], "--type") == 0) {
			wire.type = strcmp(argv[arg + 1], "A") == 0 ? SIEVE_TYPE_A : SIEVE_TYPE_AAAA;
		} else if (strcmp(argv[arg], "--octets") == 0) {
			wire.octets = (size_t)atoi(argv[arg + 1]) % DATAGRAM_MAX;
		} else {
			return usage();
		}
	}
	if (argc - arg != 3)
		return usage();
	wire.way = argv[arg];
	wire.source_text = argv[arg + 1];
	wire.destination_text = argv[arg + 2];
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (strcmp(ways[i].name, wire.way) == 0) {
			run(&wire, &ways[i]);
			return 0;
		}
	return usage();
}
