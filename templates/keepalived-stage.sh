# Lets keepalived itself test staged files.  In: dir (of the configuration).
set -eu
cd "$dir"
conf=.keepalived.conf.hactl check=.check_apiserver.sh.hactl test=.keepalived.conf.test
trap 'rm -f "$test"' EXIT
# The test wants the script to be there: it gets the staged one.
(umask 077 && { grep -q '^global_defs' "$conf" || printf 'global_defs {\nenable_script_security\n}\n'; } >"$test"
	sed "s#$dir/check_apiserver.sh#$dir/$check#" "$conf" >>"$test")
if ! out=$(keepalived --config-test --use-file="$dir/$test" 2>&1); then
	rm -f "$conf" "$check"
	printf '%s\n' "keepalived --config-test refuses the new file:" "$out" >&2
	exit 1
fi
