#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# run --gateway: what others ask through this host is answered by the host's connectivity, where it comes in: from
# a container behind a veth, behind a port of a bridge, and from a LAN. Each with its twin; none is in scope.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/wire-lab.sh
. tests/container-lab.sh

ATTACHED_MS=100
declare -A ADDRESS4 ADDRESS6

host_ip() { ip -n "$LAB-host" "$@"; }

# behind NAME IFACE NUMBER: a container with c0, and IFACE on the host; 10.77.NUMBER.2 and 2001:db8:77NUMBER::2
behind() {
	container_start "$1" control/others
	host_ip link add "$2" type veth peer name c0 netns "${CONTAINER_PID[$1]}"
	host_ip link set "$2" up
	container_ip "$1" link set c0 up
	ADDRESS4[$1]=10.77.$3.2 ADDRESS6[$1]=2001:db8:77$3::2
}

# addressed NAME IFACE NUMBER: the host's address is on IFACE
addressed() {
	host_ip addr add "10.77.$3.1/24" dev "$2"
	container_ip "$1" addr add "10.77.$3.2/24" dev c0
	container_ip "$1" route add default via "10.77.$3.1"
}

addressed6() {
	host_ip addr add "2001:db8:77$3::1/64" dev "$2" nodad
	container_ip "$1" addr add "2001:db8:77$3::2/64" dev c0 nodad
	container_ip "$1" route add default via "2001:db8:77$3::1"
}

