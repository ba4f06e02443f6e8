#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# One controller and many network namespaces: how soon they are followed, what each costs, what is left of
# those that went, when a namespace is let go, and the limit. Usage: many-namespaces.sh [GROUP...]
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh

MANY=250
TURNS=1000
ROUNDS=20             # of a change in each of many namespaces
GAP_US=1000           # between two changes, so 250 ms between two of one namespace
FOLLOWED_MS=2000
GONE_MS=1000
RESIDENT_KIB=64       # for each namespace
CHANGE_US=100         # CPU for each change
FLAT_KIB=256          # how much memory may grow while namespaces come and go

# A host with IPv4, and a program that makes namespaces beside it. Names in /run/netns are the lab's own.
many_host() {
	lab_init "$1"
	lab_namespaces
	lab_no_dad
	lab_link veth
	lab_ipv4
	lab_control mount -t tmpfs -o mode=755 none /run/netns || lab_die "no private /run/netns"
	mkdir "$LAB_CGROUP/clients/many"
	coproc FARM { lab_stay control "$LAB_HOST_PID" "$BUILD/tests/tools/namespaces" "$LAB_CGROUP/clients/many"; }
	disown
}

# farm COMMAND...: of tests/tools/namespaces; sets SAID
farm() {
	SAID=''
	echo "$*" >&"${FARM[1]}"
	read -r -t "$LAB_TIMEOUT" SAID <&"${FARM[0]}" || SAID='nothing'
	case $SAID in failed* | nothing) note "namespaces: $*: $SAID" ;; esac
}

farm_is() { farm "$1"; [ "$SAID" = "$2" ]; }

controller_pid() { lab_status .pid; }
resident_kib() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status"; }
cpu_us() { cat "/proc/$1"/task/*/schedstat | awk '{ ns += $1 } END { printf "%d\n", ns / 1000 }'; }
followed_count() { lab_status '.netns | length'; }
follows_count() { [ "$(followed_count)" = "$1" ]; }

# await PHRASE SINCE: all are answered; sets TOOK, ms since then
await() {
	farm "await $((2 * FOLLOWED_MS))"
	TOOK=99999
	if [[ $SAID =~ ^answered\ ([0-9]+)\ of\ ([0-9]+),\ the\ last\ one\ at\ ([0-9]+)$ ]]; then
		check_equal "$1: all are answered" "${BASH_REMATCH[2]} of ${BASH_REMATCH[2]}" "${BASH_REMATCH[1]} of ${BASH_REMATCH[2]}"
		[ "${BASH_REMATCH[3]}" -eq 0 ] || TOOK=$((BASH_REMATCH[3] - $2))
	else
		not_ok "$1: all are answered" "$SAID"
	fi
}

# launch PHRASE [OPTION...]: sets TOOK, the ms until each namespace was answered, and PID
launch() {
	local phrase=$1 started
	shift
	started=$(lab_ms)
	lab_filter_launch --settle 0 "$@"
	await "$phrase" "$started"
	lab_until 5 lab_filter_runs || not_ok "$phrase: the filter runs" "$(cat "$LAB_DIR/filter.log")"
	PID=$(controller_pid)
}

many_together() {
	local before
	many_host many-together
	farm "make 1"
	launch "one namespace"
	sleep 1
	before=$(resident_kib "$PID")
	lab_filter_stop
	farm "make $((MANY - 1))"
	check_equal "there are namespaces" "made $MANY" "$SAID"
	launch "$MANY namespaces"
	check_time "$MANY namespaces: answered so many ms after the start" "$TOOK" "$FOLLOWED_MS"
	check_equal "$MANY namespaces: status has each, and the host" $((MANY + 1)) "$(followed_count)"
	check_equal "$MANY namespaces: on each interface" "$MANY" \
		"$(lab_status '[.netns[].interfaces[] | select(.name == "c0" and .hook != "none")] | length')"
	note "resident: $before KiB with one, $(resident_kib "$PID") KiB with $MANY"
	check_number "$MANY namespaces: resident KiB for each" $((($(resident_kib "$PID") - before) / (MANY - 1))) -le "$RESIDENT_KIB"
	changes_cost "a route that decides nothing" routes
	changes_cost "the one IPv6 route" vpns
	one_has_a_vpn
	lets_go
	named
	check_sums "$MANY namespaces"
	check_equal "nothing was worth a word" "" "$(grep -v ': ready' "$LAB_DIR/filter.log")"
}

# changes_cost PHRASE routes|vpns: what one change costs the controller, beside what it spends without
changes_cost() {
	local before idle spent began changes took
	before=$(cpu_us "$PID")
	sleep 2
	idle=$(($(cpu_us "$PID") - before))
	before=$(cpu_us "$PID") began=$(lab_ms)
	LAB_TIMEOUT=60 farm "$2 $ROUNDS $GAP_US"
	changes=${SAID#changed }
	sleep 0.2
	took=$(($(lab_ms) - began))
	spent=$(($(cpu_us "$PID") - before - idle * took / 2000))
	note "$changes changes in $took ms, idle $((idle / 2)) µs a second"
	check_time "$1: µs of CPU for a change" $((spent / ${changes//[!0-9]/0})) "$CHANGE_US"
	check "$1: all are answered again" lab_until 2 farm_is askall "answered $MANY passed 0"
}

one_has_a_vpn() {
	farm "vpn 7 add"
	farm askall
	check_equal "one has a VPN: its AAAA pass at once, no other's" "answered $((MANY - 1)) passed 1" "$SAID"
	farm "vpn 7 del"
	check "without it all are answered" lab_until 2 farm_is askall "answered $MANY passed 0"
}

lets_go() {
	local times='' number
	for number in 240 241 242 243 244; do
		farm "end $number"
		times+="${SAID#gone after }"$'\n'
	done
	note "let go after ms: $(paste -sd ' ' <<<"${times%$'\n'}")"
	check_equal "its last process ends: its veth goes" "" "$(grep -e - <<<"$times")"
	check_time "its last process ends: its veth is gone after ms (worst of 5)" "$(sort -n <<<"${times%$'\n'}" | tail -n 1)" \
		"$GONE_MS"
	check "and it is followed no longer" lab_until 2 follows_count $((MANY + 1 - 5))
}

peer_is_there() { ip -n "$LAB-host" link show "p$1"; }
peer_is_gone() { ! peer_is_there "$1"; }
has_name() { [ "$(lab_status "[.netns[] | select(.name == \"$1\")] | length")" = 1 ]; }

# With a name it is there for whoever enters it next.
named() {
	local started
	farm "pid 5"
	lab_control ip netns attach kept "$SAID" || not_ok "a name for a namespace"
	check "a name in /run/netns is shown" lab_until 2 has_name kept
	farm "kill 5"
	sleep 1.5
	check "its last process ends: its name keeps it" peer_is_there 5
	check "its last process ends: it is followed by its name" has_name kept
	started=$(lab_ms)
	lab_control ip netns del kept
	lab_until 5 peer_is_gone 5
	check_time "its name is deleted: its veth is gone after ms" $(($(lab_ms) - started)) "$GONE_MS"
	check_equal "a name that was deleted is not shown" 0 "$(lab_status '[.netns[] | select(.name == "kept")] | length')"
}

# Everything that could be left of a namespace, one a line
traces() {
	local map
	echo "descriptors $(find "/proc/$PID/fd" -mindepth 1 | wc -l)"
	echo "pins $(lab_control find "$LAB_DIR/bpf/stubsieve" | wc -l)"
	for map in $(lab_control find "$LAB_DIR/bpf/stubsieve" -name 'netns-*' -o -name 'cgroups-*'); do
		echo "${map##*/} $(lab_control bpftool -j map dump pinned "$map" | jq length)"
	done
	echo "links $(our_links)"
	echo "netns $(followed_count)"
}

