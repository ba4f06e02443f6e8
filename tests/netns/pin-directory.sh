#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The directory of the pins: with hostile contents, of another user, of another controller; and when its bpffs is unmounted,
# covered or emptied, with and without a controller.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/flow.sh

NOBODY=65534
RATE=300 # queries a second
VERSION=$(sed -n 's/^#define SIEVE_ABI_VERSION //p' include/stubsieve/abi.h)

# says PHRASE WORDS TEXT
says() {
	if [[ $3 == *"$2"* ]]; then ok "$1"; else not_ok "$1" "want: $2" "have: $3"; fi
}

# run_at PIN_DIR [OPTION...]: a `run` that is to refuse; its status and what it said
run_at() {
	local status=0 directory=$1
	shift
	lab_control timeout 10 "$STUBSIEVE" run --run-dir "$LAB_DIR/run2" --pin-dir "$directory" --cgroup "$LAB/clients" "$@" \
		>"$LAB_DIR/said" 2>&1 || status=$?
	echo "$status $(cat "$LAB_DIR/said")"
}

# refused PHRASE STATUS WORDS PIN_DIR: `run` there fails with that status, and says those words
refused() {
	local said
	said=$(run_at "$4")
	check_equal "$1: run fails" "$2" "${said%% *}"
	says "$1: it is named" "$3" "$said"
}

as_nobody() { lab_control setpriv --reuid "$NOBODY" --regid "$NOBODY" --clear-groups "$@"; }

directories() {
	local bpf=$LAB_DIR/bpf
	lab_control chmod 1777 "$bpf"
	as_nobody mkdir "$bpf/theirs"
	refused "a directory that another user made first" 1 "$bpf/theirs belongs to the user $NOBODY" "$bpf/theirs"
	check "a directory of another user stays" lab_control test -d "$bpf/theirs"
	lab_control mkdir -m 755 "$bpf/open"
	refused "a directory that others may enter" 1 "$bpf/open is not a directory that only root may enter" "$bpf/open"
	lab_control ln -s "$bpf/open" "$bpf/link"
	refused "a symbolic link" 1 "$bpf/link is not a directory" "$bpf/link"
	refused "a symbolic link above it" 1 "$bpf/link, in pin-dir $bpf/link/pins, is a symbolic link" "$bpf/link/pins"
	refused "a directory of another user above it" 1 "$bpf/theirs, in pin-dir $bpf/theirs/pins, belongs to" "$bpf/theirs/pins"
	lab_control mkdir -m 777 "$bpf/all"
	refused "a directory that all write to above it" 1 "$bpf/all, in pin-dir $bpf/all/pins, can be written" "$bpf/all/pins"
	lab_control chmod 755 "$bpf"
	lab_control rm -r "$bpf/theirs" "$bpf/open" "$bpf/link" "$bpf/all"
}

# hostile PHRASE PIN COMMAND...: what the command puts in the place of a pin is named and stays, also with `stop`
hostile() {
	local phrase=$1 pin=$LAB_DIR/bpf/stubsieve/$2
	shift 2
	lab_control mkdir -m 700 "$LAB_DIR/bpf/stubsieve"
	lab_control "$@" || not_ok "$phrase: it can be made"
	refused "$phrase" 1 "$pin" "$LAB_DIR/bpf/stubsieve"
	lab_control "$STUBSIEVE" stop --run-dir "$LAB_DIR/run2" --pin-dir "$LAB_DIR/bpf/stubsieve" >/dev/null 2>&1
	check "$phrase: it stays when ours go" lab_control sh -c "test -e $pin || test -L $pin"
	check_equal "$phrase: nothing of ours is left beside it" "$(basename "$pin")" "$(lab_control ls "$LAB_DIR/bpf/stubsieve")"
	lab_control rm -r "$LAB_DIR/bpf/stubsieve"
}

