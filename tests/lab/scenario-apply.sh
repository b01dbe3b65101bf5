#!/bin/bash
# hactl apply alone makes the same cluster: from a script without a terminal, from the user's own old kubeadm
# document, and run on the first control-plane node itself.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

fresh 3 1
sed 's|config: .*kubeadm.yaml|config: kubeadm.yaml|' -i "$W/hactl.yaml"
cat >"$W/kubeadm.yaml" <<'C'
# written for an old kubeadm
apiVersion: kubeadm.k8s.io/v1beta1
kind: ClusterConfiguration
networking:
  podSubnet: 172.16.0.0/16   # as the CNI has it
apiServer:
  extraArgs:
    v: "2"
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
conntrack: {maxPerCore: 0, min: 0}
C
fingerprint >"$W/before"
holds "apply --dry-run says what would be done (exit 6)" bash -c '"$@"; [ $? = 6 ]' - "$LAB" op "$HACTL" apply --dry-run --config "$W/hactl.yaml"
as_before() { fingerprint | diff "$W/before" -; }
holds "and has done nothing" as_before

json() { hactl apply --config "$W/hactl.yaml" -o json >"$W/events" 2>"$W/errors" || { local s=$?; cat "$W/events" "$W/errors"; return $s; }; }
must "apply -o json makes the cluster" json
events_are_json() {
  python3 - "$W/events" <<'P'
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
assert len(events) > 4, f"{len(events)} events"
assert all(isinstance(e, dict) for e in events), "not an object"
assert set.intersection(*(set(e) for e in events)), "no key that every event has"
P
}
holds "every line of it is a JSON object" events_are_json
must "kubeconfig" hactl kubeconfig --out "$W/admin.conf" --config "$W/hactl.yaml"
holds "4 nodes are Ready through the VIP" nodes_ready 4
document_arrived() { kubectl -n kube-system get configmap kubeadm-config -o yaml >"$W/cm" && cat "$W/cm" && grep -q 'podSubnet: 172.16.0.0/16' "$W/cm" && grep -q 'v: "2"' "$W/cm"; }
holds "the user's own kubeadm document came into effect" document_arrived
no_secret_said() { ! grep -rE 'PRIVATE KEY|\b[a-z0-9]{6}\.[a-z0-9]{16}\b' "$W/events" "$W/errors" "$W/home"; }
holds "no key and no token is said or logged" no_secret_said
dry() { hactl apply --dry-run --config "$W/hactl.yaml"; }
holds "apply --dry-run finds nothing left to do" dry

# ---- on m1 itself; its own key is unknown there, so a connection to itself would be refused
fresh 3
lab ssh m1 mkdir -p -m 700 "$LAB_RUN"
for f in id_ed25519 kubeadm.yaml; do lab ssh m1 "umask 077; cat >$LAB_RUN/$f" <"$LAB_RUN/$f"; done
grep -v '^m1,' "$LAB_RUN/known_hosts" | lab ssh m1 "cat >$LAB_RUN/known_hosts"
lab ssh m1 'cat >/usr/local/bin/hactl; chmod 755 /usr/local/bin/hactl' <"$HACTL"
lab ssh m1 'cat >/root/hactl.yaml' <"$W/hactl.yaml"
must "apply on m1 itself makes the cluster" lab ssh m1 hactl apply --config /root/hactl.yaml
lab ssh m1 cat /etc/kubernetes/admin.conf >"$W/admin.conf"
holds "3 nodes are Ready through the VIP" nodes_ready 3
