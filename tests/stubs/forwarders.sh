#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Forwarders on the host and a client behind them, without the filter and with it in two places: on lo, where it answers
# the client before the forwarder sees the query, and on the uplink, where it sees the forwarder's own queries. The
# forwarder forgets what it learned before each round, and its log says what it thought of the answers.
#
# Evidence: as in tests/stubs/suite, and what the forwarder said: HOST-KIND-{without,lo,uplink}-forwarder.log.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
STUB_LOOKUPS=2 # the second one can come from the cache; the first one's time counts
ROUNDS=${ROUNDS:-2}
FAILED_PERCENT=200 # measured in few rounds
MORE_ROUNDS=4       # where one seems slower than that
WAITS_ALLOWED=1     # a forwarder with an empty cache asks for more than the name, and again by itself
. tests/stubs/suite
. tests/forwarders.sh

# What a forwarder says when an answer makes it think less of its server, ask again, or tell its client of a failure.
declare -A TROUBLE=(
	[resolved]='degraded feature set|downgrad|SERVFAIL|Timeout reached|does not support|Switching to .* DNS server'
	[dnsmasq]='SERVFAIL|REFUSED|reducing DNS packet size|truncated|failed to|BOGUS'
	[unbound]='SERVFAIL|FORMERR|bogus|BOGUS|THROWAWAY|LAME|without EDNS|fallback|timeout|truncat'
	[bind]='SERVFAIL|FORMERR|without EDNS|disabling EDNS|broken trust chain|bad cookie|missing cookie|no valid'
)
TROUBLE[resolved]+='|complete with <(invalid-reply|attempts-max-reached|timeout|errno|no-servers|aborted)'
TROUBLE[bind]+='|reducing the adv|timed out|truncat'

# stub_name KIND PLACE
stub_name() { echo "$1-$2"; }

# eligible KIND PLACE: does the filter answer there? Most forwarders ask for DNSSEC records (DO=1), which passes.
eligible() {
	case $2-$1 in
	uplink-unbound* | uplink-bind*) false ;;
	esac
}

scope_of() {
	case $1 in
	lo) printf '%s\n' --cgroup "$LAB/clients" --cgroup "$LAB/forwarder" ;;
	uplink) printf '%s\n' --cgroup "$LAB/forwarder" ;;
	esac
}

start_forwarders() {
	local kind last=1
	HERE=()
	FORWARDER_ANCHOR=$SIGNED_ANCHOR
	LAB_MARK_ADDRESS=$(suite_server "$1")
	for kind in "${FORWARDER_KINDS[@]}"; do
		forwarder_there "$kind" || { skip "$1, $kind" "$FORWARDER_WHY"; continue; }
		FORWARDER_LISTEN=127.0.0.$last
		last=$((last + 1))
		if forwarder_start "$kind" "$LAB_MARK_ADDRESS" 2>"$LAB_DIR/start.log"; then
			HERE+=("$kind")
			AT[$kind]=$FORWARDER_ADDRESS
		else
			not_ok "$1, $kind: starts" "$(cat "$LAB_DIR/start.log")"
		fi
	done
}

# look_behind HOST KIND without|lo|uplink: one round; OUTCOME, SENT_A and SENT_AAAA, and files below EVIDENCE
look_behind() {
	local at=$EVIDENCE/$1-$2-$3 output from
	lab_resolver "${AT[$2]}"
	check "$1, $2, $3: it forgets what it learned" forwarder_forget "$2"
	from=$(forwarder_log "$2" | wc -l)
	LAB_FROM=$(wc -l <"$(lab_queries_log)") # all that was sent before is there: the last look waited for it
	output=$(suite_lookups clients behind "${NAMES[@]}")
	lab_log >"$at.log"
	forwarder_log "$2" | tail -n "+$((from + 1))" >"$at-forwarder.log"
	OUTCOME=$(grep '^result ' <<<"$output")
	printf '%s\n' "$OUTCOME" >"$at.outcome"
	awk -v place="$3" '$1 == "time" && !seen[$2]++ { print place, $2, $3 }' <<<"$output" >>"$EVIDENCE/$1-$2-times"
	SENT_A=$(queries A udp <"$at.log") SENT_AAAA=$(queries AAAA udp <"$at.log")
}

