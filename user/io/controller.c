/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "controller.h"

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach.h"
#include "cleanup.h"
#include "clock.h"
#include "instance.h"

#define BEAT_NS CLOCK_SECOND_NS
#define QUESTION_MAX 64

bool controller_uses_cgroups(const struct config *config)
{
	return config->action == SIEVE_ACTION_OBSERVE || config->action == SIEVE_ACTION_REJECT;
}

/* What tells this host from others: the machine id, or what there is instead. */
static size_t read_machine_id(char *ret_id, size_t size)
{
	static const char *const paths[] = { "/etc/machine-id", "/var/lib/dbus/machine-id", "/etc/hostname" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		_cleanup_close_ int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
		ssize_t length = fd >= 0 ? read(fd, ret_id, size) : -1;

		if (length > 0)
			return (size_t)length;
	}
	return 0;
}

static int find_cgroups(struct controller *controller, struct error *error)
{
	const struct config *config = controller->config;

	for (size_t i = 0; i < config->cgroup_count; i++) {
		struct cgroup *cgroup = &controller->cgroups[i];
		int r = mounts_find_cgroup(config->cgroups[i], cgroup, NULL, error);

		if (r < 0)
			return r;
		if (cgroup->level >= SIEVE_CGROUP_LEVELS)
			return fail_as(error, ERROR_USAGE, E2BIG, "the cgroup %s lies deeper than level %d; name one above it",
				       cgroup->path, SIEVE_CGROUP_LEVELS - 1);
		controller->cgroup_count++;
	}
	return 0;
}

static void make_policy(struct controller *controller)
{
	const struct config *config = controller->config;
	char id[256];
	size_t length = read_machine_id(id, sizeof(id));
	struct sieve_policy policy = {
		.stale_after_ns = config->fail_open_after_ns + config_jitter_ns(id, length, config->fail_open_spread_ns),
		.action = (__u8)config->action,
		.families = 1 << SIEVE_IPV4 | 1 << SIEVE_IPV6,
		.whole_host = config->cgroup_count == 0,
		.extended_error = config->extended_error,
		.filter_servers = config->filter_servers,
		.ports = { 53 },
	};

	for (size_t i = 0; i < config->port_count; i++)
		policy.ports[i] = config->ports[i];
	for (size_t i = 0; i < controller->cgroup_count; i++)
		policy.cgroup_levels |= 1U << controller->cgroups[i].level;
	controller->policy = policy;
}

/* In scope already by a cgroup above it? One program is enough, or queries would be counted twice. */
static bool is_nested(const struct controller *controller, const struct cgroup *cgroup)
{
	for (size_t i = 0; i < controller->cgroup_count; i++) {
		const char *above = controller->cgroups[i].path;
		size_t length = strlen(above);

		if (controller->cgroups[i].level >= cgroup->level)
			continue;
		if (controller->cgroups[i].level == 0 ||
		    (strncmp(cgroup->path, above, length) == 0 && cgroup->path[length] == '/'))
			return true;
	}
	return false;
}

bool controller_covers_cgroup(const struct controller *controller, const struct cgroup *cgroup)
{
	return is_nested(controller, cgroup) || attach_cgroup_is_live(controller->config->pin_dir, cgroup->id);
}

static int attach_to_cgroup(struct controller *controller, const char *path, struct error *error)
{
	_cleanup_close_ int fd = -1;
	struct cgroup cgroup;
	int r;

	r = mounts_find_cgroup(path, &cgroup, &fd, error);
	if (r < 0)
		return r;
	if (is_nested(controller, &cgroup))
		return 0;
	return attach_cgroup(controller->config->pin_dir, &cgroup, fd, controller->programs, error);
}

static int attach_to_cgroups(struct controller *controller, struct error *error)
{
	const struct config *config = controller->config;
	int r = 0;

	if (config->cgroup_count == 0)
		return attach_to_cgroup(controller, "/", error);
	for (size_t i = 0; r == 0 && i < config->cgroup_count; i++)
		r = attach_to_cgroup(controller, config->cgroups[i], error);
	return r;
}

/* Of the pins of an earlier controller, those that this configuration asks for too. */
static bool keep_wanted(const struct attach_pin *pin, void *data)
{
	const struct controller *controller = data;
	struct cgroup root;
	struct error error;

	if (!pin->cgroup)
		return !controller_uses_cgroups(controller->config) && controller->namespace.attachments.has_tcx;
	if (!controller_uses_cgroups(controller->config))
		return false;
	if (controller->cgroup_count == 0)
		return mounts_find_cgroup("/", &root, NULL, &error) == 0 && root.id == pin->cgroup;
	for (size_t i = 0; i < controller->cgroup_count; i++)
		if (controller->cgroups[i].id == pin->cgroup && !is_nested(controller, &controller->cgroups[i]))
			return true;
	return false;
}

