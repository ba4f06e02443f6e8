#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# results = covered on a host with a split-tunnel VPN: names of the VPN resolve and connect, of public ones the IPv4
# addresses are left, whatever resolver asks, and no default route of IPv6 appears. Beside it the same with
# results = all; what must stay as it is; routes that come and go; and IPv4 as the partial family.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/outcome.sh

PREFIX_PUBLIC=2001:db8:99::/48
SETTLE=1

host_ip() { ip -n "$LAB-host" "$@"; }

vpn_up() {
	host_ip link add vpn0 type veth peer name vpn1 netns "$LAB-server"
	ip -n "$LAB-server" link set vpn1 up
	ip -n "$LAB-server" addr add 2001:db8:77::6/48 dev vpn1 nodad
	host_ip link set vpn0 up
	host_ip addr add 2001:db8:77::2/128 dev vpn0 nodad
	host_ip route add "$LAB_VPN_PREFIX" dev vpn0
}

# coverage FAMILY: of the host's namespace, as status has it
coverage() { lab_status ".netns[] | select(.own) | .coverage.$1 | \"\(.mode) \(.prefixes)\""; }
is_covered() { [ "$(coverage "$1")" = "$2" ]; }

# addresses CLIENT NAME: what it gets, sorted; its word for none
addresses() {
	lab_client "$(client_program "$1")" "$2" | sed -n "s/^result $2 //p" | tr ' ' '\n' | sort | tr '\n' ' ' | sed 's/ $//'
}

counted() { lab_status ".responses | .passed + {filtered, emptied} | .$1"; }

# stays PHRASE REASON WANT DIG-OPTION...: what dig is told of AAAA of `public`; the response is counted as that
stays() {
	local phrase=$1 reason=$2 want=$3 before
	shift 3
	before=$(counted "$reason")
	check_equal "$phrase" "$want" "$(lab_client dig +short "$@" public.example AAAA | grep -v '^AAAA 13')"
	[ "$reason" = filtered ] || check_number "... and is counted as $reason" "$(counted "$reason")" -gt "$before"
}

dig_public() { lab_client dig +short "$@" public.example AAAA; }

clients() {
	local client
	for client in glibc musl go c-ares; do
		if ! [ -x "$(client_program "$client")" ]; then
			skip "$client" "its client was not built: run make deps"
			continue
		fi
		check_equal "$client: a name of the VPN keeps its address" 2001:db8:77::6 "$(addresses "$client" v6.example)"
		check_equal "$client: of a public name IPv4 is left" 198.51.100.30 "$(addresses "$client" public.example)"
		check_equal "$client: each address is looked at by itself" "198.51.100.20 2001:db8:77::20 2001:db8:77::21" \
			"$(addresses "$client" mixed.example)"
		check_equal "$client: both families of the VPN stay" "198.51.100.10 2001:db8:77::10" "$(addresses "$client" both.example)"
		check_equal "$client: without addresses it is as a name that has none" "$(addresses "$client" empty.example)" \
			"$(addresses "$client" public6.example)"
	done
}

nodata() {
	local said
	said=$(lab_client dig cname-public6.example AAAA)
	check "a CNAME stays, with NODATA" grep -qE '^cname-public6.example..*CNAME.public6.example' <<<"$said"
	check_equal "... no address is left" "status: NOERROR, ANSWER: 1" \
		"$(grep -oE 'status: [A-Z]+|ANSWER: [0-9]+' <<<"$said" | paste -sd, | sed 's/,/, /')"
	check_equal "IPv4-mapped addresses go" "" "$(lab_client dig +short mapped.example AAAA)"
	check_equal "... that of IPv4 stays" 198.51.100.40 "$(lab_client dig +short mapped.example A)"
}

what_stays() {
	local both="2001:db8:99::30"
	stays "an unsigned response is filtered" filtered ""
	stays "DO=1 stays" signed "$both" +dnssec
	check_equal "TCP stays" "$both" "$(dig_public +tcp)"
	check_equal "who is out of scope gets all" "$both" "$(lab_control dig +short public.example AAAA)"
	check_number "... counted as scope" "$(counted scope)" -gt 0
	check_equal "the 0x20 case of the name is kept" "" "$(lab_client dig +short PuBLic.EXAMPLE AAAA)"
	check_equal "without OPT, too" "" "$(lab_client dig +short +noedns public.example AAAA)"
	check_equal "A is not touched" 198.51.100.30 "$(lab_client dig +short public.example A)"
}

