#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Unmodified resolvers on hosts with one and with two IP families, without and with the filter: what
# reaches the server, what the program gets, and how long it takes. The server's logs are the evidence:
# $BUILD/tests/evidence/single-stack/HOST-CLIENT-without.log and -with.log.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
EVIDENCE=$BUILD/tests/evidence/single-stack
. tests/outcome.sh

with_filter() {
	local host=$1 client=$2
	case $host in
	ipv4)
		observe_with "$host" "$client" AAAA
		check_number "$host, $client: with the filter no AAAA reaches the server" "$ASKED_AAAA" -eq 0
		;;
	ipv6)
		observe_with "$host" "$client" A
		check_number "$host, $client: with the filter no A reaches the server" "$ASKED_A" -eq 0
		;;
	dual)
		observe_with "$host" "$client" none
		check_equal "$host, $client: with the filter every query reaches the server" \
			"${W_A[$client]} A, ${W_AAAA[$client]} AAAA" "$ASKED_A A, $ASKED_AAAA AAAA"
		;;
	esac
}

one_host() {
	local host=$1 client
	lab_init "single-stack-$host"
	lab_host "$host"
	for client in "${CLIENTS[@]}"; do observe_without "$host" "$client"; done
	if start_filter "$host" --settle 0; then
		for client in "${CLIENTS[@]}"; do with_filter "$host" "$client"; done
		check_sums "$host"
	fi
	lab_remove
}

need_root
mkdir -p "$EVIDENCE"
rm -f "$EVIDENCE"/*.log
CLIENTS=()
for client in glibc musl go c-ares dig; do
	if [ -x "$(client_program "$client")" ]; then
		CLIENTS+=("$client")
	else
		skip "$client" "its client was not built: run make deps"
	fi
done
for host in ipv4 ipv6 dual; do one_host "$host"; done
finish
