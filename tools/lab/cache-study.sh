#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# cache-study.sh [--update]: how long a wrong "no such address" lives in caches after a VPN has brought IPv6.
# Prints the tables of CACHES.md, beside it, or puts them there. In the private lab; takes 6 minutes. Needs
# `make deps tests`. Programs that are not here are left out of the tables. NODES names further Node programs, NSCD the
# glibc daemon where it is not installed.
set -u
cd "$(dirname "$0")/../.." || exit 1
LAB_LIFETIME=900
. tools/lab/lab.sh
. tests/forwarders.sh
. tests/cache-lab.sh

TTL=30 # of the negatives that have one
FORMS=(none "t${TTL}m$TTL" "t${TTL}m0" "t0m$TTL" t0m0 txt)
KINDS=(unbound dnsmasq bind resolved)
PLACED=(resolved dnsmasq unbound unbound-validating bind bind-validating)
CLIENTS=tools/lab/cache-clients
# shellcheck disable=SC2034 # by name
declare -A STORES_USUAL=([unbound]="" [dnsmasq]="" [bind]="" [resolved]="")
# shellcheck disable=SC2034
declare -A STORES_NONE=([unbound]="cache-max-negative-ttl: 0" [dnsmasq]="no-negcache" [bind]="max-ncache-ttl 0;"
	[resolved]="Cache=no-negative")
# shellcheck disable=SC2034
declare -A STORES_LONG=([unbound]="cache-min-ttl: $TTL" [dnsmasq]="neg-ttl=$TTL" [bind]="min-ncache-ttl $TTL;")
declare -A ADDRESS=([unbound]=127.0.1.1 [dnsmasq]=127.0.1.2 [bind]=127.0.1.3 [resolved]=127.0.0.53)
declare -A SAYS=([resolved]="SIGUSR2 (\`resolvectl flush-caches\`)" [dnsmasq]=SIGHUP
	[unbound]="\`unbound-control flush_zone .\`" [bind]="\`rndc flush\`")

row() {
	printf '| %s' "$1"
	shift
	printf ' | %s' "$@"
	printf ' |\n'
}

head_row() {
	row "$@"
	row "$@" | sed 's/[^|]\{1,\}/---/g'
}

# Without the distribution's own part of the version.
version_of() {
	forwarder_version "$1" | sed 's/\([0-9]\)-.*/\1/'
	[[ $1 != *-validating ]] || echo ", validating"
}

start_kind() {
	local FORWARDER_LISTEN=${ADDRESS[$1]} FORWARDER_EXTRA=$2
	[ "$1" != resolved ] || FORWARDER_EXTRA+=$'\nDNSSEC=no'
	forwarder_start "$1" "$LAB_SERVER4"
}

# seconds_of SERVER NAME: as await-address says, in $AWAITED
seconds_of() {
	awk -v server="$1" -v name="$2" '$1 == server && $2 == name { print $3 }' <<<"$AWAITED"
}

# round TITLE ARRAY: every forwarder with these settings; every form of the answer, each in a zone of its own (unbound
# keeps the SOA record apart from the answers that had it)
round() {
	local -n settings=$2
	local kind form cells names running=() asked=()
	for kind in "${KINDS[@]}"; do
		if [ -z "${settings[$kind]+there}" ] || ! forwarder_there "$kind"; then continue; fi
		start_kind "$kind" "${settings[$kind]}" && running+=("$kind")
	done
	for kind in "${running[@]}"; do
		names=()
		for form in "${FORMS[@]}"; do
			names+=("$form-$1.$form")
			asked+=("${ADDRESS[$kind]}" "$form-$1.$form")
		done
		cache_prime "${ADDRESS[$kind]}" "${names[@]}" || echo "$kind does not answer as it should" >&2
	done
	cache_server_turns
	cache_vpn up
	AWAITED=$(cache_await --for $((TTL + 15)) "${asked[@]}")
	for kind in "${running[@]}"; do
		cells=()
		for form in "${FORMS[@]}"; do cells+=("$(seconds_of "${ADDRESS[$kind]}" "$form-$1.$form")"); done
		row "$(version_of "$kind")" "${settings[$kind]:+\`${settings[$kind]}\`}" "${cells[@]}"
		forwarder_stop "$kind"
	done
	cache_vpn down
	cache_server_turns
}

forms_table() {
	head_row "seconds until the address" setting "no SOA" "SOA, TTL $TTL, MINIMUM $TTL" "TTL $TTL, MINIMUM 0" \
		"TTL 0, MINIMUM $TTL" "TTL 0, MINIMUM 0" "no SOA, TXT with TTL 0"
	round default STORES_USUAL
	round none STORES_NONE
	round long STORES_LONG
}

