# Breaks one thing of this node, after a timer that mends it has been started.
# In: what (stop, api, network), carrier (of the virtual IP: keepalived, kube-vip), seconds (until the timer's), undo (drill-undo.sh), vips (a line for each
# virtual IP: it, and its 32-bit words in decimal), address (the node's own).
set -eu
umask 077
dir=/run/hactl-drill
if [ -f "$dir/undo" ]; then
	echo "an earlier drill is not undone here; 'sh $dir/undo' on this node does it" >&2
	exit 1
fi
rm -rf "$dir" # of one that broke off before it had broken anything
mkdir "$dir"
broken=no
trap '[ $broken = yes ] || { exec 9>&-; [ ! -f "$dir/undo" ] || sh "$dir/undo"; rm -rf "$dir"; }' EXIT

# The interfaces whose cable is pulled: of the node's address and of the virtual IPs.
addresses="$address $(printf '%s\n' "$vips" | cut -d ' ' -f 1 | tr '\n' ' ')"
interfaces=$(for a in $addresses; do ip -o addr show to "${a%%\%*}" || :; done | awk '$2 != "lo" { print $2 }' | sort -u | tr '\n' ' ')
{
	echo "what=$what carrier=$carrier interfaces='$interfaces'"
	printf '%s\n' "$undo"
} >"$dir/undo"

# Restart: a mending that fails is tried again.
systemd-run -q --unit=hactl-drill --on-active="$seconds" --timer-property=AccuracySec=100ms \
	--property=Restart=on-failure --property=RestartSec=2 /bin/sh "$dir/undo"
systemctl -q is-active hactl-drill.timer || {
	echo "the timer that would mend this node does not run" >&2
	exit 1
}

# Who speaks to this shell over SSH: sudo hides it, an ancestor knows it.
ssh_connection() {
	p=$$
	while [ "${p:-0}" -gt 1 ]; do
		c=$(tr '\0' '\n' <"/proc/$p/environ" 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p')
		[ -z "$c" ] || break
		p=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$p/status" 2>/dev/null)
	done
	echo "${c:-}"
}

# cut_iptables TOOL CLIENT PORT: all that comes and goes by the cable, but for hactl's SSH.
cut_iptables() {
	command -v "$1" >/dev/null || { echo "$1 is not installed here, and nft cannot be used" >&2; exit 1; }
	echo "$1" >>"$dir/made"
	"$1" -w -N HACTL-DRILL-IN
	"$1" -w -N HACTL-DRILL-OUT
	if [ -n "$2" ]; then
		"$1" -w -A HACTL-DRILL-IN -s "$2" -p tcp --dport "$3" -j ACCEPT
		"$1" -w -A HACTL-DRILL-OUT -d "$2" -p tcp --sport "$3" -j ACCEPT
	fi
	if [ "$1" = ip6tables ]; then # as ARP, for the node's own address
		for t in 135 136; do
			"$1" -w -A HACTL-DRILL-IN -p icmpv6 --icmpv6-type $t -j ACCEPT
			"$1" -w -A HACTL-DRILL-OUT -s "$own6" -p icmpv6 --icmpv6-type $t -j ACCEPT
		done
	fi
	"$1" -w -A HACTL-DRILL-IN -j DROP
	"$1" -w -A HACTL-DRILL-OUT -j DROP
	for i in $interfaces; do
		"$1" -w -I INPUT -i "$i" -j HACTL-DRILL-IN
		"$1" -w -I FORWARD -i "$i" -j HACTL-DRILL-IN
		"$1" -w -I FORWARD -o "$i" -j HACTL-DRILL-OUT
		"$1" -w -I OUTPUT -o "$i" -j HACTL-DRILL-OUT
	done
}

# by_nft FAMILY [OPTION...]: one transaction, noted before and, when it was refused, not any more.
by_nft() {
	echo "nft $1" >>"$dir/made"
	shift
	nft "$@" 2>>"$dir/said" && return
	sed -i '$d' "$dir/made"
	return 1
}

# The same as one table of nftables: nothing of it stays behind, and it comes and goes at once.  Inside of
# translated addresses: SSH may come by another port than sshd's.
cut_nft() {
	family=ip
	case $1 in *:*) family=ip6 ;; esac
	names=$(printf '"%s",' $interfaces)
	by_nft inet -f - <<N
table inet hactl_drill {
	chain inward {
		type filter hook prerouting priority -90; policy accept;
		iifname != { $names } accept
		${1:+$family saddr $1 tcp dport $2 accept}
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
		drop
	}
	chain outward {
		type filter hook postrouting priority 90; policy accept;
		oifname != { $names } accept
		${1:+$family daddr $1 tcp sport $2 accept}
		ip6 saddr $own6 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
		drop
	}
}
N
}

