/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "attach.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clsact.h"
#include "cleanup.h"
#include "clock.h"

/* Linux 6.6; older UAPI headers do not have them. */
#define ATTACH_TYPE_TCX_INGRESS 46
#define ATTACH_TYPE_TCX_EGRESS 47
#define LINK_TYPE_TCX 11
#define FLAG_BEFORE (1U << 3)
#define FLAG_AFTER (1U << 4)

#define PROGRAMS_MAX 64 /* at one hook: the kernel's own limit (BPF_MPROG_MAX) */

/* struct bpf_link_info of Linux 6.6, as far as it is read: the older headers lack `tcx`. */
struct link_info {
	__u32 type;
	__u32 id;
	__u32 prog_id;
	__u32 padding;
	union {
		struct {
			__u32 ifindex; /* 0: the device is gone */
			__u32 attach_type;
		} tcx;
		struct {
			__u64 cgroup_id; /* 0: the cgroup is gone */
			__u32 attach_type;
		} cgroup;
		char room[112]; /* more than any kernel fills */
	};
};

/* To detach can take 20 ms; thousands of links are left to the kernel, which does it after we have gone. */
#define DETACH_NS (3 * CLOCK_SECOND_NS)

/* What the two sides of an interface differ in. */
static const struct {
	const char *pin; /* how its pins' names begin */
	uint32_t type;   /* enum bpf_attach_type */
} sides[ATTACH_SIDES] = {
	[ATTACH_EGRESS] = { "tcx", ATTACH_TYPE_TCX_EGRESS },
	[ATTACH_INGRESS] = { "gateway", ATTACH_TYPE_TCX_INGRESS },
};

static int program_fd(const struct programs *programs, enum attach_side side)
{
	return side == ATTACH_EGRESS ? programs_egress_fd(programs) : programs_gateway_fd(programs);
}

static int get_link_info(int link_fd, struct link_info *ret_info)
{
	__u32 size = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	return bpf_obj_get_info_by_fd(link_fd, ret_info, &size) < 0 ? -errno : 0;
}

const char *attach_hook_name(enum attach_hook hook)
{
	static const char *const names[] = { [ATTACH_NONE] = "none", [ATTACH_TCX] = "tcx", [ATTACH_CLSACT] = "clsact" };

	return names[hook];
}

/* A kernel that knows the attach type looks for the device, and does not find it. */
bool attach_has_tcx(const struct programs *programs)
{
	const char *hook = getenv("STUBSIEVE_HOOK");
	_cleanup_close_ int fd = -1;
	int program = programs_egress_fd(programs);

	if (hook && strcmp(hook, "clsact") == 0)
		return false;
	if (program < 0)
		program = programs_gateway_fd(programs);
	fd = bpf_link_create(program, INT_MAX, (enum bpf_attach_type)ATTACH_TYPE_TCX_EGRESS, NULL);
	return fd >= 0 || errno == ENODEV;
}

static void format_pin(char path[PATH_MAX], const char *pin_dir, const struct attach_pin *pin)
{
	if (pin->cgroup)
		snprintf(path, PATH_MAX, "%s/cgroup-%" PRIu64, pin_dir, pin->cgroup);
	else
		snprintf(path, PATH_MAX, "%s/%s-%" PRIu32 "-%" PRIu32, pin_dir, sides[pin->side].pin, pin->netns,
			 pin->ifindex);
}

static bool parse_pin(const char *name, struct attach_pin *ret_pin)
{
	struct attach_pin pin = {};
	int end = 0;

	for (int side = 0; side < ATTACH_SIDES; side++) {
		size_t length = strlen(sides[side].pin);

		if (strncmp(name, sides[side].pin, length) != 0 ||
		    sscanf(name + length, "-%" SCNu32 "-%" SCNu32 "%n", &pin.netns, &pin.ifindex, &end) != 2 ||
		    name[length + (size_t)end])
			continue;
		pin.side = (enum attach_side)side;
		*ret_pin = pin;
		return true;
	}
	end = 0;
	if (sscanf(name, "cgroup-%" SCNu64 "%n", &pin.cgroup, &end) == 1 && !name[end]) {
		*ret_pin = (struct attach_pin){ .cgroup = pin.cgroup };
		return true;
	}
	return false;
}

