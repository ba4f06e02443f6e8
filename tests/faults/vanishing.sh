#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# vanishing.sh [GROUP...]: cgroups, network namespaces, interfaces and the bpffs go away, again and again, also while
# the controller starts. What is left is served all the time; nothing of what went is kept.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/flow.sh
. tests/pins.sh
. tests/fault-lab.sh
. tests/container-lab.sh

TIMES=40

# as_before PHRASE PROMISED FDS: so many files are open as then, once all that is owed was done
as_before() {
	check "$1: no file is left open" lab_until "$2" has_fds "$3"
	has_fds "$3" || note "$3 before, $(fds "$LAB_FILTER_PID") now"
	check "$1: AAAA is answered" lab_filtered
}

has_fds() { [ "$(fds "$LAB_FILTER_PID")" -le "$1" ]; }

cgroups() {
	local i before
	mkdir "$LAB_CGROUP/again"
	start_filter "a cgroup goes and returns" --settle 0 --cgroup "$LAB/clients" --cgroup "$LAB/again" || return
	before=$(fds "$LAB_FILTER_PID")
	fault_begin
	for ((i = 0; i < TIMES; i++)); do
		rmdir "$LAB_CGROUP/again"
		[ $((i % 2)) -eq 0 ] || read -r -t 0.01 _ <&"$NEVER"
		mkdir "$LAB_CGROUP/again"
	done
	rmdir "$LAB_CGROUP/again"
	lab_until 2 shows_cgroup_gone
	fault_end "a cgroup goes and returns $TIMES times"
	check "... and is shown as gone" shows_cgroup_gone
	as_before "a cgroup goes and returns" 2 "$before"
	fault_note_programs
	lab_filter_stop
	fault_new_counters
}

shows_cgroup_gone() { [ "$(lab_status '.cgroups[] | select(.path | endswith("again")) | .attached')" = false ]; }

# While it starts the cgroup goes and returns all the time. It must not fail, and all is attached in the end.
cgroups_at_the_start() {
	local i goes
	fault_begin
	for ((i = 0; i < 5; i++)); do
		(while rmdir "$LAB_CGROUP/again" 2>/dev/null || mkdir "$LAB_CGROUP/again" 2>/dev/null; do :; done) &
		goes=$!
		start_filter "a cgroup goes while it starts ($i)" --settle 0 --action "$(action_of $i)" --cgroup "$LAB/clients" --cgroup "$LAB/again"
		kill "$goes"
		wait "$goes" 2>/dev/null
		filter_ends TERM
	done
	mkdir -p "$LAB_CGROUP/again"
	start_filter "a cgroup that went while it started" --settle 0 --cgroup "$LAB/clients" --cgroup "$LAB/again"
	fault_note_programs
	fault_end "a cgroup goes while it starts"
	check_equal "... is attached in the end" "true true" "$(lab_status '[.cgroups[].attached] | join(" ")')"
	lab_filter_stop
	fault_new_counters
}

action_of() { [ $(($1 % 2)) -eq 0 ] && echo answer || echo observe; }

interfaces() {
	local i before
	start_filter "interfaces go" --settle 0 || return
	before=$(fds "$LAB_FILTER_PID")
	fault_begin
	for ((i = 0; i < TIMES; i++)); do
		printf 'link add x%d type veth peer name y%d\nlink set x%d up\nlink del x%d\n' $i $i $i $i
	done | lab_control ip -batch -
	fault_end "$TIMES pairs of interfaces come and go"
	as_before "interfaces go" 5 "$before"
	check_equal "... and no pin" 2 "$(lab_control ls "$LAB_DIR/bpf/stubsieve" | grep -c '^tcx-')"
	filter_ends TERM
}

interfaces_at_the_start() {
	local i goes
	fault_begin
	for ((i = 0; i < 5; i++)); do
		lab_enter control "$LAB_HOST_PID" 20 sh -c 'while :; do ip link add x0 type veth peer name y0; ip link del x0; done' 2>/dev/null &
		goes=$!
		start_filter "interfaces go while it starts ($i)" --settle 0
		kill "$goes"
		wait "$goes" 2>/dev/null
		lab_control ip link del x0 2>/dev/null
		filter_ends KILL
	done
	start_filter "after interfaces went while it started" --settle 0
	fault_note_programs
	fault_end "interfaces go while it starts"
	as_before "interfaces went while it started" 2 "$(fds "$LAB_FILTER_PID")"
}

# Namespaces whose last process ends as soon as it has made a socket.
namespaces() {
	local i before
	before=$(fds "$LAB_FILTER_PID")
	fault_begin
	for ((i = 0; i < TIMES; i++)); do
		(echo "$BASHPID" >"$LAB_CGROUP/clients/cgroup.procs"
			exec nsenter --target "$LAB_HOST_PID" --mount --net unshare --net sh -c '
				ip link set lo up; getent ahostsv4 both.example >/dev/null; ip link add x0 type veth peer name y0')
	done >/dev/null 2>&1
	fault_end "$TIMES network namespaces come and go"
	check "network namespaces: those that went are let go" lab_until 5 follows 1
	as_before "network namespaces" 2 "$before"
}

follows() { [ "$(lab_status '.netns | length')" = "$1" ]; }

# The namespace ends between two messages: its routes and devices vanish, too.
namespaces_at_the_start() {
	local i goes
	filter_ends TERM
	fault_begin
	for ((i = 0; i < 4; i++)); do
		(echo "$BASHPID" >"$LAB_CGROUP/clients/cgroup.procs"
			exec timeout 20 sh -c 'while :; do unshare --net sh -c "ip link set lo up; ip link add x0 type veth peer name y0"; done') &
		goes=$!
		start_filter "namespaces go while it starts ($i)" --settle 0
		kill "$goes"
		wait "$goes" 2>/dev/null
		filter_ends TERM
	done
	start_filter "after namespaces went while it started" --settle 0
	fault_end "namespaces go while it starts"
	check "namespaces at the start: those that went are let go" lab_until 5 follows 1
}

# The pins go out of sight; the controller holds what it needs, and pins it anew, so that its death changes nothing.
bpffs() {
	lab_filter_runs || start_filter "the bpffs goes" --settle 0 || return
	fault_begin
	lab_control umount -l "$LAB_DIR/bpf"
	lab_control mount -t bpf bpf "$LAB_DIR/bpf"
	check "the bpffs is another one: all is pinned again" lab_until 5 pinned_again
	filter_ends KILL
	check "... and survives the controller" lab_filtered
	start_filter "... and is taken over" --settle 0
	fault_note_programs
	fault_end "the bpffs is unmounted and mounted again"
	check_equal "... with one program on each interface" "1 1" "$(programs_on_interfaces)"
}

pinned_again() { [ "$(lab_control ls "$LAB_DIR/bpf/stubsieve" | grep -c -e '^tcx-' -e '^counters-')" -ge 3 ]; }

need_root
exec {NEVER}<> <(:)
[ $# -gt 0 ] || set -- cgroups cgroups_at_the_start interfaces interfaces_at_the_start namespaces namespaces_at_the_start bpffs
lab_init fault-vanishing
lab_host ipv4
for group; do
	"$group"
done
fault_over
finish
