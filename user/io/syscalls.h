/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A seccomp filter for what the controller and the children that answer commands do after the start. */
#ifndef STUBSIEVE_SYSCALLS_H
#define STUBSIEVE_SYSCALLS_H

/*
 * From here on a system call that is not on the list fails with EPERM, one that this source cannot know with ENOSYS.
 * STUBSIEVE_SECCOMP in the environment, for tests and tools such as a leak checker: `kill` ends the process, `log` lets
 * the call pass and tells the kernel's log, `off` sets no filter. 0 or -errno; there is no filter then.
 */
int syscalls_confine(void);

#endif
