/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include "map_pins.h"

static char pin_dir[PATH_MAX];

static int fresh_instance(void **state)
{
	(void)state;
	fresh_pin_dir(pin_dir);
	return 0;
}

/* A map that somebody pinned there. */
static __u32 pin_map(const char *pin, const char *name, enum bpf_map_type type, __u32 key, __u32 value, __u32 entries,
		     __u32 flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
	int fd = bpf_map_create(type, name, key, value, entries, &options);
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	char path[2 * PATH_MAX];

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	snprintf(path, sizeof(path), "%s/%s", pin_dir, pin);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	close(fd);
	return info.id;
}

static __u32 pinned_id(const char *pin)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	char path[2 * PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", pin_dir, pin);
	fd = bpf_obj_get(path);
	if (fd < 0)
		fail_msg("%s is not pinned", pin);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	close(fd);
	return info.id;
}

static const char *of_version(const char *name, int version)
{
	static char pin[2][64];
	static unsigned int turn;
	char *it = pin[turn++ % 2];

	snprintf(it, sizeof(pin[0]), "%s-%d", name, version);
	return it;
}

static int load(struct error *ret_error)
{
	const struct sieve_policy policy = { .ports = { 53 } };
	const struct programs_request request = { .policy = &policy, .pin_dir = pin_dir, .max_netns = SANDBOX_NETNS_MAX };
	struct programs *programs = NULL;
	int r = programs_load(&request, &programs, ret_error);

	programs_free(programs);
	return r;
}

static void expect_refused(const char *what, const char *pin)
{
	struct error error = {};
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", pin_dir, pin);
	if (load(&error) != -EEXIST)
		fail_msg("%s at %s is not refused: %s", what, pin, error.text);
	if (!strstr(error.text, path) || !strstr(error.text, "--pin-dir"))
		fail_msg("%s at %s is not named: %s", what, pin, error.text);
	/* and stays as it is, also when ours are removed */
	assert_int_equal(programs_unpin(pin_dir, &error), 0);
	run("test -e '%s' -o -L '%s'", path, path);
}

static void a_pin_has_the_version_of_its_map(void **state)
{
	(void)state;
	assert_int_equal(map_pins_version("netns-4", "netns"), 4);
	assert_int_equal(map_pins_version("netns-17", "netns"), 17);
	assert_int_equal(map_pins_version("netns-", "netns"), -1);
	assert_int_equal(map_pins_version("netns", "netns"), -1);
	assert_int_equal(map_pins_version("netns-4x", "netns"), -1);
	assert_int_equal(map_pins_version("netns-4-4", "netns"), -1);
	assert_int_equal(map_pins_version("names-4", "netns"), -1);
	assert_int_equal(map_pins_version("netns-99999999999", "netns"), -1);
}

#define NETNS_LAYOUT BPF_MAP_TYPE_HASH, 4, sizeof(struct sieve_netns)

static void our_maps_are_taken_over_and_others_in_their_place_refused(void **state)
{
	static const struct {
		const char *what, *pin, *name;
		enum bpf_map_type type;
		__u32 key, value, entries, flags;
		bool is_ours;
	} table[] = {
		{ "ours", "counters", "counters", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, SIEVE_COUNTERS, 0, true },
		{ "a foreign name", "counters", "foreign", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, SIEVE_COUNTERS, 0, false },
		{ "a shorter one", "counters", "counters", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, SIEVE_COUNTERS - 1, 0, false },
		{ "another type", "counters", "counters", BPF_MAP_TYPE_ARRAY, 4, 8, SIEVE_COUNTERS, 0, false },
		{ "ours", "heartbeat", "heartbeat", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct sieve_heartbeat), 1, 0, true },
		{ "larger values", "heartbeat", "heartbeat", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct sieve_heartbeat) + 8, 1, 0,
		  false },
		{ "other flags", "heartbeat", "heartbeat", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct sieve_heartbeat), 1,
		  BPF_F_MMAPABLE, false },
		{ "ours", "netns", "netns", NETNS_LAYOUT, SANDBOX_NETNS_MAX, BPF_F_NO_PREALLOC, true },
		{ "larger keys", "netns", "netns", BPF_MAP_TYPE_HASH, 8, sizeof(struct sieve_netns), SANDBOX_NETNS_MAX,
		  BPF_F_NO_PREALLOC, false },
		{ "another size", "events", "events", BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0, false },
		{ "one that is not needed", "coverage", "foreign", BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0, false },
	};

	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		const char *pin = of_version(table[i].pin, SIEVE_ABI_VERSION);
		struct error error = {};
		__u32 id;

		fresh_instance(state);
		id = pin_map(pin, table[i].name, table[i].type, table[i].key, table[i].value, table[i].entries, table[i].flags);
		if (!table[i].is_ours) {
			expect_refused(table[i].what, pin);
			assert_int_equal(pinned_id(pin), id);
			continue;
		}
		if (load(&error) != 0 || pinned_id(pin) != id)
			fail_msg("%s: %s is not kept: %s", pin, table[i].what, error.text);
	}
}

