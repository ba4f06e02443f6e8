/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "doctor.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cleanup.h"
#include "loading.h"
#include "machine.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"
#define LOCKDOWN_PATH "/sys/kernel/security/lockdown"
#define JIT_PATH "/proc/sys/net/core/bpf_jit_enable"

bool doctor_read(const char *path, char *text, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t used = 0;
	ssize_t part = 1;

	text[0] = '\0';
	if (fd < 0)
		return false;
	while (part > 0 && used < size - 1) {
		part = read(fd, text + used, size - 1 - used);
		if (part < 0)
			return false;
		used += (size_t)part;
	}
	text[used] = '\0';
	return true;
}

void doctor_check_kernel(struct checks *checks)
{
	struct utsname name;

	uname(&name);
	if (machine_is_at_least(name.release, 5, 10)) {
		check_add(checks, "kernel", CHECK_OK, "%s %s (%s)", name.sysname, name.release, name.machine);
		return;
	}
	check_set_cure(check_add_missing(checks, "kernel", CHECK_LACKS_KERNEL, "%s %s", name.sysname, name.release),
		       "boot Linux 5.10 or newer");
}

/* Of a structure or of one without a name in it. */
static bool has_member(const struct btf *btf, const struct btf_type *type, const char *name)
{
	for (int i = 0; i < btf_vlen(type); i++) {
		const struct btf_member *member = &btf_members(type)[i];
		const struct btf_type *inner = btf__type_by_id(btf, member->type);
		const char *its_name = btf__name_by_offset(btf, member->name_off);

		if (strcmp(its_name, name) == 0)
			return true;
		if (!its_name[0] && btf_is_composite(inner) && has_member(btf, inner, name))
			return true;
	}
	return false;
}

static bool has_field(const struct btf *btf, const char *structure, const char *name)
{
	int id = btf__find_by_name_kind(btf, structure, BTF_KIND_STRUCT);

	return id > 0 && has_member(btf, btf__type_by_id(btf, (__u32)id), name);
}

/* What the programs read and cannot do without. A kernel without IPv6 has no part of `net` for it. */
static void check_fields(struct checks *checks, const struct btf *btf)
{
	static const struct {
		const char *structure, *name;
	} fields[] = {
		{ "ns_common", "inum" },      { "net", "ns" },          { "net", "ipv4" },
		{ "netns_ipv4", "rt_genid" }, { "net_device", "nd_net" }, { "sk_buff", "dev" },
		{ "sk_buff", "sk" },          { "sock", "sk_cgrp_data" }, { "netns_ipv6", "fib6_sernum" },
	};
	char absent[CHECK_TEXT_MAX] = "";
	size_t used = 0;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && used < sizeof(absent); i++) {
		bool is_of_ipv6 = strcmp(fields[i].structure, "netns_ipv6") == 0;

		if (has_field(btf, fields[i].structure, fields[i].name) ||
		    (is_of_ipv6 && !has_field(btf, "net", "ipv6")))
			continue;
		used += (size_t)snprintf(absent + used, sizeof(absent) - used, "%s%s.%s", used ? ", " : "",
					 fields[i].structure, fields[i].name);
	}
	if (used)
		check_set_cure(check_add_missing(checks, "btf", CHECK_LACKS_KERNEL, BTF_PATH " has no %s", absent),
			       "boot a kernel from 5.10 to 6.18, or report what this one is");
	else
		check_add(checks, "btf", CHECK_OK, BTF_PATH ", with the fields that are read");
}

void doctor_check_btf(struct checks *checks)
{
	struct btf *btf;

	loading_silence_libbpf();
	btf = btf__parse_raw(BTF_PATH);
	if (!btf) {
		check_set_cure(check_add_missing(checks, "btf", CHECK_LACKS_KERNEL, BTF_PATH ": %s", strerror(errno)),
			       "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y");
		return;
	}
	check_fields(checks, btf);
	btf__free(btf);
}

/* Where securityfs is not mounted nobody can lock it down by that file, but a boot parameter can. */
void doctor_check_lockdown(struct checks *checks)
{
	char text[256];

	if (!doctor_read(LOCKDOWN_PATH, text, sizeof(text))) {
		check_add(checks, "lockdown", errno == ENOENT ? CHECK_OK : CHECK_NOTE,
			  errno == ENOENT ? "not locked down, or not shown (no " LOCKDOWN_PATH ")"
					  : LOCKDOWN_PATH ": %s",
			  strerror(errno));
		return;
	}
	text[strcspn(text, "\n")] = '\0';
	if (!machine_is_confidential(text)) {
		check_add(checks, "lockdown", CHECK_OK, "%s", text);
		return;
	}
	check_set_cure(check_add_missing(checks, "lockdown", CHECK_LACKS_KERNEL,
					 "%s: BPF programs may not read the kernel's memory", text),
		       "boot with lockdown=integrity, which allows it");
}

/* In another network namespace than the first it is not shown. */
void doctor_check_jit(struct checks *checks)
{
	char text[16];

	if (!doctor_read(JIT_PATH, text, sizeof(text)))
		check_add(checks, "jit", CHECK_NOTE, "cannot be seen (" JIT_PATH ": %s)", strerror(errno));
	else if (text[0] == '0')
		check_set_cure(check_add(checks, "jit", CHECK_WARNING,
					 "off: the programs are interpreted, several times as slow"),
			       "sysctl -w net.core.bpf_jit_enable=1");
	else
		check_add(checks, "jit", CHECK_OK, "on");
}

void doctor_check_seccomp(struct checks *checks)
{
	__u32 action = SECCOMP_RET_ERRNO;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		check_add(checks, "seccomp", CHECK_OK, "available");
	else
		check_set_cure(check_add(checks, "seccomp", CHECK_NOTE, "not available: %s", strerror(errno)),
			       "a kernel with CONFIG_SECCOMP_FILTER=y, for a sandbox around the controller");
}
