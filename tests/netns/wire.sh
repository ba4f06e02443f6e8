#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Every message of tests/vectors.h and its twin, sent by real sockets over veth with transmit checksum
# offload and without, over lo and over TUN, over IPv4 and IPv6, on a host that lacks IPv6 and on one that
# lacks IPv4. What passes arrives octet for octet and with right checksums, what is answered does not
# arrive, its sender gets the answer, and the counters grow as predicted. wire-vectors compares.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh

# Link-local, so no connectivity (and no route that counts): for transport over the family that is lacking.
HOST_LINKLOCAL4=169.254.0.2
SERVER_LINKLOCAL4=169.254.0.1
HOST_LINKLOCAL6=fe80::52
COUNTERS="$STUBSIEVE status --json --run-dir %s | jq -r '.counters | (del(.passed) + .passed) | to_entries[] | \"\\(.key) \\(.value)\"'"

# wire_host ipv4|ipv6 veth|tun: without a DNS server; wire-vectors is one
wire_host() {
	lab_init "wire-$1-$2"
	lab_namespaces
	lab_no_dad
	lab_link "$2"
	ip -n "$LAB-host" addr add "$HOST_LINKLOCAL6/64" dev h0 nodad
	ip -n "$LAB-server" addr add "$SERVER_LINKLOCAL4/16" dev s0
	ip -n "$LAB-host" addr add "$HOST_LINKLOCAL4/16" dev h0 scope link
	"lab_$1"
}

# vectors PHRASE FAR-PID FAR-DEVICE CHECKSUMS STEP SOURCE DESTINATION
vectors() {
	local phrase=$1 pid=$2 device=$3 checksums=$4 step=$5 near=h0 output status=0
	shift 5
	[ "$device" != lo ] || near=lo
	# shellcheck disable=SC2059 # a template
	output=$(lab_enter server "$pid" 60 "$BUILD/tests/tools/wire-vectors" \
		--near "/proc/$LAB_HOST_PID/ns/net" "$LAB_CGROUP/clients" --devices "$near" "$device" \
		--useless "$USELESS" --checksums "$checksums" --step "$step" \
		--counters "$(printf "$COUNTERS" "$LAB_DIR/run")" "$@" 2>&1) || status=$?
	if [ "$status" -eq 0 ]; then
		ok "$phrase: ${output##*$'\n'}"
	else
		not_ok "$phrase: exit $status" "$output"
	fi
}

to_server() {
	local phrase=$1
	shift
	vectors "$phrase" "$LAB_SERVER_PID" s0 "$@"
}

over_lo() {
	vectors "$1 over lo, 127.0.0.1" "$LAB_HOST_PID" lo partial 0 127.0.0.1 127.0.0.1
	vectors "$1 over lo, ::1" "$LAB_HOST_PID" lo partial 0 ::1 ::1
}

offload() {
	lab_control ethtool -K h0 tx "$1" >/dev/null && lab_server ethtool -K s0 tx "$1" >/dev/null
}

# one_host ipv4|ipv6 veth|tun
one_host() {
	local what ipv4="$HOST_LINKLOCAL4 $SERVER_LINKLOCAL4" ipv6="$HOST_LINKLOCAL6 $LAB_SERVER_LINKLOCAL"
	USELESS=AAAA
	if [ "$1" = ipv4 ]; then
		ipv4="$LAB_HOST4 $LAB_SERVER4"
	else
		USELESS=A
		ipv6="$LAB_HOST6 $LAB_SERVER6"
	fi
	wire_host "$1" "$2"
	what="$USELESS is useless:"
	start_filter "$what $2" --settle 0 || return
	# shellcheck disable=SC2086 # two addresses
	if [ "$2" = tun ]; then
		to_server "$what over TUN, IPv4" full 0 $ipv4
		to_server "$what over TUN, IPv6" full 0 $ipv6
	else
		offload on
		to_server "$what veth, tx on, IPv4, pair by pair" partial 1 $ipv4
		to_server "$what veth, tx on, IPv6" partial 0 $ipv6
		offload off
		to_server "$what veth, tx off, IPv4" full 0 $ipv4
		to_server "$what veth, tx off, IPv6" full 0 $ipv6
		over_lo "$what"
	fi
	check_sums "$what $2"
}

need_root
for family in ipv4 ipv6; do
	for link in veth tun; do
		one_host "$family" "$link"
		lab_remove
	done
done
finish
