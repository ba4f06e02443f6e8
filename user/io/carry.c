/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "carry.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/membarrier.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "counter.h"
#include "map_pins.h"
#include "pins.h"

/* A counter's sum over all CPUs. */
static int read_sum(const struct carry *carry, int fd, uint32_t index, uint64_t *ret_sum)
{
	uint64_t sum = 0;

	if (bpf_map_lookup_elem(fd, &index, carry->values) < 0)
		return -errno;
	for (int cpu = 0; cpu < carry->cpus; cpu++)
		sum += carry->values[cpu];
	*ret_sum = sum;
	return 0;
}

/* Zeros where nothing was carried under this name. */
static struct sieve_carried read_carried(const struct carry *carry, const struct sieve_counter_name *name)
{
	struct sieve_carried carried;

	if (bpf_map_lookup_elem(carry->carried_fd, name, &carried) < 0)
		return (struct sieve_carried){};
	return carried;
}

static bool is_same(const struct sieve_counter_name *one, const struct sieve_counter_name *other)
{
	return memcmp(one, other, sizeof(*one)) == 0;
}

/* A name's index; negative: the source has none of that name. */
static int64_t find_name(const struct carry_source *source, const struct sieve_counter_name *name)
{
	for (uint32_t i = 0; i < source->count; i++)
		if (is_same(&source->names[i], name))
			return i;
	return -1;
}

/* Then all of it is in `carried`, which remembers only the source that came last. */
static bool is_taken(const char *pin_dir, const struct carry_source *source)
{
	char path[PATH_MAX];

	map_pins_format(path, pin_dir, "counters", source->version);
	return access(path, F_OK) < 0;
}

static int add_others(const struct carry *carry, const struct sieve_counter_name *name,
		      const struct sieve_carried *entry, uint64_t *ret_value)
{
	struct sieve_carried carried = *entry;
	uint64_t value = carried.source == carry->id ? carried.total - carried.taken : carried.total, sum = 0;

	for (size_t i = 0; i < carry->count; i++) {
		const struct carry_source *source = &carry->sources[i];
		int64_t index = find_name(source, name);
		int r;

		if (index < 0 || is_taken(carry->pin_dir, source))
			continue;
		r = read_sum(carry, source->counters_fd, (uint32_t)index, &sum);
		if (r < 0)
			return r;
		value += carried.source == source->id ? sum - carried.taken : sum;
	}
	*ret_value = value;
	return 0;
}

/*
 * What other versions counted under this name. While another process adds to the entry of `carried` and removes the pins
 * of what it added, the two belong together only if the entry is the same before and after the look at the pins.
 */
static int read_others(const struct carry *carry, const struct sieve_counter_name *name, uint64_t *ret_value)
{
	struct sieve_carried carried = read_carried(carry, name), before;
	int r;

	do {
		before = carried;
		r = add_others(carry, name, &before, ret_value);
		carried = read_carried(carry, name);
	} while (r == 0 && memcmp(&carried, &before, sizeof(before)) != 0);
	return r;
}

static bool is_known(const struct sieve_counter_name *name)
{
	struct sieve_counter_name own;

	for (uint32_t i = 0; i < SIEVE_COUNTERS; i++) {
		counter_name(i, &own);
		if (is_same(&own, name))
			return true;
	}
	return false;
}

static int write_names(int fd)
{
	struct sieve_counter_name name;

	for (uint32_t i = 0; i < SIEVE_COUNTERS; i++) {
		counter_name(i, &name);
		if (bpf_map_update_elem(fd, &i, &name, BPF_ANY) < 0)
			return -errno;
	}
	return 0;
}

static bool has_layout(int fd, enum bpf_map_type type, uint32_t value_size, struct bpf_map_info *ret_info)
{
	__u32 size = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	return fd >= 0 && bpf_obj_get_info_by_fd(fd, ret_info, &size) == 0 && ret_info->type == (__u32)type &&
	       ret_info->key_size == sizeof(uint32_t) && ret_info->value_size == value_size;
}

static int read_names(int fd, uint32_t count, struct sieve_counter_name **ret_names)
{
	struct sieve_counter_name *names = calloc(count, sizeof(*names));

	if (!names)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		if (bpf_map_lookup_elem(fd, &i, &names[i]) < 0) {
			free(names);
			return -errno;
		}
	*ret_names = names;
	return 0;
}

