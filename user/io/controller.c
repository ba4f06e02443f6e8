/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "controller.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach.h"
#include "cleanup.h"
#include "clock.h"
#include "heap.h"
#include "coverage_turns.h"
#include "instance.h"
#include "netns.h"
#include "remove.h"
#include "server_turns.h"

#define BEAT_NS CLOCK_SECOND_NS
#define QUESTION_MAX 512 /* with a domain name */
#define EVENTS_MAX 64

/* So long after the start it is ready, though it may have many namespaces still to open. */
#define READY_NS (2 * CLOCK_SECOND_NS)

/* Commands that have not asked yet. */
#define CLIENTS_MAX 256

/* Children that answer commands: at most so many at once, for so long. */
#define ANSWERING_MAX 64
#define ANSWERING_SECONDS 10

/* The directory is made with the first name; every beat looks for it. */
static void watch_names(int watch_fd)
{
	inotify_add_watch(watch_fd, NETNS_NAMES, IN_CREATE | IN_DELETE | IN_ONLYDIR);
}

/* The sources of events beside those of namespaces_tag(), whose upper half is never 0. */
#define CLIENT_TAG (0xffffffffULL << 32) /* a command's connection, in the lower half */

enum source { SOURCE_SIGNAL, SOURCE_CONTROL, SOURCE_EVENTS, SOURCE_WATCH, SOURCE_COUNT };

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

static void make_policy(struct controller *controller)
{
	const struct config *config = controller->config;
	char id[256];
	size_t length = read_machine_id(id, sizeof(id));
	struct sieve_policy policy = {
		.stale_after_ns = config->fail_open_after_ns + config_jitter_ns(id, length, config->fail_open_spread_ns),
		.action = (__u8)config->action,
		.families = config->families,
		.whole_host = controller->scope.whole_host,
		.cgroup_levels = scope_levels(&controller->scope),
		.extended_error = config->extended_error,
		.filter_servers = config->filter_servers,
		.gateway_answers_a = config->connectivity.nat64 == CONNECTIVITY_NAT64_NO,
		.ports = { 53 },
	};

	for (size_t i = 0; i < config->port_count; i++)
		policy.ports[i] = config->ports[i];
	controller->policy = policy;
}

/* Of the pins of an earlier controller, those that this one has taken over. */
static bool keep_wanted(const struct pin *pin, void *data)
{
	const struct controller *controller = data;

	return scope_wants(&controller->scope, pin) || namespaces_want(&controller->namespaces, pin);
}

static bool is_followed(uint32_t netns, void *data)
{
	const struct controller *controller = data;

	return namespaces_find(&controller->namespaces, netns);
}

/* Of a namespace that is followed stays what this controller attached. */
static struct attachments *kept_in(uint32_t netns, void *data)
{
	const struct controller *controller = data;
	struct follower *follower = namespaces_find(&controller->namespaces, netns);

	return follower ? &follower->namespace.attachments : NULL;
}

/* Attach what the action needs; the own namespace first. */
static int attach_all(struct controller *controller, struct error *error)
{
	int r = scope_attach(&controller->scope, controller->programs, error);

	return r < 0 ? r : namespaces_attach(&controller->namespaces, error);
}

static void take_event(const struct sieve_event *event, void *data)
{
	struct controller *controller = data;

	namespaces_take_event(&controller->namespaces, event);
}

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

static int load(struct controller *controller, struct error *error)
{
	const struct config *config = controller->config;
	_cleanup_free_ struct names_rule *names = NULL;
	struct programs_request request = {
		.policy = &controller->policy,
		.pin_dir = config->pin_dir,
		.max_netns = config->max_netns,
		.sensor = controller->scope.uses_sensor,
		.gateway = config->gateway_count > 0,
		.results = config->results == CONFIG_RESULTS_COVERED,
	};
	int r;

	make_policy(controller);
	r = names_list(config, &names, &request.name_count);
	if (r < 0)
		return fail(error, -r, "cannot list the exempt names: %s", strerror(-r));
	request.names = names;
	heap_prepare();
	r = programs_load(&request, &controller->programs, error);
	heap_release();
	if (r == 0)
		programs_set_event_callback(controller->programs, take_event, controller);
	return r;
}

static bool is_own(uint32_t netns, void *data)
{
	const struct controller *controller = data;

	return netns == controller->namespaces.own;
}

