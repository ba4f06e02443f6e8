/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <bpf/libbpf.h>

#include "cleanup.h"
#include "clock.h"
#include "loading.h"
#include "map_pins.h"
#include "names.h"
#include "query.h"

#define EGRESS_ATTACH_TYPE 47 /* BPF_TCX_EGRESS */

static char pin_dir[PATH_MAX];

static int fresh_instance(void **state)
{
	(void)state;
	fresh_netns();
	fresh_pin_dir(pin_dir);
	return 0;
}

static int open_pin(const char *name)
{
	char path[2 * PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s-%d", pin_dir, name, SIEVE_ABI_VERSION);
	fd = bpf_obj_get(path);
	if (fd < 0)
		fail_msg("%s is not pinned", name);
	return fd;
}

static __u32 map_id(const char *name)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	int fd = open_pin(name);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	close(fd);
	return info.id;
}

static bool has_netns(__u32 inum, struct sieve_netns *ret_state)
{
	int fd = open_pin("netns");
	bool has = bpf_map_lookup_elem(fd, &inum, ret_state) == 0;

	close(fd);
	return has;
}

static void every_action_loads_only_what_it_needs(void **state)
{
	(void)state;
	for (enum sieve_action action = SIEVE_ACTION_ANSWER; action <= SIEVE_ACTION_REJECT; action++) {
		bool by_cgroup = action == SIEVE_ACTION_OBSERVE || action == SIEVE_ACTION_REJECT;
		struct programs *programs = load_programs(action, pin_dir);

		if ((programs_egress_fd(programs) >= 0) == by_cgroup || (programs_cgroup_fd(programs) >= 0) != by_cgroup)
			fail_msg("action %d loads the wrong program", (int)action);
		if (programs_sensor_fd(programs) >= 0 || programs_gateway_fd(programs) >= 0)
			fail_msg("action %d loads what nobody asked for", (int)action);
		programs_free(programs);
	}
}

static void sensor_and_gateway_are_loaded_where_they_are_asked_for(void **state)
{
	(void)state;
	for (enum sieve_action action = SIEVE_ACTION_ANSWER; action <= SIEVE_ACTION_REJECT; action++)
		for (int asked = 0; asked < 4; asked++) {
			struct programs *programs = load_programs_as(action, (struct programs_request){
				.pin_dir = pin_dir, .max_netns = 1, .sensor = asked & 1, .gateway = asked & 2 });

			assert_int_equal(programs_sensor_fd(programs) >= 0, (asked & 1) != 0);
			assert_int_equal(programs_gateway_fd(programs) >= 0, (asked & 2) != 0);
			programs_free(programs);
		}
}

/* Those that are there are published anew; one more is refused. */
static void as_many_namespaces_as_asked_for_have_a_place(void **state)
{
	struct programs_request request = { .pin_dir = pin_dir, .max_netns = 3 };
	const struct sieve_netns published = { .cookie = 1 };

	(void)state;
	for (; request.max_netns <= 9000; request.max_netns *= 3000) {
		struct programs *programs = load_programs_as(SIEVE_ACTION_ANSWER, request);
		uint32_t inum = 0;

		while (inum < request.max_netns)
			assert_int_equal(programs_set_netns(programs, ++inum, &published), 0);
		assert_int_equal(programs_set_netns(programs, inum + 1, &published), -E2BIG);
		assert_int_equal(programs_set_netns(programs, inum, &published), 0);
		assert_int_equal(programs_forget_netns(programs, 1), 0);
		assert_int_equal(programs_set_netns(programs, inum + 1, &published), 0);
		programs_free(programs);
	}
}

static struct programs *load_with_coverage(bool coverage)
{
	return load_programs_as(SIEVE_ACTION_ANSWER, (struct programs_request){
		.pin_dir = pin_dir, .max_netns = SANDBOX_NETNS_MAX, .results = coverage });
}

static bool is_pinned(const char *name)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s-%d", pin_dir, name, SIEVE_ABI_VERSION);
	return access(path, F_OK) == 0;
}

