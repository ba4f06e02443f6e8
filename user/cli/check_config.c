/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stubsieve check-config: tell whether a configuration file can be used, and all that is wrong with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "configuration.h"
#include "connectivity_json.h"

static void print_usage(void)
{
	fputs("usage: stubsieve check-config [FILE] [--print] [--json]\n"
	      "\n"
	      "Tell whether the configuration file can be used, or all that is wrong with it, by FILE:LINE. It needs no\n"
	      "privilege, and looks at the file alone: not at whether its cgroups and interfaces are there.\n"
	      "FILE is " CONFIG_FILE_USUAL " unless it is given. Exit status 2: it cannot be used.\n"
	      "\n"
	      "  --print  print all keys with the values that are in force with it, as such a file\n"
	      "  --json   print JSON\n",
	      stdout);
}

static void print_values(const struct config *config)
{
	size_t count;
	const struct config_key *keys = config_keys(&count);
	char word[512];

	for (size_t i = 0; i < count; i++) {
		if (strcmp(keys[i].name, "config") == 0)
			continue;
		for (size_t k = 0; keys[i].format(config, k, word, sizeof(word)); k++)
			printf("%s = %s\n", keys[i].name, word);
	}
}

static int print_as_json(const char *file, const struct config *config, const char *errors)
{
	json_t *object = json_pack("{s:o, s:b, s:o}", "file", json_text(file), "ok", config != NULL, "errors",
				   errors ? json_lines(errors) : json_array());
	json_t *values = config ? configuration_json(config) : json_null();

	json_object_del(values, "config"); /* no key of a file: it is this one */
	json_object_set_new(object, "config", values);
	print_json(object);
	return config ? EXIT_DONE : EXIT_USAGE;
}

static int check(const struct options *options)
{
	_cleanup_free_ struct config_report *report = malloc(sizeof(*report));
	struct config *config = NULL;
	const char *file = configuration_file(options);
	bool has_file;
	int status = EXIT_DONE;

	if (!report) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	if (configuration_read(options, true, &config, &has_file, report) < 0)
		status = EXIT_USAGE;
	if (options->json)
		status = print_as_json(file, config, config ? NULL : report->text);
	else if (!config)
		complain_lines(report->text);
	else if (options->flag_given)
		print_values(config);
	else
		printf("%s: OK\n", file);
	config_delete(config);
	return status;
}

int command_check_config(int argc, char **argv)
{
	static const char *const keys[] = { NULL };
	struct options options = { .command = "check-config", .print_usage = print_usage, .keys = keys, .takes_json = true,
				   .flag = "print", .argument_name = "FILE", .may_lack_argument = true };
	int status;

	config_init(&options.config);
	status = options_parse(&options, argc, argv);
	if (status < 0 && options.argument && strlen(options.argument) >= sizeof(options.config.file)) {
		complain("the path %.100s... is too long; at most %zu octets", options.argument, sizeof(options.config.file) - 1);
		status = EXIT_USAGE;
	}
	if (status < 0) {
		if (options.argument)
			snprintf(options.config.file, sizeof(options.config.file), "%s", options.argument);
		status = check(&options);
	}
	options_free(&options);
	return status;
}
