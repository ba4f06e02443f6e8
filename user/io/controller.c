/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "controller.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "commands.h"
#include "exec_cgroup.h"
#include "instance.h"
#include "mounts.h"
#include "orphans.h"
#include "privilege.h"
#include "ramp.h"
#include "remove.h"

#define EVENTS_MAX 64

/* So long after the start it is ready, though it may have many namespaces still to open. */
#define READY_NS (2 * CLOCK_SECOND_NS)

/* What is there of an earlier controller's, before the first program of ours sees a packet. */
static int take_pin_dir(const struct config *config, int *ret_pin_lock, struct error *error)
{
	int r;

	r = mounts_make_pin_dir(config->pin_dir, error);
	if (r == 0)
		r = mounts_lock_pin_dir(config->pin_dir, ret_pin_lock, error);
	if (r == 0)
		r = orphans_check(config->pin_dir, error);
	if (r == 0)
		r = instance_note_pin_dir(config->run_dir, config->pin_dir, error);
	return r;
}

/* Everything is known and published before the first program sees a packet. */
static int set_up(struct controller *controller, struct config *config, struct error *error)
{
	int r;

	controller->started_ns = clock_monotonic_ns();
	controller->reload.loaded_at = time(NULL);
	r = filter_open(config, &controller->filter, error);
	if (r < 0)
		return r;
	controller->filter->is_fresh = access(controller->filter->config->pin_dir, F_OK) < 0;
	r = take_pin_dir(controller->filter->config, &controller->pin_lock, error);
	if (r == 0)
		r = filter_load(controller->filter, NULL, error);
	return r < 0 ? r : filter_attach(controller->filter, error);
}

/* Once, after the start. Commands are answered when the service manager is told, too. */
static void become_ready(struct controller *controller)
{
	struct error error;

	if (controller->is_ready ||
	    (!controller->filter->is_tidy && clock_monotonic_ns() < controller->started_ns + READY_NS))
		return;
	controller->is_ready = true;
	if (privilege_confine(controller->filter->config, &error) < 0)
		fprintf(stderr, "stubsieve: %s\n", error.text);
	commands_listen(controller);
	controller->changed(controller, CONTROLLER_READY, controller->data);
}

static char *make_metrics(void *data)
{
	struct controller *controller = data;

	commands_let_go(controller);
	return controller->answer("metrics", controller, controller->data);
}

static void watch_pins(struct controller *controller)
{
	struct repin *repin = &controller->repin;

	if (controller->reload.next) /* it pins its own */
		return;
	repin->pin_dir = controller->filter->config->pin_dir;
	repin->lock_fd = &controller->pin_lock;
	repin->programs = controller->filter->programs;
	repin->scope = &controller->filter->scope;
	repin->namespaces = &controller->filter->namespaces;
	repin_watch(repin);
}

/* While another filter attaches, that one alone looks at what changed. */
static void beat(struct controller *controller, uint64_t now)
{
	const struct reload *reload = &controller->reload;
	uint64_t interval = filter_beat_interval(controller->filter), next = interval;

	if (reload->stage == RELOAD_ATTACHING)
		programs_beat(controller->filter->programs, now);
	else
		filter_beat(controller->filter, now);
	watch_pins(controller);
	if (controller->rests)
		commands_listen(controller);
	textfile_beat(&controller->metrics, controller->filter->config->metrics_textfile, now, make_metrics, controller);
	if (reload->next) {
		filter_beat(reload->next, now);
		next = filter_beat_interval(reload->next);
	}
	controller->next_beat = now + (next < interval ? next : interval);
	controller->changed(controller, CONTROLLER_BEATS, controller->data);
}

static void reap_children(struct controller *controller)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!textfile_reap(&controller->metrics, pid, status))
			commands_reap(pid);
}

static void read_signals(struct controller *controller, int fd)
{
	struct signalfd_siginfo signal;

	while (read(fd, &signal, sizeof(signal)) == sizeof(signal)) {
		if (signal.ssi_signo == SIGHUP)
			reload_want(controller, -1);
		else if (signal.ssi_signo != SIGCHLD)
			controller->is_to_end = true;
		reap_children(controller);
	}
}

static void handle(struct controller *controller, const struct epoll_event *event, int signal_fd)
{
	switch (event->data.u64) {
	case CONTROLLER_SIGNAL:
		read_signals(controller, signal_fd);
		break;
	case CONTROLLER_CONTROL:
		commands_accept(controller);
		break;
	case CONTROLLER_FILTER:
		filter_handle(controller->filter);
		break;
	case CONTROLLER_NEXT:
		if (controller->reload.next)
			filter_handle(controller->reload.next);
		break;
	default:
		commands_answer(controller, (int)(uint32_t)event->data.u64);
	}
}

/* When something is due by itself. What attaches is the only one to work. */
static uint64_t work_due(const struct controller *controller, uint64_t now)
{
	const struct reload *reload = &controller->reload;
	uint64_t due = UINT64_MAX;

	if (reload->stage != RELOAD_ATTACHING)
		due = filter_due(controller->filter, now);
	if (reload->next) {
		uint64_t next = namespaces_due(&reload->next->namespaces, now);

		due = next < due ? next : due;
	}
	if (reload_due(reload, now) < due)
		due = reload_due(reload, now);
	return due;
}

static void work(struct controller *controller)
{
	if (controller->reload.stage != RELOAD_ATTACHING)
		filter_work(controller->filter);
	reload_work(controller);
}

