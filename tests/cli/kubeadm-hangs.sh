# A kubeadm that never ends is ended on its node, so that the next run finds the node free.
templates=$(cd "$(dirname "$0")/../../templates" && pwd)
. "$(dirname "$0")/lib.sh"

mkdir bin
printf '#!/bin/sh\necho started\nexec sleep 1000\n' >bin/kubeadm
printf '#!/bin/sh\n' >bin/systemctl
chmod +x bin/*
sed "s#/var/lib/hactl#$work/state#g;s#/etc/kubernetes#$work/kubernetes#g" "$templates/kubeadm-run.sh" >run

status=0
PATH=$work/bin:$PATH verb=join part=etcd config=$work/join.yaml pki=$work/kubernetes/pki limit=1 timeout 60 sh run >told 2>&1 || status=$?
[ "$status" = 124 ] || die "exit $status, not 124: $(cat told)"
flock -n state/lock true || die "the lock is held still"
