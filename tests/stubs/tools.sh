#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The tools of every day, as they are called by hand, without and with the filter: tests/stubs/suite.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh
# A process for each lookup, so fewer of them.
STUB_LOOKUPS=1
ROUNDS=${ROUNDS:-2}
TIMED_NAMES='v4.example v6.example both.example both.signed.example missing.example'
. tests/stubs/suite

suite_begin tools
if stub_if curl curl tests/stubs/tool-client curl; then
	STUB_VERSION[curl]=$(curl --version | awk 'NR == 1 { print $1, $2 }')
fi
if stub_if wget wget tests/stubs/tool-client wget; then
	STUB_VERSION[wget]="wget $(wget --version | awk 'NR == 1 { print $3 }')"
fi
if stub_if dig dig tests/stubs/dig-client; then
	STUB_VERSION[dig]="dig $(dig -v 2>&1 | awk '{ sub("-.*", "", $2); print $2 }')"
fi
if stub_if kdig kdig tests/stubs/tool-client kdig; then
	STUB_VERSION[kdig]="kdig $(kdig --version | awk '{ sub(",", "", $NF); print $NF }')"
fi
if stub_if host host tests/stubs/tool-client host; then
	STUB_VERSION[host]="host $(host -V 2>&1 | awk '{ sub("-.*", "", $2); print $2 }')"
fi
STUB_TRAIT[host]=in-turn
OUTCOME_KIND[curl]=fetch OUTCOME_KIND[wget]=fetch OUTCOME_KIND[kdig]=typed
suite_run
finish
