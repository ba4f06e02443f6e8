/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "namespace.h"

#include <dirent.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "clock.h"

#define NAMES_DIRECTORY "/run/netns"

/* Many changes are silent; a survey of the verdict takes a fraction of a millisecond. */
#define SURVEY_EVERY_NS (30 * CLOCK_SECOND_NS)

/* Surveys of everything that the kernel interrupts before giving up. */
#define DETAIL_ATTEMPTS 20

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* 0 where the kernel has none. */
static uint64_t read_cookie(void)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) < 0)
		return 0;
	return cookie;
}

static void publish(struct namespace *namespace, uint64_t now, bool always)
{
	enum sieve_connectivity connectivity[SIEVE_FAMILIES];
	struct sieve_netns state = namespace->published;

	settle_publish(&namespace->settle, now, connectivity);
	for (int family = 0; family < SIEVE_FAMILIES; family++)
		state.connectivity[family] = (__u8)connectivity[family];
	if (!always && memcmp(&state, &namespace->published, sizeof(state)) == 0)
		return;
	if (programs_set_netns(namespace->programs, namespace->inum, &state) == 0)
		namespace->published = state;
}

/* What the kernel has now, with the generations it had before (rule 0). */
static int look(struct namespace *namespace, uint32_t generation[SIEVE_FAMILIES], struct connectivity *ret_connectivity)
{
	const struct rtnl_request request = { .policy = namespace->config->connectivity };
	uint32_t inum;
	int r;

	r = programs_generation(namespace->programs, &inum, generation);
	if (r < 0)
		return r;
	if (inum != namespace->inum)
		return -ESTALE;
	return rtnl_survey(&request, ret_connectivity);
}

static void survey(struct namespace *namespace)
{
	enum sieve_connectivity decided[SIEVE_FAMILIES];
	uint32_t generation[SIEVE_FAMILIES];
	struct connectivity connectivity;
	uint64_t began = clock_monotonic_ns(), now;

	namespace->is_clean = look(namespace, generation, &connectivity) == 0;
	now = clock_monotonic_ns();
	pace_done(&namespace->pace, began, now);
	namespace->surveyed_at = now;
	namespace->surveys++;
	if (namespace->is_clean) {
		namespace->seen = connectivity;
		connectivity_decide(&connectivity, &namespace->config->connectivity, decided);
		settle_clean(&namespace->settle, decided, now);
		memcpy(namespace->published.generation, generation, sizeof(generation));
	} else {
		settle_unclean(&namespace->settle);
		pace_trigger(&namespace->pace, now);
	}
	publish(namespace, now, true);
}

int namespace_open(struct namespace *namespace, const struct config *config, struct programs *programs,
		   struct error *error)
{
	struct stat status;
	int r;

	if (stat("/proc/self/ns/net", &status) < 0)
		return fail(error, errno, "cannot read /proc/self/ns/net: %s; is /proc mounted?", strerror(errno));
	*namespace = (struct namespace){
		.inum = (uint32_t)status.st_ino,
		.cookie = read_cookie(),
		.config = config,
		.programs = programs,
		.attachments = { .pin_dir = config->pin_dir, .netns = (uint32_t)status.st_ino, .order = config->order },
	};
	namespace->published.cookie = namespace->cookie;
	settle_init(&namespace->settle, config->settle_ns);
	r = rtnl_monitor_open(&namespace->monitor);
	if (r < 0)
		return fail(error, -r, "cannot follow the routes by rtnetlink: %s", strerror(-r));
	survey(namespace);
	return 0;
}

void namespace_close(struct namespace *namespace)
{
	rtnl_monitor_close(namespace->monitor);
	namespace->monitor = NULL;
	attach_release(&namespace->attachments);
}

/* What cannot be attached to is told of once; the rest works. */
static int reconcile(struct namespace *namespace, struct error *error)
{
	int r = attach_reconcile(&namespace->attachments, namespace->programs, error);

	if (r < 0 && strcmp(error->text, namespace->attach_error) != 0) {
		fprintf(stderr, "stubsieve: %s\n", error->text);
		snprintf(namespace->attach_error, sizeof(namespace->attach_error), "%s", error->text);
	}
	return r;
}

