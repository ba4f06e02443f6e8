/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ramp_wait.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "cli.h"
#include "clock.h"
#include "instance.h"
#include "ramp_json.h"

#define LOOK_NS (250 * CLOCK_MILLISECOND_NS) /* between two looks at the ramp */
#define QUESTION_MAX 64

/* What is waited for. */
struct wait {
	const struct config *config;
	struct ramp ramp;
	bool has_controller; /* it removes the filter at the end; else the caller does */
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	interrupted = number;
}

/* What the controller says of its ramp, or does with "ramp NS". */
static int ask(struct wait *wait, const char *question, struct error *error)
{
	_cleanup_free_ char *answer = NULL;
	json_t *json;
	int r;

	r = instance_ask(wait->config->run_dir, question, &answer, error);
	if (r < 0)
		return r;
	json = json_loads(answer, JSON_DECODE_ANY, NULL);
	r = json ? ramp_from_json(json, &wait->ramp) : -EINVAL;
	json_decref(json);
	return r < 0 ? fail(error, -r, "the controller cannot begin a ramp: %s", answer) : 0;
}

static bool is_pinned_by_any_version(const char *pin_dir)
{
	char pattern[PATH_MAX];
	glob_t found;
	bool is_there;

	snprintf(pattern, sizeof(pattern), "%s/heartbeat-*", pin_dir);
	is_there = glob(pattern, GLOB_NOSORT, NULL, &found) == 0;
	if (is_there)
		globfree(&found);
	return is_there;
}

/* In the map that a dead controller left. -ENOENT: there is nothing to stop. */
static int begin_alone(struct wait *wait, uint64_t ramp_ns, struct error *error)
{
	const struct ramp ramp = { .start_ns = clock_monotonic_ns(), .ramp_ns = ramp_ns };
	_cleanup_close_ int fd = -1;
	int r;

	r = ramp_open_pinned(wait->config->pin_dir, &fd);
	if (r == -ENOENT && !is_pinned_by_any_version(wait->config->pin_dir))
		return r;
	if (r == 0)
		r = ramp_write(fd, &ramp);
	if (r < 0)
		return fail(error, -r,
			    "no controller runs, and what one left in %s cannot be stopped gently: %s; stop it without --ramp",
			    wait->config->pin_dir, strerror(-r));
	wait->ramp = ramp;
	return 0;
}

/* -ENOENT: there is nothing to stop. */
static int begin(struct wait *wait, uint64_t ramp_ns, struct error *error)
{
	char question[QUESTION_MAX];
	int r;

	snprintf(question, sizeof(question), "ramp %llu", (unsigned long long)ramp_ns);
	r = ask(wait, question, error);
	wait->has_controller = r == 0;
	if (r < 0 && error->kind == ERROR_NOT_RUNNING)
		r = begin_alone(wait, ramp_ns, error);
	return r;
}

/* Without a controller the map tells: whoever runs next takes the ramp out of it, whoever stops takes it away. */
static int follow_alone(struct wait *wait)
{
	_cleanup_close_ int fd = -1;
	int r;

	r = ramp_open_pinned(wait->config->pin_dir, &fd);
	if (r == 0)
		ramp_read(fd, &wait->ramp);
	return r == -ENOENT ? r : 0;
}

/*
 * Where the ramp stands now. -ENOENT: all is removed. A controller that does not answer may be about to end, so what
 * was known of its ramp stays.
 */
static int follow(struct wait *wait)
{
	struct error error;

	if (wait->has_controller && ask(wait, "ramp", &error) < 0) {
		if (error.kind != ERROR_NOT_RUNNING)
			return 0;
		wait->has_controller = false;
	}
	return wait->has_controller ? 0 : follow_alone(wait);
}

static uint64_t end_of(const struct wait *wait)
{
	return wait->ramp.start_ns + wait->ramp.ramp_ns;
}

static void show(const struct wait *wait, uint64_t now)
{
	uint64_t end = end_of(wait);
	double left = end > now ? (double)(end - now) : 0;

	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\rstubsieve: %3.0f %% of the names pass, the filter goes in %.0f s  ",
			100 - 100 * left / (double)wait->ramp.ramp_ns, left / (double)CLOCK_SECOND_NS);
}

static void end_line(void)
{
	if (isatty(STDERR_FILENO))
		fputc('\n', stderr);
}

/* The command ends as one that a signal ended; the ramp does not. */
static void leave(const struct wait *wait)
{
	end_line();
	if (wait->has_controller)
		complain("the ramp goes on in the controller (pid %d); stubsieve stop ends it at once",
			 (int)instance_holder(wait->config->run_dir));
	else
		complain("the ramp goes on; no controller runs to remove the filter at its end: do so by stubsieve stop");
	signal(interrupted, SIG_DFL);
	raise(interrupted);
}

static void pause_for(uint64_t ns)
{
	const struct timespec time = { .tv_sec = (time_t)(ns / CLOCK_SECOND_NS), .tv_nsec = (long)(ns % CLOCK_SECOND_NS) };

	nanosleep(&time, NULL);
}

/* Until it is over (0), all is removed (-ENOENT), or there is none (-ECANCELED). */
static int watch(struct wait *wait)
{
	uint64_t now;
	int r = 0;

	while (r == 0 && wait->ramp.ramp_ns && (now = clock_monotonic_ns()) < end_of(wait)) {
		show(wait, now);
		pause_for(end_of(wait) - now > LOOK_NS ? LOOK_NS : end_of(wait) - now);
		if (interrupted)
			leave(wait);
		r = follow(wait);
	}
	end_line();
	return r == 0 && !wait->ramp.ramp_ns ? -ECANCELED : r;
}

static void catch_signals(void)
{
	const struct sigaction action = { .sa_handler = interrupt };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void release_signals(void)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
}

int ramp_wait(const struct config *config, uint64_t ramp_ns)
{
	struct wait wait = { .config = config };
	struct error error;
	int r;

	r = begin(&wait, ramp_ns, &error);
	if (r == -ENOENT)
		return -1;
	if (r < 0)
		return complain_error(&error);
	catch_signals();
	r = watch(&wait);
	release_signals();
	if (r != -ECANCELED)
		return -1;
	complain("the filter is not stopped: another controller (pid %d) took it over and ended the ramp",
		 (int)instance_holder(config->run_dir));
	return EXIT_FAILED;
}
