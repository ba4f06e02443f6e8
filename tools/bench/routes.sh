#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# make bench-routes: the controller beside a full Internet table, 1,000,000 IPv4 and 200,000 IPv6 routes in a private
# network namespace: its start, its memory, and a stream of 1,000,000 route messages beside a program that only
# reads them. RUNS: 3, of ROUNDS (5) each. Some 500 MiB of memory and a minute for each run.
set -u
cd "$(dirname "$0")/../.." || exit 1
RUNS=${RUNS:-3}

for ((run = 1; run <= RUNS; run++)); do
	echo "run $run of $RUNS"
	STUBSIEVE_FULL=1 ROUNDS=${ROUNDS:-5} tests/netns/many-routes.sh |
		grep -E '^        |^not ok|^ok .*percent' | sed -E 's/^(ok|not ok) +/        /'
done
