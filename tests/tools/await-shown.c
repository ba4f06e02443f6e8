/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * await-shown [--stubsieve PATH] [--limit MS] [--hold MS] [--again MS] [--may-fail] [--only-shown]
 *             RUN-DIR WANT [-- COMMAND...]
 *
 * Runs COMMAND and measures how long the controller of RUN-DIR then takes to show WANT of the network
 * namespace that we are in. WANT, as every state here, is a word: what there is of IPv4, of IPv6, what
 * happens to A queries, to AAAA queries, as in `rad,r--,pass,pass`. r: a route, a: an address, d: routes that
 * cover the family. WANT may also be the word `fresh`: whatever a dump says.
 *
 *   us=N shown=WORD fresh=WORD polls=N
 *
 * N is the time from the end of COMMAND, or, where the kernel takes its time, from the beginning of the
 * last dump (by `stubsieve connectivity --json`) that did not say WANT. It ends when the controller has
 * answered, and counts only if another dump then still says the same. The control socket is asked directly,
 * for starting a program takes longer than most answers.
 * Exit: 0 shown, and with --hold still shown after that time; 1 not within --limit (3000 ms), or COMMAND
 * failed (unless it may); 2 usage, 3 no controller.
 * --again: COMMAND is run again as often until the kernel is there, as for router advertisements.
 * --only-shown: the kernel is not asked, so that what is shown while it settles can be waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "json.h"

extern char **environ;

#define TEXT_MAX (4 * 1024 * 1024)
#define WORD_MAX 64
#define POLL_US 1000

struct options {
	const char *stubsieve, *run_dir, *want;
	long limit_ms, hold_ms, again_ms;
	bool may_fail, only_shown;
	char **command; /* or NULL */
};

struct measure {
	int64_t began, answered; /* us */
	char shown[WORD_MAX], fresh[WORD_MAX];
	long polls;
};

static char text[TEXT_MAX];

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void sleep_us(long us)
{
	const struct timespec pause = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

	nanosleep(&pause, NULL);
}

static unsigned long own_netns(void)
{
	struct stat status;

	return stat("/proc/self/ns/net", &status) == 0 ? (unsigned long)status.st_ino : 0;
}

static int read_text(int fd)
{
	size_t length = 0;
	ssize_t part;

	while ((part = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)part;
	text[length] = '\0';
	return part < 0 || length == 0 ? -EIO : 0;
}

static int ask_controller(const char *run_dir)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, r = -EIO;

	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s/control", run_dir) >= (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
	    send(fd, "status", 6, MSG_NOSIGNAL) == 6 && shutdown(fd, SHUT_WR) == 0)
		r = read_text(fd);
	close(fd);
	return r;
}

static void family_word(const char *family, char word[4])
{
	word[0] = json_is_true(json_member(family, "route")) ? 'r' : '-';
	word[1] = json_is_true(json_member(family, "address")) ? 'a' : '-';
	word[2] = json_is_true(json_member(family, "default")) ? 'd' : '-';
	word[3] = '\0';
}

static const char *verdict_word(const char *verdict)
{
	return json_is_text(verdict, "answer") ? "answer" : json_is_text(verdict, "pass") ? "pass" : "?";
}

/* Both of `connectivity` and of one namespace in `status`. */
static void state_word(const char *object, char word[WORD_MAX])
{
	const char *verdict = json_member(object, "verdict");
	char ipv4[4], ipv6[4];

	family_word(json_member(object, "ipv4"), ipv4);
	family_word(json_member(object, "ipv6"), ipv6);
	snprintf(word, WORD_MAX, "%s,%s,%s,%s", ipv4, ipv6, verdict_word(json_member(verdict, "a")),
		 verdict_word(json_member(verdict, "aaaa")));
}

static int look_at_controller(const struct options *options, struct measure *measure)
{
	const unsigned long netns = own_netns();
	const char *entry;
	int r = ask_controller(options->run_dir);

	measure->polls++;
	measure->answered = now_us();
	if (r < 0)
		return r;
	snprintf(measure->shown, WORD_MAX, "unknown");
	for (entry = json_first(json_member(text, "netns")); entry; entry = json_next(entry))
		if (json_number(json_member(entry, "inum")) == netns)
			state_word(entry, measure->shown);
	return 0;
}

static int run(char **command, int output)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status;

	posix_spawn_file_actions_init(&actions);
	if (output >= 0)
		posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	status = posix_spawnp(&pid, command[0], &actions, NULL, command, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (status != 0)
		return -status;
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return -ECHILD;
	return 0;
}

