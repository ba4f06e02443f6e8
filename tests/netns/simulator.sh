#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The simulator of a fleet, with few hosts: what it says is the same each time, and what it is for.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh

BUILD=${BUILD:-build}
SAID=$("$BUILD/tools/simulator/simulate" --hosts 4000)

# peak TABLE TITLE: in hundredths, the peak in the first 10 s; TABLE 1: without a cache, 2: with one
peak() {
	awk -F ' *[|] *' -v table="$1" -v title="$2" '
		/^###/ { n++ }
		n == table && $2 == title { printf "%d\n", 100 * $4 }' <<<"$SAID"
}

check_equal "the same seed says the same" "$SAID" "$("$BUILD/tools/simulator/simulate" --hosts 4000)"
check_number "without a spread the load doubles within 10 s" "$(peak 1 'all controllers die, fail-open-spread 0')" -ge 190
check_number "with the default spread it does not" "$(peak 1 'all controllers die, fail-open-spread 60 (default)')" -le 160
check_number "with caches it more than doubles" "$(peak 2 'all controllers die, fail-open-spread 0')" -ge 250
check_number "stop everywhere doubles it" "$(peak 1 'stop everywhere in one second')" -ge 190
check_number "stop --ramp 300 everywhere does not" "$(peak 1 'stop --ramp 300 everywhere')" -le 150
finish
