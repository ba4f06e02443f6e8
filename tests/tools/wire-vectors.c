/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * wire-vectors --near NETNS-FILE CGROUP --devices NEAR FAR --useless A|AAAA --checksums partial|full
 *              --action answer|gateway|observe|reject|drop --step N --counters COMMAND SOURCE DESTINATION
 *
 * Sends every message of the corpus (corpus.h) by a UDP socket from SOURCE to port 53 of DESTINATION, one after
 * another, and compares: what passes arrives octet for octet, from this address and port; what is answered does
 * not arrive, and the sender gets what make_answer() says, which ldns finds sound as well; what is rejected
 * cannot be sent (EPERM), what is dropped is gone. ldns also has a say in which messages may be answered. Started
 * at the far end (wire.h). With `gateway` the program is on the way, and what it lets pass is counted once more as
 * not_local where it leaves the host.
 *
 * On both devices it looks at the frames as they come in: there is one for each message, at one of the
 * ends, and its IPv4 and UDP checksums are right; those that pass have the UDP one in full, or for the
 * device to complete (partial), as --checksums says.
 *
 * After every N messages (0: at the end) COMMAND has to print counters that have grown as predicted, as lines
 * of NAME VALUE. In the end it says what it did, and exits with 1 if something was not as it must be, or if there
 * were fewer than 200 different messages.
 */
#include "wire.h"
#include "tally.h"

#include "corpus.h"
#include "decoder.h"

#define CORPUS_MIN 200 /* different messages */

/* What the filter does with a useless query. */
enum action { ACTION_ANSWER, ACTION_GATEWAY, ACTION_OBSERVE, ACTION_REJECT, ACTION_DROP, ACTIONS };

/* What becomes of a message. */
enum fate { FATE_PASSED, FATE_ANSWERED, FATE_GONE };

struct options {
	const char *near_netns, *near_cgroup, *near_device, *far_device, *counters, *source, *destination;
	enum sieve_family useless;
	enum action action;
	bool partial;
	int step;
};

struct wire {
	struct options options;
	struct endpoint source, destination;
	int near, far;         /* UDP */
	int near_tap, far_tap; /* packet sockets; on lo one for both */
	struct tally tally;
	unsigned int sent, answered, passed, gone;
	unsigned int frames[2]; /* that passed: full, partial checksum */
};

static int open_tap(const char *device)
{
	struct sockaddr_ll where = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	where.sll_ifindex = (int)if_nametoindex(device);
	if (fd < 0 || !where.sll_ifindex || bind(fd, (struct sockaddr *)&where, sizeof(where)) != 0)
		die("packet socket on %s", device);
	set_flag(fd, SOL_PACKET, PACKET_AUXDATA);
	return fd;
}

/* The offset of the UDP header if it is a datagram from or to the DNS port, or 0. No extension headers here. */
static size_t find_udp(const __u8 *octets, size_t length)
{
	size_t udp;

	if (length < 28)
		return 0;
	udp = octets[0] >> 4 == 4 ? (octets[0] & 0xfU) * 4 : 40;
	if (length < udp + UDP_SIZE || octets[octets[0] >> 4 == 4 ? 9 : 6] != IPPROTO_UDP)
		return 0;
	return (octets[udp] << 8 | octets[udp + 1]) == DNS_PORT || (octets[udp + 2] << 8 | octets[udp + 3]) == DNS_PORT ?
		       udp : 0;
}

