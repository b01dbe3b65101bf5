# What would be written to each node is shown without one; secrets only reach files.
. "$(dirname "$0")/lib.sh"

cat >hactl.yaml <<'EOF'
apiVersion: hactl/v1
kind: Cluster
endpoint: 192.0.2.9
kubernetesVersion: v1.20.2
controlPlane:
  - {name: alpha, address: 192.0.2.11}
  - {name: beta, address: 192.0.2.12}
  - {name: gamma, address: 192.0.2.13}
workers:
  - {name: delta, address: 192.0.2.51}
vip: {interface: eth0, password: s3cretpw}
EOF

hactl config render >all 2>notes
grep -q '^# alpha: keepalived.conf$' all || die "no keepalived.conf of alpha"
grep -q 'auth_pass \*\*\*\*\*\*\*\*$' all || die "the password is not masked"
grep -q s3cretpw all && die "the password is shown"
[ "$(grep -c '^# .*: kubeadm-join.yaml$' all)" = 3 ] || die "not three join files"
[ "$(grep -c '^# .*: keepalived.conf$' all)" = 3 ] || die "not three keepalived.conf"

hactl config render --out rendered keepalived beta 2>notes
prints 600 stat -c %a rendered/beta/keepalived.conf
grep -q 'auth_pass s3cretpw$' rendered/beta/keepalived.conf || die "the file lacks the password"
[ ! -e rendered/alpha ] || die "alpha was not asked for"

fails 2 "hactl: 'omega' is no node of hactl.yaml" hactl config render keepalived omega
sed -i /kubernetesVersion/d hactl.yaml
fails 2 "hactl: which kubeadm do the nodes have?  Give --kubeadm-version vX.Y.Z, or --from-nodes" hactl config render kubeadm alpha

# HAProxy and the API server share the nodes: they cannot share a port.
sed 's/192.0.2.9$/192.0.2.9:8443/' hactl.yaml >lb.yaml
echo 'loadBalancer: haproxy' >>lb.yaml
hactl config render haproxy beta -c lb.yaml >out
[ "$(grep -c 'server .*:6443$' out)" = 3 ] || die "not three API servers behind HAProxy"
grep -q 'bind \*:8443$' out || die "HAProxy is not on the endpoint's port"
echo 'loadBalancer: haproxy' | cat hactl.yaml - >clash.yaml
hactl config render haproxy -c clash.yaml 2>errors >out && die "a port for two is taken"
grep -q "cannot share the port; use endpoint '192.0.2.9:8443'" errors || die "the clash is not explained: $(cat errors)"
hactl config render keepalived -c lb.yaml 2>errors >out || die "keepalived behind HAProxy: $(cat errors)"
sed '/^loadBalancer/d' lb.yaml >port.yaml
hactl config render keepalived -c port.yaml 2>errors >out && die "a port that nobody listens on is taken"

sed 's/^vip:.*/vip: {provider: kube-vip, interface: eth0}/' hactl.yaml >pod.yaml
hactl config render kube-vip gamma -c pod.yaml | grep -q '{name: address, value: "192.0.2.9"}' || die "no manifest of kube-vip"
