/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "scope-lab.h"

static void several_cgroups_are_in_scope_and_others_exempt(void **state)
{
	(void)state;
	make("a");
	make("b");
	make("c");
	make("d");
	configure("cgroup", at("a"));
	configure("cgroup", at("b"));
	configure("exempt-cgroup", at("c"));
	start(SIEVE_ACTION_ANSWER);
	assert_int_equal(count_published(), 3);
	assert_int_equal(kind_of(id_of("a")), SIEVE_CGROUP_SCOPE);
	assert_int_equal(kind_of(id_of("b")), SIEVE_CGROUP_SCOPE);
	assert_int_equal(kind_of(id_of("c")), SIEVE_CGROUP_EXEMPT);
	assert_int_equal(kind_of(id_of("d")), 0);
	expect_sensor("a", true);
	expect_sensor("b", true);
	expect_sensor("c", false);
	expect_sensor("d", false);
	expect_program("a", false);
}

static void actions_on_cgroups_have_their_program_there(void **state)
{
	static const enum sieve_action actions[] = { SIEVE_ACTION_OBSERVE, SIEVE_ACTION_REJECT };

	make("a");
	make("b");
	make("c");
	for (size_t i = 0; i < ARRAY_COUNT(actions); i++) {
		configure("cgroup", at("a"));
		configure("cgroup", at("b"));
		configure("exempt-cgroup", at("c"));
		start(actions[i]);
		assert_true(scope_uses_cgroups(&config));
		expect_sensor("a", true);
		expect_program("a", true);
		expect_program("b", true);
		expect_program("c", false);
		assert_true(is_pinned(id_of("a")));
		assert_true(is_pinned(id_of("b")));
		/* the programs stay for a later controller, the sensors are of no use without one */
		scope_close(&scope);
		expect_program("a", true);
		expect_sensor("a", false);
		leave(state);
		enter(state);
		make("a");
		make("b");
		make("c");
	}
	config.action = SIEVE_ACTION_ANSWER;
	assert_false(scope_uses_cgroups(&config));
	config.action = SIEVE_ACTION_DROP;
	assert_false(scope_uses_cgroups(&config));
}

static void without_other_namespaces_no_sensor_is_needed(void **state)
{
	(void)state;
	make("a");
	configure("cgroup", at("a"));
	config.netns = CONFIG_NETNS_SELF;
	start(SIEVE_ACTION_OBSERVE);
	assert_int_equal(kind_of(id_of("a")), SIEVE_CGROUP_SCOPE);
	expect_program("a", true);
	{
		__u32 ids[IDS_MAX];

		assert_int_equal(count_at(at("a"), BPF_CGROUP_INET_SOCK_CREATE, ids), 0);
	}
}

/* One program sees the packets of all cgroups below: two would count them twice. */
static void nested_cgroups_have_one_program_at_the_outermost(void **state)
{
	(void)state;
	make_nest();
	start(SIEVE_ACTION_OBSERVE);
	assert_int_equal(count_published(), 3);
	assert_int_equal(kind_of(id_of("a")), SIEVE_CGROUP_SCOPE);
	assert_int_equal(kind_of(id_of("a/b")), SIEVE_CGROUP_EXEMPT);
	assert_int_equal(kind_of(id_of("a/b/c")), SIEVE_CGROUP_SCOPE);
	expect_program("a", true);
	expect_program("a/b", false);
	expect_program("a/b/c", false);
	expect_program("ab", false);
	expect_sensor("a", true);
	expect_sensor("a/b/c", false);
}

static void the_order_in_the_configuration_does_not_matter(void **state)
{
	(void)state;
	make("a");
	make("a/b");
	configure("cgroup", at("a/b"));
	configure("cgroup", at("a"));
	start(SIEVE_ACTION_OBSERVE);
	expect_program("a", true);
	expect_program("a/b", false);
	expect_sensor("a/b", false);
}

