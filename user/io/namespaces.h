/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All network namespaces under control: the controller's own, and each in which a process of the scope lives, from
 * the time when the sensor or the scan tells of it until its last process and its name are gone. What is open of a
 * namespace keeps it alive, so it is held no longer than that.
 */
#ifndef STUBSIEVE_NAMESPACES_H
#define STUBSIEVE_NAMESPACES_H

#include <stdbool.h>
#include <stdint.h>

#include "followers.h"

/* Open the controller's own, and publish it; attach nothing yet. */
int namespaces_open(struct namespaces *namespaces, const struct config *config, struct programs *programs,
		    const struct scope *scope, int epoll_fd, struct error *error);

/* The same namespaces were followed until now: go on from there (namespace_carry()). They have to be there until NULL. */
void namespaces_carry(struct namespaces *namespaces, const struct namespaces *before);

/* Find and open the others as namespaces_attach() does, but attach nothing yet. */
void namespaces_find_others(struct namespaces *namespaces);

/*
 * Attach to the interfaces of the own one, then find the others. namespaces_work() opens them one after the other,
 * because attaching to an interface can take the kernel 20 ms; `is_complete` says that it is done.
 */
int namespaces_attach(struct namespaces *namespaces, struct error *error);

/* Are those that were there at the start open and attached to? */
bool namespaces_are_attached(const struct namespaces *namespaces);

/* Is all known of those that are open (namespace_is_known())? */
bool namespaces_are_known(const struct namespaces *namespaces);

/* Others have put their programs in place of ours: namespaces_attach() attaches to everything once more. */
void namespaces_release(struct namespaces *namespaces);

/* Leave the filters in place. */
void namespaces_close(struct namespaces *namespaces);

/* One of the descriptors is readable. */
void namespaces_handle(struct namespaces *namespaces, uint64_t tag, uint64_t now);

/* The programs told of an unknown namespace, or of routes that changed. */
void namespaces_take_event(struct namespaces *namespaces, const struct sieve_event *event);

/* Do what is due, a bounded share of it. The next time is namespaces_due(). */
void namespaces_work(struct namespaces *namespaces);
uint64_t namespaces_due(const struct namespaces *namespaces, uint64_t now);

/* The directory of the pins is another one: pin again, and look at all attachments anew. */
void namespaces_pin_again(struct namespaces *namespaces);

/* Is the pinned link one that hangs in a namespace that is followed? */
bool namespaces_want(const struct namespaces *namespaces, const struct pin *pin);

#endif
