/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When the sockets of which namespace are looked at for DNS servers, and what is published of all of them: in our own
 * every second, in the others every half minute or so. A cgroup counts as long as a namespace has a server of it.
 */
#ifndef STUBSIEVE_SERVER_TURNS_H
#define STUBSIEVE_SERVER_TURNS_H

#include "followers.h"

/*
 * Before the look at it, or after one that maybe did not come to its end: what was seen of the namespace so far counts
 * until the next look that does. `before` is of another configuration, and of the same namespace.
 */
void server_turns_carry(struct namespaces *namespaces, struct follower *follower, const struct follower *before);

/* A namespace that has just been opened; the thread is in it. */
void server_turns_open(struct namespaces *namespaces, struct follower *follower);

/* With a survey of it: if it is its turn. Likewise. */
void server_turns_work(struct namespaces *namespaces, struct follower *follower);

/* The thread is in our own. To be called every second. */
void server_turns_beat(struct namespaces *namespaces);

/* A namespace, which is followed no longer, has none. */
void server_turns_forget(struct namespaces *namespaces, struct follower *follower);

/* Publish all that is known, once more: what an earlier controller left goes as soon as everything is open. */
void server_turns_publish(struct namespaces *namespaces);

#endif