/* What was published of other namespaces before a time without a controller is not to act again unseen. */
static int forget_stale(struct controller *controller)
{
	uint64_t last, now = clock_monotonic_ns();

	if (programs_last_beat(controller->programs, &last) < 0 || now - last <= controller->policy.stale_after_ns)
		return 0;
	return programs_forget_other_netns(controller->programs, is_own, controller);
}

/* Everything is known and published before the first program sees a packet. */
static int set_up(struct controller *controller, int *ret_pin_lock, struct error *error)
{
	const struct config *config = controller->config;
	int r;

	controller->started_ns = clock_monotonic_ns();
	r = scope_open(&controller->scope, config, controller->watch_fd, error);
	if (r == 0)
		r = take_pin_dir(config, ret_pin_lock, error);
	if (r == 0)
		r = load(controller, error);
	if (r == 0)
		r = namespaces_open(&controller->namespaces, config, controller->programs, &controller->scope,
				    controller->epoll_fd, error);
	if (r < 0)
		return r;
	controller->scope.programs = controller->programs;
	r = scope_publish(&controller->scope, true);
	if (r == 0)
		r = forget_stale(controller);
	/* Last the heartbeat, which brings programs of an earlier controller back to life. */
	if (r == 0)
		r = programs_beat(controller->programs, clock_monotonic_ns());
	if (r < 0)
		return fail(error, -r, "cannot write the maps in %s: %s", config->pin_dir, strerror(-r));
	return attach_all(controller, error);
}

/* All is attached: let go of what an earlier controller needed and this one does not. */
static int tidy(struct controller *controller, struct error *error)
{
	const char *pin_dir = controller->config->pin_dir;
	struct follower *own = namespaces_find(&controller->namespaces, controller->namespaces.own);
	int r;

	r = pins_sweep(pin_dir, keep_wanted, controller, error);
	if (r == 0)
		r = attach_remove_clsact(pin_dir, &own->namespace.attachments, error);
	if (r == 0)
		r = remove_clsact(pin_dir, kept_in, controller, error);
	if (r < 0)
		return r;
	r = scope_publish(&controller->scope, false);
	if (r == 0)
		r = programs_forget_other_netns(controller->programs, is_followed, controller);
	if (r == 0) {
		coverage_turns_sweep(&controller->namespaces);
		server_turns_publish(&controller->namespaces);
	}
	return r < 0 ? fail(error, -r, "cannot write the maps in %s: %s", pin_dir, strerror(-r)) : 0;
}

/* What is left to do once, after the start. Commands are answered when the service manager is told, too. */
static void complete(struct controller *controller, int control_fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = SOURCE_CONTROL };
	struct error error;

	if (!controller->is_tidy && controller->namespaces.is_complete) {
		controller->is_tidy = true;
		if (tidy(controller, &error) < 0)
			fprintf(stderr, "stubsieve: %s\n", error.text);
	}
	if (controller->is_ready || (!controller->is_tidy && clock_monotonic_ns() < controller->started_ns + READY_NS))
		return;
	controller->is_ready = true;
	epoll_ctl(controller->epoll_fd, EPOLL_CTL_ADD, control_fd, &event);
	controller->ready(controller, controller->data);
}

/* What only looks is answered by a child with a copy of everything, which can move between namespaces by itself. */
static void answer_in_child(struct controller *controller, int fd, const char *question)
{
	pid_t child;

	if (controller->answering >= ANSWERING_MAX)
		return; /* the command says that the controller does not answer */
	child = fork();
	if (child > 0)
		controller->answering++;
	if (child != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != controller->pid)
		_exit(0);
	alarm(ANSWERING_SECONDS);
	_cleanup_free_ char *answer = controller->answer(question, controller, controller->data);

	if (answer)
		instance_answer(fd, answer);
	_exit(0);
}

static void answer_question(struct controller *controller, int fd)
{
	char question[QUESTION_MAX];

	if (instance_read_question(fd, question, sizeof(question)) < 0)
		return;
	question[strcspn(question, "\n")] = '\0';
	if (strcmp(question, "status") == 0) {
		answer_in_child(controller, fd, question);
		return;
	}
	_cleanup_free_ char *answer = controller->answer(question, controller, controller->data);

	if (answer)
		instance_answer(fd, answer);
}

