#!/bin/bash
# hactl drill breaks each thing once and mends it, tells what that cost, and leaves no trace: not after it
# is done, and not after it was interrupted or killed in the middle. It refuses what would cost the quorum.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

fresh 3
# The command enters the namespaces of this shell: hactl runs in the operator's.
cat >"$W/power.sh" <<C
#!/bin/sh
case \$1 in off) what=kill ;; on) what=boot ;; esac
exec nsenter -t $$ -m -n -- env LAB_ID='${LAB_ID:-}' LAB_CACHE='${LAB_CACHE:-}' '$LAB' "\$what" "\$2"
C
sed -i "s/ LAB_CACHE=''//; s/ LAB_ID=''//" "$W/power.sh"
chmod 755 "$W/power.sh"
echo "drill: {powerCommand: $W/power.sh}" >>"$W/hactl.yaml"
must "apply makes a cluster" hactl apply --config "$W/hactl.yaml"

drill() { hactl drill --config "$W/hactl.yaml" "$@"; }

# What a drill must leave as it was. Pods of a node that was without power have new networks: no CNI chains.
state() {
  local n
  for n in $(everyone); do
    echo "# $n"
    lab ssh "$n" 'find /etc/kubernetes /etc/keepalived /etc/systemd/system ! -path "*/pki/.*" -printf "%p %m %U %s %T@\n" | sort
      find /etc/kubernetes /etc/keepalived -type f | sort | xargs sha256sum
      { iptables-save; echo; ip6tables-save; } 2>/dev/null | sed "/^#/d; /CNI-/d; s/\[[0-9:]*\]//" | sort -u
      tc qdisc show dev eth0; tc filter show dev eth0 egress
      systemctl list-unit-files --no-legend --type=service,timer | awk "{print \$1, \$2}" | grep -v "^\(session\|run-\)"
      systemctl list-units --all --plain --no-legend --type=timer | awk "{print \$1, \$3}"
      systemctl is-active keepalived kubelet containerd
      ls -d /run/hactl-drill 2>&1
      pgrep -af "[h]actl-drill"'
  done
}
same_state() { state >"$W/after"; diff "$W/before" "$W/after"; }
well() { local n; for n in 11 12 13; do answers "10.230.255.$n" || return 1; done; one_holder; }

# ---- refused
refuses 2 "without a terminal it wants --yes" "--yes" -- hactl drill --config "$W/hactl.yaml"
state >"$W/before"

# ---- every scenario; a busy machine may be over the budget, so that is set high
scenarios_run() { drill --yes -o json --budget 3600s --report "$W/drill.html" >"$W/drill.json"; }
holds "each scenario is run" scenarios_run
scenario() { python3 - "$W/drill.json" "$@" <<'P'
import json, sys
rows = [r for r in map(json.loads, open(sys.argv[1])) if r["event"] == "scenario"]
names = [r["scenario"] for r in rows]
assert names == ["stop", "api", "network", "power"], names
for r in rows:
    print(r)
    assert r["holder"]["before"] == r["node"], "the holder is what is broken"
    assert r["holder"]["during"] not in (None, "several", r["node"]), "another node takes over"
    assert r["holder"]["after"] not in (None, "several"), "one holder at the end"
    assert r["requests"]["sent"] > 100
    assert r["times"]["struckMs"] >= 0 and r["times"]["wholeMs"] > r["times"]["mendMs"] > 0
    for part in ("broken", "mended"):
        assert sum(g["ms"] for g in r[part]["gaps"]) == r[part]["sumMs"]
        assert not any(g["open"] for g in r[part]["gaps"])
P
}
holds "and in each the virtual IP moves to another node, and is held by one at the end" scenario
holds "the report is drawn by a browser, and refers to nothing outside" "$TOP/tests/lab/report" "$W/drill.html" 4
within 120 well
holds "the drill leaves no trace" same_state

# ---- interrupted, terminated, killed
# cut_short SIGNAL SCENARIO SECONDS: the drill gets the signal as soon as the node is broken.
cut_short() {
  local node pid status=0
  node=$(holder)
  # the background of a shell without job control ignores SIGINT
  exec_op env --default-signal=INT "$HACTL" drill --yes --scenario "$2" --config "$W/hactl.yaml" </dev/null >"$W/cut" 2>&1 &
  pid=$!
  within 60 lab ssh "$node" test -e /run/hactl-drill || { cat "$W/cut"; return 1; }
  sleep 1
  kill -"$1" $pid
  wait $pid || status=$?
  echo "status $status"
  [ "$1" = KILL ] || [ $status = 130 ] || { cat "$W/cut"; return 1; }
  within "$3" gone_from "$node"
}
gone_from() { ! lab ssh "$1" test -e /run/hactl-drill; }
for s in "INT stop 5" "TERM network 5" "HUP api 5" "KILL stop 60" "KILL network 60" "KILL api 110"; do
  # shellcheck disable=SC2086 # three words
  set -- $s
  holds "$1 in the middle of '$2': the node is mended within $3 s" cut_short "$@"
  within 120 well
  holds "and no trace is left" same_state
done

# ---- a node that reboots while its API server is taken away
reboots() {
  local node
  node=$(holder)
  exec_op "$HACTL" drill --yes --scenario api --config "$W/hactl.yaml" </dev/null >"$W/cut" 2>&1 &
  local pid=$!
  within 60 lab ssh "$node" test -e /etc/systemd/system/hactl-drill-boot.service || return 1
  kill -KILL $pid
  wait $pid
  lab kill "$node"
  lab boot "$node"
  within 60 lab ssh "$node" test -e /etc/kubernetes/manifests/kube-apiserver.yaml &&
    lab ssh "$node" '! test -e /etc/systemd/system/hactl-drill-boot.service'
}
holds "a node that loses power while its API server is away has it back after booting" reboots
within 180 well

# ---- power: the guard of a drill that is killed switches on again
powered() {
  local node pid
  node=$(holder)
  exec_op "$HACTL" drill --yes --scenario power --config "$W/hactl.yaml" </dev/null >"$W/cut" 2>&1 &
  pid=$!
  within 60 is_off "$node" || { cat "$W/cut"; return 1; }
  kill -KILL $pid
  wait $pid
  within 120 is_on "$node"
}
is_off() { [ "$(lab status | awk -v n="$1" '$1 == n {print $3}')" = off ]; }
is_on() { lab ssh "$1" true; }
holds "killed while a node is without power: it is switched on again" powered
within 180 well

# ---- a member is down
lab kill m3
refuses 9 "with a member down power is not cut: the quorum would be lost" "quorum" -- drill --yes --scenario power
refuses 9 "nor the network" "quorum" -- drill --yes --scenario network
refuses 7 "and nothing else is broken either" "m3" -- drill --yes --scenario api
