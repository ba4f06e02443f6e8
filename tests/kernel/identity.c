/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include "identity.h"

static char pin_dir[PATH_MAX];

static int fresh_instance(void **state)
{
	(void)state;
	fresh_pin_dir(pin_dir);
	return 0;
}

static void our_programs_say_whose_they_are(void **state)
{
	struct programs *programs = load_programs_as(SIEVE_ACTION_OBSERVE, (struct programs_request){
		.pin_dir = pin_dir, .max_netns = 1, .sensor = true, .gateway = true, .results = true });
	uint32_t ids[PROGRAMS_COUNT];
	size_t count = programs_ids(programs, ids);
	char path[2 * PATH_MAX];

	(void)state;
	assert_int_equal(count, 5); /* with the probe */
	snprintf(path, sizeof(path), "%s//", pin_dir);
	for (size_t i = 0; i < count; i++) {
		struct identity identity = identity_of_program(ids[i], pin_dir);

		assert_int_equal(identity.kind, IDENTITY_OURS);
		assert_true(identity.heartbeat > 0);
		assert_memory_equal(identity.name, "sieve_", 6);
		assert_int_equal(identity_of_program(ids[i], path).kind, IDENTITY_OURS);
		assert_int_equal(identity_of_program(ids[i], "/elsewhere").kind, IDENTITY_OTHER);
		assert_int_equal(identity_of_program(ids[i], NULL).kind, IDENTITY_OTHER);
	}
	programs_free(programs);
}

static void others_are_foreign_and_what_is_gone_is_unknown(void **state)
{
	int foreign = load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1);
	struct identity identity = identity_of_program(program_id(foreign), pin_dir);

	(void)state;
	assert_int_equal(identity.kind, IDENTITY_FOREIGN);
	assert_string_equal(identity.name, "foreign");
	identity = identity_of_program(0x7fffffff, pin_dir);
	assert_int_equal(identity.kind, IDENTITY_UNKNOWN);
	assert_string_equal(identity.name, "");
	close(foreign);
}

static void without_the_capability_nothing_is_known(void **state)
{
	struct programs *programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		child_drop_capability(CAP_SYS_ADMIN);
		CHILD_CHECK(identity_of_program(program_id(programs_egress_fd(programs)), pin_dir).kind == IDENTITY_UNKNOWN);
		_exit(0);
	}
	expect_exit(child, 0);
	programs_free(programs);
}

static void a_directory_has_one_spelling(void **state)
{
	struct sieve_instance one = identity_instance("/sys//fs/bpf/stubsieve/");

	(void)state;
	assert_string_equal(one.pin_dir, "/sys/fs/bpf/stubsieve");
	one = identity_instance("/a");
	assert_string_equal(one.pin_dir, "/a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(our_programs_say_whose_they_are, fresh_instance),
		cmocka_unit_test_setup(others_are_foreign_and_what_is_gone_is_unknown, fresh_instance),
		cmocka_unit_test_setup(without_the_capability_nothing_is_known, fresh_instance),
		cmocka_unit_test(a_directory_has_one_spelling),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
