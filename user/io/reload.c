/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "controller.h"
#include "instance.h"
#include "privilege.h"

/* To open all namespaces; then it is given up. */
#define OPENING_NS (60 * CLOCK_SECOND_NS)

/* Of these, so long for the looks at addresses that `results = covered` rests on, and `settle`; then they follow later. */
#define KNOWING_NS (10 * CLOCK_SECOND_NS)

/* To attach to what was opened, however long `settle` is, before it would be given up. */
#define SPARE_NS (20 * CLOCK_SECOND_NS)

/* How often is looked whether it is time. */
#define KNOWN_EVERY_NS (10 * CLOCK_MILLISECOND_NS)

static void answer_clients(struct controller *controller, const char *text)
{
	struct reload *reload = &controller->reload;
	unsigned int kept = 0;

	for (unsigned int i = 0; i < reload->client_count; i++) {
		if (!reload->is_answered_now[i]) {
			reload->clients[kept++] = reload->clients[i];
			continue;
		}
		instance_answer(reload->clients[i], text);
		close(reload->clients[i]);
	}
	for (unsigned int i = 0; i < kept; i++)
		reload->is_answered_now[i] = false;
	reload->client_count = kept;
}

/* Is anything of the filter to be heard? */
static int listen_to(const struct controller *controller, const struct filter *filter, bool is_heard)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

	event.data.u64 = filter == controller->filter ? CONTROLLER_FILTER : CONTROLLER_NEXT;
	return epoll_ctl(controller->epoll_fd, is_heard ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, filter->epoll_fd, &event) < 0 ?
		       -errno : 0;
}

static void drop_next(struct controller *controller)
{
	struct reload *reload = &controller->reload;

	if (reload->next) {
		listen_to(controller, reload->next, false);
		filter_close(reload->next);
	}
	reload->next = NULL;
	reload->stage = RELOAD_NONE;
}

static void give_up(struct controller *controller, enum error_kind kind, const char *text)
{
	struct reload *reload = &controller->reload;
	char *answer = NULL;

	drop_next(controller);
	for (const char *line = text; line;) {
		int length = (int)strcspn(line, "\n");

		fprintf(stderr, "stubsieve: %.*s\n", length, line);
		line = line[length] ? line + length + 1 : NULL;
	}
	fprintf(stderr, "stubsieve: the configuration that was in force stays\n");
	free(reload->error);
	reload->error = strdup(text);
	if (asprintf(&answer, "%d %s", (int)kind, text) < 0)
		answer = NULL;
	answer_clients(controller, answer ? answer : "0 out of memory");
	free(answer);
	controller->changed(controller, CONTROLLER_KEPT, controller->data);
}

static void give_up_by(struct controller *controller, const struct error *error)
{
	give_up(controller, error->kind, error->text);
}

/* A directory is where commands and the next controller find this one. */
static int check_directories(const struct config *now, const struct config *next, struct error *error)
{
	const char *key = strcmp(now->run_dir, next->run_dir) != 0 ? "run-dir" :
			  strcmp(now->pin_dir, next->pin_dir) != 0 ? "pin-dir" : NULL;

	if (!key)
		return 0;
	return fail_as(error, ERROR_USAGE, EINVAL,
		       "%s cannot change while the controller runs (%.100s, not %.100s); end it with `stubsieve stop`, then `run` it again",
		       key, strcmp(key, "run-dir") == 0 ? now->run_dir : now->pin_dir,
		       strcmp(key, "run-dir") == 0 ? next->run_dir : next->pin_dir);
}

/* What was given up after the start does not come back. */
static int check_next(const struct config *now, struct config *next, struct error *error)
{
	int r = check_directories(now, next, error);

	if (r == 0)
		r = privilege_check(next, error);
	if (r > 0)
		fprintf(stderr, "stubsieve: %s\n", error->text);
	return r;
}