/* A command is heard when it has asked: on a busy machine that can take a while. */
static void accept_client(struct controller *controller, int control_fd)
{
	_cleanup_close_ int fd = accept4(control_fd, NULL, NULL, SOCK_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = CLIENT_TAG | (uint64_t)fd };

	if (fd < 0 || controller->clients >= CLIENTS_MAX || epoll_ctl(controller->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return;
	controller->clients++;
	take_fd(&fd);
}

static void answer_client(struct controller *controller, int client_fd)
{
	_cleanup_close_ int fd = client_fd;

	epoll_ctl(controller->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	controller->clients--;
	answer_question(controller, fd);
}

/* A third of the time after which the programs would take us for dead, or a second. */
static uint64_t beat_interval(const struct controller *controller)
{
	uint64_t third = controller->config->fail_open_after_ns / 3;

	return third < BEAT_NS ? third : BEAT_NS;
}

/* With every beat also a look at what may have changed without a message. */
static void beat(struct controller *controller, uint64_t now)
{
	programs_beat(controller->programs, now);
	watch_names(controller->watch_fd);
	if (scope_refresh(&controller->scope))
		namespaces_scan(&controller->namespaces);
	namespaces_check_members(&controller->namespaces);
	server_turns_beat(&controller->namespaces);
	controller->next_beat = now + beat_interval(controller);
}

static void read_signals(struct controller *controller, int fd)
{
	struct signalfd_siginfo signal;

	while (read(fd, &signal, sizeof(signal)) == sizeof(signal)) {
		if (signal.ssi_signo != SIGCHLD)
			controller->is_to_end = true;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			controller->answering--;
	}
}

/* A cgroup or a name of a namespace came or went; which one does not matter. */
static void read_watch(struct controller *controller)
{
	_Alignas(struct inotify_event) char buffer[4096];

	while (read(controller->watch_fd, buffer, sizeof(buffer)) > 0)
		;
	if (scope_refresh(&controller->scope))
		namespaces_scan(&controller->namespaces);
	namespaces_names_changed(&controller->namespaces);
}

static void handle(struct controller *controller, const struct epoll_event *event, const int fds[SOURCE_COUNT])
{
	switch (event->data.u64) {
	case SOURCE_SIGNAL:
		read_signals(controller, fds[SOURCE_SIGNAL]);
		break;
	case SOURCE_CONTROL:
		accept_client(controller, fds[SOURCE_CONTROL]);
		break;
	case SOURCE_EVENTS:
		programs_read_events(controller->programs);
		break;
	case SOURCE_WATCH:
		read_watch(controller);
		break;
	default:
		if ((event->data.u64 & CLIENT_TAG) == CLIENT_TAG) {
			answer_client(controller, (int)(uint32_t)event->data.u64);
			break;
		}
		namespaces_handle(&controller->namespaces, event->data.u64, clock_monotonic_ns());
	}
}

static int wait_for_events(struct controller *controller, struct epoll_event events[EVENTS_MAX])
{
	uint64_t now = clock_monotonic_ns(), due = namespaces_due(&controller->namespaces, now);
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
		namespaces_work(&controller->namespaces);
		complete(controller, fds[SOURCE_CONTROL]);
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

/* The descriptors that everything else is told by. */
static int open_loop(struct controller *controller, int *ret_signal_fd, struct error *error)
{
	controller->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	controller->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (controller->epoll_fd < 0 || controller->watch_fd < 0)
		return fail(error, errno, "cannot wait for events: %s", strerror(errno));
	watch_names(controller->watch_fd);
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
		const int fds[SOURCE_COUNT] = { signal_fd, control_fd, programs_events_fd(controller->programs),
						controller->watch_fd };

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
	controller->epoll_fd = controller->watch_fd = -1;
	raise_file_limit();
	r = instance_lock(controller->config->run_dir, &lock_fd, error);
	if (r == 0)
		r = open_loop(controller, &signal_fd, error);
	if (r == 0)
		r = run(controller, signal_fd, &pin_lock, error);
	remove = r == 0 && controller->is_to_remove;
	if (remove) /* to detach takes its time; from now on every query passes */
		programs_beat(controller->programs, 0);
	namespaces_close(&controller->namespaces);
	scope_close(&controller->scope);
	programs_free(controller->programs);
	cleanup_close(&controller->watch_fd);
	cleanup_close(&controller->epoll_fd);
	if (remove) {
		scope_remove_exec(controller->config->run_dir);
		r = remove_all(controller->config->pin_dir, error);
	}
	return r;
}
