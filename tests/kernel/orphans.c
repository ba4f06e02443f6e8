/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include "attach.h"
#include "clock.h"
#include "orphans.h"

#define TCX_EGRESS ((enum bpf_attach_type)47)
#define LOOPBACK 1

static char pin_dir[PATH_MAX], other_dir[PATH_MAX];
static struct programs *programs;

static int enter(void **state)
{
	(void)state;
	fresh_netns();
	fresh_pin_dir(pin_dir);
	fresh_pin_dir(other_dir);
	programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	return 0;
}

static int leave(void **state)
{
	(void)state;
	programs_free(programs);
	return 0;
}

static struct pin pin_of_lo(void)
{
	return (struct pin){ .side = ATTACH_EGRESS, .netns = 1, .ifindex = LOOPBACK };
}

static int link_to_lo(const struct programs *from)
{
	int fd = bpf_link_create(programs_egress_fd(from), LOOPBACK, TCX_EGRESS, NULL);

	assert_true(fd >= 0);
	return fd;
}

static __u32 link_id(int fd)
{
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	return info.id;
}

static void expect_on_lo(__u32 first, __u32 second)
{
	__u32 ids[64], count = 64;

	assert_int_equal(bpf_prog_query(LOOPBACK, TCX_EGRESS, 0, NULL, ids, &count), 0);
	assert_int_equal(count, (first != 0) + (second != 0));
	assert_true(count < 1 || ids[0] == first);
	assert_true(count < 2 || ids[1] == second);
}

static __u32 egress_id(const struct programs *of)
{
	return program_id(programs_egress_fd(of));
}

/* Of another load, as an earlier controller's; the maps' pins may be gone. */
static void a_link_is_found_by_its_hook_and_pinned(void **state)
{
	struct programs *before = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	const struct pin pin = pin_of_lo();
	int link = link_to_lo(before), fd;
	char path[PATH_MAX];

	(void)state;
	run("rm %s/*", pin_dir);
	fd = orphans_adopt(pin_dir, &pin, -1, programs_egress_fd(programs));
	assert_true(fd >= 0);
	assert_int_equal(link_id(fd), link_id(link));
	expect_on_lo(egress_id(programs), 0);
	pins_format(path, pin_dir, &pin);
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
	close(link);
	expect_on_lo(egress_id(programs), 0); /* by its pin */
	programs_free(before);
}

static void what_is_not_of_this_instance_is_not_taken(void **state)
{
	struct programs *other = load_programs(SIEVE_ACTION_ANSWER, other_dir);
	int foreign = load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1), first, second;
	const struct pin pin = pin_of_lo();
	size_t count = 7;

	(void)state;
	assert_int_equal(orphans_adopt(pin_dir, &pin, -1, programs_egress_fd(programs)), -ENOENT);
	first = bpf_link_create(foreign, LOOPBACK, TCX_EGRESS, NULL);
	second = link_to_lo(other);
	assert_int_equal(orphans_adopt(pin_dir, &pin, -1, programs_egress_fd(programs)), -ENOENT);
	assert_int_equal(orphans_detach(pin_dir, NULL, 0, &count), 0);
	assert_int_equal(count, 0);
	expect_on_lo(program_id(foreign), egress_id(other));
	close(first);
	close(second);
	close(foreign);
	programs_free(other);
}

static void a_hook_that_has_two_of_ours_keeps_one(void **state)
{
	struct programs *before = load_programs(SIEVE_ACTION_ANSWER, pin_dir), *older = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	const struct pin pin = pin_of_lo();
	int one = link_to_lo(older), two = link_to_lo(before), fd;

	(void)state;
	expect_on_lo(egress_id(older), egress_id(before));
	fd = orphans_adopt(pin_dir, &pin, -1, programs_egress_fd(programs));
	assert_true(fd >= 0);
	expect_on_lo(egress_id(programs), 0);
	close(fd);
	close(one);
	close(two);
	programs_free(before);
	programs_free(older);
}

