# shellcheck shell=bash
# What the laboratory's hosts are made of; sourced by ./lab. Each build_ function makes one part
# below $CACHE and does nothing when that part was made by the same recipe.

SUITE=bookworm
K8S=1.20.2
CGROUPS="cpu cpuacct cpuset memory devices freezer blkio pids"

# The packages that building and running the laboratory needs on this machine.
LAB_PACKAGES="debootstrap systemd-container iproute2 openssh-client golang-go dpkg-dev gcc libc6-dev golang-github-modern-go-reflect2-dev"

recipe() { declare -f "$@" | sha256sum | cut -c1-16; }
built() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }

# The mirror that this machine's apt is set up with.
# shellcheck disable=SC2016 # apt expands it
mirror() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' "Codename: $SUITE" | head -1; }

# The node image. Its text is the recipe: a change here builds the image again at the next `up`.
# shellcheck disable=SC2174 # only the last directory is private
build_rootfs() {
  local root=$CACHE/rootfs
  built "$CACHE/rootfs.done" "$(recipe build_rootfs)" && return
  say "node image: debootstrap $SUITE"
  rm -rf "$root"; mkdir -p "$root"
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,openssh-server,sudo,iproute2,iputils-ping,procps,kmod,util-linux,curl,ca-certificates,keepalived,haproxy,containerd,runc,containernetworking-plugins,iptables,nftables,ebtables,ethtool,conntrack,socat,etcd-server,etcd-client,libyaml-0-2,libssh2-1,libcurl4,libjansson4 \
    "$SUITE" "$root" "$(mirror)" >"$CACHE/debootstrap.log" 2>&1 || die "debootstrap failed: $CACHE/debootstrap.log"
  chroot "$root" systemctl -q disable keepalived haproxy etcd 2>/dev/null || true
  chroot "$root" systemctl -q enable ssh containerd
  chroot "$root" systemctl -q mask systemd-networkd systemd-resolved systemd-logind systemd-update-utmp-runlevel getty@tty1 console-getty
  rm -f "$root"/etc/ssh/ssh_host_*
  mkdir -p -m 700 "$root/root/.ssh"
  chroot "$root" sh -c 'echo root:lab-root | chpasswd; useradd -m -s /bin/bash ops; echo ops:lab-ops | chpasswd; echo "ops ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/ops
    useradd -m -s /bin/bash dev; echo dev:lab-dev | chpasswd; echo "dev ALL=(ALL) ALL" >/etc/sudoers.d/dev'
  printf 'PermitRootLogin yes\nPasswordAuthentication yes\nUseDNS no\n' >"$root/etc/ssh/sshd_config.d/lab.conf"
  # nspawn mounts the cgroup controllers read-only; a node opens its own at every boot.
  cat >"$root/etc/systemd/system/lab-open.service" <<C
[Unit]
DefaultDependencies=no
Before=containerd.service kubelet.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -ec 'for c in $CGROUPS; do mount -o remount,bind,rw /sys/fs/cgroup/\$\$c; done; sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1'
[Install]
WantedBy=multi-user.target
C
  chroot "$root" systemctl -q enable lab-open
  # This machine grants no CAP_SYS_RESOURCE, so oom_score_adj can't be lowered.
  cat >"$root/etc/containerd/config.toml" <<'C'
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "k8s.gcr.io/pause:3.2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
C
  mkdir -p "$root/etc/cni/net.d" "$root/etc/systemd/system/kubelet.service.d"
  cat >"$root/etc/cni/net.d/10-lab.conflist" <<'C'
{"cniVersion":"0.4.0","name":"lab","plugins":[{"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,
 "ipam":{"type":"host-local","ranges":[[{"subnet":"172.16.0.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}},
 {"type":"portmap","capabilities":{"portMappings":true}}]}
C
  cat >"$root/etc/systemd/system/kubelet.service" <<'C'
[Unit]
Description=kubelet
After=containerd.service
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
Restart=always
StartLimitInterval=0
RestartSec=2
[Install]
WantedBy=multi-user.target
C
  chroot "$root" systemctl -q enable kubelet
  # kubeadm calls crictl for five things; Debian has no crictl, so ctr answers them.
  cat >"$root/usr/bin/crictl" <<'C'
#!/bin/sh
while [ $# -gt 0 ]; do case $1 in -r|--runtime-endpoint|-i) shift 2;; -*) shift;; *) break;; esac; done
c="ctr -n k8s.io"
case $1 in
 info) $c version >/dev/null && echo '{"status":{}}';;
 inspecti) $c images ls -q "name==$2" | grep -q . ;;
 pull) echo "no image registry in the lab: $2" >&2; exit 1;;
 pods) $c containers ls -q 'labels."io.cri-containerd.kind"==sandbox';;
 stopp) # the pod's containers, and the one that holds its namespaces
  uid=$($c containers info "$2" 2>/dev/null | sed -n 's/.*"io.kubernetes.pod.uid": "\([^"]*\)".*/\1/p' | head -n 1)
  for p in $(${uid:+$c containers ls -q "labels.\"io.kubernetes.pod.uid\"==$uid"}) "$2"; do
    { $c tasks kill -s KILL "$p"; [ "$p" = "$2" ] || { $c tasks rm -f "$p"; $c containers rm "$p"; }; } >/dev/null 2>&1
  done
  exit 0;;
 rmp) shift; for p do [ "$p" = -f ] || { $c tasks rm -f "$p"; $c containers rm "$p"; } 2>/dev/null; done; exit 0;;
 *) exit 0;;
