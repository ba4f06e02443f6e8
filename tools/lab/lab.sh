# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A private host and its DNS server, each in a network namespace of its own, joined by a veth pair. For
# the demo and the tests, sourced. Nothing of the machine is touched: the host has its own interfaces,
# routes, /etc/resolv.conf, bpffs and cgroups, and all of it goes when the shell that made it ends.
#
#   lab_init NAME              names, directories, cgroups, traps; first
#   lab_host ipv4|ipv6|dual [tun]   the host with that connectivity, joined by veth or tun, and a BIND
#                              that serves the zone `example`
#   lab_client CMD...          runs CMD on the host, in the cgroup `clients`
#   lab_control CMD...         the same in the cgroup `control`, which is never filtered
#   lab_server CMD...          runs CMD in the server's namespace
#   lab_filter_start ARG...    starts `stubsieve run` on the host, in scope: `clients`; waits until it runs
#   lab_filter_stop
#   lab_mark; lab_queries [TYPE]   counts the queries that reached the server since the mark
#
# LAB_NAMED_EXTRA, set before lab_host: further zones, in the words of named.conf; their files' place is
# $LAB_DIR/server.
#
# The names of the zone: v4 (A only), v6 (AAAA only), both, empty (no address), cname (two CNAMEs to
# both), cname-v4, cname-v6 and cname-empty (one CNAME), and `missing`, which does not exist. Their IPv6 addresses are
# below LAB_VPN_PREFIX; those of public, public6, cname-public6 and, one of three, mixed are not, that of mapped is
# IPv4-mapped.

BUILD=${BUILD:-build}
STUBSIEVE=${STUBSIEVE:-$BUILD/stubsieve}
LAB_TIMEOUT=${LAB_TIMEOUT:-20}   # seconds, for one command
LAB_LIFETIME=${LAB_LIFETIME:-600} # seconds, for the whole lab
LAB_PATIENCE=${LAB_PATIENCE:-1} # how many times longer than usual something may take
LAB_FOREGROUND=${LAB_FOREGROUND:-} # --foreground: Ctrl-C reaches the commands, a time-out only the first process

LAB_SERVER4=192.0.2.1
LAB_HOST4=192.0.2.2
LAB_SERVER6=2001:db8:53::1
LAB_HOST6=2001:db8:53::2
LAB_SERVER_LINKLOCAL=fe80::53
# shellcheck disable=SC2034 # for those who source this
LAB_VPN_PREFIX=2001:db8:77::/48

lab_die() {
	echo "lab: $*" >&2
	exit 1
}

lab_cgroup_root() {
	awk '{ for (i = 7; i < NF; i++) if ($i == "-" && $(i + 1) == "cgroup2") { print $5; exit } }' /proc/self/mountinfo
}

lab_named() {
	PATH=$PATH:/usr/sbin:/sbin command -v named || ls "$LAB_ROOT/.deps/bind9/usr/sbin/named" 2>/dev/null
}

# What has to be there before anything is made.
lab_requirements() {
	local tool
	[ "$(id -u)" = 0 ] || lab_die "needs root (sudo)"
	for tool in ip nsenter unshare jq dig timeout awk; do
		command -v "$tool" >/dev/null || lab_die "$tool is missing: run make deps"
	done
	LAB_NAMED=$(lab_named) || lab_die "the DNS server BIND is missing: run make deps"
	LAB_CGROUP_ROOT=$(lab_cgroup_root)
	[ -n "$LAB_CGROUP_ROOT" ] || lab_die "no cgroup2 file system is mounted"
}

lab_init() {
	PATH=$PATH:/usr/sbin:/sbin
	LAB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
	lab_requirements
	LAB=stubsieve-$1-$$
	LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/$LAB.XXXXXX") || exit 1
	chmod 755 "$LAB_DIR"
	trap 'lab_remove; exit $LAB_STATUS' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	LAB_CGROUP=$LAB_CGROUP_ROOT/$LAB
	mkdir -p "$LAB_CGROUP"/{clients,server,control} || lab_die "cannot make a cgroup below $LAB_CGROUP_ROOT"
	mkdir "$LAB_DIR"/{bpf,server,empty}
	printf 'hosts: files dns\n' >"$LAB_DIR/nsswitch.conf"
	: >"$LAB_DIR/host.resolv.conf"
	: >"$LAB_DIR/server.resolv.conf"
	LAB_FROM=0 LAB_HOST_PID='' LAB_SERVER_PID='' LAB_NAMED_PID='' LAB_FILTER_PID=''
	lab_watch $$ >/dev/null 2>&1 </dev/null &
	LAB_WATCH_PID=$!
	disown
}