/* Attach what the action needs, then let go of what an earlier controller needed and this one does not. */
static int attach_all(struct controller *controller, struct error *error)
{
	const char *pin_dir = controller->config->pin_dir;
	bool uses_cgroups = controller_uses_cgroups(controller->config);
	int r;

	r = uses_cgroups ? attach_to_cgroups(controller, error) : namespace_attach(&controller->namespace, error);
	if (r == 0)
		r = attach_sweep(pin_dir, keep_wanted, controller, error);
	if (r == 0 && (uses_cgroups || controller->namespace.attachments.has_tcx))
		r = attach_remove_clsact(pin_dir, error);
	return r;
}

static int publish_cgroups(struct controller *controller, bool only_add)
{
	uint64_t ids[CONFIG_CGROUPS_MAX];

	for (size_t i = 0; i < controller->cgroup_count; i++)
		ids[i] = controller->cgroups[i].id;
	return programs_set_cgroups(controller->programs, ids, controller->cgroup_count, only_add);
}

static void take_event(uint32_t inum, void *data)
{
	struct controller *controller = data;

	if (inum == controller->namespace.inum)
		namespace_trigger(&controller->namespace, clock_monotonic_ns());
}

/* Everything is known and published before the first program sees a packet. */
static int set_up(struct controller *controller, int *ret_pin_lock, struct error *error)
{
	const struct config *config = controller->config;
	int r;

	controller->started_ns = clock_monotonic_ns();
	r = find_cgroups(controller, error);
	if (r == 0)
		r = mounts_make_pin_dir(config->pin_dir, error);
	if (r == 0)
		r = mounts_lock_pin_dir(config->pin_dir, ret_pin_lock, error);
	if (r == 0)
		r = instance_note_pin_dir(config->run_dir, config->pin_dir, error);
	if (r < 0)
		return r;
	make_policy(controller);
	r = programs_load(&controller->policy, config->pin_dir, &controller->programs, error);
	if (r < 0)
		return r;
	programs_set_event_callback(controller->programs, take_event, controller);
	r = namespace_open(&controller->namespace, config, controller->programs, error);
	if (r < 0)
		return r;
	/* Last the heartbeat: programs of an earlier controller are stale until they have a true state. */
	r = publish_cgroups(controller, true);
	if (r == 0)
		r = programs_beat(controller->programs, clock_monotonic_ns());
	if (r < 0)
		return fail(error, -r, "cannot write the maps in %s: %s", config->pin_dir, strerror(-r));
	r = attach_all(controller, error);
	if (r < 0)
		return r;
	r = publish_cgroups(controller, false);
	if (r == 0)
		r = programs_forget_other_netns(controller->programs, controller->namespace.inum);
	return r < 0 ? fail(error, -r, "cannot write the maps in %s: %s", config->pin_dir, strerror(-r)) : 0;
}

static void answer_command(struct controller *controller, int control_fd)
{
	_cleanup_close_ int fd = accept4(control_fd, NULL, NULL, SOCK_CLOEXEC);
	_cleanup_free_ char *answer = NULL;
	char question[QUESTION_MAX];

	if (fd < 0 || instance_read_question(fd, question, sizeof(question)) < 0)
		return;
	question[strcspn(question, "\n")] = '\0';
	answer = controller->answer(question, controller, controller->data);
	if (answer)
		instance_answer(fd, answer);
}

/* A third of the time after which the programs would take us for dead, or a second. */
static uint64_t beat_interval(const struct controller *controller)
{
	uint64_t third = controller->config->fail_open_after_ns / 3;

	return third < BEAT_NS ? third : BEAT_NS;
}

static int milliseconds_until(uint64_t due, uint64_t now)
{
	return due <= now ? 0 : (int)((due - now + CLOCK_MILLISECOND_NS - 1) / CLOCK_MILLISECOND_NS);
}

enum { POLL_SIGNAL, POLL_CONTROL, POLL_ROUTES, POLL_EVENTS, POLL_COUNT };

static void handle(struct controller *controller, const struct pollfd polled[POLL_COUNT])
{
	/* Changes first: they must not wait for a client of the control socket. */
	if (polled[POLL_ROUTES].revents)
		namespace_read(&controller->namespace, clock_monotonic_ns());
	if (polled[POLL_EVENTS].revents)
		programs_read_events(controller->programs);
	namespace_work(&controller->namespace, clock_monotonic_ns());
	if (polled[POLL_CONTROL].revents)
		answer_command(controller, polled[POLL_CONTROL].fd);
}

