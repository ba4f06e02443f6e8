/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "error.h" /* before cmocka's macro of the name fail */
#include "harness.h"

#include <sys/mount.h>

#include "ramp.h"

static int heartbeat_fd, other_fd;
static char bpffs[] = "/tmp/stubsieve-ramp.XXXXXX";

/* A bpffs of the test's own, which goes with its mount namespace. */
static int set_up(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		fprintf(stderr, "these tests need root\n");
		return -1;
	}
	assert_non_null(mkdtemp(bpffs));
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("bpf", bpffs, "bpf", 0, NULL), 0);
	heartbeat_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "heartbeat", 4, sizeof(struct sieve_heartbeat), 1, NULL);
	other_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "other", 4, 8, 1, NULL);
	assert_true(heartbeat_fd >= 0 && other_fd >= 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(heartbeat_fd);
	close(other_fd);
	umount(bpffs);
	rmdir(bpffs);
	return 0;
}

static void a_ramp_changes_nothing_else_of_the_heartbeat(void **state)
{
	const struct ramp ramp = { .start_ns = 5, .ramp_ns = 7 }, none = {};
	struct sieve_heartbeat heartbeat = { .stamp_ns = 3 };
	struct ramp found;
	__u32 zero = 0;

	(void)state;
	assert_int_equal(bpf_map_update_elem(heartbeat_fd, &zero, &heartbeat, BPF_ANY), 0);
	assert_int_equal(ramp_write(heartbeat_fd, &ramp), 0);
	assert_int_equal(bpf_map_lookup_elem(heartbeat_fd, &zero, &heartbeat), 0);
	assert_int_equal(heartbeat.stamp_ns, 3);
	assert_int_equal(heartbeat.ramp_start_ns, 5);
	assert_int_equal(heartbeat.ramp_ns, 7);
	assert_int_equal(ramp_read(heartbeat_fd, &found), 0);
	assert_memory_equal(&found, &ramp, sizeof(ramp));
	assert_int_equal(ramp_write(heartbeat_fd, &none), 0);
	assert_int_equal(ramp_read(heartbeat_fd, &found), 0);
	assert_memory_equal(&found, &none, sizeof(none));
}

static void what_is_no_map_is_an_error(void **state)
{
	const struct ramp ramp = { .start_ns = 5, .ramp_ns = 7 };
	struct ramp found = { .start_ns = 1 };

	(void)state;
	assert_int_equal(ramp_write(-1, &ramp), -EBADF);
	assert_int_equal(ramp_read(-1, &found), -EBADF);
	assert_int_equal(found.start_ns, 1);
}

static void the_map_of_a_dead_controller_is_found_by_its_pin(void **state)
{
	char path[64];
	int fd = -1;

	(void)state;
	snprintf(path, sizeof(path), "%s/heartbeat-%d", bpffs, SIEVE_ABI_VERSION);
	assert_int_equal(ramp_open_pinned(bpffs, &fd), -ENOENT);
	assert_int_equal(bpf_obj_pin(other_fd, path), 0);
	assert_int_equal(ramp_open_pinned(bpffs, &fd), -EINVAL); /* has its name, and is another map */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(bpf_obj_pin(heartbeat_fd, path), 0);
	assert_int_equal(ramp_open_pinned(bpffs, &fd), 0);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ramp_changes_nothing_else_of_the_heartbeat),
		cmocka_unit_test(what_is_no_map_is_an_error),
		cmocka_unit_test(the_map_of_a_dead_controller_is_found_by_its_pin),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
