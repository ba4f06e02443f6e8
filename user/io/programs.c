/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "carry.h"
#include "cleanup.h"
#include "coverage_map.h"
#include "hash.h"
#include "identity.h"
#include "loading.h"
#include "map_pins.h"
#include "name_map.h"
#include "recover.h"
#include "skeleton.h"
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
	return r < 0 ? r : name_map_fill(bpf_map__fd(skeleton->maps.names), request->names, request->name_count);
}

static int prepare(struct programs *programs, const struct programs_request *request, struct error *error)
{
	struct stubsieve_bpf *skeleton = programs->skeleton;
	int r = choose(skeleton, request);

	if (r == 0 && request->beside)
		r = share(skeleton, request->beside);
	if (r < 0)
		return fail(error, -r, "cannot set up the programs: %s", strerror(-r));
	if (request->beside || !request->pin_dir)
		return 0;
	r = map_pins_use(skeleton->obj, request->pin_dir, error);
	if (r < 0)
		return r;
	r = recover_counted(skeleton->obj, request->pin_dir);
	return r < 0 ? fail(error, -r, "cannot go on with what was counted: %s", strerror(-r)) : 0;
}

static int load(struct programs *programs, const struct programs_request *request, bool is_plain, struct error *error)
{
	int r;

	loading_silence_libbpf();
	stubsieve_bpf__destroy(programs->skeleton);
	programs->skeleton = skeleton_open(is_plain);
	if (!programs->skeleton)
		return loading_failed(errno, error);
	r = prepare(programs, request, error);
	if (r < 0)
		return r;
	r = loading_has_descriptors(programs->skeleton->obj) ? stubsieve_bpf__load(programs->skeleton) : -EMFILE;
	return r < 0 ? loading_failed(-r, error) : 0;
}

int programs_load(const struct programs_request *request, struct programs **ret_programs, struct error *error)
{
	__attribute__((cleanup(programs_freep))) struct programs *programs = calloc(1, sizeof(*programs));
	int r;

	if (!programs)
		return fail(error, ENOMEM, "out of memory");
	programs->coverage_quota.most = COVERAGE_OTHERS_MAX;
	r = load(programs, request, false, error);
	if (r == -EINVAL && !loading_may_search_modules())
		r = load(programs, request, true, error);
	if (r < 0)
		return r;
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
		return loading_failed(errno, error);
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