static int open_next(struct controller *controller, struct config *config, struct error *error)
{
	struct reload *reload = &controller->reload;
	int r;

	r = filter_open(config, &reload->next, error);
	if (r == 0)
		r = filter_load(reload->next, controller->filter, error);
	if (r == 0 && (r = listen_to(controller, reload->next, true)) < 0)
		fail(error, -r, "cannot wait for events: %s", strerror(-r));
	if (r < 0)
		return r;
	namespaces_find_others(&reload->next->namespaces);
	reload->stage = RELOAD_OPENING;
	reload->began_at = controller->next_beat = clock_monotonic_ns();
	return 0;
}

static void begin(struct controller *controller)
{
	struct reload *reload = &controller->reload;
	struct config *config = NULL;
	struct error error;
	char *text = NULL;

	reload->is_wanted = false;
	for (unsigned int i = 0; i < reload->client_count; i++)
		reload->is_answered_now[i] = true;
	controller->changed(controller, CONTROLLER_READS, controller->data);
	if (controller->read(&config, &text, controller->data) < 0) {
		give_up(controller, ERROR_USAGE, text ? text : "out of memory");
		free(text);
	} else if (check_next(controller->filter->config, config, &error) < 0) {
		config_delete(config);
		give_up_by(controller, &error);
	} else if (open_next(controller, config, &error) < 0) {
		give_up_by(controller, &error);
	}
}

/* The links that the next one took, or made, are the first one's again, or go with its next tidying. */
static void put_back(struct controller *controller, const struct error *reason)
{
	struct error error;

	programs_beat(controller->reload.next->programs, 0);
	if (filter_attach_again(controller->filter, &error) < 0)
		fprintf(stderr, "stubsieve: %s\n", error.text);
	if (programs_pin(controller->filter->programs, controller->filter->config->pin_dir, &error) < 0)
		fprintf(stderr, "stubsieve: %s\n", error.text);
	listen_to(controller, controller->filter, true);
	give_up_by(controller, reason);
}

static void attach(struct controller *controller)
{
	struct reload *reload = &controller->reload;
	struct error error;

	reload->stage = RELOAD_ATTACHING;
	listen_to(controller, controller->filter, false);
	if (filter_attach(reload->next, &error) < 0)
		put_back(controller, &error);
}

/* A limit that is the machine's, not the configuration's, stands against a second filter beside the first. */
static int check_room(const struct controller *controller, struct error *error)
{
	const struct namespaces *now = &controller->filter->namespaces, *next = &controller->reload.next->namespaces;

	if (!next->is_refusing || now->is_refusing || next->count >= next->config->max_netns)
		return 0;
	return fail_as(error, ERROR_FAILED, EMFILE,
		       "the limit of open files does not do for two configurations at a time with %zu network namespaces; raise it (LimitNOFILE=), or stop and run again",
		       now->count);
}

/* What no route covers any more, and still counts as covered by the first one, is to go no earlier. */
static bool is_losing(const struct namespaces *namespaces)
{
	for (size_t i = 0; i < namespaces->count; i++) {
		const struct coverage *coverage = namespaces->followers[i]->namespace.coverage;

		for (int family = 0; coverage && family < SIEVE_FAMILIES; family++)
			if (coverage->family[family].has_wanted && coverage->family[family].loses)
				return true;
	}
	return false;
}

uint64_t reload_patience_ns(uint64_t settle_ns)
{
	return settle_ns < OPENING_NS - SPARE_NS - KNOWING_NS ? KNOWING_NS + settle_ns : OPENING_NS - SPARE_NS;
}

/* With all that the first one knows, or what can be waited for. */
static bool is_prepared(const struct controller *controller, uint64_t now)
{
	const struct namespaces *before = &controller->filter->namespaces, *next = &controller->reload.next->namespaces;
	bool is_known = namespaces_are_known(next) && (next->config->results == CONFIG_RESULTS_ALL || !is_losing(before));

	return next->is_complete &&
	       (is_known || now > controller->reload.began_at + reload_patience_ns(before->config->settle_ns));
}