/* What is not as the contract has it for ever is not believed. */
static int add_source(struct carry *carry, const char *pin_dir, int version)
{
	struct carry_source *sources = reallocarray(carry->sources, carry->count + 1, sizeof(*sources)), *source;
	_cleanup_close_ int counters_fd = -1, names_fd = -1;
	struct bpf_map_info counters, names;
	char path[PATH_MAX];
	int r;

	if (!sources)
		return -ENOMEM;
	carry->sources = sources;
	source = &sources[carry->count];
	map_pins_format(path, pin_dir, "counters", version);
	counters_fd = pins_open(path, PINS_MAP);
	map_pins_format(path, pin_dir, "counter_names", version);
	names_fd = pins_open(path, PINS_MAP);
	if (!has_layout(counters_fd, BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint64_t), &counters) ||
	    !has_layout(names_fd, BPF_MAP_TYPE_ARRAY, sizeof(struct sieve_counter_name), &names))
		return 0;
	*source = (struct carry_source){ .version = version, .id = counters.id, .count = names.max_entries };
	if (source->count > counters.max_entries)
		source->count = counters.max_entries;
	r = read_names(names_fd, source->count, &source->names);
	if (r < 0)
		return r;
	source->counters_fd = take_fd(&counters_fd);
	carry->count++;
	return 0;
}

static int find_sources(struct carry *carry, const char *pin_dir)
{
	_cleanup_closedir_ DIR *directory = opendir(pin_dir);
	struct dirent *entry;
	int r = 0;

	if (!directory)
		return -errno;
	while (r == 0 && (entry = readdir(directory))) {
		int version = map_pins_version(entry->d_name, "counters");

		if (version >= 0 && version != SIEVE_ABI_VERSION)
			r = add_source(carry, pin_dir, version);
	}
	return r;
}

/* Ends with the first that does not return 0. */
typedef int (*carried_callback)(const struct carry *carry, const struct sieve_counter_name *name,
				const struct sieve_carried *carried, void *data);

static int each_carried(const struct carry *carry, carried_callback callback, void *data)
{
	struct sieve_counter_name *previous = NULL, name, next;
	int r = 0;

	while (r == 0 && bpf_map_get_next_key(carry->carried_fd, previous, &next) == 0) {
		struct sieve_carried carried;

		name = next;
		previous = &name;
		if (bpf_map_lookup_elem(carry->carried_fd, &name, &carried) == 0)
			r = callback(carry, &name, &carried, data);
	}
	return r;
}

/* A controller of another version began to add what ours counted, and then we came back: our map has it still. */
static int give_back(const struct carry *carry, const struct sieve_counter_name *name,
		     const struct sieve_carried *carried, void *data)
{
	const struct sieve_carried rest = { .total = carried->total - carried->taken };

	(void)data;
	if (carried->source != carry->id)
		return 0;
	return bpf_map_update_elem(carry->carried_fd, name, &rest, BPF_ANY) < 0 ? -errno : 0;
}

int carry_begin(const struct carry *carry, int names_fd)
{
	int r = each_carried(carry, give_back, NULL);

	return r < 0 ? r : write_names(names_fd);
}

int carry_open(const char *pin_dir, int counters_fd, int carried_fd, struct carry *ret_carry)
{
	struct carry carry = { .counters_fd = counters_fd, .carried_fd = carried_fd, .cpus = libbpf_num_possible_cpus() };
	struct bpf_map_info info;
	int r = 0;

	if (carry.cpus < 0)
		return carry.cpus;
	carry.values = calloc((size_t)carry.cpus, sizeof(*carry.values));
	if (!carry.values)
		return -ENOMEM;
	if (!has_layout(counters_fd, BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint64_t), &info))
		r = -EINVAL;
	if (pin_dir && !(carry.pin_dir = strdup(pin_dir)))
		r = -ENOMEM;
	carry.id = info.id;
	if (r == 0 && pin_dir)
		r = find_sources(&carry, pin_dir);
	if (r < 0) {
		carry_close(&carry);
		return r;
	}
	*ret_carry = carry;
	return 0;
}

static void close_source(struct carry_source *source)
{
	close(source->counters_fd);
	free(source->names);
}

void carry_close(struct carry *carry)
{
	for (size_t i = 0; i < carry->count; i++)
		close_source(&carry->sources[i]);
	free(carry->sources);
	free(carry->values);
	free(carry->pin_dir);
	*carry = (struct carry){};
}

