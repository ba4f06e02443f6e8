#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What wire.sh does at tc egress, at the other hooks and with the other actions: the corpus of messages
# (tests/corpus.h) by UDP sockets, through the cgroup's program (observe, reject), dropped, and through a gateway;
# and the packets that no UDP socket could send (tests/kernel/packet-pairs.h) as they are, through a gateway and
# out of the host. What a UDP socket can do about its packets (options, extension headers, fragments, paged data)
# is done on the paths on which devices.sh does not.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/wire-lab.sh
. tests/container-lab.sh

CLIENT4=192.0.2.50
CLIENT6=fe80::50

offload() {
	lab_control ethtool -K h0 tx "$1" >/dev/null && lab_server ethtool -K s0 tx "$1" >/dev/null
}

# corpus_actions ipv4|ipv6: the cgroup's program, and drop, on a host that lacks the other family
corpus_actions() {
	local action
	wire_host "corpus-$1-actions" "$1"
	for action in observe reject drop; do
		start_filter "$USELESS is useless, $action" --settle 0 --action "$action" || return
		vectors_over veth "$USELESS is useless, $action, veth" partial 0 "$action"
		[ "$action" = drop ] || vectors_over lo "$USELESS is useless, $action, lo" partial 0 "$action"
		check_sums "$USELESS is useless, $action"
		lab_filter_stop
	done
}

# A client behind a port of the bridge over which the host itself reaches the server. Bridges hand on what is no IP
# packet at all; the netfilter of bridges would not, where it is loaded.
gateway_lab() {
	lab_init "corpus-$1-gateway"
	lab_namespaces
	lab_no_dad
	lab_link veth
	container_start client control/others
	container_bridge br0
	ip -n "$LAB-host" link add v2 type veth peer name c0 netns "${CONTAINER_PID[client]}"
	ip -n "$LAB-host" link set br0 type bridge mcast_snooping 0
	ip -n "$LAB-host" link set v2 master br0 up
	ip -n "$LAB-host" link set h0 master br0
	ip -n "$LAB-host" link set br0 up
	lab_control sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 2>/dev/null
	ip -n "$LAB-server" addr add "$LAB_SERVER4/24" dev s0
	container_ip client link set c0 up
	container_ip client addr add "$CLIENT4/24" dev c0
	container_ip client addr add "$CLIENT6/64" dev c0 nodad
	case $1 in
	ipv4)
		USELESS=AAAA
		ip -n "$LAB-host" addr add "$LAB_HOST4/24" dev br0
		ip -n "$LAB-host" route add default via "$LAB_SERVER4"
		;;
	ipv6)
		USELESS=A
		ip -n "$LAB-server" addr add "$LAB_SERVER6/64" dev s0 nodad
		ip -n "$LAB-host" addr add "$LAB_HOST6/64" dev br0 nodad
		ip -n "$LAB-host" route add default via "$LAB_SERVER6"
		;;
	esac
}

# through_gateway PHRASE CHECKSUMS STEP
through_gateway() {
	local client=${CONTAINER_PID[client]}
	vectors "$1, IPv4" "$client" c0 "$LAB_SERVER_PID" s0 "$2" gateway "$3" "$CLIENT4" "$LAB_SERVER4"
	vectors "$1, IPv6" "$client" c0 "$LAB_SERVER_PID" s0 "$2" gateway 0 "$CLIENT6" "$LAB_SERVER_LINKLOCAL"
}

corpus_gateway() {
	local phrase
	gateway_lab "$1"
	phrase="$USELESS is useless, gateway"
	mkdir -p "$LAB_CGROUP/scoped"
	start_filter "$phrase" --settle 0 --cgroup "$LAB/scoped" --gateway v2 --nat64 no || return
	packets "$phrase, packets" "${CONTAINER_PID[client]}" c0 "$LAB_SERVER_PID" s0 gateway
	through_gateway "$phrase with offload" partial 50
	query "$phrase, two in one buffer" passed=2 "not_local=1 segmented=1" "${CONTAINER_PID[client]}" --device c0 \
		--type "$USELESS" segment "$CLIENT4" "$LAB_SERVER4"
	nsenter --net="/proc/${CONTAINER_PID[client]}/ns/net" ethtool -K c0 tx off >/dev/null
	through_gateway "$phrase without offload" full 0
	check_sums "$phrase"
}

