#!/bin/bash
# kubeadm reads a migrated file as it reads the old one; a cluster is made of a v1beta1 file: by hactl, which
# migrates it on the way, and by `kubeadm init` with what `hactl config migrate` wrote.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

old_file() {
  cat <<C
# of 2019
apiVersion: kubeadm.k8s.io/v1beta1
kind: ClusterConfiguration
kubernetesVersion: v1.20.2
controlPlaneEndpoint: $1:6443   # the VIP, once there is one
dns: {type: CoreDNS}
useHyperKubeImage: false
apiServer:
  timeoutForControlPlane: 3m0s
  extraArgs:
    # seen below in the manifest
    audit-log-maxage: "17"
networking: {podSubnet: 10.244.0.0/16}
---
apiVersion: kubeadm.k8s.io/v1beta1
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: $(address m1)}
nodeRegistration:
  name: m1
  criSocket: /run/containerd/containerd.sock
  kubeletExtraArgs: {node-labels: example.com/from=v1beta1}
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
conntrack: {maxPerCore: 0, min: 0}
C
}

argument_is_there() { lab ssh m1 grep -e --audit-log-maxage=17 /etc/kubernetes/manifests/kube-apiserver.yaml; }
label_is_there() { kubectl get nodes -l example.com/from=v1beta1 --no-headers | grep -w m1; }

fresh 1
holds "kubeadm reads a migrated file as it reads the old one" env HACTL="$HACTL" "$TOP/tests/lab/migrate-kubeadm"
old_file "$VIP" >"$W/old.yaml"
sed -i "s|^  config: .*|  config: $W/old.yaml|" "$W/hactl.yaml"
holds "the v1beta1 file is valid" hactl config validate "$W/old.yaml"
must "init takes the v1beta1 file" hactl init --config "$W/hactl.yaml"
holds "its argument reached the API server" argument_is_there
of_m1() { lab ssh m1 cat /etc/kubernetes/admin.conf >"$W/admin.conf"; }
of_m1
must "the node is Ready through the VIP" within 60 nodes_ready 1
holds "its kubelet has the file's label" label_is_there

fresh 1
old_file "$(address m1)" >"$W/old.yaml"
must "config migrate writes v1beta2" hactl config migrate --old-config "$W/old.yaml" --new-config "$W/new.yaml" --to v1beta2
holds "with the comments of the old file" grep -q '# the VIP, once there is one' "$W/new.yaml"
lab ssh m1 'cat >/root/new.yaml' <"$W/new.yaml"
must "kubeadm init takes the migrated file" lab ssh m1 kubeadm init --config /root/new.yaml
! grep -iE 'unknown field|deprecated API' "$W/said" >"$W/complaints" || fail "kubeadm complains: $(cat "$W/complaints")"
holds "its argument reached the API server" argument_is_there
of_m1
holds "the node is there, with the file's label" within 60 label_is_there
