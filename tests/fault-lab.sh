# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What must hold whatever happens, for tests that have sourced tests/lib.sh, tools/lab/lab.sh, tests/flow.sh and tests/pins.sh. While
# a fault lasts, FAULT_RATE AAAA queries a second are sent from the host, which has IPv4 only.
#
#   fault_begin                the queries begin
#   fault_end PHRASE           they end: each was answered rightly, no counter went back, and a name still resolves
#   fault_new_counters         the next ones begin at 0: the maps were removed, by `stop` for example
#   fault_note_programs        remembers what is attached; fault_over looks for what is left of it
#   fault_over                 stops the filter: nothing is attached any more. Says what was survived, and leaves
#   fds PID                    how many files that process has open
#   said PATTERN               the controller's log has such a line
#   programs_on_interfaces     how many of ours are on each interface of the host, of lo and h0
#   filter_ends SIGNAL         ends the controller by that signal; its filter stays

FAULT_RATE=500
FAULT_QUERIES=0 FAULT_LOST=0 FAULT_WRONG=0 FAULTS=0

fault_counters() { lab_status '.counters | (del(.passed) + .passed) | to_entries[] | "\(.key) \(.value)"'; }

fault_new_counters() { : >"$LAB_DIR/counters"; }

# What went back, as lines NAME BEFORE NOW.
fault_counters_back() {
	touch "$LAB_DIR/counters"
	fault_counters >"$LAB_DIR/counters.now"
	[ -s "$LAB_DIR/counters.now" ] || echo "no counters can be read"
	awk 'FILENAME == ARGV[1] { before[$1] = $2; next } { now[$1] = $2 }
		END { for (name in before) if (now[name] + 0 < before[name]) print name, before[name], now[name] + 0 }' \
		"$LAB_DIR/counters" "$LAB_DIR/counters.now"
	mv "$LAB_DIR/counters.now" "$LAB_DIR/counters"
}

fault_begin() { flow_start "$FAULT_RATE"; }

fault_end() {
	flow_stop
	flow_unharmed "$1" $((FAULT_RATE / 10))
	FAULTS=$((FAULTS + 1))
	FAULT_QUERIES=$((FAULT_QUERIES + SENT)) FAULT_LOST=$((FAULT_LOST + LOST)) FAULT_WRONG=$((FAULT_WRONG + WRONG))
	check_equal "$1: no counter went back" "" "$(fault_counters_back)"
	check_equal "$1: a name resolves" 198.51.100.10 "$(lab_client getent ahostsv4 both.example | awk 'NR == 1 { print $1 }')"
	note "$1: $SENT queries: $FILTER answered on the host, $SERVER by the server"
}

fault_note_programs() { link_ids prog_id >>"$LAB_DIR/programs"; }

fault_nothing_left() {
	# shellcheck disable=SC2046 # numbers
	none_there prog $(sort -u "$LAB_DIR/programs") && [ -z "$(lab_control find "$LAB_DIR/bpf" -mindepth 1 ! -name '*.debug')" ] &&
		! lab_control tc qdisc show | grep clsact
}

fault_over() {
	fault_note_programs
	check_number "programs were attached" "$(sort -u "$LAB_DIR/programs" | wc -l)" -gt 0
	lab_filter stop
	lab_filter_stop
	check "nothing is left when it is stopped" lab_until 5 fault_nothing_left
	note "$FAULTS faults survived, $FAULT_QUERIES queries sent meanwhile: $FAULT_LOST lost, $FAULT_WRONG answered wrongly"
	lab_remove
}

fds() { find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l; }

said() { grep -qE -e "$1" "$LAB_DIR/filter.log"; }

filter_ends() {
	kill "-$1" "$LAB_FILTER_PID"
	lab_until 5 lab_gone "$LAB_FILTER_PID" || not_ok "the controller ends by SIG$1"
	LAB_FILTER_PID=''
}

# How many of ours, of whatever controller, are on each interface of the host, of lo and h0.
programs_on_interfaces() {
	lab_status '[.netns[0].interfaces[] | select(.name == "lo" or .name == "h0").programs |
		[.egress[], .ingress[] | select(.name | startswith("sieve_"))] | length] | join(" ")'
}
