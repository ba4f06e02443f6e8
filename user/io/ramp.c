/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ramp.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stubsieve/abi.h>

#include "cleanup.h"

static int read_heartbeat(int fd, struct sieve_heartbeat *ret_heartbeat)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(fd, &zero, ret_heartbeat) < 0 ? -errno : 0;
}

int ramp_write(int heartbeat_fd, const struct ramp *ramp)
{
	struct sieve_heartbeat heartbeat;
	uint32_t zero = 0;
	int r;

	r = read_heartbeat(heartbeat_fd, &heartbeat);
	if (r < 0)
		return r;
	heartbeat.ramp_start_ns = ramp->start_ns;
	heartbeat.ramp_ns = ramp->ramp_ns;
	return bpf_map_update_elem(heartbeat_fd, &zero, &heartbeat, BPF_ANY) < 0 ? -errno : 0;
}

int ramp_read(int heartbeat_fd, struct ramp *ret_ramp)
{
	struct sieve_heartbeat heartbeat;
	int r;

	r = read_heartbeat(heartbeat_fd, &heartbeat);
	if (r < 0)
		return r;
	*ret_ramp = (struct ramp){ .start_ns = heartbeat.ramp_start_ns, .ramp_ns = heartbeat.ramp_ns };
	return 0;
}

int ramp_open_pinned(const char *pin_dir, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/heartbeat-%d", pin_dir, SIEVE_ABI_VERSION);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0 || info.type != BPF_MAP_TYPE_ARRAY ||
	    info.value_size != sizeof(struct sieve_heartbeat))
		return -EINVAL;
	*ret_fd = take_fd(&fd);
	return 0;
}
