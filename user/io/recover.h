/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What was counted, when the pins are lost and nobody holds the maps but programs on links: the next controller adopts
 * those links by their ids, and goes on with these maps.
 */
#ifndef STUBSIEVE_RECOVER_H
#define STUBSIEVE_RECOVER_H

struct bpf_object;

/* The maps that have to be bound to every program for this, NULL at the end. */
extern const char *const recover_names[];

/*
 * For those maps of the object, not loaded yet, that have no pin where they are to be pinned: take the ones of programs
 * of this instance and version, if there are any. Takes CAP_SYS_ADMIN; without it there are none. 0 or -errno.
 */
int recover_counted(struct bpf_object *object, const char *pin_dir);

#endif
