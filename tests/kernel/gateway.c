/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The gateway's program on real devices: which frames it takes for its own, and that the answers to them arrive.
 * The test is the host; a client has the other end of a veth, in a namespace of its own. Whole frames go to and
 * fro by packet sockets, so that each octet of an answer is seen; and queries by UDP sockets, whose checksums
 * the kernel leaves to the devices.
 */
#include "sandbox.h"
#include "harness.h"

#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/uio.h>

#define INGRESS_ATTACH_TYPE 46 /* BPF_TCX_INGRESS */
#define SOON 2000              /* ms in which an answer comes */
#define NEVER 30               /* ms after which no answer comes any more */

#ifndef BPF_F_TEST_SKB_CHECKSUM_COMPLETE
#define BPF_F_TEST_SKB_CHECKSUM_COMPLETE (1U << 2) /* Linux 6.17 */
#endif

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static const __u8 other_mac[ETH_ALEN] = { 0x02, 0, 0, 0, 0, 0x54 };
static const __u8 broadcast_mac[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const __u8 group_mac[ETH_ALEN] = { 0x33, 0x33, 0, 0, 0, 0x53 };
static const struct message_plan with_opt = { .edns = true }, without_opt = { .qname = "example.com" };

static struct filter filter;
static int host_ns = -1, client_ns = -1;
static int frames = -1; /* the client's packet socket */

/* Where the program is attached: by a link, or by a filter where the kernel has no tcx. */
static struct {
	int link;
	bool has_filter;
	struct bpf_tc_hook hook;
} attachment = { .link = -1 };

static int open_namespace(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void go_to(int namespace_fd)
{
	assert_int_equal(setns(namespace_fd, CLONE_NEWNET), 0);
}

/* Interfaces and addresses were made meanwhile, each of which is another generation. */
static void publish_anew(void)
{
	read_generations(&filter, filter.state.generation);
	publish(&filter, &filter.state);
}

static void attach_filter(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = 1, .priority = 1, .prog_fd = hook_fd(&filter, HOOK_GATEWAY));

	attachment.hook = (struct bpf_tc_hook){ .sz = sizeof(attachment.hook), .ifindex = ifindex,
						.attach_point = BPF_TC_INGRESS };
	assert_int_equal(bpf_tc_hook_create(&attachment.hook), 0);
	assert_int_equal(bpf_tc_attach(&attachment.hook, &options), 0);
	attachment.has_filter = true;
}

static void attach_to(const char *name)
{
	int ifindex = (int)if_nametoindex(name);

	attachment.link = bpf_link_create(hook_fd(&filter, HOOK_GATEWAY), ifindex,
					  (enum bpf_attach_type)INGRESS_ATTACH_TYPE, NULL);
	if (attachment.link < 0)
		attach_filter(ifindex);
	publish_anew();
}

static void detach(void)
{
	if (attachment.link >= 0)
		close(attachment.link);
	attachment.link = -1;
	if (attachment.has_filter) {
		attachment.hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS; /* the qdisc with all it has */
		assert_int_equal(bpf_tc_hook_destroy(&attachment.hook), 0);
	}
	attachment.has_filter = false;
}

/* Another action, or another policy: the same programs, loaded anew. */
static void reload(enum sieve_action action)
{
	struct sieve_policy policy = usual_policy();

	policy.action = (__u8)action;
	policy.whole_host = 0; /* scopes are for our own */
	if (filter.skel)
		unload_filter(&filter);
	load_filter(&filter, &policy); /* a test run has a socket of this namespace, which is followed */
}

static int open_frames(const char *name)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				       .sll_ifindex = (int)if_nametoindex(name) };
	int one = 1, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)), 0);
	return fd;
}

/*
 * The host's h0 with the usual packet's MAC address, and the client's c0 with that of its sender. Nothing in
 * either namespace says anything by itself.
 */
