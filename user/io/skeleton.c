/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "skeleton.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stubsieve/abi.h>

#include "stubsieve.skel.h"
#include "stubsieve_plain.skel.h"

static void take_plain(struct bpf_object_skeleton *skeleton)
{
	const void *octets = stubsieve_plain_bpf__elf_bytes(&skeleton->data_sz);

	memcpy(&skeleton->data, &octets, sizeof(octets)); /* to libbpf it is no constant, which it does not write to */
}

struct stubsieve_bpf *skeleton_open(bool is_plain)
{
	struct stubsieve_bpf *skeleton = calloc(1, sizeof(*skeleton));
	int r;

	if (!skeleton)
		return NULL;
	r = stubsieve_bpf__create_skeleton(skeleton);
	if (r == 0 && is_plain)
		take_plain(skeleton->skeleton);
	if (r == 0)
		r = bpf_object__open_skeleton(skeleton->skeleton, NULL);
	if (r == 0)
		return skeleton;
	stubsieve_bpf__destroy(skeleton);
	errno = -r;
	return NULL;
}
