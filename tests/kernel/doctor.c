/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* user/io/doctor_*.c, each check with what is right and what is not, in mounts of this process alone. */
#include "sandbox.h"

#include <arpa/inet.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>

#include "doctor.h"
#include "machine.h"
#include "netns.h"
#include "pins.h"
#include "privilege.h"

static struct checks checks; /* large */
static struct config config;

static int enter(void **state)
{
	if (enter_sandbox(state) < 0)
		return -1;
	make_cgroups("doctor");
	run("ip link set lo up");
	return 0;
}

static int begin(void **state)
{
	(void)state;
	memset(&checks, 0, sizeof(checks));
	config_init(&config);
	return 0;
}

static int end(void **state)
{
	(void)state;
	config_free(&config);
	return 0;
}

/* A file with this text lies over that one, until uncover(). */
static void cover(const char *path, const char *text)
{
	static unsigned int count;
	char source[64];
	int fd;

	snprintf(source, sizeof(source), SANDBOX "/cover-%u", count++);
	fd = open(source, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	assert_int_equal(mount(source, path, NULL, MS_BIND, NULL), 0);
}

/* A directory with this file alone, or empty (NULL). */
static void cover_directory(const char *path, const char *name, const char *text)
{
	assert_int_equal(mount("none", path, "tmpfs", 0, "mode=0755"), 0);
	if (name)
		run("printf '%%s' '%s' > %s/%s", text, path, name);
}

static void uncover(const char *path)
{
	assert_int_equal(umount2(path, MNT_DETACH), 0);
}

static const struct check *find(const char *name)
{
	for (size_t i = 0; i < checks.count; i++)
		if (strcmp(checks.list[i].name, name) == 0)
			return &checks.list[i];
	return NULL;
}

static bool is_said(const char *name, enum check_verdict verdict, const char *text)
{
	for (size_t i = 0; i < checks.count; i++)
		if (strcmp(checks.list[i].name, name) == 0 && checks.list[i].verdict == verdict &&
		    strstr(checks.list[i].seen, text))
			return true;
	return false;
}

static void show(void)
{
	for (size_t i = 0; i < checks.count; i++)
		fprintf(stderr, "%s %s: %s -> %s\n", check_verdict_name(checks.list[i].verdict), checks.list[i].name,
			checks.list[i].seen, checks.list[i].cure);
}

/* There is a check of that name and verdict that says this; what is wrong has a cure. The list is empty then. */
static void expect(const char *name, enum check_verdict verdict, const char *text)
{
	if (!is_said(name, verdict, text)) {
		show();
		fail_msg("no %s of %s says \"%s\"", check_verdict_name(verdict), name, text);
	}
	for (size_t i = 0; i < checks.count; i++)
		if (checks.list[i].verdict == CHECK_WARNING)
			assert_string_not_equal(checks.list[i].cure, "");
	memset(&checks, 0, sizeof(checks));
}

static void expect_lack(const char *name, enum check_lack lack, const char *text)
{
	assert_int_equal(checks_lack(&checks), lack);
	expect(name, CHECK_MISSING, text);
}

/* In a child, what is not so ends it. */
static void child_expect(const char *name, enum check_verdict verdict, const char *text)
{
	if (!is_said(name, verdict, text)) {
		show();
		fprintf(stderr, "in a child: no %s of %s says \"%s\"\n", check_verdict_name(verdict), name, text);
		_exit(1);
	}
	memset(&checks, 0, sizeof(checks));
}

static bool is_at_least(unsigned int major, unsigned int minor)
{
	struct utsname name;

	uname(&name);
	return machine_is_at_least(name.release, major, minor);
}

static void an_old_kernel_is_too_old(void **state)
{
	pid_t child;

	(void)state;
	doctor_check_kernel(&checks);
	expect("kernel", CHECK_OK, "Linux");
	child = fork_child();
	if (child == 0) {
		CHILD_CHECK(personality(UNAME26) >= 0);
		doctor_check_kernel(&checks);
		CHILD_CHECK(checks_lack(&checks) == CHECK_LACKS_KERNEL);
		child_expect("kernel", CHECK_MISSING, "2.6");
		_exit(0);
	}
	expect_exit(child, 0);
}

/* Of the structures that are read only these fields; a kernel's own has thousands of types. */
static void cover_btf(const char *const fields[][2], size_t count)
{
	struct btf *btf = btf__new_empty();
	int number = btf__add_int(btf, "int", 4, 0), fd;
	const void *data;
	__u32 size;

	for (size_t i = 0; i < count; i++) {
		if (i == 0 || strcmp(fields[i][0], fields[i - 1][0]) != 0)
			assert_true(btf__add_struct(btf, fields[i][0], 4 * (__u32)count) > 0);
		assert_int_equal(btf__add_field(btf, fields[i][1], number, 32 * (__u32)i, 0), 0);
	}
	data = btf__raw_data(btf, &size);
	fd = open(SANDBOX "/btf", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
	btf__free(btf);
	assert_int_equal(mount(SANDBOX "/btf", "/sys/kernel/btf/vmlinux", NULL, MS_BIND, NULL), 0);
}

static const char *const some_fields[][2] = {
	{ "ns_common", "inum" },      { "net", "ns" },      { "net", "ipv4" },       { "netns_ipv4", "rt_genid" },
	{ "net_device", "nd_net" },   { "sk_buff", "dev" }, { "sk_buff", "sk" },     { "sock", "sk_cgrp_data" },
	{ "net", "ipv6" },
};

static void btf_has_to_be_there_with_what_is_read(void **state)
{
	const char *without_genid[][2] = {
		{ "ns_common", "inum" }, { "net", "ns" }, { "net", "ipv4" }, { "net_device", "nd_net" },
		{ "sk_buff", "dev" },    { "sk_buff", "sk" }, { "sock", "sk_cgrp_data" },
	};

	(void)state;
	doctor_check_btf(&checks);
	expect("btf", CHECK_OK, "fields");
	cover("/sys/kernel/btf/vmlinux", "");
	doctor_check_btf(&checks);
	expect_lack("btf", CHECK_LACKS_KERNEL, "/sys/kernel/btf/vmlinux");
	uncover("/sys/kernel/btf/vmlinux");
	cover_btf(without_genid, ARRAY_COUNT(without_genid));
	doctor_check_btf(&checks);
	expect_lack("btf", CHECK_LACKS_KERNEL, "netns_ipv4.rt_genid");
	uncover("/sys/kernel/btf/vmlinux");
	/* net twice: the first has no ipv6, so nothing of it is missed */
	cover_btf(some_fields, ARRAY_COUNT(some_fields) - 1);
	doctor_check_btf(&checks);
	expect("btf", CHECK_OK, "fields");
	uncover("/sys/kernel/btf/vmlinux");
}

static void confidentiality_forbids_what_integrity_allows(void **state)
{
	static const char path[] = "/sys/kernel/security";

	(void)state;
	cover_directory(path, "lockdown", "none integrity [confidentiality]\n");
	doctor_check_lockdown(&checks);
	expect_lack("lockdown", CHECK_LACKS_KERNEL, "confidentiality");
	uncover(path);
	cover_directory(path, "lockdown", "none [integrity] confidentiality\n");
	doctor_check_lockdown(&checks);
	expect("lockdown", CHECK_OK, "[integrity]");
	uncover(path);
	cover_directory(path, NULL, NULL);
	doctor_check_lockdown(&checks);
	expect("lockdown", CHECK_OK, "not");
	uncover(path);
}

static void an_interpreter_is_warned_of(void **state)
{
	static const char path[] = "/proc/sys/net/core";

	(void)state;
	cover_directory(path, "bpf_jit_enable", "0\n");
	doctor_check_jit(&checks);
	assert_int_equal(checks_lack(&checks), CHECK_LACKS_NOTHING);
	expect("jit", CHECK_WARNING, "off");
	uncover(path);
	cover_directory(path, "bpf_jit_enable", "1\n");
	doctor_check_jit(&checks);
	expect("jit", CHECK_OK, "on");
	uncover(path);
	cover_directory(path, NULL, NULL);
	doctor_check_jit(&checks);
	expect("jit", CHECK_NOTE, "cannot be seen");
	uncover(path);
}

static void seccomp_is_looked_for(void **state)
{
	(void)state;
	doctor_check_seccomp(&checks);
	assert_int_equal(checks.count, 1);
	assert_int_equal(checks_lack(&checks), CHECK_LACKS_NOTHING);
}

static void drop_to_own_netns(void)
{
	child_drop_capability(CAP_SYS_ADMIN);
	child_drop_capability(CAP_SYS_PTRACE);
}

static void check_capabilities(void)
{
	doctor_check_capabilities(&checks, &config);
}

static void the_row_of_capabilities_that_is_met_is_told(void **state)
{
	pid_t child;

	(void)state;
	check_capabilities();
	assert_true(is_said("user", CHECK_OK, "root"));
	expect("capabilities", CHECK_OK, "other network namespaces");
	child = fork_child();
	if (child == 0) {
		drop_to_own_netns();
		check_capabilities();
		CHILD_CHECK(checks_lack(&checks) == CHECK_LACKS_NOTHING);
		child_expect("capabilities", CHECK_WARNING, "CAP_SYS_PTRACE and CAP_SYS_ADMIN");
		config.netns = CONFIG_NETNS_SELF;
		check_capabilities();
		child_expect("capabilities", CHECK_OK, "--netns self");
		child_drop_capability(CAP_PERFMON);
		check_capabilities();
		CHILD_CHECK(checks_lack(&checks) == CHECK_LACKS_PRIVILEGE);
		child_expect("capabilities", CHECK_MISSING, "without CAP_PERFMON");
		_exit(0);
	}
	expect_exit(child, 0);
}

/* One of the two without the other is what run refuses, unless it is to keep to its own network namespace. */
static void one_half_of_what_other_namespaces_take_is_missing(void **state)
{
	static const struct {
		unsigned int number;
		const char *text;
	} table[] = {
		{ CAP_SYS_PTRACE, "without CAP_SYS_PTRACE " },
		{ CAP_SYS_ADMIN, "without CAP_SYS_ADMIN " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		pid_t child = fork_child();

		if (child == 0) {
			struct error error;

			child_drop_capability(table[i].number);
			check_capabilities();
			CHILD_CHECK(checks_lack(&checks) == CHECK_LACKS_PRIVILEGE);
			child_expect("capabilities", CHECK_MISSING, table[i].text);
			CHILD_CHECK(privilege_check(&config, &error) == -EPERM);
			config.netns = CONFIG_NETNS_SELF;
			check_capabilities();
			child_expect("capabilities", CHECK_OK, "--netns self");
			CHILD_CHECK(privilege_check(&config, &error) == 0);
			_exit(0);
		}
		expect_exit(child, 0);
	}
}

static void who_is_not_root_of_the_machine_is_told(void **state)
{
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		CHILD_CHECK(setuid(65534) == 0);
		check_capabilities();
		CHILD_CHECK(checks_lack(&checks) == CHECK_LACKS_PRIVILEGE);
		child_expect("user", CHECK_MISSING, "65534");
		_exit(0);
	}
	expect_exit(child, 0);
	child = fork_child();
	if (child == 0) {
		int fd;

		CHILD_CHECK(unshare(CLONE_NEWUSER) == 0);
		fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
		CHILD_CHECK(fd >= 0 && write(fd, "0 0 1", 5) == 5);
		CHILD_CHECK(geteuid() == 0);
		check_capabilities();
		CHILD_CHECK(checks_lack(&checks) == CHECK_LACKS_PRIVILEGE);
		child_expect("user", CHECK_MISSING, "user namespace");
		doctor_check_programs(&checks);
		CHILD_CHECK(checks_lack(&checks) == CHECK_LACKS_NOTHING);
		child_expect("programs", CHECK_NOTE, "user namespace");
		_exit(0);
	}
	expect_exit(child, 0);
}

static void few_open_files_are_few_namespaces(void **state)
{
	const struct rlimit few = { 1156, 1156 };
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
		doctor_check_limits(&checks, &config);
		child_expect("open-files", CHECK_WARNING, "some 300 network namespaces, not for 4096");
		config.max_netns = 300;
		doctor_check_limits(&checks, &config);
		child_expect("open-files", CHECK_OK, "1156");
		config.max_netns = 4096;
		config.netns = CONFIG_NETNS_SELF;
		doctor_check_limits(&checks, &config);
		child_expect("open-files", CHECK_OK, "1156");
		_exit(0);
	}
	expect_exit(child, 0);
}

static void locked_memory_matters_to_old_kernels_alone(void **state)
{
	const struct rlimit little = { 65536, 65536 };
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		CHILD_CHECK(setrlimit(RLIMIT_MEMLOCK, &little) == 0);
		doctor_check_limits(&checks, &config);
		CHILD_CHECK(!find("memlock") == is_at_least(5, 11));
		CHILD_CHECK(personality(UNAME26) >= 0);
		doctor_check_limits(&checks, &config);
		if (doctor_has_capabilities(1ULL << CAP_SYS_RESOURCE))
			child_expect("memlock", CHECK_OK, "can be raised");
		memset(&checks, 0, sizeof(checks));
		child_drop_capability(CAP_SYS_RESOURCE);
		doctor_check_limits(&checks, &config);
		CHILD_CHECK(checks_lack(&checks) == CHECK_LACKS_PRIVILEGE);
		child_expect("memlock", CHECK_MISSING, "65536");
		doctor_check_programs(&checks);
		CHILD_CHECK(checks_lack(&checks) == CHECK_LACKS_NOTHING);
		child_expect("programs", CHECK_NOTE, "locked memory");
		_exit(0);
	}
	expect_exit(child, 0);
}

