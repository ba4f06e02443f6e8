/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What controllers left in several network namespaces. A controller is played by attaching in each namespace, and
 * forgetting it: the links stay by their pins, the clsact filters by themselves.
 */
#include "sandbox.h"

#include <sys/file.h>

#include "attach.h"
#include "netns.h"
#include "remove.h"

static char pin_dir[PATH_MAX];
static struct programs *programs;
static uint32_t home;

/* A namespace with an interface beside lo, and a child that is in it. */
struct place {
	pid_t pid;
	uint32_t inum;
};

static struct place places[3];

static void move_away(void *data)
{
	(void)data;
	CHILD_CHECK(unshare(CLONE_NEWNET) == 0);
	CHILD_CHECK(system("ip link set lo up && ip link add h0 type veth peer name h1") == 0);
}

static int enter(void **state)
{
	(void)state;
	fresh_netns();
	run("ip link add h0 type veth peer name h1");
	home = netns_of(0);
	cover_run();
	fresh_pin_dir(pin_dir);
	programs = load_programs_as(SIEVE_ACTION_ANSWER, (struct programs_request){
		.pin_dir = pin_dir, .max_netns = SANDBOX_NETNS_MAX, .gateway = true });
	for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
		places[i].pid = start_idle(move_away, NULL);
		places[i].inum = netns_of(places[i].pid);
		assert_int_not_equal(places[i].inum, home);
	}
	return 0;
}

static void end_place(struct place *place)
{
	if (place->pid)
		end_child(place->pid);
	place->pid = 0;
}

/* Effective alone, so that it can be had again. */
static void set_capability(unsigned int capability, bool is_on)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	data[capability / 32].effective &= ~(1U << capability % 32);
	if (is_on)
		data[capability / 32].effective |= 1U << capability % 32;
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

static int leave(void **state)
{
	struct error error;

	(void)state;
	set_capability(CAP_SYS_ADMIN, true);
	set_capability(CAP_SYS_PTRACE, true);
	pins_sweep(pin_dir, NULL, NULL, &error);
	for (size_t i = 0; i < ARRAY_COUNT(places); i++)
		end_place(&places[i]);
	programs_free(programs);
	programs = NULL;
	unsetenv("STUBSIEVE_HOOK");
	uncover_run();
	return 0;
}

static int go_to(uint32_t inum)
{
	uint32_t unused;
	int back, fd;

	assert_int_equal(netns_open(0, &back, &unused), 0);
	for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
		if (places[i].inum != inum)
			continue;
		assert_int_equal(netns_open(places[i].pid, &fd, &unused), 0);
		assert_int_equal(netns_enter(fd), 0);
		close(fd);
	}
	assert_int_equal(netns_of(0), inum);
	return back;
}

static void come_back(int fd)
{
	assert_int_equal(netns_enter(fd), 0);
	close(fd);
}

/* As a controller does that then ends without a word. */
/* Attach, with the gateway's program to h1. */
static void attach_as(struct attachments *attachments, uint32_t inum, size_t gateways)
{
	static char h1[] = "h1", *const names[] = { h1 };
	struct error error = {};
	int back = go_to(inum);

	*attachments = (struct attachments){
		.pin_dir = pin_dir, .netns = inum, .has_tcx = attach_has_tcx(programs), .filters = true,
		.gateways = names, .gateway_count = gateways, .most = 1024,
	};
	if (attach_reconcile(attachments, programs, &error) != 0)
		fail_msg("%s", error.text);
	assert_int_equal(attachments->count, 3);
	come_back(back);
}

static void attach_in(uint32_t inum)
{
	struct attachments attachments;

	attach_as(&attachments, inum, 1);
	attach_release(&attachments);
}

static void attach_everywhere(void)
{
	attach_in(home);
	for (size_t i = 0; i < ARRAY_COUNT(places); i++)
		attach_in(places[i].inum);
}

static void use_clsact(void)
{
	setenv("STUBSIEVE_HOOK", "clsact", 1);
	assert_false(attach_has_tcx(programs));
}

