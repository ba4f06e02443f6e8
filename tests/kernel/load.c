/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "harness.h"

#define INSTRUCTIONS_MAX 20000 /* of the programs that answer at a device */
#define RESULTS_INSTRUCTIONS_MAX 32000

static __u32 verified_instructions(const struct bpf_program *program)
{
	struct bpf_prog_info info = {};
	__u32 length = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length), 0);
	return info.verified_insns;
}

static void check_instructions(const char *phrase, const struct sieve_policy *policy)
{
	struct filter filter;
	__u32 egress, gateway, results;

	load_filter_as(&filter, policy, false);
	egress = verified_instructions(filter.skel->progs.sieve_egress);
	gateway = verified_instructions(filter.skel->progs.sieve_gateway);
	results = verified_instructions(filter.skel->progs.sieve_results);
	printf("%s: sieve_egress %u, sieve_cgroup %u, sieve_gateway %u, sieve_results %u, sieve_sensor %u, sieve_probe %u "
	       "instructions verified\n",
	       phrase, egress, verified_instructions(filter.skel->progs.sieve_cgroup), gateway, results,
	       verified_instructions(filter.skel->progs.sieve_sensor),
	       verified_instructions(filter.skel->progs.sieve_probe));
	unload_filter(&filter);
	assert_in_range(egress, 0, INSTRUCTIONS_MAX); /* 0: the kernel does not tell (before 5.16) */
	assert_in_range(gateway, 0, INSTRUCTIONS_MAX);
	assert_in_range(results, 0, RESULTS_INSTRUCTIONS_MAX);
}

static void the_verifier_takes_the_usual_policy_in_few_steps(void **state)
{
	struct sieve_policy policy = usual_policy();

	(void)state;
	check_instructions("usual policy", &policy);
}

static void the_verifier_takes_every_action_in_few_steps(void **state)
{
	(void)state;
	for (__u8 action = SIEVE_ACTION_ANSWER; action <= SIEVE_ACTION_REJECT; action++) {
		struct sieve_policy policy = usual_policy();
		char phrase[32];

		policy.action = action;
		snprintf(phrase, sizeof(phrase), "action %u", action);
		check_instructions(phrase, &policy);
	}
}

static void the_verifier_takes_scopes_at_seven_levels_in_few_steps(void **state)
{
	struct sieve_policy policy = usual_policy();

	(void)state;
	policy.whole_host = 0;
	policy.cgroup_levels = 0xfe;
	check_instructions("cgroups at seven levels", &policy);
}

static void the_verifier_takes_suffixes_of_up_to_eight_labels_in_few_steps(void **state)
{
	struct sieve_policy policy = usual_policy();

	(void)state;
	policy.suffix_depths = 0x1fe;
	check_instructions("suffixes of 1 to 8 labels", &policy);
}

static void the_verifier_takes_several_ports_in_few_steps(void **state)
{
	struct sieve_policy policy = usual_policy();

	(void)state;
	policy.ports[1] = 5300;
	policy.ports[2] = 1053;
	check_instructions("three ports", &policy);
}

/* Beyond what the design promises, but nobody shall find a policy that does not load. */
static void the_fullest_policy_loads(void **state)
{
	struct sieve_policy policy = usual_policy();
	struct filter filter;

	(void)state;
	policy.whole_host = 0;
	policy.cgroup_levels = 0xffffffff;
	policy.suffix_depths = (2U << SIEVE_SUFFIX_LABELS_MAX) - 2;
	for (__u16 i = 0; i < SIEVE_PORTS_MAX; i++)
		policy.ports[i] = 53 + i;
	policy.dnssec_answer = 1;
	load_filter_as(&filter, &policy, false);
	printf("fullest policy: sieve_egress %u, sieve_cgroup %u, sieve_gateway %u, sieve_results %u instructions verified\n",
	       verified_instructions(filter.skel->progs.sieve_egress),
	       verified_instructions(filter.skel->progs.sieve_cgroup),
	       verified_instructions(filter.skel->progs.sieve_gateway),
	       verified_instructions(filter.skel->progs.sieve_results));
	unload_filter(&filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_verifier_takes_the_usual_policy_in_few_steps),
		cmocka_unit_test(the_verifier_takes_every_action_in_few_steps),
		cmocka_unit_test(the_verifier_takes_scopes_at_seven_levels_in_few_steps),
		cmocka_unit_test(the_verifier_takes_suffixes_of_up_to_eight_labels_in_few_steps),
		cmocka_unit_test(the_verifier_takes_several_ports_in_few_steps),
		cmocka_unit_test(the_fullest_policy_loads),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
