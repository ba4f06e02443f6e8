/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The map `names`: what the programs look up of the suffixes that the configuration says something of. */
#ifndef STUBSIEVE_NAME_MAP_H
#define STUBSIEVE_NAME_MAP_H

#include <stddef.h>

#include "names.h"

/* Let the map hold what these rules say, and nothing else, also while programs use it. 0 or -errno. */
int name_map_fill(int fd, const struct names_rule *rules, size_t rule_count);

#endif
