# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# For shell tests, sourced: one line per case, and at the end one line alone with the sums.
#
#   check "a phrase that holds" COMMAND...    ok if the command succeeds
#   check_equal "a phrase" WANT HAVE          ok if both strings are the same
#   check_number "a phrase" HAVE -le WANT     ok if the comparison holds
#   check_time "a phrase" HAVE PROMISED       ok if it is not far beyond what is promised
#   skip "a phrase" "the reason"
#   note "something worth seeing in the log"
#   finish                                    prints the sums and leaves: 0, or 1 if a case failed

PASSED=0
FAILED=0
SKIPPED=0

# A controller that makes a system call which is not on its list (user/io/syscalls.c) is killed, so that a test sees it.
export STUBSIEVE_SECCOMP=${STUBSIEVE_SECCOMP-kill}

ok() {
	PASSED=$((PASSED + 1))
	printf 'ok      %s\n' "$1"
}

not_ok() {
	FAILED=$((FAILED + 1))
	printf 'not ok  %s\n' "$1"
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/        /'
}

skip() {
	SKIPPED=$((SKIPPED + 1))
	printf 'skip    %s (%s)\n' "$1" "$2"
}

note() {
	printf '        %s\n' "$*"
}

check() {
	local phrase=$1 output status=0
	shift
	output=$("$@" 2>&1) || status=$?
	if [ "$status" -eq 0 ]; then
		ok "$phrase"
	else
		not_ok "$phrase" "$* exited with $status" "$output"
	fi
}

check_equal() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "want: ${2//$'\n'/$'\n'      }" "have: ${3//$'\n'/$'\n'      }"
	fi
}

# check_number PHRASE HAVE OPERATOR WANT: an integer comparison of test(1): -eq, -gt, -le ...
check_number() {
	if test "$2" "$3" "$4" 2>/dev/null; then
		ok "$1 ($2)"
	else
		not_ok "$1" "want: $3 $4" "have: $2"
	fi
}

# check_time PHRASE HAVE PROMISED: of a time that a busy machine can stretch. More than promised is said, four times as
# much is a failure.
check_time() {
	if ! [ "$2" -le $((4 * $3)) ] 2>/dev/null; then
		not_ok "$1" "promised: $3" "have: $2"
		return
	fi
	ok "$1 ($2)"
	[ "$2" -le "$3" ] || note "promised: $3; is the machine busy?"
}

finish() {
	printf '%d passed, %d failed, %d skipped\n' "$PASSED" "$FAILED" "$SKIPPED"
	[ "$FAILED" -eq 0 ] && [ $((PASSED + SKIPPED)) -gt 0 ]
	exit
}

# start_filter PHRASE [OPTION...]: of tools/lab/lab.sh, as a case; 1 if it does not start
start_filter() {
	local phrase=$1
	shift
	if lab_filter_start "$@" 2>"$LAB_DIR/start.log"; then
		ok "$phrase: the filter starts"
	else
		not_ok "$phrase: the filter starts" "$(cat "$LAB_DIR/start.log")"
		return 1
	fi
}

# check_sums WHAT: of a running filter: every query is counted once, and observed_* say of which family
# those are that passed as `observed`.
check_sums() {
	local counters
	counters=$(lab_status .counters)
	check_equal "$1: the counters add up to the queries" true "$(jq '
		.queries == ([.answered_a, .answered_aaaa, .dropped_a, .dropped_aaaa, .rejected_a, .rejected_aaaa,
			.passed[]] | add) and .passed.observed == .observed_a + .observed_aaaa' <<<"$counters")"
}

# A test that needs root says so once and is over.
need_root() {
	[ "$(id -u)" = 0 ] && return
	skip "$(basename "$0" .sh)" "needs root"
	finish
}

# median: the middle one of the numbers on standard input, one a line
median() {
	sort -n | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'
}
