# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What the lab's filter has pinned, for tests that have sourced tools/lab/lab.sh.
#
#   pins                     the kinds of links and filters that are pinned or marked
#   link_ids FIELD           of the pinned links: id, or prog_id
#   none_there KIND ID...    the kernel has none of these any more: link, or prog

pins() { lab_control ls "$LAB_DIR/bpf/stubsieve" 2>/dev/null | sed -n 's/^\(tcx\|cgroup\|clsact\)-.*/\1/p' | sort -u; }

link_ids() {
	local pin
	for pin in $(lab_control find "$LAB_DIR/bpf/stubsieve" -name 'tcx-*' -o -name 'cgroup-*' 2>/dev/null); do
		lab_control bpftool -j link show pinned "$pin" | jq -r ".$1"
	done | sort -u
}

none_there() {
	local kind=$1 id
	shift
	for id; do bpftool "$kind" show id "$id" >/dev/null 2>&1 && return 1; done
	return 0
}
