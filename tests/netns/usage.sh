#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What cannot work is refused with one line that names it, and with the exit status of its kind: 2 usage
# or configuration, 3 not running, 4 already running, 5 privilege missing, 6 the kernel lacks something.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh

# refused PHRASE STATUS PATTERN COMMAND...: on the host, exits with STATUS and one line that has PATTERN
refused() {
	local phrase=$1 want=$2 pattern=$3 status=0 lines
	shift 3
	lab_control "$@" >"$LAB_DIR/stdout" 2>"$LAB_DIR/stderr" || status=$?
	lines=$(wc -l <"$LAB_DIR/stderr")
	if [ "$status" -eq "$want" ] && [ "$lines" -eq 1 ] && grep -qE -e "$pattern" "$LAB_DIR/stderr"; then
		ok "$phrase: exit $status, \"$(cat "$LAB_DIR/stderr")\""
	else
		not_ok "$phrase" "want: exit $want and one line that matches $pattern" "have: exit $status" \
			"$(cat "$LAB_DIR/stderr")"
	fi
}

# accepted PHRASE COMMAND...: on the host, exits with 0, and complains about nothing
accepted() {
	local phrase=$1 status=0
	shift
	lab_control "$@" >"$LAB_DIR/stdout" 2>"$LAB_DIR/stderr" || status=$?
	check_equal "$phrase" "exit 0 " "exit $status $(cat "$LAB_DIR/stderr")"
}

