/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The response program on real devices: responses that a server's UDP socket sends are received by a stub's, octet for
 * octet what is left of them. By a veth with and without transmit offload at either end, by lo, a bridge, a VLAN and a
 * TUN device. The test is the host; the server is in a namespace of its own.
 */
#include "results.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/uio.h>

#define INGRESS_ATTACH_TYPE 46 /* BPF_TCX_INGRESS */
#define SOON 2000              /* ms in which a response comes */
#define NEVER 30               /* ms after which none comes any more */

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static int host_ns = -1, server_ns = -1;
static bool is_clsact;

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

static void attach_filter(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = 1, .priority = 1, .prog_fd = hook_fd(&filter, HOOK_RESULTS));

	attachment.hook = (struct bpf_tc_hook){ .sz = sizeof(attachment.hook), .ifindex = ifindex,
						.attach_point = BPF_TC_INGRESS };
	assert_int_equal(bpf_tc_hook_create(&attachment.hook), 0);
	assert_int_equal(bpf_tc_attach(&attachment.hook, &options), 0);
	attachment.has_filter = true;
}

static void attach_to(const char *name)
{
	int ifindex = (int)if_nametoindex(name);

	if (!is_clsact)
		attachment.link = bpf_link_create(hook_fd(&filter, HOOK_RESULTS), ifindex,
						  (enum bpf_attach_type)INGRESS_ATTACH_TYPE, NULL);
	if (attachment.link < 0)
		attach_filter(ifindex);
	publish_listed();
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

/* h0 of the host, with the stub's addresses, and s0 of the server's namespace; both have neighbours for ever. */
static int make_veth(void **state)
{
	const struct sieve_policy policy = usual_policy();

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	server_ns = open_namespace();
	enter_namespace(NULL);
	host_ns = open_namespace();
	run("ip link add h0 address 02:00:00:00:00:10 type veth "
	    "peer name s0 address 02:00:00:00:00:53 netns /proc/%d/fd/%d",
	    (int)getpid(), server_ns);
	run("ip link set dev h0 addrgenmode none && ip link set dev h0 up");
	run("ip addr add 192.0.2.10/24 dev h0 && ip -6 addr add 2001:db8::10/64 dev h0 nodad");
	run("ip neigh add 192.0.2.53 lladdr 02:00:00:00:00:53 dev h0 nud permanent");
	run("ip -6 neigh add 2001:db8::53 lladdr 02:00:00:00:00:53 dev h0 nud permanent");
	go_to(server_ns);
	run("ip link set dev s0 addrgenmode none && ip link set dev s0 up");
	run("ip addr add 192.0.2.53/24 dev s0 && ip -6 addr add 2001:db8::53/64 dev s0 nodad");
	run("ip neigh add 192.0.2.10 lladdr 02:00:00:00:00:10 dev s0 nud permanent");
	run("ip -6 neigh add 2001:db8::10 lladdr 02:00:00:00:00:10 dev s0 nud permanent");
	go_to(host_ns);
	load_results(&policy);
	return 0;
}

static int leave_veth(void **state)
{
	(void)state;
	go_to(host_ns);
	detach();
	close(host_ns);
	close(server_ns); /* with it the veth goes */
	return 0;
}

struct ends {
	int stub, server;
};

/* The server's socket is of that namespace, the host's own for lo. */
static struct ends open_ends(int version, int namespace_fd, const char *stub, const char *server)
{
	struct ends ends = { .stub = open_receiver(version, stub, OUR_PORT, server) };
	struct sockaddr_in6 room;
	socklen_t size;
	const void *to = address_of(version, stub, OUR_PORT, &room, &size);

	go_to(namespace_fd);
	ends.server = open_receiver(version, server, 53, NULL);
	assert_int_equal(connect(ends.server, to, size), 0);
	go_to(host_ns);
	return ends;
}

static struct ends open_veth_ends(int version)
{
	return open_ends(version, server_ns, version == 4 ? "192.0.2.10" : "2001:db8::10",
			 version == 4 ? "192.0.2.53" : "2001:db8::53");
}

static void close_ends(struct ends ends)
{
	close(ends.stub);
	close(ends.server);
}

static void receive_message(const char *phrase, int fd, const struct message *want)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	__u8 octets[2048];
	ssize_t length;

	if (poll(&polled, 1, SOON) != 1)
		fail_msg("%s: nothing came", phrase);
	length = recv(fd, octets, sizeof(octets), 0);
	if (length != (ssize_t)want->length)
		fail_msg("%s: %zd octets, not %zu", phrase, length, want->length);
	assert_memory_equal(octets, want->octets, want->length);
}

