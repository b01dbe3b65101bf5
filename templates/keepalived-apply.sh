# Puts a staged keepalived.conf in place once keepalived itself finds it good, and (re)starts it.
# In: dir (of the configuration), foreign (yes: a copy of the old file is kept).
set -eu
cd "$dir"
staged=.keepalived.conf.hactl
trap 'rm -f "$staged"' EXIT
if ! out=$(keepalived --config-test --use-file="$dir/$staged" 2>&1); then
	printf '%s\n' "keepalived --config-test refuses the new file:" "$out" >&2
	exit 1
fi
if [ "$foreign" = yes ] && [ -f keepalived.conf ]; then
	cp -p keepalived.conf "keepalived.conf.before-hactl"
fi
# A reload keeps the VIP where it is; keepalived rereads everything.
before=$(cat keepalived.conf 2>/dev/null || :)
mv -f "$staged" keepalived.conf
systemctl -q enable keepalived
if ! systemctl -q is-active keepalived; then
	systemctl restart keepalived
elif [ "$before" != "$(cat keepalived.conf)" ]; then
	systemctl reload keepalived
fi
