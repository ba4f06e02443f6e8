#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The unit file for systemd: what `make install` puts where, what systemd says of it, and the controller at work under
# mounts and capabilities like those that it asks for. systemd itself is not started.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/container-lab.sh

UNIT=tools/packaging/systemd/stubsieve.service

# What systemd-analyze calls the exposure, in tenths, from 0 to 100: a setting that was lost shows.
EXPOSURE_MOST=35

setting() { sed -n "s/^$1=//p" "$UNIT"; }

installed() {
	local root=$LAB_DIR/root unit
	make -s install BUILD="$BUILD" DESTDIR="$root" PREFIX=/usr >"$LAB_DIR/make.log" 2>&1
	unit=$root/usr/lib/systemd/system/stubsieve.service
	check_equal "make install: the unit file is the one here" "" "$(diff "$unit" "$UNIT")"
	check "make install: ... beside its program" test -x "$root/usr/sbin/stubsieve"
	make -s install BUILD="$BUILD" DESTDIR="$root" >>"$LAB_DIR/make.log" 2>&1
	check_equal "make install with the usual prefix: the program's path is that of the prefix" \
		"/usr/local/sbin/stubsieve run" "$(sed -n 's/^ExecStart=//p' "$root/usr/local/lib/systemd/system/stubsieve.service")"
	rm -rf "$root"
	make -s install BUILD="$BUILD" DESTDIR="$root" systemdunitdir= >>"$LAB_DIR/make.log" 2>&1
	check_equal "make install without systemd: no unit file" sbin/stubsieve "$(cd "$root/usr/local" && find . -type f ! -path "./share/doc/*" | sed 's|^\./||')"
	[ ! -s "$LAB_DIR/make.log" ] || note "$(cat "$LAB_DIR/make.log")"
}

# What this version of systemd thinks of the file.
analyzed() {
	local exposure
	if ! command -v systemd-analyze >/dev/null; then
		skip "systemd-analyze" "no systemd-analyze"
		return
	fi
	make -s install BUILD="$BUILD" PREFIX="$LAB_DIR/prefix" >/dev/null 2>&1
	check_equal "systemd-analyze verify has nothing to say" "" \
		"$(systemd-analyze verify "$LAB_DIR/prefix/lib/systemd/system/stubsieve.service" 2>&1 | grep -i stubsieve)"
	exposure=$(systemd-analyze security --offline=yes "$UNIT" 2>/dev/null | sed -n 's/.*exposure level.*: \([0-9]*\)\.\([0-9]\).*/\1\2/p')
	if [ -z "$exposure" ]; then
		skip "systemd-analyze security" "this version does not look at files"
	else
		check_number "systemd-analyze security: exposure, in tenths" "$((10#$exposure))" -le "$EXPOSURE_MOST"
	fi
	systemd-analyze syscall-filter 2>/dev/null | awk '/^@/ { group = $1; next } NF && $1 !~ /^#/ { print group, $1 }' | grep -v '^@known' >"$LAB_DIR/groups"
	check_equal "the unit leaves it every system call that it leaves itself, of those that this systemd knows" "" "$(not_left | paste -sd ' ')"
}

# expand WORD: a system call, or those of a group
expand() {
	local member
	case $1 in
	@*) while read -r member; do expand "$member"; done < <(awk -v group="$1" '$1 == group { print $2 }' "$LAB_DIR/groups") ;;
	*) echo "$1" ;;
	esac
}

expand_all() { for word; do expand "$word"; done | sort -u; }

# The names in user/io/syscalls.c, and what a start takes, that the unit file does not allow.
not_left() {
	local words
	words=$(setting SystemCallFilter)
	# shellcheck disable=SC2046 # words
	expand_all $(grep -v '^~' <<<"$words") >"$LAB_DIR/with"
	# shellcheck disable=SC2046
	expand_all $(sed -n 's/^~//p' <<<"$words") >"$LAB_DIR/without"
	{
		sed -n '/ allowed\[\]/,/^};/p; / allowed_if\[\]/,/^};/p' user/io/syscalls.c | grep -oE '"[a-z0-9_]+"' | tr -d '"'
		printf '%s\n' bpf capset clone execve seccomp setns
	} | sort -u | comm -12 - <(awk '{ print $2 }' "$LAB_DIR/groups" | sort -u) |
		comm -23 - <(comm -23 "$LAB_DIR/with" "$LAB_DIR/without")
}