/* Anything else under that name was not pinned by us. */
static bool is_of_our_kind(const struct link_info *info, const struct attach_pin *pin)
{
	if (pin->cgroup)
		return info->type == BPF_LINK_TYPE_CGROUP && info->cgroup.attach_type == BPF_CGROUP_INET_EGRESS;
	return info->type == LINK_TYPE_TCX && info->tcx.attach_type == sides[pin->side].type;
}

/* The device can have moved to another namespace, and another one have its number here: does that have the program? */
static bool is_at_device(const struct link_info *info, uint32_t ifindex)
{
	__u32 ids[PROGRAMS_MAX], count = PROGRAMS_MAX;

	if (info->tcx.ifindex != ifindex)
		return false;
	if (bpf_prog_query((int)ifindex, (enum bpf_attach_type)info->tcx.attach_type, 0, NULL, ids, &count) < 0)
		return errno == ENOSPC; /* more than we can read */
	for (__u32 i = 0; i < count; i++)
		if (ids[i] == info->prog_id)
			return true;
	return false;
}

/*
 * Take over the link that an earlier controller pinned: it is to hold our program now. Returns its fd; a
 * link whose device or cgroup is gone is unpinned: -ENOENT. -EEXIST: what is pinned there is not ours.
 */
static int adopt_link(const char *path, const struct attach_pin *pin, int program)
{
	_cleanup_close_ int fd = bpf_obj_get(path);
	struct link_info info;
	bool is_live;

	if (fd < 0)
		return -errno;
	if (get_link_info(fd, &info) < 0)
		return -EINVAL;
	if (!is_of_our_kind(&info, pin))
		return -EEXIST;
	is_live = pin->cgroup ? info.cgroup.cgroup_id == pin->cgroup : is_at_device(&info, pin->ifindex);
	if (!is_live || bpf_link_update(fd, program, NULL) < 0) {
		unlink(path);
		return -ENOENT;
	}
	return take_fd(&fd);
}

/* Pin a new link; if that fails it is not left attached. */
static int pin_link(int fd, const char *path)
{
	int r;

	if (fd < 0)
		return -errno;
	if (bpf_obj_pin(fd, path) == 0)
		return fd;
	r = -errno;
	bpf_link_detach(fd);
	close(fd);
	return r;
}

static struct attach_pin pin_of(const struct attachments *attachments, uint32_t ifindex, enum attach_side side)
{
	return (struct attach_pin){ .side = side, .netns = attachments->netns, .ifindex = ifindex };
}

static struct clsact clsact_of(const struct attachments *attachments, uint32_t ifindex, enum attach_side side)
{
	return (struct clsact){
		.pin_dir = attachments->pin_dir,
		.netns = attachments->netns,
		.ifindex = ifindex,
		.is_ingress = side == ATTACH_INGRESS,
	};
}

/* Returns the link's fd. */
static int attach_tcx(const struct attachments *attachments, uint32_t ifindex, enum attach_side side, int program)
{
	LIBBPF_OPTS(bpf_link_create_opts, options,
		    .flags = attachments->order == CONFIG_ORDER_FIRST ? FLAG_BEFORE : FLAG_AFTER);
	const struct attach_pin pin = pin_of(attachments, ifindex, side);
	char path[PATH_MAX];
	int fd;

	format_pin(path, attachments->pin_dir, &pin);
	fd = adopt_link(path, &pin, program);
	if (fd >= 0 || fd == -EEXIST)
		return fd;
	fd = bpf_link_create(program, (int)ifindex, (enum bpf_attach_type)sides[side].type, &options);
	if (fd < 0 && errno == EEXIST) /* the device has just come from another namespace, and still has our link of there */
		return -EAGAIN;
	return pin_link(fd, path);
}

static int attach_side(const struct attachments *attachments, const struct programs *programs, struct attached *entry,
		       enum attach_side side)
{
	struct attached_side *it = &entry->side[side];
	int r;

	if (!attachments->has_tcx) {
		const struct clsact clsact = clsact_of(attachments, entry->link.ifindex, side);

		r = clsact_attach(&clsact, program_fd(programs, side));
		if (r == 0)
			it->hook = ATTACH_CLSACT;
		return r;
	}
	r = attach_tcx(attachments, entry->link.ifindex, side, program_fd(programs, side));
	if (r < 0)
		return r;
	it->hook = ATTACH_TCX;
	it->link_fd = attachments->keeps_links ? r : -1;
	if (!attachments->keeps_links)
		close(r);
	return 0;
}

