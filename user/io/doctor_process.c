/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "doctor.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cleanup.h"
#include "machine.h"

#define BIT(number) (1ULL << (number))
#define OWN_NETNS (BIT(CAP_BPF) | BIT(CAP_NET_ADMIN) | BIT(CAP_PERFMON))
#define OTHER_NETNS (BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_PTRACE))

#define DESCRIPTORS_EACH 3 /* of a namespace that is followed */
#define DESCRIPTORS_MORE 256
#define MEMLOCK_NEEDED (64UL << 20)

uint64_t doctor_capabilities(void)
{
	_cleanup_fclose_ FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t mask = 0;

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "CapEff: %" SCNx64, &mask) == 1)
			break;
	return mask;
}

bool doctor_has_capabilities(uint64_t needed)
{
	char missing[CHECK_TEXT_MAX];

	machine_missing_capabilities(needed, doctor_capabilities(), missing, sizeof(missing));
	return !missing[0];
}

static void check_user(struct checks *checks)
{
	char uid_map[256];

	if (geteuid() != 0)
		check_set_cure(check_add_missing(checks, "user", CHECK_LACKS_PRIVILEGE, "uid %u", geteuid()),
			       "run as root");
	else if (doctor_read("/proc/self/uid_map", uid_map, sizeof(uid_map)) && !machine_is_initial_userns(uid_map))
		check_set_cure(
			check_add_missing(checks, "user", CHECK_LACKS_PRIVILEGE, "root in a user namespace of its own"),
			"run in the initial user namespace: BPF looks at the capabilities there");
	else
		check_add(checks, "user", CHECK_OK, "root");
}

void doctor_check_capabilities(struct checks *checks, const struct config *config)
{
	uint64_t effective = doctor_capabilities();
	char missing[CHECK_TEXT_MAX];

	check_user(checks);
	machine_missing_capabilities(OWN_NETNS, effective, missing, sizeof(missing));
	if (missing[0]) {
		check_set_cure(check_add_missing(checks, "capabilities", CHECK_LACKS_PRIVILEGE, "without %s", missing),
			       "run as root with these capabilities");
		return;
	}
	machine_missing_capabilities(OTHER_NETNS, effective, missing, sizeof(missing));
	if (!missing[0]) {
		check_add(checks, "capabilities", CHECK_OK, "all that are needed, for other network namespaces, too");
		return;
	}
	if (config->netns == CONFIG_NETNS_SELF)
		check_add(checks, "capabilities", CHECK_OK, "enough for --netns self");
	else
		check_set_cure(check_add(checks, "capabilities", CHECK_WARNING,
					 "without %s: only its own network namespace can be followed", missing),
			       "add these capabilities, or say --netns self");
}

static void check_open_files(struct checks *checks, const struct config *config)
{
	rlim_t needed = (rlim_t)config->max_netns * DESCRIPTORS_EACH + DESCRIPTORS_MORE;
	struct rlimit limit;

	if (config->netns == CONFIG_NETNS_SELF)
		needed = DESCRIPTORS_MORE;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (limit.rlim_max >= needed) {
		check_add(checks, "open-files", CHECK_OK, "at most %llu", (unsigned long long)limit.rlim_max);
		return;
	}
	check_set_cure(check_add(checks, "open-files", CHECK_WARNING,
				 "at most %llu: enough for some %llu network namespaces, not for %u",
				 (unsigned long long)limit.rlim_max,
				 limit.rlim_max > DESCRIPTORS_MORE
					 ? (unsigned long long)(limit.rlim_max - DESCRIPTORS_MORE) / DESCRIPTORS_EACH
					 : 0ULL,
				 config->max_netns),
		       "raise the hard limit to %llu (LimitNOFILE= of the unit, ulimit -Hn), or lower --max-netns",
		       (unsigned long long)needed);
}

/* Until 5.11 BPF maps were locked memory of their owner. */
static void check_memlock(struct checks *checks)
{
	struct utsname name;
	struct rlimit limit;

	uname(&name);
	if (machine_is_at_least(name.release, 5, 11) || getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return;
	if (limit.rlim_max >= MEMLOCK_NEEDED || doctor_has_capabilities(BIT(CAP_SYS_RESOURCE)))
		check_add(checks, "memlock", CHECK_OK, "enough, or can be raised");
	else
		check_set_cure(
			check_add(checks, "memlock", CHECK_WARNING,
				  "at most %llu octets, of which this kernel takes the maps",
				  (unsigned long long)limit.rlim_max),
			"raise it (LimitMEMLOCK=infinity of the unit, ulimit -Hl unlimited), or add CAP_SYS_RESOURCE");
}

void doctor_check_limits(struct checks *checks, const struct config *config)
{
	check_open_files(checks, config);
	check_memlock(checks);
}
