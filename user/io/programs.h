/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The BPF programs and their maps. The maps are pinned, so that a later controller goes on with what
 * this one published and counted; the programs are loaded anew by each, with its policy as constants.
 */
#ifndef STUBSIEVE_PROGRAMS_H
#define STUBSIEVE_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stubsieve/abi.h>

#include "carry.h"
#include "error.h"
#include "names.h"

struct programs;
struct coverage_quota;
struct vacancy;

struct programs_request {
	const struct sieve_policy *policy; /* what it says of suffixes is filled in by programs_load() */
	const char *pin_dir; /* NULL: nothing is pinned, to see what the kernel makes of them */
	const struct names_rule *names; /* what the map `names` is to hold, exactly */
	size_t name_count;
	uint32_t max_netns; /* entries of the map `netns`, at least 1 */
	bool sensor;        /* tell of unknown namespaces */
	bool gateway;       /* answer on the ingress side, too */
	bool results;       /* take addresses without a route out of responses */
	/*
	 * Beside these, which are in use: they share the counters, and all else is made anew and not pinned before
	 * programs_pin(), so that nothing of it reaches those before. NULL: the maps in pin_dir are taken over.
	 */
	const struct programs *beside;
};

/*
 * Load what the policy's action and the request need. Our maps in pin_dir are taken over; what only has the name of one is
 * refused. Maps of another version stay until programs_succeed().
 */
int programs_load(const struct programs_request *request, struct programs **ret_programs, struct error *error);
void programs_free(struct programs *programs); /* NULL is fine; pins and attachments stay */

static inline void programs_freep(struct programs **programs)
{
	programs_free(*programs);
}

/* Pin the maps in pin_dir, in place of those that are there. */
int programs_pin(const struct programs *programs, const char *pin_dir, struct error *error);

/* File descriptors of the programs, owned by `programs`; negative for one that was not loaded. */
int programs_egress_fd(const struct programs *programs);
int programs_cgroup_fd(const struct programs *programs);
int programs_sensor_fd(const struct programs *programs);
int programs_gateway_fd(const struct programs *programs);
int programs_results_fd(const struct programs *programs);

/* Their ids; returns how many were loaded. */
#define PROGRAMS_COUNT 8
size_t programs_ids(const struct programs *programs, uint32_t ret_ids[PROGRAMS_COUNT]);

bool programs_are_pinned(const struct programs *programs, const char *pin_dir);

/* Pin the maps in a directory that came in the place of the one with their pins. */
int programs_pin_again(struct programs *programs, const char *pin_dir);

/* The map `coverage`, for coverage_map.h; owned likewise, negative where it was not asked for. */
int programs_coverage_fd(const struct programs *programs);

/* What of it may be of namespaces other than the controller's own, for these to count in. */
struct coverage_quota *programs_coverage_quota(struct programs *programs);

/* The summary of that map, to be kept up by whoever writes to it; NULL where it was not asked for. */
struct vacancy *programs_vacancy(struct programs *programs);

/* The map `servers`, for servers.h; owned likewise. */
int programs_servers_fd(const struct programs *programs);

/* The map `heartbeat`, for ramp.h; owned likewise. */
int programs_heartbeat_fd(const struct programs *programs);

/* Remove the pins of the maps in pin_dir, of whatever version; what is not ours stays. */
int programs_unpin(const char *pin_dir, struct error *error);

/* No program of another version is attached any more: take over what those counted, and remove the pins of their maps. */
int programs_succeed(struct programs *programs, const char *pin_dir, struct error *error);

/*
 * Publish, or withdraw, what is known of the namespace with this inode number. Of one that is withdrawn the
 * sensor tells at once when a socket is made in it. 0 or -errno; -E2BIG: there are max_netns already.
 */
int programs_set_netns(struct programs *programs, uint32_t inum, const struct sieve_netns *state);
int programs_forget_netns(struct programs *programs, uint32_t inum);

/* Withdraw those that are not to be kept. */
int programs_forget_other_netns(struct programs *programs, bool (*keep)(uint32_t inum, void *data), void *data);

struct programs_cgroup {
	uint64_t id; /* its inode number in the cgroup2 file system */
	enum sieve_cgroup kind;
};

/* Let the map hold exactly these cgroups; with `only_add`, leave others in for programs still in use. */
int programs_set_cgroups(struct programs *programs, const struct programs_cgroup *cgroups, size_t count, bool only_add);

/* Stamp the heartbeat; a ramp in it stays as it is. */
int programs_beat(struct programs *programs, uint64_t now_ns);
int programs_last_beat(struct programs *programs, uint64_t *ret_ns);

/* Sums over all CPUs, and over all versions. */
int programs_counters(struct programs *programs, uint64_t ret_counters[SIEVE_COUNTERS]);

/* What other versions counted under names that this one does not know (struct sieve_counter_name). */
void programs_each_unknown_counter(struct programs *programs, carry_callback callback, void *data);

/* The kernel's generations in the network namespace of the calling thread, and its inode number. */
int programs_generation(struct programs *programs, uint32_t *ret_inum, uint32_t ret_generation[SIEVE_FAMILIES]);

/* Events: readable when there are some. */
typedef void (*programs_event_callback)(const struct sieve_event *event, void *data);
int programs_events_fd(const struct programs *programs);
void programs_set_event_callback(struct programs *programs, programs_event_callback callback, void *data);
int programs_read_events(struct programs *programs);

#endif
