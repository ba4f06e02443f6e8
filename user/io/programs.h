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

#include "error.h"

struct programs;

/* Keep libbpf from writing to stderr: errors are told once, by whoever knows what they mean. */
void programs_silence_libbpf(void);

/*
 * Load what the policy's action needs. The maps in pin_dir are taken over where their layout is ours,
 * and replaced where it is that of another version. What the policy says of
 * suffixes is filled in here.
 */
int programs_load(const struct sieve_policy *policy, const char *pin_dir, struct programs **ret_programs,
		  struct error *error);
void programs_free(struct programs *programs); /* NULL is fine; pins and attachments stay */

static inline void programs_freep(struct programs **programs)
{
	programs_free(*programs);
}

/* File descriptors of the programs, owned by `programs`; negative for one that the action does not need. */
int programs_egress_fd(const struct programs *programs);
int programs_cgroup_fd(const struct programs *programs);

/* Remove the pins of the maps in pin_dir, of whatever version. */
int programs_unpin(const char *pin_dir, struct error *error);

/* The maps that are pinned, as NAME-VERSION with SIEVE_ABI_VERSION; NULL at the end. */
extern const char *const programs_pin_names[];

/* Publish, or withdraw, what is known of the namespace with this inode number. 0 or -errno. */
int programs_set_netns(struct programs *programs, uint32_t inum, const struct sieve_netns *state);
int programs_forget_netns(struct programs *programs, uint32_t inum);
int programs_forget_other_netns(struct programs *programs, uint32_t inum);

/* Let the map hold exactly these cgroups; with `only_add`, leave others in for programs still in use. */
int programs_set_cgroups(struct programs *programs, const uint64_t *ids, size_t count, bool only_add);

int programs_beat(struct programs *programs, uint64_t now_ns);
int programs_last_beat(struct programs *programs, uint64_t *ret_ns);

/* Sums over all CPUs. */
int programs_counters(struct programs *programs, uint64_t ret_counters[SIEVE_COUNTERS]);

/* The kernel's generations in the network namespace of the calling thread, and its inode number. */
int programs_generation(struct programs *programs, uint32_t *ret_inum, uint32_t ret_generation[SIEVE_FAMILIES]);

/* Events: readable when there are some. The callback gets the inode number of a namespace. */
typedef void (*programs_event_callback)(uint32_t inum, void *data);
int programs_events_fd(const struct programs *programs);
void programs_set_event_callback(struct programs *programs, programs_event_callback callback, void *data);
int programs_read_events(struct programs *programs);

#endif
