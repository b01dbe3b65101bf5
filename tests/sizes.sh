#!/bin/sh
# Functions and files stay readable: over 100 lines for a function, 800 for a file, is an error.
set -eu
cd "$(dirname "$0")/.."

find cmd pkg -name '*.[ch]' | sort | xargs awk '
	FNR == 1 { start = 0 }
	/^\{/ { start = FNR }
	/^\}/ && start {
		if (FNR - start > 100) { print FILENAME ":" start ": a function of " FNR - start " lines"; bad = 1 }
		start = 0
	}
	FNR == 801 { print FILENAME ": more than 800 lines"; bad = 1 }
	END { exit bad }
'
