#!/bin/bash
# preflight finds what the network would do to a cluster before there is one; status tells the truth about it
# afterwards: healthy, two holders of the VIP, services that stand still, nodes that are gone; join keeps etcd's quorum.
#   --preflight, --status   only the first, the second half
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

fresh 3 2
# w2 is a stranger on the same network, but for one test at the end
cp "$W/hactl.yaml" "$W/all.yaml"
sed -i '/name: w2/d' "$W/hactl.yaml"
preflight() { hactl preflight --config "$W/hactl.yaml" "$@"; }
status() { hactl status --config "$W/hactl.yaml" "$@"; }
both() { "$@" 2>&1; }
on() { lab ssh "$@"; }

if [ "${1:-}" != --status ]; then
# ---- preflight on fresh hosts
must "preflight finds nothing on fresh hosts" preflight
holds "and tried each pair of nodes" grep -Eq '^  m2 +ok +- +ok +ok' "$W/said"
open_pairs() {
  preflight -o json >"$W/json" && op python3 - "$W/json" <<'P'
import json, sys
d = json.load(open(sys.argv[1]))
r = {(n["from"], n["to"], n["port"]): n["result"] for n in d["network"]}
want = [(a, b, p) for a in ("m1", "m2", "m3") for b in ("m1", "m2", "m3") if a != b for p in (6443, 2379, 2380, 10250, None)]
bad = [k for k in want if r.get(k) != "open"]
assert d["ok"] and not bad, bad
assert [x["node"] for x in d["disks"]] == ["m1", "m2", "m3"], d["disks"]
P
}
holds "as data: 6443, 2379, 2380, 10250 and protocol 112 are open between all three, the disks were tried" open_pairs
nothing_left() { for n in m1 m2 m3 w1; do ! on "$n" 'ls -A /var/lib | grep hactl; ls /tmp | grep -v systemd; ss -Hltn | grep -E ":(6443|2379|2380|10250) "' || { echo "$n"; return 1; }; done; }
holds "and it left no file and no listener behind" nothing_left

stranger='vrrp_instance other {
  state MASTER
  interface eth0
  virtual_router_id 51
  priority 10
  advert_int 1
  virtual_ipaddress { 10.230.255.99/24 }
}'
on w2 "cat >/etc/keepalived/keepalived.conf && systemctl start keepalived" <<<"$stranger"
within 10 on w2 'ip -o addr show to 10.230.255.99 | grep -q .'
refuses 1 "another cluster with the same virtual router ID is found" 'virtual router ID 51 from 10\.230\.255\.52' 'virtualRouterID: 52 is not heard' -- preflight
on w2 'sed -i "s/router_id 51/router_id 52/" /etc/keepalived/keepalived.conf; systemctl reload keepalived'
sleep 2
holds "with another one it is no problem" preflight
on w2 'systemctl stop keepalived; ip addr add 10.230.255.168/24 dev eth0'
refuses 1 "a VIP that somebody has is found" 'VIP 10\.230\.255\.168 answers already' -- preflight
on w2 'ip addr del 10.230.255.168/24 dev eth0'
holds "and is free again as soon as it is" preflight
on w2 'rm /etc/keepalived/keepalived.conf'

on m2 'iptables -I INPUT -p tcp --dport 2380 -s 10.230.255.11 -j DROP; iptables -I INPUT -p tcp --dport 10250 -j REJECT'
on m3 'iptables -I INPUT -p 112 -s 10.230.255.11 -j DROP'
refuses 1 "a dropped port, a rejected one and protocol 112 are found, each with the nodes that it is between" \
  'm2: its TCP port 2380 cannot be reached from m1: no answer' 'm2: its TCP port 10250 cannot be reached from m1, m3: refused' \
  'm3: VRRP .IP protocol 112. from m1 does not get through' '^  m1 .*2380,10250' -- preflight
refuses 1 "apply refuses to begin with that" 'protocol 112' 'nothing was changed' -- hactl apply --config "$W/hactl.yaml"
holds "and wrote nothing" on m1 'test ! -e /etc/kubernetes/admin.conf && ! grep -qs hactl /etc/keepalived/keepalived.conf'
on m2 'iptables -F INPUT'
on m3 'iptables -F INPUT'

on m1 'chmod a-x /usr/bin/perl'
unmade() { local rc=0; preflight >"$W/unmade" || rc=$?; cat "$W/unmade"; [ $rc = 0 ] && grep -q 'm1: ports and protocol 112 to and from it were not checked: neither perl nor python3' "$W/unmade"; }
holds "a check that could not be made is named, and is no problem" unmade
on m1 'chmod a+x /usr/bin/perl'
refuses 7 "status: there is no cluster yet" 'there is no cluster yet' -- status
fi
[ "${1:-}" != --preflight ] || exit

