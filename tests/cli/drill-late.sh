# A node may be so slow that a drill is mended before it has broken anything: then nothing may be broken any more.
templates=$(cd "$(dirname "$0")/../../templates" && pwd)
. "$(dirname "$0")/lib.sh"

here() { sed "s#/run/hactl-drill#$work/run#g;s#/etc/kubernetes/manifests#$work/manifests#g;s#/etc/systemd/system#$work/units#g" "$1"; }
here "$templates/drill-mend.sh" >mend
here "$templates/drill-undo.sh" >undo-text
here "$templates/drill-break.sh" >break-text

mkdir -p bin units/multi-user.target.wants
# Each tool tells that it was called; the one named in $work/slow is overtaken by the mending.
for tool in systemctl systemd-run iptables ip6tables nft ip; do
	cat >bin/$tool <<T
#!/bin/sh
echo "$tool \$*" >>"$work/calls"
case "$tool \$*" in
"\$(cat "$work/slow")"*) echo "$tool again" >"$work/slow"; sh "$work/mend" ;;
esac
case "$tool \$*" in
"ip "*) echo '2: eth0 inet 192.0.2.11/24' ;;
"nft list"*) [ -e "$work/lists" ] && echo "table inet hactl_drill" ;;
"iptables -w -S"* | "ip6tables -w -S"*) exit 1 ;;
"systemctl -q is-active hactl-drill.timer") [ -z "\${MENDING-}" ] ;;
esac
T
	chmod +x bin/$tool
done
sed -i '1i MENDING=yes; export MENDING' mend
PATH=$work/bin:$PATH

# late WHAT SLOW [FOLDER]: breaks WHAT while the tool that is called like SLOW takes too long; FOLDER is there before.
late() {
	rm -rf run manifests calls
	mkdir manifests ${3-}
	echo 'kind: Pod' >manifests/kube-apiserver.yaml
	: >calls
	echo "$2" >slow
	{
		echo "what=$1 carrier=keepalived seconds=60 vips=192.0.2.9\ 3221225993 address=192.0.2.11 undo=\$(cat $work/undo-text)"
		cat break-text
	} >break
	status=0
	sh break >out 2>errors || status=$?
}

late api 'no tool'
[ "$status" = 0 ] && [ -e manifests/.hactl-drill-kube-apiserver.yaml ] || die "nothing is broken: $(cat errors)"
sh mend
[ -e manifests/kube-apiserver.yaml ] && [ ! -e run ] || die "it is not mended"

late api 'no tool' run
[ "$status" = 0 ] && sh mend || die "in the way of a drill that broke off before it broke anything: $(cat errors)"

late api 'no tool'
status=0
sh break 2>errors || status=$?
[ "$status" = 1 ] && grep -q 'an earlier drill is not undone' errors && [ -e manifests/.hactl-drill-kube-apiserver.yaml ] || die "two at a time"
sh mend

for slow in 'systemd-run' 'systemctl -q is-active hactl'; do
	late api "$slow"
	[ "$status" != 0 ] && [ -e manifests/kube-apiserver.yaml ] && [ ! -e run ] || die "api, $slow: broken after it was mended"
	late stop "$slow"
	[ "$status" != 0 ] && ! grep -q 'stop keepalived' calls || die "stop, $slow: broken after it was mended"
	late network "$slow"
	[ "$status" != 0 ] && ! grep -q 'tables -w -[NAI]' calls || die "network, $slow: broken after it was mended"
done

# A tool that cannot look just now is no proof that there is nothing left to mend.
late network 'no tool'
[ "$status" = 0 ] && grep -q '^nft -f' calls || die "the network is not cut: $(cat errors calls)"
! sh mend 2>/dev/null && [ -e run/undo ] || die "mended, though nft could not say what there is"
touch lists
sh mend && [ ! -e run ] && grep -q '^nft delete table inet hactl_drill' calls || die "not mended when nft works again: $(cat calls)"
