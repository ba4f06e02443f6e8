/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * verified: loads every program under every kind of policy, and says through how many instructions the verifier went:
 *
 *   verified POLICY PROGRAM COUNT
 *
 * The count is what the kernel tells of a loaded program (Linux 5.16), or before that what the verifier's log says:
 * "processed N insns". At the end, as tests/run wants it: one case a policy, "N passed, N failed".
 */
#include "harness.h"

#define LOG_STATS 4 /* BPF_LOG_STATS: the sums alone */
#define LOG_SIZE 65536
#define PROGRAMS_MAX 16

struct kind {
	const char *name;
	void (*change)(struct sieve_policy *policy); /* from the usual one */
};

static void usual(struct sieve_policy *policy)
{
	(void)policy;
}

static void observe(struct sieve_policy *policy)
{
	policy->action = SIEVE_ACTION_OBSERVE;
}

static void drop(struct sieve_policy *policy)
{
	policy->action = SIEVE_ACTION_DROP;
}

static void reject(struct sieve_policy *policy)
{
	policy->action = SIEVE_ACTION_REJECT;
}

static void one_cgroup(struct sieve_policy *policy)
{
	policy->whole_host = 0;
	policy->cgroup_levels = 1 << 2;
}

static void exempt_cgroup(struct sieve_policy *policy)
{
	policy->cgroup_levels = 1 << 2;
}

static void seven_levels(struct sieve_policy *policy)
{
	policy->whole_host = 0;
	policy->cgroup_levels = 0xfe;
}

static void all_levels(struct sieve_policy *policy)
{
	policy->whole_host = 0;
	policy->cgroup_levels = 0xffffffff;
}

static void no_names(struct sieve_policy *policy)
{
	policy->suffix_depths = 0;
}

static void eight_labels(struct sieve_policy *policy)
{
	policy->suffix_depths = 0x1fe;
}

static void all_labels(struct sieve_policy *policy)
{
	policy->suffix_depths = (2U << SIEVE_SUFFIX_LABELS_MAX) - 2;
}

static void three_ports(struct sieve_policy *policy)
{
	policy->ports[1] = 5300;
	policy->ports[2] = 1053;
}

static void all_ports(struct sieve_policy *policy)
{
	for (__u16 i = 0; i < SIEVE_PORTS_MAX; i++)
		policy->ports[i] = 53 + i;
}

static void dnssec(struct sieve_policy *policy)
{
	policy->dnssec_answer = 1;
}

static void servers(struct sieve_policy *policy)
{
	policy->filter_servers = 1;
}

static void no_ede(struct sieve_policy *policy)
{
	policy->extended_error = 0;
}

static void aaaa_alone(struct sieve_policy *policy)
{
	policy->families = 1 << SIEVE_IPV6;
	policy->gateway_answers_a = 0;
}

static void fullest(struct sieve_policy *policy)
{
	all_levels(policy);
	all_labels(policy);
	all_ports(policy);
	dnssec(policy);
}

static const struct kind kinds[] = {
	{ "usual", usual },
	{ "observe", observe },
	{ "drop", drop },
	{ "reject", reject },
	{ "one-cgroup", one_cgroup },
	{ "exempt-cgroup", exempt_cgroup },
	{ "cgroups-at-7-levels", seven_levels },
	{ "cgroups-at-32-levels", all_levels },
	{ "no-names", no_names },
	{ "names-to-8-labels", eight_labels },
	{ "names-to-16-labels", all_labels },
	{ "3-ports", three_ports },
	{ "8-ports", all_ports },
	{ "dnssec-answer", dnssec },
	{ "filter-servers", servers },
	{ "no-ede", no_ede },
	{ "aaaa-alone", aaaa_alone },
	{ "fullest", fullest },
};

/* Newer kernels write one such line for each global function, and count differently there; so it is for older ones. */
static __u32 count_of_log(const char *log)
{
	const char *place = strstr(log, "processed ");
	unsigned int count = 0;

	return place && sscanf(place, "processed %u insns", &count) == 1 ? count : 0;
}

/* 0: the kernel does not tell. */
static __u32 count_of_kernel(const struct bpf_program *program)
{
	struct bpf_prog_info info = {};
	__u32 length = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length) == 0 ? info.verified_insns : 0;
}

static int say_programs(const struct kind *kind, struct bpf_object *object, char logs[][LOG_SIZE])
{
	struct bpf_program *program;
	size_t i = 0;
	int bad = 0;

	bpf_object__for_each_program(program, object) {
		__u32 count = count_of_kernel(program);

		if (count == 0)
			count = count_of_log(logs[i]);
		i++;
		printf("verified %s %s %u\n", kind->name, bpf_program__name(program), count);
		if (count == 0) {
			printf("not ok  %s, %s: the kernel does not say how many instructions\n", kind->name,
			       bpf_program__name(program));
			bad++;
		}
	}
	return bad;
}

/* 0, or how much went wrong */
static int load_as(const struct kind *kind)
{
	static char logs[PROGRAMS_MAX][LOG_SIZE];
	struct stubsieve_bpf *skeleton = stubsieve_bpf__open();
	struct sieve_policy policy = usual_policy();
	struct bpf_program *program;
	size_t count = 0;
	int bad;

	if (!skeleton)
		return 1;
	memset(logs, 0, sizeof(logs));
	bpf_object__for_each_program(program, skeleton->obj) {
		if (count == PROGRAMS_MAX)
			break;
		bpf_program__set_log_level(program, LOG_STATS);
		bpf_program__set_log_buf(program, logs[count++], LOG_SIZE);
	}
	kind->change(&policy);
	skeleton->rodata->policy = policy;
	memset((void *)skeleton->rodata->suffix_bits, 0xff, SIEVE_SUFFIX_BITS / 8);
	bad = stubsieve_bpf__load(skeleton);
	if (bad)
		printf("not ok  %s: the programs do not load: %s\n", kind->name, strerror(errno));
	else
		bad = say_programs(kind, skeleton->obj, logs);
	stubsieve_bpf__destroy(skeleton);
	return bad;
}

int main(void)
{
	unsigned int passed = 0, failed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (load_as(&kinds[i]) == 0)
			passed++;
		else
			failed++;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0;
}
