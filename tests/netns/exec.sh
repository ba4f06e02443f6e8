#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# stubsieve exec: a command in the filter, or outside of it, whatever cgroup its caller is in.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/container-lab.sh

FILTERED=("$STUBSIEVE" exec --run-dir)

# fate CGROUP [OPTION...]: of one query for AAAA by a command that exec runs
fate() {
	local cgroup=$1
	shift
	lab_enter "$cgroup" "$LAB_HOST_PID" 10 "${FILTERED[@]}" "$LAB_DIR/run" "$@" -- "$ASK" "$LAB_SERVER4" both.example 2>>"$LAB_DIR/trouble" |
		tr ' ' '\n' | sed -n '/^sent=/d; s/=[1-9].*//p'
}

# refused PHRASE STATUS PATTERN COMMAND...: exits with STATUS and one line that has PATTERN
refused() {
	local phrase=$1 want=$2 pattern=$3 status=0
	shift 3
	lab_control "$@" >"$LAB_DIR/stdout" 2>"$LAB_DIR/stderr" || status=$?
	check_equal "$phrase: exit $want, one line" "$want 1" "$status $(wc -l <"$LAB_DIR/stderr")"
	check "$phrase: \"$(cat "$LAB_DIR/stderr")\"" grep -qE -e "$pattern" "$LAB_DIR/stderr"
}

# exits PHRASE STATUS COMMAND...: run by exec
exits() {
	local phrase=$1 want=$2 status=0
	shift 2
	lab_control "${FILTERED[@]}" "$LAB_DIR/run" -- "$@" >"$LAB_DIR/stdout" 2>"$LAB_DIR/stderr" || status=$?
	check_equal "$phrase" "$want" "$status"
}

cgroup_of() { lab_control "${FILTERED[@]}" "$LAB_DIR/run" "$@" -- sed -n 's/^0:://p' /proc/self/cgroup; }

where_it_runs() {
	check_equal "from out of scope: without exec AAAA pass" "server=1" \
		"$(lab_control "$ASK" "$LAB_SERVER4" both.example | tr ' ' '\n' | grep -v -e =0 -e sent=)"
	check_equal "from out of scope: the first one is answered at once" filter "$(fate control)"
	check_equal "from out of scope: the next ones, too" "filter filter" "$(fate control) $(fate control)"
	check_equal "from the scope: --exempt" server "$(fate clients --exempt)"
	check_equal "from the scope: without it" filter "$(fate clients)"
	check "who does not use exec is filtered as before" lab_filtered
	check_number "exempt ones are counted" "$(lab_status .counters.passed.exempt_cgroup)" -eq 1
	check_equal "one in the other: the inner one counts" "server filter" "$(
		in_another --exempt) $(in_another "" --exempt)"
	check_sums "exec"
}

# in_another INNER [OUTER]: options
in_another() {
	# shellcheck disable=SC2086 # a word or none
	fate control ${2:-} -- "${FILTERED[@]}" "$LAB_DIR/run" ${1:-}
}

# What the command is given, and gives back.
how_it_runs() {
	local said pid
	exits "exit status 0" 0 true
	exits "exit status 7" 7 sh -c 'exit 7'
	exits "ended by a signal" 143 sh -c 'kill -TERM $$'
	exits "not there" 127 no-such-command
	check_equal "not there: it says so" 1 "$(grep -c no-such-command "$LAB_DIR/stderr")"
	exits "no program" 126 "$LAB_DIR"
	exits "no right to run it" 126 "$LAB_DIR/host.resolv.conf"
	# shellcheck disable=SC2016
	said=$(lab_control env "A=two  words" "${FILTERED[@]}" "$LAB_DIR/run" -- sh -c 'cat; printf "%s|" "$A" "$PWD" "$@"' sh \
		--exempt -- "" "a  b" '*' <<<"from stdin")
	check_equal "input, environment, directory and words are as they were" $'from stdin\n'"two  words|$PWD|--exempt|--||a  b|*|" "$said"
	said=$(lab_control "${FILTERED[@]}" "$LAB_DIR/run" sh -c 'echo "$@"' sh --run-dir -x)
	check_equal "what follows the command's name is the command's" "--run-dir -x" "$said"
	# shellcheck disable=SC2016 # the inner shells'
	read -r pid said <<<"$(lab_control sh -c 'printf "%s " $$; exec "$@"' sh "${FILTERED[@]}" "$LAB_DIR/run" -- sh -c 'echo $$')"
	check_equal "it is the same process" "$pid" "$said"
	check_equal "its children are in it, too" 2 "$(lab_control "${FILTERED[@]}" "$LAB_DIR/run" -- \
		sh -c '"$@" & "$@"; wait' sh "$ASK" "$LAB_SERVER4" both.example | grep -c ' filter=1 ')"
}

