#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The configuration file, as an operator meets it: what `check-config` and `run` say of good and of broken ones; what
# the command line has to say beside it; the example; percent and dnssec on a host.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh

EXAMPLE=tools/packaging/stubsieve.conf

# configure LINE...
configure() { printf '%s\n' "$@" >"$CONF"; }

# checked PHRASE STATUS WANT: what check-config says
checked() {
	local said status=0
	said=$("$STUBSIEVE" check-config "$CONF" 2>&1) || status=$?
	check_equal "$1" "$2 $3" "$status $said"
}

# in_force KEY...: with the file
in_force() { "$STUBSIEVE" check-config "$CONF" --print | grep -E "^($(paste -sd '|' <<<"$(printf '%s\n' "$@")")) = " | paste -sd ';'; }

files() {
	configure "# all of it" "" "action = observe" "cgroup = a" "cgroup=b" "settle = 0.5"
	checked "a good file" 0 "$CONF: OK"
	check_equal "what is in force with it" "action = observe;cgroup = a;cgroup = b;detect = routes;settle = 0.5" \
		"$(in_force action cgroup detect settle)"
	configure "actoin = observe" "[x]" "settle = soon" "action"
	checked "all that is wrong is told" 2 "stubsieve: $CONF:1: there is no key \"actoin\"; \`stubsieve run --help\` lists them
stubsieve: $CONF:2: there are no sections: remove this line
stubsieve: $CONF:3: settle takes seconds, not \"soon\"
stubsieve: $CONF:4: a line is \`key = value\`, and this one has no \`=\`"
	check_equal "as JSON, too" '[false,4,null]' "$("$STUBSIEVE" check-config "$CONF" --json | jq -c '[.ok, (.errors | length), .config]')"
	configure "gateway = lan" "action = reject"
	checked "keys that do not go together" 2 \
		"stubsieve: $CONF: gateway \"lan\" cannot go with action reject: those who ask there have no socket on this host; use action answer, observe or drop"
	configure "gateway = lan"
	check_equal "a good one as JSON" '[true,0,["lan"],"answer",false]' \
		"$("$STUBSIEVE" check-config "$CONF" --json | jq -c '[.ok, (.errors | length), .config.gateway, .config.action, (.config | has("config"))]')"
	yes 'foo = bar' | head -n 1000 >"$CONF"
	check_equal "of a thousand errors the first are told" "20 stubsieve: ... and more" \
		"$("$STUBSIEVE" check-config "$CONF" 2>&1 | grep -c 'no key') $("$STUBSIEVE" check-config "$CONF" 2>&1 | tail -n 1)"
	rm "$CONF"
	checked "no file" 2 "stubsieve: $CONF: No such file or directory; make the file, or name another one"
	mkdir "$CONF"
	checked "a directory" 2 "stubsieve: $CONF: it is a directory; name a file with lines of \`key = value\`"
	rmdir "$CONF"
	mkfifo "$CONF"
	checked "a pipe" 2 "stubsieve: $CONF: it is no regular file; name a file with lines of \`key = value\`"
	rm "$CONF"
}

# Nobody but root, and nothing but the file, is needed.
unprivileged() {
	configure "action = observe"
	chmod 755 "$LAB_DIR"
	cp "$STUBSIEVE" "$LAB_DIR/stubsieve"
	check_equal "without privilege" "$CONF: OK" \
		"$(setpriv --reuid 65534 --regid 65534 --clear-groups "$LAB_DIR/stubsieve" check-config "$CONF" 2>&1)"
	chmod 600 "$CONF"
	check_equal "a file that cannot be read" "stubsieve: $CONF: Permission denied; make it readable for who runs this" \
		"$(setpriv --reuid 65534 --regid 65534 --clear-groups "$LAB_DIR/stubsieve" check-config "$CONF" 2>&1)"
}

# The example has every key, with what holds without it.
example() {
	local keys
	keys=$("$STUBSIEVE" run --help | sed -n 's/^  --\([a-z0-9-]*\) VALUE.*/\1/p' | grep -vx config | sort | xargs)
	cp "$EXAMPLE" "$CONF"
	checked "the example" 0 "$CONF: OK"
	check_equal "the example has every key" "$keys" \
		"$(sed -n 's/^#\( example: \)\{0,1\}\([a-z0-9-]*\) = .*/\2/p' "$EXAMPLE" | sort -u | xargs)"
	: >"$CONF"
	"$STUBSIEVE" check-config "$CONF" --print >"$LAB_DIR/defaults"
	sed 's/^#\([a-z]\)/\1/' "$EXAMPLE" >"$CONF"
	check_equal "what it says holds without it does" "$(cat "$LAB_DIR/defaults")" "$("$STUBSIEVE" check-config "$CONF" --print 2>&1)"
	check_number "it is not all comments then" "$(grep -c '^[a-z]' "$CONF")" -ge 16
	sed 's/^#\( example: \)\{0,1\}\([a-z0-9-]* = \)/\2/' "$EXAMPLE" >"$CONF"
	checked "with all of its examples" 0 "$CONF: OK"
	"$STUBSIEVE" check-config "$CONF" --print >"$LAB_DIR/once"
	cp "$LAB_DIR/once" "$CONF"
	check_equal "what is printed can be read again" "$(cat "$LAB_DIR/once")" "$("$STUBSIEVE" check-config "$CONF" --print)"
}

# run_says PHRASE STATUS WORDS [OPTION...]: it does not start
run_says() {
	local phrase=$1 want=$2 words=$3 said status=0
	shift 3
	said=$(lab_control "$STUBSIEVE" run --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve" --cgroup "$LAB/clients" "$@" 2>&1) ||
		status=$?
	check_equal "$phrase: exit status" "$want" "$status"
	check_equal "$phrase: it is told" yes "$(grep -qF -- "$words" <<<"$said" && echo yes || echo "$said")"
}

command_line() {
	configure "action = drop" "settle = 0" "exempt-name = example" "families = a"
	start_filter "over the file" --config "$CONF" --action answer --exempt-name other.test --families auto || return
	check_equal "over the file: what the command line says" '["answer",["other.test"],"auto","0"]' \
		"$(lab_status '.config | [.action, .["exempt-name"], .families, .settle] | tojson')"
	check_equal "status names the file" "$CONF null" "$(lab_status '"\(.configuration.file) \(.configuration.error)"')"
	check "over the file: AAAA is answered" lab_filtered
	lab_filter_stop
	start_filter "the file alone" --config "$CONF" || return
	check_equal "the file alone" '["drop",["example"],"a","0"]' \
		"$(lab_status '.config | [.action, .["exempt-name"], .families, .settle] | tojson')"
	lab_filter_stop
	run_says "a file that is not there" 2 "$LAB_DIR/none: No such file or directory" --config "$LAB_DIR/none"
	configure "action = x"
	run_says "a broken file" 2 "$CONF:1: action takes" --config "$CONF"
	run_says "a broken file, whatever the command line says" 2 "$CONF:1: action takes" --config "$CONF" --action answer
	configure "config = /x"
	run_says "a file in a file" 2 "$CONF:1: config names the file itself" --config "$CONF"
	check_equal "nothing was made of it" "" "$(lab_control ls "$LAB_DIR/bpf/stubsieve" 2>/dev/null)"
}

dig_do() { lab_client dig +time=2 +tries=1 +dnssec both.example AAAA "@$(lab_first_address)"; }

dnssec() {
	local before
	configure "settle = 0"
	start_filter "dnssec = pass" --config "$CONF" || return
	before=$(lab_status .counters.passed.dnssec)
	check_equal "dnssec = pass: DO=1 reaches the server" 1 "$(dig_do | grep -c 'IN.*AAAA.*2001:db8:77::10')"
	check_number "dnssec = pass: it is counted" $(($(lab_status .counters.passed.dnssec) - before)) -eq 1
	check "dnssec = pass: DO=0 is answered" lab_filtered
	configure "settle = 0" "dnssec = answer"
	check "dnssec = answer: reload" lab_filter reload
	lab_mark
	check_equal "dnssec = answer: DO=1 is answered, DO copied, no record" "1 1 1" \
		"$(dig_do | awk '/status: NOERROR/ { n++ } /ANSWER: 0,/ { a++ } /flags: do;/ { d++ } END { print n + 0, a + 0, d + 0 }')"
	check_equal "dnssec = answer: who says so" 1 "$(dig_do | grep -c 'EDE: 17 (Filtered): (no IPv6 route)')"
	check_equal "dnssec = answer: none reaches the server" 0 "$(lab_queries AAAA)"
	check_equal "dnssec = answer: A with DO=1 is asked" 1 "$(lab_client dig +short +dnssec both.example A "@$(lab_first_address)" | grep -c 198.51.100.10)"
	lab_filter_stop
}

# This very host has one place in the order: below it all percentages observe, from it on all act.
percent() {
	local percent was='' said changes=0
	start_filter "percent" --config "$CONF" || return
	for percent in 0 25 50 75 100; do
		configure "settle = 0" "percent = $percent"
		lab_filter reload
		said=$(lab_status '"\(.action) \(.configuration.spared)"')
		[ "$said" = "$was" ] || changes=$((changes + 1))
		case $percent in
		0) check_equal "percent = 0: it observes, and says why" "observe true" "$said" ;;
		100) check_equal "percent = 100: it acts" "answer false" "$said" ;;
		esac
		was=$said
	done
	check_equal "more percent only add hosts" 2 "$changes"
	lab_filter_stop
}

# usually COMMAND...: on the host, where $CONF is the usual file; sets STATUS, and SAID to what is complained of
usually() {
	STATUS=0
	# shellcheck disable=SC2016 # the inner shell's
	SAID=$(lab_control unshare --mount --propagation private sh -euc '
		mount -t tmpfs -o mode=755 tmpfs /etc
		mkdir /etc/stubsieve
		touch /etc/stubsieve/stubsieve.conf
		mount --bind "$1" /etc/stubsieve/stubsieve.conf
		shift
		exec "$@"' sh "$CONF" "$STUBSIEVE" "$@" 2>&1 >"$LAB_DIR/stdout") || STATUS=$?
}

# Commands find the controller by the two directories of the usual file, whatever else is wrong with it.
directories() {
	local command broken="stubsieve: /etc/stubsieve/stubsieve.conf cannot be used, \`stubsieve check-config\` tells why; going on with"
	configure "settle = 0" "run-dir = $LAB_DIR/run" "pin-dir = $LAB_DIR/bpf/stubsieve"
	start_filter "directories of the usual file" --config "$CONF" || return
	for command in status reload metrics "exec -- true" "explain www.example.com"; do
		# shellcheck disable=SC2086 # words
		usually $command
		check_equal "the usual file's directories: $command" "0 " "$STATUS $SAID"
	done
	usually status --run-dir "$LAB_DIR/other"
	check_equal "the command line wins" "3 1" "$STATUS $(grep -c "$LAB_DIR/other" <<<"$SAID")"
	configure "actoin = drop" "run-dir = $LAB_DIR/run" "pin-dir = relative"
	usually status
	check_equal "a broken file is told of in a line, and what it says of them counts" \
		"0 $broken run-dir $LAB_DIR/run, pin-dir /sys/fs/bpf/stubsieve" "$STATUS $SAID"
	usually status --run-dir "$LAB_DIR/run"
	check_equal "it is not looked at where it is not needed" "0 " "$STATUS $SAID"
	configure "actoin = drop"
	usually status
	check_equal "without them the usual ones count" "3 1" "$STATUS $(grep -c "^$broken run-dir /run/stubsieve, pin-dir" <<<"$SAID")"
	check "it answers" lab_until 5 lab_filtered
	kill -KILL "$(lab_status .pid)"
	lab_until 5 lab_gone "$LAB_FILTER_PID" && LAB_FILTER_PID=''
	rm "$LAB_DIR/run/pin-dir" # what the controller noted
	configure "pin-dir = $LAB_DIR/bpf/stubsieve" "run-dir = $LAB_DIR/run"
	usually metrics
	check_equal "metrics of the filter that is left" "3 1" "$STATUS $(grep -c '^stubsieve_queries_total' "$LAB_DIR/stdout")"
	usually stop
	check_equal "stop takes away what is there" "0 " "$STATUS $SAID"
	check_equal "stop: nothing is left" "" "$(lab_control ls "$LAB_DIR/run" "$LAB_DIR/bpf/stubsieve" 2>/dev/null)"
	check_equal "stop: nothing is answered" 1 "$(lab_filtered; echo $?)"
}

need_root
lab_init configuration
CONF=$LAB_DIR/stubsieve.conf
files
unprivileged
example
lab_host ipv4
command_line
directories
dnssec
percent
finish
