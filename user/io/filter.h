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
#include "scope.h"

struct filter {
	const struct config *config;
	struct sieve_policy policy; /* as the programs have it */
	struct programs *programs;
	struct scope scope;
	struct namespaces namespaces;
	int epoll_fd; /* readable when filter_handle() has something to do */
	int watch_fd; /* inotify(7): cgroups and names of namespaces */
	bool is_tidy; /* what an earlier filter left and this one does not need is gone */
};

/* Find out what the configuration, which has to live as long, means here. It is filter_close()d also after an error. */
int filter_open(struct filter *filter, const struct config *config, struct error *error);

/* Load the programs: everything is known and published before the first of them sees a packet. */
int filter_load(struct filter *filter, struct error *error);

/* Attach what the action needs: the own namespace at once, the others as they are opened. */
int filter_attach(struct filter *filter, struct error *error);

/* What is attached stays. Nothing happens with one that was never opened, and is all zero. */
void filter_close(struct filter *filter);

/* Take in what happened; do what is due. The next time is namespaces_due(). */
void filter_handle(struct filter *filter);
void filter_work(struct filter *filter);

/* A third of the time after which the programs would take us for dead, or a second. */
uint64_t filter_beat_interval(const struct filter *filter);

/* With every beat also a look at what may have changed without a message. */
void filter_beat(struct filter *filter, uint64_t now);

#endif
