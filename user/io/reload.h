/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Another configuration while the filter is at work, as a whole or not at all. A second filter is made beside the first,
 * until it knows all that the first one knows; then it takes over the links, as that of a restart does; then the first
 * one goes. Their programs share the counters and nothing else, so each decides by its own configuration alone. What
 * fails before the end puts the first one's programs back, which goes on.
 */
#ifndef STUBSIEVE_RELOAD_H
#define STUBSIEVE_RELOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "filter.h"

struct controller;

#define RELOAD_CLIENTS_MAX 64

enum reload_stage {
	RELOAD_NONE = 0,
	RELOAD_OPENING,   /* the next filter finds its namespaces; the first one is at work */
	RELOAD_ATTACHING, /* it takes over their links; the first one only beats */
};

struct reload {
	enum reload_stage stage;
	struct filter *next;
	uint64_t began_at; /* of the stage of opening */
	bool is_wanted;  /* once more, when this one is through */
	int clients[RELOAD_CLIENTS_MAX]; /* commands that wait for their answer ... */
	bool is_answered_now[RELOAD_CLIENTS_MAX]; /* ... of the one under way, or the next */
	unsigned int client_count;
	time_t loaded_at; /* what is in force */
	uint64_t count;   /* of those that came into force after the start */
	char *error;      /* of the last one, NULL if there was none */
};

/* Read the configuration again, soon. A command that asked for it is answered at the end (-1: none did). */
void reload_want(struct controller *controller, int client_fd);

/* Do what is due of it, beside the work in the namespaces. The next time, UINT64_MAX: nothing is to be done. */
void reload_work(struct controller *controller);
uint64_t reload_due(const struct reload *reload, uint64_t now);

/* How long it waits for what the next filter is to know, with the namespaces open already: less than until it gives up. */
uint64_t reload_patience_ns(uint64_t settle_ns);

/* Give it up: the controller ends. */
void reload_end(struct controller *controller);

/* The answer to a command: that it is done, or the enum error_kind as a number, a blank, and what is wrong. */
#define RELOAD_DONE "done"

#endif