static void exchange(const char *phrase, struct ends ends, const struct response_plan *plan,
	enum sieve_response response)
{
	bool is_cut = response == SIEVE_RESPONSE_filtered || response == SIEVE_RESPONSE_emptied;
	__u64 before[SIEVE_COUNTERS], after[SIEVE_COUNTERS];
	struct message message, want;
	struct layout layout;

	make_response(plan, false, &message, &layout);
	make_response(plan, is_cut, &want, &layout);
	read_counters(&filter, before);
	if (send(ends.server, message.octets, message.length, 0) != (ssize_t)message.length)
		fail_msg("%s: send: %s", phrase, strerror(errno));
	receive_message(phrase, ends.stub, &want);
	read_counters(&filter, after);
	expect_counts(before, response, plan);
	for (int i = 0; i < SIEVE_COUNTERS; i++)
		if (before[i] != after[i])
			fail_msg("%s: counter %d is %lld too high", phrase, i, (long long)(after[i] - before[i]));
}

static void exchange_pairs(const char *where, struct ends ends)
{
	char phrase[256];

	for (size_t i = 0; i < ARRAY_SIZE(response_pairs); i++) {
		const struct response_pair *pair = &response_pairs[i];

		snprintf(phrase, sizeof(phrase), "%s: %s", where, pair->phrase);
		exchange(phrase, ends, &pair->plan, wanted_response(&pair->plan));
		snprintf(phrase, sizeof(phrase), "%s: %s", where, pair->twin_phrase);
		exchange(phrase, ends, &pair->twin, pair->reason);
	}
}

static void exchange_by_veth(const char *where)
{
	for (int version = 4; version <= 6; version += 2) {
		struct ends ends = open_veth_ends(version);

		exchange_pairs(where, ends);
		close_ends(ends);
	}
}

/* With offload a response arrives with half a checksum (CHECKSUM_PARTIAL); without, the receiver checks it. */
static void responses_arrive_with_and_without_offload(void **state)
{
	(void)state;
	attach_to("h0");
	for (int combination = 0; combination < 4; combination++) {
		char where[32];

		snprintf(where, sizeof(where), "offload of %d", combination);
		set_feature("h0", ETHTOOL_STXCSUM, combination & 1);
		go_to(server_ns);
		set_feature("s0", ETHTOOL_STXCSUM, combination & 2);
		go_to(host_ns);
		exchange_by_veth(where);
	}
}

static void a_clsact_filter_does_the_same(void **state)
{
	(void)state;
	is_clsact = true;
	attach_to("h0");
	is_clsact = false;
	exchange_by_veth("clsact");
}

static void responses_on_lo_arrive(void **state)
{
	(void)state;
	attach_to("lo");
	for (int version = 4; version <= 6; version += 2) {
		const char *server = version == 4 ? "127.0.0.53" : "2001:db8::10";
		struct ends ends = open_ends(version, host_ns, version == 4 ? "127.0.0.1" : "::1", server);

		exchange("with the server beside it", ends, &lost, SIEVE_RESPONSE_filtered);
		exchange_pairs("lo", ends);
		close_ends(ends);
	}
}

/* The port's program leaves a bridge's responses to that of the bridge: they are counted once. */
static void a_response_over_a_bridge_is_cut_and_counted_by_the_bridge(void **state)
{
	struct ends ends;
	int running = -1;

	(void)state;
	run("ip addr flush dev h0 && ip link add br0 address 02:00:00:00:00:10 type bridge && "
	    "ip link set dev br0 addrgenmode none");
	run("ip link set dev br0 up && ip link set dev h0 master br0 && ip addr add 192.0.2.10/24 dev br0");
	run("ip neigh add 192.0.2.53 lladdr 02:00:00:00:00:53 dev br0 nud permanent");
	for (int i = 0; i < 300 && running != 0; i++) { /* it learns of its first port a moment later */
		pause_ms(10);
		running = system("ip link show br0 | grep -q 'state UP'");
	}
	ends = open_veth_ends(4);
	attach_to("h0");
	exchange("by the port", ends, &lost, SIEVE_RESPONSE_NONE);
	detach();
	attach_to("br0");
	exchange("by the bridge", ends, &lost, SIEVE_RESPONSE_filtered);
	close_ends(ends);
}

