/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "map_pins.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stubsieve/abi.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "pins.h"

#define CARRIED "carried"

const char *const map_pins_names[] = { "netns",	 "cgroups", "servers",  "names",	 "heartbeat", "counters",
				       "counter_names", CARRIED, "events", "coverage", "vacant", NULL };

void map_pins_format(char path[PATH_MAX], const char *pin_dir, const char *name, int version)
{
	if (strcmp(name, CARRIED) == 0)
		snprintf(path, PATH_MAX, "%s/%s", pin_dir, name);
	else
		snprintf(path, PATH_MAX, "%s/%s-%d", pin_dir, name, version);
}

int map_pins_version(const char *pin, const char *name)
{
	size_t length = strlen(name);
	const char *digits = pin + length + 1;

	if (strncmp(pin, name, length) != 0 || pin[length] != '-' || !*digits || strlen(digits) > 6 ||
	    digits[strspn(digits, "0123456789")])
		return -1;
	return atoi(digits);
}

static bool is_one_of_ours(const struct bpf_map *map)
{
	for (size_t i = 0; map_pins_names[i]; i++)
		if (strcmp(bpf_map__name(map), map_pins_names[i]) == 0)
			return true;
	return false;
}

/* In the kernel names are cut. */
static bool is_called(const struct bpf_map_info *info, const char *name)
{
	return strncmp(info->name, name, sizeof(info->name) - 1) == 0;
}

static bool has_room(const struct bpf_map_info *info, const struct bpf_map *map)
{
	return info->max_entries == bpf_map__max_entries(map);
}

/* How many namespaces there may be is configured. */
static bool is_that_map(const struct bpf_map_info *info, const struct bpf_map *map)
{
	return is_called(info, bpf_map__name(map)) && info->type == (__u32)bpf_map__type(map) &&
	       info->key_size == bpf_map__key_size(map) && info->value_size == bpf_map__value_size(map) &&
	       info->map_flags == bpf_map__map_flags(map) &&
	       (has_room(info, map) || strcmp(bpf_map__name(map), "netns") == 0);
}

/* -ENOENT: nothing is there. -EEXIST: it is no map. */
static int look_at(const char *path, struct bpf_map_info *ret_info)
{
	_cleanup_close_ int fd = pins_open(path, PINS_MAP);
	__u32 size = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	if (fd < 0)
		return fd;
	return bpf_obj_get_info_by_fd(fd, ret_info, &size) < 0 ? -errno : 0;
}

static int refuse(const char *path, struct error *error)
{
	return fail(error, EEXIST, "%s is not the map of ours with that name; remove it, or use another --pin-dir", path);
}

/*
 * Programs of an earlier controller keep the map `netns` that they have until they are replaced, and nobody writes to it
 * any more: they must not find a heartbeat either, by which they would go by it for good.
 */
static bool netns_gives_way(struct bpf_object *object, const char *pin_dir)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(object, "netns");
	struct bpf_map_info info;
	char path[PATH_MAX];

	map_pins_format(path, pin_dir, "netns", SIEVE_ABI_VERSION);
	return map && look_at(path, &info) == 0 && is_that_map(&info, map) && !has_room(&info, map);
}

static int use(struct bpf_map *map, const char *pin_dir, bool is_new_netns, struct error *error)
{
	bool gives_way = is_new_netns && strcmp(bpf_map__name(map), "heartbeat") == 0;
	struct bpf_map_info info;
	char path[PATH_MAX];
	int r;

	map_pins_format(path, pin_dir, bpf_map__name(map), SIEVE_ABI_VERSION);
	r = look_at(path, &info);
	if (r < 0 && r != -ENOENT && r != -EEXIST)
		return fail(error, -r, "cannot look at %s: %s", path, strerror(-r));
	if (r == -EEXIST || (r == 0 && !is_that_map(&info, map)))
		return refuse(path, error);
	if (r == 0 && (!bpf_map__autocreate(map) || !has_room(&info, map) || gives_way))
		unlink(path);
	if (!bpf_map__autocreate(map))
		return 0;
	r = bpf_map__set_pin_path(map, path);
	return r < 0 ? fail(error, -r, "cannot use the pins in %s: %s", pin_dir, strerror(-r)) : 0;
}

