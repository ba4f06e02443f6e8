#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The controller on this kernel, end to end, in short: what an operator's first day has. Answers on veth and on lo, a
# route that comes, the four actions, results = covered, a gateway, the next controller, `stop`; and that `status`
# says of this kernel what is to be expected of its version. For the guests of tools/kernels, whose emulation makes
# everything ten times slower: nothing here is about time.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/wire-lab.sh
. tests/container-lab.sh

VPN_PREFIX=$LAB_VPN_PREFIX
SOON=10 # seconds, times LAB_PATIENCE, in which anything that has no promise of its own has to happen

# at_least MAJOR.MINOR: is this kernel as new as that?
at_least() { printf '%s\n%s\n' "$1" "$(uname -r)" | sort -V -C; }

if at_least 6.6; then HOOK=tcx; else HOOK=clsact; fi
HOOK=${STUBSIEVE_HOOK:-$HOOK}

host_ip() { ip -n "$LAB-host" "$@"; }

# started PHRASE OPTION...: starts it and waits until it has looked at the routes
started() {
	start_filter "$@" && check "$1: it knows the routes" lab_until "$SOON" knows
}

knows() { [ "$(lab_status '.netns[] | select(.own) | .known')" = true ]; }

# fates TEXT: of what `ask` says, what there was of
fates() { tr ' ' '\n' <<<"$1" | grep -v -e '^sent=' -e '=0$' | paste -sd ' '; }

# asks PHRASE FATE OPTION... SERVER: five queries from the scope, all with this fate
asks() {
	local phrase=$1 fate=$2 wait=3000
	shift 2
	[ "$fate" != silent ] || wait=300
	check_equal "$phrase" "$fate=5" "$(fates "$(lab_client "$ASK" --count 5 --wait "$wait" "$@" both.example)")"
}

counter() { lab_status ".counters.$1"; }

# counts PHRASE COUNTER N COMMAND...: while that runs this counter grows by N
counts() {
	local phrase=$1 counter=$2 want=$3 before
	shift 3
	before=$(counter "$counter")
	"$@"
	check_equal "... counted as $counter" "$want" $(($(counter "$counter") - before))
}

# interfaces: as status has them, of the own namespace: "NAME HOOK"
interfaces() {
	lab_status '.netns[] | select(.own) | .interfaces[] | "\(.name) \(.hook)"' | sort | paste -sd ' '
}

# A forwarder on loopback, out of scope, for queries on lo.
forwarder_up() {
	(lab_stay control "$LAB_HOST_PID" dnsmasq --keep-in-foreground --no-resolv --no-hosts --conf-file=/dev/null \
		--pid-file= --user=root --cache-size=0 --listen-address=127.0.0.1 --listen-address=::1 --bind-interfaces \
		--server="$1" >"$LAB_DIR/dnsmasq.log" 2>&1) </dev/null &
	disown
	check "a forwarder on lo answers" lab_until "$SOON" lab_control dig +time=2 +tries=1 @127.0.0.1 v4.example TXT
}

vpn_up() {
	host_ip link add vpn0 type veth peer name vpn1 netns "$LAB-server"
	ip -n "$LAB-server" link set vpn1 up
	host_ip link set vpn0 addrgenmode none up
}

looked_up() { lab_client "$BUILD/tests/$1" both.example | sed -n 's/^result both.example //p'; }

answer_veth() {
	lab_mark
	counts "veth" answered_aaaa 5 asks "veth: AAAA is answered" filter "$LAB_SERVER4"
	counts "veth" passed.connected 5 asks "veth: A passes" server --type A "$LAB_SERVER4"
	check_equal "veth: A reached the server, no AAAA" "5 0" "$(lab_queries A) $(lab_queries AAAA)"
	asks "veth: a connected socket is answered" filter --connected "$LAB_SERVER4"
	host_ip link set h0 mtu 1400
	lab_control ethtool -K h0 tx off >/dev/null
	asks "veth without transmit offload: AAAA is answered" filter "$LAB_SERVER4"
	check_equal "glibc: IPv4 alone" 198.51.100.10 "$(looked_up tools/lookup)"
	if [ -x "$BUILD/tests/stubs/musl" ]; then
		check_equal "musl: IPv4 alone" 198.51.100.10 "$(looked_up stubs/musl)"
	else
		skip "musl: IPv4 alone" "its client was not built: run make deps"
	fi
	check "dig names who answered" grep -q 'EDE: 17 (Filtered)' <<<"$(lab_client dig "@$LAB_SERVER4" both.example AAAA)"
}

answer_lo() {
	local server
	for server in 127.0.0.1 ::1; do
		counts "lo" answered_aaaa 5 asks "lo ($server): AAAA is answered" filter "$server"
		counts "lo" passed.connected 5 asks "lo ($server): A passes" server --type A "$server"
	done
}

