/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What can go wrong when the kernel is given the BPF programs, in words that a person can act on. */
#ifndef STUBSIEVE_LOADING_H
#define STUBSIEVE_LOADING_H

#include <stdbool.h>

#include "error.h"

struct bpf_object;

/* Keep libbpf from writing to stderr: errors are told once, by whoever knows what they mean. */
void loading_silence_libbpf(void);

/*
 * May this process open what an object, not loaded yet, takes? To be asked first: where a descriptor is lacking for the
 * types alone, libbpf goes on without them, and what the kernel then says (EINVAL) is of the programs.
 */
bool loading_has_descriptors(struct bpf_object *object);

/* May libbpf look for kernel functions in modules? */
bool loading_may_search_modules(void);

/* Say why the kernel did not take the programs. Returns -number, or -EPERM where it is a matter of privilege. */
int loading_failed(int number, struct error *error);

#endif
