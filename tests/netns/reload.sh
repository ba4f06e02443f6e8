#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Another configuration while the filter is at work, by `reload` and by SIGHUP: as a whole, or not at all; no query is
# lost, wrongly answered, or passes for it; nothing grows; a broken one changes nothing, and is told of. RELOADS: how often
# in a row (100).
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/wire-lab.sh
. tests/flow.sh
. tests/reload-lab.sh

RATE=300
RELOADS=${RELOADS:-100}
FLOW_SECONDS=$((60 + RELOADS))
NAMESPACES=8

descriptors() { find "/proc/$1/fd" -mindepth 1 | wc -l; }
resident_kib() { awk '$1 == "RssAnon:" { print $2 }' "/proc/$1/status"; }

# shellcheck disable=SC2317 # by way of many_inside
# A configuration that answers as all of them do, though nearly every key is another one.
variant() {
	case $(($1 % 4)) in
	0) configure "settle = 0" ;;
	1) configure "settle = 0" "exempt-name = a.example" "ask = b.example both" "order = last" "max-netns = 100" ;;
	2) configure "settle = 0" "netns = self" "port = 53" "port = 54" "gateway = none*" "fail-open-after = 5" ;;
	3) configure "settle = 0" "results = covered" "cgroup = $LAB/clients" "exempt-cgroup = $LAB/control" ;;
	esac
}

# shellcheck disable=SC2317 # by way of many_inside
# many FROM TO: reloads, one after the other; prints how many of them failed
many() {
	local i failed=0
	for ((i = $1; i < $2; i++)); do
		variant "$i"
		"$STUBSIEVE" reload --run-dir "$LAB_DIR/run" || failed=$((failed + 1))
	done
	echo "$failed"
}

# In the mounts of the host, without a shell of its own for each.
many_inside() {
	export -f many variant configure
	export CONF LAB LAB_DIR STUBSIEVE
	LAB_TIMEOUT=$((120 + 2 * RELOADS)) lab_control bash -c "many $1 $2" 2>&1
}

under_load() {
	local pid before after fds kib
	pid=$(controller)
	lab_mark
	flow_start "$RATE"
	check_equal "$((RELOADS / 10)) reloads under load: none fails" 0 "$(many_inside 0 $((RELOADS / 10)))"
	before=$(lab_status .counters.queries) fds=$(descriptors "$pid") kib=$(resident_kib "$pid")
	check_equal "$RELOADS reloads under load: none fails" 0 "$(many_inside $((RELOADS / 10)) "$RELOADS")"
	after=$(lab_status .counters.queries)
	flow_stop
	flow_all_answered "$RELOADS reloads" "$RATE"
	check_number "$RELOADS reloads: counters go on" "$after" -gt "$before"
	check_number "$RELOADS reloads: the same controller" "$(controller)" -eq "$pid"
	check_number "$RELOADS reloads: status counts them" "$(lab_status .configuration.reloads)" -eq "$RELOADS"
	reloaded "then the first one" "settle = 0"
	check_number "$RELOADS reloads: file descriptors" "$(descriptors "$pid")" -le $((fds + 2))
	if [ -z "${WATCHED:-}" ]; then
		check_number "$RELOADS reloads: KiB of memory (from $kib)" "$(resident_kib "$pid")" -le $((kib + 512))
	else
		skip "$RELOADS reloads: KiB of memory" "ASan keeps what is freed"
	fi
	check_equal "$RELOADS reloads: links and maps are pinned once" "carried cgroups counter_names counters events heartbeat names netns servers tcx tcx" \
		"$(lab_control ls "$LAB_DIR/bpf/stubsieve" | sed 's/-.*//' | sort | xargs)"
}

broken_files() {
	local before
	before=$(lab_status .configuration.reloads)
	configure "settle = 0" "settel = 1"
	refused "an unknown key" 2 "$CONF:2: there is no key \"settel\""
	configure "settle = 0" "action = answr"
	refused "a bad value" 2 "$CONF:2: action takes answer, observe, drop or reject, not \"answr\""
	configure "[stubsieve]" "settle = 0"
	refused "a section" 2 "$CONF:1: there are no sections"
	configure "settle = 0" "gateway = h0" "action = reject"
	refused "keys that do not go together" 2 "$CONF: gateway \"h0\" cannot go with action reject"
	configure "settle = 0" "exempt-cgroup = $LAB/clients"
	refused "a cgroup twice" 2 "is both in scope and exempt"
	rm "$CONF"
	refused "no file" 2 "$CONF: No such file or directory"
	mkdir "$CONF"
	refused "a directory" 2 "$CONF: it is a directory"
	rmdir "$CONF"
	check "broken files: AAAA is answered as before" lab_filtered
	head -c 100000 /dev/urandom >"$CONF"
	refused "random octets" 2 "$CONF:1: "
	check_number "broken files: none counts as loaded" "$(lab_status .configuration.reloads)" -eq "$before"
	reloaded "then a good one" "settle = 0"
	check_equal "then a good one: status says no error" null "$(lab_status .configuration.error)"
	configure "settle = x"
	kill -HUP "$(controller)"
	check "SIGHUP with a broken file: it is logged" lab_until 5 logged "$CONF:1: settle takes seconds, not \"x\""
	check "SIGHUP with a broken file: AAAA is answered" lab_filtered
}

