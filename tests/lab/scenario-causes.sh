#!/bin/bash
# Clusters broken on purpose, one thing at a time: the first cause that is shown is the right one, with its
# node, its remedy and the exit status that is documented. Rows by name alone: scenario-causes.sh swap token
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# name|what is there|command|exit status|node|rule of `hactl document causes`, or preflight's (-)|cause|remedy
# A row behind a '#' has not passed yet, and runs only when it is named.
# What is there: blank, two empty hosts of which hactl.yaml names m1; joining, m1 a cluster and m2 blank;
# living, m1 a cluster. break_NAME breaks it; mend_NAME, where there is one, mends it again, and the next row
# begins with fresh hosts where kubeadm left something behind.
table() {
  cat <<'T'
swap|blank|init|1|m1|-|swap is on|swapoff
swap-ignored|blank|init|5|m1|swap-on|swap is on, and the kubelet refuses|swapoff -a
port-api|blank|init|1|m1|-|port 6443 is taken by 'socat'|stop it
port-etcd|blank|init|5|m1|port-in-use|port 2379 is in use|ss -ltnp
port-kubelet|blank|init|5|m1|port-in-use|port 10250 is in use|ss -ltnp
ca-expired|blank|init|5|m1|ca-expired|CA /etc/kubernetes/pki/ca.crt has expired|new CA
ca-early|blank|init|5|m1|clock|not valid yet|set the clock
cert-san|blank|init|5|m1|wrong-san|not valid for|certSANs
cert-stranger|blank|init|5|m1|wrong-ca|signed by another CA|kubeadm reset
vip-taken|blank|init|1|m1|-|VIP 10.230.255.168 answers already|choose a VIP
keepalived-masked|blank|init|5|m1|keepalived-masked|keepalived.s service is masked|unmask
image|blank|init|5|m1|image-missing|image .*registry.invalid/kube-apiserver:v1.20.2 cannot be had|registry
image-kubelet|blank|init|5|m1|image-missing|image .*registry.invalid.* cannot be had|registry
sandbox-image|blank|init|5|m1|sandbox-image|sandbox \(pause\) image|sandbox_image
runtime-stopped|blank|init|1|m1|-|no container runtime|start containerd
kubelet-masked|blank|init|5|m1|kubelet-masked|kubelet.s service is masked|unmask
kubelet-option|blank|init|5|m1|unknown-option|kubelet does not know the option --no-such-option|/etc/default/kubelet
kubelet-gate|blank|init|5|m1|unknown-gate|feature gate NoSuchGate|configuration
disk-full|blank|init|5|m1|disk-full|file system of /var/lib/etcd is full|free some space
read-only|blank|init|5|m1|read-only|/etc/kubernetes is read-only|remount
memory|blank|init|5|m1|out-of-memory|ran out of memory|more memory
option|blank|init|5|m1|unknown-option|does not know the option --no-such-option|extraArgs
#quota|blank|init|5|m1|etcd-no-space|etcd's database has reached its quota|quota-backend-bytes
name|blank|init|1|m1|-|endpoint's name 'api.lab.invalid' is not known|/etc/hosts
hostname|both|init|1|m2|-|has the hostname of m1|hostnamectl
ip-forward|blank|init|5|m1|kernel-setting|kernel setting that pods need is off.*ip_forward|sysctl
#bridge|blank|init|5|m1|kernel-setting|kernel setting that pods need is off.*bridge|br_netfilter
resolv-conf|blank|init|5|m1|resolv-conf|/etc/no-such-resolv.conf|resolvConf
remains|blank|init|1|m1|-|remains of another cluster|kubeadm reset
token|joining|apply|5|m2|token-unknown|bootstrap token is not known|run the same
other-ca|joining|apply|5|m2|ca-not-pinned|another CA|hactl status
route|joining|apply|1|m2|-|the endpoint 10.230.255.168:6443 answers here, but cannot be reached|routes
firewall-api|joining|apply|1|m1|-|TCP port 6443 cannot be reached from m2|firewall
cert-expired|living|apply|4|m1|certificate-expired|certificate /etc/kubernetes/pki/apiserver.crt has expired|kubeadm certs renew
kubelet-stopped|living|apply|4|m1|kubelet-down|kubelet does not run|systemctl
manifest|living|apply|4|m1|manifest-broken|manifest /etc/kubernetes/manifests/kube-apiserver.yaml cannot be read|writes those
etcd-damaged|living|apply|4|m1|etcd-data-damaged|etcd's data on the node is damaged|kubeadm reset
T
}

