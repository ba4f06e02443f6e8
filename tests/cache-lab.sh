# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What caches remember of an AAAA query that got NODATA before a VPN came up. For shell tests and
# tools/lab/cache-study.sh, which have sourced tools/lab/lab.sh and tests/forwarders.sh.
#
#   cache_server            a host (IPv4 only) whose DNS server is tests/tools/play-negative; its log: $LAB_DIR/played
#   cache_vpn up|down       a device with an address and a route of IPv6; sets VPN_MS when that has been done
#   cache_server_turns      play-negative has AAAA records from now on, or no longer has
#   cache_prime SERVER NAME...   one AAAA query for each name; 1 unless SERVER has none of these records
#   cache_await [--for SECONDS] SERVER NAME...   of tests/tools/await-address, as a client of the host

cache_server() {
	lab_namespaces
	lab_no_dad
	lab_link veth
	lab_ipv4
	lab_resolver "$LAB_SERVER4"
	(lab_stay server "$LAB_SERVER_PID" "$BUILD/tests/tools/play-negative" "$LAB_SERVER4") \
		>"$LAB_DIR/played" 2>&1 </dev/null &
	CACHE_SERVER_PID=$!
	disown
	lab_until 5 grep -q ready "$LAB_DIR/played" || lab_die "play-negative: $(cat "$LAB_DIR/played")"
}

cache_server_turns() { kill -USR1 "$CACHE_SERVER_PID"; }

cache_vpn() {
	if [ "$1" = up ]; then
		lab_tun_up vpn0 && ip -n "$LAB-host" link set vpn0 up &&
			ip -n "$LAB-host" addr add 2001:db8:77::2/64 dev vpn0 nodad
	else
		lab_tun_down
	fi
	# shellcheck disable=SC2034 # for those who source this
	VPN_MS=$(lab_ms)
}

cache_await() {
	# shellcheck disable=SC2034 # for lab_client
	local LAB_TIMEOUT=90
	lab_client "$BUILD/tests/tools/await-address" "$@"
}

cache_prime() {
	local server=$1 name questions=()
	shift
	for name; do questions+=("$name" AAAA); done
	[ "$(lab_client dig "@$server" +noall +comments +tries=1 +time=3 "${questions[@]}" |
		grep -c 'status: NOERROR\|ANSWER: 0,')" -eq $((2 * $#)) ]
}
