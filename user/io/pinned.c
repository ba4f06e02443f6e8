/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "pinned.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"

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
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ uint64_t *values = calloc(cpus > 0 ? (size_t)cpus : 1, sizeof(*values));
	_cleanup_close_ int fd = -1;
	uint64_t counters[SIEVE_COUNTERS] = {};

	if (cpus <= 0 || !values)
		return cpus < 0 ? cpus : -ENOMEM;
	fd = open_map(pin_dir, "counters", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(*values), SIEVE_COUNTERS);
	if (fd < 0)
		return fd;
	for (uint32_t i = 0; i < SIEVE_COUNTERS; i++) {
		if (bpf_map_lookup_elem(fd, &i, values) < 0)
			return -errno;
		for (int cpu = 0; cpu < cpus; cpu++)
			counters[i] += values[cpu];
	}
	for (size_t i = 0; i < SIEVE_COUNTERS; i++)
		ret_counters[i] = counters[i];
	return 0;
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