static bool is_attached_anywhere(const struct attachments *attachments)
{
	for (size_t i = 0; i < attachments->count; i++)
		if (attachments->entries[i].hook != ATTACH_NONE)
			return true;
	return false;
}

int namespace_attach(struct namespace *namespace, struct error *error)
{
	int r;

	namespace->attaches = true;
	namespace->attachments.has_tcx = attach_has_tcx(namespace->programs);
	r = reconcile(namespace, error);
	return r < 0 && !is_attached_anywhere(&namespace->attachments) ? r : 0;
}

/* Interfaces came or went. What failed is tried again with the next survey. */
static void follow_links(struct namespace *namespace)
{
	struct error error;

	namespace->links_changed = reconcile(namespace, &error) < 0;
}

void namespace_trigger(struct namespace *namespace, uint64_t now)
{
	pace_trigger(&namespace->pace, now);
}

struct reading {
	struct namespace *namespace;
	uint64_t now;
};

static void take_message(const struct nlmsghdr *message, void *data)
{
	const struct reading *reading = data;
	struct namespace *namespace = reading->namespace;

	namespace->is_detail_current = false;
	if (message->nlmsg_type == RTM_NEWLINK || message->nlmsg_type == RTM_DELLINK)
		namespace->links_changed = true;
	if (connectivity_concerns(message, &namespace->seen, &namespace->config->connectivity))
		namespace_trigger(namespace, reading->now);
}

void namespace_read(struct namespace *namespace, uint64_t now)
{
	struct reading reading = { namespace, now };
	int r = rtnl_monitor_read(namespace->monitor, take_message, &reading);

	if (r >= 0)
		return;
	/* Messages were lost: any of them could have told of a route. */
	namespace->overflows++;
	namespace->is_detail_current = false;
	namespace->links_changed = true;
	settle_unclean(&namespace->settle);
	publish(namespace, now, false);
	namespace_trigger(namespace, now);
}

/* The next survey: of the pace, or at the latest a while after the last, for what no message told of. */
static uint64_t survey_due(const struct namespace *namespace)
{
	uint64_t due = pace_due(&namespace->pace), latest = namespace->surveyed_at + SURVEY_EVERY_NS;

	return due && due < latest ? due : latest;
}

void namespace_work(struct namespace *namespace, uint64_t now)
{
	if (survey_due(namespace) > now) {
		publish(namespace, now, false);
		return;
	}
	survey(namespace);
	if (namespace->links_changed && namespace->attaches)
		follow_links(namespace);
}

uint64_t namespace_due(const struct namespace *namespace, uint64_t now)
{
	uint64_t survey = survey_due(namespace), settle = settle_due(&namespace->settle, now);

	return settle && settle < survey ? settle : survey;
}

const struct connectivity *namespace_detail(struct namespace *namespace)
{
	const struct rtnl_request request = { .policy = namespace->config->connectivity, .detail = true };
	int r = namespace->is_detail_current ? 0 : -EINTR;

	for (int i = 0; r == -EINTR && i < DETAIL_ATTEMPTS; i++)
		r = rtnl_survey(&request, &namespace->detail);
	namespace->is_detail_current = r == 0;
	return r == 0 ? &namespace->detail : NULL;
}

bool namespace_name(uint32_t inum, char *ret_name, size_t size)
{
	_cleanup_closedir_ DIR *directory = opendir(NAMES_DIRECTORY);
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		struct stat status;

		if (entry->d_name[0] == '.' || fstatat(dirfd(directory), entry->d_name, &status, 0) < 0)
			continue;
		if ((uint32_t)status.st_ino == inum && strlen(entry->d_name) < size) {
			strcpy(ret_name, entry->d_name);
			return true;
		}
	}
	return false;
}
