#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Forwarders in scope that are not bound to all addresses. A dnsmasq on a LAN's address alone, which asks by the uplink:
# its clients keep their AAAA records. One on loopback with results = covered: it stores whole responses, so an address
# is there at once when its route is. Beside each of them the same with --filter-servers yes.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh

LAN_HOST=192.168.50.1
LAN_CLIENT=192.168.50.2
PREFIX_PUBLIC=2001:db8:99::/48
VPN_ONLY="2001:db8:77::20 2001:db8:77::21"
ALL="$VPN_ONLY 2001:db8:99::20"
SCOPE=()

host_ip() { ip -n "$LAB-host" "$@"; }

# A second link to the server's namespace, where the clients of the LAN are.
lan_up() {
	host_ip link add lan0 type veth peer name lan1 netns "$LAB-server"
	ip -n "$LAB-server" link set lan1 up
	ip -n "$LAB-server" addr add "$LAN_CLIENT/24" dev lan1
	host_ip addr add "$LAN_HOST/24" dev lan0
	host_ip link set lan0 up
}

vpn_up() {
	host_ip link add vpn0 type veth peer name vpn1 netns "$LAB-server"
	ip -n "$LAB-server" link set vpn1 up
	host_ip link set vpn0 up
	host_ip addr add 2001:db8:77::2/128 dev vpn0 nodad
	host_ip route add "$LAB_VPN_PREFIX" dev vpn0
}

dnsmasq_answers() { lab_control dig +time=1 +tries=1 "@$1" v4.example A; }

# dnsmasq_start ADDRESS: in the cgroup `forwarder`, bound to this address alone
dnsmasq_start() {
	(lab_stay forwarder "$LAB_HOST_PID" dnsmasq --keep-in-foreground --no-resolv --no-hosts --conf-file=/dev/null \
		--pid-file= --user=root --listen-address="$1" --bind-interfaces --server="$LAB_SERVER4" \
		>"$LAB_DIR/dnsmasq.log" 2>&1) </dev/null &
	DNSMASQ_PID=$!
	disown
	check "dnsmasq on $1 answers" lab_until 5 dnsmasq_answers "$1"
}

dnsmasq_stop() {
	lab_end "$DNSMASQ_PID"
	check "... and is forgotten" lab_until 5 servers_are ""
}

# Who is found: "CGROUP others loopback", below that of the lab
servers() { lab_status ".servers[] | \"\(.path) \(.others) \(.loopback)\"" | sed "s|^/$LAB/||"; }
servers_are() { [ "$(servers)" = "$1" ]; }

# aaaa COMMAND SERVER NAME: the addresses, sorted
aaaa() {
	"$1" dig +short +time=2 +tries=2 "@$2" "$3" AAAA | sort | paste -sd' '
}

counted() { lab_status ".counters.$1"; }

on_a_lan() {
	local before
	start_filter "a server on a LAN" --settle 0 "${SCOPE[@]}" || return
	dnsmasq_start "$LAN_HOST"
	check "... it is found" lab_until 5 servers_are "forwarder true false"
	check "... status names it" grep -qF "DNS server in cgroup /$LAB/forwarder: its queries pass" \
		<<<"$(lab_filter status)"
	before=$(counted passed.serves_others)
	check_equal "a client of the LAN has the AAAA record" 2001:db8:77::10 \
		"$(aaaa lab_server "$LAN_HOST" both.example)"
	check_number "... because what the server asks passes" "$(counted passed.serves_others)" -gt "$before"
	check "a stub of this host has not" lab_filtered
	dnsmasq_stop
	dnsmasq_start 127.0.0.1
	check "one on loopback is found" lab_until 5 servers_are "forwarder false true"
	check_equal "... what it asks is answered as ever" "" "$(aaaa lab_control 127.0.0.1 both.example)"
	dnsmasq_stop
	lab_filter_stop
	start_filter "a server on a LAN, filter-servers" --settle 0 --filter-servers yes "${SCOPE[@]}" || return
	dnsmasq_start "$LAN_HOST"
	check_equal "with filter-servers what it asks is answered" "" "$(aaaa lab_server "$LAN_HOST" both.example)"
	check_equal "... nobody is looked for" "" "$(servers)"
	lab_filter_stop
	lab_end "$DNSMASQ_PID"
}

is_listed() { [ "$(lab_status '.netns[] | select(.own) | .coverage.ipv6 | "\(.mode) \(.prefixes)"')" = "listed $1" ]; }

# stored PHRASE FOUND WANT OPTION...: what a client of a dnsmasq on loopback gets when a route has come
stored() {
	local phrase=$1 found=$2 want=$3
	shift 3
	start_filter "$phrase" --settle 0 --results covered "${SCOPE[@]}" "$@" || return
	check "$phrase: the VPN's prefix is listed" lab_until 5 is_listed 1
	dnsmasq_start 127.0.0.1
	check "$phrase: it is found, or not looked for" lab_until 5 servers_are "$found"
	check_equal "$phrase: its client has what has a route" "$VPN_ONLY" "$(aaaa lab_client 127.0.0.1 mixed.example)"
	lab_mark
	host_ip route add "$PREFIX_PUBLIC" dev vpn0
	check_equal "$phrase: a route comes" "$want" "$(aaaa lab_client 127.0.0.1 mixed.example)"
	check_number "... it had stored that" "$(lab_queries AAAA)" -eq 0
	host_ip route del "$PREFIX_PUBLIC"
	lab_filter_stop
	lab_end "$DNSMASQ_PID"
}

need_root
if ! command -v dnsmasq >/dev/null && ! [ -x /usr/sbin/dnsmasq ]; then
	skip "servers" "dnsmasq is missing: run make deps check"
	finish
fi
lab_init servers
mkdir "$LAB_CGROUP/forwarder"
SCOPE=(--cgroup "$LAB/clients" --cgroup "$LAB/forwarder")
LAB_MARK_ADDRESS=$LAB_SERVER4
lab_host ipv4
lan_up
on_a_lan
vpn_up
stored "results = covered" "forwarder false true" "$ALL"
stored "results = covered, filter-servers" "" "$VPN_ONLY" --filter-servers yes
finish
