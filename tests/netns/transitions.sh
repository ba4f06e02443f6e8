#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# transitions.sh: one controller, one namespace, and every state of tests/fixtures/host-states.json in it: first
# each from nothing, then at random, each from the one before. After every step the running controller must
# show what a fresh dump says, and that must be what the state is known to mean, within 100 ms.
# SEED: of the random walk (printed; default: the time). STEPS: 500, as far as WALK_SECONDS (120) suffice.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh

SEED=${SEED:-$((${EPOCHREALTIME/[.,]/} / 1000 % 32768))}
STEPS=${STEPS:-500}
WALK_SECONDS=${WALK_SECONDS:-120}
LIMIT_US=100000
NEVER_US=2000000 # what nothing prompts comes much later; a busy machine stalls a process now and then
STALLS_PERCENT=5

walk() {
	LAB_TIMEOUT=$((WALK_SECONDS + 120)) lab_control tests/netns/walk "$SEED" "$STEPS" "$WALK_SECONDS" \
		"$STUBSIEVE" "$LAB_DIR/run" "$LAB-server" "$LAB_DIR/walk" "$BUILD/tests/tools" >"$LAB_DIR/walked"
	grep '^each ' "$LAB_DIR/walked" >"$LAB_DIR/each"
	grep '^[0-9]' "$LAB_DIR/walked" >"$LAB_DIR/steps"
}

# value NAME LINE
value() { sed -n "s/.* $1=\([^ ]*\).*/\1/p" <<<"$2"; }

each_state() {
	local line name
	while read -r line; do
		name=$(cut -d ' ' -f 3 <<<"$line")
		if [[ $line == *wrong ]]; then
			not_ok "$name: the running controller shows it" "$line"
		elif [ "$(value us "$line")" -ge "$NEVER_US" ]; then
			not_ok "$name: the running controller shows it at once" "$line"
		else
			ok "$name: the running controller shows it"
		fi
		SHOWN=$((SHOWN + 1))
	done <"$LAB_DIR/each"
	check_number "every state was made" "$SHOWN" -eq "$(jq '.states | length' tests/fixtures/host-states.json)"
}

# later_than US: the steps that took longer
later_than() {
	awk -v limit="$1" '/wrong$/ { next }
		{ for (i = 1; i <= NF; i++) if (split($i, v, "=") == 2 && v[1] == "us" && v[2] > limit) print }' "$LAB_DIR/steps"
}

# percentile SHARE: of the numbers on standard input
percentile() { sort -n | awk -v share="$1" '{ v[NR] = $1 } END { i = int(NR * share + 0.5); print v[i < 1 ? 1 : i] }'; }

at_random() {
	local times steps
	times=$(sed -n 's/.* us=\([0-9]*\) .*/\1/p' "$LAB_DIR/steps")
	steps=$(wc -l <"$LAB_DIR/steps")
	note "random walk, SEED=$SEED: us until it is shown: median $(percentile 0.5 <<<"$times")," \
		"of 100 the 99th $(percentile 0.99 <<<"$times"), longest $(percentile 1 <<<"$times")"
	if [ "$steps" -eq "$STEPS" ]; then
		ok "random walk: $STEPS steps"
	elif [ "$steps" -ge $((2 * SHOWN)) ]; then
		skip "random walk: $STEPS steps" "$steps in $WALK_SECONDS s"
	else
		not_ok "random walk: $STEPS steps" "only $steps in $WALK_SECONDS s"
	fi
	check_equal "random walk, SEED=$SEED: after each the shown state is a fresh dump's, and the right one" \
		'' "$(grep 'wrong$' "$LAB_DIR/steps")"
	check_equal "random walk, SEED=$SEED: none is late" '' "$(later_than "$NEVER_US")"
	check_number "random walk, SEED=$SEED: nearly all within $((LIMIT_US / 1000)) ms; others" \
		"$(later_than "$LIMIT_US" | wc -l)" -le $((steps * STALLS_PERCENT / 100))
	changes "$steps"
}

# A walk that changed nothing would show nothing: of the steps, those after which something else had to be shown.
changes() {
	local changed
	changed=$(sed -n 's/.* shown=\([^ ]*\) .*/\1/p' "$LAB_DIR/steps" | uniq | wc -l)
	check_number "random walk: something else was to be shown after most steps" "$((changed * 2))" -gt "$1"
	check_number "random walk: every state was reached" \
		"$(cut -d ' ' -f 3 "$LAB_DIR/steps" | sort -u | wc -l)" -eq "$SHOWN"
}

need_root
lab_init transitions
mkdir "$LAB_DIR/walk"
lab_namespaces
ip -n "$LAB-host" link set lo down
ip -n "$LAB-server" link set lo down
start_filter "transitions" --settle 0 || finish
SHOWN=0
walk
each_state
at_random
check_number "no message was lost on the way" "$(lab_status '[.netns[].overflows] | add')" -eq 0
lab_filter_stop
finish