# Links of programs that we have pinned a link of
our_links() {
	local pin programs
	programs=$(for pin in $(lab_control find "$LAB_DIR/bpf/stubsieve" -name 'tcx-*' -o -name 'cgroup-*' -o -name 'sensor*'); do
		lab_control bpftool -j link show pinned "$pin" | jq .prog_id
	done | sort -u | paste -sd ,)
	bpftool -j link show | jq "[.[] | select(.prog_id as \$p | [$programs] | index(\$p))] | length"
}

many_in_turn() {
	local before kib
	many_host many-in-turn
	launch "no namespace yet"
	farm "turn 100" # what is allocated once
	sleep 1
	before=$(traces) kib=$(resident_kib "$PID")
	LAB_TIMEOUT=60 farm "turn $TURNS"
	note "$SAID"
	[[ $SAID =~ ^answered\ ([0-9]+)\ of\ .*\ gone\ ([0-9]+)\ of\ .*\ worst\ (-?[0-9]+)$ ]] || not_ok "namespaces in turn" "$SAID"
	check_equal "in turn: each is answered" "$TURNS" "${BASH_REMATCH[1]:-none}"
	check_equal "in turn: each goes" "$TURNS" "${BASH_REMATCH[2]:-none}"
	check_time "in turn: gone after ms (worst)" "${BASH_REMATCH[3]:-99999}" "$GONE_MS"
	sleep 1
	check_equal "in turn: nothing is left" "$before" "$(traces)"
	note "${before//$'\n'/, }; resident: $kib KiB before, $(resident_kib "$PID") KiB after"
	check_number "in turn: memory grew by KiB" $(($(resident_kib "$PID") - kib)) -le "$FLAT_KIB"
	check_equal "nothing was worth a word" "" "$(grep -v ': ready' "$LAB_DIR/filter.log")"
}

answers() { farm askall; [ "$SAID" = "$1" ]; }

# The host and four others
many_limit() {
	many_host many-limit
	farm "make 12"
	start_filter "a limit" --settle 0 --max-netns 5 || return
	lab_until 5 answers "answered 4 passed 8"
	check_equal "a limit: so many are followed" 5 "$(followed_count)"
	check_equal "a limit: the others' queries pass" "answered 4 passed 8" "$SAID"
	check_number "a limit: status says that there are others" "$(lab_status '.netns_refused // 0')" -ge 1
	check_equal "a limit: it is named, once" 1 "$(grep -c 'max-netns' "$LAB_DIR/filter.log")"
	note "$(grep 'max-netns' "$LAB_DIR/filter.log")"
	check_number "a limit: words on stderr" "$(wc -l <"$LAB_DIR/filter.log")" -le 3
	one_goes
	lab_filter_stop
	# What looks at sockets, and not at interfaces, sees those queries.
	start_filter "a limit, observe" --settle 0 --max-netns 5 --action observe || return
	sleep 0.5
	farm askall
	check_equal "a limit, observe: queries of a namespace that is not known, and of one that is" "7 4" \
		"$(lab_status '.counters | "\(.passed.unknown_netns) \(.observed_aaaa)"')"
}

# Room for another one, which is taken when that asks the next time.
one_goes() {
	local number
	for number in {0..11}; do
		farm "ask $number"
		[ "$SAID" = answered ] && break
	done
	farm "end $number"
	sleep 0.5
	farm askall
	sleep 0.5
	farm askall
	note "one of those that were followed has ended; then: $SAID"
	check_sums "a limit"
}

need_root
[ $# -gt 0 ] || set -- together in_turn limit
for group; do
	"many_$group"
	lab_remove
done
finish