there='' # what the laboratory holds: blank, joining, living

# ---- hosts and configuration ----

documents() { # the user's kubeadm documents, with short time-outs; what is given is added
  "$LAB" op cat "$LAB_RUN/kubeadm.yaml"
  printf -- '---\napiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterConfiguration\n%s\napiServer:\n  timeoutForControlPlane: 20s\n%s\n' "${1:-}" "${2:-}"
  printf -- '---\napiVersion: kubeadm.k8s.io/v1beta2\nkind: JoinConfiguration\ndiscovery: {timeout: 10s}\n'
}
more() { printf -- '---\n%s\n' "$1" >>"$W/kubeadm.yaml"; } # more DOCUMENT
ignore() { sed -i "s/^kubeadm:/&\n  ignorePreflightErrors: [$1]/" "$C"; }
C=$W/case.yaml
configure() { # the configuration of a row, before break_ changes it
  sed -e "s|config: .*kubeadm.yaml|config: $W/kubeadm.yaml|" "$W/hactl.yaml" >"$C"
  case $1 in blank | living) sed -i '/name: m2/d' "$C" ;; esac
  documents >"$W/kubeadm.yaml"
}

m1() { lab ssh m1 "$@"; }
m2() { lab ssh m2 "$@"; }
used() { m1 'ls -A /etc/kubernetes/manifests /var/lib/etcd /etc/kubernetes/pki 2>/dev/null | grep -qv :'; }
founded() { # m1 is a cluster
  configure blank
  sed -i 's/timeoutForControlPlane: .*/timeoutForControlPlane: 4m0s/' "$W/kubeadm.yaml"
  must "a cluster to break: hactl init" hactl init --config "$C"
  must "kubeconfig" hactl kubeconfig --out "$W/admin.conf" --config "$C"
}

provide() { # provide WHAT
  local want=$1
  [ "$want" != both ] || want=blank
  case $there-$want in
    blank-blank) used || return 0; fresh 2 ;;
    living-living | joining-joining | living-joining | joining-living) : ;;
    *-blank) fresh 2 ;;
    *) [ "$there" = blank ] && ! used || fresh 2; founded ;;
  esac
  there=$want
}

# ---- what is seen ----

# The first cause shown, as "NODE: cause; remedy": of the checks' first problem, else of the error.
first_cause() {
  awk '/^problem: / { sub(/^problem: /, ""); text = $0; getline; sub(/^ +/, ""); print text "; " $0; found = 1; exit }
    /^hactl: / { e = $0 }
    END { if (!found) print e }' "$W/said" |
    sed -E 's/^hactl: ([0-9]+ failures, first: )?//; s/^([^:]+): .*likely cause: /\1: /; s/; kubeadm (init|join) said.*//'
}

# status_names NAME NODE CAUSE: `hactl status` says it, too
status_names() {
  local status=0
  op setsid -w timeout 60 "$HACTL" status --config "$C" </dev/null >"$W/status" 2>&1 || status=$?
  if [ $status = 7 ] && grep -Eq -- "$2: likely cause: [^;]*$3" "$W/status"; then pass "$1: hactl status names it"
  else fail "$1: hactl status names it (exit $status)"; shown <"$W/status"; fi
}