static int make_veth(void **state)
{
	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	client_ns = open_namespace();
	enter_namespace(NULL);
	host_ns = open_namespace();
	run("ip link add h0 address 02:00:00:00:00:53 type veth peer name c0 address 02:00:00:00:00:10 netns /proc/%d/fd/%d",
	    (int)getpid(), client_ns);
	run("ip link set dev h0 addrgenmode none && ip link set dev h0 up");
	go_to(client_ns);
	run("ip link set dev c0 addrgenmode none && ip link set dev c0 up");
	frames = open_frames("c0");
	go_to(host_ns);
	reload(SIEVE_ACTION_ANSWER);
	return 0;
}

static int leave_veth(void **state)
{
	(void)state;
	go_to(host_ns);
	detach();
	unload_filter(&filter);
	close(frames);
	close(host_ns);
	close(client_ns); /* with it the veth goes */
	return 0;
}

static void make_query(const struct packet_plan *plan, const struct message_plan *message_plan, struct packet *ret)
{
	struct message message;

	make_message(message_plan, &message);
	make_packet(plan, &message, ret);
}

static void make_wanted(const struct packet *query, const struct message_plan *message_plan, struct packet *ret)
{
	struct message answer;

	make_answer(message_plan, true, &answer);
	make_reply(query, &answer, ret);
}

/* The next frame that came to the client, and its VLAN tag, -1 if it has none. Returns its length, 0 if none came. */
static size_t receive_frame(int fd, int timeout, __u8 *ret_octets, size_t size, int *ret_tag)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	struct sockaddr_ll from;
	struct iovec vector = { ret_octets, size };
	struct msghdr message = { .msg_name = &from, .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control };
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	const struct tpacket_auxdata *data;
	ssize_t length;

	while (poll(&polled, 1, timeout) == 1) {
		message.msg_namelen = sizeof(from);
		message.msg_controllen = sizeof(control);
		length = recvmsg(fd, &message, 0);
		assert_true(length > 0);
		if (from.sll_pkttype != PACKET_HOST) /* our own, or what a bridge tells all */
			continue;
		data = (const void *)CMSG_DATA(&control.header);
		*ret_tag = data->tp_status & TP_STATUS_VLAN_VALID ? data->tp_vlan_tci : -1;
		return (size_t)length;
	}
	return 0;
}

static void send_frame(int fd, const __u8 *octets, size_t length)
{
	assert_int_equal(write(fd, octets, length), length);
}

/* A frame of the client as it is, or with a VLAN tag: its answer has the same. -1: none. */
static void send_tagged(const struct packet *packet, int tag)
{
	__u8 octets[sizeof(packet->octets) + 4];
	const __u8 header[4] = { 0x81, 0, (__u8)(tag >> 8), (__u8)tag };

	if (tag < 0) {
		send_frame(frames, packet->octets, packet->length);
		return;
	}
	memcpy(octets, packet->octets, 12);
	memcpy(&octets[12], header, 4);
	memcpy(&octets[16], &packet->octets[12], packet->length - 12);
	send_frame(frames, octets, packet->length + 4);
}

static void check_frame(const char *phrase, const struct packet *want, const __u8 *octets, size_t length)
{
	if (length != want->length)
		fail_msg("%s: an answer of %zu octets, not %zu", phrase, length, want->length);
	for (size_t i = 0; i < length; i++)
		if (octets[i] != want->octets[i])
			fail_msg("%s: octet %zu of the answer is %#x, not %#x", phrase, i, octets[i], want->octets[i]);
}

static void expect_counter(const char *phrase, const __u64 before[SIEVE_COUNTERS], int counter)
{
	__u64 after[SIEVE_COUNTERS];
	int moved;

	read_counters(&filter, after);
	moved = counter_that_moved(before, after);
	if (moved != counter)
		fail_msg("%s: counter %d, not %d", phrase, moved, counter);
}