/* How many programs the interfaces of the namespace have by either hook, ours and others. */
static unsigned int count_programs(uint32_t inum)
{
	static const char *const devices[] = { "lo", "h0", "h1" };
	int back = go_to(inum);
	unsigned int count = 0;

	for (size_t i = 0; i < ARRAY_COUNT(devices); i++) {
		char command[256], line[32] = "";
		FILE *output;

		for (int type = 46; type <= 47; type++) { /* BPF_TCX_INGRESS, BPF_TCX_EGRESS */
			__u32 ids[8], programs_there = ARRAY_COUNT(ids);

			if (bpf_prog_query((int)if_nametoindex(devices[i]), (enum bpf_attach_type)type, 0, NULL, ids,
					   &programs_there) == 0)
				count += programs_there;
		}
		snprintf(command, sizeof(command),
			 "(tc filter show dev %s ingress; tc filter show dev %s egress) 2>/dev/null | grep -c ' bpf .* handle '",
			 devices[i], devices[i]);
		output = popen(command, "re");
		assert_non_null(output);
		assert_non_null(fgets(line, sizeof(line), output));
		pclose(output);
		count += (unsigned int)atoi(line);
	}
	come_back(back);
	return count;
}

static bool has_qdisc(uint32_t inum, const char *device)
{
	int back = go_to(inum);
	char command[128];
	bool has;

	snprintf(command, sizeof(command), "tc qdisc show dev %s | grep -q clsact", device);
	has = system(command) == 0;
	come_back(back);
	return has;
}

static void expect_programs(const char *phrase, uint32_t inum, unsigned int want)
{
	unsigned int have = count_programs(inum);

	if (have != want)
		fail_msg("%s: %u programs, not %u", phrase, have, want);
}

/* Egress on each of three interfaces, ingress on the gateway. */
#define OURS 4

static void expect_everywhere(unsigned int want)
{
	expect_programs("home", home, want);
	for (size_t i = 0; i < ARRAY_COUNT(places); i++)
		if (places[i].pid)
			expect_programs("another namespace", places[i].inum, want);
}

/* Marks of the namespace, 0: everything in the directory. */
static unsigned int count_entries(uint32_t inum)
{
	DIR *directory = opendir(pin_dir);
	struct dirent *entry;
	unsigned int count = 0;
	char part[32];

	snprintf(part, sizeof(part), "-%u-", inum);
	while (directory && (entry = readdir(directory)))
		count += entry->d_name[0] != '.' && (!inum || strstr(entry->d_name, part));
	if (directory)
		closedir(directory);
	return count;
}

static void remove_everything(void)
{
	struct error error = {};

	if (remove_all(pin_dir, &error) != 0)
		fail_msg("%s", error.text);
	assert_int_equal(netns_of(0), home);
}

static void links_of_all_namespaces_are_removed(void **state)
{
	(void)state;
	attach_everywhere();
	expect_everywhere(OURS);
	remove_everything();
	expect_everywhere(0);
	assert_int_equal(access(pin_dir, F_OK), -1);
}

static void filters_of_all_namespaces_are_removed(void **state)
{
	unsigned int before;

	(void)state;
	use_clsact();
	attach_everywhere();
	expect_everywhere(OURS);
	for (size_t i = 0; i < ARRAY_COUNT(places); i++)
		assert_true(count_entries(places[i].inum) > 0);
	before = count_descriptors();
	remove_everything();
	assert_int_equal(count_descriptors(), before);
	expect_everywhere(0);
	for (size_t i = 0; i < ARRAY_COUNT(places); i++)
		assert_false(has_qdisc(places[i].inum, "h0"));
	assert_int_equal(access(pin_dir, F_OK), -1);
}

/* As after an upgrade of the kernel. */
static void each_namespace_may_have_the_other_hook(void **state)
{
	(void)state;
	attach_in(home);
	attach_in(places[0].inum);
	use_clsact();
	attach_in(places[1].inum);
	attach_in(places[2].inum);
	expect_everywhere(OURS);
	remove_everything();
	expect_everywhere(0);
	assert_int_equal(access(pin_dir, F_OK), -1);
}