in_parallel() {
	local i options
	lab_control "$STUBSIEVE" stop --run-dir "$LAB_DIR/run" >/dev/null
	lab_until 5 lab_gone "$LAB_FILTER_PID" && LAB_FILTER_PID=''
	start_filter "20 at once" --settle 0 || return
	for i in {1..20}; do
		options=()
		[ $((i % 2)) -ne 0 ] || options=(--exempt)
		fate control "${options[@]}" >"$LAB_DIR/fate.$i" 2>&1 &
	done
	lab_until 10 twenty_fates
	[ ! -s "$LAB_DIR/trouble" ] || note "$(cat "$LAB_DIR/trouble")"
	check_equal "20 at once: each has its own fate" "10 filter, 10 server" \
		"$(cat "$LAB_DIR"/fate.* | sort | uniq -c | awk '{ printf "%s%d %s", separator, $1, $2; separator = ", " }')"
}

twenty_fates() { [ "$(cat "$LAB_DIR"/fate.* | wc -l)" -eq 20 ]; }

# A container that is not in scope: exec makes it so for one command.
elsewhere() {
	container_start apart control/apart && container_bridged apart 31
	container_start dual control/dual && container_bridged dual 32 && container_ipv6 dual 32
	container_run apart "${FILTERED[@]}" "$LAB_DIR/run" -- "$FIRST_ANSWER" "$LAB_SERVER4" both.example >"$LAB_DIR/apart"
	check "in a container: answered by its routes" read_first_answer "$(cat "$LAB_DIR/apart")"
	note "in a container: $(cat "$LAB_DIR/apart")"
	check_equal "in a container with IPv6: AAAA pass" "server=5" \
		"$(container_run dual "${FILTERED[@]}" "$LAB_DIR/run" -- "$ASK" --count 5 "$LAB_SERVER4" both.example |
			tr ' ' '\n' | grep -v -e =0 -e sent=)"
	check_equal "in a container: without exec they pass" "server=2" "$(container_fates apart --count 2)"
}

# Ends the controller by SIGTERM; a command that exec runs lives on.
next_controller() {
	# shellcheck disable=SC2016 # the inner shell's
	(lab_stay control "$LAB_HOST_PID" "${FILTERED[@]}" "$LAB_DIR/run" -- sh -c \
		'until [ -e "$1/go" ]; do sleep 0.05; done; "$2" "$3" both.example' sh "$LAB_DIR" "$ASK" "$LAB_SERVER4") \
		>"$LAB_DIR/long" 2>&1 </dev/null &
	disown
	sleep 0.3
	kill -TERM "$(lab_status .pid)"
	lab_until 5 lab_gone "$LAB_FILTER_PID" && LAB_FILTER_PID=''
	start_filter "the next controller" --settle 0 || return
	check_equal "the next controller: exec works" "filter server" "$(fate control) $(fate clients --exempt)"
	touch "$LAB_DIR/go"
	check "the next controller: a command that began before is filtered" lab_until 3 grep -q ' filter=1 ' "$LAB_DIR/long"
}

