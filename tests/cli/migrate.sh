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

# data
old >old.yaml
hactl config migrate --old-config old.yaml -o json >got
for part in '"ok":true' '"to":"v1beta4"' '"changed":true' '"line":1' '"    - name: audit-log-maxage"'; do
	grep -qF "$part" got || die "JSON without $part: $(cat got)"
done

fails 2 'hactl: migrate: --old-config FILE is required' hactl config migrate
fails 2 'hactl: migrate: stdin has no place; use --new-config' hactl config migrate --old-config - --in-place
fails 2 "hactl: --to: 'v9' is none of v1beta1, v1beta2, v1beta3, v1beta4, v1" hactl config migrate --old-config old.yaml --to v9

hactl config validate old.yaml want.yaml 2>said || die "valid files: $(cat said)"
status=0
hactl config validate want.yaml broken.yaml 2>said || status=$?
[ $status = 3 ] && grep -q '^hactl: broken.yaml:1:1: ' said || die "validate: $status, $(cat said)"