/* As much as run wants, and one octet less. A container's root may not raise the limit. */
static void locked_memory_is_enough_where_run_has_enough(void **state)
{
	struct rlimit enough = { PRIVILEGE_MEMLOCK_ENOUGH, PRIVILEGE_MEMLOCK_ENOUGH }, before;
	pid_t child;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
	if (before.rlim_max < enough.rlim_max && !doctor_has_capabilities(1ULL << CAP_SYS_RESOURCE))
		skip();
	child = fork_child();
	if (child == 0) {
		CHILD_CHECK(setrlimit(RLIMIT_MEMLOCK, &enough) == 0 && personality(UNAME26) >= 0);
		child_drop_capability(CAP_SYS_RESOURCE);
		doctor_check_limits(&checks, &config);
		child_expect("memlock", CHECK_OK, "enough");
		enough.rlim_cur = enough.rlim_max -= 1;
		CHILD_CHECK(setrlimit(RLIMIT_MEMLOCK, &enough) == 0);
		doctor_check_limits(&checks, &config);
		child_expect("memlock", CHECK_MISSING, "at most 536870911");
		_exit(0);
	}
	expect_exit(child, 0);
}

static void the_programs_are_tried_and_gone(void **state)
{
	uint32_t before = netns_of(0);

	(void)state;
	doctor_check_programs(&checks);
	assert_int_equal(netns_of(0), before);
	assert_int_equal(system("tc qdisc show dev lo | grep -q clsact"), 256);
	assert_true(is_said("bpf", CHECK_OK, "all"));
	assert_true(is_said("hook", CHECK_OK, "")); /* whichever this kernel has */
	assert_true(is_said("socket-view", CHECK_OK, "") || is_said("socket-view", CHECK_NOTE, ""));
	assert_non_null(find("netns-cookie"));
	expect("programs", CHECK_OK, "all");
}

