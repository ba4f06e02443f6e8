/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "pinned.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "carry.h"
#include "cleanup.h"
#include "map_pins.h"
#include "pins.h"

/* Returns its fd; what it was made for by somebody else is not read. */
static int open_map(const char *pin_dir, const char *name, enum bpf_map_type type, uint32_t value_size, uint32_t entries)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s-%d", pin_dir, name, SIEVE_ABI_VERSION);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0 || info.type != (__u32)type ||
	    info.key_size != sizeof(uint32_t) || info.value_size != value_size || info.max_entries != entries)
		return -EINVAL;
	return take_fd(&fd);
}

int pinned_counters(const char *pin_dir, uint64_t ret_counters[SIEVE_COUNTERS])
{
	_cleanup_close_ int counters_fd = -1, carried_fd = -1;
	char path[PATH_MAX];
	struct carry carry;
	int r;

	counters_fd = open_map(pin_dir, "counters", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint64_t), SIEVE_COUNTERS);
	if (counters_fd < 0)
		return counters_fd;
	map_pins_format(path, pin_dir, "carried", SIEVE_ABI_VERSION);
	carried_fd = pins_open(path, PINS_MAP);
	r = carry_open(pin_dir, counters_fd, carried_fd, &carry);
	if (r < 0)
		return r;
	r = carry_totals(&carry, ret_counters);
	carry_close(&carry);
	return r;
}

int pinned_heartbeat(const char *pin_dir, uint64_t *ret_stamp_ns)
{
	_cleanup_close_ int fd = open_map(pin_dir, "heartbeat", BPF_MAP_TYPE_ARRAY, sizeof(struct sieve_heartbeat), 1);
	struct sieve_heartbeat beat;
	uint32_t zero = 0;

	if (fd < 0)
		return fd;
	if (bpf_map_lookup_elem(fd, &zero, &beat) < 0)
		return -errno;
	*ret_stamp_ns = beat.stamp_ns;
	return 0;
}
