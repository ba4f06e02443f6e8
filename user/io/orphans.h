/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Links of this instance that nobody finds by a pin: their bpffs was unmounted, or covered by another one, and something
 * keeps it. They are known by their programs (identity.h). All of this takes CAP_SYS_ADMIN.
 */
#ifndef STUBSIEVE_ORPHANS_H
#define STUBSIEVE_ORPHANS_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "pins.h"

/*
 * ERROR_ALREADY_RUNNING if a controller of this pin_dir lives though we have the lock: it has another directory under
 * this name, maybe in another mount namespace. Waits for a sign of life, up to some seconds, where there was one lately.
 */
int orphans_check(const char *pin_dir, struct error *error);

/*
 * Take over the link of ours that is already on this hook, of a device or of the cgroup that is open, and pin it: it is to
 * hold our program now. Others of ours there are detached. Returns its fd; -ENOENT: there is none.
 */
int orphans_adopt(const char *pin_dir, const struct pin *pin, int cgroup_fd, int program);

/*
 * Detach all links of this instance whose programs are not among these, which may be none. *ret_count: how many there
 * were. -EPERM: they cannot be looked for.
 */
int orphans_detach(const char *pin_dir, const uint32_t *programs, size_t count, size_t *ret_count);

/* Every program of this instance by which a link hangs, some more than once. A callback that returns other than 0 ends it. */
typedef int (*orphans_callback)(uint32_t program, void *data);
int orphans_each_program(const char *pin_dir, orphans_callback callback, void *data);

#endif
