#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# forged.sh: a local process with CAP_NET_ADMIN sends the controller messages that look like the kernel's. Nothing
# changes: not what is shown, and it does not even look. Beside it, as twins, a program that counts such messages,
# and changes that the kernel did make.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/following.sh

TIMES=5
PER_TIME=8       # messages of each kind that forge-netlink sends at a time
CLOSING_S=0.1    # the closing survey has come by then
WITHOUT=ra-,---,pass,answer
WITH=ra-,r--,pass,pass

surveys() { lab_status '[.netns[].surveys] | add'; }
seen() { lab_status '.netns | map({inum, ipv4, ipv6, verdict, state, interfaces, overflows}) | tojson'; }
is_read() { [ "$(monitor_field "$CONTROLLER" "$LAB_HOST_PID" waiting)" = 0 ]; }

# A twin: the kernel's own messages make it look.
real_change() {
	local before
	before=$(surveys)
	check "$1" shown "$2" -- sh -c "$3"
	sleep "$CLOSING_S"
	check_number "$1: it has looked" "$(surveys)" -gt "$before"
}

# Surveys that something prompted before are over.
is_quiet() {
	local before
	before=$(surveys)
	sleep "$CLOSING_S"
	[ "$(surveys)" = "$before" ]
}

forge() {
	local i surveys seen said='' want=''
	check "$1: nothing else is going on" lab_until 5 is_quiet
	surveys=$(surveys) seen=$(seen)
	for ((i = 0; i < TIMES; i++)); do
		said+=$(lab_control "$TOOLS/forge-netlink" "$PORT" d0)$'\n'
		want+="delivered=$PER_TIME sent=$PER_TIME"$'\n'
	done
	check_equal "$1: the messages arrive" "$want" "$said"
	check "$1: they are read" lab_until 5 is_read
	sleep "$CLOSING_S"
	check_equal "$1: nothing changes" "$seen" "$(seen)"
	check_equal "$1: it has not even looked" "$surveys" "$(surveys)"
}

need_root
lab_init forged
lab_namespaces
lab_no_dad
ip -n "$LAB-host" link add d0 type veth peer name d1
ip -n "$LAB-host" link set d1 up && ip -n "$LAB-host" link set d0 up
ip -n "$LAB-host" addr add 198.51.100.2/24 dev d0
start_filter "forged" --settle 0 || finish
CONTROLLER=$(lab_status .pid)
PORT=$(monitor_field "$CONTROLLER" "$LAB_HOST_PID" port)
reader_begin
forge "without IPv6"
real_change "a real route comes" "$WITH" "ip route add 2001:db8:77::/48 dev d0"
forge "with IPv6"
real_change "a real route goes" "$WITHOUT" "ip route del 2001:db8:77::/48 dev d0"
reader_end
check_equal "those who subscribed got them, too" $((2 * TIMES * PER_TIME)) "$(reader_value forged)"
lab_filter_stop
finish
