#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tools/lab/PEOPLE.md shows what people see on an IPv4-only host, and is right: each of its examples (blocks
# marked `console`) is run on a lab host, and its output is what the page shows. The words after `console`:
#
#   without | with | exempt   without the filter; with it; with it, in a cgroup that is exempt
#   search                    with the search list of the section about these
#
# So is its table of search lists, which holds for every resolver library that is here.
# `people.sh --table` prints that table.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh

PAGE=tools/lab/PEOPLE.md
SEARCHED=(web one six hole gone both.example)
LIBRARIES=(glibc musl Go c-ares)

lab_zone() {
	cat <<-ZONE
		\$TTL 60
		@       SOA   ns hostmaster 1 3600 600 86400 60
		@       NS    ns
		ns      A     $LAB_SERVER4
		v6      AAAA  2001:db8:77::6
		both    A     198.51.100.10
		both    AAAA  2001:db8:77::10
		web.b   A     198.51.100.11
		web.b   AAAA  2001:db8:77::11
		one.a   AAAA  2001:db8:77::a
		one.b   A     198.51.100.12
		six.a   A     198.51.100.13
		six.b   AAAA  2001:db8:77::b
		hole.a  TXT   "no address here"
		hole.b  A     198.51.100.14
		hole.b  AAAA  2001:db8:77::14
	ZONE
}

# The program as the page calls it: `sudo stubsieve`.
make_commands() {
	mkdir "$LAB_DIR/bin"
	printf '#!/bin/sh\nexec "$@"\n' >"$LAB_DIR/bin/sudo"
	# shellcheck disable=SC2016 # expanded by the script
	printf '#!/bin/sh\ncommand=$1\nshift\nexec "%s" "$command" --run-dir "%s" "$@"\n' \
		"$(realpath "$STUBSIEVE")" "$LAB_DIR/run" >"$LAB_DIR/bin/stubsieve"
	chmod +x "$LAB_DIR/bin"/*
}

# set_search on|off
set_search() {
	{
		[ "$1" = off ] || printf 'search a.example b.example\noptions ndots:5\n'
		echo "nameserver $LAB_SERVER4"
	} >"$LAB_DIR/host.resolv.conf"
}

# What differs from run to run, and spaces at the ends of lines.
normal() {
	sed -e 's/, id: [0-9]*$/, id: N/' -e 's/ after [0-9]* ms/ after N ms/' -e "s,/$LAB,/web.slice," -e 's/[ \t]*$//' |
		sed -e :more -e '/^\n*$/{$d;N;bmore' -e '}'
}

# run_example CGROUP COMMAND: its output, and its exit status if that is not 0
run_example() {
	local status=0
	lab_enter "$1" "$LAB_HOST_PID" "$LAB_TIMEOUT" env PATH="$LAB_DIR/bin:$PATH" sh -c "$2" >"$LAB_DIR/said" 2>&1 ||
		status=$?
	normal <"$LAB_DIR/said"
	[ "$status" = 0 ] || echo "[exit $status]"
}

# The page's examples, one a line: WORDS, COMMAND and OUTPUT with TAB between, line ends as \001 and tabs as \002.
examples() {
	awk '
		function flush() { if (command != "") print words "\t" command "\t" output; command = output = "" }
		/^```console/ { inside = 1; words = substr($0, 12); next }
		/^```/ { flush(); inside = 0 }
		!inside { next }
		/^\$ / { flush(); command = substr($0, 3); next }
		{ gsub(/\t/, "\002"); output = output $0 "\001" }' "$PAGE"
}

# example WORDS COMMAND OUTPUT
example() {
	local cgroup=clients search=off have program
	[[ $1 != *exempt* ]] || cgroup=control
	[[ $1 != *search* ]] || search=on
	program=${2#sudo }
	program=${program%% *}
	if [ "$program" != stubsieve ] && ! command -v "$program" >/dev/null; then
		skip "$1: $2" "$program is not here"
		return
	fi
	set_search "$search"
	have=$(run_example "$cgroup" "$2")
	check_equal "$1: $2" "$(tr '\001\002' '\n\t' <<<"$3" | normal)" "$have"
}

# examples_of FIRST-WORD...: runs those of these states
examples_of() {
	local words command output state ran=0
	while IFS=$'\t' read -r words command output; do
		for state; do
			[ "${words%% *}" = "$state" ] || continue
			example "$words" "$command" "$output" </dev/null
			ran=$((ran + 1))
		done
	done < <(examples)
	set_search off
	check_number "the page has examples: $*" "$ran" -gt 0
}

library_client() {
	case $1 in
	glibc) echo "$BUILD/tests/tools/lookup" ;;
	c-ares) echo "$BUILD/tests/stubs/cares" ;;
	*) echo "$BUILD/tests/stubs/${1,,}" ;;
	esac
}

# Whichever of the two words for it came last, and as each library puts it.
outcome() {
	sed -n 's/^result [^ ]* //p' | sed -e 's/^error: .*/no address/'
}

