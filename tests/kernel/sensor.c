/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sensor, attached to a cgroup of the test's own: of which sockets it tells. They are made by a child,
 * in that cgroup or beside it, in a network namespace that is new each time.
 */
#include "sandbox.h"

#include <linux/netlink.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "clock.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif

static char pin_dir[PATH_MAX], inside[PATH_MAX], outside[PATH_MAX];
static struct programs *programs;
static int link_fd = -1;

/* The child. */
struct maker {
	pid_t pid;
	int order_fd;  /* to it, struct order */
	int report_fd; /* from it, struct report: where it is, and after each order what became of it */
	uint32_t inum;
	uint64_t cookie; /* 0 before Linux 5.14 */
};

struct report {
	uint32_t inum;
	uint64_t cookie;
	uint32_t tid, tgid;  /* of who made the sockets */
	unsigned int failed; /* of them */
	uint64_t took_ns;
};

/* What it is to make: that many sockets of a kind, by the first thread or another one. None: end. */
struct order {
	unsigned int count;
	int family, type;
	bool by_thread;
};

struct told {
	unsigned int times;
	struct sieve_event last;
};

static void take_event(const struct sieve_event *event, void *data)
{
	struct told *told = data;

	told->times++;
	told->last = *event;
}

static struct told read_events(void)
{
	struct told told = {};

	programs_set_event_callback(programs, take_event, &told);
	assert_int_equal(programs_read_events(programs), 0);
	programs_set_event_callback(programs, NULL, NULL);
	return told;
}

static void move_to(const char *cgroup)
{
	char path[PATH_MAX + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHILD_CHECK(fd >= 0);
	CHILD_CHECK(write(fd, "0", 1) == 1);
	close(fd);
}

static void find_namespace(struct report *report)
{
	struct stat status;
	socklen_t size = sizeof(report->cookie);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	CHILD_CHECK(fd >= 0);
	CHILD_CHECK(stat("/proc/self/ns/net", &status) == 0);
	report->inum = (uint32_t)status.st_ino;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &report->cookie, &size) < 0)
		report->cookie = 0;
	close(fd);
}

struct work {
	struct order order;
	struct report report;
};

static void *make_sockets(void *data)
{
	struct work *work = data;
	uint64_t began = clock_monotonic_ns();

	work->report.tid = (uint32_t)syscall(SYS_gettid);
	work->report.tgid = (uint32_t)getpid();
	for (unsigned int i = 0; i < work->order.count; i++) {
		int fd = socket(work->order.family, work->order.type | SOCK_CLOEXEC, 0);

		if (fd < 0)
			work->report.failed++;
		close(fd);
	}
	work->report.took_ns = clock_monotonic_ns() - began;
	return NULL;
}

static void obey(struct work *work)
{
	pthread_t thread;

	if (!work->order.by_thread) {
		make_sockets(work);
		return;
	}
	CHILD_CHECK(pthread_create(&thread, NULL, make_sockets, work) == 0);
	CHILD_CHECK(pthread_join(thread, NULL) == 0);
}

/* The child. It makes no socket of IPv4 or IPv6 but those that it is told to. */
static void serve(const char *cgroup, int order_fd, int report_fd)
{
	struct work work = {};

	move_to(cgroup);
	CHILD_CHECK(unshare(CLONE_NEWNET) == 0);
	find_namespace(&work.report);
	CHILD_CHECK(write(report_fd, &work.report, sizeof(work.report)) == sizeof(work.report));
	while (read(order_fd, &work.order, sizeof(work.order)) == sizeof(work.order) && work.order.count) {
		work.report.failed = 0;
		obey(&work);
		CHILD_CHECK(write(report_fd, &work.report, sizeof(work.report)) == sizeof(work.report));
	}
	_exit(0);
}

static struct report read_report(const struct maker *maker)
{
	struct report report;

	assert_int_equal(read(maker->report_fd, &report, sizeof(report)), sizeof(report));
	return report;
}

static struct maker start_maker(const char *cgroup)
{
	struct maker maker;
	int orders[2], reports[2];
	struct report report;

	assert_int_equal(pipe2(orders, O_CLOEXEC), 0);
	assert_int_equal(pipe2(reports, O_CLOEXEC), 0);
	maker.pid = fork_child();
	if (maker.pid == 0) {
		close(orders[1]);
		close(reports[0]);
		serve(cgroup, orders[0], reports[1]);
	}
	close(orders[0]);
	close(reports[1]);
	maker.order_fd = orders[1];
	maker.report_fd = reports[0];
	report = read_report(&maker);
	maker.inum = report.inum;
	maker.cookie = report.cookie;
	return maker;
}

