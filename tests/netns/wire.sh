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
. tests/wire-lab.sh

offload() {
	lab_control ethtool -K h0 tx "$1" >/dev/null && lab_server ethtool -K s0 tx "$1" >/dev/null
}

over_veth() {
	wire_host "wire-$1-veth" "$1"
	start_filter "$USELESS is useless, veth" --settle 0 || return
	offload on
	vectors_over veth "$USELESS is useless, veth with offload" partial 20
	offload off
	vectors_over veth "$USELESS is useless, veth without offload" full 0
	vectors_over lo "$USELESS is useless, lo" partial 0
	check_sums "$USELESS is useless, veth and lo"
}

over_tun() {
	wire_host "wire-$1-tun" "$1" tun
	start_filter "$USELESS is useless, TUN" --settle 0 || return
	vectors_over tun "$USELESS is useless, TUN" full 0
	check_sums "$USELESS is useless, TUN"
}

need_root
for family in ipv4 ipv6; do
	over_veth "$family"
	lab_remove
	over_tun "$family"
	lab_remove
done
finish