# ProtectSystem=strict, ReadOnlyPaths=, ProtectControlGroups= and ProtectHome= with the lab's run directory and bpffs
# as the ones that are named; CapabilityBoundingSet= and NoNewPrivileges=.
# shellcheck disable=SC2016 # expanded by the inner shell
CONFINED='
	mount --bind "$1/run" "$1/run"
	awk "{ print \$5 }" /proc/self/mountinfo | while read -r point; do
		case $point in "$1/run" | "$1/bpf" | /dev* | /proc) continue ;; esac
		mount -o remount,bind,ro "$point" 2>/dev/null || true
	done
	mount --bind /proc/sys /proc/sys
	mount -o remount,bind,ro /proc/sys
	for home in /home /root; do [ ! -d $home ] || mount -t tmpfs -o ro none $home; done
	if touch "$1/written" 2>/dev/null || mkdir "$2/made" 2>/dev/null; then exit 9; fi
	dir=$1 capabilities=$3
	shift 3
	exec setpriv --no-new-privs --bounding-set="-all,$capabilities" --inh-caps=-all "$dir/stubsieve" run "$@"'

confined() {
	local capabilities
	capabilities=$(setting CapabilityBoundingSet | tr '[:upper:] ' '[:lower:]\n' | sed 's/^cap_/+/' | paste -sd ,)
	cp "$STUBSIEVE" "$LAB_DIR/stubsieve"
	mkdir -p "$LAB_DIR/run"
	(lab_stay control "$LAB_HOST_PID" unshare --mount --propagation slave sh -euc "$CONFINED" sh "$LAB_DIR" "$LAB_CGROUP" \
		"$capabilities" --cgroup "$LAB/clients" --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve" --settle 0) \
		>"$LAB_DIR/filter.log" 2>&1 </dev/null &
	LAB_FILTER_PID=$!
	disown
	check "confined: it runs" lab_until 20 lab_filter_runs
	check_equal "confined: it keeps all that the unit file grants, and was granted no more" \
		"$(setting CapabilityBoundingSet | tr ' ' '\n' | sort)" "$(lab_status '.sandbox.capabilities[]' | sort)"
	check "confined: it answers" lab_until 5 lab_filtered
	ip netns add "$LAB-later"
	check "confined: a container is answered" lab_until 5 answered one
	container_start two clients/two && container_bridged two 32
	check "confined: one that comes later, too" lab_until 5 answered two
	container_end two
	check "confined: it is let go" lab_until 5 namespaces_followed 2
	check_equal "confined: exec" 0 "$(lab_filter exec -- true >/dev/null 2>&1; echo $?)"
	mkdir "$LAB_CGROUP/clients/made" && rmdir "$LAB_CGROUP/clients/made"
	check_equal "confined: nothing was worth a word" "" "$(grep -v ': ready' "$LAB_DIR/filter.log")"
	check "confined: stop" lab_filter stop
	check "confined: it ends" lab_until 5 lab_gone "$LAB_FILTER_PID"
	LAB_FILTER_PID=''
	check_equal "confined: nothing is left" "" "$(lab_control find "$LAB_DIR/bpf" -mindepth 1 ! -name '*.debug')"
	ip netns del "$LAB-later"
}

# watchdog_heard PHRASE [NAME=VALUE]...: how often a service manager that asks so hears of a beat, within 4 s
watchdog_heard() {
	local listener
	python3 - "$LAB_DIR/notify" "$LAB_DIR/beats" <<'END' &
import socket, sys, time
heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
heard.bind(sys.argv[1])
words = []
try:
    heard.settimeout(20)
    while "READY=1" not in words:
        words.append(heard.recv(4096).decode())
    end = time.monotonic() + 4
    while time.monotonic() < end:
        heard.settimeout(max(end - time.monotonic(), 0.01))
        words.append(heard.recv(4096).decode())
except TimeoutError:
    pass
open(sys.argv[2], "w").write("".join(word + "\n" for word in words))
END
	listener=$!
	lab_until 20 test -S "$LAB_DIR/notify"
	(export NOTIFY_SOCKET=$LAB_DIR/notify "${@:2}"; lab_filter_start --settle 0) || not_ok "$1: the filter starts"
	wait "$listener"
	lab_filter stop
	rm "$LAB_DIR/notify"
	HEARD=$(grep -c '^WATCHDOG=1$' "$LAB_DIR/beats")
}

watchdog() {
	local seconds
	seconds=$(setting WatchdogSec)
	check_number "watchdog: the unit asks for it, with time for a busy machine" "$seconds" -ge 20
	watchdog_heard "watchdog" "WATCHDOG_USEC=${seconds}000000"
	check_number "watchdog: it hears of beats" "$HEARD" -ge 2
	watchdog_heard "not asked for"
	check_equal "watchdog: without being asked it says nothing" 0 "$HEARD"
	watchdog_heard "for another process" "WATCHDOG_USEC=${seconds}000000" WATCHDOG_PID=1
	check_equal "watchdog: nor for another process" 0 "$HEARD"
}

answered() { container_fates "$1" | grep -q filter; }
namespaces_followed() { [ "$(lab_status '.netns | length')" = "$1" ]; }

need_root
lab_init unit-file
trap 'LAB_STATUS=$?; ip netns del "$LAB-later" 2>/dev/null; (exit $LAB_STATUS); lab_remove; exit $LAB_STATUS' EXIT
installed
analyzed
containers_host ipv4
container_start one clients/one && container_bridged one 31
confined
watchdog
finish