static void check_checksums(struct wire *wire, const __u8 *octets, size_t udp, size_t length, bool partial)
{
	bool is_ipv4 = octets[0] >> 4 == 4;
	size_t udp_length = (size_t)(octets[udp + 4] << 8 | octets[udp + 5]);
	__u16 checksum = (__u16)(octets[udp + 6] << 8 | octets[udp + 7]);
	__u32 pseudo = IPPROTO_UDP + (__u32)udp_length;

	pseudo = is_ipv4 ? sum_octets(&octets[12], 8, pseudo) : sum_octets(&octets[8], 32, pseudo);
	if (udp_length != length - udp)
		trouble(&wire->tally, "the UDP length of the frame is %zu, not %zu", udp_length, length - udp);
	else if (is_ipv4 && fold_sum(sum_octets(octets, udp, 0)) != 0)
		trouble(&wire->tally, "the checksum of the frame's IPv4 header is wrong");
	else if (!checksum)
		trouble(&wire->tally, "the frame has no UDP checksum");
	else if (partial && (checksum ^ fold_sum(pseudo)) != 0xffff)
		trouble(&wire->tally, "the frame's UDP checksum, partial, is not the pseudo-header's sum");
	else if (!partial && fold_sum(sum_octets(&octets[udp], udp_length, pseudo)) != 0)
		trouble(&wire->tally, "the frame's UDP checksum is wrong");
}

static bool is_partial(struct msghdr *message)
{
	for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control; control = CMSG_NXTHDR(message, control))
		if (control->cmsg_level == SOL_PACKET && control->cmsg_type == PACKET_AUXDATA) {
			struct tpacket_auxdata data;

			memcpy(&data, CMSG_DATA(control), sizeof(data));
			return data.tp_status & TP_STATUS_CSUMNOTREADY;
		}
	return false;
}

/* Look at the frames that came in since the last time. Returns how many were DNS, and were of which sort. */
static unsigned int read_tap(struct wire *wire, int fd, unsigned int frames[2])
{
	_Alignas(struct cmsghdr) char control[128];
	__u8 octets[DATAGRAM_MAX];
	struct sockaddr_ll from;
	struct iovec vector = { octets, sizeof(octets) };
	unsigned int count = 0;

	for (;;) {
		struct msghdr message = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &vector,
					  .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
		ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT);
		size_t udp;

		if (length < 0)
			return count;
		udp = from.sll_pkttype == PACKET_OUTGOING ? 0 : find_udp(octets, (size_t)length);
		if (!udp)
			continue;
		check_checksums(wire, octets, udp, (size_t)length, is_partial(&message));
		frames[is_partial(&message)]++;
		count++;
	}
}

/* One at the end where it has to come in; none if it is gone. */
static void check_frames(struct wire *wire, enum fate fate)
{
	const unsigned int here = fate == FATE_ANSWERED, there = fate == FATE_PASSED;
	unsigned int near[2] = { 0 }, far[2] = { 0 }, count;

	count = read_tap(wire, wire->far_tap, far);
	if (wire->near_tap == wire->far_tap) {
		if (count != here + there)
			trouble(&wire->tally, "%u frames came in, not %u", count, here + there);
	} else {
		if (count != there)
			trouble(&wire->tally, "%u frames came in at the far end, not %u", count, there);
		count = read_tap(wire, wire->near_tap, near);
		if (count != here)
			trouble(&wire->tally, "%u frames came in at the near end, not %u", count, here);
	}
	for (size_t i = 0; there && i < 2; i++)
		wire->frames[i] += far[i];
}

/* The answer as ldns reads it, beside DESIGN section 5. */
static void check_answer(struct wire *wire, const struct message *message, const struct datagram *datagram)
{
	const char *fault = answer_fault(message->octets, message->length, datagram->octets, datagram->length);

	if (fault)
		trouble(&wire->tally, "ldns finds fault with the answer: %s", fault);
}

static void drain(int fd)
{
	struct datagram datagram;

	while (is_readable(fd, 0))
		take_datagram(fd, &datagram);
}

/* Exactly what is expected, at the one end, and nothing at the other. */
static void receive(struct wire *wire, const struct message *message, const struct message *answer)
{
	struct pollfd ends[2] = { { .fd = wire->near, .events = POLLIN }, { .fd = wire->far, .events = POLLIN } };
	const struct endpoint *source = answer ? &wire->destination : &wire->source;
	const struct message *want = answer ? answer : message;
	struct datagram datagram;

	if (poll(ends, 2, WAIT_MS) <= 0)
		trouble(&wire->tally, "lost");
	else if (ends[!!answer].revents)
		trouble(&wire->tally, answer ? "it reached the far end" : "it was answered");
	else
		take_datagram(answer ? wire->near : wire->far, &datagram);
	if (ends[!answer].revents && !is_datagram(&datagram, want->octets, want->length, source))
		trouble(&wire->tally, "%s is not what it has to be, or from elsewhere",
			answer ? "the answer" : "the message at the far end");
	else if (ends[!answer].revents && answer)
		check_answer(wire, message, &datagram);
}

