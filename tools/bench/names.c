/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What thousands of exempt suffixes cost the names that are not under them: BPF_PROG_TEST_RUN of the egress program
 * with action `observe`, for which the packet stays as it is, with the built-in suffixes alone and with more, by turns.
 *
 *   names
 */
#include "kernel/harness.h"

#include "names.h"

#define ROUNDS 31
#define REPEAT 100000
#define MANY 8000

static const char *const asked[] = { "both.example", "www.shop.example.com", "a.b.c.d.prod.corp.example.org" };

static int compare(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return a < b ? -1 : a > b;
}

static double run(const struct filter *filter, const char *name)
{
	const struct message_plan plan = { .qname = name };
	struct message message;
	struct packet packet;
	struct __sk_buff context = { .ifindex = (__u32)tap_ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = REPEAT);

	make_message(&plan, &message);
	make_packet(&(struct packet_plan){ .version = 4 }, &message, &packet);
	run.data_in = packet.octets;
	run.data_size_in = (__u32)packet.length;
	stamp_heartbeat(filter, monotonic_ns());
	assert_int_equal(bpf_prog_test_run_opts(hook_fd(filter, HOOK_EGRESS), &run), 0);
	return run.duration;
}

/* Load with so many suffixes beside those built in, of two to four labels. */
static void load_with(struct filter *filter, unsigned int many)
{
	static const char *const patterns[] = { "host-%u.example", "%u.corp.example.com", "x%u.prod.corp.example.org" };
	static __u64 summary[SIEVE_SUFFIX_BITS / 64];
	struct sieve_policy policy = usual_policy();
	uint64_t *keys = calloc(many + ARRAY_SIZE(exempt_names), sizeof(*keys));
	unsigned int labels, count = 0;
	char name[64];

	assert_non_null(keys);
	memset(summary, 0, sizeof(summary));
	policy.action = SIEVE_ACTION_OBSERVE;
	for (; count < many + ARRAY_SIZE(exempt_names); count++) {
		snprintf(name, sizeof(name), patterns[count % ARRAY_SIZE(patterns)], count);
		assert_int_equal(names_suffix(count < many ? name : exempt_names[count - many], &keys[count], &labels), 0);
		policy.suffix_depths |= 1U << labels;
		summary[sieve_suffix_bit(keys[count]) / 64] |= 1ULL << sieve_suffix_bit(keys[count]) % 64;
	}
	suffix_summary = summary;
	load_filter(filter, &policy);
	for (unsigned int i = 0; i < count; i++) {
		__u32 flags = SIEVE_NAME_EXEMPT;

		assert_int_equal(bpf_map_update_elem(bpf_map__fd(filter->skel->maps.names), &keys[i], &flags, BPF_ANY), 0);
	}
	free(keys);
}

static void compare_filters(void **state)
{
	struct filter few, many;

	(void)state;
	load_with(&few, 0);
	load_with(&many, MANY);
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		double with_few[ROUNDS], with_many[ROUNDS];

		for (int round = 0; round < ROUNDS; round++) {
			with_few[round] = run(&few, asked[i]);
			with_many[round] = run(&many, asked[i]);
		}
		qsort(with_few, ROUNDS, sizeof(double), compare);
		qsort(with_many, ROUNDS, sizeof(double), compare);
		printf("names %s %.0f %.0f %.3f\n", asked[i], with_few[ROUNDS / 2], with_many[ROUNDS / 2],
		       with_many[ROUNDS / 2] / with_few[ROUNDS / 2]);
	}
	assert_true(read_counter(&many, SIEVE_COUNTER_OBSERVED + SIEVE_IPV6) >= (__u64)ROUNDS * REPEAT);
	unload_filter(&few);
	unload_filter(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(compare_filters) };

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
