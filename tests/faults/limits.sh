#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# limits.sh [GROUP...]: too few files, too little memory, full maps and buffers, full disks. A controller starts or says
# what it lacks; one that runs goes on, and catches up when there is room again.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/flow.sh
. tests/pins.sh
. tests/fault-lab.sh
. tests/container-lab.sh

# A controller, of whom it takes over from.
is_there() {
	lab_filter_runs || start_filter "the next controller" --settle 0
}

# start_within PHRASE PATTERN COMMAND...: the controller by that command, which may refuse with a line that has PATTERN
start_within() {
	local phrase=$1 pattern=$2
	shift 2
	: >"$LAB_DIR/limited.log"
	(lab_stay control "$LAB_HOST_PID" "$@" "$STUBSIEVE" run --run-dir "$LAB_DIR/run" \
		--pin-dir "$LAB_DIR/bpf/stubsieve" --cgroup "$LAB/clients" --settle 0) \
		>"$LAB_DIR/limited.log" 2>&1 </dev/null &
	LAB_FILTER_PID=$!
	disown
	lab_until 5 started_or_ended
	if lab_gone "$LAB_FILTER_PID"; then
		REFUSED=$((REFUSED + 1)) LAB_FILTER_PID=''
		grep -qE -e "$pattern" "$LAB_DIR/limited.log" || ODD+="$phrase: $(cat "$LAB_DIR/limited.log")"$'\n'
	else
		STARTED=$((STARTED + 1))
		fault_note_programs
		filter_ends TERM
	fi
}

started_or_ended() { lab_filter_runs || lab_gone "$LAB_FILTER_PID"; }

# starts_or_refuses PHRASE: what start_within saw
starts_or_refuses() {
	check_equal "$1: each refusal says what is lacking" "" "$ODD"
	check_number "$1: with little it refuses" "$REFUSED" -gt 0
	check_number "$1: with more it starts" "$STARTED" -gt 0
}

files_at_the_start() {
	local limit
	STARTED=0 REFUSED=0 ODD=''
	is_there && filter_ends KILL
	fault_begin
	for limit in 4 8 12 16 20 22 24 26 28 30 64; do
		start_within "$limit files" "Too many open files|file descriptors|open files" prlimit --nofile="$limit:$limit"
	done
	start_filter "files: enough again" --settle 0
	fault_end "too few files at the start"
	starts_or_refuses "files"
}

memory_at_the_start() {
	[ -z "${WATCHED:-}" ] || { skip "too little memory at the start" "ASan takes terabytes of addresses"; return; }
	local mib
	STARTED=0 REFUSED=0 ODD=''
	is_there && filter_ends KILL
	fault_begin
	for mib in 8 12 16 24 128; do
		start_within "$mib MiB" "[Oo]ut of memory|Cannot allocate memory|memory|shared librar|map segment|stubsieve: " \
			prlimit --as=$((mib << 20)):$((mib << 20))
	done
	start_filter "memory: enough again" --settle 0
	fault_end "too little memory at the start"
	starts_or_refuses "memory"
}

# One that runs, and then may open no more but what it spares for those that it follows: others that come are not followed
# until it may again.
files_at_run_time() {
	local have
	is_there
	have=$(fds "$LAB_FILTER_PID")
	fault_begin
	prlimit --pid "$LAB_FILTER_PID" --nofile="$((have + 100)):"
	container_start few clients
	container_bridged few 2
	sleep 0.5
	check_equal "no more files: queries of a namespace that cannot be followed pass" server=3 "$(container_fates few --count 3)"
	check "no more files: a name of the host is answered" lab_filtered
	check "no more files: it says so" lab_until 5 says_of_files
	prlimit --pid "$LAB_FILTER_PID" --nofile=1024:
	check "files again: it is filtered" lab_until 5 is_filtered few
	fault_end "no more files at run time"
	container_end few
	check "files: what was opened is closed" lab_until 5 has_fds "$have"
	has_fds "$have" || note "$have before, $(fds "$LAB_FILTER_PID") now"
}

# Who asked may be gone before a slow controller looks for its namespace, so it is asked until then.
says_of_files() {
	container_fates few >/dev/null
	said "Too many open files|file descriptors|open files"
}

has_fds() { [ "$(fds "$LAB_FILTER_PID")" -le "$1" ]; }

# The controller lives on, or is ended by the kernel; the filter stays.
memory_at_run_time() {
	[ -z "${WATCHED:-}" ] || { skip "no more memory at run time" "ASan takes terabytes of addresses"; return; }
	local size
	is_there
	size=$(awk '$1 == "VmSize:" { print $2 * 1024 }' "/proc/$LAB_FILTER_PID/status")
	fault_begin
	prlimit --pid "$LAB_FILTER_PID" --as="$size:$((1 << 40))"
	for i in 3 4 5; do
		container_start "memory$i" clients
		container_bridged "memory$i" "$i"
	done
	for i in 3 4 5; do container_fates "memory$i"; done >/dev/null
	lab_control ip -6 route add 2001:db8:77::/48 dev h0
	check_equal "no more memory: a route that comes lets the next query pass" "" "$(lab_filtered && echo answered)"
	lab_control ip -6 route del 2001:db8:77::/48 dev h0
	if lab_gone "$LAB_FILTER_PID"; then
		not_ok "no more memory: the controller goes on" "$(tail -n 3 "$LAB_DIR/filter.log")"
		start_filter "memory: the next one" --settle 0
	fi
	prlimit --pid "$LAB_FILTER_PID" --as="$((1 << 40)):$((1 << 40))"
	check "memory again: the host is answered" lab_until 5 lab_filtered
	fault_end "no more memory at run time"
	for i in 3 4 5; do
		check "memory again: namespace $i is filtered" lab_until 5 is_filtered "memory$i"
		container_end "memory$i"
	done
}

