#!/bin/bash
# hactl apply, killed in the middle three times, makes the cluster when it is run again; it mends a virtual IP
# that nobody holds, and takes no member apart for a mark that an unfinished run left.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# killed SECONDS: hactl apply, and SIGKILL for it alone after that time.
killed() { op timeout -s KILL "$1" "$HACTL" apply --config "$W/hactl.yaml" </dev/null >"$W/killed" 2>&1; [ $? = 137 ]; }

fresh 3
holds "killed during kubeadm init" killed 14
holds "killed while nodes join" killed 45
holds "killed a little later" killed 20
must "the same command makes the cluster" hactl apply --config "$W/hactl.yaml"
must "the kubeconfig can be had" hactl kubeconfig --out "$W/admin.conf" --config "$W/hactl.yaml"
holds "3 nodes are Ready through the VIP" nodes_ready 3
members() {
  lab ssh m1 'cd /etc/kubernetes/pki/etcd; ETCDCTL_API=3 etcdctl --cacert ca.crt --cert server.crt --key server.key --endpoints https://127.0.0.1:2379 member list' >"$W/members" &&
    cat "$W/members" && [ "$(grep -c ' started,' "$W/members")" = 3 ] && [ "$(wc -l <"$W/members")" = 3 ]
}
holds "etcd has 3 members, all started" members
fingerprint >"$W/before"
holds "apply again changes nothing" hactl apply --config "$W/hactl.yaml"
fingerprint >"$W/after"
holds "and leaves every file as it was" diff "$W/before" "$W/after"

mark() { lab ssh "$1" "echo $2 >/etc/kubernetes/pki/.hactl-begun"; }
mark m1 init; mark m2 join
holds "a mark left on healthy members is taken for what it is" hactl apply --config "$W/hactl.yaml"
holds "none was reset" grep -Eq 'm2: an earlier kubeadm join is finished' "$W/said"
holds "3 nodes are Ready still" nodes_ready 3

for n in m1 m2 m3; do lab ssh "$n" systemctl stop keepalived; done
holds "nobody holds the VIP" test -z "$(holders)"
holds "apply brings the VIP back" hactl apply --config "$W/hactl.yaml"
holds "exactly one node holds it" one_holder

sed "s/$VIP:6443/10.230.255.169:6443/" "$W/hactl.yaml" >"$W/other.yaml"
refuses 3 "another endpoint than the cluster's is refused" "belongs to the cluster at '$VIP:6443'" -- hactl apply --config "$W/other.yaml"
