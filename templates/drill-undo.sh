# Mends what drill-break.sh broke; again does no harm.  Lines in front of this say what, carrier and interfaces.
dir=/run/hactl-drill
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
[ -d "$dir" ] || exit 0
exec 9>>"$dir/lock"
flock 9
[ -f "$dir/undo" ] || exit 0 # somebody was faster

# What was made is in a list, and is gone only when a look that succeeds does not find it any more.
was_made() { grep -qs "^$1\$" "$dir/made"; }

join_nft() {   # join_nft FAMILY
	tables=$(nft list tables) || return 1
	case $tables in
	*"table $1 hactl_drill"*) nft delete table "$1" hactl_drill ;;
	esac
}

drop_chains() {
	for i in $interfaces; do
		"$1" -w -D INPUT -i "$i" -j HACTL-DRILL-IN
		"$1" -w -D FORWARD -i "$i" -j HACTL-DRILL-IN
		"$1" -w -D FORWARD -o "$i" -j HACTL-DRILL-OUT
		"$1" -w -D OUTPUT -o "$i" -j HACTL-DRILL-OUT
	done
	for c in HACTL-DRILL-IN HACTL-DRILL-OUT; do
		"$1" -w -F $c
		"$1" -w -X $c
	done
} 2>/dev/null

join_iptables() {   # join_iptables TOOL
	rules=$("$1" -w -S) || return 1
	case $rules in *HACTL-DRILL*) drop_chains "$1" ;; *) return ;; esac
	rules=$("$1" -w -S) || return 1
	case $rules in *HACTL-DRILL*) return 1 ;; esac
}

# Others may use clsact, too, since before or since then.
join_tc() {   # join_tc INTERFACE PREF PROTOCOL MADE
	qdiscs=$(tc qdisc show dev "$1") || { ! ip link show dev "$1" >/dev/null 2>&1; return; }
	case $qdiscs in *clsact*) ;; *) return ;; esac
	filters=$(tc filter show dev "$1" egress pref "$2" protocol "$3") || return 1
	[ -z "$filters" ] || tc filter del dev "$1" egress pref "$2" protocol "$3" || return 1
	[ "$4" = yes ] || return 0
	filters=$(tc filter show dev "$1" ingress && tc filter show dev "$1" egress) || return 1
	[ -n "$filters" ] || tc qdisc del dev "$1" clsact
}

# The worst first, and one that cannot be mended now keeps no other back.
join_network() {
	rc=0
	! was_made 'nft inet' || join_nft inet || rc=1
	for t in iptables ip6tables; do
		! was_made $t || join_iptables $t || rc=1
	done
	! was_made 'nft netdev' || join_nft netdev || rc=1
	# The last one first: clsact goes when nothing uses it.
	[ ! -f "$dir/tc" ] || sed '1!G;h;$!d' "$dir/tc" >"$dir/tc-backwards" || rc=1
	[ ! -f "$dir/tc-backwards" ] || while read -r i made pref protocol; do
		join_tc "$i" "$pref" "$protocol" "$made" || rc=1
	done <"$dir/tc-backwards"
	return $rc
}

join_manifest() {
	cd /etc/kubernetes/manifests || return 1
	for f in .hactl-drill-*.yaml; do
		[ ! -e "$f" ] || mv "$f" "${f#.hactl-drill-}" || return 1
	done
	[ ! -e "$dir/stamp" ] || touch -r "$dir/stamp" .
	units=/etc/systemd/system
	[ -e "$units/hactl-drill-boot.service" ] || return 0
	systemctl -q disable hactl-drill-boot.service
	rm -f "$units/hactl-drill-boot.service"
	systemctl daemon-reload
	[ ! -e "$dir/stamp-units" ] || touch -r "$dir/stamp-units" "$units"
	[ ! -e "$dir/stamp-wants" ] || touch -r "$dir/stamp-wants" "$units/multi-user.target.wants"
}

case $what,$carrier in
stop,keepalived) systemctl start keepalived ;;
stop,* | api,*) join_manifest ;;
network,*) join_network ;;
esac || exit 1
rm -rf "$dir"
systemctl stop hactl-drill.timer 2>/dev/null
exit 0
