#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The keys that bear on the verdict: detect, ignore-interface, families, nat64, filter-servers, exempt-cgroup,
# netns. With each, what the kernel does to a query, and what explain and status say of it; beside each the twin
# without the key.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh

explained() { lab_filter explain both.example --type "$1" --cgroup "$LAB/clients" --json | jq -r ".queries[0] | $2"; }
verdict_of() { explained "$1" '"\(.verdict) \(.reason)"'; }
lab_shows() { lab_filter status | grep -qF -- "$1"; }

# case_of PHRASE TYPE FATE REASON RULE [OPTION...]: a filter with these options; FATE is answered or passes. What
# explain says must be what the kernel does.
case_of() {
	local phrase=$1 type=$2 fate=$3 reason=$4 rule=$5 verdict=pass
	shift 5
	start_filter "$phrase" --settle 0 "$@" || return
	if [ "$fate" = answered ]; then
		verdict=answer
		check "$phrase: $type is answered on the host" lab_filtered --type "$type"
	else
		check "$phrase: $type goes upstream" lab_passes "$type"
		check_equal "$phrase: it is counted as $reason" true "$(lab_status ".counters.passed.$reason > 0")"
	fi
	check_equal "$phrase: explain says so" "$verdict $reason" "$(verdict_of "$type")"
	check_equal "$phrase: explain names the rule" "$rule" "$(explained "$type" '.rule // "" | sub("/stubsieve-keys-[0-9]+"; "")')"
	while [ $# -ge 2 ]; do
		case $1 in --exempt-cgroup | --cgroup) ;; *) check "$phrase: status says it" lab_shows "${1#--}: $2" ;; esac
		shift 2
	done
	lab_filter_stop
}

lab_passes() {
	lab_client "$BUILD/tests/tools/ask" --type "$1" "$(lab_first_address)" both.example | grep -q ' filter=0 '
}

# lab_runs IP-COMMAND...: on the host
on_host() { ip -n "$LAB-host" "$@"; }

ipv4_with() {
	case_of "nothing configured" AAAA answered none "cgroup = /clients"
	case_of "families a" AAAA passes family "families = a" --families a
	case_of "families aaaa" AAAA answered none "cgroup = /clients" --families aaaa
	case_of "exempt below the scope" AAAA passes exempt_cgroup "exempt-cgroup = /clients" --cgroup "$LAB" \
		--exempt-cgroup "$LAB/clients"
	case_of "another is exempt" AAAA answered none "cgroup = " --cgroup "$LAB" --exempt-cgroup "$LAB/control"
}

# A route of IPv6 without an address of it, on an interface of its own; then the address, too.
ipv6_by_docker() {
	on_host link add docker0 type veth peer name docker1
	on_host link set docker1 up
	on_host link set docker0 up
	on_host -6 route add fd00:d0c::/64 dev docker0
	case_of "a ULA route" AAAA passes connected "cgroup = /clients"
	case_of "... that is ignored" AAAA answered none \
		"ignore-interface: what docker0 has of this family does not count" --ignore-interface "docker*"
	case_of "... while another is" AAAA passes connected "cgroup = /clients" --ignore-interface "virbr*"
	case_of "a route, and addresses are looked at" AAAA answered none "detect = addresses" --detect addresses
	on_host addr add fd00:d0c::1/64 dev docker0 nodad
	case_of "an address, and addresses are looked at" AAAA passes connected "cgroup = /clients" --detect addresses
	case_of "... that is ignored" AAAA answered none \
		"ignore-interface: what docker0 has of this family does not count" --detect addresses --ignore-interface docker0
	ignored_interface_is_renamed
	on_host link del docker0
}

# The name is asked for when it matters.
ignored_interface_is_renamed() {
	start_filter "renamed" --settle 0 --ignore-interface docker0 || return
	check "ignored: AAAA is answered" lab_filtered
	on_host link set docker0 name other0
	check "renamed: AAAA passes" lab_until 2 lab_passes AAAA
	on_host link set other0 name docker0
	check "named as before: AAAA is answered again" lab_until 2 lab_filtered
	lab_filter_stop
}

