/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One running controller and how commands find it: in run_dir are the lock that it holds, the note where
 * it pins, and its control socket. A command writes one word to the socket and reads the answer.
 */
#ifndef STUBSIEVE_INSTANCE_H
#define STUBSIEVE_INSTANCE_H

#include <stddef.h>
#include <sys/types.h>

#include "error.h"

/*
 * Take the lock, making run_dir (0755) if it is not there. ERROR_ALREADY_RUNNING names the holder's pid; ERROR_USAGE:
 * run_dir is a symbolic link, or others than root and we may write there.
 * The lock goes when *ret_fd is closed, or with the process.
 */
int instance_lock(const char *run_dir, int *ret_fd, struct error *error);

/*
 * The pid of the lock's holder; 0 if nobody holds it, or there is no lock. Not for the holder itself: a
 * process that closes a file gives up its record locks on it.
 */
pid_t instance_holder(const char *run_dir);

/* Ask the holder to end (SIGTERM), and wait until it has let go of the lock, which is then ours. */
int instance_take_over(const char *run_dir, int *ret_fd, struct error *error);

/* The pin directory of the last controller, so that `stop` needs no option. -ENOENT: never noted; -EPERM: others may write there. */
int instance_note_pin_dir(const char *run_dir, const char *pin_dir, struct error *error);
int instance_read_pin_dir(const char *run_dir, char *ret_pin_dir, size_t size);

/* The control socket: for root only. */
int instance_listen(const char *run_dir, int *ret_fd, struct error *error);

/* Ask the controller; the answer is the caller's to free. ERROR_NOT_RUNNING if there is none. */
int instance_ask(const char *run_dir, const char *question, char **ret_answer, struct error *error);

/* The same where the answer can take its time. */
int instance_ask_within(const char *run_dir, const char *question, unsigned int seconds, char **ret_answer,
			struct error *error);

/* On the controller's side: read the question of an accepted connection, answer it. */
int instance_read_question(int fd, char *ret_question, size_t size);
int instance_answer(int fd, const char *answer);

/* Remove what is in run_dir, and the directory if it is then empty. Call it with the lock held. */
void instance_remove(const char *run_dir);

#endif
