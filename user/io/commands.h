/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What commands ask the controller, on its control socket. */
#ifndef STUBSIEVE_COMMANDS_H
#define STUBSIEVE_COMMANDS_H

#include <stdint.h>

#include "controller.h"

/* The data of epoll_event for a command's connection; its descriptor is in the lower half. */
#define COMMANDS_TAG (0xffffffffULL << 32)

/* From now on commands are heard. */
void commands_listen(struct controller *controller);

/* A command is heard when it has asked: on a busy machine that can take a while. */
void commands_accept(struct controller *controller);

/*
 * In a child: what it does not need. One that hangs outlives the controller, and would hold the lock of the pins and
 * keep commands waiting.
 */
void commands_let_go(const struct controller *controller);

/* A child ended. It need not be one that answers a command. */
void commands_reap(pid_t pid);

/* It has: answer it. */
void commands_answer(struct controller *controller, int client_fd);

#endif
