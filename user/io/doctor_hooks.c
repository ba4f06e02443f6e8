/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "hooks.h"
#include "identity.h"
#include "links.h"
#include "mounts.h"
#include "pins.h"

#define INTERFACES_SHOWN 16

/* Programs at one hook, in their order, as they are told. */
struct listing {
	const char *pin_dir;
	char text[CHECK_TEXT_MAX];
	size_t used;
	bool has_foreign; /* those of another instance of stubsieve are foreign, too */
};

/* `name` as the hook has it, if it has; a program's own name takes a capability. Filters of other kinds have no id. */
static void list(struct listing *listing, uint32_t id, const char *name)
{
	const struct identity identity = identity_of_program(id, listing->pin_dir);
	const char *known = id && identity.name[0] ? identity.name : name, *separator = listing->used ? ", then " : "";
	char *end = listing->text + listing->used;
	size_t room = sizeof(listing->text) - listing->used;
	int length;

	if (identity.kind == IDENTITY_OURS)
		length = snprintf(end, room, "%sours", separator);
	else if (id == 0)
		length = snprintf(end, room, "%s%s", separator, known);
	else if (!known || !known[0])
		length = snprintf(end, room, "%sid %u", separator, id);
	else
		length = snprintf(end, room, "%s%s (id %u%s)", separator, known, id,
				  identity.kind == IDENTITY_OTHER ? ", of another instance" : "");
	listing->has_foreign |= identity.kind != IDENTITY_OURS;
	listing->used += (size_t)length < room ? (size_t)length : room - 1;
}

static void list_all(struct listing *listing, const struct hook_programs *programs)
{
	for (size_t i = 0; i < programs->count; i++)
		list(listing, programs->programs[i], NULL);
}

/* As many as there is room for. */
static bool list_filter(uint32_t id, const char *name, void *data)
{
	struct listing *listing = data;

	list(listing, id, name);
	return listing->used < sizeof(listing->text) - 1;
}

/* What is to be said where programs have no names to be seen by. */
static const char *unnamed(void)
{
	return doctor_has_capabilities(1ULL << CAP_SYS_ADMIN) ? "" : "; which are ours cannot be told without CAP_SYS_ADMIN";
}

static bool tell(struct checks *checks, const struct link *link, const char *hook, const char *side,
		 const struct listing *listing)
{
	if (!listing->has_foreign)
		return false;
	check_set_cure(check_add(checks, "interface-programs", CHECK_NOTE, "%s, %s %s: %.300s%s", link->name, hook, side,
				 listing->text, unnamed()),
		       "none is needed unless these drop or redirect DNS; --order puts ours first or last among those of tcx");
	return true;
}

/* A kernel without tcx has clsact alone; where there is tcx, filters come after it. */
static size_t check_side(struct checks *checks, const struct link *link, enum attach_side side, const char *pin_dir)
{
	struct listing programs = { .pin_dir = pin_dir }, filters = programs;
	bool is_egress = side == ATTACH_EGRESS;
	const char *name = is_egress ? "egress" : "ingress";
	struct hook_programs hook;
	size_t told;

	if (hooks_query_device(link->ifindex, pins_attach_type(side), &hook) == 0)
		list_all(&programs, &hook);
	hooks_each_filter(link->ifindex, is_egress, list_filter, &filters);
	told = tell(checks, link, "tcx", name, &programs);
	return told + tell(checks, link, "clsact", name, &filters);
}

static size_t look_at_links(struct checks *checks, const struct link *links, size_t count, const char *pin_dir)
{
	size_t shown = 0;

	for (size_t i = 0; i < count && shown < INTERFACES_SHOWN; i++) {
		shown += check_side(checks, &links[i], ATTACH_EGRESS, pin_dir);
		shown += check_side(checks, &links[i], ATTACH_GATEWAY, pin_dir);
	}
	return shown;
}

/* Filters are shown to everyone, programs of tcx are not. */
static bool may_see_tcx(const struct link *link)
{
	struct hook_programs hook;
	int r = hooks_query_device(link->ifindex, pins_attach_type(ATTACH_EGRESS), &hook);

	return r != -EPERM && r != -EACCES;
}