# ---- a cluster
must "apply makes a cluster" hactl apply --config "$W/hactl.yaml"
healthy() { local rc=0; status >"$W/healthy" || rc=$?; cat "$W/healthy"; return $rc; }
must "status: healthy" within 120 healthy
holds "with a leader, one holder and one failure to survive" grep -Eq '3 of 3 voting members answer, leader m[123]; survives 1 more failure' "$W/healthy"
holds "and keepalived as hactl would write it" grep -vq 'other conf' "$W/healthy"
as_data() {
  status -o json >"$W/json" && op python3 - "$W/json" "$(holder)" <<'P'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["healthy"] and d["exitStatus"] == 0 and d["vip"]["holders"] == [sys.argv[2]], d
assert d["etcd"]["survives"] == 1 and len(d["etcd"]["members"]) == 3
for n in d["nodes"]:
    assert n["ready"] and n["reached"] and n["certificates"], n
    if n["role"] == "control-plane":
        assert n["apiServer"]["ok"] and n["etcd"]["ok"] and n["keepalived"]["configuration"] == "as-rendered", n
assert any("run on one machine" in r for r in d["risks"]), d["risks"]
P
}
holds "as data: the same, and that all nodes run on one machine" as_data

others() { for n in m1 m2 m3; do [ "$n" = "$(holder)" ] || echo "$n"; done; }
first=$(holder)
other=$(others | head -1)
last=$(others | tail -1)
on "$other" "ip addr add $VIP/32 dev eth0"
refuses 7 "a second holder of the VIP is seen" "held by 2 nodes at once: .*$other" -- status
on "$other" "ip addr del $VIP/32 dev eth0"

exec_op setsid "$HACTL" status --watch --interval 1 --config "$W/hactl.yaml" >"$W/watched" 2>&1 </dev/null &
watcher=$!
within 20 grep -q healthy "$W/watched"
on "$other" systemctl stop keepalived
refuses 7 "keepalived that does not run is seen" "$other: keepalived does not run" -- status
holds "--watch without a terminal prints what changed" within 20 grep -Eq "Z problem: $other: keepalived does not run" "$W/watched"
on "$other" systemctl start keepalived
holds "and what ended" within 30 grep -Eq "Z ended: $other: keepalived does not run" "$W/watched"
kill "$watcher"
wait "$watcher" 2>/dev/null

# ---- the same on a terminal: one picture, drawn over the one before
exec_op python3 "$TOP/tests/lab/screen.py" 30 100 "$W/screen" -- "$HACTL" status --watch --interval 1 --config "$W/hactl.yaml" 2>"$W/screen-said" &
watcher=$!
# shows REGEX: the picture has it, and is one picture
shows() { cat "$W/screen"; grep -Eq -- "$1" "$W/screen" && [ "$(grep -c '^NODE' "$W/screen")" = 1 ] && [ "$(grep -c '^endpoint ' "$W/screen")" = 1 ]; }
holds "--watch on a terminal draws the table" within 20 shows '^lab at .*: healthy$'
on "$other" systemctl stop keepalived
holds "a problem appears in it" within 20 shows "^  $other: keepalived does not run"
on "$other" systemctl start keepalived
calm() { shows ': healthy$' && ! grep -q 'does not run' "$W/screen"; }
holds "and is gone without a trace when it ended" within 30 calm
kill "$watcher"
ended() { wait "$watcher"; [ $? = 130 ]; }
holds "Ctrl-C ends it" ended
exec_op python3 "$TOP/tests/lab/screen.py" 7 40 "$W/screen" -- "$HACTL" status --watch --interval 1 --config "$W/hactl.yaml" 2>"$W/screen-said" &
watcher=$!
small() { cat "$W/screen"; head -1 "$W/screen" | grep -q '^lab at' && sed -n 3p "$W/screen" | grep -q '^NODE'; }
holds "a small terminal shows its beginning" within 20 small
sleep 3
holds "and goes on to" small
kill "$watcher"
wait "$watcher"

on "$last" 'mv /etc/kubernetes/manifests/etcd.yaml /root/'
etcd_gone() { ! on "$last" 'ss -Hltn | grep -q :2379'; }
within 90 etcd_gone
no_etcd() { both status >"$W/etcd"; [ $? = 7 ] && cat "$W/etcd" && grep -q '2 of 3 voting members answer' "$W/etcd" && grep -q 'one failure more stops the cluster' "$W/etcd"; }
holds "a member of etcd that stands still is seen, and that none more may fail" within 30 no_etcd

# ---- w2 as a fourth control-plane node, while etcd has only two of three
sed -e '/name: w2/d' -e '/name: m3/p;/name: m3/s/.*/  - {name: w2, address: 10.230.255.52}/' "$W/all.yaml" >"$W/four.yaml"
refuses 9 "a fourth member is not added while that would cost the quorum" 'cost etcd its quorum' -- hactl join --control-plane w2 --config "$W/four.yaml"
holds "and was not begun" on w2 'test ! -e /etc/kubernetes/admin.conf'
on "$last" 'mv /root/etcd.yaml /etc/kubernetes/manifests/'
holds "healthy again" within 120 healthy

# ---- nodes that are gone
lab kill "$first"
begun=$(date +%s%N)
status >"$W/dead" 2>&1
took=$((($(date +%s%N) - begun) / 1000000))
holds "a node without power is named" grep -q "$first: cannot be reached" "$W/dead"
holds "in less than 12 s ($took ms)" no_more "$took" 12000
for n in "$other" "$last" w1; do lab kill "$n"; done
refuses 4 "nobody answers: status says so" 'no node can be reached' -- status
