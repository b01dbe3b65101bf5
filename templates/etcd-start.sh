# Starts the member of etcd that a join announced to the others and did not start.
# In: pki (folder), manifest (of the static pod; empty: it is there already).
umask 077
dir=/var/lib/hactl file=/etc/kubernetes/manifests/etcd.yaml
mkdir -p "$dir" || exit 1
exec 9>"$dir/lock"
flock -n 9 || exit 75
for need in "$pki/etcd/ca.crt" "$pki/etcd/server.crt" "$pki/etcd/server.key" "$pki/etcd/peer.crt" "$pki/etcd/peer.key" /var/lib/kubelet/config.yaml; do
	[ -f "$need" ] || { echo "'$need' is not there" >&2; exit 1; }
done
if [ -n "$manifest" ] && [ ! -s "$file" ]; then
	mkdir -p /etc/kubernetes/manifests && printf '%s' "$manifest" >/etc/kubernetes/.etcd.hactl || exit 1
	sync /etc/kubernetes/.etcd.hactl 2>/dev/null # a new name never gets there before its content
	mv -f /etc/kubernetes/.etcd.hactl "$file" || exit 1
fi
systemctl restart kubelet 9>&-