# ways PHRASE NEAR-DEVICE FAR-DEVICE SOURCE DESTINATION FATE WAY...: by a UDP socket; FATE is answered or passed=REASON
ways() {
	local phrase=$1 near=$2 far=$3 source=$4 destination=$5 fate=$6 counter way
	case $fate in
	answered) counter=answered_${USELESS,,}=2 ;;
	passed=*) counter=${fate#*=}=2 ;;
	esac
	for way in "${@:7}"; do
		query "$phrase, $way" "${fate%=*}=2" "$counter" "$LAB_HOST_PID" --device "$near" --far-device "$far" \
			--type "$USELESS" "$way" "$source" "$destination"
	done
}

# ways_over PHRASE NEAR FAR ENDS4 ENDS6
ways_over() {
	# shellcheck disable=SC2086 # two addresses
	{
		ways "$1, IPv4" "$2" "$3" $4 answered nocheck record zerocopy
		ways "$1, IPv4" "$2" "$3" $4 passed=not_local raw
		ways "$1, IPv6" "$2" "$3" $5 answered hopopts splice
		ways "$1, IPv6" "$2" "$3" $5 passed=failed nocheck
		ways "$1, IPv6" "$2" "$3" $5 passed=not_local header
	}
}

# fragments_over PHRASE: a datagram that is longer than the device's packets
fragments_over() {
	# shellcheck disable=SC2086 # two addresses
	{
		query "$1, IPv4, 3,000 octets in fragments" passed=2 fragmented=2 "$LAB_HOST_PID" --type "$USELESS" \
			--octets 3000 plain $WIRE4
		query "$1, IPv6, 3,000 octets in fragments" passed=2 fragmented=2 "$LAB_HOST_PID" --type "$USELESS" \
			--octets 3000 plain $WIRE6
	}
}

# As they are, out of the host: none has the socket of a query. Their neighbours are the ways of UDP sockets.
corpus_egress() {
	wire_host "corpus-$1-egress" "$1"
	start_filter "$USELESS is useless, out of the host" --settle 0 || return
	packets "$USELESS is useless, packets on veth" "$LAB_HOST_PID" h0 "$LAB_SERVER_PID" s0 egress
	packets "$USELESS is useless, packets on lo" "$LAB_HOST_PID" lo "$LAB_HOST_PID" lo egress
	offload off
	ways_over "veth without offload" h0 s0 "$WIRE4" "$WIRE6"
	fragments_over "veth without offload"
	QUERY_FAR=$LAB_HOST_PID ways_over lo lo lo "127.0.0.1 127.0.0.1" "::1 ::1"
	check_sums "$USELESS is useless, out of the host"
}

corpus_tun() {
	wire_host "corpus-$1-tun" "$1" tun
	start_filter "$USELESS is useless, TUN" --settle 0 || return
	packets "$USELESS is useless, packets on TUN" "$LAB_HOST_PID" h0 "$LAB_SERVER_PID" s0 egress
	ways_over TUN h0 s0 "$WIRE4" "$WIRE6"
	fragments_over TUN
	check_sums "$USELESS is useless, TUN"
}

corpus_clsact() {
	wire_host "corpus-$1-clsact" "$1"
	STUBSIEVE_HOOK=clsact start_filter "$USELESS is useless, clsact" --settle 0 || return
	packets "$USELESS is useless, clsact, packets on veth" "$LAB_HOST_PID" h0 "$LAB_SERVER_PID" s0 egress
	offload off
	vectors_over veth "$USELESS is useless, clsact, veth without offload" full 0
	check_sums "$USELESS is useless, clsact"
}

need_root
[ $# -gt 0 ] || set -- "actions ipv4" "actions ipv6" "gateway ipv4" "gateway ipv6" "egress ipv4" "tun ipv6" \
	"clsact ipv6"
for group; do
	# shellcheck disable=SC2086 # a name and a family
	corpus_$group
	lab_remove
done
finish