/* It goes with the first controller that does without. */
static void the_map_of_prefixes_is_there_where_it_is_asked_for(void **state)
{
	struct programs *programs;
	struct error error;

	(void)state;
	for (int asked = 0; asked < 4; asked++) {
		programs = load_with_coverage(asked & 1);
		assert_int_equal(programs_coverage_fd(programs) >= 0, asked & 1);
		assert_int_equal(is_pinned("coverage"), asked & 1);
		assert_true(is_pinned("netns"));
		programs_free(programs);
	}
	assert_true(is_pinned("coverage"));
	assert_int_equal(programs_unpin(pin_dir, &error), 0);
	assert_false(is_pinned("coverage"));
}

static void maps_are_pinned_for_root_and_nothing_else_is(void **state)
{
	struct programs *programs = load_with_coverage(true);
	DIR *directory = opendir(pin_dir);
	struct dirent *entry;
	size_t count = 0, pins = 0;

	(void)state;
	for (; map_pins_names[count]; count++)
		if (strcmp(map_pins_names[count], "carried") != 0)
			close(open_pin(map_pins_names[count]));
	assert_int_equal(count, 11);
	while ((entry = readdir(directory))) {
		struct stat status;

		if (entry->d_name[0] == '.')
			continue;
		assert_int_equal(fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(status.st_mode, S_IFREG | 0600);
		pins++;
	}
	closedir(directory);
	assert_int_equal(pins, count);
	programs_free(programs);
	programs_free(NULL);
	close(open_pin("counters"));
}

static void write_counter(__u32 counter, __u64 on_each_cpu)
{
	int cpus = libbpf_num_possible_cpus(), fd = open_pin("counters");
	__u64 *values = calloc((size_t)cpus, sizeof(*values));

	assert_non_null(values);
	for (int cpu = 0; cpu < cpus; cpu++)
		values[cpu] = on_each_cpu + (__u64)cpu;
	assert_int_equal(bpf_map_update_elem(fd, &counter, values, BPF_ANY), 0);
	free(values);
	close(fd);
}

static void counters_are_sums_over_all_cpus(void **state)
{
	struct programs *programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	__u64 cpus = (__u64)libbpf_num_possible_cpus();
	uint64_t counters[SIEVE_COUNTERS];

	(void)state;
	memset(counters, 0xff, sizeof(counters));
	assert_int_equal(programs_counters(programs, counters), 0);
	for (int i = 0; i < SIEVE_COUNTERS; i++)
		assert_int_equal(counters[i], 0);
	write_counter(SIEVE_COUNTERS - 1, 1000);
	write_counter(1, 7);
	assert_int_equal(programs_counters(programs, counters), 0);
	assert_int_equal(counters[SIEVE_COUNTERS - 1], 1000 * cpus + cpus * (cpus - 1) / 2);
	assert_int_equal(counters[1], 7 * cpus + cpus * (cpus - 1) / 2);
	assert_int_equal(counters[2], 0);
	programs_free(programs);
}

static void a_later_controller_goes_on_with_the_maps(void **state)
{
	struct sieve_netns published = { .cookie = 5, .generation = { 6, 7 }, .connectivity = { 0, SIEVE_USELESS } };
	struct sieve_netns seen;
	const struct programs_cgroup cgroup = { 99, SIEVE_CGROUP_SCOPE };
	uint64_t counters[SIEVE_COUNTERS], beat = 0;
	struct programs *first = load_programs(SIEVE_ACTION_ANSWER, pin_dir), *second;
	__u32 id = map_id("counters");

	(void)state;
	write_counter(SIEVE_COUNTER_ANSWERED, 1000);
	assert_int_equal(programs_set_netns(first, 4711, &published), 0);
	assert_int_equal(programs_set_cgroups(first, &cgroup, 1, false), 0);
	assert_int_equal(programs_beat(first, 123456789), 0);
	second = load_programs(SIEVE_ACTION_REJECT, pin_dir);
	assert_int_equal(map_id("counters"), id);
	assert_int_equal(programs_counters(second, counters), 0);
	assert_true(counters[SIEVE_COUNTER_ANSWERED] >= 1000);
	assert_int_equal(programs_last_beat(second, &beat), 0);
	assert_int_equal(beat, 123456789);
	programs_free(first);
	assert_true(has_netns(4711, &seen));
	assert_memory_equal(&seen, &published, sizeof(seen));
	/* both write the same maps */
	assert_int_equal(programs_forget_netns(second, 4711), 0);
	assert_false(has_netns(4711, &seen));
	programs_free(second);
}

static void another_directory_is_another_instance(void **state)
{
	struct programs *first = load_programs(SIEVE_ACTION_ANSWER, pin_dir), *second;
	uint64_t counters[SIEVE_COUNTERS];
	__u32 id = map_id("counters");

	(void)state;
	write_counter(1, 1000);
	fresh_pin_dir(pin_dir);
	second = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	assert_int_not_equal(map_id("counters"), id);
	assert_int_equal(programs_counters(second, counters), 0);
	assert_int_equal(counters[1], 0);
	programs_free(first);
	programs_free(second);
}

static void a_directory_that_cannot_hold_pins_is_named(void **state)
{
	const struct sieve_policy policy = { .ports = { 53 } };
	const struct programs_request request = { .policy = &policy, .pin_dir = SANDBOX "/not-there", .max_netns = 1 };
	struct programs *programs = NULL;
	struct error error = {};

	(void)state;
	loading_silence_libbpf();
	assert_true(programs_load(&request, &programs, &error) < 0);
	assert_null(programs);
	assert_non_null(strstr(error.text, SANDBOX "/not-there"));
}

static bool pin_has(const char *name, uint32_t inum)
{
	_cleanup_close_ int fd = open_pin(name);
	struct sieve_netns state;

	return bpf_map_lookup_elem(fd, &inum, &state) == 0;
}

static uint64_t beat_of(struct programs *programs)
{
	uint64_t beat;

	assert_int_equal(programs_last_beat(programs, &beat), 0);
	return beat;
}

/* Until it is pinned nothing of it is seen from outside; then nothing else is. */
static void what_is_loaded_beside_others_shares_the_counters_alone(void **state)
{
	const struct sieve_netns published = { .cookie = 1 };
	struct programs *first = load_programs(SIEVE_ACTION_ANSWER, pin_dir), *second;
	const uint32_t zero = SIEVE_REASON_dnssec;
	uint64_t counters[SIEVE_COUNTERS], values[256] = { 7 };
	__u32 counters_id = map_id("counters"), names_id = map_id("names");
	_cleanup_close_ int fd = open_pin("counters");
	struct error error;

	(void)state;
	assert_int_equal(programs_beat(first, 1000), 0);
	assert_int_equal(programs_set_netns(first, 1, &published), 0);
	second = load_programs_as(SIEVE_ACTION_OBSERVE, (struct programs_request){
		.pin_dir = pin_dir, .max_netns = 5, .results = true, .beside = first });
	assert_int_equal(beat_of(second), 0);
	assert_int_equal(programs_beat(second, 2000), 0);
	assert_int_equal(beat_of(first), 1000);
	assert_int_equal(programs_set_netns(second, 2, &published), 0);
	assert_true(pin_has("netns", 1));
	assert_false(pin_has("netns", 2));
	assert_false(is_pinned("coverage"));
	assert_int_equal(bpf_map_update_elem(fd, &zero, values, BPF_ANY), 0);
	assert_int_equal(programs_counters(second, counters), 0);
	assert_int_equal(counters[zero], 7);

	assert_int_equal(programs_pin(second, pin_dir, &error), 0);
	assert_false(pin_has("netns", 1));
	assert_true(pin_has("netns", 2));
	assert_true(is_pinned("coverage"));
	assert_int_equal(map_id("counters"), counters_id);
	assert_int_not_equal(map_id("names"), names_id);
	/* and back, as after a failure */
	assert_int_equal(programs_pin(first, pin_dir, &error), 0);
	assert_true(pin_has("netns", 1));
	assert_false(is_pinned("coverage"));
	assert_int_equal(map_id("names"), names_id);
	programs_free(first);
	programs_free(second);
}

static void maps_that_cannot_be_pinned_are_named(void **state)
{
	struct programs *programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	struct error error;

	(void)state;
	assert_true(programs_pin(programs, SANDBOX "/not-there", &error) < 0);
	assert_non_null(strstr(error.text, SANDBOX "/not-there/netns-"));
	programs_free(programs);
}

/* "NAME" or "NAME FAMILIES" of the configuration, exempt or asked. */
static struct programs *load_with_names(const char *const *exempt, const char *const *asked, const struct names_rule **ret_rules,
					size_t *ret_count)
{
	struct programs_request request = { .pin_dir = pin_dir, .max_netns = SANDBOX_NETNS_MAX };
	struct names_rule *rules;
	static struct config config;
	char error[CONFIG_ERROR_MAX];

	config_free(&config);
	config_init(&config);
	for (size_t i = 0; exempt[i]; i++)
		assert_int_equal(config_set(&config, "exempt-name", exempt[i], error), 0);
	for (size_t i = 0; asked[i]; i++)
		assert_int_equal(config_set(&config, "ask", asked[i], error), 0);
	assert_int_equal(names_list(&config, &rules, &request.name_count), 0);
	request.names = *ret_rules = rules;
	*ret_count = request.name_count;
	return load_programs_as(SIEVE_ACTION_ANSWER, request);
}

static uint32_t flags_of(int fd, const char *suffix)
{
	unsigned int labels;
	__u32 flags = 0;
	uint64_t key;

	assert_int_equal(names_suffix(suffix, &key, &labels), 0);
	return bpf_map_lookup_elem(fd, &key, &flags) == 0 ? flags : 0;
}

static size_t count_names(int fd)
{
	uint64_t key, *previous = NULL;
	size_t count = 0;

	for (; bpf_map_get_next_key(fd, previous, &key) == 0; count++)
		previous = &key;
	return count;
}

static void built_in_names_are_in_the_map(void **state)
{
	struct programs *programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	int fd = open_pin("names");
	size_t count = 0;

	(void)state;
	for (; names_exempt[count]; count++)
		assert_int_equal(flags_of(fd, names_exempt[count]), SIEVE_NAME_EXEMPT);
	assert_int_equal(count_names(fd), count);
	close(fd);
	programs_free(programs);
}

/* An earlier controller's names go, those of this one are there, and what is said of one suffix twice holds. */
static void configured_names_are_in_the_map_and_no_others(void **state)
{
	static const char *const exempt[] = { "corp.example", "gone.example", NULL }, *const asked[] = { "ask.example a", NULL };
	static const char *const exempt_now[] = { "local", "new.example", NULL },
				 *const asked_now[] = { "corp.example aaaa", "ask.example a", "ask.example aaaa", "local a", NULL };
	const struct names_rule *rules;
	struct programs *before, *after;
	size_t count, built_in = 0;
	int fd;

	(void)state;
	while (names_exempt[built_in])
		built_in++;
	before = load_with_names(exempt, asked, &rules, &count);
	fd = open_pin("names");
	assert_int_equal(count, built_in + 3);
	assert_int_equal(count_names(fd), built_in + 3);
	assert_int_equal(flags_of(fd, "corp.example"), SIEVE_NAME_EXEMPT);
	assert_int_equal(flags_of(fd, "ask.example"), SIEVE_NAME_ASK_A);
	free((void *)(uintptr_t)rules);
	after = load_with_names(exempt_now, asked_now, &rules, &count);
	assert_int_equal(count_names(fd), built_in + 3);
	assert_int_equal(flags_of(fd, "corp.example"), SIEVE_NAME_ASK_AAAA);
	assert_int_equal(flags_of(fd, "gone.example"), 0);
	assert_int_equal(flags_of(fd, "new.example"), SIEVE_NAME_EXEMPT);
	assert_int_equal(flags_of(fd, "ask.example"), SIEVE_NAME_ASK_A | SIEVE_NAME_ASK_AAAA);
	assert_int_equal(flags_of(fd, "local"), SIEVE_NAME_EXEMPT | SIEVE_NAME_ASK_A);
	free((void *)(uintptr_t)rules);
	close(fd);
	programs_free(before);
	programs_free(after);
}

/* Whatever it is that cannot be opened. */
static void too_few_files_are_called_that(void **state)
{
	const struct sieve_policy policy = { .ports = { 53 } };
	const struct programs_request request = { .policy = &policy, .pin_dir = pin_dir, .max_netns = 1, .sensor = true };
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		struct rlimit limit = { .rlim_max = 1024 };
		struct programs *programs = NULL;
		struct error error = {};
		unsigned int refused = 0;

		for (limit.rlim_cur = count_descriptors(); !programs && limit.rlim_cur < 200; limit.rlim_cur++) {
			CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
			if (programs_load(&request, &programs, &error) == 0)
				break;
			refused++;
			child_check(error.kind == ERROR_FAILED && strstr(error.text, "open files") && !strstr(error.text, "5.10"),
				    error.text);
		}
		CHILD_CHECK(programs && refused > 3);
		_exit(0);
	}
	expect_exit(child, 0);
}