# A DNS server among the clients, on the address by which they ask.
servers() {
	(lab_stay clients "$LAB_HOST_PID" python3 -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 53)); print("bound", flush=True); time.sleep(60)') \
		>"$LAB_DIR/dns-server.log" 2>&1 &
	SERVER=$!
	disown
	lab_until 5 grep -q bound "$LAB_DIR/dns-server.log"
	start_filter "a server among the clients" --settle 0 || return
	check "a server among the clients: AAAA passes" lab_passes AAAA
	check_equal "... as serves_others" true "$(lab_status '.counters.passed.serves_others > 0')"
	check "... of which explain warns" lab_explain_warns
	lab_filter_stop
	start_filter "filter-servers" --settle 0 --filter-servers yes || return
	check "filter-servers: AAAA is answered" lab_filtered
	check "filter-servers: explain does not warn" lab_explain_is_silent
	check "filter-servers: status says it" lab_shows "filter-servers: yes"
	lab_filter_stop
	lab_end "$SERVER"
}

lab_explain_warns() { lab_filter explain both.example | grep -q "holds a DNS server"; }
lab_explain_is_silent() { ! lab_explain_warns; }

# Of two namespaces in scope the other one is left alone.
only_self() {
	(lab_stay clients "$LAB_HOST_PID" unshare --net sleep 60) &
	OTHER=$!
	disown
	sleep 0.2
	start_filter "netns scope" --settle 0 || return
	check_equal "netns scope: both are followed" 2 "$(lab_status '.netns | length')"
	lab_filter_stop
	start_filter "netns self" --settle 0 --netns self || return
	check_equal "netns self: one is followed" 1 "$(lab_status '.netns | length')"
	check "netns self: it answers there" lab_filtered
	check_equal "netns self: explain says so in the other" "unknown_netns netns = self" "$(lab_control \
		nsenter --net="/proc/$OTHER/ns/net" "$STUBSIEVE" explain both.example --type AAAA --cgroup "$LAB/clients" \
		--run-dir "$LAB_DIR/run" --json | jq -r '.queries[0] | "\(.reason) \(.rule)"')"
	lab_filter_stop
	lab_end "$OTHER"
}

# refused PHRASE PATTERN OPTION...: exit status 2
refused() {
	local phrase=$1 pattern=$2 said status=0
	shift 2
	said=$(lab_control timeout 5 "$STUBSIEVE" run --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve" \
		--cgroup "$LAB/clients" "$@" 2>&1) || status=$?
	check_equal "$phrase is refused" "2 yes" "$status $(grep -q -- "$pattern" <<<"$said" && echo yes || echo "$said")"
}

nonsense() {
	refused "a gateway that rejects" gateway --gateway h0 --action reject
	refused "in scope and exempt at once" "both in scope and exempt" --exempt-cgroup "$LAB/clients"
	refused "no families" families --families none
	refused "no such way to detect" detect --detect guessing
	refused "an interface with a slash" ignore-interface --ignore-interface a/b
	refused "no namespaces at all" max-netns --max-netns 0
}

host4() {
	lab_init keys
	lab_host ipv4
	nonsense
	ipv4_with
	ipv6_by_docker
	servers
	only_self
}

# IPv6 alone, and the router advertises: the network may do NAT64.
host6() {
	lab_init keys
	lab_host ipv6
	case_of "IPv6 alone" A answered none "cgroup = /clients"
	case_of "families aaaa" A passes family "families = aaaa" --families aaaa
	case_of "nat64 yes" A passes nat64 "nat64 = yes" --nat64 yes
	on_host -6 route add 2001:db8:ffff::/48 dev h0 proto ra
	case_of "a route of a router advertisement" A passes nat64 "nat64 = auto"
	case_of "nat64 no" A answered none "nat64 = no" --nat64 no
}

need_root
[ $# -gt 0 ] || set -- host4 host6
for group; do
	"$group"
	lab_remove
done
finish
