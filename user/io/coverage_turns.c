/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "coverage_turns.h"

#include <stdlib.h>

#include "clock.h"
#include "vacancy.h"

/* Entries of the map in one turn, at about a microsecond each. */
#define SWEEP_MOST 1000

static bool is_used(const struct namespaces *namespaces)
{
	return namespaces->config && namespaces->config->results == CONFIG_RESULTS_COVERED;
}

void coverage_turns_sweep(struct namespaces *namespaces)
{
	if (!is_used(namespaces))
		return;
	namespaces->turns.sweep = (struct coverage_map_sweep){};
	namespaces->turns.is_sweeping = true;
	namespaces->turns.has_swept = false;
}

static bool is_held(uint32_t netns, const struct prefix *prefix, void *data)
{
	const struct follower *follower = followers_find(data, netns);

	return follower && coverage_holds(follower->namespace.coverage, prefix);
}

static void sweep(struct namespaces *namespaces)
{
	int fd = programs_coverage_fd(namespaces->programs);

	namespaces->turns.is_sweeping = coverage_map_sweep(fd, &namespaces->turns.sweep, SWEEP_MOST, is_held, namespaces) > 0;
	namespaces->turns.has_swept = !namespaces->turns.is_sweeping;
}

/* Nothing is in the map but what the namespaces hold, and that has changed: the summary can be made anew. */
static bool is_stale(const struct namespaces *namespaces)
{
	return namespaces->turns.has_swept && programs_vacancy(namespaces->programs)->is_stale;
}

/* About 10 ns for each prefix, all at once: what is listed meanwhile would be missing. */
static void summarize(const struct namespaces *namespaces)
{
	uint64_t *used = vacancy_begin();

	if (!used)
		return;
	for (size_t i = 0; i < namespaces->count; i++)
		if (namespaces->followers[i]->namespace.coverage)
			coverage_mark(namespaces->followers[i]->namespace.coverage, used);
	vacancy_end(programs_vacancy(namespaces->programs), used);
	free(used);
}

/* Who has waited longest; NULL if nobody has anything to do. */
static struct follower *find_next(const struct namespaces *namespaces, uint64_t *ret_due)
{
	struct follower *next = NULL;

	for (size_t i = 0; i < namespaces->count; i++) {
		uint64_t due = coverage_due(namespaces->followers[i]->namespace.coverage);

		if (due && (!next || due < *ret_due)) {
			next = namespaces->followers[i];
			*ret_due = due;
		}
	}
	return next;
}

void coverage_turns_work(struct namespaces *namespaces)
{
	uint64_t due = 0, now = clock_monotonic_ns(), began = clock_thread_cpu_ns();
	struct follower *next;

	if (!is_used(namespaces) || now < namespaces->turns.free_at)
		return;
	next = find_next(namespaces, &due);
	if (next && due <= now && followers_enter(namespaces, next) == 0)
		namespace_cover(&next->namespace);
	else if (namespaces->turns.is_sweeping)
		sweep(namespaces);
	else if (is_stale(namespaces))
		summarize(namespaces);
	namespaces->turns.free_at = clock_monotonic_ns() + 3 * (clock_thread_cpu_ns() - began);
}

uint64_t coverage_turns_due(const struct namespaces *namespaces)
{
	uint64_t due = 0;
	bool is_waiting;

	if (!is_used(namespaces))
		return 0;
	is_waiting = namespaces->turns.is_sweeping || is_stale(namespaces);

	if (!find_next(namespaces, &due) && !is_waiting)
		return 0;
	if (is_waiting)
		due = namespaces->turns.free_at;
	return due > namespaces->turns.free_at ? due : namespaces->turns.free_at;
}
