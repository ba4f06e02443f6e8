/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "doctor.h"

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "capability.h"
#include "machine.h"
#include "privilege.h"

#define BIT(number) (1ULL << (number))

#define DESCRIPTORS_EACH 3 /* of a namespace that is followed */
#define DESCRIPTORS_MORE 256

static uint64_t capabilities(void)
{
	struct privilege privilege;

	privilege_read(&privilege);
	return privilege.effective;
}

bool doctor_has_capabilities(uint64_t needed)
{
	return capability_lacking(capabilities(), needed) == 0;
}

static void check_user(struct checks *checks)
{
	if (geteuid() != 0)
		check_set_cure(check_add_missing(checks, "user", CHECK_LACKS_PRIVILEGE, "uid %u", geteuid()),
			       "run as root");
	else if (privilege_is_in_user_namespace())
		check_set_cure(
			check_add_missing(checks, "user", CHECK_LACKS_PRIVILEGE, "root in a user namespace of its own"),
			"run in the initial user namespace: BPF looks at the capabilities there");
	else
		check_add(checks, "user", CHECK_OK, "root");
}

/* What privilege_check() refuses, and what it keeps to. */
void doctor_check_capabilities(struct checks *checks, const struct config *config)
{
	bool other_netns = config->netns == CONFIG_NETNS_SCOPE;
	uint64_t effective = capabilities(), missing = capability_missing(effective, other_netns);
	bool is_for_others = missing && !capability_missing(effective, false);
	char names[CAPABILITY_TEXT_MAX];

	check_user(checks);
	capability_list(missing, names);
	if (!missing)
		check_add(checks, "capabilities", CHECK_OK,
			  other_netns ? "all that are needed, for other network namespaces, too" : "enough for --netns self");
	else if (!is_for_others)
		check_set_cure(check_add_missing(checks, "capabilities", CHECK_LACKS_PRIVILEGE, "without %.400s", names),
			       "run as root with these capabilities");
	else if (capability_is_own_only(effective))
		check_set_cure(check_add(checks, "capabilities", CHECK_WARNING,
					 "without %.400s: only its own network namespace can be followed", names),
			       "add these capabilities, or say --netns self");
	else
		check_set_cure(check_add_missing(checks, "capabilities", CHECK_LACKS_PRIVILEGE,
						 "without %.400s the network namespaces of others cannot be followed",
						 names),
			       "add it, or say --netns self");
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
	if (!privilege_is_short_of_locked_memory(capabilities()))
		check_add(checks, "memlock", CHECK_OK, "enough, or can be raised");
	else
		check_set_cure(
			check_add_missing(checks, "memlock", CHECK_LACKS_PRIVILEGE,
					  "at most %llu octets, of which this kernel takes the maps; %lu are wanted",
					  (unsigned long long)limit.rlim_max, PRIVILEGE_MEMLOCK_ENOUGH),
			"raise it (LimitMEMLOCK=infinity of the unit, ulimit -Hl unlimited), or add CAP_SYS_RESOURCE");
}

void doctor_check_limits(struct checks *checks, const struct config *config)
{
	check_open_files(checks, config);
	check_memlock(checks);
}
