#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Which sockets are in scope: cgroups in one another, in and out by turns; removed and made again, as a service
# manager does; not there yet; too many and too deep. By real queries, and the counter of each.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/wire-lab.sh

ASK=$BUILD/tests/tools/ask
FIRST_ANSWER=$BUILD/tests/tools/first-answer
BACK_MS=1000 # a cgroup that was made again counts so soon
RESTARTS=20

# The cgroups of the matrix below the lab's, and whether the nearest listed one is in scope.
MATRIX='
clients                 scope
clients/plain           scope
clients/outer           scope
clients/out             exempt
clients/out/plain       exempt
clients/out/in          scope
clients/out/in/plain    scope
clients/out/in/out      exempt
clients/out/in/out/x/y  exempt
clients/out/in/out/in   scope
clients/out/in/out/in/x scope
extra/part              scope
extra/part/x            scope
extra/part/out          exempt
extra                   outside
server                  outside
control                 outside
control/quiet           outside
'
# Listed in no particular order; `clients/out` lies within `clients` and around two others.
LISTED='
--exempt-cgroup clients/out/in/out
--cgroup clients/out/in
--cgroup extra/part
--exempt-cgroup extra/part/out
--cgroup clients
--exempt-cgroup control/quiet
--cgroup clients/out/in/out/in
--exempt-cgroup clients/out
'

# Sets OPTIONS for `run`, some paths relative and some absolute, with and without a slash at the end.
listed_options() {
	local option path form=0
	OPTIONS=()
	while read -r option path; do
		case $((form++ % 3)) in
		0) OPTIONS+=("$option" "$LAB/$path") ;;
		1) OPTIONS+=("$option" "$LAB_CGROUP/$path") ;;
		2) OPTIONS+=("$option" "/$LAB/$path/") ;;
		esac
	done < <(grep . <<<"$LISTED")
}

make_matrix() {
	local path
	while read -r path _; do mkdir -p "$LAB_CGROUP/$path"; done < <(grep . <<<"$MATRIX")
}

# fate_in CGROUP: of one query for AAAA: filter, server, denied ...
fate_in() {
	lab_enter "$1" "$LAB_HOST_PID" 5 "$ASK" "$LAB_SERVER4" both.example | tr ' ' '\n' |
		sed -n '/^sent=/d; s/=[1-9].*//p'
}

fate_is() { [ "$(fate_in "$1")" = "$2" ]; }

# expected ACTION in|exempt|outside: the fate, and the counters that grow. Of a cgroup outside of all scopes the
# programs of observe and reject may see nothing, or see that it is none of theirs.
expected() {
	case $1-$2 in
	answer-scope) echo "filter answered_aaaa=1" ;;
	observe-scope) echo "server observed_aaaa=1 observed=1" ;;
	reject-scope) echo "denied rejected_aaaa=1" ;;
	*-exempt) echo "server exempt_cgroup=1" ;;
	answer-outside) echo "server scope=1" ;;
	*-outside) echo "server " ;;
	esac
}

# matrix ACTION: drop works as answer does
matrix() {
	local path kind before after said action=$1 want
	before=$(eval "$(counters_command)")
	while read -r path kind; do
		said=$(fate_in "$path")
		after=$(eval "$(counters_command)")
		want=$(expected "$action" "$kind")
		# Exempt and in no scope at all: it passes, whatever it is called.
		[ "$path" != control/quiet ] || { want="${want%% *} " before=$after; }
		check_equal "$action: $path, $kind" "$want" "$said $(growth "$before" "$after")"
		before=$after
	done < <(grep . <<<"$MATRIX")
}

shown_cgroups() { lab_status '[.cgroups[] | "\(.kind) \(.path) \(.attached)"] | sort | .[]'; }

cgroups_matrix() {
	local action
	lab_init cgroups-matrix
	lab_host ipv4
	make_matrix
	listed_options
	for action in answer observe reject; do
		start_filter "matrix, $action" --settle 0 --action "$action" "${OPTIONS[@]}" || continue
		matrix "$action"
		check_equal "$action: status has them all" "$(grep . <<<"$LISTED" |
			awk -v lab="$LAB" '{ print ($1 == "--cgroup" ? "scope" : "exempt") " /" lab "/" $2 " true" }' | sort)" \
			"$(shown_cgroups | sort)"
		check_sums "matrix, $action"
		check_equal "matrix, $action: nothing was worth a word" "" "$(grep -v ': ready' "$LAB_DIR/filter.log")"
		lab_filter_stop
	done
}

cgroup_id() { stat -c %i "$LAB_CGROUP/$1"; }

# remake CGROUP...: removes these and makes them again, in that order, each with another id
remake() {
	local path ids=''
	for path; do ids+=" $(cgroup_id "$path")"; done
	for path in $(printf '%s\n' "$@" | tac); do rmdir "$LAB_CGROUP/$path" || return; done
	for path; do mkdir "$LAB_CGROUP/$path" || return; done
	for path; do case "$ids " in *" $(cgroup_id "$path") "*) note "$path: the same id again" ;; esac; done
}

