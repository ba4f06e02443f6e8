/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Checks of this machine for `stubsieve doctor`: each looks at one thing, adds what it saw to the list, and changes
 * nothing. Without privilege they say what they cannot see.
 */
#ifndef STUBSIEVE_DOCTOR_H
#define STUBSIEVE_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check.h"
#include "config.h"

/* What a file has, a NUL behind it, cut to the buffer. False, with errno: it cannot be read. */
bool doctor_read(const char *path, char *text, size_t size);

/* Are these (a mask) effective in this process? */
bool doctor_has_capabilities(uint64_t needed);

/* doctor_kernel.c: version, BTF, lockdown, JIT, seccomp */
void doctor_check_kernel(struct checks *checks);
void doctor_check_btf(struct checks *checks);
void doctor_check_lockdown(struct checks *checks);
void doctor_check_jit(struct checks *checks);
void doctor_check_seccomp(struct checks *checks);

/* doctor_programs.c: what the kernel makes of the programs; they are loaded, tried in a throw-away namespace, and gone */
void doctor_check_programs(struct checks *checks);

/* doctor_process.c: user, capabilities, limits */
void doctor_check_capabilities(struct checks *checks, const struct config *config);
void doctor_check_limits(struct checks *checks, const struct config *config);

/* doctor_mounts.c: cgroup2, cgroup v1, bpffs, our directories and files */
void doctor_check_cgroups(struct checks *checks);
void doctor_check_pin_dir(struct checks *checks, const struct config *config);
void doctor_check_run_dir(struct checks *checks, const struct config *config);
void doctor_check_configuration(struct checks *checks, const char *file);
void doctor_check_textfile(struct checks *checks, const struct config *config);

/* doctor_hooks.c: programs of others where ours go */
void doctor_check_interfaces(struct checks *checks, const struct config *config);
void doctor_check_cgroup_hooks(struct checks *checks, const struct config *config);

/* doctor_servers.c, doctor_resolver.c: DNS servers among us; what asks without DNS, or where it is not seen */
void doctor_check_servers(struct checks *checks, const struct config *config);
void doctor_check_resolver(struct checks *checks);

#endif
