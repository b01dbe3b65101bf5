# shellcheck shell=bash
# Sourced by every scenario. A scenario brings hosts up with `fresh`, states what must hold, one sentence
# per `holds`, and at its end the laboratory is down and the last line says 'N passed, N failed'.
# HACTL is the program under test. It runs as the operator, with a home of its own and without a terminal.
set -uo pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB=$TOP/tests/lab/lab
HACTL=$(realpath "${HACTL:-$TOP/build/hactl}")
VIP=10.230.255.168
LAB_RUN=${LAB_RUN:-/run/hactl-lab${LAB_ID:-}}
W=$(mktemp -d)
passed=0 failed=0 ours='' prober='' gone='' total='' back=''
exec 3>&1     # the last line goes here also when a command with redirected output was interrupted
trap finish EXIT
trap 'failed=$((failed + 1)); exit 130' INT TERM HUP

finish() {
  watch_end
  away
  rm -rf "$W"
  echo "$passed passed, $failed failed" >&3
  # with a number: a bare exit in a trap has the status from before the trap
  if [ "$failed" = 0 ] && [ "$passed" != 0 ]; then exit 0; fi
  exit 1
}

pass() { passed=$((passed + 1)); echo "ok    $*"; }
fail() { failed=$((failed + 1)); echo "FAIL  $*"; }
# The end first: it says what is wrong, and who keeps only a part of a log keeps its beginning.
shown() {
  tail -40 >"$W/shown"
  tail -8 "$W/shown" | sed 's/^/      | /'
  [ "$(wc -l <"$W/shown")" -le 8 ] || { echo '      (before that)'; head -n -8 "$W/shown" | sed 's/^/      | /'; }
}

# holds SENTENCE CMD...: CMD exits 0. What it said is in $W/said when it has ended.
holds() {
  local sentence=$1 status=0 begun=$SECONDS
  shift
  "$@" >"$W/says" 2>&1 || status=$?
  mv "$W/says" "$W/said"
  [ $((SECONDS - begun)) -lt 2 ] || sentence+=" [$((SECONDS - begun)) s]"
  if [ $status = 0 ]; then pass "$sentence"; else fail "$sentence (exit $status)"; shown <"$W/said"; fi
  return $status
}

# must SENTENCE CMD...: as holds; without it the rest has no meaning.
must() { holds "$@" || exit; }

# refuses STATUS SENTENCE REGEX... -- CMD...: CMD exits with STATUS and what it says matches every REGEX.
refuses() {
  local want=$1 sentence=$2 patterns=() status=0 p
  shift 2
  while [ "$1" != -- ]; do patterns+=("$1"); shift; done
  shift
  "$@" >"$W/said" 2>&1 || status=$?
  for p in "${patterns[@]}"; do grep -Eiq -- "$p" "$W/said" || status="$status, does not say '$p'"; done
  if [ "$status" = "$want" ]; then pass "$sentence"; else fail "$sentence (exit $status, wanted $want)"; shown <"$W/said"; fi
}

# within SECONDS CMD...: CMD comes to exit 0 in that time.
within() {
  local until=$((SECONDS + $1))
  shift
  until "$@" >"$W/last" 2>&1; do
    [ $SECONDS -lt $until ] || { cat "$W/last"; return 1; }
    sleep 0.3
  done
}

# no_more MS LIMIT: both are numbers and MS is not over LIMIT.
no_more() { [[ $1 =~ ^[0-9]+$ ]] && [ "$1" -le "$2" ]; }

# ---- hosts ----

lab() { "$LAB" "$@" 3>&-; }
op() { HOME=$W/home "$LAB" op "$@" 3>&-; }
exec_op() { HOME=$W/home exec "$LAB" op "$@" 3>&-; }   # in the background: the process is CMD itself
hactl() { op setsid -w "$HACTL" "$@" </dev/null; }
kubectl() { op kubectl --kubeconfig "$W/admin.conf" "$@"; }
masters() { lab status | awk '$1 ~ /^m/ && $3 == "running" {print $1}'; }
everyone() { lab status | awk '$3 == "running" {print $1}'; }
address() { lab status | awk -v n="$1" '$1 == n {print $2}'; }

# fresh [OPTION...] [MASTERS [WORKERS]]: new hosts, and the configuration for them in $W/hactl.yaml.
fresh() {
  away
  LAB_WAIT=1 lab up "$@" || { fail "the laboratory comes up"; exit 1; }
  ours=1
  install -d -m 700 "$W/home"
  lab config >"$W/hactl.yaml"
  [ -x "$HACTL" ] || { fail "$HACTL is built"; exit 1; }
}
away() { [ -z "$ours" ] || lab down; ours=''; }

holders() { local n; for n in $(masters); do lab ssh "$n" ip -o addr show | grep " $VIP/" >/dev/null && echo "$n"; done; }
one_holder() { [ "$(holders | wc -w)" = 1 ]; }
holder() { holders | head -1; }
answers() { op curl -skf -m 2 -o /dev/null "https://$1:6443/healthz"; }

# Content, owner, mode and time of all that hactl and kubeadm write on the nodes.
fingerprint() {
  local n
  for n in $(everyone); do
    echo "# $n"
    lab ssh "$n" 'find /etc/kubernetes /etc/keepalived /var/lib/kubelet/config.yaml /etc/default/kubelet ! -path "*/pki/.*" -printf "%p %m %U %s %T@\n" 2>/dev/null | sort
      find /etc/kubernetes /etc/keepalived -type f 2>/dev/null | sort | xargs -r sha256sum'
  done
}

nodes_ready() {
  kubectl get nodes --no-headers >"$W/nodes" && cat "$W/nodes" && [ "$(awk '$2 == "Ready"' "$W/nodes" | wc -l)" = "$1" ]
}

# ---- the API server, watched ----

watch() {
  # shellcheck disable=SC2046 # one word per address
  exec_op python3 "$TOP/tests/lab/probe.py" watch "$W/probes" "$VIP" $(for n in $(masters); do address "$n"; done) &
  prober=$!
  within 10 test -s "$W/probes"
}
watch_end() { [ -z "$prober" ] || { kill "$prober"; wait "$prober"; } 2>/dev/null; prober=''; }
now() { date +%s.%N; }

# gone_since FROM: sets gone, total and back as probe.py says them.
gone_since() {
  sleep 2.5   # the last probes that count have ended
  read -r gone total back < <("$TOP/tests/lab/probe.py" report "$W/probes" "$1")
  : "${gone:=?}" "${total:=?}" "${back:=?}"   # no report: no_more refuses it
  echo "      gone $gone ms at the longest, $total ms in all; back after $back ms"
}
