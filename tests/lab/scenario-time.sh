#!/bin/bash
# Time and signals: what hangs, vanishes, is full or reboots is named with its node soon after its time
# is over; a run that is interrupted says how to go on; the same command again finishes the job.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

fresh 3 1
sed '/name: w1/d; s/^workers:$/workers: []/' "$W/hactl.yaml" >"$W/masters.yaml"
A=(apply --config "$W/hactl.yaml")

# begin starts the clock; in_time LIMIT SENTENCE: not more than LIMIT seconds since.
begin() { begun=$SECONDS; }
in_time() { holds "$2 ($((SECONDS - begun)) s)" [ $((SECONDS - begun)) -le "$1" ]; }
# soon NODE SECONDS CMD: by a timer of the node's, so that the hand that stops sshd does not hang with it.
soon() { lab ssh "$1" "systemd-run -q --timer-property=AccuracySec=100ms --on-active=$2 sh -c '$3'"; }
# start ARG...: hactl in the background; ended: its status is $status, what it said is in $W/run.
start() { hactl "$@" >"$W/run" 2>&1 & run=$!; }
ended() { status=0; wait $run || status=$?; }
# Background jobs of a script ignore SIGINT; SIGTERM and SIGHUP are taken alike.
signal() { pkill "-$1" -f "^$HACTL apply --config $W/"; }
says() { holds "$1" grep -Eq "$2" "$W/run"; }

# ---- sshd accepts, and says nothing
soon m2 40 'systemctl kill -s CONT ssh'
soon m2 0 'systemctl kill -s STOP ssh'
sleep 1
begin
refuses 4 "a hanging sshd" 'm2: .*(answer|time)' -- hactl "${A[@]}"
in_time 30 "told within 10 s of the 10 that connecting may take"
holds "sshd goes on" within 60 lab ssh m2 true

# ---- the first signal: the run ends between steps
start "${A[@]}"
holds "kubeadm init begins" within 180 lab ssh m1 "pgrep -f '^kubeadm init'"
signal TERM
ended
holds "SIGTERM ends it with status 130" [ $status = 130 ]
says "it says so at once" 'stopping after the steps that run'
says "and at the end how to go on" 'the same command goes on from here'
says "the step that ran was ended first" 'm1: kubeadm init: done'
says "the path of the log is said" "^the log of this run: $W/home/"

# ---- a disk that is full, one that is read-only
lab ssh m2 'mkdir -p /etc/kubernetes && mount -t tmpfs -o size=16k tmpfs /etc/kubernetes && ! head -c 16384 /dev/zero >/etc/kubernetes/ballast'
refuses 5 "a full disk" 'm2: .*([Ss]pace|full)' -- hactl "${A[@]}"
lab ssh m2 umount /etc/kubernetes
lab ssh m3 'mkdir -p /etc/kubernetes && mount -t tmpfs -o size=1m,ro tmpfs /etc/kubernetes'
refuses 5 "a read-only file system" 'm3: .*[Rr]ead-only' -- hactl "${A[@]}"
lab ssh m3 umount /etc/kubernetes

# ---- kubeadm that does not end
lab ssh m2 'mv /usr/bin/kubeadm /usr/bin/kubeadm.real; cat >/usr/bin/kubeadm; chmod 755 /usr/bin/kubeadm' <<'K'
#!/bin/sh
case "$1 $2" in "join --config"*) echo '[preflight] Running pre-flight checks'; exec sleep 100000;; esac
exec /usr/bin/kubeadm.real "$@"
K
{ cat "$W/masters.yaml"; echo 'timeouts: {silence: 20s}'; } >"$W/short.yaml"
state=$W/home/.local/state/hactl/lab
touch "$state"/bundle-200001{01..25}-000000.tar
refuses 5 "a kubeadm that hangs" 'm2: kubeadm join printed nothing for 20 s .timeouts.silence.' 'in its phase preflight' \
  'waits for its end' -- hactl apply --config "$W/short.yaml"