static int loop(struct controller *controller, int signal_fd, int control_fd, struct error *error)
{
	uint64_t next_beat = 0;
	struct pollfd polled[POLL_COUNT] = {
		[POLL_SIGNAL] = { .fd = signal_fd, .events = POLLIN },
		[POLL_CONTROL] = { .fd = control_fd, .events = POLLIN },
		[POLL_ROUTES] = { .fd = rtnl_monitor_fd(controller->namespace.monitor), .events = POLLIN },
		[POLL_EVENTS] = { .fd = programs_events_fd(controller->programs), .events = POLLIN },
	};

	for (;;) {
		uint64_t now = clock_monotonic_ns(), due;

		if (now >= next_beat) {
			programs_beat(controller->programs, now);
			next_beat = now + beat_interval(controller);
		}
		due = namespace_due(&controller->namespace, now);
		if (!due || due > next_beat)
			due = next_beat;
		if (poll(polled, POLL_COUNT, milliseconds_until(due, now)) < 0 && errno != EINTR)
			return fail(error, errno, "cannot wait for events: %s", strerror(errno));
		if (polled[POLL_SIGNAL].revents)
			return 0;
		handle(controller, polled);
		if (controller->is_to_remove)
			return 0;
	}
}

static int open_signals(int *ret_fd, struct error *error)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return fail(error, errno, "cannot wait for signals: %s", strerror(errno));
	*ret_fd = fd;
	return 0;
}

/*
 * What is left of the marks of clsact filters: those of interfaces that are gone, or of a namespace that we
 * are not in, whose filters we cannot reach. Returns the latter's inode number, or 0.
 */
static uint32_t remove_marks(const char *pin_dir, uint32_t own_netns)
{
	_cleanup_closedir_ DIR *directory = opendir(pin_dir);
	struct dirent *entry;
	uint32_t unreached = 0;

	while (directory && (entry = readdir(directory))) {
		uint32_t netns, ifindex;

		if (sscanf(entry->d_name, "clsact-%" SCNu32 "-%" SCNu32, &netns, &ifindex) == 2 && netns != own_netns)
			unreached = netns;
		if (strncmp(entry->d_name, "clsact-", 7) == 0 || strncmp(entry->d_name, "qdisc-", 6) == 0)
			unlinkat(dirfd(directory), entry->d_name, AT_REMOVEDIR);
	}
	return unreached;
}

static int remove_all(const char *pin_dir, struct error *error)
{
	uint32_t unreached;
	struct stat own;
	int r;

	r = attach_sweep(pin_dir, NULL, NULL, error);
	if (r == 0)
		r = attach_remove_clsact(pin_dir, error);
	if (r == 0)
		r = programs_unpin(pin_dir, error);
	if (r < 0)
		return r;
	if (stat("/proc/self/ns/net", &own) < 0)
		return fail(error, errno, "cannot read /proc/self/ns/net: %s", strerror(errno));
	unreached = remove_marks(pin_dir, (uint32_t)own.st_ino);
	rmdir(pin_dir);
	if (unreached)
		return fail_as(error, ERROR_FAILED, ENOTEMPTY,
			       "filters may be left in the network namespace %u, whose controller is gone; in it, run: tc qdisc del dev INTERFACE clsact",
			       unreached);
	return 0;
}

int controller_remove(const char *pin_dir, struct error *error)
{
	_cleanup_close_ int lock_fd = -1;
	int r;

	if (access(pin_dir, F_OK) < 0 && errno == EACCES)
		return fail(error, EACCES, "cannot look into %s: %s", pin_dir, strerror(EACCES));
	if (!mounts_is_bpffs(pin_dir))
		return 0; /* nothing is pinned there */
	r = mounts_lock_pin_dir(pin_dir, &lock_fd, error);
	if (r < 0)
		return r;
	programs_silence_libbpf();
	return remove_all(pin_dir, error);
}

/* Each interface takes a file descriptor; the soft limit is for programs that use select(2). */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int controller_run(struct controller *controller, struct error *error)
{
	_cleanup_close_ int lock_fd = -1, pin_lock = -1, signal_fd = -1, control_fd = -1;
	int r;

	raise_file_limit();
	r = instance_lock(controller->config->run_dir, &lock_fd, error);
	if (r == 0)
		r = open_signals(&signal_fd, error);
	if (r == 0)
		r = set_up(controller, &pin_lock, error);
	if (r == 0)
		r = instance_listen(controller->config->run_dir, &control_fd, error);
	if (r == 0) {
		controller->ready(controller, controller->data);
		r = loop(controller, signal_fd, control_fd, error);
	}
	namespace_close(&controller->namespace);
	programs_free(controller->programs);
	if (r == 0 && controller->is_to_remove)
		r = remove_all(controller->config->pin_dir, error);
	return r;
}