static int wait_for_events(struct controller *controller, struct epoll_event events[EVENTS_MAX])
{
	uint64_t now = clock_monotonic_ns(), due = work_due(controller, now);
	int timeout;

	if (due > controller->next_beat)
		due = controller->next_beat;
	if (controller->ramp_end_ns && due > controller->ramp_end_ns)
		due = controller->ramp_end_ns;
	timeout = due <= now ? 0 : (int)((due - now + CLOCK_MILLISECOND_NS - 1) / CLOCK_MILLISECOND_NS);
	return epoll_wait(controller->epoll_fd, events, EVENTS_MAX, timeout);
}

static int loop(struct controller *controller, int signal_fd, struct error *error)
{
	struct epoll_event events[EVENTS_MAX];

	while (!controller->is_to_end && !controller->is_to_remove) {
		int count = wait_for_events(controller, events);

		if (count < 0 && errno != EINTR)
			return fail(error, errno, "cannot wait for events: %s", strerror(errno));
		for (int i = 0; i < count; i++)
			handle(controller, &events[i], signal_fd);
		work(controller);
		become_ready(controller);
		if (clock_monotonic_ns() >= controller->next_beat)
			beat(controller, clock_monotonic_ns());
		if (controller->ramp_end_ns && clock_monotonic_ns() >= controller->ramp_end_ns)
			controller->is_to_remove = true;
	}
	return 0;
}

/* Commands are not heard before the controller is ready. */
static int watch_sources(const struct controller *controller, int signal_fd, struct error *error)
{
	struct epoll_event signals = { .events = EPOLLIN, .data.u64 = CONTROLLER_SIGNAL };
	struct epoll_event filter = { .events = EPOLLIN, .data.u64 = CONTROLLER_FILTER };

	if (epoll_ctl(controller->epoll_fd, EPOLL_CTL_ADD, signal_fd, &signals) < 0 ||
	    epoll_ctl(controller->epoll_fd, EPOLL_CTL_ADD, controller->filter->epoll_fd, &filter) < 0)
		return fail(error, errno, "cannot wait for events: %s", strerror(errno));
	return 0;
}

static int open_signals(int *ret_fd, struct error *error)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return fail(error, errno, "cannot wait for signals: %s", strerror(errno));
	*ret_fd = fd;
	return 0;
}

/* Interfaces and namespaces take file descriptors; the soft limit is for programs that use select(2). */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_loop(struct controller *controller, int *ret_signal_fd, struct error *error)
{
	controller->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (controller->epoll_fd < 0)
		return fail(error, errno, "cannot wait for events: %s", strerror(errno));
	return open_signals(ret_signal_fd, error);
}

static int run(struct controller *controller, int signal_fd, struct error *error)
{
	int r;

	r = instance_listen(controller->filter->config->run_dir, &controller->control_fd, error);
	if (r == 0)
		r = watch_sources(controller, signal_fd, error);
	if (r == 0)
		beat(controller, clock_monotonic_ns()); /* from now on the programs act */
	if (r == 0)
		r = loop(controller, signal_fd, error);
	cleanup_close(&controller->control_fd);
	controller->control_fd = -1;
	return r;
}

static int remove_filter(const char *run_dir, const char *pin_dir, struct error *error)
{
	exec_cgroup_remove(run_dir);
	return remove_all(pin_dir, error);
}

/* A child that was just made can still share it, so to close it does not do. */
static void release_pin_lock(int fd)
{
	if (fd >= 0)
		flock(fd, LOCK_UN);
	cleanup_close(&fd);
}

int controller_run(struct controller *controller, struct config *config, struct error *error)
{
	_cleanup_close_ int lock_fd = -1, signal_fd = -1;
	char run_dir[CONFIG_PATH_MAX], pin_dir[CONFIG_PATH_MAX];
	bool remove;
	int r;

	memcpy(run_dir, config->run_dir, sizeof(run_dir));
	memcpy(pin_dir, config->pin_dir, sizeof(pin_dir));
	controller->pid = getpid();
	controller->epoll_fd = controller->pin_lock = controller->control_fd = -1;
	raise_file_limit();
	r = instance_lock(run_dir, &lock_fd, error);
	if (r == 0)
		r = open_loop(controller, &signal_fd, error);
	if (r < 0)
		config_delete(config);
	if (r == 0)
		r = set_up(controller, config, error);
	if (r == 0)
		r = run(controller, signal_fd, error);
	remove = r == 0 && controller->is_to_remove;
	if (remove) /* to detach takes its time; from now on every query passes */
		programs_beat(controller->filter->programs, 0);
	reload_end(controller);
	filter_close(controller->filter);
	cleanup_close(&controller->epoll_fd);
	if (remove)
		r = remove_filter(run_dir, pin_dir, error);
	if (remove)
		textfile_remove(&controller->metrics);
	release_pin_lock(controller->pin_lock);
	return r;
}

int controller_ramp(struct controller *controller, uint64_t ramp_ns)
{
	const struct ramp ramp = { .start_ns = clock_monotonic_ns(), .ramp_ns = ramp_ns };
	int r;

	r = ramp_write(programs_heartbeat_fd(controller->filter->programs), &ramp);
	if (r == 0) /* a reload that has begun gives way */
		controller->ramp_end_ns = ramp.start_ns + ramp_ns;
	return r;
}
