/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "configuration.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "connectivity_json.h"

#define WORD_MAX 512

const char *configuration_file(const struct options *options)
{
	return options->config.file[0] ? options->config.file : CONFIG_FILE_USUAL;
}

/* -ENOENT is no error where the usual file is not there. */
static int read_file(const struct options *options, bool must_exist, struct config *config, bool *ret_has_file,
		     struct config_report *report)
{
	int r = config_read(configuration_file(options), config, report);

	*ret_has_file = r == 0;
	if ((r == -ENOENT || r == -ENOTDIR) && !must_exist && !options->config.file[0]) {
		*report = (struct config_report){};
		return 0;
	}
	return r;
}

int configuration_read(const struct options *options, bool must_exist, struct config **ret_config, bool *ret_has_file,
		       struct config_report *report)
{
	struct config *config = config_new();
	char text[CONFIG_ERROR_MAX];
	bool has_file = false;
	int r;

	*report = (struct config_report){};
	if (!config) {
		config_report_add(report, "out of memory");
		return -ENOMEM;
	}
	r = read_file(options, must_exist, config, &has_file, report);
	if (r == 0)
		r = options_apply(options, config);
	if (r == -ENOMEM)
		config_report_add(report, "out of memory");
	if (r == 0 && (r = config_check(config, text)) < 0)
		config_report_add(report, has_file ? "%s: %s" : "%s%s", has_file ? configuration_file(options) : "", text);
	if (r < 0) {
		config_delete(config);
		return r;
	}
	*ret_config = config;
	*ret_has_file = has_file;
	return 0;
}

void configuration_take_places(struct config *config, bool run_dir_given, bool pin_dir_given)
{
	_cleanup_free_ struct config_report *report = NULL;
	struct config *read;
	int r;

	if (run_dir_given && pin_dir_given)
		return;
	report = calloc(1, sizeof(*report));
	read = config_new();
	r = report && read ? config_read(CONFIG_FILE_USUAL, read, report) : -ENOMEM;
	if (read && !run_dir_given)
		memcpy(config->run_dir, read->run_dir, sizeof(config->run_dir));
	if (read && !pin_dir_given)
		memcpy(config->pin_dir, read->pin_dir, sizeof(config->pin_dir));
	config_delete(read);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		complain(CONFIG_FILE_USUAL " cannot be used, `stubsieve check-config` tells why; going on with run-dir %s, pin-dir %s",
			 config->run_dir, config->pin_dir);
}

static json_t *values_json(const struct config *config, const struct config_key *key)
{
	json_t *list = key->repeats ? json_array() : NULL, *one = NULL;
	char word[WORD_MAX];

	for (size_t i = 0; key->format(config, i, word, sizeof(word)); i++) {
		if (list)
			json_array_append_new(list, json_text(word));
		else
			one = json_text(word);
	}
	return list ? list : one;
}

json_t *configuration_json(const struct config *config)
{
	json_t *object = json_object();
	size_t count;
	const struct config_key *keys = config_keys(&count);

	for (size_t i = 0; i < count; i++)
		json_object_set_new(object, keys[i].name, values_json(config, &keys[i]));
	return object;
}

json_t *json_lines(const char *text)
{
	json_t *array = json_array();

	for (const char *line = text; line;) {
		size_t length = strcspn(line, "\n");
		char *one = strndup(line, length);

		json_array_append_new(array, one ? json_text(one) : NULL);
		free(one);
		line = line[length] ? line + length + 1 : NULL;
	}
	return array;
}