static void the_older_hook_is_tried_where_it_would_be_used(void **state)
{
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		setenv("STUBSIEVE_HOOK", "clsact", 1);
		doctor_check_programs(&checks);
		child_expect("hook", CHECK_OK, "clsact");
		CHILD_CHECK(system("tc qdisc show dev lo | grep -q clsact") == 256);
		_exit(0);
	}
	expect_exit(child, 0);
}

static void without_privilege_the_programs_are_not_tried(void **state)
{
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		drop_to_own_netns();
		doctor_check_programs(&checks);
		if (!is_said("programs", CHECK_OK, "all"))
			show();
		CHILD_CHECK(is_said("programs", CHECK_OK, "all"));
		child_expect("hook", CHECK_NOTE, "not tried");
		child_drop_capability(CAP_BPF);
		doctor_check_programs(&checks);
		CHILD_CHECK(checks_lack(&checks) == CHECK_LACKS_NOTHING);
		child_expect("programs", CHECK_NOTE, "CAP_BPF");
		_exit(0);
	}
	expect_exit(child, 0);
}

static void a_kernel_that_does_not_take_the_programs_is_told(void **state)
{
	(void)state;
	cover("/sys/kernel/btf/vmlinux", "");
	doctor_check_programs(&checks);
	uncover("/sys/kernel/btf/vmlinux");
	expect_lack("programs", CHECK_LACKS_KERNEL, "action");
}

