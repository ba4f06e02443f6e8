/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "name_map.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"

struct entry {
	uint64_t key;
	uint32_t flags;
};

static int compare_entries(const void *one, const void *other)
{
	uint64_t a = ((const struct entry *)one)->key, b = ((const struct entry *)other)->key;

	return a < b ? -1 : a > b;
}

/* The entries of the map, sorted. Several rules can be about one suffix: all of them hold. */
static struct entry *make_entries(const struct names_rule *rules, size_t rule_count, size_t *ret_count)
{
	struct entry *entries = calloc(rule_count + 1, sizeof(*entries));
	size_t count = 0;

	for (size_t i = 0; entries && i < rule_count; i++)
		entries[i] = (struct entry){ rules[i].suffix, rules[i].flags };
	if (entries)
		qsort(entries, rule_count, sizeof(*entries), compare_entries);
	for (size_t i = 0; entries && i < rule_count; i++) {
		if (count > 0 && entries[count - 1].key == entries[i].key)
			entries[count - 1].flags |= entries[i].flags;
		else
			entries[count++] = entries[i];
	}
	*ret_count = count;
	return entries;
}

/* What an earlier controller had, and this one has not. */
static int sweep(int fd, const struct entry *entries, size_t count)
{
	struct entry key, next;
	uint64_t *previous = NULL;

	while (bpf_map_get_next_key(fd, previous, &next.key) == 0) {
		key.key = next.key;
		if (bsearch(&key, entries, count, sizeof(*entries), compare_entries))
			previous = &key.key;
		else if (bpf_map_delete_elem(fd, &key.key) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* First what is added: the programs of an earlier controller may be at work with this map. */
int name_map_fill(int fd, const struct names_rule *rules, size_t rule_count)
{
	size_t count;
	_cleanup_free_ struct entry *entries = make_entries(rules, rule_count, &count);

	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (bpf_map_update_elem(fd, &entries[i].key, &entries[i].flags, BPF_ANY) < 0)
			return -errno;
	return sweep(fd, entries, count);
}
