/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "heap.h"

#include <stdlib.h> /* says whether it is glibc */

#ifdef __GLIBC__
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>

#define HUGE_PAGE (2UL << 20)
#define ROOM (20UL << 20)
#define MMAP_THRESHOLD (128 << 10) /* both are glibc's own values */
#define TRIM_THRESHOLD (128 << 10)

/* The heap grows by room that stays in it when it is freed: what is asked for next lies there. */
void heap_prepare(void)
{
	char *room;
	uintptr_t start;

	mallopt(M_MMAP_THRESHOLD, (int)(2 * ROOM));
	mallopt(M_TRIM_THRESHOLD, (int)(4 * ROOM));
	room = malloc(ROOM);
	if (!room)
		return;
	start = ((uintptr_t)room + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	madvise((void *)start, (uintptr_t)room + ROOM - start, MADV_HUGEPAGE);
	free(room);
}

void heap_release(void)
{
	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
	mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD);
	malloc_trim(0);
}
#else
void heap_prepare(void) {}
void heap_release(void) {}
#endif
