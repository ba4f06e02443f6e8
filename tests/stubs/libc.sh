#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The C libraries' resolvers, glibc's with the options of resolv.conf that change what it sends, without and with
# the filter: tests/stubs/suite.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/stubs/suite

glibc_stub() {
	stub "$@"
	STUB_VERSION[$1]="glibc $(getconf GNU_LIBC_VERSION 2>/dev/null | awk '{ print $2 }')"
}

lookup=$BUILD/tests/tools/lookup
suite_begin libc
if getconf GNU_LIBC_VERSION >/dev/null 2>&1; then
	glibc_stub glibc "$lookup"
	glibc_stub glibc-addrconfig "$lookup" --addrconfig
	for option in edns0 trust-ad use-vc single-request; do
		glibc_stub "glibc-$option" "$lookup"
		STUB_RESOLV[glibc-$option]="options $option"
	done
	glibc_stub glibc-search "$lookup"
else
	skip glibc "this system has another C library"
fi
STUB_RESOLV[glibc-search]='search one.example two.signed.example
options ndots:5'
STUB_TRAIT[glibc-addrconfig]=addrconfig
STUB_TRAIT[glibc-use-vc]=tcp
if [ -x "$BUILD/tests/stubs/musl" ]; then
	stub musl "$BUILD/tests/stubs/musl"
	STUB_VERSION[musl]="musl $(for loader in /lib/ld-musl-*; do "$loader" 2>&1; done | awk '/^Version/ { print $2 }')"
else
	skip musl "its client was not built: run make deps"
fi
suite_run
finish
