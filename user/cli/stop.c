/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stubsieve stop: end the controller, detach the filter, remove everything that was made for it. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cleanup.h"
#include "cli.h"
#include "config_word.h"
#include "configuration.h"
#include "exec_cgroup.h"
#include "instance.h"
#include "options.h"
#include "ramp_wait.h"
#include "remove.h"

static const char usage[] =
	"usage: stubsieve stop [--ramp SECONDS] [--run-dir DIRECTORY] [--pin-dir DIRECTORY]\n"
	"\n"
	"End the controller if one runs, detach the filter and remove what it pinned. Does nothing, and is\n"
	"content, where there is nothing to stop.\n"
	"\n"
	"With --ramp the share of names whose queries pass rises evenly to all of them before that, so that the\n"
	"resolvers of a large fleet do not get all the load at once. The command waits for the end; the ramp goes\n"
	"on without it, and without the controller. Another --ramp takes its place, a stop without ends it at once,\n"
	"and a controller that is started meanwhile calls it off: then this command fails.\n"
	"\n"
	"  --ramp SECONDS       how long that takes, up to a day; decimals are allowed (default: 0, at once)\n"
	"  --run-dir DIRECTORY  of the controller (default: what " CONFIG_FILE_USUAL "\n"
	"                       says, or /run/stubsieve)\n"
	"  --pin-dir DIRECTORY  where it pins (default: where the controller said that it does)\n";

static void print_usage(void)
{
	fputs(usage, stdout);
}

/* What cannot be looked at may well be there. */
static bool is_absent(const char *path)
{
	return access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* No directory of ours: nothing was ever started, or all of it was removed. */
static bool is_nothing_there(const struct config *config)
{
	return is_absent(config->run_dir) && is_absent(config->pin_dir);
}

/*
 * A controller removes its filter best itself: it is in the network namespace where the filter is. Whatever
 * it makes of the question, what follows sees to it that it ends.
 */
static void ask_to_stop(const struct config *config)
{
	_cleanup_free_ char *answer = NULL;
	struct error error;

	instance_ask(config->run_dir, "stop", &answer, &error);
}

static int stop(const struct config *config)
{
	_cleanup_close_ int lock_fd = -1;
	struct error error;
	int r;

	if (is_nothing_there(config)) { /* a bpffs can be gone, and links of ours live; or a command have run in its cgroup */
		r = remove_leftovers(config->pin_dir, &error);
		exec_cgroup_remove(config->run_dir);
		return r < 0 ? complain_error(&error) : EXIT_DONE;
	}
	ask_to_stop(config);
	r = instance_take_over(config->run_dir, &lock_fd, &error);
	if (r == 0)
		r = remove_leftovers(config->pin_dir, &error);
	if (r < 0)
		return complain_error(&error);
	exec_cgroup_remove(config->run_dir);
	instance_remove(config->run_dir);
	return EXIT_DONE;
}

static int parse_ramp(const char *word, uint64_t *ret_ns)
{
	if (config_parse_seconds(word, ret_ns) == 0 && *ret_ns <= SIEVE_RAMP_MAX_NS)
		return -1;
	complain("--ramp takes seconds, at most 86400, not \"%s\"; see stubsieve stop --help", word);
	return EXIT_USAGE;
}

int command_stop(int argc, char **argv)
{
	static const char *const keys[] = { "run-dir", "pin-dir", NULL };
	struct options options = { .command = "stop", .print_usage = print_usage, .keys = keys, .own = "ramp" };
	struct config *config = &options.config;
	uint64_t ramp_ns = 0;
	int status;

	config_init(config);
	status = options_parse(&options, argc, argv);
	if (status < 0 && options.own_value)
		status = parse_ramp(options.own_value, &ramp_ns);
	if (status < 0) {
		configuration_take_places(config, options.run_dir_given, options.pin_dir_given);
		if (!options.pin_dir_given)
			instance_read_pin_dir(config->run_dir, config->pin_dir, sizeof(config->pin_dir));
		if (ramp_ns > 0)
			status = ramp_wait(config, ramp_ns);
	}
	if (status < 0)
		status = stop(config);
	options_free(&options);
	return status;
}
