#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# coverage.sh: `results = covered` beside hundreds of thousands of IPv6 routes without a default: how long until the
# list is published, what memory it takes, whether it is right, how soon another namespace's verdict changes while
# looks are made without end, and what a restart, and the end of a namespace, leave of it. Figures are printed; a time
# is a failure only where it is far off.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/following.sh

ROUTES=200000
ROUNDS=9
PUBLISHED_MS=3000     # from the last route
REACTION_US=50000     # of another namespace's verdict, with what it takes to start ip(8) in it; or twice as with `all`
BUSY_PERCENT=50       # of a CPU while looks are made without end: a quarter for these, and what else there is
RESIDENT_KIB=24576    # while 200,000 prefixes are listed
CONNECTED=0 USELESS=4 # enum sieve_connectivity

storm() { LAB_TIMEOUT=60 lab_control "$TOOLS/route-storm" "$@" >>"$LAB_DIR/storm.log"; }
inum() { stat -Lc %i "/proc/$1/ns/net"; }
map() { lab_control "$TOOLS/coverage-map" "$LAB_DIR/bpf/stubsieve" "$INUM" "$@"; }
memory() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$CONTROLLER/status"; }
us() { sed -n 's/^us=//p' <<<"$1"; }
coverage() { lab_status ".netns[] | select(.own) | .coverage.ipv6 | \"\\(.mode) \\(.reason) \\(.prefixes)\""; }
coverage_is() { [ "$(coverage)" = "$1" ]; }
count_is() { [ "$(map count)" = "$1" ]; }

# number_address N [HOST]: an address under route number N of route-storm, in ADDRESS
number_address() { printf -v ADDRESS '2001:db8:%x:%x:%s' $(($1 >> 16)) $(($1 & 65535)) "${2:-:77}"; }

# Route number 2 N is there for each N below ROUTES, and no odd one: samples of both, the ends among them.
samples() {
	local n even=() odd=()
	for n in 0 $((ROUTES - 1)) {1..100}; do
		[ "$n" -gt 0 ] && [ "$n" -lt $((ROUTES - 1)) ] && n=$(((RANDOM * 32768 + RANDOM) % ROUTES))
		number_address $((2 * n)) && even+=("$ADDRESS")
		number_address $((2 * n)) ffff:ffff:ffff:ffff && even+=("$ADDRESS")
		number_address $((2 * n + 1)) && odd+=("$ADDRESS")
		number_address $((2 * n + 1)) :0 && odd+=("$ADDRESS")
	done
	number_address $((2 * ROUTES + 1))
	check_equal "$1: addresses that have a route are covered" yes "$(map covered "${even[@]}" | sort -u)"
	check_equal "$1: their neighbours: $2" "$2" "$(map covered "${odd[@]}" | sort -u)"
	check_equal "$1: nor is what lies behind the last" no \
		"$(map covered "$ADDRESS" 2001:db7:ffff:ffff::1 2001:db9:: :: 2a00::1 | sort -u)"
}

# in_other STATE add|del: of a route, and how soon the verdict for AAAA in the other namespace is that
in_other() {
	lab_control "$TOOLS/coverage-map" "$LAB_DIR/bpf/stubsieve" "$OTHER" react 6 "$1" 3000 -- \
		nsenter --net="/proc/$LAB_SERVER_PID/ns/net" ip -6 route "$2" 2001:db8:9::/48 dev s0
}

# The verdict for AAAA in the other namespace: how soon a first route acts, us, with the start of the command that adds
# it. It is USELESS before and after.
reaction() {
	local said
	said=$(in_other "$CONNECTED" add) && in_other "$USELESS" del >/dev/null && us "$said"
}

reactions() { local i; for ((i = 0; i < ROUNDS; i++)); do reaction; done; }