# By its next query, or soon after it.
is_filtered() { [ "$(container_fates "$1")" = filter=1 ]; }

# A cgroup of the memory controller, in either version, with that much for the controller and its maps.
memory_of_the_cgroup() {
	local mib group
	group=$(sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \([^ ]*\) .* - cgroup [^ ]* .*memory.*/\1/p' /proc/self/mountinfo | head -n 1)
	if [ -z "$group" ]; then
		skip "memory of the cgroup" "no memory controller of cgroup v1"
		return
	fi
	group=$group/$LAB
	mkdir "$group" || return
	is_there && filter_ends KILL
	STARTED=0 REFUSED=0 ODD=''
	fault_begin
	for mib in 1 3 6 ${WATCHED:+256} 64; do
		echo $((mib << 20)) >"$group/memory.limit_in_bytes"
		start_within "a cgroup of $mib MiB" "" sh -c "echo 0 >$group/cgroup.procs && exec \"\$@\"" sh
	done
	start_filter "memory of the cgroup: enough again" --settle 0
	fault_end "too little memory in the cgroup"
	check_number "memory of the cgroup: with enough it starts" "$STARTED" -gt 0
	note "memory of the cgroup: $REFUSED of $((STARTED + REFUSED)) refused, or ended by the kernel"
	rmdir "$group"
}

full_map() {
	local i fates
	is_there && filter_ends TERM
	start_filter "a full map" --settle 0 --max-netns 2 || return
	fault_begin
	for i in 6 7 8; do
		container_start "full$i" clients
		container_bridged "full$i" "$i"
	done
	lab_until 5 one_is_filtered
	fates=$(for i in 6 7 8; do container_fates "full$i" --count 2; done | sort | paste -sd ' ')
	check_equal "a full map: of three namespaces one is filtered, the others' queries pass" "filter=2 server=2 server=2" "$fates"
	check "a full map: it says so, and what to do" said "max-netns"
	for i in 6 7 8; do container_end "full$i"; done
	check "a full map: there is room again" lab_until 5 shows_netns 1
	fault_end "a full map of namespaces"
}

one_is_filtered() { for i in 6 7 8; do container_fates "full$i"; done | grep filter; }

shows_netns() { [ "$(lab_status '.netns | length')" = "$1" ]; }

# More messages of routes than the receive buffer holds. That a full ring buffer loses no namespace is tested in
# tests/kernel/sensor.c.
lost_messages() {
	is_there
	fault_begin
	kill -STOP "$LAB_FILTER_PID"
	lab_control "$BUILD/tests/tools/route-storm" flap 4 0 30000 h0 >/dev/null
	lab_control ip -6 route add 2001:db8:77::/48 dev h0
	kill -CONT "$LAB_FILTER_PID"
	check "lost messages: the route that came in their midst is shown" lab_until 5 shows_verdict pass
	check_number "lost messages: they were lost" "$(lab_status '[.netns[].overflows] | add')" -gt 0
	lab_control ip -6 route del 2001:db8:77::/48 dev h0
	check "lost messages: without it AAAA is answered" lab_until 5 lab_filtered
	fault_end "lost messages of routes"
}

shows_verdict() { [ "$(lab_status '.netns[0].verdict.aaaa')" = "$1" ]; }

# A directory without room for a file: the controller does not start half.
full_disk() {
	is_there && filter_ends TERM
	lab_control mkdir -p "$LAB_DIR/small"
	lab_control mount -t tmpfs -o size=4k,nr_inodes=3 none "$LAB_DIR/small"
	fault_begin
	lab_control sh -c "cat /dev/zero >$LAB_DIR/small/full" 2>/dev/null
	lab_control "$STUBSIEVE" run --run-dir "$LAB_DIR/small/run" --pin-dir "$LAB_DIR/bpf/other" --cgroup "$LAB/clients" \
		2>"$LAB_DIR/small.log"
	check_equal "a full run-dir: it does not start" 1 $?
	check "a full run-dir: it names the place and the cause" grep -q "$LAB_DIR/small/run.*No space left" "$LAB_DIR/small.log"
	start_filter "the disk has room again" --settle 0
	fault_end "a full run-dir"
	lab_control umount "$LAB_DIR/small"
}

need_root
[ $# -gt 0 ] || set -- files_at_the_start files_at_run_time memory_of_the_cgroup full_map lost_messages full_disk memory_at_the_start memory_at_run_time
lab_init fault-limits
containers_host ipv4
for group; do
	"$group"
done
fault_over
finish
