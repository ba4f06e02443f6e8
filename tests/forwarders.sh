# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Local forwarders on a lab host, in its network namespace and in a cgroup of their own, `forwarder`. For shell
# tests that have sourced tools/lab/lab.sh and made a host (lab_host). Never as services of the machine; the
# lab's end ends them.
#
#   forwarder_there KIND               is its program here? Else FORWARDER_WHY says why not
#   forwarder_start KIND UPSTREAM...   starts it, forwarding everything to these addresses; waits until it answers at
#                                      $FORWARDER_ADDRESS; the client's resolv.conf is left to the caller
#                                      (lab_resolver "$FORWARDER_ADDRESS"). 1 and its last words if it does not
#   forwarder_flush KIND               empties its cache, by its own means
#   forwarder_forget KIND              has it forget as well what it learned about its server (EDNS, cookies, times)
#   forwarder_log KIND                 what it logged since its start
#   forwarder_stop KIND
#   forwarder_version KIND
#
# KIND is resolved, dnsmasq, unbound, unbound-validating, bind or bind-validating; these two validate what
# is under the keys (DNSKEY records) in $FORWARDER_ANCHOR, if that is set.
# Set before forwarder_start, where wanted:
#   FORWARDER_LISTEN   where it listens: 127.0.0.1 or another IPv4 address, or any; resolved always at 127.0.0.53
#   FORWARDER_EXTRA    lines for its configuration, of unbound in `server:`, of BIND in `options`
#
# Several can run at a time if they listen at different addresses.

# shellcheck disable=SC2034 # for those who source this
FORWARDER_KINDS=(resolved dnsmasq unbound unbound-validating bind bind-validating)
declare -A FORWARDER_PIDS

# The program itself, from the machine or from .deps. Unpacked ones bring their own libraries.
forwarder_program() {
	local deps=$LAB_ROOT/.deps
	case $1 in
	resolved) forwarder_first {,/usr}/lib/systemd/systemd-resolved "$deps"/resolved/{usr/,}lib/systemd/systemd-resolved ;;
	dnsmasq) command -v dnsmasq ;;
	unbound*) command -v unbound || forwarder_first "$deps/unbound/usr/sbin/unbound" ;;
	bind*) lab_named ;;
	esac
}

forwarder_first() {
	local program
	for program; do
		[ ! -x "$program" ] || { echo "$program"; return; }
	done
}

forwarder_libraries() {
	local directory
	for directory in "$LAB_ROOT/.deps/${1%%-*}"/usr/lib/*/ "$LAB_ROOT/.deps/${1%%-*}"/usr/lib/*/systemd/; do
		[ ! -d "$directory" ] || printf '%s:' "$directory"
	done
}

forwarder_there() {
	# shellcheck disable=SC2034 # for those who source this
	FORWARDER_WHY="$1 is not there: run make deps"
	[ -n "$(forwarder_program "$1")" ]
}

forwarder_version() {
	local program libraries
	program=$(forwarder_program "$1")
	libraries=$(forwarder_libraries "$1")
	case $1 in
	resolved) LD_LIBRARY_PATH=$libraries "$program" --version | awk 'NR == 1 { print "systemd-resolved", $2 }' ;;
	dnsmasq) "$program" --version | awk 'NR == 1 { print "dnsmasq", $3 }' ;;
	unbound*) LD_LIBRARY_PATH=$libraries "$program" -V | awk 'NR == 1 { print "unbound", $2 }' ;;
	bind*) "$program" -v | awk '{ sub("-.*", "", $2); print "BIND", $2 }' ;;
	esac
}

forwarder_directory() { echo "$LAB_DIR/forwarder-$1"; }

forwarder_log() { cat "$(forwarder_directory "$1")/log"; }

