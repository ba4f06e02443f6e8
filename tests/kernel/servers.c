/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* DNS servers by their sockets: what a look at a namespace finds, and what is published of all of them. */
#include "sandbox.h"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "clock.h"
#include "members.h"
#include "namespaces.h"
#include "netns.h"
#include "server_turns.h"
#include "servers.h"

#define NAMESPACES 18 /* with as many cgroups as one may have, more than all may have together */
#define CGROUPS_OF_ONE 16
#define CGROUPS_OF_OTHERS 256

static const uint16_t usual_ports[] = { 53 };
static char home[PATH_MAX], first[PATH_MAX], second[PATH_MAX];

static uint64_t id_of(const char *cgroup)
{
	struct stat status;

	assert_int_equal(stat(cgroup, &status), 0);
	return status.st_ino;
}

/* Asserts nothing, so a child can do it. */
static int open_at(int type, const char *address, uint16_t port)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	bool is_four = inet_pton(AF_INET, address, &four.sin_addr) == 1;
	int fd = socket(is_four ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!is_four) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
		CHILD_CHECK(inet_pton(AF_INET6, address, &six.sin6_addr) == 1);
	}
	if (is_four)
		CHILD_CHECK(bind(fd, (struct sockaddr *)&four, sizeof(four)) == 0);
	else
		CHILD_CHECK(bind(fd, (struct sockaddr *)&six, sizeof(six)) == 0);
	if (type == SOCK_STREAM)
		CHILD_CHECK(listen(fd, 1) == 0);
	return fd;
}

/* A socket of that cgroup; the process is at home again. */
static int open_in(const char *cgroup, int type, const char *address, uint16_t port)
{
	int fd;

	child_join_cgroup(cgroup);
	fd = open_at(type, address, port);
	child_join_cgroup(home);
	return fd;
}

static int serve(const char *cgroup, const char *address)
{
	return open_in(cgroup, SOCK_DGRAM, address, 53);
}

static void numbered(char path[PATH_MAX], int number)
{
	assert_in_range(snprintf(path, PATH_MAX, "%s/%d", sandbox_cgroup, number), 1, PATH_MAX - 1);
}