# Sets CELL[library name]: what it finds, and the queries that reached the server
search_cells() {
	local library name found log
	set_search on
	lab_mark
	for library in "${LIBRARIES[@]}"; do
		[ -x "$(library_client "$library")" ] || continue
		for name in "${SEARCHED[@]}"; do
			found=$(lab_client "$(library_client "$library")" "$name" | outcome)
			log=$(lab_log)
			LAB_FROM=$(wc -l <"$(lab_queries_log)")
			CELL[$library $name]="$found ($(grep -c ' IN A ' <<<"$log") + $(grep -c ' IN AAAA ' <<<"$log"))"
		done
	done
	set_search off
}

search_rows() {
	local library name
	# shellcheck disable=SC2016 # quotes of the page
	for library in "${LIBRARIES[@]}"; do
		for name in "${SEARCHED[@]}"; do
			[ -z "${WITHOUT[$library $name]:-}" ] ||
				printf '| %s | `%s` | %s | %s |\n' "$library" "$name" "${WITHOUT[$library $name]}" "${WITH[$library $name]}"
		done
	done
}

print_table() {
	printf '\n| library | name | without the filter | with the filter |\n|---|---|---|---|\n'
	search_rows
	echo
}

# The table's rows of the libraries that are here, as the page has them.
check_table() {
	local library row
	for library in "${LIBRARIES[@]}"; do
		if [ -z "${WITH[$library web]:-}" ]; then
			skip "the table of search lists: $library" "its client was not built: run make deps"
			continue
		fi
		row=$(sed -n '/^<!-- search table/,/^<!-- end of search/p' "$PAGE" | grep "^| $library ")
		check_equal "the table of search lists: $library" "$row" "$(search_rows | grep "^| $library ")"
	done
}

# The one name that is another host's with the filter must be so in the table, and no other.
check_changed() {
	local name changed=''
	for name in "${SEARCHED[@]}"; do
		[ "$(lasting "${WITHOUT[glibc $name]}")" = "$(lasting "${WITH[glibc $name]}")" ] || changed+=" $name"
	done
	check_equal "of the names looked up, one alone resolves to something else" " one" "$changed"
}

# What is left of a cell without IPv6 addresses and numbers of queries; for a name without IPv4 the address stays.
lasting() {
	local found=${1% (*}
	case $found in
	*.*) tr ' ' '\n' <<<"$found" | grep -F . ;;
	*) echo "$found" ;;
	esac
}

# On a host with IPv6 only: a name with IPv4 in an earlier domain, and IPv6 in a later one.
other_way_round() {
	lab_init people-ipv6
	lab_host ipv6
	{ printf 'search a.example b.example\noptions ndots:5\n' && cat "$LAB_DIR/host.resolv.conf"; } >"$LAB_DIR/resolv"
	cat "$LAB_DIR/resolv" >"$LAB_DIR/host.resolv.conf"
	check_equal "IPv6 only, without: the first domain's" 198.51.100.13 \
		"$(lab_client "$(library_client glibc)" six | outcome)"
	start_filter "an IPv6-only host" --settle 0 || return
	check_equal "IPv6 only, with: the second domain's" 2001:db8:77::b \
		"$(lab_client "$(library_client glibc)" six | outcome)"
	check_equal "IPv6 only, with: A on purpose" "; EDE: 17 (Filtered): (no IPv4 route)" \
		"$(lab_client dig v4.example A | grep EDE)"
}

need_root
lab_init people
lab_host ipv4
make_commands
declare -A CELL WITHOUT WITH
[ "${1:-}" = --table ] || examples_of without
search_cells
for cell in "${!CELL[@]}"; do WITHOUT[$cell]=${CELL[$cell]}; done
start_filter "an IPv4-only host" --settle 0 --cgroup "$LAB" --exempt-cgroup "$LAB/control" || finish
search_cells
for cell in "${!CELL[@]}"; do WITH[$cell]=${CELL[$cell]}; done
if [ "${1:-}" = --table ]; then
	print_table
	exit
fi
examples_of with
examples_of exempt
check_table
check_changed
lab_remove
other_way_round
finish