esac
C
  chmod +x "$root/usr/bin/crictl"
  recipe build_rootfs >"$CACHE/rootfs.done"
}

# Debian's source package of Kubernetes, built the GOPATH way with Debian's Go. Its vendored
# reflect2 predates Go 1.18 and crashes under it, so Debian's newer reflect2 takes its place.
# kube-apiserver needs its OpenAPI file generated first. Any change here costs minutes of building.
# shellcheck disable=SC2086,SC1007 # $o is a list of options; GOFLAGS is emptied
build_kubernetes() {
  local bin=$CACHE/bin
  built "$bin/.done" "$(recipe build_kubernetes)" && return
  say "Kubernetes $K8S from Debian's source package (some minutes)"
  mkdir -p "$bin" "$CACHE/apt/lists/partial" "$CACHE/apt/cache/archives/partial" "$CACHE/go/src/k8s.io"
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $SUITE main" >"$CACHE/apt/sources.list"
  local o="-oDir::State::Lists=$CACHE/apt/lists -oDir::Etc::sourcelist=$CACHE/apt/sources.list -oDir::Etc::sourceparts=/nonexistent -oDir::Cache=$CACHE/apt/cache -oAPT::Sandbox::User=root"
  ( cd "$CACHE/apt"; apt-get $o update -qq; apt-get $o source -qq --download-only kubernetes
    rm -rf "$CACHE/src"; dpkg-source -x kubernetes_*.dsc "$CACHE/src" ) >"$CACHE/source.log" 2>&1 || die "no source: $CACHE/source.log"
  ln -sfn "$CACHE/src" "$CACHE/go/src/k8s.io/kubernetes"
  rm -rf "$CACHE/src/vendor/github.com/modern-go/reflect2"
  cp -r /usr/share/gocode/src/github.com/modern-go/reflect2 "$CACHE/src/vendor/github.com/modern-go/reflect2"
  ( export GOPATH=$CACHE/go GO111MODULE=off CGO_ENABLED=0 GOFLAGS= GOCACHE=$CACHE/gocache
    cd "$CACHE/go/src/k8s.io/kubernetes/"
    k=k8s.io/kubernetes
    go build -o "$CACHE/openapi-gen" $k/vendor/k8s.io/kube-openapi/cmd/openapi-gen
    dirs=$(grep -rl '+k8s:openapi-gen=' vendor/k8s.io/ staging/src/k8s.io pkg --include='*.go' | sed 's#^staging/src/#vendor/#' |
           grep -Ev 'code-generator|sample-apiserver' | xargs -n1 dirname | sort -u | sed "s#^#$k/#" | paste -sd,)
    "$CACHE/openapi-gen" -i "$dirs" -p $k/pkg/generated/openapi -O zz_generated.openapi -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r /dev/null
    ld="-s -w"
    for p in $k/vendor/k8s.io/component-base/version $k/vendor/k8s.io/client-go/pkg/version; do
      ld="$ld -X $p.gitVersion=v$K8S -X $p.gitMajor=1 -X $p.gitMinor=20 -X $p.gitTreeState=clean -X $p.gitCommit=debian -X $p.buildDate=2021-01-13T13:20:00Z"
    done
    for c in kubeadm kubelet kubectl kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do
      say "  $c"; go build -ldflags "$ld" -o "$bin/$c" $k/cmd/$c
    done
    gcc -Os -static -DVERSION=3.2 -o "$bin/pause" build/pause/linux/pause.c
  ) 2>"$CACHE/build.log" || { tail -5 "$CACHE/build.log" >&2; die "build failed: $CACHE/build.log"; }
  rm -rf "$CACHE/gocache" "$CACHE/src" "$CACHE/go"
  recipe build_kubernetes >"$bin/.done"
}

