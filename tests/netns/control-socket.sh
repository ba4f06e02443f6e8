#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The control socket is root's alone, and no peer of it can hang the controller or have it grow: one that says nothing,
# too much, a part or nonsense, that does not read, that goes away, or comes hundreds of times at once.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh

PESTER=$BUILD/tests/tools/pester
SOCKET=

descriptors() { find "/proc/$CONTROLLER/fd" -mindepth 1 2>/dev/null | wc -l; }
resident() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$CONTROLLER/status"; }
children() { tr ' ' '\n' <"/proc/$CONTROLLER/task/$CONTROLLER/children" | grep -c .; }
as_before() { [ "$(descriptors)" -le "$DESCRIPTORS" ] && [ "$(children)" -eq 0 ]; }

# check_alive PHRASE: it beats, it answers commands and queries
check_alive() {
	check "$1: status is answered" lab_until 20 lab_filter_runs
	check_equal "$1: the heart beats" true "$(lab_status '.heartbeat_age_seconds < 10')"
	check "$1: queries are answered" lab_until 5 lab_filtered
}

# pester MODE COUNT: one after another
pester() {
	local began
	began=$(lab_ms)
	check "$1, $2 times" lab_control "$PESTER" "$SOCKET" "$1" "$2"
	note "$(($(lab_ms) - began)) ms"
	check_alive "$1"
	check "$1: nothing stays open" lab_until 15 as_before
}

# hold MODE COUNT: at once, while the rest goes on
hold() {
	local most
	mkfifo "$LAB_DIR/held"
	(lab_stay control "$LAB_HOST_PID" "$PESTER" "$SOCKET" "$1" "$2") <>"$LAB_DIR/held" >"$LAB_DIR/pester.log" 2>&1 &
	HELD=$!
	disown
	check "$1, $2 at once" lab_until 10 grep -q ready "$LAB_DIR/pester.log"
	check_alive "$1"
	most=$(descriptors)
	check_number "$1: descriptors, beside those before" "$((most - DESCRIPTORS))" -le 260
	check_number "$1: children" "$(children)" -le 64
	lab_end "$HELD"
	rm "$LAB_DIR/held"
	check "$1: nothing stays open" lab_until 15 as_before
}

cpu_ms() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000 / hz) }' "/proc/$CONTROLLER/stat"; }

# Who connects then waits in the backlog, and is reported until somebody takes it.
no_room() {
	local limit before
	limit=$(prlimit --pid "$CONTROLLER" --nofile --noheadings --output SOFT)
	prlimit --pid "$CONTROLLER" --nofile=3:
	before=$(cpu_ms)
	lab_control timeout 3 "$STUBSIEVE" status --run-dir "$LAB_DIR/run" >/dev/null 2>&1
	check_number "no descriptor for a connection: ms of CPU within 3 s" "$(($(cpu_ms) - before))" -le 300
	prlimit --pid "$CONTROLLER" --nofile="$limit":
	check_alive "a descriptor again"
	check "a descriptor again: nothing stays open" lab_until 15 as_before
}

need_root
lab_init control-socket
lab_host ipv4
start_filter "control socket" --settle 0 || finish
CONTROLLER=$(lab_status .pid)
SOCKET=$LAB_DIR/run/control
check "it answers" lab_until 5 lab_filtered
lab_until 5 test "$(children)" -eq 0
DESCRIPTORS=$(descriptors)
RESIDENT=$(resident)
check_equal "it is root's alone" "600 0 0" "$(stat -c '%a %u %g' "$SOCKET")"
check "another user may not connect" grep -q "Permission denied" <(lab_control setpriv --reuid=65534 --regid=65534 --clear-groups \
	"$PESTER" "$SOCKET" close 1 2>&1)
pester close 500
pester part 100
pester garbage 20
pester leave 100
hold idle 400
hold deaf 80
no_room
check_number "resident memory, KiB more than before" "$(($(resident) - RESIDENT))" -le 2048
check_equal "nothing was worth a word" "" "$(grep -v ': ready' "$LAB_DIR/filter.log")"
finish
