/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One host of fleet.c: a network namespace with a controller, whose socket's queries the filter answers. */
#ifndef STUBSIEVE_SIMULATOR_FLEET_HOST_H
#define STUBSIEVE_SIMULATOR_FLEET_HOST_H

#include <stddef.h>
#include <stubsieve/abi.h>
#include <sys/types.h>

struct fleet_host {
	char id[64]; /* as its machine id's file has it */
	size_t id_length;
	char directory[256]; /* where its run directory, log and etc are */
	char pins[256];
	const char *stubsieve;
	uid_t user; /* who pays for the controller's inotify instance; 0: root */
	pid_t controller, stop;
	int device, client, server, heartbeat;
};

__attribute__((noreturn)) void fleet_die(const char *what);

/* Returns when the controller says that it is ready. */
void fleet_host_start(struct fleet_host *host, unsigned int number, double after, double spread, const char *stubsieve,
		      const char *directory, const char *cgroup);

void fleet_host_open_heartbeat(struct fleet_host *host);
struct sieve_heartbeat fleet_host_heartbeat(const struct fleet_host *host);

/* The ID of a query that got through; -1: there is none. */
int fleet_host_receive(const struct fleet_host *host);

/* `stop --ramp` in the background, which begins when the gate, a pipe, is closed; its end must be a good one. */
void fleet_host_stop(struct fleet_host *host, const char *seconds, const int gate[2]);
void fleet_host_await_stop(struct fleet_host *host);

#endif
