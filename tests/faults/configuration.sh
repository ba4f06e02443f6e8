#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# configuration.sh [GROUP...]: a configuration that breaks under a running controller, a disk that is full of metrics, and
# kernels, mounts and privileges that lack something, found out by a second controller that is to take over from a dead
# one: it refuses by name, and the dead one's filter is as it was.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/flow.sh
. tests/pins.sh
. tests/fault-lab.sh

CONFIG=''

configure() { printf '%s\n' "$@" >"$CONFIG"; }

# refused PHRASE STATUS PATTERN COMMAND...: it fails so, and says that
refused() {
	local phrase=$1 want=$2 pattern=$3 status=0
	shift 3
	lab_control "$@" >/dev/null 2>"$LAB_DIR/refused" || status=$?
	check_equal "$phrase: exit status" "$want" "$status"
	check "$phrase: it is named" grep -qE -e "$pattern" "$LAB_DIR/refused"
	grep -qE -e "$pattern" "$LAB_DIR/refused" || note "$(cat "$LAB_DIR/refused")"
}

run() { echo "$STUBSIEVE" run --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve" --cgroup "$LAB/clients"; }

reload_of_broken_file() {
	local line
	configure "settle = 0"
	start_filter "a file" --config "$CONFIG" || return
	fault_begin
	for line in "sette = 0" "settle = now" "settle" "[section]" "exempt-name = ..x" "gateway = a/b" \
		$'settle = 0\nsettle = 1'; do
		configure "action = observe" "$line"
		refused "a reload of \"${line//$'\n'/, }\"" 2 "$CONFIG" "$STUBSIEVE" reload --run-dir "$LAB_DIR/run"
		kill -HUP "$LAB_FILTER_PID"
	done
	rm "$CONFIG"
	refused "a reload of a file that is gone" 2 "$CONFIG" "$STUBSIEVE" reload --run-dir "$LAB_DIR/run"
	check "broken files: AAAA is answered as before" lab_filtered
	configure "settle = 0" "ede = no"
	check "a good file: it is loaded" lab_control "$STUBSIEVE" reload --run-dir "$LAB_DIR/run"
	fault_end "broken files at reload"
	check_equal "broken files: none reached the server" 0 "$SERVER"
}

# Every 15 s; a reload writes at once.
full_disk() {
	lab_control mkdir -p "$LAB_DIR/small"
	lab_control mount -t tmpfs -o size=8k none "$LAB_DIR/small"
	fault_begin
	configure "settle = 0" "metrics-textfile = $LAB_DIR/small/stubsieve.prom"
	lab_control sh -c "cat /dev/zero >$LAB_DIR/small/full" 2>/dev/null
	lab_control "$STUBSIEVE" reload --run-dir "$LAB_DIR/run"
	check "a disk full of metrics: the log names the file and the cause" lab_until 20 said \
		"$LAB_DIR/small/stubsieve.prom.*No space left"
	check_equal "a disk full of metrics: no part of a file" full "$(lab_control ls -A "$LAB_DIR/small")"
	lab_control rm "$LAB_DIR/small/full"
	lab_control mount -o remount,size=1m none "$LAB_DIR/small"
	check "the disk has room again: the file is whole" lab_until 20 whole_metrics
	fault_end "a disk full of metrics"
	configure "settle = 0"
	lab_control "$STUBSIEVE" reload --run-dir "$LAB_DIR/run"
	lab_control umount "$LAB_DIR/small"
}

whole_metrics() { lab_control grep -q '^stubsieve_up 1' "$LAB_DIR/small/stubsieve.prom"; }

# In mounts of its own: what the machine lacks, and what the next controller says of it. The dead one's filter goes on.
lacks() {
	local in_mounts=(unshare --mount --propagation private sh -euc)
	filter_ends KILL
	fault_begin
	# shellcheck disable=SC2046 # words without spaces
	refused "no BTF" 6 "BTF" "${in_mounts[@]}" 'mount --bind /dev/null /sys/kernel/btf/vmlinux; exec "$@"' sh $(run)
	# shellcheck disable=SC2016,SC2046
	refused "no cgroup2" 6 "cgroup2" "${in_mounts[@]}" '
		while mount=$(awk "/ - cgroup2 / { print \$5 }" /proc/self/mountinfo | tail -n 1) && [ -n "$mount" ]; do
			umount -l "$mount"
		done
		exec "$@"' sh $(run)
	# shellcheck disable=SC2016,SC2046
	refused "no bpffs" 2 "bpf" "${in_mounts[@]}" 'umount -l "$1"; shift; exec "$@"' sh "$LAB_DIR/bpf" $(run)
	for capability in bpf net_admin perfmon; do
		# shellcheck disable=SC2046
		refused "without CAP_${capability^^}" 5 "CAP_${capability^^}" \
			setpriv --bounding-set=-all,+bpf,+net_admin,+perfmon,-$capability --inh-caps=-all $(run)
	done
	check "refused: the dead controller's filter answers" lab_filtered
	start_filter "with all of it" --config "$CONFIG"
	fault_end "the next controller lacks something"
	check_equal "the next controller lacks something: none reached the server" 0 "$SERVER"
	check_equal "then: one program on each interface" "1 1" "$(programs_on_interfaces)"
}

need_root
[ $# -gt 0 ] || set -- reload_of_broken_file full_disk lacks
lab_init fault-configuration
CONFIG=$LAB_DIR/stubsieve.conf
lab_host ipv4
for group; do
	"$group"
done
fault_over
finish
