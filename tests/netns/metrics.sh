#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The metrics: that Prometheus reads them, that they say what `status` says, and what becomes of the file for the
# textfile collector when the disk is full, or the controller is gone.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh

promtool() { type -P promtool || ls "$LAB_ROOT/.deps/prometheus/usr/bin/promtool" 2>/dev/null; }

# prometheus_takes PHRASE FILE
prometheus_takes() {
	local program
	if program=$(promtool); then
		check_equal "$1: promtool has nothing to say" 0 "$("$program" check metrics <"$2" 2>&1; echo $?)"
	else
		skip "$1: promtool has nothing to say" "no promtool; make deps check"
	fi
}

metrics() { lab_filter metrics "$@"; }

# sample FILE SERIES: its value
sample() { awk -v series="$2" '$1 == series { print $2 }' "$1"; }

# same_as_status FILE: the counters, one by one
same_as_status() {
	local want have
	want=$(lab_status '.counters | (to_entries[] | select(.key | test("^(answered|observed|dropped|rejected)_")) |
		"stubsieve_\(.key | split("_")[0])_total{type=\"\(.key | split("_")[1] | ascii_upcase)\"} \(.value)"),
		(.passed | to_entries[] | "stubsieve_passed_total{reason=\"\(.key)\"} \(.value)"),
		"stubsieve_queries_total \(.queries)"' | sort)
	have=$(grep -E '^stubsieve_(queries|answered|observed|dropped|rejected|passed)_total' "$1" | sort)
	check_number "metrics: there are counters" "$(wc -l <<<"$have")" -gt 40
	check_equal "metrics: each counter is that of status" "$want" "$have"
}

running() {
	local file=$LAB_DIR/metrics
	check "AAAA is answered" lab_until 5 lab_filtered
	lab_client "$BUILD/tests/tools/ask" --type A "$(lab_first_address)" both.example >/dev/null
	metrics >"$file"
	prometheus_takes "a running controller" "$file"
	same_as_status "$file"
	check_number "metrics: AAAA was answered" "$(sample "$file" 'stubsieve_answered_total{type="AAAA"}')" -gt 0
	check_equal "metrics: it is up, in one namespace that is answered" "1 1 1" \
		"$(sample "$file" stubsieve_up) $(sample "$file" stubsieve_namespaces) $(sample "$file" \
			'stubsieve_namespaces_by_state{type="AAAA",state="useless"}')"
	check_equal "metrics: as many interfaces are attached to as status says" \
		"$(lab_status '.netns[0].interfaces | map(select(.hook == "tcx")) | length')" \
		"$(sample "$file" 'stubsieve_interfaces{program="egress",hook="tcx"}')"
	check_number "metrics: seconds since it beat" "$(sample "$file" stubsieve_heartbeat_age_seconds | cut -d. -f1)" -le 2
	check_number "metrics: the time of its start is that of status" "$(awk \
		-v start="$(sample "$file" stubsieve_start_time_seconds)" \
		-v uptime="$(lab_status .uptime_seconds)" -v now="$EPOCHSECONDS" 'BEGIN { d = now - uptime - start; print d < 0 ? -d : d }' |
		cut -d. -f1)" -le 3
}

reloads() {
	local file=$LAB_DIR/metrics
	kill -HUP "$(lab_status .pid)"
	check "reload: it is counted" lab_until 5 reloaded
	metrics >"$file"
	check_equal "reload: the last one was good" 1 "$(sample "$file" stubsieve_config_last_reload_successful)"
	check_number "reload: seconds since" $((EPOCHSECONDS - $(sample "$file" stubsieve_config_loaded_timestamp_seconds | cut -d. -f1))) -le 10
}

reloaded() { [ "$(metrics | sample - stubsieve_config_reloads_total)" = 1 ]; }

# Seen from the host, in whose mount namespace it is.
in_file() { lab_control cat "$LAB_DIR/small/stubsieve.prom"; }
there() { lab_control ls "$LAB_DIR/small"; }

# It starts beside a full disk; what follows here takes less time than until it tries again.
full_disk() {
	lab_control mount -t tmpfs -o size=64k,mode=0755 none "$LAB_DIR/small"
	lab_control sh -c "echo old >'$LAB_DIR/small/stubsieve.prom'; head -c 1000000 /dev/zero >'$LAB_DIR/small/filler' 2>/dev/null"
	start_filter "beside a full disk" --settle 0 --metrics-textfile "$LAB_DIR/small/stubsieve.prom" || return
	check "full disk: it says so" lab_until 3 grep -q "$LAB_DIR/small/stubsieve.prom.*No space left.*make room" "$LAB_DIR/filter.log"
	check_equal "full disk: the file stays as it was" old "$(in_file)"
	check_equal "full disk: there is nothing beside it" "filler stubsieve.prom" "$(there | xargs)"
	lab_control rm "$LAB_DIR/small/filler"
}

