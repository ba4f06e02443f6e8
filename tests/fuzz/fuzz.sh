#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Fuzzes every target for a while, JOBS at a time, and says how much that was. A finding is kept in
# $BUILD/fuzz/findings, and fails with the command that repeats it.
#   FUZZ_SECONDS   of each target (6); more than 60: values that are compared are followed, too
#   TARGETS        which of them (all)
#   JOBS           as many as there are processors
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh

BUILD=${BUILD:-build}
FUZZ=$BUILD/fuzz
FUZZ_SECONDS=${FUZZ_SECONDS:-6}
JOBS=${JOBS:-$(nproc)}
LOGS=$FUZZ/log

# What a target is, and how long its inputs are at most.
targets() {
	cat <<'END'
question      512   the question parser
answer        516   the decision and the answer
differential  512   the question parser against ldns
response      1473  the response filter, against ldns, too
netlink       2000  what is received by netlink, from the system call upwards
route         600   routes, addresses and sockets, against libmnl
config        2000  the configuration's keys
file          2000  configuration files, against a naive reading
name          700   names and suffixes, as text and in messages
aggregate     1500  merged prefixes, against ranges
END
}

selected() {
	targets | while read -r name length what; do
		case " ${TARGETS:-$name} " in *" $name "*) printf '%s %s %s\n' "$name" "$length" "$what" ;; esac
	done
}

# It tidies up when it is asked to end: targets would go on for long.
running=()
# shellcheck disable=SC2317 # called by the trap
stop_all() {
	kill "${running[@]}" 2>/dev/null
	wait
	exit 130
}

fuzz() {
	local name=$1 length=$2 more=()
	[ -f "tests/fuzz/$name.dict" ] && more+=("-dict=tests/fuzz/$name.dict")
	[ "$FUZZ_SECONDS" -gt 60 ] && more+=(-use_value_profile=1)
	mkdir -p "$FUZZ"/{corpus,first}/"$name"
	ASAN_OPTIONS=quarantine_size_mb=16:${ASAN_OPTIONS:-} exec "$FUZZ/$name" -max_total_time="$FUZZ_SECONDS" \
		-max_len="$length" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 "${more[@]}" \
		-artifact_prefix="$FUZZ/findings/$name-" "$FUZZ"/{corpus,first}/"$name" >"$LOGS/$name.log" 2>&1
}

# A final statistic of the log, 0 if there is none
statistic() {
	awk -v key="stat::$2:" '$1 == key { value = $2 } END { print value + 0 }' "$LOGS/$1.log"
}

# Coverage and features, as the last line that has them says
reached() {
	sed -nE 's/^#.* cov: ([0-9]+) ft: ([0-9]+) corp: ([0-9]+).*/\1 branches, \2 features, \3 inputs kept/p' \
		"$LOGS/$1.log" | tail -n 1
}

judge() {
	local name=$1 what=$2 runs finding
	runs=$(statistic "$name" number_of_executed_units)
	total=$((total + runs))
	if grep -q '^Done [1-9]' "$LOGS/$name.log"; then # it says so if nothing ended it before
		ok "$what: nothing found ($name)"
		note "$runs inputs tried, $(statistic "$name" average_exec_per_sec)/s; $(reached "$name")"
		return
	fi
	finding=$(sed -n 's/.*Test unit written to \(.*\)$/\1/p' "$LOGS/$name.log" | tail -n 1)
	not_ok "$what: nothing found ($name)" \
		"$(grep -E '^tests/fuzz/.*: |ERROR: |runtime error: |SUMMARY: ' "$LOGS/$name.log")" \
		"log: $LOGS/$name.log" \
		"to repeat: $FUZZ/$name ${finding:-(no input was kept)}"
}

# Waits until there is room for another one.
await_room() {
	while [ "$(jobs -pr | wc -l)" -ge "$JOBS" ]; do
		wait -n
	done
}

fuzz_all() {
	local name length what
	while read -r name length what; do
		[ -x "$FUZZ/$name" ] || continue
		await_room
		fuzz "$name" "$length" &
		running+=($!)
	done < <(selected)
	wait
}

total=0
trap stop_all INT TERM HUP
mkdir -p "$LOGS" "$FUZZ/findings"
rm -rf "$FUZZ/first"
"$FUZZ/seeds" "$FUZZ/first" || exit 1
fuzz_all
while read -r name length what; do
	if [ -x "$FUZZ/$name" ]; then
		judge "$name" "$what"
	else
		skip "$what ($name)" "clang has no libFuzzer; packages: libclang-rt-dev (Debian), compiler-rt (others)"
	fi
done < <(selected)
note "$total inputs in all"
finish
