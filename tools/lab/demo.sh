#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# make demo: what the filter does, on a private host. The host is a network namespace with IPv4 only; its
# DNS server is a BIND in another one. Unmodified programs look names up without and with the filter; then
# a split-tunnel VPN comes and goes. Nothing else of this machine is touched, and nothing is left behind.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tools/lab/lab.sh
LAB_FOREGROUND=--foreground

NAMES=(v4.example v6.example both.example cname.example empty.example)
ROUNDS=10
SETTLE=1
EVIDENCE=$BUILD/demo

# Runs on the host: each name ROUNDS times, and the microseconds of each lookup.
# shellcheck disable=SC2016 # expanded by the inner shell
TIMED='
	rounds=$1; shift
	command=(); while [ "$1" != -- ]; do command+=("$1"); shift; done; shift
	for ((i = 0; i < rounds; i++)); do
		for name; do
			start=${EPOCHREALTIME/[.,]/}
			"${command[@]//NAME/$name}" >/dev/null 2>&1
			echo $((${EPOCHREALTIME/[.,]/} - start))
		done
	done'

getent_lookups() { lab_client bash -c "$TIMED" getent "$ROUNDS" getent ahosts NAME -- "${NAMES[@]}"; }
dig_lookups() { lab_client bash -c "$TIMED" dig "$ROUNDS" dig NAME A NAME AAAA -- "${NAMES[@]}"; }
musl_lookups() {
	lab_client "$BUILD/tests/stubs/musl" --time --count "$ROUNDS" "${NAMES[@]}" | awk '$1 == "time" { print $3 }'
}

median_ms() { sort -n | awk '{ v[NR] = $1 } END { printf "%.2f ms", v[int((NR + 1) / 2)] / 1000 }'; }

# row NAME off|on LOOKUPS-FUNCTION: keeps a line of the table in ROW_off or ROW_on
row() {
	local times aaaa line
	lab_mark
	times=$("$3")
	aaaa=$(lab_queries AAAA)
	printf -v line '  %-22s %-7s %7d %7d %7d   %s' "$1" "$2" "$(wc -l <<<"$times")" "$(lab_queries A)" "$aaaa" \
		"$(median_ms <<<"$times")"
	if [ "$2" = on ]; then
		ROW_on+=("$line")
		LEAKED=$((LEAKED + aaaa))
	else
		ROW_off+=("$line")
	fi
}

rows() {
	row "getent ahosts (glibc)" "$1" getent_lookups
	if [ -x "$BUILD/tests/stubs/musl" ]; then row "musl, static" "$1" musl_lookups; fi
	row "dig NAME A, NAME AAAA" "$1" dig_lookups
}

programs_table() {
	local i
	LEAKED=0 ROW_off=() ROW_on=()
	echo
	echo "1. Programs look up ${#NAMES[@]} names, ${ROUNDS} times each (some seconds). What reaches the DNS server?"
	echo
	rows off
	lab_filter_start --settle "$SETTLE" || lab_die "the filter did not start"
	rows on
	printf '  %-22s %-7s %7s %7s %7s   %s\n' program filter lookups A AAAA "median of a lookup"
	for i in "${!ROW_off[@]}"; do printf '%s\n' "${ROW_off[i]}" "${ROW_on[i]}"; done
	echo
	if [ "$LEAKED" -gt 0 ]; then
		echo "  $LEAKED AAAA queries left the host although the filter was on: this should not be."
		return 1
	fi
	echo "  With the filter no AAAA leaves the host: its kernel answers \"no such address\" at once."
	echo "  (A lookup by getent and dig includes the start of the program.)"
}

address_inside_vpn() {
	local address
	address=$(lab_client getent ahosts v6.example | awk '{ print $1; exit }')
	echo "${address:-no address}"
}

vpn_row() {
	local name
	lab_mark
	name=$(address_inside_vpn)
	lab_client getent ahosts both.example >/dev/null
	printf '  %-38s %4d %6d   %s\n' "$1" "$(lab_queries A)" "$(lab_queries AAAA)" "$name"
}

vpn_up() {
	lab_tun_up vpn0 || lab_die "cannot make a TUN device"
	ip -n "$LAB-host" link set vpn0 up
	ip -n "$LAB-host" route add "$LAB_VPN_PREFIX" dev vpn0
}

vpn_table() {
	local start
	echo
	echo "2. A VPN brings one IPv6 route ($LAB_VPN_PREFIX) and takes it away. Two lookups at each step:"
	echo
	printf '  %-38s %4s %6s   %s\n' "" A AAAA "v6.example, a name inside the VPN"
	vpn_row "before"
	vpn_up
	vpn_row "VPN up, at once"
	lab_tun_down
	start=$(lab_ms)
	lab_until 10 lab_filtered --count 1 || lab_die "the filter does not answer again"
	vpn_row "VPN down, $(lab_seconds_since "$start") s later (settle is $SETTLE s)"
}

keep_evidence() {
	mkdir -p "$EVIDENCE"
	grep -v " mark-\|(mark-" "$(lab_queries_log)" >"$EVIDENCE/queries.log" # without the lab's own
	cp "$LAB_DIR/filter.log" "$EVIDENCE/filter.log"
	echo
	echo "The DNS server's log of every query: $EVIDENCE/queries.log"
}

lab_init demo
echo "A private host with IPv4 only, and its DNS server, in two network namespaces of their own."
lab_host ipv4
status=0
programs_table || status=1
vpn_table
keep_evidence
exit $status
