#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# explain says of a query what the kernel then does to it, and names the route, the rule or the configuration
# line. Beside each answer stands a query that passes.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh

# explained NAME TYPE CGROUP JQ: what explain says of the query
explained() { lab_filter explain "$1" --type "$2" --cgroup "$LAB/$3" --json | jq -r ".queries[0] | $4"; }

verdict_of() { explained "$1" "$2" "$3" '"\(.verdict) \(.reason)"'; }

ipv4_only() {
	start_filter "ipv4" --settle 1 || return
	check_equal "AAAA is answered" "answer none" "$(verdict_of both.example AAAA clients)"
	check "... and the kernel does so" lab_filtered
	check_equal "A passes" "pass connected" "$(verdict_of both.example A clients)"
	check_equal "... by the default route" "default via $LAB_SERVER4 dev h0" \
		"$(explained both.example A clients '.route | "\(.dst) via \(.via) dev \(.dev)"')"
	check_equal "the scope is named" "cgroup = /$LAB/clients" "$(explained both.example AAAA clients .rule)"
	check_equal "another cgroup is out of scope" "pass scope" "$(verdict_of both.example AAAA control)"
	check_equal "an exempt name passes" "pass exempt_name" "$(verdict_of Printer.LOCAL. AAAA clients)"
	check_equal "... by its suffix" "built-in exempt name local" "$(explained Printer.LOCAL. AAAA clients .rule)"
	check_equal "a name that only looks so is answered" "answer none" "$(verdict_of printerlocal AAAA clients)"
	check_equal "both types without --type" "A AAAA" \
		"$(lab_filter explain both.example --json | jq -r '[.queries[].type] | join(" ")')"
	check "in words, too" lab_said "both.example AAAA: answer, for there is no IPv6 route" both.example
}

# A VPN comes and goes: connected at once, settling, answered.
while_settling() {
	lab_control ip route add 2001:db8:77::/48 dev h0
	check "a new route lets AAAA pass" lab_until 2 lab_explains both.example "pass connected"
	check_equal "... and is named" 2001:db8:77::/48 "$(explained both.example AAAA clients .route.dst)"
	lab_control ip route del 2001:db8:77::/48 dev h0
	check "withdrawn, it settles" lab_until 1 lab_explains both.example "pass settling"
	check_equal "... for as long as is configured" "settle = 1" "$(explained both.example AAAA clients .rule)"
	check "settled, it is answered" lab_until 3 lab_explains both.example "answer none"
	lab_filter_stop
}

lab_explains() { [ "$(verdict_of "$1" AAAA clients)" = "$2" ]; }
lab_said() { lab_filter explain "$2" --cgroup "$LAB/clients" | grep -qF "$1"; }

actions() {
	local action
	start_filter "observe" --action observe --settle 0 || return
	check_equal "observe passes" "pass observed" "$(verdict_of both.example AAAA clients)"
	check_equal "... as configured" "action = observe" "$(explained both.example AAAA clients .rule)"
	lab_filter_stop
	for action in drop reject; do
		start_filter "$action" --action "$action" --settle 0 || return
		check_equal "$action is said" "$action none" "$(verdict_of both.example AAAA clients)"
		check_equal "$action: A passes" "pass connected" "$(verdict_of both.example A clients)"
		lab_filter_stop
	done
}

not_running() {
	local said status=0
	said=$(lab_filter explain both.example --json 2>/dev/null) || status=$?
	check_equal "nothing runs: exit 3, and it says so" "3 false" "$status $(jq -r .running <<<"$said")"
}

need_root
lab_init explain
lab_host ipv4
not_running
ipv4_only
while_settling
actions
finish
