/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Attachments by tcx (Linux 6.6) and to cgroups; clsact.c has those by clsact. */
#include "sandbox.h"

#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include "attach.h"

#define TCX_INGRESS ((enum bpf_attach_type)46)
#define TCX_EGRESS ((enum bpf_attach_type)47)
#define PROGRAMS_MAX 8

static char pin_dir[PATH_MAX];
static struct programs *programs;
static struct attachments attachments;

static uint32_t netns_inum(void)
{
	struct stat status;

	assert_int_equal(stat("/proc/self/ns/net", &status), 0);
	return (uint32_t)status.st_ino;
}

static struct attachments fresh_attachments(void)
{
	return (struct attachments){ .pin_dir = pin_dir, .netns = netns_inum(), .has_tcx = true, .filters = true, .most = 64, .keeps_links = true };
}

static int enter(void **state)
{
	(void)state;
	fresh_netns();
	fresh_pin_dir(pin_dir);
	programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	attachments = fresh_attachments();
	return 0;
}

static int enter_with_veth(void **state)
{
	enter(state);
	run("ip link add h0 type veth peer name h1");
	return 0;
}

static int enter_with_cgroup_program(void **state)
{
	(void)state;
	fresh_pin_dir(pin_dir);
	programs = load_programs(SIEVE_ACTION_OBSERVE, pin_dir);
	return 0;
}

static int leave(void **state)
{
	(void)state;
	attach_release(&attachments);
	programs_free(programs);
	programs = NULL;
	return 0;
}

static int enter_group(void **state)
{
	if (enter_sandbox(state) < 0)
		return -1;
	make_cgroups("attach");
	return 0;
}

static __u32 ours(void)
{
	return program_id(programs_egress_fd(programs));
}

/* The ids of the programs at the hook, in their order. */
static __u32 query_egress(const char *device, __u32 ids[PROGRAMS_MAX])
{
	__u32 count = PROGRAMS_MAX;

	assert_int_equal(bpf_prog_query((int)if_nametoindex(device), TCX_EGRESS, 0, NULL, ids, &count), 0);
	return count;
}

static void expect_ours_alone(const char *device)
{
	__u32 ids[PROGRAMS_MAX], count = query_egress(device, ids);

	if (count != 1 || ids[0] != ours())
		fail_msg("%s has %u programs", device, count);
}

static void expect_nothing(const char *device)
{
	__u32 ids[PROGRAMS_MAX], count = query_egress(device, ids);

	if (count != 0)
		fail_msg("%s has %u programs", device, count);
}

/* The kernel detaches a link that was let go by itself, a little later. */
static void expect_nothing_soon(const char *device)
{
	__u32 ids[PROGRAMS_MAX];

	for (int i = 0; i < 200 && query_egress(device, ids) > 0; i++)
		pause_ms(10);
	expect_nothing(device);
}

static void format_pin(char path[2 * PATH_MAX], uint32_t netns, uint32_t ifindex)
{
	snprintf(path, 2 * PATH_MAX, "%s/tcx-%u-%u", pin_dir, netns, ifindex);
}

static bool is_pinned(uint32_t ifindex)
{
	char path[2 * PATH_MAX];

	format_pin(path, netns_inum(), ifindex);
	return access(path, F_OK) == 0;
}

/* type and id are the first fields of every link's info. */
static __u32 id_of_link(int fd)
{
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	return info.id;
}

static __u32 pinned_link(uint32_t ifindex)
{
	char path[2 * PATH_MAX];
	__u32 id;
	int fd;

	format_pin(path, netns_inum(), ifindex);
	fd = bpf_obj_get(path);
	if (fd < 0)
		fail_msg("%s is not pinned", path);
	id = id_of_link(fd);
	close(fd);
	return id;
}

static void reconcile(void)
{
	struct error error = {};

	if (attach_reconcile(&attachments, programs, &error) != 0)
		fail_msg("%s", error.text);
}

/* As when a controller ends and another one, with another policy, begins. */
static void start_anew(enum sieve_action action)
{
	attach_release(&attachments);
	programs_free(programs);
	programs = load_programs(action, pin_dir);
	attachments = fresh_attachments();
}

static const struct attached *find_entry(const char *name)
{
	const struct attached *found = NULL;

	for (size_t i = 0; i < attachments.count; i++) {
		if (strcmp(attachments.entries[i].link.name, name) == 0) {
			assert_null(found);
			found = &attachments.entries[i];
		}
	}
	return found;
}

static void hooks_have_names(void **state)
{
	(void)state;
	assert_string_equal(attach_hook_name(ATTACH_NONE), "none");
	assert_string_equal(attach_hook_name(ATTACH_TCX), "tcx");
	assert_string_equal(attach_hook_name(ATTACH_CLSACT), "clsact");
}

