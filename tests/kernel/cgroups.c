/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sender's cgroup: scopes, exempt ones, and DNS servers beside the sender.
 *
 * A test run's socket is in the cgroup of the process that asks for it, so each run happens in a child
 * that first moves to the cgroup. The cgroups are removed when the test ends, however it does.
 */
#include "harness.h"

#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define TIME_LIMIT 60 /* seconds for all cases */

/* Directories under the root of the cgroup2 file system, the test's own first. */
enum place {
	BASE,
	SHOP,       /* base/shop */
	SHOP_TILL,  /* base/shop/till */
	SHOP_TILL_DRAWER,
	HOME,       /* base/home */
	PLACES,
};

static char paths[PLACES][512];
static struct filter filter;
static struct outcome *shared; /* what a child's run did */
static pid_t test_pid, children[8];

static bool find_cgroup2(char *ret_path, size_t size)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[4096], path[256];
	bool found = false;

	assert_non_null(mounts);
	while (!found && fgets(line, sizeof(line), mounts))
		found = strstr(line, " - cgroup2 ") && sscanf(line, "%*s %*s %*s %*s %255s", path) == 1;
	fclose(mounts);
	if (found)
		snprintf(ret_path, size, "%s", path);
	return found;
}

static void end_child(pid_t *child)
{
	if (*child <= 0)
		return;
	kill(*child, SIGKILL);
	waitpid(*child, NULL, 0);
	*child = 0;
}

/* Safe in a signal handler: system calls only. A child's exit may free its cgroup a moment later. */
static void remove_cgroups(void)
{
	const struct timespec moment = { .tv_nsec = 10000000 };

	if (getpid() != test_pid)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		end_child(&children[i]);
	for (int place = PLACES - 1; place >= BASE; place--)
		for (int tries = 0; paths[place][0] && rmdir(paths[place]) && errno == EBUSY && tries < 100; tries++)
			nanosleep(&moment, NULL);
}

static void end_early(int number)
{
	remove_cgroups();
	_exit(128 + number);
}

static void make_cgroups(const char *root)
{
	const char *const names[] = { "", "/shop", "/shop/till", "/shop/till/drawer", "/home" };

	for (int place = BASE; place < PLACES; place++) {
		snprintf(paths[place], sizeof(paths[place]), "%s/stubsieve-test-%d%s", root, (int)test_pid, names[place]);
		assert_int_equal(mkdir(paths[place], 0755), 0);
	}
}

static int make_places(void **state)
{
	const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGALRM };
	char root[256];

	if (enter_namespace(state))
		return -1;
	if (!find_cgroup2(root, sizeof(root))) {
		fprintf(stderr, "no cgroup2 is mounted\n");
		return -1;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	test_pid = getpid();
	atexit(remove_cgroups);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		signal(numbers[i], end_early);
	alarm(TIME_LIMIT);
	make_cgroups(root);
	return 0;
}

static int remove_places(void **state)
{
	(void)state;
	remove_cgroups();
	return 0;
}

/* In the child. Returns 0 or -errno; asserts would end in the parent's copy of the test. */
static int move_to(enum place place)
{
	char path[600];
	int fd, error = 0;

	snprintf(path, sizeof(path), "%s/cgroup.procs", paths[place]);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, "0", 1) != 1)
		error = -errno;
	close(fd);
	return error;
}

/* A child that dies with its parent, so that nothing keeps the cgroups. */
static pid_t start_child(void)
{
	pid_t child;

	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return child;
}

