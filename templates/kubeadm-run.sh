# Runs kubeadm with a configuration file; what an earlier run of hactl left unfinished is taken
# away first.  In: verb (init, join), config (path), keep (no: the file holds a token), reset (yes/no).
dir=/var/lib/hactl
mkdir -p "$dir" && chmod 700 "$dir" || exit 1
[ "$keep" = yes ] || trap 'rm -f "$config"' EXIT
if [ "$reset" = yes ]; then
	echo "[reset] an earlier $(head -c 20 "$dir/begun") did not finish: cleaning"
	kubeadm reset --force || exit 1
fi
echo "$verb" >"$dir/begun" || exit 1
systemctl -q enable kubelet
set -- "$verb" --config "$config"
[ "$verb" = init ] && set -- "$@" --skip-token-print
kubeadm "$@" || exit
rm -f "$dir/begun"
