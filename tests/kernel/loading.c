/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <sys/resource.h>

#include "loading.h"
#include "programs.h"

/* In a process of its own, which may have so many descriptors: 0 it loaded; 1 refused for them; 2 for anything else. */
static int load_with(unsigned int descriptors)
{
	const struct sieve_policy policy = { .ports = { 53 } };
	const struct programs_request request = { .policy = &policy, .max_netns = 1, .sensor = true, .results = true };
	const struct rlimit limit = { descriptors, descriptors };
	struct programs *programs = NULL;
	struct error error = {};
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_NOFILE, &limit);
		if (programs_load(&request, &programs, &error) == 0)
			_exit(0);
		if (strstr(error.text, "open files"))
			_exit(1);
		fprintf(stderr, "%u descriptors: %s\n", descriptors, error.text);
		_exit(2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Also where the last one is lacking for what libbpf goes on without. */
static void too_few_descriptors_are_called_that_whatever_it_is_that_lacks_one(void **state)
{
	unsigned int descriptors = 4;
	int r;

	(void)state;
	while ((r = load_with(descriptors)) == 1 && descriptors < 256)
		descriptors++;
	assert_int_equal(r, 0);
	assert_true(descriptors > 16);
	assert_int_equal(load_with(descriptors + 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_few_descriptors_are_called_that_whatever_it_is_that_lacks_one),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