/* The root cgroup is named by PLACES: where the test itself is. */
static void run_in(enum place place, enum hook hook, int ifindex, struct packet *packet, struct outcome *ret)
{
	int status;
	pid_t child;

	memset(shared, 0, sizeof(*shared));
	leave_by(packet, ifindex);
	child = start_child();
	if (child == 0) {
		int error = place == PLACES ? 0 : move_to(place);

		if (!error)
			run_packet(&filter, hook, ifindex, packet, shared);
		_exit(error ? 1 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	*ret = *shared;
}

static void passes_in(const char *phrase, enum place place, int reason)
{
	struct outcome outcome;
	struct message answer;
	struct packet packet;

	for (int version = 4; version <= 6; version += 2)
		for (enum hook hook = 0; hook < HOOKS_OF_OURS; hook++) {
			usual_query(version, SIEVE_IPV6, &packet, &answer);
			run_in(place, hook, tap_ifindex, &packet, &outcome);
			check_passed(phrase, hook, &packet, &outcome, reason);
		}
}

static void answered_over(const char *phrase, enum place place, int version)
{
	struct outcome outcome;
	struct message answer;
	struct packet packet;

	usual_query(version, SIEVE_IPV6, &packet, &answer);
	run_in(place, HOOK_EGRESS, tap_ifindex, &packet, &outcome);
	check_answered(phrase, tap_ifindex, &packet, &answer, SIEVE_IPV6, &outcome);
	run_in(place, HOOK_EGRESS, LOOPBACK, &packet, &outcome);
	check_answered(phrase, LOOPBACK, &packet, &answer, SIEVE_IPV6, &outcome);
	run_in(place, HOOK_CGROUP, tap_ifindex, &packet, &outcome);
	check_passed(phrase, HOOK_CGROUP, &packet, &outcome, SIEVE_COUNTER_OBSERVED + SIEVE_IPV6);
}

static void answered_in(const char *phrase, enum place place)
{
	answered_over(phrase, place, 4);
	answered_over(phrase, place, 6);
}

static void answered_at_gateway(const char *phrase, enum place place)
{
	struct outcome outcome;
	struct message answer;
	struct packet packet;

	for (int version = 4; version <= 6; version += 2) {
		usual_query(version, SIEVE_IPV6, &packet, &answer);
		run_in(place, HOOK_GATEWAY, tap_ifindex, &packet, &outcome);
		check_answered(phrase, tap_ifindex, &packet, &answer, SIEVE_IPV6, &outcome);
	}
}

static void list_cgroup(enum place place, __u32 kind)
{
	struct stat directory;
	__u64 id;

	assert_int_equal(stat(paths[place], &directory), 0);
	id = directory.st_ino;
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(filter.skel->maps.cgroups), &id, &kind, BPF_ANY), 0);
}

/* The levels of all places, wherever the cgroup2 file system's root is in the hierarchy. */
static void load_scopes(bool whole_host)
{
	struct sieve_policy policy = usual_policy();

	policy.whole_host = whole_host;
	policy.cgroup_levels = 0xfffffffe;
	load_filter(&filter, &policy);
}

static void load_usual(void)
{
	const struct sieve_policy policy = usual_policy();

	load_filter(&filter, &policy);
}

static int unload(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		end_child(&children[i]);
	if (filter.skel)
		unload_filter(&filter);
	return 0;
}

static void a_scope_is_answered_and_its_siblings_pass(void **state)
{
	(void)state;
	load_scopes(false);
	list_cgroup(SHOP, SIEVE_CGROUP_SCOPE);
	answered_in("in the scope", SHOP);
	passes_in("in a sibling", HOME, SIEVE_REASON_scope);
	passes_in("in the parent", BASE, SIEVE_REASON_scope);
	passes_in("in the cgroup that the test is in", PLACES, SIEVE_REASON_scope);
}

static void cgroups_below_a_scope_are_in_it(void **state)
{
	(void)state;
	load_scopes(false);
	list_cgroup(SHOP, SIEVE_CGROUP_SCOPE);
	answered_in("one below", SHOP_TILL);
	answered_in("two below", SHOP_TILL_DRAWER);
}

static void the_nearest_listed_cgroup_decides(void **state)
{
	(void)state;
	load_scopes(false);
	list_cgroup(SHOP, SIEVE_CGROUP_SCOPE);
	list_cgroup(SHOP_TILL, SIEVE_CGROUP_EXEMPT);
	answered_in("the scope", SHOP);
	passes_in("exempt within the scope", SHOP_TILL, SIEVE_REASON_exempt_cgroup);
	passes_in("below the exempt one", SHOP_TILL_DRAWER, SIEVE_REASON_exempt_cgroup);
	list_cgroup(SHOP_TILL_DRAWER, SIEVE_CGROUP_SCOPE);
	answered_in("a scope within the exempt one", SHOP_TILL_DRAWER);
	passes_in("the exempt one between two scopes", SHOP_TILL, SIEVE_REASON_exempt_cgroup);
}

