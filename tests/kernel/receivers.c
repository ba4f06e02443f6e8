/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who receives a response: sockets of every kind, in cgroups in and out of scope, beside servers, or nobody here. */
#include "results.h"

static char home[PATH_MAX], scope[PATH_MAX], other[PATH_MAX], exempt[PATH_MAX], below[PATH_MAX];

static __u64 cgroup_id(const char *path)
{
	struct stat self;

	assert_int_equal(stat(path, &self), 0);
	return self.st_ino;
}

static void list_cgroup(const char *path, __u32 kind)
{
	__u64 id = cgroup_id(path);

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(filter.skel->maps.cgroups), &id, &kind, BPF_ANY), 0);
}

/* The sockets that are opened from now on are of this cgroup. */
static void join(const char *path)
{
	child_join_cgroup(path); /* it ends the process if it cannot */
}

/* Where this process was before. */
static void find_home(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX / 2], root[PATH_MAX / 2];
	struct error error;

	assert_non_null(file);
	assert_int_equal(mounts_find_cgroup2(root, sizeof(root), &error), 0);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, "0::/", 4) == 0) {
			line[strcspn(line, "\n")] = '\0';
			snprintf(home, sizeof(home), "%s%s", root, &line[3]);
		}
	fclose(file);
	assert_true(home[0]);
}

static int make_host_with_cgroups(void **state)
{
	find_home();
	if (make_host(state))
		return -1;
	make_cgroups("receivers");
	make_cgroup("scope", scope);
	make_cgroup("scope/exempt", exempt);
	make_cgroup("scope/exempt/below", below);
	make_cgroup("other", other);
	return 0;
}

static int go_home(void **state)
{
	join(home); /* or the end of the cgroups is ours */
	return leave_sandbox(state);
}

static int load_usual(void **state)
{
	const struct sieve_policy policy = usual_policy();

	(void)state;
	join(other);
	load_results(&policy);
	return 0;
}

static const char *wildcard(int version)
{
	return version == 4 ? "0.0.0.0" : "::";
}

static const char *our_address(int version)
{
	return version == 4 ? "192.0.2.10" : "2001:db8::10";
}

static const struct packet_plan *plan_of(int version)
{
	return &from_server[version == 6];
}

static void forward(bool on)
{
	run("echo %d > /proc/sys/net/ipv4/ip_forward && echo %d > /proc/sys/net/ipv6/conf/all/forwarding", on, on);
	publish_listed();
}

static void without_a_socket_nobody_receives_it(void **state)
{
	(void)state;
	stay("no socket", &lost, SIEVE_RESPONSE_not_local);
	for (int version = 4; version <= 6; version += 2) {
		int fd = open_receiver(version, our_address(version), OUR_PORT + 1, NULL);

		stay_in("a socket of another port", plan_of(version), &lost, SIEVE_RESPONSE_not_local);
		close(fd);
	}
}

/* On a host that forwards, and on one that does not. */
static void sockets_of_every_kind_receive(void **state)
{
	static const struct {
		const char *phrase, *address, *peer;
		int version, socket_version;
	} sockets[] = {
		{ "bound and connected", "192.0.2.10", "192.0.2.53", 4, 4 },
		{ "bound to an address", "192.0.2.10", NULL, 4, 4 },
		{ "bound to no address", "0.0.0.0", NULL, 4, 4 },
		{ "of IPv6, mapped and connected", "::ffff:192.0.2.10", "::ffff:192.0.2.53", 4, 6 },
		{ "of IPv6, mapped", "::ffff:192.0.2.10", NULL, 4, 6 },
		{ "of IPv6, for both versions", "::", NULL, 4, 6 },
		{ "of IPv6, bound and connected", "2001:db8::10", "2001:db8::53", 6, 6 },
		{ "of IPv6, bound to an address", "2001:db8::10", NULL, 6, 6 },
		{ "of IPv6, bound to no address", "::", NULL, 6, 6 },
	};

	(void)state;
	for (int on = 0; on <= 1; on++) {
		forward(on);
		for (size_t i = 0; i < ARRAY_SIZE(sockets); i++) {
			int fd = open_receiver(sockets[i].socket_version, sockets[i].address, OUR_PORT,
				sockets[i].peer);

			cut_in(sockets[i].phrase, plan_of(sockets[i].version), &lost);
			close(fd);
		}
	}
	forward(false);
}