static int make_sandbox(void **state)
{
	struct error error;
	char mount[PATH_MAX / 2], path[PATH_MAX], self[PATH_MAX / 2];

	if (enter_sandbox(state))
		return -1;
	assert_int_equal(mounts_find_cgroup2(mount, sizeof(mount), &error), 0);
	assert_true(mounts_cgroup_of(getpid(), self, sizeof(self)));
	assert_in_range(snprintf(home, sizeof(home), "%s%s", mount, self), 1, sizeof(home) - 1);
	make_cgroups("servers");
	make_cgroup("first", first);
	make_cgroup("second", second);
	for (int i = 0; i < NAMESPACES * CGROUPS_OF_ONE; i++) {
		numbered(path, i);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	return 0;
}

static int fresh(void **state)
{
	(void)state;
	fresh_netns();
	run("ip addr add 192.0.2.10/32 dev lo && ip addr add 2001:db8::10/128 dev lo nodad");
	return 0;
}

/* What one look finds of a cgroup; all others together have `rest`. */
static void expect_scan(const char *phrase, const uint16_t *ports, size_t port_count, const char *cgroup,
			uint32_t kinds, size_t rest)
{
	const struct servers_request request = { ports, port_count, 100, CLOCK_SECOND_NS };
	struct server_set set = {};
	uint32_t found;

	assert_int_equal(servers_scan(&request, &set), 0);
	found = server_set_find(&set, id_of(cgroup));
	if (found != kinds || set.count != rest + (kinds != 0))
		fail_msg("%s: kinds %u, not %u, of %zu cgroups", phrase, found, kinds, set.count);
	server_set_free(&set);
}

static void expect_found(const char *phrase, const char *cgroup, uint32_t kinds, size_t rest)
{
	expect_scan(phrase, usual_ports, 1, cgroup, kinds, rest);
}

static void a_server_on_any_address_is_found_while_its_socket_is_open(void **state)
{
	static const struct {
		const char *address;
		uint32_t kinds;
	} cases[] = {
		{ "0.0.0.0", SIEVE_SERVER_OTHERS },        { "::", SIEVE_SERVER_OTHERS },
		{ "192.0.2.10", SIEVE_SERVER_OTHERS },     { "2001:db8::10", SIEVE_SERVER_OTHERS },
		{ "127.0.0.53", SIEVE_SERVER_LOOPBACK },   { "::1", SIEVE_SERVER_LOOPBACK },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		int fd;

		expect_found("before", first, 0, 0);
		fd = serve(first, cases[i].address);
		expect_found(cases[i].address, first, cases[i].kinds, 0);
		close(fd);
		expect_found("after", first, 0, 0);
	}
}

static void other_ports_and_protocols_are_no_servers(void **state)
{
	static const uint16_t ports[] = { 5300, 54 };
	int fds[] = {
		open_in(first, SOCK_DGRAM, "0.0.0.0", 5353), open_in(first, SOCK_DGRAM, "::", 54),
		open_in(first, SOCK_STREAM, "0.0.0.0", 53),  open_in(first, SOCK_STREAM, "::", 53),
	};
	int other = serve(second, "0.0.0.0");

	(void)state;
	expect_found("others", first, 0, 1);
	expect_found("a server", second, SIEVE_SERVER_OTHERS, 0);
	expect_scan("the ports that are configured", ports, 2, first, SIEVE_SERVER_OTHERS, 0);
	expect_scan("not the first of them", ports, 1, first, 0, 0);
	for (size_t i = 0; i < ARRAY_COUNT(fds); i++)
		close(fds[i]);
	close(other);
}

static void all_kinds_of_a_cgroup_and_all_cgroups_are_found(void **state)
{
	int one = serve(first, "127.0.0.1"), two = serve(first, "2001:db8::10"), three = serve(second, "127.0.0.2");

	(void)state;
	expect_found("both kinds", first, SIEVE_SERVER_OTHERS | SIEVE_SERVER_LOOPBACK, 1);
	expect_found("one kind", second, SIEVE_SERVER_LOOPBACK, 1);
	close(two);
	expect_found("one is left", first, SIEVE_SERVER_LOOPBACK, 1);
	close(one);
	close(three);
}

static void servers_of_another_namespace_are_not_found(void **state)
{
	int fd = serve(first, "0.0.0.0");

	(void)state;
	expect_found("here", first, SIEVE_SERVER_OTHERS, 0);
	fresh_netns();
	expect_found("elsewhere", first, 0, 0);
	close(fd);
}

static void there_are_no_more_than_asked_for_and_nothing_stays_open(void **state)
{
	const struct servers_request request = { usual_ports, 1, 1, CLOCK_SECOND_NS };
	int one = serve(first, "127.0.0.1"), two = serve(second, "127.0.0.2");
	unsigned int before = count_descriptors();
	struct server_set set = {};

	(void)state;
	assert_int_equal(servers_scan(&request, &set), -ENOSPC);
	assert_int_equal(set.count, 1);
	close(two);
	server_set_free(&set);
	assert_int_equal(servers_scan(&request, &set), 0);
	assert_int_equal(server_set_find(&set, id_of(first)), SIEVE_SERVER_LOOPBACK);
	server_set_free(&set);
	assert_int_equal(count_descriptors(), before - 1);
	close(one);
}

/* All namespaces. */

static struct config config;
static struct programs *programs;
static struct scope scope;
static struct namespaces namespaces;
static int epoll_fd = -1;
static pid_t children[NAMESPACES];
static char pin_dir[PATH_MAX];

static void start(const char *filter_servers)
{
	char text[CONFIG_ERROR_MAX];
	struct error error = {};

	config_init(&config);
	strcpy(config.pin_dir, pin_dir);
	assert_int_equal(config_set(&config, "cgroup", sandbox_cgroup, text), 0);
	assert_int_equal(config_set(&config, "filter-servers", filter_servers, text), 0);
	programs = load_programs(config.action, pin_dir);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (scope_open(&scope, &config, -1, &error) != 0 ||
	    namespaces_open(&namespaces, &config, programs, &scope, epoll_fd, &error) != 0)
		fail_msg("%s", error.text);
	namespaces.is_complete = true;
}

static void stop(void)
{
	namespaces_close(&namespaces);
	scope_close(&scope);
	programs_free(programs);
	config_free(&config);
	close(epoll_fd);
}

static int enter(void **state)
{
	fresh(state);
	fresh_pin_dir(pin_dir);
	start("no");
	return 0;
}

static int leave(void **state)
{
	(void)state;
	stop();
	for (size_t i = 0; i < NAMESPACES; i++)
		if (children[i] > 0)
			end_child(children[i]);
	memset(children, 0, sizeof(children));
	return 0;
}

static void expect_listed(const char *phrase, const char *cgroup, uint32_t kinds)
{
	uint64_t id = id_of(cgroup);
	uint32_t have = 0;

	if (bpf_map_lookup_elem(programs_servers_fd(programs), &id, &have) < 0)
		have = 0;
	if (have != kinds)
		fail_msg("%s: kinds %u, not %u", phrase, have, kinds);
	assert_int_equal(server_set_find(&namespaces.servers.all, id), kinds);
}

static size_t count_listed(void)
{
	uint64_t key, *previous = NULL, next;
	size_t count = 0;

	while (bpf_map_get_next_key(programs_servers_fd(programs), previous, &next) == 0) {
		key = next;
		previous = &key;
		count++;
	}
	assert_int_equal(count, namespaces.servers.all.count);
	return count;
}

/* A second later. */
static void look_at_home(void)
{
	namespaces.servers.own_at = 0;
	server_turns_beat(&namespaces);
}

/* A child in a namespace of its own. */
struct plan {
	const char *cgroup; /* with one server at this address; NULL: CGROUPS_OF_ONE numbered ones, and: */
	const char *address;
	int from;
};

static void become_server(void *data)
{
	const struct plan *plan = data;

	CHILD_CHECK(unshare(CLONE_NEWNET) == 0);
	CHILD_CHECK(system("ip link set lo up") == 0);
	for (int i = 0; !plan->cgroup && i < CGROUPS_OF_ONE; i++) {
		char path[PATH_MAX], address[32];

		numbered(path, plan->from + i);
		snprintf(address, sizeof(address), "127.0.0.%d", i + 1);
		child_join_cgroup(path);
		open_at(SOCK_DGRAM, address, 53);
	}
	child_join_cgroup(plan->cgroup ? plan->cgroup : first);
	if (plan->cgroup)
		open_at(SOCK_DGRAM, plan->address, 53);
}

static struct follower *follow_child(size_t place, struct plan plan)
{
	struct sieve_event event;
	struct follower *follower;

	children[place] = start_idle(become_server, &plan);
	event = (struct sieve_event){ netns_of(children[place]), (uint32_t)children[place], (uint32_t)children[place] };
	namespaces_take_event(&namespaces, &event);
	namespaces_work(&namespaces);
	follower = followers_find(&namespaces, event.netns);
	assert_non_null(follower);
	return follower;
}

static void let_child_go(size_t place)
{
	uint32_t inum = netns_of(children[place]);

	end_child(children[place]);
	children[place] = 0;
	members_check(&namespaces);
	for (int i = 0; i < 100 && followers_find(&namespaces, inum); i++) {
		pause_ms(10);
		namespaces_work(&namespaces);
	}
	assert_null(followers_find(&namespaces, inum));
}

static void own_servers_are_listed_with_the_next_beat_and_go_with_another(void **state)
{
	int fd = serve(first, "192.0.2.10");

	(void)state;
	expect_listed("not yet", first, 0);
	look_at_home();
	expect_listed("with a beat", first, SIEVE_SERVER_OTHERS);
	close(fd);
	expect_listed("still", first, SIEVE_SERVER_OTHERS);
	look_at_home();
	expect_listed("gone", first, 0);
	fd = serve(first, "127.0.0.1");
	look_at_home();
	expect_listed("on loopback", first, SIEVE_SERVER_LOOPBACK);
	stop();
	start("no");
	expect_listed("by the next controller", first, SIEVE_SERVER_LOOPBACK);
	close(fd);
}

/* Over a reload, if the first looks of the next configuration fail; not if it is about other ports. */
static void what_was_seen_counts_until_a_look_comes_to_its_end(void **state)
{
	struct follower *own = followers_find(&namespaces, namespaces.own);
	const struct server seen = { .cgroup = id_of(first), .kinds = SIEVE_SERVER_OTHERS };
	struct server_set servers = {};
	struct follower was = { .namespace = own->namespace }, *followers[] = { &was };
	struct config of_before = config;
	struct namespaces before = { .config = &of_before, .own = namespaces.own, .followers = followers, .count = 1 };
	struct rlimit files, none = {};

	(void)state;
	assert_int_equal(server_set_add(&servers, &seen, 1), 0);
	was.servers = servers;
	of_before.ports[of_before.port_count++] = 5353;
	namespaces_carry(&namespaces, &before);
	expect_listed("of other ports", first, 0);
	of_before = config;
	namespaces_carry(&namespaces, &before);
	expect_listed("carried over", first, SIEVE_SERVER_OTHERS);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	none.rlim_max = files.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	look_at_home();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	expect_listed("after a look that failed", first, SIEVE_SERVER_OTHERS);
	look_at_home();
	expect_listed("after one that did not", first, 0);
	namespaces_carry(&namespaces, NULL);
	server_set_free(&servers);
}

static void a_beat_that_comes_too_soon_does_not_look(void **state)
{
	int fd = serve(first, "192.0.2.10");

	(void)state;
	namespaces.servers.own_at = UINT64_MAX;
	server_turns_beat(&namespaces);
	expect_listed("too soon", first, 0);
	look_at_home();
	expect_listed("in time", first, SIEVE_SERVER_OTHERS);
	assert_true(namespaces.servers.own_at > clock_monotonic_ns());
	close(fd);
}

static void a_cgroup_that_was_removed_goes(void **state)
{
	char path[PATH_MAX];
	uint64_t id;
	int fd;

	(void)state;
	make_cgroup("short", path);
	id = id_of(path);
	fd = serve(path, "192.0.2.10");
	assert_int_equal(rmdir(path), 0);
	look_at_home();
	assert_int_equal(server_set_find(&namespaces.servers.all, id), SIEVE_SERVER_OTHERS); /* its socket is there */
	close(fd);
	look_at_home();
	assert_int_equal(count_listed(), 0);
}

static void a_cgroup_is_listed_as_long_as_one_namespace_has_a_server_of_it(void **state)
{
	int fd;

	(void)state;
	follow_child(0, (struct plan){ .cgroup = first, .address = "127.0.0.1" });
	follow_child(1, (struct plan){ .cgroup = second, .address = "0.0.0.0" });
	fd = serve(first, "192.0.2.10"); /* after they were forked */
	look_at_home();
	expect_listed("of both", first, SIEVE_SERVER_OTHERS | SIEVE_SERVER_LOOPBACK);
	expect_listed("of the other", second, SIEVE_SERVER_OTHERS);
	close(fd);
	look_at_home();
	expect_listed("of the other alone", first, SIEVE_SERVER_LOOPBACK);
	let_child_go(0);
	expect_listed("nobody's", first, 0);
	expect_listed("a third one's", second, SIEVE_SERVER_OTHERS);
	assert_int_equal(netns_of(0), namespaces.own);
}

static void others_are_looked_at_with_their_surveys_and_not_too_often(void **state)
{
	struct follower *follower = follow_child(0, (struct plan){ .cgroup = second, .address = "127.0.0.1" });
	int fd;

	(void)state;
	assert_int_equal(netns_enter(follower->netns_fd), 0);
	fd = serve(first, "0.0.0.0");
	assert_int_equal(setns(followers_find(&namespaces, namespaces.own)->netns_fd, CLONE_NEWNET), 0);
	namespaces.servers.others_at = 0;
	namespace_trigger(&follower->namespace, clock_monotonic_ns());
	namespaces_work(&namespaces);
	expect_listed("too soon after the last look", first, 0);
	follower->servers_seen_at = 0;
	namespaces.servers.others_at = UINT64_MAX;
	namespace_trigger(&follower->namespace, clock_monotonic_ns());
	pause_ms(60);
	namespaces_work(&namespaces);
	expect_listed("too soon after the look at another one", first, 0);
	namespaces.servers.others_at = 0;
	namespace_trigger(&follower->namespace, clock_monotonic_ns());
	pause_ms(60);
	namespaces_work(&namespaces);
	expect_listed("in time", first, SIEVE_SERVER_OTHERS);
	close(fd);
}

static void other_namespaces_do_not_push_out_our_own_servers(void **state)
{
	int fd;

	(void)state;
	for (size_t i = 0; i < NAMESPACES; i++)
		follow_child(i, (struct plan){ .from = (int)i * CGROUPS_OF_ONE });
	assert_int_equal(count_listed(), CGROUPS_OF_OTHERS);
	fd = serve(first, "192.0.2.10");
	look_at_home();
	expect_listed("our own", first, SIEVE_SERVER_OTHERS);
	assert_int_equal(count_listed(), 1 + CGROUPS_OF_OTHERS);
	close(fd);
}

static void with_filter_servers_nobody_is_looked_for(void **state)
{
	int fd = serve(first, "192.0.2.10");

	(void)state;
	look_at_home();
	assert_int_equal(count_listed(), 1);
	stop();
	start("yes");
	look_at_home();
	server_turns_publish(&namespaces); /* as when the start is over */
	assert_int_equal(count_listed(), 0);
	close(fd);
}

#define SCAN(function) cmocka_unit_test_setup(function, fresh)
#define TURN(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCAN(a_server_on_any_address_is_found_while_its_socket_is_open),
		SCAN(other_ports_and_protocols_are_no_servers),
		SCAN(all_kinds_of_a_cgroup_and_all_cgroups_are_found),
		SCAN(servers_of_another_namespace_are_not_found),
		SCAN(there_are_no_more_than_asked_for_and_nothing_stays_open),
		TURN(own_servers_are_listed_with_the_next_beat_and_go_with_another),
		TURN(what_was_seen_counts_until_a_look_comes_to_its_end),
		TURN(a_beat_that_comes_too_soon_does_not_look),
		TURN(a_cgroup_that_was_removed_goes),
		TURN(a_cgroup_is_listed_as_long_as_one_namespace_has_a_server_of_it),
		TURN(others_are_looked_at_with_their_surveys_and_not_too_often),
		TURN(other_namespaces_do_not_push_out_our_own_servers),
		TURN(with_filter_servers_nobody_is_looked_for),
	};

	return cmocka_run_group_tests(tests, make_sandbox, leave_sandbox);
}
