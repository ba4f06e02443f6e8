/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's clock, also where clock_gettime() shows another one. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cleanup.h"
#include "clock.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define DAY_NS (86400 * (int64_t)CLOCK_SECOND_NS)
#define PATIENCE_NS (60 * (int64_t)CLOCK_SECOND_NS) /* between two looks, on a busy machine */

static uint64_t shown_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * CLOCK_SECOND_NS + (uint64_t)now.tv_nsec;
}

struct look {
	uint64_t kernel, shown;
};

/* In a time namespace of its own; false: the kernel has none. */
static bool look_from(const char *offset, struct look *ret_look)
{
	_cleanup_close_ int offsets = -1;
	int fds[2], status;
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		struct look look;

		if (unshare(CLONE_NEWTIME) < 0)
			_exit(errno == EINVAL ? 2 : 1);
		offsets = open("/proc/self/timens_offsets", O_WRONLY);
		if (offsets < 0 || write(offsets, offset, strlen(offset)) < 0)
			_exit(1);
		if (fork() == 0) {
			look = (struct look){ clock_monotonic_ns(), shown_ns() };
			_exit(write(fds[1], &look, sizeof(look)) != sizeof(look));
		}
		wait(&status);
		_exit(status != 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	close(fds[1]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		return close(fds[0]) != 0;
	assert_int_equal(status, 0);
	assert_int_equal(read(fds[0], ret_look, sizeof(*ret_look)), sizeof(*ret_look));
	close(fds[0]);
	return true;
}

static void is_what_is_shown_outside_of_time_namespaces(void **state)
{
	uint64_t before = shown_ns(), now = clock_monotonic_ns(), after = shown_ns();

	(void)state;
	assert_true(before <= now && now <= after);
}

static void check_shift(const char *offset, int64_t shift_ns)
{
	uint64_t before = shown_ns();
	struct look look;

	if (!look_from(offset, &look)) {
		print_message("no time namespaces: Linux before 5.6\n");
		skip();
	}
	assert_true(look.kernel >= before && look.kernel <= shown_ns());
	assert_true((int64_t)(look.shown - look.kernel) >= shift_ns);
	assert_true((int64_t)(look.shown - look.kernel) <= shift_ns + PATIENCE_NS);
}

static void is_the_kernels_where_another_one_is_ahead(void **state)
{
	(void)state;
	check_shift("monotonic 86400 500000000", DAY_NS + (int64_t)CLOCK_SECOND_NS / 2);
}

static void is_the_kernels_where_another_one_is_behind(void **state)
{
	(void)state;
	check_shift("monotonic -5 0", -5 * (int64_t)CLOCK_SECOND_NS);
}

int main(void)
{
	/* The last one at the end: what it learns of this process its children would inherit. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_the_kernels_where_another_one_is_ahead),
		cmocka_unit_test(is_the_kernels_where_another_one_is_behind),
		cmocka_unit_test(is_what_is_shown_outside_of_time_namespaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