static void cgroup2_has_to_be_there(void **state)
{
	pid_t child;

	(void)state;
	doctor_check_cgroups(&checks);
	expect("cgroup2", CHECK_OK, "/");
	child = fork_child();
	if (child == 0) {
		char root[PATH_MAX];
		struct error error;

		CHILD_CHECK(unshare(CLONE_NEWNS) == 0);
		while (mounts_find_cgroup2(root, sizeof(root), &error) == 0)
			CHILD_CHECK(umount2(root, MNT_DETACH) == 0);
		doctor_check_cgroups(&checks);
		CHILD_CHECK(checks_lack(&checks) == CHECK_LACKS_KERNEL);
		child_expect("cgroup2", CHECK_MISSING, "not mounted");
		_exit(0);
	}
	expect_exit(child, 0);
}

static void classes_of_cgroup_v1_matter_to_old_kernels(void **state)
{
	pid_t child;

	(void)state;
	cover("/proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\nnet_cls\t3\t5\t1\nnet_prio\t4\t1\t1\n");
	doctor_check_cgroups(&checks);
	assert_false(is_said("cgroup-v1", CHECK_NOTE, "net_prio"));
	expect("cgroup-v1", is_at_least(5, 15) ? CHECK_NOTE : CHECK_WARNING, "net_cls is in use (5 cgroups)");
	child = fork_child();
	if (child == 0) {
		CHILD_CHECK(personality(UNAME26) >= 0);
		doctor_check_cgroups(&checks);
		child_expect("cgroup-v1", CHECK_WARNING, "net_cls");
		_exit(0);
	}
	expect_exit(child, 0);
	uncover("/proc/cgroups");
	cover("/proc/cgroups", "net_cls\t0\t5\t1\n");
	doctor_check_cgroups(&checks);
	assert_null(find("cgroup-v1"));
	uncover("/proc/cgroups");
}

static void check_pin_dir(const char *path)
{
	assert_true(strlen(path) < sizeof(config.pin_dir));
	strcpy(config.pin_dir, path);
	doctor_check_pin_dir(&checks, &config);
}

static void the_pin_directory_is_of_root_alone_on_a_bpffs(void **state)
{
	char path[PATH_MAX];

	(void)state;
	check_pin_dir(SANDBOX_BPFFS "/to-come");
	expect("pin-dir", CHECK_OK, "is made by run");
	assert_int_not_equal(access(SANDBOX_BPFFS "/to-come", F_OK), 0);
	fresh_pin_dir(path);
	check_pin_dir(path);
	expect("pin-dir", CHECK_OK, "of root alone");
	assert_int_equal(chmod(path, 0755), 0);
	check_pin_dir(path);
	expect_lack("pin-dir", CHECK_LACKS_CONFIGURATION, "0755");
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(chown(path, 65534, 0), 0);
	check_pin_dir(path);
	expect_lack("pin-dir", CHECK_LACKS_CONFIGURATION, "of uid 65534");
	assert_int_equal(chown(path, 0, 0), 0);
	check_pin_dir(SANDBOX_BPFFS);
	expect_lack("pin-dir", CHECK_LACKS_CONFIGURATION, "");
	check_pin_dir(SANDBOX "/no-bpffs/x");
	expect_lack("pin-dir", CHECK_LACKS_CONFIGURATION, "on no bpffs");
	assert_int_equal(mkdir(SANDBOX "/plain", 0700), 0);
	check_pin_dir(SANDBOX "/plain");
	expect_lack("pin-dir", CHECK_LACKS_CONFIGURATION, "on no bpffs");
}