# Nobody of the scope has asked by the route before; the controller is stopped, so the kernel alone can tell.
route_comes() {
	local pid
	vpn_up
	pid=$(lab_status .pid)
	kill -STOP "$pid"
	check_equal "a route comes, nobody has looked: AAAA pass at once" server=1 \
		"$(fates "$(lab_client "$ASK" "$LAB_SERVER4" both.example -- ip -6 route add "$VPN_PREFIX" dev vpn0)")"
	kill -CONT "$pid"
	check "... the verdict follows" lab_until "$SOON" verdict_is pass
	host_ip -6 route del "$VPN_PREFIX" dev vpn0
	check "it goes: the verdict follows" lab_until "$SOON" verdict_is answer
	check "... AAAA are answered again" lab_until "$SOON" lab_filtered
	host_ip link del vpn0
}

verdict_is() { [ "$(lab_status '.netns[] | select(.own) | .verdict.aaaa')" = "$1" ]; }

# Another namespace with a process of the scope: the sensor tells of it with its first socket.
other_namespace() {
	container_bridge br0
	host_ip addr add "$CONTAINER_GATEWAY/24" dev br0
	host_ip link set br0 up
	lab_control sysctl -qw net.ipv4.ip_forward=1
	ip -n "$LAB-server" route add 10.77.0.0/24 via "$LAB_HOST4"
	container_start other clients/other
	container_bridged other 7
	check "another namespace is followed" lab_until "$SOON" other_is_answered
	check_equal "... with the hook of this kernel" "$HOOK" \
		"$(container_status other '.interfaces[] | select(.name == "eth0") | .hook')"
	container_end other
	check "... and let go of" lab_until "$SOON" namespaces_are 1
}

other_is_answered() {
	[[ $(lab_enter clients/other "${CONTAINER_PID[other]}" 10 "$ASK" "$LAB_SERVER4" both.example) == *filter=1* ]]
}
namespaces_are() { [ "$(lab_status '.netns | length')" = "$1" ]; }

scenario_answer() {
	lab_init kernel-answer
	lab_host ipv4
	forwarder_up "$LAB_SERVER4"
	started "answer" --settle 0.2 || return
	check_equal "status: attached to lo and veth, by the hook of this kernel" "h0 $HOOK lo $HOOK" "$(interfaces)"
	# By sock_diag, which tells the cgroups since 5.8.
	check "status names the DNS server's cgroup" lab_until "$SOON" names_forwarder
	answer_veth
	answer_lo
	route_comes
	other_namespace
	check_sums "answer"
	next_controllers
}

names_forwarder() {
	[ "$(lab_status '.servers[] | "\(.path) \(.others) \(.loopback)"')" = "/$LAB/control false true" ]
}

# end_controller SIGNAL: the filter stays
end_controller() {
	kill "-$1" "$(lab_status .pid)"
	check "SIG$1 ends the controller" lab_until "$SOON" lab_gone "$LAB_FILTER_PID"
	LAB_FILTER_PID=''
}

next_controllers() {
	local signal before
	for signal in TERM KILL; do
		before=$(counter answered_aaaa)
		end_controller "$signal"
		asks "after SIG$signal: AAAA are answered" filter "$LAB_SERVER4"
		started "the next one after SIG$signal" --settle 0.2 || return
		check_equal "... it goes on counting" $((before + 5)) "$(counter answered_aaaa)"
		asks "... AAAA are answered" filter "$LAB_SERVER4"
	done
	check_equal "attached as before, once" "h0 $HOOK lo $HOOK" "$(interfaces | sed 's/br0 [a-z]* //')"
	stops
}

# What there is of ours: programs and maps, where nobody else can have any, qdiscs and pins.
remains() {
	if [ -e guest.conf ]; then
		bpftool -j prog show | jq -r '.[] | select((.name // "") | startswith("sieve_")) | "program \(.name)"'
		bpftool -j map show | jq -r '.[] | select(.name == "netns" or .name == "heartbeat") | "map \(.name)"'
	fi
	nsenter --target "$LAB_HOST_PID" --net tc qdisc show | grep clsact
	lab_control find "$LAB_DIR/bpf" -mindepth 1 ! -name '*.debug'
}
nothing_remains() { [ -z "$(remains)" ]; }

stops() {
	check_number "there is something to stop" "$(remains | wc -l)" -gt 5
	check "stop" lab_filter stop
	check "stop: the controller is gone" lab_until "$SOON" lab_gone "$LAB_FILTER_PID"
	LAB_FILTER_PID=''
	lab_until "$SOON" nothing_remains
	check_equal "stop: no program, map, qdisc or pin remains" "" "$(remains)"
	asks "stop: AAAA pass" server "$LAB_SERVER4"
	check_equal "stop: status says so" "3 false" "$(status_and_running 2>/dev/null)"
}

status_and_running() {
	local said status=0
	said=$(lab_filter status --json) || status=$?
	echo "$status $(jq .running <<<"$said")"
}

# action NAME FATE COUNTER
action() {
	started "$1" --settle 0 --action "$1" || return
	counts "$1" "$3" 5 asks "$1: AAAA" "$2" "$LAB_SERVER4"
	asks "$1: A passes" server --type A "$LAB_SERVER4"
	check_sums "$1"
	lab_filter_stop
}

scenario_actions() {
	lab_init kernel-actions
	lab_host ipv4
	action observe server observed_aaaa
	action drop silent dropped_aaaa
	action reject denied rejected_aaaa
	another_instance
}

