#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Containers of podman, unmodified: with and without IPv6 on bridges that podman makes, with macvlan, and in the
# host's own network. Podman runs within the lab's host, with storage, state and /run of its own, so nothing of the
# machine's is touched; the containers' files are made here.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/container-lab.sh

LOOKUPS=5
UNPACKED=$PWD/.deps/podman # by tools/deps.sh, where the package would start services
NAMES=(both.example v4.example)

podman_missing() {
	PATH=$UNPACKED/usr/bin:$UNPACKED/usr/sbin:$PATH
	local tool
	for tool in podman conmon runc; do
		command -v "$tool" >/dev/null || { echo "$tool is missing: run make deps"; return; }
	done
	netavark >/dev/null || echo "netavark is missing: run make deps"
}

netavark() { find "$UNPACKED" /usr/libexec/podman /usr/lib/podman -name netavark -type f 2>/dev/null | head -n 1; }

# The files of a container: a few programs, and the libraries that they need.
make_root() {
	local program library
	mkdir -p "$1"/{bin,dev,etc,proc,run,sys,tmp}
	for program in /bin/sh /bin/sleep "$BUILD/tests/tools/"{ask,first-answer,lookup} "$BUILD/tests/stubs/musl"; do
		[ ! -x "$program" ] || cp -L "$program" "$1/bin/"
	done
	ldd "$1"/bin/* 2>/dev/null | grep -o '/[^ ]*\.so[^ ]*\|/[^ ]*/ld-[^ ]*' | sort -u | while read -r library; do
		mkdir -p "$1${library%/*}" && cp -L "$library" "$1$library"
	done
}

# What a container gets to see of the machine's limits depends on podman's privileges: they are set here.
podman_configuration() {
	cat <<END
[containers]
default_sysctls = []
default_ulimits = [ "nofile=1024:1024", "nproc=1024:1024" ]
pids_limit = 0
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
helper_binaries_dir = [ "$(dirname "$(netavark)")" ]
conmon_path = [ "$(command -v conmon)" ]
static_dir = "$PODMAN/libpod"
tmp_dir = "$PODMAN/tmp"
volume_path = "$PODMAN/volumes"
[engine.runtimes]
runc = [ "$PODMAN/runc" ]
[network]
network_backend = "netavark"
network_config_dir = "$PODMAN/networks"
END
}

# The mounts of podman: a /run of its own but for /run/netns, and one cgroup2 hierarchy where it looks for it.
# shellcheck disable=SC2016 # expanded by the inner shell
PODMAN_MOUNTS='
	mount --bind /run/netns "$1/netns"
	mount -t tmpfs -o mode=755 none /run
	mkdir /run/netns
	mount --bind "$1/netns" /run/netns
	[ "$2" = /sys/fs/cgroup ] || mount -t cgroup2 none /sys/fs/cgroup
	touch "$1/held"
	exec sleep "$3"'

podman_start() {
	PODMAN=$LAB_DIR/podman
	mkdir -p "$PODMAN"/{root,run,tmp,volumes,networks,netns}
	make_root "$PODMAN/files"
	printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$(libraries)" "$(command -v runc)" >"$PODMAN/runc"
	chmod 755 "$PODMAN/runc"
	podman_configuration >"$PODMAN/containers.conf"
	printf '[storage]\ndriver = "vfs"\ngraphroot = "%s/root"\nrunroot = "%s/run"\n' "$PODMAN" "$PODMAN" >"$PODMAN/storage.conf"
	lab_control mount -t tmpfs -o mode=755 none /run/netns
	lab_control mount --make-shared /run/netns # so that the controller sees the names that podman gives
	(lab_stay control "$LAB_HOST_PID" unshare --mount --propagation unchanged \
		sh -euc "$PODMAN_MOUNTS" sh "$PODMAN" "$LAB_CGROUP_ROOT" "$LAB_LIFETIME") </dev/null >/dev/null 2>"$PODMAN/log" &
	PODMAN_PID=$!
	disown
	lab_until 5 test -e "$PODMAN/held" || lab_die "no private mounts for podman: $(cat "$PODMAN/log")"
}