static void expect_reply(const char *phrase, const struct packet_plan *plan, const struct message_plan *message, int tag)
{
	__u64 before[SIEVE_COUNTERS];
	struct packet query, want;
	__u8 octets[2048];
	size_t length;
	int got = -1;

	make_query(plan, message, &query);
	make_wanted(&query, message, &want);
	read_counters(&filter, before);
	send_tagged(&query, tag);
	length = receive_frame(frames, SOON, octets, sizeof(octets), &got);
	check_frame(phrase, &want, octets, length);
	if (got != tag)
		fail_msg("%s: tag %d, not %d", phrase, got, tag);
	expect_counter(phrase, before, SIEVE_COUNTER_ANSWERED + (int)plan_family(message));
}

/* Over both IP versions, with OPT and without. */
static void answers(const char *phrase, struct packet_plan plan, int tag)
{
	for (plan.version = 4; plan.version <= 6; plan.version += 2) {
		expect_reply(phrase, &plan, &with_opt, tag);
		expect_reply(phrase, &plan, &without_opt, tag);
	}
}

/* No answer; the counter that moves, or UNCOUNTED. */
static void passes(const char *phrase, struct packet_plan plan, int tag, int counter)
{
	__u64 before[SIEVE_COUNTERS];
	struct packet query;
	__u8 octets[2048];
	int got;

	for (plan.version = 4; plan.version <= 6; plan.version += 2) {
		make_query(&plan, &with_opt, &query);
		read_counters(&filter, before);
		send_tagged(&query, tag);
		if (receive_frame(frames, NEVER, octets, sizeof(octets), &got))
			fail_msg("%s: a frame came back", phrase);
		expect_counter(phrase, before, counter);
	}
}

static const struct packet_plan usual = {}, to_other = { .mac = other_mac };

static void frames_to_the_host_are_answered_and_overheard_ones_are_not(void **state)
{
	(void)state;
	attach_to("h0");
	answers("to the host", usual, -1);
	passes("to another MAC address", to_other, -1, UNCOUNTED);
	run("ip link set dev h0 promisc on");
	passes("overheard", to_other, -1, UNCOUNTED);
	answers("to the host, again", usual, -1);
}

static void frames_to_several_hosts_pass(void **state)
{
	const struct packet_plan to_all = { .mac = broadcast_mac }, to_group = { .mac = group_mac };

	(void)state;
	attach_to("h0");
	passes("a broadcast", to_all, -1, SIEVE_REASON_destination);
	passes("a multicast", to_group, -1, SIEVE_REASON_destination);
	answers("the twin", usual, -1);
}

static void padding_is_cut_off(void **state)
{
	(void)state;
	attach_to("h0");
	for (__u8 octets = 0; octets <= 32; octets++) {
		const struct packet_plan plan = { .behind = octets };

		answers("padding", plan, -1);
	}
}

/* With a bridge over it, frames to the bridge and through it come in by the port. */
static void a_bridge_port_answers_what_goes_to_or_through_the_bridge(void **state)
{
	const struct packet_plan to_all = { .mac = broadcast_mac };

	(void)state;
	attach_to("h0");
	passes("before there is a bridge", to_other, -1, UNCOUNTED);
	run("ip link add br0 address 02:00:00:00:00:54 type bridge && ip link set dev br0 addrgenmode none");
	run("ip link set dev br0 up && ip link set dev h0 master br0");
	publish_anew();
	answers("to the bridge", to_other, -1);
	answers("to the port", usual, -1);
	passes("a broadcast", to_all, -1, SIEVE_REASON_destination);
	run("ip link set dev h0 nomaster");
	publish_anew();
	passes("no port any more", to_other, -1, UNCOUNTED);
}

static void a_bridge_itself_answers_what_goes_to_it(void **state)
{
	int running = -1;

	(void)state;
	run("ip link add br0 address 02:00:00:00:00:54 type bridge && ip link set dev br0 addrgenmode none");
	run("ip link set dev br0 up && ip link set dev h0 master br0");
	for (int i = 0; i < 300 && running != 0; i++) { /* it learns of its first port a moment later */
		pause_ms(10);
		running = system("ip link show br0 | grep -q 'state UP'");
	}
	attach_to("br0");
	answers("to the bridge", to_other, -1);
	passes("to several by the bridge", (struct packet_plan){ .mac = group_mac }, -1, SIEVE_REASON_destination);
}

