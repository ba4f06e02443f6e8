#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A split-tunnel VPN on an IPv4-only host. Once the kernel has acknowledged its route no AAAA query is
# answered on the host any more, not one, even while the controller is stopped. When the route goes, that
# is shown at once and acted upon after `settle`.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh

QUERIES=30
SHORT_SETTLE=0.2
SETTLE=1
SHOWN_MS=100
TRIES=3 # of each withdrawal: its median counts, for a busy machine may stall any single one
ASK=$BUILD/tests/tools/ask

host_ip() { ip -n "$LAB-host" "$@"; }
shown_route() { [ "$(lab_status '.netns[0].ipv6.route')" = "$1" ]; }

# The ways in which a VPN brings IPv6, and takes it away: `COMMAND add` and `COMMAND del`.
vpn_command() {
	case $1 in
	route) COMMAND=(ip route "$2" "$LAB_VPN_PREFIX" dev vpn0) ;;
	default) COMMAND=(ip -6 route "$2" default dev vpn0) ;;
	table) COMMAND=(ip -6 route "$2" "$LAB_VPN_PREFIX" dev vpn0 table 77) ;;
	address) COMMAND=(ip addr "$2" 2001:db8:77::2/64 dev vpn0) ;;
	esac
}

device_up() {
	lab_tun_up vpn0 && host_ip link set vpn0 up
}

# arrives WAY running|stopped: not one query may be answered on the host after the command has returned
arrives() {
	local said pid phrase="VPN by $1, controller $2: every AAAA goes upstream at once"
	pid=$(lab_status .pid)
	lab_until 10 lab_filtered || { not_ok "$phrase" "the filter does not answer before"; return; }
	[ "$2" = running ] || kill -STOP "$pid"
	lab_filtered --count 1 || not_ok "VPN by $1, controller $2: before, AAAA are answered on the host"
	vpn_command "$1" add
	said=$(lab_client "$ASK" --count "$QUERIES" "$LAB_SERVER4" both.example -- "${COMMAND[@]}")
	check_equal "$phrase" "sent=$QUERIES server=$QUERIES filter=0 silent=0 denied=0 failed=0" "$said"
	[ "$2" = running ] || kill -CONT "$pid"
	check "VPN by $1, controller $2: the route is shown" lab_until 5 shown_route true
	vpn_command "$1" del
	lab_control "${COMMAND[@]}"
}

arrivals() {
	local way
	start_filter "arrival" --settle "$SHORT_SETTLE" || return
	device_up
	for way in route default table address; do
		arrives "$way" running
		arrives "$way" stopped
	done
	lab_tun_down
	lab_filter_stop
}

# The command that takes IPv6 away. A device that is let go is removed a moment later.
withdrawal_command() {
	case $1 in
	route-delete) vpn_command route del ;;
	link-down) COMMAND=(ip link set vpn0 down) ;;
	address-delete) vpn_command address del ;;
	device-removal) COMMAND=(bash -c "kill $LAB_TUN_PID; while grep -q vpn0: /proc/net/dev; do :; done") ;;
	esac
}

set_up_vpn() {
	vpn_command route add
	[ "$1" != address-delete ] || vpn_command address add
	device_up && lab_control "${COMMAND[@]}" && lab_until 5 shown_route true
}

# withdraw_once WAY: prints "shown=MS acted=MS passed=N"
withdraw_once() {
	if set_up_vpn "$1"; then
		withdrawal_command "$1"
		lab_client tests/netns/withdraw "$STUBSIEVE" "$LAB_DIR/run" "$ASK" "$LAB_SERVER4" "${COMMAND[@]}"
	fi
	lab_tun_down
}

value() { sed -n "s/.*$1=\([0-9]*\).*/\1/p"; }

withdraws() {
	local said='' i
	for ((i = 0; i < TRIES; i++)); do said+=$(withdraw_once "$1")$'\n'; done
	note "$1: $(tr '\n' ';' <<<"$said")"
	check_number "$1: every try ended" "$(grep -c shown= <<<"$said")" -eq "$TRIES"
	check_time "$1: shown within $SHOWN_MS ms" "$(value shown <<<"$said" | median)" "$SHOWN_MS"
	check_number "$1: acts not before settle, ms" "$(value acted <<<"$said" | sort -n | head -n 1)" -ge $((SETTLE * 1000))
	check_number "$1: queries pass until then" "$(value passed <<<"$said" | sort -n | head -n 1)" -gt 0
}

withdrawals() {
	local way
	start_filter "withdrawal" --settle "$SETTLE" || return
	for way in route-delete link-down address-delete device-removal; do withdraws "$way"; done
	lab_filter_stop
}

need_root
lab_init split-tunnel
lab_host ipv4
arrivals
withdrawals
finish
