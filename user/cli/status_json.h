/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a controller tells of itself, as JSON: the answer to the question "status" on its control socket. */
#ifndef STUBSIEVE_STATUS_JSON_H
#define STUBSIEVE_STATUS_JSON_H

#include <jansson.h>

#include "controller.h"

/* NULL: no memory. The caller's reference. Surveys the namespace in full if the last one was not. */
json_t *status_json(struct controller *controller);

/*
 * {"file": PATH | null, "loaded_at": seconds since 1970, "reloads": how many came into force, "error": [LINE, ...] of the
 * last one | null, "spared": does this host observe because of `percent`?}; the file is NULL where there was none.
 */
json_t *reload_json(const struct controller *controller, const char *file);

/* The name of a reason, and a line about it. NULL outside the enum. */
const char *reason_name(enum sieve_reason reason);
const char *reason_text(enum sieve_reason reason);

#endif
