/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the metrics tell, of a controller or of what one left. The texts are the caller's to free; NULL: no memory. */
#ifndef STUBSIEVE_METRICS_GATHER_H
#define STUBSIEVE_METRICS_GATHER_H

#include "controller.h"

/* The controller's own: the answer to the question "metrics" on its control socket. */
char *metrics_of_controller(const struct controller *controller);

/* Of one that does not run, or does not answer: what is still counted while its filter is in place. */
char *metrics_of_pins(const char *pin_dir);

#endif