# others ADDRESSED...: routed is behind a veth, port behind a port of br0, lan behind br1, plain like routed
others() {
	local address
	behind routed g1 1
	behind port v2 2
	behind lan p3 3
	behind plain n4 4
	container_bridge br0
	container_bridge br1
	host_ip link set v2 master br0
	host_ip link set p3 master br1
	host_ip link set br0 up
	host_ip link set br1 up
	for address; do
		"$address" routed g1 1
		"$address" port br0 2
		"$address" lan br1 3
		"$address" plain n4 4
	done
	lab_control sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

# What `run` is told: none of the others is in scope.
GATEWAYS=(--gateway g1 --gateway 'v*' --gateway br1)

gateway_filter() {
	local phrase=$1
	shift
	mkdir -p "$LAB_CGROUP/scoped"
	start_filter "$phrase" --settle 0 --cgroup "$LAB/scoped" "$@"
}

# from NAME PHRASE FATE COUNTER [OPTION...]: two queries for AAAA by IPv4
from() {
	query "$2" "$3" "$4" "${CONTAINER_PID[$1]}" --device c0 "${@:5}" plain "${ADDRESS4[$1]}" "$LAB_SERVER4"
}

from6() {
	query "$2" "$3" "$4" "${CONTAINER_PID[$1]}" --device c0 "${@:5}" plain "${ADDRESS6[$1]}" "$LAB_SERVER6"
}

# shown_gateways: the names that status says are gateways
shown_gateways() { lab_status '[.netns[].interfaces[] | select(.gateway == true) | .name] | sort | join(" ")'; }

gateway_host() {
	wire_host "$1" ipv4
	ip -n "$LAB-server" route add 10.77.0.0/16 via "$LAB_HOST4"
	others addressed
}

# What passes here is seen once more where it leaves the host, and is not local there.
passes() {
	from "$1" "$2" passed=2 "not_local=2 $3" "${@:4}"
}

each_place() {
	local place
	for place in routed port lan; do
		from "$place" "$1, $place: AAAA" answered=2 answered_aaaa=2
		passes "$place" "$1, $place: A" connected=2 --type A
	done
	from plain "$1, no gateway: AAAA" passed=2 not_local=2
}

gateway_ipv4() {
	gateway_host gateway-ipv4
	gateway_filter "IPv4 host" "${GATEWAYS[@]}" || return
	check_equal "status names the gateways" "br1 g1 v2" "$(shown_gateways)"
	each_place "IPv4 host"
	for place in routed port lan; do
		nsenter --net="/proc/${CONTAINER_PID[$place]}/ns/net" ethtool -K c0 tx off >/dev/null
	done
	lab_control ethtool -K g1 tx off >/dev/null
	from routed "without transmit offload: AAAA" answered=2 answered_aaaa=2
	from port "without transmit offload, port: AAAA" answered=2 answered_aaaa=2
	query "the host's own, not in scope" passed=2 scope=2 "$LAB_HOST_PID" plain "$LAB_HOST4" "$LAB_SERVER4"
	ways_of_others
	host_gets_ipv6
	check_sums "IPv4 host"
	come_and_go
	stopping
}

# Others have no socket here: what a socket of theirs would tell is in the packet alone.
ways_of_others() {
	from routed "a query of 500 octets" answered=2 answered_aaaa=2 --octets 500
	passes routed "1,400 octets are no query" oversized=2 --octets 1400
	passes routed "3,000 octets in fragments" fragmented=2 --octets 3000
	# Answered like any other; but its sender has no UDP socket to take that.
	query "raw" lost=2 answered_aaaa=2 "${CONTAINER_PID[routed]}" --device c0 raw "${ADDRESS4[routed]}" "$LAB_SERVER4"
	# It goes no further than to the host.
	query "broadcast" lost=2 destination=2 "${CONTAINER_PID[routed]}" --device c0 broadcast "${ADDRESS4[routed]}" 10.77.1.255
}

# A VPN of the host is one of those behind it.
host_gets_ipv6() {
	local pid
	host_ip link add vpn0 type veth peer name vpn1
	host_ip link set vpn1 addrgenmode none up
	host_ip link set vpn0 addrgenmode none up
	pid=$(lab_status .pid)
	kill -STOP "$pid"
	host_ip -6 route add "$LAB_VPN_PREFIX" dev vpn0
	fates_now "the host gets an IPv6 route, nobody has looked yet" "passed=2"
	kill -CONT "$pid"
	check "the host has an IPv6 route: its verdict" lab_until 1 host_verdict pass
	passes routed "the host has an IPv6 route: AAAA" connected=2
	host_ip -6 route del "$LAB_VPN_PREFIX" dev vpn0
	check "without that route: its verdict" lab_until 1 host_verdict answer
	sleep 0.1
	from routed "without that route: AAAA" answered=2 answered_aaaa=2
	host_ip link del vpn0
}

host_verdict() { [ "$(lab_status '.netns[0].verdict.aaaa')" = "$1" ]; }

# fates_now PHRASE FATE: without a look at the counters, which a stopped controller does not tell
fates_now() {
	check_equal "$1" "$(fate "$2")" "$(lab_enter server "$LAB_SERVER_PID" 20 "$BUILD/tests/tools/wire-query" \
		--near "/proc/${CONTAINER_PID[routed]}/ns/net" "$LAB_CGROUP/clients" --device c0 plain \
		"${ADDRESS4[routed]}" "$LAB_SERVER4")"
}

# Who is followed is judged by the routes of its own; who is exempt is not answered here either.
gateway_others_known() {
	gateway_host gateway-known
	(lab_stay clients "${CONTAINER_PID[routed]}" sleep 60) &
	disown
	start_filter "followed and behind a gateway" --settle 0 --gateway g1 || return
	check "somebody of the scope is in the container" lab_until 2 routed_is_followed
	from routed "followed, IPv4 only: AAAA" answered=2 answered_aaaa=2
	container_ip routed -6 addr add 2001:db8:771::2/64 dev c0 nodad
	check "followed: its own IPv6 is seen" lab_until 2 routed_has_ipv6
	passes routed "followed, with IPv6 of its own: AAAA" connected=2
	container_ip routed -6 addr del 2001:db8:771::2/64 dev c0
	lab_filter_stop
	gateway_filter "exempt and behind a gateway" --exempt-cgroup "$LAB/clients" --gateway g1 || return
	passes routed "exempt: AAAA" exempt_cgroup=2
	lab_filter_stop
}

routed_verdict() {
	lab_status "[.netns[] | select(.inum == $(stat -Lc %i "/proc/${CONTAINER_PID[routed]}/ns/net"))][0].verdict.aaaa"
}
routed_is_followed() { [ "$(routed_verdict)" = answer ]; }
routed_has_ipv6() { [ "$(routed_verdict)" = pass ]; }

gateway_pin() { echo "/proc/$LAB_HOST_PID/root$LAB_DIR/bpf/stubsieve/gateway-$(stat -Lc %i "/proc/$LAB_HOST_PID/ns/net")-$1"; }

come_and_go() {
	local index times='' since
	for index in 81 82 83 84 85; do
		host_ip link del v9 2>/dev/null
		host_ip link add v9 index "$index" type veth peer name c1 netns "${CONTAINER_PID[plain]}"
		since=$(lab_ms)
		until [ -e "$(gateway_pin "$index")" ] || [ $(($(lab_ms) - since)) -gt 1000 ]; do :; done
		times+=$(($(lab_ms) - since))$'\n'
	done
	check_time "a gateway that comes is attached to: ms (median of 5)" "$(median <<<"${times%$'\n'}")" "$ATTACHED_MS"
	host_ip addr add 10.77.9.1/24 dev v9
	host_ip link set v9 up
	container_ip plain addr add 10.77.9.2/24 dev c1
	container_ip plain link set c1 up
	container_ip plain route replace default via 10.77.9.1
	query "a gateway that came: AAAA" answered=2 answered_aaaa=2 "${CONTAINER_PID[plain]}" --device c1 plain 10.77.9.2 "$LAB_SERVER4"
	host_ip link del v9
	container_ip plain route replace default via 10.77.4.1
	check "a gateway that goes leaves no pin" lab_until 1 test ! -e "$(gateway_pin 85)"
	from plain "the one beside it is still none: AAAA" passed=2 not_local=2
	host_ip link set g1 name other
	check "another name: it is a gateway no longer" lab_until 1 gateways_are "br1 v2"
	from routed "another name: AAAA" passed=2 not_local=2
	host_ip link set other name g1
	check "its name again: it is a gateway again" lab_until 1 gateways_are "br1 g1 v2"
	from routed "its name again: AAAA" answered=2 answered_aaaa=2
}

gateways_are() { [ "$(shown_gateways)" = "$1" ]; }

# link_ids: of what is pinned for gateways
link_ids() {
	local pin
	for pin in $(lab_control find "$LAB_DIR/bpf/stubsieve" -name 'gateway-*'); do
		lab_control bpftool -j link show pinned "$pin" | jq .id
	done
}

none_there() {
	local id
	for id; do bpftool link show id "$id" >/dev/null 2>&1 && return 1; done
	return 0
}

stopping() {
	local links
	links=$(link_ids)
	check_equal "before stop: a link for each gateway" 3 "$(wc -w <<<"$links")"
	check "stop" lab_filter stop
	lab_until 5 lab_gone "$LAB_FILTER_PID" && LAB_FILTER_PID=''
	# shellcheck disable=SC2086 # numbers
	check "stop: no link is left" lab_until 2 none_there $links
	check_equal "stop: nothing is pinned" "" "$(lab_control find "$LAB_DIR/bpf" -mindepth 1 ! -name '*.debug')"
	fates_now "stop: AAAA pass" passed=2
}

gateway_ipv6() {
	wire_host gateway-ipv6 ipv6
	ip -n "$LAB-server" route add 2001:db8:770::/44 via "$LAB_HOST6"
	for number in 1 2 3 4; do ip -n "$LAB-server" route add "2001:db8:77$number::/64" via "$LAB_HOST6"; done
	others addressed6
	gateway_filter "IPv6 host, nat64 auto" "${GATEWAYS[@]}" || return
	# This host may be the router that advertises the prefix, of which no route of its own tells.
	from6 routed "IPv6 host, nat64 auto: A" passed=2 "not_local=2 nat64=2" --type A
	lab_filter_stop
	gateway_filter "IPv6 host" "${GATEWAYS[@]}" --nat64 no || return
	for place in routed port lan; do
		from6 "$place" "IPv6 host, $place: A" answered=2 answered_a=2 --type A
		from6 "$place" "IPv6 host, $place: AAAA" passed=2 "not_local=2 connected=2"
	done
	from6 plain "IPv6 host, no gateway: A" passed=2 not_local=2 --type A
	check_sums "IPv6 host"
}

gateway_dual() {
	gateway_host gateway-dual
	lab_ipv6
	gateway_filter "dual-stack host" "${GATEWAYS[@]}" || return
	for place in routed port lan; do
		passes "$place" "dual-stack host, $place: AAAA" connected=2
	done
	passes routed "dual-stack host: A" connected=2 --type A
	check_sums "dual-stack host"
}

# refused PHRASE PATTERN OPTION...
refused() {
	local phrase=$1 pattern=$2 status=0
	shift 2
	LAB_TIMEOUT=5 lab_control "$STUBSIEVE" run --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve" --cgroup "$LAB/scoped" \
		"$@" >"$LAB_DIR/stdout" 2>"$LAB_DIR/stderr" || status=$?
	check_equal "$phrase: exit 2, one line" "2 1" "$status $(wc -l <"$LAB_DIR/stderr")"
	check "$phrase: \"$(cut -c 1-150 "$LAB_DIR/stderr")\"" grep -qE -e "$pattern" "$LAB_DIR/stderr"
}

gateway_actions() {
	gateway_host gateway-actions
	mkdir -p "$LAB_CGROUP/scoped"
	refused "gateway and reject" "gateway.*reject" --action reject --gateway g1
	gateway_filter "observe" --action observe "${GATEWAYS[@]}" || return
	from routed "observe: AAAA" passed=2 "observed_aaaa=2 observed=2"
	from routed "observe: A" passed=2 connected=2 --type A
	from plain "observe, no gateway: AAAA" passed=2 ""
	check_sums "observe"
	lab_filter_stop
	gateway_filter "drop" --action drop "${GATEWAYS[@]}" || return
	from routed "drop: AAAA" lost=2 dropped_aaaa=2
	from port "drop, port: AAAA" lost=2 dropped_aaaa=2
	passes routed "drop: A" connected=2 --type A
	lab_filter_stop
	STUBSIEVE_HOOK=clsact gateway_filter "clsact" "${GATEWAYS[@]}" || return
	each_place "clsact"
	check_sums "clsact"
	check "clsact: stop" lab_filter stop
	lab_until 5 lab_gone "$LAB_FILTER_PID" && LAB_FILTER_PID=''
	check_equal "clsact: no qdisc is left" 0 "$(nsenter --target "$LAB_HOST_PID" --net tc qdisc show | grep -c clsact)"
}

# Unmodified programs behind the host, and a forwarder on it.
gateway_resolvers() {
	lab_init gateway-resolvers
	containers_host ipv4
	container_start client control/client && container_bridged client 21
	gateway_filter "resolvers" --gateway 'v*' || return
	lab_mark
	container_run client "$BUILD/tests/tools/lookup" --count 5 both.example v4.example >"$LAB_DIR/lookups"
	check_equal "glibc behind a port: names have their IPv4 addresses" \
		"result both.example 198.51.100.10|result v4.example 198.51.100.4" "$(paste -sd '|' "$LAB_DIR/lookups")"
	check_equal "glibc behind a port: A reach the server, no AAAA" "10 0" "$(container_queries 21 A) $(container_queries 21 AAAA)"
	judged_by_sender
	if ! command -v dnsmasq >/dev/null; then
		skip "a forwarder on the gateway" "dnsmasq is missing: run make deps"
		return
	fi
	(lab_stay server "$LAB_HOST_PID" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --cache-size=0 \
		--pid-file= --user=root --server="$LAB_SERVER4") >"$LAB_DIR/dnsmasq.log" 2>&1 </dev/null &
	disown
	lab_until 5 forwarder_answers
	lab_mark
	check_equal "a forwarder on the gateway: its clients' AAAA are answered before it sees them" "filter=5" \
		"$(container_run client "$ASK" --count 5 "$CONTAINER_GATEWAY" both.example | tr ' ' '\n' | grep -v -e =0 -e sent=)"
	check_equal "a forwarder on the gateway: A come from it" "server=5" \
		"$(container_run client "$ASK" --count 5 --type A "$CONTAINER_GATEWAY" both.example | tr ' ' '\n' | grep -v -e =0 -e sent=)"
	check_equal "a forwarder on the gateway: it forwards A alone" "5 0" "$(lab_queries A) $(lab_queries AAAA)"
	check_sums resolvers
}

# In scope, so its own routes are what counts, not the gateway's.
judged_by_sender() {
	container_start judged scoped/judged && container_bridged judged 22 && container_ipv6 judged 22
	check "in scope: it is followed" lab_until 2 judged_is_followed
	check_equal "in scope, with IPv6: AAAA reach the server through the gateway" "server=3" "$(container_fates judged --count 3)"
	container_ip judged addr del 2001:db8:99::22/64 dev eth0
	check "in scope, without IPv6: AAAA are answered" lab_until 1 judged_is_answered
}

judged_is_followed() {
	container_fates judged >/dev/null
	container_follows judged eth0
}

judged_is_answered() { [ "$(container_fates judged)" = "filter=1" ]; }

forwarder_answers() { container_run client "$ASK" --type A "$CONTAINER_GATEWAY" both.example | grep -q server=1; }

need_root
[ $# -gt 0 ] || set -- ipv4 ipv6 dual actions resolvers others_known
for group; do
	"gateway_$group"
	lab_remove
done
finish
