# A kubelet that does not know its disk yet would refuse etcd's pod for good: etcd is not joined before it does.
templates=$(cd "$(dirname "$0")/../../templates" && pwd)
. "$(dirname "$0")/lib.sh"

mkdir -p bin kubernetes state
: >state/kubeadm.log # of the part before
echo '    server: https://10.0.0.9:6443' >kubernetes/kubelet.conf
printf '#!/bin/sh\necho kubeadm >>%s/order\n' "$work" >bin/kubeadm
printf '#!/bin/sh\n' >bin/systemctl
printf '#!/bin/sh\n' >bin/sleep
printf '#!/bin/sh\necho "    commonName                = system:node:m2"\n' >bin/openssl
# The third answer is that of a kubelet that has looked.
cat >bin/curl <<END
#!/bin/sh
while [ \$# -gt 1 ]; do shift; done
echo "\$1" >>$work/order
[ "\$(grep -c nodes $work/order)" -ge 3 ] && disk='"ephemeral-storage": "236000",'
printf '{"status": {\n "capacity": {"ephemeral-storage": "9"},\n "allocatable": {\n  "cpu": "2",%s\n  "pods": "110"}}}\n' "\${disk:-}"
END
chmod +x bin/*
sed "s#/var/lib/hactl#$work/state#g;s#/etc/kubernetes#$work/kubernetes#g" "$templates/kubeadm-run.sh" >run

PATH=$work/bin:$PATH verb=join part=etcd config=$work/join.yaml pki=$work/kubernetes/pki limit=10 sh run >told 2>&1 || die "$(cat told)"
url=https://10.0.0.9:6443/api/v1/nodes/m2
[ "$(cat order)" = "$(printf '%s\n' $url $url $url kubeadm)" ] || die "in this order: $(cat order)"
[ ! -s told ] || die "it says: $(cat told)"
