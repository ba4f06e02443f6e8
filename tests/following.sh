# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# For tests of how the controller follows changes; sourced after tools/lab/lab.sh.
#
#   shown WANT [OPTION...] [-- COMMAND...]   what tests/tools/await-shown says, on the lab's host; with its options
#   us_of LINE                               of that: how long it took
#   monitor_field PID MEMBER FIELD           of the netlink socket by which the controller PID follows the namespace of
#                                            the process MEMBER: port, or waiting (bytes that it has not read yet)
#   reader_begin; reader_end                 tests/tools/route-reader on the lab's host; READER is its pid
#   reader_value NAME                        of what it said at its end: messages, forged, lost

TOOLS=$BUILD/tests/tools

shown() {
	local want=$1 options=()
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1") && shift; done
	lab_control "$TOOLS/await-shown" --stubsieve "$STUBSIEVE" ${options[@]+"${options[@]}"} "$LAB_DIR/run" "$want" "$@"
}

us_of() { sed -n 's/^us=\([0-9]*\) .*/\1/p' <<<"$1"; }

monitor_field() {
	local inodes column
	case $3 in port) column=3 ;; waiting) column=5 ;; esac
	inodes=$(find "/proc/$1/fd" -lname 'socket:*' -printf '%l ' 2>/dev/null)
	# In the fourth column the groups: it is the one that subscribed to some.
	awk -v inodes="$inodes" -v column="$column" '
		$2 == 0 && $4 != "00000000" && index(inodes, "socket:[" $10 "]") { print $column; exit }' "/proc/$2/net/netlink"
}

reader_begin() {
	rm -f "$LAB_DIR/reader.log" "$LAB_DIR/reader.in"
	mkfifo "$LAB_DIR/reader.in"
	(lab_stay control "$LAB_HOST_PID" "$TOOLS/route-reader") <"$LAB_DIR/reader.in" >"$LAB_DIR/reader.log" 2>&1 &
	READER=$!
	exec {READER_INPUT}>"$LAB_DIR/reader.in"
	lab_until 5 grep -q ready "$LAB_DIR/reader.log"
}

reader_end() {
	exec {READER_INPUT}>&-
	wait "$READER"
}

reader_value() { sed -n "s/.*$1=\([0-9]*\).*/\1/p" "$LAB_DIR/reader.log"; }
