/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "doctor.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cleanup.h"
#include "machine.h"
#include "mounts.h"

/* Hierarchies of cgroup v1 beside it: then systemd and others call the layout hybrid. */
static bool has_cgroup_v1(void)
{
	_cleanup_fclose_ FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t room = 0;

	while (mountinfo && getline(&line, &room, mountinfo) > 0)
		if (strstr(line, " - cgroup "))
			return true;
	return false;
}

static void check_cgroup2(struct checks *checks)
{
	char mount[PATH_MAX];
	struct error error;

	if (mounts_find_cgroup2(mount, sizeof(mount), &error) < 0)
		check_set_cure(check_add_missing(checks, "cgroup2", CHECK_LACKS_KERNEL, "not mounted"),
			       "mount -t cgroup2 none /sys/fs/cgroup, or at another place");
	else if (mounts_find_hierarchy(mount, sizeof(mount), &error) < 0)
		check_set_cure(check_add_missing(checks, "cgroup2", CHECK_LACKS_CONFIGURATION,
						 "%s shows only a part of the hierarchy (a container's?)", mount),
			       "run outside of the cgroup namespace");
	else
		check_add(checks, "cgroup2", CHECK_OK, "%s (%s)", mount,
			  has_cgroup_v1() ? "hybrid, beside cgroup v1" : "unified");
}

/*
 * Until Linux 5.15 a socket had one place for either its cgroup2 or its v1 class: from the first class on, new sockets
 * are in no cgroup but the root.
 */
static void check_cgroup_v1(struct checks *checks, const char *controller)
{
	char text[4096];
	struct utsname name;
	unsigned int count = doctor_read("/proc/cgroups", text, sizeof(text)) ? machine_cgroups_v1(text, controller)
									      : 0;

	uname(&name);
	if (count <= 1)
		return;
	if (machine_is_at_least(name.release, 5, 15))
		check_add(checks, "cgroup-v1", CHECK_NOTE,
			  "%s is in use (%u cgroups), which does no harm since Linux 5.15", controller, count);
	else
		check_set_cure(
			check_add(
				checks, "cgroup-v1", CHECK_WARNING,
				"%s is in use (%u cgroups): once it has marked a socket, --cgroup and --exempt-cgroup see none on this kernel",
				controller, count),
			"boot with cgroup_no_v1=net_cls,net_prio, or Linux 5.15");
}

void doctor_check_cgroups(struct checks *checks)
{
	check_cgroup2(checks);
	check_cgroup_v1(checks, "net_cls");
	check_cgroup_v1(checks, "net_prio");
}

/* A directory of ours: what is wrong with its owner and mode, "" for nothing. */
static void look_at(const struct stat *status, mode_t others, char wrong[CHECK_TEXT_MAX])
{
	wrong[0] = '\0';
	if (!S_ISDIR(status->st_mode))
		snprintf(wrong, CHECK_TEXT_MAX, "no directory");
	else if (status->st_uid != 0)
		snprintf(wrong, CHECK_TEXT_MAX, "of uid %u", status->st_uid);
	else if (status->st_mode & others)
		snprintf(wrong, CHECK_TEXT_MAX, "of mode %04o", status->st_mode & 07777);
}

static void parent_of(const char *path, char parent[PATH_MAX])
{
	char *slash;

	snprintf(parent, PATH_MAX, "%s", path);
	slash = strrchr(parent, '/');
	if (slash)
		slash[slash == parent] = '\0';
}

static void check_no_pin_dir(struct checks *checks, const char *pin_dir)
{
	char parent[PATH_MAX];

	parent_of(pin_dir, parent);
	if (mounts_is_bpffs(parent))
		check_add(checks, "pin-dir", CHECK_OK, "%s is a bpffs; %s is made by run", parent, pin_dir);
	else if (strcmp(parent, "/sys/fs/bpf") == 0)
		check_add(checks, "pin-dir", CHECK_NOTE, "no bpffs at %s: run mounts one", parent);
	else
		check_set_cure(
			check_add_missing(checks, "pin-dir", CHECK_LACKS_CONFIGURATION, "%s is on no bpffs", pin_dir),
			"mount one (mount -t bpf none DIRECTORY) and name a directory below it with --pin-dir");
}

/* As run says it, with the cure behind the last semicolon. */
static void refuse(struct checks *checks, const char *text)
{
	const char *end = strrchr(text, ';');

	if (!end)
		end = text + strlen(text);
	check_set_cure(check_add_missing(checks, "pin-dir", CHECK_LACKS_CONFIGURATION, "%.*s", (int)(end - text), text), "%s",
		       *end ? end + strspn(end, "; ") : "name another with --pin-dir");
}

