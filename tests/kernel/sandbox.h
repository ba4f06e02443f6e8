/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For the tests of user/io: a mount namespace with a tmpfs at SANDBOX and a bpffs at SANDBOX_BPFFS, network
 * namespaces, cgroups and children, all of which are gone when the test is, however it ended.
 */
#ifndef TESTS_KERNEL_SANDBOX_H
#define TESTS_KERNEL_SANDBOX_H

#include "error.h" /* before cmocka's macro of the name fail */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "mounts.h"
#include "programs.h"

#define SANDBOX "/tmp" /* covered by a tmpfs, in this process' mount namespace only */
#define SANDBOX_BPFFS SANDBOX "/bpf"
#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The keeper's end of the pipe, and where the cgroups of this test are. */
static int sandbox_keeper_fd = -1;
static pid_t sandbox_keeper;
static char sandbox_cgroup[PATH_MAX];

/* Removes what else a test leaves in the system; false: not yet. To be set before make_cgroups(). */
static bool (*sandbox_tidy)(void);

__attribute__((format(printf, 1, 2))) static inline void run(const char *format, ...)
{
	char command[2048];
	va_list arguments;

	va_start(arguments, format);
	assert_in_range(vsnprintf(command, sizeof(command), format, arguments), 1, sizeof(command) - 1);
	va_end(arguments);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static inline void pause_ms(long milliseconds)
{
	const struct timespec pause = { .tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

static inline void fresh_netns(void)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	run("ip link set lo up");
}

/* A directory of our own, 0700, for the pins of one test. */
static inline void fresh_pin_dir(char path[PATH_MAX])
{
	static unsigned int count;

	snprintf(path, PATH_MAX, SANDBOX_BPFFS "/%u", count++);
	assert_int_equal(mkdir(path, 0700), 0);
}

#define SANDBOX_NETNS_MAX 2048

/* The programs for an action, on the whole host, at the usual port; of the others, those of the request. */
/* With the names that are built in, unless the request has others. */
static inline struct programs *load_programs_as(enum sieve_action action, struct programs_request request)
{
	static const struct config no_config;
	struct names_rule *built_in = NULL;
	const struct sieve_policy policy = {
		.stale_after_ns = 30 * 1000000000ULL,
		.ports = { 53 },
		.action = (__u8)action,
		.families = 1 << SIEVE_IPV4 | 1 << SIEVE_IPV6,
		.whole_host = 1,
	};
	struct programs *programs = NULL;
	struct error error = {};

	request.policy = &policy;
	if (!request.names) {
		assert_int_equal(names_list(&no_config, &built_in, &request.name_count), 0);
		request.names = built_in;
	}
	if (programs_load(&request, &programs, &error) != 0)
		fail_msg("%s", error.text);
	free(built_in);
	return programs;
}

static inline struct programs *load_programs(enum sieve_action action, const char *pin_dir)
{
	return load_programs_as(action, (struct programs_request){ .pin_dir = pin_dir, .max_netns = SANDBOX_NETNS_MAX });
}

/* A program of somebody else, which always says this. */
static inline int load_foreign(enum bpf_prog_type type, int verdict)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = type == BPF_PROG_TYPE_CGROUP_SKB ?
									 BPF_CGROUP_INET_EGRESS : 0);
	int fd = bpf_prog_load(type, "foreign", "GPL", code, ARRAY_COUNT(code), &options);

	assert_true(fd >= 0);
	return fd;
}

static inline __u32 program_id(int fd)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	return info.id;
}

/* In a child an assertion must not jump back into the parent's tests. */
static inline void child_check(bool is_true, const char *phrase)
{
	if (is_true)
		return;
	fprintf(stderr, "in a child: not so: %s (%s)\n", phrase, strerror(errno));
	_exit(1);
}

#define CHILD_CHECK(condition) child_check(condition, #condition)

/* In a child: go to the cgroup. */
static inline void child_join_cgroup(const char *cgroup)
{
	char path[PATH_MAX + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHILD_CHECK(fd >= 0);
	CHILD_CHECK(write(fd, "0", 1) == 1);
	close(fd);
}

/* In a child: go on without one of capabilities(7). */
static inline void child_drop_capability(unsigned int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	CHILD_CHECK(syscall(SYS_capget, &header, data) == 0);
	data[capability / 32].effective &= ~(1U << capability % 32);
	data[capability / 32].permitted &= ~(1U << capability % 32);
	data[capability / 32].inheritable &= ~(1U << capability % 32);
	CHILD_CHECK(syscall(SYS_capset, &header, data) == 0);
}

/* What is written to stderr meanwhile; the text is the caller's. Assertions are for afterwards: they write there. */
static inline char *stderr_while(void (*action)(void *data), void *data)
{
	int file = open(SANDBOX, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), saved = fcntl(2, F_DUPFD_CLOEXEC, 3);
	char *text = calloc(1, 65536);

	assert_true(file >= 0 && saved >= 0 && text);
	fflush(stderr);
	dup2(file, 2);
	action(data);
	dup2(saved, 2);
	assert_true(pread(file, text, 65535, 0) >= 0);
	close(saved);
	close(file);
	return text;
}

static inline unsigned int count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned int count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

/* A child that ends with its parent. */
static inline pid_t fork_child(void)
{
	pid_t parent = getpid(), child;

	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		if (sandbox_keeper_fd >= 0) /* the keeper waits for the test alone */
			close(sandbox_keeper_fd);
		sandbox_keeper_fd = -1;
	}
	return child;
}

