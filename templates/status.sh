# What `hactl status` wants to know of a node besides facts.sh, which runs after it: more lines of key=value.
# In: pki_dir.  It changes nothing; of files that hold keys only the certificates are printed.
say() { printf 'status_%s=%s\n' "$1" "$2"; }
say kubelet "$(systemctl is-active kubelet 2>/dev/null || :)"
say uptime "$(cut -d. -f1 /proc/uptime)"
say server "$(sed -n 's/^ *server: *//p' /etc/kubernetes/kubelet.conf 2>/dev/null | head -n 1)"

# What machines of one host have in common: containers their kernel and the second it started in (each has a boot_id
# of its own under systemd-nspawn), guests what their host tells them.
if systemd-detect-virt --quiet --container 2>/dev/null; then
	say host_boot "$(uname -rv) $(sed -n 's/^btime //p' /proc/stat)"
fi
say host_serial "$(cat /sys/class/dmi/id/product_serial 2>/dev/null)"
say host_chassis "$(cat /sys/class/dmi/id/chassis_serial 2>/dev/null)"
say host_name "$(tr -s '\0' '\n' </var/lib/hyperv/.kvp_pool_3 2>/dev/null | sed -n '/^PhysicalHostName$/{n;p;}')"

pem() { sed -n '/-----BEGIN CERTIFICATE-----/,/-----END CERTIFICATE-----/p' "$1" | base64 | tr -d '\n'; }
for f in "$pki_dir"/*.crt "$pki_dir"/etcd/*.crt; do
	[ -f "$f" ] && say cert "${f#"$pki_dir"/} $(pem "$f")"
done
for f in /var/lib/kubelet/pki/kubelet-client-current.pem /var/lib/kubelet/pki/kubelet-server-current.pem; do
	[ -f "$f" ] && say cert "${f##*/} $(pem "$f")"
done
for f in admin.conf super-admin.conf controller-manager.conf scheduler.conf; do
	[ -f "/etc/kubernetes/$f" ] &&
		say cert "$f $(sed -n 's/^ *client-certificate-data: *//p' "/etc/kubernetes/$f" | head -n 1)"
done