/* Without a bridge the VLAN's device is the one to attach to. */
static void a_tag_is_kept_on_a_bridge_port_and_left_alone_elsewhere(void **state)
{
	static const int tags[] = { 1, 10, 4094, 0x6000 | 10 };

	(void)state;
	attach_to("h0");
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
		passes("tagged, on no port", usual, tags[i], UNCOUNTED);
	answers("the twin without tag", usual, -1);
	run("ip link add br0 address 02:00:00:00:00:54 type bridge && ip link set dev br0 addrgenmode none");
	run("ip link set dev br0 up && ip link set dev h0 master br0");
	publish_anew();
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
		answers("tagged, on a port", to_other, tags[i]);
	answers("padded and tagged", (struct packet_plan){ .behind = 18 }, 10);
}

static void a_vlans_device_answers_what_has_its_tag(void **state)
{
	(void)state;
	if (system("ip link add link h0 name v0 type vlan id 10 2>/dev/null"))
		skip();
	run("ip link set dev v0 addrgenmode none && ip link set dev v0 up");
	attach_to("v0");
	answers("its tag", usual, 10);
	passes("another tag", usual, 11, UNCOUNTED);
	passes("no tag", usual, -1, UNCOUNTED);
	passes("its tag, to another MAC address", to_other, 10, UNCOUNTED);
}

static void lo_is_no_gateway(void **state)
{
	struct outcome outcome;
	struct message answer;
	struct packet packet;

	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		usual_query(version, SIEVE_IPV6, &packet, &answer);
		run_packet(&filter, HOOK_GATEWAY, LOOPBACK, &packet, &outcome);
		check_passed("lo", HOOK_GATEWAY, &packet, &outcome, UNCOUNTED);
		usual_query(version, SIEVE_IPV6, &packet, &answer);
		run_packet(&filter, HOOK_GATEWAY, tap_ifindex, &packet, &outcome);
		check_answered("another device", tap_ifindex, &packet, &answer, SIEVE_IPV6, &outcome);
	}
}

/* Returns 0, -EBADMSG if the sum over the frame is wrong afterwards, -EINVAL where the kernel does not look. */
static int run_with_sum(int version, const struct message_plan *message)
{
	const struct packet_plan plan = { .version = version };
	struct __sk_buff context = { .ifindex = (__u32)tap_ifindex };
	struct packet packet;
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet.octets, .ctx_in = &context, .ctx_size_in = sizeof(context),
		    .repeat = 1, .flags = BPF_F_TEST_SKB_CHECKSUM_COMPLETE);
	int r;

	make_query(&plan, message, &packet);
	run.data_size_in = (__u32)packet.length;
	r = bpf_prog_test_run_opts(hook_fd(&filter, HOOK_GATEWAY), &run);
	assert_true(r < 0 || run.retval == TC_ACT_REDIRECT);
	return r;
}

/*
 * The sum that a device made over the whole frame (CHECKSUM_COMPLETE) stays true of an answer of the query's length.
 * For another length, or where padding is cut off, the kernel lets go of it.
 */