static void a_neighbour_with_the_same_beginning_is_not_below(void **state)
{
	(void)state;
	make("a");
	make("ab");
	configure("cgroup", at("a"));
	configure("cgroup", at("ab"));
	start(SIEVE_ACTION_OBSERVE);
	expect_program("a", true);
	expect_program("ab", true);
	expect_sensor("ab", true);
}

/* The same cgroup by its absolute and by its relative path, and by a way that goes up again. */
static void a_cgroup_may_be_named_twice(void **state)
{
	char way[4 * PATH_MAX];

	(void)state;
	make("a");
	make("a/b");
	make("e");
	snprintf(way, sizeof(way), "%s/b/..//", at("a"));
	configure("cgroup", at("a"));
	configure("cgroup", relative("a"));
	configure("cgroup", way);
	configure("exempt-cgroup", at("e"));
	configure("exempt-cgroup", relative("e"));
	start(SIEVE_ACTION_OBSERVE);
	assert_int_equal(count_published(), 2);
	expect_program("a", true);
	expect_sensor("a", true);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(scope.entries[i].cgroup.id, id_of("a"));
	/* made again it is attached to once again */
	unmake("a/b");
	unmake("a");
	make("a");
	refresh();
	expect_program("a", true);
	expect_sensor("a", true);
	assert_int_equal(count_published(), 2);
}

static void expect_to_be_both(const char *in_scope, const char *exempt, const char *named)
{
	struct error error;

	configure("cgroup", in_scope);
	configure("exempt-cgroup", exempt);
	error = expect_no_scope(ERROR_USAGE);
	if (!strstr(error.text, named) || !strstr(error.text, "both in scope and exempt"))
		fail_msg("%s", error.text);
	config_free(&config);
	config.cgroup_count = config.exempt_cgroup_count = 0;
}

static void a_cgroup_cannot_be_in_scope_and_exempt(void **state)
{
	(void)state;
	make("a");
	expect_to_be_both(at("a"), at("a"), relative("a"));
	expect_to_be_both(relative("a"), at("a"), relative("a"));
	expect_to_be_both(at("missing"), relative("missing"), relative("missing"));
}

/* ... nor those for commands be what they are not. */
static void the_cgroups_for_commands_keep_their_kind(void **state)
{
	char path[PATH_MAX];
	struct error error;

	(void)state;
	make("a");
	configure("cgroup", at("a"));
	start(SIEVE_ACTION_ANSWER);
	assert_int_equal(have_exec(false, path, sizeof(path), &error), 0);
	scope_close(&scope);
	exec_cgroup_remove(run_dir);
	configure("exempt-cgroup", path);
	error = expect_no_scope(ERROR_USAGE);
	assert_non_null(strstr(error.text, path + strlen(root)));
}

static void a_path_may_go_up_where_there_is_something(void **state)
{
	char way[4 * PATH_MAX];
	struct error error;

	(void)state;
	make("a");
	make("b");
	snprintf(way, sizeof(way), "%s/../b", at("a"));
	configure("cgroup", way);
	start(SIEVE_ACTION_ANSWER);
	assert_int_equal(kind_of(id_of("b")), SIEVE_CGROUP_SCOPE);
	assert_string_equal(scope.entries[0].cgroup.path, relative("b") - 1);
	scope_close(&scope);
	/* of what is not there it is not known where it leads */
	snprintf(way, sizeof(way), "%s/../b", at("missing"));
	configure("cgroup", way);
	error = expect_no_scope(ERROR_USAGE);
	assert_non_null(strstr(error.text, way));
}

static void what_is_no_cgroup_is_refused(void **state)
{
	char path[PATH_MAX];
	int file;

	(void)state;
	make("a");
	snprintf(path, sizeof(path), "%s", at("a/cgroup.procs"));
	file = access(path, F_OK);
	assert_int_equal(file, 0);
	configure("cgroup", path);
	expect_no_scope(ERROR_USAGE);
}

