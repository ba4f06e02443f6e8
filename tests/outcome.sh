# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What a resolver client gets and sends on a lab host, and what that has to be with the filter. For shell
# tests that have sourced tests/lib.sh and tools/lab/lab.sh and set EVIDENCE, a directory for the logs.

NAMES=({v4,v6,both,empty,cname,cname-v4,cname-v6,cname-empty,missing}.example)
LOOKUPS=${LOOKUPS:-5}
RETRY_US=1000000 # a lookup this slow has lost a packet or an answer: the shortest retry is after 1 s
# By client, what it did without the filter.
declare -A W_OUTCOME W_TIMES W_A W_AAAA
# Clients whose outcome is not a list of addresses. typed: a line for each type, which stands after the name;
# fetch: what a program got from the address that it chose.
declare -A OUTCOME_KIND=([dig]=typed)
# Those that report of two different errors the one that came last.
LAST_ERROR_COUNTS=' c-ares '

client_program() {
	case $1 in
	glibc) echo "$BUILD/tests/tools/lookup" ;;
	c-ares) echo "$BUILD/tests/stubs/cares" ;;
	dig) echo tests/stubs/dig-client ;;
	*) echo "$BUILD/tests/stubs/$1" ;;
	esac
}

# observe HOST CLIENT with|without: sets OUTCOME, TIMES (µs), ASKED_A and ASKED_AAAA (at the server)
observe() {
	local log=$EVIDENCE/$1-$2-$3.log output count=$LOOKUPS LAB_TIMEOUT=60
	[ "$2" != dig ] || count=1 # a process for each
	lab_mark
	output=$(lab_client "$(client_program "$2")" --time --count "$count" "${NAMES[@]}")
	lab_log >"$log"
	OUTCOME=$(grep '^result ' <<<"$output")
	TIMES=$(awk '$1 == "time" { print $3 }' <<<"$output")
	ASKED_A=$(grep -c ' IN A ' "$log")
	ASKED_AAAA=$(grep -c ' IN AAAA ' "$log")
	check_number "$1, $2, $3: no lookup waited for a retry, µs" "$(sort -n <<<"$TIMES" | tail -n 1)" -lt "$RETRY_US"
}

observe_without() {
	observe "$1" "$2" without
	W_OUTCOME[$2]=$OUTCOME W_TIMES[$2]=$TIMES W_A[$2]=$ASKED_A W_AAAA[$2]=$ASKED_AAAA
	check_number "$1, $2: without the filter A reach the server" "$ASKED_A" -gt 0
	check_number "$1, $2: without the filter AAAA reach the server" "$ASKED_AAAA" -gt 0
}

# observe_with HOST CLIENT USELESS: USELESS is the type that the filter answers there, A or AAAA, or none
observe_with() {
	observe "$1" "$2" with
	OUTCOME=$(missing_by_either_word "$2" "$3" <<<"$OUTCOME")
	check_equal "$1, $2: names resolve as without the filter" "$(expected "$2" "$3")" "$OUTCOME"
	note "$1, $2: median $(median <<<"${W_TIMES[$2]}") µs without, $(median <<<"$TIMES") µs with the filter"
}

# A name that does not exist has NXDOMAIN for one type, and NODATA from the filter for the other. Some clients
# report the one that came last: both mean that there is no address.
missing_by_either_word() {
	if [ "$2" = none ] || [ "${LAST_ERROR_COUNTS/ $1 /}" = "$LAST_ERROR_COUNTS" ]; then
		cat
	else
		sed "/^result missing[^ ]*example /s/ $(outcome_of "$1" empty.example)\$/ $(outcome_of "$1" missing.example)/" | uniq
	fi
}

# Without the filter such a client says of each type what there is; with it, that there is no such address.
expected_of_typed() {
	awk -v useless="$1" -v empty="$2" '$3 == useless { print "result", $2, $3, empty; next } { print }'
}

# Who could not connect to an address of no use now hears that there is none.
expected_of_fetch() {
	awk -v empty="$1" '$3 == "error:" { print "result", $2, empty; next } { print }'
}

# A program gets the same, less the addresses that the host cannot reach. A name that had no others is
# then one without an address; glibc has another word for that if a CNAME led there.
expected_of_program() {
	awk -v useless="$1" -v empty="$2" -v cname_empty="$3" '
		$3 == "error:" { print; next }
		{
			addresses = ""
			for (i = 3; i <= NF; i++)
				if ((useless == "A") == ($i ~ /:/)) addresses = addresses " " $i
			if (addresses == "") addresses = " " ($2 ~ /^cname/ ? cname_empty : empty)
			print $1 " " $2 addresses
		}'
}

# outcome_of CLIENT NAME: without the filter
outcome_of() {
	sed -n "s/^result $2 //p" <<<"${W_OUTCOME[$1]}"
}

# expected CLIENT USELESS: the outcome that has to be, from the one without the filter
expected() {
	case ${OUTCOME_KIND[$1]:-addresses}-$2 in
	*-none) cat ;;
	typed-*) expected_of_typed "$2" "$(outcome_of "$1" "empty.example $2")" ;;
	fetch-*) expected_of_fetch "$(outcome_of "$1" empty.example)" ;;
	*) expected_of_program "$2" "$(outcome_of "$1" empty.example)" "$(outcome_of "$1" cname-empty.example)" ;;
	esac <<<"${W_OUTCOME[$1]}"
}