static void what_is_published_of_a_namespace_can_be_withdrawn(void **state)
{
	struct programs *programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	const struct sieve_netns published = { .cookie = 1, .generation = { 2, 3 }, .connectivity = { 4, 5 }, .wake = 6 };
	struct sieve_netns seen;

	(void)state;
	assert_int_equal(programs_forget_netns(programs, 10), -ENOENT);
	assert_int_equal(programs_set_netns(programs, 10, &published), 0);
	assert_true(has_netns(10, &seen));
	assert_memory_equal(&seen, &published, sizeof(seen));
	assert_false(has_netns(11, &seen));
	assert_int_equal(programs_forget_netns(programs, 10), 0);
	assert_false(has_netns(10, &seen));
	programs_free(programs);
}

static bool is_multiple(uint32_t inum, void *data)
{
	return inum % *(const uint32_t *)data == 0;
}

static void other_namespaces_are_forgotten_wherever_they_stand(void **state)
{
	static const uint32_t factors[] = { 1, 2, 33, 100, 101 }; /* all stay, the half, three, the last, none */
	struct programs *programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	const struct sieve_netns published = { .cookie = 1 };
	struct sieve_netns seen;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(factors); i++) {
		uint32_t factor = factors[i];

		assert_int_equal(programs_forget_other_netns(programs, is_multiple, &factor), 0);
		for (uint32_t inum = 1; inum <= 100; inum++)
			assert_int_equal(programs_set_netns(programs, inum, &published), 0);
		assert_int_equal(programs_forget_other_netns(programs, is_multiple, &factor), 0);
		for (uint32_t inum = 1; inum <= 100; inum++)
			if (has_netns(inum, &seen) != is_multiple(inum, &factor))
				fail_msg("multiples of %u: %u", factor, inum);
	}
	programs_free(programs);
}

