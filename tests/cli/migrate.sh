# hactl config migrate: where the result goes, what it leaves alone, its exit statuses.
. "$(dirname "$0")/lib.sh"

old() {
	cat <<'EOF'
apiVersion: kubeadm.k8s.io/v1beta2   # of 2020
kind: ClusterConfiguration
kubernetesVersion: v1.31.0
apiServer:
  # keep an eye on this
  extraArgs:
    audit-log-maxage: "30" # days
EOF
}
new() {
	cat <<'EOF'
apiVersion: kubeadm.k8s.io/v1beta4   # of 2020
kind: ClusterConfiguration
kubernetesVersion: v1.31.0
apiServer:
  # keep an eye on this
  extraArgs:
    - name: audit-log-maxage
      value: "30" # days
EOF
}

old >old.yaml
new >want.yaml

# stdin to stdout, file to stdout, file to file
old | hactl config migrate --old-config - >got 2>said
cmp got want.yaml
hactl config migrate --old-config old.yaml >got
cmp got want.yaml
chmod 640 old.yaml
hactl config migrate --old-config old.yaml --new-config new.yaml >got
[ ! -s got ] || die "with --new-config something went to stdout"
cmp new.yaml want.yaml
prints 640 stat -c %a new.yaml

# --check tells, and writes nothing
status=0
hactl config migrate --old-config old.yaml --check >got || status=$?
[ $status = 6 ] && [ ! -s got ] || die "--check: $status"
prints '' hactl config migrate --old-config new.yaml --check
old | cmp - old.yaml

# --diff
hactl config migrate --old-config old.yaml --diff >got
grep -q '^-    audit-log-maxage: "30" # days$' got || die "no diff"
status=0
hactl config migrate --old-config old.yaml --diff --check >got || status=$?
[ $status = 6 ] && [ -s got ] || die "--diff --check: $status"

# --in-place follows a link, keeps backups, never overwrites one
ln -s old.yaml link.yaml
hactl config migrate --old-config link.yaml --in-place 2>said
cmp old.yaml want.yaml
[ -L link.yaml ] || die "the link was replaced"
old | cmp - old.yaml.bak
old >old.yaml
hactl config migrate --old-config old.yaml --in-place 2>said
[ -e old.yaml.bak.1 ] || die "the second backup has no name of its own"
hactl config migrate --old-config old.yaml --in-place 2>said
[ ! -e old.yaml.bak.2 ] || die "nothing changed, but there is a backup"

# an error leaves the new file as it was
echo precious >precious
echo 'apiVersion: kubeadm.k8s.io/v1beta2' >broken.yaml
status=0
hactl config migrate --old-config broken.yaml --new-config precious 2>said || status=$?
[ $status = 3 ] && [ "$(cat precious)" = precious ] || die "a failed migration wrote: $status"
status=0
hactl config migrate --old-config broken.yaml --new-config fresh 2>said || status=$?
[ ! -e fresh ] || die "a failed migration left a file"

# nor does a failed write: no backup of what was not replaced
mkdir full
{ old; seq 4000 | sed 's/^/# /'; } >full/old.yaml
status=0
(trap '' XFSZ; ulimit -f 1; hactl config migrate --old-config full/old.yaml --in-place 2>full.said) || status=$?
[ $status = 1 ] && prints old.yaml ls full || die "a failed write leaves: $status, $(ls full)"

# data
old >old.yaml
hactl config migrate --old-config old.yaml -o json >got
for part in '"ok":true' '"to":"v1beta4"' '"changed":true' '"line":1' '"    - name: audit-log-maxage"'; do
	grep -qF "$part" got || die "JSON without $part: $(cat got)"
done

want='"changes":[{"line":1,"removed":["apiVersion: kubeadm.k8s.io/v1beta2   # of 2020"],"added":["apiVersion: kubeadm.k8s.io/v1beta4   # of 2020"]},{"line":7,"removed":["    audit-log-maxage: \"30\" # days"],"added":["    - name: audit-log-maxage","      value: \"30\" # days"]}]'
grep -qF "$want" got || die "what is not together is one change: $(cat got)"

hactl config migrate --old-config broken.yaml -o json >got 2>said && die "a broken file migrates"
[ "$(cat got)" = '{"ok":false,"file":"broken.yaml","exitStatus":3,"error":{"line":1,"column":1,"message":"the document has no kind"}}' ] ||
	die "error as data: $(cat got)"
hactl config migrate -o json >got 2>said && die "no file, but status 0"
grep -q '"exitStatus":2' got || die "wrong usage as data: $(cat got)"

