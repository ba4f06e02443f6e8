/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "loading.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cleanup.h"

/* What libbpf last complained of, to be quoted in an error. */
static char complaint[256];

static int keep_complaint(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char line[sizeof(complaint)];

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), format, arguments);
	line[strcspn(line, "\n")] = '\0';
	if (strstr(line, "RLIMIT_MEMLOCK")) /* a guess of libbpf's, not what went wrong */
		return 0;
	if (strncmp(line, "libbpf: ", 8) == 0 && complaint[0] == '\0')
		snprintf(complaint, sizeof(complaint), "%s", line + 8);
	return 0;
}

void loading_silence_libbpf(void)
{
	libbpf_set_print(keep_complaint);
	complaint[0] = '\0';
}

/* The effective capabilities of this process as a mask (capabilities(7)); 0 if they cannot be read. */
static uint64_t effective_capabilities(void)
{
	_cleanup_fclose_ FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t mask = 0;

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "CapEff: %" SCNx64, &mask) == 1)
			break;
	return mask;
}

/* What loading needs. A denial in spite of them comes from the verifier, or from a locked-down kernel. */
static bool may_load(void)
{
	const uint64_t needed = 1ULL << CAP_BPF | 1ULL << CAP_NET_ADMIN | 1ULL << CAP_PERFMON;
	uint64_t mask = effective_capabilities();

	return (mask & needed) == needed || mask & 1ULL << CAP_SYS_ADMIN;
}

bool loading_may_search_modules(void)
{
	return effective_capabilities() & 1ULL << CAP_SYS_ADMIN;
}

/* A limit that loading can meet, and how it is raised; NULL: it was none. */
static const char *limit_met(int number)
{
	switch (number) {
	case ENOMEM:
		return "there is not enough memory to load the BPF programs; raise the limit of the service (MemoryMax=), or free some";
	case EMFILE:
		return "the limit of open files does not do to load the BPF programs; raise it (LimitNOFILE=, ulimit -n)";
	case ENFILE:
		return "the machine's limit of open files does not do to load the BPF programs; raise fs.file-max (sysctl)";
	default:
		return NULL;
	}
}

int loading_failed(int number, struct error *error)
{
	const char *limit = limit_met(number);

	if (limit)
		return fail_as(error, ERROR_FAILED, number, "%s", limit);
	/* EINVAL: some kernels do not know a helper, then, that they do not let this process use */
	if ((number == EPERM || number == EACCES || number == EINVAL) && !may_load())
		return fail(error, EPERM,
			    "loading BPF programs needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; run as root with these capabilities");
	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		return fail_as(error, ERROR_KERNEL, number,
			       "this kernel has no BTF (/sys/kernel/btf/vmlinux); boot one built with CONFIG_DEBUG_INFO_BTF=y");
	return fail_as(error, ERROR_KERNEL, number,
		       "this kernel does not take the BPF programs: %s; is it older than 5.10, or locked down? (%s)",
		       strerror(number), complaint);
}

/* The types, and what libbpf opens for a moment while it tries what the kernel can do. */
#define LOADING_OTHERS 4

bool loading_has_descriptors(struct bpf_object *object)
{
	_cleanup_close_ int next = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	rlim_t needed = LOADING_OTHERS;
	struct bpf_program *program;
	struct bpf_map *map;
	struct rlimit limit;

	if (next < 0)
		return errno != EMFILE;
	bpf_object__for_each_map(map, object)
		needed += bpf_map__autocreate(map);
	bpf_object__for_each_program(program, object)
		needed += bpf_program__autoload(program);
	return getrlimit(RLIMIT_NOFILE, &limit) < 0 || (rlim_t)next + needed <= limit.rlim_cur;
}
