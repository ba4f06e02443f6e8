#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# stop --ramp: names pass one after another, until all do and the filter goes; whoever of the controller and the
# commands ends before that.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh

NAMES=200

# passing: the numbers of the names whose AAAA query reaches the server
passing() { lab_client "$BUILD/tests/tools/ask-many" "$LAB_SERVER4" "$NAMES" example | sort; }

count_passing() { passing | wc -l; }
all_pass() { [ "$(count_passing)" = "$NAMES" ]; }
none_pass() { [ "$(count_passing)" = 0 ]; }
in_ramp() { [ "$(lab_status '.ramp | type')" = object ]; }

# stop_begin FILE [OPTION...]: in the background, at BEGAN; STOPPING is its pid
stop_begin() {
	local file=$LAB_DIR/$1
	shift
	BEGAN=$(lab_ms)
	(lab_stay control "$LAB_HOST_PID" "$STUBSIEVE" stop --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve" "$@") \
		>"$file.log" 2>&1 </dev/null &
	STOPPING=$!
}

# stop_ended PID: sets STATUS, as wait does
stop_ended() {
	STATUS=0
	wait "$1" || STATUS=$?
}

gone() {
	check_equal "$1: the filter is gone" "" "$(lab_control find "$LAB_DIR/bpf" -mindepth 1 ! -name '*.debug')"
	check "$1: no controller is left" lab_until 5 lab_gone "$LAB_FILTER_PID"
	check "$1: every name passes" all_pass
	LAB_FILTER_PID=''
}

# midway PHRASE MS: not all names pass while a ramp of so many ms, begun at BEGAN, is not over
midway() {
	local count
	count=$(count_passing)
	if [ $(($(lab_ms) - BEGAN)) -lt "$2" ]; then
		check_number "$1: not all names pass yet" "$count" -lt "$NAMES"
	else
		skip "$1: not all names pass yet" "this machine is too slow to see it"
	fi
}

kill_controller() {
	kill "-$1" "$LAB_FILTER_PID"
	lab_until 5 lab_gone "$LAB_FILTER_PID" || not_ok "the controller ends by SIG$1"
}

# One that goes its whole way: what passes goes on passing, and status and explain know.
ramp_whole() {
	local before after name
	start_filter "the whole way" --settle 0 || return
	check "the whole way: before it no name passes" none_pass
	check_equal "the whole way: before it status shows none" null "$(lab_status .ramp)"
	stop_begin stop --ramp 5
	check "the whole way: status shows it" lab_until 3 in_ramp
	check_equal "the whole way: status says how long it takes" 5 "$(lab_status .ramp.seconds)"
	check "the whole way: status shows it to people" grep -q 'gently: [0-9]* % of the names pass' <(lab_filter status)
	sleep 1
	before=$(passing)
	after=$(passing)
	note "$(wc -w <<<"$before") of $NAMES names pass, then $(wc -w <<<"$after")"
	check_number "the whole way: some names pass" "$(wc -w <<<"$before")" -gt 0
	midway "the whole way" 5000
	check_equal "the whole way: who passes goes on passing" "$before" "$(comm -12 <(echo "$before") <(echo "$after"))"
	name=n$(head -n 1 <<<"$before").example
	explained "the whole way" "$name" 5000
	stop_ended "$STOPPING"
	check_equal "the whole way: the command ends well, and says nothing" "0 " "$STATUS $(cat "$LAB_DIR/stop.log")"
	check_number "the whole way: it took so many ms" $(($(lab_ms) - BEGAN)) -ge 5000
	gone "the whole way"
}

# explained PHRASE NAME MS: explain says that the name passes, while a ramp of so many ms, begun at BEGAN, is not over
explained() {
	local said
	said=$(lab_client "$STUBSIEVE" explain "$2" --type AAAA --json --run-dir "$LAB_DIR/run" 2>/dev/null |
		jq -r '.queries[0] | "\(.verdict) \(.reason)"')
	if [ $(($(lab_ms) - BEGAN)) -lt "$3" ]; then
		check_equal "$1: explain knows of a name that passes" "pass ramp" "$said"
	else
		skip "$1: explain knows of a name that passes" "this machine is too slow to see it"
	fi
}

# What is left of a controller goes on with its ramp; the command that waits removes it.
ramp_killed() {
	local signal
	for signal in KILL TERM; do
		start_filter "SIG$signal in the middle" --settle 0 || return
		stop_begin stop --ramp 3
		lab_until 3 in_ramp
		kill_controller "$signal"
		midway "SIG$signal in the middle" 3000
		check "SIG$signal in the middle: the filter is there" lab_control test -e "$LAB_DIR/bpf/stubsieve"
		stop_ended "$STOPPING"
		check_equal "SIG$signal in the middle: the command ends well" "0 " "$STATUS $(cat "$LAB_DIR/stop.log")"
		gone "SIG$signal in the middle"
	done
}

# Nobody waits, nobody drives it: it ends in "all pass" by itself.
ramp_alone() {
	start_filter "nobody is left" --settle 0 || return
	stop_begin stop --ramp 1.5
	lab_until 3 in_ramp
	kill_controller KILL
	kill -KILL "$STOPPING"
	wait "$STOPPING" 2>/dev/null
	midway "nobody is left" 1500
	sleep 1.5
	check "nobody is left: all names pass" all_pass
	check "nobody is left: the filter is there" lab_control test -e "$LAB_DIR/bpf/stubsieve"
	start_filter "nobody is left: the next one" --settle 0 || return
	check "nobody is left: with the next one no name passes" lab_until 2 none_pass
	check_equal "nobody is left: the next one has no ramp" null "$(lab_status .ramp)"
	lab_filter_stop
}

# stop --ramp of what a dead controller left
ramp_leftovers() {
	start_filter leftovers --settle 0 || return
	kill_controller KILL
	check "leftovers: no name passes" none_pass
	stop_begin stop --ramp 3
	sleep 0.8
	midway "leftovers" 3000
	stop_ended "$STOPPING"
	check_equal "leftovers: the command ends well" "0 " "$STATUS $(cat "$LAB_DIR/stop.log")"
	check_number "leftovers: it took so many ms" $(($(lab_ms) - BEGAN)) -ge 3000
	gone leftovers
}

# The last word counts: a shorter ramp, or none.
ramp_replaced() {
	local first
	start_filter "another stop" --settle 0 || return
	stop_begin first --ramp 60
	first=$STOPPING
	lab_until 3 in_ramp
	stop_begin second --ramp 1
	stop_ended "$STOPPING"
	check_equal "another --ramp: it ends well" "0 " "$STATUS $(cat "$LAB_DIR/second.log")"
	check_time "another --ramp: it took so many ms" $(($(lab_ms) - BEGAN)) 2000
	stop_ended "$first"
	check_equal "another --ramp: so does the first" "0 " "$STATUS $(cat "$LAB_DIR/first.log")"
	gone "another --ramp"
	start_filter "a stop without" --settle 0 || return
	stop_begin first --ramp 60
	first=$STOPPING
	lab_until 3 in_ramp
	stop_begin second
	stop_ended "$STOPPING"
	check_equal "a stop without: it ends well" "0 " "$STATUS $(cat "$LAB_DIR/second.log")"
	stop_ended "$first"
	check_equal "a stop without: so does the first" "0 " "$STATUS $(cat "$LAB_DIR/first.log")"
	check_time "a stop without: both took so many ms" $(($(lab_ms) - BEGAN)) 2000
	gone "a stop without"
}

# Another configuration would be in force only to be removed.
refuses_reload() { ! lab_filter reload 2>"$LAB_DIR/reload.log" && grep -q 'stop --ramp' "$LAB_DIR/reload.log"; }

ramp_reloaded() {
	start_filter reload --settle 0 || return
	stop_begin stop --ramp 6
	lab_until 3 in_ramp
	check "reload in the middle: it is refused, and says why" refuses_reload
	check "reload in the middle: the ramp goes on" in_ramp
	midway "reload in the middle" 6000
	stop_ended "$STOPPING"
	check_equal "reload in the middle: the command ends well" "0 " "$STATUS $(cat "$LAB_DIR/stop.log")"
	gone "reload in the middle"
}

# A controller that is started ends a ramp that it finds; who waits for the end is told.
ramp_called_off() {
	start_filter "called off" --settle 0 || return
	stop_begin stop --ramp 60
	lab_until 3 in_ramp
	kill_controller TERM
	start_filter "called off: the next one" --settle 0 || return
	stop_ended "$STOPPING"
	check_equal "called off: the command fails" 1 "$STATUS"
	check "called off: and says why" grep -q "another controller (pid $(lab_status .pid)) took it over" "$LAB_DIR/stop.log"
	check "called off: no name passes" none_pass
	# Ctrl-C, with the same controller
	stop_begin stop --ramp 4
	lab_until 3 in_ramp
	kill -INT "$STOPPING"
	stop_ended "$STOPPING"
	check_equal "Ctrl-C: the command ends by it" 130 "$STATUS"
	check "Ctrl-C: it says who goes on" grep -q "goes on in the controller (pid $LAB_FILTER_PID)" "$LAB_DIR/stop.log"
	check "Ctrl-C: the controller ends when the ramp does" lab_until 5 lab_gone "$LAB_FILTER_PID"
	gone Ctrl-C
}

refused() {
	local status=0
	lab_control "$STUBSIEVE" stop --run-dir "$LAB_DIR/run" --ramp "$1" 2>"$LAB_DIR/refused.log" || status=$?
	check_equal "--ramp $1 is refused" 2 "$status"
}

ramp_words() {
	local word
	start_filter words --settle 0 || return
	for word in -1 x 86401 1e3 ''; do refused "$word"; done
	check "words: the filter is there" none_pass
	stop_begin stop --ramp 0
	stop_ended "$STOPPING"
	check_equal "--ramp 0: it ends well" "0 " "$STATUS $(cat "$LAB_DIR/stop.log")"
	gone "--ramp 0"
	stop_begin stop --ramp 30
	stop_ended "$STOPPING"
	check_equal "--ramp where there is nothing to stop: it ends well" "0 " "$STATUS $(cat "$LAB_DIR/stop.log")"
}

need_root
lab_init ramp
lab_host ipv4
[ $# -gt 0 ] || set -- whole killed alone leftovers replaced reloaded called_off words
for group; do "ramp_$group"; done
finish
