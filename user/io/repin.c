/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "repin.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "mounts.h"
#include "pins.h"

static void tell(struct repin *repin, const char *text)
{
	if (strcmp(text, repin->trouble) == 0)
		return;
	fprintf(stderr, "stubsieve: %s\n", text);
	snprintf(repin->trouble, sizeof(repin->trouble), "%s", text);
}

/* Our directory where it is to be; as long as the old one is open, what is pinned in it stays. */
static int take_directory(struct repin *repin, struct error *error)
{
	_cleanup_close_ int fd = -1;
	int r = mounts_make_pin_dir(repin->pin_dir, error);

	if (r == 0)
		r = mounts_lock_pin_dir(repin->pin_dir, &fd, error);
	if (r < 0)
		return r;
	pins_move(*repin->lock_fd, repin->pin_dir);
	close(*repin->lock_fd);
	*repin->lock_fd = take_fd(&fd);
	return 0;
}

static int pin_again(struct repin *repin, struct error *error)
{
	int r = programs_pin_again(repin->programs, repin->pin_dir);

	if (r < 0)
		return fail(error, -r, "cannot pin the maps in %s: %s", repin->pin_dir, strerror(-r));
	namespaces_pin_again(repin->namespaces);
	return scope_attach(repin->scope, repin->programs, error);
}

void repin_watch(struct repin *repin)
{
	bool is_there = mounts_is_at(*repin->lock_fd, repin->pin_dir);
	struct error error;
	char text[512];
	int r = 0;

	if (is_there && programs_are_pinned(repin->programs, repin->pin_dir))
		return;
	if (!is_there)
		r = take_directory(repin, &error);
	if (r == 0)
		r = pin_again(repin, &error);
	if (r < 0) {
		snprintf(text, sizeof(text), "the pins in %s are gone, and cannot be made again: %.300s", repin->pin_dir,
			 error.text);
		tell(repin, text);
		return;
	}
	repin->trouble[0] = '\0';
	fprintf(stderr, "stubsieve: the pins in %s were gone (was the bpffs unmounted?); all is pinned again\n",
		repin->pin_dir);
}
