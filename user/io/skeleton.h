/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The BPF object, of which there are two: one reads the kernel's structures directly, by the kernel function
 * bpf_rdonly_cast() (Linux 6.2); the plain one knows of no kernel function. Where a kernel lacks that, libbpf looks for
 * it in all modules, which takes CAP_SYS_ADMIN, and up to version 1.1 at least does not load the object without.
 */
#ifndef STUBSIEVE_SKELETON_H
#define STUBSIEVE_SKELETON_H

#include <stdbool.h>

struct stubsieve_bpf;

/* Either has the same maps, programs and data. To be destroyed by stubsieve_bpf__destroy(). NULL with errno. */
struct stubsieve_bpf *skeleton_open(bool is_plain);

#endif
