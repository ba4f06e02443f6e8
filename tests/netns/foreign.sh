#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Programs of others on our hooks: the order, by what the kernel says and by what happens to packets; status; run and stop
# leave them alone. And each of ours is on its hook once, however it was started.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/pins.sh

DROP=2 NEXT=-1 # verdicts of tcx

on_hook() { lab_control "$BUILD/tests/tools/on-hook" "$@" | tr '\n' ' '; }

# foreign HOOK PLACE VERDICT: a program of somebody else, before all that are there; its process in FOREIGN
foreign() {
	rm -f "$LAB_DIR/foreign.out"
	(lab_stay control "$LAB_HOST_PID" "$BUILD/tests/tools/on-hook" attach "$@") \
		<> <(:) >"$LAB_DIR/foreign.out" 2>&1 &
	FOREIGN=$!
	disown
	lab_until 5 grep -q attached "$LAB_DIR/foreign.out" || not_ok "a foreign program is attached" "$(cat "$LAB_DIR/foreign.out")"
}

# ends PID...
ends() {
	local pid
	for pid; do lab_end "$pid"; done
}

run_again() {
	local signal=$1
	shift
	kill "-$signal" "$LAB_FILTER_PID"
	lab_until 5 lab_gone "$LAB_FILTER_PID"
	start_filter "$@" --settle 0
}

answers_a() { lab_client dig "@$LAB_SERVER4" +tries=1 +time=1 +short v4.example A | grep -q 198.51.100.4; }

# fates: what becomes of AAAA and of A
fates() {
	lab_filtered && echo -n "answered " || echo -n "- "
	answers_a && echo passed || echo -
}

status_of_h0() {
	lab_status '.netns[0].interfaces[] | select(.name == "h0").programs.egress | map("\(.owner) \(.name) \(.hook)") | join(", ")'
}

# A foreign program that drops all: what comes before it has had its turn.
order() {
	local after before
	# The neighbour's address is not asked for: that would be dropped as well.
	ip -n "$LAB-host" neigh replace "$LAB_SERVER4" dev h0 nud permanent \
		lladdr "$(ip -n "$LAB-server" -json link show dev s0 | jq -r '.[0].address')"
	foreign egress h0 "$DROP"
	after=$FOREIGN
	start_filter "order = first" --settle 0 --order first || return
	check_equal "order = first: the kernel has it before the foreign one" "sieve_egress foreign " "$(on_hook egress h0)"
	check_equal "order = first: AAAA is answered, A is dropped behind it" "answered -" "$(fates)"
	foreign egress h0 "$NEXT"
	before=$FOREIGN
	check_equal "with foreign ones on both sides" "foreign sieve_egress foreign " "$(on_hook egress h0)"
	run_again TERM "with foreign ones on both sides: the next controller" --order first
	check_equal "the next controller keeps the place" "foreign sieve_egress foreign " "$(on_hook egress h0)"
	check_equal "the next controller: AAAA is answered, A is dropped behind it" "answered -" "$(fates)"
	check_equal "status has them in their order" "foreign foreign tcx, stubsieve sieve_egress tcx, foreign foreign tcx" \
		"$(status_of_h0)"
	check "status tells people" grep -qE \
		'programs at h0 egress: foreign \[[0-9]+\] foreign, sieve_egress \[[0-9]+\] stubsieve, foreign' \
		<(lab_filter status)
	lab_filter_stop
	check_equal "stop leaves the foreign ones alone" "foreign foreign " "$(on_hook egress h0)"
	start_filter "order = last" --settle 0 --order last || return
	check_equal "order = last: the kernel has it behind both" "foreign foreign sieve_egress " "$(on_hook egress h0)"
	check_equal "order = last: all is dropped before it" "- -" "$(fates)"
	ends "$after" "$before"
	check_equal "without the foreign ones" "sieve_egress " "$(on_hook egress h0)"
	check_equal "without the foreign ones: AAAA is answered, A passes" "answered passed" "$(fates)"
	check_equal "status has it alone" "stubsieve sieve_egress tcx" "$(status_of_h0)"
	check_equal "status tells people of foreign ones only" 0 "$(lab_filter status | grep -c 'programs at')"
	lab_filter_stop
}

