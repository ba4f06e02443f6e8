/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <pthread.h>

#include "netns.h"

/* One name of the namespace, if it has any; `ret_name` may be NULL. */
static bool netns_name(uint32_t inum, char *ret_name, size_t size)
{
	struct netns_names names;
	const char *found;
	bool is_named;

	netns_names_read(&names);
	found = netns_names_find(&names, inum);
	is_named = found != NULL;
	if (found && ret_name)
		snprintf(ret_name, size, "%s", found);
	netns_names_free(&names);
	return is_named;
}

static uint32_t own;

static int enter(void **state)
{
	(void)state;
	fresh_netns();
	own = netns_of(0);
	assert_int_not_equal(own, 0);
	return 0;
}

static uint32_t inum_of(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return (uint32_t)status.st_ino;
}

static uint32_t inum_of_fd(int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	return (uint32_t)status.st_ino;
}

static void move_away(void *data)
{
	(void)data;
	CHILD_CHECK(unshare(CLONE_NEWNET) == 0);
}

/* A child in a namespace of its own, until it is ended. */
static pid_t start_elsewhere(void)
{
	return start_idle(move_away, NULL);
}

static void expect_open(const char *phrase, pid_t tid, uint32_t want)
{
	uint32_t inum = 0;
	int fd = -1;

	if (netns_open(tid, &fd, &inum) != 0 || inum != want || inum_of_fd(fd) != want)
		fail_msg("%s: %u, not %u", phrase, inum, want);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	assert_int_equal(netns_of(tid), want);
}

static void expect_gone(const char *phrase, pid_t tid)
{
	uint32_t inum = 99;
	int fd = -99, r = netns_open(tid, &fd, &inum);

	if ((r != -ENOENT && r != -ESRCH) || fd != -99 || inum != 99)
		fail_msg("%s: %d, descriptor %d, namespace %u", phrase, r, fd, inum);
	assert_int_equal(netns_of(tid), 0);
}

static void the_calling_threads_own_namespace_has_no_number_of_a_thread(void **state)
{
	(void)state;
	expect_open("0", 0, own);
	expect_open("by its pid", getpid(), own);
	assert_int_equal(own, inum_of("/proc/self/ns/net"));
	fresh_netns();
	assert_int_not_equal(netns_of(0), own);
	expect_open("after a move", 0, inum_of("/proc/self/ns/net"));
}

static void a_process_in_another_namespace_is_there(void **state)
{
	pid_t child = start_elsewhere();
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)child);
	assert_int_not_equal(inum_of(path), own);
	expect_open("a child", child, inum_of(path));
	expect_open("the twin", 0, own);
	end_child(child);
}

/* What a thread reports, and when it may end. */
struct moved_thread {
	pthread_t thread;
	pid_t tid;
	uint32_t inum; /* by 0, that is by itself */
	int ready[2], end[2];
};

static void *move_thread(void *data)
{
	struct moved_thread *moved = data;
	char octet;

	moved->tid = (pid_t)syscall(SYS_gettid);
	CHILD_CHECK(unshare(CLONE_NEWNET) == 0);
	moved->inum = netns_of(0);
	CHILD_CHECK(write(moved->ready[1], "", 1) == 1);
	CHILD_CHECK(read(moved->end[0], &octet, 1) == 1);
	return NULL;
}