/* As run judges the directories above it, which others could replace. */
static void nobody_else_can_replace_what_is_above_the_pin_directory(void **state)
{
	struct error error;
	char path[PATH_MAX], below[PATH_MAX];

	(void)state;
	fresh_pin_dir(path);
	snprintf(below, sizeof(below), "%.4000s/pins", path);
	check_pin_dir(below);
	expect("pin-dir", CHECK_OK, "is made by run");
	assert_int_equal(chmod(path, 0777), 0);
	check_pin_dir(below);
	expect_lack("pin-dir", CHECK_LACKS_CONFIGURATION, "by others than root (mode 777)");
	assert_true(mounts_make_pin_dir(below, &error) < 0);
	assert_int_equal(chmod(path, 01777), 0);
	check_pin_dir(below);
	expect("pin-dir", CHECK_OK, "is made by run");
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(chown(path, 65534, 0), 0);
	check_pin_dir(below);
	assert_string_equal(find("pin-dir")->cure, "name a directory below root's alone with --pin-dir");
	expect_lack("pin-dir", CHECK_LACKS_CONFIGURATION, "belongs to the user 65534");
	assert_int_equal(symlink(SANDBOX_BPFFS, SANDBOX "/link"), 0);
	check_pin_dir(SANDBOX "/link/pins");
	expect_lack("pin-dir", CHECK_LACKS_CONFIGURATION, "symbolic link");
}

static void check_run_dir(const char *path)
{
	strcpy(config.run_dir, path);
	doctor_check_run_dir(&checks, &config);
}

static void the_run_directory_is_one_that_others_cannot_write_to(void **state)
{
	char path[200] = SANDBOX "/";

	(void)state;
	check_run_dir(SANDBOX "/run");
	expect("run-dir", CHECK_OK, "is made by run");
	assert_int_equal(mkdir(SANDBOX "/run", 0755), 0);
	check_run_dir(SANDBOX "/run");
	expect("run-dir", CHECK_OK, "root alone may write");
	assert_int_equal(chmod(SANDBOX "/run", 0777), 0);
	check_run_dir(SANDBOX "/run");
	expect("run-dir", CHECK_WARNING, "0777");
	check_run_dir(SANDBOX "/none/run");
	expect_lack("run-dir", CHECK_LACKS_CONFIGURATION, SANDBOX "/none/run");
	memset(path + strlen(path), 'x', 120);
	check_run_dir(path);
	expect_lack("run-dir", CHECK_LACKS_CONFIGURATION, "too long");
}

static void check_textfile(const char *path)
{
	strcpy(config.metrics_textfile, path);
	doctor_check_textfile(&checks, &config);
}

static void the_file_for_metrics_has_to_be_one_that_is_read(void **state)
{
	(void)state;
	check_textfile("");
	assert_int_equal(checks.count, 0);
	check_textfile(SANDBOX "/a.prom");
	expect("metrics-textfile", CHECK_OK, SANDBOX);
	check_textfile(SANDBOX "/none/a.prom");
	expect("metrics-textfile", CHECK_WARNING, SANDBOX "/none");
	check_textfile(SANDBOX "/a.txt");
	expect("metrics-textfile", CHECK_WARNING, "*.prom");
}

/* The controller gives up CAP_DAC_OVERRIDE, whatever doctor itself may do. */
static void what_belongs_to_others_is_not_open_to_the_controller(void **state)
{
	(void)state;
	run("mkdir -p " SANDBOX "/theirs/ours && touch " SANDBOX "/theirs/ours/conf");
	check_textfile(SANDBOX "/theirs/ours/a.prom");
	expect("metrics-textfile", CHECK_OK, "can be written to");
	doctor_check_configuration(&checks, SANDBOX "/theirs/ours/conf");
	assert_int_equal(checks.count, 0);
	run("chown 65534:65534 " SANDBOX "/theirs/ours && chmod 0755 " SANDBOX "/theirs/ours");
	check_textfile(SANDBOX "/theirs/ours/a.prom");
	assert_int_equal(checks_lack(&checks), CHECK_LACKS_NOTHING);
	expect("metrics-textfile", CHECK_WARNING, "of uid 65534, of mode 0755");
	run("chgrp 0 " SANDBOX "/theirs/ours && chmod 0775 " SANDBOX "/theirs/ours");
	check_textfile(SANDBOX "/theirs/ours/a.prom");
	expect("metrics-textfile", CHECK_OK, "can be written to");
	run("chown 65534:65534 " SANDBOX "/theirs/ours/conf && chmod 0600 " SANDBOX "/theirs/ours/conf");
	doctor_check_configuration(&checks, SANDBOX "/theirs/ours/conf");
	expect("configuration", CHECK_WARNING, "not at a reload");
	run("chmod 0604 " SANDBOX "/theirs/ours/conf");
	doctor_check_configuration(&checks, SANDBOX "/theirs/ours/conf");
	assert_int_equal(checks.count, 0);
	run("chown 65534:65534 " SANDBOX "/theirs && chmod 0700 " SANDBOX "/theirs");
	doctor_check_configuration(&checks, SANDBOX "/theirs/ours/conf");
	expect("configuration", CHECK_WARNING, SANDBOX "/theirs is of uid 65534");
}

