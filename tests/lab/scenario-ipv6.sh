#!/bin/bash
# A cluster that speaks IPv6 alone: addresses of the nodes, the virtual IP, services and pods. It becomes Ready
# through the virtual IP, apply then changes nothing, status is content, and the API outlives its server's stop.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

not() { ! "$@"; }
fresh 3
VIP=fd00:10:230:255::168
documents() {
  cat "$LAB_RUN/kubeadm.yaml"
  printf -- '---\napiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterConfiguration\nnetworking: {podSubnet: "fd00:10:244::/56", serviceSubnet: "fd00:10:96::/112"}\n'
}
documents >"$W/kubeadm.yaml"
sed -i "s|^endpoint:.*|endpoint: '[$VIP]:6443'|;s|10\.230\.255\.\([0-9]*\)}|fd00:10:230:255::\1}|;s|config: .*|config: $W/kubeadm.yaml|" "$W/hactl.yaml"

refuses 5 "without forwarding the setting is named" 'm1: .*likely cause: a kernel setting .*ipv6' 'sysctl -w net.ipv6.conf.all.forwarding=1' -- hactl apply --config "$W/hactl.yaml"
holds "VRRP over IPv6 was tried before" not grep 'was not checked' "$W/said"
for n in $(masters); do lab ssh "$n" sysctl -qw net.ipv6.conf.all.forwarding=1; done
must "apply makes the cluster" hactl apply --config "$W/hactl.yaml"
kubeconfig() { hactl kubeconfig --out "$W/admin.conf" --config "$W/hactl.yaml" && grep -F "server: https://[$VIP]:6443" "$W/admin.conf"; }
must "kubeconfig points at the virtual IP" kubeconfig
must "3 nodes are Ready through it" nodes_ready 3
holds "exactly one node holds it" one_holder
members() {
  kubectl -n kube-system get pods -l component=etcd -o jsonpath='{.items[*].metadata.annotations.kubeadm\.kubernetes\.io/etcd\.advertise-client-urls}' >"$W/urls"
  cat "$W/urls"
  [ "$(tr ' ' '\n' <"$W/urls" | sort | xargs)" = "https://[fd00:10:230:255::11]:2379 https://[fd00:10:230:255::12]:2379 https://[fd00:10:230:255::13]:2379" ]
}
holds "etcd's members speak IPv6" within 60 members
holds "apply again exits 0" hactl apply --config "$W/hactl.yaml"
holds "and says that nothing changed" grep -Eiq 'nothing.*(change|to do)' "$W/said"
content() { hactl status --config "$W/hactl.yaml" >"$W/status"; local rc=$?; cat "$W/status"; [ $rc = 0 ]; }
holds "status is content" within 60 content
holds "and shows the virtual IP" grep -F "[$VIP]:6443 answers" "$W/status"
drill() { hactl drill --yes --scenario "$1" --budget 2500ms --config "$W/hactl.yaml" >"$W/drill" 2>&1; local rc=$?; cat "$W/drill"; return $rc; }
for scenario in stop api network; do
  holds "drill --scenario $scenario is within 2.5 s" drill "$scenario"
  grep -E '^ *'"$scenario"'|gone' "$W/drill" | sed 's/^/      | /' | head -4
done
