#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Whose packets are answered, and on which device: every way a program can send, devices above others,
# traffic of others through this host, DNS servers on it, other programs on the hook, clsact. Each with its
# twin, the counter that must grow, and what came at the far end.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/wire-lab.sh

ASK=$BUILD/tests/tools/ask

# from_host PHRASE FATE COUNTER OPTION... WAY SOURCE DESTINATION
from_host() {
	query "${@:1:3}" "$LAB_HOST_PID" "${@:4}"
}

# answered PHRASE OPTION... WAY...; passes PHRASE COUNTER OPTION... WAY...: on a host without IPv6, by IPv4
answered() {
	from_host "$1" answered=2 answered_aaaa=2 "${@:2}" "$LAB_HOST4" "$LAB_SERVER4"
}

passes() {
	from_host "$1" passed=2 "$2" "${@:3}" "$LAB_HOST4" "$LAB_SERVER4"
}

answered6() {
	from_host "$1" answered=2 answered_a=2 --type A "${@:2}" "$LAB_HOST6" "$LAB_SERVER6"
}

passes6() {
	from_host "$1" passed=2 "$2" --type A "${@:3}" "$LAB_HOST6" "$LAB_SERVER6"
}

devices_sockets4() {
	local way
	wire_host devices-sockets4 ipv4
	start_filter "sockets, IPv4" --settle 0 || return
	passes "A of a UDP socket" connected=2 --type A plain
	for way in plain connected device nocheck pktinfo mapped nop record zerocopy sendfile splice; do
		answered "IPv4, $way" "$way"
	done
	source_route "IPv4"
	for way in raw header packet; do
		passes "IPv4, $way" not_local=2 "$way"
	done
	passes "IPv4, two in one buffer" segmented=1 segment
	from_host "to the subnet's broadcast address" passed=2 destination=2 broadcast "$LAB_HOST4" 192.0.2.255
	answered "to one address, with SO_BROADCAST" broadcast
	from_host "to an IPv4 group" passed=2 destination=2 plain "$LAB_HOST4" 239.53.53.53
	from_host "2,000 by four threads" answered=2000 answered_aaaa=2000 threads "$LAB_HOST4" "$LAB_SERVER4"
	fragments4
	check_sums "sockets, IPv4"
}

# By the server's one address to its other one.
source_route() {
	ip -n "$LAB-server" addr add 192.0.2.3/24 dev s0
	lab_server sysctl -qw net.ipv4.conf.all.accept_source_route=1 net.ipv4.conf.s0.accept_source_route=1
	from_host "$1, source route" passed=2 headers=2 source-route "$LAB_HOST4" 192.0.2.3
}

fragments4() {
	answered "IPv4, 500 octets" --octets 500 plain
	ip -n "$LAB-host" route add "$LAB_SERVER4/32" dev h0 mtu lock 300
	passes "IPv4, 500 octets in fragments" fragmented=2 --octets 500 plain
	ip -n "$LAB-host" route del "$LAB_SERVER4/32" dev h0
	passes "IPv4, 1,400 octets" oversized=2 --octets 1400 plain
	passes "IPv4, 3,000 octets in fragments" fragmented=2 --octets 3000 plain
}

devices_sockets6() {
	local way
	wire_host devices-sockets6 ipv6
	start_filter "sockets, IPv6" --settle 0 || return
	for way in plain connected device pktinfo hopopts dstopts zerocopy sendfile splice; do
		answered6 "IPv6, $way" "$way"
	done
	passes6 "IPv6, nocheck" failed=2 nocheck
	lab_server sysctl -qw net.ipv6.conf.all.seg6_enabled=1 net.ipv6.conf.s0.seg6_enabled=1
	passes6 "IPv6, routing header" headers=2 rthdr
	for way in raw header packet; do
		passes6 "IPv6, $way" not_local=2 "$way"
	done
	passes6 "IPv6, two in one buffer" segmented=1 segment
	from_host "to an IPv6 group" passed=2 destination=2 --type A plain "$LAB_HOST6" ff15::53
	from_host "to a link-local IPv6 group" passed=2 destination=2 --type A plain "$HOST_LINKLOCAL6" ff02::fb
	passes6 "IPv6, 1,400 octets" oversized=2 --octets 1400 plain
	passes6 "IPv6, 3,000 octets in fragments" fragmented=2 --octets 3000 plain
	from_host "AAAA, with IPv6" passed=2 connected=2 plain "$LAB_HOST6" "$LAB_SERVER6"
	check_sums "sockets, IPv6"
}