static void open_more(struct controller *controller, uint64_t now)
{
	struct error error;

	namespaces_work(&controller->reload.next->namespaces);
	if (is_prepared(controller, now)) {
		if (check_room(controller, &error) < 0)
			give_up_by(controller, &error);
		else
			attach(controller);
	} else if (now > controller->reload.began_at + OPENING_NS) {
		fail_as(&error, ERROR_FAILED, ETIMEDOUT,
			"not all network namespaces could be opened within %llu s; try again, or stop and run again",
			OPENING_NS / CLOCK_SECOND_NS);
		give_up_by(controller, &error);
	}
}

/* From here on the next one is the only one: programs that it did not replace let everything pass until they are gone. */
static void take_over(struct controller *controller)
{
	struct reload *reload = &controller->reload;
	struct filter *before = controller->filter;
	struct error error;

	if (programs_pin(reload->next->programs, reload->next->config->pin_dir, &error) < 0) {
		put_back(controller, &error);
		return;
	}
	programs_beat(before->programs, 0);
	namespaces_carry(&reload->next->namespaces, NULL);
	listen_to(controller, reload->next, false);
	controller->filter = reload->next;
	reload->next = NULL;
	reload->stage = RELOAD_NONE;
	listen_to(controller, controller->filter, true);
	filter_work(controller->filter); /* it is tidied up at once */
	filter_close(before);
	reload->count++;
	reload->loaded_at = time(NULL);
	free(reload->error);
	reload->error = NULL;
	answer_clients(controller, RELOAD_DONE);
	controller->changed(controller, CONTROLLER_LOADED, controller->data);
}

static void attach_more(struct controller *controller)
{
	struct namespaces *next = &controller->reload.next->namespaces;

	namespaces_work(next);
	if (namespaces_are_attached(next))
		take_over(controller);
}

/* The ramp is in the maps of the filter that is being stopped. */
static void give_way_to_ramp(struct controller *controller)
{
	struct error error;

	controller->reload.is_wanted = false;
	for (unsigned int i = 0; i < controller->reload.client_count; i++)
		controller->reload.is_answered_now[i] = true;
	fail_as(&error, ERROR_FAILED, EBUSY, "the filter is being stopped (`stop --ramp`); `run` it again when it is gone");
	if (controller->reload.stage == RELOAD_ATTACHING)
		put_back(controller, &error);
	else
		give_up_by(controller, &error);
}

void reload_work(struct controller *controller)
{
	struct reload *reload = &controller->reload;

	if (controller->ramp_end_ns && (reload->stage != RELOAD_NONE || reload->is_wanted))
		give_way_to_ramp(controller);
	else if (reload->stage == RELOAD_OPENING)
		open_more(controller, clock_monotonic_ns());
	else if (reload->stage == RELOAD_ATTACHING)
		attach_more(controller);
	else if (reload->is_wanted && controller->filter->is_tidy)
		begin(controller);
}

uint64_t reload_due(const struct reload *reload, uint64_t now)
{
	switch (reload->stage) {
	case RELOAD_OPENING:
		return now + KNOWN_EVERY_NS;
	case RELOAD_ATTACHING:
		return namespaces_are_attached(&reload->next->namespaces) ? now : UINT64_MAX;
	default:
		return reload->is_wanted ? now + KNOWN_EVERY_NS : UINT64_MAX; /* the start may not be over */
	}
}

void reload_want(struct controller *controller, int client_fd)
{
	struct reload *reload = &controller->reload;

	reload->is_wanted = true;
	if (client_fd < 0)
		return;
	if (reload->client_count == RELOAD_CLIENTS_MAX) {
		instance_answer(client_fd, "0 too many commands wait for another configuration; try again");
		close(client_fd);
		return;
	}
	reload->is_answered_now[reload->client_count] = false;
	reload->clients[reload->client_count++] = client_fd;
}

void reload_end(struct controller *controller)
{
	struct reload *reload = &controller->reload;

	for (unsigned int i = 0; i < reload->client_count; i++)
		reload->is_answered_now[i] = true;
	answer_clients(controller, "0 the controller ends");
	drop_next(controller);
	free(reload->error);
	reload->error = NULL;
}
