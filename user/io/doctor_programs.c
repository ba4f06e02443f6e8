/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "doctor.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach.h"
#include "capability.h"
#include "cleanup.h"
#include "clock.h"
#include "clsact.h"
#include "privilege.h"
#include "programs.h"
#include "servers.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* include/uapi/asm-generic/socket.h, Linux 5.14 */
#endif

#define LOOPBACK_IFINDEX 1 /* in every namespace */
#define NOWHERE "/proc/stubsieve" /* where nothing can be made */

/* What the programs are made of; the loading says more, but not always what it was that it did not find. */
static void check_features(struct checks *checks)
{
	static const struct {
		enum bpf_prog_type type;
		const char *name;
	} programs[] = {
		{ BPF_PROG_TYPE_SCHED_CLS, "programs of type sched_cls" },
		{ BPF_PROG_TYPE_CGROUP_SKB, "programs of type cgroup_skb" },
		{ BPF_PROG_TYPE_CGROUP_SOCK, "programs of type cgroup_sock" },
	};
	static const struct {
		enum bpf_map_type type;
		const char *name;
	} maps[] = {
		{ BPF_MAP_TYPE_HASH, "hash maps" },         { BPF_MAP_TYPE_PERCPU_ARRAY, "per-CPU arrays" },
		{ BPF_MAP_TYPE_LRU_HASH, "LRU hash maps" }, { BPF_MAP_TYPE_LPM_TRIE, "LPM tries" },
		{ BPF_MAP_TYPE_RINGBUF, "ring buffers" },
	};
	const char *missing[8];
	size_t count = 0;

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (libbpf_probe_bpf_prog_type(programs[i].type, NULL) == 0)
			missing[count++] = programs[i].name;
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		if (libbpf_probe_bpf_map_type(maps[i].type, NULL) == 0)
			missing[count++] = maps[i].name;
	for (size_t i = 0; i < count; i++)
		check_set_cure(
			check_add_missing(checks, "bpf", CHECK_LACKS_KERNEL, "no %s", missing[i]),
			"boot a kernel built with CONFIG_BPF_SYSCALL=y, CONFIG_CGROUP_BPF=y and CONFIG_NET_CLS_ACT=y");
	if (count == 0)
		check_add(checks, "bpf", CHECK_OK, "all types of programs and maps");
}

static int try_tcx(const struct programs *programs)
{
	_cleanup_close_ int fd = bpf_link_create(programs_egress_fd(programs), LOOPBACK_IFINDEX,
						 (enum bpf_attach_type)pins_attach_type(ATTACH_EGRESS), NULL);

	return fd < 0 ? -errno : 0;
}

/* The marks that it makes of what it did are nobody's here. */
static int try_clsact(const struct programs *programs)
{
	const struct clsact clsact = { .pin_dir = NOWHERE, .ifindex = LOOPBACK_IFINDEX, .side = ATTACH_EGRESS };

	return clsact_attach(&clsact, programs_egress_fd(programs));
}

/* On lo of a network namespace that is this process' own, and goes with it. */
static void check_hook(struct checks *checks, const struct programs *programs)
{
	bool has_tcx = attach_has_tcx(programs);
	const char *name = has_tcx ? "tcx" : "clsact (tcx came with Linux 6.6)";
	int r;

	if (unshare(CLONE_NEWNET) < 0) {
		check_add(checks, "hook", CHECK_NOTE, "%s, not tried: a network namespace to try it in: %s", name,
			  strerror(errno));
		return;
	}
	r = has_tcx ? try_tcx(programs) : try_clsact(programs);
	if (r == 0)
		check_add(checks, "hook", CHECK_OK, "%s", name);
	else
		check_set_cure(
			check_add_missing(checks, "hook", CHECK_LACKS_KERNEL, "%s: %s", name, strerror(-r)),
			has_tcx ? "see the kernel's log"
				: "a kernel with CONFIG_NET_CLS_BPF and CONFIG_NET_SCH_INGRESS (modprobe cls_bpf sch_ingress)");
}

