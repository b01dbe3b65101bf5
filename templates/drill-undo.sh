# Mends what drill-break.sh broke; again does no harm.  Lines in front of this say what, carrier and interfaces.
dir=/run/hactl-drill
[ -d "$dir" ] || exit 0
exec 9>>"$dir/lock"
flock 9
[ -f "$dir/undo" ] || exit 0 # somebody was faster

join_iptables() {
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

# What silenced the interfaces; others may use clsact, too.
unsilence() {
	[ ! -f "$dir/tc" ] || while read -r i made pref protocol; do
		! tc filter show dev "$i" egress pref "$pref" protocol "$protocol" | grep -q . ||
			tc filter del dev "$i" egress pref "$pref" protocol "$protocol" || return 1
		[ "$made" = no ] || echo "$i"
	done <"$dir/tc" >"$dir/clsact" || return 1
	[ ! -f "$dir/clsact" ] || while read -r i; do
		! tc qdisc show dev "$i" | grep -q clsact || tc qdisc del dev "$i" clsact || return 1
	done <"$dir/clsact"
	! nft list table netdev hactl_drill >/dev/null 2>&1 || nft delete table netdev hactl_drill
}

join_network() {
	unsilence || return 1
	! nft list table inet hactl_drill >/dev/null 2>&1 || nft delete table inet hactl_drill || return 1
	for t in iptables ip6tables; do
		"$t" -w -S HACTL-DRILL-IN >/dev/null 2>&1 || "$t" -w -S HACTL-DRILL-OUT >/dev/null 2>&1 || continue
		join_iptables "$t"
		! "$t" -w -S HACTL-DRILL-IN >/dev/null 2>&1 || return 1
	done
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
