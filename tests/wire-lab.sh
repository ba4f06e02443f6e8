# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A lab whose server is the test itself, for shell tests that have sourced tests/lib.sh and tools/lab/lab.sh.

# Link-local, so no connectivity, and no route that counts: for transport over the family that is lacking.
HOST_LINKLOCAL4=169.254.0.2
SERVER_LINKLOCAL4=169.254.0.1
HOST_LINKLOCAL6=fe80::52

# wire_host NAME ipv4|ipv6 [tun]: a host with that connectivity, and no DNS server. Sets USELESS, the type
# that is useless there, and WIRE4 and WIRE6, the addresses of both ends.
wire_host() {
	lab_init "$1"
	lab_namespaces
	lab_no_dad
	lab_link "${3:-veth}"
	ip -n "$LAB-host" addr add "$HOST_LINKLOCAL6/64" dev h0 nodad
	ip -n "$LAB-server" addr add "$SERVER_LINKLOCAL4/16" dev s0
	ip -n "$LAB-host" addr add "$HOST_LINKLOCAL4/16" dev h0 scope link
	WIRE4="$HOST_LINKLOCAL4 $SERVER_LINKLOCAL4" WIRE6="$HOST_LINKLOCAL6 $LAB_SERVER_LINKLOCAL"
	case $2 in
	ipv4) lab_ipv4 && USELESS=AAAA WIRE4="$LAB_HOST4 $LAB_SERVER4" ;;
	ipv6) lab_ipv6 && USELESS=A WIRE6="$LAB_HOST6 $LAB_SERVER6" ;;
	esac
}

# The command that prints the counters as lines of NAME VALUE.
counters_command() {
	echo "$STUBSIEVE status --json --run-dir $LAB_DIR/run |" \
		"jq -r '.counters | (del(.passed) + .passed) | to_entries[] | \"\\(.key) \\(.value)\"'"
}

# vectors PHRASE NEAR-PID NEAR-DEVICE FAR-PID FAR-DEVICE CHECKSUMS ACTION STEP SOURCE DESTINATION: see
# tests/tools/wire-vectors.c
vectors() {
	local phrase=$1 output status=0
	output=$(lab_enter server "$4" 60 "$BUILD/tests/tools/wire-vectors" \
		--near "/proc/$2/ns/net" "$LAB_CGROUP/clients" --devices "$3" "$5" --useless "$USELESS" --checksums "$6" \
		--action "$7" --step "$8" --counters "$(counters_command)" "${@:9}" 2>&1) || status=$?
	if [ "$status" -eq 0 ]; then
		ok "$phrase: ${output##*$'\n'}"
	else
		not_ok "$phrase: exit $status" "$output"
	fi
}

# vectors_over veth|tun|lo PHRASE CHECKSUMS STEP [ACTION]: from the host, over IPv4 and IPv6
vectors_over() {
	local near=h0 pid=$LAB_SERVER_PID far=s0 ends4=$WIRE4 ends6=$WIRE6
	[ "$1" != lo ] || near=lo pid=$LAB_HOST_PID far=lo ends4="127.0.0.1 127.0.0.1" ends6="::1 ::1"
	# shellcheck disable=SC2086 # two addresses
	vectors "$2, IPv4" "$LAB_HOST_PID" "$near" "$pid" "$far" "$3" "${5:-answer}" "$4" $ends4
	# shellcheck disable=SC2086
	vectors "$2, IPv6" "$LAB_HOST_PID" "$near" "$pid" "$far" "$3" "${5:-answer}" 0 $ends6
}

# packets PHRASE NEAR-PID NEAR-DEVICE FAR-PID FAR-DEVICE gateway|egress: see tests/tools/wire-packets.c
packets() {
	local phrase=$1 output status=0
	output=$(lab_enter server "$4" 60 "$BUILD/tests/tools/wire-packets" --near "/proc/$2/ns/net" --devices "$3" "$5" \
		--hook "$6" --useless "$USELESS" --counters "$(counters_command)" 2>&1) || status=$?
	if [ "$status" -eq 0 ]; then
		ok "$phrase: ${output##*$'\n'}"
	else
		not_ok "$phrase: exit $status" "$output"
	fi
}

# growth BEFORE AFTER: the counters that grew, as NAME=N
growth() {
	awk 'NR == FNR { before[$1] = $2; next }
		$1 != "queries" && $2 != before[$1] { printf "%s%s=%d", separator, $1, $2 - before[$1]; separator = " " }' \
		<(echo "$1") <(echo "$2")
}

# fate TEXT: "answered=2" as wire-query says it
fate() {
	local name text=''
	for name in answered passed wrong lost; do
		case $1 in
		"$name"=*) text+=" $1" ;;
		*) text+=" $name=0" ;;
		esac
	done
	echo "${text# }"
}

# query PHRASE FATE COUNTER NEAR-PID OPTION... WAY SOURCE DESTINATION: of wire-query; its queries, sent in the
# cgroup `clients` of a process' network namespace, have this fate, and this counter, and no other, grows. The far
# end is the server's namespace, or that of the process QUERY_FAR.
query() {
	local phrase=$1 want before after said
	want="$(fate "$2"), counted: $3"
	before=$(eval "$(counters_command)")
	said=$(lab_enter server "${QUERY_FAR:-$LAB_SERVER_PID}" 20 "$BUILD/tests/tools/wire-query" \
		--near "/proc/$4/ns/net" "$LAB_CGROUP/clients" "${@:5}" 2>&1)
	after=$(eval "$(counters_command)")
	check_equal "$phrase: ${3:-not counted}" "$want" "$said, counted: $(growth "$before" "$after")"
}