# image REF FILE=PATH...: a one-layer image archive that `ctr images import` takes. ENTRY: its entry point.
image() {
  local ref=$1 d; shift
  d=$(mktemp -d); mkdir -p "$d/l"/{tmp,etc,var,run,usr/local/bin,usr/sbin,lib64}
  echo 'root:x:0:0:root:/:/bin/sh' >"$d/l/etc/passwd"
  for f; do mkdir -p "$d/l$(dirname "${f#*=}")"; cp -L "${f%%=*}" "$d/l${f#*=}"; done
  tar -C "$d/l" --sort=name --owner=0 --group=0 --mtime=@0 -cf "$d/layer.tar" .
  printf '{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/usr/local/bin:/usr/sbin:/usr/bin"]%s},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "${ENTRY:+,\"Entrypoint\":[\"$ENTRY\"]}" "$(sha256sum <"$d/layer.tar" | cut -d' ' -f1)" >"$d/config.json"
  printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$ref" >"$d/manifest.json"
  tar -C "$d" -cf "$CACHE/images/$(basename "${ref%%:*}").tar" manifest.json config.json layer.tar
  rm -rf "$d"
}
# libs PROGRAM: the shared libraries of the image's PROGRAM, as FILE=PATH for image().
libs() { chroot "$CACHE/rootfs" ldd "$1" | grep -o '/[^ ]*' | sed "s#.*#$CACHE/rootfs&=&#"; }

# What kubeadm 1.20.2 asks for by name. etcd is Debian's 3.4 under the tag that kubeadm wants.
# shellcheck disable=SC2046 # libs prints a list of words
build_images() {
  local r=$CACHE/rootfs b=$CACHE/bin
  built "$CACHE/images/.done" "$(recipe build_rootfs build_kubernetes build_images image libs)" && return
  say "container images"
  mkdir -p "$CACHE/images"
  for c in kube-apiserver kube-controller-manager kube-scheduler; do image "k8s.gcr.io/$c:v$K8S" "$b/$c=/usr/local/bin/$c"; done
  ENTRY=/pause image k8s.gcr.io/pause:3.2 "$b/pause=/pause"
  ENTRY=/coredns image k8s.gcr.io/coredns:1.7.0 "$b/pause=/coredns"      # never serves: the lab needs no cluster DNS
  image k8s.gcr.io/etcd:3.4.13-0 "$r/usr/bin/etcd=/usr/local/bin/etcd" "$r/usr/bin/etcdctl=/usr/local/bin/etcdctl" $(libs /usr/bin/etcd)
  local x="$r/usr/sbin/xtables-legacy-multi" f=()
  for n in iptables ip6tables; do for s in "" -save -restore; do f+=("$x=/usr/sbin/$n$s"); done; done
  for l in "$r"/usr/lib/x86_64-linux-gnu/xtables/*.so; do f+=("$l=${l#"$r"}"); done
  image "k8s.gcr.io/kube-proxy:v$K8S" "$b/kube-proxy=/usr/local/bin/kube-proxy" "$r/usr/sbin/conntrack=/usr/sbin/conntrack" "${f[@]}" $(libs /usr/sbin/xtables-legacy-multi; libs /usr/sbin/conntrack)
  recipe build_rootfs build_kubernetes build_images image libs >"$CACHE/images/.done"
}

# containerd's directory with the images loaded. Every node's disk gets hard links to it: containerd only
# ever adds and removes files in there, except its databases.
# shellcheck disable=SC2016 # the inner shell expands it
build_disk() {
  local d=$CACHE/containerd
  built "$d.done" "$(recipe build_disk) $(cat "$CACHE/images/.done")" && return
  say "containerd's directory"
  rm -rf "$d"; mkdir -p "$d"
  unshare --mount sh -ec '
    cd "$1"; mkdir -p var/lib/containerd; mount --bind "$2" var/lib/containerd
    mount -t proc proc proc; mount --rbind /sys sys; mount --rbind /dev dev; mount -t tmpfs run run
    chroot . containerd & trap "kill $!; wait" EXIT
    for i in $(seq 100); do chroot . ctr version >/dev/null 2>&1 && break; sleep 0.1; done
    for f in "$3"/*.tar; do chroot . ctr -n k8s.io images import - <"$f"; done
  ' - "$CACHE/rootfs" "$d" "$CACHE/images" >"$CACHE/images.log" 2>&1 || die "images are not loaded: $CACHE/images.log"
  rm -rf "$d/io.containerd.grpc.v1.introspection"
  echo "$(recipe build_disk) $(cat "$CACHE/images/.done")" >"$d.done"
}

# copy_disk DIR: a node's own copy of it.
copy_disk() {
  local f
  cp -al "$CACHE/containerd" "$1"
  find "$CACHE/containerd" -name '*.db' -printf '%P\n' | while read -r f; do cp --remove-destination -p "$CACHE/containerd/$f" "$1/$f"; done
}

all_built() {
  local p
  for p in $LAB_PACKAGES; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || return
  done
  built "$CACHE/rootfs.done" "$(recipe build_rootfs)" && built "$CACHE/bin/.done" "$(recipe build_kubernetes)" &&
    built "$CACHE/images/.done" "$(recipe build_rootfs build_kubernetes build_images image libs)" &&
    built "$CACHE/containerd.done" "$(recipe build_disk) $(cat "$CACHE/images/.done")"
}

build() {
  local need=() p c
  for p in $LAB_PACKAGES; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || need+=("$p")
  done
  [ ${#need[@]} = 0 ] || {
    say "apt-get install ${need[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
  }
  mkdir -p "$CACHE"
  build_rootfs
  build_kubernetes
  for c in kubeadm kubelet kubectl kube-apiserver kube-controller-manager kube-scheduler kube-proxy pause; do
    [ -x "$CACHE/bin/$c" ] || { rm -f "$CACHE/bin/.done"; die "$c was not built: $CACHE/build.log"; }
  done
  build_images
  build_disk
}
