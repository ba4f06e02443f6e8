#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Fetches captures of real traffic into .deps/captures, for tests/kernel/captures.c: those that lie in the
# source packages below, from the archive that this machine uses (Debian, Ubuntu). apt gets a configuration
# of its own, made of the machine's, which stays as it is. Only the captures are kept.
#
# Always exits with 0: where they cannot be had, .deps/captures/missing says why, and the test is skipped.
set -eu

cd "$(dirname "$0")/.."

PACKAGES="tcpdump dnscap python-dpkt ndpi" # 2 MB, 0.4 MB, 0.2 MB and 127 MB
CAPTURES=.deps/captures
SECONDS_MAX=240

give_up() {
	rm -rf "$CAPTURES"
	mkdir -p "$CAPTURES"
	echo "$*" >"$CAPTURES/missing"
	echo "make deps: no captures of real traffic: $*" >&2
	exit 0
}

# The distribution's own entries of the machine's list of archives, as `deb-src`.
stanzas() {
	for file in /etc/apt/sources.list.d/*.sources; do
		[ -r "$file" ] || continue
		cat "$file"
		echo
	done | awk -v codename="$1" '
		BEGIN { RS = ""; ORS = "\n\n" }
		("\n" $0) ~ "\nSuites:[^\n]*" codename { sub(/(^|\n)Types:[^\n]*/, "\nTypes: deb-src"); print }'
}

lines() {
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -r "$file" ] || continue
		sed -n 's/^deb[[:space:]]/deb-src /p' "$file"
	done | grep "[[:space:]]$1" || true
}

private_apt() {
	timeout "$SECONDS_MAX" apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=2 -o Acquire::Languages=none \
		-o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o Dir::Etc::SourceList=/dev/null \
		-o Dir::Etc::SourceParts="$private/sources" -o Dir::State::Lists="$private/lists" \
		-o Dir::Cache="$private/cache" \
		"$@" </dev/null
}

prepare() {
	# shellcheck disable=SC1091 # the machine's own file
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ -n "$codename" ] || give_up "the release of the distribution is not known"
	mkdir -p "$private/sources" "$private/lists/partial" "$private/cache/archives/partial" "$private/download"
	stanzas "$codename" >"$private/sources/machine.sources"
	lines "$codename" >"$private/sources/machine.list"
	[ -s "$private/sources/machine.sources" ] || [ -s "$private/sources/machine.list" ] ||
		give_up "apt knows no archive of $codename"
}

# unpack PACKAGE: its captures, under its name
unpack() {
	mkdir -p "$private/captures/$1"
	for file in "$private/download/$1"_*.orig.tar.*; do
		case $file in *.asc) continue ;; esac
		tar -t -f "$file" | grep -E '\.(pcap|pcapng|cap)$' >"$private/names" &&
			tar -x -f "$file" -C "$private/captures/$1" --strip-components=1 -T "$private/names" || return
	done
}

fetch() {
	private_apt -o APT::Update::Error-Mode=any update >"$private/log" 2>&1 || give_up "the archive's list of sources: $(tail -n 1 "$private/log")"
	for package in $PACKAGES; do
		(cd "$private/download" && private_apt --download-only --tar-only source "$package") >"$private/log" 2>&1 ||
			give_up "the source package $package: $(tail -n 1 "$private/log")"
		unpack "$package" || give_up "the source package $package cannot be unpacked"
		rm -f "$private"/download/*
	done
}

if [ "$(cat "$CAPTURES/packages" 2>/dev/null)" = "$PACKAGES" ]; then
	exit 0
fi
command -v apt-get >/dev/null || give_up "source packages are fetched with apt, which is not here"
mkdir -p .deps
private=$(mktemp -d "$PWD/.deps/captures.XXXXXX")
trap 'rm -rf "$private"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
prepare
echo "make deps: fetching captures of real traffic (130 MB)"
fetch
echo "$PACKAGES" >"$private/captures/packages"
rm -rf "$CAPTURES"
mv "$private/captures" "$CAPTURES"
