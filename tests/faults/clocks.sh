#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# clocks.sh: the time of day jumps by years at every look; the controller lives in a time namespace, whose
# CLOCK_MONOTONIC is not that of the BPF programs. The heartbeat is the kernel's all the same: neither is every query
# taken for one of a dead controller, nor a dead controller for one that lives.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/flow.sh
. tests/pins.sh
. tests/fault-lab.sh

DAY=86400

# launch COMMAND...: the controller by that command, with 1 s of patience
launch() {
	(lab_stay control "$LAB_HOST_PID" "$@" "$STUBSIEVE" run --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve" \
		--cgroup "$LAB/clients" --settle 0 --fail-open-after 1 --fail-open-spread 0) \
		>>"$LAB_DIR/filter.log" 2>&1 </dev/null &
	LAB_FILTER_PID=$!
	disown
	check "$PHRASE: the controller starts" lab_until 5 lab_filter_runs
	fault_note_programs
}

# alive_and_dead: it answers for longer than the patience lasts, and not when it is dead
alive_and_dead() {
	local age
	fault_begin
	sleep 1.7
	age=$(lab_status '.heartbeat_age_seconds')
	fault_end "$PHRASE"
	check_number "$PHRASE: they are answered while it lives" $((2 * FILTER)) -gt "$SENT"
	check_equal "$PHRASE: the heartbeat is shown as fresh ($age s)" true "$(jq -n "$age >= 0 and $age < 2")"
	check_equal "$PHRASE: it counts its own time well" true "$(lab_status '.uptime_seconds >= 1 and .uptime_seconds < 60')"
	kill -KILL "$(lab_status .pid)"
	lab_until 5 lab_gone "$LAB_FILTER_PID"
	LAB_FILTER_PID=''
	check "$PHRASE: when it is dead, queries pass" lab_until 3 passes
}

passes() { ! lab_filtered; }

need_root
lab_init fault-clocks
lab_host ipv4
PHRASE="the time of day jumps"
launch env LD_PRELOAD="$PWD/$BUILD/tests/tools/shifted-clock.so" \
	ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0"
alive_and_dead
if [ -e /proc/self/timens_offsets ]; then
	for offset in $DAY -$((DAY / 24 / 60)); do
		PHRASE="CLOCK_MONOTONIC is shifted by $offset s"
		launch unshare --time --monotonic "$offset" --fork --kill-child
		alive_and_dead
	done
else
	skip "a time namespace" "Linux before 5.6 has none"
fi
PHRASE="the clock is its own again"
launch env
alive_and_dead
fault_over
finish