static void the_whole_host_is_answered_but_for_exempt_cgroups(void **state)
{
	(void)state;
	load_scopes(true);
	list_cgroup(SHOP_TILL, SIEVE_CGROUP_EXEMPT);
	answered_in("not listed", HOME);
	answered_in("above the exempt one", SHOP);
	passes_in("exempt", SHOP_TILL, SIEVE_REASON_exempt_cgroup);
	passes_in("below the exempt one", SHOP_TILL_DRAWER, SIEVE_REASON_exempt_cgroup);
}

static void without_any_listed_cgroup_nothing_is_in_scope(void **state)
{
	(void)state;
	load_scopes(false);
	passes_in("no list", SHOP, SIEVE_REASON_scope);
}

/* What asks at a gateway has no cgroup here, whichever the test is in. */
static void everybody_behind_a_gateway_is_in_scope(void **state)
{
	(void)state;
	load_scopes(false);
	list_cgroup(SHOP, SIEVE_CGROUP_SCOPE);
	for (enum place place = BASE; place <= PLACES; place++)
		answered_at_gateway("whatever is in scope", place);
}

/* Where a server of a case listens. */
struct service {
	const char *phrase;
	int family;
	const char *address; /* NULL: any */
	bool v6only;
	int port;
	bool serves[2];      /* queries over IPv4, over IPv6 */
};

/* Returns the socket or -errno. The address need not be the host's. */
static int listen_at(const struct service *service)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((__u16)service->port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((__u16)service->port) };
	const int one = 1, v6only = service->v6only;
	int fd = socket(service->family, SOCK_DGRAM, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_IP, IP_FREEBIND, &one, sizeof(one));
	if (service->family == AF_INET6)
		setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
	if (service->address)
		inet_pton(service->family, service->address,
			  service->family == AF_INET ? (void *)&four.sin_addr : (void *)&six.sin6_addr);
	if (bind(fd, service->family == AF_INET ? (void *)&four : (void *)&six,
		 service->family == AF_INET ? sizeof(four) : sizeof(six))) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

