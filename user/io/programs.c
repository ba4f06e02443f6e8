/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/bpf.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "carry.h"
#include "cleanup.h"
#include "coverage_map.h"
#include "hash.h"
#include "identity.h"
#include "map_pins.h"
#include "recover.h"
#include "stubsieve.skel.h"
#include "vacancy.h"

struct programs {
	struct stubsieve_bpf *skeleton;
	struct ring_buffer *events;
	programs_event_callback callback;
	void *callback_data;
	struct carry carry;
	struct coverage_quota coverage_quota;
	struct vacancy vacancy;
};

/* What libbpf last complained of, to be quoted in an error. */
static char complaint[256];

static int keep_complaint(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char line[sizeof(complaint)];

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), format, arguments);
	line[strcspn(line, "\n")] = '\0';
	if (strstr(line, "RLIMIT_MEMLOCK")) /* a guess of libbpf's, not what went wrong */
		return 0;
	if (strncmp(line, "libbpf: ", 8) == 0 && complaint[0] == '\0')
		snprintf(complaint, sizeof(complaint), "%s", line + 8);
	return 0;
}

void programs_silence_libbpf(void)
{
	libbpf_set_print(keep_complaint);
	complaint[0] = '\0';
}

/* The effective capabilities of this process as a mask (capabilities(7)); 0 if they cannot be read. */
static uint64_t effective_capabilities(void)
{
	_cleanup_fclose_ FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t mask = 0;

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "CapEff: %" SCNx64, &mask) == 1)
			break;
	return mask;
}

/* What loading needs. A denial in spite of them comes from the verifier, or from a locked-down kernel. */
static bool may_load(void)
{
	const uint64_t needed = 1ULL << CAP_BPF | 1ULL << CAP_NET_ADMIN | 1ULL << CAP_PERFMON;
	uint64_t mask = effective_capabilities();

	return (mask & needed) == needed || mask & 1ULL << CAP_SYS_ADMIN;
}

/* A limit that loading can meet, and how it is raised; NULL: it was none. */
static const char *limit_met(int number)
{
	switch (number) {
	case ENOMEM:
		return "there is not enough memory to load the BPF programs; raise the limit of the service (MemoryMax=), or free some";
	case EMFILE:
		return "the limit of open files does not do to load the BPF programs; raise it (LimitNOFILE=, ulimit -n)";
	case ENFILE:
		return "the machine's limit of open files does not do to load the BPF programs; raise fs.file-max (sysctl)";
	default:
		return NULL;
	}
}

static int explain_load(int number, struct error *error)
{
	const char *limit = limit_met(number);

	if (limit)
		return fail_as(error, ERROR_FAILED, number, "%s", limit);
	/* EINVAL: some kernels do not know a helper, then, that they do not let this process use */
	if ((number == EPERM || number == EACCES || number == EINVAL) && !may_load())
		return fail(error, EPERM,
			    "loading BPF programs needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; run as root with these capabilities");
	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		return fail_as(error, ERROR_KERNEL, number,
			       "this kernel has no BTF (/sys/kernel/btf/vmlinux); boot one built with CONFIG_DEBUG_INFO_BTF=y");
	return fail_as(error, ERROR_KERNEL, number,
		       "this kernel does not take the BPF programs: %s; is it older than 5.10, or locked down? (%s)",
		       strerror(number), complaint);
}

/* One that shares nothing but what is counted with others. */
static int share(struct stubsieve_bpf *skeleton, const struct programs *beside)
{
	const struct stubsieve_bpf *other = beside->skeleton;
	int r = bpf_map__reuse_fd(skeleton->maps.counters, bpf_map__fd(other->maps.counters));

	if (r == 0)
		r = bpf_map__reuse_fd(skeleton->maps.counter_names, bpf_map__fd(other->maps.counter_names));
	return r == 0 ? bpf_map__reuse_fd(skeleton->maps.carried, bpf_map__fd(other->maps.carried)) : r;
}

int programs_pin(const struct programs *programs, const char *pin_dir, struct error *error)
{
	return map_pins_replace(programs->skeleton->obj, pin_dir, error);
}

/* What lets the programs pass over most names without a look into the map. */
static void summarize_names(struct stubsieve_bpf *skeleton, const struct programs_request *request)
{
	for (size_t i = 0; i < request->name_count; i++) {
		uint32_t bit = sieve_suffix_bit(request->names[i].suffix);
		uint32_t end = request->names[i].end;

		skeleton->rodata->policy.suffix_depths |= 1U << request->names[i].labels;
		skeleton->rodata->suffix_bits[bit / 64] |= 1ULL << bit % 64;
		skeleton->rodata->suffix_bits[end / 64] |= 1ULL << end % 64;
	}
}

