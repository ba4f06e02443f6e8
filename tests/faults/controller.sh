#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# controller.sh [GROUP...]: the controller is killed, at any moment of its start and afterwards, hangs, and is started
# twice.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/flow.sh
. tests/pins.sh
. tests/fault-lab.sh

DEATHS=24       # while it starts
DEATH_STEP_MS=5 # each later than the one before

# At the beginning it is not there yet, at the end it is long ready.
killed_while_it_starts() {
	local i
	start_filter "killed while it starts: the first one" --settle 0 || return
	fault_note_programs
	filter_ends KILL
	fault_begin
	for ((i = 0; i < DEATHS; i++)); do
		lab_filter_launch --settle 0
		read -r -t "$(printf '0.%03d' $((i * DEATH_STEP_MS)))" _ <&"$NEVER"
		filter_ends KILL
	done
	start_filter "killed $DEATHS times while it starts: the next one" --settle 0
	fault_end "killed while it starts"
	check_equal "killed while it starts: one program on each interface" "1 1" "$(programs_on_interfaces)"
	check "killed while it starts: AAAA is answered" lab_filtered
}

killed_and_started_again() {
	local i
	fault_begin
	for ((i = 0; i < 5; i++)); do
		filter_ends KILL
		sleep 0.2
		start_filter "killed and started again ($i)" --settle 0 || return
	done
	fault_end "killed and started again"
	check_equal "killed and started again: none reached the server" 0 "$SERVER"
}

# Hung for longer than it may be silent: every query passes; a route that comes counts at once.
hangs() {
	local hung back
	lab_filter_stop
	fault_new_counters
	start_filter "hangs" --settle 0 --fail-open-after 1 --fail-open-spread 0 || return
	fault_note_programs
	fault_begin
	sleep 0.5
	kill -STOP "$LAB_FILTER_PID"
	hung=$(lab_ms)
	LAB_TIMEOUT=8 check "hung: status says so" says "is it stopped" status
	sleep 0.5
	back=$(lab_ms)
	kill -CONT "$LAB_FILTER_PID"
	lab_until 5 lab_filtered
	sleep 0.3
	fault_end "hangs"
	check_equal "hung: none passes while it is not silent for too long" 0 "$(flow_before $((hung + 500)) server)"
	check_equal "hung: all pass afterwards" 0 "$(($(flow_after $((hung + 1300)) filter) - $(flow_after "$back" filter)))"
	check "hung and back: AAAA is answered" lab_filtered
	route_beside_hung
}

route_beside_hung() {
	fault_begin
	kill -STOP "$LAB_FILTER_PID"
	lab_control ip -6 route add 2001:db8:77::/48 dev h0
	check_equal "hung: a route that comes lets the next query pass" "" "$(lab_filtered && echo answered)"
	lab_control ip -6 route del 2001:db8:77::/48 dev h0
	kill -CONT "$LAB_FILTER_PID"
	check "back: the lost route acts" lab_until 5 lab_filtered
	fault_end "hangs while a route comes and goes"
}

# says PATTERN COMMAND...: the command fails with a line that has it
says() {
	local pattern=$1
	shift
	! lab_filter "$@" >/dev/null 2>"$LAB_DIR/said" && grep -qE -e "$pattern" "$LAB_DIR/said"
}

second_instance() {
	local i status
	fault_begin
	for i in 1 2 3; do
		status=0
		lab_control "$STUBSIEVE" run --cgroup "$LAB/clients" --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve" \
			2>"$LAB_DIR/second" || status=$?
		check_equal "second instance ($i): exit 4, names the first" "4 $LAB_FILTER_PID" \
			"$status $(sed -n 's/.*pid \([0-9]*\).*/\1/p' "$LAB_DIR/second")"
	done
	sleep 0.2
	fault_end "second instance"
	check_equal "second instance: one program on each interface" "1 1" "$(programs_on_interfaces)"
}

# To stop what does not answer takes a signal that it cannot ignore; the message says which.
stop_of_hung() {
	fault_begin
	kill -STOP "$LAB_FILTER_PID"
	LAB_TIMEOUT=20 check "stop of a hung controller: says what to do" says "kill -KILL $LAB_FILTER_PID" stop
	kill -KILL "$LAB_FILTER_PID"
	lab_until 5 lab_gone "$LAB_FILTER_PID" && LAB_FILTER_PID=''
	check "stop, as it said" lab_filter stop
	check "... leaves nothing" lab_until 5 fault_nothing_left
	fault_new_counters
	start_filter "... and the next one starts" --settle 0
	fault_end "stop of a hung controller"
}

need_root
exec {NEVER}<> <(:)
[ $# -gt 0 ] || set -- killed_while_it_starts killed_and_started_again hangs second_instance stop_of_hung
lab_init fault-controller
lab_host ipv4
for group; do
	"$group"
done
fault_over
finish