libraries() { find "$UNPACKED/usr/lib" -name '*.so*' -printf '%h\n' 2>/dev/null | grep -v xtables | sort -u | paste -sd :; }

podman() {
	lab_enter control "$PODMAN_PID" "$LAB_TIMEOUT" env CONTAINERS_CONF="$PODMAN/containers.conf" CONTAINERS_STORAGE_CONF="$PODMAN/storage.conf" \
		LD_LIBRARY_PATH="$(libraries)" XTABLES_LIBDIR="$(dirname "$(find "$UNPACKED/" -name libxt_tcp.so | head -n 1)")" \
		podman "$@"
}

# start NAME NETWORK
start() {
	local dns=(--dns "$LAB_SERVER4")
	case $2 in container:*) dns=() ;; esac
	podman run --detach --name "$1" --cgroup-parent "/$LAB/clients" --network "$2" ${dns[@]+"${dns[@]}"} \
		--rootfs "$PODMAN/files" /bin/sleep "$LAB_LIFETIME" >"$PODMAN/$1.log" 2>&1 || return
	CONTAINER_PID[$1]=$(podman inspect --format '{{.State.Pid}}' "$1")
}

# started NAME NETWORK: as a case
started() {
	if start "$@"; then
		ok "podman run --network $2: $1"
	else
		not_ok "podman run --network $2: $1" "$(cat "$PODMAN/$1.log")"
		return 1
	fi
}

# lookups NAME [PROGRAM]: sets SAID, ASKED_A, ASKED_AAAA
lookups() {
	lab_mark
	SAID=$(podman exec "$1" "/bin/${2:-lookup}" --count "$LOOKUPS" "${NAMES[@]}" | paste -sd '|')
	ASKED_A=$(lab_queries A) ASKED_AAAA=$(lab_queries AAAA)
}

without() {
	lookups "$1"
	check_number "$1, without the filter: A reach the server" "$ASKED_A" -gt 0
	check_number "$1, without the filter: AAAA reach the server" "$ASKED_AAAA" -gt 0
}

# with NAME answer|pass [PROGRAM...]
with() {
	local name=$1 verdict=$2 program
	shift 2
	for program in lookup "$@"; do
		[ -x "$PODMAN/files/bin/$program" ] || continue
		lookups "$name" "$program"
		check_number "$name, $program: A reach the server" "$ASKED_A" -ge $((2 * LOOKUPS))
		if [ "$verdict" = answer ]; then
			check_equal "$name, $program: no AAAA reaches the server" 0 "$ASKED_AAAA"
			check_equal "$name, $program: names have their IPv4 addresses" \
				"result both.example 198.51.100.10|result v4.example 198.51.100.4" "$SAID"
		else
			check_number "$name, $program: AAAA reach the server" "$ASKED_AAAA" -ge $((2 * LOOKUPS))
			check_equal "$name, $program: names have all their addresses" \
				"result both.example 198.51.100.10 2001:db8:77::10|result v4.example 198.51.100.4" "$SAID"
		fi
	done
	check_equal "$name: the verdict" "$verdict" "$(container_status "$name" .verdict.aaaa)"
}

fates() { podman exec "$@" | tr ' ' '\n' | grep -v -e =0 -e sent= | paste -sd ' '; }

is_followed() { [ -n "$(container_status "$1" .inum)" ]; }
followed_count() { lab_status '.netns | length'; }
follows_count() { [ "$(followed_count)" = "$1" ]; }

make_networks() {
	podman network create --disable-dns --subnet 10.77.1.0/24 single >/dev/null &&
		podman network create --disable-dns --ipv6 --subnet 10.77.2.0/24 --subnet 2001:db8:88::/64 dual >/dev/null &&
		podman network create --disable-dns --driver macvlan --opt parent=h0 --subnet 192.0.2.0/24 --ip-range 192.0.2.128/25 \
			--gateway "$LAB_SERVER4" flat >/dev/null
}

# Before the filter is started; then all are found by the scan.
by_scan() {
	started single single || return
	started dual dual || return
	without single
	without dual
	start_filter "podman" --settle 0 || return
	check "single is followed" lab_until 2 container_follows single eth0
	check "dual is followed" lab_until 2 container_follows dual eth0
	check_equal "the host and both are followed" 3 "$(followed_count)"
	with single answer musl
	with dual pass musl
	check_sums "podman"
}