static void filters_of_others_stay(void **state)
{
	int foreign = load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1);
	int back;

	(void)state;
	assert_int_equal(bpf_obj_pin(foreign, SANDBOX_BPFFS "/foreign"), 0);
	use_clsact();
	attach_everywhere();
	back = go_to(places[0].inum);
	run("tc filter add dev h0 egress prio 7 bpf da object-pinned " SANDBOX_BPFFS "/foreign");
	come_back(back);
	back = go_to(places[1].inum);
	run("ip link add other type dummy 2>/dev/null || ip link add other type veth peer name other1");
	run("tc qdisc add dev other clsact && tc filter add dev other egress prio 7 bpf da object-pinned " SANDBOX_BPFFS "/foreign");
	come_back(back);
	remove_everything();
	expect_programs("beside ours", places[0].inum, 1);
	assert_true(has_qdisc(places[0].inum, "h0"));
	assert_false(has_qdisc(places[0].inum, "h1"));
	assert_true(has_qdisc(places[1].inum, "other"));
	expect_programs("without any", places[1].inum, 0);
	unlink(SANDBOX_BPFFS "/foreign");
	close(foreign);
}

/* Nobody is in it, but it has a name. */
static void a_namespace_is_found_by_its_name(void **state)
{
	uint32_t inum = places[0].inum;
	int fd, back;

	(void)state;
	use_clsact();
	attach_in(inum);
	run("mkdir -p " NETNS_NAMES " && touch " NETNS_NAMES "/left && mount --bind /proc/%d/ns/net " NETNS_NAMES "/left",
	    (int)places[0].pid);
	end_place(&places[0]);
	remove_everything();
	assert_int_equal(netns_open(0, &back, &(uint32_t){ 0 }), 0);
	assert_int_equal(netns_open_named(inum, &fd), 0);
	assert_int_equal(netns_enter(fd), 0);
	run("! tc filter show dev h0 egress | grep -q sieve_egress");
	run("! tc qdisc show dev h0 | grep -q clsact");
	come_back(back);
	close(fd);
	assert_int_equal(access(pin_dir, F_OK), -1);
}

static void of_a_namespace_that_is_gone_the_marks_go(void **state)
{
	uint32_t gone = places[1].inum;

	(void)state;
	use_clsact();
	attach_everywhere();
	end_place(&places[1]);
	assert_true(count_entries(gone) > 0);
	remove_everything();
	expect_everywhere(0);
	assert_int_equal(access(pin_dir, F_OK), -1);
}

/* They went with their bpffs; in the own namespace the filters are known without. */
static void filters_without_marks_are_removed_at_home(void **state)
{
	(void)state;
	use_clsact();
	attach_in(home);
	run("rmdir %s/clsact-* %s/ingress-* %s/qdisc-*", pin_dir, pin_dir, pin_dir);
	expect_programs("home", home, OURS);
	remove_everything();
	expect_programs("home", home, 0);
	assert_int_equal(access(pin_dir, F_OK), -1);
}

/* What a later controller has in the second place, without a gateway. */
struct wanted {
	struct attachments attachments;
	unsigned int asked;
};

static struct attachments *keep_one(uint32_t netns, void *data)
{
	struct wanted *wanted = data;

	wanted->asked++;
	return netns == places[1].inum ? &wanted->attachments : NULL;
}