static void every_interface_gets_the_program_once_and_a_pin(void **state)
{
	static const char *const devices[] = { "lo", "h0", "h1", "br0", "tun0" };

	(void)state;
	run("ip link add br0 type bridge && ip link set h0 master br0 && ip tuntap add tun0 mode tun");
	for (int times = 0; times < 2; times++) {
		reconcile();
		assert_int_equal(attachments.count, ARRAY_COUNT(devices));
		for (size_t i = 0; i < ARRAY_COUNT(devices); i++) {
			const struct attached *entry = find_entry(devices[i]);

			assert_non_null(entry);
			assert_int_equal(entry->side[ATTACH_EGRESS].hook, ATTACH_TCX);
			assert_int_equal(id_of_link(entry->side[ATTACH_EGRESS].link_fd), pinned_link(if_nametoindex(devices[i])));
			expect_ours_alone(devices[i]);
		}
	}
}

static void set_type(int fd, const char *name, int type)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	assert_int_equal(ioctl(fd, TUNSETLINK, type), 0);
}

static void a_device_that_no_answer_can_be_made_on_is_left_alone(void **state)
{
	int can = open("/dev/net/tun", O_RDWR | O_CLOEXEC), ppp = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_true(can >= 0 && ppp >= 0);
	set_type(can, "can0", ARPHRD_CAN);
	set_type(ppp, "ppp0", ARPHRD_PPP);
	reconcile();
	assert_int_equal(attachments.count, 3);
	assert_int_equal(find_entry("can0")->side[ATTACH_EGRESS].hook, ATTACH_NONE);
	assert_int_equal(find_entry("can0")->side[ATTACH_EGRESS].link_fd, -1);
	expect_nothing("can0");
	assert_false(is_pinned(if_nametoindex("can0")));
	assert_int_equal(find_entry("ppp0")->side[ATTACH_EGRESS].hook, ATTACH_NONE);
	expect_nothing("ppp0");
	close(can);
	close(ppp);
	reconcile();
	assert_int_equal(attachments.count, 1);
}

static void interfaces_come_and_go(void **state)
{
	uint32_t h0;

	(void)state;
	reconcile();
	assert_int_equal(attachments.count, 1);
	run("ip link add h0 type veth peer name h1");
	h0 = if_nametoindex("h0");
	expect_nothing("h0");
	reconcile();
	assert_int_equal(attachments.count, 3);
	expect_ours_alone("h0");
	expect_ours_alone("h1");
	assert_true(is_pinned(h0));
	run("ip link del dev h0");
	reconcile();
	assert_int_equal(attachments.count, 1);
	assert_non_null(find_entry("lo"));
	assert_false(is_pinned(h0));
	expect_ours_alone("lo");
}

static void a_renamed_interface_keeps_its_link(void **state)
{
	__u32 link;

	(void)state;
	reconcile();
	link = pinned_link(if_nametoindex("h0"));
	run("ip link set dev h0 name renamed0");
	reconcile();
	assert_null(find_entry("h0"));
	assert_non_null(find_entry("renamed0"));
	assert_int_equal(pinned_link(if_nametoindex("renamed0")), link);
	expect_ours_alone("renamed0");
}

/* It lives on there, without our program: what we know is not of that namespace. */
static void an_interface_that_moves_to_another_namespace_is_let_go(void **state)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), away;
	uint32_t h0 = if_nametoindex("h0");

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	away = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(home >= 0 && away >= 0);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	reconcile();
	run("ip link set dev h0 netns /proc/%d/fd/%d", (int)getpid(), away);
	reconcile();
	assert_null(find_entry("h0"));
	assert_false(is_pinned(h0));
	expect_ours_alone("h1");
	assert_int_equal(setns(away, CLONE_NEWNET), 0);
	expect_nothing_soon("h0");
	run("ip link set dev h0 netns /proc/%d/fd/%d", (int)getpid(), home);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	reconcile();
	expect_ours_alone("h0");
	close(home);
	close(away);
}

static void a_later_controller_puts_its_program_on_the_same_link(void **state)
{
	__u32 link, before;

	(void)state;
	reconcile();
	link = pinned_link(if_nametoindex("h0"));
	before = ours();
	attach_release(&attachments);
	assert_int_equal(attachments.count, 0);
	assert_null(attachments.entries);
	expect_ours_alone("h0"); /* nothing is detached */
	start_anew(SIEVE_ACTION_DROP);
	assert_int_not_equal(ours(), before);
	reconcile();
	assert_int_equal(pinned_link(if_nametoindex("h0")), link);
	expect_ours_alone("h0");
	expect_ours_alone("h1");
	expect_ours_alone("lo");
}

static bool keep_held(const struct pin *pin, void *data)
{
	return attach_holds(data, pin);
}

