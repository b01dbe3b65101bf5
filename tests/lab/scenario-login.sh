#!/bin/bash
# Every way in that needs PAM or a terminal: passwords typed, from a file and from the environment, over
# both methods and after a key; what is asked, how often, and what is said when it is of no use. The ways
# by key alone are unit tests.
. "$(dirname "$0")/lib.sh"

fresh 2
ssh-keygen -q -t ed25519 -N '' -f "$W/stranger"
ssh-keygen -q -t ed25519 -N 'key secret' -f "$W/locked"
printf 'lab-ops\n' >"$W/ops"
printf 'lab-root\n' >"$W/root"
printf 'no such password\n' >"$W/wrong"
chmod 644 "$W/ops" "$W/root" "$W/wrong"

# config NAME USER [MORE]: hactl.yaml whose key opens nothing
config() {
  cat >"$W/$1.yaml" <<YAML
apiVersion: hactl/v1
kind: Cluster
name: lab
endpoint: $VIP:6443
controlPlane:
  - {name: m1, address: 10.230.255.11}
  - {name: m2, address: 10.230.255.12}
ssh: {user: $2, knownHostsFile: $(sed -n 's/.*knownHostsFile: \([^},]*\).*/\1/p' "$W/hactl.yaml"), identityFile: ${3:-$W/stranger}${4:+, $4}}
YAML
}

