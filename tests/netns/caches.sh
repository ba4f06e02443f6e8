#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# No cache keeps a wrong "no such address". With the recommended default (clients and forwarders of the host in
# scope, --filter-servers no) a client behind each local forwarder gets an AAAA record as soon as a VPN has
# brought an IPv6 route, because the forwarder has never seen the query. The twin: a filter behind a dnsmasq that stores
# what must not be stored keeps the negative. And who stores an answer without SOA at all: tools/lab/CACHES.md.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/forwarders.sh
. tests/signed-zone.sh
. tests/cache-lab.sh

ASK=$BUILD/tests/tools/ask
NAME=both.signed.example
AT_ONCE=100 # hundredths of a second: five polls of await-address
declare -A ADDRESS=([unbound]=127.0.1.1 [unbound-validating]=127.0.1.2 [bind]=127.0.1.3 [bind-validating]=127.0.1.4
	[dnsmasq]=127.0.1.5 [resolved]=127.0.0.53)

# start_all KIND...: sets RUNNING
start_all() {
	local kind FORWARDER_LISTEN
	RUNNING=()
	for kind; do
		if ! forwarder_there "$kind"; then
			skip "$kind" "$FORWARDER_WHY"
			continue
		fi
		FORWARDER_LISTEN=${ADDRESS[$kind]}
		ip -n "$LAB-host" addr add "$FORWARDER_LISTEN/8" dev lo 2>/dev/null
		if forwarder_start "$kind" "$LAB_SERVER4" 2>"$LAB_DIR/start.log"; then
			RUNNING+=("$kind")
		else
			not_ok "$kind starts" "$(cat "$LAB_DIR/start.log")"
		fi
	done
}

# hundredths SERVER NAME: of await-address' lines on standard input; 999999: never
hundredths() {
	awk -v server="$1" -v name="$2" '$1 == server && $2 == name { print ($3 == "never" ? 999999 : int($3 * 100)) }'
}

in_front() {
	local kind asked=() awaited
	start_filter "in front" --settle 0 --cgroup "$LAB/clients" --cgroup "$LAB/forwarder" || return
	lab_mark
	for kind in "${RUNNING[@]}"; do
		check_equal "$kind: its client is answered before the query gets there" \
			"sent=3 server=0 filter=3 silent=0 denied=0 failed=0" "$(lab_client "$ASK" --count 3 "${ADDRESS[$kind]}" "$NAME")"
		asked+=("${ADDRESS[$kind]}" "$NAME")
	done
	check_number "in front: no AAAA query reaches the server" "$(lab_queries AAAA)" -eq 0
	cache_vpn up
	awaited=$(cache_await --for 10 "${asked[@]}")
	for kind in "${RUNNING[@]}"; do
		check_number "$kind: its client has the AAAA record at once, hundredths of a second" \
			"$(hundredths "${ADDRESS[$kind]}" "$NAME" <<<"$awaited")" -le "$AT_ONCE"
	done
	cache_vpn down
	lab_filter_stop
	for kind in "${RUNNING[@]}"; do forwarder_stop "$kind"; done
}

# storing PHRASE SCOPE...: a dnsmasq that stores answers without SOA for 60 s; sets TOOK, hundredths until the record
storing() {
	local phrase=$1 FORWARDER_LISTEN=${ADDRESS[dnsmasq]} FORWARDER_EXTRA=neg-ttl=60
	shift
	forwarder_start dnsmasq "$LAB_SERVER4" || return
	start_filter "$phrase" --settle 0 "$@" || return
	check_equal "$phrase: no address before" "sent=1 server=0 filter=1 silent=0 denied=0 failed=0" \
		"$(lab_client "$ASK" "$FORWARDER_LISTEN" "$NAME")"
	cache_vpn up
	TOOK=$(cache_await --for 4 "$FORWARDER_LISTEN" "$NAME" | hundredths "$FORWARDER_LISTEN" "$NAME")
}

stored_end() {
	cache_vpn down
	lab_filter_stop
	forwarder_stop dnsmasq
}

behind() {
	forwarder_there dnsmasq || { skip "the filter behind dnsmasq" "$FORWARDER_WHY"; return; }
	storing "behind dnsmasq, neg-ttl" --cgroup "$LAB/forwarder" --filter-servers yes || return
	check_number "behind dnsmasq, neg-ttl: the negative stays" "$TOOK" -gt 400
	forwarder_flush dnsmasq
	TOOK=$(cache_await --for 4 "${ADDRESS[dnsmasq]}" "$NAME" | hundredths "${ADDRESS[dnsmasq]}" "$NAME")
	check_number "behind dnsmasq, neg-ttl: until its cache is flushed" "$TOOK" -le "$AT_ONCE"
	stored_end
	storing "in front of dnsmasq, neg-ttl" --cgroup "$LAB/clients" --cgroup "$LAB/forwarder" || return
	check_number "in front of dnsmasq, neg-ttl: at once" "$TOOK" -le "$AT_ONCE"
	stored_end
}

# form PHRASE NAME KIND OPERATOR HUNDREDTHS
form() {
	check_number "$1, $3" "$(hundredths "${ADDRESS[$3]}" "$2" <<<"$AWAITED")" "$4" "$5"
}

# What they do with the filter's form of the answer if it comes from upstream, and with one that has an SOA.
forms() {
	local kind asked=()
	for kind in "${RUNNING[@]}"; do
		check "$kind takes both forms of NODATA" cache_prime "${ADDRESS[$kind]}" none-1.none t300m300-1.soa
		asked+=("${ADDRESS[$kind]}" none-1.none "${ADDRESS[$kind]}" t300m300-1.soa)
	done
	cache_server_turns
	AWAITED=$(cache_await --for 8 "${asked[@]}")
	for kind in "${RUNNING[@]}"; do
		case $kind in
		unbound)
			form "without SOA: stored for some seconds" none-1.none unbound -ge 300
			form "without SOA: not stored for longer" none-1.none unbound -le 750
			;;
		*) form "without SOA: not stored" none-1.none "$kind" -le "$AT_ONCE" ;;
		esac
		form "with SOA: stored" t300m300-1.soa "$kind" -gt 800
	done
}

need_root
lab_init caches
signed_zone
lab_host ipv4
signed_zone_anchor
LAB_MARK_ADDRESS=$LAB_SERVER4
FORWARDER_ANCHOR=$SIGNED_ANCHOR
start_all "${FORWARDER_KINDS[@]}"
in_front
behind
lab_remove
lab_init caches-forms
cache_server
FORWARDER_ANCHOR=
start_all unbound bind dnsmasq resolved
forms
finish