static void sweep(void)
{
	struct error error = {};

	if (pins_sweep(pin_dir, keep_held, &attachments, &error) != 0)
		fail_msg("%s", error.text);
}

static void a_defunct_pin_is_swept(void **state)
{
	uint32_t h0 = if_nametoindex("h0");

	(void)state;
	reconcile();
	start_anew(SIEVE_ACTION_ANSWER);
	run("ip link del dev h0");
	reconcile();
	assert_true(is_pinned(h0));
	sweep();
	assert_false(is_pinned(h0));
	assert_true(is_pinned(1));
}

static void a_device_with_the_index_of_one_that_is_gone_gets_a_link_of_its_own(void **state)
{
	uint32_t h0 = if_nametoindex("h0");
	__u32 link;

	(void)state;
	reconcile();
	link = pinned_link(h0);
	start_anew(SIEVE_ACTION_ANSWER);
	run("ip link del dev h0 && ip link add h0 index %u type veth peer name h1", h0);
	reconcile();
	assert_int_not_equal(pinned_link(h0), link);
	expect_ours_alone("h0");
}

/* Between two looks of the same controller. */
static void a_device_that_was_made_again_meanwhile_is_attached_to(void **state)
{
	uint32_t h0 = if_nametoindex("h0");

	(void)state;
	reconcile();
	run("ip link del dev h0 && ip link add h0 index %u type veth peer name h1", h0);
	reconcile();
	expect_ours_alone("h0");
	assert_true(is_pinned(h0));
}

static void a_link_that_somebody_detached_is_made_again(void **state)
{
	(void)state;
	reconcile();
	assert_int_equal(bpf_link_detach(find_entry("h0")->side[ATTACH_EGRESS].link_fd), 0);
	expect_nothing("h0");
	reconcile();
	expect_ours_alone("h0");
	expect_ours_alone("h1");
	assert_int_equal(attachments.count, 3);
}

/* Something with the name of our pin that is not our link. */
static void a_pin_that_is_not_ours_is_refused_by_name(void **state)
{
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "test", 4, 4, 1, NULL);
	char path[2 * PATH_MAX];
	struct error error = {};

	(void)state;
	format_pin(path, netns_inum(), if_nametoindex("lo"));
	assert_int_equal(bpf_obj_pin(map, path), 0);
	close(map);
	assert_int_equal(attach_reconcile(&attachments, programs, &error), -EEXIST);
	assert_non_null(strstr(error.text, path));
	assert_int_equal(access(path, F_OK), 0);
	expect_nothing("lo");
	expect_ours_alone("h1"); /* the others are done all the same */
	assert_int_equal(unlink(path), 0);
	reconcile();
	expect_ours_alone("lo");
}

