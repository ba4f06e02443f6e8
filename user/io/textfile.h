/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The file from which node_exporter's textfile collector reads the metrics: replaced as a whole by rename(2), so a
 * reader has the old one or the new one, and what goes wrong leaves the old one.
 */
#ifndef STUBSIEVE_TEXTFILE_H
#define STUBSIEVE_TEXTFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "config.h"
#include "error.h"

#define TEXTFILE_SECONDS 15

/* Mode 0644, whatever the umask. Nothing else is left in the directory if it fails. 0 or -errno with `error`. */
int textfile_write(const char *path, const char *text, struct error *error);

/*
 * Written again and again: by a child, because a directory can be one of a file system that does not answer. What is
 * wrong is told on stderr once, again when something else is, and every hour; that it is over, too.
 */
struct textfile {
	char path[CONFIG_PATH_MAX]; /* "": it is not written anywhere */
	uint64_t due;        /* CLOCK_MONOTONIC; 0: at once */
	pid_t writer;        /* the child that is at it; 0: none */
	uint64_t began;
	int trouble;         /* errno of the last time; 0: it was written */
	uint64_t tell_at;    /* of the same trouble, not before */
};

/* Makes the text, in the child, which closes all descriptors after it; NULL: it cannot. */
typedef char *(*textfile_make)(void *data);

/*
 * To be called often: writes if it is time to, and nobody is at it. When the path is another one, "" for none, the file
 * that was written until then is removed, by another child, which textfile_reap() does not know either.
 */
void textfile_beat(struct textfile *textfile, const char *path, uint64_t now, textfile_make make, void *data);

/* A child ended, with that status of waitpid(2). False: it was not the writer. */
bool textfile_reap(struct textfile *textfile, pid_t pid, int status);

/* There is to be no file any more. Waits a second at most, if the file system does not answer. */
void textfile_remove(struct textfile *textfile);

#endif