struct name_entry {
	uint64_t key;
	uint32_t flags;
};

static int compare_names(const void *one, const void *other)
{
	uint64_t a = ((const struct name_entry *)one)->key, b = ((const struct name_entry *)other)->key;

	return a < b ? -1 : a > b;
}

/* The entries of the map, sorted. Several rules can be about one suffix: all of them hold. */
static struct name_entry *make_name_entries(const struct programs_request *request, size_t *ret_count)
{
	struct name_entry *entries = calloc(request->name_count + 1, sizeof(*entries));
	size_t count = 0;

	for (size_t i = 0; entries && i < request->name_count; i++)
		entries[i] = (struct name_entry){ request->names[i].suffix, request->names[i].flags };
	if (entries)
		qsort(entries, request->name_count, sizeof(*entries), compare_names);
	for (size_t i = 0; entries && i < request->name_count; i++) {
		if (count > 0 && entries[count - 1].key == entries[i].key)
			entries[count - 1].flags |= entries[i].flags;
		else
			entries[count++] = entries[i];
	}
	*ret_count = count;
	return entries;
}

/* What an earlier controller had, and this one has not. */
static int sweep_names(int fd, const struct name_entry *entries, size_t count)
{
	struct name_entry key, next;
	uint64_t *previous = NULL;

	while (bpf_map_get_next_key(fd, previous, &next.key) == 0) {
		key.key = next.key;
		if (bsearch(&key, entries, count, sizeof(*entries), compare_names))
			previous = &key.key;
		else if (bpf_map_delete_elem(fd, &key.key) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* First what is added: the programs of an earlier controller may be at work with this map. */
static int fill_names(struct programs *programs, const struct programs_request *request)
{
	int fd = bpf_map__fd(programs->skeleton->maps.names);
	size_t count;
	_cleanup_free_ struct name_entry *entries = make_name_entries(request, &count);

	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (bpf_map_update_elem(fd, &entries[i].key, &entries[i].flags, BPF_ANY) < 0)
			return -errno;
	return sweep_names(fd, entries, count);
}

static int choose(struct stubsieve_bpf *skeleton, const struct programs_request *request)
{
	uint8_t action = request->policy->action;
	bool by_cgroup = action == SIEVE_ACTION_OBSERVE || action == SIEVE_ACTION_REJECT;

	bpf_program__set_autoload(skeleton->progs.sieve_egress, !by_cgroup);
	bpf_program__set_autoload(skeleton->progs.sieve_cgroup, by_cgroup);
	bpf_program__set_autoload(skeleton->progs.sieve_sensor, request->sensor);
	bpf_program__set_autoload(skeleton->progs.sieve_gateway, request->gateway);
	bpf_program__set_autoload(skeleton->progs.sieve_results, request->results);
	bpf_map__set_autocreate(skeleton->maps.coverage, request->results);
	bpf_map__set_autocreate(skeleton->maps.vacant, request->results);
	bpf_map__set_autocreate(skeleton->maps.announced, request->sensor);
	skeleton->rodata->policy = *request->policy;
	summarize_names(skeleton, request);
	return bpf_map__set_max_entries(skeleton->maps.netns, request->max_netns);
}

static int take_event(void *context, void *data, size_t size)
{
	struct programs *programs = context;
	const struct sieve_event *event = data;

	if (size >= sizeof(*event) && programs->callback)
		programs->callback(event, programs->callback_data);
	return 0;
}

static int bind(const struct programs *programs, const struct bpf_map *map)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, programs->skeleton->obj)
		if (bpf_program__fd(program) >= 0 &&
		    bpf_prog_bind_map(bpf_program__fd(program), bpf_map__fd(map), NULL) < 0)
			return -errno;
	return 0;
}

/* For those who find one without a pin, maybe the sensor alone: whose it is, and is its controller alive? */
static int sign(const struct programs *programs, const char *pin_dir)
{
	const struct sieve_instance instance = identity_instance(pin_dir);
	const struct stubsieve_bpf *skeleton = programs->skeleton;
	uint32_t zero = 0;
	int r;

	if (bpf_map_update_elem(bpf_map__fd(skeleton->maps.instance), &zero, &instance, BPF_ANY) < 0)
		return -errno;
	r = bind(programs, skeleton->maps.instance);
	if (r == 0)
		r = bind(programs, skeleton->maps.heartbeat);
	for (size_t i = 0; r == 0 && recover_names[i]; i++)
		r = bind(programs, bpf_object__find_map_by_name(skeleton->obj, recover_names[i]));
	return r;
}

/* What is needed of the maps once they are there. */
static int open_maps(struct programs *programs, const struct programs_request *request)
{
	const struct stubsieve_bpf *skeleton = programs->skeleton;
	int r = carry_open(request->pin_dir, bpf_map__fd(skeleton->maps.counters), bpf_map__fd(skeleton->maps.carried),
			   &programs->carry);

	if (r == 0)
		r = carry_begin(&programs->carry, bpf_map__fd(skeleton->maps.counter_names));
	if (r < 0)
		return r;
	programs->events = ring_buffer__new(bpf_map__fd(programs->skeleton->maps.events), take_event, programs, NULL);
	if (!programs->events)
		return -errno;
	if (request->results) {
		r = vacancy_open(bpf_map__fd(programs->skeleton->maps.vacant), &programs->vacancy);
		if (r < 0)
			return r;
	}
	r = sign(programs, request->pin_dir ? request->pin_dir : "");
	return r < 0 ? r : fill_names(programs, request);
}

int programs_load(const struct programs_request *request, struct programs **ret_programs, struct error *error)
{
	__attribute__((cleanup(programs_freep))) struct programs *programs = calloc(1, sizeof(*programs));
	int r;

	if (!programs)
		return fail(error, ENOMEM, "out of memory");
	programs->coverage_quota.most = COVERAGE_OTHERS_MAX;
	programs_silence_libbpf();
	programs->skeleton = stubsieve_bpf__open();
	if (!programs->skeleton)
		return explain_load(errno, error);
	r = choose(programs->skeleton, request);
	if (r == 0 && request->beside)
		r = share(programs->skeleton, request->beside);
	if (r < 0)
		return fail(error, -r, "cannot set up the programs: %s", strerror(-r));
	if (!request->beside && request->pin_dir)
		r = map_pins_use(programs->skeleton->obj, request->pin_dir, error);
	if (r < 0)
		return r;
	if (!request->beside && request->pin_dir && (r = recover_counted(programs->skeleton->obj, request->pin_dir)) < 0)
		return fail(error, -r, "cannot go on with what was counted: %s", strerror(-r));
	r = stubsieve_bpf__load(programs->skeleton);
	if (r < 0)
		return explain_load(-r, error);
	r = open_maps(programs, request);
	if (r < 0)
		return fail(error, -r, "cannot set up the maps in %s: %s", request->pin_dir, strerror(-r));
	*ret_programs = programs;
	programs = NULL;
	return 0;
}

void programs_free(struct programs *programs)
{
	if (!programs)
		return;
	vacancy_close(&programs->vacancy);
	carry_close(&programs->carry);
	ring_buffer__free(programs->events);
	stubsieve_bpf__destroy(programs->skeleton);
	free(programs);
}

int programs_egress_fd(const struct programs *programs)
{
	return bpf_program__fd(programs->skeleton->progs.sieve_egress);
}

int programs_cgroup_fd(const struct programs *programs)
{
	return bpf_program__fd(programs->skeleton->progs.sieve_cgroup);
}

int programs_sensor_fd(const struct programs *programs)
{
	return bpf_program__fd(programs->skeleton->progs.sieve_sensor);
}

int programs_gateway_fd(const struct programs *programs)
{
	return bpf_program__fd(programs->skeleton->progs.sieve_gateway);
}

int programs_results_fd(const struct programs *programs)
{
	return bpf_program__fd(programs->skeleton->progs.sieve_results);
}

size_t programs_ids(const struct programs *programs, uint32_t ret_ids[PROGRAMS_COUNT])
{
	struct bpf_program *program;
	size_t count = 0;

	bpf_object__for_each_program(program, programs->skeleton->obj) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (count < PROGRAMS_COUNT && bpf_program__fd(program) >= 0 &&
		    bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0)
			ret_ids[count++] = info.id;
	}
	return count;
}