/* Under the name of the pin of lo's link. */
static void expect_refused(const char *what)
{
	char path[2 * PATH_MAX];
	struct error error = {};
	struct stat before, after;

	format_pin(path, netns_inum(), if_nametoindex("lo"));
	assert_int_equal(lstat(path, &before), 0);
	if (attach_reconcile(&attachments, programs, &error) != -EEXIST || !strstr(error.text, path))
		fail_msg("%s is not refused by name: %s", what, error.text);
	expect_ours_alone("h1");
	assert_int_equal(pins_sweep(pin_dir, NULL, NULL, &error), 0);
	assert_int_equal(lstat(path, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	run("rm -r %s", path);
}

/* It holds another program at the very place, or is no link at all. */
static void a_pin_with_hostile_contents_is_refused_by_name(void **state)
{
	int foreign = load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1), link;
	__u32 ids[PROGRAMS_MAX];
	char path[2 * PATH_MAX];

	(void)state;
	format_pin(path, netns_inum(), if_nametoindex("lo"));
	link = bpf_link_create(foreign, (int)if_nametoindex("lo"), TCX_EGRESS, NULL);
	assert_int_equal(bpf_obj_pin(link, path), 0);
	expect_refused("a foreign link");
	assert_int_equal(query_egress("lo", ids), 1);
	assert_int_equal(ids[0], program_id(foreign));
	close(link);
	assert_int_equal(bpf_obj_pin(foreign, path), 0);
	expect_refused("a program");
	run("mkdir %s", path);
	expect_refused("a directory");
	run("ln -s tcx-0-0 %s", path);
	expect_refused("a link to nowhere");
	link = bpf_link_create(programs_egress_fd(programs), (int)if_nametoindex("lo"), TCX_INGRESS, NULL);
	assert_int_equal(bpf_obj_pin(link, path), 0);
	expect_refused("a link of ours to another hook");
	close(link);
	close(foreign);
	reconcile();
	expect_ours_alone("lo");
}

/* One that has lost its own, or never had any: each device has the program once, by a link with the right pin. */
static void a_pinned_link_to_another_device_is_pinned_there(void **state)
{
	char path[2 * PATH_MAX];
	int link;

	(void)state;
	/* it has a later turn than the device of the pin's name */
	assert_true(if_nametoindex("h1") < if_nametoindex("h0"));
	link = bpf_link_create(programs_egress_fd(programs), (int)if_nametoindex("h0"), TCX_EGRESS, NULL);
	format_pin(path, netns_inum(), if_nametoindex("h1"));
	assert_int_equal(bpf_obj_pin(link, path), 0);
	reconcile();
	expect_ours_alone("h1");
	expect_ours_alone("h0");
	assert_int_not_equal(pinned_link(if_nametoindex("h1")), id_of_link(link));
	assert_int_equal(pinned_link(if_nametoindex("h0")), id_of_link(link));
	close(link);
}

static void a_link_that_cannot_be_pinned_is_not_left_attached(void **state)
{
	char first[2 * PATH_MAX], second[2 * PATH_MAX];
	struct error error = {};
	unsigned int before;

	(void)state;
	format_pin(first, netns_inum(), if_nametoindex("lo"));
	format_pin(second, netns_inum(), if_nametoindex("h1"));
	assert_int_equal(mkdir(first, 0700), 0);
	assert_int_equal(mkdir(second, 0700), 0);
	before = count_descriptors();
	assert_int_equal(attach_reconcile(&attachments, programs, &error), -EEXIST);
	assert_non_null(strstr(error.text, first));
	assert_false(attached_anywhere(find_entry("lo")));
	assert_false(attached_anywhere(find_entry("h1")));
	assert_true(attached_anywhere(find_entry("h0")));
	expect_nothing("lo");
	expect_nothing("h1");
	expect_ours_alone("h0"); /* the others are done all the same */
	assert_int_equal(count_descriptors(), before + 1);
	assert_int_equal(rmdir(first), 0);
	assert_int_equal(rmdir(second), 0);
	reconcile();
	expect_ours_alone("lo");
	expect_ours_alone("h1");
}

static int attach_foreign(int program, const char *device)
{
	int link = bpf_link_create(program, (int)if_nametoindex(device), TCX_EGRESS, NULL);

	assert_true(link >= 0);
	return link;
}

static void foreign_programs_stay_and_the_order_is_as_configured(void **state)
{
	int foreign[2] = { load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1), load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1) };

	for (enum config_order order = CONFIG_ORDER_FIRST; order <= CONFIG_ORDER_LAST; order++) {
		size_t us = order == CONFIG_ORDER_FIRST ? 0 : 2, them = order == CONFIG_ORDER_FIRST ? 1 : 0;
		__u32 ids[PROGRAMS_MAX];
		int links[2];

		leave(state);
		enter_with_veth(state);
		attachments.order = order;
		for (int i = 0; i < 2; i++)
			links[i] = attach_foreign(foreign[i], "h0");
		for (int times = 0; times < 2; times++) {
			reconcile();
			assert_int_equal(query_egress("h0", ids), 3);
			assert_int_equal(ids[us], ours());
			assert_int_equal(ids[them], program_id(foreign[0]));
			assert_int_equal(ids[them + 1], program_id(foreign[1]));
			start_anew(SIEVE_ACTION_DROP);
			attachments.order = order;
		}
		run("ip link set dev h0 down");
		reconcile();
		assert_int_equal(pins_sweep(pin_dir, NULL, NULL, NULL), 0);
		assert_int_equal(query_egress("h0", ids), 2);
		assert_int_equal(ids[0], program_id(foreign[0]));
		close(links[0]);
		close(links[1]);
	}
	close(foreign[0]);
	close(foreign[1]);
}

static void links_of_another_namespace_stay_until_they_are_swept(void **state)
{
	uint32_t before = netns_inum();
	char path[2 * PATH_MAX];
	int link;

	(void)state;
	reconcile();
	format_pin(path, before, 1);
	link = bpf_obj_get(path);
	assert_true(link >= 0);
	start_anew(SIEVE_ACTION_ANSWER);
	fresh_netns();
	attachments = fresh_attachments();
	reconcile();
	assert_int_equal(access(path, F_OK), 0);
	sweep();
	assert_int_equal(access(path, F_OK), -1);
	expect_ours_alone("lo");
	close(link);
}

struct wish {
	uint32_t ifindex;
	uint64_t cgroup;
	unsigned int asked;
};

static bool keep_wish(const struct pin *pin, void *data)
{
	struct wish *wish = data;

	wish->asked++;
	assert_true(pin->cgroup ? !pin->netns && !pin->ifindex : pin->netns == netns_inum());
	return pin->cgroup ? pin->cgroup == wish->cgroup : pin->ifindex == wish->ifindex;
}

