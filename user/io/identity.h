/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose is a BPF program? Ours have the names of bpf/stubsieve.bpf.c, and say by the map `instance` (abi.h), which is bound
 * to each of them, in which directory their controller pins. To look at a program by its id takes CAP_SYS_ADMIN.
 */
#ifndef STUBSIEVE_IDENTITY_H
#define STUBSIEVE_IDENTITY_H

#include <stdint.h>
#include <stubsieve/abi.h>

enum identity_kind {
	IDENTITY_UNKNOWN = 0, /* it may not be looked at, or is gone */
	IDENTITY_FOREIGN,
	IDENTITY_OTHER, /* of another instance of stubsieve */
	IDENTITY_OURS,
};

struct identity {
	enum identity_kind kind;
	char name[16];      /* of the program, without control characters; "" if it is not known */
	uint32_t heartbeat; /* the id of its map, 0 if it has none */
};

/* Without a pin_dir only its name is looked at: none is ours then, but of some instance. */
struct identity identity_of_program(uint32_t id, const char *pin_dir);

/* The map of that name, of those that the program has. A descriptor, or -ENOENT. */
int identity_open_map(uint32_t program, const char *name);

/* What the map is to say. */
struct sieve_instance identity_instance(const char *pin_dir);

#endif