static void a_cgroup_that_is_not_there_is_told_of_and_taken_when_it_is_made(void **state)
{
	char *text;

	(void)state;
	make("here");
	configure("cgroup", at("here"));
	configure("cgroup", at("later"));
	configure("exempt-cgroup", relative("exempt"));
	load(SIEVE_ACTION_OBSERVE);
	text = open_scope_and_tell();
	if (!strstr(text, relative("later")) || !strstr(text, "in scope as soon as") ||
	    !strstr(text, relative("exempt")) || !strstr(text, "exempt as soon as") || strstr(text, relative("here")) ||
	    count_lines(text) != 2)
		fail_msg("%s", text);
	free(text);
	scope_close(&scope);
	programs_free(programs);

	start(SIEVE_ACTION_OBSERVE);
	assert_int_equal(count_published(), 1);
	assert_false(scope_is_attached(&scope, &scope.entries[1]));
	assert_false(is_told_of("later"));
	make("later");
	assert_true(is_told_of("later"));
	assert_false(is_told_of("later"));
	refresh();
	assert_true(any_came);
	refresh();
	assert_false(any_came);
	assert_int_equal(kind_of(id_of("later")), SIEVE_CGROUP_SCOPE);
	expect_program("later", true);
	expect_sensor("later", true);
	assert_true(scope_is_attached(&scope, &scope.entries[1]));
	make("exempt");
	assert_true(is_told_of("exempt"));
	refresh();
	assert_int_equal(kind_of(id_of("exempt")), SIEVE_CGROUP_EXEMPT);
	expect_program("exempt", false);
	assert_int_equal(count_published(), 3);
}

static void a_cgroup_whose_parents_are_missing_is_waited_for_step_by_step(void **state)
{
	(void)state;
	configure("cgroup", at("x/y/z"));
	start(SIEVE_ACTION_ANSWER);
	assert_int_equal(count_published(), 0);
	make("x");
	assert_true(is_told_of("x"));
	refresh();
	assert_int_equal(count_published(), 0);
	make("x/y");
	assert_true(is_told_of("y"));
	refresh();
	assert_int_equal(count_published(), 0);
	make("x/y/z");
	assert_true(is_told_of("z"));
	refresh();
	assert_int_equal(kind_of(id_of("x/y/z")), SIEVE_CGROUP_SCOPE);
	expect_sensor("x/y/z", true);
}

static void a_cgroup_that_is_made_again_is_in_scope_again(void **state)
{
	static const enum sieve_action actions[] = { SIEVE_ACTION_ANSWER, SIEVE_ACTION_DROP, SIEVE_ACTION_OBSERVE,
						     SIEVE_ACTION_REJECT };

	for (size_t i = 0; i < ARRAY_COUNT(actions); i++) {
		bool by_cgroup = actions[i] == SIEVE_ACTION_OBSERVE || actions[i] == SIEVE_ACTION_REJECT;
		int other_sensor;
		uint64_t before;
		__u32 other;

		make("a");
		make("b");
		configure("cgroup", at("a"));
		configure("cgroup", at("b"));
		start(actions[i]);
		before = id_of("a");
		other = by_cgroup ? pinned_link(id_of("b")) : 0;
		other_sensor = scope.entries[1].sensor_fd;
		assert_int_equal(is_pinned(before), by_cgroup);
		unmake("a");
		make("a");
		assert_true(is_told_of("a"));
		assert_int_not_equal(id_of("a"), before);
		assert_false(scope_is_attached(&scope, &scope.entries[0]));
		refresh();
		assert_true(any_came);
		assert_int_equal(count_published(), 2);
		assert_int_equal(kind_of(before), 0);
		assert_int_equal(kind_of(id_of("a")), SIEVE_CGROUP_SCOPE);
		expect_sensor("a", true);
		expect_program("a", by_cgroup);
		assert_false(is_pinned(before));
		assert_int_equal(is_pinned(id_of("a")), by_cgroup);
		assert_true(scope_is_attached(&scope, &scope.entries[0]));
		/* and nothing happens to the other one */
		assert_int_equal(scope.entries[1].sensor_fd, other_sensor);
		expect_sensor("b", true);
		if (by_cgroup)
			assert_int_equal(pinned_link(id_of("b")), other);
		leave(state);
		enter(state);
	}
}

