/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "instance.h"

#define SECOND_NS 1000000000ULL

static char run_dir[PATH_MAX];

static int fresh_run_dir(void **state)
{
	static unsigned int count;

	(void)state;
	snprintf(run_dir, sizeof(run_dir), SANDBOX "/run-%u", count++);
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static void assert_says(const struct error *error, enum error_kind kind, const char *text)
{
	if (error->kind != kind || !strstr(error->text, text))
		fail_msg("kind %d: %s", (int)error->kind, error->text);
}

static int lock(void)
{
	struct error error = {};
	int fd = -1;

	if (instance_lock(run_dir, &fd, &error) != 0)
		fail_msg("%s", error.text);
	return fd;
}

static mode_t mode_of(const char *name)
{
	char path[2 * PATH_MAX];
	struct stat status;

	snprintf(path, sizeof(path), "%s/%s", run_dir, name);
	assert_int_equal(lstat(path, &status), 0);
	return status.st_mode;
}

/* A child that holds the lock when this returns; it lives until it is ended. */
static pid_t start_holder(bool ignores_sigterm)
{
	int ready[2];
	char octet;
	pid_t child;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	child = fork_child();
	if (child == 0) {
		struct error error = {};
		int fd;

		signal(SIGTERM, ignores_sigterm ? SIG_IGN : SIG_DFL);
		child_check(instance_lock(run_dir, &fd, &error) == 0, error.text);
		CHILD_CHECK(write(ready[1], "", 1) == 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &octet, 1), 1);
	close(ready[0]);
	return child;
}

static void the_lock_makes_its_directory(void **state)
{
	mode_t before = umask(0);
	int fd = lock();

	(void)state;
	umask(before);
	assert_int_equal(mode_of("."), S_IFDIR | 0755);
	assert_int_equal(mode_of("lock"), S_IFREG | 0600);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	close(lock());
}

static void a_directory_that_cannot_be_made_is_named(void **state)
{
	struct error error = {};
	int fd = -99;

	(void)state;
	assert_int_equal(instance_lock(SANDBOX "/missing/run", &fd, &error), -ENOENT);
	assert_says(&error, ERROR_FAILED, SANDBOX "/missing/run");
	assert_non_null(strstr(error.text, "--run-dir"));
	assert_int_equal(fd, -99);
}

static void a_lock_that_is_a_symlink_is_not_followed(void **state)
{
	struct error error = {};
	int fd = -99;

	(void)state;
	run("mkdir %s && ln -s %s/elsewhere %s/lock", run_dir, run_dir, run_dir);
	assert_true(instance_lock(run_dir, &fd, &error) < 0);
	assert_int_equal(fd, -99);
	run("! test -e %s/elsewhere", run_dir);
	assert_int_equal(instance_holder(run_dir), 0);
}

static void a_second_holder_is_refused_and_told_the_first_ones_pid(void **state)
{
	pid_t holder = start_holder(false);
	struct error error = {};
	char pid[32];
	int fd = -99;

	(void)state;
	assert_int_equal(instance_lock(run_dir, &fd, &error), -EBUSY);
	assert_int_equal(fd, -99);
	snprintf(pid, sizeof(pid), "(pid %d,", (int)holder);
	assert_says(&error, ERROR_ALREADY_RUNNING, pid);
	assert_non_null(strstr(error.text, run_dir));
	assert_int_equal(instance_holder(run_dir), holder);
	end_child(holder);
	assert_int_equal(instance_holder(run_dir), 0);
	close(lock());
}

static void two_directories_are_two_instances(void **state)
{
	pid_t holder = start_holder(false);
	int fd;

	fresh_run_dir(state);
	assert_int_equal(instance_holder(run_dir), 0);
	fd = lock();
	assert_true(fd >= 0);
	close(fd);
	end_child(holder);
}

static void nobody_holds_what_is_not_there(void **state)
{
	(void)state;
	assert_int_equal(instance_holder(run_dir), 0);
	close(lock());
	assert_int_equal(instance_holder(run_dir), 0);
	assert_int_equal(instance_holder(SANDBOX), 0);
}

static void taking_over_ends_the_holder(void **state)
{
	pid_t holder = start_holder(false);
	struct error error = {};
	int fd = -1, status;

	(void)state;
	assert_int_equal(instance_take_over(run_dir, &fd, &error), 0);
	assert_int_equal(waitpid(holder, &status, 0), holder);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	assert_true(fd >= 0);
	/* and it is really ours */
	holder = fork_child();
	if (holder == 0)
		_exit(instance_lock(run_dir, &fd, &error) == -EBUSY && instance_holder(run_dir) == getppid() ? 0 : 1);
	expect_exit(holder, 0);
	close(fd);
}

static void taking_over_from_nobody_is_taking_the_lock(void **state)
{
	uint64_t began = now_ns();
	struct error error = {};
	int fd = -1;

	(void)state;
	assert_int_equal(instance_take_over(run_dir, &fd, &error), 0);
	assert_true(fd >= 0);
	assert_true(now_ns() - began < SECOND_NS);
	close(fd);
}

static void a_holder_that_does_not_end_is_named_after_seconds(void **state)
{
	pid_t holder = start_holder(true);
	uint64_t began = now_ns(), took;
	struct error error = {};
	char cure[32];
	int fd = -99;

	(void)state;
	assert_int_equal(instance_take_over(run_dir, &fd, &error), -EBUSY);
	took = now_ns() - began;
	assert_in_range(took, 5 * SECOND_NS, 30 * SECOND_NS);
	assert_int_equal(fd, -99);
	snprintf(cure, sizeof(cure), "kill -KILL %d", (int)holder);
	assert_says(&error, ERROR_FAILED, cure);
	assert_int_equal(kill(holder, 0), 0);
	assert_int_equal(instance_holder(run_dir), holder);
	end_child(holder);
}

/* `stop` removes the lock's file while a `run` that has opened it waits for the lock. */
static void the_lock_is_that_of_the_file_in_the_directory(void **state)
{
	pid_t child = fork_child();
	unsigned int taken = 0;

	(void)state;
	while (child == 0) {
		struct error error;
		int fd;

		if (instance_lock(run_dir, &fd, &error) == 0) {
			instance_remove(run_dir);
			close(fd);
		}
	}
	for (uint64_t end = now_ns() + SECOND_NS; now_ns() < end;) {
		struct stat ours, theirs;
		struct error error = {};
		char path[2 * PATH_MAX];
		int fd, r = instance_lock(run_dir, &fd, &error);

		if (r == -EBUSY)
			continue;
		if (r != 0) {
			end_child(child);
			fail_msg("%s", error.text);
		}
		snprintf(path, sizeof(path), "%s/lock", run_dir);
		if (fstat(fd, &ours) != 0 || stat(path, &theirs) != 0 || ours.st_ino != theirs.st_ino) {
			end_child(child);
			fail_msg("after %u times the lock is on a file that is gone", taken);
		}
		taken++;
		close(fd);
	}
	end_child(child);
	assert_true(taken > 0);
}

static void the_pin_directory_is_noted(void **state)
{
	struct error error = {};
	char pin_dir[64] = "untouched";
	int fd = lock();

	(void)state;
	assert_int_equal(instance_read_pin_dir(run_dir, pin_dir, sizeof(pin_dir)), -ENOENT);
	assert_string_equal(pin_dir, "untouched");
	assert_int_equal(instance_note_pin_dir(run_dir, "/sys/fs/bpf/some where", &error), 0);
	assert_int_equal(instance_read_pin_dir(run_dir, pin_dir, sizeof(pin_dir)), 0);
	assert_string_equal(pin_dir, "/sys/fs/bpf/some where");
	assert_int_equal(instance_note_pin_dir(run_dir, "/p", &error), 0);
	assert_int_equal(instance_read_pin_dir(run_dir, pin_dir, sizeof(pin_dir)), 0);
	assert_string_equal(pin_dir, "/p");
	close(fd);
}

static void a_note_that_makes_no_sense_is_not_believed(void **state)
{
	char pin_dir[8] = "before";

	(void)state;
	run("mkdir %s && : >%s/pin-dir", run_dir, run_dir);
	assert_int_equal(instance_read_pin_dir(run_dir, pin_dir, sizeof(pin_dir)), -ENOENT);
	run("echo relative >%s/pin-dir", run_dir);
	assert_int_equal(instance_read_pin_dir(run_dir, pin_dir, sizeof(pin_dir)), -EINVAL);
	run("echo >%s/pin-dir", run_dir);
	assert_int_equal(instance_read_pin_dir(run_dir, pin_dir, sizeof(pin_dir)), -EINVAL);
	run("echo /eight78 >%s/pin-dir", run_dir);
	assert_int_equal(instance_read_pin_dir(run_dir, pin_dir, sizeof(pin_dir)), -EINVAL);
	assert_string_equal(pin_dir, "before");
	run("echo /seven7 >%s/pin-dir", run_dir);
	assert_int_equal(instance_read_pin_dir(run_dir, pin_dir, sizeof(pin_dir)), 0);
	assert_string_equal(pin_dir, "/seven7");
}

static void a_note_that_cannot_be_written_is_an_error(void **state)
{
	struct error error = {};

	(void)state;
	assert_int_equal(instance_note_pin_dir(run_dir, "/p", &error), -ENOENT);
	assert_says(&error, ERROR_FAILED, run_dir);
}

static void assert_refused(const char *text)
{
	struct error error = {};
	char pin_dir[8] = "before";
	int fd = -1;

	assert_int_equal(instance_lock(run_dir, &fd, &error), -EINVAL);
	assert_int_equal(fd, -1);
	assert_says(&error, ERROR_USAGE, run_dir);
	assert_says(&error, ERROR_USAGE, text);
	assert_int_equal(instance_read_pin_dir(run_dir, pin_dir, sizeof(pin_dir)), -EPERM);
	assert_string_equal(pin_dir, "before");
}

static void a_directory_where_others_may_write_is_refused(void **state)
{
	(void)state;
	run("mkdir -m 0755 %s && echo /p >%s/pin-dir", run_dir, run_dir);
	close(lock());
	run("chmod 0775 %s", run_dir);
	assert_refused("chmod go-w");
	run("chmod 1757 %s", run_dir);
	assert_refused("chmod go-w");
	run("chmod 0755 %s && chown 65534 %s", run_dir, run_dir);
	assert_refused("another user");
	run("chown 0 %s", run_dir);
	close(lock());
	run("mv %s %s.real && ln -s %s.real %s", run_dir, run_dir, run_dir, run_dir);
	assert_refused("symbolic link");
}

static void a_note_that_is_a_symlink_is_not_followed(void **state)
{
	struct error error = {};

	(void)state;
	run("mkdir -m 0755 %s && echo before >%s/other && ln -s other %s/pin-dir", run_dir, run_dir, run_dir);
	assert_int_equal(instance_note_pin_dir(run_dir, "/p", &error), -ELOOP);
	assert_says(&error, ERROR_FAILED, "remove this symbolic link");
	run("grep -q before %s/other && rm %s/pin-dir", run_dir, run_dir);
	assert_int_equal(instance_note_pin_dir(run_dir, "/p", &error), 0);
	assert_int_equal(mode_of("pin-dir") & ~(mode_t)0644, S_IFREG);
}

static int listen_here(void)
{
	struct error error = {};
	int fd = -1;

	if (instance_listen(run_dir, &fd, &error) != 0)
		fail_msg("%s", error.text);
	return fd;
}

static void wait_for_client(int control)
{
	struct pollfd ready = { .fd = control, .events = POLLIN };

	CHILD_CHECK(poll(&ready, 1, 10000) == 1);
}

/* A controller that answers one question with as many octets, after it has read it. */
static pid_t start_controller(int control, const char *question, size_t length)
{
	pid_t child = fork_child();

	if (child == 0) {
		char got[64] = "", *answer = malloc(length + 1);
		int fd;

		wait_for_client(control);
		fd = accept4(control, NULL, NULL, SOCK_CLOEXEC);
		CHILD_CHECK(fd >= 0 && answer);
		CHILD_CHECK(instance_read_question(fd, got, sizeof(got)) == 0);
		CHILD_CHECK(strcmp(got, question) == 0);
		for (size_t i = 0; i < length; i++)
			answer[i] = (char)('a' + i % 26);
		answer[length] = '\0';
		CHILD_CHECK(instance_answer(fd, answer) == 0);
		_exit(0);
	}
	return child;
}

static void a_question_is_answered_whole(void **state)
{
	static const size_t lengths[] = { 1, 65534, 65535, 65536, 3000000 };
	int control;

	(void)state;
	close(lock());
	control = listen_here();
	for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
		pid_t child = start_controller(control, "status", lengths[i]);
		struct error error = {};
		char *answer = NULL;

		if (instance_ask(run_dir, "status", &answer, &error) != 0)
			fail_msg("%zu: %s", lengths[i], error.text);
		assert_int_equal(strlen(answer), lengths[i]);
		for (size_t n = 0; n < lengths[i]; n++)
			if (answer[n] != (char)('a' + n % 26))
				fail_msg("octet %zu of %zu is %#x", n, lengths[i], answer[n]);
		free(answer);
		expect_exit(child, 0);
	}
	close(control);
}