void doctor_check_interfaces(struct checks *checks, const struct config *config)
{
	struct link *links;
	size_t count;
	int r;

	r = links_list(0, &links, &count);
	if (r < 0) {
		check_add(checks, "interface-programs", CHECK_NOTE, "the interfaces cannot be listed: %s",
			  strerror(-r));
		return;
	}
	if (count && !may_see_tcx(&links[0])) {
		check_add(checks, "interface-programs", CHECK_NOTE, "those of tcx cannot be seen without CAP_NET_ADMIN");
		look_at_links(checks, links, count, config->pin_dir);
	} else if (look_at_links(checks, links, count, config->pin_dir) == 0) {
		check_add(checks, "interface-programs", CHECK_OK, "no programs of others on %zu interfaces here", count);
	}
	free(links);
}

/* What a cgroup's program lets others do there and below (the kernel's BPF_F_ALLOW_*). */
static bool forbids(const struct hook_programs *hook, bool is_below)
{
	if (hook->count == 0 || hook->flags & BPF_F_ALLOW_MULTI)
		return false;
	return !(is_below && hook->flags & BPF_F_ALLOW_OVERRIDE);
}

/* True: nothing above this cgroup matters any more, because one forbids. */
static bool check_cgroup_at(struct checks *checks, const char *path, bool is_below, enum bpf_attach_type type,
			    const char *pin_dir)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *name = type == BPF_CGROUP_INET_EGRESS ? "egress" : "sock_create";
	struct listing listing = { .pin_dir = pin_dir };
	struct hook_programs hook;

	if (fd < 0 || hooks_query_cgroup(fd, type, &hook) < 0)
		return false;
	list_all(&listing, &hook);
	if (!listing.has_foreign)
		return false;
	if (forbids(&hook, is_below)) {
		check_set_cure(
			check_add(checks, "cgroup-programs", CHECK_WARNING,
				  "%s: %.200s is attached to %.200s as the only one: ours cannot be attached %s", name,
				  listing.text, path, is_below ? "below it" : "there"),
			"have it attached with BPF_F_ALLOW_MULTI, or name another --cgroup; %s",
			type == BPF_CGROUP_INET_EGRESS
				? "the actions answer and drop do not need this hook"
				: "without this hook other network namespaces are found by their processes alone");
		return true;
	}
	check_add(checks, "cgroup-programs", CHECK_NOTE, "%s at %.200s: %.200s%s", name, path, listing.text, unnamed());
	return false;
}

/* From the cgroup up to the root of the hierarchy. */
static void check_way(struct checks *checks, const char *mount, const char *cgroup, enum bpf_attach_type type,
		      const char *pin_dir)
{
	char path[2 * PATH_MAX];
	bool is_below = false;

	snprintf(path, sizeof(path), "%s%s", mount, strcmp(cgroup, "/") == 0 ? "" : cgroup);
	while (!check_cgroup_at(checks, path, is_below, type, pin_dir) && strlen(path) > strlen(mount)) {
		*strrchr(path, '/') = '\0';
		is_below = true;
	}
}

static void check_both(struct checks *checks, const char *mount, const char *cgroup, const char *pin_dir)
{
	check_way(checks, mount, cgroup, BPF_CGROUP_INET_EGRESS, pin_dir);
	check_way(checks, mount, cgroup, BPF_CGROUP_INET_SOCK_CREATE, pin_dir);
}

static bool may_look(const char *mount)
{
	_cleanup_close_ int fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct hook_programs hook;

	return fd >= 0 && hooks_query_cgroup(fd, BPF_CGROUP_INET_EGRESS, &hook) != -EPERM;
}

void doctor_check_cgroup_hooks(struct checks *checks, const struct config *config)
{
	size_t before = checks->count;
	char mount[PATH_MAX];
	struct error error;

	if (mounts_find_hierarchy(mount, sizeof(mount), &error) < 0)
		return; /* was said */
	if (!may_look(mount)) {
		check_add(checks, "cgroup-programs", CHECK_NOTE, "cannot be seen without CAP_NET_ADMIN");
		return;
	}
	for (size_t i = 0; i < config->cgroup_count; i++) {
		struct cgroup cgroup;

		if (mounts_find_cgroup(config->cgroups[i], &cgroup, NULL, &error) < 0)
			check_set_cure(check_add(checks, "cgroup", CHECK_NOTE, "%.400s", error.text),
				       "none is needed if a service makes it: it is in scope as soon as it is there");
		else
			check_both(checks, mount, cgroup.path, config->pin_dir);
	}
	if (config->cgroup_count == 0)
		check_both(checks, mount, "/", config->pin_dir);
	if (checks->count == before)
		check_add(checks, "cgroup-programs", CHECK_OK,
			  "no programs of others on the way to the root of the cgroups");
}
