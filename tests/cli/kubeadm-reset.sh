# A kubeadm reset that a power cut ends half way takes the mark of the unfinished join with it, yet is known as
# unfinished, and is done again: the data of a member that etcd has forgotten does not keep the node from joining.
templates=$(cd "$(dirname "$0")/../../templates" && pwd)
. "$(dirname "$0")/lib.sh"

mkdir -p bin kubernetes/manifests kubernetes/pki etcd/member etcd/lost+found
echo join >kubernetes/pki/.hactl-begun
touch kubernetes/pki/ca.crt
echo x >kubernetes/kubelet.conf
printf '    - etcd\n    - --data-dir=%s/etcd\n' "$work" >kubernetes/manifests/etcd.yaml
cat >bin/kubeadm <<'K'
#!/bin/sh
[ "$1" = reset ] || exit 0
echo "$*" >>reset
rm -rf kubernetes/manifests/* kubernetes/pki
[ -z "$cut" ] || { kill -KILL $PPID; exit; }
rm -f kubernetes/kubelet.conf
K
chmod +x bin/kubeadm
for t in kubeadm-clean facts; do
	sed "s#/var/lib/hactl#$work/state#g;s#/etc/kubernetes#$work/kubernetes#g" "$templates/$t.sh" >$t
done
begun() {
	PATH=$work/bin:$PATH vip='' second_vip='' endpoint_host='' pki_dir=$work/kubernetes/pki pki_files='' keepalived_dir=$work/keepalived \
		timeout 60 sh facts 2>/dev/null | sed -n 's/^begun=//p'
}
clean() {
	PATH=$work/bin:$PATH how=reset wait=0 config=$work/init.yaml pki=$work/kubernetes/pki cri_socket='' member=gone timeout 60 sh kubeadm-clean >told 2>&1
}

[ "$(begun)" = join ] || die "before: begun is '$(begun)'"
export cut=1
clean && die "it was not cut off"
if [ ! -d etcd/member ] || [ -e kubernetes/pki ]; then die "it was cut off elsewhere"; fi
[ "$(begun)" = reset ] || die "cut off: begun is '$(begun)'"
export cut=
clean || die "the second one failed: $(cat told)"
[ ! -e etcd/member ] || die "the data is there still"
[ -d etcd/lost+found ] || die "what is not etcd's is gone"
[ ! -e state/resetting ] || die "a mark is left"
[ -z "$(begun)" ] || die "afterwards: begun is '$(begun)'"
[ "$(grep -c remove-etcd-member reset)" = 2 ] || die "kubeadm was to leave etcd alone: $(cat reset)"

# Somebody has joined the node by hand meanwhile.
echo "$work/etcd" >state/resetting
[ "$(begun)" = reset ] || die "nothing was done by hand yet: begun is '$(begun)'"
mkdir kubernetes/pki
touch kubernetes/pki/ca.crt kubernetes/kubelet.conf
[ -z "$(begun)" ] || die "a node that was joined by hand: begun is '$(begun)'"
