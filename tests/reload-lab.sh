# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Reloads of the lab's filter, for tests that have sourced tests/lib.sh and tools/lab/lab.sh. CONF is its file.

# configure LINE...: what the file says from now on; at once, as an editor or a tool would do it
configure() {
	printf '%s\n' "$@" >"$CONF.new"
	mv "$CONF.new" "$CONF"
}

reload() { lab_filter reload; }

# reloaded PHRASE LINE...: another configuration, in force
reloaded() {
	local phrase=$1
	shift
	configure "$@"
	check "$phrase: reload" reload
}

# refused PHRASE STATUS WORDS: reload fails so, with these words, which status has as well; the filter is as it was
refused() {
	local said status=0
	said=$(reload 2>&1) || status=$?
	check_equal "$1: exit status" "$2" "$status"
	check_equal "$1: it is told" yes "$(grep -qF -- "$3" <<<"$said" && echo yes || echo "$said")"
	check_equal "$1: status says it" yes "$(lab_status '.configuration.error[]' | grep -qF -- "$3" && echo yes)"
}

controller() { lab_status .pid; }

pin_kinds() { lab_control ls "$LAB_DIR/bpf/stubsieve" | sed -n 's/^\(tcx\|cgroup\|gateway\|results\|clsact\)-.*/\1/p' | sort -u | xargs; }

logged() { tail -n 3 "$LAB_DIR/filter.log" | grep -qF -- "$1"; }

status_is() { [ "$(lab_status "$1")" = "$2" ]; }