/* --max-netns has changed. */
static void room_for_another_number_of_namespaces_is_a_new_map(void **state)
{
	const char *pin = of_version("netns", SIEVE_ABI_VERSION);
	__u32 id = pin_map(pin, "netns", NETNS_LAYOUT, SANDBOX_NETNS_MAX - 1, BPF_F_NO_PREALLOC);
	struct error error;

	(void)state;
	assert_int_equal(load(&error), 0);
	assert_int_not_equal(pinned_id(pin), id);
}

/* Programs of an earlier controller, which keep the map that nobody writes to any more, must stay stale. */
static void the_heartbeat_gives_way_with_the_namespaces(void **state)
{
	const char *pin = of_version("heartbeat", SIEVE_ABI_VERSION), *netns = of_version("netns", SIEVE_ABI_VERSION);
	struct error error;

	for (__u32 less = 0; less < 2; less++) {
		__u32 id;

		fresh_instance(state);
		pin_map(netns, "netns", NETNS_LAYOUT, SANDBOX_NETNS_MAX - less, BPF_F_NO_PREALLOC);
		id = pin_map(pin, "heartbeat", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct sieve_heartbeat), 1, 0);
		assert_int_equal(load(&error), 0);
		assert_int_equal(pinned_id(pin) == id, less == 0);
	}
}

/* In the directory that is seen now is what was pinned there long ago. */
static void maps_that_are_pinned_again_replace_those_of_an_older_directory(void **state)
{
	struct programs *programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	const char *pin = of_version("counters", SIEVE_ABI_VERSION);
	__u32 id = pinned_id(pin), heartbeat = pinned_id(of_version("heartbeat", SIEVE_ABI_VERSION));

	(void)state;
	run("rm %s/*", pin_dir);
	assert_int_not_equal(pin_map(pin, "counters", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, SIEVE_COUNTERS, 0), id);
	pin_map("foreign-1", "other", BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	assert_int_equal(programs_pin_again(programs, pin_dir), 0);
	assert_int_equal(pinned_id(pin), id);
	assert_int_equal(pinned_id(of_version("heartbeat", SIEVE_ABI_VERSION)), heartbeat);
	pinned_id("foreign-1");
	programs_free(programs);
}

static void what_is_no_map_is_refused(void **state)
{
	static const char *const commands[] = { "mkdir %s", "ln -s netns-0 %s", "ln -s /etc/passwd %s" };
	const char *pin = of_version("netns", SIEVE_ABI_VERSION);
	int foreign = load_foreign(BPF_PROG_TYPE_SCHED_CLS, -1);
	char path[2 * PATH_MAX];

	for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
		fresh_instance(state);
		pin_map("netns-0", "netns", NETNS_LAYOUT, SANDBOX_NETNS_MAX, BPF_F_NO_PREALLOC);
		snprintf(path, sizeof(path), "%s/%s", pin_dir, pin);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		run(commands[i], path);
#pragma GCC diagnostic pop
		expect_refused(commands[i], pin);
	}
	fresh_instance(state);
	snprintf(path, sizeof(path), "%s/%s", pin_dir, pin);
	assert_int_equal(bpf_obj_pin(foreign, path), 0);
	expect_refused("a program", pin);
	close(foreign);
}

static void pins_of_other_versions_stay_beside_ours_until_they_are_removed(void **state)
{
	struct error error = {};

	(void)state;
	pin_map("netns-1", "netns", BPF_MAP_TYPE_HASH, 8, 8, 1, 0);
	pin_map("later-99", "later", BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	pin_map("foreign-1", "other", BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	pin_map(of_version("others", SIEVE_ABI_VERSION), "others", BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	run("mkdir %s/cgroups-7", pin_dir);
	assert_int_equal(load(&error), 0);
	pinned_id("netns-1");
	pinned_id("later-99");
	assert_int_equal(programs_unpin(pin_dir, &error), 0);
	run("test \"$(ls %s | tr '\\n' ' ')\" = 'cgroups-7 foreign-1 others-%d '", pin_dir, SIEVE_ABI_VERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pin_has_the_version_of_its_map),
		cmocka_unit_test_setup(our_maps_are_taken_over_and_others_in_their_place_refused, fresh_instance),
		cmocka_unit_test_setup(room_for_another_number_of_namespaces_is_a_new_map, fresh_instance),
		cmocka_unit_test(the_heartbeat_gives_way_with_the_namespaces),
		cmocka_unit_test_setup(maps_that_are_pinned_again_replace_those_of_an_older_directory, fresh_instance),
		cmocka_unit_test_setup(what_is_no_map_is_refused, fresh_instance),
		cmocka_unit_test_setup(pins_of_other_versions_stay_beside_ours_until_they_are_removed, fresh_instance),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