/* Exactly these. */
static void assert_cgroups(const struct programs_cgroup *cgroups, size_t count)
{
	int fd = open_pin("cgroups");
	uint64_t key, next, *previous = NULL;
	size_t seen = 0;

	for (; bpf_map_get_next_key(fd, previous, &next) == 0; seen++) {
		key = next;
		previous = &key;
	}
	assert_int_equal(seen, count);
	for (size_t i = 0; i < count; i++) {
		__u32 kind = 0;

		if (bpf_map_lookup_elem(fd, &cgroups[i].id, &kind) != 0 || kind != cgroups[i].kind)
			fail_msg("cgroup %llu: %u", (unsigned long long)cgroups[i].id, kind);
	}
	close(fd);
}

static void the_map_holds_exactly_the_cgroups_or_those_before_as_well(void **state)
{
	struct programs *programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	const enum sieve_cgroup SCOPE = SIEVE_CGROUP_SCOPE, EXEMPT = SIEVE_CGROUP_EXEMPT;
	const struct programs_cgroup before[] = { { 1, SCOPE }, { 1ULL << 40, EXEMPT }, { 3, SCOPE } };
	const struct programs_cgroup now[] = { { 3, EXEMPT }, { 4, SCOPE }, { 5, EXEMPT } };
	const struct programs_cgroup both[] = {
		{ 1, SCOPE }, { 1ULL << 40, EXEMPT }, { 3, EXEMPT }, { 4, SCOPE }, { 5, EXEMPT },
	};

	(void)state;
	assert_int_equal(programs_set_cgroups(programs, before, ARRAY_COUNT(before), false), 0);
	assert_cgroups(before, ARRAY_COUNT(before));
	assert_int_equal(programs_set_cgroups(programs, now, ARRAY_COUNT(now), true), 0);
	assert_cgroups(both, ARRAY_COUNT(both));
	assert_int_equal(programs_set_cgroups(programs, now, ARRAY_COUNT(now), false), 0);
	assert_cgroups(now, ARRAY_COUNT(now));
	assert_int_equal(programs_set_cgroups(programs, NULL, 0, true), 0);
	assert_cgroups(now, ARRAY_COUNT(now));
	assert_int_equal(programs_set_cgroups(programs, NULL, 0, false), 0);
	assert_cgroups(NULL, 0);
	programs_free(programs);
}

