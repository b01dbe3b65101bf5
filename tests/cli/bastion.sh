# The operator's ssh_config, bastions and pinned host keys, on real servers of this machine.
. "$(dirname "$0")/lib.sh"

isolate
logins() { grep -c 'Accepted publickey' "log.$1" || :; }

serve host.node log.node
node=$port
serve host.b1 log.b1
b1=$port
serve host.b2 log.b2
b2=$port
for a in 1 2 3; do echo "[127.0.0.$a]:$node $(key_of host.node)"; done >known
echo "[127.0.0.1]:$b1 $(key_of host.b1)" >>known
echo "far.bastion $(key_of host.b2)" >>known

cat >ssh_config <<END
Host 127.0.0.2
  HostName 127.0.0.3
Host 127.0.0.*
  Port $node
  ProxyJump near,far
Host near
  HostName 127.0.0.1
  Port $b1
Host far
  HostName 127.0.0.1
  Port $b2
  HostKeyAlias far.bastion
Host *
  User $user
  IdentityFile $work/id
  UserKnownHostsFile $work/known
  GlobalKnownHostsFile none
  ConnectTimeout 20
END
# config SSH [OF M1]: two nodes
config() {
	cat >hactl.yaml <<-END
		apiVersion: hactl/v1
		kind: Cluster
		endpoint: 192.0.2.9:6443
		vip: {provider: none}
		ssh: {transport: libssh2, $1}
		controlPlane:
		  - {name: m1, address: 127.0.0.1$2}
		workers:
		  - {name: w1, address: 127.0.0.2}
	END
}
x() { hactl exec --no-sudo "$@"; }
# reached PORTS NODES...: the nodes, and through how many logins on b1 and b2
reached() {
	want=$1
	before="$(logins b1) $(logins b2)"
	shift
	x "$@" -- 'set -- $SSH_CONNECTION; echo $3 $4' >out 2>errors || die "$*: $(cat errors)"
	[ "$((`logins b1` - ${before% *})) $((`logins b2` - ${before#* }))" = "$want" ] ||
		die "logins on b1 and b2: before $before, now $(logins b1) $(logins b2)"
}

# ---- all of it from ssh_config: two hops, one login on each for both nodes
config 'config: ssh_config' ''
reached '1 1'
[ "$(sort out)" = "$(printf '%s\n' "m1: 127.0.0.1 $node" "w1: 127.0.0.3 $node")" ] || die "ssh_config: $(cat out)"

# ---- hactl.yaml wins
config 'config: ssh_config, bastion: near' ', ssh: {bastion: none}'
reached '1 0'
[ "$(sort out)" = "$(printf '%s\n' "m1: 127.0.0.1 $node" "w1: 127.0.0.3 $node")" ] || die "yaml wins: $(cat out)"
config 'config: ssh_config, port: 1' ''
status=0
x m1 -- true >out 2>errors || status=$?
[ "$status" = 4 ] && grep -q "'127.0.0.1' port 1 cannot be reached from the bastion .*@127.0.0.1:$b2" errors ||
	die "port: $status $(cat errors)"

# ---- without ssh_config
full="config: none, user: '$user', port: $node, identityFile: id, knownHostsFile: known, connectTimeout: 20s"
config "$full, bastion: $user@127.0.0.1:$b1" ''
reached '1 0' m1
config "$full" ''
reached '0 0' m1

# ---- host keys: of a hop, and one that is pinned
config "$full, bastion: [$user@127.0.0.1:$b1, $user@127.0.0.1:$b2]" ''
status=0
x m1 -- touch touched >out 2>errors || status=$?
[ "$status" = 4 ] && [ ! -e touched ] && grep -q "@127.0.0.1:$b2: its host key is not known" errors ||
	die "a hop's host key: $status $(cat errors)"
# over OpenSSH too, however lax ssh_config is; and there the bastion gets the key of hactl.yaml
printf 'StrictHostKeyChecking no\nUserKnownHostsFile %s\n' "$work/lax.known" >lax
openssh() { sed -i 's/transport: libssh2/transport: openssh/; s/config: none/config: lax/' hactl.yaml; }
config "$full, bastion: $user@127.0.0.1:$b2" '' && openssh
status=0
x m1 -- touch touched >out 2>errors || status=$?
[ "$status" = 4 ] && [ ! -e touched ] && [ ! -e lax.known ] &&
	grep -qF "bastion '[127.0.0.1]:$b2': its host key is not known" errors ||
	die "a hop's host key, OpenSSH: $status $(cat errors)"
# accepted where new ones are, a line for each host; a changed one never
config "$full, bastion: [$user@127.0.0.1:$b1, $user@127.0.0.1:$b2]" '' && openssh
sed -i 's/knownHostsFile: known/knownHostsFile: fresh/' hactl.yaml
: >fresh
prints 'm1: in' x m1 --accept-new-host-keys -- echo in
[ "$(cut -d' ' -f1-3 fresh | sort)" = "$(for k in "$b1 b1" "$b2 b2" "$node node"; do
	echo "[127.0.0.1]:${k% *} $(key_of "host.${k#* }")"; done | sort)" ] || die "accepted: $(cat fresh)"
sed -i "/127.0.0.1.:$b2/d" fresh
echo "[127.0.0.1]:$b2 $(key_of host.b1)" >>fresh
status=0
x m1 --accept-new-host-keys -- touch touched >out 2>errors || status=$?
[ "$status" = 4 ] && [ ! -e touched ] && grep -qF "bastion '[127.0.0.1]:$b2': " errors ||
	die "a hop's changed host key, OpenSSH: $status $(cat errors)"
config "$full, bastion: $user@127.0.0.1:$b1" '' && openssh
reached '1 0' m1
config "$full" ", sshHostKey: $(key_of host.node)"
sed -i "/127.0.0.1.:$node/d" known
prints 'm1: in' x m1 -- echo in
config "$full" ", sshHostKey: $(key_of host.b1)"
status=0
x m1 -- touch touched >out 2>errors || status=$?
[ "$status" = 4 ] && [ ! -e touched ] && grep -q 'not the one of its sshHostKey' errors || die "pinned: $status $(cat errors)"

# ---- what ssh does not understand it says itself; what only ssh can do is said
echo 'Pront 22' >broken
config 'config: broken' ''
status=0
x m1 -- true >out 2>errors || status=$?
[ "$status" = 4 ] && grep -q 'broken.*line 1: Bad configuration option: pront' errors || die "broken: $status $(cat errors)"
printf 'ProxyCommand nc %%h %%p\n' >command
config "config: command, knownHostsFile: known" ''
status=0
x m1 -- true >out 2>errors || status=$?
[ "$status" = 4 ] && grep -q 'ssh_config has a ProxyCommand' errors || die "ProxyCommand: $status $(cat errors)"
