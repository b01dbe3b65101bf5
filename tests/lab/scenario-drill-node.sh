#!/bin/bash
# The part of a drill that runs on the node, without a cluster: what it breaks is broken, the SSH connection
# stays, and it is mended on demand and by its timer, after a reboot too, with everything as it was before.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

VIP6=fd00:10:230:255::168
not() { ! "$@"; }
fresh 2
quoted() { sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/" "$1"; }
script() { lab ssh "$1" 'sh -s'; }

# broken NODE WHAT SECONDS: as hactl sends it.
broken() {
  local what
  {
    case $2 in iptables | tc) what=network ;; *) what=$2 ;; esac
    echo "what=$what carrier=keepalived seconds=$3 address=$(address "$1")"
    printf "vips='%s %u" $VIP $((10 << 24 | 230 << 16 | 255 << 8 | 168))
    [ "$2" = iptables ] || printf '\n%s %u %u 0 %u' $VIP6 $((0xfd000010)) $((0x02300255)) $((0x168))
    echo "'"
    echo "undo=$(quoted "$TOP/templates/drill-undo.sh")"
    cat "$TOP/templates/drill-break.sh"
  } | script "$1"
}
mended() { script "$1" <"$TOP/templates/drill-mend.sh"; }

lab ssh m1 "mkdir -p /etc/kubernetes/manifests; echo 'kind: Pod' >/etc/kubernetes/manifests/kube-apiserver.yaml
  touch -d 2020-01-01 /etc/kubernetes/manifests /etc/systemd/system /etc/systemd/system/multi-user.target.wants
  iptables -A INPUT -s 192.0.2.1 -j DROP
  cat >/etc/keepalived/keepalived.conf; systemctl enable --now keepalived" <<C
global_defs {
  vrrp_garp_master_refresh 1
}
vrrp_instance v {
  interface eth0
  virtual_router_id 51
  virtual_ipaddress { $VIP }
}
vrrp_instance v6 {
  interface eth0
  virtual_router_id 52
  virtual_ipaddress { $VIP6 }
}
C
has_vip() { lab ssh m1 ip -o addr show to $VIP | grep -q .; }
must "m1 has the virtual IP" within 20 has_vip

NFT=$(lab ssh m1 'readlink -f "$(command -v nft)"')
state() {
  lab ssh m1 'find /etc/kubernetes /etc/keepalived /etc/systemd/system -printf "%p %m %U %s %T@\n" | sort
    { iptables-save; echo; ip6tables-save; } | sed "/^#/d; s/\[[0-9:]*\]//"
    PATH=$PATH:/root; nft list tables; command -v tc >/dev/null || echo no tc; tc qdisc show dev eth0; tc filter show dev eth0 egress
    systemctl list-units --all --plain --no-legend --type=timer,service | awk "{print \$1, \$3, \$4}" | grep -v "^\(session\|run-\|ssh@\|kubelet\|systemd-\)" | sort
    ls /run/hactl-drill 2>/dev/null; find /run/systemd/transient -name "hactl*" 2>/dev/null; pgrep -af "[h]actl-drill"'
}
state >"$W/before"
same_state() { state >"$W/after"; diff "$W/before" "$W/after"; }

runs() { lab ssh m1 systemctl -q is-active keepalived; }
no_manifest() { ! lab ssh m1 test -e /etc/kubernetes/manifests/kube-apiserver.yaml; }
pings() { lab ssh m2 ping -n -c 1 -W 1 10.230.255.11; }
is_stop() { ! runs; }
is_api() { no_manifest; }
# ARP passes by the firewall: m2 must not learn where the virtual IP is from a node that is cut off.
resolves() { lab ssh m2 "ip neigh flush to $VIP; ping -n -c 1 -W 1 $VIP >/dev/null; ip neigh show to $VIP | grep -q lladdr"; }
must "m2 learns where the virtual IP is" resolves
# So does what keepalived announces: m2 must go on with what it believes.
believes() { lab ssh m2 "ip neigh replace $VIP6 lladdr 02:00:00:00:00:09 nud stale dev eth0; sleep 2.5; ip neigh show to $VIP6 | grep -q 02:00:00:00:00:09"; }
hears() { ! believes; }
must "m2 hears where the virtual IPv6 address is" hears
is_network() { ! pings && ! resolves && believes && ! lab ssh m1 ping -n -c 1 -W 1 10.230.255.12 && lab ssh m1 ping -n -c 1 -W 1 10.230.255.11; }
gone() { ! lab ssh m1 test -e /run/hactl-drill; }

is_iptables() { ! pings && ! resolves && lab ssh m1 iptables -S INPUT | grep DRILL; }

is_tc() { is_network && lab ssh m1 tc filter show dev eth0 egress | grep -q bpf; }

for what in stop api network tc iptables; do
  # The tools of last resort. iptables speaks one family here: a table that it makes for the other would stay.
  [ $what != tc ] || lab ssh m1 "mv $NFT /root/ && cat >$NFT && chmod 755 $NFT" <<'N'
#!/bin/sh
case $* in *'table netdev'*) echo 'not on this kernel' >&2; exit 1 ;; esac
exec /root/nft "$@"
N
  [ $what != iptables ] || lab ssh m1 rm "$NFT"
  holds "$what: m1 is broken" broken m1 $what 60
  holds "$what: with nothing left out" not test -s "$W/said"
  holds "$what: and it is seen, over SSH, which goes on" is_$what
  refuses 1 "$what: a second drill is refused while the first is on" "earlier drill" -- broken m1 stop 60
  holds "$what: still broken as the first left it" is_$what
  holds "$what: it is mended on demand" mended m1
  [ $what = stop ] && within 20 has_vip
  holds "$what: without a trace" same_state
  holds "$what: mending again does no harm" mended m1
  holds "$what: m1 is broken again, for 6 s" broken m1 $what 6
  holds "$what: its timer mends it" within 30 gone
  [ $what = stop ] && within 20 has_vip
  holds "$what: without a trace" same_state
done
lab ssh m1 mv /root/nft "$NFT"
holds "api: m1 is broken, and loses its power" broken m1 api 100
lab kill m1
lab boot m1
there() { ! no_manifest && ! lab ssh m1 ls /etc/systemd/system/hactl-drill-boot.service /etc/systemd/system/multi-user.target.wants/hactl-drill-boot.service; }
holds "its manifest is back once it has booted, and what brought it is gone" within 60 there

lab ssh m1 systemctl stop keepalived
refuses 1 "what does not run is not stopped" "keepalived does not run" -- broken m1 stop 60
holds "and nothing is left of the try" gone
lab ssh m1 'mv /usr/bin/systemd-run /root/'
refuses 127 "without a timer nothing is broken" "systemd-run" -- broken m1 api 60
holds "the manifest is in its place" there