# flapping: while a route comes or goes every 20 ms, so that no look at the others holds. Sets SEEN, the reactions, and
# PERCENT, what the controller takes of a CPU.
flapping() {
	local storm cpu began input
	rm -f "$LAB_DIR/storm.in"
	mkfifo "$LAB_DIR/storm.in"
	(lab_stay control "$LAB_HOST_PID" "$TOOLS/route-storm" --batch 1 --pause 20000 --until-ends flap 6 3000000 50 d0) \
		<"$LAB_DIR/storm.in" >/dev/null 2>&1 &
	storm=$!
	exec {input}>"$LAB_DIR/storm.in"
	sleep 0.5
	began=$(lab_ms) cpu=$(cpu_ms)
	SEEN=$(reactions)
	PERCENT=$((($(cpu_ms) - cpu) * 100 / ($(lab_ms) - began)))
	exec {input}>&-
	wait "$storm"
}

while_looking() {
	local allowed=$((2 * CALM > REACTION_US ? 2 * CALM : REACTION_US))
	flapping
	note "another namespace's verdict while looks are made without end: $(median <<<"$SEEN") us" \
		"(median of ${SEEN//$'\n'/ }); with \`results = all\`: $CALM us"
	check_number "looks without end: reactions that were seen" "$(wc -l <<<"$SEEN")" -eq "$ROUNDS"
	check_time "looks without end: us until another namespace's verdict, median" "$(median <<<"$SEEN")" "$allowed"
	check_number "looks without end: percent of a CPU" "$PERCENT" -le "$BUSY_PERCENT"
	check_number "looks without end: there were some, percent" "$PERCENT" -ge 10
}

# until_published PHRASE ADDRESS: from the last route until the last address is covered
until_published() {
	map await "$2" 20000 >"$LAB_DIR/await.log" || not_ok "$1: it is published" "not within 20 s: $(coverage)"
	check_time "$1: ms until it is published" $(($(us "$(cat "$LAB_DIR/await.log")") / 1000)) "$PUBLISHED_MS"
}

cpu_ms() { awk '{ printf "%d", $1 / 1000000 }' "/proc/$CONTROLLER/schedstat"; }

pin() { lab_control ls "$LAB_DIR/bpf/stubsieve" | grep '^coverage-'; }
map_memory() {
	lab_control "$BPFTOOL" -j map show pinned "$LAB_DIR/bpf/stubsieve/$(pin)" | jq .bytes_memlock
}

figures() {
	note "$1: controller $(memory VmRSS) KiB resident, at most $(memory VmHWM) KiB; map: $(map count)," \
		"$(($(map_memory) / 1024)) KiB as the kernel says; CPU since the start:" \
		"$(cpu_ms) ms"
}

# start PHRASE all|covered
start() {
	start_filter "$1" --results "$2" --settle 0.15 --cgroup "$LAB/clients" || finish
	CONTROLLER=$(lab_status .pid)
	echo 5 >"/proc/$CONTROLLER/clear_refs"
}

need_root
BPFTOOL=$(PATH=$PATH:/usr/sbin:/sbin command -v bpftool)
lab_init coverage
lab_namespaces
lab_no_dad
lab_link veth
lab_ipv4
ip -n "$LAB-host" link add d0 type veth peer name d1
ip -n "$LAB-host" link set d1 up && ip -n "$LAB-host" link set d0 up
(lab_stay clients "$LAB_SERVER_PID" sleep "$LAB_LIFETIME") &
FOLLOWED=$!
INUM=$(inum "$LAB_HOST_PID") OTHER=$(inum "$LAB_SERVER_PID")

follows_other() { [ "$(lab_status '.netns | length')" = 2 ]; }
start "results = all" all
lab_until 5 follows_other || not_ok "the other namespace is followed"
check_equal "results = all: status and pins have nothing of it" "null " "$(lab_status '.netns[0].coverage') $(pin)"
lab_until 3 test "$(reaction)" || not_ok "the other namespace changes"
flapping
CALM=$(median <<<"$SEEN")
lab_end "$CONTROLLER"

start "no route" covered
lab_until 5 follows_other || not_ok "the other namespace is followed"
lab_until 3 coverage_is "listed covered 0" || not_ok "no route: nothing is covered" "$(coverage)"
figures "no route"

