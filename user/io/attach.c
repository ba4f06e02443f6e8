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
#include "orphans.h"

/* Linux 6.6; older UAPI headers do not have them. */
#define FLAG_BEFORE (1U << 3)
#define FLAG_AFTER (1U << 4)

static int program_fd(const struct programs *programs, enum attach_side side)
{
	switch (side) {
	case ATTACH_GATEWAY:
		return programs_gateway_fd(programs);
	case ATTACH_RESULTS:
		return programs_results_fd(programs);
	default:
		return programs_egress_fd(programs);
	}
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
	int program = -1;

	if (hook && strcmp(hook, "clsact") == 0)
		return false;
	for (int side = 0; program < 0 && side < ATTACH_SIDES; side++)
		program = program_fd(programs, side);
	fd = bpf_link_create(program, INT_MAX, (enum bpf_attach_type)pins_attach_type(ATTACH_EGRESS), NULL);
	return fd >= 0 || errno == ENODEV;
}

static struct pin pin_of(const struct attachments *attachments, uint32_t ifindex, enum attach_side side)
{
	return (struct pin){ .side = side, .netns = attachments->netns, .ifindex = ifindex };
}

static struct clsact clsact_of(const struct attachments *attachments, uint32_t ifindex, enum attach_side side)
{
	return (struct clsact){
		.pin_dir = attachments->pin_dir,
		.netns = attachments->netns,
		.ifindex = ifindex,
		.side = side,
	};
}

