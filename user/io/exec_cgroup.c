/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "exec_cgroup.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mounts.h"

#define DEFAULT_RUN_DIR "/run/stubsieve"

/* The cgroup above the two for commands, of its own for every run directory. */
static void parent_name(const char *run_dir, char name[64])
{
	uint32_t hash = 0x811c9dc5; /* FNV-1a */

	for (const char *octet = run_dir; *octet; octet++)
		hash = (hash ^ (unsigned char)*octet) * 0x01000193;
	if (strcmp(run_dir, DEFAULT_RUN_DIR) == 0)
		strcpy(name, "/stubsieve");
	else
		snprintf(name, 64, "/stubsieve-%08" PRIx32, hash);
}

void exec_cgroup_path(const char *run_dir, enum sieve_cgroup kind, char path[128])
{
	char parent[64];

	parent_name(run_dir, parent);
	snprintf(path, 128, "%s/%s", parent, kind == SIEVE_CGROUP_EXEMPT ? "exempt" : "scope");
}

int exec_cgroup_make(const char *path, struct error *error)
{
	char parent[PATH_MAX];
	char *slash;

	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (slash)
		*slash = '\0';
	if ((mkdir(parent, 0755) < 0 && errno != EEXIST) || (mkdir(path, 0755) < 0 && errno != EEXIST))
		return fail(error, errno, "cannot make the cgroup %s: %s", path, strerror(errno));
	return 0;
}

void exec_cgroup_remove(const char *run_dir)
{
	char mount[PATH_MAX], name[128], path[PATH_MAX + 128];
	struct error error;

	if (mounts_find_cgroup2(mount, sizeof(mount), &error) < 0)
		return;
	for (enum sieve_cgroup kind = SIEVE_CGROUP_SCOPE; kind <= SIEVE_CGROUP_EXEMPT; kind++) {
		exec_cgroup_path(run_dir, kind, name);
		snprintf(path, sizeof(path), "%s%s", mount, name);
		if (rmdir(path) < 0 && errno == EBUSY)
			fprintf(stderr, "stubsieve: the cgroup %s stays, for commands of `stubsieve exec` run in it; `stubsieve stop` removes it when they have ended\n",
				path);
	}
	parent_name(run_dir, name);
	snprintf(path, sizeof(path), "%s%s", mount, name);
	rmdir(path);
}