static void the_last_beat_is_read_back(void **state)
{
	struct programs *programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	uint64_t beat = 99, now = clock_monotonic_ns();

	(void)state;
	assert_int_equal(programs_last_beat(programs, &beat), 0);
	assert_int_equal(beat, 0);
	assert_int_equal(programs_beat(programs, now), 0);
	assert_int_equal(programs_last_beat(programs, &beat), 0);
	assert_int_equal(beat, now);
	programs_free(programs);
}

static void read_generation(struct programs *programs, __u32 generation[SIEVE_FAMILIES])
{
	struct stat status;
	__u32 inum = 0;

	assert_int_equal(programs_generation(programs, &inum, generation), 0);
	assert_int_equal(stat("/proc/self/ns/net", &status), 0);
	assert_int_equal(inum, status.st_ino);
}

static void a_new_route_is_a_new_generation_of_its_family(void **state)
{
	struct programs *programs = load_programs(SIEVE_ACTION_OBSERVE, pin_dir);
	__u32 before[SIEVE_FAMILIES], after[SIEVE_FAMILIES];

	(void)state;
	run("ip link add h0 type veth peer name h1 && ip link set h1 up && ip link set h0 up");
	pause_ms(100); /* the kernel's own IPv6 routes */
	read_generation(programs, before);
	read_generation(programs, after);
	assert_memory_equal(before, after, sizeof(before));
	run("ip -4 route add 198.51.100.0/24 dev h0");
	read_generation(programs, after);
	assert_int_not_equal(after[SIEVE_IPV4], before[SIEVE_IPV4]);
	read_generation(programs, before);
	run("ip -6 route add 2001:db8::/32 dev h0");
	read_generation(programs, after);
	assert_int_not_equal(after[SIEVE_IPV6], before[SIEVE_IPV6]);
	assert_int_equal(after[SIEVE_IPV4], before[SIEVE_IPV4]);
	fresh_netns();
	read_generation(programs, before); /* of the other namespace */
	programs_free(programs);
}

