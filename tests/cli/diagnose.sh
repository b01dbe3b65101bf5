# What a node says of itself after a failure has no false causes in it: here this machine, with programs of our own.
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$(dirname "$0")/lib.sh"

mkdir bin pki
cat >bin/systemctl <<'END'
#!/bin/sh
case $* in *is-active*) exit 0 ;; *show*) printf 'LoadState=loaded\nActiveState=inactive\n' ;; esac
END
cat >bin/dmesg <<'END'
#!/bin/sh
cat "$WORK/kernel"
END
printf '#!/bin/sh\n' | tee bin/crictl bin/ss bin/journalctl bin/keepalived >/dev/null
chmod +x bin/*
WORK=$work
export WORK
mkdir state
sed "s#/var/lib/hactl#$work/state#g; s#/var/lib/kubelet#$work/kubelet#g; s#/var/log/pods#$work/pods#g" "$top/templates/diagnose.sh" >script
# report ENDPOINT: what a node with that endpoint says
report() {
	PATH=$work/bin:$PATH vip='' endpoint=$1 pki_dir=$work/pki lines=20 recent_s=900 sh script >report 2>errors ||
		die "the report: $(cat errors)"
	[ ! -s errors ] || die "the report says on standard error: $(cat errors)"
	[ "$(tail -n 1 report)" = '== end' ] || die "the report is not whole: $(cat report)"
}
section() { sed -n "/^== $1\$/,/^== /p" report | grep -v '^== '; }

# an authority that is signed by another one, and a certificate of it
root() { openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$1" -keyout "$1.key" -out "$1.crt" 2>/dev/null || die "no authority"; }
sign() { # sign NAME CA EXTENSIONS
	openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null && printf '%s\n' "$3" >ext &&
		openssl x509 -req -days 30 -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -extfile ext -out "$1.crt" 2>/dev/null || die "no certificate"
}
root above
root other
sign ca above 'basicConstraints=critical,CA:TRUE'
sign api ca 'subjectAltName=DNS:api.lan,IP:10.0.0.9'
cp ca.crt pki/ca.crt
cp api.crt pki/apiserver.crt

# ---- a pod at its own limit is no matter of the node's, the kernel without any memory is
now=$(cut -d. -f1 /proc/uptime)
cat >kernel <<END
[$now.000001] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/kubepods/burstable/pod1,task=shop,pid=2
[$now.000002] Memory cgroup out of memory: Killed process 2 (shop)
[$now.000003] oom_reaper: reaped process 2 (shop)
END
report 10.0.0.9
[ -z "$(section kernel)" ] || die "a pod at its limit: $(section kernel)"
echo "[$now.000004] Out of memory: Killed process 3 (etcd)" >>kernel
report 10.0.0.9
section kernel | grep -q 'process 3' || die "the kernel's word is missing: $(section kernel)"

# ---- a kubelet that rests is no cause before kubeadm has configured it
[ -z "$(section units)" ] || die "a kubelet that nobody has started yet is a cause: $(section units)"
mkdir kubelet
: >kubelet/config.yaml
report 10.0.0.9
[ "$(section units)" = 'stopped kubelet' ] || die "a kubelet that rests: $(section units)"

# ---- what was said long ago is not why something fails now
echo '[ERROR Swap]: running with swap on is not supported' >state/kubeadm.log
mkdir -p pods/kube-system_etcd-m1_1/etcd
{ echo "$(date -d '-1 hour' +%Y-%m-%dT%H:%M:%S.1Z) stderr F long ago"; echo "$(date +%Y-%m-%dT%H:%M:%S.1Z) stderr F just now"; } \
	>pods/kube-system_etcd-m1_1/etcd/0.log
report 10.0.0.9
section kubeadm | grep -q Swap || die "kubeadm's log is missing: $(section kubeadm)"
[ "$(section containers | grep -c 'just now')" = 1 ] || die "etcd's log is missing: $(section containers)"
! section containers | grep 'long ago' || die "etcd's log is from long ago"
echo '1-2 0' >state/ended
report 10.0.0.9
[ -z "$(section kubeadm)" ] || die "kubeadm has done its work, and its log is shown: $(section kubeadm)"
echo '1-2 1' >state/ended
report 10.0.0.9
section kubeadm | grep -q Swap || die "kubeadm failed, and its log is missing: $(section kubeadm)"
touch -d '-1 hour' state/kubeadm.log
report 10.0.0.9
[ -z "$(section kubeadm)" ] || die "kubeadm's log is from long ago: $(section kubeadm)"

# ---- the certificate must be for the endpoint, address or name, and of the authority, which may be signed itself
[ -z "$(section certificates)" ] || die "an intermediate authority: $(section certificates)"
report api.lan
[ -z "$(section certificates)" ] || die "a name: $(section certificates)"
report api2.lan
section certificates | grep -qx "lacks api2.lan in $work/pki/apiserver.crt" || die "another name: $(section certificates)"
report 10.0.0.8
section certificates | grep -qx "lacks 10.0.0.8 in $work/pki/apiserver.crt" || die "another address: $(section certificates)"
cp other.crt pki/ca.crt
report 10.0.0.9
section certificates | grep -qx "stranger $work/pki/apiserver.crt" || die "another authority: $(section certificates)"
