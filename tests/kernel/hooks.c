/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <bpf/libbpf.h>

#include "hooks.h"

#define LOOPBACK 1
#define TCX_EGRESS 47

static int enter(void **state)
{
	(void)state;
	fresh_netns();
	return 0;
}

static void programs_of_a_device_come_in_their_order_with_their_links(void **state)
{
	int one = load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1), two = load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1), first, second;
	struct hook_programs programs;

	(void)state;
	assert_int_equal(hooks_query_device(LOOPBACK, TCX_EGRESS, &programs), 0);
	assert_int_equal(programs.count, 0);
	first = bpf_link_create(one, LOOPBACK, (enum bpf_attach_type)TCX_EGRESS, NULL);
	second = bpf_link_create(two, LOOPBACK, (enum bpf_attach_type)TCX_EGRESS, NULL);
	assert_int_equal(hooks_query_device(LOOPBACK, TCX_EGRESS, &programs), 0);
	assert_int_equal(programs.count, 2);
	assert_int_equal(programs.programs[0], program_id(one));
	assert_int_equal(programs.programs[1], program_id(two));
	assert_true(programs.links[0] > 0 && programs.links[1] > programs.links[0]);
	assert_int_equal(hooks_query_device(4711, TCX_EGRESS, &programs), -ENODEV);
	close(first);
	close(second);
	close(one);
	close(two);
}

struct seen {
	unsigned int count, most; /* 0: all */
	uint32_t program;
	char name[64];
};

static bool see(uint32_t program, const char *name, void *data)
{
	struct seen *seen = data;

	seen->count++;
	seen->program = program;
	snprintf(seen->name, sizeof(seen->name), "%s", name);
	return seen->count != seen->most;
}

static void filters_of_a_device_have_programs_and_names(void **state)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = LOOPBACK, .attach_point = BPF_TC_EGRESS);
	int foreign = load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = 1, .priority = 1, .prog_fd = foreign);
	struct seen seen = {};

	(void)state;
	hooks_each_filter(LOOPBACK, true, see, &seen);
	assert_int_equal(seen.count, 0);
	assert_int_equal(bpf_tc_hook_create(&hook), 0);
	assert_int_equal(bpf_tc_attach(&hook, &options), 0);
	hooks_each_filter(LOOPBACK, false, see, &seen);
	assert_int_equal(seen.count, 0);
	hooks_each_filter(LOOPBACK, true, see, &seen);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.program, program_id(foreign));
	assert_memory_equal(seen.name, "foreign:", 8);
	run("tc filter add dev lo egress prio 2 protocol all bpf bytecode '1,6 0 0 0,' flowid 1:1");
	hooks_each_filter(LOOPBACK, true, see, &seen);
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.program, 0);
	assert_string_equal(seen.name, "bpf");
	seen = (struct seen){ .most = 1 };
	assert_int_equal(hooks_each_filter(LOOPBACK, true, see, &seen), 0);
	assert_int_equal(seen.count, 1);
	close(foreign);
}

/* At the cgroup itself no other may be; above it one that may be overridden does not matter. */
static void the_program_that_is_in_the_way_is_found(void **state)
{
	static const __u32 flags[] = { 0, BPF_F_ALLOW_OVERRIDE, BPF_F_ALLOW_MULTI };
	int foreign = load_foreign(BPF_PROG_TYPE_CGROUP_SKB, 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(flags); i++) {
		char path[PATH_MAX], below[PATH_MAX], name[64], mount[PATH_MAX];
		struct hook_obstacle obstacle;
		struct error error;
		int fd;

		snprintf(name, sizeof(name), "%zu", i);
		make_cgroup(name, path);
		snprintf(name, sizeof(name), "%zu/below", i);
		make_cgroup(name, below);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_int_equal(bpf_prog_attach(foreign, fd, BPF_CGROUP_INET_EGRESS, flags[i]), 0);
		close(fd);
		assert_int_equal(mounts_find_cgroup2(mount, sizeof(mount), &error), 0);
		assert_int_equal(hooks_find_obstacle(mount, path + strlen(mount), BPF_CGROUP_INET_EGRESS, &obstacle),
				 flags[i] == BPF_F_ALLOW_MULTI ? -ENOENT : 0);
		assert_int_equal(hooks_find_obstacle(mount, below + strlen(mount), BPF_CGROUP_INET_EGRESS, &obstacle),
				 flags[i] ? -ENOENT : 0);
		if (flags[i])
			continue;
		assert_int_equal(obstacle.program, program_id(foreign));
		assert_string_equal(obstacle.identity.name, "foreign");
		assert_string_equal(obstacle.path, path + strlen(mount));
	}
	close(foreign);
}

static int enter_group(void **state)
{
	int r = enter_sandbox(state);

	if (r == 0)
		make_cgroups("hooks");
	return r;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(programs_of_a_device_come_in_their_order_with_their_links, enter),
		cmocka_unit_test_setup(filters_of_a_device_have_programs_and_names, enter),
		cmocka_unit_test(the_program_that_is_in_the_way_is_found),
	};

	return cmocka_run_group_tests(tests, enter_group, leave_sandbox);
}
