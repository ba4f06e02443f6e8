#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# One controller for a host and its containers, each judged by its own routes: on a bridge, with macvlan, with
# user and pid namespaces, started before the controller and after it, entered by a process or by one thread.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/container-lab.sh

LOOKUPS=5
FIRST_MS=500 # a container is followed so soon after its first socket

# lookups NAME N: sets ASKED_A and ASKED_AAAA, what reached the server from that container
lookups() {
	lab_mark
	container_run "$1" "$BUILD/tests/tools/lookup" --count "$LOOKUPS" both.example v4.example >"$LAB_DIR/$1.lookups"
	ASKED_A=$(container_queries "$2" A) ASKED_AAAA=$(container_queries "$2" AAAA)
}

# without NAME N: the control
without() {
	lookups "$1" "$2"
	check_number "$1, without the filter: A reach the server" "$ASKED_A" -gt 0
	check_number "$1, without the filter: AAAA reach the server" "$ASKED_AAAA" -gt 0
}

# with NAME N answer|pass: the verdict for AAAA
with() {
	lookups "$1" "$2"
	check_equal "$1: the verdict" "pass $3" "$(container_status "$1" '.verdict.a + " " + .verdict.aaaa')"
	check_equal "$1: A reach the server" $((2 * LOOKUPS)) "$ASKED_A"
	if [ "$3" = answer ]; then
		check_equal "$1: no AAAA reaches the server" 0 "$ASKED_AAAA"
		check_equal "$1: names have their IPv4 addresses" "result both.example 198.51.100.10|result v4.example 198.51.100.4" \
			"$(paste -sd '|' "$LAB_DIR/$1.lookups")"
	else
		check_number "$1: AAAA reach the server" "$ASKED_AAAA" -ge "$LOOKUPS"
		check_equal "$1: names have all their addresses" \
			"result both.example 198.51.100.10 2001:db8:77::10|result v4.example 198.51.100.4" \
			"$(paste -sd '|' "$LAB_DIR/$1.lookups")"
	fi
}

# followed PHRASE NAME IFACE: found by the scan
followed() {
	check "$1: it is followed" lab_until 2 container_follows "$2" "$3"
}

# asks PHRASE NAME IFACE: it is followed once it asks; not by the first query, if its process ended before anybody
# looked
asks() {
	check "$1: it is followed" lab_until 2 asks_and_is_followed "$2" "$3"
}

asks_and_is_followed() {
	container_run "$1" "$ASK" --wait 1 127.0.0.1 both.example >/dev/null
	container_follows "$1" "$2"
}

followed_namespaces() { lab_status '[.netns[].inum] | sort | join(" ")'; }

containers_bridge() {
	lab_init containers-bridge
	containers_host ipv4
	container_start single clients/single && container_bridged single 11
	container_start dual clients/dual && container_bridged dual 12 && container_ipv6 dual 12
	container_start outside control/outside && container_bridged outside 13
	without single 11
	without dual 12
	start_filter "started before the controller" --settle 0 || return
	followed "started before: IPv4 only" single eth0
	followed "started before: dual-stack" dual eth0
	check_equal "one controller follows the host and both, and not one out of scope" \
		"$(for name in single dual; do container_inum "$name"; done | cat - <(stat -Lc %i "/proc/$LAB_HOST_PID/ns/net") |
			sort -n | paste -sd ' ')" "$(followed_namespaces)"
	check "the host's own AAAA are answered" lab_filtered
	with single 11 answer
	with dual 12 pass
	check_equal "out of scope: AAAA reach the server" "server=3" "$(container_fates outside --count 3)"
	check_equal "in its namespace, too, a process out of scope is not answered" "server=3" \
		"$(container_fates_as control/outside single --count 3)"
	check_sums bridge
	containers_vpn
	containers_later
	containers_entered
	containers_namespaced
	check_sums bridge
	check_equal "nothing was worth a word" "" "$(grep -v ': ready' "$LAB_DIR/filter.log")"
}