static void a_socket_that_is_connected_to_another_server_does_not_receive(void **state)
{
	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		int fd = open_receiver(version, our_address(version), OUR_PORT,
			version == 4 ? "192.0.2.54" : "2001:db8::54");

		stay_in("connected to another", plan_of(version), &lost, SIEVE_RESPONSE_not_local);
		close(fd);
	}
}

/* The socket has the port by chance: the response is for somebody behind this host. */
static void what_is_forwarded_is_not_ours_though_a_socket_would_take_it(void **state)
{
	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		struct packet_plan plan = *plan_of(version);
		int fd = open_receiver(version, wildcard(version), OUR_PORT, NULL);

		forward(true);
		cut_in("to us", &plan, &lost);
		plan.destination = version == 4 ? "192.0.2.99" : "2001:db8::99";
		stay_in("to another host", &plan, &lost, SIEVE_RESPONSE_not_local);
		forward(false);
		close(fd);
	}
}

/* Sockets of another namespace have nothing to do with it. */
static void a_socket_of_another_namespace_does_not_receive(void **state)
{
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd;

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	run("ip link set lo up && ip addr add 192.0.2.10/32 dev lo");
	fd = open_receiver(4, "0.0.0.0", OUR_PORT, NULL);
	assert_int_equal(setns(own, CLONE_NEWNET), 0);
	stay_in("of another namespace", plan_of(4), &lost, SIEVE_RESPONSE_not_local);
	close(fd);
	close(own);
}

static int receiver_in(const char *cgroup, int version)
{
	int fd;

	join(cgroup);
	fd = open_receiver(version, our_address(version), OUR_PORT, NULL);
	join(other);
	return fd;
}

static void load_scopes(bool whole_host)
{
	struct sieve_policy policy = usual_policy();

	policy.whole_host = whole_host;
	policy.cgroup_levels = 0xffff;
	load_results(&policy);
}

static void expect_in(const char *phrase, const char *cgroup, enum sieve_response response)
{
	for (int version = 4; version <= 6; version += 2) {
		int fd = receiver_in(cgroup, version);

		if (response)
			stay_in(phrase, plan_of(version), &lost, response);
		else
			cut_in(phrase, plan_of(version), &lost);
		close(fd);
	}
}

static void the_receivers_nearest_listed_cgroup_decides(void **state)
{
	(void)state;
	load_scopes(false);
	expect_in("nothing is listed", scope, SIEVE_RESPONSE_scope);
	list_cgroup(scope, SIEVE_CGROUP_SCOPE);
	expect_in("in scope", scope, SIEVE_RESPONSE_NONE);
	expect_in("below the scope", exempt, SIEVE_RESPONSE_NONE);
	expect_in("far below the scope", below, SIEVE_RESPONSE_NONE);
	expect_in("beside the scope", other, SIEVE_RESPONSE_scope);
	list_cgroup(exempt, SIEVE_CGROUP_EXEMPT);
	expect_in("in scope still", scope, SIEVE_RESPONSE_NONE);
	expect_in("exempt", exempt, SIEVE_RESPONSE_exempt_cgroup);
	expect_in("below an exempt one", below, SIEVE_RESPONSE_exempt_cgroup);
	list_cgroup(below, SIEVE_CGROUP_SCOPE);
	expect_in("a scope below an exempt one", below, SIEVE_RESPONSE_NONE);
}

static void the_whole_host_is_in_scope_but_who_is_exempt(void **state)
{
	(void)state;
	load_scopes(true);
	expect_in("the whole host", other, SIEVE_RESPONSE_NONE);
	list_cgroup(exempt, SIEVE_CGROUP_EXEMPT);
	expect_in("the whole host still", scope, SIEVE_RESPONSE_NONE);
	expect_in("exempt", below, SIEVE_RESPONSE_exempt_cgroup);
}

/* Only the levels of the policy are looked at. */
static void levels_that_are_not_in_use_are_not_looked_at(void **state)
{
	struct sieve_policy policy = usual_policy();

	(void)state;
	load_results(&policy);
	list_cgroup(exempt, SIEVE_CGROUP_EXEMPT);
	expect_in("no level in use", exempt, SIEVE_RESPONSE_NONE);
}

struct server_case {
	const char *phrase, *address;
	int version; /* of the response; the server's is that of its address */
	bool is_same_cgroup, serves;
};

