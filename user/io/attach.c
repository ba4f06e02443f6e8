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

/* Linux 6.6; older UAPI headers do not have them. */
#define ATTACH_TYPE_TCX_EGRESS 47
#define LINK_TYPE_TCX 11
#define FLAG_BEFORE (1U << 3)
#define FLAG_AFTER (1U << 4)

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

	if (hook && strcmp(hook, "clsact") == 0)
		return false;
	fd = bpf_link_create(programs_egress_fd(programs), INT_MAX, (enum bpf_attach_type)ATTACH_TYPE_TCX_EGRESS, NULL);
	return fd >= 0 || errno == ENODEV;
}

static void format_pin(char path[PATH_MAX], const char *pin_dir, const struct attach_pin *pin)
{
	if (pin->cgroup)
		snprintf(path, PATH_MAX, "%s/cgroup-%" PRIu64, pin_dir, pin->cgroup);
	else
		snprintf(path, PATH_MAX, "%s/tcx-%" PRIu32 "-%" PRIu32, pin_dir, pin->netns, pin->ifindex);
}

static bool parse_pin(const char *name, struct attach_pin *ret_pin)
{
	struct attach_pin pin = {};
	int end = 0;

	if (sscanf(name, "tcx-%" SCNu32 "-%" SCNu32 "%n", &pin.netns, &pin.ifindex, &end) == 2 && !name[end]) {
		*ret_pin = pin;
		return true;
	}
	end = 0;
	if (sscanf(name, "cgroup-%" SCNu64 "%n", &pin.cgroup, &end) == 1 && !name[end]) {
		*ret_pin = pin;
		return true;
	}
	return false;
}

/* Anything else under that name was not pinned by us. */
static bool is_of_our_kind(const struct link_info *info, const struct attach_pin *pin)
{
	if (pin->cgroup)
		return info->type == BPF_LINK_TYPE_CGROUP && info->cgroup.attach_type == BPF_CGROUP_INET_EGRESS;
	return info->type == LINK_TYPE_TCX && info->tcx.attach_type == ATTACH_TYPE_TCX_EGRESS;
}

/*
 * Take over the link that an earlier controller pinned: it is to hold our program now. Returns its fd; a
 * link whose device or cgroup is gone is unpinned: -ENOENT. -EEXIST: what is pinned there is not ours.
 */
