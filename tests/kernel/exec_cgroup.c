/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "scope-lab.h"

#include <sys/socket.h>

struct told {
	unsigned int times;
	pid_t last;
};

static void take_event(const struct sieve_event *event, void *data)
{
	struct told *told = data;

	told->times++;
	told->last = (pid_t)event->tgid;
}

static void join_and_make_a_socket(void *path)
{
	child_join_cgroup(path);
	CHILD_CHECK(unshare(CLONE_NEWNET) == 0);
	CHILD_CHECK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0);
}

static void the_cgroups_for_commands_are_in_force_when_they_are_made(void **state)
{
	struct told told = {};
	char *path, first[PATH_MAX];
	struct error error = {};
	uint64_t id;

	(void)state;
	make("a");
	configure("cgroup", at("a"));
	start(SIEVE_ACTION_OBSERVE);
	programs_set_event_callback(programs, take_event, &told);
	assert_int_equal(count_published(), 1); /* they are made when they are needed */
	assert_int_equal(scope_find_exec(&scope, false, first, sizeof(first), &error), -EIO);
	assert_string_equal(strrchr(first, '/'), "/scope");
	assert_non_null(strstr(error.text, first));
	assert_int_equal(access(first, F_OK), -1); /* ... and not by the controller */
	path = make_exec(false);
	assert_true(strncmp(path, root, strlen(root)) == 0);
	assert_string_equal(strrchr(path, '/'), "/scope");
	id = inode_of(path);
	assert_int_equal(kind_of(id), SIEVE_CGROUP_SCOPE);
	assert_int_equal(count_published(), 2);
	expect_sensor_at(path, true);
	expect_attached(path, BPF_CGROUP_INET_EGRESS, programs_cgroup_fd(programs), true);
	children[child_count++] = start_idle(join_and_make_a_socket, path);
	assert_int_equal(programs_read_events(programs), 0);
	assert_int_equal(told.times, 1);
	assert_int_equal(told.last, children[0]);
	/* again it is the same one */
	strcpy(first, path);
	path = make_exec(false);
	assert_string_equal(path, first);
	assert_int_equal(inode_of(path), id);
	/* the other one */
	path = make_exec(true);
	assert_string_equal(strrchr(path, '/'), "/exempt");
	assert_int_equal(kind_of(inode_of(path)), SIEVE_CGROUP_EXEMPT);
	assert_int_equal(kind_of(id), SIEVE_CGROUP_SCOPE);
	expect_sensor_at(path, false);
	children[child_count++] = start_idle(join_and_make_a_socket, path);
	assert_int_equal(programs_read_events(programs), 0);
	assert_int_equal(told.times, 1);
	assert_true(scope_exempts(&scope, children[1]));
	assert_false(scope_exempts(&scope, children[0]));
}

static void remove_exec_quietly(void *data)
{
	exec_cgroup_remove(data);
}

static void the_cgroups_for_commands_are_removed_unless_they_are_in_use(void **state)
{
	char *text, in_scope[PATH_MAX], exempt[PATH_MAX], parent[PATH_MAX];

	(void)state;
	make("a");
	configure("cgroup", at("a"));
	start(SIEVE_ACTION_ANSWER);
	strcpy(in_scope, make_exec(false));
	strcpy(exempt, make_exec(true));
	strcpy(parent, exempt);
	*strrchr(parent, '/') = '\0';
	start_at(exempt);
	exec_cgroup_remove(SANDBOX "/another-run-dir");
	assert_int_equal(access(in_scope, F_OK), 0);
	text = stderr_while(remove_exec_quietly, run_dir);
	if (count_lines(text) != 1 || !strstr(text, exempt))
		fail_msg("told is \"%s\"", text);
	free(text);
	assert_int_equal(access(in_scope, F_OK), -1);
	assert_int_equal(access(exempt, F_OK), 0);
	refresh();
	assert_int_equal(count_published(), 2);
	end_last();
	for (int i = 0; i < 100 && access(parent, F_OK) == 0; i++) {
		pause_ms(10); /* until it has left */
		free(stderr_while(remove_exec_quietly, run_dir));
	}
	assert_int_equal(access(parent, F_OK), -1);
	refresh();
	assert_int_equal(count_published(), 1);
	/* and they can be made again */
	assert_int_equal(kind_of(inode_of(make_exec(true))), SIEVE_CGROUP_EXEMPT);
	exec_cgroup_remove(run_dir);
	exec_cgroup_remove(run_dir); /* nothing there is no error */
	assert_int_equal(access(parent, F_OK), -1);
}

static void each_run_directory_has_its_own_cgroups_for_commands(void **state)
{
	char first[PATH_MAX], second[PATH_MAX], path[PATH_MAX];
	struct error error;

	(void)state;
	make("a");
	configure("cgroup", at("a"));
	start(SIEVE_ACTION_ANSWER);
	strcpy(first, make_exec(false));
	scope_close(&scope);
	snprintf(config.run_dir, sizeof(config.run_dir), "%s/other", run_dir);
	open_scope();
	assert_int_equal(scope_attach(&scope, programs, &error), 0);
	assert_int_equal(have_exec(false, path, sizeof(path), &error), 0);
	strcpy(second, path);
	exec_cgroup_remove(config.run_dir);
	assert_string_not_equal(first, second);
	assert_int_equal(access(first, F_OK), 0);
	assert_int_equal(access(second, F_OK), -1);
}

/* Those of an earlier controller, in which commands still run. */
static void the_cgroups_for_commands_of_an_earlier_controller_are_taken_over(void **state)
{
	char path[PATH_MAX];

	(void)state;
	make("a");
	configure("cgroup", at("a"));
	start(SIEVE_ACTION_OBSERVE);
	strcpy(path, make_exec(false));
	start_at(path);
	scope_close(&scope);
	programs_free(programs);
	start(SIEVE_ACTION_REJECT);
	assert_int_equal(kind_of(inode_of(path)), SIEVE_CGROUP_SCOPE);
	expect_sensor_at(path, true);
	expect_attached(path, BPF_CGROUP_INET_EGRESS, programs_cgroup_fd(programs), true);
	end_last();
}

static int enter_group(void **state)
{
	return enter_scope_group(state, "exec_cgroup");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_cgroups_for_commands_are_in_force_when_they_are_made),
		TEST(the_cgroups_for_commands_are_removed_unless_they_are_in_use),
		TEST(each_run_directory_has_its_own_cgroups_for_commands),
		TEST(the_cgroups_for_commands_of_an_earlier_controller_are_taken_over),
	};

	return cmocka_run_group_tests(tests, enter_group, leave_sandbox);
}