# By the cgroup's program, which has no link layer before it.
devices_observe() {
	local way
	wire_host devices-observe ipv4
	start_filter "observe" --settle 0 --action observe || return
	for way in plain mapped record zerocopy sendfile splice; do
		passes "observe, $way" "observed_aaaa=2 observed=2" "$way"
	done
	passes "observe, A" connected=2 --type A plain
	source_route "observe"
	passes "observe, raw" not_local=2 raw
	passes "observe, two in one buffer" segmented=1 segment
	check_sums "observe"
}

# A host whose address is on a device above h0: counted there, and not once more on h0.
above() {
	local phrase=$1
	start_filter "$phrase" --settle 0 || return
	answered "$phrase: AAAA" --device "$2" --far-device "${3:-s0}" plain
	passes "$phrase: A, counted once" connected=2 --device "$2" --far-device "${3:-s0}" --type A plain
	check_equal "$phrase: on both devices" "$2 tcx h0 tcx" "$(lab_status "
		[.netns[0].interfaces | map({(.name): .hook}) | add | \"$2 \" + .[\"$2\"] + \" h0 \" + .h0] | .[]")"
	check_sums "$phrase"
}

# bare_host NAME: joined to the server, without addresses
bare_host() {
	lab_init "$1"
	lab_namespaces
	lab_no_dad
	lab_link veth
}

devices_bridge() {
	bare_host devices-bridge
	ip -n "$LAB-host" link add br0 type bridge
	ip -n "$LAB-host" link set h0 master br0
	ip -n "$LAB-host" addr add "$LAB_HOST4/24" dev br0
	ip -n "$LAB-host" link set br0 up
	ip -n "$LAB-server" addr add "$LAB_SERVER4/24" dev s0
	above bridge br0
}

devices_vlan() {
	bare_host devices-vlan
	if ! ip -n "$LAB-host" link add link h0 name vl0 type vlan id 5 2>/dev/null; then
		skip "VLAN" "the kernel has none"
		return
	fi
	ip -n "$LAB-server" link add link s0 name vl0 type vlan id 5
	ip -n "$LAB-host" addr add "$LAB_HOST4/24" dev vl0
	ip -n "$LAB-server" addr add "$LAB_SERVER4/24" dev vl0
	ip -n "$LAB-host" link set vl0 up
	ip -n "$LAB-server" link set vl0 up
	above VLAN vl0 vl0
}

devices_bond() {
	bare_host devices-bond
	if ! ip -n "$LAB-host" link add bond7 type bond mode active-backup 2>/dev/null; then
		skip "bond" "the kernel has none"
		return
	fi
	ip -n "$LAB-host" link set h0 down
	ip -n "$LAB-host" link set h0 master bond7
	ip -n "$LAB-host" addr add "$LAB_HOST4/24" dev bond7
	ip -n "$LAB-host" link set bond7 up
	ip -n "$LAB-server" addr add "$LAB_SERVER4/24" dev s0
	above bond bond7
}

devices_macvlan() {
	bare_host devices-macvlan
	if ! ip -n "$LAB-host" link add mv0 link h0 type macvlan mode bridge 2>/dev/null; then
		skip "macvlan" "the kernel has none"
		return
	fi
	ip -n "$LAB-host" addr add "$LAB_HOST4/24" dev mv0
	ip -n "$LAB-host" link set mv0 up
	ip -n "$LAB-server" addr add "$LAB_SERVER4/24" dev s0
	above macvlan mv0
}

netns_differs() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink "/proc/$2/ns/net")" ]; }

# A network namespace of its own, beside the host's; gone with the lab.
container_start() {
	(lab_stay control "$LAB_HOST_PID" unshare --net sleep "$LAB_LIFETIME") </dev/null >/dev/null 2>&1 &
	CONTAINER=$!
	disown
	lab_until 5 netns_differs "$CONTAINER" "$LAB_HOST_PID" && lab_until 5 netns_differs "$CONTAINER" $$
	in_container ip link set lo up
}

in_container() { nsenter --target "$CONTAINER" --net "$@"; }

# container_veth: c0 there, c1 on the host
container_veth() {
	container_start
	ip -n "$LAB-host" link add c1 type veth peer name c0 netns "$CONTAINER"
	ip -n "$LAB-host" link set c1 up
	in_container ip link set c0 up
}

# from_container PHRASE SOURCE: it arrives at the server, and the host has counted it as not local
from_container() {
	query "$1" passed=2 not_local=2 "$CONTAINER" --device c0 plain "$2" "$LAB_SERVER4"
}