static int adopt_link(const char *path, const struct attach_pin *pin, int program_fd)
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
	is_live = pin->cgroup ? info.cgroup.cgroup_id == pin->cgroup : info.tcx.ifindex == pin->ifindex;
	if (!is_live || bpf_link_update(fd, program_fd, NULL) < 0) {
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

/* Returns the link's fd. */
static int attach_tcx(const struct attachments *attachments, uint32_t ifindex, int program_fd)
{
	LIBBPF_OPTS(bpf_link_create_opts, options,
		    .flags = attachments->order == CONFIG_ORDER_FIRST ? FLAG_BEFORE : FLAG_AFTER);
	const struct attach_pin pin = { .netns = attachments->netns, .ifindex = ifindex };
	char path[PATH_MAX];
	int fd;

	format_pin(path, attachments->pin_dir, &pin);
	fd = adopt_link(path, &pin, program_fd);
	if (fd >= 0 || fd == -EEXIST)
		return fd;
	return pin_link(bpf_link_create(program_fd, (int)ifindex, (enum bpf_attach_type)ATTACH_TYPE_TCX_EGRESS, &options),
			path);
}

static int attach_one(const struct attachments *attachments, const struct programs *programs, struct attached *entry)
{
	const struct clsact clsact = {
		.pin_dir = attachments->pin_dir,
		.netns = attachments->netns,
		.ifindex = entry->link.ifindex,
	};

	entry->link_fd = -1;
	entry->hook = ATTACH_NONE;
	if (!link_is_fit(&entry->link))
		return 0;
	if (!attachments->has_tcx) {
		int r = clsact_attach(&clsact, programs_egress_fd(programs));

		if (r < 0)
			return r;
		entry->hook = ATTACH_CLSACT;
		return 0;
	}
	entry->link_fd = attach_tcx(attachments, entry->link.ifindex, programs_egress_fd(programs));
	if (entry->link_fd < 0)
		return entry->link_fd;
	entry->hook = ATTACH_TCX;
	return 0;
}

static struct attached *find_entry(struct attachments *attachments, uint32_t ifindex)
{
	for (size_t i = 0; i < attachments->count; i++)
		if (attachments->entries[i].link.ifindex == ifindex)
			return &attachments->entries[i];
	return NULL;
}

static int explain_attach(const struct attachments *attachments, const struct link *link, int number, struct error *error)
{
	switch (number) {
	case EEXIST:
		return fail(error, number, "%s/tcx-%u-%u is not a pin of ours; remove it, or use another --pin-dir",
			    attachments->pin_dir, attachments->netns, link->ifindex);
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

static int add_entry(struct attachments *attachments, const struct link *link, const struct programs *programs,
		     struct error *error)
{
	struct attached *entries, entry = { .link = *link, .is_there = true };
	int r;

	entries = reallocarray(attachments->entries, attachments->count + 1, sizeof(*entries));
	if (!entries)
		return fail(error, ENOMEM, "out of memory");
	attachments->entries = entries;
	r = attach_one(attachments, programs, &entry);
	if (r == -ENODEV)
		return 0; /* gone meanwhile; its message follows */
	if (r < 0)
		return explain_attach(attachments, link, -r, error);
	attachments->entries[attachments->count++] = entry;
	return 0;
}

static void drop_entry(struct attachments *attachments, struct attached *entry)
{
	if (entry->link_fd >= 0) {
		bpf_link_detach(entry->link_fd); /* the device may live on in another namespace */
		close(entry->link_fd);
	}
	*entry = attachments->entries[--attachments->count];
}

/* Not if the device is gone, though another one may have its index by now, or somebody detached the link. */
static bool is_live(const struct attached *entry)
{
	struct link_info info;

	return entry->hook != ATTACH_TCX ||
	       (get_link_info(entry->link_fd, &info) == 0 && info.tcx.ifindex == entry->link.ifindex);
}

static bool keep_known(const struct attach_pin *pin, void *data)
{
	struct attachments *attachments = data;
	const struct attached *entry;

	if (pin->cgroup)
		return true;
	entry = find_entry(attachments, pin->ifindex);
	return entry && entry->hook == ATTACH_TCX && pin->netns == attachments->netns;
}

int attach_reconcile(struct attachments *attachments, const struct programs *programs, struct error *error)
{
	_cleanup_free_ struct link *links = NULL;
	struct error later;
	size_t count;
	int r, first = 0;

	r = links_list(&links, &count);
	if (r < 0)
		return fail(error, -r, "cannot list the network interfaces: %s", strerror(-r));
	for (size_t i = attachments->count; i-- > 0;) {
		attachments->entries[i].is_there = false;
		if (!is_live(&attachments->entries[i]))
			drop_entry(attachments, &attachments->entries[i]);
	}
	for (size_t i = 0; i < count; i++) {
		struct attached *entry = find_entry(attachments, links[i].ifindex);

		if (entry) {
			entry->link = links[i];
			entry->is_there = true;
			continue;
		}
		r = add_entry(attachments, &links[i], programs, first ? &later : error);
		if (first == 0)
			first = r;
	}
	for (size_t i = attachments->count; i-- > 0;)
		if (!attachments->entries[i].is_there)
			drop_entry(attachments, &attachments->entries[i]);
	r = attach_sweep(attachments->pin_dir, keep_known, attachments, first ? &later : error);
	return first ? first : r;
}

void attach_release(struct attachments *attachments)
{
	for (size_t i = 0; i < attachments->count; i++)
		cleanup_close(&attachments->entries[i].link_fd);
	free(attachments->entries);
	attachments->entries = NULL;
	attachments->count = 0;
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
static int remove_pin(const char *path, const struct attach_pin *pin, struct error *error)
{
	_cleanup_close_ int fd = bpf_obj_get(path);
	struct link_info info;

	if (fd < 0 && errno != ENOENT)
		return 0;
	if (fd >= 0 && (get_link_info(fd, &info) < 0 || !is_of_our_kind(&info, pin)))
		return 0;
	if (fd >= 0)
		bpf_link_detach(fd); /* at once, not when the last reference goes */
	if (unlink(path) < 0 && errno != ENOENT)
		return fail(error, errno, "cannot remove %s: %s", path, strerror(errno));
	return 0;
}

int attach_sweep(const char *pin_dir, attach_keep keep, void *data, struct error *error)
{
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
		r = remove_pin(path, &pin, error);
		if (r < 0)
			return r;
	}
	return 0;
}

int attach_remove_clsact(const char *pin_dir, struct error *error)
{
	_cleanup_free_ struct link *links = NULL;
	struct clsact clsact = { .pin_dir = pin_dir };
	struct stat status;
	size_t count;
	int r;

	r = links_list(&links, &count);
	if (r == 0 && stat("/proc/self/ns/net", &status) < 0)
		r = -errno;
	if (r < 0)
		return fail(error, -r, "cannot list the network interfaces: %s", strerror(-r));
	clsact.netns = (uint32_t)status.st_ino;
	for (size_t i = 0; i < count; i++) {
		clsact.ifindex = links[i].ifindex;
		r = clsact_detach(&clsact);
		if (r < 0 && r != -ENODEV && r != -EBUSY) /* gone, or not ours */
			return fail(error, -r, "cannot remove the filter from %s: %s", links[i].name, strerror(-r));
	}
	return 0;
}