static void a_sweep_keeps_what_is_wanted_and_what_is_not_ours(void **state)
{
	static const char *const others[] = { "tcx-", "tcx-1", "tcx-1-2x", "tcx-1-2-3", "xtcx-1-2", "gateway-1", "gateway-1-2-",  "cgroup-", "cgroup-5y",
					      "cgroup-x", "clsact-1-2", "link" };
	struct wish wish = { .ifindex = if_nametoindex("h0") };
	struct error error = {};
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "test", 4, 4, 1, NULL);
	char path[2 * PATH_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
		snprintf(path, sizeof(path), "%s/%s", pin_dir, others[i]);
		assert_int_equal(bpf_obj_pin(map, path), 0);
	}
	close(map);
	reconcile();
	assert_int_equal(pins_sweep(pin_dir, keep_wish, &wish, &error), 0);
	assert_int_equal(wish.asked, 3);
	expect_ours_alone("h0");
	/* at once, though the controller still holds the links */
	expect_nothing("lo");
	expect_nothing("h1");
	assert_false(is_pinned(1));
	assert_true(is_pinned(if_nametoindex("h0")));
	assert_int_equal(pins_sweep(pin_dir, NULL, NULL, &error), 0);
	expect_nothing("h0");
	assert_false(is_pinned(if_nametoindex("h0")));
	for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
		snprintf(path, sizeof(path), "%s/%s", pin_dir, others[i]);
		if (access(path, F_OK) != 0)
			fail_msg("%s is gone", others[i]);
	}
	snprintf(path, sizeof(path), "%s/counters-%d", pin_dir, SIEVE_ABI_VERSION);
	assert_int_equal(access(path, F_OK), 0);
}

static void nothing_is_swept_where_nothing_is(void **state)
{
	struct error error = {};
	char path[2 * PATH_MAX];

	(void)state;
	assert_int_equal(pins_sweep(SANDBOX_BPFFS "/not-there", NULL, NULL, &error), 0);
	format_pin(path, 1, 2);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(pins_sweep(pin_dir, NULL, NULL, &error), 0);
	assert_int_equal(access(path, F_OK), 0); /* no link, so none of ours */
}

static void interfaces_beyond_the_most_are_told_of_and_left_alone(void **state)
{
	struct error error = {};

	(void)state;
	attachments.most = 2;
	assert_int_equal(attach_reconcile(&attachments, programs, &error), -E2BIG);
	assert_non_null(strstr(error.text, "more than 2 interfaces"));
	assert_int_equal(attachments.count, 2);
	attachments.most = 3;
	reconcile();
	assert_int_equal(attachments.count, 3);
}

static void one_that_fails_does_not_keep_the_others_waiting(void **state)
{
	struct error error = {};
	char path[2 * PATH_MAX];
	int r, calls = 1;

	(void)state;
	run("for i in $(seq 120); do echo link add d$i type veth peer name e$i; done | ip -batch -");
	format_pin(path, netns_inum(), if_nametoindex("lo"));
	assert_int_equal(mkdir(path, 0700), 0);
	attachments.budget_ns = 10000000;
	attachments.most = 1024;
	r = attach_reconcile(&attachments, programs, &error);
	assert_int_equal(r, -EAGAIN);
	assert_non_null(strstr(error.text, path)); /* it is told at once */
	for (; r == -EAGAIN && calls < 700; calls++)
		r = attach_reconcile(&attachments, programs, &error);
	assert_int_equal(r, -EEXIST);
	assert_string_equal(error.text, ""); /* ... and once */
	assert_int_equal(attachments.count, 243);
	for (size_t i = 0; i < attachments.count; i++)
		assert_int_equal(attached_anywhere(&attachments.entries[i]), attachments.entries[i].link.ifindex != 1);
	assert_int_equal(rmdir(path), 0);
	while ((r = attach_reconcile(&attachments, programs, &error)) == -EAGAIN && calls++ < 1400)
		;
	assert_int_equal(r, 0);
	assert_true(attached_anywhere(find_entry("lo")));
}

static void what_is_removed_is_detached_and_unpinned(void **state)
{
	unsigned int before = count_descriptors();

	(void)state;
	reconcile();
	attach_remove(&attachments);
	assert_int_equal(attachments.count, 0);
	expect_nothing_soon("lo");
	expect_nothing_soon("h0");
	assert_false(is_pinned(1));
	assert_false(is_pinned(if_nametoindex("h0")));
	assert_int_equal(count_descriptors(), before);
	reconcile();
	expect_ours_alone("h0");
}

