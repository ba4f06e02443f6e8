#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What a reload changes, and what it leaves: actions and their hooks, cgroups, gateways, results, what settles; one that
# cannot be put in force; one of a controller that ends meanwhile.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/wire-lab.sh
. tests/flow.sh
. tests/pins.sh
. tests/reload-lab.sh

RATE=300

# Each decides by its own words alone; the hook is another one, too.
actions() {
	local before after
	reloaded "observe" "settle = 0" "action = observe"
	check_equal "observe: attached is what it needs" cgroup "$(pin_kinds)"
	before=$(lab_status .counters.observed_aaaa)
	check "observe: AAAA passes" test -z "$(lab_filtered && echo answered)"
	after=$(lab_status .counters.observed_aaaa)
	check_number "observe: it is counted once" $((after - before)) -eq 1
	reloaded "answer" "settle = 0"
	check_equal "answer: attached is what it needs" tcx "$(pin_kinds)"
	check "answer: AAAA is answered" lab_filtered
	reloaded "families a" "settle = 0" "families = a"
	check "families a: AAAA passes" test -z "$(lab_filtered && echo answered)"
	reloaded "percent 0" "settle = 0" "percent = 0"
	check_equal "percent 0: the action, and why" "observe true" "$(lab_status '"\(.action) \(.configuration.spared)"')"
	check "percent 0: status says it" grep -qF "not among the share that acts (percent)" <(lab_filter status)
	check "percent 0: AAAA passes" test -z "$(lab_filtered && echo answered)"
	reloaded "gateway and results" "settle = 0" "gateway = h0" "results = covered"
	check_equal "gateway and results: attached is what they need" "gateway results tcx" "$(pin_kinds)"
	check "gateway and results: AAAA is answered" lab_filtered
	reloaded "another cgroup" "settle = 0" "cgroup = $LAB/control"
	check "another cgroup: the command line wins, and AAAA is answered" lab_filtered
	reloaded "an exempt cgroup" "settle = 0" "exempt-cgroup = $LAB/clients/below"
	check "an exempt cgroup: AAAA is answered above it" lab_filtered
	check_sums "actions"
	reloaded "none of it" "settle = 0"
	check_equal "none of it: nothing is left" tcx "$(pin_kinds)"
}

# What no route covers is taken out of every response meanwhile, and what one covers out of none.
results() {
	local said asking
	ip -n "$LAB-host" -6 route add "$LAB_VPN_PREFIX" dev h0
	reloaded "results" "settle = 0" "results = covered"
	check "results: addresses are listed" lab_until 5 status_is '.netns[0].coverage.ipv6.mode' listed
	# shellcheck disable=SC2016 # for that shell
	LAB_TIMEOUT=60 lab_client sh -c 'until [ -e "$2" ]; do
		dig +short +time=2 +tries=1 "@$1" public.example AAAA v6.example AAAA || echo failed; echo; done' \
		sh "$LAB_SERVER4" "$LAB_DIR/dig.stop" >"$LAB_DIR/dig.log" 2>&1 &
	asking=$!
	for said in a b c d e; do reloaded "results, once more" "settle = 0" "results = covered" "exempt-name = $said.example"; done
	touch "$LAB_DIR/dig.stop"
	wait "$asking"
	check_number "results: names were asked" "$(grep -c '^$' "$LAB_DIR/dig.log")" -gt 3
	check_equal "results: no other address came" 2001:db8:77::6 "$(grep -v '^$' "$LAB_DIR/dig.log" | sort -u)"
	check_equal "results: nor did one lack" "$(grep -c '^$' "$LAB_DIR/dig.log")" "$(grep -c 2001:db8:77::6 "$LAB_DIR/dig.log")"
	ip -n "$LAB-host" -6 route del "$LAB_VPN_PREFIX" dev h0
	reloaded "results no more" "settle = 0"
	check_equal "results no more: attached is what is needed" tcx "$(pin_kinds)"
}

# With the older hook.
clsact() {
	local said
	configure "settle = 0"
	STUBSIEVE_HOOK=clsact start_filter "clsact" --config "$CONF" || return
	lab_mark
	flow_start "$RATE"
	for said in a b c; do reloaded "clsact, once more" "settle = 0" "exempt-name = $said.example"; done
	flow_stop
	flow_all_answered "clsact" 20
	reloaded "clsact: observe" "settle = 0" "action = observe"
	check_equal "clsact: observe: no filter is left" cgroup "$(pin_kinds)"
	configure "settle = 0" "gateway = h0"
	check "clsact: answer at a gateway, too" reload
	check "clsact: AAAA is answered" lab_filtered
	lab_filter_stop
}

