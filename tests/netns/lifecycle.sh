#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# From one `run` to the next: upgrades under load, killed controllers and what they leave, other actions,
# the heartbeat, interfaces that come and go, storms of routes.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/wire-lab.sh
. tests/flow.sh
. tests/pins.sh

RATE=300 # queries a second

# end_controller SIGNAL: the filter stays
end_controller() {
	kill "-$1" "$(lab_status .pid)"
	lab_until 5 lab_gone "$LAB_FILTER_PID" || not_ok "the controller ends by SIG$1"
	LAB_FILTER_PID=''
}

qdiscs() { nsenter --target "$LAB_HOST_PID" --net tc qdisc show | grep -c clsact; }

stop_again() { lab_control "$STUBSIEVE" stop --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve"; }

# SIGTERM, the next `run`; after SIGKILL, too.
handover() {
	local signal
	start_filter "$1: first controller" --settle 0 || return
	lab_mark
	flow_start "$RATE"
	sleep 0.3
	for signal in TERM KILL TERM; do
		end_controller "$signal"
		sleep 0.4
		start_filter "$1: the next one after SIG$signal" --settle 0
	done
	sleep 0.3
	flow_stop
	flow_all_answered "$1: four controllers" "$RATE"
}

# What a killed controller left: all of it goes by `stop`, nothing by itself.
leftovers() {
	local links programs
	links=$(link_ids id) programs=$(link_ids prog_id)
	end_controller KILL
	check_equal "tcx: links of a killed controller are there" 2 "$(wc -w <<<"$links")"
	check "tcx: its filter answers" lab_filtered
	check "tcx: status says how it is taken away" grep -q "stubsieve stop --run-dir $LAB_DIR/run. takes it away" \
		<(lab_filter status 2>&1)
	check "tcx: stop" stop_again
	# shellcheck disable=SC2086 # lists of numbers
	check "tcx: no link is left" lab_until 2 none_there link $links
	# shellcheck disable=SC2086
	check "tcx: no program is left" lab_until 2 none_there prog $programs
	gone tcx
}

gone() {
	check_equal "$1: the pin directory is gone" "" "$(lab_control find "$LAB_DIR/bpf" -mindepth 1 ! -name '*.debug')"
	check_equal "$1: no qdisc is left" 0 "$(qdiscs)"
	check "$1: stop again" stop_again
	check_equal "$1: AAAA reaches the server" "" "$(lab_filtered && echo answered)"
}

lifecycle_handover() {
	lab_init lifecycle-handover
	lab_host ipv4
	handover tcx
	leftovers
	export STUBSIEVE_HOOK=clsact
	handover clsact
	unset STUBSIEVE_HOOK
	end_controller KILL
	check "clsact: the filter of a killed controller answers" lab_filtered
	check "clsact: stop" stop_again
	gone clsact
	hooks
}

# Another hook with the next `run`, back and forth: never both.
hooks() {
	start_filter "tcx, then clsact: tcx" --settle 0 || return
	end_controller TERM
	STUBSIEVE_HOOK=clsact start_filter "tcx, then clsact: clsact" --settle 0
	check_equal "tcx, then clsact: no tcx link is left" clsact "$(pins)"
	check "tcx, then clsact: AAAA is answered" lab_filtered
	end_controller TERM
	start_filter "clsact, then tcx" --settle 0
	check_equal "clsact, then tcx: no filter is left" "tcx 0" "$(pins) $(qdiscs)"
	check "clsact, then tcx: AAAA is answered" lab_filtered
	lab_filter_stop
}

# next_action ACTION PINS ANSWERED: after another one; what only that one needed is gone
next_action() {
	local before
	before=$(link_ids id)
	end_controller TERM
	start_filter "then $1" --settle 0 --action "$1" || return
	check_equal "then $1: attached is what it needs" "$2" "$(pins)"
	# shellcheck disable=SC2086 # a list of numbers
	check "then $1: the links of the action before are gone" lab_until 2 none_there link $before
	check_equal "then $1: AAAA is answered" "$3" "$(lab_filtered && echo yes || echo no)"
}

lifecycle_actions() {
	lab_init lifecycle-actions
	lab_host ipv4
	start_filter "answer" --settle 0 || return
	check_equal "answer: attached is what it needs" tcx "$(pins)"
	next_action observe cgroup no
	next_action answer tcx yes
	next_action reject cgroup no
	next_action drop tcx no
	check_sums "actions"
	heartbeat
}

# Dead for a second: every query passes, until the next controller comes.
heartbeat() {
	local death dead before RATE=100
	lab_filter_stop
	start_filter "heartbeat" --settle 0 --fail-open-after 1 --fail-open-spread 0 || return
	flow_start "$RATE"
	sleep 1.5
	death=$(lab_ms)
	end_controller KILL
	dead=$(lab_ms)
	sleep 2.5
	flow_stop
	check_equal "heartbeat: none is wrong or lost" "0 0" "$WRONG $LOST"
	check_equal "heartbeat: none passes while the controller lives, nor just after" 0 \
		"$(flow_before $((death + 200)) server)"
	check_equal "heartbeat: 1.2 s later none is answered" 0 "$(flow_after $((dead + 1200)) filter)"
	check_number "heartbeat: each passes then" "$(flow_after $((dead + 1200)) server)" -gt 50
	before=$SERVER
	start_filter "heartbeat: the next controller" --settle 0 || return
	check_equal "heartbeat: those that passed were counted as stale" "$before" "$(lab_status .counters.passed.stale)"
	check "heartbeat: AAAA is answered again" lab_filtered
	check_sums "heartbeat"
}

# pinned IFINDEX: without a process more, to measure the time
pinned() { compgen -G "/proc/$LAB_HOST_PID/root$LAB_DIR/bpf/stubsieve/tcx-*-$1" >/dev/null; }
not_pinned() { ! pinned "$1"; }

# add_device IFINDEX: a device of the host that comes while the filter runs; prints the ms until it is attached
add_device() {
	local before
	before=$(lab_ms)
	ip -n "$LAB-host" link add h1 index "$1" type veth peer name s1 netns "$LAB-server"
	until pinned "$1" || [ $(($(lab_ms) - before)) -gt 2000 ]; do :; done
	echo $(($(lab_ms) - before))
}

lifecycle_devices() {
	local index all=''
	wire_host lifecycle-devices ipv4
	start_filter "devices" --settle 0 || return
	for index in 71 72 73 74 75; do
		ip -n "$LAB-host" link del h1 2>/dev/null
		all+=$(add_device "$index")$'\n'
	done
	check_time "a new device is attached, ms (median of 5)" "$(median <<<"${all%$'\n'}")" 100
	ip -n "$LAB-server" addr add 203.0.113.1/24 dev s1
	ip -n "$LAB-server" link set s1 up
	ip -n "$LAB-host" addr add 203.0.113.2/24 dev h1
	ip -n "$LAB-host" link set h1 addrgenmode none up
	sleep 0.2
	query "a new device: AAAA" answered=2 answered_aaaa=2 "$LAB_HOST_PID" --device h1 --far-device s1 plain \
		203.0.113.2 203.0.113.1
	query "a new device: A" passed=2 connected=2 "$LAB_HOST_PID" --device h1 --far-device s1 --type A plain \
		203.0.113.2 203.0.113.1
	ip -n "$LAB-host" link del h1
	check "a device that goes leaves no pin" lab_until 1 not_pinned "$index"
	moved_device
}

# In another namespace, and alive: it is that one's business.
moved_device() {
	local index=76 link
	add_device "$index" >/dev/null
	link=$(lab_control sh -c "bpftool -j link show pinned $LAB_DIR/bpf/stubsieve/tcx-*-$index" | jq .id)
	check "a device that moves was attached" bpftool link show id "$link"
	ip -n "$LAB-host" link set h1 netns "$LAB-server"
	check "a device that moves leaves no pin" lab_until 1 not_pinned "$index"
	check "a device that moves leaves no link" lab_until 1 none_there link "$link"
	query "then: AAAA" answered=2 answered_aaaa=2 "$LAB_HOST_PID" plain "$LAB_HOST4" "$LAB_SERVER4"
}

# storm FORMAT: 2,000 routes come and go; the format has two numbers below 256
storm() {
	local change i
	for change in add del; do
		# shellcheck disable=SC2059 # a format
		for ((i = 0; i < 2000; i++)); do printf "route $change $1\n" $((i / 256)) $((i % 256)); done
	done
}

lifecycle_storms() {
	lab_init lifecycle-storms
	lab_host ipv4
	start_filter storms --settle 0 || return
	lab_mark
	flow_start "$RATE"
	for _ in 1 2 3; do storm "198.18.%d.%d/32 dev h0" | lab_control ip -batch -; done
	flow_stop
	flow_all_answered "3 times 2,000 IPv4 routes come and go" 20
	storm6
	check_sums storms
}

# Routes by which nothing can be reached: not one verdict changes, though queries may pass while the kernel's
# counter moves.
storm6() {
	local before after verdicts='' storm
	storm "unreachable 2001:db8:99:%x:%x::/80" >"$LAB_DIR/storm"
	before=$(lab_status .counters.passed.changed)
	lab_mark
	flow_start "$RATE"
	nsenter --target "$LAB_HOST_PID" --net ip -6 -batch "$LAB_DIR/storm" &
	storm=$!
	while kill -0 "$storm" 2>/dev/null; do verdicts+=$(lab_status '.netns[0].verdict.aaaa')$'\n'; done
	wait "$storm"
	check "2,000 unreachable IPv6 routes: they came and went" test "$?" -eq 0
	verdicts+=$(lab_status '.netns[0].verdict.aaaa')
	flow_stop
	after=$(lab_status .counters.passed.changed)
	check_equal "2,000 unreachable IPv6 routes: the verdict stays" answer "$(uniq <<<"$verdicts")"
	check_equal "2,000 unreachable IPv6 routes: none is wrong or lost" "0 0" "$WRONG $LOST"
	check_equal "2,000 unreachable IPv6 routes: those that passed did so as changed" "$SERVER" $((after - before))
	note "$SENT queries, $SERVER passed"
	check "2,000 unreachable IPv6 routes: then AAAA is answered" lab_until 1 lab_filtered
	storm_with_an_end
}

# The packets themselves have to tell, for the controller is not there to look.
storm_with_an_end() {
	local pid
	pid=$(lab_status .pid)
	kill -STOP "$pid"
	echo "route add 2001:db8:77::/48 dev h0" >>"$LAB_DIR/storm"
	lab_control ip -6 -batch "$LAB_DIR/storm"
	check_equal "a route to somewhere in the end: AAAA passes at once" "" "$(lab_filtered && echo answered)"
	kill -CONT "$pid"
	check "a route to somewhere in the end: the verdict says so" lab_until 1 shows pass
	ip -n "$LAB-host" -6 route del 2001:db8:77::/48 dev h0
	check "without that route: the verdict says so" lab_until 1 shows answer
	check "without that route: AAAA is answered" lab_until 1 lab_filtered
}

shows() { [ "$(lab_status '.netns[0].verdict.aaaa')" = "$1" ]; }

need_root
[ $# -gt 0 ] || set -- handover actions devices storms
for group; do
	"lifecycle_$group"
	lab_remove
done
finish