static void send_query(void)
{
	const struct sockaddr_in server = {
		.sin_family = AF_INET,
		.sin_port = htons(53),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sieve_work work;

	assert_true(fd >= 0);
	assert_int_equal(query_make("www.example.com", SIEVE_TYPE_AAAA, &work), 0);
	assert_int_equal(sendto(fd, work.message, work.length, 0, (const struct sockaddr *)&server, sizeof(server)),
			 work.length);
	close(fd);
}

struct told {
	unsigned int times;
	struct sieve_event event;
};

static void take_event(const struct sieve_event *event, void *data)
{
	struct told *told = data;

	told->times++;
	told->event = *event;
}

/* A query that is useless by what is published meets other generations: the controller is told, once. */
static void a_query_that_meets_another_generation_is_an_event(void **state)
{
	struct programs *programs = load_programs(SIEVE_ACTION_ANSWER, pin_dir);
	struct sieve_netns published = { .connectivity = { SIEVE_CONNECTED, SIEVE_USELESS } };
	uint64_t counters[SIEVE_COUNTERS];
	struct told told = {};
	uint32_t inum;
	int link;

	(void)state;
	link = bpf_link_create(programs_egress_fd(programs), 1, (enum bpf_attach_type)EGRESS_ATTACH_TYPE, NULL);
	if (link < 0) {
		programs_free(programs);
		skip(); /* before Linux 6.6 */
	}
	assert_int_equal(programs_beat(programs, clock_monotonic_ns()), 0);
	assert_int_equal(programs_generation(programs, &inum, published.generation), 0);
	assert_int_equal(programs_set_netns(programs, inum, &published), 0);
	programs_set_event_callback(programs, take_event, &told);
	send_query(); /* the twin, with these generations: it is answered */
	assert_int_equal(programs_read_events(programs), 0);
	assert_int_equal(told.times, 0);
	published.generation[SIEVE_IPV6]++;
	assert_int_equal(programs_set_netns(programs, inum, &published), 0);
	send_query();
	send_query(); /* who is awake need not be woken */
	assert_int_equal(programs_read_events(programs), 0);
	assert_int_equal(told.times, 1);
	assert_int_equal(told.event.netns, inum);
	assert_int_equal(told.event.tid, 0); /* not of a socket */
	assert_int_equal(told.event.tgid, 0);
	assert_int_equal(programs_set_netns(programs, inum, &published), 0);
	send_query();
	assert_int_equal(programs_read_events(programs), 0);
	assert_int_equal(told.times, 2);
	programs_set_event_callback(programs, NULL, NULL);
	assert_int_equal(programs_set_netns(programs, inum, &published), 0);
	send_query();
	assert_int_equal(programs_read_events(programs), 0);
	assert_int_equal(told.times, 2);
	assert_int_equal(programs_counters(programs, counters), 0);
	assert_int_equal(counters[SIEVE_COUNTER_ANSWERED + SIEVE_IPV6], 1);
	assert_int_equal(counters[SIEVE_REASON_changed], 4);
	close(link);
	programs_free(programs);
}

static void unpinning_removes_the_maps_pins(void **state)
{
	struct error error = {};

	(void)state;
	programs_free(load_programs(SIEVE_ACTION_ANSWER, pin_dir));
	assert_int_equal(programs_unpin(pin_dir, &error), 0);
	run("test -z \"$(ls %s)\"", pin_dir);
	assert_int_equal(programs_unpin(pin_dir, &error), 0);
}

static void no_descriptor_is_left_open(void **state)
{
	unsigned int before = count_descriptors();

	(void)state;
	programs_free(load_programs(SIEVE_ACTION_ANSWER, pin_dir));
	programs_free(load_programs(SIEVE_ACTION_ANSWER, pin_dir));
	assert_int_equal(count_descriptors(), before);
}

/* Both words of the sets that capset(2) takes. */
static void keep_capabilities(uint64_t set)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};

	for (int i = 0; i < 2; i++) {
		data[i].permitted = (__u32)(set >> 32 * i);
		data[i].effective = data[i].permitted;
	}
	CHILD_CHECK(syscall(SYS_capset, &header, data) == 0);
}

