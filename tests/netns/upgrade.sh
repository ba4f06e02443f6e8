#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# From one version to the next and back, under load: no query is lost, none reaches the server, and what was counted
# stays, by name. UPGRADES: how often in a row (20).
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/flow.sh

UPGRADES=${UPGRADES:-20}
RATE=300 # queries a second
THIS=$STUBSIEVE
NEXT=$BUILD/tests/next/stubsieve
FLOW_SECONDS=200

pins() { lab_control ls "$LAB_DIR/bpf/stubsieve" | sed -n 's/^[a-z_]*-\([0-9]*\)$/\1/p' | sort -u | tr '\n' ' '; }
only_version() { [ "$(pins)" = "$1 " ]; }

times_ready() { grep -c ready "$LAB_DIR/filter.log"; }
ready_again() { [ "$(times_ready)" -gt "$1" ]; }

# upgrade_to BINARY: SIGTERM, and the other one's `run`
upgrade_to() {
	local before
	before=$(times_ready)
	kill -TERM "$LAB_FILTER_PID"
	lab_until 5 lab_gone "$LAB_FILTER_PID" || not_ok "the controller ends by SIGTERM"
	STUBSIEVE=$1
	lab_filter_launch --settle 0
	lab_until 10 ready_again "$before" || not_ok "the next one starts" "$(tail -n 3 "$LAB_DIR/filter.log")"
}

# Every look at the counters while controllers come and go, one a line.
watch_counters() {
	while :; do
		lab_filter status --json 2>/dev/null | jq -c '.counters // empty' >>"$LAB_DIR/counters"
		sleep 0.3
	done
}

watch_start() {
	: >"$LAB_DIR/counters"
	watch_counters &
	WATCH=$!
	disown
}

# went_back: the names of those counters of which a later look saw less
went_back() {
	jq -rs '[.[] | [leaf_paths as $path | {key: ($path | join(".")), value: getpath($path)}] | from_entries] |
		[range(1; length) as $i | .[$i - 1] as $before | .[$i] as $now | $before | keys[] |
			select(($now[.] // 0) < $before[.])] | unique | join(" ")' "$LAB_DIR/counters"
}

# watch_stop PHRASE LEAST
watch_stop() {
	kill "$WATCH"
	check_number "$1: looks at the counters" "$(wc -l <"$LAB_DIR/counters")" -ge "$2"
	check_equal "$1: no counter went back" "" "$(went_back)"
}

# ask_all: a query of each of three fates; the flow has the fourth
ask_all() {
	lab_client dig "@$LAB_SERVER4" +tries=1 +time=2 both.example A >/dev/null
	lab_client dig "@$LAB_SERVER4" +tries=1 +time=2 +opcode=2 both.example AAAA >/dev/null
	lab_client dig "@$LAB_SERVER4" +tries=1 +time=2 +norecurse both.example A >/dev/null
}

# counted PHRASE CONNECTED OPCODE INSERTED NO_RECURSION ANSWERED
counted() {
	check_equal "$1: connected, opcode, inserted, no_recursion, answered_aaaa, queries" \
		"$2 $3 $4 $5 $6 $(($2 + $3 + $4 + $5 + $6))" \
		"$(lab_status '.counters | [.passed.connected, .passed.opcode, .passed.inserted // 0, .passed.no_recursion,
			.answered_aaaa, .queries] | join(" ")')"
}

up_and_down() {
	local version=$1
	start_filter "this version" --settle 0 || return
	ask_all
	counted "this version" 1 1 0 1 0
	lab_mark
	watch_start
	flow_start "$RATE"
	sleep 0.5
	upgrade_to "$NEXT"
	check_equal "the next version runs" next "$(lab_status .version)"
	ask_all
	check "up: the pins of the version before go" lab_until 5 only_version $((version + 1))
	ask_all
	sleep 0.3
	upgrade_to "$THIS"
	ask_all
	check "down: the pins of the next version go" lab_until 5 only_version "$version"
	sleep 0.3
	# Before anything was carried over, and back again: the counters of that version are still its own.
	upgrade_to "$NEXT"
	ask_all
	upgrade_to "$THIS"
	ask_all
	upgrade_to "$NEXT"
	check "up again: the pins of the version before go" lab_until 5 only_version $((version + 1))
	flow_stop
	flow_all_answered "up and down" "$RATE"
	counted "up and down: the next version" 6 3 3 6 "$SENT"
	watch_stop "up and down" 10
	upgrade_to "$THIS"
	counted "up and down: this version" 6 3 3 6 "$SENT"
	lab_filter_stop
	check "stop: the pins of both versions are gone" lab_control test ! -e "$LAB_DIR/bpf/stubsieve"
}

many() {
	local i began
	STUBSIEVE=$THIS
	start_filter "$UPGRADES upgrades" --settle 0 || return
	lab_mark
	watch_start
	flow_start "$RATE"
	began=$(lab_ms)
	for ((i = 0; i < UPGRADES; i += 2)); do
		upgrade_to "$NEXT"
		upgrade_to "$THIS"
	done
	note "$UPGRADES upgrades in $(lab_seconds_since "$began") s"
	sleep 0.3
	flow_stop
	flow_all_answered "$UPGRADES upgrades" "$RATE"
	counted "$UPGRADES upgrades" 0 0 0 0 "$SENT"
	watch_stop "$UPGRADES upgrades" $((UPGRADES / 10))
	note "$UPGRADES upgrades, $SENT queries: $LOST lost, $WRONG wrong, $SERVER from the server"
}

need_root
lab_init upgrade
lab_host ipv4
up_and_down "$(sed -n 's/^#define SIEVE_ABI_VERSION //p' include/stubsieve/abi.h)"
many
finish