stopping() {
	local scope exempt
	scope=$LAB_CGROUP_ROOT$(cgroup_of) exempt=$LAB_CGROUP_ROOT$(cgroup_of --exempt)
	check_equal "two cgroups" "there there differ" "$([ -d "$scope" ] && echo there) $([ -d "$exempt" ] && echo there) $(
		[ "$scope" != "$exempt" ] && echo differ)"
	note "${scope#"$LAB_CGROUP_ROOT"}, ${exempt#"$LAB_CGROUP_ROOT"}"
	(lab_stay control "$LAB_HOST_PID" "${FILTERED[@]}" "$LAB_DIR/run" -- sleep 30) </dev/null >/dev/null 2>&1 &
	EXECUTED=$!
	disown
	lab_until 2 grep -q . "$scope/cgroup.procs"
	check "stop while a command runs" lab_control "$STUBSIEVE" stop --run-dir "$LAB_DIR/run"
	check "the command goes on" kill -0 "$EXECUTED"
	lab_until 5 lab_gone "$LAB_FILTER_PID" && LAB_FILTER_PID=''
	lab_end "$EXECUTED"
	lab_until 2 lab_gone "$EXECUTED"
	start_filter "after that" --settle 0
	check_equal "after that: exec works" filter "$(fate control)"
	check "stop" lab_control "$STUBSIEVE" stop --run-dir "$LAB_DIR/run"
	lab_until 5 lab_gone "$LAB_FILTER_PID" && LAB_FILTER_PID=''
	check_equal "stop: its cgroups are gone" "" "$(ls -d "$scope" "$exempt" "${scope%/*}" 2>/dev/null)"
	rmdir "$scope" "$exempt" "${scope%/*}" 2>/dev/null
	refused "stopped" 3 "$LAB_DIR/run|not running|no controller" "${FILTERED[@]}" "$LAB_DIR/run" -- true
}

# With an action that works on sockets, the cgroup gets its program when it is made.
other_actions() {
	start_filter "reject" --settle 0 --action reject || return
	check_equal "reject: the first one, the next one, an exempt one" "denied denied server" \
		"$(fate control) $(fate control) $(fate clients --exempt)"
	check_sums "reject"
	lab_control "$STUBSIEVE" stop --run-dir "$LAB_DIR/run"
	lab_until 5 lab_gone "$LAB_FILTER_PID" && LAB_FILTER_PID=''
}

# The cgroups that exec uses are not below the lab's.
remove_ours() {
	local cgroup
	for cgroup in "$EXEC_CGROUPS"/scope "$EXEC_CGROUPS"/exempt; do
		lab_empty_cgroup "$cgroup"
		lab_until 2 rmdir "$cgroup"
	done
	rmdir "$EXEC_CGROUPS"
} 2>/dev/null

need_root
EXEC_CGROUPS=/none
lab_init exec
trap 'LAB_STATUS=$?; remove_ours; (exit $LAB_STATUS); lab_remove; exit $LAB_STATUS' EXIT
containers_host ipv4
refused "nothing runs" 3 "$LAB_DIR/run|not running|no controller" "${FILTERED[@]}" "$LAB_DIR/run" -- true
start_filter exec --settle 0 || finish
refused "no command" 2 "command|COMMAND" "${FILTERED[@]}" "$LAB_DIR/run"
refused "no command after --" 2 "command|COMMAND" "${FILTERED[@]}" "$LAB_DIR/run" --
refused "unknown option" 2 frobnicate "$STUBSIEVE" exec --frobnicate -- true
# As nobody: who may not look into root's directories, nor move to root's cgroups.
cp "$STUBSIEVE" "$LAB_DIR/stubsieve" && chmod 755 "$LAB_DIR/stubsieve"
refused "as nobody" 5 "[Pp]ermission|root" setpriv --reuid=65534 --regid=65534 --clear-groups "$LAB_DIR/stubsieve" exec \
	--run-dir "$LAB_DIR/run" -- true
where_it_runs
EXEC_CGROUPS=$LAB_CGROUP_ROOT$(cgroup_of) && EXEC_CGROUPS=${EXEC_CGROUPS%/*}
how_it_runs
in_parallel
elsewhere
next_controller
check_equal "nothing was worth a word" "" "$(grep -v ': ready' "$LAB_DIR/filter.log")"
stopping
other_actions
finish
