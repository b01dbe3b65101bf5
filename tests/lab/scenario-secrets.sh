#!/bin/bash
# No secret is ever seen: while hactl runs with a password, a sudo password and a key's passphrase, the
# arguments and the environment of all processes are watched, on its side and on the node's, and files that
# others may read; afterwards all logs are searched.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

fresh 1
umask 077
S=$TOP/tests/lab/secrets.py

# Only in files and on stdin: this shell's arguments are watched as well.
random() { head -c 15 /dev/urandom | base64 | tr '+/' 'xy'; }
password=$(random) passphrase=$(random) vrrp=$(random | cut -c1-8)
printf '%s\n' "$password" >"$W/password"
printf '%s\n' "$passphrase" >"$W/passphrase"
printf 'dev:%s\n' "$password" | lab ssh m1 chpasswd
chmod 600 "$W"/pass*
printf '%s\n' "password $password" "passphrase $passphrase" "vrrp $vrrp" "control $(random)" >"$W/needles"
control=$(sed -n 's/^control //p' "$W/needles")

watcher=
begin() {
  python3 "$S" watch "$W/needles" "$W/found" "/proc/$(pgrep -P "$(cat "$LAB_RUN/nodes/m1/pid")" | head -1)/root" "$W/home" &
  watcher=$!
}
end() { kill "$watcher"; wait "$watcher"; watcher=; }
trap '[ -z "$watcher" ] || kill "$watcher"; finish' EXIT

# ---- what is hidden nowhere is found: the watch can fail
begin
(exec -a "$control" sleep 2) &
CONTROL=$control sleep 2 &
printf '%s\n' "$control" | lab ssh m1 'cat >/tmp/control; chmod 644 /tmp/control; sleep 2; rm /tmp/control'
sleep 2
end
for where in cmdline environ 'file /tmp/control'; do
  holds "the watch finds a secret: $where" grep -q "^control $where" "$W/found"
done
sed -i '/^control/d' "$W/needles"

# ---- a whole cluster, as a user with a password for the login and for sudo
sed "s|^ssh: {.*|ssh: {user: dev, passwordFile: $W/password, knownHostsFile: $LAB_RUN/known_hosts, config: none}|
     s|^vip: {|vip: {password: '$vrrp', |" "$W/hactl.yaml" >"$W/dev.yaml"
chmod 600 "$W/dev.yaml"
begin
holds "commands with a password and a sudo password" hactl exec -c "$W/dev.yaml" -- id
[ -n "${SECRETS_QUICK:-}" ] || holds "apply" hactl apply -c "$W/dev.yaml"
cp "$W/said" "$W/apply.said"

# ---- a key with a passphrase, typed at a terminal
rm -f "$W/key"
# the passphrase is given to ssh-keygen on its terminal
printf '%s\n%s\n' "$passphrase" "$passphrase" >"$W/twice"
python3 "$S" type "$W/twice" ssh-keygen -q -t ed25519 -f "$W/key" >/dev/null
lab ssh m1 'cat >>/root/.ssh/authorized_keys' <"$W/key.pub"
sed "s|^ssh: {.*|ssh: {user: root, identityFile: $W/key, knownHostsFile: $LAB_RUN/known_hosts, config: none}|" "$W/hactl.yaml" >"$W/key.yaml"
holds "a command with a passphrase that is typed" \
  op python3 "$S" type "$W/passphrase" "$HACTL" exec -c "$W/key.yaml" -- 'echo in; sleep 1'
holds "the passphrase was asked for and is not shown" sh -c "grep -qi 'passphrase' '$W/said' && ! grep -qF -f '$W/passphrase' '$W/said'"
sleep 2
end

# ---- nothing was seen, nothing stays
holds "the watch was awake" test "$(sed -n 's/^# \([0-9]*\) rounds/\1/p' "$W/found")" -gt 5
holds "no secret was in an argument, an environment or a file for others" sh -c "! grep -v '^#' '$W/found'"
sed 's/^[^ ]* //' "$W/needles" >"$W/values"
holds "nor in what hactl said" sh -c "! grep -qF -f '$W/values' '$W/said' '$W/apply.said'"
holds "nor in its logs" sh -c "! grep -rqF -f '$W/values' '$W/home'"
lab ssh m1 'journalctl -q -o cat; cat /var/log/* 2>/dev/null; cat /var/lib/hactl/* 2>/dev/null; true' >"$W/nodelog" 2>/dev/null
holds "nor in the node's" sh -c "test -s '$W/nodelog' && ! grep -aqF -f '$W/values' '$W/nodelog'"
holds "hactl's logs are for their owner only" test -z "$(find "$W/home" -type f -perm /077)"
lab ssh m1 'find /run /tmp /dev/shm /etc /root -name "*hactl.*" ! -name .hactl-begun ! -path /run/hactl.lock' >"$W/stages"
holds "no stage of hactl's stays on the node" sh -c "cat '$W/stages'; test ! -s '$W/stages'"
