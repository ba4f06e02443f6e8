/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All namespaces under control, with a cgroup of the test's own as the scope. Their members are children that do what
 * they are told; the test has the controller's loop, and looks after each step whether the thread is where it belongs.
 */
#include "sandbox.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "admission.h"
#include "clock.h"
#include "members.h"
#include "namespaces.h"
#include "netns.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif

#define MEMBERS_MAX 96

static char pin_dir[PATH_MAX], inside[PATH_MAX], exempt[PATH_MAX], outside[PATH_MAX];
static struct config config;
static struct programs *programs;
static struct scope scope;
static struct namespaces namespaces;
static uint32_t home;
static int epoll_fd = -1, watch_fd = -1;

/* What a member can do. Each is answered with a report when it is done. */
enum verb {
	SOCKET, /* make a UDP socket, and close it */
	LEAVE,  /* go to a new namespace */
	JOIN,   /* go to the namespace of another process */
	THREAD, /* have a thread that goes to a new namespace, makes a socket, and stays */
	END_THREAD,
	FLIP,   /* have a thread that goes from one namespace to the other all the time */
};

struct order {
	enum verb verb;
	pid_t of;
};

struct report {
	uint32_t inum;
	uint64_t cookie; /* 0 before Linux 5.14 */
	pid_t tid;       /* of the thread that it is about */
};

struct member {
	pid_t pid;
	int order_fd, report_fd;
	uint32_t inum;
	uint64_t cookie;
};

static struct member members[MEMBERS_MAX];
static size_t member_count;

/* The member's side. */

static pthread_t thread;
static int thread_report_fd, thread_end[2], flip_fds[2];

static void send_report(int fd)
{
	struct report report = { .inum = netns_of(0), .tid = (pid_t)syscall(SYS_gettid) };
	socklen_t size = sizeof(report.cookie);
	int socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (getsockopt(socket_fd, SOL_SOCKET, SO_NETNS_COOKIE, &report.cookie, &size) < 0)
		report.cookie = 0;
	close(socket_fd);
	CHILD_CHECK(write(fd, &report, sizeof(report)) == sizeof(report));
}

static void make_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	CHILD_CHECK(fd >= 0);
	close(fd);
}

static void *live_elsewhere(void *data)
{
	char octet;

	CHILD_CHECK(unshare(CLONE_NEWNET) == 0);
	make_socket();
	send_report(thread_report_fd);
	CHILD_CHECK(read(thread_end[0], &octet, 1) == 1);
	return data;
}

static void *flip(void *data)
{
	send_report(thread_report_fd);
	for (;;) {
		CHILD_CHECK(setns(flip_fds[0], CLONE_NEWNET) == 0);
		CHILD_CHECK(setns(flip_fds[1], CLONE_NEWNET) == 0);
	}
	return data;
}

static int open_netns(pid_t pid)
{
	uint32_t inum;
	int fd;

	CHILD_CHECK(netns_open(pid, &fd, &inum) == 0);
	return fd;
}

static void obey(const struct order *order, int report_fd)
{
	char octet = 0;

	thread_report_fd = report_fd;
	switch (order->verb) {
	case SOCKET:
		make_socket();
		break;
	case LEAVE:
		CHILD_CHECK(unshare(CLONE_NEWNET) == 0);
		break;
	case JOIN:
		CHILD_CHECK(netns_enter(open_netns(order->of)) == 0);
		break;
	case THREAD:
		CHILD_CHECK(pipe2(thread_end, O_CLOEXEC) == 0);
		CHILD_CHECK(pthread_create(&thread, NULL, live_elsewhere, NULL) == 0);
		return; /* the thread reports */
	case END_THREAD:
		CHILD_CHECK(write(thread_end[1], &octet, 1) == 1);
		CHILD_CHECK(pthread_join(thread, NULL) == 0);
		break;
	case FLIP:
		flip_fds[0] = open_netns(order->of);
		flip_fds[1] = open_netns(0);
		CHILD_CHECK(pthread_create(&thread, NULL, flip, NULL) == 0);
		return;
	}
	send_report(report_fd);
}

/* What the test has open of a namespace keeps it alive: a member has nothing of it. */
static void serve(const char *cgroup, bool is_elsewhere, int order_fd, int report_fd)
{
	int orders = fcntl(order_fd, F_DUPFD_CLOEXEC, 1000), reports = fcntl(report_fd, F_DUPFD_CLOEXEC, 1000);
	struct order order;

	CHILD_CHECK(orders >= 0 && reports >= 0);
	CHILD_CHECK(syscall(SYS_close_range, 3, 999, 0) == 0);
	child_join_cgroup(cgroup);
	if (is_elsewhere)
		CHILD_CHECK(unshare(CLONE_NEWNET) == 0);
	send_report(reports);
	while (read(orders, &order, sizeof(order)) == sizeof(order))
		obey(&order, reports);
	_exit(0);
}

/* The test's side. */

static struct report read_report(const struct member *member)
{
	struct report report;

	assert_int_equal(read(member->report_fd, &report, sizeof(report)), sizeof(report));
	return report;
}

/* In a new namespace, or in that of the test. */
static struct member *start_member_at(const char *cgroup, bool is_elsewhere)
{
	struct member *member;
	int orders[2], reports[2];
	struct report report;

	while (member_count > 0 && members[member_count - 1].pid == 0) /* it was ended */
		member_count--;
	assert_true(member_count < MEMBERS_MAX);
	member = &members[member_count];
	assert_int_equal(pipe2(orders, O_CLOEXEC), 0);
	assert_int_equal(pipe2(reports, O_CLOEXEC), 0);
	*member = (struct member){ .pid = fork_child() };
	if (member->pid == 0)
		serve(cgroup, is_elsewhere, orders[0], reports[1]);
	close(orders[0]);
	close(reports[1]);
	member->order_fd = orders[1];
	member->report_fd = reports[0];
	member_count++;
	report = read_report(member);
	member->inum = report.inum;
	member->cookie = report.cookie;
	return member;
}

static struct member *start_member(const char *cgroup)
{
	return start_member_at(cgroup, true);
}

static struct report tell_member(struct member *member, struct order order)
{
	struct report report;

	assert_int_equal(write(member->order_fd, &order, sizeof(order)), sizeof(order));
	report = read_report(member);
	if (order.verb == LEAVE || order.verb == JOIN) {
		member->inum = report.inum;
		member->cookie = report.cookie;
	}
	return report;
}

static void make_a_socket(struct member *member)
{
	tell_member(member, (struct order){ .verb = SOCKET });
}

