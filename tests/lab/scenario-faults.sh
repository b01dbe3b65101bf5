#!/bin/bash
# The faults that a user will make: each is named with its node, its cause and the next step, has the exit
# status that is documented, and leaves nothing half written.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

fresh --swap-on m2 --without-keepalived m3 3
fingerprint >"$W/before"
C=$W/faulty.yaml
but() { sed "$@" "$W/hactl.yaml" >"$C"; }
as_before() { fingerprint | diff "$W/before" -; }
next='try|check|use|set|run|install|add|remove|turn|disable|give|ssh|keyscan|swapoff|see|copy'

# ---- nobody gets in: 4
but 's/user: root/user: nobody-here/'
refuses 4 "wrong SSH user" m1 'nobody-here' "$next" -- hactl init --config "$C"
ssh-keygen -q -t ed25519 -N '' -f "$W/other_key"
but "s|identityFile: [^,]*|identityFile: $W/other_key|"
refuses 4 "wrong key" m1 'other_key|publickey|refused|denied|key' "$next" -- hactl init --config "$C"
grep -v '^m2,' "$LAB_RUN/known_hosts" >"$W/known_hosts"
but "s|knownHostsFile: [^},]*|knownHostsFile: $W/known_hosts|"
refuses 4 "unknown host key" m2 'host key' "known_hosts|$next" -- hactl init --config "$C"
{ grep -v '^m2,' "$LAB_RUN/known_hosts"; grep '^m1,' "$LAB_RUN/known_hosts" | sed 's/^m1,[^ ]*/m2,10.230.255.12/'; } >"$W/known_hosts"
refuses 4 "changed host key" m2 'host key' 'changed|differ|other|not the' -- hactl init --config "$C"
refuses 4 "changed host key, with --accept-new-host-keys" m2 'host key' -- hactl init --accept-new-host-keys --config "$C"
but 's/address: 10.230.255.13/address: 10.230.255.99/'
refuses 4 "unreachable node" m3 '10\.230\.255\.99' "$next|reach|route" -- hactl init --config "$C"
but 's/user: root/user: dev/'
refuses 4 "no root and sudo wants a password" m1 sudo "$next" -- hactl init --config "$C"
holds "nothing was written on any node" as_before

# ---- the nodes are not fit: 1, and all that is wrong at once
refuses 1 "a node without keepalived" 'm3.*keepalived|keepalived.*m3' 'apt' -- hactl init --config "$W/hactl.yaml"
holds "swap on is named in the same run" grep -Eiq 'm2.*swap|swap.*m2' "$W/said"
but 's/10.230.255.168/10.230.254.168/'
refuses 1 "VIP outside the subnet" '10\.230\.254\.168' 'subnet|network' m1 -- hactl init --config "$C"
but 's/controlPlane:/controlPlanes:/'
refuses 3 "unknown key in hactl.yaml" 'faulty.yaml:6:1' controlPlane -- hactl init --config "$C"
holds "nothing was written on any node" as_before

# ---- a command on a node fails: 5; and the next run goes on
lab ssh m1 'mv /usr/bin/kubeadm /usr/bin/kubeadm.real; cat >/usr/bin/kubeadm; chmod 755 /usr/bin/kubeadm' <<'K'
#!/bin/sh
[ "$1" = init ] || exec /usr/bin/kubeadm.real "$@"
case " $* " in *" phase "*|*" --dry-run"*) exec /usr/bin/kubeadm.real "$@";; esac
echo 'error execution phase preflight: the lab does not want to' >&2
exit 1
K
but -e '/name: m[23]/d' -e 's/user: root/user: ops/'
refuses 5 "kubeadm init fails" m1 kubeadm 'the lab does not want to' -- hactl init --config "$C"
nothing_half_written() { ! lab ssh m1 'find /etc/kubernetes /etc/keepalived | grep -E "admin.conf|pki/|\.tmp|\.new|\.part|~$"'; }
holds "nothing half written is left on m1" nothing_half_written
lab ssh m1 mv /usr/bin/kubeadm.real /usr/bin/kubeadm
must "the same command again goes on, as a user with sudo" hactl init --config "$C"
must "kubeconfig" hactl kubeconfig --out "$W/admin.conf" --config "$C"
holds "the node is Ready through the VIP" nodes_ready 1
