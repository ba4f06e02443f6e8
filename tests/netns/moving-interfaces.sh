#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Interfaces that come, go, get other names, and move between the host and its containers, whatever their kind:
# each is followed within 100 ms, in the namespace where it then is, and nothing is worth a word.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/container-lab.sh

FOLLOWED_MS=100
TRIES=5 # of each change: the median counts, for a busy machine may stall any single one
STORM=200
FAR=203.0.113.1

host_ip() { ip -n "$LAB-host" "$@"; }
host_inum() { stat -Lc %i "/proc/$LAB_HOST_PID/ns/net"; }

# inum NAME: of a container, or of the host
inum() { if [ "$1" = host ]; then host_inum; else container_inum "$1"; fi; }
ip_in() { if [ "$1" = host ]; then host_ip "${@:2}"; else container_ip "$@"; fi; }
index_in() { ip_in "$1" -o link show "$2" | cut -d : -f 1; }

# pinned INUM IFINDEX: without a process more, to measure the time
pinned() { [ -e "/proc/$LAB_HOST_PID/root$LAB_DIR/bpf/stubsieve/tcx-$1-$2" ]; }

# until_ms LIMIT COMMAND...: how many ms later one has to ask to be told that it is so, or the limit
until_ms() {
	local limit=$1 since now
	shift
	since=$(lab_ms) now=$since
	until "$@" || [ $((now - since)) -ge "$limit" ]; do now=$(lab_ms); done
	echo $((now - since))
}

not_pinned() { ! pinned "$@"; }

# interfaces NAME: of a namespace as status shows it, with their hooks
interfaces() { lab_status "[.netns[] | select(.inum == $(inum "$1")) | .interfaces[] | \"\(.name):\(.hook)\"] | sort | join(\" \")"; }

# in_time PHRASE MS...: the median
in_time() {
	local phrase=$1
	shift
	check_time "$phrase: ms ($*)" "$(printf '%s\n' "$@" | median)" "$FOLLOWED_MS"
}

# usable NAME IFACE [FAR-IFACE]: an address there, and the server has the other one on the far end (s1)
usable() {
	ip_in "$1" addr replace 203.0.113.2/24 dev "$2"
	ip_in "$1" link set "$2" up
	ip -n "$LAB-server" addr replace "$FAR/24" dev "${3:-s1}"
	ip -n "$LAB-server" link set "${3:-s1}" up
}

# fates_in NAME: of a query for AAAA that leaves by the interface at hand
fates_in() {
	if [ "$1" = host ]; then lab_client "$ASK" --wait 100 "$FAR" both.example; else
		container_run "$1" "$ASK" --wait 100 "$FAR" both.example
	fi | tr ' ' '\n' | grep -v -e =0 -e sent= | paste -sd ' '
}

answered_in() { [ "$(fates_in "$1")" = "filter=1" ]; }

# A host and two containers, all with IPv4 alone, all followed.
moving_host() {
	lab_init "$1"
	lab_host ipv4
	container_bridge br0
	host_ip addr add "$CONTAINER_GATEWAY/24" dev br0
	host_ip link set br0 up
	container_start left clients/left && container_bridged left 11
	container_start right clients/right && container_bridged right 12
	start_filter "$1" --settle 0 || return
	check "$1: both containers are followed" lab_until 2 both_followed
	LINES_BEFORE=$(wc -l <"$LAB_DIR/filter.log")
}

both_followed() { container_follows left eth0 && container_follows right eth0; }

silent() { check_equal "$1: not one word on stderr" "" "$(tail -n "+$((LINES_BEFORE + 1))" "$LAB_DIR/filter.log")"; }

shows_interface() { [[ " $(interfaces "$1") " == *" $2:$3 "* ]]; }
shows_name() { "$STUBSIEVE" status --json --run-dir "$LAB_DIR/run" | grep -q "\"name\": *\"$1\""; }
shows_no_interface() { [[ " $(interfaces "$1") " != *" $2:"* ]]; }

