#!/bin/bash
# Five control-plane nodes, a whole cluster: it comes up by apply alone, says that it survives two failures,
# and ten combinations of failures of API servers and nodes, drawn by a seed, give the holder that
# `hactl config explain vip` names, with an API behind the virtual IP each time. One of the five has a
# keepalived.conf of somebody else, that includes a folder: hactl's part goes there.
#   SEED=N COMBINATIONS=10
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=vrrp.sh
. "$TOP/tests/lab/vrrp.sh"
SEED=${SEED:-$RANDOM}
COMBINATIONS=${COMBINATIONS:-10}

fresh 5
mapfile -t ALL < <(masters)
lab ssh m5 'mkdir -p /etc/keepalived/conf.d && cat >/etc/keepalived/keepalived.conf && systemctl restart keepalived' <<'X'
global_defs {
	router_id theirs
	enable_script_security
	script_user root
}
vrrp_instance theirs {
	state BACKUP
	interface eth0
	virtual_router_id 99
	priority 100
	virtual_ipaddress {
		10.230.255.199/24
	}
}
include /etc/keepalived/conf.d/*.conf
X
theirs() { lab ssh m5 sha256sum /etc/keepalived/keepalived.conf; }
theirs >"$W/theirs"
must "apply makes a cluster" hactl apply --config "$W/hactl.yaml"
must "and a kubeconfig" hactl kubeconfig --out "$W/admin.conf" --config "$W/hactl.yaml"
holds "5 nodes are Ready through the virtual IP" within 60 nodes_ready 5
beside_theirs() { theirs | diff "$W/theirs" - && lab ssh m5 'head -1 /etc/keepalived/conf.d/hactl.conf; ip -o addr show to 10.230.255.199 | grep .' && hactl status --config "$W/hactl.yaml" -o json | grep -q '"name": *"m5"'; }
holds "m5 has hactl's part beside somebody else's keepalived.conf, which is as it was and works" within 60 beside_theirs
survives() {   # survives N: says status
  hactl status -o json --config "$W/hactl.yaml" >"$W/status" || { cat "$W/status"; return 1; }
  python3 -c 'import json, sys
e = json.load(open(sys.argv[1]))["etcd"]
print(e)
assert e["majority"] == 3 and e["quorum"] and e["survives"] == int(sys.argv[2]) and e["leader"]' "$W/status" "$1"
}
holds "status: 5 members with a leader, two failures more are survived" within 60 survives 2
again() { hactl apply --config "$W/hactl.yaml" >"$W/again" 2>&1 && grep -qi 'nothing' "$W/again"; }
holds "apply again changes nothing" again

# ---- combinations: "HOLDER THEN m1=api m2=node", one a line, of those that begin with this holder
explain() { hactl config explain vip -o json --config "$W/hactl.yaml" >"$W/explained"; }
draw() {   # draw HOLDER RUN: one of them, and single failures as well as double ones
  python3 - "$W/explained" "$SEED" "$1" "$2" <<'P'
import json, random, sys
rows = []
def walk(o):
    if isinstance(o, dict):
        if {"failed", "holder", "then"} <= set(o): rows.append(o)
        for v in o.values(): walk(v)
    elif isinstance(o, list):
        for v in o: walk(v)
walk(json.load(open(sys.argv[1])))
run = int(sys.argv[4])
size = 1 if run % 5 == 0 else 2
mine = [r for r in rows if r["holder"] == sys.argv[3] and len(r["failed"]) == size]
# at least every other one hits the holder
hit = [r for r in mine if sys.argv[3] in r["failed"]]
r = random.Random("%s %d" % (sys.argv[2], run)).choice(hit if run % 2 else mine)
print(r["then"], *("%s=%s" % f for f in sorted(r["failed"].items())))
P
}
AWAY=/root/kube-apiserver.yaml
break_it() {
  if [ "${1#*=}" = api ]; then lab ssh "${1%=*}" "mv /etc/kubernetes/manifests/kube-apiserver.yaml $AWAY"; else lab cut "${1%=*}"; fi
}
mend_it() {
  if [ "${1#*=}" = api ]; then lab ssh "${1%=*}" "[ ! -e $AWAY ] || mv $AWAY /etc/kubernetes/manifests/kube-apiserver.yaml"; else lab mend "${1%=*}"; fi
}
is_broken() { ! answers "$(address "${1%=*}")"; }
all_well() { local n; for n in "${ALL[@]}"; do answers "$(address "$n")" || { echo "$n"; return 1; }; done; [ "$(carriers | wc -w)" = 1 ] && healthy; }
combination() {   # combination WANT FAILURE...
  local want=$1 f
  shift
  for f; do break_it "$f" & done
  wait_all
  for f; do within 90 is_broken "$f" || { echo "$f does not break"; return 1; }; done
  within 20 carried_by_reached "$want" "$@" && within 10 answers "$VIP" && sleep 2 && carried_by_reached "$want" "$@" && answers "$VIP" && return
  echo "held by '$(carriers | xargs)', not by '$want'"
  return 1
}
# A node that is cut off may well believe that it holds the address.
carried_by_reached() {
  local want=$1 n cut
  shift
  cut=" $(printf '%s\n' "$@" | sed -n 's/=node$//p' | xargs) "
  for n in $(carriers); do [[ $cut == *" $n "* ]] || { [ "$n" = "$want" ] || return 1; want=''; }; done
  [ -z "$want" ]
}
mended() { local f; for f; do mend_it "$f"; done; within 240 all_well; }

echo "      SEED=$SEED"
must "the arithmetic is told" explain
must "all are healthy" within 120 all_well
for ((run = 1; run <= COMBINATIONS; run++)); do
  first=$(carriers)
  read -r want failures < <(draw "$first" $run)
  [ -n "$failures" ] || { fail "the arithmetic knows what follows when $first holds it"; break; }
  # shellcheck disable=SC2086 # words
  holds "$first holds it, $failures: $want takes it, and the API answers" combination "$want" $failures
  # shellcheck disable=SC2086 # words
  must "all five are well again" mended $failures
done
holds "5 members with a leader as before" within 60 survives 2