devices_container() {
	wire_host devices-container ipv4
	container_start
	if ! ip -n "$LAB-host" link add c0 link h0 type macvlan mode bridge 2>/dev/null; then
		skip "macvlan container" "the kernel has none"
		return
	fi
	ip -n "$LAB-host" link set c0 netns "$CONTAINER"
	in_container ip addr add 192.0.2.50/24 dev c0
	in_container ip link set c0 up
	start_filter "macvlan container" --netns self --settle 0 || return
	answered "macvlan container: the host's own query" plain
	from_container "macvlan container: its query passes on the parent" 192.0.2.50
	check_sums "macvlan container"
}

devices_forward() {
	wire_host devices-forward ipv4
	container_veth
	ip -n "$LAB-host" addr add 10.77.0.1/24 dev c1
	in_container ip addr add 10.77.0.2/24 dev c0
	in_container ip route add default via 10.77.0.1
	ip -n "$LAB-server" route add 10.77.0.0/24 via "$LAB_HOST4"
	lab_control sysctl -qw net.ipv4.ip_forward=1
	start_filter "forwarding" --netns self --settle 0 || return
	answered "forwarding: the host's own query" plain
	from_container "forwarding: a query from behind it passes" 10.77.0.2
	check_sums "forwarding"
}

devices_bridged() {
	bare_host devices-bridged
	container_veth
	ip -n "$LAB-host" link add br0 type bridge
	ip -n "$LAB-host" link set h0 master br0
	ip -n "$LAB-host" link set c1 master br0
	nsenter --target "$LAB_HOST_PID" --net ip tuntap add tap0 mode tap
	ip -n "$LAB-host" link set tap0 master br0 up
	ip -n "$LAB-host" addr add "$LAB_HOST4/24" dev br0
	ip -n "$LAB-host" link set br0 up
	ip -n "$LAB-server" addr add "$LAB_SERVER4/24" dev s0
	in_container ip addr add 192.0.2.50/24 dev c0
	start_filter "bridged" --netns self --settle 0 || return
	answered "bridged: the host's own query" plain
	from_container "bridged: a query from another port passes" 192.0.2.50
	passes "bridged: a query written to a TAP device passes" not_local=2 --device tap0 tap
	check_sums "bridged"
}

# dnsmasq_start OPTION...: a forwarder on the host, in a cgroup that is in scope, when the one before is forgotten
dnsmasq_start() {
	lab_until 5 no_server_is_known || not_ok "the server before is forgotten" "$(lab_status .servers)"
	(lab_stay forwarder "$LAB_HOST_PID" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
		--cache-size=0 --pid-file= --user=root "$@") >"$LAB_DIR/dnsmasq.log" 2>&1 </dev/null &
	DNSMASQ=$!
	disown
	lab_until 5 dnsmasq_listens
}

no_server_is_known() { [ "$(lab_status '.servers | length')" = 0 ]; }
dnsmasq_listens() { nsenter --target "$LAB_HOST_PID" --net ss -Hlun 'sport = 53' | grep -q .; }

# forwarded PHRASE FATE COUNTER PID SERVER: AAAA asked of dnsmasq, from a cgroup that is not in scope
forwarded() {
	local before after said
	before=$(eval "$(counters_command)")
	said=$(lab_enter control "$4" 5 "$ASK" "$5" both.example | tr ' ' '\n' | grep -v =0)
	after=$(eval "$(counters_command)")
	check_equal "$1" "sent=1 $2=1, counted: $3" "${said//$'\n'/ }, counted: $(growth "$before" "$after")"
}

servers_filter() {
	local phrase=$1
	shift
	mkdir -p "$LAB_CGROUP/forwarder"
	start_filter "$phrase" --settle 0 --cgroup "$LAB/clients" --cgroup "$LAB/forwarder" "$@"
}

devices_servers() {
	lab_init devices-servers
	if ! command -v dnsmasq >/dev/null; then
		skip "DNS servers on the host" "dnsmasq is missing: run make deps"
		return
	fi
	lab_host ipv4
	container_veth
	ip -n "$LAB-host" addr add 10.77.0.1/24 dev c1
	in_container ip addr add 10.77.0.2/24 dev c0
	servers_filter servers || return
	dnsmasq_start --server="$LAB_SERVER4"
	forwarded "a server on every address, for a client" server "serves_others=1" "$CONTAINER" 10.77.0.1
	lab_end "$DNSMASQ"
	dnsmasq_start --server="$LAB_SERVER_LINKLOCAL%h0"
	forwarded "the same, upstream over IPv6" server "serves_others=1" "$CONTAINER" 10.77.0.1
	lab_end "$DNSMASQ"
	dnsmasq_start --server="$LAB_SERVER4" --listen-address=127.0.0.1 --bind-interfaces
	forwarded "a server on lo alone, for a client out of scope" filter "answered_aaaa=1 scope=1" "$LAB_HOST_PID" 127.0.0.1
	lab_end "$DNSMASQ"
	check_sums servers
	lab_filter_stop
	servers_filter "filter-servers" --filter-servers yes || return
	dnsmasq_start --server="$LAB_SERVER4"
	forwarded "a server on every address, filter-servers" filter "answered_aaaa=1" "$CONTAINER" 10.77.0.1
	check_sums "filter-servers"
}

