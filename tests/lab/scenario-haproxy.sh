#!/bin/bash
# loadBalancer: haproxy on a whole cluster: every API server is used, one that stops costs no request, a
# watch that is quiet is not cut, and a balancer that dies takes the virtual IP with it.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

fresh 3
sed -i "s|^endpoint:.*|endpoint: $VIP:8443|" "$W/hactl.yaml"
echo "loadBalancer: haproxy" >>"$W/hactl.yaml"
must "apply makes a cluster" hactl apply --config "$W/hactl.yaml"
must "and a kubeconfig" hactl kubeconfig --out "$W/admin.conf" --config "$W/hactl.yaml"
holds "that points at HAProxy's port" grep -q "server: https://$VIP:8443" "$W/admin.conf"
holds "3 nodes are Ready through it" within 60 nodes_ready 3
holds "status finds nothing wrong" within 60 hactl status --config "$W/hactl.yaml"
again() { hactl apply --config "$W/hactl.yaml" >"$W/again" 2>&1 && grep -qi 'nothing' "$W/again"; }
holds "apply again changes nothing" again
holds "preflight finds HAProxy's port open between all" hactl preflight --config "$W/hactl.yaml"
all_are_used() {
  local n i
  for ((i = 0; i < 6; i++)); do op timeout 10 kubectl --kubeconfig "$W/admin.conf" get nodes --watch-only >/dev/null 2>&1 & done
  sleep 6
  lab ssh "$(holder)" "ss -Htnp state established dport = :6443 | grep haproxy" >"$W/peers"
  wait
  cat "$W/peers"
  for n in m1 m2 m3; do grep -qE "[ \[]$(address $n)\]?:6443" "$W/peers" || { echo "not $n"; return 1; }; done
}
holds "all API servers are used" all_are_used

# ---- an API server stops: requests go on, one after the other, each over a new connection
# shellcheck disable=SC2016 # for python
requests='import http.client, json, ssl, sys, time
c = ssl._create_unverified_context()
sent = bad = 0
end = time.time() + float(sys.argv[2])
while time.time() < end:
    at = time.time()
    sent += 1
    try:
        h = http.client.HTTPSConnection(sys.argv[1], 8443, timeout=5, context=c)
        h.request("GET", "/livez")
        if h.getresponse().status != 200: bad += 1
    except OSError: bad += 1
    time.sleep(max(0, 0.1 - (time.time() - at)))
print(bad, "of", sent, "failed", flush=True)
sys.exit(bad > int(sys.argv[3]) or sent < 50)'
AWAY=/root/kube-apiserver.yaml
# While an API server ends gracefully its socket is closed first: HAProxy tries another.
stops() {   # stops NODE LIMIT
  local pid status=0
  op python3 -c "$requests" "$VIP" 40 "$2" >"$W/count" 2>&1 &
  pid=$!
  sleep 2
  lab ssh "$1" "mv /etc/kubernetes/manifests/kube-apiserver.yaml $AWAY"
  wait $pid || status=$?
  cat "$W/count"
  ! answers "$(address "$1")" || { echo "it still answers"; return 1; }
  return $status
}
returns() { lab ssh "$1" mv $AWAY /etc/kubernetes/manifests/kube-apiserver.yaml; within 120 answers "$(address "$1")"; }
first=$(holder)
holds "the API server of the holder stops: no request fails" stops "$first" 0
echo "      $(cat "$W/count")"
holds "and the virtual IP stays where it is" [ "$(holder)" = "$first" ]
must "it returns" returns "$first"

# ---- kubectl logs -f of a pod that says nothing for longer than usual time-outs
quiet_watch() {
  local status=0
  op timeout 100 kubectl --kubeconfig "$W/admin.conf" get nodes --watch-only -o name --request-timeout=0 >"$W/watch" 2>&1 || status=$?
  cat "$W/watch"
  [ $status = 124 ]
}
follow() {
  local pod status=0
  pod=$(kubectl -n kube-system get pods -l component=etcd -o name | head -1)
  op timeout 100 kubectl --kubeconfig "$W/admin.conf" -n kube-system logs -f --tail=1 "$pod" >"$W/follow" 2>&1 || status=$?
  tail -3 "$W/follow"
  [ $status = 124 ]
}
both() { local a b rc=0; quiet_watch & a=$!; follow & b=$!; wait $a || rc=1; wait $b || rc=1; return $rc; }
holds "a watch and kubectl logs -f are not cut in 100 s" both

# ---- HAProxy itself dies
moved() { one_holder && [ "$(holder)" != "$1" ]; }
dies() { lab ssh "$1" 'systemctl stop haproxy' && within 10 moved "$1" && within 5 op curl -skf -m 2 -o /dev/null "https://$VIP:8443/livez"; }
first=$(holder)
holds "HAProxy stops on the holder: another takes the virtual IP" dies "$first"
says_so() { hactl status --config "$W/hactl.yaml" >"$W/st"; cat "$W/st"; grep -iq "$first.*haproxy" "$W/st"; }
holds "status names it" says_so
holds "apply starts it again" hactl apply --config "$W/hactl.yaml"
holds "and all is well" within 60 hactl status --config "$W/hactl.yaml"

# ---- nodes go: those that were asked of the dead one are given to another in time
drill() { hactl drill --yes --scenario "$1" --budget 2500ms --config "$W/hactl.yaml" >"$W/drill" 2>&1; local rc=$?; cat "$W/drill"; return $rc; }
holds "the holder is cut off: the API is gone for 2.5 s at most" drill network
grep '^network ' "$W/drill" | sed 's/^/      | /'
other() { local n; for n in $(masters); do [ "$n" = "$(holder)" ] || { echo "$n"; return; }; done; }
cut_other() {   # cut_other NODE LIMIT: requests that failed, of 20 s
  local pid status=0
  op python3 -c "$requests" "$VIP" 20 "$2" >"$W/count" 2>&1 &
  pid=$!
  sleep 2
  lab cut "$1"
  wait $pid || status=$?
  cat "$W/count"
  lab mend "$1"
  return $status
}
holds "a node that does not hold it is cut off: at most an election's requests fail" cut_other "$(other)" 20
echo "      $(cat "$W/count")"
