#!/bin/sh
# unit.sh PROGRAM: runs one unit test program; its output is shown only when something failed, and why a test was
# left out.  NO_SKIP=1: none may be.
name=${1#*/tests/unit/}
if "$1" >"$1.log" 2>&1; then
	sed -n 's/^.*NOT TESTED: /  NOT TESTED (in '"$(basename "$name")"'): /p' "$1.log"
	if [ -n "${NO_SKIP:-}" ] && grep -q '^\[  SKIPPED \]' "$1.log"; then
		echo "FAIL $name: a test was left out, where none may be"
		exit 255
	fi
	echo "  ok $name: $(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$1.log") tests"
else
	cat "$1.log"
	echo "FAIL $name"
	exit 255 # xargs stops at it
fi
