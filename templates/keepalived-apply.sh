# Puts staged keepalived files in place once keepalived itself finds them good, and (re)starts it.
# In: dir (of the configuration), foreign (names of files that somebody else wrote: a copy is kept).
set -eu
cd "$dir"
conf=.keepalived.conf.hactl check=.check_apiserver.sh.hactl test=.keepalived.conf.test
trap 'rm -f "$conf" "$check" "$test"' EXIT
# The test wants the script to be there: it gets the staged one.
(umask 077 && sed "s#$dir/check_apiserver.sh#$dir/$check#" "$conf" >"$test")
if ! out=$(keepalived --config-test --use-file="$dir/$test" 2>&1); then
	printf '%s\n' "keepalived --config-test refuses the new file:" "$out" >&2
	exit 1
fi
for f in $foreign; do
	cp -p "$f" "$f.before-hactl"
done
# A reload keeps the VIP where it is; keepalived rereads everything.
same=yes
cmp -s "$conf" keepalived.conf || same=no
mv -f "$check" check_apiserver.sh
mv -f "$conf" keepalived.conf
systemctl -q enable keepalived
if ! systemctl -q is-active keepalived; then
	systemctl restart keepalived
elif [ $same = no ]; then
	systemctl reload keepalived
fi
