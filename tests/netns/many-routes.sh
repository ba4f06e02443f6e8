#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# many-routes.sh: a router with a full Internet table. How long the controller takes to its first verdict, what
# memory it holds, and what a stream of route messages costs it, beside a program that only reads them. Figures
# are printed; a time is a failure only where it is far off.
# STUBSIEVE_FULL=1: 1,000,000 IPv4 and 200,000 IPv6 routes and as many messages; else a tenth. ROUNDS: 3.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/following.sh

ROUNDS=${ROUNDS:-3}
ROUTES4=100000 ROUTES6=20000 MESSAGES=300000
[ -z "${STUBSIEVE_FULL-}" ] || ROUTES4=1000000 ROUTES6=200000 MESSAGES=1000000
START_MS=50         # to the first verdict
MEMORY_KIB=12288    # resident
MORE_PERCENT=25     # than reading alone
BATCH=1000          # messages between two pauses, so that neither reader's buffer overflows
PAUSE_US=4000

storm() { LAB_TIMEOUT=120 lab_control "$TOOLS/route-storm" "$@"; }

# start_us: from its start to its being ready
start_us() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	lab_control bash -c '
		began=${EPOCHREALTIME/[.,]/}
		exec {output}< <(exec "$@" 2>&1)
		pid=$!
		until read -r line <&"$output" && [[ $line == *ready* ]]; do [ -n "$line" ] || exit 1; done
		echo $((${EPOCHREALTIME/[.,]/} - began))
		kill "$pid"
		wait "$pid"' bash "$STUBSIEVE" run --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve" --cgroup "$LAB/clients"
}

starts() {
	local i
	for ((i = 0; i < ROUNDS; i++)); do start_us; done | median
}

# memory NAME: a line of /proc/PID/status, KiB
memory() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$CONTROLLER/status"; }

check_memory() {
	note "$1: $(memory VmRSS) KiB resident, at most $(memory VmHWM) KiB since the start"
	check_number "$1: resident memory, KiB" "$(memory VmRSS)" -le "$MEMORY_KIB"
	check_number "$1: the most it was since the start, KiB" "$(memory VmHWM)" -le "$MEMORY_KIB"
}

# Loading the programs takes the kernel's types, several megabytes of them, with routes or without. What counts is
# what it holds afterwards.
forget_start() {
	note "while it starts: at most $(memory VmHWM) KiB"
	echo 5 >"/proc/$CONTROLLER/clear_refs" || skip "the most it was since the start" "the kernel does not forget it"
}

# cpu_us PID: the time that it ran
cpu_us() {
	if [ -r "/proc/$1/schedstat" ]; then
		awk '{ printf "%d\n", $1 / 1000 }' "/proc/$1/schedstat"
	else
		awk -v tick="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%d\n", ($12 + $13) * 1000000 / tick }' "/proc/$1/stat"
	fi
}

# Every route becomes another one, again and again. One that is as it was is no change, so each pass has a protocol
# of its own.
replace_all() {
	local i
	for ((i = 0; i < MESSAGES / ROUTES4; i++)); do
		PROTOCOL=$((201 + (PROTOCOL - 200) % 50))
		storm --batch "$BATCH" --pause "$PAUSE_US" --protocol "$PROTOCOL" replace 4 0 "$ROUTES4" d0
	done >"$LAB_DIR/storm.log"
	sleep 0.2 # the closing survey is part of it
}

# One round of it: sets READ, LOST and PERCENT.
stream() {
	local ours reader
	reader_begin
	ours=$(cpu_us "$CONTROLLER") reader=$(cpu_us "$READER")
	replace_all
	ours=$(($(cpu_us "$CONTROLLER") - ours)) reader=$(($(cpu_us "$READER") - reader))
	reader_end
	READ=$(reader_value messages) LOST=$(reader_value lost)
	PERCENT=$((ours * 100 / reader))
	note "$READ messages: $((ours * 1000 / READ)) ns each, $((reader * 1000 / READ)) ns only to read them: $PERCENT %"
}

streams() {
	local i percents='' read=0 lost=0
	PROTOCOL=200
	for ((i = 0; i < ROUNDS; i++)); do
		stream
		percents+=$PERCENT$'\n' read=$((read + READ)) lost=$((lost + LOST))
	done
	check_number "stream: every message was sent and read" "$read" -ge $((ROUNDS * MESSAGES))
	check_equal "stream: the reader lost none" 0 "$lost"
	check_equal "stream: the controller lost none" 0 "$(lab_status '[.netns[].overflows] | add')"
	check_number "stream: percent of what reading costs, median" "$(median <<<"${percents%$'\n'}")" \
		-le $((100 + MORE_PERCENT))
}

need_root
lab_init many-routes
lab_namespaces
ip -n "$LAB-host" link add d0 type veth peer name d1
ip -n "$LAB-host" link set d1 up && ip -n "$LAB-host" link set d0 up
without=$(starts)
note "$(storm add 4 0 "$ROUTES4" d0); $(storm add 6 0 "$ROUTES6" d0)"
with=$(starts)
note "from start to first verdict: $((with / 1000)) ms beside $ROUTES4 IPv4 and $ROUTES6 IPv6 routes," \
	"$((without / 1000)) ms beside none (medians of $ROUNDS; wanted: $START_MS)"
if [ "$with" -le $((4 * START_MS * 1000)) ] || [ "$with" -le $((2 * without)) ]; then
	ok "the first verdict does not wait for the routes"
else
	not_ok "the first verdict does not wait for the routes" "$with us, without routes $without us"
fi
start_filter "many routes" || finish
CONTROLLER=$(lab_status .pid)
forget_start
check_memory "after start"
check_equal "status shows them" true,true "$(lab_status '.netns[] | [.ipv4.route, .ipv6.route] | join(",")')"
check_memory "after status"
streams
check_memory "after the stream"
lab_filter_stop
finish
