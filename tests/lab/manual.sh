#!/bin/sh
# The procedure that people follow by hand to get an HA cluster, as a literal script: keepalived with
# MASTER and BACKUP, kubeadm configuration, migrate, init, copy the certificates, join one after the
# other, untaint. Runs as root on the first control-plane node, which reaches the others over SSH:
#
#   manual.sh VIP NODE=ADDRESS...
#
# Prints the seconds that each part took. It is what hactl is compared with; its keepalived check is
# defined and never tracked, as in the recipes that it is taken from.
set -eu

vip=$1
shift
first=${1#*=}
others=
for n in "$@"; do [ "${n#*=}" = "$first" ] || others="$others ${n#*=}"; done
started=$(date +%s%N)
last=$started
part() {
	now=$(date +%s%N)
	printf '%-28s %5d.%d\n' "$1" $(((now - last) / 1000000000)) $(((now - last) / 100000000 % 10))
	last=$now
}

# keepalived on every node
cat >/tmp/check_apiserver.sh <<'C'
#!/bin/sh
errorExit() {
    echo "*** $*" 1>&2
    exit 1
}
curl --silent --max-time 2 --insecure https://localhost:6443/ -o /dev/null || errorExit "Error GET https://localhost:6443/"
C
chmod 755 /tmp/check_apiserver.sh
state=MASTER priority=101
for n in $first $others; do
	cat >/tmp/keepalived.conf <<C
! Configuration File for keepalived
global_defs {
    router_id LVS_DEVEL
}
vrrp_script check_apiserver {
  script "/etc/keepalived/check_apiserver.sh"
  interval 3
  weight -2
  fall 10
  rise 2
}
vrrp_instance VI_1 {
    state $state
    interface eth0
    virtual_router_id 51
    priority $priority
    authentication {
        auth_type PASS
        auth_pass 4be37dc3b4c90194d1600c483e10ad1d
    }
    virtual_ipaddress {
        $vip
    }
}
C
	if [ "$n" = "$first" ]; then
		cp /tmp/keepalived.conf /tmp/check_apiserver.sh /etc/keepalived/
		systemctl -q enable --now keepalived
	else
		scp -q /tmp/keepalived.conf /tmp/check_apiserver.sh "root@$n:/etc/keepalived/"
		ssh "root@$n" systemctl -q enable --now keepalived
	fi
	state=BACKUP priority=100
done
until ip -4 -o addr show | grep -q " $vip/"; do sleep 0.2; done
part "keepalived"

# kubeadm
cat >/tmp/kubeadm-old.yaml <<C
apiVersion: kubeadm.k8s.io/v1beta1
kind: ClusterConfiguration
kubernetesVersion: $(kubeadm version -o short)
apiServer:
  certSANs:
  - $vip
controlPlaneEndpoint: "$vip:6443"
networking:
  podSubnet: 172.16.0.0/16
C
kubeadm config migrate --old-config /tmp/kubeadm-old.yaml --new-config /tmp/kubeadm.yaml 2>/tmp/migrate.log
kubeadm init --config /tmp/kubeadm.yaml --ignore-preflight-errors="${IGNORE:-}" >/tmp/init.log 2>&1 || {
	tail -20 /tmp/init.log
	exit 1
}
part "config, migrate, init"

# the certificates, by scp
for n in $others; do
	ssh "root@$n" mkdir -p /etc/kubernetes/pki/etcd
	scp -q /etc/kubernetes/admin.conf "root@$n:/etc/kubernetes/admin.conf"
	scp -q /etc/kubernetes/pki/ca.* /etc/kubernetes/pki/sa.* /etc/kubernetes/pki/front-proxy-ca.* \
		"root@$n:/etc/kubernetes/pki/"
	scp -q /etc/kubernetes/pki/etcd/ca.* "root@$n:/etc/kubernetes/pki/etcd/"
done
part "certificates"

join=$(kubeadm token create --print-join-command 2>/dev/null)
for n in $others; do
	# shellcheck disable=SC2029 # the command is made here
	ssh "root@$n" "$join --control-plane --ignore-preflight-errors='${IGNORE:-}'" >/tmp/join.log 2>&1 || {
		tail -20 /tmp/join.log
		exit 1
	}
done
part "join, one after the other"

export KUBECONFIG=/etc/kubernetes/admin.conf
kubectl taint nodes --all node-role.kubernetes.io/master- >/dev/null
part "taints"

until [ "$(kubectl get nodes --no-headers 2>/dev/null | grep -c ' Ready ')" = $# ]; do sleep 0.2; done
part "until all are Ready"
last=$started
part "total"
