/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stubsieve stop: end the controller, detach the filter, remove everything that was made for it. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cleanup.h"
#include "cli.h"
#include "instance.h"
#include "options.h"
#include "remove.h"
#include "scope.h"

static const char usage[] =
	"usage: stubsieve stop [--run-dir DIRECTORY] [--pin-dir DIRECTORY]\n"
	"\n"
	"End the controller if one runs, detach the filter and remove what it pinned. Does nothing, and is\n"
	"content, where there is nothing to stop.\n"
	"\n"
	"  --run-dir DIRECTORY  of the controller (default: /run/stubsieve)\n"
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

	if (is_nothing_there(config)) {
		scope_remove_exec(config->run_dir); /* a command may have run in it when the rest was removed */
		return EXIT_DONE;
	}
	ask_to_stop(config);
	r = instance_take_over(config->run_dir, &lock_fd, &error);
	if (r == 0)
		r = remove_leftovers(config->pin_dir, &error);
	if (r < 0)
		return complain_error(&error);
	scope_remove_exec(config->run_dir);
	instance_remove(config->run_dir);
	return EXIT_DONE;
}

int command_stop(int argc, char **argv)
{
	static const char *const keys[] = { "run-dir", "pin-dir", NULL };
	struct options options = { .command = "stop", .print_usage = print_usage, .keys = keys };
	struct config *config = &options.config;
	int status;

	config_init(config);
	status = options_parse(&options, argc, argv);
	if (status < 0) {
		if (!options.pin_dir_given)
			instance_read_pin_dir(config->run_dir, config->pin_dir, sizeof(config->pin_dir));
		status = stop(config);
	}
	options_free(&options);
	return status;
}
