#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# host-states.sh: makes the states of tests/fixtures/host-states.json, each in two network
# namespaces of its own, and compares what `stubsieve connectivity --json` says inside with what must
# hold. Three cases a state:
#   NAME             route, address, default and witness of both families, and the verdict
#   NAME, turned     the twin: routes of a family that has some are flushed, one is added where there
#                    is none, and `route` must follow
#   NAME, control    the same comparison fails when any one of the six expected values is turned
# STUBSIEVE: the program (build/stubsieve). JOBS: states at a time (8).
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh

BUILD=${BUILD:-build}
STUBSIEVE=${STUBSIEVE:-$BUILD/stubsieve}
JOBS=${JOBS:-8}
TOOLS=$BUILD/tests/tools
STATES=tests/fixtures/host-states.json
STATE_SECONDS=60

cleanup() {
	local pid path
	trap - EXIT
	trap '' INT TERM HUP
	for pid in $(jobs -p); do
		kill "$pid" 2>/dev/null
	done
	wait
	for path in /run/netns/"$MARK"-*; do
		[ -e "$path" ] && ip netns del "${path##*/}"
	done
	rm -rf "$DIRECTORY"
}

in_host() {
	nsenter --net="/run/netns/$H" "$@"
}

# hold_tun NAME: until the state is torn down
hold_tun() {
	mkfifo "$WORK/ready-$1"
	# Without the fifo's writing end, or it would never see the end of its standard input.
	nsenter --net="/run/netns/$H" "$TOOLS/tun-hold" "$1" <"$WORK/hold" >"$WORK/ready-$1" {hold}>&- &
	HOLDERS+=("$!")
	read -r -t 5 _ <"$WORK/ready-$1"
}

host_has_ra_route() {
	[ -n "$(ip -n "$H" -6 route show proto ra)" ]
}

advertise() {
	local try
	for try in $(seq 20); do
		nsenter --net="/run/netns/$P" "$TOOLS/send-ra" "$@" vp
		sleep 0.5
		host_has_ra_route && sleep 0.3 && return
	done
	echo "no route with proto ra after $try advertisements" >&2
	return 1
}

run_line() {
	local words
	read -r -a words <<<"$1"
	# shellcheck disable=SC2016  # the two words are meant literally
	case ${words[0]} in
	'$TUN') hold_tun "${words[1]}" ;;
	'$RA') advertise "${words[@]:1}" ;;
	*) sh -c "$1" </dev/null ;;
	esac
}

set_up() {
	local lines line
	ip netns add "$H" && ip netns add "$P" || return 1
	mapfile -t lines < <(jq -r '.setup[]' "$WORK/state")
	for line in "${lines[@]}"; do
		run_line "$line" || { echo "failed: $line" >&2; return 1; }
	done
}

tear_down() {
	local pid
	exec {hold}>&-
	for pid in "${HOLDERS[@]}"; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	ip netns del "$H" 2>/dev/null
	ip netns del "$P" 2>/dev/null
}

# What the program says, in the shape of expected_facts: a witness counts as there or not.
facts() {
	timeout 10 nsenter --net="/run/netns/$H" "$STUBSIEVE" connectivity --json "$@" |
		jq -cS '{ipv4, ipv6, verdict} | .[("ipv4", "ipv6")] |= (.witness = (.witness != null) | del(.ignored))'
}

# expected_facts routes|addresses: the verdict follows from the families, and from a router
# advertisement, beside which an A query is not answered while nat64 is auto.
expected_facts() {
	jq -cS --arg detect "$1" '
		def useless($mine; $other): ($mine | not) and $other;
		def word: if . then "answer" else "pass" end;
		(if $detect == "routes" then "route" else "address" end) as $by
		| (.setup | any(startswith("$RA "))) as $advertised
		| .expect
		| {ipv4: (.ipv4 + {witness: .ipv4.route}), ipv6: (.ipv6 + {witness: .ipv6.route}),
		   verdict: {a: (useless(.ipv4[$by]; .ipv6[$by]) and ($advertised | not) | word),
			     aaaa: (useless(.ipv6[$by]; .ipv4[$by]) | word)}}' "${2:-$WORK/state}"
}

# compare WANT HAVE: says what differs
compare() {
	[ "$1" = "$2" ] && return
	echo "want: $1"
	echo "have: $2"
	return 1
}

