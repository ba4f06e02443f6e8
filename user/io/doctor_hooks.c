/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "doctor.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "links.h"
#include "mounts.h"
#include "pins.h"

#define PROGRAMS_MAX 64 /* at one hook: the kernel's own limit (BPF_MPROG_MAX) */
#define INTERFACES_SHOWN 16
#define OUR_NAMES "sieve_"

struct hook {
	__u32 ids[PROGRAMS_MAX], count;
	__u32 flags; /* of a cgroup: how its programs were attached */
};

/* Programs at the hook in the kernel's order. */
static int query(int target, enum bpf_attach_type type, struct hook *ret_hook)
{
	struct hook hook = { .count = PROGRAMS_MAX };

	if (bpf_prog_query(target, type, 0, &hook.flags, hook.ids, &hook.count) < 0)
		return -errno;
	*ret_hook = hook;
	return 0;
}

/* "NAME (id N)", or "id N" where the name cannot be seen. True if the name says that it is one of ours. */
static bool describe(__u32 id, char *text, size_t size)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = {};
	__u32 length = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length) < 0 || !info.name[0])
		snprintf(text, size, "id %u", id);
	else
		snprintf(text, size, "%s (id %u)", info.name, id);
	return strncmp(info.name, OUR_NAMES, strlen(OUR_NAMES)) == 0;
}

/* Those of others, in order, and where ours are among them; false: there are no others. */
static bool list_foreign(const struct hook *hook, char text[CHECK_TEXT_MAX])
{
	bool is_any = false;
	size_t used = 0;

	text[0] = '\0';
	for (__u32 i = 0; i < hook->count && used < CHECK_TEXT_MAX; i++) {
		char one[64];
		bool is_ours = describe(hook->ids[i], one, sizeof(one));

		is_any |= !is_ours;
		used += (size_t)snprintf(text + used, CHECK_TEXT_MAX - used, "%s%s", used ? ", then " : "",
					 is_ours ? "ours" : one);
	}
	return is_any;
}

/* What is to be said where programs have no names to be seen by. */
static const char *unnamed(void)
{
	return doctor_has_capabilities(1ULL << CAP_SYS_ADMIN) ? "" : "; which are ours cannot be told without CAP_SYS_ADMIN";
}

static bool check_side(struct checks *checks, const struct link *link, enum attach_side side, const char *name)
{
	char foreign[CHECK_TEXT_MAX];
	struct hook hook;

	if (query((int)link->ifindex, (enum bpf_attach_type)pins_attach_type(side), &hook) < 0 ||
	    !list_foreign(&hook, foreign))
		return false;
	check_set_cure(
		check_add(checks, "interface-programs", CHECK_NOTE, "%s, tcx %s: %.300s%s", link->name, name, foreign,
			  unnamed()),
		"none is needed unless these drop or redirect DNS; --order puts ours first or last");
	return true;
}

static void look_at_links(struct checks *checks, const struct link *links, size_t count)
{
	size_t shown = 0;

	for (size_t i = 0; i < count && shown < INTERFACES_SHOWN; i++) {
		shown += check_side(checks, &links[i], ATTACH_EGRESS, "egress");
		shown += check_side(checks, &links[i], ATTACH_GATEWAY, "ingress");
	}
	if (shown == 0)
		check_add(checks, "interface-programs", CHECK_OK, "no programs of others on %zu interfaces here (tcx)",
			  count);
}

/* A kernel without tcx says EINVAL of each. */
void doctor_check_interfaces(struct checks *checks)
{
	struct link *links;
	struct hook hook;
	size_t count;
	int r;

	r = links_list(0, &links, &count);
	if (r < 0) {
		check_add(checks, "interface-programs", CHECK_NOTE, "the interfaces cannot be listed: %s",
			  strerror(-r));
		return;
	}
	r = count ? query((int)links[0].ifindex, (enum bpf_attach_type)pins_attach_type(ATTACH_EGRESS), &hook) : 0;
	if (r == -EPERM || r == -EACCES)
		check_add(checks, "interface-programs", CHECK_NOTE, "cannot be seen without CAP_NET_ADMIN");
	else if (r == -EINVAL)
		check_add(checks, "interface-programs", CHECK_NOTE,
			  "no tcx here; `tc filter show dev DEVICE egress` shows filters of others");
	else
		look_at_links(checks, links, count);
	free(links);
}

/* What a cgroup's program lets others do there and below (the kernel's BPF_F_ALLOW_*). */
static bool forbids(const struct hook *hook, bool is_below)
{
	if (hook->count == 0 || hook->flags & BPF_F_ALLOW_MULTI)
		return false;
	return !(is_below && hook->flags & BPF_F_ALLOW_OVERRIDE);
}

/* True: nothing above this cgroup matters any more, because one forbids. */
static bool check_cgroup_at(struct checks *checks, const char *path, bool is_below, enum bpf_attach_type type,
			    const char *name)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char foreign[CHECK_TEXT_MAX];
	struct hook hook;

	if (fd < 0 || query(fd, type, &hook) < 0 || !list_foreign(&hook, foreign))
		return false;
	if (forbids(&hook, is_below)) {
		check_set_cure(
			check_add(checks, "cgroup-programs", CHECK_WARNING,
				  "%s: %.200s is attached to %.200s as the only one: ours cannot be attached %s", name,
				  foreign, path, is_below ? "below it" : "there"),
			"have it attached with BPF_F_ALLOW_MULTI, or name another --cgroup; %s",
			type == BPF_CGROUP_INET_EGRESS
				? "the actions answer and drop do not need this hook"
				: "without this hook other network namespaces are found by their processes alone");
		return true;
	}
	check_add(checks, "cgroup-programs", CHECK_NOTE, "%s at %.200s: %.200s%s", name, path, foreign, unnamed());
	return false;
}

/* From the cgroup up to the root of the hierarchy. */
static void check_way(struct checks *checks, const char *mount, const char *cgroup, enum bpf_attach_type type,
		      const char *name)
{
	char path[2 * PATH_MAX];
	bool is_below = false;

	snprintf(path, sizeof(path), "%s%s", mount, strcmp(cgroup, "/") == 0 ? "" : cgroup);
	while (!check_cgroup_at(checks, path, is_below, type, name) && strlen(path) > strlen(mount)) {
		*strrchr(path, '/') = '\0';
		is_below = true;
	}
}

static void check_both(struct checks *checks, const char *mount, const char *cgroup)
{
	check_way(checks, mount, cgroup, BPF_CGROUP_INET_EGRESS, "egress");
	check_way(checks, mount, cgroup, BPF_CGROUP_INET_SOCK_CREATE, "sock_create");
}

static bool may_look(const char *mount)
{
	_cleanup_close_ int fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct hook hook;

	return fd >= 0 && query(fd, BPF_CGROUP_INET_EGRESS, &hook) != -EPERM;
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
			check_both(checks, mount, cgroup.path);
	}
	if (config->cgroup_count == 0)
		check_both(checks, mount, "/");
	if (checks->count == before)
		check_add(checks, "cgroup-programs", CHECK_OK,
			  "no programs of others on the way to the root of the cgroups");
}
