# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Reads what tests/run wrote in a guest. A line for each program: "program NAME PASSED FAILED SKIPPED"; one for each
# case that was skipped or failed: "skipped NAME", "failed NAME"; and "programs N policies N loads N", of `verified`.

function close_program()
{
	if (name != "")
		printf "program %s %d %d %d\n", name, passed + own_passed, failed + own_failed + troubles, skipped + own_skipped
	name = ""
}

/^== / {
	close_program()
	name = $2
	passed = failed = skipped = own_passed = own_failed = own_skipped = troubles = sums = 0
}

# cmocka
/^\[  PASSED  \] [0-9]+ test/ { passed += $4 }
/^\[  FAILED  \] [0-9]+ test/ { failed += $4 }
/^\[  SKIPPED \] [0-9]+ test/ { skipped += $4 }
/^\[  SKIPPED \] [a-z]/ && !((name, $4) in told) { told[name, $4]; print "skipped " $4 }
/^\[  FAILED  \] [a-z]/ && !((name, $4) in told) { told[name, $4]; print "failed " name ": " $4 }

# tests/lib.sh, and what tests/run finds wrong with a program as a whole
/^skip  / { sub(/^skip */, ""); print "skipped " $0 }
/^not ok  / { print "failed " name ": " substr($0, 9) }
/^not ok  / && $3 == name && $4 ~ /^(took|exited|ran)$/ { troubles++ }

# Its own sum; the last one is that of tests/run.
/^[0-9]+ passed, [0-9]+ failed/ {
	before_passed = own_passed; before_failed = own_failed; before_skipped = own_skipped
	own_passed = $1 + 0; own_failed = $3 + 0; own_skipped = $5 + 0
}
/^end: / {
	own_passed = before_passed; own_failed = before_failed; own_skipped = before_skipped
}

/^verified / { programs[$3]; policies[$2]; loads++ }

END {
	close_program()
	for (key in programs) program_count++
	for (key in policies) policy_count++
	printf "programs %d policies %d loads %d\n", program_count, policy_count, loads
}