storm() {
	local pid i
	pid=$(controller)
	configure "settle = 0" "exempt-name = storm.example"
	lab_mark
	flow_start "$RATE"
	for ((i = 0; i < 300; i++)); do kill -HUP "$pid"; done
	for ((i = 0; i < 5; i++)); do lab_control "$STUBSIEVE" reload --run-dir "$LAB_DIR/run" & done
	wait
	flow_stop
	flow_all_answered "300 times SIGHUP, and 5 commands at a time" 20
	check_number "300 times SIGHUP: the same controller" "$(controller)" -eq "$pid"
	check_number "300 times SIGHUP: not one reload each" "$(lab_status .configuration.reloads)" -lt $((RELOADS + 200))
}

followed() { [ "$(lab_status '.netns | length')" = "$1" ]; }

# Containers that are there stay filtered; some come and go meanwhile.
namespaces() {
	local i pids=()
	reloaded "namespaces" "settle = 0"
	for ((i = 0; i < NAMESPACES; i++)); do
		(lab_stay clients "$LAB_HOST_PID" unshare --net sh -c \
			"ip link set lo up; while sleep 0.5; do '$BUILD/tests/tools/ask' --wait 1 127.0.0.1 both.example; done") >/dev/null 2>&1 </dev/null &
		pids+=($!)
		disown
	done
	check "namespaces: all are followed" lab_until 10 followed $((NAMESPACES + 1))
	for i in 0 1; do
		(lab_stay clients "$LAB_HOST_PID" sh -c 'i=0; while [ $i -lt 30 ]; do unshare --net ip link set lo up; i=$((i + 1)); done') >/dev/null 2>&1 </dev/null &
		pids+=($!)
		disown
	done
	for i in 1 2 3; do
		reloaded "namespaces, number $i" "settle = 0" "exempt-name = a$i.example"
		check_number "namespaces, number $i: as many are followed at once" "$(lab_status '.netns | length')" -ge $((NAMESPACES + 1))
		check_number "namespaces, number $i: all are attached to" \
			"$(lab_status '[.netns[] | select([.interfaces[] | select(.hook != "none")] | length > 0)] | length')" -ge $((NAMESPACES + 1))
	done
	for i in "${pids[@]}"; do lab_end "$i"; done
	check "namespaces: when they are gone they are let go" lab_until 10 followed 1
	reloaded "namespaces, afterwards" "settle = 0"
	check_equal "namespaces, afterwards: no pin is left of them" 2 "$(lab_control ls "$LAB_DIR/bpf/stubsieve" | grep -c ^tcx-)"
}

# Where commands and the next controller find this one is in the file here.
directories() {
	configure "settle = 0" "cgroup = $LAB/clients" "run-dir = $LAB_DIR/run" "pin-dir = $LAB_DIR/bpf/stubsieve"
	(lab_stay control "$LAB_HOST_PID" "$STUBSIEVE" run --config "$CONF") >>"$LAB_DIR/filter.log" 2>&1 </dev/null &
	LAB_FILTER_PID=$!
	disown
	check "directories of the file: the filter starts" lab_until 10 lab_filter_runs
	configure "cgroup = $LAB/clients" "run-dir = $LAB_DIR/other" "pin-dir = $LAB_DIR/bpf/stubsieve"
	refused "another run-dir" 2 "run-dir cannot change while the controller runs ($LAB_DIR/run, not $LAB_DIR/other)"
	configure "cgroup = $LAB/clients" "run-dir = $LAB_DIR/run" "pin-dir = $LAB_DIR/bpf/other"
	refused "another pin-dir" 2 "pin-dir cannot change while the controller runs"
	check "another pin-dir: AAAA is answered as before" lab_filtered
}

# As a service manager hears it (sd_notify(3)), of a reload that fails, too.
notifications() {
	local heard
	python3 - "$LAB_DIR/notify" "$LAB_DIR/notified" <<'END' &
import socket, sys
heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
heard.bind(sys.argv[1])
heard.settimeout(30)
with open(sys.argv[2], "w", buffering=1) as log:
    for _ in range(5):
        log.write(heard.recv(4096).decode().replace("\n", " ") + "\n")
END
	heard=$!
	lab_until 20 test -S "$LAB_DIR/notify"
	configure "settle = 0"
	NOTIFY_SOCKET=$LAB_DIR/notify start_filter "with a service manager" --config "$CONF"
	reload
	configure "settle = x"
	reload 2>/dev/null
	wait "$heard"
	check_equal "the service manager hears of it all" \
		"READY=1 RELOADING=1 MONOTONIC_USEC=N READY=1 RELOADING=1 MONOTONIC_USEC=N READY=1" \
		"$(sed 's/\(USEC=\)[0-9]*$/\1N/' "$LAB_DIR/notified" | xargs)"
}

need_root
lab_init reload
lab_host ipv4
CONF=$LAB_DIR/stubsieve.conf
configure "settle = 0"
if start_filter "with a file" --config "$CONF"; then
	under_load
	broken_files
	storm
	namespaces
	check_sums "all"
	lab_filter_stop
fi
directories
lab_filter_stop
notifications
lab_filter_stop
finish