# sshd NODE SETTINGS: it does not listen for a moment
sshd() { lab ssh "$1" "printf '%s\n' '$2' >/etc/ssh/sshd_config.d/00-test.conf && sshd -t && systemctl reload ssh" && sleep 0.5; }
# ops_both SETTINGS: for user ops alone, so that the others' ways stay open
ops_both() { sshd m1 "Match User ops
$1" && sshd m2 "Match User ops
$1"; }

# enters NAME [VARIABLE=VALUE]: the nodes are reached and looked at, without a terminal
enters() { refuses_plain 6 "$@"; }
refuses_plain() {
  local want=$1 name=$2 status=0
  shift 2
  op env "$@" setsid -w "$HACTL" apply --dry-run -c "$W/$name.yaml" </dev/null || status=$?
  [ "$status" = "$want" ] || { echo "exit $status"; return 1; }
}

# types STATUS NAME [-d SECONDS] [-a PATTERN ANSWER]...: the same at a terminal
types() {
  local want=$1 name=$2 status=0
  shift 2
  op env TERM=dumb "$TOP/tests/lab/typist.py" "$@" -- "$HACTL" apply --dry-run -c "$W/$name.yaml" >"$W/typed" || status=$?
  cat "$W/typed"
  grep -q 'echo is on' "$W/typed" || { echo "the terminal has no echo"; return 1; }
  [ "$status" = "$want" ] || { echo "exit $status"; return 1; }
}
shows() { [ "$(grep -cE -- "$1" "$W/typed")" = "$2" ] || { echo "'$1' not $2 times"; cat "$W/typed"; return 1; }; }
secret_shown() { ! grep -qE 'lab-ops|lab-root|other-secret|key secret' "$W/typed"; }

# ---- files and the environment ----

config file ops '' "passwordFile: $W/ops"
config env ops '' 'passwordEnv: NODE_PASSWORD'
config wrong ops '' "passwordFile: $W/wrong"
config root root '' "passwordFile: $W/root"
config typed ops

holds "a password from a file opens the nodes" enters file
holds "root's, too" enters root
holds "a password from the environment opens the nodes" enters env NODE_PASSWORD=lab-ops
refuses 4 "a password that is refused is said to be, with the file" "none of the keys .*/stranger" "nor the password in '.*/wrong'" \
  'account not locked' -- hactl apply --dry-run -c "$W/wrong.yaml"
refuses 3 "a variable that is not set is named" "no variable 'NODE_PASSWORD'" -- hactl apply --dry-run -c "$W/env.yaml"
refuses 4 "without a terminal it is said how else to give a password" 'passwordFile' 'passwordEnv' 'ssh-add' -- \
  hactl apply --dry-run -c "$W/typed.yaml"

environment_is_clean() {
  local pid status=1
  exec_op env NODE_PASSWORD=lab-ops-canary KEPT=lab-kept "$HACTL" status --watch -c "$W/env.yaml" >/dev/null 2>&1 </dev/null &
  pid=$!
  within 10 sh -c "tr '\\0' '\\n' </proc/$pid/environ | grep -q lab-kept" &&
    within 10 sh -c "! grep -q lab-ops-canary /proc/$pid/environ" && status=0
  kill "$pid"
  wait "$pid" 2>/dev/null
  return $status
}
holds "the variable's value is gone from the environment, the others are not" environment_is_clean

# ---- typed ----

holds "one answer opens both nodes" types 6 typed -a 'password for ops.*: ' lab-ops
holds "there was one question, for all" shows 'password for ops \(used for every node that takes it\): $' 1
holds "what was typed was not shown" secret_shown

lab ssh m2 'echo ops:other-secret | chpasswd'
holds "a node with another password is asked for by name" types 6 typed -a 'every node that takes it\): ' lab-ops \
  -a '10.230.255.12:22 does not take it; password for ops there .*: ' other-secret
holds "what was typed was not shown" secret_shown
lab ssh m2 'echo ops:lab-ops | chpasswd'

holds "a slip is asked again" types 6 typed -a 'password for ops.*: ' slip -a 'password for ops.*: ' lab-ops
holds "three slips are enough" types 4 typed -a 'password for ops.*: ' slip
holds "that was three questions" shows 'password for ops.*: $' 3
holds "Enter alone gives up" types 4 typed -a 'password for ops.*: ' ''
holds "that was one question" shows 'password for ops.*: $' 1
holds "Ctrl-C at the question ends the run" types 130 typed -a 'password for ops.*: ' '^C'

ops_both 'MaxAuthTries 2'
holds "a slip with an impatient sshd" types 6 typed -a 'password for ops.*: ' slip -a 'password for ops.*: ' lab-ops
ops_both ''
sshd m1 'LoginGraceTime 3'
holds "a slow person: sshd hangs up in between, and is called again" types 6 typed -d 8 -a 'password for ops.*: ' lab-ops
holds "there was one question" shows 'password for ops.*: $' 1

# ---- keyboard-interactive ----

KBD='PasswordAuthentication no
KbdInteractiveAuthentication yes'
ops_both "$KBD"
holds "keyboard-interactive takes the password from a file" enters file
holds "keyboard-interactive: one answer opens both nodes" types 6 typed -a 'password for ops.*: ' lab-ops
holds "there was one question" shows 'password for ops.*: $' 1
holds "keyboard-interactive: a slip is asked again" types 6 typed -a 'password for ops.*: ' slip -a 'password for ops.*: ' lab-ops
refuses 4 "keyboard-interactive: a password that is refused is said to be" "the password in '.*/wrong'" -- \
  hactl apply --dry-run -c "$W/wrong.yaml"

# ---- passwords over OpenSSH ----

config ssh-file ops '' "transport: openssh, passwordFile: $W/ops"
config ssh-env ops '' 'transport: openssh, passwordEnv: NODE_PASSWORD'
config ssh-wrong ops '' "transport: openssh, passwordFile: $W/wrong"
config ssh-typed ops '' 'transport: openssh'
over_openssh() {   # over_openssh METHOD
  holds "OpenSSH, $1: a password from a file" enters ssh-file
  holds "OpenSSH, $1: a password from the environment" enters ssh-env NODE_PASSWORD=lab-ops
  refuses 4 "OpenSSH, $1: a password that is refused is said to be" "the password in '.*/wrong'" -- \
    hactl apply --dry-run -c "$W/ssh-wrong.yaml"
  holds "OpenSSH, $1: a slip is asked again" types 6 ssh-typed -a 'password for ops.*: ' slip -a 'password for ops.*: ' lab-ops
  holds "what was typed was not shown" secret_shown
}
over_openssh password
ops_both "$KBD"
over_openssh keyboard-interactive
ops_both ''

# ---- several methods ----

both() { config both ops "$(sed -n 's/.*identityFile: \([^},]*\).*/\1/p' "$W/hactl.yaml")" "passwordFile: $W/ops"; }
both
for methods in publickey,password password,publickey; do
  ops_both "AuthenticationMethods $methods"
  holds "$methods in a row" enters both
done
ops_both "$KBD
AuthenticationMethods publickey,keyboard-interactive"
holds "publickey,keyboard-interactive in a row" enters both
ops_both "$KBD
AuthenticationMethods keyboard-interactive,publickey"
holds "keyboard-interactive,publickey in a row" enters both
ops_both 'AuthenticationMethods publickey,password'
refuses 4 "half a login is told from none" 'takes .*id_ed25519 .*but wants more' 'passwordFile' -- \
  hactl apply --dry-run -c <(sed "s/, passwordFile: [^}]*//" "$W/both.yaml")
ops_both ''

# ---- accounts ----

lab ssh m1 'passwd -l ops' >/dev/null
refuses 4 "a locked account is thought of" 'm1: .*account not locked \(passwd -S ops\)' -- hactl apply --dry-run -c "$W/file.yaml"
lab ssh m1 'passwd -u ops; chage -E 1 ops' >/dev/null
refuses 4 "an account that has expired is thought of" 'm1: .*hung up .*account of .ops. expired \(chage -l ops\)' -- hactl apply --dry-run -c "$W/file.yaml"
lab ssh m1 'chage -E -1 -d 0 ops' >/dev/null
refuses 4 "a password that has expired is told" 'm1: .*expired: log in by hand and change it' -- hactl apply --dry-run -c "$W/file.yaml"
ops_both "$KBD"
refuses 4 "keyboard-interactive: a password that has expired is told" 'm1: .*expired' 'change the password' -- \
  hactl apply --dry-run -c "$W/file.yaml"
ops_both ''
lab ssh m1 "chage -d $(date +%F) ops" >/dev/null
sshd m1 'PermitRootLogin prohibit-password'
refuses 4 "root that may not come in by password" 'm1: .*PermitRootLogin' -- hactl apply --dry-run -c "$W/root.yaml"
sshd m1 ''

# ---- keys with a passphrase ----

for n in m1 m2; do lab ssh "$n" "cat >>~ops/.ssh/authorized_keys" <"$W/locked.pub"; done
config locked ops "$W/locked"
holds "one passphrase opens both nodes" types 6 locked -a "passphrase for '.*/locked': " 'key secret'
holds "there was one question" shows "passphrase for '" 1
holds "what was typed was not shown" secret_shown
ops_both 'PasswordAuthentication no'
holds "a wrong passphrase is asked three times, and said" types 4 locked -a "passphrase for '.*/locked': " slip
holds "that was three questions" shows "passphrase for '.*: $" 3
refuses 4 "without a terminal ssh-add is named" "encrypted and no ssh-agent holds it" "ssh-add" -- \
  hactl apply --dry-run -c "$W/locked.yaml"
