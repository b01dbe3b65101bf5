#!/bin/bash
# Power, network, sshd or the VIP fail while hactl apply works.  The run ends by itself, done or with the cause;
# no file of the PKI is there in part, no member of etcd is lost, and the same command makes the whole cluster.
#
#   scenario-broken-off.sh [PART...]      sessions, power, second, network, vip; all of them without a word
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=whole.sh
. "$TOP/tests/lab/whole.sh"
runner=''

begin() { exec_op setsid "$HACTL" apply --config "$W/hactl.yaml" </dev/null >"$W/run" 2>&1 & runner=$!; }
runs() { kill -0 "$runner" 2>/dev/null; }

# reaches REGEX: the run says it; not when the run ends before.
reaches() {
  local until=$((SECONDS + 300))
  until grep -Eq -- "$1" "$W/run"; do
    if ! runs || [ $SECONDS -ge $until ]; then tail -5 "$W/run"; return 1; fi
    sleep 0.1
  done
}

# ends [REGEX]: by itself; when it fails, its last line says why, and matches REGEX.
ends() {
  local until=$((SECONDS + 600)) status=0
  while runs && [ $SECONDS -lt $until ]; do sleep 0.3; done
  if runs; then echo "runs still"; kill -KILL "$runner"; return 1; fi
  wait "$runner" || status=$?
  echo "status $status: $(grep '^hactl: ' "$W/run" | tail -1 | cut -c1-400)" | tee "$W/ended"
  sed 's/^/      | /' "$W/ended" >&3
  [ $status = 0 ] || { [ $status -lt 124 ] && grep '^hactl: ' "$W/run" | grep -Eq -- "${1:-.}"; }
}

# broken SENTENCE REGEX CMD...: when the run has said REGEX, CMD.
broken() {
  local sentence=$1 when=$2
  shift 2
  begin
  holds "$sentence: it comes to that" reaches "$when" && "$@"
}
off() { lab kill "$1"; }
on() { lab boot "$1"; }

# ---- power: one bootstrap, broken off three times

first_joins() { grep -o 'm[23]: joining etcd: etcd' "$W/run" | cut -d: -f1 | head -1; }
other() { if [ "$1" = m2 ]; then echo m3; else echo m2; fi; }
# A third member joins: the one that is missing, or the second of two.  Sets cut, the second member.
third_joins() {
  local first
  members m1 >"$W/members" || return
  reaches 'm[23]: joining etcd: etcd' || return
  first=$(first_joins)
  cut=$(other "$first")
  [ "$(wc -l <"$W/members")" != 1 ] || { cut=$first; reaches "$(other "$first"): joining etcd: etcd" || { cut=''; return 1; }; }
}

part_power() {
  local cut=''
  fresh 3
  broken "power cut of the first node during kubeadm init" 'm1: kubeadm init: (kubeconfig|control-plane|etcd|wait-control-plane)' off m1
  holds "the run ends and names m1" ends 'm1'
  on m1
  holds "no file is there in part" pki_parses

  broken "power cut of a node that joins" 'm3: kubeadm join: (kubelet-start|control-plane|kubeconfig)' off m3
  holds "the run ends and names m3" ends 'm3'
  on m3
  holds "no file is there in part" pki_parses

  begin
  holds "power cut of a healthy node while another joins etcd: it comes to that" third_joins
  if [ -n "$cut" ]; then off "$cut"; fi
  # kubeadm 1.20 waits for all members of etcd, as long as it is let
  if [ -n "$cut" ]; then sleep 60; on "$cut"; fi
  holds "its machine is back after a minute, and the run ends" ends 'm[123]|etcd|API'
  holds "no file is there in part" pki_parses

  must "the same command makes the cluster" hactl apply --config "$W/hactl.yaml"
  # the API calls a node whose power was cut Ready for 40 s, and not Ready after it is back, for some seconds
  holds "it is whole" within 60 whole 3
}

# ---- power: the second member is announced, so etcd needs it, and its machine dies before it has started

part_second() {
  local joiner
  fresh 3
  broken "power cut of the node that becomes etcd's second member" 'm[23]: joining etcd: etcd' true
  joiner=$(first_joins)
  [ -z "$joiner" ] || off "$joiner"
  holds "the run ends and says why" ends 'm[23]|quorum'
  [ -z "$joiner" ] || on "$joiner"
  must "the same command makes the cluster" hactl apply --config "$W/hactl.yaml"
  holds "it is whole" whole 3
}

# ---- network, sshd, VIP

moment() { echo "$((RANDOM % $1)).$((RANDOM % 10))"; }
cut_20s() {
  local n=m$((RANDOM % 3 + 1)) after
  after=$(moment 40)
  sleep "$after"
  echo "      the cable of $n is pulled after $after s"
  lab cut "$n"
  sleep 20
  lab mend "$n"
}
part_network() {
  fresh 3
  begin
  cut_20s
  holds "with the network of a node gone for 20 s the run ends" ends 'm[123]|API|endpoint'
  holds "no file is there in part" pki_parses
  begin
  cut_20s
  holds "and again" ends 'm[123]|API|endpoint'
  must "the same command makes the cluster" hactl apply --config "$W/hactl.yaml"
  holds "it is whole" whole 3
}

sshd_again() { local n; for n in m2 m3; do lab ssh "$n" systemctl restart ssh & done; wait %%; }
vip_away() { was=$(holder); lab ssh "$was" systemctl stop keepalived; }
part_vip() {
  local was=''
  fresh 3
  broken "sshd is restarted while the PKI is copied" 'm1: kubeadm init: done' sshd_again
  holds "the VIP moves while nodes join: it comes to that" reaches 'm[23]: kubeadm join: control-plane' && vip_away
  holds "the run ends" ends 'm[123]|API|endpoint'
  [ -z "$was" ] || lab ssh "$was" systemctl start keepalived
  holds "no file is there in part" pki_parses
  must "the same command makes the cluster" hactl apply --config "$W/hactl.yaml"
  holds "it is whole" whole 3
}

# ---- sessions alone: the run makes new ones, finds its kubeadm again, and needs no other run

lose_sessions() { lab ssh "$1" "pkill -f 'sshd: root@notty'" 2>/dev/null; true; }
cut_15s() { lab cut "$1"; sleep 15; lab mend "$1"; }
lost_while() {
  holds "sessions of $1 are lost while $2" reaches "$3" && lose_sessions "$1"
}
part_sessions() {
  fresh 3
  begin
  lost_while m1 "kubeadm init works" 'm1: kubeadm init: (certs|control-plane|wait-control-plane)'
  lost_while m2 "it is idle" 'm1: kubeadm init: (upload-config|addons|done)'
  holds "the cable of m2 is out for 15 s while it joins" reaches 'm2: kubeadm join: (control-plane|check-etcd|kubelet-start)' && cut_15s m2
  lost_while m3 "it joined, or joins" 'm3: kubeadm join'
  holds "the run ends" ends
  holds "and is done" grep -q '^status 0' "$W/ended"
  holds "by sessions that it made again" grep -q 'm1: connecting again, as kubeadm init may go on there: ' "$W/run"
  holds "and held its lock meanwhile" not grep 'the lock on it ended' "$W/run"
  holds "the cluster is whole" whole 3
}
not() { ! "$@"; }

[ $# != 0 ] || set -- sessions power second network vip
for part; do "part_$part"; done
