/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For LD_PRELOAD: inotify instances on the account of the user whose number FLEET_USER says. The kernel lets each user
 * have 128 of them, and each of a fleet's controllers on one machine takes one.
 */
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

int inotify_init1(int flags)
{
	const char *user = getenv("FLEET_USER");
	int fd;

	/* The system call: of this thread alone, and without a change of the others. */
	if (user)
		syscall(SYS_setresuid, -1, atoi(user), -1);
	fd = (int)syscall(SYS_inotify_init1, flags);
	if (user)
		syscall(SYS_setresuid, -1, 0, -1);
	return fd;
}
