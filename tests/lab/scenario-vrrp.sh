#!/bin/bash
# keepalived as hactl configures it, against the arithmetic of `hactl config explain vip`: for 3 and 5 nodes
# every combination of up to two failures gives the holder that it names, and no event costs more than it
# predicts. Without Kubernetes: a small server stands in for each API server.
#   scenario-vrrp.sh [holders|outages|quiet|multicast|families...]     only these parts
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=vrrp.sh
. "$TOP/tests/lab/vrrp.sh"

parts=" ${*:-holders outages quiet multicast families} "
wants() { [[ $parts == *" $1 "* ]]; }

start() {
  fresh "$1"
  must "$1 stand-ins for API servers" stand_ins
  must "$1 nodes take the rendered files" deploy
  must "the first node holds the VIP" within 20 carried_by m1
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
  within 12 healthy && sleep 1.5 && carried_by "$want" || { echo "mended: $(carriers | xargs), not $want"; return 1; }
}
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