# back PHRASE CGROUP FATE: its queries have that fate again within BACK_MS
back() {
	local since
	since=$(lab_ms)
	lab_until 3 fate_is "$2" "$3"
	check_time "$1: so after ms" $(($(lab_ms) - since)) "$BACK_MS"
	check_equal "$1: status shows the new one" "true $(cgroup_id "$2")" \
		"$(lab_status ".cgroups[] | select(.path == \"/$LAB/$2\") | \"\(.attached) \(.id)\"")"
}

shows_detached() { [ "$(lab_status ".cgroups[] | select(.path == \"/$LAB/$1\") | .attached")" = false ]; }

# remade ACTION FATE
remade() {
	remake clients/out/in/out/in
	back "$1: a scope in an exempt one is made again" clients/out/in/out/in "$2"
	remake clients/out/in/out clients/out/in/out/in
	back "$1: an exempt one with a scope in it is made again" clients/out/in/out server
	back "$1: ... and the scope in it" clients/out/in/out/in "$2"
	remake extra/part extra/part/out
	back "$1: a scope on its own is made again" extra/part "$2"
	back "$1: ... and the exempt one in it" extra/part/out server
	rmdir "$LAB_CGROUP/extra/part/out" "$LAB_CGROUP/extra/part"
	check "$1: one that is not there is shown so" lab_until 2 shows_detached extra/part
	sleep 1.2
	mkdir "$LAB_CGROUP/extra/part" "$LAB_CGROUP/extra/part/out"
	back "$1: made after a while" extra/part "$2"
	rmdir "$LAB_CGROUP/extra/part/out" "$LAB_CGROUP/extra/part" "$LAB_CGROUP/extra"
	sleep 0.3
	mkdir -p "$LAB_CGROUP/extra/part/out"
	back "$1: its parent was gone, too" extra/part "$2"
	back "$1: ... and the exempt one in it" extra/part/out server
	check_equal "$1: one beside them is as it was" "$2" "$(fate_in clients)"
	check_equal "$1: one out of scope is as it was" server "$(fate_in control)"
}

cgroups_remade() {
	local action
	lab_init cgroups-remade
	lab_host ipv4
	for action in answer reject; do
		make_matrix
		rmdir "$LAB_CGROUP"/extra/part/x "$LAB_CGROUP"/clients/out/in/out/{in/x,x/y,x} 2>/dev/null
		listed_options
		start_filter "made again, $action" --settle 0 --action "$action" "${OPTIONS[@]}" || continue
		remade "$action" "$([ "$action" = answer ] && echo filter || echo denied)"
		check_sums "made again, $action"
		check_number "made again, $action: words on stderr" "$(grep -vc ': ready' "$LAB_DIR/filter.log")" -le 20
		lab_filter_stop
	done
	observe_remade
}

# The counters say so: nothing else shows.
observe_remade() {
	start_filter "made again, observe" --settle 0 --action observe --cgroup "$LAB/clients/again" --cgroup "$LAB/extra/part" ||
		return
	mkdir -p "$LAB_CGROUP/clients/again"
	sleep 1
	remake clients/again
	sleep 1
	fate_in clients/again >/dev/null
	check_equal "observe: made again, a query is counted" 1 "$(lab_status .counters.observed_aaaa)"
	lab_filter_stop
}

map_entries() { lab_control sh -c "bpftool -j map dump pinned $LAB_DIR/bpf/stubsieve/cgroups-*" | jq length; }

# The unit's cgroup is gone for a moment at each restart; its processes ask as soon as they run.
cgroups_restarts() {
	local turn times='' unit=clients/unit.service entries fds
	lab_init cgroups-restarts
	lab_host ipv4
	mkdir "$LAB_CGROUP/$unit"
	start_filter "restarts" --settle 0 --cgroup "$LAB/$unit" --exempt-cgroup "$LAB/$unit/quiet" || return
	entries=$(map_entries) fds=$(find "/proc/$(lab_status .pid)/fd" | wc -l)
	for ((turn = 0; turn < RESTARTS; turn++)); do
		rmdir "$LAB_CGROUP/$unit" && mkdir "$LAB_CGROUP/$unit"
		read_us "$(lab_enter "$unit" "$LAB_HOST_PID" 5 "$FIRST_ANSWER" "$LAB_SERVER4" both.example)"
	done
	note "answered µs after the first socket: $(paste -sd ' ' <<<"${times%$'\n'}")"
	check_time "$RESTARTS restarts: answered after µs (worst)" "$(sort -n <<<"${times%$'\n'}" | tail -n 1)" $((BACK_MS * 1000))
	check_equal "$RESTARTS restarts: no entry is left in the map" "$entries" "$(map_entries)"
	check_equal "$RESTARTS restarts: no descriptor is left" "$fds" "$(find "/proc/$(lab_status .pid)/fd" | wc -l)"
	check_number "$RESTARTS restarts: words on stderr" "$(wc -l <"$LAB_DIR/filter.log")" -le $((2 * RESTARTS + 3))
	note "stderr: $(wc -l <"$LAB_DIR/filter.log") lines"
	check_sums restarts
}

# Of first-answer; into the caller's `times`
read_us() {
	if [[ $1 =~ us=([0-9]+) ]]; then times+=${BASH_REMATCH[1]}$'\n'; else times+=9999999$'\n'; fi
}

warned() { grep -c "/$1 .*is not there yet" "$LAB_DIR/filter.log"; }

cgroups_missing() {
	lab_init cgroups-missing
	lab_host ipv4
	start_filter "not there yet" --settle 0 --cgroup "$LAB/clients/later/deeper" --exempt-cgroup "$LAB/clients/later/deeper/quiet" ||
		return
	check_equal "not there yet: a warning names each" "1 1" \
		"$(grep -c 'later/deeper .*is not there yet\|later/deeper: .*is not there yet' "$LAB_DIR/filter.log") $(
			grep -c 'deeper/quiet.*is not there yet' "$LAB_DIR/filter.log")"
	note "$(grep 'not there yet' "$LAB_DIR/filter.log" | head -n 1)"
	check_equal "not there yet: status shows them so" "exempt false scope false" \
		"$(lab_status '[.cgroups[] | "\(.kind) \(.attached)"] | sort | join(" ")')"
	check_equal "the only scope is not there: nobody is in scope" "server server" "$(fate_in clients) $(fate_in control)"
	mkdir -p "$LAB_CGROUP/clients/later/deeper"
	back "the only scope is made" clients/later/deeper filter
	mkdir "$LAB_CGROUP/clients/later/deeper/quiet"
	back "the exempt one is made" clients/later/deeper/quiet server
	check_equal "others are still in no scope" "server" "$(fate_in clients)"
	check_sums "not there yet"
}

# refused PHRASE PATTERN OPTION...: `run` exits with 2 and one line that has PATTERN
refused() {
	local phrase=$1 pattern=$2 status=0
	shift 2
	LAB_TIMEOUT=5 lab_control "$STUBSIEVE" run --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve" "$@" \
		>"$LAB_DIR/stdout" 2>"$LAB_DIR/stderr" || status=$?
	check_equal "$phrase: one line, exit 2" "2 1" "$status $(wc -l <"$LAB_DIR/stderr")"
	check "$phrase: it says \"$(cut -c 1-160 "$LAB_DIR/stderr")\"" grep -qiE -e "$pattern" "$LAB_DIR/stderr"
}

# many OPTION N: sets OPTIONS to so many cgroups, which are there
many() {
	local i
	OPTIONS=()
	for ((i = 0; i < $2; i++)); do
		mkdir -p "$LAB_CGROUP/clients/many-${1#--}-$i"
		OPTIONS+=("$1" "$LAB/clients/many-${1#--}-$i")
	done
}

cgroups_limits() {
	local path=clients level
	lab_init cgroups-limits
	lab_host ipv4
	many --cgroup 65
	refused "the 65th cgroup" "cgroup.*64" "${OPTIONS[@]}"
	many --exempt-cgroup 65
	refused "the 65th exempt cgroup" "exempt-cgroup.*64" --cgroup "$LAB/clients" "${OPTIONS[@]}"
	many --cgroup 64
	start_filter "64 cgroups" --settle 0 "${OPTIONS[@]}" && {
		check_equal "64 cgroups: the first and the last" "filter filter" \
			"$(fate_in clients/many-cgroup-0) $(fate_in clients/many-cgroup-63)"
		check_equal "64 cgroups: none beside them" server "$(fate_in clients/many-cgroup-64)"
	}
	lab_filter_stop
	for level in {3..32}; do path+=/l$level; done
	mkdir -p "$LAB_CGROUP/$path/deeper"
	refused "level 32" "31|deep" --cgroup "$LAB/$path"
	refused "exempt at level 32" "31|deep" --cgroup "$LAB/clients" --exempt-cgroup "$LAB/$path"
	start_filter "level 31" --settle 0 --cgroup "$LAB/${path%/*}" && {
		check_equal "level 31: in it, and below it" "filter filter" "$(fate_in "${path%/*}") $(fate_in "$path/deeper")"
		check_equal "level 31: not above it" server "$(fate_in "${path%/*/*}")"
	}
	lab_filter_stop
	refused "one cgroup both in scope and exempt" "clients" --cgroup "$LAB/clients" --exempt-cgroup "$LAB_CGROUP/clients/"
	start_filter "one cgroup twice" --settle 0 --cgroup "$LAB/clients" --cgroup "/$LAB/clients/" && {
		check_equal "one cgroup twice: it is in scope" filter "$(fate_in clients)"
		note "status has $(lab_status '.cgroups | length')"
	}
	lab_filter_stop
}

need_root
[ $# -gt 0 ] || set -- matrix remade restarts missing limits
for group; do
	"cgroups_$group"
	lab_remove
done
finish