static void a_response_with_a_tag_is_cut_by_the_vlans_device(void **state)
{
	struct ends ends;

	(void)state;
	if (system("ip link add link h0 name v0 type vlan id 10 2>/dev/null"))
		skip();
	run("ip addr flush dev h0 && ip link set dev v0 addrgenmode none && ip link set dev v0 up && "
	    "ip addr add 192.0.2.10/24 dev v0");
	run("ip neigh add 192.0.2.53 lladdr 02:00:00:00:00:53 dev v0 nud permanent");
	go_to(server_ns);
	run("ip addr flush dev s0 && ip link add link s0 name v0 type vlan id 10 && "
	    "ip link set dev v0 addrgenmode none");
	run("ip link set dev v0 up && ip addr add 192.0.2.53/24 dev v0");
	run("ip neigh add 192.0.2.10 lladdr 02:00:00:00:00:10 dev v0 nud permanent");
	go_to(host_ns);
	ends = open_veth_ends(4);
	attach_to("h0");
	exchange("by the link", ends, &lost, SIEVE_RESPONSE_NONE);
	detach();
	attach_to("v0");
	exchange("by the VLAN", ends, &lost, SIEVE_RESPONSE_filtered);
	close_ends(ends);
}

/* A stub that listens to more of them: what is seen by a packet socket stays whole, as it is another's copy. */
static void a_copy_that_somebody_else_has_stays_whole(void **state)
{
	int sniffer = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL));
	struct pollfd polled = { .fd = sniffer, .events = POLLIN };
	struct ends ends = open_veth_ends(4);
	struct message message;
	struct layout layout;
	__u8 octets[2048];
	bool found = false;

	(void)state;
	assert_true(sniffer >= 0);
	attach_to("h0");
	make_response(&lost, false, &message, &layout);
	exchange("with a sniffer", ends, &lost, SIEVE_RESPONSE_filtered);
	while (!found && poll(&polled, 1, SOON) == 1) {
		ssize_t length = recv(sniffer, octets, sizeof(octets), 0);

		found = length == (ssize_t)message.length + 28 && memcmp(&octets[28], message.octets,
			message.length) == 0;
	}
	assert_true(found);
	close_ends(ends);
	close(sniffer);
}

/* Two responses in one buffer (UDP_SEGMENT), as GRO makes them: they stay. A veth that does not take them has two. */
static void datagrams_that_come_as_one_stay(void **state)
{
	const int option = UDP_SEGMENT;

	(void)state;
	attach_to("h0");
	for (int version = 4; version <= 6; version += 2) {
		struct ends ends = open_veth_ends(version);
		struct message message, both;
		struct layout layout;
		__u64 before, segmented;
		int size;

		make_response(&lost, false, &message, &layout);
		both = message;
		memcpy(&both.octets[message.length], message.octets, message.length);
		both.length *= 2;
		size = (int)message.length;
		before = read_counter(&filter, SIEVE_COUNTER_RESPONSE + SIEVE_RESPONSE_datagram);
		assert_int_equal(setsockopt(ends.server, SOL_UDP, option, &size, sizeof(size)), 0);
		assert_int_equal(send(ends.server, both.octets, both.length, 0), both.length);
		segmented = read_counter(&filter, SIEVE_COUNTER_RESPONSE + SIEVE_RESPONSE_datagram) - before;
		if (segmented == 0) {
			close_ends(ends);
			skip(); /* Linux 5.10 */
		}
		receive_message("the first of two", ends.stub, &message);
		receive_message("the second of two", ends.stub, &message);
		close_ends(ends);
	}
}