/* What comes later is seen beside the next message. */
static void receive_no_more(struct wire *wire)
{
	if (!is_readable(wire->near, 0) && !is_readable(wire->far, 0))
		return;
	trouble(&wire->tally, "a datagram came that must not");
	drain(wire->near);
	drain(wire->far);
}

static void send_message(struct wire *wire, const struct message *message, bool rejected)
{
	ssize_t sent = sendto(wire->near, message->octets, message->length, 0, &wire->destination.any,
			      wire->destination.length);

	if (rejected && (sent >= 0 || errno != EPERM))
		trouble(&wire->tally, "it can be sent");
	else if (!rejected && sent < 0)
		die("sendto");
}

static enum fate useless_fate(const struct wire *wire)
{
	static const enum fate fates[ACTIONS] = { FATE_ANSWERED, FATE_ANSWERED, FATE_PASSED, FATE_GONE, FATE_GONE };

	return fates[wire->options.action];
}

static void predict(struct wire *wire, enum sieve_reason reason, enum sieve_family family)
{
	static const unsigned int counters[ACTIONS] = { SIEVE_COUNTER_ANSWERED, SIEVE_COUNTER_ANSWERED,
							SIEVE_COUNTER_OBSERVED, SIEVE_COUNTER_REJECTED,
							SIEVE_COUNTER_DROPPED };

	wire->tally.predicted[reason ? reason : counters[wire->options.action] + family]++;
	if (!reason && wire->options.action == ACTION_OBSERVE)
		wire->tally.predicted[SIEVE_REASON_observed]++; /* the same, as a reason */
	if (reason && wire->options.action == ACTION_GATEWAY)
		wire->tally.predicted[SIEVE_REASON_not_local]++;
}

/* May it be answered? ldns must be of the same opinion. */
static void check_message(struct wire *wire, const struct message *message, enum sieve_reason reason)
{
	enum sieve_family family;
	const char *fault = query_fault(message->octets, message->length, &family);

	if (fault && !reason)
		trouble(&wire->tally, "ldns would not have it answered: %s", fault);
	else if (!fault && reason)
		trouble(&wire->tally, "ldns would have it answered");
	remember(&wire->tally, &message->octets[2], message->length < 2 ? 0 : message->length - 2); /* without the ID */
}

/* Where A is useless, both types change places. */
static void exchange(struct wire *wire, const struct corpus_entry *entry)
{
	struct message_plan plan = entry->plan;
	enum sieve_reason reason = entry->reason;
	struct message message, answer;
	enum fate fate;

	wire->tally.phrase = entry->phrase;
	if (wire->options.useless == SIEVE_IPV4 && plan_type(&entry->plan) == SIEVE_TYPE_A)
		plan.qtype = SIEVE_TYPE_AAAA;
	else if (wire->options.useless == SIEVE_IPV4 && plan_type(&entry->plan) == SIEVE_TYPE_AAAA)
		plan.qtype = SIEVE_TYPE_A;
	make_message(&plan, &message);
	make_answer(&plan, true, &answer);
	check_message(wire, &message, reason);
	set_id(&message, ++wire->sent);
	set_id(&answer, wire->sent);
	if (!reason && plan_family(&plan) != wire->options.useless)
		reason = SIEVE_REASON_connected;
	fate = reason ? FATE_PASSED : useless_fate(wire);
	send_message(wire, &message, fate == FATE_GONE && wire->options.action == ACTION_REJECT);
	if (fate != FATE_GONE)
		receive(wire, &message, fate == FATE_ANSWERED ? &answer : NULL);
	receive_no_more(wire);
	check_frames(wire, fate);
	predict(wire, reason, plan_family(&plan));
	wire->passed += fate == FATE_PASSED;
	wire->answered += fate == FATE_ANSWERED;
	wire->gone += fate == FATE_GONE;
}