static bool has_tcx(void)
{
	int program = load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1);
	int link = bpf_link_create(program, INT_MAX, (enum bpf_attach_type)pins_attach_type(ATTACH_EGRESS), NULL);
	bool has = errno == ENODEV;

	close(link);
	close(program);
	return has;
}

static void programs_of_others_on_interfaces_are_named(void **state)
{
	char id[32];
	int program, link;
	pid_t child;

	(void)state;
	if (!has_tcx())
		skip();
	doctor_check_interfaces(&checks, &config);
	expect("interface-programs", CHECK_OK, "no programs of others");
	program = load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1);
	link = bpf_link_create(program, 1, (enum bpf_attach_type)pins_attach_type(ATTACH_GATEWAY), NULL);
	assert_true(link >= 0);
	snprintf(id, sizeof(id), "id %u", program_id(program));
	doctor_check_interfaces(&checks, &config);
	assert_true(is_said("interface-programs", CHECK_NOTE, id));
	assert_false(is_said("interface-programs", CHECK_NOTE, "cannot be told"));
	expect("interface-programs", CHECK_NOTE, "lo, tcx ingress: foreign");
	child = fork_child();
	if (child == 0) {
		child_drop_capability(CAP_SYS_ADMIN);
		doctor_check_interfaces(&checks, &config);
		CHILD_CHECK(!is_said("interface-programs", CHECK_NOTE, "foreign"));
		CHILD_CHECK(is_said("interface-programs", CHECK_NOTE, "cannot be told without CAP_SYS_ADMIN"));
		child_expect("interface-programs", CHECK_NOTE, id);
		child_drop_capability(CAP_NET_ADMIN);
		doctor_check_interfaces(&checks, &config);
		child_expect("interface-programs", CHECK_NOTE, "tcx cannot be seen");
		_exit(0);
	}
	expect_exit(child, 0);
	close(link);
	close(program);
}

static void add_filter(unsigned int ifindex, enum bpf_tc_attach_point point, int program)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program);
	int r = bpf_tc_hook_create(&hook);

	assert_true(r == 0 || r == -EEXIST);
	assert_int_equal(bpf_tc_attach(&hook, &options), 0);
}

/* On every kernel. The name of the interface is one that would clear the screen. */
static void filters_of_others_on_interfaces_are_named(void **state)
{
	int program = load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1);
	char id[32];
	pid_t child;

	(void)state;
	run("ip link add \"$(printf 'e\\033[2Jx')\" type veth peer name peer0");
	doctor_check_interfaces(&checks, &config);
	expect("interface-programs", CHECK_OK, "no programs of others");
	add_filter(if_nametoindex("e\033[2Jx"), BPF_TC_EGRESS, program);
	snprintf(id, sizeof(id), "(id %u)", program_id(program));
	doctor_check_interfaces(&checks, &config);
	assert_int_equal(checks.count, 1);
	assert_true(is_said("interface-programs", CHECK_NOTE, id));
	expect("interface-programs", CHECK_NOTE, "e?[2Jx, clsact egress: foreign");
	child = fork_child();
	if (child == 0) {
		child_drop_capability(CAP_SYS_ADMIN);
		child_drop_capability(CAP_NET_ADMIN);
		doctor_check_interfaces(&checks, &config);
		child_expect("interface-programs", CHECK_NOTE, id);
		_exit(0);
	}
	expect_exit(child, 0);
	close(program);
	run("ip link del peer0");
}

/* What a program is called does not make it ours, and only those of our own instance are. */
static void ours_is_what_our_instance_has_loaded(void **state)
{
	char ours[PATH_MAX], other[PATH_MAX];
	struct programs *programs;

	(void)state;
	run("ip link add own0 type veth peer name own1");
	fresh_pin_dir(ours);
	fresh_pin_dir(other);
	strcpy(config.pin_dir, ours);
	programs = load_programs(SIEVE_ACTION_ANSWER, ours);
	add_filter(if_nametoindex("own0"), BPF_TC_EGRESS, programs_egress_fd(programs));
	doctor_check_interfaces(&checks, &config);
	expect("interface-programs", CHECK_OK, "no programs of others");
	strcpy(config.pin_dir, other);
	doctor_check_interfaces(&checks, &config);
	expect("interface-programs", CHECK_NOTE, "of another instance)");
	programs_free(programs);
	run("ip link del own0");
}

