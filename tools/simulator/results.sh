#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tools/simulator/results.sh TABLES: RESULTS.md, of what simulate printed and of reality.txt, which is what
# `make simulate-check` saw the last time.
set -eu
cd "$(dirname "$0")"

cat <<'END'
# When a fleet loses its filters

What 100,000 hosts ask of their resolvers when all controllers die in the same second, and when the filter is taken away
on purpose. 1 is the load with the filter in place. Made by `make simulate`; the model stands in
[simulate.c](simulate.c): one lookup a second on each host, always A and AAAA, of which AAAA is useless; names by Zipf's
law. When a query passes is found by the product's own functions ([model.h](model.h)).

![The load over time](load.svg)

- *first 1 s, first 10 s*: the highest load of a tenth of a second from the moment when the first hosts let go. After the
  death of the controllers that is when `fail-open-after` (30 s) is over: in the 10 s after the death itself the load is
  1.0, with and without a spread. *Highest*: of the whole time.
- *Dropped*: the worst share of queries in a tenth of a second that resolvers drop which can take 2.5 times the load with
  the filter; those are asked again after 5 s, twice.
- A filter that goes leaves caches that have none of the answers, so a fleet with caches asks for more at first than it
  did before the filter came.

END
cat "$1"
cat <<'END'

What `--ramp` would do if all hosts let go of names in one order shows in the steepest rise: names that everybody asks
for come in one moment. So each host has its own.

## Against real namespaces

`make simulate-check`: each host a network namespace with a controller, maps and machine id of its own, asked 10 times a
second for names of 200. A quarter is stopped by `stop --ramp 8`, the controllers of the others are killed at the same
time (`fail-open-after = 2`, `fail-open-spread = 10`). Distances are those of Kolmogorov and Smirnov between the queries
that passed and those that the model lets pass: fed with the stamps that are in the maps, and with beats as the simulator
draws them; for comparison also without a spread or ramp.

END
awk '
	BEGIN {
		print "| | hosts | queries | passed | foretold wrongly | distance, by stamps | by the simulator | without |"
		print "|---|---|---|---|---|---|---|---|"
	}
	/^killed|^ramped/ {
		for (i = 2; i <= NF; i++) { split($i, pair, "="); value[pair[1]] = pair[2] }
		printf "| %s | %d | %d | %d | %d of %d | %.3f | %.3f | %.3f |\n", $1 == "killed" ? "killed" : "`stop --ramp`",
			value["hosts"], value["queries"], value["passed"], value["unlike"], value["of"],
			value["distance_stamps"] / 1000, value["distance_model"] / 1000, value["distance_at_once"] / 1000
	}' reality.txt