static void a_cgroup_that_goes_is_forgotten(void **state)
{
	uint64_t before;

	(void)state;
	make("a");
	make("e");
	configure("cgroup", at("a"));
	configure("exempt-cgroup", at("e"));
	start(SIEVE_ACTION_OBSERVE);
	before = id_of("a");
	unmake("a");
	assert_true(is_told_of("a"));
	refresh();
	assert_false(any_came);
	assert_int_equal(count_published(), 1);
	assert_false(is_pinned(before));
	assert_int_equal(scope.entries[0].sensor_fd, -1);
	assert_false(scope_is_attached(&scope, &scope.entries[0]));
	assert_true(scope_is_attached(&scope, &scope.entries[1]));
	unmake("e");
	assert_true(is_told_of("e"));
	refresh();
	assert_int_equal(count_published(), 0);
	assert_false(scope_is_attached(&scope, &scope.entries[1]));
}

/* A whole tree, as that of a container manager, goes and comes again. */
static void nested_cgroups_are_made_again(void **state)
{
	(void)state;
	make_nest();
	start(SIEVE_ACTION_OBSERVE);
	for (int i = 0; i < 3; i++) {
		unmake("a/b/c/d");
		unmake("a/b/c");
		unmake("a/b");
		unmake("a");
		assert_true(is_told_of("a"));
		refresh();
		assert_int_equal(count_published(), 0);
		make("a");
		make("a/b");
		make("a/b/c");
		make("a/b/c/d");
		assert_true(is_told_of("a"));
		refresh();
		assert_int_equal(count_published(), 3);
		assert_int_equal(kind_of(id_of("a/b")), SIEVE_CGROUP_EXEMPT);
		assert_int_equal(kind_of(id_of("a/b/c")), SIEVE_CGROUP_SCOPE);
		expect_program("a", true);
		expect_program("a/b/c", false);
		expect_sensor("a", true);
	}
}

static unsigned int count_watches(void)
{
	char path[64], line[512];
	unsigned int count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", watch_fd);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		count += strncmp(line, "inotify ", 8) == 0;
	fclose(file);
	return count;
}

static void what_comes_and_goes_leaves_nothing_open(void **state)
{
	unsigned int before, watches;

	(void)state;
	make("p");
	make("p/a");
	configure("cgroup", at("p/a"));
	start(SIEVE_ACTION_OBSERVE);
	before = count_descriptors();
	watches = count_watches();
	assert_true(watches > 0);
	for (int i = 0; i < 20; i++) {
		unmake("p/a");
		unmake("p");
		refresh();
		assert_int_equal(count_published(), 0);
		make("p");
		make("p/a");
		refresh();
		expect_sensor("p/a", true);
	}
	assert_int_equal(count_descriptors(), before);
	assert_in_range(count_watches(), watches, watches + 1); /* the one above `p` */
}

static void opening_and_closing_leaves_nothing_open(void **state)
{
	unsigned int before = count_descriptors();

	(void)state;
	make("a");
	configure("cgroup", at("a"));
	configure("cgroup", at("missing"));
	for (int i = 0; i < 3; i++) {
		start(SIEVE_ACTION_OBSERVE);
		refresh();
		scope_close(&scope);
		scope_close(&scope); /* again is no error */
		programs_free(programs);
		programs = NULL;
	}
	configure("exempt-cgroup", at("a"));
	expect_no_scope(ERROR_USAGE);
	assert_int_equal(count_descriptors(), before);
}