/* As a controller does with what an earlier one left: also where it goes on, the filters that it does not want go. */
static void filters_that_are_wanted_stay(void **state)
{
	struct wanted wanted = {};
	struct error error = {};
	unsigned int marks;

	(void)state;
	use_clsact();
	attach_everywhere();
	marks = count_entries(places[1].inum);
	attach_as(&wanted.attachments, places[1].inum, 0);
	assert_int_equal(remove_clsact(pin_dir, false, keep_one, &wanted, &error), 0);
	assert_int_equal(wanted.asked, 4); /* once for each */
	assert_int_equal(netns_of(0), home);
	expect_programs("but for the gateway's", places[1].inum, OURS - 1);
	assert_int_equal(count_entries(places[1].inum), marks - 1);
	expect_programs("home", home, 0);
	expect_programs("first", places[0].inum, 0);
	expect_programs("third", places[2].inum, 0);
	assert_int_equal(count_entries(home), 0);
	assert_int_equal(count_entries(places[0].inum), 0);
	assert_int_equal(count_entries(places[2].inum), 0);
	run("ls %s | grep -q counters-", pin_dir); /* nothing but marks goes */
	attach_release(&wanted.attachments);
}

/* It can be tried again by who may. */
static void a_namespace_that_cannot_be_entered_is_told_of_and_not_forgotten(void **state)
{
	struct error error = {};

	(void)state;
	use_clsact();
	attach_in(home);
	attach_in(places[0].inum);
	set_capability(CAP_SYS_ADMIN, false);
	assert_int_equal(remove_clsact(pin_dir, false, NULL, NULL, &error), -EPERM);
	assert_int_equal(error.kind, ERROR_PRIVILEGE);
	if (!strstr(error.text, "clsact") || !strstr(error.text, "cannot enter"))
		fail_msg("%s", error.text);
	set_capability(CAP_SYS_ADMIN, true);
	assert_int_equal(netns_of(0), home);
	expect_programs("home", home, 0);
	assert_int_equal(count_entries(home), 0);
	expect_programs("the other", places[0].inum, OURS);
	assert_true(count_entries(places[0].inum) > 0);
	remove_everything();
	expect_programs("the other", places[0].inum, 0);
	assert_int_equal(access(pin_dir, F_OK), -1);
}

/* Nor is anything done again and again: these cannot be removed as marks are. */
/* Who may not look at every process cannot tell. */
static void a_namespace_that_cannot_be_found_is_not_taken_for_gone(void **state)
{
	struct error error = {};
	unsigned int marks;
	uint32_t inum = places[0].inum;

	(void)state;
	use_clsact();
	attach_in(inum);
	marks = count_entries(inum);
	assert_true(marks > 0);
	set_capability(CAP_SYS_PTRACE, false);
	assert_int_equal(remove_clsact(pin_dir, false, NULL, NULL, &error), -EACCES);
	assert_int_equal(error.kind, ERROR_PRIVILEGE);
	assert_non_null(strstr(error.text, "CAP_SYS_PTRACE"));
	set_capability(CAP_SYS_PTRACE, true);
	assert_int_equal(count_entries(inum), marks);
	expect_programs("not found", inum, OURS);
	remove_everything();
	expect_programs("found", inum, 0);
}

