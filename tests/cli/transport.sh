# ssh.transport: which way nodes are reached, on servers that libssh2 can and cannot speak to.
. "$(dirname "$0")/lib.sh"

isolate
# Post-quantum key exchange alone: no libssh2 has it.
serve host log 'KexAlgorithms sntrup761x25519-sha512@openssh.com'
modern=$port
serve host log
plain=$port
for a in 1 2 3; do
	for p in $modern $plain; do echo "[127.0.0.$a]:$p $(key_of host)"; done
done >known

# config TRANSPORT: three nodes, two of which libssh2 has no way into.
config() {
	cat >hactl.yaml <<-END
		apiVersion: hactl/v1
		kind: Cluster
		endpoint: 192.0.2.9:6443
		vip: {provider: none}
		ssh: {user: '$user', identityFile: id, knownHostsFile: known, connectTimeout: 60s, config: none, transport: $1}
		controlPlane:
		  - {name: m1, address: 127.0.0.1, ssh: {port: $plain}}
		workers:
		  - {name: w1, address: 127.0.0.2, ssh: {port: $modern}}
		  - {name: w2, address: 127.0.0.3, ssh: {port: $modern}}
	END
}
x() { hactl exec --no-sudo "$@"; }

# ---- auto: OpenSSH for just the nodes that need it, and it is said once
config auto
x -- 'echo in' >out 2>errors || die "auto: $(cat errors)"
[ "$(sort out | tr '\n' ' ')" = "m1: in w1: in w2: in " ] || die "auto printed: $(cat out)"
[ "$(grep -c 'reached over OpenSSH' errors)" = 1 ] || die "auto said: $(cat errors)"
grep -q '^hactl: w[12]: reached over OpenSSH.*no common key exchange' errors || die "auto said: $(cat errors)"

# ---- libssh2: no other way is taken
config libssh2
! x w1 -- 'echo in' >out 2>errors || die "libssh2: exit 0"
grep -q 'no common key exchange' errors || die "libssh2 said: $(cat errors)"
! grep -q OpenSSH errors || die "libssh2 said: $(cat errors)"

# ---- openssh: for all, and nothing to say about it
config openssh
x -- 'echo in; exit 3' >out 2>errors && die "openssh: exit 0" || status=$?
[ "$status" = 3 ] || die "openssh: exit $status: $(cat errors)"
[ "$(sort out | tr '\n' ' ')" = "m1: in w1: in w2: in " ] || die "openssh printed: $(cat out)"
! grep -q reached errors || die "openssh said: $(cat errors)"

# ---- a refused host key is refused by both, and no node is touched over the other way
sed -i "s|^\(\[127.0.0.2\]:$modern [^ ]* \).*|\1$(cut -d' ' -f2 id.pub)|" known
for transport in auto openssh; do
	config $transport
	x w1 -- 'echo in' >out 2>errors && die "$transport: exit 0" || status=$?
	[ "$status" = 4 ] || die "$transport: exit $status"
	grep -q 'its host key has changed to ssh-ed25519' errors || die "$transport said: $(cat errors)"
done

# ---- a key on a device: libssh2 has no way, OpenSSH one; a stand-in for a device is in Debian's openssh-tests
sed -i "s|^\(\[127.0.0.2\]:$modern [^ ]* \).*|\1$(cut -d' ' -f2 host.pub)|" known
device=${SK_PROVIDER:-/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so}
if [ -e "$device" ] && ssh-keygen -q -t ed25519-sk -N '' -w "$device" -f fido </dev/null 2>errors; then
	cat fido.pub >>id.pub
	printf 'SecurityKeyProvider %s\n' "$device" >device
	config auto
	sed -i 's/identityFile: id,/identityFile: fido,/; s/config: none/config: device/' hactl.yaml
	x m1 -- echo in >out 2>errors
	[ "$(cat out)" = 'm1: in' ] || die "a key on a device: $(cat errors)"
	grep -q '^hactl: m1: reached over OpenSSH.*fido' errors || die "a key on a device: $(cat errors)"
	sed -i 's/transport: auto/transport: libssh2/' hactl.yaml
	status=0
	x m1 -- echo in >out 2>errors || status=$?
	[ "$status" = 4 ] && grep -q 'OpenSSH may be able to' errors || die "a key on a device: $status $(cat errors)"
fi
