#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The resolvers of languages and their libraries, without and with the filter: tests/stubs/suite.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
. tests/stubs/suite

# built_stub NAME PROGRAM COMMAND...
built_stub() {
	local name=$1 program=$2
	shift 2
	if [ -e "$program" ]; then
		stub "$name" "$@"
	else
		skip "$name" "its client was not built: run make deps"
		false
	fi
}

suite_begin languages
clients=$BUILD/tests/stubs
if built_stub go "$clients/go" "$clients/go"; then
	STUB_VERSION[go]="Go $(go version | awk '{ sub("go", "", $3); print $3 }')"
fi
if built_stub c-ares "$clients/cares" "$clients/cares"; then
	STUB_VERSION[c-ares]="c-ares $(pkg-config --modversion libcares)"
fi
for way in lookup resolve; do
	if stub_if node "node-$way" node tests/stubs/node/lookup.js $way; then
		STUB_VERSION[node-$way]="Node $(node --version | tr -d v)"
	fi
done
OUTCOME_KIND[node-resolve]=typed
if stub_if python3 python "$(suite_python)" tests/stubs/python/lookup.py; then
	STUB_VERSION[python]=$("$(suite_python)" --version)
fi
if built_stub java "$clients/java/Lookup.class" java -Xshare:auto -cp "$clients/java" Lookup; then
	STUB_VERSION[java]="Java $(java -version 2>&1 | awk -F '"' 'NR == 1 { print $2 }')"
fi
suite_run
finish