#define CAPABILITY(number) (1ULL << (number))
#define NEEDED (CAPABILITY(CAP_BPF) | CAPABILITY(CAP_NET_ADMIN) | CAPABILITY(CAP_PERFMON))

static void load_with(uint64_t capabilities, int *ret_result, struct error *ret_error)
{
	const struct sieve_policy policy = { .stale_after_ns = 1, .ports = { 53 }, .families = 3, .whole_host = 1 };
	const struct programs_request request = { .policy = &policy, .pin_dir = pin_dir, .max_netns = 1, .sensor = true,
						  .gateway = true };
	struct programs *programs = NULL;

	keep_capabilities(capabilities);
	*ret_result = programs_load(&request, &programs, ret_error);
	programs_free(programs);
}

static void three_capabilities_are_enough(void **state)
{
	pid_t child = fork_child();

	(void)state;
	if (child == 0) {
		struct error error = {};
		int r;

		load_with(NEEDED, &r, &error);
		child_check(r == 0, error.text);
		_exit(0);
	}
	expect_exit(child, 0);
}

static void without_one_of_them_it_is_named_and_libbpf_is_silent(void **state)
{
	static const uint64_t sets[] = {
		0,
		NEEDED & ~CAPABILITY(CAP_BPF),
		NEEDED & ~CAPABILITY(CAP_NET_ADMIN),
		NEEDED & ~CAPABILITY(CAP_PERFMON),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sets); i++) {
		pid_t child = fork_child();

		if (child == 0) {
			int output = open(SANDBOX, O_TMPFILE | O_RDWR, 0600), saved = dup(2), r;
			struct error error = {};

			CHILD_CHECK(output >= 0 && saved >= 0 && dup2(output, 2) == 2);
			load_with(sets[i], &r, &error);
			dup2(saved, 2);
			child_check(r < 0 && error.kind == ERROR_PRIVILEGE, error.text);
			child_check(strstr(error.text, "CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"), error.text);
			CHILD_CHECK(lseek(output, 0, SEEK_END) == 0);
			_exit(0);
		}
		expect_exit(child, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_action_loads_only_what_it_needs, fresh_instance),
		cmocka_unit_test_setup(sensor_and_gateway_are_loaded_where_they_are_asked_for, fresh_instance),
		cmocka_unit_test_setup(as_many_namespaces_as_asked_for_have_a_place, fresh_instance),
		cmocka_unit_test_setup(the_map_of_prefixes_is_there_where_it_is_asked_for, fresh_instance),
		cmocka_unit_test_setup(maps_are_pinned_for_root_and_nothing_else_is, fresh_instance),
		cmocka_unit_test_setup(counters_are_sums_over_all_cpus, fresh_instance),
		cmocka_unit_test_setup(a_later_controller_goes_on_with_the_maps, fresh_instance),
		cmocka_unit_test_setup(another_directory_is_another_instance, fresh_instance),
		cmocka_unit_test_setup(a_directory_that_cannot_hold_pins_is_named, fresh_instance),
		cmocka_unit_test_setup(built_in_names_are_in_the_map, fresh_instance),
		cmocka_unit_test_setup(configured_names_are_in_the_map_and_no_others, fresh_instance),
		cmocka_unit_test_setup(too_few_files_are_called_that, fresh_instance),
		cmocka_unit_test_setup(what_is_published_of_a_namespace_can_be_withdrawn, fresh_instance),
		cmocka_unit_test_setup(other_namespaces_are_forgotten_wherever_they_stand, fresh_instance),
		cmocka_unit_test_setup(the_map_holds_exactly_the_cgroups_or_those_before_as_well, fresh_instance),
		cmocka_unit_test_setup(the_last_beat_is_read_back, fresh_instance),
		cmocka_unit_test_setup(a_new_route_is_a_new_generation_of_its_family, fresh_instance),
		cmocka_unit_test_setup(a_query_that_meets_another_generation_is_an_event, fresh_instance),
		cmocka_unit_test_setup(unpinning_removes_the_maps_pins, fresh_instance),
		cmocka_unit_test_setup(no_descriptor_is_left_open, fresh_instance),
		cmocka_unit_test_setup(three_capabilities_are_enough, fresh_instance),
		cmocka_unit_test_setup(without_one_of_them_it_is_named_and_libbpf_is_silent, fresh_instance),
		cmocka_unit_test_setup(what_is_loaded_beside_others_shares_the_counters_alone, fresh_instance),
		cmocka_unit_test_setup(maps_that_cannot_be_pinned_are_named, fresh_instance),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
