#!/bin/sh
# unit.sh PROGRAM: runs one unit test program; its output is shown only when something failed.
name=${1#*/tests/unit/}
if "$1" >"$1.log" 2>&1; then
	echo "  ok $name: $(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$1.log") tests"
else
	cat "$1.log"
	echo "FAIL $name"
	exit 255 # xargs stops at it
fi