# Removes the lab when its shell was killed without a chance to do so, or takes far too long.
lab_watch() {
	local seconds=0
	while kill -0 "$1" && [ "$seconds" -lt "$LAB_LIFETIME" ]; do
		sleep 1
		seconds=$((seconds + 1))
	done
	LAB_WATCH_PID=''
	lab_remove
}

lab_empty_cgroup() {
	local pid
	if [ -e "$1/cgroup.kill" ]; then
		echo 1 >"$1/cgroup.kill"
	else
		while read -r pid; do kill -KILL "$pid"; done < <(cat "$1"/*/cgroup.procs "$1/cgroup.procs")
	fi 2>/dev/null
}

lab_remove_cgroup() {
	local tries
	for tries in {1..100}; do
		lab_empty_cgroup "$LAB_CGROUP"
		find "$LAB_CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null
		[ -d "$LAB_CGROUP" ] || return 0
		sleep 0.02
	done
	echo "lab: the cgroup $LAB_CGROUP could not be removed ($tries tries)" >&2
}

# Ends what runs in the lab's own cgroups; pins and private mounts go with the last process.
lab_remove() {
	LAB_STATUS=$?
	local netns
	trap '' INT TERM HUP
	[ -z "$LAB_WATCH_PID" ] || kill "$LAB_WATCH_PID" 2>/dev/null
	LAB_WATCH_PID=''
	lab_filter_stop >/dev/null 2>&1
	lab_remove_cgroup
	for netns in "$LAB-host" "$LAB-server"; do
		[ -e "/run/netns/$netns" ] && ip netns del "$netns"
	done
	rm -rf --one-file-system "$LAB_DIR"
}

# lab_hold NETNS: a process that holds the private mounts of one namespace; prints its pid.
lab_hold() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	local script='
		mount --bind "$1/$2.resolv.conf" /etc/resolv.conf
		[ ! -e /etc/nsswitch.conf ] || mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
		[ ! -d /run/nscd ] || mount --bind "$1/empty" /run/nscd
		mount -t bpf bpf "$1/bpf"
		echo "$2" >/proc/sys/kernel/hostname
		touch "$1/held-$2"
		exec sleep "$3"'
	(
		echo "$BASHPID" >"$LAB_CGROUP/control/cgroup.procs"
		exec nsenter --net="/run/netns/$1" unshare --mount --uts --propagation slave \
			sh -euc "$script" sh "$LAB_DIR" "$2" "$LAB_LIFETIME"
	) </dev/null >/dev/null 2>"$LAB_DIR/held-$2.log" &
	LAB_HELD=$!
	disown
	lab_until 5 test -e "$LAB_DIR/held-$2" || lab_die "no private mounts: $(cat "$LAB_DIR/held-$2.log")"
}

# lab_until SECONDS COMMAND...: tries until it succeeds; 1 when the time is over.
lab_until() {
	local deadline=$((SECONDS + $1 * LAB_PATIENCE + 1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.02
	done
}

lab_ms() {
	local now=${EPOCHREALTIME/[.,]/}
	echo $((now / 1000))
}

# lab_seconds_since MS: with one decimal
lab_seconds_since() {
	awk -v ms=$(($(lab_ms) - $1)) 'BEGIN { printf "%.1f", ms / 1000 }'
}

lab_enter() {
	local cgroup=$1 pid=$2 seconds=$3
	shift 3
	(
		echo "$BASHPID" >"$LAB_CGROUP/$cgroup/cgroup.procs"
		# shellcheck disable=SC2086 # a word or none
		exec timeout $LAB_FOREGROUND --kill-after=2 "$seconds" \
			nsenter --target "$pid" --mount --uts --net --wd="$PWD" -- "$@"
	)
}

lab_client() { lab_enter clients "$LAB_HOST_PID" "$LAB_TIMEOUT" "$@"; }
lab_control() { lab_enter control "$LAB_HOST_PID" "$LAB_TIMEOUT" "$@"; }
lab_server() { lab_enter server "$LAB_SERVER_PID" "$LAB_TIMEOUT" "$@"; }

# The same for a process that stays, in a subshell of its own: that one becomes the process.
lab_stay() {
	local cgroup=$1 pid=$2
	shift 2
	echo "$BASHPID" >"$LAB_CGROUP/$cgroup/cgroup.procs"
	exec nsenter --target "$pid" --mount --uts --net --wd="$PWD" -- "$@"
}

lab_gone() { ! kill -0 "$1" 2>/dev/null; }

# Is that process one of this lab? One that has ended may have left its number to another.
lab_is_ours() { grep -qs "$LAB" "/proc/$1/cgroup" || grep -qs "^PPid:[[:space:]]*$$\$" "/proc/$1/status"; }

# lab_end PID: asks a process of ours to end, and insists after 5 s.
lab_end() {
	lab_is_ours "$1" || return 0
	kill -TERM "$1" 2>/dev/null
	lab_until 5 lab_gone "$1" || kill -KILL "$1" 2>/dev/null
}

lab_namespaces() {
	ip netns add "$LAB-host" || lab_die "cannot make a network namespace"
	ip netns add "$LAB-server" || lab_die "cannot make a network namespace"
	lab_hold "$LAB-host" host
	LAB_HOST_PID=$LAB_HELD
	lab_hold "$LAB-server" server
	LAB_SERVER_PID=$LAB_HELD
	ip -n "$LAB-host" link set lo up
	ip -n "$LAB-server" link set lo up
}

# An address that is usable at once: duplicate address detection has nothing to find here.
lab_no_dad() {
	lab_control sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0 \
		net.ipv6.conf.default.accept_ra=0
	lab_server sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0 \
		net.ipv6.conf.default.accept_ra=0
}

# The device that joins the host to the server: h0 there, s0 here; by Ethernet, or without (tun).
lab_link() {
	if [ "$1" = tun ]; then
		lab_tun_link
	else
		ip -n "$LAB-host" link add h0 type veth peer name s0 netns "$LAB-server"
	fi
	ip -n "$LAB-server" addr add "$LAB_SERVER_LINKLOCAL/64" dev s0 nodad
	ip -n "$LAB-server" link set s0 up
	ip -n "$LAB-host" link set h0 up
}

lab_tun_link() {
	(lab_stay control "$LAB_HOST_PID" "$BUILD/tests/tools/tun-relay" \
		"/proc/$LAB_HOST_PID/ns/net" h0 "/proc/$LAB_SERVER_PID/ns/net" s0) \
		>"$LAB_DIR/relay.log" 2>&1 </dev/null &
	disown
	lab_until 5 grep -q ready "$LAB_DIR/relay.log" || lab_die "no TUN devices: $(cat "$LAB_DIR/relay.log")"
}

lab_ipv4() {
	ip -n "$LAB-server" addr add "$LAB_SERVER4/24" dev s0
	ip -n "$LAB-host" addr add "$LAB_HOST4/24" dev h0
	ip -n "$LAB-host" route add default via "$LAB_SERVER4"
}

lab_ipv6() {
	ip -n "$LAB-server" addr add "$LAB_SERVER6/64" dev s0 nodad
	ip -n "$LAB-host" addr add "$LAB_HOST6/64" dev h0 nodad
	ip -n "$LAB-host" route add default via "$LAB_SERVER6"
}

# lab_resolver ADDRESS...: what the host's /etc/resolv.conf says
lab_resolver() {
	printf 'nameserver %s\n' "$@" >"$LAB_DIR/host.resolv.conf"
}

lab_host() {
	lab_namespaces
	lab_no_dad
	lab_link "${2:-veth}"
	case $1 in
	ipv4) lab_ipv4 && lab_resolver "$LAB_SERVER4" ;;
	ipv6) lab_ipv6 && lab_resolver "$LAB_SERVER6" ;;
	dual) lab_ipv4 && lab_ipv6 && lab_resolver "$LAB_SERVER4" ;;
	esac
	lab_named_start server any any
}

lab_zone() {
	cat <<END
\$TTL 60
@         SOA   ns hostmaster 1 3600 600 86400 60
@         NS    ns
ns        A     $LAB_SERVER4
ns        AAAA  $LAB_SERVER6
v4        A     198.51.100.4
v6        AAAA  2001:db8:77::6
both      A     198.51.100.10
both      AAAA  2001:db8:77::10
cname     CNAME hop
hop       CNAME both
empty     TXT   "no address here"
cname-v4  CNAME v4
cname-v6  CNAME v6
cname-empty CNAME empty
public    A     198.51.100.30
public    AAAA  2001:db8:99::30
public6   AAAA  2001:db8:99::6
mixed     A     198.51.100.20
mixed     AAAA  2001:db8:77::20
mixed     AAAA  2001:db8:99::20
mixed     AAAA  2001:db8:77::21
mapped    A     198.51.100.40
mapped    AAAA  ::ffff:198.51.100.40
cname-public6 CNAME public6
END
}

# Our own and empty: the server never asks another one.
lab_root_zone() {
	cat <<END
\$TTL 60
@   SOA ns. hostmaster. 1 3600 600 86400 60
@   NS  ns.
ns. A   $LAB_SERVER4
END
}

lab_named_conf() {
	cat <<END
options {
	directory "$LAB_DIR/server";
	pid-file none;
	session-keyfile none;
	lock-file none;
	listen-on { $1; };
	listen-on-v6 { $2; };
	recursion yes;
	allow-query { any; };
	allow-recursion { any; };
	dnssec-validation no;
	querylog yes;
	interface-interval 0;
};
controls { };
logging {
	channel queries { file "queries.log"; print-time iso8601; };
	channel server { file "server.log"; print-time iso8601; };
	category queries { queries; };
	category default { server; };
};
zone "." { type primary; file "root.zone"; };
zone "example" { type primary; file "example.zone"; };
${LAB_NAMED_EXTRA:-}
END
}

# lab_named_start host|server IPV4 IPV6: BIND in that namespace, on these addresses (any, none, a list).
# One worker: the log then has the queries in the order in which they came.
lab_named_start() {
	local pid=$LAB_SERVER_PID
	[ "$1" = host ] && pid=$LAB_HOST_PID
	lab_zone >"$LAB_DIR/server/example.zone"
	lab_root_zone >"$LAB_DIR/server/root.zone"
	lab_named_conf "$2" "$3" >"$LAB_DIR/server/named.conf"
	: >"$LAB_DIR/server/queries.log"
	(lab_stay server "$pid" "$LAB_NAMED" -f -n 1 -c "$LAB_DIR/server/named.conf") \
		>"$LAB_DIR/server/output.log" 2>&1 </dev/null &
	LAB_NAMED_PID=$!
	LAB_NAMED_AT=$pid
	disown
	if ! lab_until 10 grep -q 'all zones loaded' "$LAB_DIR/server/server.log" || ! lab_settle; then
		lab_die "the DNS server did not start: $(lab_named_trouble "$pid")"
	fi
}

# What it says on a terminal; its log may not have been opened yet.
lab_named_trouble() {
	lab_enter server "$1" 2 "$LAB_NAMED" -g -n 1 -c "$LAB_DIR/server/named.conf" 2>&1 | tail -n 3
}

lab_named_stop() {
	[ -z "$LAB_NAMED_PID" ] || lab_end "$LAB_NAMED_PID"
	LAB_NAMED_PID=''
	rm -f "$LAB_DIR/server/server.log"
}

lab_queries_log() { echo "$LAB_DIR/server/queries.log"; }

lab_first_address() {
	awk '$1 == "nameserver" { print $2; exit }' "$LAB_DIR/host.resolv.conf"
}

lab_mark_seen() { grep -q "query: $1 IN TXT" "$(lab_queries_log)"; }

lab_send_mark() {
	local name=mark-${EPOCHREALTIME/[.,]/}-$BASHPID.example address
	address=${LAB_MARK_ADDRESS:-$(lab_first_address)}
	lab_enter server "$LAB_NAMED_AT" $((5 * LAB_PATIENCE)) dig "@${address/%h0/s0}" +noedns +tries=1 \
		+time=$((2 * LAB_PATIENCE)) +noall "$name" TXT
	lab_until 2 lab_mark_seen "$name"
}

# A query that has been sent is in the log when one that was sent after it is there.
lab_settle() {
	lab_send_mark >/dev/null 2>&1 || lab_send_mark >/dev/null 2>&1 && return
	echo "lab: the DNS server does not answer" >&2
	return 1
}

# From here on lab_queries counts.
lab_mark() {
	lab_settle && LAB_FROM=$(wc -l <"$(lab_queries_log)")
}

# The log's lines since the mark, without the lab's own.
lab_log() {
	lab_settle && tail -n "+$((LAB_FROM + 1))" "$(lab_queries_log)" | grep -v 'query: mark-'
}

# lab_queries [TYPE]: how many queries (of that type) reached the server since the mark
lab_queries() {
	lab_log | awk -v type="${1:-}" '
		{ for (i = 1; i < NF; i++) if ($i == "query:" && (type == "" || $(i + 3) == type)) n++ }
		END { print n + 0 }'
}

lab_filter() {
	local command=$1
	shift
	lab_control "$STUBSIEVE" "$command" --run-dir "$LAB_DIR/run" "$@"
}

# lab_status FILTER: a value of `status --json`, picked by jq
lab_status() {
	lab_filter status --json 2>/dev/null | jq -r "$1"
}

lab_filter_runs() { [ "$(lab_status .running)" = true ]; }

# lab_filter_launch [ARG...]: without waiting; names its cgroup unless ARG does
lab_filter_launch() {
	local scope=(--cgroup "$LAB/clients")
	case " $* " in *" --cgroup "*) scope=() ;; esac
	(lab_stay control "$LAB_HOST_PID" "$STUBSIEVE" run --run-dir "$LAB_DIR/run" \
		--pin-dir "$LAB_DIR/bpf/stubsieve" ${scope[@]+"${scope[@]}"} "$@") \
		>>"$LAB_DIR/filter.log" 2>&1 </dev/null &
	LAB_FILTER_PID=$!
	disown
}

lab_filter_start() {
	lab_filter_launch "$@"
	lab_until 10 lab_filter_runs && return
	cat "$LAB_DIR/filter.log" >&2
	return 1
}

# Stops it by its own command, and by force if that does not end it.
lab_filter_stop() {
	[ -n "$LAB_FILTER_PID" ] || return 0
	lab_filter stop
	lab_until 5 lab_gone "$LAB_FILTER_PID" || lab_end "$LAB_FILTER_PID"
	LAB_FILTER_PID=''
}

# lab_filtered [OPTION...]: is an AAAA (or --type A) query for `both` answered on the host?
lab_filtered() {
	lab_client "$BUILD/tests/tools/ask" "$@" "$(lab_first_address)" both.example | grep -q ' filter=1 '
}

# lab_tun_up NAME: a TUN device on the host, there until lab_tun_down
lab_tun_up() {
	LAB_TUN_PIPE=$LAB_DIR/tun-$1
	rm -f "$LAB_TUN_PIPE" "$LAB_DIR/tun.log"
	mkfifo -m 600 "$LAB_TUN_PIPE" || return
	# It holds its own end of the pipe open, so its standard input never ends.
	(lab_stay control "$LAB_HOST_PID" "$BUILD/tests/tools/tun-hold" "$1") \
		<>"$LAB_TUN_PIPE" >"$LAB_DIR/tun.log" 2>&1 &
	LAB_TUN_PID=$!
	disown
	lab_until 5 grep -q ready "$LAB_DIR/tun.log"
}

lab_tun_down() {
	lab_end "$LAB_TUN_PID"
}
