/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libbpf reads all of the kernel's types to load programs, more than 12 MiB in thousands of pages, each of which the
 * kernel hands out by a fault; on virtual machines these are most of the time that loading takes. Between the two calls
 * memory comes in huge pages where the kernel has them; the second one gives it back. Without glibc they do nothing.
 */
#ifndef STUBSIEVE_HEAP_H
#define STUBSIEVE_HEAP_H

void heap_prepare(void);
void heap_release(void);

#endif