# dnsmasq in another cgroup asks upstream; its client is in scope.
on_lo() {
	(lab_stay control "$LAB_HOST_PID" dnsmasq --keep-in-foreground --no-resolv --no-hosts --conf-file=/dev/null --pid-file= \
		--user=root --listen-address=127.0.0.1 --listen-address=::1 --bind-interfaces --server="$LAB_SERVER4" \
		>"$LAB_DIR/dnsmasq.log" 2>&1) </dev/null &
	local pid=$!
	disown
	lab_until 5 lab_control dig +time=1 +tries=1 @127.0.0.1 v4.example A >/dev/null
	for server in 127.0.0.1 ::1; do
		check_equal "on lo ($server) the client's response is filtered" "" "$(dig_public @"$server")"
		check_equal "... the VPN's stays" 2001:db8:77::6 "$(lab_client dig +short @"$server" v6.example AAAA)"
	done
	lab_end "$pid"
}

# No response may miss an address for which a route is there, not one, also while the controller is stopped.
routes_come_and_go() {
	local pid missing=0 i
	pid=$(lab_status .pid)
	kill -STOP "$pid"
	host_ip route add "$PREFIX_PUBLIC" dev vpn0
	for i in 1 2 3 4 5; do [ "$(dig_public)" = 2001:db8:99::30 ] || missing=$((missing + 1)); done
	check_equal "a route that came counts at once, without the controller" 0 "$missing"
	kill -CONT "$pid"
	check "... and is listed" lab_until 5 is_covered ipv6 "listed 2"
	check_equal "... its address stays" 2001:db8:99::30 "$(dig_public)"
	host_ip route del "$PREFIX_PUBLIC"
	check_equal "a route that went still counts" 2001:db8:99::30 "$(dig_public)"
	check "... until it has settled" lab_until 5 is_covered ipv6 "listed 1"
	check_equal "then its address goes" "" "$(dig_public)"
	host_ip -6 route add default dev vpn0
	check "with a default route nothing is listed" lab_until 5 is_covered ipv6 "all 0"
	check_equal "... every address stays" 2001:db8:99::30 "$(dig_public)"
	check_equal "... but for IPv4-mapped ones" "" "$(lab_client dig +short mapped.example AAAA)"
	host_ip -6 route del default
	check "without it they are listed again" lab_until 5 is_covered ipv6 "listed 1"
	check_equal "... and public ones go" "" "$(dig_public)"
}

public_goes() { [ -z "$(dig_public)" ]; }

# A name must not lose the addresses of both families.
default_of_ipv4_comes_and_goes() {
	local default
	read -ra default <<<"$(host_ip -4 route show default)"
	host_ip -4 route del default
	check "without a default route of IPv4 all stay" lab_until 5 is_covered ipv6 "all 0"
	check_equal "... also the public ones" 2001:db8:99::30 "$(dig_public)"
	check_equal "... those of IPv4, too" 198.51.100.30 "$(lab_client dig +short public.example A)"
	host_ip -4 route add "${default[@]}"
	check "with it they are listed again" lab_until 5 is_covered ipv6 "listed 1"
	check "... and public ones go, the first response after a new route of IPv4 aside" lab_until 5 public_goes
}

own_addresses() {
	host_ip -6 route add local 2001:db8:99::30/128 dev lo
	check "an address of the host is listed" lab_until 5 is_covered ipv6 "listed 2"
	check_equal "... it stays" 2001:db8:99::30 "$(dig_public)"
	check_equal "... that of a neighbour does not" "" "$(lab_client dig +short public6.example AAAA)"
	host_ip -6 route del local 2001:db8:99::30/128 dev lo
	check "then it is not" lab_until 5 is_covered ipv6 "listed 1"
	check_equal "... and goes" "" "$(dig_public)"
}

sums() {
	check_equal "the counters add up to the responses" true \
		"$(lab_status '.responses | .responses == ([.filtered, .emptied, .passed[]] | add)')"
}