# unbound and BIND forward to "ADDRESS" alone; a link-local one keeps its zone.
forwarder_config_unbound() {
	local kind=$1 module=iterator upstream
	shift
	[ "$kind" != unbound-validating ] || module='validator iterator'
	cat <<-END
		server:
		  directory: "$(forwarder_directory "$kind")"
		  chroot: ""
		  username: ""
		  pidfile: ""
		  use-syslog: no
		  logfile: ""
		  verbosity: 3
		  log-servfail: yes
		  val-log-level: 2
		  num-threads: 1
		  interface: $FORWARDER_AT
		  do-not-query-localhost: no
		  module-config: "$module"
		${FORWARDER_EXTRA:-}
		remote-control:
		  control-enable: yes
		  control-interface: "$(forwarder_directory "$kind")/control"
		  control-use-cert: no
		forward-zone:
		  name: "."
	END
	for upstream; do echo "  forward-addr: $upstream"; done
}

forwarder_anchor_unbound() {
	[ "$1" != unbound-validating ] || [ -z "${FORWARDER_ANCHOR:-}" ] ||
		printf 'server:\n  trust-anchor-file: "%s"\n' "$FORWARDER_ANCHOR"
}

forwarder_anchor_bind() {
	[ "$1" != bind-validating ] || [ -z "${FORWARDER_ANCHOR:-}" ] ||
		awk '$4 == "DNSKEY" {
			key = $8
			for (i = 9; i <= NF; i++) key = key $i
			printf "trust-anchors { %s static-key %s %s %s \"%s\"; };\n", $1, $5, $6, $7, key
		}' "$FORWARDER_ANCHOR"
}

forwarder_config_bind() {
	local kind=$1 validation=no
	shift
	[ "$kind" != bind-validating ] || validation=yes
	cat <<-END
		options {
			directory "$(forwarder_directory "$kind")";
			pid-file none;
			session-keyfile none;
			lock-file none;
			listen-on { ${FORWARDER_AT/0.0.0.0/any}; };
			listen-on-v6 { none; };
			recursion yes;
			dnssec-validation $validation;
			forward only;
			forwarders { $(printf '%s; ' "$@")};
			interface-interval 0;
			${FORWARDER_EXTRA:-}
		};
		key "lab" { algorithm hmac-sha256; secret "c3R1YnNpZXZlLWxhYi1rZXk="; };
		controls { inet $FORWARDER_ADDRESS port 953 allow { any; } keys { "lab"; }; };
	END
	forwarder_anchor_bind "$kind"
	cat >"$(forwarder_directory "$kind")/rndc.conf" <<-END
		key "lab" { algorithm hmac-sha256; secret "c3R1YnNpZXZlLWxhYi1rZXk="; };
		options { default-key "lab"; default-server $FORWARDER_ADDRESS; default-port 953; };
	END
}

forwarder_config_dnsmasq() {
	cat <<-END
		no-resolv
		no-hosts
		no-poll
		user=root
		keep-in-foreground
		log-facility=-
		log-queries
		pid-file
		${FORWARDER_EXTRA:-}
	END
	[ "$FORWARDER_AT" = 0.0.0.0 ] || printf 'bind-interfaces\nlisten-address=%s\n' "$FORWARDER_AT"
	shift
	printf 'server=%s\n' "$@"
}

forwarder_config_resolved() {
	shift
	cat <<-END
		[Resolve]
		DNS=$*
		FallbackDNS=
		Domains=~.
		LLMNR=no
		MulticastDNS=no
		ReadEtcHosts=no
		${FORWARDER_EXTRA:-}
	END
}

# systemd-resolved sees a /run and an /etc/passwd of its own: it writes below /run, and becomes a user that this
# machine may not have. There is no D-Bus in that /run, which it waits for in peace.
forwarder_run_resolved() {
	local directory=$1 program=$2
	printf 'root:x:0:0::/:/bin/sh\nsystemd-resolve:x:64053:64053::/:/bin/false\n' >"$directory/passwd"
	printf 'root:x:0:\nsystemd-resolve:x:64053:\n' >"$directory/group"
	# shellcheck disable=SC2016 # expanded by the inner shell
	lab_stay forwarder "$LAB_HOST_PID" unshare --mount --propagation private sh -euc '
		mount --bind "$1/passwd" /etc/passwd
		mount --bind "$1/group" /etc/group
		cp "$1/config" "$1/resolved.conf"
		mkdir -p "$1/run/systemd/resolved.conf.d" "$1/run/systemd/netif/links"
		mv "$1/resolved.conf" "$1/run/systemd/resolved.conf.d/"
		mount --bind "$1/run" /run
		export SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_COLOR=0 LD_LIBRARY_PATH="$3"
		exec "$2"' sh "$directory" "$program" "$(forwarder_libraries resolved)"
}