static void end_member(struct member *member)
{
	if (member->pid == 0)
		return;
	end_child(member->pid);
	close(member->order_fd);
	close(member->report_fd);
	member->pid = 0;
}

static void expect_home(void)
{
	if (netns_of(0) != home)
		fail_msg("the thread is in %u, not at home in %u", netns_of(0), home);
	if (namespaces.own)
		assert_int_equal(namespaces.current, home);
}

static void take_event(const struct sieve_event *event, void *data)
{
	(void)data;
	namespaces_take_event(&namespaces, event);
}

/* Effective alone, so that it can be had again. */
static void set_capability(unsigned int capability, bool is_on)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	data[capability / 32].effective &= ~(1U << capability % 32);
	if (is_on)
		data[capability / 32].effective |= 1U << capability % 32;
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

/* As events of the loop beside those of namespaces.h. */
enum { SENSOR, WATCH };

static void add_source(int fd, uint64_t source)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = source };

	assert_int_equal(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), 0);
}

static void watch_names(void)
{
	inotify_add_watch(watch_fd, NETNS_NAMES, IN_CREATE | IN_DELETE | IN_ONLYDIR);
}

static void configure(const char *key, const char *word)
{
	char text[CONFIG_ERROR_MAX];

	if (config_set(&config, key, word, text) < 0)
		fail_msg("%s", text);
}

static void load(void)
{
	struct error error = {};

	programs = load_programs_as(config.action, (struct programs_request){
		.pin_dir = pin_dir, .max_netns = SANDBOX_NETNS_MAX, .sensor = true });
	programs_set_event_callback(programs, take_event, NULL);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	assert_true(epoll_fd >= 0 && watch_fd >= 0);
	add_source(programs_events_fd(programs), SENSOR);
	add_source(watch_fd, WATCH);
	watch_names();
	if (scope_open(&scope, &config, -1, &error) != 0 || scope_attach(&scope, programs, &error) != 0)
		fail_msg("%s", error.text);
}

static void unload(void)
{
	namespaces_close(&namespaces);
	scope_close(&scope);
	programs_free(programs);
	programs = NULL;
	close(epoll_fd);
	close(watch_fd);
	epoll_fd = watch_fd = -1;
}

/* The controller is not in the scope, its own namespace is followed all the same. */
static int enter(void **state)
{
	(void)state;
	fresh_netns();
	home = netns_of(0);
	cover_run();
	assert_int_equal(mkdir(NETNS_NAMES, 0755), 0);
	fresh_pin_dir(pin_dir);
	config_init(&config);
	strcpy(config.pin_dir, pin_dir);
	snprintf(config.run_dir, sizeof(config.run_dir), SANDBOX "/namespaces-%d", (int)getpid());
	config.settle_ns = 0;
	configure("cgroup", inside);
	configure("exempt-cgroup", exempt);
	namespaces = (struct namespaces){};
	load();
	return 0;
}

static int leave(void **state)
{
	struct error error;

	(void)state;
	set_capability(CAP_SYS_ADMIN, true);
	set_capability(CAP_SYS_PTRACE, true);
	unload();
	pins_sweep(pin_dir, NULL, NULL, &error);
	while (member_count > 0)
		end_member(&members[--member_count]);
	config_free(&config);
	uncover_run();
	return 0;
}

static void read_watch(void)
{
	_Alignas(struct inotify_event) char buffer[4096];

	while (read(watch_fd, buffer, sizeof(buffer)) > 0)
		;
	members_names_changed(&namespaces);
	expect_home();
}

/* One turn of the controller's loop that waits for so long at most. */
static void turn(int milliseconds)
{
	struct epoll_event events[16];
	uint64_t now = clock_monotonic_ns(), due = namespaces_due(&namespaces, now);
	int count;

	if (due < now + (uint64_t)milliseconds * CLOCK_MILLISECOND_NS)
		milliseconds = due <= now ? 0 : (int)((due - now) / CLOCK_MILLISECOND_NS) + 1;
	count = epoll_wait(epoll_fd, events, ARRAY_COUNT(events), milliseconds);
	for (int i = 0; i < count; i++) {
		if (events[i].data.u64 == SENSOR)
			programs_read_events(programs);
		else if (events[i].data.u64 == WATCH)
			read_watch();
		else
			namespaces_handle(&namespaces, events[i].data.u64, clock_monotonic_ns());
		expect_home();
	}
	namespaces_work(&namespaces);
	expect_home();
}

static void work_for(uint64_t ms)
{
	for (uint64_t end = clock_monotonic_ns() + ms * CLOCK_MILLISECOND_NS, now; (now = clock_monotonic_ns()) < end;)
		turn((int)((end - now) / CLOCK_MILLISECOND_NS) + 1);
}

/* Nothing is left to do, also where attaching is done in parts. */
static bool is_idle(void)
{
	uint64_t now = clock_monotonic_ns();

	for (size_t i = 0; i < namespaces.count; i++) {
		const struct namespace *namespace = &namespaces.followers[i]->namespace;

		if (namespace->links_changed || namespace_due(namespace) < now + CLOCK_SECOND_NS)
			return false;
	}
	return namespaces.announced_count == 0 && !namespaces.has_orphans;
}

/* At least until the kernel has told of what was done just now, and as long as a busy machine needs. */
static void work_until_idle(void)
{
	uint64_t end = clock_monotonic_ns() + 10 * CLOCK_SECOND_NS;

	work_for(150);
	while (!is_idle() && clock_monotonic_ns() < end)
		turn(10);
}

static void open_namespaces(void)
{
	struct error error = {};

	if (namespaces_open(&namespaces, &config, programs, &scope, epoll_fd, &error) != 0)
		fail_msg("%s", error.text);
	expect_home();
}

static void attach_namespaces(void)
{
	struct error error = {};

	if (namespaces_attach(&namespaces, &error) != 0)
		fail_msg("%s", error.text);
	expect_home();
}

static bool is_attached(void)
{
	for (size_t i = 0; i < namespaces.count; i++)
		if (namespaces.followers[i]->namespace.links_changed)
			return false;
	return true;
}

static void start(void)
{
	open_namespaces();
	attach_namespaces();
	for (uint64_t end = clock_monotonic_ns() + 10 * CLOCK_SECOND_NS; clock_monotonic_ns() < end;) {
		if (namespaces.is_complete && is_attached())
			break;
		turn(0);
	}
	assert_true(namespaces.is_complete);
}