room_again() {
	check "room again: it is written" lab_until 20 rewritten
	in_file >"$LAB_DIR/metrics"
	prometheus_takes "the file" "$LAB_DIR/metrics"
	check_equal "the file: everybody may read it" 644 "$(lab_control stat -c %a "$LAB_DIR/small/stubsieve.prom")"
	check_equal "the file: there is nothing beside it" stubsieve.prom "$(there)"
	check_equal "the file: it has what the command prints" "$(metrics | cut -d' ' -f1)" "$(cut -d' ' -f1 "$LAB_DIR/metrics")"
	check_equal "full disk: it was told of once, and that it is over" "1 1" \
		"$(grep -c 'No space' "$LAB_DIR/filter.log") $(grep -c 'written again' "$LAB_DIR/filter.log")"
}

rewritten() { in_file | grep -q stubsieve_up; }

# down PHRASE STATUS: it is down, and what was counted is there
down() {
	local status=0
	metrics >"$LAB_DIR/down" 2>"$LAB_DIR/down.stderr" || status=$?
	check_equal "$1: exit status, one line, not up" "$2 1 0" \
		"$status $(wc -l <"$LAB_DIR/down.stderr") $(sample "$LAB_DIR/down" stubsieve_up)"
	prometheus_takes "$1" "$LAB_DIR/down"
	check_equal "$1: what was answered is still counted" "$ANSWERED" \
		"$(sample "$LAB_DIR/down" 'stubsieve_answered_total{type="AAAA"}')"
}

gone() {
	local pid
	pid=$(lab_status .pid)
	ANSWERED=$(lab_status .counters.answered_aaaa)
	check_number "something was answered" "$ANSWERED" -gt 0
	kill -STOP "$pid"
	down "a controller that does not answer" 1
	kill -KILL "$pid"
	lab_until 5 lab_gone "$LAB_FILTER_PID"
	LAB_FILTER_PID=''
	down "a killed controller" 3
	check_equal "a killed controller: --textfile says so" "3 0" \
		"$(metrics --textfile "$LAB_DIR/small/own.prom" >/dev/null 2>&1; echo $?) $(
			lab_control cat "$LAB_DIR/small/own.prom" | sample - stubsieve_up)"
	check_equal "a file that cannot be written: exit status" 1 \
		"$(metrics --textfile "$LAB_DIR/none/own.prom" >/dev/null 2>&1; echo $?)"
}

# By `stop`, not by the end of the controller: the next one goes on with the file.
removed() {
	lab_control rm "$LAB_DIR/small/own.prom"
	start_filter "the next one" --settle 0 --metrics-textfile "$LAB_DIR/small/stubsieve.prom" || return
	kill -TERM "$(lab_status .pid)"
	lab_until 5 lab_gone "$LAB_FILTER_PID"
	check "after SIGTERM the file stays" rewritten
	start_filter "one more" --settle 0 --metrics-textfile "$LAB_DIR/small/stubsieve.prom" || return
	lab_filter_stop
	check_equal "after stop there is no file" "" "$(there)"
	check_equal "nothing is left: exit status, two series" "3 2" \
		"$(metrics 2>/dev/null >"$LAB_DIR/down"; echo $?) $(grep -vc '^#' "$LAB_DIR/down")"
}

# Nobody is told what only root may know, and none of it is 0.
unprivileged() {
	local status=0
	cp "$STUBSIEVE" "$LAB_DIR/stubsieve" && chmod 755 "$LAB_DIR/stubsieve"
	lab_control setpriv --reuid=65534 --regid=65534 --clear-groups "$LAB_DIR/stubsieve" metrics --run-dir "$LAB_DIR/run" \
		>"$LAB_DIR/down" 2>/dev/null || status=$?
	check_equal "as nobody: exit status, and nothing printed" "5 0" "$status $(wc -c <"$LAB_DIR/down")"
}

need_root
lab_init metrics
mkdir "$LAB_DIR/small"
lab_host ipv4
if full_disk; then
	running
	unprivileged
	reloads
	room_again
	gone
	removed
fi
finish
