/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <bpf/libbpf.h>

#include "attach.h"
#include "clock.h"
#include "clsact.h"

/* As in clsact.c, so that a foreign filter can have our place. */
#define OUR_HANDLE 0x53
#define OUR_PRIORITY 0x5353

static char pin_dir[PATH_MAX];
static struct programs *programs;
static struct clsact h0;

static int enter(void **state)
{
	struct stat status;

	(void)state;
	fresh_netns();
	fresh_pin_dir(pin_dir);
	run("ip link add h0 type veth peer name h1");
	programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	assert_int_equal(stat("/proc/self/ns/net", &status), 0);
	h0 = (struct clsact){ .pin_dir = pin_dir, .netns = (uint32_t)status.st_ino, .ifindex = if_nametoindex("h0") };
	return 0;
}

static int leave(void **state)
{
	(void)state;
	programs_free(programs);
	programs = NULL;
	return 0;
}

/* The id of the program of the filter in our place; 0 if there is none. */
static __u32 program_in_our_place(const char *device, enum bpf_tc_attach_point point)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(device), .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = OUR_HANDLE, .priority = OUR_PRIORITY);

	return bpf_tc_query(&hook, &options) == 0 ? options.prog_id : 0;
}

static void attach_foreign(const char *device, enum bpf_tc_attach_point point, __u32 handle, __u32 priority, int fd)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(device), .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = handle, .priority = priority, .prog_fd = fd);

	assert_int_equal(bpf_tc_attach(&hook, &options), 0);
}

/* How many filters on both sides, and whether there is a clsact qdisc, as tc(8) says it. */
static void expect_tc(const char *device, unsigned int filters, bool has_qdisc)
{
	run("test \"$( (tc filter show dev %s ingress; tc filter show dev %s egress) 2>&1 | grep -c ' bpf .* handle ')\" = %u",
	    device, device, filters);
	run("%s tc qdisc show dev %s | grep -q clsact", has_qdisc ? "" : "!", device);
}

static bool has_mark(void)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/qdisc-%u-%u", pin_dir, h0.netns, h0.ifindex);
	return access(path, F_OK) == 0;
}

static __u32 ours(void)
{
	return program_id(programs_egress_fd(programs));
}

static void attach_ours(void)
{
	assert_int_equal(clsact_attach(&h0, programs_egress_fd(programs)), 0);
	assert_int_equal(program_in_our_place("h0", BPF_TC_EGRESS), ours());
}

static void the_program_is_attached_to_egress_alone(void **state)
{
	(void)state;
	expect_tc("h0", 0, false);
	attach_ours();
	expect_tc("h0", 1, true);
	expect_tc("h1", 0, false);
	assert_int_equal(program_in_our_place("h0", BPF_TC_INGRESS), 0);
	assert_true(has_mark());
}

/* As a tcx program does, it lets the next one have its turn: not an `unspec` that ends the chain. */
static void the_filter_is_direct_action(void **state)
{
	(void)state;
	attach_ours();
	run("tc filter show dev h0 egress | grep -q 'direct-action'");
}

static void a_later_controller_replaces_the_filter(void **state)
{
	struct programs *later;
	__u32 before;

	(void)state;
	attach_ours();
	attach_ours();
	before = ours();
	later = load_programs(SIEVE_ACTION_DROP, pin_dir);
	programs_free(programs);
	programs = later;
	assert_int_not_equal(ours(), before);
	attach_ours();
	expect_tc("h0", 1, true);
	assert_int_equal(clsact_detach(&h0), 0);
	expect_tc("h0", 0, false);
	assert_false(has_mark());
}

static void detaching_removes_filter_and_qdisc(void **state)
{
	(void)state;
	attach_ours();
	assert_int_equal(clsact_detach(&h0), 0);
	expect_tc("h0", 0, false);
	assert_false(has_mark());
	assert_int_equal(clsact_detach(&h0), 0); /* again is no error */
	attach_ours();
	expect_tc("h0", 1, true);
}

/* The filter stays when its program's loader is gone, and whoever comes next may detach it. */
static void who_did_not_attach_may_detach(void **state)
{
	(void)state;
	attach_ours();
	programs_free(programs);
	programs = NULL;
	expect_tc("h0", 1, true);
	assert_int_equal(clsact_detach(&h0), 0);
	expect_tc("h0", 0, false);
}

