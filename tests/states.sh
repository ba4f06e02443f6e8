# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034 # $P, $RA and $TUN are words of the states; some variables are for who sources this
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The states of tests/fixtures/host-states.json, brought about one after another in the same namespace,
# each from the one before. Sourced by a shell that runs in the network namespace of the host, as root;
# PEER is the name of the neighbour's, WORK a directory, TOOLS where tun-hold and send-ra are.
#
#   states_load            STATE_NAMES, STATE_WANTS (what `await-shown` is to see), STATE_LINES (setup)
#   states_enter INDEX CUT ORDER
#                          undoes the lines of the present state from CUT on, in that ORDER (backward,
#                          forward), and runs those of the state INDEX from there on; the last command is left
#                          in LAST, to be run by whoever measures it, and may fail if LAST_FORCED is not empty.
#                          1 if a line failed.
#   states_common INDEX    sets COMMON: how many lines the present state and that one begin with alike,
#                          as far as what they brought about is there still or can come back
#
# Each line has its own undoing: what was added is deleted, what went up goes down, a sysctl gets the value it
# had, a tunnel's process ends. Some destroy more than they can give back. A device that goes down or loses its
# carrier takes routes, nexthops and IPv6 addresses along, and disable_ipv6 deletes addresses: everything since
# h0 went up is then undone. What a router advertised cannot be withdrawn for two hours (RFC 4862 section
# 5.5.3): h0 is deleted.
#
# SLEEP: sleeps of at least that many seconds are kept, others are for those who do not watch.

STATES=${STATES:-tests/fixtures/host-states.json}
STATE=-1       # the present one; -1: none
UNDO=()        # of each of its lines
FORCE=         # not empty while lines are undone, which may be undone already
LAST=()        # the command that is yet to run
LAST_FORCED=   # FORCE when it was made
BATCH_KEY=     # of LAST, if it is a batch of ip that can grow
BATCHES=0

states_load() {
	local index line
	STATE_LINES=()
	mapfile -t STATE_NAMES < <(jq -r '.states[].name' "$STATES")
	mapfile -t STATE_WANTS < <(jq -r '
		def word: (if .route then "r" else "-" end) + (if .address then "a" else "-" end) +
			(if .default then "d" else "-" end);
		def verdict($mine; $other; $keep): if ($mine | not) and $other and ($keep | not) then "answer" else "pass" end;
		.states[]
		| (.setup | any(startswith("$RA "))) as $advertised
		| .expect
		| [(.ipv4 | word), (.ipv6 | word), verdict(.ipv4.route; .ipv6.route; $advertised),
		   verdict(.ipv6.route; .ipv4.route; false)] | join(",")' "$STATES")
	while IFS=$'\t' read -r index line; do
		STATE_LINES[index]+=$line$'\n'
	done < <(jq -r '.states | to_entries[] | .key as $key | .value.setup[] | "\($key)\t\(.)"' "$STATES")
}

lines_of() {
	LINES_OF=()
	[ "$1" -lt 0 ] || [ -z "${STATE_LINES[$1]-}" ] || mapfile -t LINES_OF <<<"${STATE_LINES[$1]%$'\n'}"
}

# reach LINE: sets REACH to the line after which nothing can stay, of those that begin the present state, when
# LINE is undone: add (of h0), up, or none.
reach() {
	case $1 in
	*" link set "*" down" | *disable_ipv6=1) REACH=up ;;
	'$RA '*) REACH=add ;;
	*) REACH=none ;;
	esac
}

