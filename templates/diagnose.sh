# What tells why a node failed: a report of sections, each begun by "== NAME".  It changes nothing
# and takes nothing that is secret; what may hold one by accident is masked by the reader.
# In: vip (may be empty), endpoint (its host), pki_dir, lines (of each log), recent_s (logs from before then do not count; 0: all do).
now=$(date +%s) since=$(cat /var/lib/hactl/started 2>/dev/null) # when kubeadm ran last
[ "${recent_s:-0}" = 0 ] || [ "${since:-0}" -gt $((now - recent_s)) ] || since=$((now - recent_s))
have() { command -v "$1" >/dev/null 2>&1; }
brief() { timeout 5 "$@" 2>&1; }
section() { printf '== %s\n' "$1"; }
# log UNIT: what it said last, since then.  journalctl's own -n would give the first lines, were there a
# --since.  Stacks of goroutines, which a kubelet that cannot start leaves every few seconds, tell nothing,
# and neither does the kubelet's word that its node is not there yet, several times a second.
log() {
	have journalctl || echo "(no journal)"
	if [ -n "$since" ]; then brief journalctl --no-pager -o cat -u "$1" --since "@$since"; else brief journalctl --no-pager -o cat -u "$1" -n 2000; fi |
		grep -v '^[[:blank:]]\|^goroutine \|^created by \|^[a-z0-9.]*/[^ ]*(.*)$\|^main\.\|^$\|\] node "[^"]*" not found$' | tail -n "$lines"
}
cut_lines() { cut -c 1-1000; }

section disk
# not '/', which is read-only and full by design where the system is an image
for d in /etc /etc/kubernetes "$pki_dir" /var/lib/hactl /var/lib/etcd /var/lib/kubelet /var/lib/containerd /var/log /run; do
	[ -d "$d" ] || continue
	df -P "$d" 2>/dev/null | awk -v d="$d" 'NR == 2 && ($4 < 10240 || $5 + 0 >= 100) { print "full " d " (" $6 ", " $4 " KiB free)" }'
	df -Pi "$d" 2>/dev/null | awk -v d="$d" 'NR == 2 && $2 > 0 && $4 < 16 { print "inodes " d " (" $6 ")" }'
	findmnt -T "$d" -no OPTIONS,TARGET 2>/dev/null | awk -v d="$d" '$1 ~ /(^|,)ro(,|$)/ { print "read-only " d " (" $2 ")" }'
done
brief df -Plh | grep -v ' /var/lib/containerd/\| /run/containerd/\| /var/lib/kubelet/pods/' | tail -n 30

section memory
head -n 3 /proc/meminfo
cat /proc/swaps
uptime

section kernel
# a container's is the whole machine's: only what was said since then; a pod that came to its own limit is no matter of the node's
brief dmesg 2>/dev/null | awk -v since="${since:-0}" -v now="$now" 'BEGIN { getline up <"/proc/uptime"; from = since - now + up }
	match($0, /^\[ *[0-9.]+\]/) && substr($0, 2, RLENGTH - 2) + 0 < from { next } 1' |
	grep -i 'out of memory\|oom-kill\|I/O error\|remount' | grep -vi 'memory cgroup out of memory\|oom_memcg=[^,]*kubepods' | tail -n 20

section clock
date -u '+%Y-%m-%dT%H:%M:%SZ'
brief timedatectl 2>/dev/null | sed -n 's/^ *\(System clock synchronized\|NTP service\)/\1/p'

# What systemd would have to start: "masked NAME", "missing NAME", "stopped NAME", "failed NAME".
section units
# kubeadm starts the kubelet once it has its configuration; a keepalived that is somebody else's may rest
is_wanted() {
	case $1 in
	kubelet) [ -f /var/lib/kubelet/config.yaml ] ;;
	keepalived) grep -qs 'Written by hactl' /etc/keepalived/*.conf /etc/keepalived/*/*.conf ;;
	esac
}
units=kubelet
[ -z "$vip" ] || ! have keepalived || units="$units keepalived"
systemctl -q is-active containerd crio docker 2>/dev/null || units="$units containerd crio"
for u in $units; do
	case $(systemctl show -p LoadState -p ActiveState "$u" 2>/dev/null | tr '\n' ' ') in
	*masked*) echo "masked $u" ;;
	*not-found*) echo "missing $u" ;;
	*ActiveState=inactive*) is_wanted "$u" && echo "stopped $u" ;;
	*ActiveState=failed*) is_wanted "$u" && echo "failed $u" ;;
	esac