static void end_maker(struct maker *maker)
{
	const struct order end = {};

	assert_int_equal(write(maker->order_fd, &end, sizeof(end)), sizeof(end));
	close(maker->order_fd);
	close(maker->report_fd);
	expect_exit(maker->pid, 0);
}

/* Every socket is made, whatever the sensor tells. */
static struct report make(const struct maker *maker, struct order order)
{
	struct report report;

	assert_int_equal(write(maker->order_fd, &order, sizeof(order)), sizeof(order));
	report = read_report(maker);
	assert_int_equal(report.failed, 0);
	return report;
}

static const struct order one_udp = { 1, AF_INET, SOCK_DGRAM, false };

/* One event, of that namespace and that thread. */
static void expect_told(const char *phrase, const struct maker *maker, const struct report *report)
{
	struct told told = read_events();

	if (told.times != 1)
		fail_msg("%s: %u events", phrase, told.times);
	if (told.last.netns != maker->inum || told.last.tid != report->tid || told.last.tgid != report->tgid)
		fail_msg("%s: of %u, %u/%u, not %u, %u/%u", phrase, told.last.netns, told.last.tgid, told.last.tid,
			 maker->inum, report->tgid, report->tid);
}

static void expect_silence(const char *phrase)
{
	struct told told = read_events();

	if (told.times)
		fail_msg("%s: %u events, the last of %u", phrase, told.times, told.last.netns);
}

static int attach_sensor(void **state)
{
	int cgroup_fd;

	(void)state;
	fresh_pin_dir(pin_dir);
	programs = load_programs_as(SIEVE_ACTION_ANSWER, (struct programs_request){
		.pin_dir = pin_dir, .max_netns = SANDBOX_NETNS_MAX, .sensor = true });
	cgroup_fd = open(inside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(cgroup_fd >= 0);
	link_fd = bpf_link_create(programs_sensor_fd(programs), cgroup_fd, BPF_CGROUP_INET_SOCK_CREATE, NULL);
	assert_true(link_fd >= 0);
	close(cgroup_fd);
	return 0;
}

static int detach_sensor(void **state)
{
	(void)state;
	close(link_fd);
	programs_free(programs);
	return 0;
}

static int make_places(void **state)
{
	if (enter_sandbox(state))
		return -1;
	make_cgroups("sensor");
	make_cgroup("inside", inside);
	make_cgroup("outside", outside);
	return 0;
}

static void a_socket_in_an_unknown_namespace_is_told_of(void **state)
{
	struct maker maker = start_maker(inside);
	struct report report;

	(void)state;
	expect_silence("a new namespace without sockets");
	report = make(&maker, one_udp);
	assert_int_equal(report.tid, maker.pid);
	expect_told("a socket", &maker, &report);
	end_maker(&maker);
}

static void a_namespace_that_is_known_is_not_told_of(void **state)
{
	struct maker maker = start_maker(inside);
	struct sieve_netns published = {};
	struct report report;

	(void)state;
	assert_int_equal(programs_set_netns(programs, maker.inum, &published), 0);
	make(&maker, one_udp);
	expect_silence("known");
	published.cookie = maker.cookie;
	assert_int_equal(programs_set_netns(programs, maker.inum, &published), 0);
	make(&maker, one_udp);
	expect_silence("known with its cookie");
	/* the twin: it is withdrawn */
	assert_int_equal(programs_forget_netns(programs, maker.inum), 0);
	report = make(&maker, one_udp);
	expect_told("withdrawn", &maker, &report);
	end_maker(&maker);
}

/* Inode numbers are reused at once: what is known is of an older namespace. */
static void a_namespace_with_the_number_of_an_older_one_is_told_of(void **state)
{
	struct maker maker = start_maker(inside);
	struct sieve_netns published = { .cookie = maker.cookie + 1 };
	struct report report;

	(void)state;
	if (!maker.cookie) {
		end_maker(&maker);
		skip(); /* before Linux 5.14 */
	}
	assert_int_equal(programs_set_netns(programs, maker.inum, &published), 0);
	report = make(&maker, one_udp);
	expect_told("another cookie", &maker, &report);
	end_maker(&maker);
}

/* ... and so is the next one, though its number was told of a moment ago. */
static void a_namespace_is_told_of_though_one_with_its_number_has_just_been(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		struct maker maker = start_maker(inside);
		uint64_t cookie = maker.cookie;
		struct report report = make(&maker, one_udp);

		if (cookie)
			expect_told("a namespace of many", &maker, &report);
		end_maker(&maker);
		if (!cookie)
			skip(); /* before Linux 5.14 */
	}
}

