/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "hooks_json.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>

#include "cleanup.h"
#include "connectivity_json.h"
#include "hooks.h"
#include "link_info.h"

static const char *owner_of(uint32_t id, const struct own_programs *own)
{
	for (size_t i = 0; i < own->count; i++)
		if (own->ids[i] == id)
			return "stubsieve";
	return "foreign";
}

/* `name` as the hook has it, if it has; a program's own name takes a capability. */
static void add(json_t *array, const char *hook, uint32_t id, const char *name, const struct own_programs *own)
{
	const struct identity identity = identity_of_program(id, NULL);
	const char *known = id && identity.name[0] ? identity.name : name;

	json_array_append_new(array, json_pack("{s:o, s:o, s:s, s:s}", "id", id ? json_integer(id) : json_null(), "name",
					       known && known[0] ? json_text(known) : json_null(), "owner", owner_of(id, own),
					       "hook", hook));
}

static void add_all(json_t *array, const char *hook, const struct hook_programs *programs, const struct own_programs *own)
{
	for (size_t i = 0; i < programs->count; i++)
		add(array, hook, programs->programs[i], NULL, own);
}

/* Whoever has a network namespace can have a million. */
#define FILTERS_MAX 64

struct filters {
	json_t *array;
	size_t count;
	bool is_more;
	const struct own_programs *own;
};

static bool add_filter(uint32_t id, const char *name, void *data)
{
	struct filters *filters = data;

	filters->is_more = filters->count++ == FILTERS_MAX;
	if (!filters->is_more)
		add(filters->array, "clsact", id, name, filters->own);
	return !filters->is_more;
}

static json_t *side_json(uint32_t ifindex, uint32_t attach_type, bool is_egress, const struct own_programs *own, bool *is_more)
{
	struct filters filters = { .array = json_array(), .own = own };
	struct hook_programs programs;

	if (hooks_query_device(ifindex, attach_type, &programs) == 0)
		add_all(filters.array, "tcx", &programs, own);
	if (hooks_each_filter(ifindex, is_egress, add_filter, &filters) == -ETIMEDOUT || filters.is_more)
		*is_more = true;
	return filters.array;
}

json_t *hooks_json_device(uint32_t ifindex, const struct own_programs *own)
{
	bool is_more = false;
	json_t *egress = side_json(ifindex, LINK_ATTACH_TCX_EGRESS, true, own, &is_more);
	json_t *ingress = side_json(ifindex, LINK_ATTACH_TCX_INGRESS, false, own, &is_more);
	json_t *object = json_pack("{s:o, s:o}", "egress", egress, "ingress", ingress);

	if (is_more)
		json_object_set_new(object, "more", json_true());
	return object;
}

json_t *hooks_json_cgroup(const struct scope *scope, const char *path, const struct own_programs *own)
{
	struct hook_programs programs;
	char joined[2 * PATH_MAX];
	json_t *array;

	snprintf(joined, sizeof(joined), "%s%s", scope->mount, path);
	_cleanup_close_ int fd = open(joined, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || hooks_query_cgroup(fd, BPF_CGROUP_INET_EGRESS, &programs) < 0)
		return json_null();
	array = json_array();
	add_all(array, "cgroup", &programs, own);
	return array;
}