done

section certificates
if have openssl; then
	for f in "$pki_dir"/ca.crt "$pki_dir"/*.crt "$pki_dir"/etcd/*.crt /var/lib/kubelet/pki/kubelet-client-current.pem; do
		[ -f "$f" ] || continue
		from=$(date -d "$(openssl x509 -in "$f" -noout -startdate 2>/dev/null | cut -d= -f2)" +%s 2>/dev/null)
		[ "${from:-0}" -le "$now" ] || echo "early $f, by $((from - now)) s"
		if ! openssl x509 -in "$f" -noout -checkend 0 >/dev/null 2>&1; then
			echo "expired $f $(openssl x509 -in "$f" -noout -enddate 2>&1 | tail -n 1)"
		fi
	done
	f=$pki_dir/apiserver.crt
	if [ -f "$f" ]; then
		case $endpoint in '') kind= ;; *:*) kind=-checkip ;; *[!0-9.]*) kind=-checkhost ;; *) kind=-checkip ;; esac
		[ -z "$kind" ] || openssl x509 -in "$f" -noout "$kind" "$endpoint" 2>/dev/null | grep -q 'does NOT' && echo "lacks $endpoint in $f"
		! openssl verify -no_check_time -partial_chain -CAfile "$pki_dir/ca.crt" "$f" 2>&1 | grep -q 'unable to get\|signature failure' || echo "stranger $f"
	fi
fi

section route
if [ -n "$vip" ] && have ip; then
	ip route get "$vip" 2>&1 | head -n 1 | sed "s/^RTNETLINK answers:.*/unreachable $vip (&)/; s/^\(unreachable\|prohibit\|blackhole\) .*/unreachable $vip (&)/"
	ip -o addr show 2>/dev/null | awk '{ print $2, $4 }'
fi

section keepalived
if have keepalived; then
	systemctl is-active keepalived 2>/dev/null
	log keepalived | tail -n 30
fi

section ports
ss -Hltnp 2>/dev/null | awk '{ print $4, $6 }' | head -n 60

section pods
ls /etc/kubernetes/manifests 2>&1
for i in $(brief crictl ps -a -q 2>/dev/null | head -n 20); do brief crictl inspect -o go-template --template '{{.status.metadata.name}} {{.status.state}} {{.status.exitCode}} {{.status.reason}}' "$i"; done 2>/dev/null

section kubeadm
f=/var/lib/hactl/kubeadm.log
# What a kubeadm said that did its work, or long ago, is no cause.
is_past() {
	[ "${recent_s:-0}" != 0 ] || return 1
	grep -qs ' 0$' /var/lib/hactl/ended || [ "$(stat -c %Y "$f" 2>/dev/null)" -lt $((now - recent_s)) ] 2>/dev/null
}
is_past || tail -n "$lines" "$f" 2>/dev/null | cut_lines

section containers
from=
[ "${recent_s:-0}" = 0 ] || from=$(date -d "@$since" +%Y-%m-%dT%H:%M:%S 2>/dev/null) # their stamps are of this zone, too
for c in etcd kube-apiserver kube-controller-manager kube-scheduler; do
	for f in $(ls -t /var/log/pods/kube-system_"$c"-*/"$c"/*.log 2>/dev/null | head -n 2); do
		echo "-- $f"
		tail -n "$lines" "$f" | awk -v from="$from" '$0 >= from || !/^[0-9][0-9][0-9][0-9]-/' | cut_lines
	done
done

section kubelet
systemctl is-active kubelet 2>/dev/null
log kubelet | cut_lines

section containerd
systemctl is-active containerd 2>/dev/null
log containerd | tail -n 40 | cut_lines
section end
