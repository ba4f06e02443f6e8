/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "coverage_map.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "clock.h"

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

/* At most so many in one call. */
#define BATCH 256

static void make_keys(uint32_t netns, const struct prefix *prefixes, size_t count, struct sieve_prefix *ret_keys)
{
	for (size_t i = 0; i < count; i++)
		ret_keys[i] = key_of(netns, &prefixes[i]);
}

/*
 * Tries take batches since Linux 5.13. Where one does not go through, for whatever reason, each goes by itself: to add
 * what is there, or to remove what is not, is no error.
 */
static int add(const struct coverage_place *place, const struct prefix *prefixes, size_t count)
{
	static const __u8 values[BATCH];
	struct sieve_prefix keys[BATCH];
	__u32 done = (__u32)count;

	make_keys(place->netns, prefixes, count, keys);
	for (size_t i = 0; place->vacancy && i < count; i++)
		vacancy_take(place->vacancy, place->netns, &prefixes[i]);
	if (count > 1 && bpf_map_update_batch(place->fd, keys, values, &done, NULL) == 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		if (bpf_map_update_elem(place->fd, &keys[i], &values[i], BPF_ANY) < 0)
			return -errno;
	return 0;
}

static int take_out(const struct coverage_place *place, const struct prefix *prefixes, size_t count)
{
	struct sieve_prefix keys[BATCH];
	__u32 done = (__u32)count;

	make_keys(place->netns, prefixes, count, keys);
	if (place->vacancy)
		place->vacancy->is_stale = true;
	if (count > 1 && bpf_map_delete_batch(place->fd, keys, &done, NULL) == 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		if (bpf_map_delete_elem(place->fd, &keys[i]) < 0 && errno != ENOENT)
			return -errno;
	return 0;
}

void coverage_list_init(struct coverage_list *list, enum sieve_family family)
{
	*list = (struct coverage_list){ .listed = { .family = family }, .target = { .family = family } };
}

void coverage_list_free(struct coverage_list *list)
{
	prefix_set_free(&list->listed);
	prefix_set_free(&list->target);
}

void coverage_list_aim(struct coverage_list *list, struct prefix_set *target)
{
	list->target = *target;
	*target = (struct prefix_set){ .family = list->target.family };
	list->walk = (struct prefix_walk){};
	list->phase = COVERAGE_ADDING;
}

static void enter_phase(struct coverage_list *list, enum coverage_phase phase)
{
	list->phase = phase;
	list->walk = (struct prefix_walk){};
}

/* What is to go is counted until all of it has gone. */
static bool take_quota(struct coverage_list *list, struct coverage_quota *quota, size_t count)
{
	if (!quota)
		return true;
	if (quota->used >= quota->most || count > quota->most - quota->used)
		return false;
	quota->used += count;
	list->held += count;
	return true;
}

static void settle_quota(struct coverage_list *list, struct coverage_quota *quota)
{
	if (!quota)
		return;
	quota->used -= list->held - list->listed.count;
	list->held = list->listed.count;
}

int coverage_list_add(struct coverage_list *list, const struct coverage_place *place)
{
	struct prefix prefixes[BATCH];

	do {
		size_t count = prefix_set_missing(&list->target, &list->listed, &list->walk, prefixes, BATCH);
		int r = 0;

		if (count > 0)
			r = take_quota(list, place->quota, count) ? add(place, prefixes, count) : -ENOSPC;
		if (count == 0 || r < 0) {
			enter_phase(list, r < 0 ? COVERAGE_UNDOING : COVERAGE_REMOVING);
			return r;
		}
	} while (clock_thread_cpu_ns() < place->until);
	return 1;
}

static void rest(struct coverage_list *list)
{
	if (list->phase == COVERAGE_REMOVING) {
		struct prefix_set old = list->listed;

		list->listed = list->target;
		list->target = old;
	}
	prefix_set_free(&list->target);
	list->phase = COVERAGE_RESTING;
}

void coverage_list_remove(struct coverage_list *list, const struct coverage_place *place)
{
	bool undoes = list->phase == COVERAGE_UNDOING;
	const struct prefix_set *from = undoes ? &list->target : &list->listed;
	const struct prefix_set *to = undoes ? &list->listed : &list->target;
	struct prefix prefixes[BATCH];

	do {
		size_t count = prefix_set_missing(from, to, &list->walk, prefixes, BATCH);

		if (count == 0) {
			rest(list);
			settle_quota(list, place->quota);
			return;
		}
		take_out(place, prefixes, count);
	} while (clock_thread_cpu_ns() < place->until);
}

void coverage_list_withdraw(struct coverage_list *list, const struct coverage_place *place)
{
	struct coverage_place all = *place;
	struct prefix_set none = { .family = list->listed.family };

	all.until = UINT64_MAX;
	if (list->phase != COVERAGE_RESTING) {
		enter_phase(list, COVERAGE_UNDOING);
		coverage_list_remove(list, &all);
	}
	coverage_list_aim(list, &none);
	enter_phase(list, COVERAGE_REMOVING);
	coverage_list_remove(list, &all);
}

void coverage_list_mark(const struct coverage_list *list, uint32_t netns, uint64_t *used)
{
	vacancy_mark(used, netns, &list->listed);
	vacancy_mark(used, netns, &list->target);
}

bool coverage_list_has(const struct coverage_list *list, const struct prefix *prefix)
{
	return prefix_set_has(&list->listed, prefix) || prefix_set_has(&list->target, prefix);
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
