# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Containers on the lab's host, for shell tests that have sourced tests/lib.sh and tools/lab/lab.sh. A container
# is a process with a network namespace and an /etc/resolv.conf of its own; it goes with the lab.
#
#   containers_host ipv4|dual        lab_host, and a bridge br0 with the subnet 10.77.0.0/24, routed to the server
#   container_start NAME CGROUP [OPTION...]   of unshare(1); CGROUP is below the lab's
#   container_bridged NAME N         eth0 there, port vN on the bridge; 10.77.0.N, and a default route
#   container_ipv6 NAME N            2001:db8:99::N/64, so a route that counts
#   container_end NAME               ends its process
#   container_run NAME CMD...        in the container and its cgroup;  container_run_as CGROUP NAME CMD...
#   container_ip NAME ARG...         ip(8) there, by nobody of the container
#   container_status NAME FILTER     a value of its part of `status --json`, picked by jq

ASK=$BUILD/tests/tools/ask
# shellcheck disable=SC2034 # for those who source this
FIRST_ANSWER=$BUILD/tests/tools/first-answer
CONTAINER_GATEWAY=10.77.0.1
declare -A CONTAINER_PID CONTAINER_CGROUP

# A bridge on the host, with an address that stays: by itself it would take that of another port as ports come, and
# whoever has the old one in mind could not reach it for seconds.
container_bridge() {
	ip -n "$LAB-host" link add "$1" address "02:00:00:00:00:0${1#br}" type bridge
}

containers_host() {
	lab_host "$1"
	container_bridge br0
	ip -n "$LAB-host" addr add "$CONTAINER_GATEWAY/24" dev br0
	ip -n "$LAB-host" link set br0 up
	ip -n "$LAB-server" route add 10.77.0.0/24 via "$LAB_HOST4"
	lab_control sysctl -qw net.ipv4.ip_forward=1
}

# The process that holds the container: the one that was started, or with --fork its child.
container_find() {
	local pid=$1
	case $2 in *--fork*) pid=$(tr -d ' ' <"/proc/$1/task/$1/children") ;; esac
	[ "$(cat "/proc/$pid/comm")" = sleep ] && echo "$pid"
}

container_start() {
	local name=$1 cgroup=$2 shell
	shift 2
	mkdir -p "$LAB_CGROUP/$cgroup"
	printf 'nameserver %s\n' "$(lab_first_address)" >"$LAB_DIR/$name.resolv.conf"
	# shellcheck disable=SC2016 # expanded by the inner shell
	(lab_stay "$cgroup" "$LAB_HOST_PID" unshare --net --mount --propagation private "$@" \
		sh -euc 'mount --bind "$1" /etc/resolv.conf; exec sleep "$2"' sh "$LAB_DIR/$name.resolv.conf" \
		"$LAB_LIFETIME") </dev/null >/dev/null 2>"$LAB_DIR/$name.log" &
	shell=$!
	disown
	lab_until 5 container_find "$shell" "$*" ||
		lab_die "the container $name does not start: $(cat "$LAB_DIR/$name.log")"
	CONTAINER_PID[$name]=$(container_find "$shell" "$*")
	CONTAINER_CGROUP[$name]=$cgroup
	container_ip "$name" link set lo up
}

container_ip() {
	local name=$1
	shift
	nsenter --net="/proc/${CONTAINER_PID[$name]}/ns/net" ip "$@"
}

container_bridged() {
	ip -n "$LAB-host" link add "v$2" type veth peer name eth0 netns "${CONTAINER_PID[$1]}"
	ip -n "$LAB-host" link set "v$2" master br0 up
	container_ip "$1" addr add "10.77.0.$2/24" dev eth0
	container_ip "$1" link set eth0 up
	container_ip "$1" route add default via "$CONTAINER_GATEWAY"
}

container_ipv6() {
	container_ip "$1" addr add "2001:db8:99::$2/64" dev eth0 nodad
}

container_end() {
	lab_end "${CONTAINER_PID[$1]}"
}

container_run_as() {
	local cgroup=$1 name=$2
	shift 2
	(
		echo "$BASHPID" >"$LAB_CGROUP/$cgroup/cgroup.procs"
		exec timeout --kill-after=2 "$LAB_TIMEOUT" nsenter --target "${CONTAINER_PID[$name]}" --all --wd="$PWD" -- "$@"
	)
}

container_run() {
	container_run_as "${CONTAINER_CGROUP[$1]}" "$@"
}

container_inum() { stat -Lc %i "/proc/${CONTAINER_PID[$1]}/ns/net"; }

container_status() {
	lab_status ".netns[] | select(.inum == $(container_inum "$1")) | $2"
}

# container_follows NAME IFACE: the controller follows it, and has attached to that interface there
container_follows() {
	[ -n "$(container_status "$1" ".interfaces[] | select(.name == \"$2\" and .hook != \"none\") | .name")" ]
}

# container_queries N TYPE: those that reached the server from 10.77.0.N since the mark
container_queries() {
	lab_log | grep -c "[ @]10\.77\.0\.$1#.*: query: [^ ]* IN $2 "
}

# container_fates NAME [OPTION...]: what became of queries for AAAA from there, as "filter=N server=N ..."
container_fates() {
	local name=$1
	shift
	container_run "$name" "$ASK" "$@" "$(lab_first_address)" both.example | tr ' ' '\n' | grep -v -e =0 -e sent= | paste -sd ' '
}

# container_fates_as CGROUP NAME [OPTION...]: the same for a process of another cgroup
container_fates_as() {
	local cgroup=$1 name=$2
	shift 2
	container_run_as "$cgroup" "$name" "$ASK" "$@" "$(lab_first_address)" both.example |
		tr ' ' '\n' | grep -v -e =0 -e sent= | paste -sd ' '
}

# read_first_answer LINE: of first-answer; sets ANSWER_US and ANSWER_PASSED; 1 if there was no answer
# shellcheck disable=SC2034
read_first_answer() {
	ANSWER_US='' ANSWER_PASSED=''
	[[ $1 =~ answered\ us=([0-9]+)\ passed=([0-9]+) ]] || return
	ANSWER_US=${BASH_REMATCH[1]} ANSWER_PASSED=${BASH_REMATCH[2]}
}