# The state with each of the six expected values turned, one a line.
turned_states() {
	jq -c '. as $state
		| ("ipv4", "ipv6") as $family | ("route", "address", "default") as $key
		| $state | .expect[$family][$key] |= not' "$WORK/state"
}

check_control() {
	local have=$1 turned count=0
	while read -r turned; do
		echo "$turned" >"$WORK/turned"
		if compare "$(expected_facts routes "$WORK/turned")" "$have" >/dev/null; then
			echo "the comparison does not notice: $(jq -c .expect <<<"$turned")"
			return 1
		fi
		count=$((count + 1))
	done < <(turned_states)
	[ "$count" -eq 6 ] || { echo "$count values turned, not 6"; return 1; }
}

# turn_family 4|6 HAS PREFIX
turn_family() {
	if [ "$2" = true ]; then
		ip -n "$H" nexthop flush >/dev/null # ip route flush cannot delete a route through one
		ip -n "$H" "-$1" route flush table all type unicast
	else
		ip -n "$H" "-$1" route add "$3" dev turn0
	fi
}

check_turned() {
	local have=$1 want
	ip -n "$H" link add turn0 type veth peer name turn1 &&
		in_host sh -c 'echo 0 >/proc/sys/net/ipv6/conf/turn0/disable_ipv6' &&
		ip -n "$H" link set turn1 up && ip -n "$H" link set turn0 up || return 1
	turn_family 4 "$(jq .ipv4.route <<<"$have")" 203.0.113.128/25
	turn_family 6 "$(jq .ipv6.route <<<"$have")" 2001:db8:ffff::/48
	want=$(jq -c '[.ipv4.route, .ipv6.route] | map(not)' <<<"$have")
	compare "$want" "$(facts | jq -c '[.ipv4.route, .ipv6.route]')"
}

check_state() {
	compare "$(expected_facts routes)" "$1" &&
		compare "$(expected_facts addresses | jq -c .verdict)" "$(facts --detect addresses | jq -c .verdict)"
}

# One state from beginning to end; what a case complains of goes to a file, empty if all is well.
work() {
	local have
	WORK=$DIRECTORY/$1 H=$MARK-$1-h P=$MARK-$1-p HOLDERS=()
	export H P
	trap tear_down EXIT
	trap 'exit 1' INT TERM HUP
	exec {hold}<>"$WORK/hold"
	if ! set_up 2>"$WORK/setup"; then
		tee "$WORK/states" "$WORK/control" "$WORK/turned" <"$WORK/setup" >/dev/null
		return
	fi
	have=$(facts)
	check_state "$have" >"$WORK/states" 2>&1
	check_control "$have" >"$WORK/control" 2>&1
	check_turned "$have" >"$WORK/turned" 2>&1
}

# report NUMBER FILE PHRASE
report() {
	if [ ! -e "$DIRECTORY/$1/$2" ]; then
		not_ok "$3" "took more than $STATE_SECONDS s, or broke off"
	elif [ -s "$DIRECTORY/$1/$2" ]; then
		not_ok "$3" "$(cat "$DIRECTORY/$1/$2")"
	else
		ok "$3"
	fi
}

if [ "${1-}" = --state ]; then
	DIRECTORY=$3 MARK=$4
	work "$2"
	exit
fi

need_root
for program in jq ip nsenter "$STUBSIEVE" "$TOOLS/tun-hold" "$TOOLS/send-ra"; do
	command -v "$program" >/dev/null && continue
	not_ok "host states" "$program is not there"
	finish
done
DIRECTORY=$(mktemp -d) || exit 1
MARK=hs-$$
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

mapfile -t names < <(jq -r '.states[].name' "$STATES")
[ "${#names[@]}" -gt 0 ] || { not_ok "host states" "$STATES holds none"; finish; }
for number in "${!names[@]}"; do
	while [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; do
		wait -n
	done
	mkdir "$DIRECTORY/$number" && mkfifo "$DIRECTORY/$number/hold"
	jq ".states[$number]" "$STATES" >"$DIRECTORY/$number/state"
	timeout --kill-after=5 "$STATE_SECONDS" \
		tests/netns/host-states.sh --state "$number" "$DIRECTORY" "$MARK" </dev/null &
done
wait
for number in "${!names[@]}"; do
	report "$number" states "${names[$number]}"
	report "$number" turned "${names[$number]}, turned"
	report "$number" control "${names[$number]}, control"
done
finish