static void a_qdisc_that_was_there_stays(void **state)
{
	(void)state;
	run("tc qdisc add dev h0 clsact");
	attach_ours();
	assert_false(has_mark());
	expect_tc("h0", 1, true);
	assert_int_equal(clsact_detach(&h0), 0);
	expect_tc("h0", 0, true);
}

static void a_qdisc_that_somebody_has_come_to_use_stays(void **state)
{
	static const enum bpf_tc_attach_point sides[] = { BPF_TC_INGRESS, BPF_TC_EGRESS };
	int foreign = load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1);

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sides); i++) {
		attach_ours();
		attach_foreign("h0", sides[i], 1, 1, foreign);
		expect_tc("h0", 2, true);
		assert_int_equal(clsact_detach(&h0), 0);
		expect_tc("h0", 1, true);
		assert_int_equal(program_in_our_place("h0", BPF_TC_EGRESS), 0);
		run("tc qdisc del dev h0 clsact");
	}
	close(foreign);
}

static void expect_untouched(__u32 id)
{
	assert_int_equal(clsact_attach(&h0, programs_egress_fd(programs)), -EBUSY);
	assert_int_equal(program_in_our_place("h0", BPF_TC_EGRESS), id);
	assert_int_equal(clsact_detach(&h0), -EBUSY);
	assert_int_equal(program_in_our_place("h0", BPF_TC_EGRESS), id);
	expect_tc("h0", 1, true);
}

static void a_foreign_filter_in_our_place_is_left_alone(void **state)
{
	int foreign = load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1);

	(void)state;
	run("tc qdisc add dev h0 clsact");
	attach_foreign("h0", BPF_TC_EGRESS, OUR_HANDLE, OUR_PRIORITY, foreign);
	expect_untouched(program_id(foreign));
	close(foreign);
}

/* The bpffs with the pins and marks is another one. */
static void a_filter_whose_pins_are_gone_is_taken_over(void **state)
{
	struct programs *before = load_programs(SIEVE_ACTION_ANSWER, pin_dir);

	(void)state;
	assert_int_equal(clsact_attach(&h0, programs_egress_fd(before)), 0);
	programs_free(before);
	run("rm -r %s/*", pin_dir);
	attach_ours();
	expect_tc("h0", 1, true);
	assert_int_equal(clsact_detach(&h0), 0);
	expect_tc("h0", 0, true); /* whose qdisc it is was noted in what is gone */
	run("tc qdisc del dev h0 clsact");
}

/* There is one place in a namespace. */
static void a_filter_of_another_instance_is_left_alone(void **state)
{
	struct programs *other;
	char other_dir[PATH_MAX];
	__u32 id;

	(void)state;
	fresh_pin_dir(other_dir);
	other = load_programs(SIEVE_ACTION_ANSWER, other_dir);
	h0.pin_dir = other_dir;
	assert_int_equal(clsact_attach(&h0, programs_egress_fd(other)), 0);
	h0.pin_dir = pin_dir;
	id = program_id(programs_egress_fd(other));
	programs_free(other);
	expect_untouched(id);
	h0.pin_dir = other_dir;
	assert_int_equal(clsact_detach(&h0), 0);
	expect_tc("h0", 0, false);
	h0.pin_dir = pin_dir;
}

static void a_filter_in_a_place_beside_ours_is_left_alone(void **state)
{
	int foreign = load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1);

	(void)state;
	run("tc qdisc add dev h0 clsact");
	attach_foreign("h0", BPF_TC_EGRESS, OUR_HANDLE + 1, OUR_PRIORITY, foreign);
	attach_foreign("h0", BPF_TC_EGRESS, OUR_HANDLE, OUR_PRIORITY - 1, foreign);
	attach_ours();
	expect_tc("h0", 3, true);
	assert_int_equal(clsact_detach(&h0), 0);
	expect_tc("h0", 2, true);
	close(foreign);
}

static void a_filter_of_another_kind_in_our_place_is_left_alone(void **state)
{
	(void)state;
	run("tc qdisc add dev h0 clsact");
	if (system("tc filter add dev h0 egress prio 21331 protocol all u32 match u32 0 0 2>/dev/null") != 0)
		skip();
	assert_true(clsact_attach(&h0, programs_egress_fd(programs)) < 0);
	clsact_detach(&h0);
	run("tc filter show dev h0 egress | grep -q 'pref 21331 u32'");
}

