/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The clock of everything here. */
#ifndef STUBSIEVE_CLOCK_H
#define STUBSIEVE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_SECOND_NS 1000000000ULL
#define CLOCK_MILLISECOND_NS 1000000ULL

/*
 * CLOCK_MONOTONIC of the kernel, in nanoseconds: that of bpf_ktime_get_ns(). In a time namespace (time_namespaces(7))
 * clock_gettime() is ahead of it, or behind.
 */
uint64_t clock_monotonic_ns(void);

/* What the calling thread has had of a CPU: what work costs, however busy the machine is. */
static inline uint64_t clock_thread_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * CLOCK_SECOND_NS + (uint64_t)now.tv_nsec;
}

#endif