static void the_levels_are_those_of_the_cgroups_there_can_be(void **state)
{
	(void)state;
	open_scope(); /* the whole host: those for commands alone, /NAME/scope and /NAME/exempt */
	assert_int_equal(scope_levels(&scope), 1U << 2);
	scope_close(&scope);
	make("a");
	configure("cgroup", at("a"));
	configure("exempt-cgroup", at("missing/too"));
	open_scope();
	assert_int_equal(scope_levels(&scope), 1U << 2 | 1U << 3 | 1U << 4);
	scope_close(&scope);
	configure("exempt-cgroup", "/"); /* it is only looked for here */
	open_scope();
	assert_int_equal(scope_levels(&scope), 1U << 0 | 1U << 2 | 1U << 3 | 1U << 4);
}

/* The test's own is at level 2, so this is at level 2 + count. */
static const char *deep(unsigned int count, bool is_to_be_made)
{
	static char name[256];

	name[0] = '\0';
	for (unsigned int i = 0; i < count; i++) {
		strcat(name, i ? "/x" : "x");
		if (is_to_be_made && access(at(name), F_OK) < 0)
			make(name);
	}
	return name;
}

static void what_lies_too_deep_is_a_named_error(void **state)
{
	(void)state;
	for (int is_there = 0; is_there < 2; is_there++) {
		struct error error;

		configure("cgroup", at(deep(29, is_there)));
		open_scope();
		assert_int_equal(scope.entries[0].cgroup.level, SIEVE_CGROUP_LEVELS - 1);
		assert_int_equal(scope_levels(&scope), 1U << 2 | 1U << 31);
		assert_int_equal(scope.entries[0].cgroup.id, is_there ? id_of(deep(29, false)) : 0);
		scope_close(&scope);
		configure(is_there ? "exempt-cgroup" : "cgroup", at(deep(30, is_there)));
		error = expect_no_scope(ERROR_USAGE);
		assert_non_null(strstr(error.text, relative(deep(30, false))));
		assert_non_null(strstr(error.text, "level 31"));
		config_free(&config);
		config.cgroup_count = config.exempt_cgroup_count = 0;
	}
}

static void publishing_keeps_what_is_still_in_use(void **state)
{
	uint64_t foreign = 99;
	uint32_t kind = SIEVE_CGROUP_SCOPE;
	int map;

	(void)state;
	make("a");
	configure("cgroup", at("a"));
	start(SIEVE_ACTION_ANSWER);
	map = open_map();
	assert_int_equal(bpf_map_update_elem(map, &foreign, &kind, BPF_ANY), 0);
	assert_int_equal(scope_publish(&scope, true), 0);
	assert_int_equal(kind_of(foreign), SIEVE_CGROUP_SCOPE);
	assert_int_equal(kind_of(id_of("a")), SIEVE_CGROUP_SCOPE);
	assert_int_equal(scope_publish(&scope, false), 0);
	assert_int_equal(kind_of(foreign), 0);
	assert_int_equal(kind_of(id_of("a")), SIEVE_CGROUP_SCOPE);
	close(map);
}

/* Nothing that cannot be written is taken for written. */
static void what_could_not_be_published_is_published_later(void **state)
{
	uint32_t kind = SIEVE_CGROUP_SCOPE;
	uint64_t key;
	int map;

	(void)state;
	make("a");
	configure("cgroup", at("a"));
	start(SIEVE_ACTION_ANSWER);
	map = open_map();
	for (key = 1000000000; bpf_map_update_elem(map, &key, &kind, BPF_ANY) == 0; key++)
		;
	unmake("a");
	make("a");
	expect_to_hear("cgroups");
	assert_int_equal(kind_of(id_of("a")), 0);
	refresh(); /* it is told of once */
	while (--key >= 1000000000)
		bpf_map_delete_elem(map, &key);
	refresh();
	assert_int_equal(kind_of(id_of("a")), SIEVE_CGROUP_SCOPE);
	close(map);
}