# unfiltered: the fate of two queries for AAAA
unfiltered() {
	lab_server "$BUILD/tests/tools/wire-query" --near "/proc/$LAB_HOST_PID/ns/net" "$LAB_CGROUP/clients" \
		plain "$LAB_HOST4" "$LAB_SERVER4"
}

# A program of somebody else on the hook.
foreign_start() {
	rm -f "$LAB_DIR/foreign.log"
	(lab_stay control "$LAB_HOST_PID" "$BUILD/tests/tools/wire-count" "$1" h0) >"$LAB_DIR/foreign.log" 2>&1 </dev/null &
	FOREIGN=$!
	disown
	lab_until 5 grep -q ready "$LAB_DIR/foreign.log"
}

# check_foreign PHRASE N: it has seen so many queries
check_foreign() {
	lab_end "$FOREIGN"
	check_equal "$1" "$2" "$(tail -n 1 "$LAB_DIR/foreign.log")"
}

two_and_two() {
	answered "$1: AAAA" plain
	passes "$1: A" connected=2 --type A plain
}

devices_foreign() {
	wire_host devices-foreign ipv4
	foreign_start tcx
	start_filter "order first" --settle 0 --order first || return
	two_and_two "order first, before a foreign program"
	check_foreign "order first: a foreign program sees what passes" 2
	foreign_start tcx
	two_and_two "order first, a foreign program came later"
	check_foreign "order first: a program that came later sees what passes" 2
	lab_filter_stop
	foreign_start tcx
	start_filter "order last" --settle 0 --order last || return
	two_and_two "order last, behind a foreign program"
	check "order last: stop" lab_filter stop
	check_equal "order last: after stop AAAA arrives" "$(fate passed=2)" "$(unfiltered)"
	check_foreign "order last: a foreign program sees everything, also after stop" 6
}

# qdiscs DEVICE: the clsact ones
qdiscs() { nsenter --target "$LAB_HOST_PID" --net tc qdisc show dev "$1" | grep -c clsact; }

clsact_filter() {
	STUBSIEVE_HOOK=clsact start_filter "$1" --settle 0
}

hooks() { lab_status '[.netns[0].interfaces[] | .name + " " + .hook] | sort | join(", ")'; }

devices_clsact() {
	wire_host devices-clsact ipv4
	clsact_filter "clsact" || return
	check_equal "clsact: status names the hook" "h0 clsact, lo clsact" "$(hooks)"
	vectors_over veth "clsact, veth" partial 0
	vectors_over lo "clsact, lo" partial 0
	check_sums "clsact"
	check "clsact: stop" lab_filter stop
	check_equal "clsact: stop leaves no qdisc" "0 0" "$(qdiscs h0) $(qdiscs lo)"
	lab_filter_stop
	foreign_start clsact
	clsact_filter "clsact beside a foreign filter" || return
	two_and_two "clsact beside a foreign filter"
	check "clsact beside a foreign filter: stop" lab_filter stop
	check_equal "clsact: stop leaves the qdisc that was there, and no other" "1 0" "$(qdiscs h0) $(qdiscs lo)"
	check_foreign "clsact: a foreign filter behind it sees what passes" 2
}

devices_clsact_tun() {
	wire_host devices-clsact-tun ipv4 tun
	clsact_filter "clsact, TUN" || return
	check_equal "clsact, TUN: status names the hook" "h0 clsact, lo clsact" "$(hooks)"
	vectors_over tun "clsact, TUN" full 0
	check "clsact, TUN: stop" lab_filter stop
	check_equal "clsact, TUN: stop leaves no qdisc" "0 0" "$(qdiscs h0) $(qdiscs lo)"
}

need_root
[ $# -gt 0 ] || set -- sockets4 sockets6 observe bridge vlan bond macvlan container forward bridged servers foreign clsact \
	clsact_tun
for group; do
	"devices_$group"
	lab_remove
done
finish