# A filter of somebody else on the same clsact qdisc
filters() {
	nsenter --target "$LAB_HOST_PID" --net tc qdisc add dev h0 clsact
	nsenter --target "$LAB_HOST_PID" --net tc filter add dev h0 egress protocol all bpf bytecode '1,6 0 0 0,' flowid 1:1
	export STUBSIEVE_HOOK=clsact
	start_filter "clsact" --settle 0 || return
	check_equal "clsact: status has both" "foreign bpf clsact, stubsieve sieve_egress clsact" \
		"$(status_of_h0 | tr ',' '\n' | sed 's/^ //' | sort | sed 'N;s/\n/, /')"
	check_equal "clsact: status tells people of no more" 0 "$(lab_filter status | grep -c 'more filters')"
	for priority in {101..170}; do
		echo "filter add dev h0 egress protocol all prio $priority bpf bytecode '1,6 0 0 0,' flowid 1:1"
	done | nsenter --target "$LAB_HOST_PID" --net tc -batch -
	check_equal "clsact: of very many filters status says that there are more" 1 \
		"$(lab_filter status | grep -c 'h0 has more filters than are shown here: tc filter show dev h0')"
	lab_filter_stop
	unset STUBSIEVE_HOOK
	check_equal "clsact: the foreign filters stay" 71 \
		"$(nsenter --target "$LAB_HOST_PID" --net tc filter show dev h0 egress | grep -c bytecode)"
	nsenter --target "$LAB_HOST_PID" --net tc qdisc del dev h0 clsact
}

# A program that was attached to the cgroup as the only one: named, with the cure, which is tried.
exclusive() {
	local said status=0 id cure
	foreign cgroup "$LAB_CGROUP/clients" 1
	id=$(bpftool -j cgroup show "$LAB_CGROUP/clients" | jq '.[0].id')
	said=$(lab_control timeout 10 "$STUBSIEVE" run --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve" \
		--cgroup "$LAB/clients" --netns self --action observe 2>&1) || status=$?
	check_equal "an exclusive program: run fails" 1 "$status"
	check "an exclusive program: it, the cgroup and the cure are named" grep -q \
		"the program $id (foreign) at the cgroup /$LAB/clients was attached as the only one.*bpftool cgroup detach" <<<"$said"
	cure=$(grep -o "bpftool cgroup detach [^;]*id $id" <<<"$said")
	# shellcheck disable=SC2086 # a command
	check "an exclusive program: the cure" lab_control $cure
	start_filter "without the exclusive program" --settle 0 --action observe || return
	check_equal "without the exclusive program" "sieve_cgroup " "$(on_hook cgroup "$LAB_CGROUP/clients")"
	check_equal "status has the cgroup's programs" "stubsieve sieve_cgroup" \
		"$(lab_status ".cgroups[] | select(.path == \"/$LAB/clients\").programs | map(\"\(.owner) \(.name)\") | join(\" \")")"
	lab_filter_stop
	ends "$FOREIGN"
}

filters_of_ours() { nsenter --target "$LAB_HOST_PID" --net tc filter show dev h0 "$1" | grep -o 'sieve_[a-z]*:' | sort | tr '\n' ' '; }

# once PHRASE EGRESS INGRESS CGROUP SENSOR FILTERS: what is at each hook, tcx and clsact
once() {
	check_equal "$1: each is there once" "$2|$3|$4|$5|$6" \
		"$(on_hook egress h0)|$(on_hook ingress h0 | tr ' ' '\n' | sort | tr -d '\n')|$(on_hook cgroup "$LAB_CGROUP/clients")|$(
			on_hook sensor "$LAB_CGROUP/clients")|$(filters_of_ours egress)$(filters_of_ours ingress)"
}

double() {
	local all=(--results covered --gateway h0) both=sieve_gatewaysieve_results
	local tc="sieve_egress: sieve_gateway: sieve_results: "
	start_filter "all programs" --settle 0 "${all[@]}" || return
	once "all programs" "sieve_egress " "$both" "" "sieve_sensor " ""
	run_again TERM "after SIGTERM" "${all[@]}"
	once "after SIGTERM" "sieve_egress " "$both" "" "sieve_sensor " ""
	run_again KILL "after SIGKILL" "${all[@]}"
	once "after SIGKILL" "sieve_egress " "$both" "" "sieve_sensor " ""
	STUBSIEVE_HOOK=clsact run_again KILL "to clsact" "${all[@]}"
	once "to clsact" "" "" "" "sieve_sensor " "$tc"
	STUBSIEVE_HOOK=clsact run_again KILL "clsact again" "${all[@]}"
	once "clsact again" "" "" "" "sieve_sensor " "$tc"
	lab_control sh -c "rmdir $LAB_DIR/bpf/stubsieve/*-*-*"
	STUBSIEVE_HOOK=clsact run_again KILL "clsact without its marks" "${all[@]}"
	once "clsact without its marks" "" "" "" "sieve_sensor " "$tc"
	lab_control sh -c "rmdir $LAB_DIR/bpf/stubsieve/*-*-*"
	run_again KILL "to tcx without the marks" "${all[@]}"
	once "to tcx without the marks" "sieve_egress " "$both" "" "sieve_sensor " ""
	run_again KILL "to another action" --action observe
	once "to another action" "" "" "sieve_cgroup " "sieve_sensor " ""
	run_again TERM "that action again" --action observe
	once "that action again" "" "" "sieve_cgroup " "sieve_sensor " ""
	lab_filter_stop
	once "stopped" "" "" "" "" ""
}

need_root
lab_init foreign
lab_host ipv4
order
filters
exclusive
double
finish