static void a_thousand_sockets_are_told_of_once_in_a_tenth_of_a_second(void **state)
{
	struct maker maker = start_maker(inside);
	struct report report = make(&maker, (struct order){ 1000, AF_INET, SOCK_DGRAM, false });

	(void)state;
	if (report.took_ns < 80 * CLOCK_MILLISECOND_NS) /* the sensor's clock has ticks of up to 10 ms */
		expect_told("a thousand sockets", &maker, &report);
	else
		assert_in_range(read_events().times, 1, 2 + report.took_ns / (90 * CLOCK_MILLISECOND_NS));
	pause_ms(120);
	expect_silence("no socket since");
	report = make(&maker, one_udp);
	expect_told("later, and still unknown", &maker, &report);
	end_maker(&maker);
}

static void every_namespace_is_told_of_by_itself(void **state)
{
	struct maker makers[8];
	struct report report;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(makers); i++) {
		makers[i] = start_maker(inside);
		report = make(&makers[i], one_udp);
		expect_told("one of eight", &makers[i], &report);
	}
	for (size_t i = 0; i < ARRAY_COUNT(makers); i++)
		end_maker(&makers[i]);
}

static void of_a_thread_its_own_id_is_told(void **state)
{
	struct order order = one_udp;
	struct maker maker = start_maker(inside);
	struct report report;

	(void)state;
	order.by_thread = true;
	report = make(&maker, order);
	assert_int_not_equal(report.tid, report.tgid);
	expect_told("a thread", &maker, &report);
	end_maker(&maker);
}

static void sockets_of_both_families_and_any_type_count(void **state)
{
	static const struct order orders[] = {
		{ 1, AF_INET, SOCK_DGRAM, false },
		{ 1, AF_INET, SOCK_STREAM, false },
		{ 1, AF_INET6, SOCK_DGRAM, false },
		{ 1, AF_INET6, SOCK_STREAM, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(orders); i++) {
		struct maker maker = start_maker(inside);
		struct report report = make(&maker, orders[i]);

		expect_told("a socket of the Internet", &maker, &report);
		end_maker(&maker);
	}
}

static void other_sockets_do_not_count(void **state)
{
	struct maker maker = start_maker(inside);
	struct report report;

	(void)state;
	make(&maker, (struct order){ 1, AF_UNIX, SOCK_DGRAM, false });
	make(&maker, (struct order){ 1, AF_UNIX, SOCK_STREAM, false });
	make(&maker, (struct order){ 1, AF_NETLINK, SOCK_RAW, false });
	expect_silence("AF_UNIX and AF_NETLINK");
	report = make(&maker, one_udp);
	expect_told("the twin", &maker, &report);
	end_maker(&maker);
}

static void sockets_of_other_cgroups_do_not_count(void **state)
{
	struct maker maker = start_maker(outside);

	(void)state;
	make(&maker, one_udp);
	make(&maker, (struct order){ 1, AF_INET6, SOCK_STREAM, false });
	expect_silence("a sibling of the cgroup");
	end_maker(&maker);
}

static void a_full_ring_buffer_loses_nothing_for_good(void **state)
{
	struct maker maker = start_maker(inside);
	struct report report;
	unsigned int told;

	(void)state;
	/* Fill it: forgotten again and again, the namespace is told of each time. */
	for (int i = 0; i < 4000; i++) {
		programs_forget_netns(programs, maker.inum);
		make(&maker, one_udp);
	}
	told = read_events().times;
	assert_in_range(told, 1000, 3999);
	report = make(&maker, one_udp); /* within 100 ms of the last, of which nothing was told */
	expect_told("there is room again", &maker, &report);
	end_maker(&maker);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, attach_sensor, detach_sensor)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_socket_in_an_unknown_namespace_is_told_of),
		TEST(a_namespace_that_is_known_is_not_told_of),
		TEST(a_namespace_with_the_number_of_an_older_one_is_told_of),
		TEST(a_namespace_is_told_of_though_one_with_its_number_has_just_been),
		TEST(a_thousand_sockets_are_told_of_once_in_a_tenth_of_a_second),
		TEST(every_namespace_is_told_of_by_itself),
		TEST(of_a_thread_its_own_id_is_told),
		TEST(sockets_of_both_families_and_any_type_count),
		TEST(other_sockets_do_not_count),
		TEST(sockets_of_other_cgroups_do_not_count),
		TEST(a_full_ring_buffer_loses_nothing_for_good),
	};

	return cmocka_run_group_tests(tests, make_places, leave_sandbox);
}
