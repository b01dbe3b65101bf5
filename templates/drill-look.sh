# What a drill wants to know of a node: key=value.  In: vip, carrier (keepalived, kube-vip).  It changes nothing.
yes_if() { if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi; }
case $carrier in
keepalived) echo "carrier=$(yes_if systemctl -q is-active keepalived)" ;;
*) echo "carrier=$(yes_if grep -qsx "$carrier" /proc/[0-9]*/comm)" ;;
esac
echo "holds=$([ -n "$(ip -o addr show to "$vip" 2>/dev/null)" ] && echo yes || echo no)"
echo "drill=$(yes_if test -e /run/hactl-drill/undo)"
# etcd as kubeadm runs it tells on a plain local port whether it leads.
url=$(sed -n 's/.*--listen-metrics-urls=\([^,]*\).*/\1/p' /etc/kubernetes/manifests/etcd.yaml 2>/dev/null)
leads=
[ -z "$url" ] || leads=$(curl -q -s --noproxy '*' -m 2 "$url/metrics" 2>/dev/null | sed -n 's/^etcd_server_is_leader //p')
case $leads in 1) echo leads=yes ;; 0) echo leads=no ;; *) echo leads=unknown ;; esac