/* A device that is gone has taken the clsact filter with it. */
static void detach_side(const struct attachments *attachments, struct attached *entry, enum attach_side side)
{
	struct attached_side *it = &entry->side[side];
	const struct attach_pin pin = pin_of(attachments, entry->link.ifindex, side);
	const struct clsact clsact = clsact_of(attachments, entry->link.ifindex, side);
	char path[PATH_MAX];

	if (it->hook == ATTACH_CLSACT)
		clsact_detach(&clsact);
	if (it->hook == ATTACH_TCX) {
		/* Last the pin: then the kernel detaches by itself, and we do not wait for its grace period. */
		cleanup_close(&it->link_fd);
		format_pin(path, attachments->pin_dir, &pin);
		unlink(path);
	}
	*it = (struct attached_side){ .link_fd = -1 };
}

static struct attached *find_entry(struct attachments *attachments, uint32_t ifindex)
{
	for (size_t i = 0; i < attachments->count; i++)
		if (attachments->entries[i].link.ifindex == ifindex)
			return &attachments->entries[i];
	return NULL;
}

static int explain_attach(const struct attachments *attachments, const struct link *link, enum attach_side side,
			  int number, struct error *error)
{
	switch (number) {
	case EEXIST:
		return fail(error, number, "%s/%s-%u-%u is not a pin of ours; remove it, or use another --pin-dir",
			    attachments->pin_dir, sides[side].pin, attachments->netns, link->ifindex);
	case EBUSY:
		return fail(error, number,
			    "cannot attach to %s: an ingress qdisc, or a foreign filter with our handle, is in the way; `tc qdisc show dev %s` and `tc filter show dev %s egress` show it",
			    link->name, link->name, link->name);
	case EMFILE:
		return fail(error, number, "cannot attach to %s: out of file descriptors; raise the limit (LimitNOFILE=)",
			    link->name);
	default:
		return fail(error, number, "cannot attach to %s: %s", link->name, strerror(number));
	}
}

static bool wants(const struct attachments *attachments, const struct link *link, enum attach_side side)
{
	if (!link_is_fit(link))
		return false;
	if (side == ATTACH_EGRESS)
		return attachments->filters;
	return config_matches_interface(attachments->gateways, attachments->gateway_count, link->name, NULL);
}

/* Not if the device is gone, though another one may have its index by now, or somebody detached the link. */
static bool is_live(const struct attachments *attachments, const struct attached *entry, enum attach_side side)
{
	const struct attached_side *it = &entry->side[side];
	const struct attach_pin pin = pin_of(attachments, entry->link.ifindex, side);
	_cleanup_close_ int fd = -1;
	struct link_info info;
	char path[PATH_MAX];

	if (it->hook != ATTACH_TCX)
		return true;
	format_pin(path, attachments->pin_dir, &pin);
	if (it->link_fd < 0)
		fd = bpf_obj_get(path);
	return get_link_info(it->link_fd < 0 ? fd : it->link_fd, &info) == 0 && is_at_device(&info, entry->link.ifindex);
}

/* Both sides as they are to be. A device that went meanwhile is no error: its message follows. */
static int settle_entry(const struct attachments *attachments, const struct programs *programs, struct attached *entry,
			struct error *error)
{
	int first = 0;

	for (int side = 0; side < ATTACH_SIDES; side++) {
		bool is_wanted = wants(attachments, &entry->link, side);
		struct error later;
		int r;

		if (entry->side[side].hook != ATTACH_NONE && (!is_wanted || !is_live(attachments, entry, side)))
			detach_side(attachments, entry, side);
		if (!is_wanted || entry->side[side].hook != ATTACH_NONE)
			continue;
		r = attach_side(attachments, programs, entry, side);
		if (r == -EAGAIN)
			first = first ? first : r;
		else if (r < 0 && r != -ENODEV && first == 0)
			first = explain_attach(attachments, &entry->link, side, -r, error);
		else if (r < 0 && r != -ENODEV)
			explain_attach(attachments, &entry->link, side, -r, &later);
	}
	return first;
}

static struct attached *add_entry(struct attachments *attachments, const struct link *link)
{
	struct attached *entries = reallocarray(attachments->entries, attachments->count + 1, sizeof(*entries));