static void the_devices_sum_over_the_frame_stays_true(void **state)
{
	const struct message_plan plans[] = {
		{ .edns = false }, { .edns = false, .qtype = SIEVE_TYPE_A },
		/* as long as the extended error */
		{ .edns = true, .options = OCTETS("\0\14\0\17fifteen octets!") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(plans); i++)
		for (int version = 4; version <= 6; version += 2) {
			int r = run_with_sum(version, &plans[i]);

			if (r == -EINVAL)
				skip();
			if (r < 0)
				fail_msg("message %zu, IPv%d: %s", i, version, strerror(-r));
		}
}

static void the_devices_namespace_decides(void **state)
{
	struct sieve_netns published;

	(void)state;
	attach_to("h0");
	answers("without IPv6", usual, -1);
	published = filter.state;
	published.connectivity[SIEVE_IPV6] = SIEVE_CONNECTED;
	publish(&filter, &published);
	passes("with IPv6", usual, -1, SIEVE_REASON_connected);
	forget_namespace(&filter);
	passes("not known", usual, -1, SIEVE_REASON_unknown_netns);
	publish(&filter, &filter.state);
	answers("again", usual, -1);
	run("ip -6 route add 2001:db8:1::/48 dev lo");
	passes("a new route", usual, -1, SIEVE_REASON_changed);
	publish_anew();
	stamp_heartbeat(&filter, monotonic_ns() - 40 * SECOND);
	if (monotonic_ns() > 40 * SECOND)
		passes("no heartbeat", usual, -1, SIEVE_REASON_stale);
	stamp_heartbeat(&filter, monotonic_ns());
	answers("in the end", usual, -1);
}

/* Real sockets: a client's, and one of a server on the host, which gets what passes. */

static int open_socket(int version, bool is_server)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd = socket(version == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const void *address = version == 4 ? (void *)&four : (void *)&six;
	socklen_t size = version == 4 ? sizeof(four) : sizeof(six);

	assert_true(fd >= 0);
	inet_pton(AF_INET, "192.0.2.53", &four.sin_addr);
	inet_pton(AF_INET6, "2001:db8::53", &six.sin6_addr);
	assert_int_equal(is_server ? bind(fd, address, size) : connect(fd, address, size), 0);
	return fd;
}

static bool receive_message(int fd, int timeout, struct message *ret)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	ssize_t length;

	if (poll(&polled, 1, timeout) != 1)
		return false;
	length = recv(fd, ret->octets, sizeof(ret->octets), 0);
	assert_true(length >= 0);
	ret->length = (size_t)length;
	return true;
}

struct ends {
	int client, server;
};

static void give_addresses(void)
{
	run("ip addr add 192.0.2.53/24 dev h0 && ip -6 addr add 2001:db8::53/64 dev h0 nodad");
	run("ip neigh add 192.0.2.10 lladdr 02:00:00:00:00:10 dev h0 nud permanent");
	run("ip -6 neigh add 2001:db8::10 lladdr 02:00:00:00:00:10 dev h0 nud permanent");
	go_to(client_ns);
	run("ip addr add 192.0.2.10/24 dev c0 && ip -6 addr add 2001:db8::10/64 dev c0 nodad");
	run("ip neigh add 192.0.2.53 lladdr 02:00:00:00:00:53 dev c0 nud permanent");
	run("ip -6 neigh add 2001:db8::53 lladdr 02:00:00:00:00:53 dev c0 nud permanent");
	go_to(host_ns);
}

static struct ends open_ends(int version)
{
	struct ends ends;

	ends.server = open_socket(version, true);
	go_to(client_ns);
	ends.client = open_socket(version, false);
	go_to(host_ns);
	return ends;
}

static void close_ends(struct ends ends)
{
	close(ends.client);
	close(ends.server);
}

static void set_feature(const char *name, __u32 command, bool on)
{
	struct ethtool_value value = { .cmd = command, .data = on };
	struct ifreq request = { .ifr_data = (void *)&value };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(request.ifr_name, name);
	assert_int_equal(ioctl(fd, SIOCETHTOOL, &request), 0);
	close(fd);
}

static void ask_and_be_answered(const char *phrase, int version, const struct message_plan *plan)
{
	struct ends ends = open_ends(version);
	struct message query, want, got;

	make_message(plan, &query);
	make_answer(plan, true, &want);
	assert_int_equal(send(ends.client, query.octets, query.length, 0), query.length);
	if (!receive_message(ends.client, SOON, &got))
		fail_msg("%s, IPv%d: no answer", phrase, version);
	assert_int_equal(got.length, want.length);
	assert_memory_equal(got.octets, want.octets, want.length);
	if (receive_message(ends.server, 0, &got))
		fail_msg("%s, IPv%d: the server has it, too", phrase, version);
	close_ends(ends);
}

