# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A steady flow of AAAA queries from the lab's host while something happens, for tests that have sourced tests/lib.sh
# and tools/lab/lab.sh.
#
#   flow_start RATE                  queries a second, until flow_stop, at most FLOW_SECONDS (60) long
#   flow_stop                        sets SENT, FILTER, SERVER, WRONG and LOST
#   flow_all_answered PHRASE LEAST   of what flow_stop said: more than LEAST, each by the filter, none reached the server
#   flow_unharmed PHRASE LEAST       more than LEAST, each answered rightly, by the filter or the server
#   flow_before MS FATE, flow_after MS FATE   how many of those that were sent then had that fate

FLOW_SECONDS=${FLOW_SECONDS:-60}
FLOW=''

flow_start() {
	rm -f "$LAB_DIR/flow.log"
	(lab_stay clients "$LAB_HOST_PID" "$BUILD/tests/tools/wire-flow" "$1" "$FLOW_SECONDS" "$LAB_SERVER4" both.example \
		"$LAB_DIR/flow.log") >"$LAB_DIR/flow.out" 2>&1 </dev/null &
	FLOW=$!
	disown
}

flow_stop() {
	local said
	lab_end "$FLOW"
	said=$(cat "$LAB_DIR/flow.out")
	SENT='' FILTER='' SERVER='' WRONG='' LOST=''
	[[ $said =~ ^sent=([0-9]+)\ filter=([0-9]+)\ server=([0-9]+)\ wrong=([0-9]+)\ lost=([0-9]+)$ ]] || note "$said"
	read -r SENT FILTER SERVER WRONG LOST <<<"${BASH_REMATCH[@]:1}"
}

flow_all_answered() {
	check_number "$1: queries were sent" "$SENT" -gt "$2"
	check_equal "$1: each was answered rightly on the host" "$SENT answered, 0 from the server, 0 wrong, 0 lost" \
		"$FILTER answered, $SERVER from the server, $WRONG wrong, $LOST lost"
	check_equal "$1: no AAAA reached the server" 0 "$(lab_queries AAAA)"
}

flow_unharmed() {
	check_number "$1: queries were sent" "$SENT" -gt "$2"
	check_equal "$1: each was answered rightly" "0 wrong, 0 lost" "$WRONG wrong, $LOST lost"
}

flow_after() {
	awk -v from="$1" -v fate="$2" '$1 >= from && $2 == fate { n++ } END { print n + 0 }' "$LAB_DIR/flow.log"
}

flow_before() {
	awk -v to="$1" -v fate="$2" '$1 < to && $2 == fate { n++ } END { print n + 0 }' "$LAB_DIR/flow.log"
}