round_without() {
	local host=$1 kind
	for kind in "${HERE[@]}"; do
		look_behind "$host" "$kind" without
		W_OUTCOME[$kind]=$OUTCOME
		check_number "$host, $kind: without the filter A reach the server" "$SENT_A" -gt 0
		check_number "$host, $kind: without the filter AAAA reach the server" "$SENT_AAAA" -gt 0
	done
}

round_with() {
	local host=$1 place=$2 kind scope
	mapfile -t scope < <(scope_of "$place")
	# shellcheck disable=SC2086 # options
	start_filter "$host, $place" "${scope[@]}" --settle 0 $SUITE_FILTER || return
	for kind in "${HERE[@]}"; do one_with "$host" "$kind" "$place"; done
	check_sums "$host, $place"
	lab_filter_stop
}

one_with() {
	local host=$1 kind=$2 place=$3 before=$FAILED useless dnssec
	useless=$(useless_on "$host")
	dnssec=$(lab_status .counters.passed.dnssec)
	eligible "$kind" "$place" || useless=none
	look_behind "$host" "$kind" "$place"
	check_equal "$host, $kind, $place: names resolve as without the filter" "$(expected "$kind" "$useless")" "$OUTCOME"
	sent_behind "$host, $kind, $place" "$host" "$kind" "$place" "$useless"
	if [ "$useless" != "$(useless_on "$host")" ]; then
		check_number "$host, $kind, $place: they pass because of DNSSEC" \
			"$(lab_status .counters.passed.dnssec)" -gt "$dnssec"
	fi
	check_log "$host" "$kind" "$place"
	suite_tcp "$host, $kind, $place" "$EVIDENCE/$host-$kind-without.log" "$EVIDENCE/$host-$kind-$place.log"
	STUB_TROUBLES[$host-$kind-$place]=$((${STUB_TROUBLES[$host-$kind-$place]:-0} + FAILED - before))
}

# repeats TYPE <LOG: how many queries were sent though the same had been sent before
repeats() {
	awk -v type="$1" '
		{ for (i = 1; i < NF; i++) if ($i == "query:") break }
		$(i + 3) == type && seen[tolower($(i + 1))]++ { n++ }
		END { print n + 0 }'
}

# A forwarder that caches asks for what it does not know yet, and the two queries of one lookup race: so not how many it
# sends can be compared, but how many it sends again.
sent_behind() {
	local phrase=$1 at=$EVIDENCE/$2-$3 type
	local -A with=([A]=$SENT_A [AAAA]=$SENT_AAAA)
	for type in A AAAA; do
		if [ $type = "$5" ]; then
			check_number "$phrase: no $type reaches the server" "${with[$type]}" -eq 0
		else
			check_number "$phrase: $type reach the server" "${with[$type]}" -gt 0
			check_number "$phrase: no more $type are sent again than without the filter" \
				"$(repeats $type <"$at-$4.log")" -le $(($(repeats $type <"$at-without.log") + WAITS_ALLOWED))
		fi
	done
	[ "$5" = none ] || check_number "$phrase: fewer queries than without the filter" \
		"$(queries 'A|AAAA' udp <"$at-$4.log")" -lt "$(queries 'A|AAAA' udp <"$at-without.log")"
}

troubles() { grep -Ec "${TROUBLE[${1%%-*}]}" "$2"; }

check_log() {
	local at=$EVIDENCE/$1-$2
	check_number "$1, $2, $3: its log has no more about a bad server than without the filter" \
		"$(troubles "$2" "$at-$3-forwarder.log")" -le "$(troubles "$2" "$at-without-forwarder.log")"
}

