/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "admission.h"
#include "attach.h"
#include "beat.h"
#include "cleanup.h"
#include "clock.h"
#include "coverage_turns.h"
#include "heap.h"
#include "machine_id.h"
#include "members.h"
#include "netns.h"
#include "orphans.h"
#include "ramp.h"
#include "server_turns.h"

#define EVENTS_MAX 64

/* So long after the last program of another version was replaced or unpinned the kernel has detached it. */
#define SUCCEED_AFTER_NS CLOCK_SECOND_NS

/* What looking for leftovers may take at a time, and in one network namespace, which any user can have filled. */
#define SWEEP_SLICE_NS (20 * CLOCK_MILLISECOND_NS)
#define SWEEP_BUDGET_NS (100 * CLOCK_MILLISECOND_NS)

/* The directory is made with the first name; every beat looks for it. */
static void watch_names(int watch_fd)
{
	inotify_add_watch(watch_fd, NETNS_NAMES, IN_CREATE | IN_DELETE | IN_ONLYDIR);
}

/* The sources of events beside those of namespaces_tag(), whose upper half is never 0. */
enum source { SOURCE_EVENTS, SOURCE_WATCH };

static void make_policy(struct filter *filter)
{
	const struct config *config = filter->config;
	char id[MACHINE_ID_MAX] = "";
	size_t length = machine_id(id);
	struct sieve_policy policy = {
		.stale_after_ns = beat_stale_after_ns(config->fail_open_after_ns, config->fail_open_spread_ns, id,
						      length),
		.ramp_seed = beat_ramp_seed(id, length),
		.action = (__u8)config_action(config),
		.families = config->families,
		.whole_host = filter->scope.whole_host,
		.cgroup_levels = scope_levels(&filter->scope),
		.dnssec_answer = config->dnssec_answer,
		.extended_error = config->extended_error,
		.filter_servers = config->filter_servers,
		.gateway_answers_a = config->connectivity.nat64 == CONNECTIVITY_NAT64_NO,
		.ports = { 53 },
	};

	for (size_t i = 0; i < config->port_count; i++)
		policy.ports[i] = config->ports[i];
	filter->policy = policy;
}

/* Of the pins of an earlier controller, those that this one has taken over. */
static bool keep_wanted(const struct pin *pin, void *data)
{
	const struct filter *filter = data;

	return scope_wants(&filter->scope, pin) || namespaces_want(&filter->namespaces, pin);
}

static bool is_followed(uint32_t netns, void *data)
{
	const struct filter *filter = data;

	return followers_find(&filter->namespaces, netns);
}

/* Of a namespace that is followed stays what this controller attached. */
static struct attachments *kept_in(uint32_t netns, void *data)
{
	const struct filter *filter = data;
	struct follower *follower = followers_find(&filter->namespaces, netns);

	return follower ? &follower->namespace.attachments : NULL;
}

int filter_attach(struct filter *filter, struct error *error)
{
	int r = scope_attach(&filter->scope, filter->programs, error);

	return r < 0 ? r : namespaces_attach(&filter->namespaces, error);
}

static void take_event(const struct sieve_event *event, void *data)
{
	struct filter *filter = data;

	namespaces_take_event(&filter->namespaces, event);
}

static int load(struct filter *filter, const struct programs *beside, struct error *error)
{
	const struct config *config = filter->config;
	_cleanup_free_ struct names_rule *names = NULL;
	struct programs_request request = {
		.policy = &filter->policy,
		.pin_dir = config->pin_dir,
		.max_netns = config->max_netns,
		.sensor = filter->scope.uses_sensor,
		.gateway = config->gateway_count > 0,
		.results = config->results == CONFIG_RESULTS_COVERED,
		.beside = beside,
	};
	int r;

	make_policy(filter);
	r = names_list(config, &names, &request.name_count);
	if (r < 0)
		return fail(error, -r, "cannot list the exempt names: %s", strerror(-r));
	request.names = names;
	heap_prepare();
	r = programs_load(&request, &filter->programs, error);
	heap_release();
	if (r == 0)
		programs_set_event_callback(filter->programs, take_event, filter);
	return r;
}

static bool is_own(uint32_t netns, void *data)
{
	const struct filter *filter = data;

	return netns == filter->namespaces.own;
}

/* What was published of other namespaces before a time without a controller is not to act again unseen. */
static int forget_stale(struct filter *filter)
{
	uint64_t last, now = clock_monotonic_ns();

	if (programs_last_beat(filter->programs, &last) < 0 || now - last <= filter->policy.stale_after_ns)
		return 0;
	return programs_forget_other_netns(filter->programs, is_own, filter);
}