/* A response of two fragments has its ports in the first one. */
static void fragments_stay(void **state)
{
	struct record_plan plans[60] = {};
	struct response_plan plan = { .records = plans, .count = ARRAY_SIZE(plans) };
	struct message message;
	struct layout layout;
	struct ends ends;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(plans); i++)
		plans[i].address = LOST6;
	attach_to("h0");
	ends = open_veth_ends(4);
	make_response(&plan, false, &message, &layout);
	assert_true(message.length > 1500);
	exchange("two fragments", ends, &plan, SIEVE_RESPONSE_datagram);
	close_ends(ends);
}

/* Packets begin with the IP header: written to the device as they are. */
static void a_device_without_link_layer_receives(void **state)
{
	struct ifreq request = { .ifr_name = "tun0", .ifr_flags = IFF_TUN | IFF_NO_PI };
	int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_true(tun >= 0);
	assert_int_equal(ioctl(tun, TUNSETIFF, &request), 0);
	run("ip addr flush dev h0 && ip link set dev tun0 addrgenmode none && ip link set dev tun0 up");
	run("ip addr add 192.0.2.10/24 dev tun0 && ip -6 addr add 2001:db8::10/64 dev tun0 nodad");
	attach_to("tun0");
	for (size_t i = 0; i < 2; i++) {
		int version = i ? 6 : 4;
		int stub = open_receiver(version, i ? "2001:db8::10" : "192.0.2.10", OUR_PORT,
			i ? "2001:db8::53" : "192.0.2.53");

		for (size_t j = 0; j < ARRAY_SIZE(response_pairs); j++) {
			struct message message, want;
			struct layout layout;
			struct packet packet;

			make_response(&response_pairs[j].plan, false, &message, &layout);
			make_response(&response_pairs[j].plan, true, &want, &layout);
			make_packet(&from_server[i], &message, &packet);
			assert_int_equal(write(tun, &packet.octets[ETHERNET_SIZE], packet.length - ETHERNET_SIZE),
					 packet.length - ETHERNET_SIZE);
			receive_message(response_pairs[j].phrase, stub, &want);
		}
		close(stub);
	}
	detach();
	close(tun);
}

/* Frames in which only the Ethernet header is linear, as some drivers make them. */
static void frames_of_pages_are_cut(void **state)
{
	struct ifreq request = { .ifr_name = "pages0", .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_NAPI | IFF_NAPI_FRAGS };
	int tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	(void)state;
	assert_true(tap >= 0);
	assert_int_equal(ioctl(tap, TUNSETIFF, &request), 0);
	run("ip link set dev pages0 address 02:00:00:00:00:53 addrgenmode none && ip link set dev pages0 up");
	run("ip addr flush dev h0 && ip addr add 192.0.2.10/24 dev pages0 && "
	    "ip -6 addr add 2001:db8::10/64 dev pages0 nodad");
	attach_to("pages0");
	for (size_t i = 0; i < 2; i++) {
		int stub = open_receiver(i ? 6 : 4, i ? "2001:db8::10" : "192.0.2.10", OUR_PORT,
			i ? "2001:db8::53" : "192.0.2.53");
		struct message message, want;
		struct layout layout;
		struct packet packet;
		struct iovec parts[3];

		make_response(&lost, false, &message, &layout);
		make_response(&lost, true, &want, &layout);
		make_packet(&from_server[i], &message, &packet);
		parts[0] = (struct iovec){ packet.octets, ETHERNET_SIZE };
		parts[1] = (struct iovec){ &packet.octets[ETHERNET_SIZE], 40 };
		parts[2] = (struct iovec){ &packet.octets[ETHERNET_SIZE + 40], packet.length - ETHERNET_SIZE - 40 };
		assert_int_equal(writev(tap, parts, 3), packet.length);
		receive_message("pages", stub, &want);
		close(stub);
	}
	detach();
	close(tap);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_veth, leave_veth)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(responses_arrive_with_and_without_offload),
		TEST(a_clsact_filter_does_the_same),
		TEST(responses_on_lo_arrive),
		TEST(a_response_over_a_bridge_is_cut_and_counted_by_the_bridge),
		TEST(a_response_with_a_tag_is_cut_by_the_vlans_device),
		TEST(a_copy_that_somebody_else_has_stays_whole),
		TEST(datagrams_that_come_as_one_stay),
		TEST(fragments_stay),
		TEST(a_device_without_link_layer_receives),
		TEST(frames_of_pages_are_cut),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
