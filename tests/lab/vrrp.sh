# shellcheck shell=bash
# Sourced by scenarios of keepalived alone: no Kubernetes, a small server stands in for each API server.
# They need lib.sh and `fresh` before.

NS=hl${LAB_ID:-}-
ALL=()     # the control-plane nodes

# A stand-in answers every GET with 200. SIGKILL ends it, as a crash would.
stand_ins() {
  local n
  mapfile -t ALL < <(masters)
  # On a machine that does other work meanwhile: LAB_CPU_SHARES=100000 lets the nodes go before it.
  for n in "${ALL[@]}"; do echo "${LAB_CPU_SHARES:-1024}" >"/sys/fs/cgroup/cpu/hactl-lab${LAB_ID:-}-$n/cpu.shares"; done
  for n in "${ALL[@]}"; do
    lab ssh "$n" 'mkdir -p /etc/standin && cd /etc/standin &&
      openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=standin -keyout key -out crt 2>/dev/null &&
      cat crt key >pem && cat >cfg && systemctl daemon-reload' <<'C' &
global
	maxconn 500
defaults
	mode http
	timeout connect 1s
	timeout client 10s
	timeout server 10s
frontend api
	bind :::6443 v4v6 ssl crt /etc/standin/pem
	http-request return status 200 content-type text/plain string ok
C
  done
  wait_all
  for n in "${ALL[@]}"; do api_up "$n"; done
}
wait_all() { local p; for p in $(jobs -pr); do [ "$p" = "$prober" ] || wait "$p"; done; }
api_up() { lab ssh "$1" 'systemctl reset-failed standin 2>/dev/null; systemctl is-active -q standin || systemd-run -q --unit=standin -p KillSignal=SIGKILL haproxy -db -f /etc/standin/cfg'; }
api_down() { lab ssh "$1" systemctl stop standin; }
api_hangs() { lab ssh "$1" systemctl kill -s STOP standin; }

# deploy [CONFIG [NODE...]]: what `hactl config render` says, put in place, taken by all at once.
deploy() {
  local config=${1:-$W/hactl.yaml} n part
  shift
  [ $# != 0 ] || set -- "${ALL[@]}"
  rm -rf "$W/rendered"
  for part in keepalived check; do
    hactl config render $part --from-nodes --out "$W/rendered" --config "$config" 2>"$W/notes" || { cat "$W/notes"; return 1; }
  done
  for n; do
    tar -C "$W/rendered/$n" -cf - . | lab ssh "$n" 'cd /etc/keepalived && tar --no-same-owner -xf - &&
      chmod 755 check_apiserver.sh && keepalived --config-test' || { echo "$n"; return 1; }
  done
  for n; do lab ssh "$n" 'systemctl is-active -q keepalived && systemctl reload keepalived || systemctl start keepalived' & done
  wait_all
}

# Who carries an address (default: the virtual IP), seen from outside, also on nodes that are cut off.
carriers() { local n; for n in "${ALL[@]}"; do ip -n "$NS$n" -o addr show to "${1:-$VIP}" 2>/dev/null | grep -q . && echo "$n"; done; }
carried_by() { [ "$(carriers | xargs)" = "$1" ]; }

# How often a node became the holder, and how often in all.
moves() { local n t=0; for n in "${ALL[@]}"; do t=$((t + $(lab ssh "$n" 'journalctl -q -u keepalived -o cat | grep -c "Entering MASTER"'))); done; echo "$t"; }

# All nodes are healthy: no priority is lowered.
healthy() {
  local n
  for n in "${ALL[@]}"; do
    lab ssh "$n" 'journalctl -q -u keepalived -o cat | grep "VRRP_Script(check_apiserver)" | tail -1' | grep -Eq 'succe' || return
  done
}