moving_names() {
	local try times=() place name
	moving_host moving-names || return
	for place in host left; do
		times=() name=eth0
		[ "$place" = left ] || name=v11
		for ((try = 0; try < TRIES; try++)); do
			ip_in "$place" link set "$name" name "$place$try"
			name=$place$try
			times+=("$(until_ms 2000 shows_name "$name")")
		done
		in_time "another name on ${place/left/a container} is shown" "${times[@]}"
	done
	check_equal "another name: AAAA are answered" "filter=3" "$(container_fates left --count 3)"
	host_ip link set v12 down && host_ip link set v12 name eth9 && host_ip link set eth9 up
	host_ip link property add dev eth9 altname another
	check "down, another name and up" lab_until 1 shows_interface host eth9 tcx
	silent "other names"
}

# come_and_go NAME: a veth to the server, with a certain number each time
come_and_go() {
	local place=$1 index came=() went=() own
	own=$(inum "$place")
	for ((index = 71; index < 71 + TRIES; index++)); do
		ip_in "$place" link add m0 index "$index" type veth peer name s1 netns "$LAB_SERVER_PID"
		came+=("$(until_ms 1000 pinned "$own" "$index")")
		ip_in "$place" link del m0
		went+=("$(until_ms 1000 not_pinned "$own" "$index")")
	done
	in_time "a new one on $place is attached to" "${came[@]}"
	in_time "one that was deleted on $place leaves no pin" "${went[@]}"
	check "one that was deleted on $place is not shown" lab_until 1 shows_no_interface "$place" m0
	ip_in "$place" link add m0 type veth peer name s1 netns "$LAB_SERVER_PID"
	usable "$place" m0
	check "a new one on $place: AAAA are answered" lab_until 1 answered_in "$place"
	ip_in "$place" link del m0
}

# The same number and name at once, before anybody has looked.
same_number() {
	local try place=$1 pid answered=0
	pid=$(lab_status .pid)
	printf '%s\n' "link del m0" "link add m0 index 90 type veth peer name s1 netns $LAB_SERVER_PID" >"$LAB_DIR/batch"
	for ((try = 0; try < TRIES; try++)); do
		ip_in "$place" link add m0 index 90 type veth peer name s1 netns "$LAB_SERVER_PID"
		lab_until 1 pinned "$(inum "$place")" 90
		kill -STOP "$pid"
		ip_in "$place" -batch "$LAB_DIR/batch"
		kill -CONT "$pid"
		usable "$place" m0
		sleep 0.1
		answered_in "$place" && answered=$((answered + 1))
		ip_in "$place" link del m0
	done
	check_equal "the same number at once on $place: AAAA are answered by the new one" "$TRIES" "$answered"
}

moving_numbers() {
	moving_host moving-numbers || return
	come_and_go host
	come_and_go left
	same_number host
	same_number left
	silent "numbers"
}

# moves FROM TO: m0, which is then that one's business
moves() {
	local from=$1 to=$2 old target ms index
	old="$(inum "$from") $(index_in "$from" m0)"
	target=$(if [ "$to" = host ]; then echo "$LAB_HOST_PID"; else echo "${CONTAINER_PID[$to]}"; fi)
	ip_in "$from" link set m0 netns "$target"
	index=$(index_in "$to" m0)
	ms=$(until_ms 2000 pinned "$(inum "$to")" "$index")
	MOVED+=("$ms")
	# shellcheck disable=SC2086 # two words
	LEFT+=("$(until_ms 2000 not_pinned $old)")
	usable "$to" m0
	check "from $from to $to: AAAA are answered there" lab_until 1 answered_in "$to"
	check "from $from to $to: it is shown there, and no longer here" lab_until 1 shows_moved "$from" "$to"
}

shows_moved() { shows_interface "$2" m0 tcx && shows_no_interface "$1" m0; }