	if (!entries)
		return NULL;
	attachments->entries = entries;
	entries[attachments->count] = (struct attached){ .link = *link, .side = { { .link_fd = -1 }, { .link_fd = -1 } } };
	return &entries[attachments->count++];
}

static void drop_entry(struct attachments *attachments, struct attached *entry)
{
	for (int side = 0; side < ATTACH_SIDES; side++)
		detach_side(attachments, entry, side);
	*entry = attachments->entries[--attachments->count];
}

static int take_link(struct attachments *attachments, const struct programs *programs, const struct link *link,
		     struct error *error)
{
	struct attached *entry = find_entry(attachments, link->ifindex);

	if (!entry && attachments->count >= attachments->most)
		return fail_as(error, ERROR_FAILED, E2BIG, "more than %zu interfaces; the queries on the others pass",
			       attachments->most);
	if (!entry)
		entry = add_entry(attachments, link);
	if (!entry)
		return fail(error, ENOMEM, "out of memory");
	entry->link = *link;
	entry->is_there = true;
	return settle_entry(attachments, programs, entry, error);
}

static void keep_entry(struct attachments *attachments, const struct link *link)
{
	struct attached *entry = find_entry(attachments, link->ifindex);

	if (entry)
		entry->is_there = true;
}

int attach_reconcile(struct attachments *attachments, const struct programs *programs, struct error *error)
{
	_cleanup_free_ struct link *links = NULL;
	struct error later;
	bool is_over = false;
	uint64_t deadline;
	size_t count;
	int r, first = 0;

	r = links_list(attachments->budget_ns, &links, &count);
	if (attachments->budget_ns && (r == -EINTR || r == -ETIMEDOUT))
		return -EAGAIN;
	if (r < 0)
		return fail(error, -r, "cannot list the network interfaces: %s", strerror(-r));
	deadline = attachments->budget_ns ? clock_monotonic_ns() + attachments->budget_ns : UINT64_MAX;
	for (size_t i = 0; i < attachments->count; i++)
		attachments->entries[i].is_there = false;
	for (size_t i = 0; i < count; i++) {
		is_over = is_over || clock_monotonic_ns() > deadline;
		if (is_over) {
			keep_entry(attachments, &links[i]);
			continue;
		}
		r = take_link(attachments, programs, &links[i], first ? &later : error);
		if (first == 0)
			first = r;
	}
	for (size_t i = attachments->count; i-- > 0;)
		if (!attachments->entries[i].is_there)
			drop_entry(attachments, &attachments->entries[i]);
	return first == 0 && is_over ? -EAGAIN : first;
}

bool attached_anywhere(const struct attached *entry)
{
	return entry->side[ATTACH_EGRESS].hook != ATTACH_NONE || entry->side[ATTACH_INGRESS].hook != ATTACH_NONE;
}

bool attach_holds(struct attachments *attachments, const struct attach_pin *pin)
{
	const struct attached *entry = find_entry(attachments, pin->ifindex);

	return pin->netns == attachments->netns && entry && entry->side[pin->side].hook == ATTACH_TCX;
}

static void forget(struct attachments *attachments)
{
	free(attachments->entries);
	attachments->entries = NULL;
	attachments->count = 0;
}

void attach_release(struct attachments *attachments)
{
	for (size_t i = 0; i < attachments->count; i++)
		for (int side = 0; side < ATTACH_SIDES; side++)
			cleanup_close(&attachments->entries[i].side[side].link_fd);
	forget(attachments);
}

void attach_remove(struct attachments *attachments)
{
	while (attachments->count > 0)
		drop_entry(attachments, &attachments->entries[attachments->count - 1]);
	forget(attachments);
}

int attach_sensor(int cgroup_fd, const struct programs *programs)
{
	int fd = bpf_link_create(programs_sensor_fd(programs), cgroup_fd, BPF_CGROUP_INET_SOCK_CREATE, NULL);

	return fd < 0 ? -errno : fd;
}

