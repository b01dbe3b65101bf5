#!/bin/bash
# hactl ssh setup on real hosts: from a password to a key that works, with host keys shown and recorded.
. "$(dirname "$0")/lib.sh"

fresh 2
printf 'lab-ops\n' >"$W/ops"
known=$W/known/hosts key=$W/keys/mine

# config USER [MORE]: nothing is known of the nodes, and the key does not exist yet
config() {
  cat >"$W/setup.yaml" <<YAML
apiVersion: hactl/v1
kind: Cluster
name: lab
endpoint: $VIP:6443
controlPlane:
  - {name: m1, address: 10.230.255.11}
  - {name: m2, address: 10.230.255.12}
ssh: {user: $1, knownHostsFile: $known, identityFile: $key${2:+, $2}}
YAML
}
setup() { hactl ssh setup -c "$W/setup.yaml" "$@"; }
print_of() { lab ssh "$1" 'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub' | cut -d' ' -f2; }

# types STATUS ARGUMENT... [-a PATTERN ANSWER]... of the typist after --
types() {
  local want=$1 status=0
  shift
  op env TERM=dumb "$TOP/tests/lab/typist.py" "$@" -- "$HACTL" ssh setup --generate -c "$W/setup.yaml" >"$W/typed" || status=$?
  cat "$W/typed"
  [ "$status" = "$want" ] || { echo "exit $status"; return 1; }
}
shows() { grep -qE -- "$1" "$W/typed" || { echo "no '$1'"; cat "$W/typed"; return 1; }; }
logs_in() { op ssh -n -F none -i "$key" -o IdentitiesOnly=yes -o BatchMode=yes -o UserKnownHostsFile="$known" "$1@10.230.255.$2" true; }
# authorized USER NODE: the key is there once, with the right modes
authorized() {
  lab ssh "$2" "cd ~$1/.ssh && stat -c '%a %U' . authorized_keys && grep -cF '$(cut -d' ' -f2 "$key.pub")' authorized_keys" >"$W/there"
  cat "$W/there"
  [ "$(xargs <"$W/there")" = "700 $1 600 $1 1" ]
}

config root
m1=$(print_of m1) m2=$(print_of m2)
refuses 4 "without a terminal unknown host keys are shown and refused" "m1: its host key is not known: ssh-ed25519 ${m1//+/\\+}" \
  "m2: .* ssh-ed25519 ${m2//+/\\+}" '2 host keys are not known' -- setup --generate
holds "nothing was recorded, and no key made" test ! -e "$known" -a ! -e "$key"
holds "'n' changes nothing" types 4 -a 'Trust them\? \[y/n\] ' n
holds "both fingerprints were shown" shows "m2 \(10.230.255.12\) +ssh-ed25519 ${m2//+/\\+}"
holds "nothing was recorded, and no key made" test ! -e "$known" -a ! -e "$key"

holds "'y' and one password set up both nodes" types 0 -a 'Trust them\? \[y/n\] ' y -a 'password for root.*: ' lab-root
holds "the password was not shown" sh -c "! grep -q lab-root '$W/typed'"
for n in m1 m2; do holds "$n has the key once, with the right modes" authorized root $n; done
for n in 11 12; do holds "ssh logs in with it on .$n" logs_in root $n; done
holds "both host keys are recorded" test "$(wc -l <"$known")" = 2
lab ssh m1 'sha256sum /root/.ssh/authorized_keys; stat -c %Y /root/.ssh/authorized_keys' >"$W/before"
holds "the second time nothing is to do, and nobody is asked" setup --generate
holds "it says so" grep -q 'nothing changed' "$W/said"
holds "authorized_keys is as it was" cmp "$W/before" <(lab ssh m1 'sha256sum /root/.ssh/authorized_keys; stat -c %Y /root/.ssh/authorized_keys')

# another key, another user, root through sudo, no terminal
rm -rf "$W/keys" "$W/known"
config ops "passwordFile: $W/ops"
holds "without a terminal: password from a file, host keys accepted, root through sudo" setup --generate --root --accept-new-host-keys
for n in m1 m2; do
  holds "$n has the key for ops" authorized ops $n
  holds "$n has the key for root" authorized root $n
done
holds "ssh logs in as ops" logs_in ops 11
holds "ssh logs in as root" logs_in root 12

# what cannot work
rm -rf "$W/keys"
lab ssh m2 "printf 'Match User ops\nPubkeyAuthentication no\n' >/etc/ssh/sshd_config.d/test.conf && systemctl reload ssh" && sleep 0.5
refuses 4 "an sshd that takes no keys is said to" 'm2: .*the key is in authorized_keys now, but sshd does not take it.*PubkeyAuthentication' -- \
  setup --generate m2
lab ssh m2 "rm /etc/ssh/sshd_config.d/test.conf && systemctl reload ssh" && sleep 0.5

# somebody between: m2 shows another key than before
lab ssh m2 'rm /etc/ssh/ssh_host_* && ssh-keygen -qA && systemctl restart ssh' && sleep 0.5
rm -rf "$W/keys"
cp "$known" "$W/known.before"
lab ssh m1 'cat ~ops/.ssh/authorized_keys' >"$W/before"
refuses 4 "a changed host key is refused" 'm2: .*its host key has changed' -- setup --generate --accept-new-host-keys
holds "it is not recorded" cmp "$known" "$W/known.before"
holds "and no other node was touched" cmp "$W/before" <(lab ssh m1 'cat ~ops/.ssh/authorized_keys')