/* A process of the cgroup that holds the socket until unload(). A socket keeps the cgroup it was made in. */
static void serve_in(enum place place, const struct service *service)
{
	char ready = 0;
	int ends[2];
	size_t i = 0;

	while (i < ARRAY_SIZE(children) && children[i])
		i++;
	assert_true(i < ARRAY_SIZE(children));
	assert_int_equal(pipe(ends), 0);
	children[i] = start_child();
	if (children[i] == 0) {
		if (move_to(place) || listen_at(service) < 0 || write(ends[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &ready, 1), 1);
	close(ends[0]);
}

static void stop_serving(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		end_child(&children[i]);
}

static void passes_over(const char *phrase, enum place place, int version)
{
	struct outcome outcome;
	struct message answer;
	struct packet packet;

	usual_query(version, SIEVE_IPV6, &packet, &answer);
	for (enum hook hook = 0; hook < HOOKS_OF_OURS; hook++) {
		run_in(place, hook, tap_ifindex, &packet, &outcome);
		check_passed(phrase, hook, &packet, &outcome, SIEVE_REASON_serves_others);
		run_in(place, hook, LOOPBACK, &packet, &outcome);
		check_passed(phrase, hook, &packet, &outcome, SIEVE_REASON_serves_others);
	}
}

static const struct service services[] = {
	{ "any IPv4 address", AF_INET, NULL, false, 53, { true, false } },
	{ "any address of both families", AF_INET6, NULL, false, 53, { true, true } },
	{ "any IPv6 address", AF_INET6, NULL, true, 53, { false, true } },
	{ "the query's IPv4 source", AF_INET, "192.0.2.10", false, 53, { true, false } },
	{ "the query's IPv6 source", AF_INET6, "2001:db8::10", true, 53, { false, true } },
	{ "the query's IPv4 source, mapped", AF_INET6, "::ffff:192.0.2.10", false, 53, { true, false } },
	{ "another IPv4 address", AF_INET, "192.0.2.11", false, 53, { false, false } },
	{ "another IPv6 address", AF_INET6, "2001:db8::11", true, 53, { false, false } },
	{ "127.0.0.1", AF_INET, "127.0.0.1", false, 53, { false, false } },
	{ "::1", AF_INET6, "::1", true, 53, { false, false } },
	{ "another port", AF_INET6, NULL, false, 54, { false, false } },
};

static void a_server_in_the_senders_cgroup_serves_others(void **state)
{
	(void)state;
	load_usual();
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		serve_in(SHOP, &services[i]);
		for (int six = 0; six < 2; six++) {
			if (services[i].serves[six])
				passes_over(services[i].phrase, SHOP, six ? 6 : 4);
			else
				answered_over(services[i].phrase, SHOP, six ? 6 : 4);
		}
		stop_serving();
		answered_in("the server is gone", SHOP);
	}
}

static void a_server_in_another_cgroup_is_another_matter(void **state)
{
	(void)state;
	load_usual();
	serve_in(SHOP, &services[1]);
	passes_over("its own cgroup", SHOP, 4);
	passes_over("its own cgroup", SHOP, 6);
	answered_in("a sibling", HOME);
	answered_at_gateway("clients", SHOP);
	answered_in("the parent", BASE);
	answered_in("a cgroup below", SHOP_TILL);
}

static void a_server_is_filtered_where_the_policy_says_so(void **state)
{
	struct sieve_policy policy = usual_policy();

	(void)state;
	policy.filter_servers = 1;
	load_filter(&filter, &policy);
	serve_in(SHOP, &services[1]);
	answered_in("filter-servers = yes", SHOP);
}

static void a_server_on_any_configured_port_counts(void **state)
{
	const struct service service = { "port 5300", AF_INET6, NULL, false, 5300, { true, true } };
	struct sieve_policy policy = usual_policy();

	(void)state;
	serve_in(SHOP, &service);
	load_filter(&filter, &policy);
	answered_in("port 5300 is not configured", SHOP);
	unload_filter(&filter);
	policy.ports[3] = 5300;
	load_filter(&filter, &policy);
	passes_over("port 5300 is configured", SHOP, 4);
	passes_over("port 5300 is configured", SHOP, 6);
}

/* Two servers on different ports: the first one found must not hide the second. */
static void one_of_several_servers_in_the_senders_cgroup_is_enough(void **state)
{
	const struct service other = { "port 5300", AF_INET6, NULL, false, 5300, { true, true } };
	struct sieve_policy policy = usual_policy();

	(void)state;
	policy.ports[1] = 5300;
	load_filter(&filter, &policy);
	serve_in(HOME, &services[1]);
	serve_in(SHOP, &other);
	passes_over("the one on port 5300", SHOP, 4);
	passes_over("the one on port 53", HOME, 6);
	answered_in("neither", SHOP_TILL);
}

/* The dear question comes last: a query that passes anyway is not looked at for it. */
static void what_passes_anyway_keeps_its_own_reason_beside_a_server(void **state)
{
	struct sieve_netns published;

	(void)state;
	load_usual();
	serve_in(SHOP, &services[1]);
	published = filter.state;
	published.connectivity[SIEVE_IPV6] = SIEVE_CONNECTED;
	publish(&filter, &published);
	passes_in("connected", SHOP, SIEVE_REASON_connected);
	published = filter.state;
	published.generation[SIEVE_IPV6]++;
	publish(&filter, &published);
	passes_in("changed", SHOP, SIEVE_REASON_changed);
}

#define TEST(function) cmocka_unit_test_teardown(function, unload)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_scope_is_answered_and_its_siblings_pass),
		TEST(cgroups_below_a_scope_are_in_it),
		TEST(the_nearest_listed_cgroup_decides),
		TEST(the_whole_host_is_answered_but_for_exempt_cgroups),
		TEST(without_any_listed_cgroup_nothing_is_in_scope),
		TEST(everybody_behind_a_gateway_is_in_scope),
		TEST(a_server_in_the_senders_cgroup_serves_others),
		TEST(a_server_in_another_cgroup_is_another_matter),
		TEST(a_server_is_filtered_where_the_policy_says_so),
		TEST(a_server_on_any_configured_port_counts),
		TEST(one_of_several_servers_in_the_senders_cgroup_is_enough),
		TEST(what_passes_anyway_keeps_its_own_reason_beside_a_server),
	};

	return cmocka_run_group_tests(tests, make_places, remove_places);
}