int attach_cgroup(const char *pin_dir, const struct cgroup *cgroup, int cgroup_fd, const struct programs *programs,
		  struct error *error)
{
	const struct attach_pin pin = { .cgroup = cgroup->id };
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];

	format_pin(path, pin_dir, &pin);
	fd = adopt_link(path, &pin, programs_cgroup_fd(programs));
	if (fd < 0 && fd != -EEXIST)
		fd = pin_link(bpf_link_create(programs_cgroup_fd(programs), cgroup_fd, BPF_CGROUP_INET_EGRESS, NULL), path);
	if (fd == -EEXIST)
		return fail(error, EEXIST, "%s is not a pin of ours; remove it, or use another --pin-dir", path);
	if (fd == -EPERM)
		return fail_as(error, ERROR_FAILED, EPERM,
			       "cannot attach to the cgroup %s: a program there, or above it, was attached as the only one; `bpftool cgroup tree` shows which",
			       cgroup->path);
	if (fd < 0)
		return fail(error, -fd, "cannot attach to the cgroup %s: %s", cgroup->path, strerror(-fd));
	return 0;
}

bool attach_cgroup_is_live(const char *pin_dir, uint64_t id)
{
	const struct attach_pin pin = { .cgroup = id };
	struct link_info info;
	char path[PATH_MAX];

	format_pin(path, pin_dir, &pin);
	_cleanup_close_ int fd = bpf_obj_get(path);

	return fd >= 0 && get_link_info(fd, &info) == 0 && info.cgroup.cgroup_id == id;
}

/* What only has the name of a pin of ours stays. */
static int remove_pin(const char *path, const struct attach_pin *pin, bool at_once, struct error *error)
{
	_cleanup_close_ int fd = bpf_obj_get(path);
	struct link_info info;

	if (fd < 0 && errno != ENOENT)
		return 0;
	if (fd >= 0 && (get_link_info(fd, &info) < 0 || !is_of_our_kind(&info, pin)))
		return 0;
	if (fd >= 0 && at_once)
		bpf_link_detach(fd); /* not when the kernel comes to it, after the last reference has gone */
	if (unlink(path) < 0 && errno != ENOENT)
		return fail(error, errno, "cannot remove %s: %s", path, strerror(errno));
	return 0;
}

void attach_forget_cgroup(const char *pin_dir, uint64_t id)
{
	const struct attach_pin pin = { .cgroup = id };
	struct error error;
	char path[PATH_MAX];

	format_pin(path, pin_dir, &pin);
	remove_pin(path, &pin, true, &error);
}

int attach_sweep(const char *pin_dir, attach_keep keep, void *data, struct error *error)
{
	uint64_t deadline = clock_monotonic_ns() + DETACH_NS;
	_cleanup_closedir_ DIR *directory = opendir(pin_dir);
	struct dirent *entry;

	if (!directory)
		return errno == ENOENT ? 0 : fail(error, errno, "cannot read %s: %s", pin_dir, strerror(errno));
	while ((entry = readdir(directory))) {
		struct attach_pin pin;
		char path[PATH_MAX];
		int r;

		if (!parse_pin(entry->d_name, &pin) || (keep && keep(&pin, data)))
			continue;
		snprintf(path, sizeof(path), "%s/%s", pin_dir, entry->d_name);
		r = remove_pin(path, &pin, clock_monotonic_ns() < deadline, error);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_kept(struct attachments *keep, uint32_t ifindex, enum attach_side side)
{
	const struct attached *entry = keep ? find_entry(keep, ifindex) : NULL;

	return entry && entry->side[side].hook == ATTACH_CLSACT;
}

int attach_remove_clsact(const char *pin_dir, struct attachments *keep, struct error *error)
{
	_cleanup_free_ struct link *links = NULL;
	struct stat status;
	size_t count;
	int r;

	r = links_list(0, &links, &count);
	if (r == 0 && stat("/proc/thread-self/ns/net", &status) < 0)
		r = -errno;
	if (r < 0)
		return fail(error, -r, "cannot list the network interfaces: %s", strerror(-r));
	for (size_t i = 0; i < count * ATTACH_SIDES; i++) {
		const struct link *link = &links[i / ATTACH_SIDES];
		const struct attachments here = { .pin_dir = pin_dir, .netns = (uint32_t)status.st_ino };
		enum attach_side side = i % ATTACH_SIDES;
		const struct clsact clsact = clsact_of(&here, link->ifindex, side);

		if (is_kept(keep, link->ifindex, side))
			continue;
		r = clsact_detach(&clsact);
		if (r < 0 && r != -ENODEV && r != -EBUSY) /* gone, or not ours */
			return fail(error, -r, "cannot remove the filter from %s: %s", link->name, strerror(-r));
	}
	return 0;
}
