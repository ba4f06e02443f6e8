/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "privilege.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "capability.h"
#include "cleanup.h"
#include "machine.h"
#include "syscalls.h"

/* What was given up, and whether netns = scope was understood as `self` when it was there. */
static struct {
	bool is_confined;
	bool is_own_only;
} state;

void privilege_read(struct privilege *ret_privilege)
{
	_cleanup_fclose_ FILE *status = fopen("/proc/self/status", "re");
	struct privilege privilege = {};
	unsigned int word;
	char line[256];

	while (status && fgets(line, sizeof(line), status)) {
		if (sscanf(line, "NoNewPrivs: %u", &word) == 1)
			privilege.no_new_privileges = word;
		else if (sscanf(line, "Seccomp: %u", &word) == 1)
			privilege.seccomp = word == 2; /* SECCOMP_MODE_FILTER */
		else if (strncmp(line, "Cap", 3) == 0 && sscanf(line, "CapInh: %" SCNx64, &privilege.inheritable) != 1 &&
			 sscanf(line, "CapPrm: %" SCNx64, &privilege.permitted) != 1 &&
			 sscanf(line, "CapEff: %" SCNx64, &privilege.effective) != 1 &&
			 sscanf(line, "CapBnd: %" SCNx64, &privilege.bounding) != 1)
			sscanf(line, "CapAmb: %" SCNx64, &privilege.ambient);
	}
	*ret_privilege = privilege;
}

bool privilege_is_in_user_namespace(void)
{
	_cleanup_fclose_ FILE *map = fopen("/proc/self/uid_map", "re");
	char line[256];

	return map && fgets(line, sizeof(line), map) && !machine_is_initial_userns(line);
}

bool privilege_is_short_of_locked_memory(uint64_t capabilities)
{
	struct utsname kernel;
	struct rlimit limit;

	if (uname(&kernel) < 0 || machine_is_at_least(kernel.release, 5, 11))
		return false;
	return !(capabilities & 1ULL << CAP_SYS_RESOURCE) && getrlimit(RLIMIT_MEMLOCK, &limit) == 0 &&
	       limit.rlim_max < PRIVILEGE_MEMLOCK_ENOUGH;
}

static int cannot(struct error *error, const char *what)
{
	return fail_as(error, ERROR_PRIVILEGE, EPERM, "%s", what);
}

static int explain_missing(uint64_t missing, bool other_netns, struct error *error)
{
	bool is_for_others = !(missing & capability_needed(false));
	char lacks[CAPABILITY_TEXT_MAX], row[CAPABILITY_TEXT_MAX], others[CAPABILITY_TEXT_MAX];

	capability_list(missing, lacks);
	capability_list(capability_needed(other_netns && is_for_others), row);
	capability_list(capability_needed(true) & ~capability_needed(false), others);
	if (is_for_others)
		return fail_as(error, ERROR_PRIVILEGE, EPERM,
			       "without %s the network namespaces of others cannot be followed; run as root with %s, or with --netns self",
			       lacks, row);
	return fail_as(error, ERROR_PRIVILEGE, EPERM,
		       "without %s no BPF program can be loaded and attached; run as root with %s (and, for the network namespaces of others, %s)",
		       lacks, row, others);
}

/* Who has neither of the two that others' namespaces take, at the start, goes without them. */
static int keep_to_own(struct config *config, struct error *error)
{
	if (state.is_confined && !state.is_own_only)
		return cannot(error,
			      "netns = scope takes capabilities that were given up when the controller started with netns = self; end it with SIGTERM and run it anew");
	state.is_own_only = true;
	config->netns = CONFIG_NETNS_SELF;
	snprintf(error->text, sizeof(error->text),
		 "without CAP_SYS_ADMIN and CAP_SYS_PTRACE it keeps to its own network namespace; queries of others pass");
	return 1;
}

int privilege_check(struct config *config, struct error *error)
{
	bool other_netns = config->netns == CONFIG_NETNS_SCOPE;
	struct privilege privilege;
	uint64_t missing;
	bool is_own_only;

	privilege_read(&privilege);
	if (geteuid() != 0)
		return cannot(error,
			      "the controller must be root (uid 0); capabilities alone do not do, for the pins, the control socket and the cgroups of `exec` are root's");
	if (privilege_is_in_user_namespace())
		return cannot(error,
			      "in a user namespace of its own, such as a rootless container's, root may not load BPF programs; run outside of it");
	missing = capability_missing(privilege.effective, other_netns);
	is_own_only = missing && other_netns && !(missing & capability_needed(false)) &&
		      capability_is_own_only(privilege.effective);
	if (missing && !is_own_only)
		return explain_missing(missing, other_netns, error);
	if (!state.is_confined && privilege_is_short_of_locked_memory(privilege.effective))
		return cannot(error,
			      "before Linux 5.11 BPF maps count as locked memory, and the limit is low; run as root with CAP_SYS_RESOURCE, too, or with `ulimit -l unlimited` (LimitMEMLOCK=infinity)");
	return is_own_only ? keep_to_own(config, error) : 0;
}

static int set_capabilities(uint64_t mask)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)mask, .permitted = (uint32_t)mask },
		{ .effective = (uint32_t)(mask >> 32), .permitted = (uint32_t)(mask >> 32) },
	};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* The bounding set takes CAP_SETPCAP. Who lacks it gains nothing by it either: programs cannot be run any more. */
static int drop_capabilities(bool other_netns)
{
	struct privilege privilege;
	uint64_t kept;

	privilege_read(&privilege);
	kept = capability_kept(privilege.permitted, other_netns);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (unsigned long number = 0; number < 64; number++)
		if (!(kept & 1ULL << number))
			prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
	return set_capabilities(kept);
}

int privilege_confine(const struct config *config, struct error *error)
{
	int r = drop_capabilities(config->netns == CONFIG_NETNS_SCOPE);

	if (r < 0)
		return fail(error, -r, "cannot give up capabilities: %s; it goes on with them", strerror(-r));
	state.is_confined = true;
	r = syscalls_confine();
	if (r < 0)
		return fail_as(error, ERROR_KERNEL, -r,
			       "cannot keep to the system calls it makes: %s; does this kernel have seccomp filters? It goes on without",
			       strerror(-r));
	return 0;
}
