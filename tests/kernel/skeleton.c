/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "skeleton.h"
#include "stubsieve.skel.h"

static bool asks_for_a_kernel_function(const struct stubsieve_bpf *skeleton)
{
	return btf__find_by_name_kind(bpf_object__btf(skeleton->obj), "bpf_rdonly_cast", BTF_KIND_FUNC) > 0;
}

/* Else the test below would show nothing. */
static void the_usual_object_asks_for_a_kernel_function(void **state)
{
	struct stubsieve_bpf *skeleton = skeleton_open(false);

	(void)state;
	assert_non_null(skeleton);
	assert_true(asks_for_a_kernel_function(skeleton));
	stubsieve_bpf__destroy(skeleton);
}

static void the_plain_object_asks_for_none_and_has_the_same_programs(void **state)
{
	struct stubsieve_bpf *usual = skeleton_open(false), *plain = skeleton_open(true);
	struct bpf_program *program;
	struct bpf_map *map;

	(void)state;
	assert_non_null(usual);
	assert_non_null(plain);
	assert_false(asks_for_a_kernel_function(plain));
	bpf_object__for_each_program(program, usual->obj)
		assert_non_null(bpf_object__find_program_by_name(plain->obj, bpf_program__name(program)));
	bpf_object__for_each_map(map, usual->obj) {
		struct bpf_map *other = bpf_object__find_map_by_name(plain->obj, bpf_map__name(map));

		assert_non_null(other);
		assert_int_equal(bpf_map__value_size(other), bpf_map__value_size(map));
	}
	assert_int_equal(plain->rodata->policy.families, usual->rodata->policy.families);
	stubsieve_bpf__destroy(usual);
	stubsieve_bpf__destroy(plain);
}

static void every_kernel_takes_the_plain_object(void **state)
{
	struct stubsieve_bpf *plain = skeleton_open(true);

	(void)state;
	assert_non_null(plain);
	plain->rodata->policy.families = 3;
	plain->rodata->policy.ports[0] = 53;
	plain->rodata->policy.whole_host = 1;
	assert_int_equal(stubsieve_bpf__load(plain), 0);
	stubsieve_bpf__destroy(plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_object_asks_for_a_kernel_function),
		cmocka_unit_test(the_plain_object_asks_for_none_and_has_the_same_programs),
		cmocka_unit_test(every_kernel_takes_the_plain_object),
	};

	return cmocka_run_group_tests(tests, enter_sandbox, leave_sandbox);
}
