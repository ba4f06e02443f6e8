/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "capability.h"
#include "privilege.h"

#define BIT(capability) (1ULL << (capability))
#define SYS BIT(CAP_SYS_ADMIN)
#define PTRACE BIT(CAP_SYS_PTRACE)

/* In a child: of all capabilities have these alone, in all sets that matter. */
static void keep_only(uint64_t mask)
{
	for (unsigned int number = 0; number <= 40; number++)
		if (!(mask & BIT(number)))
			child_drop_capability(number);
}

/* In a child: what a start with this configuration and these capabilities comes to. */
static int check_with(uint64_t mask, struct config *config, struct error *error)
{
	keep_only(mask);
	*error = (struct error){};
	return privilege_check(config, error);
}

/* The start is refused, and the error names all these words. */
static void expect_refusal(uint64_t mask, enum config_netns netns, const char *const *words)
{
	pid_t child = fork_child();

	if (child == 0) {
		struct config config = { .netns = netns };
		struct error error;

		CHILD_CHECK(check_with(mask, &config, &error) == -EPERM);
		CHILD_CHECK(error.kind == ERROR_PRIVILEGE);
		for (; *words; words++)
			child_check(strstr(error.text, *words), error.text);
		_exit(0);
	}
	expect_exit(child, 0);
}

static void expect_start(uint64_t mask, enum config_netns netns, int expected)
{
	pid_t child = fork_child();

	if (child == 0) {
		struct config config = { .netns = netns };
		struct error error;
		int r = check_with(mask, &config, &error);

		child_check(r == expected, error.text);
		CHILD_CHECK(config.netns == (expected ? CONFIG_NETNS_SELF : netns));
		CHILD_CHECK(expected == 0 || (strstr(error.text, "CAP_SYS_ADMIN") && strstr(error.text, "CAP_SYS_PTRACE")));
		_exit(0);
	}
	expect_exit(child, 0);
}

static void each_row_is_enough(void **state)
{
	(void)state;
	expect_start(capability_needed(false), CONFIG_NETNS_SELF, 0);
	expect_start(capability_needed(true), CONFIG_NETNS_SCOPE, 0);
	expect_start(UINT64_MAX, CONFIG_NETNS_SCOPE, 0);
}

static void one_capability_fewer_is_named_with_the_cure(void **state)
{
	const char *words[] = { NULL, "root", NULL, NULL };

	(void)state;
	for (unsigned int number = 0; number <= 40; number++) {
		if (!(capability_needed(false) & BIT(number)))
			continue;
		words[0] = capability_name(number);
		expect_refusal(capability_needed(false) & ~BIT(number), CONFIG_NETNS_SELF, words);
		expect_refusal(capability_needed(false) & ~BIT(number), CONFIG_NETNS_SCOPE, words);
	}
	words[2] = "--netns self";
	words[0] = "without CAP_SYS_PTRACE ";
	expect_refusal(capability_needed(true) & ~PTRACE, CONFIG_NETNS_SCOPE, words);
	words[0] = "without CAP_SYS_ADMIN ";
	expect_refusal(capability_needed(true) & ~SYS, CONFIG_NETNS_SCOPE, words);
}

/* Who was given three means the row of three. */
static void with_neither_of_the_pair_it_keeps_to_its_own_namespace(void **state)
{
	(void)state;
	expect_start(capability_needed(false), CONFIG_NETNS_SCOPE, 1);
}

static void capabilities_alone_do_not_make_a_user_root(void **state)
{
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		struct config config = { .netns = CONFIG_NETNS_SELF };
		struct error error = {};

		CHILD_CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0);
		CHILD_CHECK(setresuid(65534, 65534, 65534) == 0);
		CHILD_CHECK(privilege_check(&config, &error) == -EPERM);
		CHILD_CHECK(error.kind == ERROR_PRIVILEGE && strstr(error.text, "uid 0"));
		_exit(0);
	}
	expect_exit(child, 0);
}

static void root_of_a_user_namespace_is_none(void **state)
{
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		struct config config = { .netns = CONFIG_NETNS_SELF };
		struct error error = {};
		int fd;

		CHILD_CHECK(unshare(CLONE_NEWUSER) == 0);
		fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
		CHILD_CHECK(fd >= 0 && write(fd, "0 0 1", 5) == 5);
		CHILD_CHECK(geteuid() == 0);
		CHILD_CHECK(privilege_check(&config, &error) == -EPERM);
		CHILD_CHECK(error.kind == ERROR_PRIVILEGE && strstr(error.text, "user namespace"));
		_exit(0);
	}
	expect_exit(child, 0);
}

/* In a child, after the controller's start. */
static void expect_sets(uint64_t mask)
{
	struct privilege now;

	privilege_read(&now);
	CHILD_CHECK(now.permitted == mask);
	CHILD_CHECK(now.effective == mask);
	CHILD_CHECK(now.bounding == mask);
	CHILD_CHECK(now.inheritable == 0 && now.ambient == 0);
	CHILD_CHECK(now.no_new_privileges && now.seccomp);
}

static void the_rest_is_given_up(void **state)
{
	(void)state;
	for (enum config_netns netns = CONFIG_NETNS_SCOPE; netns <= CONFIG_NETNS_SELF; netns++) {
		pid_t child = fork_child();

		if (child == 0) {
			struct config config = { .netns = netns };
			struct privilege before;
			struct error error;

			privilege_read(&before);
			CHILD_CHECK(before.permitted != 0 && !before.no_new_privileges && !before.seccomp);
			/* what another program could inherit */
			CHILD_CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0) == 0 || errno == EPERM);
			CHILD_CHECK(privilege_check(&config, &error) == 0);
			child_check(privilege_confine(&config, &error) == 0, error.text);
			expect_sets(capability_needed(netns == CONFIG_NETNS_SCOPE));
			CHILD_CHECK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) == -1 && errno == EPERM);
			_exit(0);
		}
		expect_exit(child, 0);
	}
}

