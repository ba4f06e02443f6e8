/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define OPTIONS_MAX 64

static bool is_wanted(const struct options *options, const char *key)
{
	if (!options->keys)
		return true;
	for (size_t i = 0; options->keys[i]; i++)
		if (strcmp(options->keys[i], key) == 0)
			return true;
	return false;
}

static void make_table(const struct options *options, struct option table[OPTIONS_MAX])
{
	size_t count, n = 0;
	const struct config_key *keys = config_keys(&count);

	memset(table, 0, OPTIONS_MAX * sizeof(table[0]));
	for (size_t i = 0; i < count; i++)
		if (is_wanted(options, keys[i].name))
			table[n++] = (struct option){ keys[i].name, required_argument, NULL, 'k' };
	if (options->takes_json)
		table[n++] = (struct option){ "json", no_argument, NULL, 'j' };
	if (options->own)
		table[n++] = (struct option){ options->own, required_argument, NULL, 'o' };
	if (options->flag)
		table[n++] = (struct option){ options->flag, no_argument, NULL, 'f' };
	table[n] = (struct option){ "help", no_argument, NULL, 'h' };
}

static int note_given(struct options *options, const char *key, const char *word)
{
	struct option_given *given = reallocarray(options->given, options->given_count + 1, sizeof(*given));

	if (!given) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	options->given = given;
	given[options->given_count++] = (struct option_given){ key, word };
	return -1;
}

static int take_key(struct options *options, const char *key, const char *word)
{
	char error[CONFIG_ERROR_MAX];

	if (config_set(&options->config, key, word, error) < 0) {
		complain("--%s", error);
		return EXIT_USAGE;
	}
	if (strcmp(key, "run-dir") == 0)
		options->run_dir_given = true;
	if (strcmp(key, "pin-dir") == 0)
		options->pin_dir_given = true;
	return note_given(options, key, word);
}

static int take_arguments(struct options *options, int argc, char **argv)
{
	if (options->argument_name && optind < argc)
		options->argument = argv[optind++];
	if (optind < argc) {
		complain("%s takes no argument \"%s\"; see stubsieve %s --help", options->command, argv[optind],
			 options->command);
		return EXIT_USAGE;
	}
	if (options->argument_name && !options->argument && !options->may_lack_argument) {
		complain("%s wants a %s; see stubsieve %s --help", options->command, options->argument_name,
			 options->command);
		return EXIT_USAGE;
	}
	return -1;
}

int options_parse(struct options *options, int argc, char **argv)
{
	struct option table[OPTIONS_MAX];
	int option, index = 0, status;

	make_table(options, table);
	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", table, &index)) != -1) {
		switch (option) {
		case 'h':
			options->print_usage();
			return EXIT_DONE;
		case 'j':
			options->json = true;
			break;
		case 'f':
			options->flag_given = true;
			break;
		case 'o':
			options->own_value = optarg;
			break;
		case 'k':
			status = take_key(options, table[index].name, optarg);
			if (status >= 0)
				return status;
			break;
		default:
			complain_option(options->command, option, argv);
			return EXIT_USAGE;
		}
	}
	return take_arguments(options, argc, argv);
}

/* The words were taken once, by themselves; beside those of a file there is the same room for them. */
int options_apply(const struct options *options, struct config *config)
{
	char error[CONFIG_ERROR_MAX];

	for (size_t i = 0; i < options->given_count; i++)
		config_clear(config, options->given[i].key);
	for (size_t i = 0; i < options->given_count; i++)
		if (config_set(config, options->given[i].key, options->given[i].word, error) < 0)
			return -ENOMEM;
	return 0;
}

void options_free(struct options *options)
{
	free(options->given);
	options->given = NULL;
	options->given_count = 0;
	config_free(&options->config);
}