/* Attached as the only one, as systemd did in former times. */
static int attach_exclusively(const char *name, enum bpf_prog_type type, enum bpf_attach_type attach)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = attach);
	int program = bpf_prog_load(type, "foreign", "GPL", code, ARRAY_COUNT(code), &options);
	int cgroup = open(at(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(program >= 0 && cgroup >= 0);
	assert_int_equal(bpf_prog_attach(program, cgroup, attach, 0), 0);
	close(cgroup);
	return program;
}

static void detach_foreign(const char *name, int program, enum bpf_attach_type attach)
{
	int cgroup = open(at(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(cgroup >= 0);
	assert_int_equal(bpf_prog_detach2(program, cgroup, attach), 0);
	close(cgroup);
	close(program);
}

static void a_foreign_program_in_the_way_is_told_of_once_and_tried_again(void **state)
{
	int foreign;

	(void)state;
	configure("cgroup", at("a"));
	start(SIEVE_ACTION_OBSERVE);
	make("a");
	foreign = attach_exclusively("a", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS);
	expect_to_hear(relative("a"));
	assert_false(scope_is_attached(&scope, &scope.entries[0]));
	assert_int_equal(kind_of(id_of("a")), SIEVE_CGROUP_SCOPE);
	for (int i = 0; i < 3; i++)
		refresh();
	detach_foreign("a", foreign, BPF_CGROUP_INET_EGRESS);
	refresh();
	expect_program("a", true);
	expect_sensor("a", true);
	assert_true(scope_is_attached(&scope, &scope.entries[0]));
	/* the next time it is told of again */
	unmake("a");
	refresh();
	make("a");
	foreign = attach_exclusively("a", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS);
	expect_to_hear(relative("a"));
	detach_foreign("a", foreign, BPF_CGROUP_INET_EGRESS);
	refresh();
	expect_program("a", true);
}

static void a_sensor_that_cannot_be_attached_is_tried_again(void **state)
{
	int foreign;

	(void)state;
	configure("cgroup", at("a"));
	start(SIEVE_ACTION_ANSWER);
	make("a");
	foreign = attach_exclusively("a", BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE);
	expect_to_hear("cannot attach the sensor");
	refresh();
	detach_foreign("a", foreign, BPF_CGROUP_INET_SOCK_CREATE);
	refresh();
	expect_sensor("a", true);
}

/* One that cannot be attached to does not keep the others from it. */
static void the_others_are_attached_to_all_the_same(void **state)
{
	char path[PATH_MAX];
	struct error error = {};
	int foreign;

	(void)state;
	configure("cgroup", at("a"));
	configure("cgroup", at("b"));
	start(SIEVE_ACTION_OBSERVE);
	make("a");
	make("b");
	foreign = attach_exclusively("a", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS);
	expect_to_hear(relative("a"));
	expect_program("b", true);
	expect_sensor("b", true);
	assert_true(scope_is_attached(&scope, &scope.entries[1]));
	/* nor a command from its cgroup */
	for (int exempt = 0; exempt < 2; exempt++)
		if (have_exec(exempt, path, sizeof(path), &error) != 0)
			fail_msg("%s", error.text);
	detach_foreign("a", foreign, BPF_CGROUP_INET_EGRESS);
	refresh();
	expect_program("a", true);
}

/* At the start it is an error that names the cgroup. */
static void a_foreign_program_in_the_way_at_the_start_is_an_error(void **state)
{
	struct error error = {};
	int foreign;

	(void)state;
	make("a");
	configure("cgroup", at("a"));
	foreign = attach_exclusively("a", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS);
	load(SIEVE_ACTION_OBSERVE);
	open_scope();
	assert_int_equal(scope_attach(&scope, programs, &error), -EPERM);
	assert_int_equal(error.kind, ERROR_FAILED);
	assert_non_null(strstr(error.text, relative("a")));
	detach_foreign("a", foreign, BPF_CGROUP_INET_EGRESS);
}

/* Pins are as pins_sweep() asks for them. */
static bool wants(uint64_t cgroup)
{
	const struct pin pin = { .cgroup = cgroup };

	return scope_wants(&scope, &pin);
}

static void links_that_a_scope_asks_for_are_wanted(void **state)
{
	const struct pin interface = { .netns = 1, .ifindex = 1 };

	(void)state;
	make_nest();
	make("e");
	configure("exempt-cgroup", at("e"));
	start(SIEVE_ACTION_OBSERVE);
	assert_true(wants(id_of("a")));
	assert_false(wants(id_of("e")));
	assert_false(wants(id_of("a/b")));
	assert_false(wants(id_of("a/b/c"))); /* that of `a` sees its packets */
	assert_false(wants(id_of("ab")));
	assert_false(wants(0));
	assert_false(scope_wants(&scope, &interface));
	config.action = SIEVE_ACTION_ANSWER;
	assert_false(wants(id_of("a")));
}

/* What hangs at the root sees all others. */
static void with_the_whole_host_no_other_cgroup_needs_a_program(void **state)
{
	(void)state;
	make("a");
	configure("cgroup", at("a"));
	start(SIEVE_ACTION_OBSERVE);
	make_exec(false);
	scope_close(&scope);
	pins_sweep(pin_dir, NULL, NULL, &(struct error){});
	config_free(&config);
	config.cgroup_count = 0;
	open_scope();
	assert_true(scope.whole_host);
	for (size_t i = 0; i < scope.count; i++)
		if (scope.entries[i].kind == SIEVE_CGROUP_SCOPE)
			assert_true(scope_is_attached(&scope, &scope.entries[i]));
	assert_int_equal(scope.count, 2);
}

static int enter_group(void **state)
{
	return enter_scope_group(state, "scope");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(several_cgroups_are_in_scope_and_others_exempt),
		TEST(actions_on_cgroups_have_their_program_there),
		TEST(without_other_namespaces_no_sensor_is_needed),
		TEST(nested_cgroups_have_one_program_at_the_outermost),
		TEST(the_order_in_the_configuration_does_not_matter),
		TEST(a_neighbour_with_the_same_beginning_is_not_below),
		TEST(a_cgroup_may_be_named_twice),
		TEST(a_cgroup_cannot_be_in_scope_and_exempt),
		TEST(the_cgroups_for_commands_keep_their_kind),
		TEST(a_path_may_go_up_where_there_is_something),
		TEST(what_is_no_cgroup_is_refused),
		TEST(a_cgroup_that_is_not_there_is_told_of_and_taken_when_it_is_made),
		TEST(a_cgroup_whose_parents_are_missing_is_waited_for_step_by_step),
		TEST(a_cgroup_that_is_made_again_is_in_scope_again),
		TEST(a_cgroup_that_goes_is_forgotten),
		TEST(nested_cgroups_are_made_again),
		TEST(what_comes_and_goes_leaves_nothing_open),
		TEST(opening_and_closing_leaves_nothing_open),
		TEST(the_levels_are_those_of_the_cgroups_there_can_be),
		TEST(what_lies_too_deep_is_a_named_error),
		TEST(publishing_keeps_what_is_still_in_use),
		TEST(what_could_not_be_published_is_published_later),
		TEST(a_foreign_program_in_the_way_is_told_of_once_and_tried_again),
		TEST(a_sensor_that_cannot_be_attached_is_tried_again),
		TEST(the_others_are_attached_to_all_the_same),
		TEST(a_foreign_program_in_the_way_at_the_start_is_an_error),
		TEST(links_that_a_scope_asks_for_are_wanted),
		TEST(with_the_whole_host_no_other_cgroup_needs_a_program),
	};

	return cmocka_run_group_tests(tests, enter_group, leave_sandbox);
}