# A negative with a TTL of 300 s; what then makes the forwarder forget it.
forget_row() {
	local kind=$1 name=t300m300-forget.example flushed still restarted
	start_kind "$kind" '' && cache_prime "${ADDRESS[$kind]}" "$name"
	cache_server_turns
	cache_vpn up
	AWAITED=$(cache_await --for 3 "${ADDRESS[$kind]}" "$name")
	still=$(seconds_of "${ADDRESS[$kind]}" "$name")
	forwarder_flush "$kind"
	AWAITED=$(cache_await --for 3 "${ADDRESS[$kind]}" "$name")
	flushed=$(seconds_of "${ADDRESS[$kind]}" "$name")
	cache_server_turns
	forwarder_flush "$kind"
	cache_prime "${ADDRESS[$kind]}" "$name"
	cache_server_turns
	forwarder_stop "$kind"
	start_kind "$kind" ''
	AWAITED=$(cache_await --for 3 "${ADDRESS[$kind]}" "$name")
	restarted=$(seconds_of "${ADDRESS[$kind]}" "$name")
	row "$(version_of "$kind")" "$still" "${SAYS[$kind]}: $flushed" "$restarted"
	forwarder_stop "$kind"
	cache_vpn down
	cache_server_turns
}

forget_table() {
	local kind
	head_row "seconds until the address" "VPN up alone (waited 3 s)" "flushed by" "restarted"
	for kind in "${KINDS[@]}"; do forwarder_there "$kind" && forget_row "$kind"; done
}

# follow NAME COMMAND...: a program that looks a name up until it has an IPv6 address
follow() {
	local name=$1
	shift
	(LAB_TIMEOUT=120 && lab_client "$@") >"$LAB_DIR/follow-$name" 2>"$LAB_DIR/follow-$name.log" </dev/null &
	FOLLOWED+=("$name")
}

followed_asked() {
	local name
	for name in "${FOLLOWED[@]}"; do grep -q asked "$LAB_DIR/follow-$name" || return; done
}

# follow_both TITLE COMMAND...: for a name with an IPv4 address, and for one that has none
follow_both() {
	local title=$1
	shift
	TITLES+=("$title")
	follow "both-$title" "$@" "none-${#TITLES[@]}.example"
	follow "six-$title" "$@" "none-six${#TITLES[@]}.example"
}

build_clients() {
	local objects=$LAB_DIR/clients
	mkdir -p "$objects"
	cc -o "$objects/glibc" -D_GNU_SOURCE "$CLIENTS/loop.c"
	! command -v musl-gcc >/dev/null || musl-gcc -static -D_GNU_SOURCE -o "$objects/musl" "$CLIENTS/loop.c"
	! command -v go >/dev/null || (CGO_ENABLED=0 GO111MODULE=off GOFLAGS='' GOCACHE="$PWD/$BUILD/go-cache" \
		go build -tags netgo -o "$objects/go" "$CLIENTS/loop.go")
	! command -v javac >/dev/null || javac -d "$objects" "$CLIENTS/Loop.java"
}


# curl says which addresses it tries; nothing listens there.
follow_curl() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	follow_both "$(curl --version | awk 'NR == 1 { print $1, $2 }')" bash -c '
		curl -sv --rate 2/s "http://$1:1/?[1-170]" 2>&1 | while read -r line; do
			case $line in
			*Trying\ [0-9]*.* | *"Could not resolve"*) [ -n "${asked:-}" ] || echo asked; asked=1 ;;
			*Trying*2001:*) echo $((${EPOCHREALTIME/[.,]/} / 1000)); break ;;
			esac
		done' curl
}

# The daemon and who asks it share a /run of their own.
follow_nscd() {
	local program
	program=$(forwarder_first /usr/sbin/nscd "$LAB_ROOT/.deps/nscd/usr/sbin/nscd" "${NSCD:-}")
	[ -n "$program" ] || return 0
	printf 'server-user root\nenable-cache hosts yes\npersistent hosts no\nshared hosts no\n' >"$LAB_DIR/nscd.conf"
	printf 'positive-time-to-live hosts 3600\nnegative-time-to-live hosts 20\n' >>"$LAB_DIR/nscd.conf"
	# shellcheck disable=SC2016
	follow_both "nscd of $(getconf GNU_LIBC_VERSION)" unshare --mount --propagation private sh -euc '
		mount -t tmpfs none /run && mkdir /run/nscd
		"$1" --foreground --config-file="$2" >/run/nscd.log 2>&1 & daemon=$!
		sleep 1
		"$3" "$4"; kill $daemon' nscd "$program" "$LAB_DIR/nscd.conf" "$LAB_DIR/clients/glibc"
}