/* The answer is shorter than what a pipe holds. */
static int look_at_kernel(const struct options *options, struct measure *measure)
{
	char *command[] = { (char *)(uintptr_t)options->stubsieve, (char *)(uintptr_t)"connectivity",
			    (char *)(uintptr_t)"--json", NULL };
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	r = run(command, ends[1]);
	close(ends[1]);
	if (r == 0)
		r = read_text(ends[0]);
	close(ends[0]);
	snprintf(measure->fresh, WORD_MAX, "unknown");
	if (r == 0)
		state_word(text, measure->fresh);
	return r;
}

static int run_command(const struct options *options)
{
	int r;

	if (!options->command)
		return 0;
	r = run(options->command, -1);
	if (r == 0 || options->may_fail)
		return 0;
	fprintf(stderr, "await-shown: %s failed\n", options->command[0]);
	return r;
}

/* One look at both. Returns 1 when the controller shows what the kernel has, and that is what is wanted. */
static int look(const struct options *options, struct measure *measure, bool *is_there)
{
	const bool any = strcmp(options->want, "fresh") == 0;
	char before[WORD_MAX];
	int64_t dump_began;
	bool is_shown;
	int r;

	r = look_at_controller(options, measure);
	if (r < 0)
		return r;
	is_shown = strcmp(measure->shown, options->want) == 0;
	if (options->only_shown)
		return is_shown;
	if (*is_there && !any && !is_shown)
		return 0;
	memcpy(before, measure->fresh, sizeof(before));
	dump_began = now_us();
	look_at_kernel(options, measure);
	*is_there = strcmp(measure->fresh, any ? before : options->want) == 0;
	if (any && strcmp(measure->fresh, measure->shown) == 0)
		return 1;
	if (*is_there && is_shown)
		return 1;
	/* With `fresh` the first dump is no change. */
	if (!*is_there && !(any && before[0] == '\0'))
		measure->began = dump_began;
	return 0;
}

static int await(const struct options *options, struct measure *measure)
{
	int64_t limit, again;
	bool is_there = false;
	int r;

	if (run_command(options) < 0)
		return 1;
	measure->began = now_us();
	limit = measure->began + options->limit_ms * 1000;
	again = measure->began + options->again_ms * 1000;
	for (;;) {
		r = look(options, measure, &is_there);
		if (r < 0)
			return 3;
		if (r > 0 || measure->answered > limit)
			return r > 0 ? 0 : 1;
		if (options->again_ms && !is_there && measure->answered > again) {
			run_command(options);
			again = now_us() + options->again_ms * 1000;
		}
		sleep_us(POLL_US);
	}
}

static int usage(void)
{
	fputs("usage: await-shown [--stubsieve PATH] [--limit MS] [--hold MS] [--again MS] [--may-fail] [--only-shown]"
	      " RUN-DIR WANT [-- COMMAND...]\n", stderr);
	return 2;
}

static int parse(int argc, char **argv, struct options *options)
{
	int arg = 1;

	for (; arg < argc && strncmp(argv[arg], "--", 2) == 0; arg++) {
		if (strcmp(argv[arg], "--may-fail") == 0)
			options->may_fail = true;
		else if (strcmp(argv[arg], "--only-shown") == 0)
			options->only_shown = true;
		else if (arg + 1 == argc)
			return -EINVAL;
		else if (strcmp(argv[arg], "--stubsieve") == 0)
			options->stubsieve = argv[++arg];
		else if (strcmp(argv[arg], "--limit") == 0)
			options->limit_ms = strtol(argv[++arg], NULL, 10);
		else if (strcmp(argv[arg], "--hold") == 0)
			options->hold_ms = strtol(argv[++arg], NULL, 10);
		else if (strcmp(argv[arg], "--again") == 0)
			options->again_ms = strtol(argv[++arg], NULL, 10);
		else
			return -EINVAL;
	}
	if (argc - arg < 2)
		return -EINVAL;
	options->run_dir = argv[arg++];
	options->want = argv[arg++];
	if (arg == argc)
		return 0;
	if (strcmp(argv[arg], "--") != 0 || arg + 1 == argc)
		return -EINVAL;
	options->command = argv + arg + 1;
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = { .stubsieve = "build/stubsieve", .limit_ms = 3000 };
	struct measure measure = { .shown = "", .fresh = "" };
	int64_t taken;
	int status;

	if (parse(argc, argv, &options) < 0)
		return usage();
	status = await(&options, &measure);
	taken = measure.answered - measure.began;
	if (status == 0 && options.hold_ms) {
		sleep_us(options.hold_ms * 1000);
		look_at_kernel(&options, &measure);
		if (look_at_controller(&options, &measure) < 0 || strcmp(measure.shown, measure.fresh) != 0)
			status = 1;
	}
	printf("us=%lld shown=%s fresh=%s polls=%ld\n", (long long)taken, measure.shown[0] ? measure.shown : "nothing",
	       measure.fresh[0] ? measure.fresh : "nothing", measure.polls);
	return status;
}
