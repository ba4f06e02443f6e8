/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What tells this host from others: the machine id (machine-id(5)), or what there is instead. */
#ifndef STUBSIEVE_MACHINE_ID_H
#define STUBSIEVE_MACHINE_ID_H

#include <stddef.h>

#include "config.h"

#define MACHINE_ID_MAX 256

/* Its length, 0 if there is none. */
size_t machine_id(char ret_id[MACHINE_ID_MAX]);

/* Does the host only observe, because of `percent`? */
bool machine_is_spared(const struct config *config);

#endif
