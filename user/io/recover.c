/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "recover.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <stubsieve/abi.h>
#include <unistd.h>

#include "cleanup.h"
#include "counter.h"
#include "identity.h"
#include "orphans.h"

#define COUNTERS 0
#define NAMES 1
#define CARRIED 2
#define RECORDS 3

const char *const recover_names[] = { [COUNTERS] = "counters", [NAMES] = "counter_names", [CARRIED] = "carried", NULL };

struct record {
	struct bpf_map *maps[RECORDS]; /* those that are looked for */
	int fds[RECORDS];
};

static bool is_that_map(int fd, const struct bpf_map *map)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.type == (__u32)bpf_map__type(map) &&
	       info.key_size == bpf_map__key_size(map) && info.value_size == bpf_map__value_size(map) &&
	       info.max_entries == bpf_map__max_entries(map) && info.map_flags == bpf_map__map_flags(map);
}

/* Of another version the same index is something else. */
static bool has_our_names(int fd)
{
	struct sieve_counter_name want, have;

	for (uint32_t i = 0; i < SIEVE_COUNTERS; i++) {
		counter_name(i, &want);
		if (bpf_map_lookup_elem(fd, &i, &have) < 0 || memcmp(&want, &have, sizeof(want)) != 0)
			return false;
	}
	return true;
}

static void close_record(struct record *record)
{
	for (int i = 0; i < RECORDS; i++) {
		cleanup_close(&record->fds[i]);
		record->fds[i] = -1;
	}
}

/* All of them, or none: they are about each other. */
static int take_record(uint32_t program, void *data)
{
	struct record *record = data;
	bool is_whole = true;

	for (int i = 0; is_whole && i < RECORDS; i++) {
		record->fds[i] = identity_open_map(program, recover_names[i]);
		is_whole = record->fds[i] >= 0 && is_that_map(record->fds[i], record->maps[i]);
	}
	if (is_whole && has_our_names(record->fds[NAMES]))
		return 1;
	close_record(record);
	return 0;
}

static bool has_pin(const struct bpf_map *map)
{
	const char *path = bpf_map__pin_path(map);

	return path && access(path, F_OK) == 0;
}

int recover_counted(struct bpf_object *object, const char *pin_dir)
{
	struct record record = { .fds = { -1, -1, -1 } };
	bool is_lost = false;
	int r = 0;

	for (int i = 0; i < RECORDS; i++) {
		record.maps[i] = bpf_object__find_map_by_name(object, recover_names[i]);
		if (!record.maps[i])
			return -ENOENT;
		is_lost |= !has_pin(record.maps[i]);
	}
	if (!is_lost || orphans_each_program(pin_dir, take_record, &record) <= 0)
		return 0;
	for (int i = 0; r == 0 && i < RECORDS; i++)
		if (!has_pin(record.maps[i]))
			r = bpf_map__reuse_fd(record.maps[i], record.fds[i]);
	close_record(&record);
	return r;
}
