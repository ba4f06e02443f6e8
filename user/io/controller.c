/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "controller.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "commands.h"
#include "instance.h"
#include "mounts.h"
#include "privilege.h"
#include "remove.h"

#define EVENTS_MAX 64

/* So long after the start it is ready, though it may have many namespaces still to open. */
#define READY_NS (2 * CLOCK_SECOND_NS)

/* The sources of events beside COMMANDS_TAG. */
enum source { SOURCE_SIGNAL, SOURCE_CONTROL, SOURCE_FILTER, SOURCE_COUNT };

/* What is there of an earlier controller's, before the first program of ours sees a packet. */
static int take_pin_dir(const struct config *config, int *ret_pin_lock, struct error *error)
{
	int r;

	r = mounts_make_pin_dir(config->pin_dir, error);
	if (r == 0)
		r = mounts_lock_pin_dir(config->pin_dir, ret_pin_lock, error);
	if (r == 0)
		r = instance_note_pin_dir(config->run_dir, config->pin_dir, error);
	return r;
}

/* Everything is known and published before the first program sees a packet. */
static int set_up(struct controller *controller, int *ret_pin_lock, struct error *error)
{
	struct filter *filter = &controller->filter;
	int r;

	controller->started_ns = clock_monotonic_ns();
	r = filter_open(filter, controller->config, error);
	if (r == 0)
		r = take_pin_dir(controller->config, ret_pin_lock, error);
	if (r == 0)
		r = filter_load(filter, error);
	return r < 0 ? r : filter_attach(filter, error);
}

/* Once, after the start. Commands are answered when the service manager is told, too. */
static void become_ready(struct controller *controller, int control_fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = SOURCE_CONTROL };
	struct error error;

	if (controller->is_ready ||
	    (!controller->filter.is_tidy && clock_monotonic_ns() < controller->started_ns + READY_NS))
		return;
	controller->is_ready = true;
	if (privilege_confine(controller->config, &error) < 0)
		fprintf(stderr, "stubsieve: %s\n", error.text);
	epoll_ctl(controller->epoll_fd, EPOLL_CTL_ADD, control_fd, &event);
	controller->ready(controller, controller->data);
}

static char *make_metrics(void *data)
{
	struct controller *controller = data;

	return controller->answer("metrics", controller, controller->data);
}

static void beat(struct controller *controller, uint64_t now)
{
	filter_beat(&controller->filter, now);
	textfile_beat(&controller->metrics, controller->config->metrics_textfile, now, make_metrics, controller);
	controller->next_beat = now + filter_beat_interval(&controller->filter);
}

static void reap_children(struct controller *controller)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!textfile_reap(&controller->metrics, pid, status))
			controller->answering--;
}

static void read_signals(struct controller *controller, int fd)
{
	struct signalfd_siginfo signal;

	while (read(fd, &signal, sizeof(signal)) == sizeof(signal)) {
		if (signal.ssi_signo != SIGCHLD)
			controller->is_to_end = true;
		reap_children(controller);
	}
}

static void handle(struct controller *controller, const struct epoll_event *event, const int fds[SOURCE_COUNT])
{
	switch (event->data.u64) {
	case SOURCE_SIGNAL:
		read_signals(controller, fds[SOURCE_SIGNAL]);
		break;
	case SOURCE_CONTROL:
		commands_accept(controller, fds[SOURCE_CONTROL]);
		break;
	case SOURCE_FILTER:
		filter_handle(&controller->filter);
		break;
	default:
		commands_answer(controller, (int)(uint32_t)event->data.u64);
	}
}

static int wait_for_events(struct controller *controller, struct epoll_event events[EVENTS_MAX])
{
	uint64_t now = clock_monotonic_ns(), due = namespaces_due(&controller->filter.namespaces, now);
	int timeout;

	if (due > controller->next_beat)
		due = controller->next_beat;
	timeout = due <= now ? 0 : (int)((due - now + CLOCK_MILLISECOND_NS - 1) / CLOCK_MILLISECOND_NS);
	return epoll_wait(controller->epoll_fd, events, EVENTS_MAX, timeout);
}

static int loop(struct controller *controller, const int fds[SOURCE_COUNT], struct error *error)
{
	struct epoll_event events[EVENTS_MAX];

	while (!controller->is_to_end && !controller->is_to_remove) {
		int count = wait_for_events(controller, events);

		if (count < 0 && errno != EINTR)
			return fail(error, errno, "cannot wait for events: %s", strerror(errno));
		for (int i = 0; i < count; i++)
			handle(controller, &events[i], fds);
		filter_work(&controller->filter);
		become_ready(controller, fds[SOURCE_CONTROL]);
		if (clock_monotonic_ns() >= controller->next_beat)
			beat(controller, clock_monotonic_ns());
	}
	return 0;
}

static int watch_sources(const struct controller *controller, const int fds[SOURCE_COUNT], struct error *error)
{
	for (uint64_t source = 0; source < SOURCE_COUNT; source++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u64 = source };

		if (source != SOURCE_CONTROL && /* before the controller is ready */
		    epoll_ctl(controller->epoll_fd, EPOLL_CTL_ADD, fds[source], &event) < 0)
			return fail(error, errno, "cannot wait for events: %s", strerror(errno));
	}
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

static int run(struct controller *controller, int signal_fd, int *ret_pin_lock, struct error *error)
{
	_cleanup_close_ int control_fd = -1;
	int r;

	r = set_up(controller, ret_pin_lock, error);
	if (r == 0)
		r = instance_listen(controller->config->run_dir, &control_fd, error);
	if (r == 0) {
		const int fds[SOURCE_COUNT] = { signal_fd, control_fd, controller->filter.epoll_fd };

		r = watch_sources(controller, fds, error);
		if (r == 0)
			r = loop(controller, fds, error);
	}
	return r;
}

int controller_run(struct controller *controller, struct error *error)
{
	_cleanup_close_ int lock_fd = -1, pin_lock = -1, signal_fd = -1;
	bool remove;
	int r;

	controller->pid = getpid();
	controller->epoll_fd = -1;
	raise_file_limit();
	r = instance_lock(controller->config->run_dir, &lock_fd, error);
	if (r == 0)
		r = open_loop(controller, &signal_fd, error);
	if (r == 0)
		r = run(controller, signal_fd, &pin_lock, error);
	remove = r == 0 && controller->is_to_remove;
	if (remove) /* to detach takes its time; from now on every query passes */
		programs_beat(controller->filter.programs, 0);
	filter_close(&controller->filter);
	cleanup_close(&controller->epoll_fd);
	if (remove) {
		textfile_remove(&controller->metrics);
		scope_remove_exec(controller->config->run_dir);
		r = remove_all(controller->config->pin_dir, error);
	}
	return r;
}
