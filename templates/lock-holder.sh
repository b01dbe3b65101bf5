# Who holds the lock of this node; nothing when nobody does.
[ -e /run/hactl.lock ] || exit 0
flock -n /run/hactl.lock true || head -c 500 /run/hactl.holder