/* It takes a filter for egress without a word, and hands it what comes in. */
static void an_ingress_qdisc_is_no_place_for_us(void **state)
{
	int foreign = load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1);

	(void)state;
	run("tc qdisc add dev h0 ingress");
	assert_int_equal(clsact_attach(&h0, programs_egress_fd(programs)), -EBUSY);
	expect_tc("h0", 0, false);
	attach_foreign("h0", BPF_TC_INGRESS, 1, 1, foreign);
	assert_int_equal(clsact_attach(&h0, programs_egress_fd(programs)), -EBUSY);
	assert_int_equal(program_in_our_place("h0", BPF_TC_INGRESS), 0);
	assert_int_equal(clsact_detach(&h0), 0);
	run("tc qdisc show dev h0 | grep -q 'qdisc ingress'");
	run("tc filter show dev h0 ingress | grep -q foreign");
	close(foreign);
}

static void a_device_that_is_gone_is_told(void **state)
{
	(void)state;
	attach_ours();
	run("ip link del dev h0");
	assert_int_equal(clsact_attach(&h0, programs_egress_fd(programs)), -ENODEV);
	h0.ifindex = 4711;
	assert_int_equal(clsact_attach(&h0, programs_egress_fd(programs)), -ENODEV);
	assert_false(has_mark());
}

static void a_device_that_comes_back_is_like_a_new_one(void **state)
{
	(void)state;
	attach_ours();
	run("ip link del dev h0 && ip link add h0 index %u type veth peer name h1", h0.ifindex);
	expect_tc("h0", 0, false);
	attach_ours();
	assert_int_equal(clsact_detach(&h0), 0);
	expect_tc("h0", 0, false);
	assert_false(has_mark());
}

static void all_interfaces_are_freed_at_once_but_of_foreign_filters(void **state)
{
	struct attachments attachments = { .pin_dir = pin_dir, .netns = h0.netns, .filters = true, .most = 64 };
	int foreign = load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1);
	struct error error = {};

	(void)state;
	run("tc qdisc add dev h1 clsact");
	attach_foreign("h1", BPF_TC_EGRESS, 1, 1, foreign);
	assert_int_equal(attach_reconcile(&attachments, programs, &error), 0);
	for (size_t i = 0; i < attachments.count; i++) {
		assert_int_equal(attachments.entries[i].side[ATTACH_EGRESS].hook, ATTACH_CLSACT);
		assert_int_equal(attachments.entries[i].side[ATTACH_EGRESS].link_fd, -1);
		assert_int_equal(program_in_our_place(attachments.entries[i].link.name, BPF_TC_EGRESS), ours());
	}
	assert_int_equal(attachments.count, 3);
	attach_release(&attachments);
	assert_int_equal(attach_remove_clsact(pin_dir, 0, NULL, &error), 0);
	expect_tc("lo", 0, false);
	expect_tc("h0", 0, false);
	expect_tc("h1", 1, true);
	close(foreign);
}

static void an_interface_in_the_way_is_named_and_the_others_are_attached_to(void **state)
{
	struct attachments attachments = { .pin_dir = pin_dir, .netns = h0.netns, .filters = true, .most = 64 };
	struct error error = {};
	size_t attached = 0;

	(void)state;
	run("tc qdisc add dev h0 ingress");
	assert_int_equal(attach_reconcile(&attachments, programs, &error), -EBUSY);
	assert_non_null(strstr(error.text, "cannot attach to h0"));
	assert_non_null(strstr(error.text, "tc filter show dev DEVICE"));
	for (size_t i = 0; i < attachments.count; i++)
		attached += attached_anywhere(&attachments.entries[i]);
	assert_int_equal(attached, 2);
	assert_int_equal(program_in_our_place("lo", BPF_TC_EGRESS), ours());
	assert_int_equal(program_in_our_place("h1", BPF_TC_EGRESS), ours());
	run("tc qdisc del dev h0 ingress");
	assert_int_equal(attach_reconcile(&attachments, programs, &error), 0);
	assert_int_equal(program_in_our_place("h0", BPF_TC_EGRESS), ours());
	attach_release(&attachments);
}