static void the_control_socket_is_for_root(void **state)
{
	mode_t before;
	int control;

	(void)state;
	close(lock());
	before = umask(0);
	control = listen_here();
	umask(before);
	assert_int_equal(mode_of("control"), S_IFSOCK | 0600);
	assert_int_equal(fcntl(control, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(control, F_GETFL) & O_NONBLOCK);
	close(control);
	/* what a controller that is gone left there is replaced */
	control = listen_here();
	close(control);
}

static void a_directory_too_long_for_a_socket_is_a_usage_error(void **state)
{
	char long_dir[200] = SANDBOX "/";
	struct error error = {};
	char *answer = NULL;
	int fd = -99;

	(void)state;
	memset(long_dir + strlen(long_dir), 'x', 120);
	assert_int_equal(mkdir(long_dir, 0755), 0);
	assert_int_equal(instance_listen(long_dir, &fd, &error), -ENAMETOOLONG);
	assert_says(&error, ERROR_USAGE, long_dir);
	assert_int_equal(fd, -99);
	assert_true(instance_ask(long_dir, "status", &answer, &error) < 0);
	assert_int_equal(error.kind, ERROR_NOT_RUNNING);
}

static void expect_not_running(const char *directory)
{
	struct error error = {};
	char *answer = NULL;

	assert_int_equal(instance_ask(directory, "status", &answer, &error), -ENOENT);
	assert_null(answer);
	assert_says(&error, ERROR_NOT_RUNNING, directory);
}

static void without_a_controller_nobody_is_asked(void **state)
{
	int control;

	(void)state;
	expect_not_running(run_dir); /* no directory */
	close(lock());
	expect_not_running(run_dir); /* no socket */
	control = listen_here();
	close(control);
	expect_not_running(run_dir); /* nobody listens any more */
	run("touch %s/file", run_dir);
	strcat(run_dir, "/file");
	expect_not_running(run_dir); /* no directory, either */
}

static void a_controller_that_does_not_answer_is_given_up_after_seconds(void **state)
{
	struct error error = {};
	char *answer = NULL;
	pid_t holder = start_holder(false);
	int control = listen_here();
	uint64_t began = now_ns();
	char pid[32];

	(void)state;
	assert_true(instance_ask(run_dir, "status", &answer, &error) < 0);
	assert_in_range(now_ns() - began, SECOND_NS, 6 * SECOND_NS);
	assert_null(answer);
	snprintf(pid, sizeof(pid), "(pid %d)", (int)holder);
	assert_says(&error, ERROR_FAILED, pid);
	close(control);
	end_child(holder);
}

static void a_controller_that_hangs_up_has_not_answered(void **state)
{
	struct error error = {};
	char *answer = NULL;
	int control;
	pid_t child;

	(void)state;
	close(lock());
	control = listen_here();
	child = fork_child();
	if (child == 0) {
		char question[64];
		int fd;

		wait_for_client(control);
		fd = accept(control, NULL, NULL);
		CHILD_CHECK(fd >= 0 && instance_read_question(fd, question, sizeof(question)) == 0);
		_exit(0);
	}
	assert_true(instance_ask(run_dir, "status", &answer, &error) < 0);
	assert_null(answer);
	assert_says(&error, ERROR_FAILED, "does not answer");
	expect_exit(child, 0);
	close(control);
}

static void make_pair(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

static void a_client_that_asks_nothing_does_not_keep_the_controller(void **state)
{
	char question[8] = "before";
	uint64_t began = now_ns();
	int pair[2];

	(void)state;
	make_pair(pair);
	assert_int_equal(instance_read_question(pair[0], question, sizeof(question)), -ETIMEDOUT);
	assert_true(now_ns() - began < SECOND_NS);
	close(pair[1]);
	assert_int_equal(instance_read_question(pair[0], question, sizeof(question)), -EIO);
	assert_string_equal(question, "before");
	close(pair[0]);
}

static void a_question_is_cut_to_the_room_there_is(void **state)
{
	char question[8];
	int pair[2];

	(void)state;
	make_pair(pair);
	memset(question, 'x', sizeof(question));
	assert_int_equal(write(pair[1], "0123456789", 10), 10);
	assert_int_equal(instance_read_question(pair[0], question, sizeof(question)), 0);
	assert_string_equal(question, "0123456");
	close(pair[0]);
	close(pair[1]);
}

static void a_client_that_does_not_read_does_not_keep_the_controller(void **state)
{
	char *answer = calloc(1, 4000000);
	uint64_t began = now_ns();
	int pair[2];

	(void)state;
	assert_non_null(answer);
	memset(answer, 'x', 4000000 - 1);
	make_pair(pair);
	assert_int_equal(instance_answer(pair[0], answer), -EAGAIN);
	assert_true(now_ns() - began < 3 * SECOND_NS);
	close(pair[1]);
	assert_int_equal(instance_answer(pair[0], answer), -EPIPE); /* and no SIGPIPE */
	close(pair[0]);
	free(answer);
}

/* It begins to read only when the controller has paused once: the answer goes on where it was. */
static void a_client_that_reads_late_gets_the_answer_whole(void **state)
{
	const size_t length = 2000000;
	char *answer = malloc(length + 1), part[65536];
	size_t got = 0;
	int pair[2];
	pid_t child;
	ssize_t r;

	(void)state;
	assert_non_null(answer);
	for (size_t i = 0; i < length; i++)
		answer[i] = (char)('a' + i % 23);
	answer[length] = '\0';
	make_pair(pair);
	child = fork_child();
	if (child == 0) {
		CHILD_CHECK(instance_answer(pair[1], answer) == 0);
		_exit(0);
	}
	close(pair[1]);
	pause_ms(700);
	while ((r = read(pair[0], part, sizeof(part))) > 0) {
		assert_true(got + (size_t)r <= length);
		assert_memory_equal(part, answer + got, (size_t)r);
		got += (size_t)r;
	}
	assert_int_equal(got, length);
	expect_exit(child, 0);
	close(pair[0]);
	free(answer);
}

static void removing_leaves_nothing_of_ours(void **state)
{
	struct error error;
	int fd = lock(), control = listen_here();

	(void)state;
	assert_int_equal(instance_note_pin_dir(run_dir, "/p", &error), 0);
	instance_remove(run_dir);
	assert_int_equal(access(run_dir, F_OK), -1);
	instance_remove(run_dir); /* again is no error */
	close(control);
	close(fd);
}

static void removing_leaves_what_is_not_ours(void **state)
{
	int fd = lock();

	(void)state;
	run("touch %s/other", run_dir);
	instance_remove(run_dir);
	run("test \"$(ls %s)\" = other", run_dir);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_lock_makes_its_directory, fresh_run_dir),
		cmocka_unit_test_setup(a_directory_that_cannot_be_made_is_named, fresh_run_dir),
		cmocka_unit_test_setup(a_lock_that_is_a_symlink_is_not_followed, fresh_run_dir),
		cmocka_unit_test_setup(a_second_holder_is_refused_and_told_the_first_ones_pid, fresh_run_dir),
		cmocka_unit_test_setup(two_directories_are_two_instances, fresh_run_dir),
		cmocka_unit_test_setup(nobody_holds_what_is_not_there, fresh_run_dir),
		cmocka_unit_test_setup(taking_over_ends_the_holder, fresh_run_dir),
		cmocka_unit_test_setup(taking_over_from_nobody_is_taking_the_lock, fresh_run_dir),
		cmocka_unit_test_setup(a_holder_that_does_not_end_is_named_after_seconds, fresh_run_dir),
		cmocka_unit_test_setup(the_lock_is_that_of_the_file_in_the_directory, fresh_run_dir),
		cmocka_unit_test_setup(the_pin_directory_is_noted, fresh_run_dir),
		cmocka_unit_test_setup(a_note_that_makes_no_sense_is_not_believed, fresh_run_dir),
		cmocka_unit_test_setup(a_note_that_cannot_be_written_is_an_error, fresh_run_dir),
		cmocka_unit_test_setup(a_directory_where_others_may_write_is_refused, fresh_run_dir),
		cmocka_unit_test_setup(a_note_that_is_a_symlink_is_not_followed, fresh_run_dir),
		cmocka_unit_test_setup(a_question_is_answered_whole, fresh_run_dir),
		cmocka_unit_test_setup(the_control_socket_is_for_root, fresh_run_dir),
		cmocka_unit_test_setup(a_directory_too_long_for_a_socket_is_a_usage_error, fresh_run_dir),
		cmocka_unit_test_setup(without_a_controller_nobody_is_asked, fresh_run_dir),
		cmocka_unit_test_setup(a_controller_that_does_not_answer_is_given_up_after_seconds, fresh_run_dir),
		cmocka_unit_test_setup(a_controller_that_hangs_up_has_not_answered, fresh_run_dir),
		cmocka_unit_test_setup(a_client_that_asks_nothing_does_not_keep_the_controller, fresh_run_dir),
		cmocka_unit_test_setup(a_question_is_cut_to_the_room_there_is, fresh_run_dir),
		cmocka_unit_test_setup(a_client_that_does_not_read_does_not_keep_the_controller, fresh_run_dir),
		cmocka_unit_test_setup(a_client_that_reads_late_gets_the_answer_whole, fresh_run_dir),
		cmocka_unit_test_setup(removing_leaves_nothing_of_ours, fresh_run_dir),
		cmocka_unit_test_setup(removing_leaves_what_is_not_ours, fresh_run_dir),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