by_sensor() {
	local said
	started later single || return
	said=$(podman exec later /bin/first-answer "$LAB_SERVER4" both.example)
	check "started later: its first queries may pass, then they are answered" read_first_answer "$said"
	note "started later: $said"
	with later answer
	started laterdual dual && {
		check "started later with IPv6: it is followed" lab_until 3 asks_and_is_followed laterdual
		with laterdual pass
	}
	check_equal "started later: the ones before are as they were" "filter=2 server=2" \
		"$(fates single /bin/ask --count 2 "$LAB_SERVER4" both.example) $(
			fates dual /bin/ask --count 2 "$LAB_SERVER4" both.example)"
}

asks_and_is_followed() {
	podman exec "$1" /bin/ask "$LAB_SERVER4" both.example >/dev/null
	container_follows "$1" eth0
}

other_networks() {
	started inhost host &&
		check_equal "in the host's network: AAAA reach the server, for the bridge with IPv6 is a route of the host" "server=3" \
			"$(fates inhost /bin/ask --count 3 "$LAB_SERVER4" both.example)"
	started shares container:single &&
		check_equal "in another container's network: by that one's" "filter=3" \
			"$(fates shares /bin/ask --count 3 "$LAB_SERVER4" both.example)"
	if start flat flat; then
		check "with macvlan: it is answered, though the host has IPv6" read_first_answer \
			"$(podman exec flat /bin/first-answer "$LAB_SERVER4" both.example)"
		with flat answer
		container_ip flat addr add 2001:db8:53::77/64 dev eth0 nodad
		check_equal "with macvlan and IPv6: AAAA reach the server" "server=3" \
			"$(fates flat /bin/ask --count 3 "$LAB_SERVER4" both.example)"
	else
		skip "podman with macvlan" "$(tail -n 1 "$PODMAN/flat.log")"
	fi
}

# A name in /run/netns, and new numbers at each start.
restarted() {
	check_equal "podman's name for it is shown" "netns-" "$(container_status single .name | cut -c 1-6)"
	podman rm --force --time 0 shares >/dev/null
	podman restart --time 0 single >/dev/null 2>&1
	CONTAINER_PID[single]=$(podman inspect --format '{{.State.Pid}}' single)
	check "restarted: it is answered again" read_first_answer \
		"$(podman exec single /bin/first-answer "$LAB_SERVER4" both.example)"
	with single answer
}

removed() {
	local since
	podman rm --force --time 0 inhost flat later laterdual dual >/dev/null 2>"$PODMAN/log" || note "$(cat "$PODMAN/log")"
	since=$(lab_ms)
	check "removed: only the host and the one that is left are followed" lab_until 2 follows_count 2
	note "let go $(($(lab_ms) - since)) ms after podman was done, the time of asking included"
	podman rm --force --time 0 single >/dev/null 2>&1
	check "removed: only the host is followed" lab_until 2 follows_count 1
	check_equal "nothing was worth a word" "" "$(grep -v ': ready' "$LAB_DIR/filter.log")"
	check_sums "podman, in the end"
}

need_root
lab_init podman
why=$(podman_missing)
if [ -n "$why" ]; then
	skip "podman" "$why"
	finish
fi
PATH=$UNPACKED/usr/bin:$UNPACKED/usr/sbin:$PATH
LAB_TIMEOUT=30
lab_host ipv4
lab_control sysctl -qw net.ipv4.ip_forward=1
podman_start
note "$(podman --version), $(runc --version | head -n 1), $("$(netavark)" --version)"
if ! make_networks 2>"$PODMAN/log" || ! start probe single; then
	skip "podman" "it cannot start a container here: $(cat "$PODMAN/log" "$PODMAN/probe.log" 2>/dev/null | tail -n 1)"
	finish
fi
podman rm --force --time 0 probe >/dev/null 2>&1
by_scan && {
	by_sensor
	other_networks
	restarted
	removed
}
finish
