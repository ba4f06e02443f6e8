/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The filter by one configuration: the programs, whose sockets they look at, and the network namespaces that are
 * followed. What is attached and pinned outlives it.
 */
#ifndef STUBSIEVE_FILTER_H
#define STUBSIEVE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "error.h"
#include "namespaces.h"
#include "programs.h"
#include "remove.h"
#include "scope.h"

struct filter {
	struct config *config;
	struct sieve_policy policy; /* as the programs have it */
	struct programs *programs;
	struct scope scope;
	struct namespaces namespaces;
	int epoll_fd; /* readable when filter_handle() has something to do */
	int watch_fd; /* inotify(7): cgroups and names of namespaces */
	bool is_fresh; /* there was no pin_dir: if an earlier controller's went, its marks did, too */
	bool is_to_attach; /* that failed, and is to be tried again */
	bool has_told_of_succession; /* what an earlier version counted cannot be taken over yet */
	struct remove_sweep sweep;
	bool is_sweeping; /* looking for what an earlier filter left in other namespaces, in slices */
	bool has_told;    /* ... of one that failed */
	bool is_tidy; /* what an earlier filter left and this one does not need is gone */
	uint64_t succeed_at; /* CLOCK_MONOTONIC: with the next beat after it, programs_succeed(); 0: done, or not tidy yet */
};

/*
 * Find out what the configuration means here. It is taken over, also when this fails, and freed by config_delete().
 * Nothing is made yet.
 */
int filter_open(struct config *config, struct filter **ret_filter, struct error *error);

/*
 * Load the programs: all of the own namespace is known and published before the first of them sees a packet. Beside
 * a filter that is in force, `before`, which has to stay until filter_attach() is through, no map is pinned yet.
 */
int filter_load(struct filter *filter, const struct filter *before, struct error *error);

/* Attach what the action needs: the own namespace at once, the others as they are opened, or in turn. */
int filter_attach(struct filter *filter, struct error *error);

/* The same once more, where another filter took the links, and left others. */
int filter_attach_again(struct filter *filter, struct error *error);

/* What is attached stays. NULL is fine. */
void filter_close(struct filter *filter);

/* Take in what happened; do what is due. The next time is filter_due(). */
void filter_handle(struct filter *filter);
void filter_work(struct filter *filter);
uint64_t filter_due(const struct filter *filter, uint64_t now);

/* A third of the time after which the programs would take us for dead, or a second. */
uint64_t filter_beat_interval(const struct filter *filter);

/* With every beat also a look at what may have changed without a message. */
void filter_beat(struct filter *filter, uint64_t now);

#endif
