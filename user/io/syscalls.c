/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "syscalls.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What any argument is allowed of. By name: an older library does not know the younger ones, and a younger C library
 * than this source was tried with takes other ways to the same end. */
static const char *const allowed[] = {
	/* memory and time, of any C library */
	"brk", "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "mseal", "clock_gettime", "clock_gettime64",
	"clock_getres", "clock_getres_time64", "gettimeofday", "time", "clock_nanosleep", "clock_nanosleep_time64",
	"nanosleep", "sched_yield", "getrandom", "getcpu", "membarrier", "riscv_hwprobe",
	/* threads of a library, and locks */
	"futex", "futex_time64", "futex_waitv", "futex_wait", "futex_wake", "set_robust_list", "get_robust_list", "rseq",
	"set_tid_address", "set_thread_area", "get_thread_area", "arch_prctl", "sched_getaffinity",
	/* who am I, and what is there */
	"getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "uname", "sysinfo",
	"getrlimit", "ugetrlimit", "setrlimit", "prlimit64", "getrusage", "capget", "getpgrp", "getcwd",
	/* signals, the end, and the children that answer commands */
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "rt_sigpending", "sigaltstack", "signalfd4",
	"restart_syscall", "pause", "alarm", "setitimer", "exit", "exit_group", "fork", "wait4", "waitid", "waitpid",
	/* waiting */
	"poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64", "epoll_create", "epoll_create1",
	"epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "timerfd_create", "timerfd_settime",
	"timerfd_settime64", "pipe", "pipe2",
	/* files: cgroups, /proc, the configuration, pins, what is written for others */
	"open", "openat", "openat2", "close", "close_range", "read", "readv", "pread64", "preadv", "write", "writev", "pwrite64",
	"lseek", "_llseek", "dup", "dup2", "dup3", "fcntl", "fcntl64", "flock", "fsync", "fdatasync", "ftruncate", "ftruncate64",
	"fallocate", "stat", "stat64", "fstat", "fstat64", "lstat", "lstat64", "newfstatat", "fstatat64", "statx", "statfs",
	"statfs64", "fstatfs", "fstatfs64", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents",
	"getdents64", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2",
	"chmod", "fchmod", "fchmodat", "fchmodat2", "umask", "cachestat", "fadvise64", "fadvise64_64",
	"inotify_init1", "inotify_add_watch", "inotify_rm_watch", "memfd_create",
	/* sockets that are there, and BPF */
	"bind", "listen", "accept", "accept4", "connect", "getsockname", "getpeername", "getsockopt", "setsockopt", "shutdown",
	"send", "sendto", "sendmsg", "sendmmsg", "recv", "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64",
	"pidfd_open", "bpf",
};

/* Here and where they stand for nothing else: one argument has one of some values. */
static const struct {
	const char *name;
	unsigned int argument;
	scmp_datum_t value;
} allowed_if[] = {
	{ "socket", 0, AF_UNIX },
	{ "ioctl", 1, SIOCGIFNAME },
	{ "ioctl", 1, SIOCGIFFLAGS },
	{ "ioctl", 1, TCGETS }, /* isatty() */
	{ "ioctl", 1, TIOCGWINSZ }, /* the same by musl */
	{ "setns", 1, CLONE_NEWNET },
	{ "prctl", 0, PR_SET_PDEATHSIG },
	{ "prctl", 0, 0x53564d41 /* PR_SET_VMA, by which glibc names what it maps */ },
	{ "kill", 1, SIGKILL }, /* the child that writes the metrics-textfile, when it hangs */
	{ "tgkill", 2, SIGABRT }, /* abort() */
	{ "tkill", 1, SIGABRT },
};

/* clone() without any new namespace; its flags come second on s390. */
#define NAMESPACES (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#ifdef __s390__
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

/* Whose arguments cannot be looked at, and for which every C library has another way. */
static const char *const absent[] = { "clone3" };

/* Behind the newest that this source knows (Linux 6.18): who asks for what comes later has to be able to do without. */
#define NUMBERS_KNOWN 470
#define NUMBERS_TO_COME 600

static void release(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

/* A call that this architecture, or this library, does not know needs no rule. */
static int add(scmp_filter_ctx filter, uint32_t action, const char *name, const struct scmp_arg_cmp *comparisons, unsigned int count)
{
	int number = seccomp_syscall_resolve_name(name), r;

	if (number == __NR_SCMP_ERROR)
		return 0;
	r = seccomp_rule_add_array(filter, action, number, count, comparisons);
	return r == -EDOM ? 0 : r;
}

static int allow_if(scmp_filter_ctx filter, const char *name, unsigned int argument, scmp_datum_t value)
{
	/* What the kernel takes of most of these arguments is an int. */
	const struct scmp_arg_cmp is = SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, UINT32_MAX, value);

	return add(filter, SCMP_ACT_ALLOW, name, &is, 1);
}

/* Routes, and who has which socket. */
static int allow_netlink(scmp_filter_ctx filter)
{
	static const scmp_datum_t protocols[] = { NETLINK_ROUTE, NETLINK_SOCK_DIAG };
	int r = 0;

	for (size_t i = 0; r == 0 && i < COUNT(protocols); i++) {
		const struct scmp_arg_cmp is[] = {
			SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, UINT32_MAX, AF_NETLINK),
			SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, UINT32_MAX, protocols[i]),
		};

		r = add(filter, SCMP_ACT_ALLOW, "socket", is, COUNT(is));
	}
	return r;
}

static int allow_all(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp no_namespace = SCMP_CMP64(CLONE_FLAGS, SCMP_CMP_MASKED_EQ, NAMESPACES, 0);
	int r = allow_netlink(filter);

	for (size_t i = 0; r == 0 && i < COUNT(allowed); i++)
		r = add(filter, SCMP_ACT_ALLOW, allowed[i], NULL, 0);
	for (size_t i = 0; r == 0 && i < COUNT(allowed_if); i++)
		r = allow_if(filter, allowed_if[i].name, allowed_if[i].argument, allowed_if[i].value);
	return r == 0 ? add(filter, SCMP_ACT_ALLOW, "clone", &no_namespace, 1) : r;
}

/* As if the kernel did not know them. */
static int make_absent(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < COUNT(absent); i++)
		r = add(filter, SCMP_ACT_ERRNO(ENOSYS), absent[i], NULL, 0);
	for (int number = NUMBERS_KNOWN; r == 0 && number < NUMBERS_TO_COME; number++)
		r = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(ENOSYS), number, 0, NULL);
	return r;
}

static uint32_t default_action(const char *word)
{
	if (word && strcmp(word, "kill") == 0)
		return SCMP_ACT_KILL_PROCESS;
	if (word && strcmp(word, "log") == 0)
		return SCMP_ACT_LOG;
	return SCMP_ACT_ERRNO(EPERM);
}

int syscalls_confine(void)
{
	const char *word = getenv("STUBSIEVE_SECCOMP");
	__attribute__((cleanup(release))) scmp_filter_ctx filter = NULL;
	int r;

	if (word && strcmp(word, "off") == 0)
		return 0;
	filter = seccomp_init(default_action(word));
	if (!filter)
		return -ENOMEM;
	/* What older kernels or libraries lack of these does not matter. */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);      /* a trace of what was denied */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);      /* no slower for it: nobody else's code runs here */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree */
	r = allow_all(filter);
	if (r == 0)
		r = make_absent(filter);
	return r == 0 ? seccomp_load(filter) : r;
}