began=$(lab_ms)
storm --stride 2 add 6 0 "$ROUTES" d0
note "$ROUTES routes that do not join were added in $(($(lab_ms) - began)) ms"
number_address $((2 * ROUTES - 2))
until_published "routes that do not join" "$ADDRESS"
lab_until 5 coverage_is "listed covered $ROUTES" || not_ok "all are listed" "$(coverage)"
figures "routes that do not join"
if [ -z "${WATCHED:-}" ]; then
	check_number "resident KiB with $ROUTES prefixes" "$(memory VmRSS)" -le "$RESIDENT_KIB"
else
	skip "resident KiB with $ROUTES prefixes" "ASan keeps what is freed"
fi
samples "routes that do not join" no
check_equal "the map has as many" "ipv4=0 ipv6=$ROUTES others=0" "$(map count)"
while_looking
lab_until 10 count_is "ipv4=0 ipv6=$ROUTES others=0" || not_ok "in the end the map is as before" "$(map count)"

# A restart takes over: nothing is wrong meanwhile, and in the end the map is exactly right.
lab_end "$CONTROLLER"
storm --stride 2 del 6 $((2 * ROUTES - 2)) 1 d0
start "restart" covered
number_address $((2 * ROUTES - 4))
map await "$ADDRESS" 10000 >"$LAB_DIR/await.log" || not_ok "restart: it is published"
note "restart: published $(($(us "$(cat "$LAB_DIR/await.log")") / 1000)) ms after it runs"
lab_until 10 count_is "ipv4=0 ipv6=$((ROUTES - 1)) others=0" ||
	not_ok "restart: the map is exactly right" "$(map count)"
number_address $((2 * ROUTES - 2))
check_equal "restart: what went meanwhile is not covered" no "$(map covered "$ADDRESS")"
figures "restart"

# A default route empties it, its loss fills it again after settle.
ip -n "$LAB-host" -6 route add default dev d0
lab_until 10 coverage_is "all default 0" || not_ok "a default route empties the list" "$(coverage)"
lab_until 10 count_is "ipv4=0 ipv6=0 others=0" || not_ok "a default route empties the map" "$(map count)"
figures "default route"
ip -n "$LAB-host" -6 route del default dev d0

# The other half of each: all join.
began=$(lab_ms)
storm --stride 2 add 6 1 "$ROUTES" d0
storm --stride 2 add 6 $((2 * ROUTES - 2)) 1 d0
note "as many again, with which they join, were added in $(($(lab_ms) - began)) ms"
number_address $((2 * ROUTES - 1))
until_published "routes that join" "$ADDRESS"
prefixes() { coverage | awk '{ print $3 }'; }
few() { [ "$(prefixes)" -lt 30 ] && count_is "ipv4=0 ipv6=$(prefixes) others=0"; }
lab_until 10 few || not_ok "few prefixes are left" "$(coverage)" "$(map count)"
note "$(coverage) of $((2 * ROUTES)) routes"
samples "routes that join" yes
figures "routes that join"

# A namespace that goes takes its prefixes along.
ip -n "$LAB-server" -6 route add 2001:db8:9::/48 dev s0
ip -n "$LAB-server" addr add 198.51.100.1/24 dev s0
ip -n "$LAB-server" route add default dev s0 # without which IPv6 would not be listed
has_others() { [[ $(map count) != *others=0 ]]; }
has_none() { [[ $(map count) == *others=0 ]]; }
lab_until 5 has_others || not_ok "another namespace has a list" "$(map count)"
lab_end "$FOLLOWED"
lab_named_stop
has_one() { [ "$(lab_status '.netns | length')" = 1 ]; }
ip netns del "$LAB-server"
lab_until 5 has_one || note "the namespace is still followed: $(lab_status '.netns | length')"
check "a namespace that goes takes its prefixes along" lab_until 5 has_none
lab_end "$CONTROLLER"
start "all again" all
check_equal "all again: status and pins have nothing of it" "null " "$(lab_status '.netns[0].coverage') $(pin)"
check_equal "nothing else was worth a word" "" "$(grep -v ': ready' "$LAB_DIR/filter.log")"
lab_filter_stop
finish
