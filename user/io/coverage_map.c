/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "coverage_map.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

static struct sieve_prefix key_of(uint32_t netns, const struct prefix *prefix)
{
	struct sieve_prefix key = {
		.bits = SIEVE_PREFIX_BITS + prefix->length,
		.netns = htonl(netns),
		.family = prefix->family,
	};

	memcpy(key.address, prefix->address, prefix_address_size(prefix->family));
	return key;
}

static void make_keys(uint32_t netns, const struct prefix *prefixes, size_t count, struct sieve_prefix *ret_keys)
{
	for (size_t i = 0; i < count; i++)
		ret_keys[i] = key_of(netns, &prefixes[i]);
}

/* Tries take batches since Linux 5.13. One by one is also the way to learn which one fails, and why. */
int coverage_map_add(int fd, uint32_t netns, const struct prefix *prefixes, size_t count)
{
	static const __u8 values[COVERAGE_MAP_BATCH];
	struct sieve_prefix keys[COVERAGE_MAP_BATCH];
	__u32 done = (__u32)count;

	make_keys(netns, prefixes, count, keys);
	if (count > 1 && bpf_map_update_batch(fd, keys, values, &done, NULL) == 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		if (bpf_map_update_elem(fd, &keys[i], &values[i], BPF_ANY) < 0)
			return -errno;
	return 0;
}

int coverage_map_remove(int fd, uint32_t netns, const struct prefix *prefixes, size_t count)
{
	struct sieve_prefix keys[COVERAGE_MAP_BATCH];
	__u32 done = (__u32)count;

	make_keys(netns, prefixes, count, keys);
	if (count > 1 && bpf_map_delete_batch(fd, keys, &done, NULL) == 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		if (bpf_map_delete_elem(fd, &keys[i]) < 0 && errno != ENOENT)
			return -errno;
	return 0;
}

static bool is_to_stay(const struct sieve_prefix *key, coverage_map_keep keep, void *data)
{
	struct prefix prefix = { .family = key->family, .length = (uint8_t)(key->bits - SIEVE_PREFIX_BITS) };

	if (key->bits < SIEVE_PREFIX_BITS || key->family >= SIEVE_FAMILIES)
		return false;
	memcpy(prefix.address, key->address, sizeof(prefix.address));
	return keep(ntohl(key->netns), &prefix, data);
}

int coverage_map_sweep(int fd, struct coverage_map_sweep *sweep, size_t most, coverage_map_keep keep, void *data)
{
	for (size_t i = 0; i < most; i++) {
		struct sieve_prefix key;

		if (bpf_map_get_next_key(fd, sweep->has_kept ? &sweep->kept : NULL, &key) < 0)
			return errno == ENOENT ? 0 : -errno;
		if (is_to_stay(&key, keep, data)) {
			sweep->kept = key;
			sweep->has_kept = true;
		} else if (bpf_map_delete_elem(fd, &key) < 0 && errno != ENOENT) {
			return -errno;
		}
	}
	return 1;
}
