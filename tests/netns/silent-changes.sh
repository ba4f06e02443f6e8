#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Changes of which the kernel says nothing, or something else: routes that go with a device, an address, a carrier or
# a nexthop, routes that are replaced, one leg of several, what expires. After each the running controller must
# show what a fresh dump says within 100 ms, and queries must go accordingly. Each has its twin: the same
# change while another route stands, where the verdict must stay.
#
# A state is a word as in tests/tools/await-shown.c: rad,r--,pass,answer (IPv4, IPv6, A, AAAA).
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/following.sh

LIMIT_MS=100
NEVER_MS=2000 # what nothing prompts comes much later; a busy machine stalls a process now and then
STALLS=4
HOLD_MS=70    # longer than the closing survey takes to come
SETTLE_MS=1000
SINGLE=15     # single changes of which the median is taken
TYPICAL_MS=15
TIMES=''      # of all cases, ms
FIRST_MAY_PASS=''
P=''          # the neighbour's namespace, where d1, the other end of d0, is

# goes: what becomes of a query for the family that changes; fate WORD: what has to
goes() {
	if lab_filtered --type "$TYPE"; then echo answer; else echo pass; fi
}

fate() {
	local verdicts=${1#*,*,}
	if [ "$TYPE" = A ]; then echo "${verdicts%,*}"; else echo "${verdicts#*,}"; fi
}

# becomes PHRASE WANT COMMAND: COMMAND (of the shell) leads to that, at once and for good, and queries follow
becomes() {
	local said us
	if ! said=$(shown "$2" --limit 8000 --hold "$HOLD_MS" -- sh -c "$3" 2>&1); then
		not_ok "$1" "want: $2" "$said"
		return
	fi
	us=$(us_of "$said")
	TIMES+=$((us / 1000))$'\n'
	if [ "$us" -ge $((NEVER_MS * 1000)) ]; then
		not_ok "$1: shown at once" "$said"
		return
	fi
	if [ -n "$FIRST_MAY_PASS" ] && [ "$(goes)" != "$(fate "$2")" ]; then
		note "the first query passed"
		sleep 0.1
	fi
	check_equal "$1 ($((us / 1000)) ms)" "$(fate "$2")" "$(goes)"
}

# The host as it was, with d0 up and nothing on it; what it had goes with it.
fresh_device() {
	lab_control sh -c "ip nexthop flush
		ip route flush root 203.0.113.0/24; ip -6 route flush root 2001:db8:9::/48
		ip link del d0; ip link del e0; ip -n $P link del d0
		ip link add d0 type veth peer name d1 netns $P
		ip -n $P link set d1 up; ip link set d0 up" >/dev/null 2>&1
	shown "$BASE" --limit 8000 >"$LAB_DIR/set-up" && return
	not_ok "between two cases the host is as it was" "want: $BASE" "$(cat "$LAB_DIR/set-up")"
	finish
}

# What stands in the twin: a route by another device.
stand() {
	local prefix=203.0.113.128/25
	[ "$FAMILY" = 4 ] || prefix=2001:db8:e::/48
	echo "ip link add e0 type veth peer name e1 && ip link set e1 up && ip link set e0 up && ip route add $prefix dev e0"
}

# word FLAGS: the state in which FAMILY has these, and the other one all
word() {
	if [ "$FAMILY" = 4 ]; then echo "$1,rad,pass,pass"; else echo "rad,$1,pass,pass"; fi
}

# gone PHRASE SETUP FLAGS CHANGE: SETUP gives the family these flags, CHANGE takes it away again
gone() {
	fresh_device
	shown "$(word "$3")" -- sh -c "$2" >"$LAB_DIR/set-up" 2>&1 || not_ok "$1: is set up" "$(cat "$LAB_DIR/set-up")"
	becomes "$1: IPv$FAMILY is gone" "$BASE" "$4"
	fresh_device
	shown "$(word "$3")" -- sh -c "$2 && $(stand)" >"$LAB_DIR/set-up" 2>&1 ||
		not_ok "$1: is set up" "$(cat "$LAB_DIR/set-up")"
	becomes "$1, while another route stands" "$(word r--)" "$4"
}

base_ipv4() {
	FAMILY=6 TYPE=AAAA BASE=rad,---,pass,answer
	ip -n "$LAB-host" -6 addr flush dev h0 scope global
	ip -n "$LAB-host" -6 route del default
	lab_resolver "$LAB_SERVER4"
}

base_ipv6() {
	FAMILY=4 TYPE=A BASE=---,rad,answer,pass
	ip -n "$LAB-host" addr add "$LAB_HOST6/64" dev h0 nodad
	ip -n "$LAB-host" route add default via "$LAB_SERVER6"
	ip -n "$LAB-host" -4 addr flush dev h0
	lab_resolver "$LAB_SERVER6"
}

ipv4_goes_with_something() {
	local address='ip addr add 198.51.100.2/24 dev d0' route='ip route add 203.0.113.0/25 dev d0'
	gone "link down" "$address && ip route add 203.0.113.0/25 via 198.51.100.1" ra- "ip link set d0 down"
	gone "link deleted" "$address && ip route add 203.0.113.0/25 via 198.51.100.1" ra- "ip link del d0"
	gone "link moved to another namespace" "$address" ra- "ip link set d0 netns $P"
	gone "last address deleted" "$address && ip route add 203.0.113.0/25 via 198.51.100.1" ra- \
		"ip addr del 198.51.100.2/24 dev d0"
	# The last message comes before the last route has gone: only the closing survey sees the end. A machine that
	# takes longer than that raises the generation afterwards: the first query passes, and wakes the controller.
	FIRST_MAY_PASS=yes gone "last address deleted, and with it 100,000 routes" \
		"$address && $TOOLS/route-storm --distinct add 4 0 100000 d0" ra- "ip addr del 198.51.100.2/24 dev d0"
	gone "address flushed" "$address" ra- "ip addr flush dev d0"
	gone "route replaced by unreachable" "$route" r-- "ip route replace unreachable 203.0.113.0/25"
	gone "route replaced by one via lo" "$route" r-- "ip route replace 203.0.113.0/25 dev lo"
}

ipv6_goes_with_something() {
	local address='ip addr add 2001:db8:d::2/64 dev d0 nodad' route='ip route add 2001:db8:9::/48 dev d0'
	gone "link down" "$address && ip route add 2001:db8:9::/48 via 2001:db8:d::1" ra- "ip link set d0 down"
	gone "link deleted" "$address && $route" ra- "ip link del d0"
	gone "link moved to another namespace" "$address && $route" ra- "ip link set d0 netns $P"
	gone "last address deleted" "$address" ra- "ip addr del 2001:db8:d::2/64 dev d0"
	gone "IPv6 switched off" "$address && $route" ra- "echo 1 >/proc/sys/net/ipv6/conf/d0/disable_ipv6"
	gone "route replaced by one via lo" "$route" r-- "ip -6 route replace 2001:db8:9::/48 dev lo"
	# Routes of different kinds stand beside each other: no replacement, and a twin of its own.
	fresh_device
	becomes "a route" "$(word r--)" "$route"
	becomes "replaced by one via another router stays a route" "$(word r--)" \
		"ip -6 route replace 2001:db8:9::/48 via fe80::9 dev d0"
}

one_leg() {
	local legs="nexthop via fe80::1 dev d0 nexthop via fe80::2 dev d0"
	fresh_device
	becomes "two legs: IPv6 is there" "$(word r--)" "ip route add 2001:db8:8::/48 $legs"
	becomes "one leg deleted: it stays" "$(word r--)" "ip route del 2001:db8:8::/48 via fe80::1 dev d0"
	becomes "the other leg deleted: it is gone" "$BASE" "ip route del 2001:db8:8::/48 via fe80::2 dev d0"
	gone "both legs at once" "ip route add 2001:db8:8::/48 $legs" r-- "ip route del 2001:db8:8::/48"
}

# nexthops PREFIX NEXTHOP: routes through nexthop objects
nexthops() {
	local one="ip nexthop add id 10 $2" route="ip route add $1 nhid"
	gone "nexthop deleted" "$one && $route 10" r-- "ip nexthop del id 10"
	gone "nexthop replaced by a blackhole" "$one && $route 10" r-- "ip -$FAMILY nexthop replace id 10 blackhole"
	gone "only nexthop of a group deleted" "$one && ip nexthop add id 20 group 10 && $route 20" r-- "ip nexthop del id 10"
	fresh_device
	becomes "a group of nexthops" "$(word r--)" \
		"$one && ip nexthop add id 11 $2 && ip nexthop add id 20 group 10/11 && $route 20"
	becomes "an unused nexthop is deleted: the route stays" "$(word r--)" \
		"ip nexthop add id 13 $2 && ip nexthop del id 13"
	becomes "one of the group is deleted: the route stays" "$(word r--)" "ip nexthop del id 10"
	becomes "the other one, too: the route is gone" "$BASE" "ip nexthop del id 11"
}

# Where the kernel is told so, a route whose device has no carrier is dead.
carrier() {
	local ignore=/proc/sys/net/ipv$FAMILY/conf/d0/ignore_routes_with_linkdown
	fresh_device
	becomes "carrier: a route" "$(word r--)" "$1"
	becomes "carrier lost: the route stays" "$(word r--)" \
		"ip -n $P link set d1 down; until ip link show d0 | grep -q NO-CARRIER; do :; done"
	becomes "ignore_routes_with_linkdown: it is gone" "$BASE" "echo 1 >$ignore"
	becomes "carrier found: it is back" "$(word r--)" "ip -n $P link set d1 up"
	becomes "carrier lost again: it is gone" "$BASE" "ip -n $P link set d1 down"
	becomes "ignore_routes_with_linkdown no more: it is back" "$(word r--)" "echo 0 >$ignore"
}

# What expires, the kernel looks for at times; here every second.
expiry() {
	lab_control sysctl -qw net.ipv6.route.gc_interval=1
	gone "route expired" "ip route add 2001:db8:9::/48 dev d0 expires 1" r-- true
	gone "address expired" "ip addr add 2001:db8:d::2/64 dev d0 nodad valid_lft 1 preferred_lft 1" ra- true
	gone "router gone" "sysctl -qw net.ipv6.conf.d0.accept_ra=2 &&
		nsenter --net=/run/netns/$P $TOOLS/send-ra lifetime=1 d1" r-d true
}

# The host thinks it has the address, and uses it, until a neighbour says that it is his.
duplicate_address() {
	fresh_device
	becomes "an optimistic address counts" "$(word ra-)" "
		sysctl -qw net.ipv6.conf.d0.accept_dad=1 net.ipv6.conf.d0.dad_transmits=20
		sysctl -qw net.ipv6.conf.d0.optimistic_dad=1 net.ipv6.conf.d0.use_optimistic=1
		ip addr add 2001:db8:d::2/64 dev d0 optimistic"
	becomes "found to be a duplicate it does not count" "$(word r--)" "ip -n $P addr add 2001:db8:d::2/64 dev d1 nodad"
}

# once WANT COMMAND: milliseconds, with a decimal
once() {
	local said
	said=$(shown "$1" --only-shown -- sh -c "$2") && awk -v us="$(us_of "$said")" 'BEGIN { printf "%.1f\n", us / 1000 }'
}

single_changes() {
	local i came='' went='' add="ip route add 2001:db8:9::/48 dev d0" del="ip route del 2001:db8:9::/48 dev d0"
	fresh_device
	for ((i = 0; i < SINGLE; i++)); do
		sleep 0.1
		came+=$(once rad,r--,pass,pass "$add")$'\n'
		sleep 0.1
		went+=$(once rad,---,pass,answer "$del")$'\n'
	done
	came=$(median <<<"${came%$'\n'}") went=$(median <<<"${went%$'\n'}")
	note "a single change is shown after: $came ms (a route comes), $went ms (it goes); medians of $SINGLE"
	check_number "a route that comes is shown at once, ms" "${came%.*}" -le $((4 * TYPICAL_MS))
	check_number "a route that goes is shown at once, ms" "${went%.*}" -le $((4 * TYPICAL_MS))
}

settling() {
	local add="ip route add 2001:db8:9::/48 dev d0" del="ip route del 2001:db8:9::/48 dev d0" said began acted
	start_filter "settle" --settle "$(awk -v ms=$SETTLE_MS 'BEGIN { print ms / 1000 }')" || return
	fresh_device
	said=$(lab_client "$TOOLS/ask" --count 20 "$LAB_SERVER4" both.example -- sh -c "$add")
	check_equal "no to yes acts at once" "sent=20 server=20 filter=0 silent=0 denied=0 failed=0" "$said"
	check "no to yes is shown" shown "$(word r--)"
	sleep 0.05
	began=$(lab_ms)
	said=$(shown rad,---,pass,pass --only-shown -- sh -c "$del") || not_ok "yes to no is shown" "$said"
	check_number "yes to no is shown at once, us" "$(us_of "$said")" -lt $((4 * LIMIT_MS * 1000))
	check_equal "... and queries pass" pass "$(goes)"
	check_equal "... as settling" true "$(lab_status '[.netns[].settling] | any')"
	said=$(shown "$BASE" --only-shown) || not_ok "yes to no acts" "$said"
	acted=$(($(lab_ms) - began))
	check_number "yes to no acts not before settle, ms" "$acted" -ge "$SETTLE_MS"
	check_number "... and not long after, ms" "$acted" -lt $((4 * SETTLE_MS))
	check_equal "... queries, too" answer "$(goes)"
	lab_filter_stop
}

# What the cases took.
times() {
	local count late
	count=$(grep -c . <<<"$TIMES") late=$(awk -v limit="$LIMIT_MS" '$1 > limit' <<<"$TIMES" | wc -l)
	note "$count changes, shown after $(median <<<"${TIMES%$'\n'}") ms (median)"
	check_number "nearly all within $LIMIT_MS ms; others" "$late" -le "$STALLS"
}

need_root
lab_init silent-changes
P=$LAB-server
lab_host dual
base_ipv4
start_filter "silent changes" --settle 0 || finish
ipv6_goes_with_something
one_leg
nexthops 2001:db8:a::/48 "via fe80::1 dev d0"
carrier "ip route add 2001:db8:9::/48 dev d0"
duplicate_address
expiry
single_changes
base_ipv6
ipv4_goes_with_something
nexthops 203.0.113.0/26 "dev d0"
carrier "ip route add 203.0.113.0/25 dev d0"
check_equal "no message was lost" 0 "$(lab_status '[.netns[].overflows] | add')"
lab_filter_stop
ip -n "$LAB-host" addr add "$LAB_HOST4/24" dev h0 && ip -n "$LAB-host" route add default via "$LAB_SERVER4"
base_ipv4
settling
times
finish
