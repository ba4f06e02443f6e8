#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The simulator's model against real controllers, maps and machine ids, in as many network namespaces as HOSTS says: a
# quarter is stopped by `stop --ramp`, the controllers of the others are killed in one moment. See tools/simulator/.
# CSV: a file for the shares that passed, by time.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh

HOSTS=${HOSTS:-24}
RATE=${RATE:-12} # queries a second of each
AFTER=${AFTER:-1} SPREAD=${SPREAD:-6} RAMP=${RAMP:-5}

# value LINE NAME
value() { sed -n "s/.* $2=\([0-9]*\).*/\1/p" <<<"$1"; }

# like_model WHAT LINE: of one group of hosts
like_model() {
	local what=$1 line=$2
	note "$line"
	check_number "$what: queries were sent" "$(value "$line" queries)" -gt $(($(value "$line" hosts) * RATE))
	check_equal "$what: before the time none passed, and after it each" "0 0" \
		"$(value "$line" early) $(value "$line" late)"
	# What the stamps foretell is exact but for the moment of the query itself.
	check_number "$what: of 1000 queries so many were not as the stamps foretell" \
		$((1000 * $(value "$line" unlike) / $(value "$line" of))) -le 10
	check_number "$what: thousandths of distance from the model with these stamps" \
		"$(value "$line" distance_stamps)" -le 20
	check_number "$what: thousandths of distance from the simulator's model" "$(value "$line" distance_model)" -le 120
	check_number "$what: without a spread or ramp that is" "$(value "$line" distance_at_once)" -ge 150
}

need_root
LAB_LIFETIME=1200
lab_init fleet
lab_namespaces
SAID=$(LAB_TIMEOUT=900 lab_control "$BUILD/tools/simulator/fleet" --hosts "$HOSTS" --ramped $((HOSTS / 4)) --rate "$RATE" \
	--after "$AFTER" --spread "$SPREAD" --ramp "$RAMP" ${CSV:+--csv "$CSV"} \
	"$(realpath "$STUBSIEVE")" "$LAB_DIR" "$LAB_CGROUP" 2>"$LAB_DIR/fleet.log") || {
	not_ok "the fleet" "$(cat "$LAB_DIR/fleet.log")"
	finish
}
like_model "$((HOSTS - HOSTS / 4)) controllers are killed" "$(grep '^killed' <<<"$SAID")"
like_model "stop --ramp on $((HOSTS / 4)) hosts" "$(grep '^ramped' <<<"$SAID")"
lab_remove
finish