int map_pins_use(struct bpf_object *object, const char *pin_dir, struct error *error)
{
	bool is_new_netns = netns_gives_way(object, pin_dir);
	struct bpf_map *map;
	int r = 0;

	bpf_object__for_each_map(map, object)
		if (r == 0 && is_one_of_ours(map))
			r = use(map, pin_dir, is_new_netns, error);
	return r;
}

bool map_pins_are_there(struct bpf_object *object, const char *pin_dir)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		char path[PATH_MAX];

		if (!is_one_of_ours(map) || !bpf_map__autocreate(map))
			continue;
		map_pins_format(path, pin_dir, bpf_map__name(map), SIEVE_ABI_VERSION);
		if (access(path, F_OK) < 0)
			return false;
	}
	return true;
}

/* By another name first, of a version that there is not, which map_pins_remove() knows as well. */
static int pin_anew(const struct bpf_map *map, const char *path, const char *pin_dir)
{
	char temporary[PATH_MAX];
	int r;

	snprintf(temporary, sizeof(temporary), "%s/%s-0", pin_dir, bpf_map__name(map));
	unlink(temporary);
	if (bpf_obj_pin(bpf_map__fd(map), temporary) < 0)
		return -errno;
	if (rename(temporary, path) == 0)
		return 0;
	r = -errno;
	unlink(temporary);
	return r;
}

int map_pins_again(struct bpf_object *object, const char *pin_dir)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		char path[PATH_MAX];
		int r;

		if (!is_one_of_ours(map) || !bpf_map__autocreate(map))
			continue;
		map_pins_format(path, pin_dir, bpf_map__name(map), SIEVE_ABI_VERSION);
		r = pin_anew(map, path, pin_dir);
		if (r < 0)
			return r;
	}
	return 0;
}

int map_pins_replace(struct bpf_object *object, const char *pin_dir, struct error *error)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		char path[PATH_MAX];
		int r;

		if (!is_one_of_ours(map))
			continue;
		map_pins_format(path, pin_dir, bpf_map__name(map), SIEVE_ABI_VERSION);
		if (bpf_map__autocreate(map))
			r = pin_anew(map, path, pin_dir);
		else
			r = unlink(path) < 0 && errno != ENOENT ? -errno : 0;
		if (r < 0)
			return fail(error, -r, "cannot pin %s: %s", path, strerror(-r));
	}
	return 0;
}

static bool is_ours(struct bpf_object *object, const char *pin_dir, const char *pin, bool others_only)
{
	struct bpf_map_info info;
	char path[PATH_MAX], own[PATH_MAX], name[NAME_MAX + 1];
	struct bpf_map *map;
	const char *dash;

	if (snprintf(path, sizeof(path), "%s/%s", pin_dir, pin) >= (int)sizeof(path) || look_at(path, &info) < 0)
		return false;
	bpf_object__for_each_map(map, object) {
		map_pins_format(own, pin_dir, bpf_map__name(map), SIEVE_ABI_VERSION);
		if (strcmp(own, path) == 0)
			return !others_only && is_one_of_ours(map) && is_that_map(&info, map);
	}
	/* The names of a later version's maps are its own. */
	dash = strrchr(pin, '-');
	if (!dash)
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)(dash - pin), pin);
	return map_pins_version(pin, name) >= 0 && map_pins_version(pin, name) != SIEVE_ABI_VERSION && is_called(&info, name);
}

int map_pins_remove(struct bpf_object *object, const char *pin_dir, bool others_only, struct error *error)
{
	_cleanup_closedir_ DIR *directory = opendir(pin_dir);
	struct dirent *entry;

	if (!directory)
		return errno == ENOENT ? 0 : fail(error, errno, "cannot read %s: %s", pin_dir, strerror(errno));
	while ((entry = readdir(directory)))
		if (is_ours(object, pin_dir, entry->d_name, others_only) &&
		    unlinkat(dirfd(directory), entry->d_name, 0) < 0 && errno != ENOENT)
			return fail(error, errno, "cannot remove %s/%s: %s", pin_dir, entry->d_name, strerror(errno));
	return 0;
}
