# Puts a staged haproxy.cfg in place once HAProxy itself finds it good, and (re)loads it.
# In: keep (not empty: the old file is somebody else's, and a copy is kept).
set -eu
cd /etc/haproxy
staged=.haproxy.cfg.hactl
trap 'rm -f "$staged"' EXIT
if ! out=$(haproxy -c -f "$staged" 2>&1); then
	printf '%s\n' "haproxy -c refuses the new file:" "$out" >&2
	exit 1
fi
[ -z "$keep" ] || cp -p haproxy.cfg haproxy.cfg.before-hactl
same=yes
cmp -s "$staged" haproxy.cfg || same=no
mv -f "$staged" haproxy.cfg
# A reload keeps the connections that are open: the old process ends with the last of them.
if ! systemctl -q is-active haproxy; then
	systemctl restart haproxy
elif [ $same = no ]; then
	systemctl reload haproxy
fi
systemctl -q enable haproxy
