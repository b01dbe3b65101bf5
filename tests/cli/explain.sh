# The proof is printed without a node; scripts get every holder and every pair of failures.
. "$(dirname "$0")/lib.sh"

cat >hactl.yaml <<'EOF'
apiVersion: hactl/v1
kind: Cluster
endpoint: 192.0.2.9
controlPlane:
  - {name: alpha, address: 192.0.2.11}
  - {name: beta, address: 192.0.2.12}
  - {name: gamma, address: 192.0.2.13}
EOF
hactl config explain vip >text
grep -q '^VRRP version 3, .* 200 ms over unicast$' text || die "the settings are not told"
grep -Eq '^power cut +alpha +beta +474 to 774 ms$' text || die "a power cut is not predicted"
grep -Eq '^  if it leads etcd +alpha +beta +1000 to 2100 ms$' text || die "an election of etcd is left out"
grep -q '^network mended: after 5 s or more; after less alpha' text || die "a short cut is left out"
grep -q 'each of the 27 combinations' text || die "there is no proof"
[ "$(hactl config explain vip --all | grep -c '^\(api\|node\) of')" = 18 ] || die "not 6 single failures and 12 pairs"

hactl config explain vip -o json >json
[ "$(grep -o '"then"' json | wc -l)" = $((3 * 7 + 18 * 3)) ] || die "not every event and combination for every holder"
grep -q '"healthyAlwaysWins":true' json && grep -q '"combinationsChecked":27' json || die "scripts are not told the verdict"
grep -q '"event":"powerCut","holder":"alpha","then":"beta","minMs":474,"maxMs":774,"etcdLeaderMaxMs":2100' json || die "nor of the election"
grep -q '"name":"alpha","priority":191,"holding":254,"failed":65,"failedAndHolding":128' json || die "nor the priorities"
grep -q '{"failed":{"alpha":"api","beta":"node"},"holder":"alpha","then":"gamma"}' json || die "a pair is missing"

sed '/gamma/d' hactl.yaml >two.yaml
hactl config explain vip -c two.yaml | grep -q 'survive no failure' || die "no advice for two nodes"
sed '/beta/d;/gamma/d' hactl.yaml >one.yaml
hactl config explain vip -c one.yaml | grep -Eq '^power cut +alpha +nobody +until it is mended$' || die "one node fails over"
echo 'vip: {password: s3cret}' | cat hactl.yaml - >password.yaml
hactl config explain vip -c password.yaml | grep -q '^VRRP version 2, .* 1000 ms' || die "a password needs version 2"
sed 's/^endpoint: .*/endpoint: 192.0.2.9:8443\nloadBalancer: haproxy/' hactl.yaml >haproxy.yaml
hactl config explain vip -c haproxy.yaml >text
grep -q '^looks for HAProxy every 200 ms' text || die "what is checked is not told"
grep -Eq '^HAProxy stops +alpha +beta +474 to 974 ms$' text || die "HAProxy may stop"
! grep -q '^the API server' text || die "an API server behind HAProxy moves the virtual IP"
hactl config explain vip -c haproxy.yaml -o json | grep -q '"checked":"haproxy"' || die "scripts are not told what is checked"
echo 'vip: {provider: none}' | cat hactl.yaml - >none.yaml
fails 3 "hactl: vip.provider of none.yaml is none: what a balancer of somebody else does is not hactl's to tell" hactl config explain vip -c none.yaml
echo 'vip: {provider: kube-vip}' | cat hactl.yaml - >pod.yaml
fails 1 "hactl: kube-vip carries the virtual IP of pod.yaml: it follows a lease of 5 s, and moves in 6 to 12 s, or in 1 s when it is stopped itself; there is no arithmetic to prove, but 'hactl drill' measures it" hactl config explain vip -c pod.yaml