static inline void expect_exit(pid_t child, int status)
{
	int got;

	assert_int_equal(waitpid(child, &got, 0), child);
	if (!WIFEXITED(got) || WEXITSTATUS(got) != status)
		fail_msg("the child ended with %#x", got);
}

static inline void end_child(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* A child that has done this when it is returned, and does nothing until it is ended. */
static inline pid_t start_idle(void (*first)(void *data), void *data)
{
	int ready[2];
	char octet;
	pid_t child;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	child = fork_child();
	if (child == 0) {
		first(data);
		CHILD_CHECK(write(ready[1], "", 1) == 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &octet, 1), 1);
	close(ready[0]);
	return child;
}

/* The deepest first. */
static inline void remove_cgroups(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		char below[PATH_MAX];

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) < (int)sizeof(below))
			remove_cgroups(below);
	}
	if (directory)
		closedir(directory);
	rmdir(path);
}

/* What a test that failed has left there ends (Linux 5.14). */
static inline void end_processes(const char *cgroup)
{
	char path[PATH_MAX + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.kill", cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "1", 1) < 0)
		perror(path);
	close(fd);
}

/* Processes need a moment to end. */
static inline bool is_tidy(void)
{
	end_processes(sandbox_cgroup);
	remove_cgroups(sandbox_cgroup);
	return (!sandbox_tidy || sandbox_tidy()) && access(sandbox_cgroup, F_OK) != 0;
}

/* Waits until the test has ended in whatever way, and removes its cgroups. */
static inline void keep(int fd)
{
	char nothing;

	setsid();
	while (read(fd, &nothing, 1) < 0 && errno == EINTR)
		;
	for (int i = 0; i < 200 && !is_tidy(); i++)
		pause_ms(10);
	_exit(!is_tidy());
}

/* The cgroup below which a test may make others: sandbox_cgroup. */
static inline void make_cgroups(const char *test)
{
	struct error error;
	char root[PATH_MAX];
	int ends[2];

	assert_int_equal(mounts_find_cgroup2(root, sizeof(root), &error), 0);
	assert_in_range(snprintf(sandbox_cgroup, sizeof(sandbox_cgroup), "%s/stubsieve-test-%s-%d", root, test,
				 (int)getpid()), 1, sizeof(sandbox_cgroup) - 1);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	sandbox_keeper = fork();
	assert_true(sandbox_keeper >= 0);
	if (sandbox_keeper == 0) {
		close(ends[1]);
		keep(ends[0]);
	}
	close(ends[0]);
	sandbox_keeper_fd = ends[1];
	assert_int_equal(mkdir(sandbox_cgroup, 0755), 0);
}

/* A cgroup below that of the test; `path` is absolute. */
static inline void make_cgroup(const char *name, char path[PATH_MAX])
{
	assert_in_range(snprintf(path, PATH_MAX, "%s/%s", sandbox_cgroup, name), 1, PATH_MAX - 1);
	assert_int_equal(mkdir(path, 0755), 0);
}

/* Setup of a group: root, and namespaces of its own. */
static inline int enter_sandbox(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		fprintf(stderr, "these tests need root\n");
		return -1;
	}
	assert_int_equal(unshare(CLONE_NEWNS | CLONE_NEWNET), 0);
	assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("tmpfs", SANDBOX, "tmpfs", 0, "mode=0755"), 0);
	assert_int_equal(mkdir(SANDBOX_BPFFS, 0755), 0);
	assert_int_equal(mount("bpf", SANDBOX_BPFFS, "bpf", 0, "mode=1777"), 0);
	return 0;
}

/* A /run of this process alone, empty until it is left. */
static inline void cover_run(void)
{
	assert_int_equal(mount("none", "/run", "tmpfs", 0, "mode=0755"), 0);
}

static inline void uncover_run(void)
{
	assert_int_equal(umount2("/run", MNT_DETACH), 0);
}

static inline int leave_sandbox(void **state)
{
	(void)state;
	if (sandbox_keeper_fd < 0)
		return 0;
	close(sandbox_keeper_fd);
	sandbox_keeper_fd = -1;
	expect_exit(sandbox_keeper, 0);
	return 0;
}

#endif
