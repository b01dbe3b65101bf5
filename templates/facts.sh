# What hactl wants to know of a node, in one go: lines of key=value, values without newlines.
# In: vip, second_vip, endpoint_host, pki_dir, pki_files, keepalived_dir.  It changes nothing.
put() { printf '%s=%s\n' "$1" "$2"; }
put clock_begin "$(date +%s.%N)"
have() { command -v "$1" >/dev/null 2>&1; }
unit() { systemctl is-"$1" "$2" 2>/dev/null || :; }

# What takes a while goes on in the background and is collected at the end.
work=$(mktemp -d) || { echo "cannot make a temporary directory" >&2; exit 1; }
trap 'rm -rf "$work"' EXIT
{ have kubeadm && kubeadm version -o short; } >"$work/kubeadm" 2>/dev/null &
{ have kubelet && kubelet --version; } >"$work/kubelet" 2>/dev/null &
# -W 1: an address that nobody holds costs this second, one that answers nothing.
# A host that drops echo requests still answers ARP: it leaves a link-layer address.  What is remembered
# of an earlier holder does not count.
answers() {
	have ping || { echo unknown; return; }
	ip neigh flush to "$1" >/dev/null 2>&1
	ping -n -c 1 -W 1 "$1" >/dev/null || ip neigh show to "$1" | grep -q lladdr && echo yes || echo no
}
[ -z "$vip" ] || answers "$vip" >"$work/answers" 2>/dev/null &
[ -z "$second_vip" ] || answers "$second_vip" >"$work/second_answers" 2>/dev/null &
case $endpoint_host in
'' | *:*) ;;
*[!0-9.]*) { getent ahosts "$endpoint_host" | awk '{ print $1 }' | sort -u; } >"$work/endpoint" 2>/dev/null & ;;
esac

put hostname "$(uname -n)"
put machine_id "$(cat /etc/machine-id 2>/dev/null)"
put arch "$(uname -m)"
put kernel "$(uname -r)"
(. /etc/os-release 2>/dev/null && put os "$PRETTY_NAME" && put os_id "$ID $ID_LIKE")
put uid "$(id -u)"
put systemd "$([ -d /run/systemd/system ] && echo yes || echo no)"

# Interfaces: "name address/prefix", one line each.
ip -o addr show 2>/dev/null | while read -r _ name _ cidr _; do put addr "$name $cidr"; done
put swap "$(awk 'NR > 1' /proc/swaps 2>/dev/null | wc -l)"

# Listening TCP ports and who listens, "port name".
ss -Hltnp 2>/dev/null | awk '{ n = split($4, a, ":"); p = a[n]; w = $6
	sub(/^users:\(\("/, "", w); sub(/".*/, "", w); if (!seen[p]++) print "listen=" p " " w }'

put keepalived "$(keepalived --version 2>&1 | sed -n 's/^Keepalived v\([0-9.]*\).*/\1/p')"
put keepalived_enabled "$(unit enabled keepalived)"
put keepalived_active "$(unit active keepalived)"
# Our file is keepalived.conf, or one of our own where somebody else's includes *.conf of a folder.
conf=$keepalived_dir/keepalived.conf
if [ -f "$conf" ] && ! head -n 1 "$conf" | grep -q '^# Written by hactl'; then
	include=$(sed -n 's#^[[:space:]]*include[[:space:]]\{1,\}\([^[:space:]*?]*\)/\*\.conf[[:space:]]*$#\1#p' "$conf" | head -n 1)
	case $include in '') ;; /*) conf=$include/hactl.conf ;; *) conf=$keepalived_dir/$include/hactl.conf ;; esac
fi
put keepalived_conf "$conf"
# own FILE NAME: a file that may be ours, its content and mode.
own() {
	[ -f "$1" ] && put "file_$2" "$(base64 <"$1" | tr -d '\n')" && put "mode_$2" "$(stat -c %a "$1")"
}
own "$conf" keepalived.conf
own "$keepalived_dir/check_apiserver.sh" check_apiserver.sh
own /etc/haproxy/haproxy.cfg haproxy.cfg
own /etc/kubernetes/manifests/kube-vip.yaml kube-vip.yaml
put curl "$(have curl && echo yes)"
put kube_vip_active "$(grep -qsx kube-vip /proc/[0-9]*/comm && echo active)"
put haproxy "$(haproxy -v 2>/dev/null | sed -n '1s/.*version \([0-9.]*\).*/\1/p')"
put haproxy_enabled "$(unit enabled haproxy)"
put haproxy_active "$(unit active haproxy)"
# Is a file as its package ships it?  dpkg and rpm know its checksum.
untouched() {
	[ -f "$1" ] || return 1
	if have dpkg-query; then
		dpkg-query -W -f='${Conffiles}\n' "$2" 2>/dev/null | grep -q " $1 $(md5sum <"$1" | cut -d' ' -f1)"
	elif have rpm; then
		! rpm -Vf "$1" 2>/dev/null | grep -q "${1##*/}"
	else
		return 1
	fi
}
put keepalived_untouched "$(untouched "$conf" keepalived && echo yes || echo no)"
put haproxy_untouched "$(untouched /etc/haproxy/haproxy.cfg haproxy && echo yes || echo no)"

for s in /run/containerd/containerd.sock /run/crio/crio.sock /run/cri-dockerd.sock /var/run/dockershim.sock; do
	[ -S "$s" ] && put cri_socket "$s"
done
put kubelet_enabled "$(unit enabled kubelet)"
put cni "$(for f in /etc/cni/net.d/*.conf /etc/cni/net.d/*.conflist; do [ -f "$f" ] && basename "$f"; done | tr '\n' ' ')"
# An empty one is what a power cut leaves of a file that kubeadm had just written.
for f in admin.conf kubelet.conf manifests/kube-apiserver.yaml manifests/etcd.yaml; do
	[ -s "/etc/kubernetes/$f" ] && put has "$f"
done
put manifests "$(for f in /etc/kubernetes/manifests/*; do [ -e "$f" ] && basename "$f"; done | tr '\n' ' ')"
put etcd_data "$([ -d /var/lib/etcd/member ] && echo yes || echo no)"
begun=/etc/kubernetes/pki/.hactl-begun
if [ -f "$begun" ]; then
	verb=$(head -c 200 "$begun" | tr -d '\n')
	put begun "${verb:-reset}"
elif [ -f /var/lib/hactl/resetting ] && { [ ! -f /etc/kubernetes/kubelet.conf ] || [ ! -f "$pki_dir/ca.crt" ]; }; then
	put begun reset # that broke off after it had taken the mark away
fi
for f in $pki_files /etc/kubernetes/admin.conf; do
	case $f in /*) p=$f ;; *) p=$pki_dir/$f ;; esac
	[ -f "$p" ] && put pki "$f $(sha256sum <"$p" | cut -d' ' -f1) $(stat -c %a "$p")"
done

wait
put kubeadm "$(cat "$work/kubeadm")"
put kubelet "$(sed 's/^Kubernetes //' "$work/kubelet")"
put vip_answers "$(cat "$work/answers" 2>/dev/null)"
put second_vip_answers "$(cat "$work/second_answers" 2>/dev/null)"
[ ! -f "$work/endpoint" ] || put endpoint_addresses "$(tr '\n' ' ' <"$work/endpoint")"
# Last, so that it is close to the moment the answer arrives.
put clock "$(date +%s.%N)"
put end 1
