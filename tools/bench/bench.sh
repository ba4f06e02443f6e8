#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# make bench: what the filter costs, beside what one would compare it with in the same run. Figures are
# medians; the machine is shared with others, so read the ratios.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tools/lab/lab.sh
. tools/lab/lab.sh

bench=$BUILD/tools/bench
lab_init bench
lab_host ipv4

# dnsmasq beside it, on a port that is not filtered, answering NODATA by its own --filter-AAAA.
(lab_stay control "$LAB_HOST_PID" dnsmasq --keep-in-foreground --no-resolv --no-hosts --conf-file=/dev/null --pid-file= --user=root \
	--listen-address=127.0.0.1 --bind-interfaces --port=5300 --filter-AAAA --address=/example/198.51.100.10 \
	>"$LAB_DIR/dnsmasq.log" 2>&1) </dev/null &
lab_until 5 lab_control dig +time=1 +tries=1 @127.0.0.1 -p 5300 www.both.example AAAA >/dev/null ||
	lab_die "dnsmasq does not answer: $(cat "$LAB_DIR/dnsmasq.log")"
lab_filter_start || exit 1

echo 'Round trip of one AAAA query on lo (31 rounds of 2,000 by turns)'
printf '  %-34s %10s %8s\n' way 'median ns' ratio
LAB_TIMEOUT=120 lab_client "$bench/roundtrip" 31 2000 floor 127.0.0.1:53 127.0.0.1:5300 | while read -r way ns ratio; do
	case $way in
	floor) name='floor: a socket connected to itself' ;;
	127.0.0.1:53) name='answered by stubsieve' ;;
	*) name='answered by dnsmasq --filter-AAAA' ;;
	esac
	printf '  %-34s %10s %8s\n' "$name" "$ns" "$ratio"
	case $way in 127.0.0.1:53) ours=$ns ;; 127.0.0.1:5300)
		awk -v a="$ours" -v b="$ns" 'BEGIN { printf "  stubsieve / dnsmasq: %.3f\n", a / b }' ;;
	esac
done
lab_filter_stop

lab_control mkdir "$LAB_DIR/bpf/bench"
LAB_TIMEOUT=300 lab_control "$bench/packets" "$LAB_DIR/bpf/bench" >"$LAB_DIR/packets" || exit 1
echo
echo 'Time of one packet that is no DNS query (BPF_PROG_TEST_RUN, 31 rounds of 200,000 by turns)'
printf '  %-8s %-10s %12s %8s %8s\n' hook packet 'empty ns' 'ours ns' more
awk '$1 == "packet" { printf "  %-8s %-10s %12s %8s %8s\n", $2, $3, $4, $5, $6 }' "$LAB_DIR/packets"
echo
echo 'Time of one AAAA query that is observed (BPF_PROG_TEST_RUN, 31 rounds of 100,000 by turns), by its name'
printf '  %-32s %12s %14s %8s\n' name '7 suffixes' '8,007 suffixes' ratio
LAB_TIMEOUT=300 lab_control "$bench/names" 2>/dev/null |
	awk '$1 == "names" { printf "  %-32s %9s ns %11s ns %8s\n", $2, $3, $4, $5 }'
lab_control mkdir "$LAB_DIR/bpf/results"
LAB_TIMEOUT=300 lab_control "$bench/results" "$LAB_DIR/bpf/results" >"$LAB_DIR/results" || exit 1
echo
echo 'results = covered: time of one response with 6 AAAA records (BPF_PROG_TEST_RUN by turns; medians of 31 rounds of'
echo '20,000, or of 20,000 single runs of a "fresh" packet, with cold caches). Beside one that is cut, "empty" is what'
echo 'makes it whole again for the next run.'
printf '  %-10s %-20s %12s %8s %8s\n' prefixes response 'empty ns' 'ours ns' more
awk '$1 == "results" { printf "  %-10s %-20s %12s %8s %8s\n", $2, $3, $4, $5, $6 }' "$LAB_DIR/results"
echo
echo 'Time of the dearest responses, of 1,472 octets, beside 200,000 prefixes'
printf '  %-24s %12s %8s %8s\n' response 'empty ns' 'ours ns' more
awk '$1 == "worst" { printf "  %-24s %12s %8s %8s\n", $2, $3, $4, $5 }' "$LAB_DIR/results"
echo
echo 'Time of one packet that is no response, with the response program (31 rounds of 20,000 by turns)'
printf '  %-10s %12s %8s %8s\n' packet 'empty ns' 'ours ns' more
awk '$1 == "other" { printf "  %-10s %12s %8s %8s\n", $2, $3, $4, $5 }' "$LAB_DIR/results"
echo
echo 'Instructions the verifier goes through'
awk '$1 == "verified" { printf "  %-8s %10s\n", $2, $3 }' "$LAB_DIR/packets"