static uint64_t cost_of_a_round(void)
{
	uint64_t began = clock_thread_cpu_ns();

	for (int i = 0; i < 20; i++) {
		assert_int_equal(clsact_attach(&h0, programs_egress_fd(programs)), 0);
		assert_int_equal(clsact_detach(&h0), 0);
	}
	return clock_thread_cpu_ns() - began;
}

/* Whoever has a network namespace can have as many as they like. */
static void filters_beside_ours_cost_nothing(void **state)
{
	uint64_t few, many;

	(void)state;
	run("tc qdisc add dev h0 clsact");
	if (system("tc filter add dev h0 egress prio 1 protocol all u32 match u32 0 0 2>/dev/null") != 0)
		skip();
	few = cost_of_a_round();
	run("for i in $(seq 2000); do for prio in 1 2 3 4 5 6 7 8 9 10; do echo filter add dev h0 egress prio $prio protocol all u32 match u32 $i 0xffffffff; done; done | tc -batch -");
	run("test $(tc filter show dev h0 egress | grep -c 'fh .* key ht') -gt 19000");
	many = cost_of_a_round();
	if (many > 10 * few)
		fail_msg("%llu us beside 20,000 filters, %llu us beside one", (unsigned long long)many / 1000,
			 (unsigned long long)few / 1000);
	run("tc qdisc show dev h0 | grep -q clsact");
}

static void the_environment_chooses_clsact(void **state)
{
	int link;
	bool has_tcx;

	(void)state;
	/* the kernel's own answer */
	link = bpf_link_create(programs_egress_fd(programs), (int)h0.ifindex, (enum bpf_attach_type)47, NULL);
	has_tcx = link >= 0;
	close(link);
	unsetenv("STUBSIEVE_HOOK");
	assert_int_equal(attach_has_tcx(programs), has_tcx);
	setenv("STUBSIEVE_HOOK", "tcx", 1);
	assert_int_equal(attach_has_tcx(programs), has_tcx);
	setenv("STUBSIEVE_HOOK", "clsact", 1);
	assert_false(attach_has_tcx(programs));
	unsetenv("STUBSIEVE_HOOK");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_program_is_attached_to_egress_alone, enter, leave),
		cmocka_unit_test_setup_teardown(the_filter_is_direct_action, enter, leave),
		cmocka_unit_test_setup_teardown(a_later_controller_replaces_the_filter, enter, leave),
		cmocka_unit_test_setup_teardown(detaching_removes_filter_and_qdisc, enter, leave),
		cmocka_unit_test_setup_teardown(who_did_not_attach_may_detach, enter, leave),
		cmocka_unit_test_setup_teardown(a_qdisc_that_was_there_stays, enter, leave),
		cmocka_unit_test_setup_teardown(a_qdisc_that_somebody_has_come_to_use_stays, enter, leave),
		cmocka_unit_test_setup_teardown(a_foreign_filter_in_our_place_is_left_alone, enter, leave),
		cmocka_unit_test_setup_teardown(a_filter_whose_pins_are_gone_is_taken_over, enter, leave),
		cmocka_unit_test_setup_teardown(a_filter_of_another_instance_is_left_alone, enter, leave),
		cmocka_unit_test_setup_teardown(a_filter_in_a_place_beside_ours_is_left_alone, enter, leave),
		cmocka_unit_test_setup_teardown(a_filter_of_another_kind_in_our_place_is_left_alone, enter, leave),
		cmocka_unit_test_setup_teardown(an_ingress_qdisc_is_no_place_for_us, enter, leave),
		cmocka_unit_test_setup_teardown(a_device_that_is_gone_is_told, enter, leave),
		cmocka_unit_test_setup_teardown(a_device_that_comes_back_is_like_a_new_one, enter, leave),
		cmocka_unit_test_setup_teardown(all_interfaces_are_freed_at_once_but_of_foreign_filters, enter, leave),
		cmocka_unit_test_setup_teardown(an_interface_in_the_way_is_named_and_the_others_are_attached_to, enter,
						leave),
		cmocka_unit_test_setup_teardown(filters_beside_ours_cost_nothing, enter, leave),
		cmocka_unit_test_setup_teardown(the_environment_chooses_clsact, enter, leave),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