forwarder_run() {
	local kind=$1 directory program
	directory=$(forwarder_directory "$kind")
	program=$(forwarder_program "$kind")
	case $kind in
	resolved) forwarder_run_resolved "$directory" "$program" ;;
	dnsmasq) lab_stay forwarder "$LAB_HOST_PID" "$program" --conf-file="$directory/config" ;;
	unbound*) LD_LIBRARY_PATH=$(forwarder_libraries "$kind") \
		lab_stay forwarder "$LAB_HOST_PID" "$program" -d -c "$directory/config" ;;
	bind*) lab_stay forwarder "$LAB_HOST_PID" "$program" -n 1 -g -d 3 -c "$directory/config" ;;
	esac
}

forwarder_answers() {
	lab_control dig "@$1" +tries=1 +time=1 empty.example TXT | grep -q 'status: NOERROR'
}

forwarder_start() {
	local kind=$1 directory
	shift
	directory=$(forwarder_directory "$kind")
	FORWARDER_ADDRESS=${FORWARDER_LISTEN:-127.0.0.1} FORWARDER_AT=0.0.0.0
	[ "$FORWARDER_ADDRESS" != any ] || FORWARDER_ADDRESS=127.0.0.1
	[ "$kind" != resolved ] || FORWARDER_ADDRESS=127.0.0.53
	[ "${FORWARDER_LISTEN:-}" = any ] || FORWARDER_AT=$FORWARDER_ADDRESS
	mkdir -p "$directory" "$LAB_CGROUP/forwarder"
	[ "$FORWARDER_ADDRESS" = 127.0.0.1 ] || ip -n "$LAB-host" addr replace "$FORWARDER_ADDRESS/8" dev lo
	"forwarder_config_${kind%%-*}" "$kind" "$@" >"$directory/config"
	[ "${kind%%-*}" != unbound ] || forwarder_anchor_unbound "$kind" >>"$directory/config"
	(forwarder_run "$kind") >"$directory/log" 2>&1 </dev/null &
	FORWARDER_PIDS[$kind]=$!
	disown
	lab_until 10 forwarder_answers "$FORWARDER_ADDRESS" && return
	tail -n 5 "$directory/log" >&2
	return 1
}

forwarder_control_unbound() {
	local program directory
	program=$(forwarder_program "$1")
	directory=$(forwarder_directory "$1")
	shift
	LD_LIBRARY_PATH=$(forwarder_libraries unbound) lab_control "$program-control" -c "$directory/config" "$@"
}

forwarder_flush() {
	case $1 in
	resolved) forwarder_signal "$1" USR2 'Flushed all caches' ;;
	dnsmasq) forwarder_signal "$1" HUP 'cleared cache' ;;
	unbound*) forwarder_control_unbound "$1" flush_zone . >/dev/null ;;
	bind*) lab_control rndc -c "$(forwarder_directory "$1")/rndc.conf" flush >/dev/null ;;
	esac
}

forwarder_forget() {
	forwarder_flush "$1" || return
	case $1 in
	resolved) forwarder_signal "$1" RTMIN+1 'Resetting learnt feature levels' ;;
	unbound*) forwarder_control_unbound "$1" flush_infra all >/dev/null ;;
	esac
}

forwarder_says() { forwarder_log "$1" | grep -c "$2"; }
forwarder_says_more() { [ "$(forwarder_says "$1" "$2")" -gt "$3" ]; }

# forwarder_signal KIND SIGNAL WORDS: sends it, and waits until the log tells so
forwarder_signal() {
	local before
	before=$(forwarder_says "$1" "$3")
	kill "-$2" "${FORWARDER_PIDS[$1]}" && lab_until 3 forwarder_says_more "$1" "$3" "$before"
}

forwarder_stop() {
	[ -z "${FORWARDER_PIDS[$1]:-}" ] || lab_end "${FORWARDER_PIDS[$1]}"
	FORWARDER_PIDS[$1]=''
}