# tcx takes several programs of ours, each instance has its own; of clsact filters there is one, of who came first.
another_instance() {
	local second
	started "one instance" --settle 0 || return
	(lab_stay control "$LAB_HOST_PID" "$STUBSIEVE" run --run-dir "$LAB_DIR/run2" --pin-dir "$LAB_DIR/bpf/second" \
		--cgroup "$LAB/control" --settle 0) >"$LAB_DIR/second.log" 2>&1 </dev/null &
	second=$!
	disown
	if [ "$HOOK" = tcx ]; then
		check "tcx: another one starts" lab_until "$SOON" second_runs
	else
		check "clsact: another one is refused" lab_until "$SOON" lab_gone "$second"
	fi
	asks "$HOOK: the first one goes on" filter "$LAB_SERVER4"
	check "what the other one left is stopped" lab_control "$STUBSIEVE" stop --run-dir "$LAB_DIR/run2" --pin-dir "$LAB_DIR/bpf/second"
	lab_filter_stop
}

second_runs() { [ "$(lab_control "$STUBSIEVE" status --json --run-dir "$LAB_DIR/run2" | jq -r .running)" = true ]; }

is_covered() {
	[ "$(lab_status ".netns[] | select(.own) | .coverage.ipv6 | \"\(.mode) \(.prefixes)\"")" = "$1" ]
}

short() { lab_client dig +short +time=5 "$@" | sort | paste -sd ' '; }

scenario_results() {
	lab_init kernel-results
	lab_host ipv4
	vpn_up
	host_ip -6 route add "$VPN_PREFIX" dev vpn0
	started "results" --settle 0.2 --results covered || return
	check "results: the VPN's prefix is listed" lab_until "$SOON" is_covered "listed 1"
	check_equal "results: responses are looked at" "h0 lo vpn0" \
		"$(lab_status '[.netns[] | select(.own) | .interfaces[] | select(.results) | .name] | sort | join(" ")')"
	check_equal "results: a name of the VPN keeps its address" 2001:db8:77::6 "$(short v6.example AAAA)"
	check_equal "results: a public one loses it" "" "$(short public.example AAAA)"
	check_equal "results: each record by itself" "2001:db8:77::20 2001:db8:77::21" "$(short mixed.example AAAA)"
	check_equal "results: A stays" 198.51.100.30 "$(short public.example A)"
	check_equal "results: a signed one stays" 2001:db8:99::30 "$(short +dnssec public.example AAAA)"
	check_equal "results: counted" "1 1 1" \
		"$(lab_status '.responses | "\(.emptied) \(.filtered) \(.passed.signed)"')"
	check_equal "results: the kernel's own device without offload" "2001:db8:77::20 2001:db8:77::21" \
		"$(lab_server ethtool -K s0 tx off >/dev/null; short mixed.example AAAA)"
	lab_filter_stop
	lab_until "$SOON" nothing_remains
	check_equal "results: nothing remains" "" "$(remains)"
}

scenario_gateway() {
	lab_init kernel-gateway
	containers_host ipv4
	container_start routed control/others
	container_bridged routed 9
	mkdir -p "$LAB_CGROUP/scoped"
	started "gateway" --settle 0 --cgroup "$LAB/scoped" --gateway 'v*' || return
	check_equal "gateway: status names it" v9 \
		"$(lab_status '[.netns[].interfaces[] | select(.gateway) | .name] | join(" ")')"
	counts "gateway" answered_aaaa 2 routed_asks "gateway: AAAA of others are answered" filter=2
	routed_asks "gateway: A of others pass" server=2 --type A
	check_sums "gateway"
	lab_filter_stop
	routed_asks "without it: AAAA of others pass" server=2
}

# routed_asks PHRASE FATE OPTION...
routed_asks() {
	check_equal "$1" "$2" "$(fates "$(lab_enter control/others "${CONTAINER_PID[routed]}" 20 \
		"$ASK" --count 2 --wait 3000 "${@:3}" "$LAB_SERVER4" both.example)")"
}

scenario_ipv6() {
	lab_init kernel-ipv6
	lab_host ipv6
	LAB_MARK_ADDRESS=$LAB_SERVER6
	forwarder_up "$LAB_SERVER6"
	started "IPv6 alone" --settle 0 --nat64 no || return
	counts "IPv6 alone" answered_a 5 asks "IPv6 alone, veth: A are answered" filter --type A "$LAB_SERVER6"
	counts "IPv6 alone" passed.connected 5 asks "IPv6 alone, veth: AAAA pass" server "$LAB_SERVER6"
	counts "IPv6 alone" answered_a 5 asks "IPv6 alone, lo: A are answered" filter --type A ::1
	counts "IPv6 alone" passed.connected 5 asks "IPv6 alone, lo: AAAA pass" server ::1
	check_sums "IPv6 alone"
	lab_filter_stop
}

need_root
note "$(uname -r): $HOOK"
[ $# -gt 0 ] || set -- answer actions results gateway ipv6
for group; do
	"scenario_$group"
	lab_remove
done
finish
