#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# storm.sh: thousands of route changes at once, on an IPv4-only host that sometimes gets an IPv6 route. Right after
# the last change the right verdict is shown, also when messages were lost on the way. While it lasts not one AAAA
# query that is needed is answered on the host, and another network namespace does not notice.
#
# A state is a word as in tests/tools/await-shown.c: rad,r--,pass,answer (IPv4, IPv6, A, AAAA).
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/following.sh

CHANGES=20000
LOST_CHANGES=30000 # more messages than the receive buffer holds
TRIES=3            # of each; their median counts, for a busy machine may stall any single one
REACTIONS=15
NEEDS=10           # how often a route comes and goes while a storm lasts
LIMIT_MS=100
NEVER_MS=6000 # the next survey comes after up to 30 s
WITHOUT=rad,---,pass,answer
WITH=rad,r--,pass,pass
ROUTE=2001:db8:77::/48

storm() { lab_control "$TOOLS/route-storm" "$@"; }
route() { lab_control ip route "$1" "$ROUTE" dev d0; }
overflows() { lab_status '[.netns[].overflows] | add'; }

# shown_us WANT [-- COMMAND...]: microseconds until that is shown
shown_us() {
	local said
	said=$(shown "$1" --limit 8000 "${@:2}") || echo "$1 is not shown: $said; $(lab_status '.netns[0] | del(.interfaces) | tojson')" >&2
	us_of "$said"
}

# ask COUNT [-- COMMAND...]: what becomes of AAAA queries
ask() {
	local count=$1
	shift
	lab_client "$TOOLS/ask" --count "$count" "$LAB_SERVER4" both.example "$@"
}

all_pass() { echo "sent=$1 server=$1 filter=0 silent=0 denied=0 failed=0"; }

# check_times PHRASE MICROSECONDS...: within the limit, or, on a slow machine, twenty times what one change alone takes
# there. No single one may come only with the next survey, which nothing prompts.
check_times() {
	local phrase=$1 limit=$((20 * SINGLE / 1000))
	[ "$limit" -ge "$LIMIT_MS" ] || limit=$LIMIT_MS
	shift
	note "$phrase after $* us"
	check_number "$phrase, $TRIES times" $# -eq "$TRIES"
	check_number "$phrase within $LIMIT_MS ms" $(($(printf '%s\n' "$@" | median) / 1000)) -le "$limit"
	check_number "$phrase each time, ms" $(($(printf '%s\n' "$@" | sort -n | tail -n 1) / 1000)) -lt "$NEVER_MS"
}

# The last change decides: it takes the last route away, or leaves one.
last_change() {
	local i times=()
	for ((i = 0; i < TRIES; i++)); do
		times+=("$(shown_us "$WITHOUT" -- "$TOOLS/route-storm" flap 6 0 "$CHANGES" d0)")
	done
	check_times "$CHANGES changes, no route is left: shown" "${times[@]}"
	check "... and AAAA is answered" lab_filtered
	times=()
	for ((i = 0; i < TRIES; i++)); do
		[ "$i" -eq 0 ] || storm del 6 $(((CHANGES - 2) / 2 % 250)) 1 d0 >/dev/null
		times+=("$(shown_us "$WITH" -- "$TOOLS/route-storm" flap 6 0 $((CHANGES - 1)) d0)")
	done
	check_times "$CHANGES changes but one, a route is left: shown" "${times[@]}"
	check_equal "... and AAAA passes" "$(all_pass 3)" "$(ask 3)"
	storm del 6 $(((CHANGES - 2) / 2 % 250)) 1 d0 >/dev/null
	shown "$WITHOUT" >/dev/null
}

is_caught_up() { [ "$(waiting)" = 0 ]; }

# What the controller is stopped for, and its buffer overflows meanwhile.
flood() {
	kill -STOP "$CONTROLLER"
	storm flap 4 0 "$LOST_CHANGES" d0 >/dev/null
}

# changed add|del: the route comes or goes while the controller is stopped; MICROSECONDS until it is shown, once it
# goes on
changed() {
	local want=$WITH
	[ "$1" = add ] || want=$WITHOUT
	route "$1"
	MICROSECONDS=$(shown_us "$want" -- kill -CONT "$CONTROLLER")
	lab_until 5 is_caught_up
}

lost_messages() {
	local i before came=() went=()
	before=$(overflows)
	for ((i = 0; i < TRIES; i++)); do
		flood && changed add && came+=("$MICROSECONDS")
		flood && changed del && went+=("$MICROSECONDS")
	done
	check_number "messages were lost each time" $(($(overflows) - before)) -ge $((2 * TRIES))
	check_times "the message of a route that comes is lost: shown" "${came[@]}"
	check_times "the message of a route that goes is lost: shown" "${went[@]}"
	check "... and AAAA is answered" lab_filtered
}

waiting() { monitor_field "$CONTROLLER" "$LAB_HOST_PID" waiting; }

# Lets the controller read some of what waits, not all.
go_on() {
	local before i
	before=$(waiting)
	for ((i = 0; i < 50 && $(waiting) >= before; i++)); do
		kill -CONT "$CONTROLLER"
		read -r -t 0.002 _ <&"$NEVER" # a sleep without a process that is to be started
		kill -STOP "$CONTROLLER"
	done
}

# The kernel says once that messages were lost, and then drops each one, without another word, until the socket was
# read to its end. Here the controller was told, and has surveyed, but is still reading.
catch_up() {
	flood
	go_on
	sleep 0.05
	go_on && go_on
	if is_caught_up; then
		kill -CONT "$CONTROLLER"
		return 1
	fi
	changed "$1"
}