# bytecode WORD...: drops what is sent as the sender of an IPv4 address, or as the owner of an IPv6 address.
# Four bytes of the packet each, behind Ethernet's header: ARP's sender; a neighbour advertisement's target.
bytecode() {
	if [ $# = 1 ]; then
		echo "4,32 0 0 28,21 0 1 $1,6 0 0 2,6 0 0 4294967295"
	else
		echo "14,48 0 0 20,21 0 11 58,48 0 0 54,21 0 9 136,32 0 0 62,21 0 7 $1,32 0 0 66,21 0 5 $2,32 0 0 70,21 0 3 $3,32 0 0 74,21 0 1 $4,6 0 0 2,6 0 0 4294967295"
	fi
}

silence_tc() {   # silence_tc INTERFACE NUMBER WORD...
	i=$1 pref=$2 made=yes protocol=arp
	shift 2
	[ $# = 1 ] || protocol=ipv6
	! tc qdisc show dev "$i" | grep -q clsact || made=no
	# Somebody else's may be the last word.
	grep -qs "^$i " "$dir/tc" || ! tc filter show dev "$i" egress | grep -q . || return 1
	echo "$i $made $pref $protocol" >>"$dir/tc"
	[ $made = no ] || tc qdisc add dev "$i" clsact || return 1
	tc filter add dev "$i" egress pref "$pref" protocol $protocol bpf da bytecode "$(bytecode "$@")"
} 2>/dev/null

silence_nft() {   # silence_nft INTERFACE CHAIN VIP WORD...
	match="arp saddr ip $3"
	[ $# = 4 ] || match="icmpv6 type nd-neighbor-advert @th,64,128 0x$(printf '%08x%08x%08x%08x' "$4" "$5" "$6" "$7")"
	by_nft netdev "add table netdev hactl_drill
		add chain netdev hactl_drill $2 { type filter hook egress device \"$1\" priority 0; }
		add rule netdev hactl_drill $2 $match drop"
} 2>/dev/null

# ARP and what keepalived announces itself pass by the firewall: neighbours would go on believing whoever
# answers for a virtual IP and announces it, as they do not when a cable is pulled.
silence() {
	chain=0
	for interface in $interfaces; do
		n=0
		while read -r vip words; do
			n=$((n + 1)) chain=$((chain + 1))
			# shellcheck disable=SC2086 # words
			silence_nft "$interface" "out$chain" "$vip" $words || silence_tc "$interface" $n $words ||
				echo "neither tc nor nft can keep $interface from announcing $vip: the outage may be longer than that of a pulled cable"
		done <<V
$vips
V
	done
}

cut_network() {
	[ -n "$interfaces" ] || { echo "no interface carries $address" >&2; exit 1; }
	# shellcheck disable=SC2046 # four words
	set -- $(ssh_connection)
	client=${1:-} port=${4:-}
	client=${client%%\%*}
	client=${client#::ffff:}
	own6=::
	case $address in *:*) own6=${address%%\%*} ;; esac
	case $client in *:*) own6=${3%%\%*} ;; esac
	silence
	! cut_nft "$client" "$port" || return 0
	command -v iptables >/dev/null 2>&1 || { tail -n 3 "$dir/said" >&2; exit 1; }
	client4=$client client6=
	case $client in *:*) client4='' client6=$client ;; esac
	# Only the families that the cluster speaks: a table that is made for the other would stay.
	case $addresses in *.*) cut_iptables iptables "$client4" "$port" ;; esac
	case $addresses in *:*) cut_iptables ip6tables "$client6" "$port" ;; esac
}

# The timer does not survive a reboot, the missing manifest would.
mend_at_boot() {   # mend_at_boot NAME
	touch -r /etc/systemd/system "$dir/stamp-units"
	touch -r /etc/systemd/system/multi-user.target.wants "$dir/stamp-wants" 2>/dev/null || :
	(umask 022 && cat >/etc/systemd/system/hactl-drill-boot.service) <<U
[Unit]
Description=Puts back what a drill of hactl took away
Before=kubelet.service
[Service]
Type=oneshot
ExecStart=-/bin/mv -n /etc/kubernetes/manifests/.hactl-drill-$1.yaml /etc/kubernetes/manifests/$1.yaml
ExecStart=/bin/rm -f /etc/systemd/system/multi-user.target.wants/hactl-drill-boot.service /etc/systemd/system/hactl-drill-boot.service
[Install]
WantedBy=multi-user.target
U
	systemctl -q enable hactl-drill-boot.service
}

# hide NAME: takes a static pod away: kubelet passes over names that begin with a dot.
hide() {
	cd /etc/kubernetes/manifests
	[ -f "$1.yaml" ] || { echo "there is no /etc/kubernetes/manifests/$1.yaml" >&2; exit 1; }
	touch -r . "$dir/stamp"
	mend_at_boot "$1"
	mv "$1.yaml" ".hactl-drill-$1.yaml"
}

stop_carrier() {
	if [ "$carrier" = kube-vip ]; then
		hide kube-vip
		return
	fi
	systemctl -q is-active keepalived || { echo "keepalived does not run" >&2; exit 1; }
	systemctl stop keepalived
}

# Undoing waits from here on.  Where this took so long that it came first, it stays so.
late="this took so long that it was undone before"
[ -d "$dir" ] || { echo "$late" >&2; exit 1; }
exec 9>>"$dir/lock"
flock 9
[ -f "$dir/undo" ] || { echo "$late" >&2; exit 1; }

case $what in
stop) stop_carrier ;;
api) hide kube-apiserver ;;
network) cut_network ;;
esac
broken=yes