/* It arrives as it was sent, and nobody answers. */
static void ask_the_server(const char *phrase, int version, const struct message_plan *plan)
{
	struct ends ends = open_ends(version);
	struct message query, got;

	make_message(plan, &query);
	assert_int_equal(send(ends.client, query.octets, query.length, 0), query.length);
	if (!receive_message(ends.server, SOON, &got))
		fail_msg("%s, IPv%d: the server has nothing", phrase, version);
	assert_int_equal(got.length, query.length);
	assert_memory_equal(got.octets, query.octets, query.length);
	assert_false(receive_message(ends.client, 0, &got));
	close_ends(ends);
}

/*
 * With offload a query arrives with half a checksum (CHECKSUM_PARTIAL), and an answer leaves so; without, the
 * kernel completes it before, and the receiver checks it.
 */
static void checksums_are_right_with_and_without_offload(void **state)
{
	(void)state;
	give_addresses();
	attach_to("h0");
	for (int combination = 0; combination < 4; combination++) {
		char phrase[64];

		snprintf(phrase, sizeof(phrase), "offload of %d", combination);
		set_feature("h0", ETHTOOL_STXCSUM, combination & 1);
		go_to(client_ns);
		set_feature("c0", ETHTOOL_STXCSUM, combination & 2);
		go_to(host_ns);
		for (int version = 4; version <= 6; version += 2) {
			ask_and_be_answered(phrase, version, &with_opt);
			ask_and_be_answered(phrase, version, &without_opt);
			for (size_t i = 0; i < ARRAY_SIZE(message_pairs); i++)
				ask_and_be_answered(message_pairs[i].phrase, version, &message_pairs[i].plan);
		}
	}
}

static void what_passes_arrives_as_it_was(void **state)
{
	(void)state;
	give_addresses();
	attach_to("h0");
	for (int version = 4; version <= 6; version += 2)
		for (size_t i = 0; i < ARRAY_SIZE(message_pairs); i++)
			ask_the_server(message_pairs[i].twin_phrase, version, &message_pairs[i].twin);
}

static void observe_counts_and_lets_pass(void **state)
{
	__u64 before[SIEVE_COUNTERS];

	(void)state;
	give_addresses();
	reload(SIEVE_ACTION_OBSERVE);
	attach_to("h0");
	for (int version = 4; version <= 6; version += 2) {
		read_counters(&filter, before);
		ask_the_server("observe", version, &with_opt);
		expect_counter("observe", before, SIEVE_COUNTER_OBSERVED + SIEVE_IPV6);
	}
}

static void drop_drops(void **state)
{
	struct message query, got;

	(void)state;
	give_addresses();
	reload(SIEVE_ACTION_DROP);
	attach_to("h0");
	make_message(&with_opt, &query);
	for (int version = 4; version <= 6; version += 2) {
		struct ends ends = open_ends(version);
		__u64 before[SIEVE_COUNTERS];

		read_counters(&filter, before);
		assert_int_equal(send(ends.client, query.octets, query.length, 0), query.length);
		assert_false(receive_message(ends.server, NEVER, &got));
		assert_false(receive_message(ends.client, 0, &got));
		expect_counter("drop", before, SIEVE_COUNTER_DROPPED + SIEVE_IPV6);
		close_ends(ends);
	}
}