contents() {
	local pins=$LAB_DIR/bpf/stubsieve
	hostile "a foreign map in the place of ours" "counters-$VERSION" \
		bpftool map create "$pins/counters-$VERSION" type array key 4 value 8 entries 1 name foreign
	hostile "a map of another layout" "heartbeat-$VERSION" \
		bpftool map create "$pins/heartbeat-$VERSION" type array key 4 value 4 entries 1 name heartbeat
	hostile "a directory in the place of a map" "netns-$VERSION" mkdir "$pins/netns-$VERSION"
	hostile "a symbolic link in the place of a map" "names-$VERSION" ln -s "$pins/elsewhere" "$pins/names-$VERSION"
}

# second PHRASE RUN_DIR: a second controller is refused with 4, and told of the first
second() {
	local said status=0
	said=$(lab_control timeout 10 "$STUBSIEVE" run --run-dir "$2" --pin-dir "$LAB_DIR/bpf/stubsieve" \
		--cgroup "$LAB/clients" 2>&1) || status=$?
	check_equal "$1: exit status" 4 "$status"
	says "$1: it is named" "$3" "$said"
}

instances() {
	start_filter "the first controller" --settle 0 || return
	second "a second one with the same run-dir" "$LAB_DIR/run" "pid $LAB_FILTER_PID"
	second "a second one with the same pin-dir" "$LAB_DIR/run2" "$LAB_DIR/bpf/stubsieve"
	check "then the first one answers" lab_filtered
	check_equal "maps are for root alone" 600 \
		"$(lab_control find "$LAB_DIR/bpf/stubsieve" -name "*-$VERSION" -printf '%m\n' | sort -u)"
	check_equal "the directory is for root alone" 700 "$(lab_control stat -c %a "$LAB_DIR/bpf/stubsieve")"
}

# on_hooks: how many of our programs hang at h0 and at the cgroup
on_hooks() {
	lab_control "$BUILD/tests/tools/on-hook" egress h0 | grep -c '^sieve_'
	lab_control "$BUILD/tests/tools/on-hook" cgroup "$LAB_CGROUP/clients" | grep -c '^sieve_'
}

expect_hooks() { check_equal "$1: programs of ours at the device and at the cgroup" "$2" "$(on_hooks | tr '\n' ' ')"; }

link_of_h0() { lab_control sh -c "bpftool -j link show pinned $LAB_DIR/bpf/stubsieve/tcx-*-$H0" | jq .id; }
mount_bpf() { lab_control mount -t bpf bpf "$LAB_DIR/bpf"; }
unmount_bpf() { while lab_control umount --lazy "$LAB_DIR/bpf" 2>/dev/null; do :; done; }
pinned() { lab_control sh -c "ls $LAB_DIR/bpf/stubsieve/$1" >/dev/null 2>&1; }
all_pinned() { pinned "tcx-*-$H0" && pinned "counters-$VERSION" && pinned carried; }

kill_controller() {
	kill -KILL "$LAB_FILTER_PID"
	lab_until 5 lab_gone "$LAB_FILTER_PID"
	LAB_FILTER_PID=''
}

# with_controller PHRASE COMMAND...: what the command does to the pins is made good, and the filter outlives the controller
with_controller() {
	local phrase=$1 link
	shift
	link=$(link_of_h0)
	"$@"
	check "$phrase: all is pinned again" lab_until 5 all_pinned
	check_equal "$phrase: the link is the same" "$link" "$(link_of_h0)"
	expect_hooks "$phrase" "1 0 "
	kill_controller
	check "$phrase: the filter answers without its controller" lab_filtered
	start_filter "$phrase: the next controller" --settle 0
	check_equal "$phrase: it has the same link" "$link" "$(link_of_h0)"
	expect_hooks "$phrase: the next controller" "1 0 "
}

another_bpffs() { unmount_bpf && mount_bpf; }
late_bpffs() { unmount_bpf && sleep 2 && mount_bpf; }