states_common() {
	local mine=() theirs=() i add=0 up=0 most
	lines_of "$STATE" && mine=("${LINES_OF[@]}")
	lines_of "$1" && theirs=("${LINES_OF[@]}")
	for ((COMMON = 0; COMMON < ${#mine[@]} && COMMON < ${#theirs[@]}; COMMON++)); do
		[ "${mine[COMMON]}" = "${theirs[COMMON]}" ] || break
	done
	for ((i = 0, most = COMMON; i < ${#mine[@]}; i++)); do
		case ${mine[i]} in *" link add h0 "*) add=$i ;; *" link set h0 up") up=$((i + 1)) ;; esac
		[ "$i" -ge "$most" ] || continue
		reach "${mine[i]}"
		[ "$REACH" = none ] || [ "$COMMON" -le "${!REACH}" ] || COMMON=${!REACH}
	done
}

# Runs what is left to run.
flush_last() {
	local command=("${LAST[@]}")
	LAST=() BATCH_KEY=
	[ ${#command[@]} -gt 0 ] || return 0
	if [ -n "$LAST_FORCED" ]; then
		"${command[@]}" 2>/dev/null
		return 0
	fi
	"${command[@]}"
}

# add_ip SIDE FAMILY WORDS: one more line for ip, in the namespace SIDE (H, P), with the option FAMILY (-4, -6 or none)
add_ip() {
	local key="$1$2$FORCE"
	if [ "$key" != "$BATCH_KEY" ]; then
		flush_last || return
		BATCHES=$((BATCHES + 1))
		LAST=(ip) LAST_FORCED=$FORCE
		[ "$1" = H ] || LAST+=(-n "$PEER")
		[ -z "$2" ] || LAST+=("$2")
		[ -z "$FORCE" ] || LAST+=(-force)
		LAST+=(-batch "$WORK/batch-$BATCHES")
		BATCH_KEY=$key
		: >"$WORK/batch-$BATCHES"
	fi
	echo "$3" >>"$WORK/batch-$BATCHES"
}

# Sets BACK: the opposite of a line for ip.
opposite() {
	local words=$1
	words=${words% nodad} words=${words% noprefixroute} words=${words% nodad} words=${words% optimistic}
	words=${words% scope link}
	case $words in
	"link add "*) words=${words#link add } && BACK="link del ${words%% *}" ;;
	"link set "*" up") BACK="${words% up} down" ;;
	"link set "*" down") BACK="${words% down} up" ;;
	"nexthop add id "*) words=${words#nexthop add id } && BACK="nexthop del id ${words%% *}" ;;
	*" add "*) BACK=${words/ add / del } ;;
	*) echo "no way back from: $words" >&2 && return 1 ;;
	esac
}

do_ip() {
	local side=$1 family='' words=${2//'$P'/$PEER}
	case $words in
	"-4 "* | "-6 "*) family=${words%% *} words=${words#* } ;;
	esac
	opposite "$words" || return
	UNDONE="ip|$side|$family|$BACK"
	add_ip "$side" "$family" "$words"
}

# A shell in the neighbour's namespace: reads "PATH VALUE", says which value it had.
open_peer() {
	coproc PEER_SHELL {
		exec nsenter --net="/run/netns/$PEER" bash -c '
			while read -r path value; do read -r old <"$path" && echo "$value" >"$path"; echo "$old"; done'
	}
}

# set_sysctl SIDE PATH VALUE: sets OLD to the value it had
set_sysctl() {
	if [ "$1" = H ]; then
		read -r OLD <"$2" && echo "$3" >"$2"
	else
		[ -n "${PEER_SHELL_PID-}" ] || open_peer
		echo "$2 $3" >&"${PEER_SHELL[1]}" && read -r -t 5 OLD <&"${PEER_SHELL[0]}"
	fi
}

# do_sysctl SIDE NAME=VALUE...
do_sysctl() {
	local side=$1 pair path
	shift
	flush_last || return
	UNDONE="sysctl|$side"
	for pair; do
		path=/proc/sys/${pair%%=*}
		path=${path//./\/}
		set_sysctl "$side" "$path" "${pair#*=}" || return
		UNDONE+="|$path=$OLD"
	done
}

do_tun() {
	local ready pid
	flush_last || return
	rm -f "$WORK/hold" && mkfifo "$WORK/hold" || return
	# It holds the pipe's other end itself, so its standard input never ends.
	exec {ready}< <(exec "$TOOLS/tun-hold" "$1" <>"$WORK/hold")
	pid=$!
	UNDONE="tun|$pid"
	read -r -t 5 _ <&"$ready"
	exec {ready}<&-
}

# Whoever measures sends it again until it is taken in.
do_ra() {
	flush_last || return
	LAST=(nsenter --net="/run/netns/$PEER" "$TOOLS/send-ra" "$@" vp) LAST_FORCED=yes
	UNDONE=none
}

do_sleep() {
	[ "${1%%.*}" -ge "$SLEEP" ] || return 0
	flush_last && sleep "$1"
}

do_line() {
	local words
	UNDONE=none
	case $1 in
	'ip -n $H '*) do_ip H "${1#'ip -n $H '}" ;;
	'ip -n $P '*) do_ip P "${1#'ip -n $P '}" ;;
	'ip netns exec $H sysctl -wq '*) read -r -a words <<<"${1#*-wq }" && do_sysctl H "${words[@]}" ;;
	'ip netns exec $P sysctl -wq '*) read -r -a words <<<"${1#*-wq }" && do_sysctl P "${words[@]}" ;;
	'sleep '*) do_sleep "${1#sleep }" ;;
	'$TUN '*) do_tun "${1#* }" ;;
	'$RA '*) read -r -a words <<<"${1#* }" && do_ra "${words[@]}" ;;
	*) echo "not understood: $1" >&2 && return 1 ;;
	esac
}

undo_line() {
	local parts part
	IFS='|' read -r -a parts <<<"$1"
	case ${parts[0]} in
	ip) add_ip "${parts[1]}" "${parts[2]}" "${parts[3]}" ;;
	sysctl)
		flush_last
		for part in "${parts[@]:2}"; do set_sysctl "${parts[1]}" "${part%%=*}" "${part#*=}" 2>/dev/null; done
		;;
	tun) flush_last && kill "${parts[1]}" && wait "${parts[1]}" 2>/dev/null ;;
	esac
	return 0
}

# undo_from CUT ORDER
undo_from() {
	local i count=${#UNDO[@]}
	FORCE=force
	for ((i = $1; i < count; i++)); do
		if [ "$2" = forward ]; then undo_line "${UNDO[i]}"; else undo_line "${UNDO[count - 1 - i + $1]}"; fi
	done
	UNDO=("${UNDO[@]:0:$1}")
	FORCE=''
}

states_enter() {
	local i
	LAST=() LAST_FORCED='' BATCH_KEY='' BATCHES=0
	undo_from "$2" "$3"
	STATE=$1
	lines_of "$1"
	for ((i = $2; i < ${#LINES_OF[@]}; i++)); do
		do_line "${LINES_OF[i]}" || return
		UNDO+=("$UNDONE")
	done
}