/* Our own, which a controller may have attached, is none of others. */
static void our_own_program_is_not_one_of_others(void **state)
{
	char pin_dir[PATH_MAX];
	struct programs *programs;
	int link;

	(void)state;
	if (!has_tcx())
		skip();
	fresh_pin_dir(pin_dir);
	strcpy(config.pin_dir, pin_dir);
	programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	link = bpf_link_create(programs_egress_fd(programs), 1, (enum bpf_attach_type)pins_attach_type(ATTACH_EGRESS),
			       NULL);
	assert_true(link >= 0);
	doctor_check_interfaces(&checks, &config);
	expect("interface-programs", CHECK_OK, "no programs of others");
	close(link);
	programs_free(programs);
}

/* What is said of a scope that is `name`, where a foreign program is attached at cgroup `above` like that. */
static void look_at_scope(const char *above, const char *name, __u32 flags)
{
	int program = load_foreign(BPF_PROG_TYPE_CGROUP_SKB, 1);
	int cgroup = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[PATH_MAX + 64];

	assert_int_equal(bpf_prog_attach(program, cgroup, BPF_CGROUP_INET_EGRESS, flags), 0);
	config_free(&config);
	config_init(&config);
	snprintf(path, sizeof(path), "%s%s", above, name);
	config.cgroups[config.cgroup_count++] = strdup(path);
	doctor_check_cgroup_hooks(&checks, &config);
	assert_int_equal(bpf_prog_detach2(program, cgroup, BPF_CGROUP_INET_EGRESS), 0);
	close(cgroup);
	close(program);
}

static void programs_of_cgroups_that_tolerate_no_other_are_named(void **state)
{
	char path[PATH_MAX], below[PATH_MAX];

	(void)state;
	make_cgroup("above", path);
	make_cgroup("above/scope", below);
	look_at_scope(path, "/scope", 0);
	assert_true(is_said("cgroup-programs", CHECK_WARNING, path));
	expect("cgroup-programs", CHECK_WARNING, "foreign");
	look_at_scope(path, "", 0);
	expect("cgroup-programs", CHECK_WARNING, "cannot be attached there");
	look_at_scope(path, "/scope", BPF_F_ALLOW_OVERRIDE);
	assert_false(is_said("cgroup-programs", CHECK_WARNING, ""));
	expect("cgroup-programs", CHECK_NOTE, "foreign");
	look_at_scope(path, "", BPF_F_ALLOW_OVERRIDE);
	expect("cgroup-programs", CHECK_WARNING, "cannot be attached there");
	look_at_scope(path, "/scope", BPF_F_ALLOW_MULTI);
	assert_false(is_said("cgroup-programs", CHECK_WARNING, ""));
	expect("cgroup-programs", CHECK_NOTE, "foreign");
	look_at_scope(below, "/../../no-such-cgroup", BPF_F_ALLOW_MULTI);
	expect("cgroup", CHECK_NOTE, "no-such-cgroup");
}

struct server {
	const char *cgroup, *address; /* NULL: the process' own */
};

