/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel says of a BPF link; older UAPI headers than those of Linux 6.6 lack tcx. */
#ifndef STUBSIEVE_LINK_INFO_H
#define STUBSIEVE_LINK_INFO_H

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#define LINK_ATTACH_TCX_INGRESS 46
#define LINK_ATTACH_TCX_EGRESS 47
#define LINK_TYPE_TCX 11

/* struct bpf_link_info, as far as it is read */
struct link_info {
	__u32 type;
	__u32 id;
	__u32 prog_id;
	__u32 padding;
	union {
		struct {
			__u32 ifindex; /* 0: the device is gone */
			__u32 attach_type;
		} tcx;
		struct {
			__u64 cgroup_id; /* 0: the cgroup is gone */
			__u32 attach_type;
		} cgroup;
		char room[112]; /* more than any kernel fills */
	};
};

static inline int link_info_get(int link_fd, struct link_info *ret_info)
{
	__u32 size = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	return bpf_obj_get_info_by_fd(link_fd, ret_info, &size) < 0 ? -errno : 0;
}

#endif