# check_row NAME WHERE COMMAND STATUS NODE RULE CAUSE REMEDY
check_row() {
  local name=$1 command=$3 want=$4 node=$5 cause=$7 remedy=$8 status=0 begun=$SECONDS got why=''
  "break_${name//-/_}" >"$W/break" 2>&1 || { fail "$name: it is broken"; shown <"$W/break"; return; }
  op setsid -w timeout 240 "$HACTL" "$command" --config "$C" </dev/null >"$W/said" 2>&1 || status=$?
  got=$(first_cause)
  [ $status = "$want" ] || why="exit $status, wanted $want"
  grep -Eq "^$node: " <<<"$got" || why+="; not '$node:'"
  # what comes before the remedy is the cause
  grep -Eq -- "^$node: [^;]*$cause" <<<"$got" || why+="; not '$cause'"
  grep -Eiq -- ";.*$remedy" <<<"$got" || why+="; not '$remedy'"
  if [ -z "$why" ]; then pass "$name [$((SECONDS - begun)) s] $got"; else fail "$name [$((SECONDS - begun)) s]: $why"; shown <"$W/said"; fi
  [ "$2" != living ] || status_names "$name" "$node" "$cause"
  [ -z "${KEEP:-}" ] || { cp "$W/said" "$KEEP/$name.said"; for t in "$W"/home/.local/state/hactl/lab/bundle*; do [ ! -e "$t" ] || mv "$t" "$KEEP/$name.tar"; done; }
  ! declare -F "mend_${name//-/_}" >/dev/null || "mend_${name//-/_}" >"$W/mend" 2>&1 || { fail "$name: it is mended"; shown <"$W/mend"; }
}

# ---- breaking and mending ----

fake_swap() { m1 'printf "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2\tpartition\t2097148\t0\t-2\n" >/etc/lab-swaps; mount --bind /etc/lab-swaps /proc/swaps'; }
break_swap() { fake_swap; }
mend_swap() { m1 umount /proc/swaps; }
break_swap_ignored() { fake_swap && ignore Swap; }
mend_swap_ignored() { mend_swap; }

# A program on a port, ended by its name; -T: after minutes by itself.
take() { m1 "systemd-run -q --collect --unit=lab-port socat TCP-LISTEN:$1,fork,reuseaddr /dev/null && sleep 0.5"; }
leave() { m1 'systemctl stop lab-port || true'; }
break_port_api() { take 6443; }
mend_port_api() { leave; }
break_port_etcd() { take 2379 && ignore Port-2379; }
mend_port_etcd() { leave; }
break_port_kubelet() { take 10250 && ignore Port-10250; }
mend_port_kubelet() { leave; }

toml() { m1 "cp /etc/containerd/config.toml /etc/containerd/config.toml.lab; $1; systemctl restart containerd && until ctr version >/dev/null 2>&1; do sleep 0.2; done"; }
mend_toml() { m1 'mv /etc/containerd/config.toml.lab /etc/containerd/config.toml; systemctl restart containerd; until ctr version >/dev/null 2>&1; do sleep 0.2; done'; }
# its name is known, so that no name service is waited for
break_sandbox_image() { toml 'echo 127.0.0.1 registry.invalid >>/etc/hosts; s=registry.invalid/pause:9; sed -i "s|sandbox_image = .*|sandbox_image = \"$s\"|" /etc/containerd/config.toml'; }
mend_sandbox_image() { mend_toml; }
break_runtime_stopped() { m1 'systemctl mask --now --runtime containerd'; }
mend_runtime_stopped() { m1 'systemctl unmask --runtime containerd; systemctl start containerd'; }