run() { echo "$STUBSIEVE" run --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve" "$@"; }

command_lines() {
	local command
	refused "unknown command" 2 frobnicate "$STUBSIEVE" frobnicate
	refused "part of a command's name" 2 stat "$STUBSIEVE" stat
	refused "unknown option of run" 2 frobnicate "$STUBSIEVE" run --frobnicate
	refused "option without its value" 2 settle "$STUBSIEVE" run --settle
	refused "seconds that are none" 2 banana "$STUBSIEVE" run --settle banana
	refused "negative seconds" 2 -- "$STUBSIEVE" run --settle -1
	refused "a controller that may never be silent" 2 "at least 0.5" "$STUBSIEVE" run --fail-open-after 0
	refused "unknown action" 2 maybe "$STUBSIEVE" run --action maybe
	refused "unknown value of nat64" 2 maybe "$STUBSIEVE" run --nat64 maybe
	refused "unknown option of status" 2 frobnicate "$STUBSIEVE" status --frobnicate
	refused "a word too many" 2 superfluous "$STUBSIEVE" status superfluous
	refused "explain without a name" 2 "[Nn][Aa][Mm][Ee]" "$STUBSIEVE" explain
	refused "explain with a label too long" 2 "" "$STUBSIEVE" explain "$(printf 'x%.0s' {1..64}).example"
	accepted "help" "$STUBSIEVE" --help
	check "it tells of --version" grep -q -e --version "$LAB_DIR/stdout"
	for command in '' run status exec; do
		# shellcheck disable=SC2086 # a word or none
		accepted "-h${command:+ of $command}" "$STUBSIEVE" $command -h
		check "... is help" grep -q '^usage: stubsieve' "$LAB_DIR/stdout"
	done
	refused "another short option" 2 "unknown option -x" "$STUBSIEVE" status -x
}

places() {
	# shellcheck disable=SC2046 # words without spaces
	refused "a cgroup that can be nowhere" 2 "without" $(run --cgroup "$LAB/no-such-cgroup/../../../x")
	# shellcheck disable=SC2046
	refused "a cgroup outside of cgroup2" 2 /etc $(run --cgroup ../../../../../../etc)
	# shellcheck disable=SC2046
	refused "a part of the cgroup2 hierarchy" 2 "cgroup namespace" \
		unshare --mount --cgroup --propagation private sh -euc 'umount -l "$1"; mount -t cgroup2 none "$1"; shift; exec "$@"' sh \
		"$LAB_CGROUP_ROOT" $(run --cgroup /)
	refused "a pin-dir that is on no bpffs" 2 "$LAB_DIR/no-bpffs" \
		"$STUBSIEVE" run --cgroup "$LAB/clients" --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/no-bpffs/stubsieve"
	# shellcheck disable=SC2016,SC2046 # the inner shell's
	refused "no cgroup2 is mounted" 6 cgroup2 unshare --mount --propagation private sh -euc '
		while mount=$(awk "/ - cgroup2 / { print \$5 }" /proc/self/mountinfo | tail -n 1) && [ -n "$mount" ]; do
			umount -l "$mount"
		done
		exec "$@"' sh $(run --cgroup "$LAB/clients")
}

# As root without capabilities, and as a user who has none and may not look into root's directories.
privileges() {
	local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	local sieve=$LAB_DIR/stubsieve
	cp "$STUBSIEVE" "$sieve" && chmod 755 "$sieve"
	# shellcheck disable=SC2046
	refused "run as root without capabilities" 5 "CAP_|[Pp]ermission|root" \
		setpriv --bounding-set=-all --inh-caps=-all $(run --cgroup "$LAB/clients")
	mkdir -p "$LAB_DIR/nobody"
	chown 65534 "$LAB_DIR/nobody"
	refused "run as nobody" 5 "CAP_|[Pp]ermission|root" "${nobody[@]}" "$sieve" run \
		--cgroup "$LAB/clients" --run-dir "$LAB_DIR/nobody/run" --pin-dir "$LAB_DIR/bpf/stubsieve"
	accepted "connectivity as nobody" "${nobody[@]}" "$sieve" connectivity --json
}

# README: root with three capabilities runs, is taken over by the next, and may stop, on either hook.
three_capabilities() {
	local hook times limited=(setpriv --bounding-set=-all,+bpf,+net_admin,+perfmon --inh-caps=-all)
	for hook in tcx clsact; do
		for times in first second; do
			# shellcheck disable=SC2046 # words without spaces
			(export STUBSIEVE_HOOK=$hook
			lab_stay control "$LAB_HOST_PID" "${limited[@]}" $(run --cgroup "$LAB/clients" --settle 0 --netns self)) \
				>"$LAB_DIR/limited.log" 2>&1 </dev/null &
			LAB_FILTER_PID=$!
			disown
			check "$hook, three capabilities: the $times controller runs" lab_until 5 lab_filter_runs
			check_equal "$hook: it complains of nothing" "" "$(grep -v ready "$LAB_DIR/limited.log")"
			check "$hook: it answers" lab_until 5 lab_filtered
			[ "$times" = second ] || kill -TERM "$(lab_status .pid)"
			[ "$times" = second ] || lab_until 5 lab_gone "$LAB_FILTER_PID"
		done
		accepted "$hook: stop with three capabilities" "${limited[@]}" "$STUBSIEVE" stop --run-dir "$LAB_DIR/run"
		lab_until 5 lab_gone "$LAB_FILTER_PID" && LAB_FILTER_PID=''
		check_equal "$hook: nothing is left" "" "$(leftovers)"
	done
}

check_not_running() {
	local said status=0
	said=$(lab_filter status --json 2>/dev/null) || status=$?
	check_equal "$1: status --json exits with 3 and says so" '3 {"running":false}' "$status $(jq -c . <<<"$said")"
	refused "$1: status" 3 "$LAB_DIR/run|not running|no controller" "$STUBSIEVE" status --run-dir "$LAB_DIR/run"
	accepted "$1: stop has nothing to do" "$STUBSIEVE" stop --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve"
}

# What is attached in the host's namespace, and what is pinned.
leftovers() {
	lab_control bpftool net show 2>/dev/null | grep -i sieve
	lab_control find "$LAB_DIR/bpf" -mindepth 1 ! -name '*.debug' # every bpffs has these
}

second_instance() {
	start_filter "first instance" --settle 0 || return
	# shellcheck disable=SC2046
	refused "second instance" 4 "runs already" $(run --cgroup "$LAB/clients")
	LAB_TIMEOUT=3 refused "second instance with a run-dir of its own" 4 "$LAB_DIR/bpf|runs already" "$STUBSIEVE" run \
		--cgroup "$LAB/clients" --run-dir "$LAB_DIR/run2" --pin-dir "$LAB_DIR/bpf/stubsieve"
	check_equal "the first one goes on" true "$(lab_status .running)"
	check "the first one answers" lab_until 5 lab_filtered
	accepted "stop" "$STUBSIEVE" stop --run-dir "$LAB_DIR/run"
	lab_filter_stop
	check_equal "nothing is left after stop" "" "$(leftovers)"
}

# What a killed controller left is there until `stop`.
dead_controller() {
	start_filter "controller to be killed" --settle 0 || return
	check "it answers" lab_until 5 lab_filtered
	kill -KILL "$(lab_status .pid)"
	lab_until 5 lab_gone "$LAB_FILTER_PID"
	LAB_FILTER_PID=''
	check "killed: its filter still answers" lab_filtered
	check_equal "killed: status --json tells of it" "false true number" \
		"$(lab_status '"\(.running) \(.leftover) \(.heartbeat_age_seconds | type)"')"
	check_equal "killed: status tells of it, and of the cure" 1 \
		"$(lab_filter status 2>&1 | grep -c 'earlier controller is in place (silent for [0-9]* s); `stubsieve stop --run-dir [^`]*` takes')"
	accepted "killed: stop" "$STUBSIEVE" stop --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve"
	check_equal "killed: nothing is left after stop" "" "$(leftovers)"
	check_not_running "killed and stopped"
}

# The controller is in the namespace where its filters are; whoever says stop need not be.
stop_from_elsewhere() {
	local hook
	for hook in clsact tcx; do
		STUBSIEVE_HOOK=$hook start_filter "$hook: controller on the host" --settle 0 || return
		check "$hook: it answers" lab_until 5 lab_filtered
		check "$hook: stop from another network namespace" lab_control nsenter --net="/run/netns/$LAB-server" \
			"$STUBSIEVE" stop --run-dir "$LAB_DIR/run"
		lab_until 5 lab_gone "$LAB_FILTER_PID" && LAB_FILTER_PID=''
		check_equal "$hook: nothing is left" "" "$(leftovers)"
		check_equal "$hook: no qdisc is left" "" "$(lab_control tc qdisc show | grep clsact)"
	done
}

# Interfaces and cgroups have names of octets, JSON has UTF-8.
odd_names() {
	start_filter "controller beside odd names" --settle 0 || return
	lab_control ip link add $'m\xff' type veth peer name n0
	check "an interface whose name is not UTF-8 is shown" lab_until 5 lab_shows_odd_name
	lab_control ip link del n0
	lab_control ip link add $'m\xc2\x9b' type veth peer name n0
	check "an interface named with a control character of two octets is shown" lab_until 5 lab_shows_odd_name '??'
	check_equal "... and none goes to the terminal" 0 "$(lab_filter status | LC_ALL=C grep -c $'\xc2\x9b')"
	lab_control ip link del n0
	mkdir "$LAB_CGROUP/clients/again"
	lab_filter_stop
	start_filter "controller of a cgroup that goes" --settle 0 --cgroup "$LAB/clients/again" || return
	rmdir "$LAB_CGROUP/clients/again"
	mkdir "$LAB_CGROUP/clients/again"
	check "the cgroup that was made again is in scope" lab_until 1 lab_explains_again none
	rmdir "$LAB_CGROUP/clients/again"
	check_equal "status says that it is gone" false "$(lab_status '.cgroups[0].attached')"
	lab_filter_stop
}

lab_explains_again() {
	[ "$1" = "$(lab_filter explain www.example.com --type AAAA --cgroup "$LAB/clients/again" --json | jq -r '.queries[0].reason')" ]
}

# lab_shows_odd_name [WHAT]: instead of what cannot be shown
lab_shows_odd_name() { [ "$(lab_status "[.netns[0].interfaces[] | select(.name == \"m${1:-?}\")] | length")" = 1 ]; }

need_root
lab_init usage
mkdir "$LAB_DIR/no-bpffs"
lab_host ipv4
command_lines
places
privileges
check_not_running "nothing runs"
three_capabilities
second_instance
dead_controller
stop_from_elsewhere
odd_names
finish