moving_namespaces() {
	local MOVED=() LEFT=()
	moving_host moving-namespaces || return
	host_ip link add m0 type veth peer name s1 netns "$LAB-server"
	usable host m0
	moves host left
	moves left right
	moves right host
	moves host right
	moves right left
	in_time "one that moved is attached to in its new namespace" "${MOVED[@]}"
	in_time "one that moved leaves no pin of the old one" "${LEFT[@]}"
	verdict_of_the_new_one
	number_of_one_that_moved
	macvlan_moves
	silent "moves"
	moves_soon
	silent "moves as soon as it is there"
}

# It takes no verdict along: `right` has IPv6.
verdict_of_the_new_one() {
	container_ip right addr add 2001:db8:99::12/64 dev eth0 nodad
	check_equal "before it moves: AAAA are answered" "filter=1" "$(fates_in left)"
	container_ip left link set m0 netns "${CONTAINER_PID[right]}"
	usable right m0
	check_equal "moved to one with IPv6: AAAA are not answered, at once and later" "server=1 server=1" \
		"$(fates_in right) $(sleep 0.3; fates_in right)"
	container_ip right addr del 2001:db8:99::12/64 dev eth0
	check "without that IPv6: they are" lab_until 1 answered_in right
	container_ip right link del m0
}

# It is alive elsewhere, and another one has its number here, before anybody has looked.
number_of_one_that_moved() {
	local pid
	pid=$(lab_status .pid)
	host_ip link add m0 index 90 type veth peer name s1 netns "$LAB_SERVER_PID"
	lab_until 1 pinned "$(host_inum)" 90
	kill -STOP "$pid"
	host_ip link set m0 netns "${CONTAINER_PID[left]}"
	host_ip link add m1 index 90 type veth peer name s2 netns "$LAB_SERVER_PID"
	kill -CONT "$pid"
	usable host m1 s2
	check "the one that has its number now: AAAA are answered" lab_until 1 answered_in host
	ip -n "$LAB-server" link set s2 down
	host_ip link set m1 down
	usable left m0
	check "one that moved while nobody looked: AAAA are answered there" lab_until 1 answered_in left
	container_ip left link del m0
	host_ip link del m1
}

macvlan_moves() {
	if ! host_ip link add m0 link h0 type macvlan mode bridge 2>/dev/null; then
		skip "macvlan moves" "the kernel has none"
		return
	fi
	check "a macvlan is attached to" lab_until 1 shows_interface host m0 tcx
	host_ip link set m0 netns "${CONTAINER_PID[left]}"
	container_ip left addr add 192.0.2.60/24 dev m0
	container_ip left link set m0 up
	check "a macvlan in a container is attached to there" lab_until 1 shows_interface left m0 tcx
	check_equal "a macvlan in a container: AAAA are answered" "filter=2" "$(container_fates left --count 2)"
	container_ip left link set m0 netns "${CONTAINER_PID[right]}"
	check "a macvlan moves to another container" lab_until 1 shows_moved left right
	container_ip right link del m0
}

# On before anybody has let go of it.
moves_soon() {
	local try shown=0
	for ((try = 0; try < 2 * TRIES; try++)); do
		host_ip link add m0 type veth peer name s1 netns "$LAB_SERVER_PID"
		sleep "0.0$((try % 8))"
		host_ip link set m0 netns "${CONTAINER_PID[left]}"
		sleep "0.0$((try % 5))"
		container_ip left link set m0 netns "${CONTAINER_PID[right]}"
		lab_until 1 shows_interface right m0 tcx && shown=$((shown + 1))
		container_ip right link del m0
	done
	check_equal "moves as soon as it is there: it is attached to in the end" $((2 * TRIES)) "$shown"
}