/* The turns of the loop that a text on stderr comes from: assertions are for afterwards. */
static void work_quietly(void *data)
{
	struct epoll_event events[16];

	for (int i = 0; i < *(int *)data; i++) {
		int count = epoll_wait(epoll_fd, events, ARRAY_COUNT(events), 1);

		for (int n = 0; n < count; n++)
			if (events[n].data.u64 == SENSOR)
				programs_read_events(programs);
		namespaces_work(&namespaces);
	}
}

static unsigned int times_in(const char *text, const char *word)
{
	unsigned int times = 0;

	for (; (text = strstr(text, word)); text += strlen(word))
		times++;
	return times;
}

static int open_map(const char *name)
{
	char path[2 * PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s-%d", pin_dir, name, SIEVE_ABI_VERSION);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	return fd;
}

static bool read_published(uint32_t inum, struct sieve_netns *ret_seen)
{
	int fd = open_map("netns");
	bool is = bpf_map_lookup_elem(fd, &inum, ret_seen) == 0;

	close(fd);
	return is;
}

static unsigned int count_published(void)
{
	uint32_t key, next, *previous = NULL;
	unsigned int count = 0;
	int fd = open_map("netns");

	while (bpf_map_get_next_key(fd, previous, &next) == 0) {
		key = next;
		previous = &key;
		count++;
	}
	close(fd);
	return count;
}

/* Pins of links to interfaces of the namespace; 0: of any. */
static unsigned int count_pins(uint32_t inum)
{
	char prefix[32] = "tcx-";
	DIR *directory = opendir(pin_dir);
	struct dirent *entry;
	unsigned int count = 0;

	assert_non_null(directory);
	if (inum)
		snprintf(prefix, sizeof(prefix), "tcx-%u-", inum);
	while ((entry = readdir(directory)))
		count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	closedir(directory);
	return count;
}

static __u32 pinned_link(uint32_t inum, uint32_t ifindex)
{
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);
	char path[2 * PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/tcx-%u-%u", pin_dir, inum, ifindex);
	fd = bpf_obj_get(path);
	if (fd < 0)
		fail_msg("%s is not pinned", path);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	close(fd);
	return info.id;
}

static void work_until_followed(const struct member *member)
{
	uint64_t end = clock_monotonic_ns() + 10 * CLOCK_SECOND_NS;

	while ((!followers_find(&namespaces, member->inum) || !count_pins(member->inum)) && clock_monotonic_ns() < end)
		turn(10);
}

static void work_until_unknown(uint32_t inum)
{
	uint64_t end = clock_monotonic_ns() + 10 * CLOCK_SECOND_NS;

	while (followers_find(&namespaces, inum) && clock_monotonic_ns() < end)
		turn(10);
}

static struct follower *expect_followed(const char *phrase, const struct member *member)
{
	struct follower *follower = followers_find(&namespaces, member->inum);
	struct sieve_netns seen;

	if (!follower || !read_published(member->inum, &seen) || count_pins(member->inum) == 0)
		fail_msg("%s: %sfollowed, %u pins", phrase, follower ? "" : "not ", count_pins(member->inum));
	assert_int_equal(seen.cookie, member->cookie);
	return follower;
}

static void expect_unknown(const char *phrase, uint32_t inum)
{
	struct sieve_netns seen;

	if (followers_find(&namespaces, inum) || read_published(inum, &seen) || count_pins(inum) > 0)
		fail_msg("%s: %u is followed, or something is left of it", phrase, inum);
}

static void expect_verdict(const char *phrase, uint32_t inum, enum sieve_connectivity ipv4, enum sieve_connectivity ipv6)
{
	struct sieve_netns seen = {};

	if (!read_published(inum, &seen))
		fail_msg("%s: nothing is published", phrase);
	if (seen.connectivity[SIEVE_IPV4] != ipv4 || seen.connectivity[SIEVE_IPV6] != ipv6)
		fail_msg("%s: published are %u and %u, not %d and %d", phrase, seen.connectivity[SIEVE_IPV4],
			 seen.connectivity[SIEVE_IPV6], (int)ipv4, (int)ipv6);
}

__attribute__((format(printf, 2, 3))) static void run_in(const struct member *member, const char *format, ...)
{
	char command[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	run("nsenter -t %d --net sh -c '%s'", (int)member->pid, command);
}

static uint32_t ifindex_in(const struct member *member, const char *device)
{
	uint32_t ifindex, unused;
	int fd, back;

	assert_int_equal(netns_open(0, &back, &unused), 0);
	assert_int_equal(netns_open(member->pid, &fd, &unused), 0);
	assert_int_equal(netns_enter(fd), 0);
	ifindex = if_nametoindex(device);
	assert_int_equal(netns_enter(back), 0);
	close(fd);
	close(back);
	assert_int_not_equal(ifindex, 0);
	return ifindex;
}

/*
 * An interface that is up and has no route; its peer is in the test's namespace. What the kernel does with IPv6
 * addresses when it pleases would be a reason to look, too: only where IPv6 is needed it is on.
 */
static void give_interface(const struct member *member, const char *peer, bool has_ipv6)
{
	run("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	run_in(member, "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	run("ip link add %s type veth peer name v0 netns %d && ip link set dev %s up", peer, (int)member->pid, peer);
	run_in(member, "ip link set dev v0 up && echo %d >/proc/sys/net/ipv6/conf/v0/disable_ipv6", !has_ipv6);
}

static void the_own_namespace_is_there_without_a_process_of_the_scope(void **state)
{
	const struct follower *own;
	struct sieve_netns seen;

	(void)state;
	open_namespaces();
	assert_int_equal(namespaces.count, 1);
	assert_true(read_published(home, &seen));
	assert_int_equal(count_pins(0), 0); /* nothing is attached yet */
	attach_namespaces();
	turn(0);
	assert_true(namespaces.is_complete);
	own = followers_find(&namespaces, home);
	assert_non_null(own);
	assert_true(own->namespace.is_own);
	assert_int_equal(own->member, 0);
	assert_int_equal(count_pins(home), 1);
	/* nobody is missed in it */
	members_check(&namespaces);
	members_names_changed(&namespaces);
	work_until_idle();
	assert_ptr_equal(followers_find(&namespaces, home), own);
}

static void namespaces_of_the_scope_are_found_at_the_start(void **state)
{
	struct member *first = start_member(inside), *second = start_member(inside), *exempt_one = start_member(exempt),
		      *foreign = start_member(outside), *at_home = start_member_at(inside, false),
		      *beside_first = start_member_at(inside, false);

	(void)state;
	tell_member(beside_first, (struct order){ JOIN, first->pid });
	start();
	assert_int_equal(namespaces.count, 3);
	assert_false(expect_followed("the first", first)->namespace.is_own);
	assert_int_equal(expect_followed("the second", second)->member, second->pid);
	expect_unknown("an exempt one", exempt_one->inum);
	expect_unknown("one outside", foreign->inum);
	assert_int_equal(at_home->inum, home);
	assert_int_equal(count_published(), 3);
}

static void a_namespace_is_found_by_the_first_socket_in_it(void **state)
{
	struct member *member;

	(void)state;
	start();
	member = start_member(inside);
	work_until_idle();
	expect_unknown("without a socket", member->inum);
	make_a_socket(member);
	expect_unknown("before a turn of the loop", member->inum);
	work_until_followed(member);
	assert_int_equal(expect_followed("with a socket", member)->member, member->pid);
	assert_int_equal(count_published(), 2);
}

/* Of a cgroup that comes; its processes may have been quicker than the sensor. */
static void another_scan_finds_what_no_socket_told_of(void **state)
{
	struct member *member, *exempt_one;

	(void)state;
	start();
	member = start_member(inside);
	exempt_one = start_member(exempt);
	admission_scan(&namespaces);
	expect_home();
	work_until_followed(member);
	expect_followed("without a socket", member);
	work_until_idle();
	expect_unknown("an exempt one", exempt_one->inum);
	config.netns = CONFIG_NETNS_SELF;
	member = start_member(inside);
	admission_scan(&namespaces);
	work_until_idle();
	expect_unknown("with --netns self", member->inum);
}

static void sockets_of_others_do_not_count(void **state)
{
	struct member *exempt_one, *foreign, *at_home, *twin;

	(void)state;
	start();
	exempt_one = start_member(exempt);
	foreign = start_member(outside);
	at_home = start_member_at(inside, false);
	make_a_socket(exempt_one);
	make_a_socket(foreign);
	make_a_socket(at_home);
	work_until_idle();
	expect_unknown("an exempt one", exempt_one->inum);
	expect_unknown("one outside", foreign->inum);
	assert_int_equal(namespaces.count, 1);
	twin = start_member(inside);
	make_a_socket(twin);
	work_until_followed(twin);
	expect_followed("the twin", twin);
	assert_int_equal(namespaces.count, 2);
}

static void an_exempt_process_beside_it_does_not_hide_one_of_the_scope(void **state)
{
	struct member *exempt_one, *member;

	(void)state;
	start();
	exempt_one = start_member(exempt);
	member = start_member_at(inside, false);
	tell_member(member, (struct order){ JOIN, exempt_one->pid });
	make_a_socket(exempt_one);
	work_until_idle();
	expect_unknown("by an exempt one", member->inum);
	make_a_socket(member);
	work_until_followed(member);
	assert_int_equal(expect_followed("by one of the scope", member)->member, member->pid);
}

static void a_thread_may_be_elsewhere_than_its_process(void **state)
{
	struct member *member, place;
	struct report report;
	struct follower *follower;

	(void)state;
	start();
	member = start_member_at(inside, false);
	report = tell_member(member, (struct order){ .verb = THREAD });
	assert_int_not_equal(report.tid, member->pid);
	assert_int_not_equal(report.inum, home);
	place = (struct member){ .inum = report.inum, .cookie = report.cookie };
	work_until_followed(&place);
	follower = expect_followed("a thread", &place);
	assert_int_equal(follower->member, report.tid);
	for (int i = 0; i < 3; i++) {
		members_check(&namespaces);
		work_until_idle();
		expect_followed("while it is there", &place);
	}
	/* the process lives on */
	tell_member(member, (struct order){ .verb = END_THREAD });
	for (int i = 0; i < 1000 && netns_of(report.tid); i++)
		pause_ms(1);
	members_check(&namespaces);
	work_until_unknown(report.inum);
	expect_unknown("the thread ended", report.inum);
}

/* A process can end between the socket that it made and the look at it. */
static void who_ended_meanwhile_leaves_the_namespace_to_another(void **state)
{
	struct member *member, *foreign, *gone;
	struct sieve_event event;

	(void)state;
	start();
	member = start_member(inside);
	foreign = start_member(outside);
	gone = start_member(inside);
	event = (struct sieve_event){ .tgid = (uint32_t)gone->pid };
	end_member(gone);
	event.netns = member->inum;
	event.tid = (uint32_t)member->pid;
	namespaces_take_event(&namespaces, &event);
	event.netns = foreign->inum;
	event.tid = (uint32_t)foreign->pid;
	namespaces_take_event(&namespaces, &event);
	work_until_followed(member);
	work_until_idle();
	assert_int_equal(expect_followed("by another", member)->member, member->pid);
	expect_unknown("with none of the scope", foreign->inum);
}

static void events_of_namespaces_that_vanished_do_nothing(void **state)
{
	struct sieve_event event = {};
	unsigned int before;
	int turns = 20;
	char *text;

	(void)state;
	start();
	before = count_descriptors();
	for (int i = 0; i < 10; i++) {
		struct member *member = start_member(inside);

		make_a_socket(member);
		end_member(member);
	}
	event = (struct sieve_event){ .netns = 1, .tid = INT_MAX, .tgid = INT_MAX };
	namespaces_take_event(&namespaces, &event);
	event = (struct sieve_event){ .netns = 2 }; /* of routes of one that is not known */
	namespaces_take_event(&namespaces, &event);
	text = stderr_while(work_quietly, &turns);
	assert_string_equal(text, "");
	free(text);
	expect_home();
	assert_int_equal(namespaces.count, 1);
	assert_int_equal(namespaces.announced_count, 0);
	assert_int_equal(count_published(), 1);
	assert_int_equal(count_pins(0), 1);
	assert_int_equal(count_descriptors(), before);
}

/* The programs met routes that the controller has not seen. */
static void an_event_of_a_known_namespace_is_a_reason_to_look(void **state)
{
	struct member *member = start_member(inside);
	const struct follower *follower;
	struct sieve_event event;
	uint64_t before, own;

	(void)state;
	start();
	work_until_idle();
	follower = expect_followed("there", member);
	before = follower->namespace.surveys;
	own = followers_find(&namespaces, home)->namespace.surveys;
	event = (struct sieve_event){ .netns = member->inum };
	namespaces_take_event(&namespaces, &event);
	turn(0);
	assert_int_equal(follower->namespace.surveys, before + 1);
	assert_int_equal(followers_find(&namespaces, home)->namespace.surveys, own);
}

static bool is_there(const char *device)
{
	return if_nametoindex(device) != 0;
}

/* What is open of a namespace would keep it alive, and the other end of its veth. */
static void a_namespace_is_let_go_with_its_last_process(void **state)
{
	unsigned int before, descriptors;
	struct member *member;
	uint64_t began;
	uint32_t inum;

	(void)state;
	start();
	before = count_descriptors();
	for (int i = 0; i < 3; i++) {
		member = start_member(inside);
		inum = member->inum;
		give_interface(member, "peer", true);
		make_a_socket(member);
		work_until_followed(member);
		work_until_idle();
		expect_followed("while it lives", member);
		assert_int_equal(count_pins(inum), 2);
		assert_true(is_there("peer"));
		descriptors = count_descriptors();
		assert_true(descriptors > before);
		began = clock_monotonic_ns();
		end_member(member);
		while (is_there("peer") && clock_monotonic_ns() < began + 3 * CLOCK_SECOND_NS)
			turn(10);
		assert_in_range(clock_monotonic_ns() - began, 0, CLOCK_SECOND_NS);
		work_until_idle(); /* the own namespace lost an interface */
		expect_unknown("after it ended", inum);
		assert_int_equal(count_published(), 1);
		assert_int_equal(count_pins(0), 1);
		assert_int_equal(count_descriptors(), before);
	}
}

static void another_process_takes_over(void **state)
{
	struct member *first = start_member(inside), *second = start_member_at(inside, false);
	const struct follower *follower;
	__u32 link;

	(void)state;
	tell_member(second, (struct order){ JOIN, first->pid });
	start();
	follower = expect_followed("both", first);
	if (follower->member == second->pid) { /* whichever the kernel names first */
		struct member *other = first;

		first = second;
		second = other;
	}
	assert_int_equal(follower->member, first->pid);
	link = pinned_link(first->inum, 1);
	end_member(first);
	for (int i = 0; i < 20; i++) {
		turn(10);
		expect_followed("one is left", second); /* all the time */
	}
	assert_ptr_equal(followers_find(&namespaces, second->inum), follower);
	assert_int_equal(follower->member, second->pid);
	assert_int_equal(pinned_link(second->inum, 1), link);
	end_member(second);
	work_until_unknown(second->inum);
	expect_unknown("none is left", second->inum);
}

/* Who is not in the scope is no reason to stay. */
static void one_outside_of_the_scope_does_not_take_over(void **state)
{
	static const char *const cgroups[] = { exempt, outside };

	(void)state;
	start();
	for (size_t i = 0; i < ARRAY_COUNT(cgroups); i++) {
		struct member *member = start_member(inside), *other = start_member_at(cgroups[i], false);

		tell_member(other, (struct order){ JOIN, member->pid });
		make_a_socket(member);
		work_until_followed(member);
		expect_followed("in scope", member);
		end_member(member);
		work_until_unknown(other->inum);
		expect_unknown("another is left", other->inum);
	}
}

/* The links that it had may not be gone yet. */
static void a_namespace_that_is_found_again_is_attached_to_again(void **state)
{
	struct member *keeper = start_member(outside), *member = start_member_at(inside, false);
	const struct member place = *keeper;

	(void)state;
	start();
	for (int i = 0; i < 50; i++) {
		tell_member(member, (struct order){ JOIN, keeper->pid });
		make_a_socket(member);
		work_until_followed(&place);
		expect_followed("again", &place);
		tell_member(member, (struct order){ JOIN, getpid() });
		members_check(&namespaces);
		work_until_unknown(place.inum);
	}
}

static void a_member_may_move_away(void **state)
{
	struct member *member = start_member(inside);
	uint32_t before = member->inum;

	(void)state;
	start();
	expect_followed("at first", member);
	members_check(&namespaces);
	work_until_idle();
	expect_followed("as long as it stays", member);
	tell_member(member, (struct order){ .verb = LEAVE });
	assert_int_not_equal(member->inum, before);
	members_check(&namespaces);
	expect_home();
	work_until_unknown(before);
	expect_unknown("it left", before);
	make_a_socket(member);
	work_until_followed(member);
	expect_followed("where it is now", member);
}

static void bind_name(const struct member *member, const char *name)
{
	run("touch " NETNS_NAMES "/%s && mount --bind /proc/%d/ns/net " NETNS_NAMES "/%s", name, (int)member->pid, name);
}

static void a_name_keeps_a_namespace(void **state)
{
	struct member *member = start_member(inside);
	const struct follower *follower;

	(void)state;
	bind_name(member, "blue");
	start();
	follower = expect_followed("with a process", member);
	assert_int_equal(follower->member, member->pid);
	end_member(member);
	work_until_idle();
	for (int i = 0; i < 3; i++) {
		members_check(&namespaces);
		work_until_idle();
		assert_ptr_equal(expect_followed("with a name", member), follower);
		assert_int_equal(follower->member, 0);
	}
	run("touch " NETNS_NAMES "/other"); /* a name that came is none that went */
	work_until_idle();
	expect_followed("with a name", member);
	run("umount " NETNS_NAMES "/blue && rm " NETNS_NAMES "/blue");
	work_until_unknown(member->inum);
	expect_unknown("without either", member->inum);
}

/* Names can go without a word: the file stays. */
static void a_name_that_lost_its_namespace_keeps_it_no_longer(void **state)
{
	struct member *member = start_member(inside);

	(void)state;
	bind_name(member, "blue");
	start();
	end_member(member);
	work_until_idle();
	expect_followed("with a name", member);
	run("umount " NETNS_NAMES "/blue");
	members_check(&namespaces);
	expect_home();
	work_until_unknown(member->inum);
	expect_unknown("without", member->inum);
}

/* It is known already, so the sensor says nothing of it. */
static void who_comes_back_to_a_named_namespace_keeps_it(void **state)
{
	struct member *member = start_member(inside), *elsewhere = start_member(outside), *later;

	(void)state;
	tell_member(elsewhere, (struct order){ JOIN, member->pid });
	bind_name(member, "blue");
	start();
	end_member(member);
	work_until_idle();
	expect_followed("with a name", elsewhere);
	later = start_member_at(inside, false);
	tell_member(later, (struct order){ JOIN, elsewhere->pid });
	make_a_socket(later);
	run("umount " NETNS_NAMES "/blue && rm " NETNS_NAMES "/blue");
	work_until_idle();
	assert_int_equal(expect_followed("with a process again", later)->member, later->pid);
}

static void one_too_many_is_refused_and_told_of_once(void **state)
{
	struct member *first, *second, *third;
	int turns = 200;
	char *text;

	(void)state;
	config.max_netns = 2;
	first = start_member(inside);
	start();
	expect_followed("the first", first);
	second = start_member(inside);
	third = start_member(inside);
	make_a_socket(second);
	text = stderr_while(work_quietly, &turns);
	if (times_in(text, "\n") != 1 || !strstr(text, "max-netns = 2") || !strstr(text, "queries of others pass"))
		fail_msg("told is \"%s\"", text);
	free(text);
	make_a_socket(third);
	make_a_socket(second);
	text = stderr_while(work_quietly, &turns);
	assert_string_equal(text, "");
	free(text);
	expect_home();
	expect_unknown("the second", second->inum);
	expect_unknown("the third", third->inum);
	assert_true(namespaces.refused >= 2);
	expect_followed("the first", first);
	/* there is room again */
	end_member(first);
	work_until_unknown(first->inum);
	pause_ms(120); /* the sensor has told of it just now */
	make_a_socket(third);
	work_until_followed(third);
	expect_followed("later", third);
	assert_int_equal(namespaces.count, 2);
	/* and none, as was told of: who comes and goes all the time does not fill the log */
	make_a_socket(second);
	text = stderr_while(work_quietly, &turns);
	assert_string_equal(text, "");
	free(text);
	expect_unknown("the second", second->inum);
}

/* What is followed already needs descriptors to work with. */
static void one_too_many_for_the_limit_of_descriptors_is_refused(void **state)
{
	struct member *first, *second;
	struct rlimit limit, low;
	int turns = 200;
	char *text, *later;

	(void)state;
	first = start_member(inside);
	start();
	expect_followed("the first", first);
	second = start_member(inside);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = (struct rlimit){ .rlim_cur = 100, .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	make_a_socket(second);
	text = stderr_while(work_quietly, &turns);
	pause_ms(120);
	make_a_socket(second);
	later = stderr_while(work_quietly, &turns);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	expect_home();
	if (times_in(text, "\n") != 1 || !strstr(text, "LimitNOFILE") || later[0])
		fail_msg("told is \"%s\", then \"%s\"", text, later);
	free(text);
	free(later);
	expect_followed("the first", first);
	expect_unknown("the second", second->inum);
	pause_ms(120);
	make_a_socket(second);
	work_until_followed(second);
	expect_followed("with a higher limit", second);
}

/* The own namespace works on, and nothing is tried without an end. */
static void what_cannot_be_entered_is_told_of_once(void **state)
{
	static const unsigned int capabilities[] = { CAP_SYS_ADMIN, CAP_SYS_PTRACE };
	int turns = 100;

	for (size_t i = 0; i < ARRAY_COUNT(capabilities); i++) {
		struct member *member = start_member(inside), *other = start_member(inside);
		char *text, *later;

		run("ip link add h0 type veth peer name h1 && ip link set dev h1 up && ip link set dev h0 up");
		open_namespaces();
		attach_namespaces();
		set_capability(capabilities[i], false);
		make_a_socket(member);
		make_a_socket(other);
		text = stderr_while(work_quietly, &turns);
		pause_ms(120);
		make_a_socket(other);
		make_a_socket(member);
		later = stderr_while(work_quietly, &turns);
		set_capability(capabilities[i], true);
		if (times_in(text, "\n") != 1 || !strstr(text, "CAP_SYS_ADMIN") || !strstr(text, "CAP_SYS_PTRACE") ||
		    !strstr(text, "--netns self"))
			fail_msg("told is \"%s\"", text);
		if (later[0])
			fail_msg("told again is \"%s\"", later);
		free(text);
		free(later);
		expect_home();
		assert_int_equal(namespaces.count, 1);
		assert_true(namespaces.is_complete);
		assert_true(namespaces_due(&namespaces, clock_monotonic_ns()) > clock_monotonic_ns());
		expect_verdict("at first", home, SIEVE_OFFLINE, SIEVE_OFFLINE);
		run("ip -4 route add 192.0.2.0/24 dev h0");
		work_until_idle();
		expect_verdict("the own one", home, SIEVE_CONNECTED, SIEVE_USELESS);
		/* with the capability it is found */
		pause_ms(120);
		make_a_socket(member);
		work_until_followed(member);
		expect_followed("now it may", member);
		leave(state);
		enter(state);
	}
}

static void each_namespace_has_its_own_verdict(void **state)
{
	struct member *vpn = start_member(inside), *other = start_member(inside);
	uint64_t before, own;

	(void)state;
	give_interface(vpn, "p1", true);
	give_interface(other, "p2", false);
	run_in(vpn, "ip -4 route add default dev v0");
	run_in(other, "ip -4 route add default dev v0");
	start();
	work_until_idle();
	expect_verdict("one", vpn->inum, SIEVE_CONNECTED, SIEVE_USELESS);
	expect_verdict("other", other->inum, SIEVE_CONNECTED, SIEVE_USELESS);
	expect_verdict("own", home, SIEVE_OFFLINE, SIEVE_OFFLINE);
	before = followers_find(&namespaces, other->inum)->namespace.surveys;
	own = followers_find(&namespaces, home)->namespace.surveys;
	run_in(vpn, "ip -6 route add 2000::/3 dev v0");
	work_until_idle();
	expect_verdict("the VPN is up", vpn->inum, SIEVE_CONNECTED, SIEVE_CONNECTED);
	expect_verdict("other", other->inum, SIEVE_CONNECTED, SIEVE_USELESS);
	expect_verdict("own", home, SIEVE_OFFLINE, SIEVE_OFFLINE);
	/* nor does it cost them anything */
	assert_int_equal(followers_find(&namespaces, other->inum)->namespace.surveys, before);
	assert_int_equal(followers_find(&namespaces, home)->namespace.surveys, own);
	run_in(vpn, "ip -6 route del 2000::/3 dev v0 && ip -4 route del default dev v0 && ip -6 route add 2000::/3 dev v0");
	work_until_idle();
	expect_verdict("the VPN has IPv6 alone", vpn->inum, SIEVE_USELESS, SIEVE_CONNECTED);
	expect_verdict("other", other->inum, SIEVE_CONNECTED, SIEVE_USELESS);
	run_in(other, "ip link set dev v0 down");
	work_until_idle();
	expect_verdict("the VPN", vpn->inum, SIEVE_USELESS, SIEVE_CONNECTED);
	expect_verdict("the other is offline", other->inum, SIEVE_OFFLINE, SIEVE_OFFLINE);
}

/* Interfaces that come to a namespace are attached to in it. */
static void interfaces_are_followed_where_they_are(void **state)
{
	struct member *member = start_member(inside), *other = start_member(inside);

	(void)state;
	start();
	assert_int_equal(count_pins(member->inum), 1);
	run_in(member, "ip link add n0 type veth peer name n1");
	work_until_idle();
	assert_int_equal(count_pins(member->inum), 3);
	assert_int_equal(count_pins(other->inum), 1);
	assert_int_equal(count_pins(home), 1);
	run_in(member, "ip link set dev n1 netns %d", (int)other->pid);
	work_until_idle();
	assert_int_equal(count_pins(member->inum), 2);
	assert_int_equal(count_pins(other->inum), 2);
	run_in(other, "ip link del dev n1");
	work_until_idle();
	assert_int_equal(count_pins(0), 3);
}

static void surveys_so_far(uint64_t ret_surveys[MEMBERS_MAX])
{
	for (size_t i = 0; i < member_count; i++)
		ret_surveys[i] = followers_find(&namespaces, members[i].inum)->namespace.surveys;
}

/* Those that take long wait until the others had their turn, and have theirs one after the other. */
static void slow_namespaces_do_not_hinder_quick_ones(void **state)
{
	static const bool is_slow[] = { true, false, true, false, true, false };
	static const size_t order[] = { 2, 4, 0 }; /* in which the slow ones were triggered */
	uint64_t before[MEMBERS_MAX], after[MEMBERS_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(is_slow); i++)
		start_member(inside);
	start();
	work_until_idle();
	surveys_so_far(before);
	for (size_t i = 0; i < ARRAY_COUNT(order); i++) {
		pace_trigger_once(&followers_find(&namespaces, members[order[i]].inum)->namespace.pace, clock_monotonic_ns());
		pause_ms(1);
	}
	for (size_t i = 0; i < ARRAY_COUNT(is_slow); i++) {
		struct namespace *namespace = &followers_find(&namespaces, members[i].inum)->namespace;

		namespace->work_ns = is_slow[i] ? CLOCK_SECOND_NS : 0;
		if (!is_slow[i])
			pace_trigger_once(&namespace->pace, clock_monotonic_ns());
	}
	for (size_t round = 0; round < ARRAY_COUNT(order); round++) {
		while (clock_monotonic_ns() < namespaces.slow_at) /* theirs is a part of the time */
			pause_ms(1);
		namespaces_work(&namespaces);
		expect_home();
		surveys_so_far(after);
		for (size_t i = 0; i < ARRAY_COUNT(is_slow); i++) {
			bool had_its_turn = !is_slow[i];

			for (size_t n = 0; n <= round; n++)
				had_its_turn |= order[n] == i;
			if (after[i] != before[i] + had_its_turn)
				fail_msg("round %zu: namespace %zu was surveyed %llu times", round, i,
					 (unsigned long long)(after[i] - before[i]));
		}
	}
}

static bool keep_wanted(const struct pin *pin, void *data)
{
	return namespaces_want(data, pin);
}

static void leftovers_of_an_earlier_controller_are_adopted_or_swept(void **state)
{
	struct member *stays = start_member(inside), *goes = start_member(inside);
	uint32_t gone = goes->inum, ifindex;
	struct error error = {};
	__u32 lo, veth, own;

	(void)state;
	give_interface(stays, "p1", true);
	start();
	lo = pinned_link(stays->inum, 1);
	ifindex = ifindex_in(stays, "v0");
	veth = pinned_link(stays->inum, ifindex);
	own = pinned_link(home, 1);
	expect_followed("by the first controller", goes);
	unload();
	assert_int_equal(count_pins(stays->inum), 2); /* the filters stay */
	end_member(goes);
	namespaces = (struct namespaces){};
	load();
	start();
	assert_int_equal(namespaces.count, 2);
	assert_int_equal(pinned_link(stays->inum, 1), lo);
	assert_int_equal(pinned_link(stays->inum, ifindex), veth);
	assert_int_equal(pinned_link(home, 1), own);
	assert_int_equal(count_pins(gone), 1);
	assert_int_equal(pins_sweep(pin_dir, keep_wanted, &namespaces, &error), 0);
	assert_int_equal(count_pins(gone), 0);
	assert_int_equal(pinned_link(stays->inum, 1), lo);
	assert_int_equal(pinned_link(stays->inum, ifindex), veth);
	assert_int_equal(count_pins(0), 4); /* with the veth's end at home */
}

static void links_of_namespaces_that_are_followed_are_wanted(void **state)
{
	struct member *member = start_member(inside);
	struct pin pin = { .side = ATTACH_EGRESS, .netns = member->inum, .ifindex = 1 };

	(void)state;
	start();
	assert_true(namespaces_want(&namespaces, &pin));
	pin.side = ATTACH_GATEWAY;
	assert_false(namespaces_want(&namespaces, &pin));
	pin = (struct pin){ .netns = member->inum, .ifindex = 99 };
	assert_false(namespaces_want(&namespaces, &pin));
	pin = (struct pin){ .netns = 1, .ifindex = 1 };
	assert_false(namespaces_want(&namespaces, &pin));
	pin = (struct pin){ .cgroup = 1 };
	assert_false(namespaces_want(&namespaces, &pin));
	pin = (struct pin){ .netns = home, .ifindex = 1 };
	assert_true(namespaces_want(&namespaces, &pin));
}

static void a_hundred_namespaces_in_turn_leave_nothing(void **state)
{
	unsigned int before;

	(void)state;
	start();
	work_until_idle();
	before = count_descriptors();
	for (int i = 0; i < 100; i++) {
		struct member *member = start_member(inside);
		uint32_t inum = member->inum;

		make_a_socket(member);
		work_until_followed(member);
		expect_followed("one of many", member); /* by its own cookie */
		end_member(member);
		work_until_unknown(inum);
		expect_unknown("one of many", inum);
	}
	assert_int_equal(namespaces.count, 1);
	assert_int_equal(count_published(), 1);
	assert_int_equal(count_pins(0), 1);
	assert_int_equal(count_descriptors(), before);
}

static void many_namespaces_at_once_are_all_found(void **state)
{
	const size_t count = 64;
	unsigned int before;

	(void)state;
	start();
	before = count_descriptors();
	for (size_t i = 0; i < count; i++)
		start_member(inside);
	for (size_t i = 0; i < count; i++)
		make_a_socket(&members[i]);
	for (size_t i = 0; i < count; i++) {
		work_until_followed(&members[i]);
		expect_followed("one of many", &members[i]);
	}
	for (size_t i = 1; i < namespaces.count; i++)
		assert_true(namespaces.followers[i - 1]->namespace.inum < namespaces.followers[i]->namespace.inum);
	/* and let go of in any order */
	for (size_t i = 0; i < count; i += 2)
		end_member(&members[i]);
	for (size_t i = 0; i < count; i += 2)
		work_until_unknown(members[i].inum);
	assert_int_equal(namespaces.count, count / 2 + 1);
	for (size_t i = 0; i < count; i++)
		if (i % 2)
			expect_followed("one that is left", &members[i]);
		else
			expect_unknown("one that ended", members[i].inum);
	for (size_t i = 1; i < count; i += 2)
		end_member(&members[i]);
	for (size_t i = 1; i < count; i += 2)
		work_until_unknown(members[i].inum);
	assert_int_equal(namespaces.count, 1);
	assert_int_equal(count_published(), 1);
	assert_int_equal(count_descriptors(), before);
}

/* What was known by its thread may be another namespace when it is opened: also one that is followed. */
static void a_thread_on_the_move_does_not_make_a_namespace_twice(void **state)
{
	struct member *member, *runner;
	struct report report;

	(void)state;
	start();
	member = start_member(inside);
	runner = start_member_at(inside, false); /* at home */
	report = tell_member(runner, (struct order){ FLIP, member->pid });
	end_member(member); /* the namespace lives on by the descriptor of the thread that flips */
	for (uint64_t end = clock_monotonic_ns() + 3 * CLOCK_SECOND_NS; clock_monotonic_ns() < end;) {
		const struct sieve_event event = { .netns = member->inum, .tid = (uint32_t)report.tid,
						   .tgid = (uint32_t)runner->pid };

		namespaces_take_event(&namespaces, &event);
		turn(0);
		for (size_t i = 1; i < namespaces.count; i++)
			assert_int_not_equal(namespaces.followers[i - 1]->namespace.inum,
					     namespaces.followers[i]->namespace.inum);
		members_check(&namespaces);
		expect_home();
	}
	assert_non_null(followers_find(&namespaces, home));
	assert_true(followers_find(&namespaces, home)->namespace.is_own);
}

static void closing_leaves_filters_and_no_descriptor(void **state)
{
	struct member *member = start_member(inside);
	unsigned int before = count_descriptors();

	(void)state;
	for (int i = 0; i < 3; i++) {
		start();
		expect_followed("open", member);
		namespaces_close(&namespaces);
		assert_int_equal(namespaces.count, 0);
		namespaces_close(&namespaces); /* again is no error */
		assert_int_equal(netns_of(0), home);
		assert_int_equal(count_pins(member->inum), 1);
		assert_int_equal(count_descriptors(), before);
	}
}

/* Of one that could not be followed nothing is said to the programs: nobody would keep it true. */
static void what_cannot_be_followed_is_not_left_published(void **state)
{
	struct member *member;
	unsigned int before;
	int turns = 20, epoll = epoll_fd;
	char *text;

	(void)state;
	start();
	before = count_descriptors();
	member = start_member(inside);
	before += 2;
	namespaces.epoll_fd = -1;
	make_a_socket(member);
	text = stderr_while(work_quietly, &turns);
	namespaces.epoll_fd = epoll;
	if (times_in(text, "\n") != 1 || !strstr(text, "cannot follow"))
		fail_msg("told is \"%s\"", text);
	free(text);
	expect_home();
	expect_unknown("it cannot be watched", member->inum);
	assert_int_equal(count_descriptors(), before);
	pause_ms(120);
	make_a_socket(member);
	work_until_followed(member);
	expect_followed("now it can", member);
}

static void with_netns_self_there_is_no_other(void **state)
{
	struct member *member = start_member(inside);

	(void)state;
	config.netns = CONFIG_NETNS_SELF;
	open_namespaces();
	attach_namespaces();
	assert_true(namespaces.is_complete);
	work_until_idle();
	assert_int_equal(namespaces.count, 1);
	expect_unknown("another", member->inum);
}

static int enter_group(void **state)
{
	if (enter_sandbox(state) < 0)
		return -1;
	make_cgroups("namespaces");
	make_cgroup("inside", inside);
	make_cgroup("inside/exempt", exempt);
	make_cgroup("outside", outside);
	return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_own_namespace_is_there_without_a_process_of_the_scope),
		TEST(namespaces_of_the_scope_are_found_at_the_start),
		TEST(a_namespace_is_found_by_the_first_socket_in_it),
		TEST(another_scan_finds_what_no_socket_told_of),
		TEST(sockets_of_others_do_not_count),
		TEST(an_exempt_process_beside_it_does_not_hide_one_of_the_scope),
		TEST(a_thread_may_be_elsewhere_than_its_process),
		TEST(who_ended_meanwhile_leaves_the_namespace_to_another),
		TEST(events_of_namespaces_that_vanished_do_nothing),
		TEST(an_event_of_a_known_namespace_is_a_reason_to_look),
		TEST(a_namespace_is_let_go_with_its_last_process),
		TEST(another_process_takes_over),
		TEST(one_outside_of_the_scope_does_not_take_over),
		TEST(a_namespace_that_is_found_again_is_attached_to_again),
		TEST(a_member_may_move_away),
		TEST(a_name_keeps_a_namespace),
		TEST(a_name_that_lost_its_namespace_keeps_it_no_longer),
		TEST(who_comes_back_to_a_named_namespace_keeps_it),
		TEST(one_too_many_is_refused_and_told_of_once),
		TEST(one_too_many_for_the_limit_of_descriptors_is_refused),
		TEST(what_cannot_be_entered_is_told_of_once),
		TEST(each_namespace_has_its_own_verdict),
		TEST(interfaces_are_followed_where_they_are),
		TEST(slow_namespaces_do_not_hinder_quick_ones),
		TEST(leftovers_of_an_earlier_controller_are_adopted_or_swept),
		TEST(links_of_namespaces_that_are_followed_are_wanted),
		TEST(a_hundred_namespaces_in_turn_leave_nothing),
		TEST(many_namespaces_at_once_are_all_found),
		TEST(a_thread_on_the_move_does_not_make_a_namespace_twice),
		TEST(what_cannot_be_followed_is_not_left_published),
		TEST(closing_leaves_filters_and_no_descriptor),
		TEST(with_netns_self_there_is_no_other),
	};

	return cmocka_run_group_tests(tests, enter_group, leave_sandbox);
}