/* Whatever else arrived has arrived by the end: the last message passes. */
static void send_all(struct wire *wire)
{
	struct corpus_entry entry;

	start_counters(&wire->tally, wire->options.counters);
	for (size_t i = 0; make_corpus_entry(i, &entry) && wire->tally.troubles <= TROUBLES_MAX; i++) {
		exchange(wire, &entry);
		if (wire->options.step && wire->sent % (unsigned int)wire->options.step == 0)
			check_counters(&wire->tally);
	}
	copy_entry("the last", &message_pairs[0].twin, message_pairs[0].reason, &entry);
	exchange(wire, &entry);
	wire->tally.phrase = "in the end";
	check_counters(&wire->tally);
	if (wire->frames[!wire->options.partial] || wire->frames[wire->options.partial] != wire->passed)
		trouble(&wire->tally, "of %u messages that passed %u had a full and %u a partial checksum", wire->passed,
			wire->frames[0], wire->frames[1]);
	if (wire->tally.distinct < CORPUS_MIN)
		trouble(&wire->tally, "the corpus has only %u different messages", wire->tally.distinct);
}

static void open_wire(struct wire *wire)
{
	const struct options *options = &wire->options;

	parse_endpoint(options->destination, DNS_PORT, options->far_device, &wire->destination);
	wire->far = open_udp(&wire->destination);
	wire->far_tap = open_tap(options->far_device);
	enter_netns(options->near_netns);
	enter_cgroup(options->near_cgroup);
	parse_endpoint(options->source, 0, options->near_device, &wire->source);
	parse_endpoint(options->destination, DNS_PORT, options->near_device, &wire->destination);
	wire->near = open_udp(&wire->source);
	read_local(wire->near, &wire->source);
	wire->near_tap = wire->far_tap;
	if (strcmp(options->near_device, options->far_device) != 0)
		wire->near_tap = open_tap(options->near_device);
}

static int usage(void)
{
	fputs("usage: wire-vectors --near NETNS-FILE CGROUP --devices NEAR FAR --useless A|AAAA"
	      " --checksums partial|full --action answer|gateway|observe|reject|drop --step N --counters COMMAND"
	      " SOURCE DESTINATION\n", stderr);
	return 2;
}

static bool parse_action(const char *word, enum action *ret)
{
	static const char *const words[ACTIONS] = { "answer", "gateway", "observe", "reject", "drop" };

	for (size_t i = 0; i < ACTIONS; i++)
		if (strcmp(words[i], word) == 0) {
			*ret = (enum action)i;
			return true;
		}
	return false;
}

/* Each option has one word, or two; all are wanted, in this order. */
static bool parse(int argc, char **argv, struct options *ret)
{
	static const char *const words[] = { "--near", "", "", "--devices", "", "", "--useless", "", "--checksums", "",
					     "--action", "", "--step", "", "--counters", "", "", "" };

	if (argc != 1 + (int)ARRAY_SIZE(words))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i][0] && strcmp(words[i], argv[1 + i]) != 0)
			return false;
	*ret = (struct options){ .near_netns = argv[2], .near_cgroup = argv[3], .near_device = argv[5],
				 .far_device = argv[6], .counters = argv[16], .source = argv[17], .destination = argv[18],
				 .useless = strcmp(argv[8], "A") == 0 ? SIEVE_IPV4 : SIEVE_IPV6,
				 .partial = strcmp(argv[10], "partial") == 0, .step = atoi(argv[14]) };
	return parse_action(argv[12], &ret->action);
}

int main(int argc, char **argv)
{
	static struct wire wire;

	if (!parse(argc, argv, &wire.options))
		return usage();
	open_wire(&wire);
	send_all(&wire);
	printf("sent=%u different=%u answered=%u passed=%u gone=%u full=%u partial=%u troubles=%u\n", wire.sent,
	       wire.tally.distinct, wire.answered, wire.passed, wire.gone, wire.frames[0], wire.frames[1],
	       wire.tally.troubles);
	return wire.tally.troubles || !wire.passed;
}