void doctor_check_pin_dir(struct checks *checks, const struct config *config)
{
	const char *pin_dir = config->pin_dir;
	char wrong[CHECK_TEXT_MAX], parent[PATH_MAX];
	struct stat status;
	struct error error;

	parent_of(pin_dir, parent);
	if (mounts_check_above(pin_dir, &error) == -EPERM) {
		refuse(checks, error.text);
		return;
	}
	if (lstat(pin_dir, &status) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			check_no_pin_dir(checks, pin_dir);
		else
			check_add(checks, "pin-dir", CHECK_NOTE, "cannot be seen: %s: %s", pin_dir, strerror(errno));
		return;
	}
	look_at(&status, 077, wrong);
	if (!wrong[0] && mounts_is_bpffs(pin_dir) && mounts_is_bpffs(parent)) {
		check_add(checks, "pin-dir", CHECK_OK, "%s, of root alone, on a bpffs", pin_dir);
		return;
	}
	check_set_cure(
		check_add_missing(checks, "pin-dir", CHECK_LACKS_CONFIGURATION, "%s is %s", pin_dir,
				  wrong[0] ? wrong : "on no bpffs, or not in a directory of one"),
		"remove it, or name another place with --pin-dir: a directory on a bpffs that only root may enter");
}

void doctor_check_run_dir(struct checks *checks, const struct config *config)
{
	char wrong[CHECK_TEXT_MAX], parent[PATH_MAX];
	struct stat status;

	parent_of(config->run_dir, parent);
	if (strlen(config->run_dir) + sizeof("/control") > sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
		check_set_cure(check_add_missing(checks, "run-dir", CHECK_LACKS_CONFIGURATION,
						 "%s is too long for a socket", config->run_dir),
			       "use a shorter one");
		return;
	}
	if (stat(config->run_dir, &status) < 0) {
		bool is_parent_there = access(parent, F_OK) == 0;

		if (errno == ENOENT && is_parent_there)
			check_add(checks, "run-dir", CHECK_OK, "%s is made by run", config->run_dir);
		else
			check_set_cure(check_add_missing(checks, "run-dir", CHECK_LACKS_CONFIGURATION, "%s: %s",
							 config->run_dir, strerror(errno)),
				       "make %s, or name another directory with --run-dir", parent);
		return;
	}
	look_at(&status, 022, wrong);
	if (wrong[0])
		check_set_cure(check_add(checks, "run-dir", CHECK_WARNING, "%s is %s", config->run_dir, wrong),
			       "chown root %s && chmod 0755 %s: who may write there can stand in for the controller",
			       config->run_dir, config->run_dir);
	else
		check_add(checks, "run-dir", CHECK_OK, "%s, which root alone may write to", config->run_dir);
}

/*
 * After its start the controller has no CAP_DAC_OVERRIDE, which would make access() and open() agree to all: what may uid 0
 * do without? By owner and mode; access lists are not looked at.
 */
static bool may(const char *path, mode_t wanted)
{
	struct stat status;
	unsigned int shift;

	if (stat(path, &status) < 0)
		return true; /* not to be seen from here */
	shift = status.st_uid == 0 ? 6 : status.st_gid == 0 ? 3 : 0;
	return (status.st_mode >> shift & wanted) == wanted;
}

/* False: the first on the way that refuses, and what it is, in `wrong`. */
static bool may_reach(const char *path, mode_t wanted, char wrong[CHECK_TEXT_MAX])
{
	char real[PATH_MAX], above[PATH_MAX];
	const char *refuses = NULL;
	struct stat status;

	if (!realpath(path, real))
		return true;
	for (const char *slash = strchr(real + 1, '/'); slash && !refuses; slash = strchr(slash + 1, '/')) {
		snprintf(above, sizeof(above), "%.*s", (int)(slash - real), real);
		if (!may(above, X_OK))
			refuses = above;
	}
	if (!refuses && !may(real, wanted))
		refuses = real;
	if (!refuses || stat(refuses, &status) < 0)
		return true;
	snprintf(wrong, CHECK_TEXT_MAX, "%.400s is of uid %u, of mode %04o", refuses, status.st_uid, status.st_mode & 07777);
	return false;
}

void doctor_check_configuration(struct checks *checks, const char *file)
{
	char wrong[CHECK_TEXT_MAX];

	if (!may_reach(file, R_OK, wrong))
		check_set_cure(check_add(checks, "configuration", CHECK_WARNING,
					 "%s: the controller can read %s at its start, and not at a reload", wrong, file),
			       "have it belong to root, in directories that root may search");
}

/* Beside what a mode says. */
static bool is_there_to_write(const char *directory)
{
	return access(directory, F_OK) == 0 && (access(directory, W_OK) == 0 || errno != EROFS);
}

void doctor_check_textfile(struct checks *checks, const struct config *config)
{
	const char *path = config->metrics_textfile;
	size_t length = strlen(path);
	char parent[PATH_MAX], wrong[CHECK_TEXT_MAX];

	if (!path[0])
		return;
	parent_of(path, parent);
	if (!is_there_to_write(parent))
		check_set_cure(check_add(checks, "metrics-textfile", CHECK_WARNING, "%s: %s", parent, strerror(errno)),
			       "make the directory, or name another one");
	else if (!may_reach(parent, W_OK | X_OK, wrong))
		check_set_cure(check_add(checks, "metrics-textfile", CHECK_WARNING,
					 "%s: root without CAP_DAC_OVERRIDE, as the controller is, cannot write there", wrong),
			       "have the directory belong to root, or name another one");
	else if (length < 5 || strcmp(path + length - 5, ".prom") != 0)
		check_set_cure(check_add(checks, "metrics-textfile", CHECK_WARNING,
					 "%s: node_exporter reads files called *.prom alone", path),
			       "name it so");
	else
		check_add(checks, "metrics-textfile", CHECK_OK, "%s can be written to", parent);
}