# ca FROM UNTIL: an authority for m1, its validity given as days from now
ca() {
  python3 - "$W" "$1" "$2" <<'P'
import datetime, subprocess, sys
w, a, b = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
now = datetime.datetime.utcnow()
t = lambda d: (now + datetime.timedelta(days=d)).strftime("%Y%m%d%H%M%SZ")
open(w + "/ca.cnf", "w").write("[ca]\ndefault_ca=d\n[d]\nnew_certs_dir=%s\ndatabase=%s/index\nserial=%s/serial\ndefault_md=sha256\npolicy=p\nx509_extensions=x\n[p]\ncommonName=supplied\n[x]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,digitalSignature,keyEncipherment\n" % (w, w, w))
open(w + "/index", "w").close()
open(w + "/serial", "w").write("01\n")
run = lambda *c: subprocess.run(c, check=True)
run("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", w + "/ca.key", "-subj", "/CN=kubernetes", "-out", w + "/ca.csr")
run("openssl", "ca", "-batch", "-notext", "-config", w + "/ca.cnf", "-selfsign", "-keyfile", w + "/ca.key", "-in", w + "/ca.csr", "-startdate", t(a), "-enddate", t(b), "-out", w + "/ca.crt")
P
}
put_ca() { m1 mkdir -p /etc/kubernetes/pki && m1 'cat >/etc/kubernetes/pki/ca.crt' <"$W/ca.crt" && m1 'umask 077; cat >/etc/kubernetes/pki/ca.key' <"$W/ca.key"; }
break_ca_expired() { ca -20 -1 && put_ca; }
break_ca_early() { ca 2 400 && put_ca; }
# api_cert CA-FILES DAYS SANS: an API server's certificate for m1 in $W
api_cert() {
  openssl req -new -newkey rsa:2048 -nodes -keyout "$W/apiserver.key" -subj /CN=kube-apiserver -out "$W/apiserver.csr" &&
    openssl x509 -req -in "$W/apiserver.csr" -CA "$1.crt" -CAkey "$1.key" -CAcreateserial -days "$2" -out "$W/apiserver.crt" \
      -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature,keyEncipherment\n' "$3")
}
put_api_cert() { m1 'cat >/etc/kubernetes/pki/apiserver.crt' <"$W/apiserver.crt" && m1 'umask 077; cat >/etc/kubernetes/pki/apiserver.key' <"$W/apiserver.key"; }
SANS=DNS:m1,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:10.96.0.1,IP:10.230.255.11
break_cert_san() { ca -1 400 && put_ca && api_cert "$W/ca" 300 "$SANS" && put_api_cert; }
break_cert_stranger() { ca -1 400 && put_ca && ca -1 400 && api_cert "$W/ca" 300 "$SANS,IP:$VIP" && put_api_cert; }