# vpn NAME add|del: one IPv6 route, as a split-tunnel VPN has it
vpn_command() { COMMAND=(ip -6 route "$1" "$LAB_VPN_PREFIX" dev vpn0); }

shows_route() { [ "$(container_status "$1" .ipv6.route)" = "$2" ]; }

containers_vpn() {
	local said started
	container_start other clients/other && container_bridged other 14
	asks "beside a VPN" other eth0
	container_ip single link add vpn0 type veth peer name vpn1
	container_ip single link set vpn1 addrgenmode none up
	container_ip single link set vpn0 addrgenmode none up
	check_equal "before the VPN: both are answered" "filter=2 filter=2" \
		"$(container_fates single --count 2) $(container_fates other --count 2)"
	vpn_command add
	said=$(container_run single "$ASK" --count 20 "$LAB_SERVER4" both.example -- "${COMMAND[@]}")
	check_equal "a container's VPN: every AAAA of it goes upstream at once" \
		"sent=20 server=20 filter=0 silent=0 denied=0 failed=0" "$said"
	check_equal "a container's VPN: the other one's are answered" "filter=20" "$(container_fates other --count 20)"
	check "a container's VPN: it is shown" lab_until 1 shows_route single true
	check_equal "a container's VPN: not with the other one, nor with the host" "false answer false answer" \
		"$(container_status other '"\(.ipv6.route) \(.verdict.aaaa)"') $(lab_status ".netns[] |
			select(.inum == $(stat -Lc %i "/proc/$LAB_HOST_PID/ns/net")) | \"\(.ipv6.route) \(.verdict.aaaa)\"")"
	vpn_command del
	container_ip single "${COMMAND[@]:1}"
	lab_until 1 container_filtered single
	vpn_while_stopped
	started=$(lab_ms)
	lab_until 1 shows_route single false
	note "without the VPN's route: shown $(($(lab_ms) - started)) ms later, the time of asking included"
	check "without the VPN's route: AAAA are answered again" lab_until 1 container_filtered single
}

# The packets tell themselves that the routes are others, and in which namespace. Ends without the route.
vpn_while_stopped() {
	local pid fates
	pid=$(lab_status .pid)
	kill -STOP "$pid"
	vpn_command add
	container_ip single "${COMMAND[@]:1}"
	fates="$(container_fates single --count 3) $(container_fates other --count 3)"
	kill -CONT "$pid"
	check_equal "a container's VPN while nobody looks: its AAAA go upstream, the other's are answered" "server=3 filter=3" \
		"$fates"
	lab_until 1 shows_route single true
	vpn_command del
	container_ip single "${COMMAND[@]:1}"
}

container_filtered() { [ "$(container_fates "$1")" = "filter=1" ]; }

# A container that comes while the controller runs: what its first socket asks may pass, not for long.
containers_later() {
	local number times='' passed=''
	for number in 21 22 23 24 25; do
		container_start "late$number" clients/late && container_bridged "late$number" "$number"
		read_first_answer "$(container_run "late$number" "$FIRST_ANSWER" "$LAB_SERVER4" both.example)"
		times+="${ANSWER_US:-9999999}"$'\n' passed+="${ANSWER_PASSED:-none} "
	done
	check_time "started later: answered so many ms after the first socket (worst of 5)" \
		$(($(sort -n <<<"${times%$'\n'}" | tail -n 1) / 1000)) "$FIRST_MS"
	note "started later: µs $(paste -sd ' ' <<<"${times%$'\n'}"); passed before: $passed"
	with late25 25 answer
	container_start latedual clients/late && container_bridged latedual 26 && container_ipv6 latedual 26
	asks "started later: dual-stack" latedual eth0
	with latedual 26 pass
	container_gains_eth0
}

# As most runtimes do it: the process is there, and its interfaces come.
container_gains_eth0() {
	container_start early clients/early
	asks "started without an interface" early lo
	container_bridged early 27
	check "its interface comes: it is attached to" lab_until 1 container_follows early eth0
	with early 27 answer
}

