/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stubsieve exec: run a command whose queries are filtered, or are not, whatever cgroup its caller is in. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "cli.h"
#include "configuration.h"
#include "exec_cgroup.h"
#include "instance.h"

/* As a shell says that a command cannot be run, or is not there. */
#define EXIT_CANNOT_RUN 126
#define EXIT_NOT_FOUND 127

static const char usage[] =
	"usage: stubsieve exec [--exempt] [--run-dir DIRECTORY] -- COMMAND [ARGUMENT]...\n"
	"\n"
	"Run a command in the scope of the filter, or with --exempt outside of it: the way to ask explicitly for\n"
	"what the filter would answer, as in: stubsieve exec --exempt -- dig www.example.com AAAA\n"
	"\n"
	"The command runs in a cgroup that is made for it. Its exit status is the command's; 3: no\n"
	"controller runs, 126 or 127: the command cannot be run or found.\n"
	"\n"
	"  --exempt             outside of the filter\n"
	"  --run-dir DIRECTORY  of the controller (default: what " CONFIG_FILE_USUAL "\n"
	"                       says, or /run/stubsieve)\n";

struct request {
	struct config config; /* for run_dir */
	bool exempt, run_dir_given;
};

/* -1 to go on, or an exit status. The command begins at argv[optind]. */
static int parse(struct request *request, int argc, char **argv)
{
	static const struct option table[] = {
		{ "exempt", no_argument, NULL, 'e' },
		{ "run-dir", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	char text[CONFIG_ERROR_MAX];
	int option;

	optind = 0;
	opterr = 0;
	/* `+`: what follows the command's name is the command's. */
	while ((option = getopt_long(argc, argv, "+:h", table, NULL)) != -1) {
		switch (option) {
		case 'h':
			fputs(usage, stdout);
			return EXIT_DONE;
		case 'e':
			request->exempt = true;
			break;
		case 'r':
			request->run_dir_given = true;
			if (config_set(&request->config, "run-dir", optarg, text) == 0)
				break;
			complain("--%s", text);
			return EXIT_USAGE;
		default:
			complain_option("exec", option, argv);
			return EXIT_USAGE;
		}
	}
	if (optind < argc)
		return -1;
	complain("exec wants a command; see stubsieve exec --help");
	return EXIT_USAGE;
}

/* What the controller says of the cgroup to go to. -1 to go on, or an exit status. */
static int ask(const struct request *request, json_t **ret_answer, char path[PATH_MAX])
{
	_cleanup_free_ char *answer = NULL;
	const char *word;
	struct error error;
	json_t *json;

	if (instance_ask(request->config.run_dir, request->exempt ? "exec exempt" : "exec", &answer, &error) < 0)
		return complain_error(&error);
	json = json_loads(answer, 0, NULL);
	word = json_string_value(json_object_get(json, "cgroup"));
	if (!word || strlen(word) >= PATH_MAX) {
		complain("the controller's answer is not understood; is it of another version?");
		json_decref(json);
		return EXIT_FAILED;
	}
	strcpy(path, word);
	*ret_answer = json;
	return -1;
}

static bool is_not_in_force(const json_t *answer)
{
	return json_is_string(json_object_get(answer, "error"));
}

/* The cgroup to go to, in force: made here, for the controller may not. -1 to go on, or an exit status. */
static int find_cgroup(const struct request *request, char path[PATH_MAX])
{
	json_t *answer = NULL;
	struct error error;
	int status = ask(request, &answer, path);

	if (status < 0 && is_not_in_force(answer)) {
		json_decref(answer);
		answer = NULL;
		if (exec_cgroup_make(path, &error) < 0)
			return complain_error(&error);
		status = ask(request, &answer, path);
	}
	if (status < 0 && is_not_in_force(answer)) {
		complain("%s", json_string_value(json_object_get(answer, "error")));
		status = EXIT_FAILED;
	}
	json_decref(answer);
	return status;
}

/* -1 to go on, or an exit status. */
static int move_to(const char *path)
{
	char file[PATH_MAX + 16];

	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	_cleanup_close_ int fd = open(file, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "0", 1) == 1)
		return -1;
	complain("cannot move to the cgroup %s: %s; run as root", path, strerror(errno));
	return errno == EACCES || errno == EPERM ? EXIT_PRIVILEGE : EXIT_FAILED;
}

int command_exec(int argc, char **argv)
{
	struct request request = {};
	char path[PATH_MAX];
	int status;

	config_init(&request.config);
	status = parse(&request, argc, argv);
	if (status < 0) {
		configuration_take_places(&request.config, request.run_dir_given, true);
		status = find_cgroup(&request, path);
	}
	config_free(&request.config);
	if (status < 0)
		status = move_to(path);
	if (status >= 0)
		return status;
	execvp(argv[optind], &argv[optind]);
	complain("cannot run %s: %s", argv[optind], strerror(errno));
	return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}
