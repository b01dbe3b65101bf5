# One of 32 nodes shows a host key that is not the known one: it gets nothing, and nothing happens on any node.
. "$(dirname "$0")/lib.sh"

unset SSH_AUTH_SOCK
HOME=$work/home
export HOME
mkdir -p home tree
port=$((20000 + $$ % 20000))
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
for k in host impostor id; do ssh-keygen -q -t ed25519 -N '' -C $k -f $k; done
pids=
trap 'kill $pids; rm -rf "$work"' EXIT

# start KEY LOG FIRST LAST: an sshd that is the nodes 127.0.0.FIRST to LAST, and logs their commands
start() {
	{
		seq -f "ListenAddress 127.0.0.%g:$port" "$3" "$4"
		cat <<END
HostKey $work/$1
AuthorizedKeysFile $work/id.pub
StrictModes no
UsePAM $([ "$(id -u)" = 0 ] && echo no || echo yes)
PidFile none
SetEnv SHLVL=2
LogLevel DEBUG
MaxStartups 100
PermitRootLogin yes
PasswordAuthentication no
ForceCommand echo "\$SSH_CONNECTION" >>$work/commands; exec sh -c "\$SSH_ORIGINAL_COMMAND"
END
	} >"$2.conf"
	/usr/sbin/sshd -D -e -f "$2.conf" 2>>"$2" &
	pids="$pids $!"
	tries=0
	until grep -qs "listening on 127.0.0.$4 " "$2"; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || die "sshd does not start: $(cat "$2")"
		sleep 0.1
	done
}
start host log-a 1 16
start host log-b 17 31
start host log-m32 32 32

{
	printf 'apiVersion: hactl/v1\nkind: Cluster\nname: t\nendpoint: 10.99.0.9:6443\n'
	printf 'ssh: {user: %s, port: %d, identityFile: id, knownHostsFile: known}\n' "$(id -un)" $port
	echo 'controlPlane:'
	seq 1 32 | sed 's/.*/  - {name: m&, address: 127.0.0.&}/'
} >hactl.yaml

seq 1 32 | sed "s|.*|[127.0.0.&]:$port $(cut -d' ' -f1,2 host.pub)|" >known
mark='echo mark >tree/$(echo "$SSH_CONNECTION" | cut -d" " -f3)'
marks() { find tree -type f | wc -l; }

# in order: the same command does reach all 32, and what is counted below is there to be counted
hactl exec --no-sudo -- "cd '$work' && $mark" >out 2>errors || die "exec: $(cat errors)"
[ "$(marks)" = 32 ] || die "$(marks) trees, not 32"
[ "$(cut -d' ' -f3 commands | sort -u | wc -l)" = 32 ] || die "commands on $(cut -d' ' -f3 commands | sort -u | wc -l) nodes"
grep -q userauth-request log-m32 || die "no login is seen in the log of m32"
rm -rf tree commands
mkdir tree

# refused SENTENCE COMMAND...: exit status 4, m32 named, no command and no file anywhere, no login on m32
refused() {
	sentence=$1
	shift
	: >log-m32
	status=0
	hactl "$@" >out 2>errors || status=$?
	[ $status = 4 ] || die "$1: exit $status, not 4: $(cat errors)"
	grep -q "m32: .*$sentence" errors || die "$1: does not say '$sentence': $(cat errors)"
	[ ! -s commands ] || die "$1: commands ran on $(cut -d' ' -f3 commands | sort -u | xargs)"
	[ "$(marks)" = 0 ] || die "$1: $(marks) trees were changed"
	! grep -q 'userauth-request' log-m32 || die "$1: a login was tried on m32"
	grep -q 'Connection from' log-m32 || die "$1: m32 was not even called"
}

# the machine in between has a key of its own
pid=${pids##* }
kill "$pid"
wait "$pid" || :
pids=${pids% *}
rm log-m32
start impostor log-m32 32 32
cp known before
refused 'its host key has changed' apply --accept-new-host-keys
cmp -s known before || die "known was changed"
refused 'its host key has changed' exec --no-sudo -- "cd '$work' && $mark"

{ cat before; echo "@revoked * $(cut -d' ' -f1,2 impostor.pub)"; } >known
sed -i "/127.0.0.32/s|AAAA.*|$(cut -d' ' -f2 impostor.pub)|" known
refused 'is revoked' apply --accept-new-host-keys

grep -v '127.0.0.32]' before >known
refused 'its host key is not known' certs push
