# What is asked at a terminal, on a real sshd of the current user's with two addresses.
. "$(dirname "$0")/lib.sh"
typist=$(cd "$OLDPWD" && cd "$(dirname "$0")/../lab" && pwd)/typist.py
sshd=/usr/sbin/sshd
[ -x $sshd ] || die "$sshd is missing: run make deps"
unset SSH_AUTH_SOCK SSH_ASKPASS
HOME=$work
export HOME

ssh-keygen -q -t ed25519 -N '' -C '' -f host
ssh-keygen -q -t ed25519 -N 'key secret' -a 2 -C '' -f locked
cp locked.pub authorized_keys
pam=yes
[ "$(id -u)" != 0 ] || { pam=no; mkdir -p /run/sshd; }

listen() {
	port=$((20000 + ($$ + $1 * 997) % 10000))
	printf '%s\n' "Port $port" 'ListenAddress 127.0.0.1' 'ListenAddress 127.0.0.2' "HostKey $work/host" \
		"AuthorizedKeysFile $work/authorized_keys" 'StrictModes no' 'SetEnv SHLVL=2' "UsePAM $pam" "PidFile $work/pid" \
		'PermitRootLogin yes' 'PasswordAuthentication no' 'KbdInteractiveAuthentication no' >sshd_config
	$sshd -f "$work/sshd_config" -E "$work/log" || return 1
	for i in 1 2 3 4 5 6 7 8 9 10; do
		[ ! -s pid ] || return 0
		sleep 0.2
	done
	return 1
}
listen 1 || listen 2 || listen 3 || die "no sshd: $(cat log)"
trap 'kill "$(cat pid)"; rm -rf "$work"' EXIT
sed "s/^/[127.0.0.1]:$port,[127.0.0.2]:$port /" host.pub >known_hosts
cat >hactl.yaml <<YAML
apiVersion: hactl/v1
kind: Cluster
name: test
endpoint: 127.0.0.9:6443
controlPlane:
  - {name: a, address: 127.0.0.1}
  - {name: b, address: 127.0.0.2}
ssh: {user: $(id -un), port: $port, knownHostsFile: known_hosts, identityFile: locked, config: none}
vip: {provider: none}
YAML

# types STATUS [-a PATTERN ANSWER]...: hactl exec at a terminal of its own
types() {
	want=$1 status=0
	shift
	TERM=dumb "$typist" "$@" -- "$HACTL" exec --no-sudo -- echo in >typed 2>&1 || status=$?
	[ "$status" = "$want" ] || die "exit $status, not $want: $(cat typed)"
	grep -q 'echo is on' typed || die "the terminal has lost its echo: $(cat typed)"
	! grep -q 'key secret' typed || die "the passphrase was shown: $(cat typed)"
}
asked() { [ "$(grep -c 'passphrase for ' typed)" = "$1" ] || die "not asked $1 times: $(cat typed)"; }

types 0 -a "passphrase for '.*': " 'key secret'
asked 1
[ "$(grep -cx '[ab]: in' typed)" = 2 ] || die "not both nodes: $(cat typed)"

types 0 -a "passphrase for '.*': " slip -a "passphrase for '.*': " 'key secret'
asked 2
grep -q "that is not it; passphrase for '" typed || die "the slip was not said: $(cat typed)"

types 4 -a "passphrase for '.*': " slip
asked 3

types 130 -a "passphrase for '.*': " '^C'
asked 1

status=0
setsid -w "$HACTL" exec --no-sudo -- echo in >typed 2>&1 </dev/null || status=$?
[ "$status" = 4 ] || die "without a terminal: exit $status: $(cat typed)"
grep -q 'there is no terminal to ask for its passphrase: run ssh-add' typed || die "without a terminal: $(cat typed)"
