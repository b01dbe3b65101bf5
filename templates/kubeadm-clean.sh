# Ends what an earlier run began and did not finish.
# In: how (wait, reset, finish-init, finished), wait (seconds for a kubeadm that still runs), config (of init), pki (folder), cri_socket (may be empty),
# member (gone: etcd does not list this node; else kubeadm sees to that).
umask 077
dir=/var/lib/hactl begun=/etc/kubernetes/pki/.hactl-begun resetting=/var/lib/hactl/resetting
mkdir -p "$dir" || exit 1
exec 9>"$dir/lock"
flock -w "$wait" 9 || exit 75
[ "$how" != wait ] || exit 0
[ -f "$begun" ] || [ -f "$resetting" ] || exit 0

if [ "$how" = finish-init ]; then
	# The phases after the API answers; each of them may be repeated.
	for phase in 'upload-config all' mark-control-plane bootstrap-token 'kubelet-finalize all' 'addon all'; do
		# shellcheck disable=SC2086 # a phase and its part are two words
		kubeadm init phase $phase --config "$config" >/dev/null || exit
	done
elif [ "$how" = reset ]; then
	# kubeadm that only failed its own checks has left nothing to reset.
	if [ -f /etc/kubernetes/kubelet.conf ] || [ -f /etc/kubernetes/bootstrap-kubelet.conf ] ||
	   [ -n "$(ls -A /etc/kubernetes/manifests 2>/dev/null)" ] || [ -f "$resetting" ]; then
		etcd=/etc/kubernetes/manifests/etcd.yaml
		if [ -f "$etcd" ] && grep -qs etcd-data "$begun"; then
			echo "there was etcd data in /var/lib/etcd before kubeadm init, which a reset would delete: save it, and run 'kubeadm reset' by hand" >&2
			exit 1
		fi
		# Without an etcd of its own, or when that is none of the others', kubeadm would look for its member for
		# minutes (seen with 1.20).  The phase that does would delete its data, too.
		skip='' data=''
		if [ ! -f "$etcd" ] || [ "$member" = gone ]; then skip=remove-etcd-member; fi
		if [ "$member" = gone ] || grep -qs '^init' "$begun"; then
			data=$(sed -n 's/^ *- --data-dir=//p' "$etcd" 2>/dev/null | head -n 1)
		fi
		# The mark goes with the PKI, long before the end.
		if [ ! -s "$resetting" ] || [ -n "$data" ]; then
			echo "${data:--}" >"$resetting" || exit 1
			sync "$resetting" 2>/dev/null
		fi
		kubeadm reset --force ${skip:+--skip-phases "$skip"} ${cri_socket:+--cri-socket "$cri_socket"} </dev/null >"$dir/kubeadm-reset.log" 2>&1 || {
			tail -n 5 "$dir/kubeadm-reset.log" >&2
			exit 1
		}
		data=$(head -n 1 "$resetting")
		case $data in /?*) rm -rf "$data/member" || exit 1 ;; esac
	fi
	if [ -d "$dir/pki-before" ]; then
		mkdir -p "$pki" && cp -a "$dir/pki-before/." "$pki/" || exit 1
	fi
fi
rm -rf "$begun" "$dir/pki-before"
rm -f "$resetting"