static int watch_sources(struct filter *filter, struct error *error)
{
	struct epoll_event events = { .events = EPOLLIN, .data.u64 = SOURCE_EVENTS };
	struct epoll_event watch = { .events = EPOLLIN, .data.u64 = SOURCE_WATCH };

	if (epoll_ctl(filter->epoll_fd, EPOLL_CTL_ADD, programs_events_fd(filter->programs), &events) < 0 ||
	    epoll_ctl(filter->epoll_fd, EPOLL_CTL_ADD, filter->watch_fd, &watch) < 0)
		return fail(error, errno, "cannot wait for events: %s", strerror(errno));
	return 0;
}

static int open_loop(struct filter *filter, struct error *error)
{
	filter->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (filter->epoll_fd < 0)
		return fail(error, errno, "cannot wait for events: %s", strerror(errno));
	filter->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (filter->watch_fd < 0)
		return fail(error, errno,
			    "cannot watch cgroups by inotify: %s; raise fs.inotify.max_user_instances (sysctl), or the limit of open files",
			    strerror(errno));
	watch_names(filter->watch_fd);
	return 0;
}

static void tell(const struct error *error)
{
	fprintf(stderr, "stubsieve: %s\n", error->text);
}

/*
 * Without a heartbeat the programs let all pass. It begins before they take others' places: those of our own filter so
 * far, or, in a map that nobody has stamped yet, of a controller whose maps were not found. Where an earlier
 * controller's map is used it begins with the loop: one that fails to start, again and again, is not to keep the
 * programs alive that are there.
 */
static int begin_to_beat(struct filter *filter, bool is_beside)
{
	uint64_t last = 0;
	int r = is_beside ? 0 : programs_last_beat(filter->programs, &last);

	return r < 0 || last ? r : programs_beat(filter->programs, clock_monotonic_ns());
}

static int publish(struct filter *filter, const struct filter *before, struct error *error)
{
	int r = scope_publish(&filter->scope, true);

	if (r == 0)
		r = forget_stale(filter);
	if (r == 0 && !before) /* one that an earlier controller left is over; there is no reload during one of ours */
		r = ramp_write(programs_heartbeat_fd(filter->programs), &(struct ramp){});
	if (r == 0)
		r = begin_to_beat(filter, before);
	if (r < 0)
		return fail(error, -r, "cannot write the maps in %s: %s", filter->config->pin_dir, strerror(-r));
	return 0;
}

int filter_open(struct config *config, struct filter **ret_filter, struct error *error)
{
	struct filter *filter = calloc(1, sizeof(*filter));
	int r;

	if (!filter) {
		config_delete(config);
		return fail(error, ENOMEM, "out of memory");
	}
	config->is_spared = machine_is_spared(config);
	*filter = (struct filter){ .config = config, .epoll_fd = -1, .watch_fd = -1 };
	r = open_loop(filter, error);
	if (r == 0)
		r = scope_open(&filter->scope, config, filter->watch_fd, error);
	if (r < 0)
		filter_close(filter);
	else
		*ret_filter = filter;
	return r;
}

int filter_load(struct filter *filter, const struct filter *before, struct error *error)
{
	int r = load(filter, before ? before->programs : NULL, error);

	if (r == 0)
		r = watch_sources(filter, error);
	if (r == 0)
		r = namespaces_open(&filter->namespaces, filter->config, filter->programs, &filter->scope,
				    filter->epoll_fd, error);
	if (r < 0)
		return r;
	if (before)
		namespaces_carry(&filter->namespaces, &before->namespaces);
	filter->scope.programs = filter->programs;
	return publish(filter, before, error);
}

/* What is attached by an earlier controller, and not by this one. What fails keeps nothing else from being done. */
static void tidy_hooks(struct filter *filter)
{
	const char *pin_dir = filter->config->pin_dir;
	struct follower *own = followers_find(&filter->namespaces, filter->namespaces.own);
	uint32_t ids[PROGRAMS_COUNT];
	struct error error;
	size_t orphans;

	if (pins_sweep(pin_dir, keep_wanted, filter, &error) < 0)
		tell(&error);
	if (attach_remove_clsact(pin_dir, 0, &own->namespace.attachments, &error) < 0)
		tell(&error);
	orphans_detach(pin_dir, ids, programs_ids(filter->programs, ids), &orphans);
}

/* All is attached: let go of what an earlier controller needed and this one does not. */
static void tidy(struct filter *filter)
{
	struct error error;
	int r, later;

	tidy_hooks(filter);
	r = scope_publish(&filter->scope, false);
	later = programs_forget_other_netns(filter->programs, is_followed, filter);
	coverage_turns_sweep(&filter->namespaces);
	server_turns_publish(&filter->namespaces);
	r = r < 0 ? r : later;
	if (r < 0) {
		fail(&error, -r, "cannot write the maps in %s: %s", filter->config->pin_dir, strerror(-r));
		tell(&error);
	}
}