static const struct server_case servers[] = {
	{ "a server for all addresses", "0.0.0.0", 4, true, true },
	{ "a server of IPv6 for both versions", "::", 4, true, true },
	{ "a server on our address", "192.0.2.10", 4, true, true },
	{ "a server on lo alone", "127.0.0.53", 4, true, false },
	{ "a server of IPv6 for all addresses", "::", 6, true, true },
	{ "a server of IPv6 on lo alone", "::1", 6, true, false },
	{ "a server of IPv4, a response over IPv6", "0.0.0.0", 6, true, false },
	{ "a server for all addresses, in another cgroup", "0.0.0.0", 4, false, false },
	{ "a server of IPv6 in another cgroup", "::", 6, false, false },
};

static void check_server(const struct server_case *one, bool filter_servers)
{
	struct sieve_policy policy = usual_policy();
	int receiver, server;

	policy.filter_servers = filter_servers;
	load_results(&policy);
	receiver = receiver_in(scope, one->version);
	join(one->is_same_cgroup ? scope : other);
	server = open_receiver(strchr(one->address, ':') ? 6 : 4, one->address, 53, NULL);
	join(other);
	if (one->serves && !filter_servers)
		stay_in(one->phrase, plan_of(one->version), &lost, SIEVE_RESPONSE_serves_others);
	else
		cut_in(one->phrase, plan_of(one->version), &lost);
	close(server);
	cut_in("without the server", plan_of(one->version), &lost);
	close(receiver);
}

static void what_a_server_receives_is_for_its_clients(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
		check_server(&servers[i], false);
		check_server(&servers[i], true);
	}
}

static void list_server(const char *cgroup, __u32 kinds)
{
	__u64 id = cgroup_id(cgroup);

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(filter.skel->maps.servers), &id, &kinds, BPF_ANY), 0);
}

/* No server has a socket here: the controller has seen it on another address, or in another namespace. */
static void what_a_listed_server_receives_stays_whole(void **state)
{
	struct sieve_policy policy = usual_policy();

	(void)state;
	list_server(other, SIEVE_SERVER_OTHERS | SIEVE_SERVER_LOOPBACK);
	expect_in("a server in another cgroup", scope, SIEVE_RESPONSE_NONE);
	list_server(scope, SIEVE_SERVER_OTHERS);
	expect_in("a server for others", scope, SIEVE_RESPONSE_serves_others);
	expect_in("in a cgroup below that of a server", exempt, SIEVE_RESPONSE_NONE);
	list_server(scope, SIEVE_SERVER_LOOPBACK);
	expect_in("a server on loopback", scope, SIEVE_RESPONSE_serves_others);
	policy.filter_servers = 1;
	load_results(&policy);
	list_server(scope, SIEVE_SERVER_OTHERS | SIEVE_SERVER_LOOPBACK);
	expect_in("filter-servers", scope, SIEVE_RESPONSE_NONE);
}

/* Not a stub's response: a program that has nothing to do with DNS gets datagrams from port 53. */
static void other_programs_keep_what_they_are_sent(void **state)
{
	struct message messages[3];
	struct packet packet, want;
	int fd = open_receiver(4, "0.0.0.0", OUR_PORT, NULL);

	(void)state;
	memset(messages, 0, sizeof(messages));
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
		messages[i].length = 160;
	messages[0].octets[0] = 4; /* data of WireGuard */
	memset(&messages[1].octets[1], 0x5a, 159);
	memset(messages[2].octets, 0xff, 160);
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
		make_packet(plan_of(4), &messages[i], &packet);
		want = packet;
		check_run("no DNS", tap_ifindex, &packet, &want, &lost, SIEVE_RESPONSE_not_response);
	}
	for (size_t length = 0; length < 12; length++) {
		messages[0].length = length;
		make_packet(plan_of(4), &messages[0], &packet);
		want = packet;
		check_run("short", tap_ifindex, &packet, &want, &lost, SIEVE_RESPONSE_datagram);
	}
	close(fd);
}

#define TEST(function) cmocka_unit_test_setup(function, load_usual)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_socket_nobody_receives_it),
		TEST(sockets_of_every_kind_receive),
		TEST(a_socket_that_is_connected_to_another_server_does_not_receive),
		TEST(what_is_forwarded_is_not_ours_though_a_socket_would_take_it),
		TEST(a_socket_of_another_namespace_does_not_receive),
		TEST(the_receivers_nearest_listed_cgroup_decides),
		TEST(the_whole_host_is_in_scope_but_who_is_exempt),
		TEST(levels_that_are_not_in_use_are_not_looked_at),
		TEST(what_a_server_receives_is_for_its_clients),
		TEST(what_a_listed_server_receives_stays_whole),
		TEST(other_programs_keep_what_they_are_sent),
	};

	return cmocka_run_group_tests(tests, make_host_with_cgroups, go_home);
}