/* Returns the link's fd. */
static int attach_tcx(const struct attachments *attachments, uint32_t ifindex, enum attach_side side, int program)
{
	LIBBPF_OPTS(bpf_link_create_opts, options,
		    .flags = attachments->order == CONFIG_ORDER_FIRST ? FLAG_BEFORE : FLAG_AFTER);
	const struct pin pin = pin_of(attachments, ifindex, side);
	char path[PATH_MAX];
	int fd;

	pins_format(path, attachments->pin_dir, &pin);
	fd = pins_adopt(path, &pin, program);
	if (fd == -ENOENT)
		fd = orphans_adopt(attachments->pin_dir, &pin, -1, program);
	if (fd >= 0 || fd == -EEXIST)
		return fd;
	fd = bpf_link_create(program, (int)ifindex, (enum bpf_attach_type)pins_attach_type(side), &options);
	if (fd < 0 && errno == EEXIST) /* the device has just come from another namespace, and still has our link of there */
		return -EAGAIN;
	return pins_pin(fd, path);
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
	const struct pin pin = pin_of(attachments, entry->link.ifindex, side);
	const struct clsact clsact = clsact_of(attachments, entry->link.ifindex, side);
	char path[PATH_MAX];

	if (it->hook == ATTACH_CLSACT)
		clsact_detach(&clsact);
	if (it->hook == ATTACH_TCX) {
		/* Last the pin: then the kernel detaches by itself, and we do not wait for its grace period. */
		cleanup_close(&it->link_fd);
		pins_format(path, attachments->pin_dir, &pin);
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
	const struct pin pin = pin_of(attachments, link->ifindex, side);
	char path[PATH_MAX];

	switch (number) {
	case EEXIST:
		pins_format(path, attachments->pin_dir, &pin);
		return fail(error, number, "%s is not a pin of ours; remove it, or use another --pin-dir", path);
	case EBUSY:
		return fail(error, number,
			    "cannot attach to %s: an ingress qdisc, or a foreign filter with our handle, is in the way; `tc qdisc show` and `tc filter show dev DEVICE %s` show it",
			    link->name, side == ATTACH_EGRESS ? "egress" : "ingress");
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
	if (side == ATTACH_RESULTS)
		return attachments->results;
	return config_matches_interface(attachments->gateways, attachments->gateway_count, link->name, NULL);
}

/* Not if the device is gone, though another one may have its index by now, or somebody detached the link. */
static bool is_live(const struct attachments *attachments, const struct attached *entry, enum attach_side side)
{
	const struct attached_side *it = &entry->side[side];
	const struct pin pin = pin_of(attachments, entry->link.ifindex, side);
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];

	if (it->hook != ATTACH_TCX)
		return true;
	pins_format(path, attachments->pin_dir, &pin);
	if (it->link_fd < 0)
		fd = bpf_obj_get(path);
	return pins_is_at_device(it->link_fd < 0 ? fd : it->link_fd, entry->link.ifindex);
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
	struct attached *entry;

	if (!entries)
		return NULL;
	attachments->entries = entries;
	entry = &entries[attachments->count++];
	*entry = (struct attached){ .link = *link };
	for (int side = 0; side < ATTACH_SIDES; side++)
		entry->side[side].link_fd = -1;
	return entry;
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

/* Where the last call that was over left off; the first if that is gone. */
static size_t find_link(const struct link *links, size_t count, uint32_t ifindex)
{
	for (size_t i = 0; i < count; i++)
		if (links[i].ifindex == ifindex)
			return i;
	return 0;
}

/* One that failed does not make the others wait until it is tried again: that is when all have had their turn. */
static int end_round(struct attachments *attachments, bool is_over, int first)
{
	if (attachments->failed == 0)
		attachments->failed = first;
	if (is_over)
		return -EAGAIN;
	first = attachments->failed;
	attachments->failed = 0;
	attachments->resume = 0;
	return first;
}

int attach_reconcile(struct attachments *attachments, const struct programs *programs, struct error *error)
{
	_cleanup_free_ struct link *links = NULL;
	struct error later;
	bool is_over = false;
	uint64_t deadline;
	size_t count, from;
	int r, first = 0;

	error->text[0] = '\0';
	r = links_list(attachments->budget_ns, &links, &count);
	if (attachments->budget_ns && (r == -EINTR || r == -ETIMEDOUT))
		return -EAGAIN;
	if (r < 0)
		return fail(error, -r, "cannot list the network interfaces: %s", strerror(-r));
	deadline = attachments->budget_ns ? clock_monotonic_ns() + attachments->budget_ns : UINT64_MAX;
	for (size_t i = 0; i < attachments->count; i++)
		attachments->entries[i].is_there = false;
	from = find_link(links, count, attachments->resume);
	for (size_t i = 0; i < count; i++) {
		/* one at least, so that each call comes further */
		if (!is_over && i > from && clock_monotonic_ns() > deadline) {
			is_over = true;
			attachments->resume = links[i].ifindex;
		}
		if (is_over || (i < from && find_entry(attachments, links[i].ifindex))) {
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
	return end_round(attachments, is_over, first);
}

void attach_pin_again(const struct attachments *attachments)
{
	for (size_t i = 0; i < attachments->count * ATTACH_SIDES; i++) {
		const struct attached *entry = &attachments->entries[i / ATTACH_SIDES];
		enum attach_side side = i % ATTACH_SIDES;
		const struct pin pin = pin_of(attachments, entry->link.ifindex, side);
		char path[PATH_MAX];

		pins_format(path, attachments->pin_dir, &pin);
		if (entry->side[side].hook == ATTACH_TCX && entry->side[side].link_fd >= 0)
			bpf_obj_pin(entry->side[side].link_fd, path);
	}
}

bool attached_anywhere(const struct attached *entry)
{
	for (int side = 0; side < ATTACH_SIDES; side++)
		if (entry->side[side].hook != ATTACH_NONE)
			return true;
	return false;
}

bool attach_holds(struct attachments *attachments, const struct pin *pin)
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

static bool is_kept(struct attachments *keep, uint32_t ifindex, enum attach_side side)
{
	const struct attached *entry = keep ? find_entry(keep, ifindex) : NULL;

	return entry && entry->side[side].hook == ATTACH_CLSACT;
}

static int explain_overrun(uint32_t netns, struct error *error)
{
	return fail(error, ETIMEDOUT, "the network namespace %" PRIu32 " has too many interfaces to look for filters on all; without a controller, `stubsieve remove` does",
		    netns);
}

int attach_remove_clsact(const char *pin_dir, uint64_t budget_ns, struct attachments *keep, struct error *error)
{
	_cleanup_free_ struct link *links = NULL;
	struct stat status;
	uint64_t deadline;
	size_t count;
	int r, first = 0;

	if (stat("/proc/thread-self/ns/net", &status) < 0)
		return fail(error, errno, "cannot read /proc/thread-self/ns/net: %s; is /proc mounted?", strerror(errno));
	r = links_list(budget_ns, &links, &count);
	if (r == -ETIMEDOUT || r == -EINTR)
		return explain_overrun((uint32_t)status.st_ino, error);
	if (r < 0)
		return fail(error, -r, "cannot list the network interfaces: %s", strerror(-r));
	deadline = budget_ns ? clock_thread_cpu_ns() + budget_ns : UINT64_MAX;
	for (size_t i = 0; i < count * ATTACH_SIDES; i++) {
		const struct link *link = &links[i / ATTACH_SIDES];
		const struct attachments here = { .pin_dir = pin_dir, .netns = (uint32_t)status.st_ino };
		enum attach_side side = i % ATTACH_SIDES;
		const struct clsact clsact = clsact_of(&here, link->ifindex, side);

		if (is_kept(keep, link->ifindex, side))
			continue;
		if (clock_thread_cpu_ns() > deadline)
			return explain_overrun(here.netns, error);
		r = clsact_detach(&clsact);
		if (r < 0 && r != -ENODEV && r != -EBUSY && first == 0) /* gone, or not ours */
			first = fail(error, -r, "cannot remove the filter from %s: %s", link->name, strerror(-r));
	}
	return first;
}
