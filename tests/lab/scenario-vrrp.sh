#!/bin/bash
# keepalived as hactl configures it, against the arithmetic of `hactl config explain vip`: for 3 and 5 nodes
# every combination of up to two failures gives the holder that it names, and no event costs more than it
# predicts. Without Kubernetes: a small server stands in for each API server.
#   scenario-vrrp.sh [holders|outages|quiet|multicast|families|clusters|included...]     only these parts
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=vrrp.sh
. "$TOP/tests/lab/vrrp.sh"
export PROBE_LIMIT=0.9   # the stand-ins are never slow

parts=" ${*:-holders outages quiet multicast families clusters included} "
wants() { [[ $parts == *" $1 "* ]]; }

start() {
  fresh "$1"
  must "$1 stand-ins for API servers" stand_ins
  must "$1 nodes take the rendered files" deploy
  must "one node holds the VIP" within 20 one_carrier
  holds "all $1 are healthy" within 20 healthy
}

# ---- who holds it: every combination of up to two failures
explain() { hactl config explain vip -o json --config "$W/hactl.yaml" >"$W/explained"; }
# combinations: one a line, "m1=api m2=node", as JSON's "failed" has them
combinations() { grep -o '"failed":{[^}]*}' "$W/explained" | sort -u | sed 's/"failed":{//;s/[}"]//g;s/:/=/g;s/,/ /g'; }
# named HOLDER COMBINATION: who holds the VIP then, says the arithmetic
named() {
  local failed
  failed=$(sed 's/\([a-z0-9]*\)=\([a-z]*\)/"\1":"\2"/g;s/ /,/g' <<<"$2")
  grep -oF "{\"failed\":{$failed},\"holder\":\"$1\",\"then\":\"" -A0 "$W/explained" >/dev/null || return
  grep -oE "\{\"failed\":\{$failed\},\"holder\":\"$1\",\"then\":\"[a-z0-9]*" "$W/explained" | sed 's/.*"//'
}
break_all() { local f n; for f in $1; do n=${f%=*}; if [ "${f#*=}" = api ]; then api_down "$n" & else lab cut "$n" & fi; done; wait_all; }
mend_all() { local f n; for f in $1; do n=${f%=*}; if [ "${f#*=}" = api ]; then api_up "$n" & else lab mend "$n" & fi; done; wait_all; }
combination() {
  local before after want
  before=$(carriers | xargs)
  want=$(named "$before" "$1") || { echo "the arithmetic does not say"; return 1; }
  break_all "$1"
  within 12 carried_by "$want" && sleep 1.5 && carried_by "$want" || { echo "$before held it, then $(carriers | xargs), not $want"; mend_all "$1"; sleep 5; return 1; }
  mend_all "$1"
  within 12 healthy && sleep 1.5 && keeps "$want" "$1" || { echo "mended: $(carriers | xargs), not $want"; return 1; }
}
# A holder that no other node answered has lost its bonus: the first one may take the address then.
keeps() { if [ "$(wc -w <<<"$2")" = $((${#ALL[@]} - 1)) ]; then one_carrier; else carried_by "$1"; fi; }
check_holders() {
  local c right=0 all=0
  explain || return
  while read -r c <&4; do
    all=$((all + 1))
    if combination "$c" >"$W/wrong" 2>&1; then right=$((right + 1)); else echo "$c: $(tail -1 "$W/wrong")"; fi
  done 4< <(combinations)
  echo "$right of $all"
  [ "$all" = "$1" ] && [ $right = "$all" ]
}

# ---- what it costs
median() { sort -n | sed -n 2p; }
# costs EVENT GOAL: the median of three, of the holder each time
costs() {
  local what=$1 goal=$2 i first at limit all=()
  limit=$(grep -oE "\"event\":\"$what\",\"holder\":\"[a-z0-9]*\",\"then\":\"[a-z0-9]*\",\"minMs\":[0-9]*,\"maxMs\":[0-9]*" "$W/explained" | sed 's/.*://' | sort -n | tail -1)
  for i in 1 2 3; do
    within 20 one_carrier && within 20 healthy || { fail "$what: all is well before"; return 1; }
    sleep 2
    first=$(carriers)
    at=$(now)
    "break_$what" "$first"
    sleep "${3:-4}"
    gone_since "$at" >"$W/gone"
    all+=("$gone")
    "mend_$what" "$first"
  done
  holds "$what: the median of ${all[*]} ms is at most $goal ms (predicted: at most $limit ms)" \
    no_more "$(printf '%s\n' "${all[@]}" | median)" "$goal"
}
one_carrier() { [ "$(carriers | wc -w)" = 1 ]; }
break_keepalivedStops() { lab ssh "$1" systemctl stop keepalived; }
mend_keepalivedStops() { lab ssh "$1" systemctl start keepalived; }
break_apiStops() { api_down "$1"; }
mend_apiStops() { api_up "$1"; }
break_apiHangs() { api_hangs "$1"; }
mend_apiHangs() { lab ssh "$1" systemctl kill -s CONT standin; }
break_powerCut() { lab kill "$1"; }
mend_powerCut() { lab boot "$1"; lab ssh "$1" systemctl start keepalived; api_up "$1"; }
break_networkCut() { lab cut "$1"; }
mend_networkCut() { lab mend "$1"; }
# Silently: the holder sees its cable plugged in, but hears nobody, and nobody hears it.
blocked='iptables -I INPUT -i eth0 -s 10.230.255.1/32 -j ACCEPT && iptables -I OUTPUT -o eth0 -d 10.230.255.1/32 -j ACCEPT &&
  iptables -A INPUT -i eth0 -j DROP && iptables -A OUTPUT -o eth0 -j DROP'
break_networkMended() { lab ssh "$1" "$blocked"; sleep 4; lab ssh "$1" iptables -F; }
mend_networkMended() { :; }
break_nodeReturns() { api_down "$1"; lab ssh "$1" systemctl stop keepalived; sleep 4; at=$(now); lab ssh "$1" systemctl start keepalived; sleep 2; api_up "$1"; }
mend_nodeReturns() { :; }

# ---- nothing moves without a reason
no_move_in() {
  local before
  before=$(moves)
  sleep "$1"
  echo "$before moves before, $(moves) after"
  [ "$(moves)" = "$before" ] && one_carrier
}

# ---- one holder throughout
# one_throughout SECONDS: looked at ten times a second
one_throughout() {
  local until=$((SECONDS + $1)) n=0
  while [ $SECONDS -lt $until ]; do
    [ "$(carriers | wc -w)" = 1 ] || { echo "held by '$(carriers | xargs)'"; return 1; }
    n=$((n + 1))
    sleep 0.1
  done
  echo "$n looks"
}
block_multicast() { local n; for n in "${ALL[@]}"; do lab ssh "$n" 'iptables -A INPUT -d 224.0.0.0/4 -j DROP && iptables -A OUTPUT -d 224.0.0.0/4 -j DROP' || return; done; }
restart_all() { local n; for n in "${ALL[@]}"; do lab ssh "$n" systemctl restart keepalived & done; wait_all; within 10 one_carrier; }
stop_all_apis() { local n; for n in "${ALL[@]}"; do api_down "$n" & done; wait_all; }
start_all_apis() { local n; for n in "${ALL[@]}"; do api_up "$n" & done; wait_all; }

# ---- two addresses, IPv6
VIP6=fd00:10:230:255::168
configure() { sed "s|^vip:.*|$1|" "$W/hactl.yaml" >"$W/other.yaml"; }
moves_together() {
  local first
  first=$(carriers)
  [ "$(carriers $VIP6)" = "$first" ] || { echo "$first and $(carriers $VIP6)"; return 1; }
  api_down "$first"
  within 10 moved_from "$first" && sleep 1 && [ "$(carriers)" = "$(carriers $VIP6)" ] || { echo "$(carriers) and $(carriers $VIP6)"; return 1; }
  answers "[$VIP6]" && answers $VIP || return
  api_up "$first"
}
moved_from() { one_carrier && [ "$(carriers)" != "$1" ]; }
only_ipv6() {
  sed "s|^endpoint:.*|endpoint: '[$VIP6]:6443'|;s|10\.230\.255\.\([0-9]*\)}|fd00:10:230:255::\1}|" "$W/hactl.yaml" >"$W/six.yaml"
  deploy "$W/six.yaml" && within 15 six_held_by_one && [ -z "$(carriers)" ]
}
six_held_by_one() { [ "$(carriers $VIP6 | wc -w)" = 1 ]; }

# ---- two clusters on one network: m1 m2 m3, and m4 m5 with an address and an ID of their own
VIP_B=10.230.255.169
two_clusters() {
  sed '/name: m[45],/d' "$W/hactl.yaml" >"$W/a.yaml"
  sed '/name: m[123],/d;s/255\.168/255.169/;s|^vip:.*|vip: {virtualRouterID: 52}|' "$W/hactl.yaml" >"$W/b.yaml"
  stop_keepalived
  deploy "$W/a.yaml" m1 m2 m3 && deploy "$W/b.yaml" m4 m5 && within 15 each_has_one
}
each_has_one() { case $(carriers) in m1 | m2 | m3) ;; *) return 1 ;; esac; case $(carriers $VIP_B) in m4 | m5) ;; *) return 1 ;; esac; }
each_fails_over_alone() {
  local a b
  a=$(carriers) b=$(carriers $VIP_B)
  api_down "$a"
  within 10 moved_from "$a" && each_has_one && [ "$(carriers $VIP_B)" = "$b" ] || { echo "$(carriers), $(carriers $VIP_B)"; return 1; }
  api_down "$b"
  within 10 eval "[ \"\$(carriers $VIP_B)\" != $b ] && each_has_one" || { echo "$(carriers), $(carriers $VIP_B)"; return 1; }
  api_up "$a"
  api_up "$b"
}
stop_keepalived() { local n; for n in "${ALL[@]}"; do lab ssh "$n" systemctl stop keepalived & done; wait_all; }

# ---- somebody else's keepalived.conf that includes files
someone_elses='mkdir -p /etc/keepalived/conf.d && systemctl stop keepalived && cat >/etc/keepalived/keepalived.conf <<X
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
X'
takes_a_file_of_its_own() {
  lab ssh m1 "$someone_elses" && lab ssh m1 sha256sum /etc/keepalived/keepalived.conf >"$W/theirs" || return
  hactl config render keepalived m1 --from-nodes --out "$W/own" --config "$W/hactl.yaml" || return
  ! grep -q global_defs "$W/own/m1/keepalived.conf" || { echo "it has global settings"; return 1; }
  lab ssh m1 'cat >/etc/keepalived/conf.d/hactl.conf && keepalived --config-test && systemctl start keepalived' <"$W/own/m1/keepalived.conf" || return
  lab ssh m1 sha256sum /etc/keepalived/keepalived.conf | diff "$W/theirs" - || return
  within 15 carried_by_their_own && within 10 one_carrier
}
carried_by_their_own() { [ "$(carriers 10.230.255.199)" = m1 ]; }

if wants holders; then
  start 5
  holds "5 nodes: every one of 50 combinations gives the holder that the arithmetic names" check_holders 50
fi
start 3
must "the arithmetic is told" explain
if wants holders; then
  holds "3 nodes: every one of 18 combinations gives the holder that the arithmetic names" check_holders 18
fi
if wants outages; then
  watch
  costs keepalivedStops 250
  costs apiStops 1500
  costs apiHangs 4500 7
  costs powerCut 1000
  costs networkCut 1000
  costs networkMended 1000 3
  costs nodeReturns 0
  watch_end
fi
if wants quiet; then
  holds "idle: no move in 60 s" no_move_in 60
  for _ in 1 2 3 4 5 6; do timeout 60 sh -c 'while :; do :; done' & done
  holds "six busy processes on this machine's $(nproc) cores: no move in 60 s" no_move_in 60
  wait_all
fi
if wants multicast; then
  must "multicast is blocked on all nodes" block_multicast
  holds "and one node gets the VIP after a restart" restart_all
  sleep 2
  holds "unicast: one holder throughout 20 s" one_throughout 20
  holds "all API servers are down" stop_all_apis
  sleep 4
  holds "and one node has the VIP throughout" one_throughout 5
  holds "after a restart without any API server, as before kubeadm init, one node gets it" restart_all
  sleep 2
  holds "and keeps it" one_throughout 5
  start_all_apis
  within 20 healthy
fi
if wants families; then
  configure "vip: {address: ['$VIP', '$VIP6']}"
  holds "a VIP of each family is taken" deploy "$W/other.yaml"
  within 20 healthy
  holds "both are on one node, and move together" moves_together
  within 20 healthy
  holds "IPv6 alone: one node holds $VIP6" only_ipv6
  deploy
fi
if wants included; then
  holds "a foreign keepalived.conf that includes *.conf stays; ours lies beside it, and both VIPs are held" takes_a_file_of_its_own
fi
if wants clusters; then
  start 5
  must "two clusters on one network, with two IDs, have a VIP each" two_clusters
  holds "and fail over each for itself" each_fails_over_alone
fi