# A namespace in which no process of the scope lives, until one enters.
containers_entered() {
	container_start apart control/apart && container_bridged apart 31
	read_first_answer "$(container_run_as clients apart "$FIRST_ANSWER" "$LAB_SERVER4" both.example)"
	check_time "a process that entered by nsenter: answered, µs" "${ANSWER_US:-9999999}" $((FIRST_MS * 1000))
	note "entered: $ANSWER_PASSED queries passed before"
	container_start threads control/threads && container_bridged threads 32
	read_first_answer "$(lab_client "$FIRST_ANSWER" --enter "/proc/${CONTAINER_PID[threads]}/ns/net" "$LAB_SERVER4" both.example)"
	check_time "a thread that entered: answered, µs" "${ANSWER_US:-9999999}" $((FIRST_MS * 1000))
	note "a thread: $ANSWER_PASSED queries passed before"
	check "its process: answered by the host's routes" lab_filtered
}

containers_namespaced() {
	container_start user clients/user --user --pid --fork --map-root-user && container_bridged user 41
	container_start userdual clients/user --user --pid --fork --map-root-user && container_bridged userdual 42 &&
		container_ipv6 userdual 42
	asks "user and pid namespace" user eth0
	asks "user and pid namespace, dual-stack" userdual eth0
	with user 41 answer
	with userdual 42 pass
}

# container_macvlan NAME: mv0 there, above the host's h0
container_macvlan() {
	ip -n "$LAB-host" link add mv0 link h0 type macvlan mode bridge || return
	ip -n "$LAB-host" link set mv0 netns "${CONTAINER_PID[$1]}"
	container_ip "$1" addr add 192.0.2.50/24 dev mv0
	container_ip "$1" link set mv0 up
}

# macvlan_host ipv4|dual
macvlan_host() {
	lab_host "$1"
	container_start mv clients/mv
	if ! container_macvlan mv 2>/dev/null; then
		skip "macvlan" "the kernel has none"
		return 1
	fi
	start_filter "macvlan, $1 host" --settle 0 || return
	followed "macvlan, $1 host" mv mv0
}

containers_macvlan() {
	lab_init containers-macvlan
	macvlan_host ipv4 || return
	check_equal "macvlan, IPv4 on both: answered" "filter=5" "$(container_fates mv --count 5)"
	container_ip mv addr add 2001:db8:53::50/64 dev mv0 nodad
	check_equal "macvlan with IPv6: AAAA arrive, though the host has none" "server=5" "$(container_fates mv --count 5)"
	check "macvlan with IPv6: the host's own are answered" lab_filtered
	check_equal "macvlan with IPv6: its verdict" pass "$(container_status mv .verdict.aaaa)"
	check_sums "macvlan, ipv4 host"
	lab_remove
	lab_init containers-macvlan
	macvlan_host dual || return
	check_equal "macvlan without IPv6: answered, though the host has it" "filter=5" "$(container_fates mv --count 5)"
	check_equal "macvlan without IPv6: the host's own arrive" "" "$(lab_filtered && echo answered)"
	check_sums "macvlan, dual host"
	macvlan_out_of_scope
}

# The parent's hook sees its packets with a socket, which is not the host's.
macvlan_out_of_scope() {
	lab_remove
	lab_init containers-macvlan
	lab_host ipv4
	container_start mv control/mv && container_macvlan mv
	start_filter "macvlan out of scope" --settle 0 || return
	check_equal "macvlan out of scope: AAAA arrive" "server=5" "$(container_fates mv --count 5)"
	check "macvlan out of scope: the host's own are answered" lab_filtered
	check_equal "macvlan out of scope: the parent's hook counts them as not local" 5 \
		"$(lab_status .counters.passed.not_local)"
}

need_root
[ $# -gt 0 ] || set -- bridge macvlan
for group; do
	"containers_$group"
	lab_remove
done
finish
