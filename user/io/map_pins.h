/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps that are pinned in pin_dir: as NAME-VERSION, after the map's own name and the SIEVE_ABI_VERSION that it is of.
 * `carried` belongs to all versions and has none.
 */
#ifndef STUBSIEVE_MAP_PINS_H
#define STUBSIEVE_MAP_PINS_H

#include <limits.h>
#include <stdbool.h>

#include "error.h"

struct bpf_object;

/* The names of our maps, NULL at the end. */
extern const char *const map_pins_names[];

void map_pins_format(char path[PATH_MAX], const char *pin_dir, const char *name, int version);

/* The version that the pin's name ends in; -1: it is not called like one of that map. */
int map_pins_version(const char *pin, const char *name);

/*
 * Have the object take over, or make and pin, the maps it creates; of one that it does without the pin goes. What is
 * pinned there under one of our names and is not that map of ours is refused: -EEXIST, with `error`. A map that only has
 * room for another number of network namespaces gives way, and `heartbeat` with it.
 */
int map_pins_use(struct bpf_object *object, const char *pin_dir, struct error *error);

/* Are all of them pinned there still? A quick look. */
bool map_pins_are_there(struct bpf_object *object, const char *pin_dir);

/*
 * A bpffs came in the place of the one with our pins: pin the maps of the loaded object there, in place of what an older
 * directory has. 0 or -errno.
 */
int map_pins_again(struct bpf_object *object, const char *pin_dir);

/* Pin the maps of the loaded object in place of those that are there. */
int map_pins_replace(struct bpf_object *object, const char *pin_dir, struct error *error);

/*
 * Remove the pins of our maps, with `others_only` those of other versions; what is not ours stays. Of another version a
 * map is known by its name alone, for that may have maps that this one never heard of. `object` is not loaded.
 */
int map_pins_remove(struct bpf_object *object, const char *pin_dir, bool others_only, struct error *error);

#endif
