#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Exempt suffixes, and suffixes under which families are always asked: what the kernel does to queries for names
# under them and for names that only look so, what explain says, and that 8,000 of each are taken. A later
# controller with other suffixes replaces them.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh

MANY=8000

# fate TYPE NAME: answered or passes
fate() {
	case $(lab_client "$BUILD/tests/tools/ask" --type "$1" "$(lab_first_address)" "$2") in
	*' filter=1 '*) echo answered ;;
	*' filter=0 '*) echo passes ;;
	*) echo lost ;;
	esac
}

explained() { lab_filter explain "$2" --type "$1" --cgroup "$LAB/clients" --json | jq -r '.queries[0] | "\(.verdict) \(.reason) \(.rule)"'; }

# passes_as TYPE NAME REASON RULE; is_answered TYPE NAME
passes_as() {
	local before after
	before=$(lab_status ".counters.passed.$3")
	check_equal "$1 $2 passes" passes "$(fate "$1" "$2")"
	after=$(lab_status ".counters.passed.$3")
	check_equal "... and is counted as $3" 1 "$((after - before))"
	check_equal "... explain names the suffix" "pass $3 $4" "$(explained "$1" "$2")"
}

is_answered() {
	check_equal "$1 $2 is answered" answered "$(fate "$1" "$2")"
	check_equal "... explain says so" "answer none cgroup = /$LAB/clients" "$(explained "$1" "$2")"
}

# The useless type of the host first.
suffixes() {
	local useless=$1 other=$2 word=$3
	start_filter "$useless is useless" --settle 0 --exempt-name cname.example. --exempt-name Sub.Both.example \
		--ask "v6.example $word" --ask "v4.example ${other,,}" || return
	is_answered "$useless" both.example
	passes_as "$useless" cname.example exempt_name "exempt-name = cname.example."
	passes_as "$useless" WWW.CNAME.example exempt_name "exempt-name = cname.example."
	is_answered "$useless" xcname.example
	is_answered "$useless" cname-v4.example
	passes_as "$useless" a.b.sub.both.EXAMPLE exempt_name "exempt-name = Sub.Both.example"
	is_answered "$useless" bsub.both.example
	passes_as "$useless" v6.example asked "ask = v6.example $word"
	passes_as "$useless" www.v6.example asked "ask = v6.example $word"
	is_answered "$useless" v4.example
	is_answered "$useless" www.v4.example
	check_sums "$useless is useless"
}

# Without stop: the maps stay, and the next controller makes them its own.
others_replace_them() {
	lab_end "$LAB_FILTER_PID"
	start_filter "a later controller" --settle 0 --exempt-name v4.example --ask "cname.example both" || return
	passes_as AAAA v4.example exempt_name "exempt-name = v4.example"
	passes_as AAAA cname.example asked "ask = cname.example both"
	is_answered AAAA v6.example
	is_answered AAAA a.sub.both.example
	lab_filter_stop
}

# The first, the last, and names between and beside them.
thousands() {
	local options=() i
	for ((i = 1; i <= MANY; i++)); do options+=(--exempt-name "e$i.both.example" --ask "a$i.both.example aaaa"); done
	start_filter "$MANY of each" --settle 0 "${options[@]}" || return
	for i in 1 17 4711 "$MANY"; do
		passes_as AAAA "www.e$i.both.example" exempt_name "exempt-name = e$i.both.example"
		passes_as AAAA "www.a$i.both.example" asked "ask = a$i.both.example aaaa"
		is_answered AAAA "www.x$i.both.example"
	done
	is_answered AAAA "e$((MANY + 1)).both.example"
	is_answered AAAA both.example
	check "status says how many" grep -q "exempt-name: ... $MANY in all" <<<"$(lab_filter status)"
	lab_filter_stop
}

refused() {
	local said status=0
	said=$(lab_client "$STUBSIEVE" run --cgroup "$LAB/clients" "$@" 2>&1) || status=$?
	check_equal "$* is refused" 2 "$status"
	check "... by name: $said" grep -qF -- "$2" <<<"$said"
}

need_root
lab_init names-ipv4
lab_host ipv4
suffixes AAAA A aaaa
others_replace_them
thousands
refused --exempt-name '*.example'
refused --exempt-name .
refused --ask example
refused --ask 'example AAAA'
lab_remove
lab_init names-ipv6
lab_host ipv6
suffixes A AAAA a
finish
