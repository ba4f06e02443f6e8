#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The four actions, and whom they touch: sockets of the cgroups in scope and of those below them, and no
# other. Each has its twin: the same query from outside the scope, and an A query from inside.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh

QUERIES=10
SILENT_QUERIES=3
ASK=$BUILD/tests/tools/ask

# ask_from CGROUP OPTION...: the fates of queries for `both`
ask_from() {
	local cgroup=$1
	shift
	lab_enter "$cgroup" "$LAB_HOST_PID" "$LAB_TIMEOUT" "$ASK" "$@" "$LAB_SERVER4" both.example
}

# fates N FATE: what ask prints if all N queries came to the same
fates() {
	local fate line="sent=$1"
	for fate in server filter silent denied failed; do
		if [ "$fate" = "$2" ]; then line+=" $fate=$1"; else line+=" $fate=0"; fi
	done
	echo "$line"
}

# every PHRASE CGROUP FATE [OPTION...]: all queries of that cgroup come to that
every() {
	local phrase=$1 cgroup=$2 fate=$3 count=$QUERIES
	shift 3
	[ "$fate" != silent ] || count=$SILENT_QUERIES
	check_equal "$phrase" "$(fates "$count" "$fate")" "$(ask_from "$cgroup" --count "$count" --wait 300 "$@")"
}

counter() { lab_status ".counters.$1 // 0"; }

twins() {
	every "$1: A from inside the scope goes upstream" clients server --type A
	every "$1: AAAA from outside the scope goes upstream" outside server
}

action_answer() {
	every "answer: AAAA is answered on the host" clients filter
	every "answer: also over a connected socket" clients filter --connected
	every "answer: also from a cgroup below" clients/below filter
	check_number "answer: each is counted" "$(counter answered_aaaa)" -eq $((3 * QUERIES))
	twins answer
	check_number "answer: those outside are counted as such" "$(counter passed.scope)" -ge "$QUERIES"
}

action_observe() {
	every "observe: AAAA goes upstream" clients server
	check_number "observe: each is counted" "$(counter passed.observed)" -eq "$QUERIES"
	check_number "observe: none is answered" "$(counter answered_aaaa)" -eq 0
	twins observe
	check_number "observe: only those inside are" "$(counter passed.observed)" -eq "$QUERIES"
}

action_drop() {
	every "drop: AAAA is lost without a word" clients silent
	every "drop: also over a connected socket" clients silent --connected
	check_number "drop: each is counted" "$(counter dropped_aaaa)" -eq $((2 * SILENT_QUERIES))
	twins drop
}

action_reject() {
	every "reject: sending AAAA fails with EPERM" clients denied
	every "reject: also over a connected socket" clients denied --connected
	every "reject: also from a cgroup below" clients/below denied
	check_number "reject: each is counted" "$(counter rejected_aaaa)" -eq $((3 * QUERIES))
	twins reject
}

one_action() {
	start_filter "$1" --settle 0 --action "$1" || return
	check_equal "$1: status names the action" "$1" "$(lab_status .action)"
	"action_$1"
	check_sums "$1"
	check "$1: stop" lab_filter stop
	lab_filter_stop
	every "$1: after stop AAAA goes upstream" clients server
}

several_cgroups() {
	start_filter "several cgroups" --settle 0 --cgroup "$LAB/clients" --cgroup "$LAB_CGROUP/second" || return
	check_equal "several cgroups: status names both" 2 "$(lab_status '.cgroups | length')"
	every "several cgroups: AAAA of the first is answered" clients filter
	every "several cgroups: AAAA of the second is answered" second filter
	every "several cgroups: AAAA from outside goes upstream" outside server
	lab_filter_stop
}

need_root
lab_init actions
mkdir -p "$LAB_CGROUP"/{clients/below,second,outside}
lab_host ipv4
for action in answer observe drop reject; do one_action "$action"; done
several_cgroups
finish