bundles() { [ "$(find "$state" -name 'bundle-*.tar' | wc -l)" = 20 ] && [ -n "$(find "$state" -name 'bundle-*.tar' -size +1k)" ]; }
holds "what the nodes say is saved, and of what was saved before the newest are kept" bundles
lab ssh m2 'mv /usr/bin/kubeadm.real /usr/bin/kubeadm; pkill -x sleep'

# ---- the second signal: it ends now, and what goes on is told
start apply --config "$W/masters.yaml"
holds "kubeadm join begins" within 180 lab ssh m2 "pgrep -f '^kubeadm join'"
begin
signal HUP
sleep 1
signal HUP
ended
in_time 15 "the second SIGHUP ends it now"
holds "with status 130" [ $status = 130 ]
says "what goes on is told" 'kubeadm join goes on without us, the same command waits for its end'

# ---- sshd of one node hangs in the middle of it: the others go on
lab ssh w1 'mv /usr/bin/kubeadm /usr/bin/kubeadm.real; cat >/usr/bin/kubeadm; chmod 755 /usr/bin/kubeadm' <<'K'
#!/bin/sh
case "$1 $2" in "join --config") systemd-run -q --on-active=90 pkill -CONT -x sshd; pkill -STOP -x sshd ;; esac
exec /usr/bin/kubeadm.real "$@"
K
refuses 4 "an sshd that hangs while its node joins" 'w1: .*nothing heard' 'kubeadm join goes on without us' -- hactl "${A[@]}"
must "kubeconfig" hactl kubeconfig --out "$W/admin.conf" --config "$W/hactl.yaml"
ready() { kubectl get nodes --no-headers >"$W/nodes"; cat "$W/nodes"; for n; do grep -Eq "^$n +Ready" "$W/nodes" || return; done; }
holds "the others went on, and became members" within 90 ready m1 m2 m3
holds "sshd goes on" within 120 lab ssh w1 mv /usr/bin/kubeadm.real /usr/bin/kubeadm

# ---- a closed pipe, a closed standard error: the run goes on to its end
holds "the same command is run, its output to a pipe that was closed" bash -c \
  'HOME=$1/home "$2" op setsid -w "$3" apply -o json --config "$1/hactl.yaml" </dev/null | head -n 1' - "$W" "$LAB" "$HACTL"
holds "it went on to its end: all nodes are Ready" within 60 nodes_ready 4
holds "with a closed standard error, too" bash -c \
  'HOME=$1/home "$2" op setsid -w "$3" apply --config "$1/hactl.yaml" </dev/null 2>&-' - "$W" "$LAB" "$HACTL"

# ---- sshd hangs while a command runs
soon m2 40 'pkill -CONT -x sshd'
soon m2 3 'pkill -STOP -x sshd'
begin
refuses 4 "an sshd that hangs in the middle" 'm2: .*nothing heard' -- hactl exec --config "$W/hactl.yaml" m2 -- sleep 600
in_time 30 "told within 10 s of the 10 that it may be silent"
holds "sshd goes on" within 60 lab ssh m2 true

# ---- a vanished network, a rebooting node
lab cut m3
begin
refuses 4 "a vanished network" 'm3: ' -- hactl "${A[@]}"
in_time 30 "told within 10 s of the 10 that connecting may take"
lab mend m3
lab kill m3
refuses 4 "a rebooting node" 'm3: ' -- hactl "${A[@]}"
lab boot m3
holds "the node is back" within 60 nodes_ready 4
holds "the same command again is content" hactl "${A[@]}"

# ---- what the logs say
logs() { find "$W/home/.local/state/hactl" -path '*/log/*' "$@"; }
private() { [ "$(logs -type f | wc -l)" -ge 10 ] && [ -z "$(logs -type f ! -perm 600)" ]; }
holds "every run left a log, for its owner only" private
lab ssh m1 'cat /etc/kubernetes/pki/ca.key /etc/kubernetes/pki/sa.key /etc/kubernetes/pki/etcd/ca.key; sed -n "s/.*client-key-data: //p" /etc/kubernetes/admin.conf' |
  grep -v -e ----- >"$W/secrets"
no_secret() { [ -s "$W/secrets" ] && ! logs -type f -exec grep -F -f "$W/secrets" {} +; }
holds "no key of the cluster is in one" no_secret