static void serve(void *data)
{
	const struct server *server = data;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd;

	if (server->cgroup)
		child_join_cgroup(server->cgroup);
	prctl(PR_SET_NAME, "server\033x");
	inet_pton(AF_INET, server->address, &address.sin_addr);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHILD_CHECK(bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
}

static void expect_server(const char *cgroup, const char *address, enum check_verdict verdict, const char *text)
{
	struct server server = { cgroup, address };
	pid_t child = start_idle(serve, &server);

	doctor_check_servers(&checks, &config);
	end_child(child);
	assert_true(is_said("dns-server", verdict, "server?x (pid "));
	assert_true(is_said("dns-server", verdict, address));
	expect("dns-server", verdict, text);
}

static void dns_servers_are_named_with_what_they_mean(void **state)
{
	char root[PATH_MAX], path[PATH_MAX];
	struct error error;

	(void)state;
	doctor_check_servers(&checks, &config);
	expect("dns-server", CHECK_OK, "none");
	assert_int_equal(mounts_find_cgroup2(root, sizeof(root), &error), 0);
	make_cgroup("server", path);
	expect_server(path, "0.0.0.0", CHECK_NOTE, path + strlen(root));
	expect_server(path, "127.0.0.53", CHECK_OK, "for this host alone");
	expect_server(root, "0.0.0.0", CHECK_WARNING, "root cgroup");
	config.ports[config.port_count++] = 5300;
	doctor_check_servers(&checks, &config);
	expect("dns-server", CHECK_OK, "none");
	config.ports[config.port_count++] = 53;
	config.filter_servers = true;
	expect_server(root, "0.0.0.0", CHECK_NOTE, "answered, too");
}

/* An empty /run and a /etc of which these two files are other ones. */
static void cover_resolver(const char *nsswitch, const char *resolv_conf)
{
	cover_run();
	cover("/etc/nsswitch.conf", nsswitch);
	cover("/etc/resolv.conf", resolv_conf);
}

static void uncover_resolver(void)
{
	uncover("/etc/resolv.conf");
	uncover("/etc/nsswitch.conf");
	uncover_run();
}

static void make_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

#define RESOLVED "/run/systemd/resolve/io.systemd.Resolve"

static void a_plain_resolver_has_nothing_to_be_told_of(void **state)
{
	(void)state;
	cover_resolver("hosts: files dns\n", "nameserver 192.0.2.1\noptions edns0\n");
	doctor_check_resolver(&checks);
	assert_int_equal(checks.count, 1);
	expect("resolver", CHECK_OK, "nothing");
	uncover_resolver();
}

static void nss_resolve_asks_without_dns(void **state)
{
	(void)state;
	cover_resolver("hosts: files resolve [!UNAVAIL=return] dns\n", "");
	doctor_check_resolver(&checks);
	expect("resolver", CHECK_NOTE, "does not run");
	run("mkdir -p /run/systemd/resolve");
	make_socket(RESOLVED);
	doctor_check_resolver(&checks);
	expect("resolver", CHECK_NOTE, "ask systemd-resolved without DNS");
	uncover_resolver();
}

static void resolved_that_asks_over_tls_is_told_of(void **state)
{
	(void)state;
	cover_resolver("hosts: files dns\n", "");
	run("mkdir -p /run/systemd/resolve /run/systemd/resolved.conf.d");
	run("printf '[Resolve]\\nDNSOverTLS=opportunistic\\n' >/run/systemd/resolved.conf.d/50-a.conf");
	doctor_check_resolver(&checks);
	assert_false(is_said("resolver", CHECK_NOTE, "DNSOverTLS")); /* it does not run */
	memset(&checks, 0, sizeof(checks));
	make_socket(RESOLVED);
	doctor_check_resolver(&checks);
	expect("resolver", CHECK_NOTE, "DNSOverTLS=opportunistic");
	run("printf '[Resolve]\\nDNSOverTLS=no\\n' >/run/systemd/resolved.conf.d/60-b.conf");
	doctor_check_resolver(&checks);
	assert_false(is_said("resolver", CHECK_NOTE, "DNSOverTLS"));
	memset(&checks, 0, sizeof(checks));
	uncover_resolver();
}

static void options_of_glibc_that_matter_are_told_of(void **state)
{
	(void)state;
	cover_resolver("hosts: files dns\n", "nameserver 192.0.2.1\noptions use-vc no-aaaa\n");
	run("mkdir /run/nscd");
	make_socket("/run/nscd/socket");
	doctor_check_resolver(&checks);
	assert_true(is_said("resolver", CHECK_WARNING, "use-vc"));
	assert_true(is_said("resolver", CHECK_NOTE, "no-aaaa"));
	expect("resolver", CHECK_NOTE, "nscd");
	uncover_resolver();
}

int main(void)
{
#define DOCTOR_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		DOCTOR_TEST(an_old_kernel_is_too_old),
		DOCTOR_TEST(btf_has_to_be_there_with_what_is_read),
		DOCTOR_TEST(confidentiality_forbids_what_integrity_allows),
		DOCTOR_TEST(an_interpreter_is_warned_of),
		DOCTOR_TEST(seccomp_is_looked_for),
		DOCTOR_TEST(the_row_of_capabilities_that_is_met_is_told),
		DOCTOR_TEST(one_half_of_what_other_namespaces_take_is_missing),
		DOCTOR_TEST(who_is_not_root_of_the_machine_is_told),
		DOCTOR_TEST(few_open_files_are_few_namespaces),
		DOCTOR_TEST(locked_memory_matters_to_old_kernels_alone),
		DOCTOR_TEST(locked_memory_is_enough_where_run_has_enough),
		DOCTOR_TEST(the_programs_are_tried_and_gone),
		DOCTOR_TEST(the_older_hook_is_tried_where_it_would_be_used),
		DOCTOR_TEST(without_privilege_the_programs_are_not_tried),
		DOCTOR_TEST(a_kernel_that_does_not_take_the_programs_is_told),
		DOCTOR_TEST(cgroup2_has_to_be_there),
		DOCTOR_TEST(classes_of_cgroup_v1_matter_to_old_kernels),
		DOCTOR_TEST(the_pin_directory_is_of_root_alone_on_a_bpffs),
		DOCTOR_TEST(nobody_else_can_replace_what_is_above_the_pin_directory),
		DOCTOR_TEST(the_run_directory_is_one_that_others_cannot_write_to),
		DOCTOR_TEST(the_file_for_metrics_has_to_be_one_that_is_read),
		DOCTOR_TEST(what_belongs_to_others_is_not_open_to_the_controller),
		DOCTOR_TEST(programs_of_others_on_interfaces_are_named),
		DOCTOR_TEST(filters_of_others_on_interfaces_are_named),
		DOCTOR_TEST(ours_is_what_our_instance_has_loaded),
		DOCTOR_TEST(our_own_program_is_not_one_of_others),
		DOCTOR_TEST(programs_of_cgroups_that_tolerate_no_other_are_named),
		DOCTOR_TEST(dns_servers_are_named_with_what_they_mean),
		DOCTOR_TEST(a_plain_resolver_has_nothing_to_be_told_of),
		DOCTOR_TEST(nss_resolve_asks_without_dns),
		DOCTOR_TEST(resolved_that_asks_over_tls_is_told_of),
		DOCTOR_TEST(options_of_glibc_that_matter_are_told_of),
	};

	return cmocka_run_group_tests(tests, enter, leave_sandbox);
}
