/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For __attribute__((cleanup)): what a function opened is closed however it is left. */
#ifndef STUBSIEVE_CLEANUP_H
#define STUBSIEVE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose(FILE *const *stream)
{
	if (*stream)
		fclose(*stream);
}

static inline void cleanup_closedir(DIR *const *directory)
{
	if (*directory)
		closedir(*directory);
}

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

#define _cleanup_close_ __attribute__((cleanup(cleanup_close)))
#define _cleanup_fclose_ __attribute__((cleanup(cleanup_fclose)))
#define _cleanup_closedir_ __attribute__((cleanup(cleanup_closedir)))
#define _cleanup_free_ __attribute__((cleanup(cleanup_free)))

/* Hand a file descriptor to its new owner. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
