# Puts staged and tested keepalived files in place and lets keepalived take them.
# In: dir (of the configuration), conf (our file, in dir or included from there), foreign (names of files that somebody else wrote: a copy is kept).
set -eu
cd "$dir"
# A reload keeps the VIP where it is; keepalived rereads everything.
same=no
# Nothing staged: this very script has run before, over a connection that was lost.
if [ -e .keepalived.conf.hactl ]; then
	for f in $foreign; do
		cp -p "$f" "$f.before-hactl"
	done
	! cmp -s .keepalived.conf.hactl "$conf" || same=yes
	mkdir -p "${conf%/*}"
	[ ! -e .check_apiserver.sh.hactl ] || mv -f .check_apiserver.sh.hactl check_apiserver.sh
	mv -f .keepalived.conf.hactl "$conf"
fi
if ! systemctl -q is-active keepalived; then
	systemctl restart keepalived
elif [ $same = no ]; then
	systemctl reload keepalived
fi
systemctl -q enable keepalived