follow_all() {
	local objects=$LAB_DIR/clients node
	follow_both "$(getconf GNU_LIBC_VERSION)" "$objects/glibc"
	[ ! -x "$objects/musl" ] || follow_both "musl" "$objects/musl"
	[ ! -x "$objects/go" ] || follow_both "$(go version | awk '{ print "Go", $3 }')" "$objects/go"
	! command -v python3 >/dev/null || follow_both "$(python3 --version)" python3 "$CLIENTS/loop.py"
	[ ! -e "$objects/Loop.class" ] ||
		follow_both "Java $(java --version | awk 'NR == 1 { print $2 }')" java -cp "$objects" Loop
	for node in $(command -v node) ${NODES:-}; do
		follow_both "Node $("$node" --version), dns.lookup" "$node" "$CLIENTS/loop.js" lookup
		follow_both "Node $("$node" --version), dns.resolve6 (c-ares $("$node" -p process.versions.ares))" \
			"$node" "$CLIENTS/loop.js" resolve
	done
	follow_curl
	follow_nscd
}

# followed NAME: seconds after the VPN
followed() {
	awk -v start="$VPN_MS" '/^[0-9]+$/ { printf "%.1f", ($1 > start ? $1 - start : 0) / 1000; found = 1 }
		END { if (!found) print "never" }' "$LAB_DIR/follow-$1"
}

programs_table() {
	local title
	TITLES=() FOLLOWED=()
	build_clients
	ip -n "$LAB-server" addr add 198.51.100.10/32 dev lo
	follow_all
	lab_until 20 followed_asked || echo "not all have asked" >&2
	cache_server_turns
	cache_vpn up
	sleep 80
	head_row "seconds until the address" "a name with an IPv4 address (TTL 40)" "a name with IPv6 only"
	for title in "${TITLES[@]}"; do row "$title" "$(followed "both-$title")" "$(followed "six-$title")"; done
	cache_vpn down
}

# The scope of the filter, by where it stands; none: no filter.
filter_at() {
	case $1 in
	none) return 0 ;;
	front) lab_filter_start --settle 0 --cgroup "$LAB/clients" ;;
	host) lab_filter_start --settle 0 --cgroup "$LAB/clients" --cgroup "$LAB/forwarder" ;;
	behind) lab_filter_start --settle 0 --cgroup "$LAB/forwarder" --filter-servers yes ;;
	esac
}

reasons() {
	lab_status '.counters | "answered \(.answered_aaaa)", (.passed | to_entries[] | select(.value > 0) |
		"\(.key) \(.value)")' | paste -sd, | sed 's/,/, /g'
}

# place_row KIND WHERE: five lookups of an AAAA without IPv6, then the VPN
place_row() {
	local kind=$1 asked counted='' seconds
	filter_at "$2" || return
	forwarder_flush "$kind"
	lab_mark
	lab_client "$BUILD/tests/tools/ask" --count 5 "$FORWARDER_ADDRESS" both.example >/dev/null
	asked=$(lab_queries AAAA)
	[ "$2" = none ] || counted=$(reasons)
	cache_vpn up
	seconds=$(cache_await --for $((TTL + 10)) "$FORWARDER_ADDRESS" both.example)
	cache_vpn down
	lab_filter_stop
	[ "$2" != none ] || seconds=–
	row "$(version_of "$kind" | paste -sd '')${FORWARDER_EXTRA:+, \`$FORWARDER_EXTRA\`}" \
		"$2" "$asked" "$counted" "${seconds##* }"
}

place_rows() {
	local kind=$1 FORWARDER_EXTRA=${2:-} where
	forwarder_there "$kind" || return 0
	forwarder_start "$kind" "$LAB_SERVER4" || return
	for where in none front host behind; do place_row "$kind" "$where"; done
	forwarder_stop "$kind"
}

# The lab's BIND stands for the network's server; its zone is signed for those who validate.
place_table() {
	local kind
	lab_init cache-place
	lab_host ipv4
	LAB_MARK_ADDRESS=$LAB_SERVER4
	head_row forwarder "filter" "AAAA upstream" "counted" "seconds until the address"
	for kind in "${PLACED[@]}"; do place_rows "$kind"; done
	place_rows dnsmasq "neg-ttl=$TTL"
	lab_remove
}

study() {
	lab_init cache-study
	cache_server
	ip -n "$LAB-host" addr add "${ADDRESS[bind]}/8" dev lo # BIND listens at addresses of interfaces only
	printf '### The form of the answer\n\n'
	forms_table
	printf '\n### What makes a forwarder forget\n\n'
	forget_table
	printf '\n### Programs that remember\n\n'
	programs_table
	lab_remove
	printf '\n### Where the filter stands\n\n'
	place_table
}

# Puts the tables between the two marks of CACHES.md.
update() {
	local page=tools/lab/CACHES.md
	awk -v tables="$1" '
		/^<!-- end of tables -->/ { inside = 0 }
		!inside { print }
		/^<!-- tables of cache-study.sh -->/ { inside = 1; print ""; while ((getline line < tables) > 0) print line; print "" }
	' "$page" >"$1.page" && cp "$1.page" "$page"
}

mkdir -p "$BUILD"
study | tee "$BUILD/cache-study.md"
[ "${1:-}" != --update ] || update "$BUILD/cache-study.md"