break_vip_taken() { m2 ip addr add "$VIP/24" dev eth0; }
mend_vip_taken() { m2 ip addr del "$VIP/24" dev eth0; }
break_keepalived_masked() { m1 'systemctl mask --now --runtime keepalived'; }
mend_keepalived_masked() { m1 'systemctl unmask --runtime keepalived'; }
break_kubelet_masked() { m1 'mv /etc/systemd/system/kubelet.service /root; systemctl stop kubelet; systemctl mask kubelet'; }
mend_kubelet_masked() { m1 'systemctl unmask kubelet; mv /root/kubelet.service /etc/systemd/system/; systemctl daemon-reload; systemctl enable kubelet'; }
break_image() { documents 'imageRepository: registry.invalid' >"$W/kubeadm.yaml"; }
break_image_kubelet() { break_image && ignore ImagePull; }
break_kubelet_option() { m1 'echo KUBELET_EXTRA_ARGS=--no-such-option >/etc/default/kubelet'; }
mend_kubelet_option() { m1 'rm /etc/default/kubelet'; }
kubelet() { more "apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
$1"; }
break_kubelet_gate() { kubelet 'featureGates: {NoSuchGate: true}'; }
break_resolv_conf() { kubelet 'resolvConf: /etc/no-such-resolv.conf'; }
break_disk_full() { m1 'mount -t tmpfs -o size=2m none /var/lib/etcd; mkdir -p /var/lib/etcd; head -c 3000000 /dev/zero >/var/lib/etcd.fill 2>/dev/null; head -c 2080000 /dev/zero >/var/lib/etcd/lost; true' && ignore DirAvailable--var-lib-etcd; }
mend_disk_full() { m1 'umount -l /var/lib/etcd; rm -f /var/lib/etcd.fill'; }
break_read_only() { m1 'mkdir -p /etc/kubernetes; mount --bind /etc/kubernetes /etc/kubernetes; mount -o remount,bind,ro /etc/kubernetes'; }
mend_read_only() { m1 'umount /etc/kubernetes'; }
break_memory() { echo 260M >"/sys/fs/cgroup/memory/hactl-lab${LAB_ID:-}-m1/memory.limit_in_bytes"; }
mend_memory() { echo -1 >"/sys/fs/cgroup/memory/hactl-lab${LAB_ID:-}-m1/memory.limit_in_bytes"; }
break_option() { documents '' '  extraArgs: {no-such-option: "1"}' >"$W/kubeadm.yaml"; }
break_quota() { documents 'etcd: {local: {extraArgs: {quota-backend-bytes: "200000"}}}' | sed 's/timeoutForControlPlane: .*/timeoutForControlPlane: 60s/' >"$W/kubeadm.yaml"; }
break_name() { sed -i "s/^endpoint: .*/endpoint: api.lab.invalid:6443/; s/^vip: {/vip: {address: $VIP, /" "$C"; }
break_hostname() { m2 hostname m1; }
mend_hostname() { m2 hostname m2; }
break_ip_forward() { m1 sysctl -w net.ipv4.ip_forward=0; }
mend_ip_forward() { m1 sysctl -w net.ipv4.ip_forward=1; }
break_bridge() { m1 sysctl -w net.bridge.bridge-nf-call-iptables=0; }
mend_bridge() { m1 sysctl -w net.bridge.bridge-nf-call-iptables=1; }
break_remains() { m1 'mkdir -p /etc/kubernetes/manifests; echo kind: Pod >/etc/kubernetes/manifests/old.yaml'; }
mend_remains() { m1 'rm -r /etc/kubernetes/manifests'; }

# ---- a node that joins
break_token() {
  exec_op sh -c "until [ -e $W/enough ]; do kubectl --kubeconfig $W/admin.conf -n kube-system delete secret --field-selector type=bootstrap.kubernetes.io/token; sleep 0.3; done" >/dev/null 2>&1 4<&- &
}
mend_token() { touch "$W/enough"; wait; rm "$W/enough"; }
break_other_ca() {
  kubectl -n kube-public get configmap cluster-info -o json >"$W/cluster-info" && ca -1 400 &&
    python3 - "$W" >"$W/cluster-info.other" <<'P' && kubectl replace -f "$W/cluster-info.other"
import base64, json, re, sys
c = json.load(open(sys.argv[1] + "/cluster-info"))
other = base64.b64encode(open(sys.argv[1] + "/ca.crt", "rb").read()).decode()
c["data"]["kubeconfig"] = re.sub("(certificate-authority-data:) .*", r"\1 " + other, c["data"]["kubeconfig"])
c["metadata"].pop("resourceVersion")
json.dump(c, sys.stdout)
P
}
mend_other_ca() {
  python3 -c 'import json, sys; c = json.load(sys.stdin); c["metadata"].pop("resourceVersion"); json.dump(c, sys.stdout)' \
    <"$W/cluster-info" >"$W/cluster-info.back" && kubectl replace -f "$W/cluster-info.back"
}
break_route() { m2 "ip route add blackhole $VIP/32"; }
mend_route() { m2 "ip route del blackhole $VIP/32"; }
break_firewall_api() { m1 'iptables -I INPUT -p tcp -s 10.230.255.12 --dport 6443 -j DROP'; }
mend_firewall_api() { m1 'iptables -D INPUT -p tcp -s 10.230.255.12 --dport 6443 -j DROP'; }

# ---- a cluster that lived

api_gone() { within 90 sh -c "! '$LAB' op curl -sk -m 2 -o /dev/null https://10.230.255.11:6443/healthz"; }
break_cert_expired() {
  m1 'cd /etc/kubernetes/pki; cp apiserver.crt apiserver.key /root; cat ca.crt' >"$W/real.crt" && m1 cat /etc/kubernetes/pki/ca.key >"$W/real.key" &&
    api_cert "$W/real" 10 "$SANS,IP:$VIP" && : >"$W/index" && echo 02 >"$W/serial" &&
    printf '[ca]\ndefault_ca=d\n[d]\nnew_certs_dir=%s\ndatabase=%s/index\nserial=%s/serial\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' "$W" "$W" "$W" >"$W/sign.cnf" &&
    openssl ca -batch -notext -config "$W/sign.cnf" -cert "$W/real.crt" -keyfile "$W/real.key" -in "$W/apiserver.csr" -out "$W/apiserver.crt" \
      -startdate "$(date -u -d '-20 days' +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d '-1 day' +%Y%m%d%H%M%SZ)" \
      -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$SANS,IP:$VIP") &&
    put_api_cert && m1 'pkill -x kube-apiserver; true' && sleep 3
}
mend_cert_expired() { m1 'cp -p /root/apiserver.crt /root/apiserver.key /etc/kubernetes/pki/; pkill -x kube-apiserver; true' && sleep 1 && within 120 answers 10.230.255.11; }
break_kubelet_stopped() { m1 'systemctl stop kubelet; pkill -x kube-apiserver; true' && api_gone; }
mend_kubelet_stopped() { m1 systemctl start kubelet && within 120 answers 10.230.255.11; }
break_manifest() { m1 'cp /etc/kubernetes/manifests/kube-apiserver.yaml /root; echo "} broken" >>/etc/kubernetes/manifests/kube-apiserver.yaml' && api_gone; }
mend_manifest() { m1 'cp /root/kube-apiserver.yaml /etc/kubernetes/manifests/' && within 120 answers 10.230.255.11; }
break_etcd_damaged() {
  m1 'systemctl stop kubelet; pkill -x kube-apiserver; pkill -KILL -x etcd; sleep 1; f=$(ls /var/lib/etcd/member/wal/*.wal | tail -n 1)
    cp -a /var/lib/etcd/member /root/member; head -c 64 /dev/urandom | dd conv=notrunc of="$f" bs=1 seek=700; systemctl start kubelet; sleep 8' && api_gone
}
mend_etcd_damaged() { m1 'systemctl stop kubelet; pkill -KILL -x etcd; rm -rf /var/lib/etcd/member; cp -a /root/member /var/lib/etcd/; systemctl start kubelet' && within 120 answers 10.230.255.11; }

# ---- hactl bundle: at any time, and nothing in it is secret

KEY=5f3759df00112233445566778899aabbccddeeff00112233445566778899aabb
# What must not be in a bundle, one a line: keys of m1 line by line, keepalived's password, a token, a certificate key.
secrets() {
  m1 'cat /etc/kubernetes/pki/*.key /etc/kubernetes/pki/etcd/*.key 2>/dev/null' | grep -v -e -----
  m1 "sed -n 's/.*auth_pass *//p' /etc/keepalived/keepalived.conf"
  printf '%s\n' s3cretpw abcdef.0123456789abcdef $KEY
}
bundle() { # bundle SENTENCE REPORTS: it has so many, is small, soon there, and hides what is secret
  local begun=$SECONDS
  rm -f "$W/b.tar"
  holds "hactl bundle: $1" hactl bundle --config "$W/hactl.yaml" --out "$W/b.tar"
  holds "it came within a minute" no_more $((SECONDS - begun)) 60
  holds "it has $2 reports" test "$(tar tf "$W/b.tar" | grep -c report.txt)" = "$2"
  holds "it is below 16 MB" no_more "$(stat -c %s "$W/b.tar")" $((16 << 20))
  holds "nothing secret is in it ($(wc -l <"$W/needles") lines)" sh -c "! tar xOf '$W/b.tar' | grep -F -f '$W/needles'"
}
bundles() {
  provide living
  m1 "d=/var/log/pods/kube-system_etcd-m1_0/etcd; mkdir -p \$d; { cat /etc/kubernetes/pki/ca.key; echo '  auth_pass s3cretpw'
    echo '--token abcdef.0123456789abcdef --certificate-key $KEY'; } | tee \$d/9.log >>/var/lib/hactl/kubeadm.log"
  secrets >"$W/needles"
  bundle "a cluster whose logs hold keys and tokens" 2
  holds "what was hidden stood there" sh -c "tar xOf '$W/b.tar' m1/report.txt | grep -q 'certificate-key \*\**\$'"
  lab kill m2
  bundle "one of two nodes has no power" 1
  lab kill m1
  refuses 4 "hactl bundle without a node" 'no node could be asked' -- hactl bundle --config "$W/hactl.yaml" --out "$W/none.tar"
  there=''
}

main() {
  local wanted=" $* " name where rest row
  while IFS= read -r row <&4; do
    IFS='|' read -r name where rest <<<"$row"
    if [ $# = 0 ]; then [[ $name != \#* ]] || continue; else [[ $wanted == *" ${name#\#} "* ]] || continue; fi
    IFS='|' read -r -a fields <<<"${row#\#}"
    provide "$where"
    configure "$where"
    check_row "${fields[@]}"
  done 4< <(table)
  [ $# != 0 ] && [[ $wanted != *" bundle "* ]] || bundles
}
main "$@"