static void what_only_has_the_name_of_a_mark_stays(void **state)
{
	static const char *const files[] = { "clsact-1-2", "qdisc-3-4" },
				 *const directories[] = { "clsact-1-2x", "ingress-1", "qdiscs-1-2", "qdisc-1-2-3", "other" };
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "test", 4, 4, 1, NULL);
	char path[2 * PATH_MAX];
	struct error error = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", pin_dir, files[i]);
		assert_int_equal(bpf_obj_pin(map, path), 0);
	}
	for (size_t i = 0; i < ARRAY_COUNT(directories); i++) {
		snprintf(path, sizeof(path), "%s/%s", pin_dir, directories[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	snprintf(path, sizeof(path), "%s/ingress-5-6", pin_dir);
	assert_int_equal(mkdir(path, 0700), 0);
	alarm(60);
	assert_int_equal(remove_all(pin_dir, &error), 0);
	alarm(0);
	assert_int_equal(access(path, F_OK), -1); /* the twin */
	assert_int_equal(count_entries(0), ARRAY_COUNT(files) + ARRAY_COUNT(directories));
	close(map);
}

static void cgroups_programs_go_with_their_pins(void **state)
{
	struct error error = {};
	struct cgroup cgroup;
	char path[PATH_MAX];
	__u32 ids[8], count = ARRAY_COUNT(ids);
	int fd;

	(void)state;
	make_cgroup("observed", path);
	programs_free(programs);
	programs = load_programs(SIEVE_ACTION_OBSERVE, pin_dir);
	assert_int_equal(mounts_find_cgroup(path, &cgroup, &fd, &error), 0);
	assert_int_equal(attach_cgroup(pin_dir, &cgroup, fd, programs, &error), 0);
	assert_int_equal(bpf_prog_query(fd, BPF_CGROUP_INET_EGRESS, 0, NULL, ids, &count), 0);
	assert_int_equal(count, 1);
	remove_everything();
	count = ARRAY_COUNT(ids);
	assert_int_equal(bpf_prog_query(fd, BPF_CGROUP_INET_EGRESS, 0, NULL, ids, &count), 0);
	assert_int_equal(count, 0);
	close(fd);
}

static void leftovers_are_removed_unless_somebody_pins_there(void **state)
{
	struct error error = {};
	int lock;

	(void)state;
	use_clsact();
	attach_everywhere();
	assert_int_equal(mounts_lock_pin_dir(pin_dir, &lock, &error), 0);
	assert_true(remove_leftovers(pin_dir, &error) < 0);
	assert_int_equal(error.kind, ERROR_ALREADY_RUNNING);
	assert_non_null(strstr(error.text, pin_dir));
	expect_everywhere(OURS);
	close(lock);
	if (remove_leftovers(pin_dir, &error) != 0)
		fail_msg("%s", error.text);
	expect_everywhere(0);
	assert_int_equal(access(pin_dir, F_OK), -1);
	assert_int_equal(netns_of(0), home);
}

static void nothing_there_is_no_error(void **state)
{
	unsigned int before = count_descriptors();
	struct wanted wanted = {};
	struct error error = {};

	(void)state;
	assert_int_equal(remove_leftovers(SANDBOX_BPFFS "/not-there", &error), 0);
	assert_int_equal(remove_clsact(SANDBOX_BPFFS "/not-there", false, keep_one, &wanted, &error), 0);
	assert_int_equal(wanted.asked, 0);
	/* what is not on a bpffs is none of ours */
	assert_int_equal(mkdir(SANDBOX "/plain", 0700), 0);
	assert_int_equal(mkdir(SANDBOX "/plain/clsact-1-2", 0700), 0);
	assert_int_equal(remove_leftovers(SANDBOX "/plain", &error), 0);
	assert_int_equal(access(SANDBOX "/plain/clsact-1-2", F_OK), 0);
	assert_int_equal(remove_leftovers(pin_dir, &error), 0); /* maps alone */
	assert_int_equal(access(pin_dir, F_OK), -1);
	assert_int_equal(count_descriptors(), before);
}

static int enter_group(void **state)
{
	if (enter_sandbox(state) < 0)
		return -1;
	make_cgroups("remove");
	return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(links_of_all_namespaces_are_removed),
		TEST(filters_of_all_namespaces_are_removed),
		TEST(each_namespace_may_have_the_other_hook),
		TEST(filters_of_others_stay),
		TEST(a_namespace_is_found_by_its_name),
		TEST(of_a_namespace_that_is_gone_the_marks_go),
		TEST(filters_without_marks_are_removed_at_home),
		TEST(filters_that_are_wanted_stay),
		TEST(a_namespace_that_cannot_be_entered_is_told_of_and_not_forgotten),
		TEST(a_namespace_that_cannot_be_found_is_not_taken_for_gone),
		TEST(what_only_has_the_name_of_a_mark_stays),
		TEST(cgroups_programs_go_with_their_pins),
		TEST(leftovers_are_removed_unless_somebody_pins_there),
		TEST(nothing_there_is_no_error),
	};

	return cmocka_run_group_tests(tests, enter_group, leave_sandbox);
}