while_it_runs() {
	H0=$(ip -n "$LAB-host" -json link show dev h0 | jq '.[0].ifindex')
	lab_mark
	flow_start "$RATE"
	with_controller "the bpffs is unmounted, and another one mounted" another_bpffs
	with_controller "another bpffs is mounted over it" mount_bpf
	with_controller "the pins are removed" lab_control sh -c "rm -r $LAB_DIR/bpf/stubsieve/*"
	with_controller "the directory is removed" lab_control rm -r "$LAB_DIR/bpf/stubsieve"
	with_controller "there is no bpffs for two seconds" late_bpffs
	check "there is no bpffs: it was told" grep -q 'are gone, and cannot be made again' "$LAB_DIR/filter.log"
	flow_stop
	flow_all_answered "while it runs" "$RATE"
}

# The old bpffs lives on in another mount namespace.
hold() {
	(lab_stay control "$LAB_HOST_PID" unshare --mount --propagation private sleep 60) >/dev/null 2>&1 </dev/null &
	HOLDER=$!
	disown
	lab_until 5 held
}
held() { [ "$(readlink "/proc/$HOLDER/ns/mnt")" != "$(readlink "/proc/$LAB_HOST_PID/ns/mnt")" ] && grep -q sleep "/proc/$HOLDER/comm"; }

no_links() {
	local id
	for id; do bpftool link show id "$id" >/dev/null 2>&1 && return 1; done
	return 0
}

after_it_was_killed() {
	local link counted
	lab_mark
	hold
	link=$(link_of_h0)
	flow_start "$RATE"
	sleep 0.3
	kill_controller
	another_bpffs
	start_filter "the pins are in a bpffs of another mount namespace" --settle 0
	sleep 0.5
	check_equal "... the link is found by its id, and pinned" "$link" "$(link_of_h0)"
	expect_hooks "..." "1 0 "
	flow_stop
	flow_all_answered "..." 100
	lab_end "$HOLDER"
	check "... and it stays when that namespace is gone" lab_filtered
	# Another action leaves nothing of it behind.
	hold
	kill_controller
	another_bpffs
	start_filter "... and another action" --settle 0 --action observe
	expect_hooks "... observe" "0 1 "
	kill_controller
	another_bpffs
	start_filter "... the cgroup's link" --settle 0 --action observe
	expect_hooks "... observe again" "0 1 "
	lab_end "$HOLDER"
	counted=$(lab_status .counters.queries)
	lab_client dig "@$LAB_SERVER4" +tries=1 both.example A >/dev/null
	check_equal "... a query is counted once" $((counted + 1)) "$(lab_status .counters.queries)"
	lab_filter_stop
}

stop_by_id() {
	local link
	start_filter "stop by id" --settle 0 || return
	hold
	link=$(link_of_h0)
	# It lives in that mount namespace, and in ours there is another bpffs in the place of its.
	kill_controller
	(lab_stay control "$HOLDER" "$STUBSIEVE" run --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve" \
		--cgroup "$LAB/clients" --settle 0) >>"$LAB_DIR/filter.log" 2>&1 </dev/null &
	LAB_FILTER_PID=$!
	disown
	lab_until 5 lab_filter_runs || not_ok "a controller in another mount namespace starts"
	another_bpffs
	second "a controller in another mount namespace" "$LAB_DIR/run2" "another mount namespace"
	check "... which answers" lab_filtered
	kill_controller
	check "stop by id: the filter is there" lab_filtered
	check "stop by id: stop" lab_control "$STUBSIEVE" stop --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve"
	expect_hooks "stop by id" "0 0 "
	lab_end "$HOLDER"
	check "stop by id: no link is left" lab_until 2 no_links "$link"
}

need_root
lab_init pin-directory
lab_host ipv4
directories
contents
instances
while_it_runs
after_it_was_killed
stop_by_id
finish