void filter_close(struct filter *filter)
{
	if (!filter)
		return;
	remove_sweep_end(&filter->sweep);
	namespaces_close(&filter->namespaces);
	scope_close(&filter->scope);
	programs_free(filter->programs);
	cleanup_close(&filter->watch_fd);
	cleanup_close(&filter->epoll_fd);
	config_delete(filter->config);
	free(filter);
}

uint64_t filter_beat_interval(const struct filter *filter)
{
	return beat_interval_ns(filter->config->fail_open_after_ns);
}

/* Of an earlier version's maps only what it counted matters now. What fails is tried again with the next beat. */
static void succeed(struct filter *filter, uint64_t now)
{
	struct error error;

	if (!filter->succeed_at || now < filter->succeed_at)
		return;
	if (programs_succeed(filter->programs, filter->config->pin_dir, &error) == 0) {
		filter->succeed_at = 0;
		return;
	}
	if (!filter->has_told_of_succession)
		tell(&error);
	filter->has_told_of_succession = true;
}

/* After programs could not be put back: for want of memory, say. */
static void attach_at_last(struct filter *filter)
{
	struct error error;

	if (filter->is_to_attach && filter_attach(filter, &error) == 0)
		filter->is_to_attach = false;
}

void filter_beat(struct filter *filter, uint64_t now)
{
	programs_beat(filter->programs, now);
	watch_names(filter->watch_fd);
	if (scope_refresh(&filter->scope))
		admission_scan(&filter->namespaces);
	members_check(&filter->namespaces);
	server_turns_beat(&filter->namespaces);
	attach_at_last(filter);
	succeed(filter, now);
}

/* A cgroup or a name of a namespace came or went; which one does not matter. */
static void read_watch(struct filter *filter)
{
	_Alignas(struct inotify_event) char buffer[4096];

	while (read(filter->watch_fd, buffer, sizeof(buffer)) > 0)
		;
	if (scope_refresh(&filter->scope))
		admission_scan(&filter->namespaces);
	members_names_changed(&filter->namespaces);
}

void filter_handle(struct filter *filter)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(filter->epoll_fd, events, EVENTS_MAX, 0);

	for (int i = 0; i < count; i++) {
		if (events[i].data.u64 == SOURCE_EVENTS)
			programs_read_events(filter->programs);
		else if (events[i].data.u64 == SOURCE_WATCH)
			read_watch(filter);
		else
			namespaces_handle(&filter->namespaces, events[i].data.u64, clock_monotonic_ns());
	}
}

/* What tells of a namespace that failed tells enough. */
static void tell_of_sweep(struct filter *filter, const struct error *error)
{
	if (!filter->has_told)
		tell(error);
	filter->has_told = true;
}

/* A slice of it. The heartbeat and what changes do not wait for what any number of namespaces may hold. */
static bool sweep_on(struct filter *filter)
{
	uint64_t began = clock_monotonic_ns();
	struct error error;
	int r;

	do {
		r = remove_sweep_next(&filter->sweep, kept_in, filter, &error);
		if (r < 0)
			tell_of_sweep(filter, &error);
	} while (r != 0 && clock_monotonic_ns() < began + SWEEP_SLICE_NS);
	return r != 0;
}

static void begin_sweep(struct filter *filter)
{
	bool everywhere = filter->is_fresh && filter->config->netns != CONFIG_NETNS_SELF;
	struct error error;

	filter->succeed_at = clock_monotonic_ns() + SUCCEED_AFTER_NS;
	filter->is_sweeping = true;
	filter->has_told = false;
	tidy(filter);
	remove_sweep_end(&filter->sweep);
	if (remove_sweep_begin(&filter->sweep, filter->config->pin_dir, everywhere, SWEEP_BUDGET_NS, &error) < 0)
		tell_of_sweep(filter, &error);
}

void filter_work(struct filter *filter)
{
	namespaces_work(&filter->namespaces);
	if (filter->is_tidy || !namespaces_are_attached(&filter->namespaces))
		return;
	if (!filter->is_sweeping)
		begin_sweep(filter);
	if (sweep_on(filter))
		return;
	remove_sweep_end(&filter->sweep);
	filter->is_sweeping = false;
	filter->is_tidy = true;
}

uint64_t filter_due(const struct filter *filter, uint64_t now)
{
	return filter->is_sweeping ? now : namespaces_due(&filter->namespaces, now);
}

int filter_attach_again(struct filter *filter, struct error *error)
{
	int r;

	namespaces_release(&filter->namespaces);
	filter->is_tidy = filter->is_sweeping = false;
	r = filter_attach(filter, error);
	filter->is_to_attach = r < 0;
	return r;
}
