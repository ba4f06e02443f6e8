/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * wire-packets --near NETNS-FILE --devices NEAR FAR --hook gateway|egress --useless A|AAAA --counters COMMAND
 *
 * Sends every packet of packet-pairs.h as it is, by a packet socket on NEAR, one after another: those that no UDP
 * socket could send among them. Started at the far end (wire.h).
 *
 * gateway  The program is on the way, at the port of a bridge, which hands on whatever comes. What may be answered
 *          is answered, octet for octet as make_reply() says; all else comes in on FAR as it was sent, and is
 *          counted by its reason, and as not_local where it leaves the host.
 * egress   The program is on NEAR. All of them come in on FAR as they were sent, for none has the socket of a
 *          query: what looks like DNS is counted as not_local.
 *
 * COMMAND has to print counters that have grown as predicted, as lines of NAME VALUE. In the end it says what it
 * did, and exits with 1 if something was not as it must be.
 */
#include "wire.h"
#include "tally.h"

#include <net/if_arp.h>
#include <sys/ioctl.h>

#include "kernel/packet-pairs.h"

#define STEP 30 /* packets, after which the counters are looked at */

struct wire {
	const char *near_netns, *near_device, *far_device;
	bool at_gateway, has_ethernet, is_loopback;
	enum sieve_family useless;
	int near, far; /* packet sockets; on lo one for both */
	struct tally tally;
	unsigned int sent, answered, passed;
};

static int open_frames(const char *device)
{
	struct sockaddr_ll where = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	where.sll_ifindex = (int)if_nametoindex(device);
	if (fd < 0 || !where.sll_ifindex || bind(fd, (struct sockaddr *)&where, sizeof(where)) != 0)
		die("packet socket on %s", device);
	return fd;
}

static bool has_ethernet(const char *device)
{
	struct ifreq request = { .ifr_flags = 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strncpy(request.ifr_name, device, sizeof(request.ifr_name) - 1);
	if (ioctl(fd, SIOCGIFHWADDR, &request) != 0)
		die("%s", device);
	close(fd);
	return request.ifr_hwaddr.sa_family == ARPHRD_ETHER || request.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
}

/* What of the packet is on this device: TUN has no link layer. */
static size_t first_octet(const struct wire *wire)
{
	return wire->has_ethernet ? 0 : ETHERNET_SIZE;
}

static void send_packet(struct wire *wire, const struct packet *packet)
{
	size_t from = first_octet(wire);
	struct sockaddr_ll where = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(wire->near_device),
				     .sll_protocol = htons((__u16)(packet->octets[12] << 8 | packet->octets[13])) };

	if (sendto(wire->near, &packet->octets[from], packet->length - from, 0, (struct sockaddr *)&where,
		   sizeof(where)) < 0)
		die("%s", wire->tally.phrase);
	wire->sent++;
	remember(&wire->tally, &packet->octets[from], packet->length - from);
}

/* Is it between the two MAC addresses of packets.h? The kernel sends others. */
static bool is_between_us(const __u8 *octets, size_t length)
{
	static const __u8 ours[ETH_ALEN] = { 0x02, 0, 0, 0, 0, 0x10 };

	return length >= ETHERNET_SIZE &&
	       (memcmp(octets, ours, ETH_ALEN) == 0 || memcmp(octets + ETH_ALEN, ours, ETH_ALEN) == 0);
}

/* How many of the frames that came in are this one; others of ours must not be. */
static unsigned int read_frames(struct wire *wire, int fd, const struct packet *want)
{
	size_t from = first_octet(wire);
	unsigned int count = 0;
	__u8 octets[DATAGRAM_MAX];

	for (;;) {
		struct sockaddr_ll source;
		socklen_t size = sizeof(source);
		ssize_t length = recvfrom(fd, octets, sizeof(octets), MSG_DONTWAIT, (struct sockaddr *)&source, &size);

		if (length < 0)
			return count;
		if (source.sll_pkttype == PACKET_OUTGOING)
			continue;
		if (want && (size_t)length == want->length - from &&
		    memcmp(octets, &want->octets[from], (size_t)length) == 0)
			count++;
		else if (is_between_us(octets, (size_t)length))
			trouble(&wire->tally, "a frame of %zd octets that is not as it must be", length);
	}
}

/* It comes in once, at the one end, and nothing does at the other. */
static void receive(struct wire *wire, const struct packet *want, bool answered)
{
	int here = answered ? wire->near : wire->far, there = answered ? wire->far : wire->near;
	unsigned int count = 0;

	for (int waited = 0; !count && waited < WAIT_MS; waited += 10) {
		count = read_frames(wire, here, want);
		if (!count)
			is_readable(here, 10);
	}
	count += read_frames(wire, here, want);
	if (count != 1)
		trouble(&wire->tally, "%u frames as they must be came in at the %s end", count,
			answered ? "near" : "far");
	if (there != here)
		read_frames(wire, there, NULL);
}

