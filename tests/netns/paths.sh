#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Every way a query can take out of a host: veth with and without transmit checksum offload, lo, TUN, IPv4
# and IPv6 transport, link-local servers, NAT. On each: names resolve as without the filter, useless
# queries do not arrive (but for those that NAT on lo lets pass), and the counters add up.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
EVIDENCE=$BUILD/tests/evidence/paths
LOOKUPS=2
. tests/outcome.sh

CLIENTS=(glibc dig)

# with_and_without PATH USELESS: runs the clients; leaves the filter on. ANSWERED: how many queries of the
# useless type they sent without the filter, so how many it has to answer.
with_and_without() {
	local path=$1 useless=$2 client sent
	ANSWERED=0 ARRIVED=0
	for client in "${CLIENTS[@]}"; do
		observe_without "$path" "$client"
		if [ "$useless" = A ]; then sent=${W_A[$client]}; else sent=${W_AAAA[$client]}; fi
		ANSWERED=$((ANSWERED + sent))
	done
	start_filter "$path" --settle 0 || return
	for client in "${CLIENTS[@]}"; do
		observe_with "$path" "$client" "${3:-$useless}"
		if [ "$useless" = A ]; then sent=$ASKED_A; else sent=$ASKED_AAAA; fi
		ARRIVED=$((ARRIVED + sent))
	done
	check_sums "$path"
}

answered_path() {
	local path=$1 useless=$2 counter=answered_aaaa
	[ "$useless" = AAAA ] || counter=answered_a
	with_and_without "$path" "$useless" || return
	check_number "$path: no $useless reaches the server" "$ARRIVED" -eq 0
	check_number "$path: each $useless was answered on the host" "$(lab_status ".counters.$counter")" -eq "$ANSWERED"
}

# A packet on lo that NAT has rewritten passes: its answer would never be translated back.
nat_path() {
	local path=$1
	with_and_without "$path" AAAA none || return
	check_number "$path: each AAAA reaches the server" "$ARRIVED" -eq "$ANSWERED"
	check_number "$path: each AAAA is counted as nat" "$(lab_status .counters.passed.nat)" -eq "$ANSWERED"
	check_number "$path: none was answered" "$(lab_status .counters.answered_aaaa)" -eq 0
}

# local_server ADDRESS: a BIND on the host's lo, in a cgroup that is not the clients'
local_server() {
	lab_named_stop
	LAB_MARK_ADDRESS=$1
	case $1 in
	*:*) lab_named_start host none "$1" ;;
	*) lab_named_start host "$1" none ;;
	esac
}

translate() {
	lab_control nft -f - <<END
table ip lab {
	chain output {
		type nat hook output priority -100;
		ip daddr $1 udp dport 53 $2
		ip daddr $1 tcp dport 53 $2
	}
}
END
}

offload() {
	lab_control ethtool -K h0 tx "$1" >/dev/null && lab_server ethtool -K s0 tx "$1" >/dev/null
}

path_veth_tx_on() { lab_host ipv4 && offload on && answered_path veth-tx-on AAAA; }
path_veth_tx_off() { lab_host ipv4 && offload off && answered_path veth-tx-off AAAA; }
path_ipv6_tx_on() { lab_host ipv6 && offload on && answered_path ipv6-tx-on A; }
path_ipv6_tx_off() { lab_host ipv6 && offload off && answered_path ipv6-tx-off A; }
path_link_local() {
	lab_host ipv4 && offload off
	lab_resolver "$LAB_SERVER_LINKLOCAL%h0"
	answered_path link-local AAAA
}
path_lo4() {
	lab_host ipv4
	lab_resolver 127.0.0.1
	local_server 127.0.0.1
	answered_path lo-ipv4 AAAA
}
path_lo6() {
	lab_host ipv4
	lab_resolver ::1
	local_server ::1
	answered_path lo-ipv6 AAAA
}
path_tun() { lab_host ipv4 tun && answered_path tun AAAA; }
path_tun_link_local() {
	lab_host ipv4 tun
	lab_resolver "$LAB_SERVER_LINKLOCAL%h0"
	answered_path tun-link-local AAAA
}
path_redirect() {
	lab_host ipv4
	local_server 127.0.0.1
	lab_resolver 192.0.2.53
	translate 192.0.2.53 "redirect to :53" && nat_path nat-redirect
}
path_dnat() {
	lab_host ipv4
	LAB_MARK_ADDRESS=$LAB_SERVER4
	lab_resolver 203.0.113.53
	translate 203.0.113.53 "dnat to $LAB_SERVER4" && answered_path nat-dnat AAAA
}

need_root
mkdir -p "$EVIDENCE"
rm -f "$EVIDENCE"/*.log
[ $# -gt 0 ] || set -- veth_tx_on veth_tx_off ipv6_tx_on ipv6_tx_off link_local lo4 lo6 tun tun_link_local redirect dnat
for path; do
	LAB_MARK_ADDRESS=''
	cases=$((PASSED + FAILED))
	lab_init "paths-${path//_/-}"
	"path_$path"
	lab_remove
	[ $((PASSED + FAILED)) -gt "$cases" ] || not_ok "$path: can be set up"
done
finish
