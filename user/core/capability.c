/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "capability.h"

#include <linux/capability.h>
#include <stdio.h>

#define BIT(capability) (1ULL << (capability))

/* Older UAPI headers lack what Linux 5.8 and 5.9 added. */
#define PERFMON 38
#define BPF 39

#define OTHERS (BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_PTRACE))

static const char *const names[] = {
	[CAP_CHOWN] = "CAP_CHOWN",
	[CAP_DAC_OVERRIDE] = "CAP_DAC_OVERRIDE",
	[CAP_DAC_READ_SEARCH] = "CAP_DAC_READ_SEARCH",
	[CAP_FOWNER] = "CAP_FOWNER",
	[CAP_FSETID] = "CAP_FSETID",
	[CAP_KILL] = "CAP_KILL",
	[CAP_SETGID] = "CAP_SETGID",
	[CAP_SETUID] = "CAP_SETUID",
	[CAP_SETPCAP] = "CAP_SETPCAP",
	[CAP_LINUX_IMMUTABLE] = "CAP_LINUX_IMMUTABLE",
	[CAP_NET_BIND_SERVICE] = "CAP_NET_BIND_SERVICE",
	[CAP_NET_BROADCAST] = "CAP_NET_BROADCAST",
	[CAP_NET_ADMIN] = "CAP_NET_ADMIN",
	[CAP_NET_RAW] = "CAP_NET_RAW",
	[CAP_IPC_LOCK] = "CAP_IPC_LOCK",
	[CAP_IPC_OWNER] = "CAP_IPC_OWNER",
	[CAP_SYS_MODULE] = "CAP_SYS_MODULE",
	[CAP_SYS_RAWIO] = "CAP_SYS_RAWIO",
	[CAP_SYS_CHROOT] = "CAP_SYS_CHROOT",
	[CAP_SYS_PTRACE] = "CAP_SYS_PTRACE",
	[CAP_SYS_PACCT] = "CAP_SYS_PACCT",
	[CAP_SYS_ADMIN] = "CAP_SYS_ADMIN",
	[CAP_SYS_BOOT] = "CAP_SYS_BOOT",
	[CAP_SYS_NICE] = "CAP_SYS_NICE",
	[CAP_SYS_RESOURCE] = "CAP_SYS_RESOURCE",
	[CAP_SYS_TIME] = "CAP_SYS_TIME",
	[CAP_SYS_TTY_CONFIG] = "CAP_SYS_TTY_CONFIG",
	[CAP_MKNOD] = "CAP_MKNOD",
	[CAP_LEASE] = "CAP_LEASE",
	[CAP_AUDIT_WRITE] = "CAP_AUDIT_WRITE",
	[CAP_AUDIT_CONTROL] = "CAP_AUDIT_CONTROL",
	[CAP_SETFCAP] = "CAP_SETFCAP",
	[CAP_MAC_OVERRIDE] = "CAP_MAC_OVERRIDE",
	[CAP_MAC_ADMIN] = "CAP_MAC_ADMIN",
	[CAP_SYSLOG] = "CAP_SYSLOG",
	[CAP_WAKE_ALARM] = "CAP_WAKE_ALARM",
	[CAP_BLOCK_SUSPEND] = "CAP_BLOCK_SUSPEND",
	[CAP_AUDIT_READ] = "CAP_AUDIT_READ",
	[PERFMON] = "CAP_PERFMON",
	[BPF] = "CAP_BPF",
	[40] = "CAP_CHECKPOINT_RESTORE",
};

uint64_t capability_needed(bool other_netns)
{
	return BIT(BPF) | BIT(CAP_NET_ADMIN) | BIT(PERFMON) | (other_netns ? OTHERS : 0);
}

uint64_t capability_lacking(uint64_t mask, uint64_t wanted)
{
	if (mask & BIT(CAP_SYS_ADMIN))
		mask |= BIT(BPF) | BIT(PERFMON);
	return wanted & ~mask;
}

uint64_t capability_missing(uint64_t mask, bool other_netns)
{
	return capability_lacking(mask, capability_needed(other_netns));
}

uint64_t capability_kept(uint64_t mask, bool other_netns)
{
	uint64_t needed = capability_needed(other_netns);

	if (needed & ~mask & (BIT(BPF) | BIT(PERFMON)))
		needed |= BIT(CAP_SYS_ADMIN);
	return needed & mask;
}

bool capability_is_own_only(uint64_t mask)
{
	return (mask & OTHERS) == 0;
}

const char *capability_name(unsigned int number)
{
	return number < sizeof(names) / sizeof(names[0]) ? names[number] : NULL;
}

static size_t append(char *text, size_t used, const char *separator, unsigned int number)
{
	size_t room = CAPABILITY_TEXT_MAX - used;
	int length = capability_name(number) ? snprintf(text + used, room, "%s%s", separator, capability_name(number)) :
					       snprintf(text + used, room, "%scapability %u", separator, number);

	return (size_t)length < room ? used + (size_t)length : CAPABILITY_TEXT_MAX - 1;
}

void capability_list(uint64_t mask, char text[CAPABILITY_TEXT_MAX])
{
	size_t used = (size_t)snprintf(text, CAPABILITY_TEXT_MAX, "%s", mask ? "" : "none");
	const char *separator = "";

	for (unsigned int number = 0; number < 64 && mask; number++) {
		if (!(mask & BIT(number)))
			continue;
		mask &= ~BIT(number);
		used = append(text, used, separator, number);
		separator = mask & (mask - 1) ? ", " : " and ";
	}
}
