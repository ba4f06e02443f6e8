#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A file system that does not answer any more, with the metrics-textfile on it: no signal ends what writes there. The
# heart beats on, a reload takes the file elsewhere, and when the controller is killed or stopped the next one starts.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/reload-lab.sh

DISK=
THERE=

disk_make() {
	truncate -s 8M "$LAB_DIR/disk.img" && mkfs.ext4 -q "$LAB_DIR/disk.img" || return
	mkdir "$LAB_DIR/disk" "$LAB_DIR/alive"
	lab_control mount -o loop "$LAB_DIR/disk.img" "$LAB_DIR/disk"
}

disk_die() { lab_control fsfreeze --freeze "$LAB_DIR/disk"; }
disk_revive() { lab_control fsfreeze --unfreeze "$LAB_DIR/disk"; }

# Who waits for it, in state D, is nobody's child any more when the controller has ended.
hung() {
	local pid
	while read -r pid; do
		sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | grep -q '^D' && echo "$pid"
	done <"$LAB_CGROUP/control/cgroup.procs"
}
hang() { [ "$(hung | wc -l)" -ge "$1" ]; }

descriptors_of() { find "/proc/$1/fd" -mindepth 1 -printf '%f\n' 2>/dev/null | sort -n | xargs; }
beats() { [ "$(lab_status '.heartbeat_age_seconds < 3')" = true ]; }
written() { lab_control grep -q '^stubsieve_up 1' "$1"; }

# start PHRASE: with the file on the disk
start() {
	configure "settle = 0" "metrics-textfile = $THERE"
	start_filter "$1" --config "$CONF"
}

moved() {
	local began
	check "a dead disk: a writer hangs" lab_until 5 hang 1
	check_equal "a dead disk: it has no descriptors but the first three" "0 1 2" "$(descriptors_of "$(hung | head -n 1)")"
	check "a dead disk: AAAA is answered" lab_until 5 lab_filtered
	began=$(lab_ms)
	reloaded "a dead disk: to another file" "settle = 0" "metrics-textfile = $LAB_DIR/alive/stubsieve.prom"
	check "a dead disk: the other file is written" lab_until 5 written "$LAB_DIR/alive/stubsieve.prom"
	check_number "a dead disk: reload and file took ms" $(($(lab_ms) - began)) -le 5000
	check "a dead disk: the heart beats" beats
}

# ended PHRASE SIGNAL
ended() {
	kill "-$2" "$(controller)"
	check "$1: the controller ends" lab_until 5 lab_gone "$LAB_FILTER_PID"
	LAB_FILTER_PID=''
	check "$1: something hangs still" hang 1
	start "$1: the next one"
}

stopped() {
	check "a dead disk: a writer of the next one hangs" lab_until 5 hang 2
	check "a dead disk: stop" lab_filter stop
	check "a dead disk: stop ends the controller" lab_until 5 lab_gone "$LAB_FILTER_PID"
	LAB_FILTER_PID=''
	check_equal "a dead disk: nothing of the filter is left" "" "$(lab_control find "$LAB_DIR/bpf" -mindepth 1 ! -name '*.debug')"
}

# Those that hung end when the disk answers, and do not count as commands that are being answered.
revived() {
	start "a disk that comes back" || return
	check "a disk that comes back: a writer hangs" lab_until 5 hang 1
	reloaded "a disk that comes back: without a file" "settle = 0"
	disk_revive
	DISK=alive
	check "a disk that comes back: nothing hangs" lab_until 5 eval '! hang 1'
	sleep 1.2
	check "a disk that comes back: status is answered" lab_filter_runs
	check_equal "a disk that comes back: no file is there" "" "$(lab_control ls "$LAB_DIR/disk" | grep -v lost+found)"
}

tidy() {
	LAB_STATUS=$?
	[ "$DISK" != dead ] || disk_revive
	lab_filter_stop >/dev/null 2>&1
	[ -z "$DISK" ] || lab_control umount "$LAB_DIR/disk"
	(exit "$LAB_STATUS")
	lab_remove
	exit "$LAB_STATUS"
}

need_root
lab_init dead-disk
lab_host ipv4
CONF=$LAB_DIR/stubsieve.conf
THERE=$LAB_DIR/disk/stubsieve.prom
trap tidy EXIT
if ! disk_make >"$LAB_DIR/disk.log" 2>&1; then
	skip "a dead disk" "no ext4 on a loop device"
	finish
fi
DISK=alive
if disk_die; then
	DISK=dead
	if start "a dead disk"; then
		moved
		ended "SIGTERM beside a dead disk" TERM
		ended "SIGKILL beside a dead disk" KILL
		stopped
		revived
	fi
else
	skip "a dead disk" "fsfreeze does not work here"
fi
finish