catching_up() {
	local i came=() went=() way=add
	for ((i = 0; i < 4 * TRIES && ${#went[@]} < TRIES; i++)); do
		catch_up "$way" || continue
		if [ "$way" = add ]; then
			came+=("$MICROSECONDS") way=del
		else
			went+=("$MICROSECONDS") way=add
		fi
	done
	if [ "${#went[@]}" -lt "$TRIES" ]; then
		skip "while the controller catches up" "it is too quick here"
		[ "$way" = add ] || route del
		return
	fi
	check_times "a route comes while the controller catches up: shown" "${came[@]}"
	check_times "a route goes while the controller catches up: shown" "${went[@]}"
}

# storm_begin FAMILY: one that lasts until storm_end
storm_begin() {
	rm -f "$LAB_DIR/storm.in" && mkfifo "$LAB_DIR/storm.in"
	lab_enter control "$LAB_HOST_PID" 60 "$TOOLS/route-storm" --until-ends flap "$1" 0 "$CHANGES" d0 \
		<"$LAB_DIR/storm.in" >"$LAB_DIR/storm.log" 2>&1 &
	STORM=$!
	exec {STORM_INPUT}>"$LAB_DIR/storm.in"
	sleep 0.05
}

storm_end() {
	exec {STORM_INPUT}>&-
	wait "$STORM"
	note "$1: $(cat "$LAB_DIR/storm.log")"
	check_number "$1: there were that many changes" \
		"$(sed -n 's/changes=\([0-9]*\) refused=0 .*/\1/p' "$LAB_DIR/storm.log")" -ge "$CHANGES"
}

# A route comes and goes in the midst of it, with the controller running, and with it stopped for a while.
needs() {
	local i said='' want=''
	for ((i = 0; i < NEEDS; i++)); do
		[ "$i" -ne $((NEEDS / 2)) ] || kill -STOP "$CONTROLLER"
		said+=$(ask 3 -- nsenter --net="/run/netns/$LAB-host" ip route add "$ROUTE" dev d0)$'\n'
		want+=$(all_pass 3)$'\n'
		route del
		[ "$i" -ne $((NEEDS - 2)) ] || kill -CONT "$CONTROLLER"
	done
	check_equal "$1: no AAAA that is needed is answered" "$want" "$said"
}

second() {
	(
		echo "$BASHPID" >"$LAB_CGROUP/control/cgroup.procs"
		exec timeout --kill-after=2 "$LAB_TIMEOUT" nsenter --net="/proc/$SECOND/ns/net" -- "$@"
	)
}

is_elsewhere() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }

# A namespace without a name, with IPv4, in which a process of the scope lives.
second_begin() {
	(
		echo "$BASHPID" >"$LAB_CGROUP/clients/cgroup.procs"
		exec unshare --net sleep "$LAB_LIFETIME"
	) </dev/null >/dev/null 2>&1 &
	SECOND=$!
	disown
	lab_until 5 is_elsewhere "$SECOND"
	second ip link add e0 type veth peer name e1
	second sh -c 'ip link set e1 up; ip link set e0 up; ip addr add 198.51.100.2/24 dev e0
		ip route add default via 198.51.100.1'
}

second_shown() {
	local said status=0
	said=$(second "$TOOLS/await-shown" --stubsieve "$STUBSIEVE" --only-shown "$LAB_DIR/run" "$@") || status=$?
	us_of "$said"
	return "$status"
}

# reactions: the median time, in microseconds, until a change there is shown
reactions() {
	local i
	for ((i = 0; i < REACTIONS; i++)); do
		second_shown "$WITH" -- ip route add "$ROUTE" dev e0
		sleep 0.05
		second_shown "$WITHOUT" -- ip route del "$ROUTE" dev e0
		sleep 0.05
	done | median
}

# during_storm FAMILY
during_storm() {
	local before during phrase="IPv$1 storm"
	before=$(reactions)
	storm_begin "$1"
	during=$(reactions)
	needs "$phrase"
	[ "$1" = 6 ] || check "$phrase: an AAAA that is not needed is answered" lab_until 5 lab_filtered
	storm_end "$phrase"
	note "$phrase: another namespace's reaction takes $during us, before it $before us (medians of $((2 * REACTIONS)))"
	if [ "$during" -le $((4 * LIMIT_MS * 1000)) ] || [ "$during" -le $((3 * before)) ]; then
		ok "$phrase: another namespace does not notice"
	else
		not_ok "$phrase: another namespace does not notice" "$during us, before it $before us"
	fi
	check_number "$phrase: afterwards all is shown as it is, ms" $(($(shown_us "$WITHOUT") / 1000)) -lt "$NEVER_MS"
}

need_root
lab_init storm
lab_host ipv4
ip -n "$LAB-host" link add d0 type veth peer name d1
ip -n "$LAB-host" link set d1 up && ip -n "$LAB-host" link set d0 up
second_begin
mkfifo "$LAB_DIR/never" && exec {NEVER}<>"$LAB_DIR/never"
start_filter "storm" --settle 0 || finish
CONTROLLER=$(lab_status .pid)
check_number "the second namespace is followed" "$(lab_status '.netns | length')" -eq 2
check "... and known" second_shown "$WITHOUT"
SINGLE=$(reactions)
note "a single change is shown after $SINGLE us (median of $((2 * REACTIONS)))"
last_change
lost_messages
catching_up
during_storm 4
during_storm 6
lab_filter_stop
finish