/* Which interfaces the gateway program goes to is asked anew each time: they can be renamed. */
static void a_gateway_is_known_by_its_name(void **state)
{
	char *patterns[] = { "h[0-9]", "uplink" };
	char path[2 * PATH_MAX];
	__u32 ids[PROGRAMS_MAX], count = PROGRAMS_MAX;
	const struct programs_request request = { .pin_dir = pin_dir, .max_netns = SANDBOX_NETNS_MAX, .gateway = true };

	(void)state;
	programs_free(programs);
	programs = load_programs_as(SIEVE_ACTION_ANSWER, request);
	attachments.gateways = patterns;
	attachments.gateway_count = ARRAY_COUNT(patterns);
	run("ip link set dev h1 name other");
	reconcile();
	assert_int_equal(find_entry("h0")->side[ATTACH_GATEWAY].hook, ATTACH_TCX);
	assert_int_equal(find_entry("h0")->side[ATTACH_EGRESS].hook, ATTACH_TCX);
	assert_int_equal(find_entry("other")->side[ATTACH_GATEWAY].hook, ATTACH_NONE);
	assert_int_equal(find_entry("lo")->side[ATTACH_GATEWAY].hook, ATTACH_NONE);
	assert_int_equal(bpf_prog_query((int)if_nametoindex("h0"), TCX_INGRESS, 0, NULL, ids, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(ids[0], program_id(programs_gateway_fd(programs)));
	snprintf(path, sizeof(path), "%s/gateway-%u-%u", pin_dir, netns_inum(), if_nametoindex("h0"));
	assert_int_equal(access(path, F_OK), 0);
	run("ip link set dev h0 name third && ip link set dev other name uplink");
	reconcile();
	assert_int_equal(find_entry("third")->side[ATTACH_GATEWAY].hook, ATTACH_NONE);
	assert_int_equal(find_entry("third")->side[ATTACH_EGRESS].hook, ATTACH_TCX);
	assert_int_equal(find_entry("uplink")->side[ATTACH_GATEWAY].hook, ATTACH_TCX);
	assert_int_equal(access(path, F_OK), -1);
	attach_remove(&attachments);
	for (int i = 0; i < 200 && count > 0; i++) {
		pause_ms(10);
		count = PROGRAMS_MAX;
		assert_int_equal(bpf_prog_query((int)if_nametoindex("uplink"), TCX_INGRESS, 0, NULL, ids, &count), 0);
	}
	assert_int_equal(count, 0);
}

static void no_descriptor_is_left_open(void **state)
{
	unsigned int before = count_descriptors();

	(void)state;
	for (int times = 0; times < 3; times++) {
		reconcile();
		run("ip link del dev h0 && ip link add h0 type veth peer name h1");
		reconcile();
		attach_has_tcx(programs);
		attach_release(&attachments);
		attachments = fresh_attachments();
	}
	assert_int_equal(count_descriptors(), before);
}

/* A cgroup of the test's own, by a fresh name. */
static struct cgroup fresh_cgroup(const char *parent, char path[PATH_MAX], int *ret_fd)
{
	static unsigned int count;
	struct error error = {};
	struct cgroup cgroup;
	char name[64];

	snprintf(name, sizeof(name), "%s%s%u", parent, *parent ? "/" : "", count++);
	make_cgroup(name, path);
	if (mounts_find_cgroup(path, &cgroup, ret_fd, &error) != 0)
		fail_msg("%s", error.text);
	return cgroup;
}

static void expect_in_cgroup(int fd, __u32 first, __u32 second)
{
	__u32 ids[PROGRAMS_MAX] = {}, count = PROGRAMS_MAX;

	assert_int_equal(bpf_prog_query(fd, BPF_CGROUP_INET_EGRESS, 0, NULL, ids, &count), 0);
	assert_int_equal(count, (first != 0) + (second != 0));
	assert_int_equal(ids[0], first);
	assert_int_equal(ids[1], second);
}

static __u32 ours_in_cgroups(void)
{
	return program_id(programs_cgroup_fd(programs));
}

static __u32 pinned_cgroup_link(uint64_t cgroup)
{
	char path[2 * PATH_MAX];
	__u32 id;
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup-%llu", pin_dir, (unsigned long long)cgroup);
	fd = bpf_obj_get(path);
	if (fd < 0)
		fail_msg("%s is not pinned", path);
	id = id_of_link(fd);
	close(fd);
	return id;
}

static void attach_to(const struct cgroup *cgroup, int fd)
{
	struct error error = {};

	if (attach_cgroup(pin_dir, cgroup, fd, programs, &error) != 0)
		fail_msg("%s", error.text);
}

static void a_cgroup_gets_the_program_once_whoever_attaches(void **state)
{
	char path[PATH_MAX];
	__u32 link;
	int fd;
	struct cgroup cgroup = fresh_cgroup("", path, &fd);

	(void)state;
	attach_to(&cgroup, fd);
	expect_in_cgroup(fd, ours_in_cgroups(), 0);
	link = pinned_cgroup_link(cgroup.id);
	attach_to(&cgroup, fd);
	expect_in_cgroup(fd, ours_in_cgroups(), 0);
	programs_free(programs);
	programs = load_programs(SIEVE_ACTION_REJECT, pin_dir);
	attach_to(&cgroup, fd);
	expect_in_cgroup(fd, ours_in_cgroups(), 0);
	assert_int_equal(pinned_cgroup_link(cgroup.id), link);
	close(fd);
}

static void a_pin_of_another_cgroups_link_is_replaced(void **state)
{
	int fd, other_fd, link;
	char path[PATH_MAX], other_path[PATH_MAX], pin[2 * PATH_MAX];
	struct cgroup cgroup = fresh_cgroup("", path, &fd);

	(void)state;
	fresh_cgroup("", other_path, &other_fd);
	link = bpf_link_create(programs_cgroup_fd(programs), other_fd, BPF_CGROUP_INET_EGRESS, NULL);
	snprintf(pin, sizeof(pin), "%s/cgroup-%llu", pin_dir, (unsigned long long)cgroup.id);
	assert_int_equal(bpf_obj_pin(link, pin), 0);
	assert_false(attach_cgroup_is_live(pin_dir, cgroup.id));
	attach_to(&cgroup, fd);
	expect_in_cgroup(fd, ours_in_cgroups(), 0);
	expect_in_cgroup(other_fd, ours_in_cgroups(), 0);
	assert_true(attach_cgroup_is_live(pin_dir, cgroup.id));
	close(link);
	close(fd);
	close(other_fd);
}

static void only_the_pin_of_a_cgroup_keeps_its_program(void **state)
{
	struct wish wish = {};
	struct error error = {};
	char path[PATH_MAX], other_path[PATH_MAX];
	int fd, other_fd;
	struct cgroup cgroup = fresh_cgroup("", path, &fd), other = fresh_cgroup("", other_path, &other_fd);

	(void)state;
	attach_to(&cgroup, fd);
	attach_to(&other, other_fd);
	wish.cgroup = other.id;
	assert_int_equal(pins_sweep(pin_dir, keep_wish, &wish, &error), 0);
	assert_int_equal(wish.asked, 2);
	expect_in_cgroup(fd, 0, 0);
	expect_in_cgroup(other_fd, ours_in_cgroups(), 0);
	close(fd);
	close(other_fd);
}

static void interfaces_are_reconciled_without_regard_to_cgroups(void **state)
{
	char path[PATH_MAX];
	int fd;
	struct cgroup cgroup = fresh_cgroup("", path, &fd);

	(void)state;
	attach_to(&cgroup, fd);
	start_anew(SIEVE_ACTION_ANSWER);
	reconcile();
	assert_true(pinned_cgroup_link(cgroup.id) > 0);
	assert_true(attach_cgroup_is_live(pin_dir, cgroup.id));
	close(fd);
}

/* The kernel lets go of it a little later. */
static bool is_live_after_a_while(uint64_t id)
{
	bool is_live = true;

	for (int i = 0; is_live && i < 300; i++) {
		is_live = attach_cgroup_is_live(pin_dir, id);
		pause_ms(10);
	}
	return is_live;
}

static void a_removed_cgroup_is_not_live_and_its_successor_is_attached_to(void **state)
{
	char path[PATH_MAX];
	struct error error = {};
	struct cgroup again;
	int fd;
	struct cgroup cgroup = fresh_cgroup("", path, &fd);

	(void)state;
	assert_false(attach_cgroup_is_live(pin_dir, cgroup.id));
	attach_to(&cgroup, fd);
	assert_true(attach_cgroup_is_live(pin_dir, cgroup.id));
	assert_false(attach_cgroup_is_live(pin_dir, cgroup.id + 1));
	close(fd);
	assert_int_equal(rmdir(path), 0);
	assert_false(is_live_after_a_while(cgroup.id));
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(mounts_find_cgroup(path, &again, &fd, &error), 0);
	assert_int_not_equal(again.id, cgroup.id);
	attach_to(&again, fd);
	assert_true(attach_cgroup_is_live(pin_dir, again.id));
	expect_in_cgroup(fd, ours_in_cgroups(), 0);
	close(fd);
}

/* bpf_prog_attach() without BPF_F_ALLOW_MULTI: nobody else, there (and below, without the other flag). */
static void a_program_that_wants_to_be_alone_is_told_of(void **state)
{
	static const __u32 flags[] = { 0, BPF_F_ALLOW_OVERRIDE };
	int foreign = load_foreign(BPF_PROG_TYPE_CGROUP_SKB, 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(flags); i++) {
		char path[PATH_MAX], below_path[PATH_MAX], named[2 * PATH_MAX];
		struct error error = {};
		int fd, below_fd;
		struct cgroup cgroup = fresh_cgroup("", path, &fd);
		struct cgroup below = fresh_cgroup(strrchr(path, '/') + 1, below_path, &below_fd);

		assert_int_equal(bpf_prog_attach(foreign, fd, BPF_CGROUP_INET_EGRESS, flags[i]), 0);
		assert_int_equal(attach_cgroup(pin_dir, &cgroup, fd, programs, &error), -EPERM);
		assert_int_equal(error.kind, ERROR_FAILED);
		assert_non_null(strstr(error.text, cgroup.path));
		snprintf(named, sizeof(named), "the program %u (foreign) at the cgroup %s ", program_id(foreign), cgroup.path);
		assert_non_null(strstr(error.text, named));
		snprintf(named, sizeof(named), "bpftool cgroup detach %s cgroup_inet_egress id %u", path, program_id(foreign));
		assert_non_null(strstr(error.text, named));
		expect_in_cgroup(fd, program_id(foreign), 0);
		assert_int_equal(attach_cgroup(pin_dir, &below, below_fd, programs, &error), flags[i] ? 0 : -EPERM);
		if (!flags[i]) /* it is named where it is */
			assert_non_null(strstr(error.text, named));
		assert_false(attach_cgroup_is_live(pin_dir, cgroup.id));
		close(fd);
		close(below_fd);
	}
	close(foreign);
}

static void a_program_that_shares_stays_beside_ours(void **state)
{
	int foreign = load_foreign(BPF_PROG_TYPE_CGROUP_SKB, 1), fd;
	struct error error = {};
	char path[PATH_MAX];
	struct cgroup cgroup = fresh_cgroup("", path, &fd);

	(void)state;
	assert_int_equal(bpf_prog_attach(foreign, fd, BPF_CGROUP_INET_EGRESS, BPF_F_ALLOW_MULTI), 0);
	attach_to(&cgroup, fd);
	expect_in_cgroup(fd, program_id(foreign), ours_in_cgroups());
	assert_int_equal(pins_sweep(pin_dir, NULL, NULL, &error), 0);
	expect_in_cgroup(fd, program_id(foreign), 0);
	close(fd);
	close(foreign);
}

#define WITH_VETH(test) cmocka_unit_test_setup_teardown(test, enter_with_veth, leave)
#define WITH_CGROUP(test) cmocka_unit_test_setup_teardown(test, enter_with_cgroup_program, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hooks_have_names),
		WITH_VETH(every_interface_gets_the_program_once_and_a_pin),
		cmocka_unit_test_setup_teardown(a_device_that_no_answer_can_be_made_on_is_left_alone, enter, leave),
		cmocka_unit_test_setup_teardown(interfaces_come_and_go, enter, leave),
		WITH_VETH(a_renamed_interface_keeps_its_link),
		WITH_VETH(an_interface_that_moves_to_another_namespace_is_let_go),
		WITH_VETH(a_later_controller_puts_its_program_on_the_same_link),
		WITH_VETH(a_defunct_pin_is_swept),
		WITH_VETH(a_device_with_the_index_of_one_that_is_gone_gets_a_link_of_its_own),
		WITH_VETH(a_device_that_was_made_again_meanwhile_is_attached_to),
		WITH_VETH(a_link_that_somebody_detached_is_made_again),
		WITH_VETH(a_pin_that_is_not_ours_is_refused_by_name),
		WITH_VETH(a_pin_with_hostile_contents_is_refused_by_name),
		WITH_VETH(a_pinned_link_to_another_device_is_pinned_there),
		WITH_VETH(a_link_that_cannot_be_pinned_is_not_left_attached),
		WITH_VETH(foreign_programs_stay_and_the_order_is_as_configured),
		WITH_VETH(links_of_another_namespace_stay_until_they_are_swept),
		WITH_VETH(a_sweep_keeps_what_is_wanted_and_what_is_not_ours),
		WITH_VETH(nothing_is_swept_where_nothing_is),
		WITH_VETH(interfaces_beyond_the_most_are_told_of_and_left_alone),
		WITH_VETH(one_that_fails_does_not_keep_the_others_waiting),
		WITH_VETH(what_is_removed_is_detached_and_unpinned),
		WITH_VETH(a_gateway_is_known_by_its_name),
		WITH_VETH(no_descriptor_is_left_open),
		WITH_CGROUP(a_cgroup_gets_the_program_once_whoever_attaches),
		WITH_CGROUP(a_pin_of_another_cgroups_link_is_replaced),
		WITH_CGROUP(only_the_pin_of_a_cgroup_keeps_its_program),
		WITH_CGROUP(interfaces_are_reconciled_without_regard_to_cgroups),
		WITH_CGROUP(a_removed_cgroup_is_not_live_and_its_successor_is_attached_to),
		WITH_CGROUP(a_program_that_wants_to_be_alone_is_told_of),
		WITH_CGROUP(a_program_that_shares_stays_beside_ours),
	};

	return cmocka_run_group_tests(tests, enter_group, leave_sandbox);
}