moving_ports() {
	local try
	moving_host moving-ports || return
	host_ip addr flush dev h0
	host_ip link set h0 master br0
	host_ip addr add "$LAB_HOST4/24" dev br0
	host_ip route add default via "$LAB_SERVER4"
	check "enslaved: its own AAAA are answered on the bridge" lab_until 1 lab_filtered
	check_equal "enslaved: counted once" 2 "$(growth_of 2)"
	for ((try = 0; try < 5; try++)); do
		host_ip link set v11 nomaster
		host_ip link set v11 master br0
	done
	check_equal "freed and enslaved: a container's AAAA are answered" "filter=2" "$(container_fates left --count 2)"
	host_ip link set h0 nomaster
	host_ip addr del "$LAB_HOST4/24" dev br0
	host_ip addr add "$LAB_HOST4/24" dev h0
	host_ip route replace default via "$LAB_SERVER4"
	check "freed: its own AAAA are answered there again" lab_until 1 lab_filtered
	check_equal "all the while: all are attached to" "br0:tcx h0:tcx lo:tcx v11:tcx v12:tcx" "$(interfaces host)"
	silent "ports"
}

# growth_of N: of answered_aaaa by so many queries of the host
growth_of() {
	local before
	before=$(lab_status .counters.answered_aaaa)
	lab_client "$ASK" --count "$1" "$LAB_SERVER4" both.example >/dev/null
	echo $(($(lab_status .counters.answered_aaaa) - before))
}

# counts: descriptors, pins
counts() {
	echo "$(find "/proc/$(lab_status .pid)/fd" -mindepth 1 | wc -l) descriptors, $(
		lab_control find "$LAB_DIR/bpf/stubsieve" | wc -l) pins"
}

moving_storm() {
	local i before since
	moving_host moving-storm || return
	before=$(counts)
	for ((i = 0; i < STORM; i++)); do
		echo "link add w$i type veth peer name x$i netns ${CONTAINER_PID[left]}"
		[ $((i % 2)) -eq 0 ] || echo "link set w$i name y$i"
		[ $((i % 3)) -ne 0 ] || echo "link set w$i master br0"
		if [ $((i % 2)) -eq 0 ]; then echo "link del w$i"; else echo "link del y$i"; fi
	done | sed 's/^\(link set w\([0-9]*[13579]\) master.*\)/link set y\2 master br0/' >"$LAB_DIR/batch"
	since=$(lab_ms)
	host_ip -batch "$LAB_DIR/batch" || not_ok "the storm"
	note "$STORM veths came and went in $(($(lab_ms) - since)) ms"
	check_equal "after $STORM veths: nothing is left" "$before" "$(lab_until 5 counts_are "$before"; counts)"
	check_equal "after $STORM veths: the containers' AAAA are answered" "filter=2 filter=2" \
		"$(container_fates left --count 2) $(container_fates right --count 2)"
	check_equal "after $STORM veths: the host's, too" 2 "$(growth_of 2)"
	silent "$STORM veths"
	all_at_once
	silent "$STORM veths at once"
}

counts_are() { [ "$(counts)" = "$1" ]; }

all_at_once() {
	local i before since
	before=$(counts)
	for ((i = 0; i < STORM; i++)); do echo "link add w$i type veth peer name x$i netns ${CONTAINER_PID[left]}"; done |
		host_ip -batch -
	since=$(lab_ms)
	# Attaching waits for the kernel, some ms each.
	check "$STORM veths at once: each end is attached to" lab_until 15 ends_attached "$STORM"
	note "$((2 * STORM)) ends attached to after $(($(lab_ms) - since)) ms"
	for ((i = 0; i < STORM; i++)); do echo "link del w$i"; done | host_ip -batch -
	check_equal "$STORM veths at once: nothing is left" "$before" "$(lab_until 5 counts_are "$before"; counts)"
}

ends_attached() {
	[ "$(lab_status '[.netns[].interfaces[] | select((.name | test("^[wx][0-9]+$")) and .hook == "tcx")] | length')" = $((2 * $1)) ]
}

need_root
[ $# -gt 0 ] || set -- names numbers namespaces ports storm
for group; do
	"moving_$group"
	lab_remove
done
finish
