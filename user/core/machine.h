/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What files of a machine say that matters here: of the kernel, of cgroups, of resolvers. Pure: the texts are given. */
#ifndef STUBSIEVE_MACHINE_H
#define STUBSIEVE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is the kernel, by its release as in uname(2), that version or a later one? */
bool machine_is_at_least(const char *release, unsigned int major, unsigned int minor);

/* Of /sys/kernel/security/lockdown, as in "none [integrity] confidentiality": is the last one in force? */
bool machine_is_confidential(const char *lockdown);

/* Of /proc/cgroups: how many cgroups a controller of cgroup v1 has, the root among them; 0 if it is not mounted. */
unsigned int machine_cgroups_v1(const char *cgroups, const char *controller);

/* Of /proc/PID/uid_map: is it the initial user namespace, in which capabilities are those that BPF asks for? */
bool machine_is_initial_userns(const char *uid_map);

/* Of nsswitch.conf: does `hosts` name the module, before `dns` or without it? */
bool machine_asks_before_dns(const char *nsswitch, const char *module);

/* Of resolv.conf: is the option set, as in `options use-vc`? */
bool machine_has_resolver_option(const char *resolv_conf, const char *option);

/*
 * Of one resolved.conf(5) after another: the last value of a key in [Resolve]. False: it is not in this one, and
 * what was there before holds; an empty value takes that back.
 */
bool machine_resolved_value(const char *resolved_conf, const char *key, char *value, size_t size);

#endif
