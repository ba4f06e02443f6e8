/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stubsieve metrics: what the controller has counted and does, for Prometheus. */
#include <stdio.h>

#include "cleanup.h"
#include "cli.h"
#include "configuration.h"
#include "instance.h"
#include "metrics_gather.h"
#include "options.h"
#include "textfile.h"

static void print_usage(void)
{
	fputs("usage: stubsieve metrics [--textfile PATH] [--run-dir DIRECTORY] [--pin-dir DIRECTORY]\n"
	      "\n"
	      "Print what the running controller has counted and does, as Prometheus reads it. A controller with\n"
	      "`metrics-textfile` writes the same by itself every 15 s, and needs no timer.\n"
	      "\n"
	      "Where none runs, stubsieve_up is 0, the counters are those of the filter that is still in place, if there\n"
	      "is one, and the exit status is 3.\n"
	      "\n"
	      "  --textfile PATH      write to this file instead, replacing it as a whole: for node_exporter's textfile\n"
	      "                       collector, which takes files called *.prom\n"
	      "  --run-dir DIRECTORY  of the controller (default: what " CONFIG_FILE_USUAL "\n"
	      "                       says, or /run/stubsieve)\n"
	      "  --pin-dir DIRECTORY  where it pins (default: where the controller said that it does)\n",
	      stdout);
}

static int put(const char *text, const char *path)
{
	struct error error;

	if (!text) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	if (path)
		return textfile_write(path, text, &error) < 0 ? complain_error(&error) : EXIT_DONE;
	return fputs(text, stdout) < 0 || fflush(stdout) != 0 ? EXIT_FAILED : EXIT_DONE;
}

/* Who is refused is told so; for the others a controller that does not answer is one that is down. */
static int show(const struct options *options)
{
	_cleanup_free_ char *text = NULL;
	struct error error;
	int status = EXIT_DONE, written;

	if (instance_ask(options->config.run_dir, "metrics", &text, &error) < 0) {
		status = complain_error(&error);
		if (error.kind == ERROR_PRIVILEGE)
			return status;
		text = metrics_of_pins(options->config.pin_dir);
	}
	written = put(text, options->own_value);
	return written == EXIT_DONE ? status : written;
}

int command_metrics(int argc, char **argv)
{
	static const char *const keys[] = { "run-dir", "pin-dir", NULL };
	struct options options = {
		.command = "metrics",
		.print_usage = print_usage,
		.keys = keys,
		.own = "textfile",
	};
	struct config *config = &options.config;
	int status;

	config_init(config);
	status = options_parse(&options, argc, argv);
	if (status < 0) {
		configuration_take_places(config, options.run_dir_given, options.pin_dir_given);
		if (!options.pin_dir_given)
			instance_read_pin_dir(config->run_dir, config->pin_dir, sizeof(config->pin_dir));
		status = show(&options);
	}
	options_free(&options);
	return status;
}
