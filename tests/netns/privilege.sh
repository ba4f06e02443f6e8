#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The least privilege with which the controller runs, what is missing with less, what it gives up after the start, and
# that it still does all its work then.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/container-lab.sh

OWN=(bpf net_admin perfmon)
OTHERS=("${OWN[@]}" sys_admin sys_ptrace)
DNS_PARSER=bpf/dns.h

# with CAPABILITY... -- COMMAND...: root with exactly these, and no way to others
with() {
	local set=-all
	while [ "$1" != -- ]; do
		set+=,+$1
		shift
	done
	shift
	"${ENTER[@]}" setpriv --bounding-set="$set" --inh-caps=-all --no-new-privs "$@"
}

# Where `with` does it: on the lab's host, out of scope.
ENTER=(lab_control)
run() { echo "$STUBSIEVE" run --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve" --cgroup "$LAB/clients" --settle 0 "$@"; }

# refused PHRASE PATTERN CAPABILITY... -- OPTION...: of run: exit 5, and one line with PATTERN
refused() {
	local phrase=$1 pattern=$2 status=0 capabilities=()
	shift 2
	while [ "$1" != -- ]; do
		capabilities+=("$1")
		shift
	done
	# shellcheck disable=SC2046 # words without spaces
	with "${capabilities[@]}" -- $(run "${@:2}") >"$LAB_DIR/refused" 2>&1 || status=$?
	check_equal "$phrase: exit 5 and one line" "5 1" "$status $(wc -l <"$LAB_DIR/refused")"
	check "$phrase: \"$(cat "$LAB_DIR/refused")\"" grep -qE -e "$pattern" "$LAB_DIR/refused"
}

start() {
	local phrase=$1 capabilities=()
	shift
	while [ "$1" != -- ]; do
		capabilities+=("$1")
		shift
	done
	# shellcheck disable=SC2046
	(ENTER=(lab_stay control "$LAB_HOST_PID") && with "${capabilities[@]}" -- $(run "${@:2}")) \
		>"$LAB_DIR/limited.log" 2>&1 </dev/null &
	LAB_FILTER_PID=$!
	disown
	check "$phrase: it runs" lab_until 20 lab_filter_runs
}

stop() {
	check "$1: stop" lab_control "$STUBSIEVE" stop --run-dir "$LAB_DIR/run"
	check "$1: it ends" lab_until 5 lab_gone "$LAB_FILTER_PID"
	LAB_FILTER_PID=''
	check_equal "$1: nothing is left" "" "$(lab_control find "$LAB_DIR/bpf" -mindepth 1 ! -name '*.debug')"
}

said() { grep -v ': ready' "$LAB_DIR/limited.log"; }

# sets PID: the capabilities that a process has in its five sets, and no_new_privs, and seccomp
sets() { awk '/^Cap|^NoNewPrivs|^Seccomp:/ { printf "%s ", $2 }' "/proc/$1/status"; }

# mask NUMBER...: as /proc/PID/status has it
mask() {
	local number sum=0
	for number; do sum=$((sum | 1 << number)); done
	printf '%016x' "$sum"
}

# Of CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF, and of CAP_SYS_PTRACE and CAP_SYS_ADMIN.
check_sets() {
	local phrase=$1 want
	want=$(mask "${@:2}")
	check_equal "$phrase: these in all sets, no new privileges, seccomp" "0000000000000000 $want $want $want 0000000000000000 1 2 " \
		"$(sets "$(lab_status .pid)")"
}

# What the controller does after its start, where it may do no more.
works() {
	local phrase=$1
	check "$phrase: answers" lab_until 5 lab_filtered
	ip -n "$LAB-host" route add 2001:db8:99::/48 dev h0
	check "$phrase: a route comes: AAAA pass" lab_until 5 passes
	check_equal "$phrase: connectivity agrees" true "$(lab_status '.netns[0].ipv6.route')"
	ip -n "$LAB-host" route del 2001:db8:99::/48 dev h0
	check "$phrase: ... and goes: they are answered" lab_until 5 lab_filtered
	ip -n "$LAB-host" link add d0 type veth peer name d1
	check "$phrase: an interface comes: it is attached to" lab_until 5 has_interface d0
	ip -n "$LAB-host" link del d0
	check_equal "$phrase: commands by root" "0 0 0 0" "$(statuses "")"
}

passes() { ! lab_filtered; }
has_interface() { lab_status '.netns[0].interfaces[] | select(.hook != "none") | .name' | grep -qx "$1"; }

# statuses COMMAND: the exit statuses of commands that look, and of exec, each run by COMMAND
statuses() {
	local said=() status
	# shellcheck disable=SC2086 # a command in words, or none
	{
		lab_control $1 "$STUBSIEVE" status --run-dir "$LAB_DIR/run"; said+=($?)
		lab_control $1 "$STUBSIEVE" connectivity; said+=($?)
		lab_control $1 "$STUBSIEVE" explain both.example --run-dir "$LAB_DIR/run"; said+=($?)
		lab_control $1 "$STUBSIEVE" exec --run-dir "$LAB_DIR/run" -- true; said+=($?)
	} >/dev/null 2>"$LAB_DIR/commands.log"
	echo "${said[*]}"
}

own_namespace() {
	local phrase="own namespace" omitted rest capability
	start "$phrase" "${OWN[@]}" -- --netns self
	check_equal "$phrase: it complains of nothing" "" "$(said)"
	check_sets "$phrase" 12 38 39
	check_equal "$phrase: status tells" '{"capabilities":["CAP_NET_ADMIN","CAP_PERFMON","CAP_BPF"],"no_new_privileges":true,"seccomp":true}' \
		"$(lab_filter status --json | jq -cS .sandbox)"
	works "$phrase"
	# The first exec made the cgroup, which takes CAP_DAC_OVERRIDE; to move there does not.
	check_equal "$phrase: commands with the same three" "0 0 0 0" \
		"$(statuses "setpriv --bounding-set=-all,+bpf,+net_admin,+perfmon --inh-caps=-all")"
	check_equal "$phrase: it keeps to it" 1 "$(lab_status '.netns | length')"
	stop "$phrase"
	for omitted in "${OWN[@]}"; do
		rest=()
		for capability in "${OWN[@]}"; do [ "$capability" = "$omitted" ] || rest+=("$capability"); done
		refused "own namespace without $omitted" "without CAP_${omitted^^} .*root" "${rest[@]}" -- --netns self
	done
	refused "own namespace without any" "CAP_NET_ADMIN, CAP_PERFMON and CAP_BPF" -- --netns self
	check_equal "what was refused leaves nothing" "" "$(lab_control find "$LAB_DIR/bpf" -mindepth 1 ! -name '*.debug')"
}

# exec is the one command that takes more, once.
exec_with_three() {
	local status=0
	start "exec" "${OWN[@]}" -- --netns self
	lab_control setpriv --bounding-set=-all,+bpf,+net_admin,+perfmon --inh-caps=-all "$STUBSIEVE" exec --run-dir "$LAB_DIR/run" \
		-- true 2>"$LAB_DIR/exec.log" || status=$?
	check_equal "exec with three capabilities cannot make its cgroup, and says so: $(cat "$LAB_DIR/exec.log")" "5 1" \
		"$status $(grep -c 'cannot make the cgroup .*root' "$LAB_DIR/exec.log")"
	check_equal "exec by root makes it" 0 "$(lab_filter exec -- true >/dev/null 2>&1; echo $?)"
	check_equal "then three capabilities do" 0 "$(with "${OWN[@]}" -- "$STUBSIEVE" exec --run-dir "$LAB_DIR/run" -- true; echo $?)"
	stop "exec"
}

# Who was given the three, and nothing for others, means the row of three.
neither_of_the_pair() {
	start "three capabilities, netns = scope" "${OWN[@]}" --
	check_equal "three capabilities, netns = scope: one line says what is not done" 1 \
		"$(said | grep -c 'without CAP_SYS_ADMIN and CAP_SYS_PTRACE .* own network namespace')"
	check_equal "three capabilities, netns = scope: and nothing else" 1 "$(said | wc -l)"
	check "three capabilities, netns = scope: answers" lab_until 5 lab_filtered
	stop "three capabilities, netns = scope"
}

other_namespaces() {
	local phrase="other namespaces"
	start "$phrase" "${OTHERS[@]}" --
	check_equal "$phrase: it complains of nothing" "" "$(said)"
	check_sets "$phrase" 12 19 21 38 39
	check "$phrase: one that was there is answered" lab_until 5 answered plain
	check "$phrase: that of a user who is not root, too" lab_until 5 answered user
	check "$phrase: that of a user namespace, too" lab_until 5 answered rootless
	container_start late clients/late && container_bridged late 34
	check "$phrase: one that comes later is answered" lab_until 5 answered late
	check_equal "$phrase: it is followed" 1 "$(container_status late 1)"
	container_end late
	check "$phrase: one that goes is let go" lab_until 5 netns_count 4
	works "$phrase"
	stop "$phrase"
	refused "other namespaces without sys_admin" "without CAP_SYS_ADMIN .*--netns self" "${OWN[@]}" sys_ptrace --
	refused "other namespaces without sys_ptrace" "without CAP_SYS_PTRACE .*--netns self" "${OWN[@]}" sys_admin --
	refused "other namespaces without net_admin" "without CAP_NET_ADMIN" bpf perfmon sys_admin sys_ptrace --
}

# leave_to_user NAME: the container's process is one of another user
leave_to_user() {
	local before=${CONTAINER_PID[$1]}
	(
		echo "$BASHPID" >"$LAB_CGROUP/${CONTAINER_CGROUP[$1]}/cgroup.procs"
		exec nsenter --target "$before" --mount --net setpriv --reuid=1000 --regid=1000 --clear-groups sleep "$LAB_LIFETIME"
	) </dev/null >/dev/null 2>&1 &
	disown
	lab_until 5 process_of_user "${CONTAINER_CGROUP[$1]}" || lab_die "no process of another user"
	CONTAINER_PID[$1]=$(process_of_user "${CONTAINER_CGROUP[$1]}")
	lab_end "$before"
}

process_of_user() {
	local pid
	while read -r pid; do
		[ "$(stat -c %u "/proc/$pid")" != 1000 ] || [ "$(cat "/proc/$pid/comm")" != sleep ] || echo "$pid"
	done <"$LAB_CGROUP/$1/cgroup.procs" | grep .
}

answered() { container_fates "$1" | grep -q filter; }
netns_count() { [ "$(lab_status '.netns | length')" = "$1" ]; }

# CAP_BPF and CAP_PERFMON were split from CAP_SYS_ADMIN, which is still as good.
stand_in() {
	start "sys_admin instead of bpf and perfmon" net_admin sys_admin -- --netns self
	check "sys_admin instead of bpf and perfmon: answers" lab_until 5 lab_filtered
	check_sets "sys_admin instead of bpf and perfmon" 12 21
	stop "sys_admin instead of bpf and perfmon"
}

# By root with everything: what is left after the start is the same.
all_capabilities() {
	local option
	for option in self scope; do
		start_filter "root, netns = $option" --settle 0 --netns "$option" || return
		if [ "$option" = self ]; then
			check_sets "root, netns = self" 12 38 39
		else
			check_sets "root, netns = scope" 12 19 21 38 39
		fi
		works "root, netns = $option"
		check_equal "root, netns = $option: nothing was worth a word" "" "$(grep -v ': ready' "$LAB_DIR/filter.log")"
		stop "root, netns = $option"
	done
}

# Another configuration is loaded with what was kept, and one that takes more is refused. The file is root's alone.
reloads() {
	local conf=$LAB_DIR/stubsieve.conf status=0
	printf 'netns = self\n' >"$conf" && chmod 600 "$conf"
	start_filter "reload" --settle 0 --config "$conf" || return
	printf 'netns = self\nresults = covered\nede = no\n' >"$conf"
	check_equal "reload: another configuration is loaded" 0 "$(lab_filter reload >"$LAB_DIR/reload.log" 2>&1; echo $?)"
	check "reload: it answers" lab_until 5 lab_filtered
	printf 'netns = scope\n' >"$conf"
	lab_filter reload >"$LAB_DIR/reload.log" 2>&1 || status=$?
	check "reload: one that takes what was given up is refused (exit $status): $(cat "$LAB_DIR/reload.log")" \
		test "$status" -ne 0 -a "$(grep -c 'capabilities that were given up' "$LAB_DIR/reload.log")" -eq 1
	check_equal "reload: the one before stays" self "$(lab_status .config.netns)"
	check_sets "reload" 12 38 39
	stop "reload"
}

not_root() {
	local status=0
	cp "$STUBSIEVE" "$LAB_DIR/stubsieve" && chmod 755 "$LAB_DIR/stubsieve"
	mkdir -p "$LAB_DIR/user" && chown 65534 "$LAB_DIR/user"
	lab_control setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+bpf,+net_admin,+perfmon \
		--ambient-caps=+bpf,+net_admin,+perfmon "$LAB_DIR/stubsieve" run --netns self --cgroup "$LAB/clients" \
		--run-dir "$LAB_DIR/user/run" --pin-dir "$LAB_DIR/bpf/stubsieve" >"$LAB_DIR/refused" 2>&1 || status=$?
	check_equal "a user with ambient capabilities is told why not: $(cat "$LAB_DIR/refused")" "5 1" \
		"$status $(grep -c 'must be root (uid 0)' "$LAB_DIR/refused")"
}

# A call that is not on the list fails, and the controller goes on; where a test wants to see it, it is killed.
seccomp_off() {
	STUBSIEVE_SECCOMP=off start_filter "without seccomp" --settle 0 || return
	check_equal "without seccomp: status tells" false "$(lab_status .sandbox.seccomp)"
	stop "without seccomp"
}

# What takes DNS messages apart is linked into `explain` alone: no object of the controller knows the parser.
no_dns_parser() {
	local user users=()
	while read -r user; do users+=("${user#"$BUILD"/}"); done < <(grep -l "$DNS_PARSER" "$BUILD"/user/*/*.d | sort)
	check_equal "who includes the parser" "user/cli/explain.d user/io/query.d" "${users[*]}"
	check_equal "who makes queries" "$BUILD/user/cli/explain.o:" "$(nm -A -u "$BUILD"/user/*/*.o | awk '$NF == "query_make" { print $1 }')"
}

need_root
no_dns_parser
lab_init privilege
containers_host ipv4
container_start plain clients/plain && container_bridged plain 31
container_start user clients/user && container_bridged user 32 && leave_to_user user
container_start rootless clients/rootless --user --map-root-user && container_bridged rootless 33
own_namespace
exec_with_three
neither_of_the_pair
other_namespaces
stand_in
all_capabilities
reloads
not_root
seccomp_off
finish
