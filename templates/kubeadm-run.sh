# Runs kubeadm with a configuration file.
# In: verb (init, join), part (of a join: prepare, etcd; else all), config (path), pki (folder), limit (seconds), id (of this run).
# Its output goes to a file that is followed here: kubeadm survives this connection, and holds a
# lock that tells the next run so; templates/kubeadm-follow.sh finds it again.
umask 077
dir=/var/lib/hactl begun=/etc/kubernetes/pki/.hactl-begun
mkdir -p "$dir" && (umask 022 && mkdir -p /etc/kubernetes/pki) || exit 1
exec 9>"$dir/lock"
flock -n 9 || exit 75

# What was there before is put back should an unfinished init have to be reset.
had=
if [ "$verb" = init ]; then
	[ ! -d /var/lib/etcd/member ] || had=' etcd-data'
	rm -rf "$dir/pki-before"
	[ -z "$(find "$pki" -type f 2>/dev/null | head -n 1)" ] || cp -a "$pki" "$dir/pki-before" || exit 1
fi
# Below pki, so that any `kubeadm reset` takes the mark away too.
if [ "$part" != etcd ]; then
	echo "$verb$had" >"$begun" || exit 1
	sync "$begun" 2>/dev/null # there before whatever kubeadm writes
	rm -f "$dir/resetting"
fi
systemctl -q enable kubelet
date +%s >"$dir/started"

# It may wait very long (8 minutes were seen with 1.20, when the machine of another member of etcd died while it
# joined), and the next run would wait for it.
in_time() { timeout -k 10 "$limit" "$@"; }

# A kubelet (1.20) that has just started and does not know its disk yet refuses etcd's pod ("no set of running
# pods found to reclaim resources: ephemeral-storage"), and does not try it again: no etcd, and with a
# second member no quorum.  Its Node object tells when it knows.
kubelet_knows_its_disk() {
	cert=/var/lib/kubelet/pki/kubelet-client-current.pem
	server=$(sed -n 's/^ *server: *//p' /etc/kubernetes/kubelet.conf)
	name=$(openssl x509 -noout -subject -nameopt multiline -in "$cert" | sed -n 's/.*system:node://p')
	curl -q -s --noproxy '*' --max-time 3 --cacert "$pki/ca.crt" --cert "$cert" --key "$cert" "$server/api/v1/nodes/$name" |
		tr -d ' \n' | grep -q '"allocatable":{[^}]*"ephemeral-storage":"[1-9]'
}
wait_for_its_disk() {
	command -v curl && command -v openssl || return 0
	for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
		! kubelet_knows_its_disk || return 0
		sleep 1
	done
} >/dev/null 2>&1

log=$dir/kubeadm.log
[ "$part" = etcd ] || : >"$log"
begin=$(($(wc -c <"$log") + 1))
rm -f "$dir/ended"
echo "$id $begin" >"$dir/run" || exit 1
(
	exec </dev/null >>"$log" 2>&1
	case $verb-$part in
	init-*) in_time kubeadm init --config "$config" --skip-token-print ;;
	join-prepare) in_time kubeadm join --config "$config" --skip-phases control-plane-join ;;
	join-etcd) wait_for_its_disk; in_time kubeadm join phase control-plane-join all --config "$config" ;;
	*) in_time kubeadm join --config "$config" ;;
	esac
	rc=$?
	# a join's holds a token
	[ "$verb" = init ] || rm -f "$config"
	# kubeadm that only failed its own checks leaves nothing, and so do we
	if [ $rc = 0 ]; then
		[ "$part" = prepare ] || rm -rf "$begun" "$dir/pki-before"
	elif [ ! -f /etc/kubernetes/kubelet.conf ] && [ -z "$(ls -A /etc/kubernetes/manifests 2>/dev/null)" ]; then
		rm -rf "$begun" "$dir/pki-before"
		rmdir /etc/kubernetes/pki /etc/kubernetes 2>/dev/null
	fi
	echo "$id $rc" >"$dir/ended"
	exit $rc
) &
pid=$!
followed=yes
tail -c +$begin -f -s 0.1 --pid=$pid "$log" 2>/dev/null || followed=no
wait $pid
rc=$?
[ $followed = yes ] || tail -c +$begin "$log" # a tail without --pid
exit $rc