static void a_thread_may_be_elsewhere_than_its_process(void **state)
{
	struct moved_thread moved = {};
	char octet;

	(void)state;
	assert_int_equal(pipe2(moved.ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(moved.end, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&moved.thread, NULL, move_thread, &moved), 0);
	assert_int_equal(read(moved.ready[0], &octet, 1), 1);
	assert_int_not_equal(moved.inum, 0);
	assert_int_not_equal(moved.inum, own);
	expect_open("the thread", moved.tid, moved.inum);
	expect_open("its process", getpid(), own);
	expect_open("the first thread", 0, own);
	assert_int_equal(write(moved.end[1], "", 1), 1);
	assert_int_equal(pthread_join(moved.thread, NULL), 0);
	for (int i = 0; i < 1000 && netns_of(moved.tid); i++) /* its memory is let go of first */
		pause_ms(1);
	expect_gone("the thread ended", moved.tid);
	for (int i = 0; i < 2; i++) {
		close(moved.ready[i]);
		close(moved.end[i]);
	}
}

static void who_is_gone_is_in_no_namespace(void **state)
{
	siginfo_t info;
	pid_t child = start_elsewhere();

	(void)state;
	expect_open("alive", child, netns_of(child));
	assert_int_not_equal(netns_of(child), 0);
	kill(child, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	expect_gone("not waited for", child);
	waitpid(child, NULL, 0);
	expect_gone("waited for", child);
}

/* The descriptor keeps it alive when nobody is in it. */
static void a_thread_moves_there_and_back(void **state)
{
	pid_t child = start_elsewhere();
	uint32_t inum, unused;
	int fd, back;

	(void)state;
	assert_int_equal(netns_open(child, &fd, &inum), 0);
	assert_int_equal(netns_open(0, &back, &unused), 0);
	end_child(child);
	assert_int_equal(netns_enter(fd), 0);
	assert_int_equal(netns_of(0), inum);
	assert_int_equal(netns_enter(back), 0);
	assert_int_equal(netns_of(0), own);
	close(fd);
	assert_int_equal(netns_enter(fd), -EBADF);
	fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	assert_int_equal(netns_enter(fd), -EINVAL);
	assert_int_equal(netns_of(0), own);
	close(fd);
	close(back);
}

static void who_may_not_enter_is_told(void **state)
{
	pid_t elsewhere = start_elsewhere(), child = fork_child();

	(void)state;
	if (child == 0) {
		uint32_t inum;
		int fd;

		CHILD_CHECK(netns_open(elsewhere, &fd, &inum) == 0);
		child_drop_capability(CAP_SYS_ADMIN);
		CHILD_CHECK(netns_enter(fd) == -EPERM);
		CHILD_CHECK(netns_of(0) == own);
		_exit(0);
	}
	expect_exit(child, 0);
	end_child(elsewhere);
}

static void who_may_not_look_is_told(void **state)
{
	pid_t elsewhere = start_elsewhere(), child = fork_child();

	(void)state;
	if (child == 0) {
		uint32_t inum = 99;
		int fd = -99;

		CHILD_CHECK(netns_of(elsewhere) != 0);
		child_drop_capability(CAP_SYS_PTRACE);
		CHILD_CHECK(netns_open(elsewhere, &fd, &inum) == -EACCES && fd == -99 && inum == 99);
		CHILD_CHECK(netns_of(elsewhere) == 0);
		CHILD_CHECK(netns_of(0) == own);
		_exit(0);
	}
	expect_exit(child, 0);
	end_child(elsewhere);
}

static int enter_with_names(void **state)
{
	enter(state);
	cover_run();
	return 0;
}

static int leave_names(void **state)
{
	(void)state;
	uncover_run();
	return 0;
}

static void expect_no_name(const char *phrase, uint32_t inum)
{
	char name[16] = "untouched";
	int fd = -99;

	if (netns_name(inum, name, sizeof(name)))
		fail_msg("%s: %s", phrase, name);
	assert_string_equal(name, "untouched");
	assert_false(netns_name(inum, NULL, 0));
	assert_int_equal(netns_open_named(inum, &fd), -ENOENT);
	assert_int_equal(fd, -99);
}

static void expect_name(const char *want, uint32_t inum)
{
	char name[16] = "untouched";
	int fd = -1;

	assert_true(netns_name(inum, name, sizeof(name)));
	assert_string_equal(name, want);
	assert_true(netns_name(inum, NULL, 0));
	assert_int_equal(netns_open_named(inum, &fd), 0);
	assert_int_equal(inum_of_fd(fd), inum);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
}

static void a_name_under_run_netns_is_found(void **state)
{
	uint32_t before = own;

	(void)state;
	expect_no_name("no directory", own);
	run("mkdir /run/netns && touch /run/netns/other /run/netns/blue /run/netns/.hidden");
	expect_no_name("files", own);
	run("mount --bind /proc/self/ns/net /run/netns/.hidden");
	expect_no_name("hidden", own);
	run("mount --bind /proc/self/ns/net /run/netns/blue");
	expect_name("blue", own);
	expect_no_name("another", own + 1);
	expect_no_name("none", 0);
	fresh_netns();
	expect_no_name("the calling thread's", netns_of(0));
	run("mount --bind /proc/self/ns/net /run/netns/other");
	expect_name("other", netns_of(0));
	expect_name("blue", before);
	run("umount /run/netns/blue");
	expect_no_name("its mount is gone", before);
	expect_name("other", netns_of(0));
}

static void all_names_are_read_at_once(void **state)
{
	struct netns_names names;
	uint32_t inums[5];

	(void)state;
	netns_names_read(&names);
	assert_int_equal(names.count, 0);
	assert_null(netns_names_find(&names, own));
	netns_names_free(&names);
	run("mkdir /run/netns");
	for (size_t i = 0; i < ARRAY_COUNT(inums); i++) {
		fresh_netns();
		inums[i] = netns_of(0);
		run("touch /run/netns/n%zu && mount --bind /proc/self/ns/net /run/netns/n%zu", i, i);
	}
	run("touch /run/netns/again && mount --bind /proc/self/ns/net /run/netns/again"); /* the last has two */
	netns_names_read(&names);
	run("umount /run/netns/n0"); /* it is read already */
	assert_int_equal(names.count, ARRAY_COUNT(inums) + 1);
	for (size_t i = 0; i < ARRAY_COUNT(inums); i++) {
		const char *name = netns_names_find(&names, inums[i]);
		char want[8];

		snprintf(want, sizeof(want), "n%zu", i);
		assert_non_null(name);
		if (strcmp(name, want) != 0 && (i + 1 < ARRAY_COUNT(inums) || strcmp(name, "again") != 0))
			fail_msg("%s, not %s", name, want);
	}
	assert_null(netns_names_find(&names, 1));
	assert_null(netns_names_find(&names, UINT32_MAX));
	netns_names_free(&names);
	assert_int_equal(names.count, 0);
	assert_null(netns_names_find(&names, inums[1]));
}

/* A name alone keeps the namespace, and it can be entered. */
static void a_namespace_that_nobody_is_in_is_opened_by_its_name(void **state)
{
	pid_t child = start_elsewhere();
	uint32_t inum = netns_of(child);
	int fd = -1;

	(void)state;
	run("mkdir /run/netns && touch /run/netns/left && mount --bind /proc/%d/ns/net /run/netns/left", (int)child);
	end_child(child);
	assert_int_equal(netns_open_named(inum, &fd), 0);
	assert_int_equal(netns_enter(fd), 0);
	assert_int_equal(netns_of(0), inum);
	close(fd);
}

/* procfs numbers its files as it does namespaces. */
static void a_file_with_the_number_of_a_namespace_is_none(void **state)
{
	uint32_t inum = inum_of("/proc/version");
	int fd = -99;

	(void)state;
	assert_true(inum >= 0xf0000000);
	run("mkdir /run/netns && touch /run/netns/file /run/netns/netns");
	run("mount --bind /proc/version /run/netns/file && mount --bind /proc/self/ns/net /run/netns/netns");
	assert_int_equal(inum_of("/run/netns/file"), inum);
	assert_int_equal(netns_open_named(inum, &fd), -ENOENT);
	assert_int_equal(fd, -99);
	expect_name("netns", own);
}

static void no_descriptor_is_left_open(void **state)
{
	unsigned int before = count_descriptors();
	uint32_t inum;
	int fd;

	(void)state;
	run("mkdir /run/netns && touch /run/netns/file /run/netns/netns");
	run("mount --bind /proc/version /run/netns/file && mount --bind /proc/self/ns/net /run/netns/netns");
	for (int i = 0; i < 3; i++) {
		expect_open("here", 0, own);
		assert_true(netns_open(INT_MAX, &fd, &inum) < 0);
		expect_name("netns", own);
		expect_no_name("none", 1);
		assert_int_equal(netns_open_named(inum_of("/proc/version"), &fd), -ENOENT);
	}
	assert_int_equal(count_descriptors(), before);
}

#define TEST(function) cmocka_unit_test_setup(function, enter)
#define WITH_NAMES(function) cmocka_unit_test_setup_teardown(function, enter_with_names, leave_names)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_calling_threads_own_namespace_has_no_number_of_a_thread),
		TEST(a_process_in_another_namespace_is_there),
		TEST(a_thread_may_be_elsewhere_than_its_process),
		TEST(who_is_gone_is_in_no_namespace),
		TEST(a_thread_moves_there_and_back),
		TEST(who_may_not_enter_is_told),
		TEST(who_may_not_look_is_told),
		WITH_NAMES(a_name_under_run_netns_is_found),
		WITH_NAMES(all_names_are_read_at_once),
		WITH_NAMES(a_namespace_that_nobody_is_in_is_opened_by_its_name),
		WITH_NAMES(a_file_with_the_number_of_a_namespace_is_none),
		WITH_NAMES(no_descriptor_is_left_open),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
