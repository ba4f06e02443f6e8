/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "identity.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

#define MAPS_MAX 64 /* of one program: as many as the verifier takes */
#define OUR_PREFIX "sieve_"

struct sieve_instance identity_instance(const char *pin_dir)
{
	struct sieve_instance instance = {};
	size_t length = 0;

	for (const char *octet = pin_dir; *octet && length < sizeof(instance.pin_dir) - 1; octet++)
		if (*octet != '/' || (octet[1] && octet[1] != '/'))
			instance.pin_dir[length++] = *octet;
	return instance;
}

static bool is_instance(int map_fd, const struct bpf_map_info *info, const char *pin_dir)
{
	const struct sieve_instance want = identity_instance(pin_dir);
	struct sieve_instance have;
	uint32_t zero = 0;

	return strcmp(info->name, "instance") == 0 && info->type == BPF_MAP_TYPE_ARRAY && info->value_size == sizeof(have) &&
	       bpf_map_lookup_elem(map_fd, &zero, &have) == 0 && memcmp(&have, &want, sizeof(want)) == 0;
}

static void look_at_map(uint32_t id, const char *pin_dir, struct identity *identity)
{
	_cleanup_close_ int fd = bpf_map_get_fd_by_id(id);
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return;
	if (strcmp(info.name, "heartbeat") == 0)
		identity->heartbeat = id;
	if (is_instance(fd, &info, pin_dir))
		identity->kind = IDENTITY_OURS;
}

static bool is_called(int fd, const char *name)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && strcmp(info.name, name) == 0;
}

int identity_open_map(uint32_t program, const char *name)
{
	_cleanup_close_ int program_fd = bpf_prog_get_fd_by_id(program);
	__u32 maps[MAPS_MAX];
	struct bpf_prog_info info = { .map_ids = (__u64)(uintptr_t)maps, .nr_map_ids = MAPS_MAX };
	__u32 size = sizeof(info);

	if (program_fd < 0 || bpf_obj_get_info_by_fd(program_fd, &info, &size) < 0)
		return -ENOENT;
	for (__u32 i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++) {
		_cleanup_close_ int fd = bpf_map_get_fd_by_id(maps[i]);

		if (fd >= 0 && is_called(fd, name))
			return take_fd(&fd);
	}
	return -ENOENT;
}

/* Whoever named it may not write to the terminal of who reads it. */
static void take_name(struct identity *identity, const char *name)
{
	snprintf(identity->name, sizeof(identity->name), "%s", name);
	for (char *octet = identity->name; *octet; octet++)
		if ((unsigned char)*octet < ' ' || (unsigned char)*octet >= 0x7f)
			*octet = '?';
}

struct identity identity_of_program(uint32_t id, const char *pin_dir)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	struct identity identity = { .kind = IDENTITY_UNKNOWN };
	__u32 maps[MAPS_MAX];
	struct bpf_prog_info info = { .map_ids = (__u64)(uintptr_t)maps, .nr_map_ids = MAPS_MAX };
	__u32 size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return identity;
	take_name(&identity, info.name);
	identity.kind = strncmp(info.name, OUR_PREFIX, strlen(OUR_PREFIX)) == 0 ? IDENTITY_OTHER : IDENTITY_FOREIGN;
	for (__u32 i = 0; pin_dir && identity.kind != IDENTITY_FOREIGN && i < info.nr_map_ids && i < MAPS_MAX; i++)
		look_at_map(maps[i], pin_dir, &identity);
	return identity;
}