bool programs_are_pinned(const struct programs *programs, const char *pin_dir)
{
	return map_pins_are_there(programs->skeleton->obj, pin_dir);
}

int programs_pin_again(struct programs *programs, const char *pin_dir)
{
	return map_pins_again(programs->skeleton->obj, pin_dir);
}

struct coverage_quota *programs_coverage_quota(struct programs *programs)
{
	return &programs->coverage_quota;
}

int programs_coverage_fd(const struct programs *programs)
{
	return bpf_map__autocreate(programs->skeleton->maps.coverage) ? bpf_map__fd(programs->skeleton->maps.coverage) : -1;
}

struct vacancy *programs_vacancy(struct programs *programs)
{
	return programs->vacancy.bits ? &programs->vacancy : NULL;
}

int programs_servers_fd(const struct programs *programs)
{
	return bpf_map__fd(programs->skeleton->maps.servers);
}

int programs_heartbeat_fd(const struct programs *programs)
{
	return bpf_map__fd(programs->skeleton->maps.heartbeat);
}

/* What a map of ours is like stands in the object, which need not be loaded for that. */
static int remove_pins(const char *pin_dir, bool others_only, struct error *error)
{
	struct stubsieve_bpf *skeleton = stubsieve_bpf__open();
	int r;

	if (!skeleton)
		return explain_load(errno, error);
	r = map_pins_remove(skeleton->obj, pin_dir, others_only, error);
	stubsieve_bpf__destroy(skeleton);
	return r;
}