/* It came here with its link, which is pinned under the number of the namespace that it was in. */
static void a_device_from_another_namespace_has_one_pin_afterwards(void **state)
{
	const struct pin pin = pin_of_lo(), elsewhere = { .side = ATTACH_EGRESS, .netns = 99, .ifindex = 7 };
	int link = link_to_lo(programs), fd;
	struct error error = {};
	char path[PATH_MAX];

	(void)state;
	pins_format(path, pin_dir, &elsewhere);
	assert_int_equal(bpf_obj_pin(link, path), 0);
	fd = orphans_adopt(pin_dir, &pin, -1, programs_egress_fd(programs));
	assert_true(fd >= 0);
	assert_int_equal(access(path, F_OK), -1);
	close(fd);
	close(link);
	/* so a sweep of that namespace does not detach it here */
	assert_int_equal(pins_remove(path, &elsewhere, true, &error), 0);
	expect_on_lo(egress_id(programs), 0);
}

static void only_programs_that_nobody_uses_are_detached(void **state)
{
	struct programs *before = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	int old = link_to_lo(before), current = link_to_lo(programs);
	uint32_t ids[PROGRAMS_COUNT];
	size_t count;

	(void)state;
	assert_int_equal(orphans_detach(pin_dir, ids, programs_ids(programs, ids), &count), 0);
	assert_int_equal(count, 1);
	expect_on_lo(egress_id(programs), 0);
	assert_int_equal(orphans_detach(pin_dir, NULL, 0, &count), 0);
	assert_int_equal(count, 1);
	expect_on_lo(0, 0);
	close(old);
	close(current);
	programs_free(before);
}

/* With the lock, what is pinned here is of a controller that is gone, however fresh its stamp. */
static void who_stamps_elsewhere_is_alive(void **state)
{
	struct error error = {};
	int link = link_to_lo(programs);
	uint64_t began;
	pid_t child;

	(void)state;
	assert_int_equal(programs_beat(programs, clock_monotonic_ns()), 0);
	assert_int_equal(orphans_check(pin_dir, &error), 0);
	run("rm %s/*", pin_dir);
	/* killed just now */
	began = clock_monotonic_ns();
	assert_int_equal(programs_beat(programs, began), 0);
	assert_int_equal(orphans_check(pin_dir, &error), 0);
	assert_true(clock_monotonic_ns() >= began + 2 * CLOCK_SECOND_NS);
	/* long ago */
	began = clock_monotonic_ns();
	assert_int_equal(orphans_check(pin_dir, &error), 0);
	assert_true(clock_monotonic_ns() < began + 2 * CLOCK_SECOND_NS);
	/* alive */
	child = fork_child();
	for (; child == 0; pause_ms(100))
		programs_beat(programs, clock_monotonic_ns());
	pause_ms(200);
	assert_int_equal(orphans_check(pin_dir, &error), -EBUSY);
	assert_int_equal(error.kind, ERROR_ALREADY_RUNNING);
	assert_non_null(strstr(error.text, pin_dir));
	assert_int_equal(orphans_check(other_dir, &error), 0);
	end_child(child);
	close(link);
}

/* Links by id take CAP_SYS_ADMIN: it goes on with what is possible, and says so once. */
static void attach_blind(void *data)
{
	const struct pin pin = pin_of_lo();
	size_t count;

	(void)data;
	child_drop_capability(CAP_SYS_ADMIN);
	CHILD_CHECK(orphans_adopt(pin_dir, &pin, -1, programs_egress_fd(programs)) == -ENOENT);
	CHILD_CHECK(orphans_adopt(pin_dir, &pin, -1, programs_egress_fd(programs)) == -ENOENT);
	CHILD_CHECK(orphans_detach(pin_dir, NULL, 0, &count) == -EPERM);
}

static void without_the_capability_it_is_said_once(void **state)
{
	struct programs *before = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	int link = link_to_lo(before);
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		char *text = stderr_while(attach_blind, NULL);
		const char *found = strstr(text, "CAP_SYS_ADMIN");

		child_check(found && !strstr(found + 1, "CAP_SYS_ADMIN"), text);
		_exit(0);
	}
	expect_exit(child, 0);
	expect_on_lo(egress_id(before), 0);
	close(link);
	programs_free(before);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, leave)
	const struct CMUnitTest tests[] = {
		TEST(a_link_is_found_by_its_hook_and_pinned),
		TEST(what_is_not_of_this_instance_is_not_taken),
		TEST(a_hook_that_has_two_of_ours_keeps_one),
		TEST(a_device_from_another_namespace_has_one_pin_afterwards),
		TEST(only_programs_that_nobody_uses_are_detached),
		TEST(who_stamps_elsewhere_is_alive),
		TEST(without_the_capability_it_is_said_once),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