/* Two queries in one buffer (UDP_SEGMENT): both arrive. A veth that does not take them so has two packets. */
static void datagrams_that_come_as_one_pass(void **state)
{
	struct message query, both, got;
	const int size_option = UDP_SEGMENT;

	(void)state;
	give_addresses();
	attach_to("h0");
	make_message(&without_opt, &query);
	both.length = 2 * query.length;
	memcpy(both.octets, query.octets, query.length);
	memcpy(&both.octets[query.length], query.octets, query.length);
	for (int version = 4; version <= 6; version += 2) {
		struct ends ends = open_ends(version);
		int size = (int)query.length;
		__u64 before[SIEVE_COUNTERS];

		read_counters(&filter, before);
		assert_int_equal(setsockopt(ends.client, SOL_UDP, size_option, &size, sizeof(size)), 0);
		assert_int_equal(send(ends.client, both.octets, both.length, 0), both.length);
		if (read_counter(&filter, SIEVE_COUNTER_ANSWERED + SIEVE_IPV6) == before[SIEVE_COUNTER_ANSWERED + SIEVE_IPV6] + 2) {
			close_ends(ends);
			skip(); /* Linux 5.10 */
		}
		for (int i = 0; i < 2; i++) {
			assert_true(receive_message(ends.server, SOON, &got));
			assert_int_equal(got.length, query.length);
		}
		expect_counter("two in one", before, SIEVE_REASON_segmented);
		close_ends(ends);
	}
}

/* IPsec in tunnel mode gives the device the decrypted packet a second time. An answer would leave in the clear. */
static void what_ipsec_decrypted_passes(void **state)
{
	static const char ends[] = "src 192.0.2.10 dst 192.0.2.53 proto esp";
	static const char selector[] = "src 192.0.2.10/32 dst 192.0.2.53/32";
	static const char keys[] = "enc 'ecb(cipher_null)' '' auth 'hmac(sha1)' 0x0123456789012345678901234567890123456789";
	__u64 before[SIEVE_COUNTERS];
	char command[512];

	(void)state;
	give_addresses();
	attach_to("h0");
	ask_and_be_answered("without IPsec", 4, &with_opt);
	snprintf(command, sizeof(command), "ip xfrm state add %s spi 0x100 mode tunnel %s 2>/dev/null", ends, keys);
	if (system(command))
		skip();
	run("ip xfrm policy add dir in %s tmpl %s mode tunnel", selector, ends);
	go_to(client_ns);
	run("%s", command);
	run("ip xfrm policy add dir out %s tmpl %s mode tunnel", selector, ends);
	go_to(host_ns);
	read_counters(&filter, before);
	ask_the_server("by IPsec", 4, &with_opt);
	expect_counter("by IPsec", before, SIEVE_REASON_headers);
}

/* A filter of clsact runs the same program, on every kernel. */
static void a_clsact_filter_answers_as_well(void **state)
{
	(void)state;
	attach_filter((int)if_nametoindex("h0"));
	publish_anew();
	answers("clsact", usual, -1);
	passes("clsact, to another MAC address", to_other, -1, UNCOUNTED);
}

/* Frames in which only the Ethernet header is linear, as some drivers make them. GRO would look for the others. */
static int open_tap_of_pages(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_NAPI | IFF_NAPI_FRAGS };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	assert_true(fd >= 0);
	strcpy(request.ifr_name, name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	run("ip link set dev %s address 02:00:00:00:00:53 addrgenmode none", name);
	run("ip link set dev %s up", name);
	set_feature(name, ETHTOOL_SGRO, false);
	return fd;
}

static size_t read_device(int fd, int timeout, __u8 *ret_octets, size_t size)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	ssize_t length;

	if (poll(&polled, 1, timeout) != 1)
		return 0;
	length = read(fd, ret_octets, size);
	assert_true(length > 0);
	return (size_t)length;
}

