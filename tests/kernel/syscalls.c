/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <linux/netlink.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "syscalls.h"

#define NUMBER_TO_COME 590 /* of no system call yet */

/* In a child: keep to the system calls. */
static void confine(const char *how)
{
	if (how)
		setenv("STUBSIEVE_SECCOMP", how, 1);
	else
		unsetenv("STUBSIEVE_SECCOMP");
	CHILD_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHILD_CHECK(syscalls_confine() == 0);
}

#define EXPECT_DENIED(call)                                                                   \
	do {                                                                                  \
		errno = 0;                                                                    \
		child_check((long)(call) == -1 && errno == EPERM, #call " is denied"); \
	} while (0)

/* What an intruder would like to do, and root may. */
static void what_the_controller_never_does_is_denied(void **state)
{
	char *const words[] = { (char[]){ "/bin/true" }, NULL };
	pid_t child = fork_child(), spawned;

	(void)state;
	if (child == 0) {
		int tree = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

		confine(NULL);
		EXPECT_DENIED(execv("/bin/true", words));
		EXPECT_DENIED(syscall(SYS_execveat, AT_FDCWD, "/bin/true", words, words, 0));
		CHILD_CHECK(posix_spawn(&spawned, "/bin/true", NULL, NULL, words, words) != 0);
		EXPECT_DENIED(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
		EXPECT_DENIED(syscall(SYS_process_vm_writev, getppid(), NULL, 0, NULL, 0, 0));
		EXPECT_DENIED(syscall(SYS_init_module, NULL, 0, ""));
		EXPECT_DENIED(syscall(SYS_finit_module, -1, "", 0));
		EXPECT_DENIED(syscall(SYS_kexec_load, 0, 0, NULL, 0));
		EXPECT_DENIED(syscall(SYS_reboot, 0, 0, 0, NULL));
		EXPECT_DENIED(mount("none", SANDBOX, "tmpfs", 0, NULL));
		EXPECT_DENIED(umount(SANDBOX));
		EXPECT_DENIED(syscall(SYS_fsopen, "tmpfs", 0));
		EXPECT_DENIED(chroot(SANDBOX));
		EXPECT_DENIED(unshare(CLONE_NEWUSER));
		EXPECT_DENIED(setns(tree, CLONE_NEWNS));
		EXPECT_DENIED(setns(tree, 0));
		EXPECT_DENIED(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
		EXPECT_DENIED(setuid(0));
		EXPECT_DENIED(syscall(SYS_io_uring_setup, 1, NULL));
		EXPECT_DENIED(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
		EXPECT_DENIED(kill(getppid(), SIGTERM));
		EXPECT_DENIED(prctl(PR_SET_DUMPABLE, 0));
		EXPECT_DENIED(mknod(SANDBOX "/node", S_IFCHR | 0600, 0));
		EXPECT_DENIED(chown(SANDBOX, 1, 1));
		EXPECT_DENIED(ioctl(0, 0x5412 /* TIOCSTI */, "x"));
		_exit(0);
	}
	expect_exit(child, 0);
}

static void only_local_and_netlink_sockets_are_made(void **state)
{
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		confine(NULL);
		EXPECT_DENIED(socket(AF_INET, SOCK_DGRAM, 0));
		EXPECT_DENIED(socket(AF_INET6, SOCK_STREAM, 0));
		EXPECT_DENIED(socket(AF_INET, SOCK_RAW, 1));
		EXPECT_DENIED(socket(AF_PACKET, SOCK_RAW, 0));
		EXPECT_DENIED(socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
		EXPECT_DENIED(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT));
		CHILD_CHECK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) >= 0);
		CHILD_CHECK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG) >= 0);
		CHILD_CHECK(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0);
		_exit(0);
	}
	expect_exit(child, 0);
}

static void *come_and_go(void *data)
{
	return data;
}

static void what_it_does_is_allowed(void **state)
{
	pid_t child = fork_child(), own;

	(void)state;
	if (child == 0) {
		char path[] = SANDBOX "/written", other[] = SANDBOX "/renamed";
		int fd, netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);
		pthread_t thread;
		FILE *file;

		confine(NULL);
		CHILD_CHECK(setns(netns, CLONE_NEWNET) == 0);
		CHILD_CHECK(epoll_create1(EPOLL_CLOEXEC) >= 0);
		CHILD_CHECK(syscall(SYS_pidfd_open, getpid(), 0) >= 0);
		CHILD_CHECK((file = fopen(path, "we")) && fputs("x\n", file) >= 0 && fclose(file) == 0);
		CHILD_CHECK(rename(path, other) == 0 && unlink(other) == 0);
		CHILD_CHECK(mkdir(path, 0700) == 0 && rmdir(path) == 0);
		fd = load_foreign(BPF_PROG_TYPE_CGROUP_SKB, 1);
		CHILD_CHECK(bpf_obj_get_info_by_fd(fd, &info, &size) == 0);
		CHILD_CHECK(bpf_obj_pin(fd, SANDBOX_BPFFS "/allowed") == 0 && unlink(SANDBOX_BPFFS "/allowed") == 0);
		own = fork();
		CHILD_CHECK(own >= 0);
		if (own == 0) {
			alarm(5);
			_exit(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 ? 7 : 8);
		}
		expect_exit(own, 7);
		own = fork();
		if (own == 0)
			pause();
		CHILD_CHECK(own > 0 && kill(own, SIGKILL) == 0 && waitpid(own, NULL, 0) == own);
		CHILD_CHECK(pthread_create(&thread, NULL, come_and_go, NULL) == 0 && pthread_join(thread, NULL) == 0);
		_exit(0);
	}
	expect_exit(child, 0);
}

/* A C library of next year has to find the way that it takes on older kernels. */
static void what_is_not_known_yet_does_not_exist(void **state)
{
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		confine(NULL);
		CHILD_CHECK(syscall(NUMBER_TO_COME) == -1 && errno == ENOSYS);
		CHILD_CHECK(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
		_exit(0);
	}
	expect_exit(child, 0);
}

/* A crash is seen as what it is. */
static void an_abort_is_an_abort(void **state)
{
	pid_t child = fork_child();
	int status;

	(void)state;
	if (child == 0) {
		confine(NULL);
		abort();
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void a_test_can_have_it_killed(void **state)
{
	pid_t child = fork_child();
	int status;

	(void)state;
	if (child == 0) {
		confine("kill");
		CHILD_CHECK(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0);
		socket(AF_INET, SOCK_DGRAM, 0);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void a_test_can_do_without(void **state)
{
	static const char *const without[] = { "off", "log" };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(without); i++) {
		pid_t child = fork_child();

		if (child == 0) {
			confine(without[i]);
			CHILD_CHECK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0);
			_exit(0);
		}
		expect_exit(child, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_controller_never_does_is_denied),
		cmocka_unit_test(only_local_and_netlink_sockets_are_made),
		cmocka_unit_test(what_it_does_is_allowed),
		cmocka_unit_test(what_is_not_known_yet_does_not_exist),
		cmocka_unit_test(an_abort_is_an_abort),
		cmocka_unit_test(a_test_can_have_it_killed),
		cmocka_unit_test(a_test_can_do_without),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