# times_of HOST KIND PLACE: leaves the times of all rounds in a file, and names it
times_of() {
	local times=$EVIDENCE/$1-$(stub_name "$2" "$3")-times
	sed -n -e 's/^without /&/p' -e "s/^$3 /with /p" "$EVIDENCE/$1-$2-times" >"$times"
	echo "$times"
}

# In few rounds a busy machine can make any of them look slow.
looks_slow() {
	local kind place
	for kind in "${HERE[@]}"; do
		for place in lo uplink; do is_as_promised "$(times_of "$1" "$kind" "$place")" "$FAILED_PERCENT" || return 0; done
	done
	return 1
}

# The times of all rounds, and a line in the tables for each place.
close_host() {
	local host=$1 kind place stub at
	for kind in "${HERE[@]}"; do
		for place in lo uplink; do
			stub=$(stub_name "$kind" "$place")
			at=$EVIDENCE/$host-$stub
			suite_check_times "$host, $kind, $place" "$(times_of "$host" "$kind" "$place")"
			cp "$EVIDENCE/$host-$kind-without.log" "$at-without.log"
			cp "$EVIDENCE/$host-$kind-without.outcome" "$at-without.outcome"
			cp "$EVIDENCE/$host-$kind-$place.log" "$at-with.log"
			cp "$EVIDENCE/$host-$kind-$place.outcome" "$at-with.outcome"
			STUB_VERSION[$stub]=$(forwarder_version "$kind")
			suite_record "$host" "$stub" "$(useless_on "$host")" "${STUB_TROUBLES[$host-$kind-$place]:-0}"
		done
	done
}

# A forwarder that others can reach may have clients with the family that this host lacks: what it asks passes, unless
# the operator says that it has none. Its twin at 127.0.0.1 alone was answered above.
for_others() {
	local kind=dnsmasq answer want
	[ "$1" = ipv4 ] && forwarder_there "$kind" || return 0
	for kind in "${HERE[@]}"; do forwarder_stop "$kind"; done
	kind=dnsmasq
	FORWARDER_LISTEN=any
	forwarder_start "$kind" "$LAB_MARK_ADDRESS" || { not_ok "$1, $kind for others: starts"; return; }
	AT[$kind]=$FORWARDER_ADDRESS
	for answer in no yes; do
		start_filter "$1, $kind for others, --filter-servers $answer" --cgroup "$LAB/forwarder" \
			--settle 0 --filter-servers $answer || continue
		look_behind "$1" "$kind" "others-$answer"
		want=-gt
		[ $answer = no ] || want=-eq
		check_number "$1, $kind for others, --filter-servers $answer: AAAA that reach the server" "$SENT_AAAA" $want 0
		lab_filter_stop
	done
}

one_host() {
	local host=$1 round rounds=$ROUNDS places place
	# Where nothing is filtered, half as many have to do.
	[ "$host" != dual ] || rounds=$(((ROUNDS + 1) / 2))
	LAB_MARK_ADDRESS=
	suite_lab "$host"
	start_forwarders "$host"
	# There and back, so that none is always the one that comes first, or last.
	for ((round = 0; round < rounds + MORE_ROUNDS; round++)); do
		[ "$round" -lt "$rounds" ] || looks_slow "$host" || break
		[ $((round % 2)) -eq 1 ] || round_without "$host"
		if [ $((round % 2)) -eq 0 ]; then places='lo uplink'; else places='uplink lo'; fi
		for place in $places; do round_with "$host" "$place"; done
		[ $((round % 2)) -eq 0 ] || round_without "$host"
	done
	close_host "$host"
	for_others "$host"
	lab_remove
}

declare -A AT
stub behind "$BUILD/tests/tools/lookup"
suite_begin forwarders
for host in $HOSTS; do one_host "$host"; done
finish
