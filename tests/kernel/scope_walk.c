/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "scope-lab.h"

#include "scope_walk.h"

/* What scope_each_process() shows. */
struct seen {
	pid_t pids[4096];
	size_t count, max;
};

static bool see(pid_t pid, void *data)
{
	struct seen *seen = data;

	if (seen->count < ARRAY_COUNT(seen->pids))
		seen->pids[seen->count] = pid;
	return ++seen->count != seen->max;
}

static unsigned int times_seen(const struct seen *seen, pid_t pid)
{
	unsigned int times = 0;

	for (size_t i = 0; i < seen->count && i < ARRAY_COUNT(seen->pids); i++)
		times += seen->pids[i] == pid;
	return times;
}

static void every_process_of_the_scope_is_found_once(void **state)
{
	unsigned int before;
	struct seen seen = {}, two = { .max = 2 };
	pid_t in[5], out[4];

	(void)state;
	make_nest(); /* a, a/b exempt, a/b/c */
	make("a/below");
	make("a/below/it");
	make("e");
	make("e/s");
	configure("exempt-cgroup", at("e"));
	configure("cgroup", at("e/s")); /* below an exempt one, not below one in scope */
	configure("cgroup", relative("a"));
	start(SIEVE_ACTION_ANSWER);
	in[0] = start_in("a");
	in[1] = start_in("a/below/it");
	in[2] = start_in("a/b/c");
	in[3] = start_in("a/b/c/d");
	in[4] = start_in("e/s");
	out[0] = start_in("a/b");
	out[1] = start_in("ab");
	out[2] = start_in("e");
	out[3] = getpid();
	before = count_descriptors();
	scope_each_process(&scope, see, &seen);
	assert_int_equal(count_descriptors(), before);
	for (size_t i = 0; i < ARRAY_COUNT(in); i++)
		if (times_seen(&seen, in[i]) != 1)
			fail_msg("process %zu is found %u times", i, times_seen(&seen, in[i]));
	for (size_t i = 0; i < ARRAY_COUNT(out); i++)
		if (times_seen(&seen, out[i]) != 0)
			fail_msg("process %zu of the others is found", i);
	assert_int_equal(seen.count, ARRAY_COUNT(in));
	scope_each_process(&scope, see, &two); /* until it has had enough */
	assert_int_equal(two.count, 2);
	assert_int_equal(count_descriptors(), before);
}

static void a_process_is_exempt_by_its_nearest_cgroup(void **state)
{
	pid_t gone;

	(void)state;
	make_nest();
	make("e");
	make("e/below");
	make("e/s");
	configure("exempt-cgroup", at("e"));
	configure("cgroup", at("e/s"));
	start(SIEVE_ACTION_ANSWER);
	assert_false(scope_exempts(&scope, start_in("a")));
	assert_true(scope_exempts(&scope, start_in("a/b")));
	assert_false(scope_exempts(&scope, start_in("a/b/c")));
	assert_false(scope_exempts(&scope, start_in("a/b/c/d")));
	assert_false(scope_exempts(&scope, start_in("ab")));
	assert_true(scope_exempts(&scope, start_in("e")));
	assert_true(scope_exempts(&scope, start_in("e/below")));
	assert_false(scope_exempts(&scope, start_in("e/s")));
	assert_false(scope_exempts(&scope, getpid()));
	gone = start_in("e");
	end_last();
	assert_false(scope_exempts(&scope, gone));
}

static void an_exempt_cgroup_that_is_made_later_is_heeded(void **state)
{
	struct seen seen = {};
	pid_t child;

	(void)state;
	make("a");
	configure("cgroup", at("a"));
	configure("exempt-cgroup", at("a/b"));
	start(SIEVE_ACTION_ANSWER);
	make("a/b");
	refresh();
	child = start_in("a/b");
	assert_true(scope_exempts(&scope, child));
	scope_each_process(&scope, see, &seen);
	assert_int_equal(seen.count, 0);
}

/* Nothing is attached in this one: it would be to the root. */
static void the_whole_host_is_in_scope_but_for_what_is_exempt(void **state)
{
	static struct seen seen;
	struct pin pin = {};
	pid_t in, exempt, again;

	(void)state;
	make("a");
	make("e");
	make("e/s");
	configure("exempt-cgroup", at("e"));
	config.action = SIEVE_ACTION_OBSERVE;
	open_scope();
	assert_true(scope.whole_host);
	in = start_in("a");
	exempt = start_in("e");
	again = start_in("e/s");
	seen = (struct seen){};
	scope_each_process(&scope, see, &seen);
	assert_int_equal(times_seen(&seen, in), 1);
	assert_int_equal(times_seen(&seen, getpid()), 1);
	assert_int_equal(times_seen(&seen, exempt), 0);
	assert_int_equal(times_seen(&seen, again), 0);
	assert_false(scope_exempts(&scope, in));
	assert_true(scope_exempts(&scope, exempt));
	pin.cgroup = inode_of(root);
	assert_true(scope_wants(&scope, &pin));
	pin.cgroup = id_of("a");
	assert_false(scope_wants(&scope, &pin));
	assert_int_equal(scope.root.sensor_fd, -1);
}

static int enter_group(void **state)
{
	return enter_scope_group(state, "scope_walk");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_process_of_the_scope_is_found_once),
		TEST(a_process_is_exempt_by_its_nearest_cgroup),
		TEST(an_exempt_cgroup_that_is_made_later_is_heeded),
		TEST(the_whole_host_is_in_scope_but_for_what_is_exempt),
	};

	return cmocka_run_group_tests(tests, enter_group, leave_sandbox);
}