# where the result goes that is no regular file; the old file as target; a link as target
old >old.yaml
hactl config migrate --old-config old.yaml --new-config /dev/stdout 2>said | cmp - want.yaml
mkfifo pipe
cat pipe >got &
hactl config migrate --old-config old.yaml --new-config pipe
wait
cmp got want.yaml
[ -p pipe ] || die "the pipe was replaced"
if [ -e /dev/full ]; then
	fails 1 'hactl: /dev/full: No space left on device' hactl config migrate --old-config old.yaml --new-config /dev/full
	status=0
	hactl config migrate --old-config old.yaml >/dev/full 2>said || status=$?
	[ $status = 1 ] && grep -q 'standard output: No space left' said || die "a full disk: $status, $(cat said)"
fi
fails 1 'hactl: nowhere/new.yaml: No such file or directory' hactl config migrate --old-config old.yaml --new-config nowhere/new.yaml
chmod 604 old.yaml
hactl config migrate --old-config old.yaml --new-config old.yaml
cmp old.yaml want.yaml
prints 604 stat -c %a old.yaml
echo target >target
ln -sf target new-link
hactl config migrate --old-config old.yaml --new-config new-link
[ -L new-link ] && cmp target want.yaml || die "the link's target was not written"

# secrets: moved, shown in a diff, in an error, as data
cat >secret.yaml <<'EOF'
apiVersion: kubeadm.k8s.io/v1beta3
kind: JoinConfiguration
discovery:
  tlsBootstrapToken: "geheim"
  bootstrapToken: {token: abcdef.0123456789abcdef, apiServerEndpoint: a:1}
  timeout: 5m0s
controlPlane:
  certificateKey:
    geheim
EOF
hactl config migrate --old-config secret.yaml | grep -q '^  tlsBootstrapToken: "geheim"$' || die "the result lost a secret"
hactl config migrate --old-config secret.yaml --diff >got
hactl config migrate --old-config secret.yaml -o json >>got
sed 's/apiServerEndpoint/apiServerEndpont/' secret.yaml >bad.yaml
hactl config migrate --old-config bad.yaml 2>>got && die "a misspelt key is accepted"
sed 's/^    geheim/    [geheim]/' secret.yaml >bad.yaml
hactl config validate bad.yaml 2>>got && die "a list as certificateKey is accepted"
! grep -q 'geheim\|0123456789' got || die "a secret is shown: $(cat got)"
grep -q '^   tlsBootstrapToken: \*\*\*$' got || die "the diff masks nothing: $(cat got)"

# versions
old | sed 's/v1beta2/v1beta1/' >old.yaml
for pair in v1.14:v1beta1 v1.20.2:v1beta2 1.22:v1beta3 v1.30:v1beta3 v1.31.0:v1beta4 v1.99:v1beta4; do
	hactl config migrate --old-config old.yaml --kubernetes-version "${pair%:*}" >got 2>said
	grep -q "^apiVersion: kubeadm.k8s.io/${pair#*:}" got || die "$pair: $(cat got)"
done
fails 2 'hactl: --kubernetes-version: kubeadm 1.12.0 reads no API version that hactl knows (kubeadm 1.13 and newer)' \
	hactl config migrate --old-config old.yaml --kubernetes-version v1.12
hactl config migrate --old-config old.yaml --to kubeadm.k8s.io/v1 >got 2>said
grep -q '^apiVersion: kubeadm.k8s.io/v1 ' got || die "v1: $(cat got)"
grep -q 'v1 is experimental' said || die "no word about v1: $(cat said)"

fails 2 'hactl: migrate: --old-config FILE is required' hactl config migrate
fails 2 'hactl: migrate: stdin has no place; use --new-config' hactl config migrate --old-config - --in-place
fails 2 "hactl: --to: 'v9' is none of v1beta1, v1beta2, v1beta3, v1beta4, v1" hactl config migrate --old-config old.yaml --to v9

hactl config validate - <want.yaml 2>said || die "stdin: $(cat said)"
[ "$(cat said)" = 'standard input: valid' ] || die "stdin: $(cat said)"
fails 3 'hactl: standard input: the file is empty: hactl config init writes one' hactl config validate - </dev/null
sed '/^apiVersion/d' old.yaml >nameless.yaml
hactl config validate nameless.yaml 2>said && die "no apiVersion, but valid"
grep -q '^hactl: nameless.yaml:1:1: the document has no apiVersion$' said || die "taken for hactl.yaml: $(cat said)"
hactl config validate old.yaml want.yaml 2>said || die "valid files: $(cat said)"
status=0
hactl config validate want.yaml broken.yaml 2>said || status=$?
[ $status = 3 ] && grep -q '^hactl: broken.yaml:1:1: ' said || die "validate: $status, $(cat said)"
