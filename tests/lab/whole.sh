# shellcheck shell=bash
# Sourced after lib.sh: what is true of every cluster that is whole, whatever happened while it was made.

# whole MASTERS: the kubeconfig can be had, MASTERS nodes are Ready through the VIP, etcd has as
# many members, all started and none a learner, one node holds the VIP, the PKI is the same everywhere and
# certifies what lies beside it, and nothing is left of work in between.  Says what is not so.
whole() {
  local n=$1
  [ "$(masters | wc -l)" = "$n" ] || { echo "not all of $n nodes run"; return 1; }
  rm -f "$W/admin.conf"
  hactl kubeconfig --out "$W/admin.conf" --config "$W/hactl.yaml" || return
  nodes_ready "$n" || return
  members_started "$n" || return
  one_holder || { echo "the VIP is held by: '$(holders | xargs)'"; return 1; }
  pki_whole || return
  no_leftovers
}

members() {   # members NODE: etcd's list as that node's own member tells it
  lab ssh "$1" 'cd /etc/kubernetes/pki/etcd && ETCDCTL_API=3 etcdctl --command-timeout 5s --cacert ca.crt --cert server.crt --key server.key --endpoints https://127.0.0.1:2379 member list'
}
members_started() {
  local n
  for n in $(masters); do
    members "$n" >"$W/members" || return
    if [ "$(grep -c ' started,.* false$' "$W/members")" != "$1" ] || [ "$(wc -l <"$W/members")" != "$1" ]; then cat "$W/members"; return 1; fi
  done
}

# Each file is whole (openssl reads it, keys fit their certificates, these are of the CA beside them), and
# what control-plane nodes share is the same on all.
# shellcheck disable=SC2016 # for the node's shell
PKI_CHECK='cd /etc/kubernetes/pki || exit 1
bad() { echo "$(hostname): $*"; exit 1; }
for c in ca:apiserver ca:apiserver-kubelet-client front-proxy-ca:front-proxy-client etcd/ca:etcd/server etcd/ca:etcd/peer etcd/ca:etcd/healthcheck-client etcd/ca:apiserver-etcd-client; do
  openssl verify -CAfile "${c%:*}.crt" "${c#*:}.crt" >/dev/null 2>&1 || bad "${c#*:}.crt is not of ${c%:*}.crt"
done
for k in *.key etcd/*.key; do
  if [ "$k" = sa.key ]; then p=$(cat sa.pub); else p=$(openssl x509 -in "${k%.key}.crt" -noout -pubkey); fi
  [ "$(openssl pkey -in "$k" -pubout 2>/dev/null)" = "$p" ] || bad "$k does not fit what is beside it"
  [ "$(stat -c %a "$k")" = 600 ] || bad "$k has mode $(stat -c %a "$k")"
done
for f in /etc/kubernetes/*.conf; do openssl x509 -noout <"$f" 2>/dev/null || grep -q "client-certificate\(-data\)\?: ." "$f" || bad "$f has no certificate"; done
sha256sum ca.* sa.* front-proxy-ca.* etcd/ca.*'
pki_whole() {
  local n first=''
  for n in $(masters); do
    lab ssh "$n" "$PKI_CHECK" >"$W/pki.$n" || { cat "$W/pki.$n"; return 1; }
    : "${first:=$n}"
    diff "$W/pki.$first" "$W/pki.$n" || { echo "the PKI of $first and $n differs"; return 1; }
  done
}

# Marks, stages, and files that hold a token.
no_leftovers() {
  local n
  for n in $(everyone); do
    lab ssh "$n" 'find /etc/kubernetes /etc/keepalived /etc/default /var/lib/hactl /var/lib/kubelet/config.yaml /tmp /run \
        \( -name ".*hactl*" -o -name "*.hactl.*" -o -name pki-before -o -name kubeadm-join.yaml -o -name hactl.holder -o -name resetting -o -name bootstrap-kubelet.conf \) -print 2>/dev/null' >"$W/left"
    [ ! -s "$W/left" ] || { sed "s/^/left on $n: /" "$W/left"; return 1; }
  done
}

# No file of a PKI is there in part, also where a run has just been broken off.
pki_parses() {
  local n
  for n in $(masters); do
    # shellcheck disable=SC2016
    lab ssh "$n" 'for f in $(find /etc/kubernetes/pki -name "*.crt" 2>/dev/null); do openssl x509 -noout -in "$f" 2>/dev/null || echo "$f"; done
      for f in $(find /etc/kubernetes/pki -name "*.key" 2>/dev/null); do openssl pkey -noout -in "$f" 2>/dev/null || echo "$f"; done' >"$W/partial" || return
    [ ! -s "$W/partial" ] || { sed "s/^/in part on $n: /" "$W/partial"; return 1; }
  done
}
