# Puts staged and tested keepalived files in place and lets keepalived take them.
# In: dir (of the configuration), conf (our file, in dir or included from there), foreign (names of files that somebody else wrote: a copy is kept).
set -eu
cd "$dir"
for f in $foreign; do
	cp -p "$f" "$f.before-hactl"
done
# A reload keeps the VIP where it is; keepalived rereads everything.
same=yes
cmp -s .keepalived.conf.hactl "$conf" || same=no
mkdir -p "${conf%/*}"
mv -f .check_apiserver.sh.hactl check_apiserver.sh
mv -f .keepalived.conf.hactl "$conf"
if ! systemctl -q is-active keepalived; then
	systemctl restart keepalived
elif [ $same = no ]; then
	systemctl reload keepalived
fi
systemctl -q enable keepalived
