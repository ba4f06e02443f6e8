/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Undoing what controllers did, also those that are gone. What was not ours stays. */
#ifndef STUBSIEVE_REMOVE_H
#define STUBSIEVE_REMOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "attach.h"
#include "error.h"

/* Everything pinned in this directory, links that lost their pins, and the clsact filters of every namespace it tells of. */
int remove_all(const char *pin_dir, struct error *error);

/*
 * The same for a controller that does not run. Call it with the lock of run_dir held. ERROR_ALREADY_RUNNING if a
 * controller with another run directory pins there.
 */
int remove_leftovers(const char *pin_dir, struct error *error);

/*
 * The clsact filters of every network namespace that the marks tell of, but those of the attachments that `keep` names
 * there (NULL: of none), and the marks that go with them. An error tells of the first namespace that could not be
 * entered; its marks stay, and the others are done. `everywhere`: the marks may be lost, so look into every namespace.
 */
typedef struct attachments *(*remove_keep)(uint32_t netns, void *data);
int remove_clsact(const char *pin_dir, bool everywhere, remove_keep keep, void *data, struct error *error);

#endif