# What cannot be put in force is not: here because of somebody else's pin in its place.
failing() {
	local id pin
	id=$(stat -c %i "$LAB_CGROUP/clients")
	pin=$LAB_DIR/bpf/stubsieve/cgroup-$id
	lab_control bpftool map create "$pin" type array key 4 value 4 entries 1 name foreign
	configure "settle = 0" "action = observe" "results = covered" "exempt-name = example"
	refused "a foreign pin" 1 "$pin is not a pin of ours"
	check "a foreign pin: AAAA is answered as before" lab_filtered
	check_equal "a foreign pin: the action is the one before" answer "$(lab_status .action)"
	check_equal "a foreign pin: what it attached meanwhile is gone" "cgroup tcx" "$(pin_kinds)"
	lab_control rm "$pin"
	reloaded "without it" "settle = 0" "action = observe"
	reloaded "and back" "settle = 0"
	check "and back: AAAA is answered" lab_filtered
	failing_late
}

programs_of() { link_ids prog_id | xargs; }

# When everything is attached, and the maps cannot be pinned: the first one's programs have the links again.
failing_late() {
	local before blocked=$LAB_DIR/bpf/stubsieve/netns-0
	before=$(programs_of)
	lab_control mkdir "$blocked"
	lab_mark
	flow_start "$RATE"
	configure "settle = 0" "results = covered" "families = a" "exempt-name = example"
	refused "maps that cannot be pinned" 1 "cannot pin $LAB_DIR/bpf/stubsieve/netns-"
	check "maps that cannot be pinned: the links have the programs of before" lab_until 5 programs_are "$before"
	check_equal "maps that cannot be pinned: other links are gone" "tcx" "$(pin_kinds)"
	sleep 0.5
	flow_stop
	flow_unharmed "maps that cannot be pinned" 100
	check "maps that cannot be pinned: AAAA is answered" lab_filtered
	lab_control rmdir "$blocked"
	reloaded "maps that can" "settle = 0"
	check "maps that can: AAAA is answered" lab_filtered
}

programs_are() { [ "$(programs_of)" = "$1" ]; }

# On a busy machine three seconds can be over.
settles_or_is_over() { [ "$(lab_status '.netns[0].settling')" = true ] || [ $(($(lab_ms) - $1)) -ge 2900 ]; }

# What is about to act acts no earlier, and what acts goes on.
settling() {
	local since answered_at
	reloaded "settle" "settle = 3"
	check "settle: what acted acts" lab_filtered
	ip -n "$LAB-host" -6 route add 2001:db8:99::/48 dev h0
	check "settle: with a route of IPv6 AAAA passes" lab_until 2 status_is '.netns[0].verdict.aaaa' pass
	ip -n "$LAB-host" -6 route del 2001:db8:99::/48 dev h0
	since=$(lab_ms)
	lab_until 2 status_is '.netns[0].settling' true
	reload
	check "settle: after a reload it settles still" settles_or_is_over "$since"
	reload
	check "settle: then AAAA is answered" lab_until 6 lab_filtered
	answered_at=$(($(lab_ms) - since))
	check_number "settle: not before its time (ms)" "$answered_at" -ge 2900
	check_time "settle: nor much later (ms)" "$answered_at" 4500
}

# In the midst of a reload, whichever part of it.
ended() {
	local i
	for i in 0 0.03 0.06 0.1; do
		configure "settle = 0"
		start_filter "ended $i s after SIGHUP" --config "$CONF" || return
		configure "settle = 0" "action = drop" "order = last"
		kill -HUP "$(controller)"
		sleep "$i"
		kill -TERM "$(controller)"
		check "ended $i s after SIGHUP: it is gone" lab_until 5 lab_gone "$LAB_FILTER_PID"
		LAB_FILTER_PID=''
	done
	configure "settle = 0"
	start_filter "stopped during a reload" --config "$CONF" || return
	check "stopped during a reload: AAAA is answered before" lab_filtered
	configure "settle = 0" "results = covered" "gateway = h0"
	kill -HUP "$(controller)"
	lab_filter_stop
	check_equal "stopped during a reload: nothing is left" "" "$(lab_control ls "$LAB_DIR/bpf/stubsieve" 2>/dev/null)"
}

# What is stopped gently is not started anew by a reload.
ramp() {
	local stopping
	configure "settle = 0"
	start_filter "a ramp" --config "$CONF" || return
	lab_filter stop --ramp 30 >/dev/null 2>&1 &
	stopping=$!
	check "a ramp: it began" lab_until 10 lab_status_has ramp
	configure "settle = 0" "exempt-name = a.example"
	refused "during a ramp" 1 "the filter is being stopped"
	check "during a ramp: it goes on" lab_status_has ramp
	lab_filter_stop
	wait "$stopping"
}

lab_status_has() { [ "$(lab_status ".$1")" != null ]; }

need_root
lab_init reload-changes
lab_host ipv4
CONF=$LAB_DIR/stubsieve.conf
configure "settle = 0"
if start_filter "with a file" --config "$CONF"; then
	actions
	results
	failing
	settling
	lab_filter_stop
fi
clsact
ended
ramp
finish