static void make_usual(const struct wire *wire, const struct packet_plan *plan, int version, struct packet *ret,
		       struct packet *ret_reply)
{
	const struct message_plan usual = { .edns = true,
					    .qtype = wire->useless == SIEVE_IPV4 ? SIEVE_TYPE_A : SIEVE_TYPE_AAAA };
	struct packet_plan versioned = *plan;
	struct message message, answer;

	versioned.version = version;
	make_message(&usual, &message);
	make_answer(&usual, true, &answer);
	make_packet(&versioned, &message, ret);
	ret_reply->length = 0;
	if (!plan->tcp_flags)
		make_reply(ret, &answer, ret_reply);
	if (wire->is_loopback)
		memset(ret->octets, 0, 2 * ETH_ALEN);
}

/* `reason`: none if it may be answered; NO_DNS */
static void exchange(struct wire *wire, const char *phrase, const struct packet_plan *plan, int version, int reason)
{
	struct packet packet, reply;
	bool answered;

	wire->tally.phrase = phrase;
	make_usual(wire, plan, version, &packet, &reply);
	if (wire->at_gateway && plan->behind) /* frames that come in may be padded */
		reason = SIEVE_REASON_NONE;
	answered = wire->at_gateway && reason == SIEVE_REASON_NONE;
	send_packet(wire, &packet);
	receive(wire, answered ? &reply : &packet, answered);
	if (answered) {
		wire->tally.predicted[SIEVE_COUNTER_ANSWERED + wire->useless]++;
		/* The answer goes to the DNS port as well, out of a device with the egress program. */
		wire->tally.predicted[SIEVE_REASON_not_local] += plan->source_port == DNS_PORT;
	} else if (reason != NO_DNS) {
		wire->tally.predicted[SIEVE_REASON_not_local]++;
		if (wire->at_gateway)
			wire->tally.predicted[reason]++;
	}
	wire->answered += answered;
	wire->passed += !answered;
	if (wire->sent % STEP == 0)
		check_counters(&wire->tally);
}

/* Several datagrams in one buffer cannot be sent so; a TUN device takes only what says the same version twice. */
static bool can_be_sent(const struct wire *wire, const struct packet_plan *plan)
{
	if (plan->gso_segs > 1)
		return false;
	return wire->has_ethernet || (!plan->ether_type && !plan->ip_version);
}

static void exchange_versions(struct wire *wire, const char *phrase, const struct packet_plan *plan, int reason)
{
	for (int version = 4; version <= 6; version += 2)
		if (is_of_version(plan, version) && can_be_sent(wire, plan))
			exchange(wire, phrase, plan, version, reason);
}

static void send_all(struct wire *wire, const char *counters)
{
	start_counters(&wire->tally, counters);
	for (size_t i = 0; i < ARRAY_SIZE(packet_pairs) && wire->tally.troubles <= TROUBLES_MAX; i++) {
		exchange_versions(wire, packet_pairs[i].phrase, &packet_pairs[i].plan, SIEVE_REASON_NONE);
		exchange_versions(wire, packet_pairs[i].twin_phrase, &packet_pairs[i].twin, packet_pairs[i].reason);
	}
	wire->tally.phrase = "in the end";
	check_counters(&wire->tally);
}

static void open_wire(struct wire *wire)
{
	wire->far = open_frames(wire->far_device);
	enter_netns(wire->near_netns);
	wire->is_loopback = strcmp(wire->near_device, "lo") == 0;
	wire->has_ethernet = has_ethernet(wire->near_device);
	wire->near = wire->is_loopback ? wire->far : open_frames(wire->near_device);
}

static int usage(void)
{
	fputs("usage: wire-packets --near NETNS-FILE --devices NEAR FAR --hook gateway|egress --useless A|AAAA"
	      " --counters COMMAND\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static struct wire wire;

	if (argc != 12 || strcmp(argv[1], "--near") != 0 || strcmp(argv[3], "--devices") != 0 ||
	    strcmp(argv[6], "--hook") != 0 || strcmp(argv[8], "--useless") != 0 || strcmp(argv[10], "--counters") != 0)
		return usage();
	wire.near_netns = argv[2];
	wire.near_device = argv[4];
	wire.far_device = argv[5];
	wire.at_gateway = strcmp(argv[7], "gateway") == 0;
	wire.useless = strcmp(argv[9], "A") == 0 ? SIEVE_IPV4 : SIEVE_IPV6;
	open_wire(&wire);
	send_all(&wire, argv[11]);
	printf("sent=%u different=%u answered=%u passed=%u troubles=%u\n", wire.sent, wire.tally.distinct, wire.answered,
	       wire.passed, wire.tally.troubles);
	return wire.tally.troubles || !wire.passed;
}