int carry_totals(const struct carry *carry, uint64_t ret_counters[SIEVE_COUNTERS])
{
	uint64_t counters[SIEVE_COUNTERS], others = 0;
	struct sieve_counter_name name;

	for (uint32_t i = 0; i < SIEVE_COUNTERS; i++) {
		int r = read_sum(carry, carry->counters_fd, i, &counters[i]);

		counter_name(i, &name);
		if (r == 0 && name.text[0])
			r = read_others(carry, &name, &others);
		if (r < 0)
			return r;
		if (name.text[0])
			counters[i] += others;
	}
	memcpy(ret_counters, counters, sizeof(counters));
	return 0;
}

static void tell(const struct carry *carry, const struct sieve_counter_name *name, carry_callback callback, void *data)
{
	char text[SIEVE_COUNTER_NAME_MAX + 1] = "";
	uint64_t value;

	memcpy(text, name->text, sizeof(name->text));
	if (!is_known(name) && text[0] && read_others(carry, name, &value) == 0)
		callback(text, value, data);
}

struct telling {
	carry_callback callback;
	void *data;
};

static int tell_carried(const struct carry *carry, const struct sieve_counter_name *name,
			const struct sieve_carried *carried, void *data)
{
	const struct telling *telling = data;

	(void)carried;
	tell(carry, name, telling->callback, telling->data);
	return 0;
}

/* Told of already, as something carried or of a source before this one? */
static bool is_told(const struct carry *carry, size_t before, const struct sieve_counter_name *name)
{
	struct sieve_carried carried;

	for (size_t i = 0; i < before; i++)
		if (find_name(&carry->sources[i], name) >= 0)
			return true;
	return bpf_map_lookup_elem(carry->carried_fd, name, &carried) == 0;
}

void carry_each_unknown(const struct carry *carry, carry_callback callback, void *data)
{
	struct telling telling = { callback, data };

	each_carried(carry, tell_carried, &telling);
	for (size_t i = 0; i < carry->count; i++)
		for (uint32_t k = 0; k < carry->sources[i].count; k++)
			if (!is_told(carry, i, &carry->sources[i].names[k]))
				tell(carry, &carry->sources[i].names[k], callback, data);
}

/* In one write, so that however it ends a counter was added, or not. */
static int take_counter(const struct carry *carry, const struct carry_source *source, uint32_t index)
{
	const struct sieve_counter_name *name = &source->names[index];
	struct sieve_carried carried = read_carried(carry, name);
	uint64_t sum = 0;
	int r = read_sum(carry, source->counters_fd, index, &sum);

	if (r < 0 || !name->text[0] || (sum == 0 && carried.total == 0))
		return r;
	carried.total += carried.source == source->id ? sum - carried.taken : sum;
	carried.taken = sum;
	carried.source = source->id;
	return bpf_map_update_elem(carry->carried_fd, name, &carried, BPF_ANY) < 0 ? -errno : 0;
}

/* Has somebody begun with this one, and not come to the end? */
static int find_begun(const struct carry *carry, const struct sieve_counter_name *name,
		      const struct sieve_carried *carried, void *data)
{
	const uint32_t *id = data;

	(void)carry;
	(void)name;
	return carried->source == *id;
}

/* One that was begun comes first: with another one in between it would be added again. */
static struct carry_source *next_source(struct carry *carry)
{
	for (size_t i = 0; i < carry->count; i++)
		if (each_carried(carry, find_begun, &carry->sources[i].id) > 0)
			return &carry->sources[i];
	return &carry->sources[0];
}

static int take_source(struct carry *carry, const char *pin_dir, const struct carry_source *source)
{
	char path[PATH_MAX];
	int r = 0;

	if (is_taken(pin_dir, source)) /* by another one */
		return 0;
	map_pins_format(path, pin_dir, "counters", source->version);
	for (uint32_t i = 0; r == 0 && i < source->count; i++)
		r = take_counter(carry, source, i);
	if (r == 0 && unlink(path) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

/* A program that was replaced can still be at work on another CPU. */
static void wait_for_programs(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

int carry_take(struct carry *carry, const char *pin_dir)
{
	if (carry->count > 0)
		wait_for_programs();
	while (carry->count > 0) {
		struct carry_source *source = next_source(carry);
		int r = take_source(carry, pin_dir, source);

		if (r < 0)
			return r;
		close_source(source);
		*source = carry->sources[--carry->count];
	}
	return 0;
}