static void headers_in_pages_are_found(void **state)
{
	int fd = open_tap_of_pages("pages0");
	const struct message_plan *messages[] = { &with_opt, &without_opt };

	(void)state;
	attach_to("pages0");
	for (int version = 4; version <= 6; version += 2)
		for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
			const struct packet_plan plan = { .version = version };
			struct packet query, want;
			struct iovec parts[2];
			__u8 octets[2048];

			make_query(&plan, messages[i], &query);
			make_wanted(&query, messages[i], &want);
			parts[0] = (struct iovec){ query.octets, ETHERNET_SIZE };
			parts[1] = (struct iovec){ &query.octets[ETHERNET_SIZE], query.length - ETHERNET_SIZE };
			assert_int_equal(writev(fd, parts, 2), query.length);
			check_frame("pages", &want, octets, read_device(fd, SOON, octets, sizeof(octets)));
		}
	detach();
	close(fd);
}

/* A device without link layer: packets begin with the IP header. */
static int open_tun(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	assert_true(fd >= 0);
	strcpy(request.ifr_name, name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	run("ip link set dev %s addrgenmode none && ip link set dev %s up", name, name);
	return fd;
}

/* What stands behind the Ethernet header alone. */
static void strip_ethernet(struct packet *packet)
{
	packet->length -= ETHERNET_SIZE;
	memmove(packet->octets, &packet->octets[ETHERNET_SIZE], packet->length);
}

static void exchange_on_tun(const char *phrase, int fd, const struct packet_plan *plan, const struct message_plan *message,
			    int counter)
{
	__u64 before[SIEVE_COUNTERS];
	struct packet query, want;
	__u8 octets[2048];

	make_query(plan, message, &query);
	make_wanted(&query, message, &want);
	strip_ethernet(&query);
	strip_ethernet(&want);
	read_counters(&filter, before);
	assert_int_equal(write(fd, query.octets, query.length), query.length);
	if (counter >= SIEVE_COUNTER_ANSWERED)
		check_frame(phrase, &want, octets, read_device(fd, SOON, octets, sizeof(octets)));
	else if (read_device(fd, NEVER, octets, sizeof(octets)))
		fail_msg("%s: something came back", phrase);
	expect_counter(phrase, before, counter);
}

static void a_device_without_link_layer_answers(void **state)
{
	struct packet_plan plan = {}, padded = { .behind = 14 }, group = {};
	int fd = open_tun("tun0");

	(void)state;
	attach_to("tun0");
	for (int version = 4; version <= 6; version += 2) {
		plan.version = padded.version = group.version = version;
		group.destination = version == 4 ? "224.0.0.251" : "ff02::fb";
		exchange_on_tun("with OPT", fd, &plan, &with_opt, SIEVE_COUNTER_ANSWERED + SIEVE_IPV6);
		exchange_on_tun("without OPT", fd, &plan, &without_opt, SIEVE_COUNTER_ANSWERED + SIEVE_IPV6);
		exchange_on_tun("something behind", fd, &padded, &with_opt, SIEVE_COUNTER_ANSWERED + SIEVE_IPV6);
		exchange_on_tun("to a group", fd, &group, &with_opt, SIEVE_REASON_destination);
	}
	detach();
	close(fd);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_veth, leave_veth)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_to_the_host_are_answered_and_overheard_ones_are_not),
		TEST(frames_to_several_hosts_pass),
		TEST(padding_is_cut_off),
		TEST(a_bridge_port_answers_what_goes_to_or_through_the_bridge),
		TEST(a_bridge_itself_answers_what_goes_to_it),
		TEST(a_tag_is_kept_on_a_bridge_port_and_left_alone_elsewhere),
		TEST(a_vlans_device_answers_what_has_its_tag),
		TEST(lo_is_no_gateway),
		TEST(the_devices_namespace_decides),
		TEST(the_devices_sum_over_the_frame_stays_true),
		TEST(checksums_are_right_with_and_without_offload),
		TEST(what_passes_arrives_as_it_was),
		TEST(observe_counts_and_lets_pass),
		TEST(drop_drops),
		TEST(datagrams_that_come_as_one_pass),
		TEST(what_ipsec_decrypted_passes),
		TEST(a_clsact_filter_answers_as_well),
		TEST(headers_in_pages_are_found),
		TEST(a_device_without_link_layer_answers),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
