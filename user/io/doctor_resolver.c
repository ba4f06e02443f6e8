/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "doctor.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "machine.h"

#define TEXT_MAX 65536
#define DROP_INS_MAX 64
#define RESOLVED_SOCKET "/run/systemd/resolve/io.systemd.Resolve"

static bool is_socket(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

static void check_nsswitch(struct checks *checks, char *text)
{
	if (!doctor_read("/etc/nsswitch.conf", text, TEXT_MAX) || !machine_asks_before_dns(text, "resolve"))
		return;
	if (is_socket(RESOLVED_SOCKET))
		check_set_cure(
			check_add(
				checks, "resolver", CHECK_NOTE,
				"hosts: resolve in /etc/nsswitch.conf: programs of glibc ask systemd-resolved without DNS, and only what it asks itself is seen"),
			"put dns in place of resolve to have every query filtered where it is made");
	else
		check_add(checks, "resolver", CHECK_NOTE,
			  "hosts: resolve in /etc/nsswitch.conf, but systemd-resolved does not run here");
}

/* In descending order of precedence; of files with one name the first counts. */
static const char *const directories[] = { "/etc/systemd", "/run/systemd", "/usr/local/lib/systemd",
					   "/usr/lib/systemd" };
#define DIRECTORIES (sizeof(directories) / sizeof(directories[0]))

static int is_drop_in(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 5 && strcmp(entry->d_name + length - 5, ".conf") == 0;
}

/* The names of drop-ins in all directories, sorted, each once. */
static size_t list_drop_ins(char *ret_names[DROP_INS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < DIRECTORIES; i++) {
		struct dirent **entries;
		char path[128];
		int found;

		snprintf(path, sizeof(path), "%s/resolved.conf.d", directories[i]);
		found = scandir(path, &entries, is_drop_in, alphasort);
		for (int k = 0; k < found; k++) {
			size_t place = 0;

			while (place < count && strcmp(ret_names[place], entries[k]->d_name) < 0)
				place++;
			if (count < DROP_INS_MAX &&
			    (place == count || strcmp(ret_names[place], entries[k]->d_name) != 0)) {
				memmove(&ret_names[place + 1], &ret_names[place], (count - place) * sizeof(*ret_names));
				ret_names[place] = strdup(entries[k]->d_name);
				count += ret_names[place] != NULL;
			}
			free(entries[k]);
		}
		if (found >= 0)
			free(entries);
	}
	return count;
}

/* The first of the directories that has it. */
static void take_value(const char *name, const char *key, char *text, char *value, size_t size)
{
	for (size_t i = 0; i < DIRECTORIES; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", directories[i], name);
		if (!doctor_read(path, text, TEXT_MAX))
			continue;
		machine_resolved_value(text, key, value, size);
		return;
	}
}

static void resolved_value(const char *key, char *text, char *value, size_t size)
{
	char *names[DROP_INS_MAX + 1];
	size_t count = list_drop_ins(names);

	value[0] = '\0';
	take_value("resolved.conf", key, text, value, size);
	for (size_t i = 0; i < count; i++) {
		char name[NAME_MAX + 32];

		snprintf(name, sizeof(name), "resolved.conf.d/%s", names[i]);
		take_value(name, key, text, value, size);
		free(names[i]);
	}
}

static void check_resolved(struct checks *checks, char *text)
{
	static const char *const off[] = { "", "no", "n", "0", "false", "f", "off" };
	char value[64];

	if (!is_socket(RESOLVED_SOCKET))
		return;
	resolved_value("DNSOverTLS", text, value, sizeof(value));
	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		if (strcasecmp(value, off[i]) == 0)
			return;
	check_add(
		checks, "resolver", CHECK_NOTE,
		"DNSOverTLS=%s in resolved.conf: what systemd-resolved asks cannot be seen; what programs ask it on lo can",
		value);
}

static void check_resolv_conf(struct checks *checks, char *text)
{
	if (!doctor_read("/etc/resolv.conf", text, TEXT_MAX)) {
		check_add(checks, "resolver", CHECK_NOTE, "/etc/resolv.conf: %s", strerror(errno));
		return;
	}
	if (machine_has_resolver_option(text, "use-vc"))
		check_set_cure(
			check_add(checks, "resolver", CHECK_WARNING,
				  "options use-vc in /etc/resolv.conf: glibc asks over TCP, which always passes"),
			"take it out to have these queries filtered");
	if (machine_has_resolver_option(text, "no-aaaa"))
		check_set_cure(
			check_add(checks, "resolver", CHECK_NOTE,
				  "options no-aaaa in /etc/resolv.conf: glibc asks no AAAA, whatever routes there are"),
			"take it out: a VPN's IPv6 then works, and the rest is answered here");
}

void doctor_check_resolver(struct checks *checks)
{
	_cleanup_free_ char *text = malloc(TEXT_MAX);
	size_t before = checks->count;

	if (!text)
		return;
	check_nsswitch(checks, text);
	check_resolved(checks, text);
	check_resolv_conf(checks, text);
	if (is_socket("/run/nscd/socket") || is_socket("/var/run/nscd/socket"))
		check_set_cure(
			check_add(
				checks, "resolver", CHECK_NOTE,
				"nscd asks for the programs of glibc: what counts is the cgroup of nscd, and it may keep answers"),
			"with --cgroup name nscd's cgroup, or have it cache no hosts");
	if (checks->count == before)
		check_add(checks, "resolver", CHECK_OK,
			  "nothing that asks past the filter (browsers' DNS over HTTPS cannot be seen)");
}
