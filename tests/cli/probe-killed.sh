# What tries etcd's disk leaves no file there, however it ends: kubeadm joins no node whose /var/lib/etcd has one.
templates=$(cd "$(dirname "$0")/../../templates" && pwd)
. "$(dirname "$0")/lib.sh"

mkdir lib tmp
touch lib/.hactl-disk-before
sed "s#/var/lib#$work/lib#g" "$templates/probe.sh" >probe

TMPDIR=$work/tmp disk=yes seconds=30 perl='sleep 30;' python='' own='' interface='' ports='' targets='' peers='' word='' \
	setsid sh probe >told 2>&1 &
probe=$!
n=0
until cat tmp/*/disk 2>/dev/null | grep -q copied; do
	n=$((n + 1))
	[ $n -lt 600 ] || die "nothing was written in a minute: $(cat told)"
	sleep 0.1
done
kill -KILL -"$probe"
wait "$probe" 2>/dev/null || :
left=$(ls -A lib)
[ -z "$left" ] || die "left behind: $left"