vpn_with() {
	start_filter "$1" --settle "$SETTLE" --results covered || return
	vpn_up
	check "$1: the prefix is listed" lab_until 5 is_covered ipv6 "listed 1"
	clients
	nodata
	what_stays
	check_equal "explain says that responses lose addresses" "listed 1" \
		"$(lab_filter explain public.example --type AAAA --json | jq -r '.queries[0].results | "\(.mode) \(.prefixes)"')"
	check "the name of the VPN connects" lab_client dig +tcp +tries=1 +time=3 @v6.example v4.example A
	check_equal "no default route of IPv6 appeared" "" "$(host_ip -6 route show default)"
	[ "$1" = clsact ] || on_lo
	routes_come_and_go
	default_of_ipv4_comes_and_goes
	own_addresses
	sums
	lab_filter_stop
}

without() {
	start_filter "results = all" --settle 0 || return
	check_equal "results = all: public names keep their IPv6 address" "198.51.100.30 2001:db8:99::30" \
		"$(addresses glibc public.example)"
	check_equal "... responses are not counted" null "$(lab_status .responses)"
	lab_filter_stop
}

exemptions() {
	start_filter "exempt and asked" --settle 0 --results covered --exempt-name public.example --ask "public6.example aaaa" \
		--ask "mixed.example a" || return
	check_equal "under an exempt name all stay" 2001:db8:99::30 "$(dig_public)"
	check_equal "a family that is asked stays" 2001:db8:99::6 "$(lab_client dig +short public6.example AAAA)"
	check_equal "another one does not" "2001:db8:77::20 2001:db8:77::21" "$(lab_client dig +short mixed.example AAAA | sort | paste -sd' ')"
	lab_filter_stop
	start_filter "observe" --settle 0 --results covered --action observe || return
	check_equal "action observe: all stay" 2001:db8:99::30 "$(dig_public)"
	check_equal "... and is counted" 1 "$(counted observed)"
	lab_filter_stop
}

# What an earlier controller attached for responses goes, also in another namespace (where a process in scope is).
another_controller() {
	local pid what=$1
	(lab_stay clients "$LAB_SERVER_PID" sleep 60) </dev/null >/dev/null 2>&1 &
	pid=$!
	disown
	start_filter "$what: results = covered" --settle 0 --results covered || return
	check "$what: it is attached in the other namespace" lab_until 5 lab_shows_results s0
	lab_end "$LAB_FILTER_PID"
	start_filter "$what: results = all" --settle 0 || return
	check "$what: a controller with results = all lets go of it" lab_until 5 lab_lets_go_of s0
	check "... of the queries' it does not" lab_until 5 lab_shows_hook s0 "$what"
	lab_filter_stop
	lab_end "$pid"
}

lab_shows_results() { lab_status ".netns[].interfaces[] | select(.name == \"$1\") | .results" | grep -q true; }
lab_shows_hook() { lab_status ".netns[].interfaces[] | select(.name == \"$1\") | .hook" | grep -q "$2"; }
lab_lets_go_of() {
	case $what in
	clsact) ! lab_server tc filter show dev "$1" ingress | grep -q sieve_results ;;
	tcx) ! lab_control ls "$LAB_DIR/bpf/stubsieve" | grep -q '^results-' ;;
	esac && lab_shows_hook "$1" "$what"
}

# An IPv6-only host with one route of IPv4.
ipv4_is_partial() {
	start_filter "IPv4 is partial" --settle 0 --results covered --nat64 no || return
	host_ip route add 198.51.100.0/27 via inet6 "$LAB_SERVER6"
	check "the prefix of IPv4 is listed" lab_until 5 is_covered ipv4 "listed 1"
	check_equal "A with a route stays" 198.51.100.10 "$(lab_client dig +short both.example A)"
	check_equal "A without one goes" "" "$(lab_client dig +short mapped.example A)"
	lab_filter_stop
	start_filter "nat64 = yes" --settle 0 --results covered --nat64 yes || return
	check_equal "where there may be a NAT64 all A stay" 198.51.100.40 "$(lab_client dig +short mapped.example A)"
	lab_filter_stop
}

need_root
lab_init results
lab_host ipv4
vpn_with tcx
without
exemptions
another_controller tcx
host_ip link del vpn0
export STUBSIEVE_HOOK=clsact
vpn_with clsact
another_controller clsact
unset STUBSIEVE_HOOK
lab_remove
lab_init results-ipv6
lab_host ipv6
ipv4_is_partial
finish
