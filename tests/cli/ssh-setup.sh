# hactl ssh setup against a real sshd that takes keys only: what it shows, refuses, records and leaves alone.
. "$(dirname "$0")/lib.sh"

unset SSH_AUTH_SOCK
HOME=$work/home
export HOME
mkdir -p home
port=$((20000 + $$ % 20000))
ssh-keygen -q -t ed25519 -N '' -f host_key
cat >sshd_config <<END
ListenAddress 127.0.0.1:$port
HostKey $work/host_key
AuthorizedKeysFile $work/authorized_keys
StrictModes no
UsePAM $([ "$(id -u)" = 0 ] && echo no || echo yes)
PidFile none
SetEnv SHLVL=2
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
END
: >authorized_keys
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
/usr/sbin/sshd -D -f sshd_config -E log &
trap 'kill $!; rm -rf "$work"' EXIT
cat >hactl.yaml <<END
apiVersion: hactl/v1
kind: Cluster
name: t
endpoint: 10.99.0.9:6443
controlPlane:
  - {name: m1, address: 127.0.0.1}
ssh: {user: $(id -un), port: $port, identityFile: key, knownHostsFile: home/.ssh/known_hosts}
END
print=$(ssh-keygen -lf host_key.pub | cut -d' ' -f2)
says() { grep -qF -- "$1" errors || die "does not say '$1': $(cat errors)"; }
# setup STATUS ARGUMENT...: without a terminal
setup() {
	want=$1
	shift
	status=0
	setsid -w "$HACTL" ssh setup "$@" </dev/null >out 2>errors || status=$?
	[ "$status" = "$want" ] || die "ssh setup $*: exit $status, not $want: $(cat errors)"
	[ ! -s out ] || die "ssh setup $*: wrote to stdout"
}

setup 2 nosuch
says "'nosuch' is no node of hactl.yaml"

tries=0
until setup 4 && grep -q 'not known' errors; do
	tries=$((tries + 1))
	sleep 0.1
	[ $tries -lt 100 ] || die "sshd does not answer: $(cat errors log)"
done
says "m1: its host key is not known: ssh-ed25519 $print"
says 'run again with --accept-new-host-keys'
[ ! -e home/.ssh/known_hosts ] || die "a host key was recorded"

setup 1 --accept-new-host-keys
says "key' does not exist; --generate makes it"
[ "$(cut -d' ' -f1-3 home/.ssh/known_hosts)" = "[127.0.0.1]:$port $(cut -d' ' -f1,2 host_key.pub)" ] || die "known_hosts: $(cat home/.ssh/known_hosts)"

# there is no password to be had: the key is made, and the login refused
setup 4 --generate
says "made the key"
[ "$(stat -c %a key key.pub | xargs)" = '600 644' ] || die "modes of the key: $(stat -c %a key key.pub)"
[ "$(ssh-keygen -y -f key)" = "$(cat key.pub)" ] || die "ssh-keygen reads another key: $(ssh-keygen -y -f key)"
[ "$(wc -c <key)" -gt 300 ] || die "the key is short"

# where the key works, nothing is done
cp key.pub authorized_keys
setup 0
says 'nothing changed'
setup 0 --generate
cmp -s key.pub authorized_keys || die "authorized_keys was changed"

# another host key is never recorded over the known one
ssh-keygen -q -t ed25519 -N '' -f other
sed "s/^/[127.0.0.1]:$port /" other.pub >home/.ssh/known_hosts
cp home/.ssh/known_hosts before
setup 4 --accept-new-host-keys
says 'its host key has changed'
cmp -s home/.ssh/known_hosts before || die "known_hosts was changed"