/* Also with what no configuration has together. */
static bool try_to_load(struct checks *checks, enum sieve_action action, bool is_hook_tried)
{
	const struct sieve_policy policy = { .action = (__u8)action, .families = 3, .ports = { 53 }, .whole_host = 1 };
	const struct programs_request request = {
		.policy = &policy, .max_netns = 1, .sensor = true, .gateway = true, .results = true,
	};
	__attribute__((cleanup(programs_freep))) struct programs *programs = NULL;
	struct error error;

	if (programs_load(&request, &programs, &error) < 0) {
		check_add_missing(checks, "programs",
				  error.kind == ERROR_PRIVILEGE ? CHECK_LACKS_PRIVILEGE : CHECK_LACKS_KERNEL,
				  "action %s: %s", config_action_name(action), error.text);
		return false;
	}
	if (is_hook_tried)
		check_hook(checks, programs);
	return true;
}

static void try_programs(struct checks *checks)
{
	uint64_t start = clock_thread_cpu_ns();

	check_features(checks);
	if (!try_to_load(checks, SIEVE_ACTION_OBSERVE, false) || !try_to_load(checks, SIEVE_ACTION_ANSWER, true))
		return;
	check_add(checks, "programs", CHECK_OK, "the kernel takes them all (%llu ms of CPU)",
		  (unsigned long long)((clock_thread_cpu_ns() - start) / CLOCK_MILLISECOND_NS));
}

/* In a child, whose network namespace and memory go with it; the list is shared with it. */
static void try_in_child(struct checks *checks)
{
	struct checks *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t child;

	if (shared == MAP_FAILED) {
		check_add(checks, "programs", CHECK_NOTE, "not tried: %s", strerror(errno));
		return;
	}
	*shared = *checks;
	fflush(NULL);
	child = fork();
	if (child == 0) {
		try_programs(shared);
		_exit(0);
	}
	if (child > 0)
		waitpid(child, &status, 0);
	*checks = *shared;
	munmap(shared, sizeof(*shared));
	if (child < 0 || status != 0)
		check_add(checks, "programs", CHECK_WARNING, "the process that tried them did not come to its end");
}

static void check_cookie(struct checks *checks)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie;
	socklen_t size = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) == 0)
		check_add(checks, "netns-cookie", CHECK_OK, "available");
	else
		check_add(checks, "netns-cookie", CHECK_NOTE,
			  "not available (Linux 5.14): a network namespace is known by its inode number alone");
}

/* A socket of our own, and whether it is shown with its cgroup. */
static void check_socket_view(struct checks *checks)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct server_set set = {};
	socklen_t size = sizeof(address);
	bool is_seen = false;

	if (bind(fd, (const struct sockaddr *)&address, size) == 0 &&
	    getsockname(fd, (struct sockaddr *)&address, &size) == 0) {
		const uint16_t port = ntohs(address.sin_port);
		const struct servers_request request = {
			.ports = &port, .port_count = 1, .most = 16, .budget_ns = CLOCK_SECOND_NS,
		};

		servers_scan(&request, &set);
		is_seen = set.count > 0;
	}
	server_set_free(&set);
	if (is_seen)
		check_add(checks, "socket-view", CHECK_OK, "sock_diag shows the cgroups of UDP sockets");
	else
		check_set_cure(
			check_add(
				checks, "socket-view", CHECK_NOTE,
				"sock_diag does not show the cgroups of UDP sockets (Linux 5.8, CONFIG_INET_UDP_DIAG): a DNS server that is bound to one address is not found"),
			"make the cgroups of such servers exempt (--exempt-cgroup)");
}

void doctor_check_programs(struct checks *checks)
{
	struct privilege privilege;

	check_cookie(checks);
	check_socket_view(checks);
	privilege_read(&privilege);
	if (capability_missing(privilege.effective, false))
		check_add(checks, "programs", CHECK_NOTE,
			  "cannot be tried without CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON");
	else if (privilege_is_in_user_namespace())
		check_add(checks, "programs", CHECK_NOTE, "cannot be tried in a user namespace");
	else if (privilege_is_short_of_locked_memory(privilege.effective))
		check_add(checks, "programs", CHECK_NOTE, "cannot be tried with so little locked memory");
	else
		try_in_child(checks);
}
