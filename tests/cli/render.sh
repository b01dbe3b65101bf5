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