int programs_unpin(const char *pin_dir, struct error *error)
{
	return remove_pins(pin_dir, false, error);
}

int programs_succeed(struct programs *programs, const char *pin_dir, struct error *error)
{
	int r = carry_take(&programs->carry, pin_dir);

	if (r < 0)
		return fail(error, -r, "cannot carry over what another version counted: %s", strerror(-r));
	return remove_pins(pin_dir, true, error);
}

static int update(const struct bpf_map *map, const void *key, const void *value)
{
	return bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY) < 0 ? -errno : 0;
}

int programs_set_netns(struct programs *programs, uint32_t inum, const struct sieve_netns *state)
{
	return update(programs->skeleton->maps.netns, &inum, state);
}

int programs_forget_netns(struct programs *programs, uint32_t inum)
{
	bpf_map_delete_elem(bpf_map__fd(programs->skeleton->maps.announced), &inum);
	return bpf_map_delete_elem(bpf_map__fd(programs->skeleton->maps.netns), &inum) < 0 ? -errno : 0;
}

int programs_forget_other_netns(struct programs *programs, bool (*keep)(uint32_t inum, void *data), void *data)
{
	int fd = bpf_map__fd(programs->skeleton->maps.netns);
	uint32_t key, next, *previous = NULL;

	while (bpf_map_get_next_key(fd, previous, &next) == 0) {
		int r;

		key = next;
		if (keep(key, data)) {
			previous = &key;
			continue;
		}
		r = programs_forget_netns(programs, key);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_listed(uint64_t id, const struct programs_cgroup *cgroups, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (cgroups[i].id == id)
			return true;
	return false;
}

int programs_set_cgroups(struct programs *programs, const struct programs_cgroup *cgroups, size_t count, bool only_add)
{
	int fd = bpf_map__fd(programs->skeleton->maps.cgroups);
	uint64_t key, next, *previous = NULL;

	for (size_t i = 0; i < count; i++) {
		uint32_t kind = cgroups[i].kind;

		if (bpf_map_update_elem(fd, &cgroups[i].id, &kind, BPF_ANY) < 0)
			return -errno;
	}
	while (!only_add && bpf_map_get_next_key(fd, previous, &next) == 0) {
		key = next;
		if (is_listed(key, cgroups, count))
			previous = &key;
		else if (bpf_map_delete_elem(fd, &key) < 0)
			return -errno;
	}
	return 0;
}

int programs_beat(struct programs *programs, uint64_t now_ns)
{
	struct sieve_heartbeat beat;
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(programs_heartbeat_fd(programs), &zero, &beat) < 0)
		return -errno;
	beat.stamp_ns = now_ns;
	return update(programs->skeleton->maps.heartbeat, &zero, &beat);
}

int programs_last_beat(struct programs *programs, uint64_t *ret_ns)
{
	struct sieve_heartbeat beat;
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(programs->skeleton->maps.heartbeat), &zero, &beat) < 0)
		return -errno;
	*ret_ns = beat.stamp_ns;
	return 0;
}

int programs_counters(struct programs *programs, uint64_t ret_counters[SIEVE_COUNTERS])
{
	return carry_totals(&programs->carry, ret_counters);
}

void programs_each_unknown_counter(struct programs *programs, carry_callback callback, void *data)
{
	carry_each_unknown(&programs->carry, callback, data);
}

int programs_generation(struct programs *programs, uint32_t *ret_inum, uint32_t ret_generation[SIEVE_FAMILIES])
{
	unsigned char packet[64] = {};
	struct __sk_buff context = {};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet),
		    .ctx_out = &context, .ctx_size_out = sizeof(context), .repeat = 1);

	if (bpf_prog_test_run_opts(bpf_program__fd(programs->skeleton->progs.sieve_probe), &options) < 0)
		return -errno;
	*ret_inum = context.cb[0];
	ret_generation[SIEVE_IPV4] = context.cb[1];
	ret_generation[SIEVE_IPV6] = context.cb[2];
	return 0;
}

int programs_events_fd(const struct programs *programs)
{
	return ring_buffer__epoll_fd(programs->events);
}

void programs_set_event_callback(struct programs *programs, programs_event_callback callback, void *data)
{
	programs->callback = callback;
	programs->callback_data = data;
}

int programs_read_events(struct programs *programs)
{
	int r = ring_buffer__consume(programs->events);

	return r < 0 ? r : 0;
}