/* Without CAP_SETPCAP, as by a unit file: its bounding set is what it was given. */
static void who_may_not_drop_the_bounding_set_is_confined_all_the_same(void **state)
{
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		struct config config = { .netns = CONFIG_NETNS_SCOPE };
		struct privilege now;
		struct error error;

		keep_only(capability_needed(true));
		CHILD_CHECK(privilege_check(&config, &error) == 0);
		child_check(privilege_confine(&config, &error) == 0, error.text);
		privilege_read(&now);
		CHILD_CHECK(now.permitted == capability_needed(true) && now.effective == now.permitted);
		CHILD_CHECK(now.no_new_privileges && now.seccomp);
		_exit(0);
	}
	expect_exit(child, 0);
}

/* It goes by the version that uname() says, so every kernel can play an old one. */
static void little_locked_memory_is_refused_where_maps_are_that(void **state)
{
	static const struct {
		rlim_t limit;
		uint64_t mask;
		int expected;
	} table[] = {
		{ 64UL << 20, BIT(CAP_SYS_RESOURCE), 0 },
		{ 64UL << 20, 0, -EPERM },
		{ PRIVILEGE_MEMLOCK_ENOUGH - 1, SYS | PTRACE, -EPERM },
		{ PRIVILEGE_MEMLOCK_ENOUGH, 0, 1 },
		{ PRIVILEGE_MEMLOCK_ENOUGH, SYS | PTRACE, 0 },
	};

	struct privilege privilege;
	struct rlimit before;

	(void)state;
	privilege_read(&privilege);
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		bool has_resource = privilege.effective & BIT(CAP_SYS_RESOURCE);
		const struct rlimit limit = { table[i].limit, table[i].limit };
		pid_t child;

		/* a container's root may not raise it */
		if (!has_resource && (table[i].limit > before.rlim_max || table[i].mask == BIT(CAP_SYS_RESOURCE)))
			continue;
		child = fork_child();
		if (child == 0) {
			bool is_alone = table[i].mask == BIT(CAP_SYS_RESOURCE);
			struct config config = { .netns = is_alone ? CONFIG_NETNS_SELF : CONFIG_NETNS_SCOPE };
			struct error error;
			int r;

			CHILD_CHECK(setrlimit(RLIMIT_MEMLOCK, &limit) == 0 && personality(UNAME26) >= 0);
			r = check_with(capability_needed(false) | table[i].mask, &config, &error);
			child_check(r == table[i].expected, error.text);
			CHILD_CHECK(r >= 0 || strstr(error.text, "locked memory"));
			_exit(0);
		}
		expect_exit(child, 0);
	}
}

static void what_was_given_up_does_not_come_back(void **state)
{
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		struct config config = { .netns = CONFIG_NETNS_SELF }, later = { .netns = CONFIG_NETNS_SCOPE };
		struct error error;

		CHILD_CHECK(privilege_check(&config, &error) == 0);
		child_check(privilege_confine(&config, &error) == 0, error.text);
		CHILD_CHECK(privilege_check(&config, &error) == 0);
		CHILD_CHECK(privilege_check(&later, &error) == -EPERM);
		CHILD_CHECK(error.kind == ERROR_PRIVILEGE && strstr(error.text, "netns = scope"));
		CHILD_CHECK(later.netns == CONFIG_NETNS_SCOPE);
		_exit(0);
	}
	expect_exit(child, 0);
}

static void a_later_configuration_of_the_same_kind_is_accepted(void **state)
{
	static const struct {
		bool has_all;
		int r;
	} table[] = { { true, 0 }, { false, 1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		pid_t child = fork_child();

		if (child == 0) {
			struct config config = { .netns = CONFIG_NETNS_SCOPE }, later = config, own = { .netns = CONFIG_NETNS_SELF };
			struct error error;

			if (!table[i].has_all)
				keep_only(capability_needed(false));
			CHILD_CHECK(privilege_check(&config, &error) == table[i].r);
			child_check(privilege_confine(&config, &error) == 0, error.text);
			CHILD_CHECK(privilege_check(&later, &error) == table[i].r);
			CHILD_CHECK(later.netns == config.netns);
			CHILD_CHECK(privilege_check(&own, &error) == 0);
			_exit(0);
		}
		expect_exit(child, 0);
	}
}

/* With locked memory enough for an old kernel, where it may be raised; on others it does not matter. */
static int enter(void **state)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	return enter_sandbox(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_enough),
		cmocka_unit_test(one_capability_fewer_is_named_with_the_cure),
		cmocka_unit_test(with_neither_of_the_pair_it_keeps_to_its_own_namespace),
		cmocka_unit_test(capabilities_alone_do_not_make_a_user_root),
		cmocka_unit_test(root_of_a_user_namespace_is_none),
		cmocka_unit_test(the_rest_is_given_up),
		cmocka_unit_test(who_may_not_drop_the_bounding_set_is_confined_all_the_same),
		cmocka_unit_test(little_locked_memory_is_refused_where_maps_are_that),
		cmocka_unit_test(what_was_given_up_does_not_come_back),
		cmocka_unit_test(a_later_configuration_of_the_same_kind_is_accepted),
	};

	return cmocka_run_group_tests(tests, enter, leave_sandbox);
}
